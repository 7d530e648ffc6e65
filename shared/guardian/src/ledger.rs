//! Who may ask which device for what, and when. Pure.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use sluice_wire::control::{SessionKind, SessionState};

use crate::{
    Limits,
    device::{Device, Fingerprint},
};

mod account;
#[cfg(test)]
mod tests;

use account::Account;

/// One wish for a session.
#[derive(Debug, Clone)]
pub struct Ask {
    pub(crate) device: Device,
    pub(crate) kind: SessionKind,
    pub(crate) purpose: String,
    pub(crate) secret: Option<Fingerprint>,
    pub(crate) watched: bool,
}

impl Ask {
    /// A stream; `purpose` is its tier.
    pub fn stream(device: Device, purpose: impl Into<String>) -> Self {
        Self { device, kind: SessionKind::Rtsp, purpose: purpose.into(), secret: None, watched: false }
    }

    /// A question over ONVIF; `purpose` says which, in a word.
    pub fn question(device: Device, purpose: impl Into<String>) -> Self {
        Self { device, kind: SessionKind::Onvif, purpose: purpose.into(), secret: None, watched: false }
    }

    /// The secret that the device will be shown.
    #[must_use]
    pub const fn with(mut self, secret: Option<Fingerprint>) -> Self {
        self.secret = secret;
        self
    }

    /// Somebody waits for it: it goes before what is only kept warm.
    #[must_use]
    pub const fn watched(mut self, watched: bool) -> Self {
        self.watched = watched;
        self
    }
}

/// Why a device is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It refused this secret as often as it may.
    #[error("the password was refused twice and is not tried again until the settings change")]
    Locked,
    /// It serves no more sessions than these.
    #[error("all {budget} sessions that the camera serves are in use")]
    Exhausted {
        /// How many it serves, as set or learnt.
        budget: u32,
    },
    /// Others were first for too long.
    #[error("too many cameras are being opened at once")]
    Busy,
}

/// What a device said instead of serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Wrong user or password: RTSP and HTTP 401, ONVIF `NotAuthorized`.
    Auth,
    /// No session left: RTSP 453 or 503.
    Sessions,
    /// Anything else, silence too.
    Other,
}

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The device has no session left, whatever it said.
    Exhausted,
    /// The secret is wrong; `locked` when it will not be tried again.
    Wrong {
        /// Whether it was the last time.
        locked: bool,
    },
    /// It says nothing about sessions or secrets.
    Other,
}

pub(crate) type Ticket = u64;

#[derive(Debug, Clone)]
pub(crate) enum Input {
    Asked {
        ticket: Ticket,
        ask: Ask,
    },
    Opened {
        ticket: Ticket,
    },
    Refused {
        ticket: Ticket,
        refusal: Refusal,
    },
    /// Over here; at the device at the latest after so long.
    Left {
        ticket: Ticket,
        at_most: Duration,
    },
    /// Over everywhere, or not waited for any more.
    Gone {
        ticket: Ticket,
    },
    BudgetSet {
        device: Device,
        budget: Option<u32>,
    },
    /// What answers at one place is known as another.
    Recognised {
        at: Device,
        key: Device,
    },
    Woke,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Admit(Ticket),
    Deny(Ticket, Denied),
    /// Answers [`Input::Refused`].
    Judge(Ticket, Verdict),
}

/// One session, wished for or held.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) ask: Ask,
    pub(crate) state: SessionState,
    pub(crate) since: Instant,
    /// Of a session that is left.
    until: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    limits: Limits,
    accounts: BTreeMap<Device, Account>,
    known: BTreeMap<Device, Device>,
    /// By the order in which they asked.
    entries: BTreeMap<Ticket, Entry>,
    outputs: VecDeque<Output>,
    looked: Option<Instant>,
}

/// Who stands in the way of an entry.
enum Obstacle {
    Locked,
    Budget(u32),
    Turn,
}

/// A session that is being left elsewhere comes free in this time, or somebody uses it.
const BUDGET_PATIENCE: Duration = Duration::from_secs(5);
/// Devices that are kept in mind; a site has at most half as many cameras.
const DEVICES: usize = 4_096;
/// Questions at one device at once: the web servers of cameras are small.
const QUESTIONS: usize = 2;

