use std::time::{Duration, Instant};

/// Tells a path that died from one that has nothing to say: by packets sent after the last one received. Pure.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    received: u64,
    sent_when_heard: u64,
    /// The first time something was seen to be sent after the last packet was received.
    unanswered_since: Option<Instant>,
}

impl Liveness {
    /// Takes the connection's counters; whether it has been silent for longer than `patience`.
    pub(crate) fn stalled(&mut self, now: Instant, sent: u64, received: u64, patience: Duration) -> bool {
        if received != self.received {
            self.received = received;
            self.sent_when_heard = sent;
            self.unanswered_since = None;
        } else if sent != self.sent_when_heard {
            self.unanswered_since.get_or_insert(now);
        }
        self.unanswered_since.is_some_and(|since| now.saturating_duration_since(since) >= patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    #[test]
    fn silence_counts_only_after_something_was_sent() {
        let (mut liveness, now) = (Liveness::default(), sluice_runtime::Clock::system().now());
        let at = |ms| now + Duration::from_millis(ms);
        assert!(!liveness.stalled(at(0), 10, 10, PATIENCE));
        assert!(!liveness.stalled(at(5_000), 10, 10, PATIENCE));
        assert!(!liveness.stalled(at(5_250), 11, 10, PATIENCE));
        assert!(!liveness.stalled(at(6_000), 15, 10, PATIENCE));
        assert!(liveness.stalled(at(6_250), 16, 10, PATIENCE));
        assert!(!liveness.stalled(at(6_500), 16, 11, PATIENCE));
    }
}
