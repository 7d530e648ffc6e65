use std::{collections::VecDeque, fmt::Write};

use bytes::Bytes;
use time::{OffsetDateTime, format_description::FormatItem, macros::format_description};

use crate::{Position, Resource};

/// The segments of one rendition: the open one, those listed, and what their names lead to.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) prefix: char,
    content_type: &'static str,
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) open: bool,
    pub(crate) ended: bool,
    next_msn: u64,
    /// Discontinuities that left with their segments.
    pub(crate) discontinuities_gone: u64,
    discontinuities: u64,
    break_pending: bool,
    inits: VecDeque<Init>,
    newest_init: u32,
    /// Milliseconds, as EXT-X-PART-INF says it; 0 until the first part.
    pub(crate) part_target_ms: u64,
    /// Seconds.
    pub(crate) target_duration: u64,
    /// Seconds, for the standard flavour; 0 until enough segments are there.
    pub(crate) standard_target: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Init {
    version: u32,
    body: Bytes,
}

/// One segment, with its text as every playlist repeats it.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) msn: u64,
    pub(crate) init: u32,
    pub(crate) discontinuity: bool,
    pub(crate) gap: bool,
    /// Wall clock of its first frame, in Unix milliseconds.
    pub(crate) at_ms: i64,
    /// EXT-X-PROGRAM-DATE-TIME and, where it is one, EXT-X-GAP.
    pub(crate) head: String,
    /// EXT-X-PART lines.
    pub(crate) part_lines: String,
    pub(crate) parts: Vec<Bytes>,
    pub(crate) micros: u64,
    pub(crate) bytes: usize,
}

/// A finished part.
pub(crate) struct Part {
    pub(crate) body: Bytes,
    pub(crate) micros: u64,
    pub(crate) independent: bool,
}

impl Shelf {
    pub(crate) fn new(prefix: char, content_type: &'static str, target_duration: u32) -> Self {
        Self {
            prefix,
            content_type,
            segments: VecDeque::new(),
            open: false,
            ended: false,
            next_msn: 1,
            discontinuities_gone: 0,
            discontinuities: 0,
            break_pending: false,
            inits: VecDeque::new(),
            newest_init: 0,
            part_target_ms: 0,
            target_duration: target_duration.into(),
            standard_target: 0,
            bytes: 0,
        }
    }

    /// Discontinuities so far, those that left included. Renditions must agree on it.
    pub(crate) fn discontinuities(&self) -> u64 {
        self.discontinuities
    }

    /// Begins at the number another rendition has come to.
    pub(crate) fn join_discontinuities(&mut self, count: u64) {
        (self.discontinuities, self.discontinuities_gone) = (count, count);
    }

    /// Lays down the init that the next segment needs; whether it is another one than before.
    pub(crate) fn init(&mut self, body: &Bytes) -> bool {
        if self.inits.back().is_some_and(|init| init.body == body) {
            return false;
        }
        self.newest_init += 1;
        self.bytes += body.len();
        self.inits.push_back(Init { version: self.newest_init, body: body.clone() });
        true
    }

    /// The next segment does not go on from the last one.
    pub(crate) fn break_next(&mut self) {
        self.break_pending = !self.segments.is_empty();
    }

    /// Whether a discontinuity waits for its segment.
    pub(crate) fn is_breaking(&self) -> bool {
        self.break_pending
    }

    /// Opens a segment. The first one gets a gap of two parts in front: players take parts only where some are
    /// listed before the open segment.
    pub(crate) fn begin(&mut self, at_ms: i64) {
        self.close();
        if self.segments.is_empty() && self.next_msn == 1 {
            self.put(at_ms, true);
        }
        self.put(at_ms, false);
        self.open = true;
    }

    /// Puts a part at the end of the open segment.
    pub(crate) fn add(&mut self, part: Part) {
        if !self.open {
            return;
        }
        self.fill_gap();
        let prefix = self.prefix;
        let Some(segment) = self.segments.back_mut() else { return };
        self.bytes += part.body.len();
        segment.push(prefix, part);
        self.target_duration = self.target_duration.max(segment.seconds());
    }

