use bytes::Bytes;
use sluice_media::{
    AccessUnit, Codec,
    audio::{AudioConfig, AudioFrame, frames},
};

use crate::{
    PushError, Settings, Track,
    cadence::Grid,
    entry, flac,
    fragment::{Payload, SYNC, Sample, fragment},
    init::init,
    shelf::{Part, Shelf},
    skew::Skew,
    timing::BASE_MS,
};

/// Sound: frames follow each other without a hole. Where none came there is silence, where too many came some are
/// left out, so that it stays with the pictures.
pub(crate) struct Audio {
    track: Track,
    config: AudioConfig,
    init: Bytes,
    rate: i64,
    pub(crate) shelf: Shelf,
    skew: Skew,
    /// What the wall clock shows at media time 0, by the pictures.
    wall: Option<i64>,
    grid: Grid,
    /// Ticks of one frame, as far as is known.
    frame: i64,
    /// Added to a timestamp to get media time; none until sound and pictures were put on one clock.
    shift: Option<i64>,
    /// Timestamp and capture time of the newest frame.
    newest: Option<(i64, i64)>,
    /// Where the next frame begins, in ticks of media time.
    pub(crate) next: i64,
    /// Media time at which the next segment begins.
    cut: Option<i64>,
    open: Vec<Sample>,
    open_bytes: usize,
    sequence: u32,
    pub(crate) silent: u64,
    pub(crate) dropped: u64,
}

impl Audio {
    /// Nothing if MP4 or browsers cannot take this sound.
    pub(crate) fn new(settings: &Settings, track: &Track) -> Option<Self> {
        let (config, init) = prepare(track)?;
        let rate = i64::from(track.clock_rate.max(1));
        let mut audio = Self {
            frame: frame_ticks(&config, rate),
            track: track.clone(),
            config,
            init,
            rate,
            shelf: Shelf::new('a', "audio/mp4", settings.target_duration),
            skew: Skew::default(),
            wall: None,
            grid: Grid::new(track.clock_rate, settings.part_target),
            shift: None,
            newest: None,
            next: BASE_MS * rate / 1000,
            cut: None,
            open: Vec::new(),
            open_bytes: 0,
            sequence: 0,
            silent: 0,
            dropped: 0,
        };
        audio.fit();
        Some(audio)
    }

    /// The camera came again. Whether it still can be carried.
    pub(crate) fn restart(&mut self, settings: &Settings, track: &Track) -> bool {
        let Some((config, init)) = prepare(track) else { return false };
        self.finish();
        let rate = i64::from(track.clock_rate.max(1));
        if rate != self.rate {
            self.next = (i128::from(self.next) * i128::from(rate) / i128::from(self.rate)) as i64 + 1;
            let promised = self.grid.limit_ms();
            self.grid = Grid::new(track.clock_rate, settings.part_target);
            self.grid.keep(promised);
            self.rate = rate;
        }
        self.frame = frame_ticks(&config, rate);
        (self.track, self.config, self.init) = (track.clone(), config, init);
        (self.shift, self.newest, self.cut) = (None, None, None);
        self.fit();
        true
    }

    pub(crate) fn line(&self) -> usize {
        self.track.line
    }

    pub(crate) fn name(&self) -> String {
        entry::audio_name(&self.config)
    }

    pub(crate) fn channels(&self) -> u8 {
        self.config.channels
    }

    pub(crate) fn bytes(&self) -> usize {
        self.shelf.bytes() + self.open_bytes
    }

    /// A segment of the pictures begins at `at_ms` of media time.
    pub(crate) fn cut_at(&mut self, at_ms: i64) {
        if self.shift.is_some() {
            self.cut = Some(self.ticks(at_ms));
        }
    }

    /// Time began anew at `at_ms`. A discontinuity that no sound followed gets a frame of silence, for both
    /// renditions count them.
    pub(crate) fn break_at(&mut self, at_ms: i64) {
        if self.shelf.is_breaking() {
            self.silence(1);
        }
        self.finish();
        self.shelf.break_next();
        (self.shift, self.newest, self.cut, self.skew) = (None, None, None, Skew::default());
        self.next = self.next.max(self.ticks(at_ms));
    }

    /// Pictures have come up to `reached_ms`: sound that lies far behind them is not coming. Silence keeps a player
    /// from waiting for it.
    pub(crate) fn keep_up(&mut self, reached_ms: i64, wall: Option<i64>) {
        self.wall = wall;
        let behind = self.ticks(reached_ms - PATIENCE_MS) - self.next;
        if behind > 0 && self.frame > 0 {
            self.silence((behind / self.frame).min(MOST_SILENT_FRAMES));
        }
    }

