//! The owner of the search: its sockets, the inventory, and who is being asked.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use sluice_ids::UnixMillis;
use sluice_runtime::{Clock, Shutdown, TaskScope, random_bytes};
use sluice_wire::control::{Found, How, Tried};
use tokio::{
    select,
    sync::{mpsc, oneshot, watch},
};
use url::Url;

use super::{
    Command, DiscoveryConfig, DiscoveryMetrics, Offered, Registered, SearchError, Understand,
    ears::{Datagram, Ears, Via},
    flood::Flood,
    message::{self, Message, Presence},
    rounds::{Due, Rounds},
    scan::{self, Scan},
    sockets,
    trying::{self, Opened, Trial},
};
use crate::{
    credentials::Credentials,
    inventory::{self, Answered, Id, Input, Inventory, NotUnderstood, Output, Sighting},
    networks::{Networks, Range},
};

pub(super) struct Task {
    scope: TaskScope,
    clock: Clock,
    config: DiscoveryConfig,
    networks: Networks,
    allowed: Vec<Range>,
    ordered: Vec<Range>,
    asker: Arc<dyn Understand>,
    metrics: DiscoveryMetrics,
    found: watch::Sender<Arc<Found>>,
    inventory: Inventory,
    /// What opened a device, in memory only.
    secrets: HashMap<Id, (String, Credentials)>,
    registered: Vec<Registered>,
    rounds: Rounds,
    scan: Scan,
    flood: Flood,
    ears: Option<Ears>,
    /// Addresses that somebody named, and when they are asked without having answered a probe.
    named: Vec<(Instant, Ipv4Addr, Url)>,
    events: mpsc::Sender<Event>,
    answers: mpsc::Receiver<Event>,
    datagrams: (mpsc::Sender<Datagram>, mpsc::Receiver<Datagram>),
    told: Told,
}

struct Told {
    revision: u64,
    searching: bool,
    again_at: Instant,
    /// Changes that come together are told together.
    due: Option<Instant>,
}

enum Event {
    Answered(Answered),
    Tried {
        id: Id,
        opened: Box<Result<Opened, String>>,
    },
    /// Every device of an order was tried.
    AllTried {
        tried: Vec<Tried>,
        answer: oneshot::Sender<Vec<Tried>>,
    },
}

/// Datagrams that wait to be read; those beyond are dropped and counted.
const DATAGRAMS: usize = 1_024;
/// Answers that wait to be read; who asked waits.
const EVENTS: usize = 64;
const SETTLE: Duration = Duration::from_millis(300);
/// When they were last seen is told this often while nothing else changes.
const TELL_EVERY: Duration = Duration::from_secs(1_800);
/// How long a named address has to answer a probe before its web service is asked.
const NAMED: Duration = Duration::from_millis(1_500);
/// Named addresses that wait for their answer.
const ADDRESSES: usize = 256;
/// Ranges and addresses that orders added.
const ORDERED: usize = 512;
/// Devices at which credentials are tried at once.
const TRIALS: usize = 8;
/// Of one order.
const KEYS: usize = 500;
const OFFERED: usize = 32;

