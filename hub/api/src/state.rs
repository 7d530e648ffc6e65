use std::{
    net::IpAddr,
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
    auth::{limit::Limit, signed::Seals},
    cors::Origins,
    events::Events,
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
    logins: Arc<Mutex<Logins>>,
    /// Argon2 takes a core and 19 MiB for tens of milliseconds: at most so many at once, the others wait.
    pub(crate) hashing: Arc<Semaphore>,
}

/// How often logins may be tried.
struct Logins {
    by_name: Limit<String>,
    by_address: Limit<IpAddr>,
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
        let logins = Logins {
            by_name: Limit::new(10, Duration::from_secs(6)),
            by_address: Limit::new(50, Duration::from_secs(2)),
        };
        Self {
            store,
            fleet,
            streams,
            clock,
            events,
            origins,
            answer_key: seals.derive("answers"),
            seals,
            logins: Arc::new(Mutex::new(logins)),
            hashing: Arc::new(Semaphore::new(2)),
        }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        UnixMillis(self.clock.unix_millis())
    }

    pub(crate) fn now_s(&self) -> i64 {
        self.clock.unix_millis().div_euclid(1_000)
    }

    /// Takes one try to log in, or says how long to wait.
    pub(crate) fn try_login(&self, name: &str, address: Option<IpAddr>) -> Result<(), Duration> {
        let now = self.clock.now();
        self.with_logins(|logins| {
            // The address first: whoever tries too often must not use up the tries of names, nor their table.
            address.map_or(Ok(()), |address| logins.by_address.take(now, &address))?;
            logins.by_name.take(now, &name.to_owned())
        })
    }

    /// A try that was good costs nothing.
    pub(crate) fn login_was_good(&self, name: &str, address: Option<IpAddr>) {
        self.with_logins(|logins| {
            logins.by_name.give_back(&name.to_owned());
            if let Some(address) = address {
                logins.by_address.give_back(&address);
            }
        });
    }

    fn with_logins<T>(&self, work: impl FnOnce(&mut Logins) -> T) -> T {
        work(&mut self.logins.lock().unwrap_or_else(PoisonError::into_inner))
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
