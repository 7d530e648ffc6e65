//! When a camera is asked for a key frame, and whether that helps. Pure.

use std::time::{Duration, Instant};

use crate::onvif::AskError;

/// The wishes for key frames of one tier.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    asked: Option<Instant>,
    under_way: bool,
    /// Asked key frames that came soon, and those that came when they would have come anyway.
    soon: u32,
    late: u32,
    /// When it turned out that asking is in vain.
    given_up: Option<Instant>,
}

/// A camera encodes at most one extra key frame a second, whoever asks (design: coalesced).
const INTERVAL: Duration = Duration::from_secs(1);
/// A key frame that was asked for comes within this; cameras need up to half a second.
const SOON: Duration = Duration::from_millis(800);
/// So many late ones in a row, and none that came soon, and it is not asked any more.
const LATE: u32 = 3;
/// A camera with another firmware may have learnt it.
const AGAIN: Duration = Duration::from_secs(3_600);

impl Wishes {
    /// Somebody wants one. Whether to ask the camera now.
    pub(super) fn wish(&mut self, now: Instant) -> bool {
        let passed = |since: Option<Instant>, span| {
            since.is_none_or(|since| now.saturating_duration_since(since) >= span)
        };
        if self.under_way || !passed(self.asked, INTERVAL) || !passed(self.given_up, AGAIN) {
            return false;
        }
        if self.given_up.take().is_some() {
            self.late = LATE - 1;
        }
        (self.asked, self.under_way) = (Some(now), true);
        true
    }

    /// What the camera said.
    pub(super) fn answered(&mut self, now: Instant, answer: &Result<(), AskError>) {
        self.under_way = false;
        if matches!(answer, Err(AskError::NotSupported)) {
            self.given_up = Some(now);
        }
    }

    /// A key frame came so long after it was asked for. Whether that was late.
    pub(super) fn came(&mut self, now: Instant, after: Duration) -> bool {
        if after <= SOON {
            self.soon += 1;
            (self.late, self.given_up) = (0, None);
            return false;
        }
        self.late += 1;
        if self.soon == 0 && self.late >= LATE {
            self.given_up = Some(now);
        }
        true
    }

    /// Whether asking helps; `None` until it is known.
    pub(super) const fn helps(&self) -> Option<bool> {
        match (self.soon, self.given_up) {
            (1.., _) => Some(true),
            (0, Some(_)) => Some(false),
            (0, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any beginning will do")]
    fn start() -> Instant {
        Instant::now()
    }

    fn asked(wishes: &mut Wishes, now: Instant) -> bool {
        let asked = wishes.wish(now);
        if asked {
            wishes.answered(now, &Ok(()));
        }
        asked
    }

    #[test]
    fn a_thousand_wishes_are_one_question_a_second() {
        let (begin, mut wishes) = (start(), Wishes::default());
        let asked = (0..1_000).filter(|n| asked(&mut wishes, begin + Duration::from_millis(n * 3))).count();
        assert_eq!(asked, 3);
        let mut slow = Wishes::default();
        assert!(slow.wish(begin) && !slow.wish(begin + Duration::from_secs(9)), "one is under way");
        slow.answered(begin, &Err(AskError::NoPicture));
        assert!(slow.wish(begin + Duration::from_secs(10)));
    }

    #[test]
    fn a_camera_that_sends_none_sooner_is_not_asked_any_more() {
        let (mut now, mut wishes) = (start(), Wishes::default());
        for _ in 0..LATE {
            assert!(asked(&mut wishes, now));
            assert_eq!(wishes.helps(), None);
            assert!(wishes.came(now, Duration::from_secs(3)));
            now += Duration::from_secs(5);
        }
        assert_eq!(wishes.helps(), Some(false));
        assert!(!asked(&mut wishes, now));
        now += AGAIN;
        assert!(asked(&mut wishes, now), "perhaps by now");
        assert!(wishes.came(now, Duration::from_secs(3)));
        assert_eq!((wishes.helps(), asked(&mut wishes, now + INTERVAL)), (Some(false), false));
    }

    #[test]
    fn a_camera_that_helped_once_is_believed() {
        let (mut now, mut wishes) = (start(), Wishes::default());
        assert!(!wishes.came(now, Duration::from_millis(300)));
        for _ in 0..10 {
            wishes.came(now, Duration::from_secs(3));
            now += Duration::from_secs(2);
            assert!(asked(&mut wishes, now));
        }
        assert_eq!(wishes.helps(), Some(true));
    }

    #[test]
    fn a_camera_that_says_no_is_believed_at_once_and_silence_is_no_answer() {
        let (now, mut wishes) = (start(), Wishes::default());
        assert!(wishes.wish(now));
        wishes.answered(now, &Err(AskError::NotSupported));
        assert_eq!((wishes.helps(), wishes.wish(now + INTERVAL)), (Some(false), false));
        let mut unknown = Wishes::default();
        for n in 0..20 {
            assert!(asked(&mut unknown, now + Duration::from_secs(n)), "nobody tells what came of it");
        }
        assert_eq!(unknown.helps(), None);
    }
}
