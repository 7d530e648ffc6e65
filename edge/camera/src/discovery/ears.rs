//! The sockets of a search: what they hear goes to the owner.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use sluice_runtime::{Clock, Shutdown, TaskScope, uuid_v7};
use tokio::{net::UdpSocket, select, sync::mpsc};

use super::{
    DiscoveryMetrics,
    message::{self, Kind, MAX_DATAGRAM},
    sockets::{self, GROUP},
};

/// Sockets on every interface; their readers end with it.
pub(super) struct Ears {
    interfaces: Vec<Ipv4Addr>,
    port: u16,
    probers: Vec<Arc<UdpSocket>>,
    caller: Option<Arc<UdpSocket>>,
    clock: Clock,
    metrics: DiscoveryMetrics,
    scope: TaskScope,
}

/// What came, from where, and by which socket.
pub(super) struct Datagram {
    pub(super) bytes: Vec<u8>,
    pub(super) from: SocketAddr,
    pub(super) via: Via,
}

/// Which socket heard it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Via {
    /// The answer to a probe to everybody.
    Probe,
    /// Said to everybody.
    Group,
    /// The answer to a probe to one address.
    Call,
}

impl Ears {
    /// Opens what can be opened; what cannot is told.
    pub(super) fn open(
        scope: &TaskScope,
        clock: Clock,
        (interfaces, port): (Vec<Ipv4Addr>, u16),
        events: &mpsc::Sender<Datagram>,
        metrics: &DiscoveryMetrics,
    ) -> Self {
        let scope = scope.child();
        let open = |socket: std::io::Result<UdpSocket>, via| match socket {
            Ok(socket) => {
                let socket = Arc::new(socket);
                let to = (events.clone(), metrics.clone());
                scope.spawn("discovery-socket", hear(Arc::clone(&socket), via, to, scope.shutdown()));
                Some(socket)
            }
            Err(error) => {
                tracing::warn!(%error, ?via, "a socket of WS-Discovery cannot be opened");
                None
            }
        };
        let probers = interfaces.iter().filter_map(|at| open(sockets::prober(*at), Via::Probe)).collect();
        if !interfaces.is_empty() {
            open(sockets::listener(&interfaces, port), Via::Group);
        }
        let caller = open(sockets::caller(), Via::Call);
        Self { interfaces, port, probers, caller, clock, metrics: metrics.clone(), scope }
    }

    /// Whether these are the sockets of such interfaces.
    pub(super) fn are_on(&self, interfaces: &[Ipv4Addr]) -> bool {
        self.interfaces == interfaces
    }

    /// Asks everybody.
    pub(super) async fn probe(&self) {
        for socket in &self.probers {
            self.ask(socket, GROUP).await;
        }
    }

    /// Asks one address.
    pub(super) async fn call(&self, address: Ipv4Addr) {
        if let Some(socket) = &self.caller {
            self.ask(socket, address).await;
        }
    }

    async fn ask(&self, socket: &UdpSocket, to: Ipv4Addr) {
        for kind in [Kind::Transmitter, Kind::Device] {
            let text = message::probe(&uuid_v7(&self.clock).to_string(), kind);
            // An address without a route is an address without a camera.
            if let Err(error) = socket.send_to(text.as_bytes(), SocketAddr::from((to, self.port))).await {
                tracing::debug!(%error, "a probe was not sent");
            }
            self.metrics.probes.inc();
        }
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

async fn hear(
    socket: Arc<UdpSocket>,
    via: Via,
    (events, metrics): (mpsc::Sender<Datagram>, DiscoveryMetrics),
    shutdown: Shutdown,
) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        let received = select! { biased;
            () = shutdown.requested() => return,
            received = socket.recv_from(&mut buffer) => received,
        };
        match received {
            Ok((length, from)) => {
                let bytes = buffer[..length].to_vec();
                if events.try_send(Datagram { bytes, from, via }).is_err() {
                    metrics.flooded.inc();
                }
            }
            // A port that was closed before our probe came (ICMP); the next datagram is read.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}
