use std::ops::Range;

use axum::http::{HeaderMap, header};
use bytes::Bytes;

/// Which bytes of a resource are asked for (RFC 9110 §14.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// All: there is no range, or none that is understood, or several, which a server may ignore.
    Whole,
    /// These.
    Some(Range<u64>),
    /// None that exist.
    Unsatisfiable,
}

impl Asked {
    pub(super) fn of(headers: &HeaderMap, size: u64) -> Self {
        let Some(range) = headers.get(header::RANGE) else { return Self::Whole };
        range.to_str().ok().and_then(|range| Self::parse(range, size)).unwrap_or(Self::Whole)
    }

    fn parse(range: &str, size: u64) -> Option<Self> {
        let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
        if !digits(first) || !digits(last) {
            return None;
        }
        let asked = if first.is_empty() {
            let suffix: u64 = last.parse().ok()?;
            size.saturating_sub(suffix)..size
        } else {
            let last = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
            let first: u64 = first.parse().ok()?;
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(size)
        };
        Some(if asked.is_empty() { Self::Unsatisfiable } else { Self::Some(asked) })
    }
}

/// These bytes of a resource that lies in several pieces; nothing is copied.
pub(super) fn cut(pieces: &[Bytes], range: &Range<u64>) -> Vec<Bytes> {
    let mut at = 0;
    let mut cut = Vec::new();
    for piece in pieces {
        let end = at + piece.len() as u64;
        let (from, to) = (range.start.max(at), range.end.min(end));
        if from < to {
            // Within the piece, so that both are below its length.
            cut.push(piece.slice((from - at) as usize..(to - at) as usize));
        }
        at = end;
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_understood_and_everything_else_ignored() {
        for (range, asked) in [
            ("bytes=0-", Some(Asked::Some(0..100))),
            ("bytes=10-19", Some(Asked::Some(10..20))),
            ("bytes=90-400", Some(Asked::Some(90..100))),
            ("bytes=-30", Some(Asked::Some(70..100))),
            ("bytes=-300", Some(Asked::Some(0..100))),
            ("bytes=100-", Some(Asked::Unsatisfiable)),
            ("bytes=-0", Some(Asked::Unsatisfiable)),
            ("bytes=0-18446744073709551615", Some(Asked::Some(0..100))),
            ("bytes=5-4", None),
            ("bytes=0-1,4-5", None),
            ("bytes=-", None),
            ("bytes=+1-2", None),
            ("bytes=99999999999999999999-", None),
            ("items=0-1", None),
        ] {
            assert_eq!(Asked::parse(range, 100), asked, "{range}");
        }
    }

    #[test]
    fn a_range_is_cut_out_of_the_pieces_it_touches() {
        let pieces = [Bytes::from_static(b"abc"), Bytes::from_static(b""), Bytes::from_static(b"defgh")];
        for (range, text) in [(0..8, "abcdefgh"), (2..4, "cd"), (3..8, "defgh"), (0..1, "a"), (7..8, "h")] {
            assert_eq!(cut(&pieces, &range).concat(), text.as_bytes());
        }
    }
}
