//! [`Onvif`] by oxvif, with our transport under it and the guardian in front.
//!
//! A question is one permit and some calls: the clock (nobody is asked who they are for that), the services, then what
//! was asked. The first refusal ends it, so that one question shows a secret at most once.

mod encoder;
mod events;
mod fault;
mod media;
mod moves;
mod references;
mod services;
mod soap;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use oxvif::OnvifClient;
use sluice_guardian::{Ask, Denied, Device as Key, Fingerprint, Guardian, Refusal, Verdict};
use sluice_runtime::Clock;
use sluice_wire::control::{EncoderChange, PtzCommand};
use tokio::time::timeout;
use url::Url;

use crate::{
    Credentials,
    metrics::CameraMetrics,
    networks::Networks,
    onvif::{AskError, Asked, Change, Channel, Device, Notice, Onvif, PtzAnswer, Subscription},
    pins::Pins,
    transport::{Caller, Http, HttpError, Trouble},
};
use fault::told;
use media::Told;
use moves::Way;
use services::Services;

pub(crate) use moves::move_limit;

/// Opens the ONVIF sides of cameras. One for a process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Connector {
    http: Arc<Http>,
    clock: Clock,
    guardian: Guardian,
    call: Duration,
}

impl Connector {
    /// Asks cameras on these networks only, believes certificates by these pins, and asks the guardian first.
    ///
    /// # Errors
    /// When TLS or HTTP cannot be prepared: this build is broken.
    pub fn new(
        clock: Clock,
        guardian: Guardian,
        networks: Networks,
        pins: Pins,
        metrics: CameraMetrics,
    ) -> Result<Self, HttpError> {
        Ok(Self { http: Arc::new(Http::new(networks, pins, metrics)?), clock, guardian, call: CALL })
    }

    /// The same, with another deadline for one question and its answer than five seconds.
    #[must_use]
    pub fn with_deadline(self, call: Duration) -> Self {
        Self { call, ..self }
    }

    /// The device whose device service is at `xaddr`. Asks nothing yet.
    #[must_use]
    pub fn open(&self, xaddr: &Url, credentials: Option<Credentials>) -> Arc<dyn Onvif> {
        let secret = self.fingerprint(credentials.as_ref());
        Arc::new(Client {
            stranger: Arc::new(Caller::new(Arc::clone(&self.http), None, self.call)),
            caller: Arc::new(Caller::new(Arc::clone(&self.http), credentials, self.call)),
            xaddr: xaddr.clone(),
            key: Key::at(xaddr),
            secret,
            guardian: self.guardian.clone(),
            clock: self.clock,
            memory: Mutex::default(),
        })
    }

    /// Believes the next certificate of the device at this place, and no other after it: somebody says that it was renewed
    /// or replaced, and shows it the password again.
    pub fn trust_anew(&self, place: &Url) {
        self.http.trust_anew(place);
    }

    /// Tells accounts apart; meaningless outside this process.
    pub(crate) fn fingerprint(&self, credentials: Option<&Credentials>) -> Option<Fingerprint> {
        credentials.map(|secret| self.guardian.fingerprint(&secret.username, secret.password.expose()))
    }

    pub(crate) fn metrics(&self) -> &CameraMetrics {
        self.http.metrics()
    }
}

/// One device, for one account.
#[derive(Debug)]
struct Client {
    caller: Arc<Caller>,
    /// For what cameras tell everybody: no account is shown for it.
    stranger: Arc<Caller>,
    xaddr: Url,
    key: Key,
    secret: Option<Fingerprint>,
    guardian: Guardian,
    clock: Clock,
    memory: Mutex<Memory>,
}

/// What a device said before and need not be asked again.
#[derive(Debug, Default)]
struct Memory {
    /// Milliseconds by which its clock is ahead, and when that was asked.
    offset: Option<(Option<i64>, Instant)>,
    services: Option<Arc<Services>>,
    told: Option<Arc<Told>>,
    /// How it takes moves.
    way: Way,
}

/// A whole question with its answer. Cheap cameras compute two seconds for a list of profiles.
const CALL: Duration = Duration::from_secs(5);
/// A camera's clock may be set at any time; a token is refused when it is off by more than a minute or so.
const CLOCK_AGE: Duration = Duration::from_secs(600);
/// A clock that differs by less is the clock we knew.
const SAME_CLOCK_MS: u64 = 5_000;
/// One question with all its calls: a recorder of 64 channels is asked for its 128 streams one by one.
const QUESTION: Duration = Duration::from_secs(60);

impl Client {
    /// Asks under one permit. `asked` is tried again once where the camera's clock turns out to be another than thought.
    async fn guarded<T, F>(&self, purpose: &str, asked: impl Fn() -> F + Send + Sync) -> Result<T, AskError>
    where
        F: Future<Output = Result<T, AskError>> + Send,
        T: Send,
    {
        let ask = Ask::question(self.key.clone(), purpose).with(self.secret);
        let permit = self.guardian.admit(ask).await?;
        let mut answer = within(asked()).await;
        if matches!(answer, Err(AskError::Refused { .. }))
            && self.secret.is_some()
            && self.clock_changed().await
        {
            answer = within(asked()).await;
        }
        match answer {
            Ok(answer) => {
                permit.opened();
                Ok(answer)
            }
            Err(AskError::Refused { .. }) => {
                self.caller.http().metrics().refused.inc();
                if self.secret.is_none() {
                    permit.refused(Refusal::Other);
                    return Err(AskError::NeedsCredentials);
                }
                Err(match permit.refused(Refusal::Auth) {
                    Verdict::Wrong { locked } => AskError::Refused { locked },
                    Verdict::Exhausted => AskError::HeldBack(Denied::Busy),
                    Verdict::Other => AskError::Refused { locked: false },
                })
            }
            Err(error) => {
                self.forget_services(&error);
                permit.refused(Refusal::Other);
                Err(error)
            }
        }
    }

