use std::{
    collections::{HashMap, hash_map::Entry},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use sluice_runtime::{Clock, TaskScope};
use tokio::{net::UdpSocket, sync::mpsc};

/// A WAN between an edge and its hub: a UDP relay that delays, counts, and can be cut.
pub(super) struct Wan {
    pub(super) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    cut: AtomicBool,
    up_bytes: AtomicU64,
    down_bytes: AtomicU64,
}

impl Wan {
    /// `delay` in each direction.
    pub(super) async fn lay(scope: &TaskScope, hub: SocketAddr, delay: Duration) -> Result<Self> {
        let edge_side = Arc::new(UdpSocket::bind("127.0.0.1:0").await?);
        let address = edge_side.local_addr()?;
        let state = Arc::new(State::default());
        let line = Line { scope: scope.clone(), edge_side, hub, delay, state: Arc::clone(&state) };
        scope.spawn("wan", line.run(scope.shutdown()));
        Ok(Self { address, state })
    }

    /// While it is cut nothing passes.
    pub(super) fn cut(&self, cut: bool) {
        self.state.cut.store(cut, Ordering::SeqCst);
    }

    /// UDP payload that has passed, both ways.
    pub(super) fn bytes(&self) -> u64 {
        self.state.up_bytes.load(Ordering::SeqCst) + self.state.down_bytes.load(Ordering::SeqCst)
    }
}

struct Line {
    scope: TaskScope,
    edge_side: Arc<UdpSocket>,
    hub: SocketAddr,
    delay: Duration,
    state: Arc<State>,
}

impl Line {
    async fn run(self, shutdown: sluice_runtime::Shutdown) {
        let mut hub_sides: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>> = HashMap::new();
        let mut packet = vec![0; 65_536];
        loop {
            let (length, from) = tokio::select! {
                () = shutdown.requested() => break,
                Ok(received) = self.edge_side.recv_from(&mut packet) => received,
            };
            let hub_side = match hub_sides.entry(from) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => match self.open(from).await {
                    Ok(opened) => new.insert(opened),
                    Err(_) => continue,
                },
            };
            // A full queue drops, as a router's does.
            let _ = hub_side.try_send(packet[..length].to_vec());
        }
    }

    /// One socket towards the hub for each socket of the edge, with a pump in each direction.
    async fn open(&self, edge: SocketAddr) -> Result<mpsc::Sender<Vec<u8>>> {
        let hub_side = Arc::new(UdpSocket::bind("127.0.0.1:0").await?);
        hub_side.connect(self.hub).await?;
        let (up, to_hub) = mpsc::channel(QUEUE);
        let (down, to_edge) = mpsc::channel(QUEUE);
        let (upward, sent) = (Arc::clone(&hub_side), Arc::clone(&self.state));
        self.scope.spawn(
            "wan-up",
            carry(to_hub, self.delay, self.scope.shutdown(), async move |packet: &[u8]| {
                if !sent.cut.load(Ordering::SeqCst) {
                    sent.up_bytes.fetch_add(packet.len() as u64, Ordering::SeqCst);
                    let _ = upward.send(packet).await;
                }
            }),
        );
        let (downward, sent) = (Arc::clone(&self.edge_side), Arc::clone(&self.state));
        self.scope.spawn(
            "wan-down",
            carry(to_edge, self.delay, self.scope.shutdown(), async move |packet: &[u8]| {
                if !sent.cut.load(Ordering::SeqCst) {
                    sent.down_bytes.fetch_add(packet.len() as u64, Ordering::SeqCst);
                    let _ = downward.send_to(packet, edge).await;
                }
            }),
        );
        let shutdown = self.scope.shutdown();
        self.scope.spawn("wan-receive", async move {
            let mut packet = vec![0; 65_536];
            loop {
                let received = tokio::select! {
                    () = shutdown.requested() => break,
                    received = hub_side.recv(&mut packet) => received,
                };
                // A hub that is gone shows as an error, and may come back.
                if let Ok(length) = received {
                    let _ = down.try_send(packet[..length].to_vec());
                }
            }
        });
        Ok(up)
    }
}

async fn carry(
    packets: mpsc::Receiver<Vec<u8>>,
    delay: Duration,
    shutdown: sluice_runtime::Shutdown,
    send: impl AsyncFn(&[u8]),
) {
    let clock = Clock::system();
    let (due_in, mut due) = mpsc::channel(QUEUE);
    let mut packets = packets;
    let stamp = async {
        while let Some(packet) = packets.recv().await {
            if due_in.send((clock.now() + delay, packet)).await.is_err() {
                break;
            }
        }
    };
    let forward = async {
        while let Some((at, packet)) = due.recv().await {
            clock.sleep_until(Some(at)).await;
            send(&packet).await;
        }
    };
    tokio::select! {
        () = shutdown.requested() => {}
        ((), ()) = async { tokio::join!(stamp, forward) } => {}
    }
}

/// Packets on their way in one direction.
const QUEUE: usize = 16_384;
