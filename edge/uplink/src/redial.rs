use std::time::{Duration, Instant};

use sluice_runtime::Backoff;

/// Decides when a node is dialled. Pure.
///
/// ```text
/// Down ──backoff 1-30 s, one at a time──▶ Up ──stalled, or gone with feeds──▶ urgent: one every 500 ms,
///  ▲                                      ▲ │                                 at most two at once
///  └────────── gone without feeds ────────┼─┘                                  │
///                                         └──────────── first hello ───────────┘
/// ```
#[derive(Debug)]
pub(crate) struct Redial {
    dials: u8,
    next: Option<Instant>,
    urgent_until: Option<Instant>,
    up: bool,
    backoff: Backoff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// The first hello came; other dials are given up.
    Greeted,
    /// A dial failed or was given up.
    DialFailed,
    /// Something flows and nothing is heard.
    Stalled,
    /// Something is heard again.
    Recovered,
    /// The link is gone.
    Ended {
        /// Something flowed over it.
        feeds: bool,
    },
}

impl Redial {
    /// Dials at once.
    pub(crate) fn new(now: Instant) -> Self {
        let backoff = Backoff::new(FIRST, LONGEST);
        Self { dials: 0, next: Some(now), urgent_until: None, up: false, backoff }
    }

    /// `dice` is uniform in `0.0..1.0`.
    pub(crate) fn handle(&mut self, now: Instant, dice: f64, input: Input) {
        match input {
            Input::Greeted => {
                (self.up, self.dials, self.next, self.urgent_until) = (true, 0, None, None);
                self.backoff.reset();
            }
            Input::DialFailed => {
                self.dials = self.dials.saturating_sub(1);
                if !self.up && self.urgent_until.is_none() && self.dials == 0 {
                    self.next = Some(now + self.backoff.next(dice));
                }
            }
            Input::Stalled => self.hurry(now),
            // The old connection still takes seconds to trust the path again; a fresh one does not.
            Input::Recovered => self.urgent_until = self.urgent_until.map(|until| until.min(now + FAREWELL)),
            Input::Ended { feeds } => {
                self.up = false;
                if feeds {
                    self.hurry(now);
                } else if self.urgent_until.is_none() && self.next.is_none() {
                    self.next = Some(now + self.backoff.next(dice));
                }
            }
        }
    }

    /// Whether to dial now.
    pub(crate) fn poll(&mut self, now: Instant, dice: f64) -> bool {
        if self.next.is_none_or(|next| next > now) {
            return false;
        }
        let Some(until) = self.urgent_until else {
            self.next = None;
            return self.start(1);
        };
        if now >= until {
            self.urgent_until = None;
            self.next = (!self.up).then(|| now + self.backoff.next(dice));
            return false;
        }
        self.next = Some(now + URGENT.mul_f64(0.75 + dice / 2.0));
        self.start(2)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.next
    }

    fn hurry(&mut self, now: Instant) {
        if self.urgent_until.is_none() {
            self.next = Some(now);
        }
        self.urgent_until = Some(now + URGENT_FOR);
    }

    fn start(&mut self, at_most: u8) -> bool {
        let free = self.dials < at_most;
        self.dials += u8::from(free);
        free
    }
}

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// How often a site whose viewers wait is dialled.
const URGENT: Duration = Duration::from_millis(500);
/// How long a link that is heard again is still dialled beside: two dials, of which one is not lost.
const FAREWELL: Duration = Duration::from_millis(750);
/// How long viewers are taken to wait after their link went down.
const URGENT_FOR: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Instant {
        sluice_runtime::Clock::system().now()
    }

    /// Dials within `span`, while nothing answers and each dial takes `each`.
    fn dials(redial: &mut Redial, from: Instant, span: Duration, each: Duration) -> (usize, usize) {
        let (mut at, mut count, mut open, mut most) = (from, 0, Vec::<Instant>::new(), 0);
        while at < from + span {
            at += Duration::from_millis(10);
            while open.first().is_some_and(|end| *end <= at) {
                open.remove(0);
                redial.handle(at, 0.5, Input::DialFailed);
            }
            if redial.poll(at, 0.5) {
                count += 1;
                open.push(at + each);
                most = most.max(open.len());
            }
        }
        (count, most)
    }

    #[test]
    fn without_viewers_the_waits_grow_and_one_dial_is_out_at_a_time() {
        let now = start();
        let mut redial = Redial::new(now);
        let (count, most) = dials(&mut redial, now, Duration::from_secs(300), Duration::from_secs(5));
        assert_eq!(most, 1);
        assert!((10..=25).contains(&count), "{count}");
    }

    #[test]
    fn a_stalled_link_with_viewers_is_dialled_twice_a_second_beside_itself() {
        let now = start();
        let mut redial = Redial::new(now);
        assert!(redial.poll(now, 0.5));
        redial.handle(now, 0.5, Input::Greeted);
        assert_eq!(redial.deadline(), None);
        redial.handle(now, 0.5, Input::Stalled);
        let (count, most) = dials(&mut redial, now, Duration::from_secs(10), Duration::from_secs(1));
        assert_eq!(most, 2);
        assert!((18..=21).contains(&count), "{count}");
        let recovered = now + Duration::from_secs(10);
        for _ in 0..2 {
            redial.handle(recovered, 0.5, Input::DialFailed);
        }
        redial.handle(recovered, 0.5, Input::Recovered);
        let (count, _) = dials(&mut redial, recovered, Duration::from_secs(10), Duration::from_secs(1));
        assert!((1..=2).contains(&count), "{count}");
        assert_eq!(redial.deadline(), None);
    }

    #[test]
    fn nobody_waits_for_ever() {
        let now = start();
        let mut redial = Redial::new(now);
        assert!(redial.poll(now, 0.5));
        redial.handle(now, 0.5, Input::Greeted);
        redial.handle(now, 0.5, Input::Ended { feeds: true });
        dials(&mut redial, now, URGENT_FOR + Duration::from_secs(1), Duration::from_secs(1));
        let later = now + URGENT_FOR + Duration::from_secs(1);
        let (count, _) = dials(&mut redial, later, Duration::from_secs(120), Duration::from_secs(1));
        assert!((3..=15).contains(&count), "{count}");
    }
}