    /// Keeps to `window` segments and `limit` bytes. Sound may be cut anywhere, so an open segment that grows too
    /// large ends.
    pub(crate) fn trim(&mut self, window: usize, limit: usize) {
        let open = self.shelf.segments.back().filter(|_| self.shelf.open).map_or(0, |open| open.bytes);
        if open + self.open_bytes > limit / 2 {
            self.finish();
        }
        self.shelf.trim(window, limit.saturating_sub(self.open_bytes));
    }

    /// Without pictures segments last two seconds.
    pub(crate) fn cut_alone(&mut self) {
        let open = self.shelf.segments.back().filter(|_| self.shelf.open);
        if open.is_some_and(|open| open.micros >= ALONE_MICROS) {
            self.cut = Some(self.next);
        }
    }

    /// Everything out, the segment closed.
    pub(crate) fn finish(&mut self) {
        self.flush();
        self.shelf.close();
    }

    /// Takes the next unit. `wall` is what the wall clock shows at media time 0, by the pictures.
    pub(crate) fn push(&mut self, unit: &AccessUnit, wall: Option<i64>) -> Result<(), PushError> {
        self.wall = wall;
        let frames = frames(&self.config, unit).map_err(|_| PushError::Malformed)?;
        for frame in frames {
            if frame.duration == 0 || frame.data.is_empty() || frame.duration > u32::from(entry::MAX_BLOCK) {
                return Err(PushError::Malformed);
            }
            self.take(frame, unit.captured_at_ms);
        }
        Ok(())
    }

    fn take(&mut self, frame: AudioFrame, captured_at_ms: i64) {
        let duration = i64::from(frame.duration);
        // A rest of another size at a packet's end is no new size.
        if duration > self.frame || self.frame == 0 {
            self.frame = duration;
            self.fit();
        }
        let place = self.place(&frame, captured_at_ms);
        let off = place - self.next;
        if off > self.ticks(TOLERANCE_MS) {
            self.silence(((off + self.frame / 2) / self.frame).min(MOST_SILENT_FRAMES));
        } else if off < -self.ticks(TOLERANCE_MS).max(duration / 2) {
            self.dropped += 1;
            return;
        }
        let payload = match self.config.codec {
            codec @ (Codec::Pcmu | Codec::Pcma) => {
                flac::frame(codec, &frame.data, self.track.clock_rate, self.next.cast_unsigned())
            }
            _ => frame.data,
        };
        self.put(payload, duration);
    }

    /// Where a frame belongs, in ticks of media time. Sound and pictures are compared by what the wall clock said
    /// when they were captured.
    fn place(&mut self, frame: &AudioFrame, captured_at_ms: i64) -> i64 {
        let wall = self.wall.or(self.skew.offset());
        let wall = wall.unwrap_or_else(|| captured_at_ms.saturating_sub(self.ms(self.next)));
        let by_wall = self.ticks(captured_at_ms.saturating_sub(wall));
        let leapt = self.newest.is_some_and(|(timestamp, captured)| {
            let step = frame.timestamp.saturating_sub(timestamp);
            let passed = self.ticks(captured_at_ms.saturating_sub(captured));
            step < -self.ticks(LEAP_MS) || step > self.ticks(LEAP_MS) && passed < step / 2
        });
        self.newest = Some((frame.timestamp, captured_at_ms));
        if let (Some(shift), false) = (self.shift, leapt) {
            let place = frame.timestamp.saturating_add(shift);
            self.skew.observe(self.ms(place), captured_at_ms);
            let drift = self.skew.offset().map_or(0, |offset| offset.saturating_sub(wall));
            if drift.abs() <= TOLERANCE_MS || !self.skew.is_mature() {
                return place;
            }
        }
        // What sounds now is what the least delayed packet said, if there were any before.
        let seen = self.skew.offset().filter(|_| self.shift.is_some() && !leapt);
        let place = match (seen, self.shift) {
            (Some(offset), Some(shift)) => {
                frame.timestamp.saturating_add(shift).saturating_add(self.ticks(offset.saturating_sub(wall)))
            }
            _ => by_wall,
        };
        self.shift = Some(place.saturating_sub(frame.timestamp));
        self.skew = Skew::seeded(self.ms(place), wall);
        if !self.shelf.open
            && self.open.is_empty()
            && (self.shelf.is_breaking() || self.shelf.segments.is_empty())
        {
            let ahead = place.saturating_sub(self.next);
            if (0..self.ticks(LONGEST_REST_MS)).contains(&ahead) {
                self.next = place;
            }
        }
        place
    }

