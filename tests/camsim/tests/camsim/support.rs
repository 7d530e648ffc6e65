use std::{future::Future, time::Duration};

use sluice_camsim::{Auth, Camsim, CamsimConfig, Tier, TierConfig};
use sluice_runtime::Clock;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Everything that is waited for here comes within this time, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Small cameras, so that a test costs little.
pub(crate) fn config() -> CamsimConfig {
    CamsimConfig {
        main: None,
        sub: Some(TierConfig::sized(320, 180)),
        fps: 25,
        gop: Duration::from_secs(1),
        auth: Auth::None,
        ..CamsimConfig::default()
    }
}

pub(crate) async fn camsim(config: CamsimConfig) -> Camsim {
    Camsim::start(config).await.unwrap()
}

/// Asks again until `holds`, at most [`PATIENCE`].
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let asked = async {
        while !holds().await {
            Clock::system().sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("{what} within {PATIENCE:?}"));
}

/// An RTSP client of few words.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    url: String,
    sequence: u32,
    /// What SETUP is for.
    pub(crate) track: &'static str,
    pub(crate) session: Option<String>,
}

/// What came over the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Received {
    Response(String),
    Packet { channel: u8, bytes: Vec<u8> },
    Closed,
}

/// One RTP packet, as far as these tests care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rtp {
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// NAL unit type; of a fragment, the one of its whole.
    pub(crate) unit: u8,
    /// Bytes of payload.
    pub(crate) size: usize,
    pub(crate) ssrc: u32,
    pub(crate) payload: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(camsim: &Camsim) -> Self {
        Self::to(camsim.addr().to_string(), camsim.camera(1).url(Tier::Sub)).await
    }

    pub(crate) async fn to(addr: String, url: String) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        Self { stream, buffer: Vec::new(), url, sequence: 0, track: "/track1", session: None }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The status code and the whole answer; packets that come before it are skipped.
    pub(crate) async fn ask(&mut self, method: &str, headers: &str) -> (u16, String) {
        self.sequence += 1;
        let session =
            self.session.as_ref().map(|session| format!("Session: {session}\r\n")).unwrap_or_default();
        let path = if method == "SETUP" { self.track } else { "" };
        let request = format!(
            "{method} {}{path} RTSP/1.0\r\nCSeq: {}\r\n{session}{headers}\r\n",
            self.url, self.sequence
        );
        self.send(request.as_bytes()).await;
        loop {
            match self.receive().await {
                Received::Response(text) => {
                    assert!(text.contains(&format!("CSeq: {}\r\n", self.sequence)), "{text}");
                    return (code(&text), text);
                }
                Received::Packet { .. } => {}
                Received::Closed => return (0, String::new()),
            }
        }
    }

    /// SETUP and PLAY of the pictures; both must be granted.
    pub(crate) async fn play(&mut self) {
        self.set_up("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n").await;
        let (status, text) = self.ask("PLAY", "").await;
        assert_eq!(status, 200, "{text}");
    }

    /// The same with sound on channel 2.
    pub(crate) async fn play_both(&mut self) {
        self.set_up("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n").await;
        self.track = "/track2";
        self.set_up("Transport: RTP/AVP/TCP;unicast;interleaved=2-3\r\n").await;
        let (status, text) = self.ask("PLAY", "").await;
        assert_eq!(status, 200, "{text}");
    }

    /// SETUP, which must be granted; its answer.
    pub(crate) async fn set_up(&mut self, transport: &str) -> String {
        let (status, text) = self.ask("SETUP", transport).await;
        assert_eq!(status, 200, "{text}");
        let session = text.lines().find_map(|line| line.strip_prefix("Session: ")).unwrap();
        self.session = session.split(';').next().map(str::to_owned);
        text
    }

    /// The next RTP packet; anything else is skipped. `None` when the connection closes.
    pub(crate) async fn packet(&mut self) -> Option<Rtp> {
        loop {
            match self.receive().await {
                Received::Packet { channel: 0, bytes } => return Some(rtp(&bytes)),
                Received::Packet { .. } | Received::Response(_) => {}
                Received::Closed => return None,
            }
        }
    }

    /// The next packets up to and with a marker.
    pub(crate) async fn picture(&mut self) -> Vec<Rtp> {
        let mut picture = Vec::new();
        while picture.last().is_none_or(|packet: &Rtp| !packet.marker) {
            picture.push(self.packet().await.expect("the connection stays"));
        }
        picture
    }

    pub(crate) async fn receive(&mut self) -> Received {
        timeout(PATIENCE, async {
            loop {
                if let Some(received) = self.take() {
                    return received;
                }
                let mut chunk = [0; 16 * 1024];
                match self.stream.read(&mut chunk).await {
                    Ok(0) | Err(_) => return Received::Closed,
                    Ok(length) => self.buffer.extend_from_slice(&chunk[..length]),
                }
            }
        })
        .await
        .unwrap()
    }

    fn take(&mut self) -> Option<Received> {
        if self.buffer.first() == Some(&b'$') {
            let length = 4 + usize::from(u16::from_be_bytes([*self.buffer.get(2)?, *self.buffer.get(3)?]));
            let bytes = self.buffer.get(4..length)?.to_vec();
            let channel = self.buffer[1];
            self.buffer.drain(..length);
            return Some(Received::Packet { channel, bytes });
        }
        let head = self.buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let text = String::from_utf8_lossy(&self.buffer[..head]).into_owned();
        let length =
            text.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok()).unwrap_or(0);
        let body = String::from_utf8_lossy(self.buffer.get(head..head + length)?).into_owned();
        self.buffer.drain(..head + length);
        Some(Received::Response(text + &body))
    }
}

pub(crate) fn code(text: &str) -> u16 {
    text.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Whether a picture holds an IDR slice.
pub(crate) fn is_key(picture: &[Rtp]) -> bool {
    picture.iter().any(|packet| packet.unit == 5)
}

pub(crate) fn rtp(bytes: &[u8]) -> Rtp {
    assert_eq!(bytes[0], 0x80);
    let kind = bytes[12] & 0x1F;
    Rtp {
        sequence: u16::from_be_bytes([bytes[2], bytes[3]]),
        timestamp: u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        marker: bytes[1] & 0x80 != 0,
        unit: if kind == 28 { bytes[13] & 0x1F } else { kind },
        size: bytes.len() - 12,
        ssrc: u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
        payload: bytes[12..].to_vec(),
    }
}
