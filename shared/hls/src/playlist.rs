use std::fmt::Write;

use crate::{
    Flavour, Position,
    shelf::{STANDARD_SEGMENTS, Segment, Shelf, reaching_back},
};

/// What one playlist says of another (EXT-X-RENDITION-REPORT).
pub(crate) struct Report {
    pub(crate) uri: &'static str,
    /// Its newest part.
    pub(crate) last: Position,
}

/// The media playlist of `shelf`; nothing before there is a part, or three segments for the standard flavour.
pub(crate) fn playlist(shelf: &Shelf, flavour: Flavour, other: Option<&Report>) -> Option<String> {
    match flavour {
        Flavour::LowLatency => low_latency(shelf, other),
        Flavour::Standard => standard(shelf),
    }
}

fn low_latency(shelf: &Shelf, other: Option<&Report>) -> Option<String> {
    let first = shelf.segments.front()?;
    let begun = shelf.segments.iter().any(|segment| !segment.gap && !segment.parts.is_empty());
    if shelf.part_target_ms == 0 || !begun {
        return None;
    }
    let lines: usize = shelf.segments.iter().map(|segment| segment.part_lines.len() + 160).sum();
    let mut out = String::with_capacity(lines + 512);
    let target = Millis(shelf.part_target_ms);
    let hold = Millis(shelf.hold_back_ms());
    put(
        &mut out,
        format_args!("#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:{}\n", shelf.target_duration),
    );
    put(&mut out, format_args!("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={hold}\n"));
    put(&mut out, format_args!("#EXT-X-PART-INF:PART-TARGET={target}\n"));
    sequence(&mut out, first.msn, shelf.discontinuities_gone);
    let mut map = 0;
    let with_parts = parts_from(shelf);
    for segment in &shelf.segments {
        let open = shelf.open && segment.msn == shelf.next().msn;
        if open && segment.parts.is_empty() {
            break;
        }
        begin(&mut out, shelf.prefix, segment, &mut map);
        if open || segment.msn >= with_parts {
            out.push_str(&segment.part_lines);
        }
        if !open {
            end(&mut out, shelf.prefix, segment);
        }
    }
    if shelf.ended {
        out.push_str("#EXT-X-ENDLIST\n");
        return Some(out);
    }
    let next = shelf.next();
    let uri = (shelf.prefix, next.msn, next.part);
    put(&mut out, format_args!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}{}.{}.m4s\"\n", uri.0, uri.1, uri.2));
    if let Some(Report { uri, last }) = other {
        let Position { msn, part } = last;
        put(
            &mut out,
            format_args!("#EXT-X-RENDITION-REPORT:URI=\"{uri}\",LAST-MSN={msn},LAST-PART={part}\n"),
        );
    }
    Some(out)
}

fn standard(shelf: &Shelf) -> Option<String> {
    let closed = shelf.segments.len() - usize::from(shelf.open);
    // Players that know no parts refuse a playlist that begins with a gap.
    let segments = shelf.segments.iter().take(closed).filter(|segment| !segment.gap);
    let first = segments.clone().next()?;
    let enough = shelf.standard_target > 0 || shelf.ended;
    if !enough || segments.clone().count() < STANDARD_SEGMENTS && !shelf.ended {
        return None;
    }
    let target = shelf.standard_target.max(segments.clone().map(Segment::seconds).max()?).max(1);
    let mut out = String::with_capacity(closed * 160 + 256);
    put(&mut out, format_args!("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target}\n"));
    sequence(&mut out, first.msn, shelf.discontinuities_gone);
    let mut map = 0;
    for segment in segments {
        begin(&mut out, shelf.prefix, segment, &mut map);
        end(&mut out, shelf.prefix, segment);
    }
    if shelf.ended {
        out.push_str("#EXT-X-ENDLIST\n");
    }
    Some(out)
}

fn sequence(out: &mut String, msn: u64, discontinuities: u64) {
    put(out, format_args!("#EXT-X-MEDIA-SEQUENCE:{msn}\n#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuities}\n"));
    out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
}

fn begin(out: &mut String, prefix: char, segment: &Segment, map: &mut u32) {
    if segment.discontinuity {
        out.push_str("#EXT-X-DISCONTINUITY\n");
    }
    if *map != segment.init {
        *map = segment.init;
        put(out, format_args!("#EXT-X-MAP:URI=\"{prefix}-init-{map}.mp4\"\n"));
    }
    out.push_str(&segment.head);
}

fn end(out: &mut String, prefix: char, segment: &Segment) {
    let (whole, rest) = (segment.micros / 1_000_000, segment.micros % 1_000_000);
    put(out, format_args!("#EXTINF:{whole}.{rest:06},\n{prefix}{}.m4s\n", segment.msn));
}

/// The first segment whose parts are listed: one whole segment before the open one at least, and as many more as
/// a player two seconds behind may ask for.
fn parts_from(shelf: &Shelf) -> u64 {
    let closed = shelf.segments.len() - usize::from(shelf.open);
    reaching_back(shelf.segments.iter().take(closed).rev(), PARTS_BEHIND_MICROS).unwrap_or(u64::MAX)
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    let _ = out.write_fmt(text);
}

/// Seconds with three digits.
struct Millis(u64);

impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// Three part targets and a round trip, twice.
const PARTS_BEHIND_MICROS: u64 = 2_000_000;