impl Ledger {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            accounts: BTreeMap::new(),
            known: BTreeMap::new(),
            entries: BTreeMap::new(),
            outputs: VecDeque::new(),
            looked: None,
        }
    }

    pub(crate) fn handle(&mut self, now: Instant, input: Input) {
        self.looked = Some(now);
        match input {
            Input::Asked { ticket, ask } => self.asked(now, ticket, ask),
            Input::Opened { ticket } => self.opened(now, ticket),
            Input::Refused { ticket, refusal } => self.refused(now, ticket, refusal),
            Input::Left { ticket, at_most } => {
                if let Some(entry) = self.entries.get_mut(&ticket) {
                    entry.turn(now, SessionState::Leaving);
                    entry.until = Some(now + at_most);
                }
            }
            Input::Gone { ticket } => {
                self.entries.remove(&ticket);
            }
            Input::BudgetSet { device, budget } => {
                let device = self.resolved(&device);
                self.account(&device).set(budget);
            }
            Input::Recognised { at, key } => self.recognised(&at, key),
            Input::Woke => {}
        }
        self.entries.retain(|_, entry| entry.until.is_none_or(|until| until > now));
        self.sweep(now);
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to hand in [`Input::Woke`]; only while somebody waits.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let waiting = |entry: &&Entry| entry.state == SessionState::Waiting;
        let waits = self.entries.values().filter(waiting);
        let patience = self.limits.patience;
        let turns = waits.flat_map(|entry| [entry.since + BUDGET_PATIENCE, entry.since + patience]);
        let ends = self.entries.values().filter_map(|entry| entry.until);
        let anybody = self.entries.values().any(|entry| waiting(&entry));
        let later = |at: &Instant| self.looked.is_none_or(|looked| *at > looked);
        anybody.then(|| turns.chain(ends).filter(later).min()).flatten()
    }

    /// Every session of a device, in the order in which they were asked for.
    pub(crate) fn sessions(&self, now: Instant, device: &Device) -> impl Iterator<Item = &Entry> {
        let device = self.resolved(device);
        let counts =
            move |entry: &&Entry| entry.ask.device == device && entry.until.is_none_or(|until| until > now);
        self.entries.values().filter(counts)
    }

    /// Devices of which somebody waits to watch one stream while others use all sessions.
    pub(crate) fn crowded(&self, now: Instant) -> Vec<Device> {
        let waits = |entry: &Entry| entry.state == SessionState::Waiting && entry.ask.watched;
        let blocked = |ticket: &Ticket| matches!(self.obstacle(now, *ticket), Some(Obstacle::Budget(_)));
        let all = self.entries.iter().filter(|(ticket, entry)| waits(entry) && blocked(ticket));
        all.map(|(_, entry)| entry.ask.device.clone()).collect()
    }

    /// What a device at an address is known as.
    pub(crate) fn known_as(&self, device: &Device) -> Device {
        self.resolved(device)
    }

    /// How many streams a device serves, as set or learnt.
    pub(crate) fn budget(&self, device: &Device) -> Option<u32> {
        self.accounts.get(&self.resolved(device))?.known()
    }

    /// Whether a device may not be shown a secret any more.
    pub(crate) fn is_locked(&self, device: &Device, kind: SessionKind, secret: Fingerprint) -> bool {
        self.accounts.get(&self.resolved(device)).is_some_and(|account| account.is_locked(kind, secret))
    }

    fn asked(&mut self, now: Instant, ticket: Ticket, mut ask: Ask) {
        ask.device = self.resolved(&ask.device);
        if self.entries.len() >= self.limits.entries {
            self.outputs.push_back(Output::Deny(ticket, Denied::Busy));
            return;
        }
        if let Some(secret) = ask.secret {
            let kind = ask.kind;
            self.account(&ask.device).shown(now, kind, secret);
        }
        self.entries.insert(ticket, Entry { ask, state: SessionState::Waiting, since: now, until: None });
    }

    fn opened(&mut self, now: Instant, ticket: Ticket) {
        let Some(entry) = self.entries.get_mut(&ticket) else { return };
        entry.turn(now, SessionState::Open);
        let (device, kind, secret) = (entry.ask.device.clone(), entry.ask.kind, entry.ask.secret);
        let held = self.held(&device);
        let account = self.account(&device);
        if kind == SessionKind::Rtsp {
            account.served(held);
        }
        if let Some(secret) = secret {
            account.accepted(kind, secret);
        }
    }

    fn refused(&mut self, now: Instant, ticket: Ticket, refusal: Refusal) {
        let Some(entry) = self.entries.remove(&ticket) else { return };
        let Ask { device, kind, secret, .. } = entry.ask;
        let (held, served) = (self.held(&device), self.count(&device, &[SessionState::Open]));
        let account = self.account(&device);
        let verdict = match refusal {
            Refusal::Sessions => {
                account.ran_out(now, held);
                Verdict::Exhausted
            }
            Refusal::Auth => match secret {
                Some(secret) => account.unauthorised(now, (kind, secret), served),
                None => Verdict::Wrong { locked: false },
            },
            Refusal::Other => Verdict::Other,
        };
        self.outputs.push_back(Output::Judge(ticket, verdict));
    }

    fn recognised(&mut self, at: &Device, key: Device) {
        if *at == key || self.known.get(at) == Some(&key) || self.known.len() >= DEVICES {
            return;
        }
        let before = self.resolved(at);
        self.known.insert(at.clone(), key.clone());
        // What was found out at the address goes with the device, unless the address was another's until now.
        if before == *at
            && let Some(account) = self.accounts.remove(at)
        {
            self.account(&key).join(account);
        }
        // What is held of who was there before stays with it.
        for entry in self.entries.values_mut().filter(|entry| before == *at && entry.ask.device == before) {
            entry.ask.device = key.clone();
        }
    }

    /// Lets in who may: those first whom somebody waits for, then in the order in which they asked.
    fn sweep(&mut self, now: Instant) {
        let waiting =
            |(ticket, entry): (&Ticket, &Entry)| (entry.state == SessionState::Waiting).then_some(*ticket);
        let mut waiting: Vec<Ticket> = self.entries.iter().filter_map(waiting).collect();
        waiting.sort_by_key(|ticket| !self.entries.get(ticket).is_some_and(|entry| entry.ask.watched));
        for ticket in waiting {
            let obstacle = self.obstacle(now, ticket);
            let Some(entry) = self.entries.get_mut(&ticket) else { continue };
            let waited = now.saturating_duration_since(entry.since);
            let denied = match obstacle {
                None => {
                    entry.turn(now, SessionState::Opening);
                    self.outputs.push_back(Output::Admit(ticket));
                    continue;
                }
                Some(Obstacle::Locked) => Denied::Locked,
                Some(Obstacle::Budget(budget)) if waited >= BUDGET_PATIENCE => Denied::Exhausted { budget },
                Some(_) if waited >= self.limits.patience => Denied::Busy,
                Some(_) => continue,
            };
            self.entries.remove(&ticket);
            self.outputs.push_back(Output::Deny(ticket, denied));
        }
    }

    fn obstacle(&self, now: Instant, ticket: Ticket) -> Option<Obstacle> {
        let Ask { device, kind, secret, .. } = &self.entries.get(&ticket)?.ask;
        let account = self.accounts.get(device);
        let opening = |entry: &&Entry| entry.state == SessionState::Opening;
        if let (Some(secret), Some(account)) = (secret, account) {
            if account.is_locked(*kind, *secret) {
                return Some(Obstacle::Locked);
            }
            // Three tiers that show an unknown secret at the same moment are three wrong passwords.
            let shown = |entry: &&Entry| entry.ask.device == *device && entry.ask.secret == Some(*secret);
            if !account.is_proven(*secret) && self.entries.values().filter(opening).any(|entry| shown(&entry))
            {
                return Some(Obstacle::Turn);
            }
        }
        if *kind == SessionKind::Onvif {
            let asking = |entry: &&Entry| {
                entry.ask.device == *device && entry.ask.kind == *kind && entry.state != SessionState::Waiting
            };
            return (self.entries.values().filter(asking).count() >= QUESTIONS).then_some(Obstacle::Turn);
        }
        let stream = |entry: &&Entry| entry.ask.kind == SessionKind::Rtsp;
        let all = || self.entries.values().filter(opening).filter(stream);
        let here = all().filter(|entry| entry.ask.device == *device).count();
        let used = self.held(device).saturating_add(u32::try_from(here).unwrap_or(u32::MAX));
        let budget = account.and_then(|account| account.allows(now));
        match budget {
            Some(budget) if used >= budget => Some(Obstacle::Budget(budget)),
            _ => (all().count() >= self.limits.ramp).then_some(Obstacle::Turn),
        }
    }

    /// Streams that count at the device: open, or perhaps not yet over.
    fn held(&self, device: &Device) -> u32 {
        self.count(device, &[SessionState::Open, SessionState::Leaving])
    }

    fn count(&self, device: &Device, states: &[SessionState]) -> u32 {
        let counts = |entry: &&Entry| {
            entry.ask.kind == SessionKind::Rtsp
                && entry.ask.device == *device
                && states.contains(&entry.state)
        };
        u32::try_from(self.entries.values().filter(counts).count()).unwrap_or(u32::MAX)
    }

    fn resolved(&self, device: &Device) -> Device {
        self.known.get(device).unwrap_or(device).clone()
    }

    fn account(&mut self, device: &Device) -> &mut Account {
        if self.accounts.len() >= DEVICES && !self.accounts.contains_key(device) {
            let busy = |device: &Device| self.entries.values().any(|entry| entry.ask.device == *device);
            // What is forgotten is learnt again; a locked secret is shown twice more after 4,096 other devices.
            let idle = self.accounts.keys().find(|device| !busy(device)).cloned();
            idle.and_then(|device| self.accounts.remove(&device));
        }
        self.accounts.entry(device.clone()).or_default()
    }
}

impl Entry {
    fn turn(&mut self, now: Instant, state: SessionState) {
        self.state = state;
        self.since = now;
    }
}
