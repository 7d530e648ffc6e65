//! An RTSP server that answers by script, for what a well-behaved one never does.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sluice_runtime::{Clock, TaskScope};
use sluice_source::Settings;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// What to answer to one request; `None` says nothing and holds the connection.
pub(crate) type Answer = fn(method: &str) -> Option<String>;

pub(crate) struct Scripted {
    address: SocketAddr,
    described: Arc<AtomicUsize>,
    _scope: TaskScope,
}

const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n\
    a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track1\r\n";

/// A line of sound behind the picture's.
const SOUND: &str = "m=audio 0 RTP/AVP 0\r\na=control:track2\r\n";

impl Scripted {
    pub(crate) async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (scope, described) = (TaskScope::new(), Arc::new(AtomicUsize::new(0)));
        let (peers, count) = (scope.clone(), Arc::clone(&described));
        scope.spawn("scripted", async move {
            while let Ok((peer, _)) = listener.accept().await {
                peers.spawn("peer", converse(peer, answer, Arc::clone(&count)));
            }
        });
        Self { address, described, _scope: scope }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings::new("scripted", format!("rtsp://{}/stream", self.address).parse().unwrap())
    }

    /// DESCRIBE requests that carried a password.
    pub(crate) fn attempts(&self) -> usize {
        self.described.load(Ordering::Acquire)
    }
}

/// The same for a camera that offers sound too, and after PLAY sends nothing else.
pub(crate) fn well_with_sound(method: &str) -> Option<String> {
    let described = |answer: String| {
        let (head, _) = answer.split_once("Content-Length").unwrap();
        format!("{head}Content-Length: {}\r\n\r\n{SDP}{SOUND}", SDP.len() + SOUND.len())
    };
    let answer = well(method)?;
    Some(if method == "DESCRIBE" { described(answer) } else { answer })
}

/// The answers that lead to PLAY, of which nothing follows.
pub(crate) fn well(method: &str) -> Option<String> {
    Some(match method {
        "DESCRIBE" => {
            format!("200 OK\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}", SDP.len())
        }
        "SETUP" => {
            "200 OK\r\nSession: 1;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n".into()
        }
        _ => "200 OK\r\nSession: 1\r\n\r\n".into(),
    })
}

async fn converse(peer: TcpStream, answer: Answer, described: Arc<AtomicUsize>) {
    let mut peer = BufReader::new(peer);
    let (mut method, mut cseq, mut authorized) = (String::new(), String::new(), false);
    let (mut line, mut setups) = (String::new(), 0);
    while peer.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        match line.trim_end() {
            "" => {
                described.fetch_add(usize::from(authorized && method == "DESCRIBE"), Ordering::AcqRel);
                if let Some(text) = answer(&method) {
                    let (status, rest) = text.split_once("\r\n").unwrap();
                    let channels = format!("interleaved={}-{}", 2 * setups, 2 * setups + 1);
                    let rest = rest.replace("interleaved=0-1", &channels);
                    setups += u32::from(method == "SETUP");
                    let response = format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{rest}");
                    if peer.get_mut().write_all(response.as_bytes()).await.is_err() {
                        return;
                    }
                }
                if method == "PLAY" && setups == 2 {
                    return beep(peer.get_mut()).await;
                }
                (method, authorized) = (String::new(), false);
            }
            header if method.is_empty() => method = header.split(' ').next().unwrap_or_default().to_owned(),
            header => {
                if let Some(value) = header.strip_prefix("CSeq: ") {
                    value.clone_into(&mut cseq);
                }
                authorized |= header.starts_with("Authorization:");
            }
        }
        line.clear();
    }
}

/// G.711 on the second line, 20 ms a packet, until nobody listens.
async fn beep(peer: &mut TcpStream) {
    for n in 0u16.. {
        let mut packet = vec![b'$', 2, 0, 172, 0x80, 0x80];
        packet.extend_from_slice(&n.to_be_bytes());
        packet.extend_from_slice(&(u32::from(n) * 160).to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 9]);
        packet.resize(4 + 172, 0xff);
        if peer.write_all(&packet).await.is_err() {
            return;
        }
        Clock::system().sleep(Duration::from_millis(20)).await;
    }
}
