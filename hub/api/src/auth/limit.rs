use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

/// Lets a key try so many times at once and then once per interval. Pure.
#[derive(Debug)]
pub(crate) struct Limit<K> {
    burst: u32,
    every: Duration,
    /// When each key is as if it had never tried (GCRA).
    rested_at: HashMap<K, Instant>,
}

impl<K: Eq + Hash + Clone> Limit<K> {
    pub(crate) fn new(burst: u32, every: Duration) -> Self {
        Self { burst, every, rested_at: HashMap::new() }
    }

    /// Takes one try, or says how long to wait for the next.
    pub(crate) fn take(&mut self, now: Instant, key: &K) -> Result<(), Duration> {
        if self.rested_at.len() >= MOST_KEYS {
            self.rested_at.retain(|_, rested_at| *rested_at > now);
        }
        // A full table of keys that all still wait means a flood: nobody new is let in before one has rested.
        if self.rested_at.len() >= MOST_KEYS && !self.rested_at.contains_key(key) {
            return Err(self.every);
        }
        let rested_at = self.rested_at.get(key).copied().filter(|at| *at > now).unwrap_or(now);
        let next = rested_at + self.every;
        let over = next.duration_since(now).saturating_sub(self.every * self.burst);
        if over > Duration::ZERO {
            return Err(over);
        }
        self.rested_at.insert(key.clone(), next);
        Ok(())
    }

    /// Gives a try back: it was a good one.
    pub(crate) fn give_back(&mut self, key: &K) {
        if let Some(rested_at) = self.rested_at.get_mut(key) {
            *rested_at -= self.every;
        }
    }
}

/// Memory for this many keys is about 1 MB.
const MOST_KEYS: usize = 8_192;

#[cfg(test)]
mod tests {
    use sluice_runtime::Clock;

    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_one_per_interval() {
        let (mut limit, now) = (Limit::new(3, Duration::from_secs(10)), Clock::system().now());
        for _ in 0..3 {
            assert_eq!(limit.take(now, &"a"), Ok(()));
        }
        assert_eq!(limit.take(now, &"a"), Err(Duration::from_secs(10)));
        assert_eq!(limit.take(now, &"b"), Ok(()), "another key has its own tries");
        assert_eq!(limit.take(now + Duration::from_secs(10), &"a"), Ok(()));
        assert!(limit.take(now + Duration::from_secs(10), &"a").is_err());
    }

    #[test]
    fn a_good_try_costs_nothing() {
        let (mut limit, now) = (Limit::new(1, Duration::from_secs(10)), Clock::system().now());
        for _ in 0..100 {
            assert_eq!(limit.take(now, &"a"), Ok(()));
            limit.give_back(&"a");
        }
    }

    #[test]
    fn a_flood_of_keys_has_bounded_memory() {
        let (mut limit, now) = (Limit::new(1, Duration::from_secs(10)), Clock::system().now());
        for key in 0..(MOST_KEYS as u32 + 100) {
            let _ = limit.take(now, &key);
        }
        assert_eq!(limit.rested_at.len(), MOST_KEYS);
        assert_eq!(limit.take(now + Duration::from_secs(20), &u32::MAX), Ok(()));
    }
}
