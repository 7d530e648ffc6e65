//! What is known of the devices on a site's networks: who they are whatever their address, and when to ask them. Pure.
//!
//! ```text
//! sighted ─▶ Asking ─▶ Understood | NeedsCredentials | Refused | NotUsable
//!              ▲          │ unanswered, bye: Silent · another device at its address: Changed
//!              └──────────┘ after long, or when it says hello
//! ```
//!
//! Identity: an endpoint reference, once understood a hardware address or a serial number, and before that an address.
//! What a device was first known by stays its key, so that what people decided about it stays with it. What the registry
//! has accepted is asked with the registry's credentials.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::{Duration, Instant},
};

use sluice_ids::UnixMillis;
use sluice_wire::control::{Found, FoundCamera, FoundState, How};
use url::Url;

use crate::transport::Trouble;

mod entry;
#[cfg(test)]
mod tests;

use entry::{Ask, Entry, USUAL_PATH, is_address, place};

/// A device was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Its endpoint reference; empty if not known.
    pub endpoint: String,
    /// Where to ask it, the likeliest first.
    pub places: Vec<Url>,
    /// What it calls itself.
    pub name: String,
    /// Its model.
    pub hardware: String,
    /// How it was seen.
    pub how: How,
}

/// Why a device is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// It wants credentials.
    #[error("it asks for a user and a password")]
    NeedsCredentials,
    /// It does not take those it was shown.
    #[error("it refuses the credentials")]
    Refused,
    /// Nobody answers.
    #[error("it does not answer")]
    Unreachable,
    /// It answers with something else.
    #[error("{0}")]
    NotUsable(String),
    /// Its certificate is not the one that was pinned.
    #[error("{}", Trouble::OtherCertificate)]
    OtherCertificate,
    /// It is asked something else already.
    #[error("it is busy")]
    Busy,
}

/// Names a device within one inventory.
pub(crate) type Id = u64;

#[derive(Debug, Clone)]
pub(crate) enum Input {
    Sighted(Sighting),
    /// It said that it goes, by its endpoint reference.
    Left(String),
    /// The answer to [`Output::Ask`].
    Answered(Answered),
    /// Credentials opened it: it is asked with them from now on.
    Opened {
        id: Id,
        credential: String,
        place: Url,
        cameras: Vec<FoundCamera>,
    },
    /// Credentials did not open it.
    NotOpened {
        id: Id,
        text: String,
    },
    /// A round of probes that began then is over: who did not answer missed it.
    RoundOver {
        began: Instant,
    },
    /// The cameras of the registry whose credentials are known here, all of them.
    Registered(Vec<Registered>),
    Woke,
}

/// A camera of the registry, as far as it concerns finding it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registered {
    /// What its device was found by.
    pub(crate) key: String,
    /// Where its device was.
    pub(crate) place: Url,
    /// The credential it was accepted with.
    pub(crate) credential: String,
    /// Somebody has just entered that, or the device was not known to be the registry's.
    pub(crate) fresh: bool,
}

/// What came of asking a device.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) id: Id,
    pub(crate) result: Result<(Url, Vec<FoundCamera>), NotUnderstood>,
    /// The device still answers where it was before: whoever else says to be it is another.
    pub(crate) stayed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// Ask a device what it is, at the first of these places that answers.
    Ask {
        id: Id,
        places: Vec<Url>,
        /// Where it was until now: only if nobody answers there has it moved.
        before: Option<Url>,
        /// The credential that opened it last, or that the registry has for it.
        credential: String,
    },
    /// What is kept for this device is not needed any more.
    Forget { id: Id },
}

/// The inventory of a site.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    entries: BTreeMap<Id, Entry>,
    endpoints: HashMap<String, Id>,
    places: HashMap<String, Id>,
    registered: Vec<Registered>,
    /// Who is being asked, forgotten devices too.
    asked: BTreeSet<Id>,
    issued: Id,
    /// Names of devices for which there was no room.
    turned_away: BTreeSet<String>,
    orders: VecDeque<Output>,
    revision: u64,
}