impl Task {
    pub(super) fn new(
        scope: TaskScope,
        clock: Clock,
        (config, networks): (DiscoveryConfig, Networks),
        (asker, metrics): (Arc<dyn Understand>, DiscoveryMetrics),
        found: watch::Sender<Arc<Found>>,
    ) -> Self {
        let (events, answers) = mpsc::channel(EVENTS);
        let now = clock.now();
        let mut task = Self {
            scope,
            clock,
            networks,
            allowed: Vec::new(),
            ordered: Vec::new(),
            asker,
            metrics,
            found,
            inventory: Inventory::default(),
            secrets: HashMap::new(),
            registered: Vec::new(),
            rounds: Rounds::new(now),
            scan: Scan::default(),
            flood: Flood::default(),
            ears: None,
            named: Vec::new(),
            events,
            answers,
            datagrams: mpsc::channel(DATAGRAMS),
            told: Told { revision: 0, searching: false, again_at: now + TELL_EVERY, due: None },
            config,
        };
        for range in task.config.ranges.clone() {
            if task.config.enabled && !task.scan.add(range, now) {
                tracing::warn!(%range, "a range is too long to be searched address by address");
            }
        }
        task.permit();
        task
    }

    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Command>, shutdown: Shutdown) {
        loop {
            self.obey();
            self.publish();
            let deadline = self.deadline();
            select! { biased;
                () = shutdown.requested() => break,
                Some(event) = self.answers.recv() => self.event(event),
                () = self.clock.sleep_until(Some(deadline)) => self.woke().await,
                order = orders.recv() => match order {
                    Some(order) => self.take(order).await,
                    None => break,
                },
                // Last: a flood of them holds up nothing else.
                Some(datagram) = self.datagrams.1.recv() => self.heard(&datagram),
            }
        }
        self.scope.cancel();
    }

    fn deadline(&self) -> Instant {
        let named = self.named.iter().map(|(at, ..)| *at).min();
        let rounds = self.config.enabled.then(|| self.rounds.deadline());
        let all = [rounds, self.scan.deadline(), self.inventory.deadline(), named, self.told.due];
        all.into_iter().flatten().min().map_or(self.told.again_at, |at| at.min(self.told.again_at))
    }

    async fn woke(&mut self) {
        let now = self.clock.now();
        while self.config.enabled
            && let Some(due) = self.rounds.poll(now, dice())
        {
            match due {
                Due::Probe => self.probe().await,
                Due::Over(began) => self.input(Input::RoundOver { began }),
            }
        }
        if let Some(address) = self.scan.poll(now) {
            self.call(address).await;
        }
        for (.., place) in self.named.extract_if(.., |(at, ..)| *at <= now).collect::<Vec<_>>() {
            if !self.inventory.is_at(&place) {
                self.sighted(nameless(place));
            }
        }
        self.input(Input::Woke);
    }

    fn input(&mut self, input: Input) {
        let wall = UnixMillis(self.clock.unix_millis());
        self.inventory.handle(self.clock.now(), wall, input);
    }

    fn sighted(&mut self, sighting: Sighting) {
        self.input(Input::Sighted(sighting));
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Answered(answered) => self.input(Input::Answered(answered)),
            Event::Tried { id, opened } => match *opened {
                Ok(Opened { offered, place, cameras }) => {
                    if let Some(credentials) = offered.credentials {
                        self.secrets.insert(id, (offered.id.clone(), credentials));
                    }
                    self.input(Input::Opened { id, credential: offered.id, place, cameras });
                }
                Err(text) => self.input(Input::NotOpened { id, text }),
            },
            Event::AllTried { tried, answer } => {
                // What opened is told before who tried it is answered.
                self.told.due = Some(self.clock.now());
                self.publish();
                // Who asked may not wait any more.
                let _ = answer.send(tried);
            }
        }
    }

    fn heard(&mut self, Datagram { bytes, from, via }: &Datagram) {
        self.metrics.datagrams.inc();
        if !self.flood.admits(self.clock.now(), from.ip()) {
            self.metrics.flooded.inc();
            return;
        }
        let how = match (*via, from.ip()) {
            (Via::Call, IpAddr::V4(ip)) if self.named.iter().any(|(_, named, _)| *named == ip) => How::Manual,
            (Via::Call, _) => How::Scan,
            _ => How::Probe,
        };
        match message::read(bytes) {
            Some(Message::Matches(all)) => {
                for presence in all {
                    self.sighted(sighting(presence, from.ip(), how));
                }
            }
            Some(Message::Hello(presence)) => self.sighted(sighting(presence, from.ip(), How::Hello)),
            Some(Message::Bye(endpoint)) => self.input(Input::Left(endpoint)),
            None => {
                self.metrics.unread.inc();
            }
        }
    }

    fn obey(&mut self) {
        while let Some(order) = self.inventory.poll() {
            match order {
                Output::Ask { id, places, before, credential } => {
                    let credentials = self.secret(id, &credential).cloned();
                    self.metrics.asked.inc();
                    let (asker, events) = (Arc::clone(&self.asker), self.events.clone());
                    self.scope.spawn("ask-device", async move {
                        let answered = asked(&*asker, id, (places, before), credentials).await;
                        // The owner is gone only when the process ends.
                        let _ = events.send(Event::Answered(answered)).await;
                    });
                }
                Output::Forget { id } => drop(self.secrets.remove(&id)),
            }
        }
    }

    async fn take(&mut self, order: Command) {
        match order {
            Command::Search { ranges, addresses, answer } => {
                // Who does not wait any more has its search all the same.
                let _ = answer.send(self.search(&ranges, &addresses).await);
            }
            Command::Try { keys, offered, answer } => self.trials(keys, offered, answer),
            Command::Allow(ranges) => {
                if self.allowed != ranges {
                    self.allowed = ranges;
                    self.permit();
                }
            }
            Command::Know(registered) => self.know(registered),
        }
    }

    /// What a credential is: as it opened this device, or as the registry has it.
    fn secret(&self, id: Id, credential: &str) -> Option<&Credentials> {
        let opened = self.secrets.get(&id).filter(|(named, _)| named == credential);
        let registered = || self.registered.iter().find(|one| one.credential == credential);
        opened.map(|(_, secret)| secret).or_else(|| registered().map(|one| &one.credentials))
    }

    fn know(&mut self, registered: Vec<Registered>) {
        if self.registered == registered {
            return;
        }
        let tell = |one: &Registered| inventory::Registered {
            key: one.key.clone(),
            place: one.xaddr.clone(),
            credential: one.credential.clone(),
            fresh: !self.registered.contains(one),
        };
        let told = registered.iter().map(tell).collect();
        self.registered = registered;
        // What was entered anew under the same name is not what opened a device before.
        let other = |one: &Registered, (named, secret): &(String, Credentials)| {
            one.credential == *named && one.credentials != *secret
        };
        self.secrets.retain(|_, known| !self.registered.iter().any(|one| other(one, known)));
        self.input(Input::Registered(told));
    }

    async fn search(&mut self, ranges: &[String], addresses: &[String]) -> Result<(), SearchError> {
        let now = self.clock.now();
        if addresses.len() + self.named.len() > ADDRESSES || ranges.len() > scan::RANGES {
            return Err(SearchError::Busy);
        }
        let mut parsed = Vec::new();
        for text in ranges {
            let range = text.parse::<Range>().ok().filter(|range| is_private(range.base()));
            parsed.push(range.ok_or_else(|| SearchError::Range(text.clone()))?);
        }
        let places: Result<Vec<Url>, SearchError> = addresses
            .iter()
            .map(|text| named(text).ok_or_else(|| SearchError::Address(text.clone())))
            .collect();
        for (text, range) in ranges.iter().zip(parsed) {
            if !self.scan.add(range, now) {
                return Err(SearchError::Range(text.clone()));
            }
            self.order(range);
        }
        for place in places? {
            match place.host_str().and_then(|host| host.parse::<Ipv4Addr>().ok()) {
                Some(address) => {
                    self.order(Range::new(address.into(), 32));
                    self.call(address).await;
                    self.named.push((now + NAMED, address, place));
                }
                None => self.sighted(nameless(place)),
            }
        }
        self.rounds.begin(now);
        Ok(())
    }

    /// What somebody orders is allowed from now on.
    fn order(&mut self, range: Range) {
        if self.ordered.len() < ORDERED && !self.ordered.contains(&range) {
            self.ordered.push(range);
            self.permit();
        }
    }

    fn trials(&mut self, keys: Vec<String>, offered: Vec<Offered>, answer: oneshot::Sender<Vec<Tried>>) {
        let trial = |key: String| match self.inventory.known(&key) {
            Some((id, places)) => {
                // A person who wants it opened was told that its certificate is another.
                if self.inventory.has_other_certificate(id) {
                    // Its own: a device may name places of others.
                    let host = places.first().and_then(Url::host);
                    let own = places.iter().filter(|place| place.host() == host);
                    own.for_each(|place| self.asker.trust_anew(place));
                }
                Trial { id, key, places }
            }
            None => Trial { id: 0, key, places: Vec::new() },
        };
        let trials: Vec<Trial> = keys.into_iter().take(KEYS).map(trial).collect();
        let (asker, events, clock) = (Arc::clone(&self.asker), self.events.clone(), self.clock);
        let (mut offered, tried) = (offered, self.metrics.tried.clone());
        offered.truncate(OFFERED);
        self.scope.spawn("try-credentials", async move {
            let (offered, asker, events) = (&offered, &asker, &events);
            let one = |trial: Trial| async move {
                if trial.id == 0 {
                    return told(trial.key, "", "no such camera is known here any more");
                }
                let opened = trying::one(clock, Arc::clone(asker), &trial, offered).await;
                let answer = match &opened {
                    Ok(opened) => told(trial.key, &opened.offered.id, ""),
                    Err(text) => told(trial.key, "", text),
                };
                let _ = events.send(Event::Tried { id: trial.id, opened: Box::new(opened) }).await;
                answer
            };
            let all: Vec<Tried> = stream::iter(trials).map(one).buffered(TRIALS).collect().await;
            tried.inc_by(all.len() as u64);
            let _ = events.send(Event::AllTried { tried: all, answer }).await;
        });
    }

    /// Asks everybody, on every interface that there is now.
    async fn probe(&mut self) {
        self.listen();
        if let Some(ears) = &self.ears {
            ears.probe().await;
        }
    }

    /// Asks one address.
    async fn call(&mut self, address: Ipv4Addr) {
        if self.ears.is_none() {
            self.listen();
        }
        if let Some(ears) = &self.ears {
            ears.call(address).await;
        }
    }

    /// Opens the sockets anew if the interfaces are others than before.
    fn listen(&mut self) {
        let wanted =
            if self.config.enabled { sockets::interfaces(&self.config.interfaces) } else { Ok(Vec::new()) };
        let interfaces = match wanted {
            Ok(interfaces) => interfaces,
            Err(error) => {
                tracing::warn!(%error, "the interfaces of this machine are not known");
                return;
            }
        };
        if self.ears.as_ref().is_some_and(|ears| ears.are_on(&interfaces)) {
            return;
        }
        self.permit();
        let at = (interfaces, self.config.port);
        self.ears = Some(Ears::open(&self.scope, self.clock, at, &self.datagrams.0, &self.metrics));
    }

    /// Keeps what may be asked at what there is.
    fn permit(&self) {
        let own = Networks::of_interfaces(&self.config.interfaces).unwrap_or_default();
        let more = self.config.ranges.iter().chain(&self.allowed).chain(&self.ordered).copied();
        self.networks.replace(own.into_iter().chain(more).collect());
    }

    /// Tells what changed, not more often than every [`SETTLE`].
    fn publish(&mut self) {
        let now = self.clock.now();
        let searching = (self.config.enabled && self.rounds.is_searching()) || self.scan.deadline().is_some();
        let news = self.inventory.revision() != self.told.revision || searching != self.told.searching;
        if !news && now < self.told.again_at {
            self.told.due = None;
            return;
        }
        let due = *self.told.due.get_or_insert(now + SETTLE);
        if now < due {
            return;
        }
        self.told =
            Told { revision: self.inventory.revision(), searching, again_at: now + TELL_EVERY, due: None };
        self.found.send_replace(Arc::new(self.inventory.found(searching)));
    }
}

