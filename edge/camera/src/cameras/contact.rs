use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use sluice_ids::{CameraId, Tier};
use sluice_runtime::{Clock, Shutdown, TaskScope};
use sluice_wire::control::DesiredCamera;
use tokio::sync::{Notify, mpsc, watch};
use url::Url;

use super::{
    Shared,
    head::{Head, MoveOrder},
    listener::Listener,
    watcher::Watcher,
};
use crate::{
    Credentials,
    onvif::{Channel, Device, Onvif},
};

/// One physical device, asked by one account: three tasks and what they share.
#[derive(Debug)]
pub(super) struct Contact {
    scope: TaskScope,
    pub(super) onvif: Arc<dyn Onvif>,
    pub(super) moves: mpsc::Sender<MoveOrder>,
    served: watch::Sender<Vec<Served>>,
    survey: watch::Receiver<Option<Arc<Survey>>>,
    again: Arc<Notify>,
}

/// A camera of the registry that is a channel of this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) camera: CameraId,
    pub(super) key: String,
    pub(super) channel: u32,
    /// Of the tiers whose profile the registry knows.
    pub(super) profiles: Vec<(Tier, String)>,
}

/// What a device said when it was asked last.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Survey {
    pub(super) device: Device,
    pub(super) channels: Vec<Channel>,
    pub(super) clock_offset_ms: Option<i64>,
}

/// What the tasks of a contact share.
#[derive(Debug, Clone)]
pub(super) struct Common {
    pub(super) clock: Clock,
    pub(super) onvif: Arc<dyn Onvif>,
    /// The cameras hold the contacts, and not the other way round.
    pub(super) cameras: Weak<Shared>,
    pub(super) served: watch::Receiver<Vec<Served>>,
    pub(super) shutdown: Shutdown,
}

/// Orders to move that wait for the device; more are refused, for by then they mean nothing any more.
const MOVES: usize = 16;

impl Served {
    pub(super) fn of(camera: &DesiredCamera) -> Self {
        let profiles = camera.tiers.iter().filter(|tier| !tier.profile.is_empty());
        let onvif = camera.onvif.clone().unwrap_or_default();
        Self {
            camera: camera.camera_id,
            key: onvif.key,
            channel: onvif.channel,
            profiles: profiles.map(|tier| (tier.tier, tier.profile.clone())).collect(),
        }
    }
}

impl Contact {
    pub(super) fn spawn(cameras: &Arc<Shared>, xaddr: &Url, credentials: Option<Credentials>) -> Arc<Self> {
        let scope = cameras.scope.child();
        let onvif = cameras.connector.open(xaddr, credentials);
        let (served, serves) = watch::channel(Vec::new());
        let (surveyed, survey) = watch::channel(None);
        let (moves, orders) = mpsc::channel(MOVES);
        let again = Arc::new(Notify::new());
        let common = Common {
            clock: cameras.clock,
            onvif: Arc::clone(&onvif),
            cameras: Arc::downgrade(cameras),
            served: serves,
            shutdown: scope.shutdown(),
        };
        let metrics = cameras.connector.metrics().clone();
        let turns = Arc::clone(&cameras.turns);
        let watcher = Watcher {
            common: common.clone(),
            surveyed,
            again: Arc::clone(&again),
            turns,
            metrics: metrics.clone(),
        };
        scope.spawn("camera watcher", watcher.run());
        let listener = Listener::new(common.clone(), survey.clone(), metrics.clone());
        scope.spawn("camera listener", listener.run());
        scope.spawn("camera head", Head::new(common, orders, metrics).run());
        Arc::new(Self { scope, onvif, moves, served, survey, again })
    }

    /// Which cameras it serves from now on.
    pub(super) fn serve(&self, served: Vec<Served>) {
        self.served.send_if_modified(|now| {
            let changed = *now != served;
            *now = served;
            changed
        });
    }

    pub(super) fn spawn_task(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.scope.shutdown();
        self.scope.spawn(name, async move {
            tokio::select! { biased;
                () = shutdown.requested() => {}
                () = task => {}
            }
        });
    }

    pub(super) fn end(&self) {
        self.scope.cancel();
    }

    /// Asks the device anew what it is: something about it was changed.
    pub(super) fn look_again(&self) {
        self.again.notify_one();
    }

    /// The ONVIF profile of a camera's tier: as the registry has it, or as the device told it.
    pub(super) fn profile(&self, camera: CameraId, tier: Tier) -> Option<String> {
        let served = self.served.borrow();
        let served = served.iter().find(|served| served.camera == camera)?;
        let desired = served.profiles.iter().find(|(known, _)| *known == tier);
        if let Some((_, profile)) = desired {
            return Some(profile.clone());
        }
        let survey = self.survey.borrow();
        let channel = survey.as_ref()?.channels.iter().find(|channel| channel.channel == served.channel)?;
        let found = channel.tiers.iter().find(|found| found.tier == Some(tier))?;
        Some(found.profile.clone())
    }

    /// Its smallest tier's profile, and that of its largest.
    pub(super) fn profiles(&self, camera: CameraId) -> Option<(String, String)> {
        // Of a camera with all three the second is the smallest.
        let smallest =
            [Tier::Sub, Tier::Third, Tier::Main].into_iter().find_map(|tier| self.profile(camera, tier))?;
        let largest = Tier::ALL.into_iter().find_map(|tier| self.profile(camera, tier))?;
        Some((smallest, largest))
    }
}

/// A second is enough for a camera that is well.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);
