use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sluice_guardian::{Device, Guardian, Limits};
use sluice_ids::{CameraId, Tier, UnixMillis};
use sluice_runtime::{Clock, Shutdown, TaskScope};
use sluice_source::{Credentials, Settings, Source, SourceMetrics, State, Status};
use sluice_telemetry::Secret;
use sluice_trust::seal::Keypair;
use sluice_wire::control::{CameraReport, DesiredCamera};
use tokio::{
    select,
    sync::{Notify, watch},
};
use url::Url;

use crate::{
    plan::{Key, Pull, Spec, address, plan, specs},
    report,
    warm::{Candidate, choose},
};

/// What the room needs to know.
#[derive(Clone)]
pub struct PullsConfig {
    /// The most one stream's cached group of pictures may take, in bytes.
    pub ring_bytes: usize,
    /// The key that the hub seals camera passwords to.
    pub seal_key: Keypair,
}

/// The streams that this process pulls: the one place that opens and closes their sources.
#[derive(Clone)]
pub struct Pulls {
    shared: Arc<Shared>,
    report: watch::Receiver<Arc<Vec<CameraReport>>>,
}

struct Shared {
    scope: TaskScope,
    clock: Clock,
    config: PullsConfig,
    guardian: Guardian,
    metrics: SourceMetrics,
    /// A registry in the sense of the style paper: locked for a moment, never across an await.
    streams: Mutex<BTreeMap<Key, Stream>>,
    changed: Arc<Notify>,
}

struct Stream {
    spec: Spec,
    since: UnixMillis,
    /// None if the spec is refused.
    source: Option<Source>,
    /// When somebody last watched it, or when it was opened.
    used: Instant,
    /// The most that it took lately while it was warm.
    bytes: usize,
    /// It should be warm, and the memory for it is used up.
    let_go: bool,
}

/// Changes that come together are told together.
const SETTLE: Duration = Duration::from_millis(200);
/// A stream of 8 Mbit/s adds 5 MB until the next look; its own ring has a bound too.
const MEMORY_EVERY: Duration = Duration::from_secs(5);
const NO_MEMORY: &str = "not kept warm: the memory for warm streams is used by those that were watched later";
/// Sessions come and go with every question to a camera.
const SESSIONS_SETTLE: Duration = Duration::from_secs(1);
/// Figures that always move are told this often: 50 cameras then cost about 1 kbit/s on the link.
const FIGURES_EVERY: Duration = Duration::from_secs(60);

impl Pulls {
    /// Nothing is pulled until [`Pulls::apply`].
    #[must_use]
    pub fn spawn(scope: &TaskScope, clock: Clock, config: PullsConfig, metrics: SourceMetrics) -> Self {
        let guardian = Guardian::new(clock, Limits::default());
        Self::guarded(scope, clock, (config, guardian, usize::MAX), metrics)
    }

    /// The same, with a guardian that others ask too, and the most bytes that warm streams may take together.
    #[must_use]
    pub fn guarded(
        scope: &TaskScope,
        clock: Clock,
        (config, guardian, warm_bytes): (PullsConfig, Guardian, usize),
        metrics: SourceMetrics,
    ) -> Self {
        let shared = Arc::new(Shared {
            scope: scope.child(),
            clock,
            config,
            guardian,
            metrics,
            streams: Mutex::default(),
            changed: Arc::default(),
        });
        let (publish, report) = watch::channel(Arc::default());
        scope.spawn("pull-report", tell(Arc::clone(&shared), publish, scope.shutdown()));
        scope.spawn("warm-sessions", share(Arc::clone(&shared), scope.shutdown()));
        scope.spawn("warm-memory", bound(Arc::clone(&shared), warm_bytes, scope.shutdown()));
        Self { shared, report }
    }

    /// Makes the sources agree with the list. Streams that did not change are not touched.
    pub fn apply(&self, desired: &[DesiredCamera]) {
        self.shared.guard(desired);
        let wanted = specs(desired, &|sealed_as, sealed| self.shared.password(sealed_as, sealed));
        let mut streams = self.shared.streams();
        let plan = plan(streams.iter().map(|(key, stream)| (key, &stream.spec)), wanted);
        for key in plan.close {
            if let Some(Stream { source: Some(source), .. }) = streams.remove(&key) {
                source.close();
            }
        }
        for (key, spec) in plan.open {
            let stream = self.shared.open(key, spec);
            streams.insert(key, stream);
        }
        for (key, warm) in plan.warm {
            if let Some(stream) = streams.get_mut(&key) {
                stream.spec.warm = warm;
                stream.let_go = false;
                if let Some(source) = &stream.source {
                    source.keep_warm(warm);
                }
            }
        }
        drop(streams);
        self.shared.changed.notify_one();
    }

