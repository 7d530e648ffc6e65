use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quinn::{Connection, Incoming, VarInt, crypto::rustls::QuicServerConfig};
use sluice_ids::DeviceId;
use sluice_runtime::{Clock, TaskScope};
use sluice_telemetry::Metrics;
use sluice_wire::CloseCode;
use tokio::sync::{Semaphore, mpsc};

use crate::{
    error::{BindError, GreetError},
    greet::{self, Greeted, Hello},
    link::ControlLink,
    media::MediaLink,
    metrics::LinkMetrics,
    transport,
};

/// What an endpoint is made of.
#[derive(Debug)]
pub struct LinkConfig {
    /// The UDP address to take links on.
    pub addr: SocketAddr,
    /// Mutual TLS that verifies the peer's chain to our CA, with both protocols as ALPN.
    pub tls: rustls::ServerConfig,
    /// The program's version, told in the hello.
    pub version: String,
}

/// The handle of the endpoint; its tasks end with the scope.
#[derive(Debug, Clone)]
pub struct Endpoint {
    quic: quinn::Endpoint,
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) version: String,
    pub(crate) metrics: LinkMetrics,
    /// Never locked across a wait.
    registry: Mutex<Registry>,
    handshakes: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Registry {
    denied: HashSet<DeviceId>,
    open: HashMap<DeviceId, Vec<Connection>>,
}

impl Endpoint {
    /// Opens the port and takes links until the scope ends. Links that nobody takes from a full queue are
    /// turned away and come again.
    ///
    /// # Errors
    /// When the port is taken or the TLS configuration is not fit for QUIC.
    pub fn bind(
        scope: &TaskScope,
        clock: Clock,
        config: LinkConfig,
        metrics: &Metrics,
    ) -> Result<(Self, mpsc::Receiver<ControlLink>, mpsc::Receiver<MediaLink>), BindError> {
        let tls = QuicServerConfig::try_from(config.tls).map_err(BindError::Tls)?;
        let mut server = quinn::ServerConfig::with_crypto(Arc::new(tls));
        server.transport_config(transport::config());
        let failed = |source| BindError::Socket { addr: config.addr, source };
        let socket = transport::socket(config.addr).map_err(failed)?;
        let runtime = Arc::new(quinn::TokioRuntime);
        let quic = quinn::Endpoint::new(quinn::EndpointConfig::default(), Some(server), socket, runtime)
            .map_err(failed)?;
        let shared = Arc::new(Shared {
            clock,
            version: config.version,
            metrics: LinkMetrics::register(metrics),
            registry: Mutex::default(),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES)),
        });
        let (control, control_links) = mpsc::channel(LINKS);
        let (media, media_links) = mpsc::channel(LINKS);
        let endpoint = Self { quic, shared };
        let door = Door { endpoint: endpoint.clone(), scope: scope.clone(), control, media };
        scope.spawn("link", door.run());
        Ok((endpoint, control_links, media_links))
    }

    /// The address that is listened on.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.quic.local_addr()
    }

    /// Takes no link of this device any more and closes those it has.
    pub fn deny(&self, device: DeviceId) {
        let mut registry = self.shared.registry();
        registry.denied.insert(device);
        for connection in registry.open.remove(&device).unwrap_or_default() {
            greet::close(&connection, CloseCode::Denied, "this device was revoked");
        }
    }

    /// Takes links of this device again.
    pub fn allow(&self, device: DeviceId) {
        self.shared.registry().denied.remove(&device);
    }
}

impl Shared {
    pub(crate) fn is_denied(&self, device: DeviceId) -> bool {
        self.registry().denied.contains(&device)
    }

    /// Enters an open link; `false` if the device was denied in the meantime.
    fn enter(&self, device: DeviceId, connection: &Connection) -> bool {
        let mut registry = self.registry();
        if registry.denied.contains(&device) {
            return false;
        }
        let open = registry.open.entry(device).or_default();
        open.push(connection.clone());
        true
    }

