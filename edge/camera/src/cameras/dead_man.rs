//! Who stops a camera that nobody stops. Pure.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The heads that move, by profile.
#[derive(Debug, Default)]
pub(super) struct DeadMan {
    moving: BTreeMap<String, Moving>,
}

#[derive(Debug, Clone, Copy)]
struct Moving {
    until: Instant,
    failed: u32,
}

/// After a stop that the camera did not take.
const AGAIN: Duration = Duration::from_millis(300);
/// So often; the camera has a time limit of its own by then.
const MAX_FAILED: u32 = 5;

impl DeadMan {
    /// It moves until told otherwise, or until this time.
    pub(super) fn moves(&mut self, profile: &str, until: Instant) {
        self.moving.insert(profile.to_owned(), Moving { until, failed: 0 });
    }

    /// It was stopped, or goes somewhere and stops there.
    pub(super) fn rests(&mut self, profile: &str) {
        self.moving.remove(profile);
    }

    /// It did not take the stop.
    pub(super) fn refused(&mut self, now: Instant, profile: &str) {
        if let Some(moving) = self.moving.get_mut(profile) {
            (moving.until, moving.failed) = (now + AGAIN, moving.failed + 1);
            if moving.failed >= MAX_FAILED {
                self.moving.remove(profile);
            }
        }
    }

    /// Which must be stopped by now.
    pub(super) fn due(&self, now: Instant) -> Option<String> {
        let due = self.moving.iter().find(|(_, moving)| moving.until <= now);
        due.map(|(profile, _)| profile.clone())
    }

    /// Which move, due or not.
    pub(super) fn moving(&self) -> Vec<String> {
        self.moving.keys().cloned().collect()
    }

    /// When to look again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.moving.values().map(|moving| moving.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any beginning will do")]
    fn what_moves_is_stopped_in_time_and_again_where_it_does_not_listen() {
        let begin = Instant::now();
        let after = |ms| begin + Duration::from_millis(ms);
        let mut dead_man = DeadMan::default();
        assert_eq!(dead_man.deadline(), None);
        dead_man.moves("a", after(1_000));
        dead_man.moves("b", after(2_000));
        assert_eq!((dead_man.deadline(), dead_man.due(after(999))), (Some(after(1_000)), None));
        dead_man.moves("a", after(1_500));
        assert_eq!(dead_man.due(after(1_000)), None, "a newer order counts");
        assert_eq!(dead_man.due(after(1_500)).as_deref(), Some("a"));
        dead_man.rests("a");
        for failed in 1..=MAX_FAILED {
            assert_eq!(dead_man.due(after(9_000)).as_deref(), Some("b"), "{failed}");
            dead_man.refused(after(2_000), "b");
        }
        assert_eq!((dead_man.deadline(), dead_man.moving().len()), (None, 0));
    }
}
