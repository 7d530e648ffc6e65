//! What of a camera's events is told. Pure.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use sluice_wire::control::CameraEventKind;

use crate::onvif::Notice;

/// The events of one camera.
#[derive(Debug, Default)]
pub(super) struct Chatter {
    /// What each source said last.
    states: BTreeMap<(&'static str, String), Option<bool>>,
    /// When the last of the free places comes back.
    until: Option<Instant>,
    left_out: u32,
}

/// Sources that are remembered; more are told each time.
const MAX_STATES: usize = 64;
/// So many at once, and then one for each [`PAUSE`].
const BURST: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);

impl Chatter {
    /// Whether an event is told now, and how many before it were not.
    pub(super) fn hear(&mut self, now: Instant, notice: &Notice) -> Option<u32> {
        if !self.is_news(notice) {
            return None;
        }
        let until = self.until.map_or(now, |until| until.max(now));
        if until.saturating_duration_since(now) > PAUSE * (BURST - 1) {
            self.lose(1);
            return None;
        }
        self.until = Some(until + PAUSE);
        Some(std::mem::take(&mut self.left_out))
    }

    /// Events that nobody had room for.
    pub(super) fn lose(&mut self, count: u32) {
        self.left_out = self.left_out.saturating_add(count);
    }

    /// Cameras repeat how things stand, at the beginning of every subscription and in between.
    fn is_news(&mut self, notice: &Notice) -> bool {
        if notice.active.is_none() {
            return !notice.initial;
        }
        let place = (word(notice.kind), notice.source.clone());
        let known = self.states.get(&place).copied();
        if known == Some(notice.active) || (known.is_none() && notice.initial && notice.active == Some(false))
        {
            return false;
        }
        if known.is_some() || self.states.len() < MAX_STATES {
            self.states.insert(place, notice.active);
        }
        true
    }
}

const fn word(kind: CameraEventKind) -> &'static str {
    match kind {
        CameraEventKind::Motion => "motion",
        CameraEventKind::Tamper => "tamper",
        CameraEventKind::Input => "input",
        CameraEventKind::Other => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any beginning will do")]
    fn start() -> Instant {
        Instant::now()
    }

    fn motion(source: &str, active: bool) -> Notice {
        let (kind, source) = (CameraEventKind::Motion, source.to_owned());
        Notice { kind, active: Some(active), source, initial: false }
    }

    #[test]
    fn changes_are_told_and_repetitions_are_not() {
        let (now, mut chatter) = (start(), Chatter::default());
        let mut hear = |notice: Notice| chatter.hear(now, &notice).is_some();
        assert!(!hear(Notice { initial: true, ..motion("v", false) }), "nothing moves: no news");
        assert!(hear(motion("v", true)) && !hear(motion("v", true)));
        assert!(hear(motion("w", true)), "another source");
        assert!(hear(motion("v", false)));
        assert!(hear(Notice { initial: true, ..motion("v", true) }), "it began while nobody listened");
    }

    #[test]
    fn a_flood_is_thinned_and_counted() {
        let (begin, mut chatter) = (start(), Chatter::default());
        let mut told = Vec::new();
        for n in 0..1_000_u64 {
            let now = begin + Duration::from_millis(n * 10);
            told.extend(chatter.hear(now, &motion("v", n % 2 == 0)));
        }
        assert!((38..=42).contains(&told.len()), "20 at once and 2 a second: {}", told.len());
        let last = chatter.hear(begin + Duration::from_secs(60), &motion("v", true)).unwrap();
        let left_out = usize::try_from(told.iter().sum::<u32>() + last).unwrap();
        assert_eq!(left_out, 1_000 - told.len(), "every one is accounted for");
    }

    #[test]
    fn sources_are_bounded() {
        let (now, mut chatter) = (start(), Chatter::default());
        for n in 0..10_000_u32 {
            chatter.hear(now + Duration::from_secs(n.into()), &motion(&n.to_string(), true));
        }
        assert_eq!(chatter.states.len(), MAX_STATES);
    }
}
