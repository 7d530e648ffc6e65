use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sluice_ids::{CameraId, Tier, UnixMillis};
use sluice_runtime::{Clock, Shutdown, TaskScope};
use sluice_source::{AuthBreaker, Credentials, Settings, Source, SourceMetrics, Status};
use sluice_telemetry::Secret;
use sluice_trust::seal::Keypair;
use sluice_wire::control::{CameraReport, DesiredCamera};
use tokio::{
    select,
    sync::{Notify, watch},
};

use crate::{
    plan::{Key, Pull, Spec, plan, specs},
    report,
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
}

/// Changes that come together are told together.
const SETTLE: Duration = Duration::from_millis(200);
/// Figures that always move are told this often: 50 cameras then cost about 1 kbit/s on the link.
const FIGURES_EVERY: Duration = Duration::from_secs(60);

impl Pulls {
    /// Nothing is pulled until [`Pulls::apply`].
    #[must_use]
    pub fn spawn(scope: &TaskScope, clock: Clock, config: PullsConfig, metrics: SourceMetrics) -> Self {
        let shared = Arc::new(Shared {
            scope: scope.child(),
            clock,
            config,
            metrics,
            streams: Mutex::default(),
            changed: Arc::default(),
        });
        let (publish, report) = watch::channel(Arc::default());
        scope.spawn("pull-report", tell(Arc::clone(&shared), publish, scope.shutdown()));
        Self { shared, report }
    }

    /// Makes the sources agree with the list. Streams that did not change are not touched.
    pub fn apply(&self, desired: &[DesiredCamera]) {
        let wanted = specs(desired, &|camera, sealed| self.shared.password(camera, sealed));
        let mut streams = self.shared.streams();
        let plan = plan(streams.iter().map(|(key, stream)| (key, &stream.spec)), wanted);
        for key in plan.close {
            if let Some(Stream { source: Some(source), .. }) = streams.remove(&key) {
                source.close();
            }
        }
        let mut breakers = BTreeMap::<CameraId, AuthBreaker>::new();
        for (key, spec) in plan.open {
            let breaker = breakers.entry(key.0).or_default().clone();
            let stream = self.shared.open(key, spec, breaker);
            streams.insert(key, stream);
        }
        for (key, warm) in plan.warm {
            if let Some(stream) = streams.get_mut(&key) {
                stream.spec.warm = warm;
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

    /// The associated data of a sealed password is its camera's id.
    fn password(&self, camera: CameraId, sealed: &[u8]) -> Option<Secret<String>> {
        let opened = self.config.seal_key.open(camera.to_string().as_bytes(), sealed).ok()?;
        String::from_utf8(opened).ok().map(Secret::new)
    }

    fn open(&self, (camera, tier): Key, spec: Spec, breaker: AuthBreaker) -> Stream {
        let since = UnixMillis(self.clock.unix_millis());
        let Pull::From { url, login, hold, transport } = &spec.pull else {
            return Stream { spec, since, source: None };
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
            breaker,
        };
        let source = Source::spawn(&self.scope, self.clock, settings, self.metrics.clone());
        source.keep_warm(spec.warm);
        self.scope.spawn("pull-status", watch_over(source.status(), Arc::clone(&self.changed)));
        Stream { spec, since, source: Some(source) }
    }

    fn snapshot(&self) -> Vec<CameraReport> {
        let mut cameras: Vec<CameraReport> = Vec::new();
        for ((camera, tier), stream) in &*self.streams() {
            let tier = match (&stream.source, &stream.spec.pull) {
                (Some(source), _) => report::tier(*tier, &source.status().borrow()),
                (None, Pull::Refused(refusal)) => report::refused(*tier, *refusal, stream.since),
                (None, Pull::From { .. }) => continue,
            };
            match cameras.last_mut().filter(|last| last.camera_id == *camera) {
                Some(last) => last.tiers.push(tier),
                None => cameras.push(CameraReport::new(*camera, vec![tier])),
            }
        }
        cameras
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
    loop {
        select! { biased;
            () = shutdown.requested() => return,
            () = shared.changed.notified() => clock.sleep(SETTLE).await,
        }
        let snapshot = shared.snapshot();
        let now = clock.now();
        if report::differs(&report.borrow(), &snapshot) || figures_due.is_none_or(|due| now >= due) {
            figures_due = Some(now + FIGURES_EVERY);
            report.send_replace(Arc::new(snapshot));
        }
    }
}
