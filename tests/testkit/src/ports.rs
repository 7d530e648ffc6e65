use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use serde::{Deserialize, Serialize};
use sluice_runtime::random_bytes;

/// Every port of a Sluice on one machine, all on loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say which listener")]
pub struct Ports {
    pub https: u16,
    pub http: u16,
    pub link: u16,
    pub webrtc: u16,
    pub hub_private: u16,
    pub edge_private: u16,
    pub rtsp: u16,
    pub faults: u16,
}

impl Ports {
    /// The default ports of the programs.
    #[must_use]
    pub const fn documented() -> Self {
        Self {
            https: 8443,
            http: 8080,
            link: 14433,
            webrtc: 14189,
            hub_private: 9090,
            edge_private: 9091,
            rtsp: 8554,
            faults: 8555,
        }
    }

    /// Ports that were free a moment ago, so that several tests run side by side.
    ///
    /// # Errors
    /// When there are none.
    pub fn free() -> std::io::Result<Self> {
        // All are held until all are known: a port given back early could be given out twice.
        let mut held = Vec::new();
        for _ in 0..TRIES {
            let port = FIRST + u16::from_le_bytes(random_bytes()) % COUNT;
            let sockets = (TcpListener::bind(Self::local(port)), UdpSocket::bind(Self::local(port)));
            if let (Ok(tcp), Ok(udp)) = sockets {
                held.push((port, tcp, udp));
            }
            if let [https, http, link, webrtc, hub_private, edge_private, rtsp, faults] =
                *held.iter().map(|(port, ..)| *port).collect::<Vec<_>>()
            {
                return Ok(Self { https, http, link, webrtc, hub_private, edge_private, rtsp, faults });
            }
        }
        Err(std::io::ErrorKind::AddrNotAvailable.into())
    }

    /// The loopback address with this port.
    #[must_use]
    pub const fn local(port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
    }

    /// The first of these ports that somebody else has, with what it is for.
    #[must_use]
    pub fn taken(&self) -> Option<(&'static str, SocketAddr)> {
        let tcp = [
            ("the console over HTTPS", self.https),
            ("the console over HTTP", self.http),
            ("the hub's health and metrics", self.hub_private),
            ("the edge's health and metrics", self.edge_private),
            ("the virtual cameras", self.rtsp),
            ("the virtual cameras' faults", self.faults),
        ];
        let udp = [("the links of edges", self.link), ("WebRTC", self.webrtc)];
        let tcp_taken = tcp.into_iter().find(|(_, port)| TcpListener::bind(Self::local(*port)).is_err());
        let udp_taken = udp.into_iter().find(|(_, port)| UdpSocket::bind(Self::local(*port)).is_err());
        tcp_taken.or(udp_taken).map(|(what, port)| (what, Self::local(port)))
    }
}

/// Below what Linux gives to connections (32768 to 60999): one of those would take the port before its listener does.
const FIRST: u16 = 16_384;
const COUNT: u16 = 16_384;
const TRIES: usize = 1_000;
