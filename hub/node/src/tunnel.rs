//! The links to edges, as feeds: a [`FeedStream`] goes on over any number of links of its device. A camera that the
//! node pulls itself ([`pull`](crate::pull)) gives the same stream.
//!
//! ```text
//! MediaLink ─▶ link task: subscribe, started, clock ─┐ per flow: Release (in order, holes named)
//!                                                    ▼
//!              owner: which device, which feeds ─▶ FeedStream: timeline, capture time, nothing before a key
//! ```
//!
//! At most one link a device: a newer one takes the place of the older, and subscriptions are made again.
//! At most one subscription a [`FeedStream`], and none once it is dropped. What a device says of cameras that
//! it was not assigned is counted and not believed.

use std::{collections::HashMap, sync::Arc, time::Instant};

use sluice_hub_link::MediaLink;
use sluice_ids::{CameraId, DeviceId, Tier};
use sluice_media::AccessUnit;
use sluice_runtime::{Clock, TaskScope};
use sluice_telemetry::Metrics;
use sluice_wire::node::{Assignment, Puller};
use tokio::sync::{mpsc, watch};

use crate::pull::NodePull;

mod clock;
mod feed_stream;
mod link;
mod metrics;
mod owner;
mod release;

pub use feed_stream::FeedStream;
pub(crate) use feed_stream::Raw;
pub use sluice_wire::media::Line as LineInfo;

use owner::{Command, Owner};

/// Who pulls which camera, and may announce it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignments(HashMap<CameraId, Assignment>);

/// Where feeds come from.
pub struct Supply {
    /// Edges that have just connected.
    pub links: mpsc::Receiver<MediaLink>,
    /// The cameras that the node pulls itself, if it does.
    pub pull: Option<NodePull>,
}

/// The handle to all feeds of this node.
#[derive(Debug, Clone)]
pub struct Tunnels {
    commands: mpsc::Sender<Command>,
}

/// What a feed brings, in the order of its pictures.
#[derive(Debug, Clone)]
pub enum FeedEvent {
    /// Units follow, for the first time or again after a loss.
    Started {
        /// The m-lines that flow, with the parameter sets of the camera's SDP.
        lines: Vec<LineInfo>,
    },
    /// A whole access unit. The first, and the first after a discontinuity, is a key.
    Unit {
        /// Its m-line's place in the SDP.
        line: usize,
        /// Its timestamps go on over links and epochs; captured in the node's clock.
        unit: Arc<AccessUnit>,
    },
    /// Pictures are missing, or the camera began anew: nothing until the next key.
    Discontinuity {
        /// Whose.
        line: usize,
    },
    /// The camera or its device has trouble. The feed stays and resumes by itself.
    State {
        /// Of the closed set [`sluice_wire::ReasonCode`].
        code: String,
        /// In words.
        text: String,
    },
    /// The link is down or says nothing. The feed stays and resumes by itself.
    Lost,
}

/// Starts the owner of the links.
#[must_use]
pub fn spawn(
    scope: &TaskScope,
    clock: Clock,
    supply: Supply,
    assignments: watch::Receiver<Arc<Assignments>>,
    metrics: &Metrics,
) -> Tunnels {
    let (commands, inbox) = mpsc::channel(COMMANDS);
    let owner = Owner::new(scope, clock, inbox, (supply.pull, assignments), metrics);
    scope.spawn("tunnels", owner.run(supply.links));
    Tunnels { commands }
}

impl Tunnels {
    /// Subscribes to a stream, now or as soon as its device is there. Dropping the stream unsubscribes.
    #[must_use]
    pub fn open(&self, camera: CameraId, tier: Tier) -> FeedStream {
        FeedStream::open(&self.commands, camera, tier)
    }
}

impl Assignments {
    /// Every camera with the one device that may announce it.
    #[must_use]
    pub fn from_list(list: &[Assignment]) -> Self {
        Self(list.iter().map(|assigned| (assigned.camera, assigned.clone())).collect())
    }

    /// Who pulls this camera, if it offers the tier.
    pub(crate) fn puller(&self, camera: CameraId, tier: Tier) -> Option<Puller> {
        self.0.get(&camera).filter(|assigned| assigned.tiers.contains(&tier)).map(|assigned| assigned.puller)
    }

    pub(crate) fn may_announce(&self, device: DeviceId, camera: CameraId) -> bool {
        self.0.get(&camera).is_some_and(|assigned| assigned.puller == Puller::Device(device))
    }
}

/// The earlier of two deadlines.
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Orders that wait for the owner, who never waits itself.
const COMMANDS: usize = 4_096;
