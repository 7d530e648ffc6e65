use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use crate::networks::Range;

/// Addresses that are asked one by one, slowly. Pure.
#[derive(Debug, Default)]
pub(super) struct Scan {
    ranges: VecDeque<(u32, u32)>,
    next_at: Option<Instant>,
}

/// A range longer than this is no site. Its rest is not asked.
pub(super) const LONGEST: u32 = 8_192;
/// Ranges that wait; more are refused.
pub(super) const RANGES: usize = 64;
/// Fifty small datagrams a second disturb nobody, and a /24 takes five seconds.
const PACE: Duration = Duration::from_millis(20);

impl Scan {
    /// Adds a range of IPv4. `false` if it is none, too long, or too many wait.
    pub(super) fn add(&mut self, range: Range, now: Instant) -> bool {
        let IpAddr::V4(base) = range.base() else { return false };
        let count = 1u64 << (32 - u32::from(range.prefix().min(32)));
        if count > u64::from(LONGEST) || self.ranges.len() >= RANGES {
            return false;
        }
        let first = base.to_bits();
        let last = first + u32::try_from(count - 1).unwrap_or(0);
        // The first and the last address of a network are nobody's (RFC 1122 §3.2.1.3); of very short ones they are.
        let ends = if count > 4 { (first + 1, last - 1) } else { (first, last) };
        if !self.ranges.contains(&ends) {
            self.ranges.push_back(ends);
        }
        self.next_at.get_or_insert(now);
        true
    }

    /// The next address, when it is due.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Ipv4Addr> {
        if self.next_at.is_none_or(|at| now < at) {
            return None;
        }
        let (first, last) = self.ranges.front_mut()?;
        let address = Ipv4Addr::from_bits(*first);
        if first == last {
            self.ranges.pop_front();
        } else {
            *first += 1;
        }
        self.next_at = (!self.ranges.is_empty()).then_some(now + PACE);
        Some(address)
    }

    /// When the next is due.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.next_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an arbitrary beginning")]
    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_network_is_asked_address_by_address_and_never_faster_than_its_pace() {
        let (mut scan, mut now) = (Scan::default(), now());
        assert!(scan.add("10.1.0.0/24".parse().unwrap(), now));
        let (began, mut asked) = (now, Vec::new());
        while let Some(due) = scan.deadline() {
            now = due;
            asked.extend(scan.poll(now));
            assert_eq!(scan.poll(now), None, "one at a time");
        }
        assert_eq!(asked.len(), 254);
        assert_eq!((asked[0], asked[253]), ([10, 1, 0, 1].into(), [10, 1, 0, 254].into()));
        assert_eq!(now - began, PACE * 253);
    }

    #[test]
    fn what_is_too_long_or_too_much_is_refused() {
        let (mut scan, now) = (Scan::default(), now());
        assert!(
            !scan.add("10.0.0.0/8".parse().unwrap(), now) && !scan.add("fd00::/120".parse().unwrap(), now)
        );
        assert!(!scan.add("0.0.0.0/0".parse().unwrap(), now) && scan.deadline().is_none());
        for n in 0..=255u8 {
            scan.add(Range::new([10, 2, n, 1].into(), 32), now);
        }
        assert_eq!(scan.ranges.len(), RANGES);
        assert_eq!(scan.poll(now), Some([10, 2, 0, 1].into()));
    }
}
