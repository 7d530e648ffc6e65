use super::*;

#[test]
fn candidates_of_an_offer_are_left_out_whatever_their_address() {
    let offer = "v=0\r\na=candidate:1 1 udp 1 x.local 9 typ host\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n";
    assert_eq!(screen(offer).expect("well formed"), "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n");
}

#[test]
fn offers_are_bounded() {
    assert!(screen(&format!("v=0\r\n{}", "a=x\r\n".repeat(20_000))).is_err());
    assert!(screen(&format!("v=0\r\n{}", "m=video 9 X 1\r\n".repeat(17))).is_err());
    assert!(screen("o=- 1\r\n").is_err());
}

#[test]
fn formats_are_named_once_and_without_helpers() {
    let offer = "m=audio 9 X 111\na=rtpmap:111 opus/48000/2\nm=video 9 X 96 97 98\na=rtpmap:96 VP8/90000\n\
                 a=rtpmap:97 rtx/90000\na=rtpmap:98 AV1/90000\na=rtpmap:99 VP8/90000\n";
    assert_eq!(offered_formats(offer), "opus, VP8, AV1");
    assert_eq!(offered_formats("m=video 9 X 96"), "nothing");
}

#[test]
fn a_wildcard_is_offered_as_addresses_that_can_be_reached() {
    let ips = candidate_ips(&[], SocketAddr::from(([0, 0, 0, 0], 1)));
    assert!(ips.contains(&IpAddr::from([127, 0, 0, 1])) && ips.iter().all(|ip| !ip.is_unspecified()));
    let public = IpAddr::from([203, 0, 113, 7]);
    assert_eq!(candidate_ips(&[public], SocketAddr::from(([0, 0, 0, 0], 1))), [public]);
}