/// Entries at most, each video source being one; who comes later is counted and left out, unless somebody silent and
/// never understood makes room.
pub(crate) const MOST: usize = 2_000;
/// Devices without room that are told apart; there are at least so many.
const TURNED_AWAY: usize = 4_096;
/// A device that was never understood and does not show itself for so long makes room for others.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// Devices that are asked at once: their answers cost a slow appliance time.
const ASKED_AT_ONCE: usize = 8;
/// Rounds without an answer after which a device is asked itself.
const MISSED: u32 = 4;

impl Inventory {
    pub(crate) fn handle(&mut self, now: Instant, wall: UnixMillis, input: Input) {
        match input {
            Input::Sighted(sighting) => self.sighted(now, wall, sighting),
            Input::Left(endpoint) => self.left(now, &endpoint),
            Input::Answered(answered) => self.answered(now, wall, answered),
            Input::Opened { id, credential, place, cameras } => {
                if let Some(entry) = self.entries.get_mut(&id) {
                    entry.opened(credential);
                }
                self.understood(now, wall, id, (place, cameras));
            }
            Input::NotOpened { id, text } => {
                if let Some(entry) = self.entries.get_mut(&id)
                    && entry.state != FoundState::Understood
                {
                    self.revision += u64::from(entry.turn(FoundState::Refused, &text));
                }
            }
            Input::RoundOver { began } => self.round_over(now, began),
            Input::Registered(all) => self.register(now, all),
            Input::Woke => {}
        }
        self.ask(now);
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.orders.pop_front()
    }

