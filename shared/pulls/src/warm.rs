//! Which streams stay warm when not all of them fit into the memory. Pure.

use std::time::Instant;

/// A stream that should be kept warm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<K> {
    pub(crate) key: K,
    /// Whether it is kept warm now.
    pub(crate) kept: bool,
    /// When somebody last watched it.
    pub(crate) used: Instant,
    /// What it takes, or took when it was last warm.
    pub(crate) bytes: usize,
}

/// Who is let go, or taken back, so that all that are kept fit into `most` bytes: those that were watched last stay.
pub(crate) fn choose<K: Copy + Ord>(mut all: Vec<Candidate<K>>, most: usize) -> Vec<(K, bool)> {
    all.sort_unstable_by(|a, b| b.used.cmp(&a.used).then(a.key.cmp(&b.key)));
    let (mut total, mut changes) = (0usize, Vec::new());
    for candidate in all {
        // Whoever was let go comes back only into room that is really free, or two streams would take turns.
        let room = if candidate.kept { most } else { most - most / 8 };
        let keep = total.saturating_add(candidate.bytes) <= room;
        if keep {
            total += candidate.bytes;
        }
        if keep != candidate.kept {
            changes.push((candidate.key, keep));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an arbitrary beginning")]
    fn site(bytes: &[(usize, bool)]) -> Vec<Candidate<usize>> {
        let now = Instant::now() + Duration::from_secs(1_000);
        let candidate = |(n, (bytes, kept)): (usize, &(usize, bool))| Candidate {
            key: n,
            kept: *kept,
            used: now - Duration::from_secs(n as u64),
            bytes: *bytes,
        };
        bytes.iter().enumerate().map(candidate).collect()
    }

    #[test]
    fn everything_stays_while_it_fits() {
        assert!(choose(site(&[(100, true); 10]), 1_000).is_empty());
    }

    #[test]
    fn those_that_nobody_watched_for_longest_are_let_go() {
        assert_eq!(choose(site(&[(300, true), (300, true), (300, true), (300, true)]), 1_000), [(3, false)]);
        // What is too large for the room that is left does not push out smaller ones.
        assert_eq!(choose(site(&[(600, true), (600, true), (300, true)]), 1_000), [(1, false)]);
    }

    #[test]
    fn who_was_let_go_comes_back_into_free_room_only() {
        assert!(choose(site(&[(450, true), (450, false)]), 1_000).is_empty(), "it would fit, barely");
        assert_eq!(choose(site(&[(400, true), (450, false)]), 1_000), [(1, true)]);
    }

    proptest::proptest! {
        #[test]
        fn what_is_kept_fits_and_a_second_look_changes_nothing(
            bytes in proptest::collection::vec((0usize..400, proptest::bool::ANY), 0..60), most in 0usize..2_000,
        ) {
            let mut all = site(&bytes);
            for (key, kept) in choose(all.clone(), most) {
                all[key].kept = kept;
            }
            let kept: usize = all.iter().filter(|one| one.kept).map(|one| one.bytes).sum();
            proptest::prop_assert!(kept <= most);
            let again = choose(all, most);
            proptest::prop_assert!(again.iter().all(|(_, keep)| *keep), "{again:?}");
        }
    }
}