/// Asks a device what it is; who says to have moved is only believed once nobody answers at its old place.
async fn asked(
    asker: &dyn Understand,
    id: Id,
    (places, before): (Vec<Url>, Option<Url>),
    credentials: Option<Credentials>,
) -> Answered {
    if let Some(before) = before {
        let there = trying::understood(asker, &[before], None).await;
        if !matches!(there, Err(NotUnderstood::Unreachable)) {
            return Answered { id, result: there, stayed: true };
        }
    }
    let result = trying::understood(asker, &places, credentials.as_ref()).await;
    Answered { id, result, stayed: false }
}

fn sighting(presence: Presence, from: IpAddr, how: How) -> Sighting {
    let places = presence.places(from);
    Sighting { endpoint: presence.endpoint, places, name: presence.name, hardware: presence.hardware, how }
}

fn nameless(place: Url) -> Sighting {
    Sighting {
        endpoint: String::new(),
        places: vec![place],
        name: String::new(),
        hardware: String::new(),
        how: How::Manual,
    }
}

/// `host`, `host:port` or the URL of a device service.
fn named(text: &str) -> Option<Url> {
    let text = text.trim();
    if text.contains("://") {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        return (url.has_host() && url.username().is_empty() && url.password().is_none()).then_some(url);
    }
    let url = message::device_service(text)?;
    (url.path() == "/onvif/device_service" && url.username().is_empty()).then_some(url)
}

/// What an order may have searched: networks of a site, never the internet.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_loopback(),
        IpAddr::V6(_) => false,
    }
}

fn told(key: String, credential: &str, text: &str) -> Tried {
    Tried { key, credential: credential.to_owned(), text: text.to_owned() }
}

fn dice() -> f64 {
    let [byte] = random_bytes::<1>();
    f64::from(byte) / 256.0
}
