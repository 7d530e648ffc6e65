use bytes::Bytes;
use sluice_media::{AccessUnit, Codec, Key, KeyGate, VideoDescription, VideoSets, nal_units};

use crate::{
    PushError, Settings, Track, entry,
    fragment::{DEPENDS, DISPOSABLE, Payload, SYNC, Sample, fragment},
    init::init,
    shelf::{Part, Shelf},
    skew::Skew,
    timing::{Place, Timing},
};

/// Pictures: access units become samples, samples parts.
pub(crate) struct Video {
    track: Track,
    sets: VideoSets,
    description: Option<VideoDescription>,
    timing: Timing,
    pub(crate) shelf: Shelf,
    pub(crate) skew: Skew,
    open: Vec<Sample>,
    open_bytes: usize,
    sequence: u32,
    /// Nothing is taken before the next key frame.
    waiting: bool,
    gate: KeyGate,
}

/// A segment began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Media time of its first picture.
    pub(crate) at_ms: i64,
    /// Time does not go on from the segment before.
    pub(crate) discontinuous: bool,
}

impl Video {
    pub(crate) fn new(settings: &Settings, track: &Track) -> Self {
        let mut video = Self {
            sets: VideoSets::from_fmtp(track.codec, &track.fmtp),
            track: track.clone(),
            description: None,
            timing: Timing::new(track.clock_rate, settings),
            shelf: Shelf::new('v', "video/mp4", settings.target_duration),
            skew: Skew::default(),
            open: Vec::new(),
            open_bytes: 0,
            sequence: 0,
            waiting: true,
            gate: KeyGate::new(track.codec),
        };
        video.describe();
        video
    }

    pub(crate) fn line(&self) -> usize {
        self.track.line
    }

    /// The camera came again, perhaps another one.
    pub(crate) fn restart(&mut self, settings: &Settings, track: &Track) {
        self.finish();
        self.shelf.break_next();
        self.waiting = true;
        // Sound waits for the first picture, which says where it belongs.
        self.skew = Skew::default();
        self.gate = KeyGate::new(track.codec);
        self.timing = self.timing.restarted(track.clock_rate, settings);
        self.track = track.clone();
        self.sets = VideoSets::from_fmtp(track.codec, &track.fmtp);
        self.describe();
    }

    /// Pictures are missing: what is there goes out, nothing follows before the next key frame.
    pub(crate) fn lose(&mut self) {
        self.flush();
        self.waiting = true;
        self.gate.lose();
    }

    /// Everything out, the segment closed.
    pub(crate) fn finish(&mut self) {
        self.flush();
        self.shelf.close();
    }

    /// What a cached group says before the first part lays anything down: the distance of pictures, and how long
    /// groups may be.
    pub(crate) fn preview(&mut self, timestamps: &[i64]) {
        self.timing.preview(timestamps);
        if let (Some(first), Some(last)) = (timestamps.iter().min(), timestamps.iter().max()) {
            // Half as long again, for it may not be over.
            let seconds = self.timing.micros(last.saturating_sub(*first)) * 3 / 2_000_000 + 1;
            self.shelf.target_duration = self.shelf.target_duration.max(seconds.min(MOST_TARGET_SECONDS));
        }
    }

    pub(crate) fn description(&self) -> Option<&VideoDescription> {
        self.description.as_ref()
    }

    /// Pictures per second: what the stream declares where that is true, else what was measured.
    pub(crate) fn fps(&self) -> f64 {
        let measured = self.timing.ticks(1000) as f64 / self.timing.cadence.interval() as f64;
        let declared = self.description.as_ref().and_then(|description| description.fps);
        declared.filter(|fps| (fps / measured - 1.0).abs() < 0.1).unwrap_or(measured)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.shelf.bytes() + self.open_bytes
    }

    /// Media time up to which pictures have come.
    pub(crate) fn reached_ms(&self) -> i64 {
        self.timing.ms(self.timing.next)
    }

    /// Takes the next unit within `limit` bytes; tells if a segment began.
    pub(crate) fn push(
        &mut self,
        window: usize,
        limit: usize,
        unit: &AccessUnit,
    ) -> Result<Option<Cut>, PushError> {
        let taken = self.take(window, limit, unit);
        if taken.is_err() {
            self.lose();
        }
        taken
    }

    fn take(&mut self, window: usize, limit: usize, unit: &AccessUnit) -> Result<Option<Cut>, PushError> {
        if unit.size > limit / 4 {
            return Err(PushError::TooLarge(unit.size));
        }
        if self.waiting && unit.key.is_none() {
            return Err(PushError::NoKeyFrame);
        }
        if !self.gate.admits(unit) {
            // A picture that leads the key frame decoding began with: nobody could show it.
            return Ok(None);
        }
        let mut nals = nal_units(self.track.codec, &unit.packets).map_err(|_| PushError::Malformed)?;
        let cuts = self.cuts(unit);
        let init = self.learn(&nals, cuts)?;
        nals.retain(|nal| belongs(self.track.codec, nal, cuts));
        if nals.is_empty() {
            // A delimiter or filler alone is no picture, and no loss.
            return if cuts { Err(PushError::Malformed) } else { Ok(None) };
        }
        if !cuts && self.bytes() + unit.size > limit && self.shelf.segments.len() <= 1 {
            return Err(PushError::Full);
        }
        let cut = self.put(unit, Payload::Nals(nals), init);
        self.shelf.trim(window, limit.saturating_sub(self.open_bytes));
        Ok(cut)
    }

