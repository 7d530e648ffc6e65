use sluice_hls::{Flavour, Rendition};

/// Which of a feed's renditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    Video,
    Audio,
}

impl From<Media> for Rendition {
    fn from(media: Media) -> Self {
        match media {
            Media::Video => Self::Video,
            Media::Audio => Self::Audio,
        }
    }
}

impl Media {
    const fn letter(self) -> char {
        match self {
            Self::Video => 'v',
            Self::Audio => 'a',
        }
    }

    /// The low-latency playlist.
    pub(crate) const fn playlist(self) -> &'static str {
        match self {
            Self::Video => "video.m3u8",
            Self::Audio => "audio.m3u8",
        }
    }

    pub(super) fn part(self, segment: u64, part: usize) -> String {
        format!("{}{segment}.{part}.m4s", self.letter())
    }

    pub(super) fn init(self, version: u32) -> String {
        format!("{}-init-{version}.mp4", self.letter())
    }
}

/// The last element of a URL under a shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Playlist(Media, Flavour),
    Init(Media, u32),
    Segment(Media, u64),
    Part(Media, u64, u32),
}

impl Name {
    /// Each thing has one name, so that caches keep it once: `+1` and `01` are no numbers here.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "video.m3u8" => Self::Playlist(Media::Video, Flavour::LowLatency),
            "audio.m3u8" => Self::Playlist(Media::Audio, Flavour::LowLatency),
            "video-hls.m3u8" => Self::Playlist(Media::Video, Flavour::Standard),
            "audio-hls.m3u8" => Self::Playlist(Media::Audio, Flavour::Standard),
            _ => Self::resource(name)?,
        })
    }

    fn resource(name: &str) -> Option<Self> {
        let (media, rest) = match name.as_bytes().first()? {
            b'v' => (Media::Video, &name[1..]),
            b'a' => (Media::Audio, &name[1..]),
            _ => return None,
        };
        if let Some(version) = rest.strip_prefix("-init-") {
            return Some(Self::Init(media, number(version.strip_suffix(".mp4")?)?.try_into().ok()?));
        }
        let numbers = rest.strip_suffix(".m4s")?;
        Some(match numbers.split_once('.') {
            Some((segment, part)) => Self::Part(media, number(segment)?, number(part)?.try_into().ok()?),
            None => Self::Segment(media, number(numbers)?),
        })
    }

    pub(crate) const fn media(&self) -> Media {
        match self {
            Self::Playlist(media, _)
            | Self::Init(media, _)
            | Self::Segment(media, _)
            | Self::Part(media, ..) => *media,
        }
    }
}

/// A number of decimal digits, without sign and leading zero.
pub(crate) fn number(digits: &str) -> Option<u64> {
    let plain =
        digits.bytes().all(|digit| digit.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_has_one_name() {
        use Media::{Audio, Video};
        for (name, means) in [
            ("video.m3u8", Some(Name::Playlist(Video, Flavour::LowLatency))),
            ("audio-hls.m3u8", Some(Name::Playlist(Audio, Flavour::Standard))),
            ("v-init-1.mp4", Some(Name::Init(Video, 1))),
            ("a12.m4s", Some(Name::Segment(Audio, 12))),
            ("v12.0.m4s", Some(Name::Part(Video, 12, 0))),
            ("v012.m4s", None),
            ("v+12.m4s", None),
            ("v12.m4s.m4s", None),
            ("v12.3.4.m4s", None),
            ("v.m4s", None),
            ("v1.4294967296.m4s", None),
            ("v99999999999999999999.m4s", None),
            ("v-init-.mp4", None),
            ("index.m3u8", None),
            ("é1.m4s", None),
            ("", None),
        ] {
            assert_eq!(Name::parse(name), means, "{name}");
        }
    }
}
