use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use serde::{Deserialize, Serialize};

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
    /// When the system gives none.
    pub fn free() -> std::io::Result<Self> {
        // All are held until all are known: a port given back early could be given out twice.
        let tcp: Vec<TcpListener> =
            (0..6).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<Result<_, _>>()?;
        let udp: Vec<UdpSocket> =
            (0..2).map(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))).collect::<Result<_, _>>()?;
        let port = |at: usize| tcp[at].local_addr().map(|address| address.port());
        Ok(Self {
            https: port(0)?,
            http: port(1)?,
            hub_private: port(2)?,
            edge_private: port(3)?,
            rtsp: port(4)?,
            faults: port(5)?,
            link: udp[0].local_addr()?.port(),
            webrtc: udp[1].local_addr()?.port(),
        })
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
