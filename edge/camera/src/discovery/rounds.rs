use std::time::{Duration, Instant};

/// When everybody is asked: a few times after the start or an order, then seldom. Pure.
#[derive(Debug)]
pub(super) struct Rounds {
    left: usize,
    /// Somebody waits for what is found.
    searching: bool,
    next_at: Instant,
    /// The round that is being answered.
    began: Option<Instant>,
}

/// Datagrams are lost, and some cameras sleep through the first probe.
const BURST: usize = 4;
const APART: Duration = Duration::from_millis(1_500);
/// Enough to notice within ten minutes that a camera is gone.
const SELDOM: Duration = Duration::from_secs(120);
/// WS-Discovery has devices wait up to half a second, and slow ones compute as long.
const ANSWERS_WITHIN: Duration = Duration::from_secs(4);

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Probe,
    /// The round that began then is over.
    Over(Instant),
}

impl Rounds {
    pub(super) const fn new(now: Instant) -> Self {
        Self { left: BURST, searching: true, next_at: now, began: None }
    }

    /// Somebody wants to know now.
    pub(super) fn begin(&mut self, now: Instant) {
        (self.left, self.searching) = (BURST, true);
        self.next_at = self.next_at.min(now);
    }

    /// Whether a search goes on.
    pub(super) const fn is_searching(&self) -> bool {
        self.searching
    }

    /// What is due; `dice` in `0.0..1.0` spreads rounds of many appliances.
    pub(super) fn poll(&mut self, now: Instant, dice: f64) -> Option<Due> {
        if now >= self.next_at {
            self.left = self.left.saturating_sub(1);
            self.next_at = now + if self.left > 0 { APART } else { SELDOM.mul_f64(0.9 + 0.2 * dice) };
            // Answers to the last round of a burst are answers to all of it.
            self.began = Some(now);
            return Some(Due::Probe);
        }
        let over = self.began.filter(|began| now >= *began + ANSWERS_WITHIN)?;
        self.began = None;
        self.searching &= self.left > 0;
        Some(Due::Over(over))
    }

    pub(super) fn deadline(&self) -> Instant {
        let over = self.began.map(|began| began + ANSWERS_WITHIN);
        over.map_or(self.next_at, |over| over.min(self.next_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an arbitrary beginning")]
    fn a_search_is_four_rounds_and_then_one_in_two_minutes() {
        let began = Instant::now();
        let (mut rounds, mut now, mut probes, mut over) = (Rounds::new(began), began, 0, 0);
        while now < began + Duration::from_secs(3_600) {
            now = rounds.deadline().max(now);
            match rounds.poll(now, 0.5) {
                Some(Due::Probe) => probes += 1,
                Some(Due::Over(_)) => over += 1,
                None => {}
            }
        }
        assert!((4 + 29..=4 + 31).contains(&probes), "{probes}");
        assert!(over >= 30 && !rounds.is_searching());
        rounds.begin(now);
        assert!(rounds.is_searching() && rounds.poll(now, 0.5) == Some(Due::Probe));
    }
}
