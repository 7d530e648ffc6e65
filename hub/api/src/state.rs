use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sluice_hub_fleet::Fleet;
use sluice_hub_store::Store;
use sluice_hub_streams::Streams;
use sluice_ids::UnixMillis;
use sluice_runtime::{Clock, TaskScope, random_bytes};
use tokio::sync::Semaphore;

use crate::{
    audit::{Key, Lately},
    auth::{
        signed::Seals,
        tries::{Tries, Try},
    },
    cors::Origins,
    events::Events,
    posters::Posters,
};

/// What every route answers from. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    pub(crate) store: Store,
    pub(crate) fleet: Fleet,
    pub(crate) streams: Streams,
    pub(crate) clock: Clock,
    pub(crate) events: Events,
    pub(crate) origins: Origins,
    pub(crate) seals: Seals,
    /// Seals kept answers of idempotent calls.
    pub(crate) answer_key: [u8; 32],
    /// Pictures of cameras, for minutes.
    pub(crate) posters: Posters,
    tries: Arc<Mutex<Tries>>,
    audited: Arc<Mutex<Lately>>,
    /// Argon2 takes a core and 19 MiB for tens of milliseconds: at most so many at once, the others wait.
    pub(crate) hashing: Arc<Semaphore>,
}

impl ApiState {
    /// Joins the rooms and starts what the API needs beside requests: events, origins, cleaning. Tokens that the hub
    /// signs for itself live until the process ends; [`ApiState::with_key`] makes them outlive it.
    #[must_use]
    pub fn new(store: Store, fleet: Fleet, streams: Streams, clock: Clock, scope: &TaskScope) -> Self {
        Self::with_key(store, fleet, streams, (clock, scope), random_bytes())
    }

    /// [`ApiState::new`] with a kept key of 32 random bytes: viewer tokens and kept answers outlive the process.
    #[must_use]
    pub fn with_key(
        store: Store,
        fleet: Fleet,
        streams: Streams,
        (clock, scope): (Clock, &TaskScope),
        key: [u8; 32],
    ) -> Self {
        let events = Events::spawn(scope, clock, (store.clone(), fleet.clone(), streams.clone()));
        let origins = Origins::spawn(scope, clock, store.clone());
        sweep(scope, clock, store.clone());
        let seals = Seals::new(&key);
        Self {
            store,
            fleet,
            streams,
            clock,
            events,
            origins,
            answer_key: seals.derive("answers"),
            seals,
            posters: Posters::spawn(scope, clock),
            tries: Arc::default(),
            audited: Arc::default(),
            hashing: Arc::new(Semaphore::new(2)),
        }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        UnixMillis(self.clock.unix_millis())
    }

    pub(crate) fn now_s(&self) -> i64 {
        self.clock.unix_millis().div_euclid(1_000)
    }

    /// Whether this was written into the audit a moment ago.
    pub(crate) fn audited_lately(&self, key: &Key) -> bool {
        self.audited.lock().unwrap_or_else(PoisonError::into_inner).has(self.clock.now(), key)
    }

    /// This was written into the audit.
    pub(crate) fn was_audited(&self, key: Key) {
        self.audited.lock().unwrap_or_else(PoisonError::into_inner).note(self.clock.now(), key);
    }

    /// Takes one try to log in, or says how long to wait.
    pub(crate) fn try_login(&self, of: &Try) -> Result<(), Duration> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner).take(self.clock.now(), of)
    }

    /// A try that was good costs nothing.
    pub(crate) fn login_was_good(&self, of: &Try) {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner).give_back(of);
    }
}

/// Forgets now and then what time has made worthless.
fn sweep(scope: &TaskScope, clock: Clock, store: Store) {
    let shutdown = scope.shutdown();
    scope.spawn("sweep", async move {
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                () = clock.sleep(SWEEP_EVERY) => {}
            }
            if let Err(error) = store.purge().await {
                tracing::warn!(error = sluice_fault::chain(&error), "old rows are not cleaned away");
            }
        }
    });
}

/// Nothing depends on rows going at once.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
