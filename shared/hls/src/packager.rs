use std::sync::Arc;

use sluice_media::AccessUnit;

use crate::{
    Flavour, Position, Rendition, Resource, Settings, Track,
    audio::Audio,
    multivariant,
    playlist::{self, Report},
    video::{Cut, Video},
};

/// One feed as HLS: access units in, playlists, inits, parts and segments out.
pub struct Packager {
    settings: Settings,
    video: Option<Video>,
    audio: Option<Audio>,
    left_out: Vec<Track>,
    counters: Counters,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Units that were not taken; the next key frame plays.
    pub refused: u64,
    /// Frames of silence that stand for sound that did not come.
    pub silent_frames: u64,
    /// Frames of sound left out, because they came for a time that was over.
    pub dropped_frames: u64,
    /// Discontinuities in the pictures, or in the sound where there are none.
    pub discontinuities: u64,
}

/// Why no packager can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// HLS carries H.264, H.265, AAC, Opus and mono G.711.
    #[error("none of {0} lines has a codec that HLS carries")]
    NothingToCarry(usize),
}

/// Why a unit was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// No track of this line is carried.
    #[error("line {0} is not carried")]
    UnknownLine(usize),
    /// Nothing can be shown before the next key frame, nor sound be placed before the first picture.
    #[error("a key frame is awaited")]
    NoKeyFrame,
    /// Its packets do not hold what their codec says.
    #[error("access unit is malformed")]
    Malformed,
    /// A key frame without usable parameter sets.
    #[error("parameter sets are missing or malformed")]
    Undescribed,
    /// Larger than a quarter of the memory bound.
    #[error("access unit of {0} bytes is too large")]
    TooLarge(usize),
    /// The open segment alone fills the memory bound.
    #[error("the open segment fills the memory bound")]
    Full,
    /// After the end.
    #[error("the stream has ended")]
    Ended,
}

impl Packager {
    /// Takes the first line of pictures and the first of sound that can be carried.
    ///
    /// # Errors
    /// When there is none of either.
    pub fn new(settings: Settings, tracks: &[Track]) -> Result<Self, StartError> {
        let mut packager =
            Self { settings, video: None, audio: None, left_out: Vec::new(), counters: Counters::default() };
        packager.choose(tracks);
        if packager.video.is_none() && packager.audio.is_none() {
            return Err(StartError::NothingToCarry(tracks.len()));
        }
        Ok(packager)
    }

    /// The tracks that are not carried.
    #[must_use]
    pub fn left_out(&self) -> &[Track] {
        &self.left_out
    }

    /// Whether there is such a rendition.
    #[must_use]
    pub fn has(&self, rendition: Rendition) -> bool {
        match rendition {
            Rendition::Video => self.video.is_some(),
            Rendition::Audio => self.audio.is_some(),
        }
    }

    /// Takes the cached group: all its parts are there at once, in a segment that stays open.
    pub fn start_with(&mut self, gop: &[(usize, Arc<AccessUnit>)]) {
        if let Some(video) = &mut self.video {
            let line = video.line();
            let timestamps: Vec<_> =
                gop.iter().filter(|(of, _)| *of == line).map(|(_, unit)| unit.timestamp).collect();
            video.preview(&timestamps);
        }
        for (line, unit) in gop {
            // A unit that is refused is counted; the rest may do.
            let _ = self.push(*line, unit);
        }
    }

    /// Takes the next unit of a line.
    ///
    /// # Errors
    /// Says why a unit was not taken. After one of pictures nothing is taken before the next key frame.
    pub fn push(&mut self, line: usize, unit: &AccessUnit) -> Result<(), PushError> {
        let taken = if self.is_ended() { Err(PushError::Ended) } else { self.take(line, unit) };
        self.counters.refused += u64::from(taken.is_err());
        taken
    }

    /// Units of a line are missing.
    pub fn discontinuity(&mut self, line: usize) {
        if let Some(video) = self.video.as_mut().filter(|video| video.line() == line) {
            video.lose();
        }
    }

    /// The camera came again, perhaps with other codecs: numbering goes on behind a discontinuity. A kind of track
    /// that is gone stays with what it has.
    pub fn restart(&mut self, tracks: &[Track]) {
        self.left_out.clear();
        self.choose(tracks);
    }

    /// Nothing comes any more: all segments are closed and the playlists end.
    pub fn end(&mut self) {
        if let Some(video) = &mut self.video {
            video.finish();
            video.shelf.ended = true;
        }
        if let Some(audio) = &mut self.audio {
            audio.finish();
            audio.shelf.ended = true;
        }
    }

    /// The multivariant playlist, its children named `video.m3u8`, `audio.m3u8`, `video-hls.m3u8`, `audio-hls.m3u8`;
    /// nothing until codec and resolution are known.
    #[must_use]
    pub fn multivariant(&self, with_audio: bool, flavour: Flavour) -> Option<String> {
        let audio = self.audio.as_ref().filter(|_| with_audio || self.video.is_none());
        multivariant::multivariant(self.video.as_ref(), audio, flavour)
    }

    /// A media playlist; nothing before it has a part, or three segments for [`Flavour::Standard`].
    #[must_use]
    pub fn playlist(&self, rendition: Rendition, flavour: Flavour) -> Option<String> {
        let (other, uri) = match rendition {
            Rendition::Video => (self.audio.as_ref().map(|audio| &audio.shelf), "audio.m3u8"),
            Rendition::Audio => (self.video.as_ref().map(|video| &video.shelf), "video.m3u8"),
        };
        let report = other.and_then(|shelf| Some(Report { uri, last: shelf.last()? }));
        playlist::playlist(self.shelf(rendition)?, flavour, report.as_ref())
    }

