//! Cameras that this node pulls itself: those that stand beside it, without an appliance between.
//!
//! ```text
//! control ─cameras─▶ NodePull ─▶ sources ─▶ feed: the same events as over a link ─▶ FeedStream ─▶ relay
//!                        └─ reports ─▶ control
//! ```
//!
//! The tunnels' owner asks here for a feed whose camera is assigned to [`Puller::Node`](sluice_wire::node::Puller):
//! the relay cannot tell the two apart. A camera is pulled once, however many feeds it has, and kept warm by the same
//! policy as at an edge.

use std::sync::Arc;

use sluice_pulls::{Pulls, PullsConfig};
use sluice_runtime::{Clock, Shutdown, TaskScope};
use sluice_source::SourceMetrics;
use sluice_telemetry::Metrics;
use sluice_wire::{control::DesiredCamera, node::FromNode};
use tokio::sync::{mpsc, watch};

pub(crate) mod feed;

/// What control and the puller tell each other.
#[derive(Debug)]
pub struct PullPorts {
    /// The cameras to pull; what was there before is replaced.
    pub wanted: watch::Receiver<Arc<Vec<DesiredCamera>>>,
    /// Takes [`FromNode::Cameras`] whenever a camera's state changed, and figures once a minute.
    pub reports: mpsc::Sender<FromNode>,
}

/// The handle to the cameras that this node pulls itself.
#[derive(Clone)]
pub struct NodePull {
    clock: Clock,
    pulls: Pulls,
    seal_public_key: [u8; 32],
}

impl NodePull {
    /// Starts to pull what control wants.
    #[must_use]
    pub fn spawn(
        scope: &TaskScope,
        clock: Clock,
        config: PullsConfig,
        ports: PullPorts,
        metrics: &Metrics,
    ) -> Self {
        let seal_public_key = *config.seal_key.public();
        let of_sources = metrics.register("node", SourceMetrics::register);
        let pulls = Pulls::spawn(scope, clock, config, of_sources);
        scope.spawn("pull-orders", obey(pulls.clone(), ports.wanted, scope.shutdown()));
        scope.spawn("pull-reports", report(pulls.clone(), ports.reports, scope.shutdown()));
        Self { clock, pulls, seal_public_key }
    }

    /// The X25519 key that passwords of cameras at this node are sealed to, with the camera's id as associated data.
    #[must_use]
    pub const fn seal_public_key(&self) -> &[u8; 32] {
        &self.seal_public_key
    }

    pub(crate) const fn pulls(&self) -> &Pulls {
        &self.pulls
    }

    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }
}

async fn obey(pulls: Pulls, mut wanted: watch::Receiver<Arc<Vec<DesiredCamera>>>, shutdown: Shutdown) {
    loop {
        let cameras = Arc::clone(&wanted.borrow_and_update());
        pulls.apply(&cameras);
        tokio::select! { biased;
            () = shutdown.requested() => return,
            changed = wanted.changed() => if changed.is_err() { return },
        }
    }
}

async fn report(pulls: Pulls, reports: mpsc::Sender<FromNode>, shutdown: Shutdown) {
    let mut cameras = pulls.report();
    loop {
        tokio::select! { biased;
            () = shutdown.requested() => return,
            changed = cameras.changed() => if changed.is_err() { return },
        }
        let news = Vec::clone(&cameras.borrow_and_update());
        tokio::select! { biased;
            () = shutdown.requested() => return,
            told = reports.send(FromNode::Cameras(news)) => if told.is_err() { return },
        }
    }
}