    /// When to hand in [`Input::Woke`].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.asked.len() >= ASKED_AT_ONCE {
            return None;
        }
        self.entries.values().filter_map(Entry::due).min()
    }

    /// Counts changes that people should see.
    pub(crate) const fn revision(&self) -> u64 {
        self.revision
    }

    /// Every camera, in the order in which they were found.
    pub(crate) fn found(&self, searching: bool) -> Found {
        let cameras = self.entries.values().flat_map(Entry::cameras).collect();
        let cut: usize = self.entries.values().map(|entry| entry.cut).sum();
        let left_out = u32::try_from(self.turned_away.len() + cut).unwrap_or(u32::MAX);
        Found { searching, cameras, left_out }
    }

    /// The device of a key, and where it is asked.
    pub(crate) fn known(&self, key: &str) -> Option<(Id, Vec<Url>)> {
        let (id, entry) = self.entries.iter().find(|(_, entry)| entry.key == key)?;
        Some((*id, entry.places.clone()))
    }

    /// Whether a device is held back because its certificate is not the one that was pinned.
    pub(crate) fn has_other_certificate(&self, id: Id) -> bool {
        self.entries.get(&id).is_some_and(Entry::has_other_certificate)
    }

    /// Whether a device is known to answer there, so that nobody needs to be asked blindly. Who names a host alone means
    /// whatever device it is.
    pub(crate) fn is_at(&self, named: &Url) -> bool {
        let host = named.port().is_none() && named.path() == USUAL_PATH;
        let at = |url: &Url| url == named || (host && url.host() == named.host());
        self.entries.values().any(|entry| entry.places.iter().any(at))
    }

    fn sighted(&mut self, now: Instant, wall: UnixMillis, sighting: Sighting) {
        let Some(first) = sighting.places.first() else { return };
        let at = place(first);
        let by_name =
            self.endpoints.get(&sighting.endpoint).copied().filter(|_| !sighting.endpoint.is_empty());
        let by_place = self.places.get(&at).copied();
        let nameless = |id: &Id| {
            sighting.endpoint.is_empty()
                || self.entries.get(id).is_some_and(|entry| entry.endpoint.is_empty())
        };
        match by_name.or(by_place.filter(nameless)) {
            Some(id) => self.seen_again(now, wall, id, sighting),
            None => self.seen_first(now, wall, sighting),
        }
    }

    fn seen_again(&mut self, now: Instant, wall: UnixMillis, id: Id, sighting: Sighting) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if entry.endpoint.is_empty() && !sighting.endpoint.is_empty() {
            entry.endpoint.clone_from(&sighting.endpoint);
            self.endpoints.insert(sighting.endpoint.clone(), id);
        }
        let moved = entry.seen(now, wall, &sighting);
        self.revision += u64::from(moved);
    }

    fn seen_first(&mut self, now: Instant, wall: UnixMillis, sighting: Sighting) {
        let Some(first) = sighting.places.first() else { return };
        if !self.make_room(now) {
            let name = if sighting.endpoint.is_empty() { place(first) } else { sighting.endpoint };
            if self.turned_away.len() < TURNED_AWAY && self.turned_away.insert(name) {
                // The first is news; how many there are goes with what is told anyway.
                self.revision += u64::from(self.turned_away.len() == 1);
            }
            return;
        }
        self.turned_away.remove(&sighting.endpoint);
        self.issued += 1;
        let (id, mut entry) = (self.issued, Entry::new(now, wall, &sighting));
        // At an address where a device was that is known by it and has moved, another one is found.
        if self.entries.values().any(|other| other.key == entry.key) {
            entry.key = format!("{} #{id}", entry.key);
        }
        if let Some(one) = registered_as(&self.registered, &entry) {
            entry.offer(now, &one.credential);
        }
        // What a device says of itself is no proof that it is there: only who answered owns a place.
        if sighting.endpoint.is_empty() {
            self.places.insert(place(&entry.places[0]), id);
        } else {
            self.endpoints.insert(sighting.endpoint, id);
        }
        self.entries.insert(id, entry);
        self.revision += 1;
    }

    /// What the registry has opened before is asked with what opened it: after a restart nobody has to enter it again.
    fn register(&mut self, now: Instant, all: Vec<Registered>) {
        self.registered = all;
        for entry in self.entries.values_mut() {
            if let Some(one) = registered_as(&self.registered, entry).filter(|one| one.fresh) {
                entry.offer(now, &one.credential);
            }
        }
    }

    /// Whether there is room for one more.
    fn make_room(&mut self, now: Instant) -> bool {
        let held: usize = self.entries.values().map(Entry::count).sum();
        if held < MOST {
            return true;
        }
        let old = |entry: &Entry| now.saturating_duration_since(entry.seen_at) >= FORGOTTEN_AFTER;
        let idle =
            |entry: &&Entry| entry.understood.is_empty() && (entry.state == FoundState::Silent || old(entry));
        let oldest =
            self.entries.iter().filter(|(_, entry)| idle(entry)).min_by_key(|(_, entry)| entry.seen_at);
        let Some(id) = oldest.map(|(id, _)| *id) else { return false };
        self.remove(id);
        true
    }

    fn remove(&mut self, id: Id) {
        self.entries.remove(&id);
        self.endpoints.retain(|_, named| *named != id);
        self.places.retain(|_, there| *there != id);
        self.orders.push_back(Output::Forget { id });
        self.revision += 1;
    }

    fn left(&mut self, now: Instant, endpoint: &str) {
        let Some(entry) = self.endpoints.get(endpoint).and_then(|id| self.entries.get_mut(id)) else {
            return;
        };
        // Anybody can say bye for others, so it is asked before it is believed.
        entry.doubt(now);
    }

    fn answered(&mut self, now: Instant, wall: UnixMillis, answered: Answered) {
        let Answered { id, result, stayed } = answered;
        self.asked.remove(&id);
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.asking = false;
        if stayed {
            self.revision += u64::from(entry.stayed(now));
            return;
        }
        match result {
            Ok(understood) => {
                entry.proved();
                self.understood(now, wall, id, understood);
            }
            Err(why) => self.revision += u64::from(entry.failed(now, &why)),
        }
    }

    fn understood(
        &mut self,
        now: Instant,
        wall: UnixMillis,
        id: Id,
        (url, cameras): (Url, Vec<FoundCamera>),
    ) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if entry.is_another(&cameras) {
            self.revision += u64::from(entry.changed(now));
            return;
        }
        self.revision += u64::from(entry.understand(now, wall, &url, cameras));
        self.places.retain(|_, there| *there != id);
        let other = self.places.insert(place(&url), id);
        if let Some(other) = other.and_then(|other| self.entries.get_mut(&other)) {
            other.displaced();
        }
        self.merge(id);
        self.trim();
    }

    /// A device that was known under another name until it was understood is that one; the older name stays.
    fn merge(&mut self, id: Id) {
        let Some(known) = self.entries.get(&id) else { return };
        let same = |(other, entry): (&Id, &Entry)| (*other != id && entry.is_same(known)).then_some(*other);
        let Some(other) = self.entries.iter().find_map(same) else { return };
        let (keep, gone) = (id.min(other), id.max(other));
        let Some(removed) = self.entries.remove(&gone) else { return };
        for there in
            self.endpoints.values_mut().chain(self.places.values_mut()).filter(|there| **there == gone)
        {
            *there = keep;
        }
        if let Some(entry) = self.entries.get_mut(&keep) {
            entry.become_one(removed, gone == id);
        }
        self.orders.push_back(Output::Forget { id: gone });
        self.revision += 1;
    }

    /// A recorder may have turned out to be more cameras than there is room for.
    fn trim(&mut self) {
        let mut room = MOST;
        for entry in self.entries.values_mut() {
            let over = entry.understood.len().saturating_sub(room.max(1));
            if over > 0 {
                entry.understood.truncate(room.max(1));
                entry.cut = over;
            }
            room = room.saturating_sub(entry.count());
        }
    }

    fn round_over(&mut self, now: Instant, began: Instant) {
        for entry in self.entries.values_mut().filter(|entry| entry.answers_probes()) {
            entry.missed = if entry.seen_at >= began { 0 } else { entry.missed + 1 };
            if entry.missed == MISSED {
                entry.doubt(now);
            }
        }
    }

    /// Asks who is due, those first that wait longest.
    fn ask(&mut self, now: Instant) {
        let mut room = ASKED_AT_ONCE.saturating_sub(self.asked.len());
        let mut due: Vec<(Instant, Id)> = self
            .entries
            .iter()
            .filter_map(|(id, entry)| Some((entry.due().filter(|at| *at <= now)?, *id)))
            .collect();
        due.sort_unstable();
        for (_, id) in due {
            if room == 0 {
                return;
            }
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let Ask { places, before, credential } = entry.begin();
            self.asked.insert(id);
            self.orders.push_back(Output::Ask { id, places, before, credential });
            room -= 1;
        }
    }
}

/// The camera of the registry that this device is: by its key, or by its place where one of the two has no other name.
fn registered_as<'a>(registered: &'a [Registered], entry: &Entry) -> Option<&'a Registered> {
    let here = entry.places.first().map(place);
    let placed = |one: &&Registered| {
        (is_address(&one.key) || is_address(&entry.key)) && here.as_ref() == Some(&place(&one.place))
    };
    // Somebody may have entered another password for a recorder's second channel than for its first: the newest counts.
    let mut by_key = registered.iter().filter(|one| one.key == entry.key);
    let newest = by_key.clone().find(|one| one.fresh);
    newest.or_else(|| by_key.next()).or_else(|| registered.iter().find(placed))
}

/// Until a device that does not answer is asked again, the first time and at last.
pub(crate) const RETRY: [Duration; 4] =
    [Duration::from_secs(3), Duration::from_secs(15), Duration::from_secs(60), Duration::from_secs(600)];
