use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sluice_ids::{CameraId, DeviceId, NodeId, Tier, UnixMillis};
use sluice_runtime::{Clock, TaskScope};
use sluice_source::Source;
use sluice_telemetry::Metrics;
use sluice_trust::DeviceIdentity;
use sluice_wire::{
    CAPABILITY, CloseCode,
    control::{Answer, CameraEvent, Desired, DesiredNode, EdgeHello, FailureCode, Found, Order, Reported},
    media,
};
use tokio::sync::{mpsc, watch};

use crate::{
    control::{ControlTask, Upstream},
    error::UplinkError,
    media::NodeTask,
    metrics::UplinkMetrics,
    orders::failed,
    status::{Board, LinkStatus, NodeStatus, UplinkStatus},
    transport::Dialer,
};

/// The streams that can be sent.
pub trait Catalogue: Send + Sync {
    /// The pull of one stream, if there is such a stream.
    fn source(&self, camera: CameraId, tier: Tier) -> Option<Source>;

    /// All of them.
    fn offered(&self) -> Vec<(CameraId, Tier)>;

    /// Asks a camera for a key frame, where it can be asked. The asker limits how often.
    fn request_key_frame(&self, _camera: CameraId, _tier: Tier) {}

    /// Carries out what control wants once. The first answer with the order's number counts.
    fn order(&self, order: Order, answers: mpsc::Sender<Answer>) {
        let answer = failed(order.number, FailureCode::NotSupported, "nothing here carries out orders");
        // A queue that is full has an answer for every order that waits.
        let _ = answers.try_send(answer);
    }
}

/// What an uplink is made of.
#[derive(Debug, Clone)]
pub struct UplinkConfig {
    /// Where control takes links (UDP).
    pub control: SocketAddr,
    /// Who we are.
    pub device: DeviceId,
    /// What proves it.
    pub identity: DeviceIdentity,
    /// The key that secrets for this device are sealed to (X25519).
    pub seal_public_key: Vec<u8>,
    /// The program's version, told in the hello.
    pub version: String,
    /// What control wanted before the last restart: the nodes' links do not wait for control.
    pub last_desired: Option<Desired>,
}

/// The handle of the links; their tasks end with the scope.
#[derive(Debug, Clone)]
pub struct Uplink {
    desired: watch::Receiver<Option<Desired>>,
    reported: watch::Sender<Reported>,
    found: watch::Sender<Arc<Found>>,
    events: mpsc::Sender<CameraEvent>,
    untold: Arc<AtomicU32>,
    board: Board,
}

/// What every link's task has at hand.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) clock: Clock,
    pub(crate) scope: TaskScope,
    pub(crate) dialer: Arc<Dialer>,
    pub(crate) catalogue: Arc<dyn Catalogue>,
    pub(crate) hello: media::EdgeHello,
    pub(crate) metrics: UplinkMetrics,
    pub(crate) board: Board,
}

impl Uplink {
    /// Dials control, and keeps one link to it and one to each node of the desired state from then on.
    ///
    /// # Errors
    /// When the identity is not fit for TLS or no socket can be opened.
    pub fn spawn(
        scope: &TaskScope,
        clock: Clock,
        config: UplinkConfig,
        catalogue: Arc<dyn Catalogue>,
        metrics: &Metrics,
    ) -> Result<Self, UplinkError> {
        let dialer = Arc::new(Dialer::new(&config.identity)?);
        dialer.endpoint(config.control)?;
        let now = UnixMillis(clock.unix_millis());
        let board =
            Board::new(UplinkStatus { control: LinkStatus::new(config.control, now), nodes: Vec::new() });
        let (desired_in, desired) = watch::channel(config.last_desired);
        let (reported, reports) = watch::channel(Reported::default());
        let (found, finds) = watch::channel(Arc::default());
        let (events, noticed) = mpsc::channel(EVENTS);
        let hello = media::EdgeHello {
            device_id: config.device,
            version: config.version.clone(),
            capability: CAPABILITY,
        };
        let common = Common {
            clock,
            scope: scope.clone(),
            dialer,
            catalogue,
            hello,
            metrics: UplinkMetrics::register(metrics),
            board: board.clone(),
        };
        let hello = EdgeHello {
            device_id: config.device,
            version: config.version,
            capability: CAPABILITY,
            seal_public_key: config.seal_public_key,
        };
        let upstream = Upstream { reports, found: finds, events: noticed };
        let control = ControlTask::new(common.clone(), config.control, hello, desired_in, upstream);
        scope.spawn("control-link", control.run());
        scope.spawn("media-links", keep_nodes(common, config.control, desired.clone()));
        Ok(Self { desired, reported, found, events, untold: Arc::default(), board })
    }