    /// The part that is being made; every part before it exists or will never.
    #[must_use]
    pub fn next(&self, rendition: Rendition) -> Position {
        self.shelf(rendition).map_or(Position { msn: 1, part: 0 }, |shelf| shelf.next())
    }

    /// The segment in which a player begins that keeps PART-HOLD-BACK: it needs all from its first part on, for that
    /// alone can be shown without what is before it. Nothing before the first part.
    #[must_use]
    pub fn start(&self, rendition: Rendition) -> Option<u64> {
        self.shelf(rendition)?.start()
    }

    /// Whether a blocking reload that asks for `msn`, and perhaps a part of it, can be answered now. A part
    /// behind a segment's last one means the first of the next (RFC 8216bis §6.2.5.2).
    #[must_use]
    pub fn is_ready(&self, rendition: Rendition, msn: u64, part: Option<u32>) -> bool {
        let Some(shelf) = self.shelf(rendition) else { return true };
        let next = shelf.next();
        if shelf.ended {
            return true;
        }
        let Some(part) = part else { return msn < next.msn };
        if msn + 1 == next.msn && next.part == 0 {
            let made = shelf
                .segments
                .iter()
                .find(|segment| segment.msn == msn)
                .map_or(0, |closed| closed.parts.len());
            return (part as usize) < made;
        }
        Position { msn, part } < next
    }

    /// What there is under a name that a playlist has told.
    #[must_use]
    pub fn resource(&self, name: &str) -> Resource {
        let rendition = match name.as_bytes().first() {
            Some(b'v') => Rendition::Video,
            Some(b'a') => Rendition::Audio,
            _ => return Resource::Unknown,
        };
        self.shelf(rendition).map_or(Resource::Unknown, |shelf| shelf.resource(&name[1..]))
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.video.as_ref().map_or(0, Video::bytes) + self.audio.as_ref().map_or(0, Audio::bytes)
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let main =
            self.video.as_ref().map(|video| &video.shelf).or(self.audio.as_ref().map(|audio| &audio.shelf));
        let (silent_frames, dropped_frames) =
            self.audio.as_ref().map_or((0, 0), |audio| (audio.silent, audio.dropped));
        let discontinuities = main.map_or(0, |shelf| shelf.discontinuities());
        Counters { silent_frames, dropped_frames, discontinuities, ..self.counters }
    }

    fn is_ended(&self) -> bool {
        let shelf =
            self.video.as_ref().map(|video| &video.shelf).or(self.audio.as_ref().map(|audio| &audio.shelf));
        shelf.is_some_and(|shelf| shelf.ended)
    }

    fn shelf(&self, rendition: Rendition) -> Option<&crate::shelf::Shelf> {
        match rendition {
            Rendition::Video => self.video.as_ref().map(|video| &video.shelf),
            Rendition::Audio => self.audio.as_ref().map(|audio| &audio.shelf),
        }
    }

    fn choose(&mut self, tracks: &[Track]) {
        let video = tracks.iter().find(|track| track.codec.is_video());
        match (&mut self.video, video) {
            (Some(video), Some(track)) => video.restart(&self.settings, track),
            (Some(video), None) => video.lose(),
            (none, Some(track)) => *none = Some(Video::new(&self.settings, track)),
            (None, None) => {}
        }
        let mut carried = false;
        for track in tracks {
            if Some(track) == video {
                continue;
            }
            if !carried && !track.codec.is_video() && self.hear(track) {
                carried = true;
            } else {
                self.left_out.push(track.clone());
            }
        }
    }

    fn hear(&mut self, track: &Track) -> bool {
        if let Some(audio) = &mut self.audio {
            let heard = audio.restart(&self.settings, track);
            if heard && self.video.is_none() {
                audio.break_at(0);
            }
            return heard;
        }
        let Some(mut audio) = Audio::new(&self.settings, track) else { return false };
        if let Some(video) = &self.video {
            audio.shelf.join_discontinuities(video.shelf.discontinuities());
        }
        self.audio = Some(audio);
        true
    }

    fn take(&mut self, line: usize, unit: &AccessUnit) -> Result<(), PushError> {
        let window = self.settings.window;
        if let Some(video) = self.video.as_mut().filter(|video| video.line() == line) {
            let limit = self.settings.max_bytes - self.settings.max_bytes / AUDIO_SHARE;
            let cut = video.push(window, limit, unit)?;
            if let Some(audio) = &mut self.audio {
                match cut {
                    Some(Cut { at_ms, discontinuous: true }) => audio.break_at(at_ms),
                    Some(Cut { at_ms, .. }) => audio.cut_at(at_ms),
                    None => {}
                }
                audio.keep_up(video.reached_ms(), video.skew.offset());
                audio.trim(window, self.settings.max_bytes / AUDIO_SHARE);
            }
            return Ok(());
        }
        let audio =
            self.audio.as_mut().filter(|audio| audio.line() == line).ok_or(PushError::UnknownLine(line))?;
        let limit = match self.video {
            Some(_) => self.settings.max_bytes / AUDIO_SHARE,
            None => self.settings.max_bytes,
        };
        if unit.size > limit / 4 {
            return Err(PushError::TooLarge(unit.size));
        }
        let wall =
            self.video.as_ref().map(|video| video.skew.offset().ok_or(PushError::NoKeyFrame)).transpose()?;
        audio.push(unit, wall)?;
        if self.video.is_none() {
            audio.cut_alone();
        }
        audio.trim(window, limit);
        Ok(())
    }
}

/// Sound gets this share of the memory bound, beside pictures.
const AUDIO_SHARE: usize = 8;