    /// Ends the open segment, if there is one. A segment without parts leaves no trace.
    pub(crate) fn close(&mut self) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        if self.segments.back().is_some_and(|segment| segment.parts.is_empty()) {
            let Some(segment) = self.segments.pop_back() else { return };
            self.next_msn = segment.msn;
            self.break_pending |= segment.discontinuity;
            self.discontinuities -= u64::from(segment.discontinuity);
            return;
        }
        let whole = self.segments.iter().filter(|segment| !segment.gap);
        let (count, longest) =
            whole.fold((0, 0), |(count, longest), segment| (count + 1, longest.max(segment.micros)));
        if self.standard_target > 0 || count >= STANDARD_SEGMENTS {
            let slack = if self.standard_target == 0 { longest / 4 } else { 0 };
            self.standard_target = self.standard_target.max((longest + slack).div_ceil(1_000_000));
        }
    }

    /// Drops what is beyond the window or the bound, oldest first; the open segment stays. A playlist that does without
    /// a segment lasts three target durations all the same (RFC 8216 §6.2.2): players that know no parts look for news
    /// once in a target duration. The gap is nothing to come for, and such players stumble over it.
    pub(crate) fn trim(&mut self, window: usize, max_bytes: usize) {
        let least = 3_000_000 * self.target_duration;
        let whole = self.segments.len() - usize::from(self.open);
        let mut lasts = self.segments.iter().take(whole).map(|segment| segment.micros).sum::<u64>();
        while self.segments.len() > 1 {
            let (oldest, gap) =
                self.segments.front().map_or((0, false), |segment| (segment.micros, segment.gap));
            lasts -= oldest;
            let many = self.segments.len() > window.max(2) && (gap || lasts >= least);
            if !many && self.bytes <= max_bytes {
                break;
            }
            if let Some(segment) = self.segments.pop_front() {
                self.bytes -= segment.bytes;
                self.discontinuities_gone += u64::from(segment.discontinuity);
            }
        }
        let oldest = self.segments.front().map_or(self.newest_init, |segment| segment.init);
        while self.inits.len() > 1 && self.inits.front().is_some_and(|init| init.version < oldest) {
            self.bytes -= self.inits.pop_front().map_or(0, |init| init.body.len());
        }
    }

    pub(crate) fn next(&self) -> Position {
        match self.segments.back().filter(|_| self.open) {
            Some(segment) => Position { msn: segment.msn, part: segment.parts.len() as u32 },
            None => Position { msn: self.next_msn, part: 0 },
        }
    }

    /// The newest part there is.
    pub(crate) fn last(&self) -> Option<Position> {
        let segment = self.segments.iter().rev().find(|segment| !segment.parts.is_empty())?;
        Some(Position { msn: segment.msn, part: segment.parts.len() as u32 - 1 })
    }

    /// The segment that lies PART-HOLD-BACK before the end; the oldest where there is less.
    pub(crate) fn start(&self) -> Option<u64> {
        let there = self.segments.iter().filter(|segment| !segment.gap && !segment.parts.is_empty());
        reaching_back(there.rev(), 1_000 * self.hold_back_ms())
    }

    /// PART-HOLD-BACK: three part targets, the least there may be (RFC 8216bis §4.4.3.8).
    pub(crate) fn hold_back_ms(&self) -> u64 {
        3 * self.part_target_ms
    }

    /// Bits per second: of the densest segment, and of all together. Nothing before the first part.
    pub(crate) fn rates(&self) -> Option<(u64, u64)> {
        let rate = |bytes: usize, micros: u64| (bytes as u64).saturating_mul(8_000_000) / micros.max(1);
        let whole = self.segments.iter().filter(|segment| segment.bytes > 0 && segment.micros > 0);
        // A group's key frame alone would say many times the rate.
        let peak = |segment: &Segment| rate(segment.bytes, segment.micros.max(1_000_000));
        let most = whole.clone().map(peak).max()?;
        let (bytes, micros) =
            whole.fold((0, 0), |(bytes, micros), segment| (bytes + segment.bytes, micros + segment.micros));
        Some((most, rate(bytes, micros.max(1_000_000))))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is under `name` without its prefix: `-init-1.mp4`, `12.m4s`, `12.3.m4s`.
    pub(crate) fn resource(&self, name: &str) -> Resource {
        if let Some(version) = name.strip_prefix("-init-").and_then(|rest| rest.strip_suffix(".mp4")) {
            return number(version).map_or(Resource::Unknown, |version| self.init_named(version));
        }
        let Some(name) = name.strip_suffix(".m4s") else { return Resource::Unknown };
        match name.split_once('.') {
            Some((msn, part)) => match (number(msn), number(part)) {
                (Some(msn), Some(part)) => self.part(msn, part),
                _ => Resource::Unknown,
            },
            None => number(name).map_or(Resource::Unknown, |msn| self.segment(msn)),
        }
    }

    fn init_named(&self, version: u64) -> Resource {
        let oldest = self.inits.front().map_or(u64::MAX, |init| init.version.into());
        match self.inits.iter().find(|init| u64::from(init.version) == version) {
            Some(init) => self.found(vec![init.body.clone()]),
            None if version > 0 && version < oldest && version <= self.newest_init.into() => Resource::Gone,
            None => Resource::Unknown,
        }
    }

    fn segment(&self, msn: u64) -> Resource {
        match self.at(msn) {
            Ok(segment) if segment.gap => Resource::Unknown,
            Ok(segment) if self.open && segment.msn == self.next_msn - 1 => self.later(),
            Ok(segment) => self.found(segment.parts.clone()),
            Err(other) => other,
        }
    }

    fn part(&self, msn: u64, part: u64) -> Resource {
        let next = self.next();
        let hinted =
            |msn: u64| (msn, part) == (next.msn, next.part.into()) || (msn, part) == (next.msn + 1, 0);
        match self.at(msn) {
            Ok(segment) if segment.gap => Resource::Unknown,
            Ok(segment) => match usize::try_from(part).ok().and_then(|part| segment.parts.get(part)) {
                Some(body) => self.found(vec![body.clone()]),
                None if hinted(msn) => self.later(),
                None => Resource::Unknown,
            },
            Err(Resource::Unknown) if hinted(msn) => self.later(),
            Err(other) => other,
        }
    }

    fn at(&self, msn: u64) -> Result<&Segment, Resource> {
        let first = self.segments.front().map_or(self.next_msn, |segment| segment.msn);
        if msn < first {
            return Err(if msn == 0 { Resource::Unknown } else { Resource::Gone });
        }
        let index = usize::try_from(msn - first).unwrap_or(usize::MAX);
        self.segments.get(index).ok_or(Resource::Unknown)
    }

    /// After the end nothing comes.
    fn later(&self) -> Resource {
        if self.ended { Resource::Unknown } else { Resource::Later }
    }

    fn found(&self, body: Vec<Bytes>) -> Resource {
        Resource::Found { body, content_type: self.content_type }
    }

    /// The gap's parts last as long as those of frames do, which the first of these tells.
    fn fill_gap(&mut self) {
        let micros = self.part_target_ms * 1000 * 100 / 105;
        let prefix = self.prefix;
        let Some(gap) = self.segments.front_mut().filter(|segment| segment.gap && segment.parts.is_empty())
        else {
            return;
        };
        for _ in 0..2 {
            gap.push(prefix, Part { body: Bytes::new(), micros, independent: false });
        }
        gap.head = head(gap.at_ms.saturating_sub((2 * micros / 1000).cast_signed()), true);
    }

    fn put(&mut self, at_ms: i64, gap: bool) {
        let discontinuity = std::mem::take(&mut self.break_pending);
        self.discontinuities += u64::from(discontinuity);
        self.segments.push_back(Segment {
            msn: self.next_msn,
            init: self.newest_init,
            discontinuity,
            gap,
            at_ms,
            head: head(at_ms, gap),
            part_lines: String::new(),
            parts: Vec::new(),
            micros: 0,
            bytes: 0,
        });
        self.next_msn += 1;
    }
}

