//! A reader of playlists that believes nothing: every tag must be one that RFC 8216bis knows and stand where it may.

use std::collections::HashMap;

/// A media playlist, as far as its rules are checked.
#[derive(Debug, Default, Clone)]
pub(crate) struct Playlist {
    pub(crate) version: u64,
    pub(crate) target_duration: u64,
    pub(crate) part_target: Option<f64>,
    pub(crate) hold_back: Option<f64>,
    pub(crate) media_sequence: u64,
    pub(crate) discontinuity_sequence: u64,
    pub(crate) segments: Vec<Segment>,
    pub(crate) hint: Option<String>,
    pub(crate) report: Option<(String, u64, u64)>,
    pub(crate) ended: bool,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Segment {
    pub(crate) msn: u64,
    pub(crate) discontinuities: u64,
    pub(crate) discontinuity: bool,
    pub(crate) map: String,
    pub(crate) date: String,
    pub(crate) gap: bool,
    pub(crate) parts: Vec<Part>,
    /// Nothing while it is open.
    pub(crate) duration: Option<f64>,
    pub(crate) uri: String,
    /// Its lines but for parts, which leave earlier than their segment, and its map, which moves.
    pub(crate) lines: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) duration: f64,
    pub(crate) uri: String,
    pub(crate) independent: bool,
    pub(crate) gap: bool,
    pub(crate) line: String,
}

pub(crate) fn attributes(list: &str) -> HashMap<String, String> {
    let (mut found, mut rest) = (HashMap::new(), list);
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').unwrap_or_else(|| panic!("no value in {list}"));
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, next) = quoted.split_once('"').unwrap();
                (value, next.strip_prefix(',').unwrap_or(next))
            }
            None => after.split_once(',').unwrap_or((after, "")),
        };
        assert!(name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-'), "{name}");
        assert!(found.insert(name.to_owned(), value.to_owned()).is_none(), "{name} twice");
        rest = next;
    }
    found
}

