//! The ONVIF side of every camera of the registry: one contact for each physical device and account.

mod chatter;
mod contact;
mod dead_man;
mod head;
mod key_frames;
mod listener;
mod orders;
mod registry;
mod watcher;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sluice_ids::{CameraId, Tier, UnixMillis};
use sluice_runtime::{Clock, TaskScope};
use sluice_wire::control::{
    Action, CameraEvent, CameraFacts, DesiredCamera, DesiredTier, EncoderSettings, Outcome,
};
use tokio::sync::{Semaphore, mpsc, watch};
use url::Url;

#[cfg(doc)]
use crate::discovery::Discovery;
use crate::{Connector, Credentials, discovery::Registered};
use registry::Registry;

/// Opens the sealed password of a camera; `None` where it has none or cannot be opened.
pub type Opener = Arc<dyn Fn(&DesiredCamera) -> Option<Credentials> + Send + Sync>;

/// What is known of a camera beside its streams.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Known {
    /// Who it is and what it can do.
    pub facts: CameraFacts,
    /// How its encoders are set.
    pub encoders: BTreeMap<Tier, EncoderSettings>,
}

/// The handle of every contact, cheap to clone. Ends with the scope it was spawned in.
#[derive(Debug, Clone)]
pub struct Cameras(Arc<Shared>);

struct Shared {
    scope: TaskScope,
    clock: Clock,
    connector: Connector,
    open: Opener,
    /// Locked for a moment, never across an await.
    registry: Mutex<Registry>,
    known: watch::Sender<BTreeMap<CameraId, Known>>,
    events: mpsc::Sender<CameraEvent>,
    /// Devices that are asked what they are at the same time.
    turns: Arc<Semaphore>,
}

/// Events on their way to the agent. When it does not take them the newest are left out and counted.
const EVENTS: usize = 256;
/// Understanding a device is some ten calls and a few milliseconds of CPU each; a site of a hundred is done in seconds.
const TURNS: usize = 8;

impl Cameras {
    /// No cameras yet, and where their events come out.
    #[must_use]
    pub fn spawn(
        scope: &TaskScope,
        clock: Clock,
        connector: Connector,
        open: Opener,
    ) -> (Self, mpsc::Receiver<CameraEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let shared = Shared {
            scope: scope.child(),
            clock,
            connector,
            open,
            registry: Mutex::default(),
            known: watch::Sender::new(BTreeMap::new()),
            events,
            turns: Arc::new(Semaphore::new(TURNS)),
        };
        (Self(Arc::new(shared)), receiver)
    }

    /// The cameras that should be; those without an ONVIF side are passed over. What stays the same goes on undisturbed.
    pub fn apply(&self, cameras: &[DesiredCamera]) {
        self.0.apply(Some(cameras));
    }

    /// The device of this key answers here now, whatever the registry says.
    pub fn moved(&self, key: &str, xaddr: &Url) {
        if self.0.registry().moves(key, xaddr) {
            self.0.apply(None);
        }
    }

    /// What is known of each camera.
    #[must_use]
    pub fn facts(&self) -> watch::Receiver<BTreeMap<CameraId, Known>> {
        self.0.known.subscribe()
    }

    /// Every camera that is opened with credentials, for [`Discovery::know`].
    #[must_use]
    pub fn registered(&self) -> Vec<Registered> {
        self.0.registry().registered()
    }

    /// Somebody needs a key frame of this tier. Asks the camera at most once a second, and no longer where it turned out
    /// that it does not help. Whether the camera is being asked by this call.
    pub fn request_key_frame(&self, camera: CameraId, tier: Tier) -> bool {
        self.0.request_key_frame(camera, tier)
    }

    /// The next key frame of a tier came so long after one was asked for: whether asking helps is learnt from this.
    pub fn key_frame_came(&self, camera: CameraId, tier: Tier, after: Duration) {
        self.0.key_frame_came(camera, tier, after);
    }

    /// Moves a camera, sets its encoder, or fetches a picture by its snapshot URI. Answers within half a minute.
    pub async fn act(&self, action: &Action) -> Outcome {
        self.0.act(action).await
    }

    /// Where a tier is pulled: the registry's URL, at the device's present address.
    #[must_use]
    pub fn rewrite(&self, camera: CameraId, tier: &DesiredTier) -> String {
        self.0.registry().rewrite(camera, &tier.url)
    }
}

impl Shared {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> UnixMillis {
        UnixMillis(self.clock.unix_millis())
    }

    /// Changes what is known of a camera that is still there; who looks is woken only if something changed.
    fn learn(&self, camera: CameraId, change: impl FnOnce(&mut Known)) {
        self.known.send_if_modified(|all| {
            let Some(known) = all.get_mut(&camera) else { return false };
            let before = known.clone();
            change(known);
            *known != before
        });
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cameras")
    }
}
