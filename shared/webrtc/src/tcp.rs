use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use sluice_runtime::{Clock, TaskScope};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Semaphore, mpsc},
    time::timeout,
};

use crate::{framing, metrics::EngineMetrics};

/// The passive side of ICE-TCP (RFC 6544).
pub(crate) struct Listener {
    socket: TcpListener,
    local: SocketAddr,
}

/// What connections tell the engine.
#[derive(Debug)]
pub(crate) enum TcpInput {
    Opened { remote: SocketAddr, writer: mpsc::Sender<Bytes> },
    Packet { remote: SocketAddr, local: SocketAddr, packet: BytesMut },
    Closed { remote: SocketAddr },
}

impl Listener {
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        Ok(Self { socket: TcpListener::from_std(socket)?, local })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Accepts until `scope` ends.
    pub(crate) fn spawn(
        self,
        scope: &TaskScope,
        clock: Clock,
        metrics: EngineMetrics,
    ) -> mpsc::Receiver<TcpInput> {
        let (engine, inbox) = mpsc::channel(INPUT_QUEUE);
        let acceptor = Acceptor { scope: scope.clone(), clock, metrics, engine };
        scope.spawn("ice-tcp", acceptor.run(self.socket));
        inbox
    }
}

struct Acceptor {
    scope: TaskScope,
    clock: Clock,
    metrics: EngineMetrics,
    engine: mpsc::Sender<TcpInput>,
}

impl Acceptor {
    async fn run(self, socket: TcpListener) {
        let (shutdown, places) = (self.scope.shutdown(), Arc::new(Semaphore::new(MOST_CONNECTIONS)));
        loop {
            let accepted = tokio::select! {
                () = shutdown.requested() => break,
                accepted = socket.accept() => accepted,
            };
            let Ok((stream, remote)) = accepted else {
                // Out of file descriptors, most likely: let some close.
                self.clock.sleep(ACCEPT_AGAIN).await;
                continue;
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                self.metrics.tcp_refused.inc();
                continue;
            };
            self.metrics.tcp_opened.inc();
            let (engine, shutdown) = (self.engine.clone(), shutdown.clone());
            let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
            self.scope.spawn("ice-tcp-connection", async move {
                tokio::select! {
                    () = shutdown.requested() => {}
                    () = serve(stream, remote, &engine) => {}
                }
                drop(place);
                let _ = engine.send(TcpInput::Closed { remote }).await;
            });
        }
    }
}

/// Serves one connection until either side ends it: the engine does by dropping the writer.
async fn serve(stream: TcpStream, remote: SocketAddr, engine: &mpsc::Sender<TcpInput>) {
    let Ok(local) = stream.local_addr() else { return };
    let _ = stream.set_nodelay(true);
    let (reader, sender) = stream.into_split();
    let (writer, outbox) = mpsc::channel(OUTPUT_QUEUE);
    if engine.send(TcpInput::Opened { remote, writer }).await.is_err() {
        return;
    }
    tokio::select! {
        () = read(reader, remote, local, engine) => {}
        () = write(sender, outbox) => {}
    }
}

async fn read(
    mut reader: OwnedReadHalf,
    remote: SocketAddr,
    local: SocketAddr,
    engine: &mpsc::Sender<TcpInput>,
) {
    let mut decoder = framing::Decoder::default();
    loop {
        // A live peer checks every few seconds (RFC 7675 §5.1).
        match timeout(IDLE, reader.read_buf(decoder.buffer())).await {
            Ok(Ok(read)) if read > 0 => {}
            _ => return,
        }
        loop {
            match decoder.next() {
                Ok(Some(packet)) => {
                    if engine.send(TcpInput::Packet { remote, local, packet }).await.is_err() {
                        return;
                    }
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

async fn write(mut sender: OwnedWriteHalf, mut outbox: mpsc::Receiver<Bytes>) {
    let (mut packets, mut bytes) = (Vec::new(), Vec::new());
    while outbox.recv_many(&mut packets, WRITE_TOGETHER).await > 0 {
        packets.drain(..).for_each(|packet| framing::encode(&packet, &mut bytes));
        match timeout(STALLED, sender.write_all(&bytes)).await {
            Ok(Ok(())) => bytes.clear(),
            _ => return,
        }
    }
}

/// Connections at one time; more are closed at once.
const MOST_CONNECTIONS: usize = 1_024;
/// Packets that wait for the engine; connections wait when it is full, and TCP slows their peers.
const INPUT_QUEUE: usize = 256;
/// Packets that wait for one connection: a second of a good camera. Full: dropped, and the viewer is cut.
const OUTPUT_QUEUE: usize = 1_024;
/// Packets in one write.
const WRITE_TOGETHER: usize = 64;
/// A peer that does not read for so long is gone.
const STALLED: Duration = Duration::from_secs(5);
/// A peer that says nothing for so long is gone.
const IDLE: Duration = Duration::from_secs(10);
/// How long to wait when the system gives no connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
