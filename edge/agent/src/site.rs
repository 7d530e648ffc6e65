//! The cameras of this site: their streams, their ONVIF side, and what else is on the networks.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sluice_edge_camera::{
    CameraMetrics, Cameras, Connector, Credentials, HttpError, Networks, Pins, Range,
    discovery::{Discovery, DiscoveryConfig},
    ledger::LedgerError,
};
use sluice_edge_uplink::Uplink;
use sluice_guardian::{Guardian, Limits};
use sluice_pulls::{Pulls, PullsConfig};
use sluice_runtime::{Clock, Shutdown, TaskScope};
use sluice_source::SourceMetrics;
use sluice_telemetry::{Metrics, Secret};
use sluice_trust::seal::Keypair;
use sluice_wire::control::{CameraEvent, Desired, DesiredCamera, Found, FoundState};
use tokio::{
    select,
    sync::{mpsc, watch},
};
use url::{Host, Url};

use crate::{config::CameraLimits, keeper::Kept};

/// Everything that knows cameras.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) pulls: Pulls,
    pub(crate) cameras: Cameras,
    pub(crate) discovery: Discovery,
    /// The document in force.
    applied: Arc<Mutex<Vec<DesiredCamera>>>,
    /// What the link was handed of what was found.
    told: watch::Sender<Arc<Found>>,
    seal_key: Keypair,
}

