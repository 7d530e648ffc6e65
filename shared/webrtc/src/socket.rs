use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr, UdpSocket},
};

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use tokio::io::{Interest, unix::AsyncFd};

/// The one UDP socket of an engine: many datagrams a system call, both ways.
#[derive(Debug)]
pub(crate) struct UdpPort {
    /// Watched for reading only: watched for writing too, each datagram that leaves would wake the runtime once.
    socket: AsyncFd<UdpSocket>,
    state: UdpSocketState,
    local: SocketAddr,
}

impl UdpPort {
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        socket.set_nonblocking(true)?;
        // Best effort: the system grants at most net.core.{r,w}mem_max.
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), SOCKET_BUFFER);
        let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), SOCKET_BUFFER);
        let local = socket.local_addr()?;
        Ok(Self { socket: watched(socket, Interest::READABLE)?, state, local })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local
    }

    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await.map(drop)
    }

    /// Until the system takes datagrams again. It is watched for that only while somebody waits here.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        let writing = watched(self.socket.get_ref().try_clone()?, Interest::WRITABLE)?;
        writing.writable().await.map(drop)
    }

    /// Datagrams of one size that may leave in one call.
    pub(crate) fn most_segments(&self) -> usize {
        self.state.max_gso_segments().max(1)
    }

    /// Sends `contents`, cut into datagrams of `segment` bytes, the last one shorter.
    pub(crate) fn send(
        &self,
        destination: SocketAddr,
        source: Option<IpAddr>,
        contents: &[u8],
        segment: usize,
    ) -> io::Result<()> {
        let transmit = Transmit {
            destination: self.on_wire(destination),
            ecn: None,
            contents,
            segment_size: Some(segment),
            src_ip: source.filter(|source| self.chooses_source(*source)),
        };
        self.state.try_send(UdpSockRef::from(self.socket.get_ref()), &transmit)
    }

    /// Receives what is there, at most one batch; zero if nothing is.
    pub(crate) fn receive(&self, batch: &mut Batch) -> io::Result<usize> {
        let received = self.socket.try_io(Interest::READABLE, |socket| {
            let Batch { buffers, metas } = &mut *batch;
            let mut buffers = buffers.iter_mut();
            let mut slices: [IoSliceMut<'_>; BATCH] =
                std::array::from_fn(|_| IoSliceMut::new(buffers.next().map_or(&mut [], Vec::as_mut_slice)));
            self.state.recv(UdpSockRef::from(socket), &mut slices, metas)
        });
        match received {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }

    fn on_wire(&self, address: SocketAddr) -> SocketAddr {
        match (self.local, address.ip()) {
            (SocketAddr::V6(_), IpAddr::V4(ip)) => {
                SocketAddr::new(ip.to_ipv6_mapped().into(), address.port())
            }
            _ => address,
        }
    }

    /// A reply must leave from the address that was asked, which matters where the socket is on all of them.
    fn chooses_source(&self, source: IpAddr) -> bool {
        self.local.ip().is_unspecified() && self.local.is_ipv4() == source.is_ipv4()
    }
}

#[expect(
    deprecated,
    reason = "its unsafe successor asks that a descriptor stays what it is; one of std does"
)]
fn watched(socket: UdpSocket, interest: Interest) -> io::Result<AsyncFd<UdpSocket>> {
    AsyncFd::with_interest(socket, interest)
}

/// Memory for one batch of received datagrams.
#[derive(Debug)]
pub(crate) struct Batch {
    buffers: Vec<Vec<u8>>,
    metas: [RecvMeta; BATCH],
}

/// One received datagram.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Datagram<'a> {
    pub(crate) source: SocketAddr,
    pub(crate) destination: Option<IpAddr>,
    pub(crate) contents: &'a [u8],
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { buffers: vec![vec![0; RECEIVE_BYTES]; BATCH], metas: [RecvMeta::default(); BATCH] }
    }

    /// The datagrams of the first `count` buffers; the system may have joined several of one sender.
    pub(crate) fn datagrams(&self, count: usize) -> impl Iterator<Item = Datagram<'_>> {
        self.buffers.iter().zip(&self.metas).take(count).flat_map(|(buffer, meta)| {
            let source = SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port());
            let destination = meta.dst_ip.map(|ip| ip.to_canonical());
            buffer[..meta.len.min(buffer.len())].chunks(meta.stride.max(1)).map(move |contents| Datagram {
                source,
                destination,
                contents,
            })
        })
    }
}

/// 8 MiB: a key frame for each of some hundred viewers at once.
const SOCKET_BUFFER: usize = 8 << 20;
/// Datagrams (or joined runs of them) taken in one call.
const BATCH: usize = 16;
/// Most bytes the system joins into one run.
const RECEIVE_BYTES: usize = 65_536;