impl Segment {
    /// As EXTINF is rounded to be compared with EXT-X-TARGETDURATION.
    pub(crate) fn seconds(&self) -> u64 {
        (self.micros + 500_000) / 1_000_000
    }

    fn push(&mut self, prefix: char, part: Part) {
        let lines = &mut self.part_lines;
        let (whole, rest) = (part.micros / 1_000_000, part.micros % 1_000_000);
        let (msn, index) = (self.msn, self.parts.len());
        let flag = match (self.gap, part.independent) {
            (true, _) => ",GAP=YES",
            (_, true) => ",INDEPENDENT=YES",
            _ => "",
        };
        // Writing into a String cannot fail.
        let _ =
            writeln!(lines, "#EXT-X-PART:DURATION={whole}.{rest:06},URI=\"{prefix}{msn}.{index}.m4s\"{flag}");
        self.micros += part.micros;
        self.bytes += part.body.len();
        self.parts.push(part.body);
    }
}

fn head(at_ms: i64, gap: bool) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let date = at.format(DATE).unwrap_or_default();
    format!("#EXT-X-PROGRAM-DATE-TIME:{date}\n{}", if gap { "#EXT-X-GAP\n" } else { "" })
}

/// The earliest of the segments that it takes, newest first, to go back so far; nothing where there are none.
pub(crate) fn reaching_back<'a>(newest_first: impl Iterator<Item = &'a Segment>, micros: u64) -> Option<u64> {
    let mut behind = 0;
    let taken = newest_first.take_while(|segment| {
        let short = behind < micros;
        behind += segment.micros;
        short
    });
    taken.last().map(|segment| segment.msn)
}

/// Digits only: names are ours, and `+1` is none of them.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

const DATE: &[FormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Chromium's own player starts at the third segment from the end and fails for good where there are fewer.
pub(crate) const STANDARD_SEGMENTS: usize = 3;