    /// What control wants; `None` until it has said so, now or before the last restart.
    #[must_use]
    pub fn desired(&self) -> watch::Receiver<Option<Desired>> {
        self.desired.clone()
    }

    /// How the device stands. The newest counts; it is sent when it is worth its bytes.
    pub fn report(&self, reported: Reported) {
        self.reported.send_if_modified(|last| {
            let news = *last != reported;
            *last = reported;
            news
        });
    }

    /// What was found on the device's networks. The newest counts; changes go together, one message in two seconds.
    pub fn found(&self, found: Arc<Found>) {
        self.found.send_replace(found);
    }

    /// Something a camera noticed. While the link is down or busy it is dropped, and the next one says how many were.
    pub fn event(&self, mut event: CameraEvent) {
        let untold = self.untold.swap(0, Ordering::Relaxed);
        event.left_out = event.left_out.saturating_add(untold);
        let left_out = event.left_out.saturating_add(1);
        let up = self.board.subscribe().borrow().control.up;
        if !up || self.events.try_send(event).is_err() {
            self.untold.fetch_add(left_out, Ordering::Relaxed);
        }
    }

    /// How the links stand.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<UplinkStatus> {
        self.board.subscribe()
    }
}

/// Keeps one task per node of the desired state.
async fn keep_nodes(common: Common, control: SocketAddr, mut desired: watch::Receiver<Option<Desired>>) {
    let shutdown = common.scope.shutdown();
    let mut running: HashMap<NodeId, (SocketAddr, TaskScope)> = HashMap::new();
    loop {
        let wanted =
            desired.borrow_and_update().as_ref().map_or_else(Vec::new, |desired| nodes(desired, control));
        running.retain(|node, (address, scope)| {
            let stays = wanted.iter().any(|other| other.node_id == *node && other.address == *address);
            if !stays {
                scope.cancel();
                common.board.remove_node(*node);
            }
            stays
        });
        for node in wanted {
            running.entry(node.node_id).or_insert_with(|| {
                let scope = common.scope.child();
                let link = LinkStatus::new(node.address, UnixMillis(common.clock.unix_millis()));
                common.board.add_node(NodeStatus { node_id: node.node_id, link, subscriptions: 0 });
                let common = Common { scope: scope.clone(), ..common.clone() };
                scope.spawn("media-link", NodeTask::new(common, node.node_id, node.address).run());
                (node.address, scope)
            });
        }
        tokio::select! {
            () = shutdown.requested() => break,
            changed = desired.changed() => if changed.is_err() {
                shutdown.requested().await;
                break;
            },
        }
    }
    common.dialer.close(CloseCode::Stopping.number(), "stopping: the edge stops", GOODBYE).await;
}

/// The nodes to dial. A node beside control that does not know its own address is where control is.
fn nodes(desired: &Desired, control: SocketAddr) -> Vec<DesiredNode> {
    let reachable = |node: &DesiredNode| {
        let mut node = node.clone();
        if node.address.ip().is_unspecified() {
            node.address.set_ip(control.ip());
        }
        node
    };
    desired.nodes.iter().map(reachable).collect()
}

/// Events that wait to be written; more are dropped and counted.
const EVENTS: usize = 256;
/// How long the hub is given to hear that the edge stops.
const GOODBYE: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_without_an_address_of_its_own_is_where_control_is() {
        let node_id: NodeId = format!("node_{:032x}", 7).parse().unwrap();
        let node = |address: &str| DesiredNode { node_id, address: address.parse().unwrap() };
        let desired =
            Desired { nodes: vec![node("0.0.0.0:14433"), node("198.51.100.4:14433")], ..Desired::default() };
        let control = "203.0.113.5:24433".parse().unwrap();
        assert_eq!(nodes(&desired, control), [node("203.0.113.5:14433"), node("198.51.100.4:14433")]);
    }
}