    /// The source of one stream, if the list names it and it can be reached as described.
    #[must_use]
    pub fn source(&self, camera: CameraId, tier: Tier) -> Option<Source> {
        self.shared.streams().get(&(camera, tier))?.source.clone()
    }

    /// The streams that have a source.
    #[must_use]
    pub fn offered(&self) -> Vec<(CameraId, Tier)> {
        let streams = self.shared.streams();
        streams.iter().filter(|(_, stream)| stream.source.is_some()).map(|(key, _)| *key).collect()
    }

    /// How the cameras stand, for the hub: at once when a state changes, moving figures once a minute.
    #[must_use]
    pub fn report(&self) -> watch::Receiver<Arc<Vec<CameraReport>>> {
        self.report.clone()
    }

    /// How the cameras stand at this moment, figures included.
    #[must_use]
    pub fn snapshot(&self) -> Vec<CameraReport> {
        self.shared.snapshot()
    }
}

impl Shared {
    fn streams(&self) -> MutexGuard<'_, BTreeMap<Key, Stream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn password(&self, sealed_as: &str, sealed: &[u8]) -> Option<Secret<String>> {
        let opened = self.config.seal_key.open(sealed_as.as_bytes(), sealed).ok()?;
        String::from_utf8(opened).ok().map(Secret::new)
    }

    /// Tells the guardian which addresses are one device, and how much each may be asked for.
    fn guard(&self, desired: &[DesiredCamera]) {
        let mut budgets: BTreeMap<Device, u32> = BTreeMap::new();
        for camera in desired {
            let xaddr = camera.onvif.as_ref().and_then(|onvif| Url::parse(&onvif.xaddr).ok());
            let urls = camera.tiers.iter().filter_map(|tier| address(&tier.url)).chain(xaddr);
            for device in urls.map(|url| Device::at(&url)) {
                if let Some(onvif) = camera.onvif.as_ref().filter(|onvif| !onvif.key.is_empty()) {
                    self.guardian.recognise(&device, &onvif.key);
                }
                // Of two channels of a recorder the one that was set counts.
                let budget = budgets.entry(device).or_default();
                *budget = (*budget).max(camera.session_budget);
            }
        }
        for (device, budget) in budgets {
            self.guardian.set_budget(&device, (budget > 0).then_some(budget));
        }
    }

    fn open(&self, (camera, tier): Key, spec: Spec) -> Stream {
        let since = UnixMillis(self.clock.unix_millis());
        let used = self.clock.now();
        let Pull::From { url, login, hold, transport } = &spec.pull else {
            return Stream { spec, since, source: None, used, bytes: 0, let_go: false };
        };
        let credentials = login
            .as_ref()
            .map(|login| Credentials { username: login.username.clone(), password: login.password.clone() });
        let settings = Settings {
            label: format!("{camera}/{tier}"),
            url: url.clone(),
            credentials,
            ring_bytes: self.config.ring_bytes,
            hold: *hold,
            transport: *transport,
            purpose: tier.to_string(),
            device: Device::at(url),
            guardian: self.guardian.clone(),
        };
        let source = Source::spawn(&self.scope, self.clock, settings, self.metrics.clone());
        source.keep_warm(spec.warm);
        self.scope.spawn("pull-status", watch_over(source.status(), Arc::clone(&self.changed)));
        Stream { spec, since, source: Some(source), used, bytes: 0, let_go: false }
    }

    fn snapshot(&self) -> Vec<CameraReport> {
        let mut cameras: Vec<CameraReport> = Vec::new();
        for ((camera, tier), stream) in &*self.streams() {
            let tier = match (&stream.source, &stream.spec.pull) {
                (Some(source), _) => {
                    let mut told = report::tier(*tier, &source.status().borrow());
                    if stream.let_go && told.reason_text.is_empty() {
                        NO_MEMORY.clone_into(&mut told.reason_text);
                    }
                    told
                }
                (None, Pull::Refused(refusal)) => report::refused(*tier, *refusal, stream.since),
                (None, Pull::From { .. }) => continue,
            };
            match cameras.last_mut().filter(|last| last.camera_id == *camera) {
                Some(last) => last.tiers.push(tier),
                None => {
                    let mut report = CameraReport::new(*camera, vec![tier]);
                    if let Pull::From { url, .. } = &stream.spec.pull {
                        let device = Device::at(url);
                        report.sessions = self.guardian.sessions(&device);
                        report.session_budget = self.guardian.budget(&device).unwrap_or(0);
                    }
                    cameras.push(report);
                }
            }
        }
        cameras
    }
}

