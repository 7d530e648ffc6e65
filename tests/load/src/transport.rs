use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use anyhow::{Context as _, Result, bail};
use str0m::{
    Candidate,
    net::{Protocol, TcpType},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream, UdpSocket},
};

/// How a viewer's packets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// As browsers prefer it.
    Udp,
    /// ICE-TCP, the viewer connects (RFC 6544).
    Tcp,
}

/// The socket of one viewer.
pub(crate) struct Link {
    local: SocketAddr,
    socket: Socket,
}

enum Socket {
    Udp(UdpSocket),
    /// Bound, so that its candidate is known before there is anything to connect to.
    Unconnected(Option<TcpSocket>),
    Tcp {
        stream: TcpStream,
        buffer: Vec<u8>,
    },
}

impl Link {
    pub(crate) async fn open(transport: Transport, ip: IpAddr) -> Result<Self> {
        let any = SocketAddr::new(ip, 0);
        let socket = match transport {
            Transport::Udp => Socket::Udp(UdpSocket::bind(any).await.context("bind a UDP port")?),
            Transport::Tcp => {
                let socket = if ip.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
                socket.bind(any).context("bind a TCP port")?;
                Socket::Unconnected(Some(socket))
            }
        };
        let local = match &socket {
            Socket::Udp(socket) => socket.local_addr()?,
            Socket::Unconnected(Some(socket)) => socket.local_addr()?,
            _ => bail!("a new socket has an address"),
        };
        Ok(Self { local, socket })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(crate) fn protocol(&self) -> Protocol {
        if matches!(self.socket, Socket::Udp(_)) { Protocol::Udp } else { Protocol::Tcp }
    }

    pub(crate) fn candidate(&self) -> Result<Candidate> {
        Ok(match self.socket {
            Socket::Udp(_) => Candidate::host(self.local, "udp")?,
            _ => Candidate::builder().tcp().host(self.local).tcptype(TcpType::Active).build()?,
        })
    }

    /// Connects to the passive candidate of `answer`, where that is needed.
    pub(crate) async fn connect(&mut self, answer: &str) -> Result<Option<SocketAddr>> {
        let Socket::Unconnected(socket) = &mut self.socket else { return Ok(None) };
        let remote = passive(answer, self.local.ip()).context("the answer offers no ICE-TCP")?;
        let socket = socket.take().context("connected before")?;
        let stream = socket.connect(remote).await.context("connect by ICE-TCP")?;
        stream.set_nodelay(true)?;
        self.socket = Socket::Tcp { stream, buffer: Vec::new() };
        Ok(Some(remote))
    }

    pub(crate) async fn send(&mut self, destination: SocketAddr, packet: &[u8]) -> io::Result<()> {
        match &mut self.socket {
            Socket::Udp(socket) => socket.send_to(packet, destination).await.map(drop),
            Socket::Unconnected(_) => Ok(()),
            Socket::Tcp { stream, .. } => {
                // RFC 4571: the length in front.
                let length = u16::try_from(packet.len()).map_err(io::Error::other)?;
                stream.write_all(&[&length.to_be_bytes(), packet].concat()).await
            }
        }
    }

    /// The next packet into `buffer`. Cancel-safe.
    pub(crate) async fn receive(&mut self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match &mut self.socket {
            Socket::Udp(socket) => socket.recv_from(into).await,
            Socket::Unconnected(_) => std::future::pending().await,
            Socket::Tcp { stream, buffer } => loop {
                if let Some(length) = whole(buffer) {
                    into[..length].copy_from_slice(&buffer[2..2 + length]);
                    buffer.drain(..2 + length);
                    return Ok((length, stream.peer_addr()?));
                }
                if stream.read_buf(buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            },
        }
    }

    /// [`Link::receive`] if a packet is there already.
    pub(crate) fn try_receive(&mut self, into: &mut [u8]) -> Option<(usize, SocketAddr)> {
        match &mut self.socket {
            Socket::Udp(socket) => socket.try_recv_from(into).ok(),
            Socket::Unconnected(_) | Socket::Tcp { .. } => None,
        }
    }
}

fn whole(buffer: &[u8]) -> Option<usize> {
    let length = usize::from(u16::from_be_bytes([*buffer.first()?, *buffer.get(1)?]));
    (buffer.len() >= 2 + length).then_some(length)
}

/// The address of the first passive TCP candidate of the family of `ours`.
fn passive(answer: &str, ours: IpAddr) -> Option<SocketAddr> {
    answer.lines().filter(|line| line.starts_with("a=candidate:")).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let is_tcp = fields.get(2).is_some_and(|protocol| protocol.eq_ignore_ascii_case("tcp"));
        let ip: IpAddr = fields.get(4)?.parse().ok()?;
        let port: u16 = fields.get(5)?.parse().ok()?;
        (is_tcp && ip.is_ipv4() == ours.is_ipv4()).then(|| SocketAddr::new(ip, port))
    })
}
