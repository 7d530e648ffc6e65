use anyhow::{Context as _, Result, bail, ensure};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A multivariant playlist, as far as a viewer needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Master {
    /// URI of the first variant.
    pub video: String,
    /// URI of its audio rendition, if it names a group.
    pub audio: Option<String>,
    /// The variant's `CODECS`.
    pub codecs: String,
}

/// A media playlist, as far as a viewer needs it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Playlist {
    /// `EXT-X-TARGETDURATION`, in seconds.
    pub target_duration: f64,
    /// `EXT-X-PART-INF`, in seconds; `None` without parts.
    pub part_target: Option<f64>,
    /// `PART-HOLD-BACK`, in seconds.
    pub part_hold_back: Option<f64>,
    /// Number of the first segment.
    pub media_sequence: u64,
    /// The segments; the last one has no URI while it grows.
    pub segments: Vec<Segment>,
    /// What comes next, if it is hinted.
    pub hint: Option<String>,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Segment {
    /// Its whole URI, once it is closed.
    pub uri: Option<String>,
    /// Its length in seconds, once it is closed.
    pub duration: f64,
    /// `EXT-X-GAP`: there is nothing to fetch.
    pub gap: bool,
    /// URI of its `EXT-X-MAP`.
    pub map: Option<String>,
    /// When its first picture was captured, in milliseconds since 1970.
    pub captured_at_ms: Option<f64>,
    /// Its parts, if they are listed.
    pub parts: Vec<Part>,
}

/// One part.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its URI.
    pub uri: String,
    /// Its length in seconds.
    pub duration: f64,
    /// Whether it begins with a key frame.
    pub independent: bool,
    /// `GAP=YES`: there is nothing to fetch.
    pub gap: bool,
}

impl Master {
    /// # Errors
    /// When the text is no multivariant playlist.
    pub fn parse(text: &str) -> Result<Self> {
        ensure!(text.starts_with("#EXTM3U"), "no playlist");
        let mut lines = text.lines();
        let stream = lines.find_map(|line| line.strip_prefix("#EXT-X-STREAM-INF:")).context("no variant")?;
        let video = lines.find(|line| !line.starts_with('#')).context("a variant without a URI")?;
        let audio = text.lines().filter_map(|line| line.strip_prefix("#EXT-X-MEDIA:"));
        let audio = audio.filter(|media| attribute(media, "TYPE") == Some("AUDIO"));
        let codecs = attribute(stream, "CODECS").unwrap_or_default().to_owned();
        let group = attribute(stream, "AUDIO");
        let mut audio = audio.filter(|media| attribute(media, "GROUP-ID") == group);
        let audio = audio.find_map(|media| attribute(media, "URI").map(str::to_owned));
        Ok(Self { video: video.to_owned(), audio: audio.filter(|_| group.is_some()), codecs })
    }
}

impl Playlist {
    /// # Errors
    /// When the text is no media playlist.
    pub fn parse(text: &str) -> Result<Self> {
        ensure!(text.starts_with("#EXTM3U"), "no playlist");
        let (mut found, mut map) = (Self::default(), None);
        let mut growing = Segment::default();
        for line in text.lines() {
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            match tag {
                "#EXT-X-TARGETDURATION" => found.target_duration = value.parse()?,
                "#EXT-X-MEDIA-SEQUENCE" => found.media_sequence = value.parse()?,
                "#EXT-X-PART-INF" => found.part_target = Some(number(value, "PART-TARGET")?),
                "#EXT-X-SERVER-CONTROL" => found.part_hold_back = number(value, "PART-HOLD-BACK").ok(),
                "#EXT-X-MAP" => map = attribute(value, "URI").map(str::to_owned),
                "#EXT-X-PROGRAM-DATE-TIME" => growing.captured_at_ms = Some(millis(value)?),
                "#EXT-X-GAP" => growing.gap = true,
                "#EXTINF" => growing.duration = value.trim_end_matches(',').parse()?,
                "#EXT-X-PART" => growing.parts.push(part(value)?),
                "#EXT-X-PRELOAD-HINT" => found.hint = attribute(value, "URI").map(str::to_owned),
                _ if !line.starts_with('#') && !line.is_empty() => {
                    let closed = std::mem::take(&mut growing);
                    found.segments.push(Segment { uri: Some(line.to_owned()), map: map.clone(), ..closed });
                }
                _ => {}
            }
        }
        if !growing.parts.is_empty() {
            found.segments.push(Segment { map, ..growing });
        }
        ensure!(found.target_duration > 0.0, "no EXT-X-TARGETDURATION");
        Ok(found)
    }

    /// The part that is being made: number of its segment, and its own number in it.
    #[must_use]
    pub fn next(&self) -> (u64, usize) {
        let closed = self.segments.iter().filter(|segment| segment.uri.is_some()).count();
        let growing = self.segments.last().filter(|segment| segment.uri.is_none());
        (self.media_sequence + closed as u64, growing.map_or(0, |segment| segment.parts.len()))
    }

