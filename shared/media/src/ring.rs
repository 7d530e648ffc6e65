use std::{collections::VecDeque, sync::Arc};

use crate::AccessUnit;

/// The newest group of pictures: the last key unit and everything after it, within a limit of bytes.
///
/// A group that outgrows the limit is given up as a whole, for half a group starts nobody.
#[derive(Debug, Clone)]
pub struct GopRing {
    units: VecDeque<Arc<AccessUnit>>,
    bytes: usize,
    max_bytes: usize,
}

impl GopRing {
    /// Holds at most `max_bytes` of packets.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self { units: VecDeque::new(), bytes: 0, max_bytes }
    }

    /// Takes the next unit. A key unit begins a new group; another one is kept only if it follows without a hole.
    pub fn push(&mut self, unit: Arc<AccessUnit>) {
        let follows = self.units.back().is_some_and(|last| last.last_sequence() + 1 == unit.first_sequence);
        if unit.key.is_some() || !follows {
            self.clear();
        }
        if unit.key.is_none() && !follows {
            return;
        }
        if self.bytes.saturating_add(unit.size) > self.max_bytes {
            self.clear();
            return;
        }
        self.bytes += unit.size;
        self.units.push_back(unit);
    }

    /// The group from its key unit on; empty if there is none.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Arc<AccessUnit>> {
        self.units.iter().cloned().collect()
    }

    /// Forgets the group, after a gap or when a camera rests.
    pub fn clear(&mut self) {
        self.units.clear();
        self.bytes = 0;
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Units held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether nobody could start from here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Key, RtpPacket};

    fn unit(sequence: u64, key: bool, size: usize) -> Arc<AccessUnit> {
        let mut bytes = vec![0u8; 12];
        bytes[0] = 0x80;
        bytes[2..4].copy_from_slice(&((sequence & 0xffff) as u16).to_be_bytes());
        Arc::new(AccessUnit {
            packets: vec![RtpPacket::parse(bytes.into()).unwrap()],
            first_sequence: sequence,
            timestamp: 0,
            captured_at_ms: 0,
            key: key.then_some(Key::Idr),
            reference: true,
            size,
        })
    }

    fn numbers(ring: &GopRing) -> Vec<u64> {
        ring.snapshot().iter().map(|unit| unit.first_sequence).collect()
    }

    #[test]
    fn nothing_is_kept_before_the_first_key() {
        let mut ring = GopRing::new(100);
        ring.push(unit(1, false, 10));
        assert!(ring.is_empty());
        ring.push(unit(2, true, 10));
        ring.push(unit(3, false, 10));
        assert_eq!((numbers(&ring), ring.bytes()), (vec![2, 3], 20));
    }

    #[test]
    fn a_key_begins_anew() {
        let mut ring = GopRing::new(100);
        for (n, key) in [(1, true), (2, false), (3, true), (4, false)] {
            ring.push(unit(n, key, 10));
        }
        assert_eq!(numbers(&ring), [3, 4]);
    }

    #[test]
    fn a_group_that_outgrows_the_limit_is_given_up_until_the_next_key() {
        let mut ring = GopRing::new(25);
        for (n, key) in [(1, true), (2, false), (3, false), (4, false)] {
            ring.push(unit(n, key, 10));
        }
        assert!(ring.is_empty());
        ring.push(unit(5, true, 10));
        assert_eq!(numbers(&ring), [5]);
    }

    #[test]
    fn a_hole_empties_it() {
        let mut ring = GopRing::new(100);
        ring.push(unit(1, true, 10));
        ring.push(unit(3, false, 10));
        assert!(ring.is_empty());
    }

    proptest! {
        #[test]
        fn it_is_empty_or_begins_with_a_key_and_keeps_its_limit(
            pushes in proptest::collection::vec((any::<bool>(), 0usize..40, 1u64..3), 0..80),
            max in 0usize..200,
        ) {
            let (mut ring, mut sequence) = (GopRing::new(max), 0);
            for (key, size, step) in pushes {
                sequence += step;
                ring.push(unit(sequence, key, size));
                let held = ring.snapshot();
                prop_assert!(ring.bytes() <= max);
                prop_assert_eq!(ring.bytes(), held.iter().map(|unit| unit.size).sum::<usize>());
                prop_assert!(held.first().is_none_or(|first| first.key.is_some()));
                prop_assert!(held.windows(2).all(|pair| pair[0].first_sequence + 1 == pair[1].first_sequence));
            }
        }
    }
}