    /// Forgets a link that is closed.
    pub(crate) fn leave(&self, device: DeviceId, connection: &Connection) {
        let mut registry = self.registry();
        if let Some(open) = registry.open.get_mut(&device) {
            open.retain(|other| other.stable_id() != connection.stable_id());
            if open.is_empty() {
                registry.open.remove(&device);
            }
        }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes connection attempts; each is greeted in a task of its own.
struct Door {
    endpoint: Endpoint,
    scope: TaskScope,
    control: mpsc::Sender<ControlLink>,
    media: mpsc::Sender<MediaLink>,
}

impl Door {
    async fn run(self) {
        let shutdown = self.scope.shutdown();
        loop {
            let incoming = tokio::select! { biased;
                () = shutdown.requested() => break,
                incoming = self.endpoint.quic.accept() => incoming,
            };
            let Some(incoming) = incoming else { break };
            self.admit(incoming);
        }
        self.endpoint.quic.close(VarInt::from_u32(CloseCode::Stopping.number()), b"stopping: the hub stops");
        let _ = tokio::time::timeout(GOODBYE, self.endpoint.quic.wait_idle()).await;
    }

    fn admit(&self, incoming: Incoming) {
        let shared = &self.endpoint.shared;
        let free = shared.handshakes.available_permits();
        // Under load an address must first prove that it can receive.
        if free < HANDSHAKES / 2 && !incoming.remote_address_validated() && incoming.may_retry() {
            let _ = incoming.retry();
            return;
        }
        let Ok(permit) = Arc::clone(&shared.handshakes).try_acquire_owned() else {
            shared.metrics.refused.inc();
            incoming.refuse();
            return;
        };
        let (shared, scope) = (Arc::clone(shared), self.scope.clone());
        let (control, media) = (self.control.clone(), self.media.clone());
        self.scope.spawn("greet", async move {
            let remote = incoming.remote_address();
            let greeted = match greet::greet(&shared, incoming).await {
                Ok(greeted) => hand_over(&shared, &scope, greeted, &control, &media),
                Err(error) => Err(error),
            };
            drop(permit);
            if let Err(error) = greeted {
                shared.metrics.refused.inc();
                let chain = sluice_fault::chain(&error);
                match error {
                    // Half a handshake says nothing of anybody.
                    GreetError::Handshake(_) | GreetError::Slow => {
                        tracing::debug!(%remote, error = chain, "a handshake came to nothing");
                    }
                    _ => tracing::warn!(%remote, error = chain, "a link was refused"),
                }
            }
        });
    }
}

fn hand_over(
    shared: &Arc<Shared>,
    scope: &TaskScope,
    greeted: Greeted,
    control: &mpsc::Sender<ControlLink>,
    media: &mpsc::Sender<MediaLink>,
) -> Result<(), GreetError> {
    let connection = greeted.connection.clone();
    if !shared.enter(greeted.device, &connection) {
        greet::close(&connection, CloseCode::Denied, "this device was revoked");
        return Err(GreetError::Denied);
    }
    let taken = match greeted.hello {
        Hello::Control(hello) => {
            let stream = (greeted.send, greeted.reader);
            let link = ControlLink::start(scope, shared, connection.clone(), stream, hello);
            control.try_send(link).is_ok()
        }
        Hello::Media(hello) => {
            let stream = (greeted.send, greeted.reader);
            let link = MediaLink::start(scope, shared, connection.clone(), stream, hello);
            media.try_send(link).is_ok()
        }
    };
    if !taken {
        greet::close(&connection, CloseCode::Busy, "nobody takes links at the moment");
        return Err(GreetError::NobodyHome);
    }
    Ok(())
}

/// Handshakes at once; each costs about a millisecond of one core, so more only make all of them slow.
const HANDSHAKES: usize = 256;
/// Greeted links that wait for their owner; more are turned away and come again.
const LINKS: usize = 256;
/// How long peers are given to hear that the hub stops.
const GOODBYE: Duration = Duration::from_millis(500);
