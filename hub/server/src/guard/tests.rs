use tokio::io::AsyncReadExt as _;

use super::*;

fn waiting() -> Waiting {
    Waiting { deadline: Box::pin(std::future::pending()), alike: 0, silent: Counter::default() }
}

#[test]
fn the_version_is_told_by_the_first_byte_that_differs_or_by_the_whole_preface() {
    for (chunks, told) in [
        (&["G"][..], true),
        (&["POST"][..], true),
        (&["P"][..], false),
        (&["PRI * HTTP/2.0\r\n\r\nSM\r\n\r"][..], false),
        (&["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"][..], true),
        (&["PRI", " * HTTP/2.0\r\n", "\r\nSM\r\n\r\n"][..], true),
        (&["PRI", " * HTTP/1"][..], true),
        (&["", ""][..], false),
    ] {
        let mut waiting = waiting();
        let last = chunks.iter().map(|chunk| waiting.is_told(chunk.as_bytes())).next_back();
        assert_eq!(last, Some(told), "{chunks:?}");
    }
}

#[tokio::test]
async fn who_says_nothing_is_closed_and_counted_and_who_has_spoken_is_not() {
    let silent = Counter::default();
    let patient = |stream, deadline: Deadline| Patient {
        stream,
        waiting: Some(Waiting { deadline, alike: 0, silent: silent.clone() }),
    };
    let (_held, near) = tokio::io::duplex(64);
    let mut mute = patient(near, Box::pin(std::future::ready(())));
    let error = mute.read_u8().await.unwrap_err();
    assert_eq!((error.kind(), silent.get()), (io::ErrorKind::TimedOut, 1));

    let (mut far, near) = tokio::io::duplex(64);
    let mut spoken = patient(near, Box::pin(std::future::ready(())));
    tokio::io::AsyncWriteExt::write_all(&mut far, b"GE").await.unwrap();
    assert_eq!(spoken.read_u8().await.unwrap(), b'G');
    assert!(spoken.waiting.is_none());
    assert_eq!((spoken.read_u8().await.unwrap(), silent.get()), (b'E', 1));
}
