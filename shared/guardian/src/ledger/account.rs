use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use sluice_wire::control::SessionKind;

use super::Verdict;
use crate::device::Fingerprint;

/// What is known of one device: how much it serves, and what it thinks of secrets.
#[derive(Debug, Default)]
pub(super) struct Account {
    set: Option<u32>,
    learnt: Option<Learnt>,
    secrets: BTreeMap<Fingerprint, Secret>,
}

/// What refusals taught.
#[derive(Debug, Clone, Copy)]
struct Learnt {
    most: u32,
    /// From here on one more is tried.
    again_at: Instant,
}

#[derive(Debug)]
struct Secret {
    stream: Standing,
    question: Standing,
    /// Whether a stream was ever asked for with it.
    of_stream: bool,
    shown: Instant,
}

/// What one side of a device said of a secret. Cameras exist whose ONVIF users are others than those of their streams.
#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    refused: u32,
    works: bool,
}

/// Cameras lock an account after three to seven wrong passwords.
const REFUSALS: u32 = 2;
/// Somebody else's session may be over by then, and asking costs the camera one refusal.
const AGAIN_AFTER_REFUSAL: Duration = Duration::from_secs(60);
/// A 401 that was taken for "no session left" may be a changed password after all: twice an hour locks no account.
const AGAIN_AFTER_SUSPICION: Duration = Duration::from_secs(31 * 60);
/// Of one device; a bank of credentials is shorter.
const SECRETS: usize = 64;

impl Account {
    /// A budget that somebody set; another one makes what was learnt void.
    pub(super) fn set(&mut self, budget: Option<u32>) {
        if self.set != budget {
            self.set = budget;
            self.learnt = None;
        }
    }

    pub(super) fn known(&self) -> Option<u32> {
        match (self.set, self.learnt) {
            (Some(set), Some(learnt)) => Some(set.min(learnt.most)),
            (set, learnt) => set.or(learnt.map(|learnt| learnt.most)),
        }
    }

    /// How many streams it may be asked for now; `None` for any number.
    pub(super) fn allows(&self, now: Instant) -> Option<u32> {
        let learnt = self.learnt.map(|learnt| learnt.most + u32::from(now >= learnt.again_at));
        match (self.set, learnt) {
            (Some(set), Some(learnt)) => Some(set.min(learnt)),
            (set, learnt) => set.or(learnt),
        }
    }

    /// It serves so many at once.
    pub(super) fn served(&mut self, held: u32) {
        if let Some(learnt) = &mut self.learnt {
            learnt.most = learnt.most.max(held);
        }
    }

    /// It serves no more than are held of it. Without any the sessions are somebody else's, and nothing is learnt.
    pub(super) fn ran_out(&mut self, now: Instant, held: u32) {
        if held > 0 {
            self.learnt = Some(Learnt { most: held, again_at: now + AGAIN_AFTER_REFUSAL });
        }
    }

    /// It refused a secret while it served so many streams. Those that are being left prove nothing: a camera whose
    /// password was changed ends them all.
    pub(super) fn unauthorised(
        &mut self,
        now: Instant,
        (kind, secret): (SessionKind, Fingerprint),
        served: u32,
    ) -> Verdict {
        let proven = self.is_proven(secret);
        if kind == SessionKind::Rtsp && proven && served > 0 {
            self.learnt = Some(Learnt { most: served, again_at: now + AGAIN_AFTER_SUSPICION });
            return Verdict::Exhausted;
        }
        if let Some(found) = self.secrets.get_mut(&secret) {
            found.side(kind).refused += 1;
        }
        Verdict::Wrong { locked: self.is_locked(kind, secret) }
    }

    pub(super) fn accepted(&mut self, kind: SessionKind, secret: Fingerprint) {
        if let Some(found) = self.secrets.get_mut(&secret) {
            *found.side(kind) = Standing { refused: 0, works: true };
        }
    }

    /// A secret is about to be shown.
    pub(super) fn shown(&mut self, now: Instant, kind: SessionKind, secret: Fingerprint) {
        if self.secrets.len() >= SECRETS && !self.secrets.contains_key(&secret) {
            let oldest = self.secrets.iter().min_by_key(|(_, known)| known.shown).map(|(print, _)| *print);
            oldest.and_then(|print| self.secrets.remove(&print));
        }
        let known = self.secrets.entry(secret).or_insert_with(|| Secret {
            stream: Standing::default(),
            question: Standing::default(),
            of_stream: false,
            shown: now,
        });
        known.shown = now;
        known.of_stream |= kind == SessionKind::Rtsp;
    }

    /// Whether it ever opened anything here.
    pub(super) fn is_proven(&self, secret: Fingerprint) -> bool {
        self.secrets.get(&secret).is_some_and(|known| known.stream.works || known.question.works)
    }

    pub(super) fn is_locked(&self, kind: SessionKind, secret: Fingerprint) -> bool {
        let Some(known) = self.secrets.get(&secret) else { return false };
        let (own, other) = match kind {
            SessionKind::Rtsp => (known.stream, known.question),
            SessionKind::Onvif => (known.question, known.stream),
        };
        if own.works || other.works {
            return own.refused >= REFUSALS;
        }
        // Of the two attempts one belongs to the stream, so that a camera without this ONVIF user still plays.
        let reserved = u32::from(kind == SessionKind::Onvif && known.of_stream);
        own.refused + other.refused >= REFUSALS || own.refused >= REFUSALS - reserved
    }

    /// The same device was known under another name.
    pub(super) fn join(&mut self, other: Self) {
        self.set = self.set.or(other.set);
        self.learnt = self.learnt.or(other.learnt);
        for (print, known) in other.secrets {
            self.secrets.entry(print).or_insert(known);
        }
    }
}

impl Secret {
    fn side(&mut self, kind: SessionKind) -> &mut Standing {
        match kind {
            SessionKind::Rtsp => &mut self.stream,
            SessionKind::Onvif => &mut self.question,
        }
    }
}