impl Playlist {
    /// Reads and checks what can be checked in one playlist alone.
    pub(crate) fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("#EXTM3U"), "{text}");
        let mut list = Self::default();
        let mut open = Segment::default();
        let mut map = String::new();
        for line in lines {
            list.line(line, &mut open, &mut map);
        }
        if !open.parts.is_empty() || !open.date.is_empty() {
            list.close(&mut open, &map);
        }
        list.number();
        list.check(text);
        list
    }

    fn line(&mut self, line: &str, open: &mut Segment, map: &mut String) {
        if !line.starts_with('#') {
            assert!(open.duration.is_some(), "{line} without EXTINF");
            open.uri = line.to_owned();
            open.lines.push(line.to_owned());
            return self.close(open, map);
        }
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        let whole = || value.parse::<u64>().unwrap();
        match tag {
            "#EXT-X-VERSION" => self.version = whole(),
            "#EXT-X-TARGETDURATION" => self.target_duration = whole(),
            "#EXT-X-MEDIA-SEQUENCE" => self.media_sequence = whole(),
            "#EXT-X-DISCONTINUITY-SEQUENCE" => self.discontinuity_sequence = whole(),
            "#EXT-X-INDEPENDENT-SEGMENTS" => {}
            "#EXT-X-ENDLIST" => self.ended = true,
            "#EXT-X-SERVER-CONTROL" => {
                let control = attributes(value);
                assert_eq!(control["CAN-BLOCK-RELOAD"], "YES");
                assert!(!control.contains_key("CAN-SKIP-UNTIL"));
                self.hold_back = Some(control["PART-HOLD-BACK"].parse().unwrap());
            }
            "#EXT-X-PART-INF" => self.part_target = Some(attributes(value)["PART-TARGET"].parse().unwrap()),
            "#EXT-X-PRELOAD-HINT" => {
                let hint = attributes(value);
                assert_eq!(hint["TYPE"], "PART");
                self.hint = Some(hint["URI"].clone());
            }
            "#EXT-X-RENDITION-REPORT" => {
                let report = attributes(value);
                let number = |name: &str| report[name].parse().unwrap();
                self.report = Some((report["URI"].clone(), number("LAST-MSN"), number("LAST-PART")));
            }
            _ => Self::segment_line(line, tag, value, open, map),
        }
    }

    fn segment_line(line: &str, tag: &str, value: &str, open: &mut Segment, map: &mut String) {
        match tag {
            "#EXT-X-DISCONTINUITY" => {
                assert!(open.parts.is_empty() && open.duration.is_none());
                open.discontinuity = true;
                open.lines.push(line.to_owned());
            }
            "#EXT-X-MAP" => {
                assert!(open.parts.is_empty());
                *map = attributes(value)["URI"].clone();
            }
            "#EXT-X-PROGRAM-DATE-TIME" => {
                assert!(open.parts.is_empty() && value.ends_with('Z') && value.len() == 24, "{line}");
                open.date = value.to_owned();
                open.lines.push(line.to_owned());
            }
            "#EXT-X-GAP" => {
                open.gap = true;
                open.lines.push(line.to_owned());
            }
            "#EXT-X-PART" => {
                let part = attributes(value);
                open.parts.push(Part {
                    duration: part["DURATION"].parse().unwrap(),
                    uri: part["URI"].clone(),
                    independent: part.get("INDEPENDENT").is_some_and(|yes| yes == "YES"),
                    gap: part.get("GAP").is_some_and(|yes| yes == "YES"),
                    line: line.to_owned(),
                });
            }
            "#EXTINF" => {
                open.duration = Some(value.strip_suffix(',').unwrap().parse().unwrap());
                open.lines.push(line.to_owned());
            }
            _ => panic!("{line} is no tag of ours"),
        }
    }

    fn close(&mut self, open: &mut Segment, map: &str) {
        assert!(!map.is_empty(), "a segment before the first map");
        let mut segment = std::mem::take(open);
        map.clone_into(&mut segment.map);
        self.segments.push(segment);
    }

    fn number(&mut self) {
        let mut discontinuities = self.discontinuity_sequence;
        for (n, segment) in self.segments.iter_mut().enumerate() {
            segment.msn = self.media_sequence + n as u64;
            discontinuities += u64::from(segment.discontinuity);
            segment.discontinuities = discontinuities;
        }
    }

    fn check(&self, text: &str) {
        assert!(self.version >= 6 && self.target_duration > 0 && self.media_sequence >= 1, "{text}");
        assert!(!text.contains("EXT-X-START") && !text.contains("EXT-X-SKIP"), "{text}");
        let last = self.segments.len() - 1;
        for (n, segment) in self.segments.iter().enumerate() {
            assert!(segment.duration.is_some() || n == last, "an open segment in the middle: {text}");
            let Some(duration) = segment.duration else { continue };
            assert!(duration.round() as u64 <= self.target_duration, "EXTINF beyond the target: {text}");
            if !segment.parts.is_empty() {
                let sum: f64 = segment.parts.iter().map(|part| part.duration).sum();
                assert!((sum - duration).abs() < 1e-3, "parts make {sum} of {duration}: {text}");
            }
        }
        if let Some(target) = self.part_target {
            self.check_parts(target, text);
        }
    }

    fn check_parts(&self, target: f64, text: &str) {
        assert!(self.hold_back.unwrap() >= 3.0 * target - 1e-9, "{text}");
        assert!(self.ended || self.hint.is_some(), "{text}");
        let mut closed = self.segments.iter().filter(|segment| segment.duration.is_some());
        // At least one whole segment has its parts listed, if there is one.
        assert!(closed.next_back().is_none_or(|last| !last.parts.is_empty()), "{text}");
        let mut listed = false;
        for segment in &self.segments {
            assert!(!listed || !segment.parts.is_empty(), "parts listed with holes: {text}");
            listed |= !segment.parts.is_empty();
            for (n, part) in segment.parts.iter().enumerate() {
                assert!(part.duration <= target, "part over target: {text}");
                assert_eq!(part.gap, segment.gap, "{text}");
                assert!(
                    n > 0 || part.gap || part.independent,
                    "a segment begins without a key frame: {text}"
                );
            }
        }
    }

    /// No part but a segment's last may be much shorter than the target (RFC 8216bis §4.4.4.9).
    pub(crate) fn check_part_lengths(&self) {
        let target = self.part_target.unwrap();
        for segment in self.segments.iter().filter(|segment| !segment.gap) {
            for part in segment.parts.iter().rev().skip(1) {
                assert!(part.duration >= 0.85 * target, "{} of {target}: {part:?}", part.duration);
            }
        }
    }
}