/// Why the site's side does not start.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The pins of cameras' certificates cannot be read.
    #[error("open the pins of cameras' certificates")]
    Pins(#[from] LedgerError),
    /// HTTP cannot be prepared.
    #[error("prepare to ask cameras")]
    Http(#[from] HttpError),
}

impl Site {
    /// Nothing is pulled or asked before [`Site::apply`]; the search begins at once. Gives the cameras' events too.
    pub(crate) fn begin(
        scope: &TaskScope,
        clock: Clock,
        (limits, state_dir, seal_key): (&CameraLimits, &Path, &Keypair),
        metrics: &Metrics,
    ) -> Result<(Self, mpsc::Receiver<CameraEvent>), SiteError> {
        let guardian = Guardian::new(clock, Limits::default());
        let networks = Networks::default();
        let pins = Pins::open(state_dir)?;
        let counts = CameraMetrics::register(metrics);
        let connector = Connector::new(clock, guardian.clone(), networks.clone(), pins, counts)?;
        let config = PullsConfig { ring_bytes: limits.ring_bytes, seal_key: seal_key.clone() };
        let of_sources = metrics.register("edge", SourceMetrics::register);
        let pulls = Pulls::guarded(scope, clock, (config, guardian, limits.warm_bytes), of_sources);
        let opener = seal_key.clone();
        let open = Arc::new(move |camera: &DesiredCamera| credentials(&opener, camera));
        let (cameras, events) = Cameras::spawn(scope, clock, connector.clone(), open);
        let places = (search(limits), networks);
        let discovery = Discovery::spawn(scope, clock, places, Arc::new(connector), metrics);
        let (told, _) = watch::channel(Arc::default());
        let applied = Arc::default();
        Ok((Self { pulls, cameras, discovery, applied, told, seal_key: seal_key.clone() }, events))
    }

    /// Makes everything agree with the registry. What did not change is not touched.
    pub(crate) fn apply(&self, desired: &[DesiredCamera]) {
        let mut applied = self.applied();
        *applied = desired.to_vec();
        self.cameras.apply(&applied);
        self.pull(&applied);
    }

    /// Pulls from where cameras are now. Another document may come at the same moment: the newest stays in force.
    fn pull_anew(&self) {
        self.pull(&self.applied());
    }

    fn pull(&self, desired: &[DesiredCamera]) {
        let here = |camera: &DesiredCamera| {
            let mut camera = camera.clone();
            for tier in &mut camera.tiers {
                tier.url = self.cameras.rewrite(camera.camera_id, tier);
            }
            camera
        };
        self.pulls.apply(&desired.iter().map(here).collect::<Vec<_>>());
    }

    fn applied(&self) -> MutexGuard<'_, Vec<DesiredCamera>> {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A password as the hub sealed it for this device.
    pub(crate) fn open(&self, sealed_as: &str, sealed: &[u8]) -> Option<Secret<String>> {
        opened(&self.seal_key, sealed_as, sealed)
    }

    /// Until the link was handed what is found at this moment, or for a moment: an answer follows what it is about.
    pub(crate) async fn told(&self) {
        let newest = Arc::clone(&self.discovery.found().borrow());
        let mut told = self.told.subscribe();
        let handed = told.wait_for(|told| Arc::ptr_eq(told, &newest));
        let _ = tokio::time::timeout(TOLD_WITHIN, handed).await;
    }

    /// Tells the hub what is found, and follows cameras that have another address than the registry thinks.
    pub(crate) async fn follow(self, uplink: Uplink, mut kept: watch::Receiver<Kept>, shutdown: Shutdown) {
        let mut found = self.discovery.found();
        let mut places: BTreeMap<String, Url> = BTreeMap::new();
        let mut known: Option<Arc<Desired>> = None;
        loop {
            let desired = kept.borrow_and_update().desired.clone();
            let news = Arc::clone(&found.borrow_and_update());
            if let Some(desired) = desired {
                let keys = |key: &str| {
                    let onvif = desired.cameras.iter().filter_map(|camera| camera.onvif.as_ref());
                    onvif.into_iter().any(|onvif| onvif.key == key)
                };
                places.retain(|key, _| keys(key));
                let mut moved = false;
                for onvif in desired.cameras.iter().filter_map(|camera| camera.onvif.as_ref()) {
                    let there =
                        news.cameras.iter().find(|camera| camera.key == onvif.key && answers(camera.state));
                    let there = there.and_then(|camera| Url::parse(&camera.xaddr).ok());
                    if let Some(xaddr) = there.filter(|xaddr| places.get(&onvif.key) != Some(xaddr)) {
                        self.cameras.moved(&onvif.key, &xaddr);
                        places.insert(onvif.key.clone(), xaddr);
                        moved = true;
                    }
                }
                if moved {
                    self.pull_anew();
                }
                if moved || known.as_ref() != Some(&desired) {
                    self.discovery.allow(named(&desired.cameras)).await;
                    self.discovery.know(self.cameras.registered()).await;
                    known = Some(desired);
                }
            }
            uplink.found(Arc::clone(&news));
            self.told.send_replace(news);
            select! { biased;
                () = shutdown.requested() => return,
                changed = found.changed() => if changed.is_err() { return },
                changed = kept.changed() => if changed.is_err() { return },
            }
        }
    }
}

/// Something newer may have been found meanwhile, which is told too.
const TOLD_WITHIN: Duration = Duration::from_millis(500);

/// Tells the hub what cameras notice.
pub(crate) async fn tell(mut events: mpsc::Receiver<CameraEvent>, uplink: Uplink, shutdown: Shutdown) {
    loop {
        select! { biased;
            () = shutdown.requested() => return,
            event = events.recv() => match event {
                Some(event) => uplink.event(event),
                None => return,
            },
        }
    }
}

fn search(limits: &CameraLimits) -> DiscoveryConfig {
    let settings = &limits.discovery;
    DiscoveryConfig {
        enabled: settings.enabled,
        interfaces: settings.interfaces.clone(),
        // Checked when the configuration was read.
        ranges: settings.ranges.iter().filter_map(|range| range.parse().ok()).collect(),
        ..DiscoveryConfig::default()
    }
}

/// Somebody answers where it says to be; whoever only says so is not followed.
fn answers(state: FoundState) -> bool {
    matches!(state, FoundState::Understood | FoundState::NeedsCredentials | FoundState::Refused)
}

/// The addresses of the registry's cameras.
fn named(desired: &[DesiredCamera]) -> Vec<Range> {
    let onvif = desired.iter().filter_map(|camera| camera.onvif.as_ref());
    let urls = onvif.filter_map(|onvif| Url::parse(&onvif.xaddr).ok());
    let mut ranges: Vec<Range> = urls
        .filter_map(|url| match url.host() {
            Some(Host::Ipv4(v4)) => Some(Range::new(v4.into(), 32)),
            Some(Host::Ipv6(v6)) => Some(Range::new(v6.into(), 128)),
            _ => None,
        })
        .collect();
    ranges.sort_unstable_by_key(|range| (range.base(), range.prefix()));
    ranges.dedup();
    ranges
}

fn credentials(seal_key: &Keypair, camera: &DesiredCamera) -> Option<Credentials> {
    if camera.username.is_empty() && camera.sealed_password.is_empty() {
        return None;
    }
    let username = camera.username.clone();
    if camera.sealed_password.is_empty() {
        return Some(Credentials { username, password: Secret::default() });
    }
    let own = camera.camera_id.to_string();
    let sealed_as = if camera.sealed_as.is_empty() { &own } else { &camera.sealed_as };
    let password = opened(seal_key, sealed_as, &camera.sealed_password)?;
    Some(Credentials { username, password })
}

fn opened(seal_key: &Keypair, sealed_as: &str, sealed: &[u8]) -> Option<Secret<String>> {
    let password = seal_key.open(sealed_as.as_bytes(), sealed).ok()?;
    String::from_utf8(password).ok().map(Secret::new)
}
