//! Finds the devices on a site's networks: asks everybody (WS-Discovery), hears who comes and goes, asks address ranges
//! one by one where nobody can be asked at once, and has every device asked what it is.
//!
//! ```text
//! probes, hellos, scan ─▶ flood limit ─▶ read ─▶ Inventory (pure) ─▶ found
//!                                                   │ ▲
//!                                          who is due ▼ │ what it is      at most eight devices at once
//!                                                 Understand
//! ```
//!
//! Bounds: datagrams per time and source, 2,000 entries, eight questions, one probe round in two minutes once the
//! first rounds are over, fifty scanned addresses a second.

use std::{pin::Pin, sync::Arc};

use sluice_runtime::{Clock, TaskScope};
use sluice_telemetry::Metrics;
use sluice_wire::control::{Found, FoundCamera, Tried};
use tokio::sync::{mpsc, oneshot, watch};
use url::Url;

use crate::{Connector, Credentials, Networks, Range, onvif::AskError};

mod ears;
mod flood;
pub(crate) mod message;
mod metrics;
mod rounds;
mod scan;
mod sockets;
mod task;
mod trying;

use metrics::DiscoveryMetrics;
use task::Task;

/// Where devices are looked for.
#[derive(Debug, Clone)]
pub struct DiscoveryConfig {
    /// Whether anybody is asked without an order. Addresses that somebody names are asked in any case.
    pub enabled: bool,
    /// Interfaces by name or IPv4 address; none for all but loopback.
    pub interfaces: Vec<String>,
    /// Networks behind routers that are searched address by address.
    pub ranges: Vec<Range>,
    /// The port of WS-Discovery, 3702.
    pub port: u16,
}

impl Default for DiscoveryConfig {
    fn default() -> Self {
        Self { enabled: true, interfaces: Vec::new(), ranges: Vec::new(), port: PORT }
    }
}

/// A device's cameras, on their way.
pub type Understanding<'a> = Pin<Box<dyn Future<Output = Result<Vec<FoundCamera>, AskError>> + Send + 'a>>;

/// Who asks devices what they are.
pub trait Understand: Send + Sync {
    /// Every video source of the device whose service answers there.
    fn understand<'a>(&'a self, place: &'a Url, credentials: Option<&'a Credentials>) -> Understanding<'a>;

    /// Believes the next certificate of the device at this place: a person wants it opened.
    fn trust_anew(&self, place: &Url);
}

/// A user and a password to try, and what the hub calls them.
#[derive(Debug, Clone)]
pub struct Offered {
    /// Names it.
    pub id: String,
    /// What is tried; `None` for what does not open with this device's key.
    pub credentials: Option<Credentials>,
}

/// A camera of the registry that is opened with credentials: its device needs not be opened by a person again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// What its device was found by.
    pub key: String,
    /// Where its device is, as far as is known.
    pub xaddr: Url,
    /// What the hub calls the credentials.
    pub credential: String,
    /// What opens it.
    pub credentials: Credentials,
    /// How often they were entered since this process began.
    pub entered: u64,
}

/// Why nothing is searched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// No range that is searched.
    #[error("{0} is not a range of at most 8,192 private IPv4 addresses")]
    Range(String),
    /// No address.
    #[error("{0} is no address of a camera")]
    Address(String),
    /// Too much at once.
    #[error("too much is being searched already")]
    Busy,
}

/// The handle of the search and its inventory; its task ends with the scope.
#[derive(Debug, Clone)]
pub struct Discovery {
    orders: mpsc::Sender<Command>,
    found: watch::Receiver<Arc<Found>>,
}

/// What the owner is asked.
pub(crate) enum Command {
    Search { ranges: Vec<String>, addresses: Vec<String>, answer: oneshot::Sender<Result<(), SearchError>> },
    Try { keys: Vec<String>, offered: Vec<Offered>, answer: oneshot::Sender<Vec<Tried>> },
    Allow(Vec<Range>),
    Know(Vec<Registered>),
}

impl Understand for Connector {
    fn understand<'a>(&'a self, place: &'a Url, credentials: Option<&'a Credentials>) -> Understanding<'a> {
        Box::pin(crate::understand(self, place, credentials.cloned()))
    }

    fn trust_anew(&self, place: &Url) {
        self.trust_anew(place);
    }
}

impl Discovery {
    /// Begins to search. `networks` is kept at what may be asked: the interfaces' networks and the ranges.
    #[must_use]
    pub fn spawn(
        scope: &TaskScope,
        clock: Clock,
        (config, networks): (DiscoveryConfig, Networks),
        asker: Arc<dyn Understand>,
        metrics: &Metrics,
    ) -> Self {
        let (orders, inbox) = mpsc::channel(ORDERS);
        let (publish, found) = watch::channel(Arc::default());
        let counts = DiscoveryMetrics::register(metrics);
        let task = Task::new(scope.child(), clock, (config, networks), (asker, counts), publish);
        scope.spawn("discovery", task.run(inbox, scope.shutdown()));
        Self { orders, found }
    }

    /// Everything that was found, whenever it changed.
    #[must_use]
    pub fn found(&self) -> watch::Receiver<Arc<Found>> {
        self.found.clone()
    }

    /// Searches now. The answer says that the search began.
    ///
    /// # Errors
    /// When a range or an address is none, or too much is being searched.
    pub async fn search(&self, ranges: Vec<String>, addresses: Vec<String>) -> Result<(), SearchError> {
        let (answer, answered) = oneshot::channel();
        let order = Command::Search { ranges, addresses, answer };
        self.orders.try_send(order).map_err(|_| SearchError::Busy)?;
        answered.await.unwrap_or(Err(SearchError::Busy))
    }

    /// Tries credentials at devices, in the order given, until one opens. What opened a device is kept in memory.
    pub async fn try_credentials(&self, keys: Vec<String>, offered: Vec<Offered>) -> Vec<Tried> {
        let (answer, answered) = oneshot::channel();
        let busy = |key: &String| Tried {
            key: key.clone(),
            credential: String::new(),
            text: "too much is being tried already".to_owned(),
        };
        let turned_away: Vec<Tried> = keys.iter().map(busy).collect();
        if self.orders.try_send(Command::Try { keys, offered, answer }).is_err() {
            return turned_away;
        }
        answered.await.unwrap_or(turned_away)
    }

    /// Addresses of cameras that the hub named, which may be asked beside the site's own networks.
    pub async fn allow(&self, ranges: Vec<Range>) {
        // A search that has ended asks nobody.
        let _ = self.orders.send(Command::Allow(ranges)).await;
    }

    /// Every camera of the registry that is opened with credentials. Their devices are asked with these from now on, at once
    /// where they were entered again.
    pub async fn know(&self, registered: Vec<Registered>) {
        // A search that has ended asks nobody.
        let _ = self.orders.send(Command::Know(registered)).await;
    }
}

/// ONVIF core specification §7.3.
const PORT: u16 = 3_702;
/// Searches and trials that wait; more are turned away.
const ORDERS: usize = 32;