    /// Each part that can be fetched, with the numbers that name it and its end in capture time, in milliseconds since
    /// 1970.
    pub fn parts(&self) -> impl Iterator<Item = ((u64, usize), &Part, Option<f64>)> {
        self.segments.iter().zip(self.media_sequence..).flat_map(|(segment, number)| {
            let mut end = segment.captured_at_ms;
            segment.parts.iter().enumerate().filter_map(move |(at, part)| {
                end = end.map(|end| end + part.duration * 1_000.0);
                (!part.gap).then_some(((number, at), part, end))
            })
        })
    }
}

fn part(value: &str) -> Result<Part> {
    let is = |name| attribute(value, name) == Some("YES");
    Ok(Part {
        uri: attribute(value, "URI").context("a part without a URI")?.to_owned(),
        duration: number(value, "DURATION")?,
        independent: is("INDEPENDENT"),
        gap: is("GAP"),
    })
}

fn number(list: &str, name: &str) -> Result<f64> {
    let text = attribute(list, name).with_context(|| format!("no {name}"))?;
    text.parse().with_context(|| format!("{name}={text}"))
}

fn millis(text: &str) -> Result<f64> {
    let at = OffsetDateTime::parse(text, &Rfc3339)?;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
    Ok(at.unix_timestamp_nanos() as f64 / 1e6)
}

/// One value of an attribute list (RFC 8216 §4.2), without its quotes.
fn attribute<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = list;
    loop {
        let (key, value) = rest.split_once('=')?;
        let (found, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_once(',').map_or((value, ""), |(found, _)| (found, &value[found.len()..])),
        };
        if key.trim_start_matches(',').trim() == name {
            return Some(found);
        }
        rest = after;
    }
}

/// Joins a playlist's URI to the path it was fetched from.
///
/// # Errors
/// When it lies on another host.
pub fn join(base: &str, uri: &str) -> Result<String> {
    if uri.starts_with('/') {
        return Ok(uri.to_owned());
    }
    if uri.contains("://") {
        bail!("{uri} lies on another host");
    }
    let path = base.split(['?', '#']).next().unwrap_or(base);
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    Ok(format!("{folder}/{uri}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIA: &str = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:12\n\
        #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.6\n#EXT-X-PART-INF:PART-TARGET=0.21\n\
        #EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-MAP:URI=\"v-init-1.mp4\"\n#EXT-X-GAP\n\
        #EXT-X-PART:DURATION=0.2,URI=\"g.0.m4s\",GAP=YES\n#EXTINF:0.4,\ng.m4s\n\
        #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:01.500Z\n\
        #EXT-X-PART:DURATION=0.2,URI=\"v2.0.m4s\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=0.16,URI=\"v2.1.m4s\"\n\
        #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"v2.2.m4s\"\n";

    #[test]
    fn what_can_be_fetched_has_its_end_in_capture_time() {
        let playlist = Playlist::parse(MEDIA).unwrap();
        let parts: Vec<_> = playlist.parts().collect();
        assert_eq!(parts.len(), 2, "a gap is nothing to fetch");
        let (name, part, end) = &parts[1];
        assert_eq!((*name, part.independent), ((2, 1), false));
        assert!((end.unwrap() - 1_860.0).abs() < 0.01);
        assert_eq!(playlist.next(), (2, 2));
        assert_eq!(playlist.segments[1].map.as_deref(), Some("v-init-1.mp4"));
        assert_eq!(playlist.part_hold_back, Some(0.6));
    }

    #[test]
    fn a_closed_segment_moves_the_next_part_into_the_one_behind_it() {
        let closed = format!("{MEDIA}#EXTINF:0.36,\nv2.m4s\n");
        assert_eq!(Playlist::parse(&closed).unwrap().next(), (3, 0));
    }

    #[test]
    fn commas_in_quotes_separate_nothing() {
        let list = r#"BANDWIDTH=1,CODECS="avc1.42c01f,mp4a.40.2",AUDIO="a""#;
        assert_eq!(attribute(list, "CODECS"), Some("avc1.42c01f,mp4a.40.2"));
        assert_eq!((attribute(list, "AUDIO"), attribute(list, "VIDEO")), (Some("a"), None));
    }

    #[test]
    fn audio_is_that_of_the_variants_group() {
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x\",URI=\"audio.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=9,CODECS=\"avc1.42c01f,opus\",AUDIO=\"a\"\nvideo.m3u8\n";
        let master = Master::parse(text).unwrap();
        assert_eq!((master.video.as_str(), master.audio.as_deref()), ("video.m3u8", Some("audio.m3u8")));
        let silent = Master::parse("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=9\nv.m3u8\n").unwrap();
        assert_eq!(silent.audio, None);
    }

    #[test]
    fn uris_are_relative_to_their_playlist() {
        assert_eq!(join("/hls/s/1/video.m3u8?_HLS_msn=3", "v3.0.m4s").unwrap(), "/hls/s/1/v3.0.m4s");
        assert_eq!(join("/hls/x.m3u8", "/other").unwrap(), "/other");
        assert!(join("/hls/x.m3u8", "https://elsewhere/x").is_err());
    }
}