impl Shared {
    /// Keeps what is warm within `most` bytes.
    fn fit(&self, most: usize) {
        let now = self.clock.now();
        let mut streams = self.streams();
        for stream in streams.values_mut() {
            let Some(source) = &stream.source else { continue };
            let status = source.status();
            let (subscribers, bytes) = {
                // Borrowed once: a second time would wait for a writer that waits for the first.
                let status = status.borrow();
                (status.subscribers, status.ring_bytes)
            };
            if subscribers > 0 {
                stream.used = now;
            }
            if bytes > 0 {
                // A group of pictures grows until the next key frame: the largest counts, and is forgotten slowly.
                stream.bytes = bytes.max(stream.bytes - stream.bytes / 64);
            }
        }
        let wanted = streams.iter().filter(|(_, stream)| stream.spec.warm && stream.source.is_some());
        let candidate = |(key, stream): (&Key, &Stream)| Candidate {
            key: *key,
            kept: !stream.let_go,
            used: stream.used,
            bytes: stream.bytes,
        };
        for (key, keep) in choose(wanted.map(candidate).collect(), most) {
            let Some(stream) = streams.get_mut(&key) else { continue };
            stream.let_go = !keep;
            if let Some(source) = &stream.source {
                source.keep_warm(keep);
            }
            let (camera, tier) = key;
            tracing::info!(camera.id = %camera, %tier, keep, "the memory for warm streams is shared out anew");
            self.changed.notify_one();
        }
    }
}

impl Shared {
    /// Has a stream that is only kept warm give its session to who waits to watch another one of the same camera.
    fn give_way(&self) {
        if !self.guardian.is_anybody_crowded() {
            return;
        }
        let streams = self.streams();
        let mut asked: Vec<Device> = Vec::new();
        for stream in streams.values() {
            let (Some(source), Pull::From { url, .. }) = (&stream.source, &stream.spec.pull) else {
                continue;
            };
            let device = Device::at(url);
            let idle = {
                let status = source.status();
                let status = status.borrow();
                status.subscribers == 0 && status.state == State::Warm
            };
            // One session is enough for whoever waits first; the next look finds the next.
            if idle && !asked.contains(&device) && self.guardian.is_crowded(&device) {
                source.give_way();
                asked.push(device);
            }
        }
    }
}

async fn share(shared: Arc<Shared>, shutdown: Shutdown) {
    let mut sessions = shared.guardian.changed();
    loop {
        select! { biased;
            () = shutdown.requested() => return,
            // The guardian lives in `shared`.
            _ = sessions.changed() => {}
        }
        shared.give_way();
        // Whoever gave way needs a moment to be gone.
        shared.clock.sleep(SETTLE).await;
    }
}

async fn bound(shared: Arc<Shared>, most: usize, shutdown: Shutdown) {
    loop {
        select! { biased;
            () = shutdown.requested() => return,
            () = shared.clock.sleep(MEMORY_EVERY) => shared.fit(most),
        }
    }
}

/// Ends with the source.
async fn watch_over(mut status: watch::Receiver<Status>, changed: Arc<Notify>) {
    while status.changed().await.is_ok() {
        changed.notify_one();
    }
}

async fn tell(shared: Arc<Shared>, report: watch::Sender<Arc<Vec<CameraReport>>>, shutdown: Shutdown) {
    let clock = shared.clock;
    let mut figures_due: Option<Instant> = None;
    let mut sessions = shared.guardian.changed();
    loop {
        select! { biased;
            () = shutdown.requested() => return,
            () = shared.changed.notified() => clock.sleep(SETTLE).await,
            // The guardian lives in `shared`.
            _ = sessions.changed() => clock.sleep(SESSIONS_SETTLE).await,
        }
        sessions.mark_unchanged();
        let snapshot = shared.snapshot();
        let now = clock.now();
        if report::differs(&report.borrow(), &snapshot) || figures_due.is_none_or(|due| now >= due) {
            figures_due = Some(now + FIGURES_EVERY);
            report.send_replace(Arc::new(snapshot));
        }
    }
}