    /// Where a segment may begin. A recovery point of H.264 is one for a stream that has nothing better: browsers
    /// take IDR pictures alone for sync samples.
    fn cuts(&self, unit: &AccessUnit) -> bool {
        match unit.key {
            None => false,
            Some(Key::Idr) => true,
            Some(Key::RecoveryPoint) => {
                let open = self.shelf.segments.back().filter(|_| self.shelf.open);
                let old = open.is_none_or(|open| open.micros > self.shelf.target_duration * 500_000);
                self.waiting || self.track.codec == Codec::H265 || old
            }
        }
    }

    /// Takes note of parameter sets; for a unit that cuts, the init that its segment needs.
    fn learn(&mut self, nals: &[Bytes], cuts: bool) -> Result<Option<Bytes>, PushError> {
        if !cuts {
            for nal in nals {
                self.sets.observe(nal);
            }
            return Ok(None);
        }
        // A key frame that brings all its sets makes older ones of other ids void.
        let mut fresh = VideoSets::from_fmtp(self.track.codec, "");
        for nal in nals {
            fresh.observe(nal);
            self.sets.observe(nal);
        }
        if fresh.describe().is_ok_and(|description| entry::video(&fresh, &description).is_some()) {
            self.sets = fresh;
        }
        self.describe();
        let description = self.description.as_ref().ok_or(PushError::Undescribed)?;
        let entry = entry::video(&self.sets, description).ok_or(PushError::Undescribed)?;
        init(entry, self.track.clock_rate.max(1)).map(Some).map_err(|_| PushError::Undescribed)
    }

    fn describe(&mut self) {
        self.description = self.sets.describe().ok();
        let fps = self.description.as_ref().and_then(|description| description.fps);
        self.timing.describe(self.sets.reorder_frames() > 0, fps);
    }

    /// Gives a unit its place in time and puts it into the open part; with `init` into a new segment.
    fn put(&mut self, unit: &AccessUnit, payload: Payload, init: Option<Bytes>) -> Option<Cut> {
        let mut place = self.timing.place(self.track.codec, unit);
        self.timing.grid.fit(self.timing.cadence.interval());
        self.shelf.part_target_ms = self.timing.grid.limit_ms();
        let part = self.part_ticks();
        if let Some(last) = self.open.last_mut().filter(|_| !self.timing.is_hole(self.timing.late(place))) {
            self.timing.stretch(place, part, last);
        }
        let mut cut = None;
        if let Some(init) = &init {
            self.finish();
            let began = !self.shelf.segments.is_empty();
            if self.shelf.init(init) || self.timing.is_hole(self.timing.late(place)) {
                self.shelf.break_next();
            }
            let discontinuous = self.shelf.is_breaking();
            if discontinuous || !began {
                place = self.timing.rebase(place, unit.captured_at_ms);
                self.skew = Skew::default();
            }
            self.waiting = false;
            cut = Some(Cut { at_ms: self.timing.ms(place.shown), discontinuous });
        }
        let shown_ms = self.timing.ms(place.shown);
        self.skew.observe(shown_ms, unit.captured_at_ms);
        if cut.is_some() {
            self.shelf.begin(shown_ms.saturating_add(self.skew.offset().unwrap_or(0)));
        } else if self.lacks_room() {
            self.flush();
        }
        self.append(unit, payload, place, cut.is_some());
        cut
    }

    fn append(&mut self, unit: &AccessUnit, payload: Payload, place: Place, sync: bool) {
        let part = self.part_ticks();
        let decode = self.timing.next;
        let duration = self.timing.lay(place, part);
        let flags = match (sync, unit.reference) {
            (true, _) => SYNC,
            (_, true) => DEPENDS,
            _ => DISPOSABLE,
        };
        self.open_bytes += payload.size();
        self.open.push(Sample { decode, duration, shown: place.shown, flags, payload });
        if self.lacks_room() {
            self.flush();
        }
    }

    fn part_ticks(&self) -> i64 {
        self.open.first().map_or(0, |first| self.timing.next - first.decode)
    }

    /// Whether the next picture would make the open part longer than it may be.
    fn lacks_room(&self) -> bool {
        let part = self.part_ticks();
        part > 0 && part + self.timing.grid.step(self.timing.cadence.interval()) > self.timing.grid.limit()
    }

    /// Closes the open part.
    fn flush(&mut self) {
        let Some(first) = self.open.first() else { return };
        let independent = first.flags == SYNC;
        let micros = self.timing.micros(self.part_ticks());
        self.sequence = self.sequence.wrapping_add(1);
        // What cannot be written was refused before: sizes are far below 4 GiB.
        if let Ok(body) = fragment(self.sequence, &self.open) {
            self.timing.grid.settle();
            self.shelf.add(Part { body, micros, independent });
        }
        self.open.clear();
        self.open_bytes = 0;
    }
}

/// Whether a NAL unit goes into the samples. Parameter sets of a key frame are in its init; delimiters and filler
/// say nothing here.
fn belongs(codec: Codec, nal: &Bytes, cuts: bool) -> bool {
    let Some(&header) = nal.first() else { return false };
    match codec {
        Codec::H264 => match header & 0x1f {
            7 | 8 => !cuts,
            0 | 9 | 12 => false,
            _ => true,
        },
        _ => match header >> 1 & 0x3f {
            32..=34 => !cuts,
            35 | 38 => false,
            _ => true,
        },
    }
}

/// A group of pictures that is longer than two minutes ends at the byte bound before.
const MOST_TARGET_SECONDS: u64 = 120;
