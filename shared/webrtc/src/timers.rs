use std::{cmp::Reverse, collections::BinaryHeap, time::Instant};

use crate::frame::SessionKey;

/// When viewers want to be woken. A viewer's deadline moves with every packet, so entries are not moved: an
/// entry that comes due too early is set again, one that a nearer entry replaced is stale.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, SessionKey)>>,
}

impl Timers {
    /// Sets the timer of a viewer whose entry, if any, is at `armed`. Where the entry is now.
    pub(crate) fn arm(&mut self, key: SessionKey, deadline: Instant, armed: Option<Instant>) -> Instant {
        match armed {
            Some(armed) if armed <= deadline => armed,
            _ => {
                self.heap.push(Reverse((deadline, key)));
                deadline
            }
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// The next entry that is due at `now`.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<(Instant, SessionKey)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sluice_runtime::Clock;

    use super::*;

    #[test]
    fn a_later_deadline_costs_no_entry_and_a_nearer_one_wins() {
        let (mut timers, now) = (Timers::default(), Clock::system().now());
        let key = SessionKey(1);
        let in_ms = |ms| now + Duration::from_millis(ms);
        let armed = timers.arm(key, in_ms(20), None);
        let armed = timers.arm(key, in_ms(50), Some(armed));
        assert_eq!((armed, timers.heap.len()), (in_ms(20), 1));
        let armed = timers.arm(key, in_ms(5), Some(armed));
        assert_eq!((armed, timers.next()), (in_ms(5), Some(in_ms(5))));
        assert_eq!(timers.pop(in_ms(4)), None);
        assert_eq!(timers.pop(in_ms(5)), Some((in_ms(5), key)));
    }
}
