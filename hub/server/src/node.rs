//! The media node of this process: its rooms joined to each other, and the ends of its channels that control holds.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use sluice_hub_fleet::Fleet;
use sluice_hub_link::MediaLink;
use sluice_hub_node::{
    front::{self, Front, Origins},
    pull::{NodePull, PullPorts},
    relay::{self, Ports, Relay, SteerPort},
    tunnel::{self, Supply},
};
use sluice_hub_streams::NodePort;
use sluice_ids::NodeId;
use sluice_pulls::PullsConfig;
use sluice_runtime::{Clock, TaskScope};
use sluice_telemetry::Metrics;
use sluice_trust::seal::Keypair;
use sluice_webrtc::{Engine, EngineConfig, EngineMetrics};
use sluice_wire::node::{FromNode, Steer, Steered, ToNode};
use tokio::sync::{mpsc, watch};

use crate::config::Webrtc;

/// A running node, as control and the front see it.
pub(crate) struct Node {
    pub(crate) relay: Relay,
    pub(crate) front: Router,
    pub(crate) port: NodePort,
    /// How the cameras stand that it pulls itself.
    pub(crate) pull_reports: mpsc::Receiver<FromNode>,
    /// What its viewers ask of their cameras' heads, and the way back.
    pub(crate) steering: (mpsc::Receiver<Steer>, mpsc::Sender<Steered>),
}

/// What a node is made of.
pub(crate) struct Parts<'a> {
    pub(crate) id: NodeId,
    pub(crate) webrtc: &'a Webrtc,
    pub(crate) links: mpsc::Receiver<MediaLink>,
    pub(crate) origins: watch::Receiver<Arc<Origins>>,
    /// The key that passwords of the cameras are sealed to that it pulls itself.
    pub(crate) seal_key: Keypair,
}

impl Node {
    pub(crate) fn start(
        scope: &TaskScope,
        clock: Clock,
        parts: Parts<'_>,
        metrics: &Metrics,
    ) -> Result<Self> {
        let Parts { id, webrtc, links, origins, seal_key } = parts;
        let engine_config = EngineConfig {
            advertised: webrtc.advertised_addresses.clone(),
            ..EngineConfig::new(webrtc.listen)
        };
        let engine_metrics = EngineMetrics::register(metrics);
        let (engine, engine_events) = Engine::bind(scope, clock, engine_config, engine_metrics)?;
        let (assignments, assigned) = watch::channel(Arc::default());
        let (pulls, wanted) = watch::channel(Arc::default());
        let (keys, known_keys) = watch::channel(Arc::default());
        let (to, orders) = mpsc::channel(ORDERS);
        let (reports, from) = mpsc::channel(ORDERS);
        let (of_pulls, pull_reports) = mpsc::channel(PULL_REPORTS);
        let (ask, steers) = mpsc::channel(STEERS);
        let (answer, steered) = mpsc::channel(STEERS);
        let config = PullsConfig { ring_bytes: RING_BYTES, seal_key };
        let pull = NodePull::spawn(scope, clock, config, PullPorts { wanted, reports: of_pulls }, metrics);
        let supply = Supply { links, pull: Some(pull) };
        let tunnels = tunnel::spawn(scope, clock, supply, assigned, metrics);
        let ports = Ports {
            orders,
            reports,
            tunnels,
            assignments,
            pulls,
            keys,
            engine: engine.clone(),
            engine_events,
            steering: SteerPort { steers: ask, steered },
        };
        let relay = relay::spawn(scope, clock, ports, metrics);
        let front = Front { relay: relay.clone(), engine, keys: known_keys, origins, node: id, clock };
        let (port, steering) = (NodePort { to, from }, (steers, answer));
        Ok(Self { relay, front: front::router(front), port, pull_reports, steering })
    }
}

/// Tells the node what it serves and what it pulls itself, whenever that changes, and the fleet how the latter stands.
pub(crate) fn join(
    scope: &TaskScope,
    fleet: &Fleet,
    node: &mpsc::Sender<ToNode>,
    mut pull_reports: mpsc::Receiver<FromNode>,
) {
    keep_told(scope, "assignments", fleet.assignments(), node.clone(), ToNode::Assign);
    keep_told(scope, "pulls", fleet.pulls(), node.clone(), ToNode::Pull);
    let (fleet, shutdown) = (fleet.clone(), scope.shutdown());
    scope.spawn("pull reports", async move {
        loop {
            let report = tokio::select! {
                () = shutdown.requested() => return,
                report = pull_reports.recv() => report,
            };
            match report {
                Some(FromNode::Cameras(reports)) => fleet.node_reported(reports).await,
                Some(_) => {}
                None => return,
            }
        }
    });
}

/// Sends the newest of what is wanted, at once and whenever it changed; what came between is passed over.
fn keep_told<T: Clone + Send + Sync + 'static>(
    scope: &TaskScope,
    name: &'static str,
    mut wanted: watch::Receiver<Arc<Vec<T>>>,
    node: mpsc::Sender<ToNode>,
    order: fn(Vec<T>) -> ToNode,
) {
    let shutdown = scope.shutdown();
    scope.spawn(name, async move {
        loop {
            let now = wanted.borrow_and_update().as_ref().clone();
            let told = node.send(order(now));
            tokio::select! {
                () = shutdown.requested() => return,
                told = told => if told.is_err() { return },
            }
            tokio::select! {
                () = shutdown.requested() => return,
                changed = wanted.changed() => if changed.is_err() { return },
            }
        }
    });
}

/// Orders and reports between control and its node; whoever finds a full channel waits.
const ORDERS: usize = 1_024;
/// Whole reports that wait for the fleet; the puller waits with them and sends the newest.
const PULL_REPORTS: usize = 4;
/// Moves that wait for control, or answers that wait for the node; what finds no room is refused as busy.
const STEERS: usize = 256;
/// The most one stream's cached group of pictures may take, as at an edge.
const RING_BYTES: usize = 4 << 20;
