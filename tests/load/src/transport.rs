use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr},
};

use anyhow::{Context as _, Result, bail};
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use str0m::{
    Candidate,
    net::{Protocol, TcpType},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Interest},
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
    Udp(Datagrams),
    /// Bound, so that its candidate is known before there is anything to connect to.
    Unconnected(Option<TcpSocket>),
    Tcp {
        stream: TcpStream,
        buffer: Vec<u8>,
    },
}

/// A UDP port that takes a run of datagrams in one piece (UDP_GRO). On one machine the sender's system call does the
/// kernel's work of the receiver too: per datagram it would be most of what a packet seems to cost the hub, which it
/// costs no hub whose viewers are elsewhere.
struct Datagrams {
    socket: UdpSocket,
    state: UdpSocketState,
    buffer: Vec<u8>,
    /// Of the run in the buffer: where it came from, what is left of it, and how long each datagram is.
    run: RecvMeta,
    taken: usize,
}

impl Datagrams {
    async fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address).await?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        Ok(Self { socket, state, buffer: vec![0; RUN_BYTES], run: RecvMeta::default(), taken: 0 })
    }

    /// The next datagram if one is there already.
    fn try_next(&mut self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        if self.taken == self.run.len {
            let Self { socket, state, buffer, run, .. } = self;
            socket.try_io(Interest::READABLE, || {
                let mut slices = [IoSliceMut::new(buffer)];
                state.recv(UdpSockRef::from(&*socket), &mut slices, std::slice::from_mut(run))
            })?;
            self.taken = 0;
        }
        let whole = self.run.stride.min(self.run.len - self.taken);
        let length = whole.min(into.len());
        into[..length].copy_from_slice(&self.buffer[self.taken..self.taken + length]);
        self.taken += whole;
        Ok((length, self.run.addr))
    }

    /// The next datagram. Cancel-safe.
    async fn next(&mut self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        loop {
            match self.try_next(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.socket.readable().await?,
                other => return other,
            }
        }
    }
}

impl Link {
    pub(crate) async fn open(transport: Transport, ip: IpAddr) -> Result<Self> {
        let any = SocketAddr::new(ip, 0);
        let socket = match transport {
            Transport::Udp => Socket::Udp(Datagrams::bind(any).await.context("bind a UDP port")?),
            Transport::Tcp => {
                let socket = if ip.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
                socket.bind(any).context("bind a TCP port")?;
                Socket::Unconnected(Some(socket))
            }
        };
        let local = match &socket {
            Socket::Udp(datagrams) => datagrams.socket.local_addr()?,
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
            Socket::Udp(Datagrams { socket, .. }) => socket.send_to(packet, destination).await.map(drop),
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
            Socket::Udp(datagrams) => datagrams.next(into).await,
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
            Socket::Udp(datagrams) => datagrams.try_next(into).ok(),
            Socket::Unconnected(_) | Socket::Tcp { .. } => None,
        }
    }
}

/// Most bytes the system joins into one run.
const RUN_BYTES: usize = 65_536;

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
