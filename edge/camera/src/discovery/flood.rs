use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

/// Lets so many datagrams through that a whole site can answer, and no more: reading them costs time. Pure.
#[derive(Debug, Default)]
pub(super) struct Flood {
    began: Option<Instant>,
    all: u32,
    sources: HashMap<IpAddr, u32>,
}

const WINDOW: Duration = Duration::from_secs(10);
/// A thousand cameras that answer both probes of two rounds.
const ALL: u32 = 4_000;
/// A recorder answers a few times; a hundred virtual cameras share one address.
const ONE: u32 = 800;
/// Addresses that are told apart within a window; beyond, they share one count.
const SOURCES: usize = 4_096;

impl Flood {
    /// Whether a datagram from there is read.
    pub(super) fn admits(&mut self, now: Instant, from: IpAddr) -> bool {
        if self.began.is_none_or(|began| now.saturating_duration_since(began) >= WINDOW) {
            (self.began, self.all) = (Some(now), 0);
            self.sources.clear();
        }
        let crowd = IpAddr::from([0, 0, 0, 0]);
        let known = self.sources.contains_key(&from) || self.sources.len() < SOURCES;
        let one = self.sources.entry(if known { from } else { crowd }).or_default();
        if self.all >= ALL || *one >= ONE {
            return false;
        }
        *one += 1;
        self.all += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an arbitrary beginning")]
    fn a_flood_of_one_or_of_many_is_cut_and_forgotten() {
        let (mut flood, now) = (Flood::default(), Instant::now());
        let one = IpAddr::from([10, 0, 0, 1]);
        let admitted = (0..10_000).filter(|_| flood.admits(now, one)).count();
        assert_eq!(admitted, 800);
        assert!(flood.admits(now, [10, 0, 0, 2].into()), "others are still heard");
        let many = (0..60_000u32).filter(|n| flood.admits(now, IpAddr::from(n.to_be_bytes()))).count();
        assert_eq!(many, 4_000 - 801);
        assert!(flood.sources.len() <= SOURCES + 1);
        assert!(flood.admits(now + WINDOW, one));
    }
}