    /// A client whose tokens are made on the camera's clock.
    async fn client(&self) -> Result<OnvifClient, AskError> {
        let offset_ms = self.offset(CLOCK_AGE).await?.unwrap_or(0);
        let client = OnvifClient::new(self.xaddr.as_str()).with_transport(Arc::clone(&self.caller) as Arc<_>);
        Ok(match self.caller.credentials() {
            Some(secret) => client
                .with_credentials(&secret.username, secret.password.expose())
                .with_utc_offset(seconds(offset_ms)),
            None => client,
        })
    }

    /// A client that says nothing of who it is.
    fn stranger(&self) -> OnvifClient {
        OnvifClient::new(self.xaddr.as_str()).with_transport(Arc::clone(&self.stranger) as Arc<_>)
    }

    /// By how much the camera's clock is ahead, asked anew where what is known is older than `age`.
    async fn offset(&self, age: Duration) -> Result<Option<i64>, AskError> {
        let known = self.memory().offset;
        if let Some((offset, at)) = known
            && self.clock.now().saturating_duration_since(at) < age
        {
            return Ok(offset);
        }
        let before_ms = self.clock.unix_millis();
        let offset = match self.stranger().get_system_date_and_time().await.map_err(told) {
            // Cameras tell whole seconds: half of one is the best guess.
            Ok(time) => time.utc_unix.map(|unix_s| {
                let ours = before_ms.midpoint(self.clock.unix_millis());
                unix_s.saturating_mul(1_000).saturating_add(500).saturating_sub(ours)
            }),
            // Some ask even here who is asking; then its clock is taken for right.
            Err(error) if error.is_unknown() || error.is_refusal() => None,
            Err(error) => return Err(error),
        };
        self.memory().offset = Some((offset, self.clock.now()));
        Ok(offset)
    }

    /// Whether the camera's clock is another than the one that was known.
    async fn clock_changed(&self) -> bool {
        let before = self.memory().offset.and_then(|(offset, _)| offset).unwrap_or(0);
        match self.offset(Duration::ZERO).await {
            Ok(Some(now)) => now.abs_diff(before) > SAME_CLOCK_MS,
            _ => false,
        }
    }

    /// A camera that restarted with another firmware has its services elsewhere.
    fn forget_services(&self, error: &AskError) {
        if error.is_unknown() {
            let mut memory = self.memory();
            (memory.services, memory.told) = (None, None);
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn within<T>(asked: impl Future<Output = Result<T, AskError>>) -> Result<T, AskError> {
    timeout(QUESTION, asked).await.unwrap_or(Err(AskError::Transport(Trouble::Timeout)))
}

const fn seconds(ms: i64) -> i64 {
    ms.div_euclid(1_000)
}

impl Onvif for Client {
    fn device(&self) -> Asked<'_, Device> {
        Box::pin(self.guarded("device", move || self.ask_device()))
    }

    fn clock_offset(&self) -> Asked<'_, Option<i64>> {
        Box::pin(async move {
            let ask = Ask::question(self.key.clone(), "clock");
            let permit = self.guardian.admit(ask).await?;
            let answer = self.offset(CLOCK_AGE).await;
            drop(permit);
            answer
        })
    }

    fn channels(&self) -> Asked<'_, Vec<Channel>> {
        Box::pin(async move {
            // Whoever asks for the streams wants them as they are now.
            self.memory().told = None;
            self.guarded("streams", move || self.ask_channels()).await
        })
    }

    fn key_frame<'a>(&'a self, profile: &'a str) -> Asked<'a, ()> {
        Box::pin(self.guarded("key frame", move || self.ask_key_frame(profile)))
    }

    fn ptz<'a>(&'a self, profile: &'a str, command: &'a PtzCommand) -> Asked<'a, PtzAnswer> {
        Box::pin(async move {
            moves::check(command)?;
            self.guarded("ptz", move || self.ask_ptz(profile, command)).await
        })
    }

    fn snapshot<'a>(&'a self, profile: &'a str) -> Asked<'a, Vec<u8>> {
        Box::pin(self.guarded("snapshot", move || self.ask_snapshot(profile)))
    }

    fn configure<'a>(
        &'a self,
        profile: &'a str,
        change: &'a EncoderChange,
        dry_run: bool,
    ) -> Asked<'a, Change> {
        Box::pin(self.guarded("encoder", move || self.ask_configure(profile, change, dry_run)))
    }

    fn subscribe(&self) -> Asked<'_, Subscription> {
        Box::pin(self.guarded("events", move || self.ask_subscribe()))
    }

    fn pull<'a>(&'a self, subscription: &'a Subscription) -> Asked<'a, Vec<Notice>> {
        // No permit: it waits at the camera for most of the time, and `subscribe` had one.
        Box::pin(self.ask_pull(subscription))
    }

    fn unsubscribe<'a>(&'a self, subscription: &'a Subscription) -> Asked<'a, ()> {
        Box::pin(self.ask_unsubscribe(subscription))
    }
}
