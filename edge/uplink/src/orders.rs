use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use sluice_wire::control::{Answer, Failure, FailureCode, Outcome};

/// Which orders of one link wait for their answer. Pure: each gets exactly one, in time or not.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    waiting: BTreeMap<u64, Instant>,
}

/// What to do with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// Carry it out.
    New,
    /// It came before and is being carried out.
    UnderWay,
    /// Answer that there are too many.
    Busy,
}

/// Orders at once; more are answered `busy`.
const AT_ONCE: usize = 64;
/// Credentials at many slow cameras take longest.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

impl Orders {
    /// An order came.
    pub(crate) fn begin(&mut self, now: Instant, number: u64) -> Begun {
        if self.waiting.contains_key(&number) {
            return Begun::UnderWay;
        }
        if self.waiting.len() >= AT_ONCE {
            return Begun::Busy;
        }
        self.waiting.insert(number, now + ANSWERED_WITHIN);
        Begun::New
    }

    /// Whether this answer is still waited for.
    pub(crate) fn end(&mut self, number: u64) -> bool {
        self.waiting.remove(&number).is_some()
    }

    /// The answer to an order that took too long.
    pub(crate) fn overdue(&mut self, now: Instant) -> Option<Answer> {
        let number = self.waiting.iter().find(|(_, due)| **due <= now).map(|(number, _)| *number)?;
        self.waiting.remove(&number);
        Some(failed(number, FailureCode::Unreachable, "it took too long"))
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting.values().min().copied()
    }
}

pub(crate) fn failed(number: u64, code: FailureCode, text: &str) -> Answer {
    Answer { number, outcome: Outcome::Failed(Failure { code, text: text.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_answered_once_and_no_more_than_sixty_four_wait() {
        let (mut orders, now) = (Orders::default(), sluice_runtime::Clock::system().now());
        for number in 1..=64 {
            assert_eq!(orders.begin(now, number), Begun::New);
        }
        assert_eq!((orders.begin(now, 65), orders.begin(now, 7)), (Begun::Busy, Begun::UnderWay));
        assert!(orders.end(7) && !orders.end(7));
        assert_eq!(orders.begin(now, 65), Begun::New);
        let late = orders.deadline().unwrap();
        assert_eq!(orders.overdue(now), None);
        let overdue: Vec<u64> =
            std::iter::from_fn(|| orders.overdue(late)).map(|answer| answer.number).collect();
        assert_eq!(overdue.len(), 64);
        assert!(!orders.end(1) && orders.deadline().is_none());
    }
}