    fn silence(&mut self, count: i64) {
        for _ in 0..count {
            let samples = usize::try_from(self.frame).unwrap_or(0);
            let payload = match self.config.codec {
                Codec::Pcmu | Codec::Pcma => {
                    flac::silence(samples, self.track.clock_rate, self.next.cast_unsigned())
                }
                Codec::Opus => Bytes::from_static(&OPUS_SILENCE),
                _ if self.config.channels == 1 => Bytes::from_static(&AAC_SILENCE_MONO),
                _ => Bytes::from_static(&AAC_SILENCE_STEREO),
            };
            self.silent += 1;
            let duration = if self.config.codec == Codec::Opus { self.rate / 50 } else { self.frame };
            self.put(payload, duration);
        }
    }

    fn put(&mut self, payload: Bytes, duration: i64) {
        let part = self.part_ticks();
        if part > 0 && part + duration > self.grid.limit() {
            self.flush();
        }
        self.turn();
        self.open_bytes += payload.len();
        let decode = self.next;
        self.next += duration;
        self.open.push(Sample {
            decode,
            duration,
            shown: decode,
            flags: SYNC,
            payload: Payload::Whole(payload),
        });
        if self.part_ticks() + self.frame > self.grid.limit() {
            self.flush();
        }
    }

    /// Begins the segment that the next frame needs.
    fn turn(&mut self) {
        let lasts = self.shelf.segments.back().filter(|_| self.shelf.open).map_or(0, |open| open.micros);
        // Pictures that rest cut nothing; a segment must not outgrow its promise.
        let long = lasts + 1_000_000 > self.shelf.target_duration * 1_000_000;
        let due = self.cut.is_some_and(|cut| self.next >= cut);
        if self.shelf.open && !due && !long {
            return;
        }
        if due {
            self.cut = None;
        }
        self.finish();
        if self.shelf.init(&self.init) && !self.shelf.is_breaking() {
            self.shelf.break_next();
        }
        let wall = self.wall.or(self.skew.offset()).unwrap_or(0);
        self.shelf.begin(self.ms(self.next).saturating_add(wall));
    }

    fn part_ticks(&self) -> i64 {
        self.open.first().map_or(0, |first| self.next - first.decode)
    }

    fn flush(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let micros =
            u64::try_from(i128::from(self.part_ticks()) * 1_000_000 / i128::from(self.rate)).unwrap_or(0);
        self.sequence = self.sequence.wrapping_add(1);
        // What cannot be written was refused before: sizes are far below 4 GiB.
        if let Ok(body) = fragment(self.sequence, &self.open) {
            self.grid.settle();
            self.shelf.add(Part { body, micros, independent: true });
        }
        self.open.clear();
        self.open_bytes = 0;
    }

    fn fit(&mut self) {
        if self.frame > 0 {
            self.grid.fit(self.frame);
            self.shelf.part_target_ms = self.grid.limit_ms();
        }
    }

    fn ticks(&self, ms: i64) -> i64 {
        ms.saturating_mul(self.rate) / 1000
    }

    fn ms(&self, ticks: i64) -> i64 {
        (i128::from(ticks) * 1000 / i128::from(self.rate)) as i64
    }
}

/// What a track says of itself, and its init.
fn prepare(track: &Track) -> Option<(AudioConfig, Bytes)> {
    let config = AudioConfig::from_line(track.codec, track.clock_rate, &track.fmtp).ok()?;
    let entry = entry::audio(&config, track.clock_rate)?;
    let init = init(entry, track.clock_rate.max(1)).ok()?;
    Some((config, init))
}

fn frame_ticks(config: &AudioConfig, rate: i64) -> i64 {
    match config.codec {
        Codec::Aac | Codec::Latm => {
            i64::from(config.samples_per_frame) * rate / i64::from(config.sample_rate.max(1))
        }
        // Usual packets: 20 ms.
        _ => rate / 50,
    }
}

/// Sound and pictures may be this far apart.
const TOLERANCE_MS: i64 = 40;

/// A step of timestamps that a wall clock does not know is the camera's clock being set.
const LEAP_MS: i64 = 1_000;

/// Sound that is this far behind the pictures is not coming.
const PATIENCE_MS: i64 = 1_000;

/// Frames of silence put in at once: bounds what one packet can cause.
const MOST_SILENT_FRAMES: i64 = 512;

/// A segment of sound alone.
const ALONE_MICROS: u64 = 2_000_000;

/// A wall clock that leaps further is not followed.
const LONGEST_REST_MS: i64 = 24 * 3_600_000;

/// 20 ms of CELT without energy (RFC 6716 §3.1: configuration 31, mono, one frame).
const OPUS_SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];

/// AAC-LC raw data blocks without energy (ISO/IEC 14496-3 §4.4.2): one channel, a pair.
const AAC_SILENCE_MONO: [u8; 6] = [0x00, 0xc8, 0x00, 0x80, 0x23, 0x80];
const AAC_SILENCE_STEREO: [u8; 9] = [0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80];
