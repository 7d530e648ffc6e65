//! A player that sees every playlist there ever was, and reads every byte it names.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes};
use mp4_atom::{DecodeMaybe, Header, Moof};
use sluice_hls::{Flavour, Packager, Position, Rendition, Resource};

use crate::playlist::Playlist;

pub(crate) struct Watcher {
    rendition: Rendition,
    prefix: char,
    rate: f64,
    lines: BTreeMap<u64, Vec<String>>,
    parts: BTreeMap<(u64, u64), String>,
    dates: BTreeMap<u64, String>,
    position: Position,
    media_sequence: u64,
    discontinuity_sequence: u64,
    target_duration: u64,
    part_target: f64,
    /// Part that is read next, and where its decode time must be.
    read: Option<((u64, u64), u64, u64)>,
    pub(crate) samples: u64,
    pub(crate) discontinuities: u64,
    /// Where pictures are shown, in ticks, and by how much that differs from their decode time.
    pub(crate) shown: Vec<i64>,
    pub(crate) farthest: i64,
    pub(crate) strict: bool,
    pub(crate) newest: Option<Playlist>,
}

/// One part, taken to pieces.
pub(crate) struct Fragment {
    pub(crate) decode: u64,
    pub(crate) samples: Vec<(u32, u32, u32, i64)>,
}

impl Fragment {
    pub(crate) fn duration(&self) -> u64 {
        self.samples.iter().map(|sample| u64::from(sample.0)).sum()
    }
}

pub(crate) fn fragment(mut bytes: Bytes) -> Fragment {
    let whole = bytes.len();
    let moof = Moof::decode_maybe(&mut bytes).unwrap().unwrap();
    let at = whole - bytes.len();
    let header = Header::decode_maybe(&mut bytes).unwrap().unwrap();
    assert_eq!(header.kind, b"mdat".into());
    assert_eq!(header.size, Some(bytes.remaining()));
    let traf = &moof.traf[0];
    let run = &traf.trun[0];
    assert_eq!(run.data_offset, Some(at as i32 + 8));
    let samples: Vec<_> = run
        .samples
        .iter()
        .map(|sample| {
            (sample.duration.unwrap(), sample.size.unwrap(), sample.flags.unwrap(), sample.cts.unwrap())
        })
        .collect();
    assert_eq!(samples.iter().map(|sample| sample.1 as usize).sum::<usize>(), bytes.remaining());
    assert!(samples.iter().all(|sample| sample.0 > 0 && sample.1 > 0));
    Fragment { decode: traf.tfdt.as_ref().unwrap().base_media_decode_time, samples }
}

pub(crate) fn body(packager: &Packager, name: &str) -> Vec<Bytes> {
    match packager.resource(name) {
        Resource::Found { body, .. } => body,
        other => panic!("{name}: {other:?}"),
    }
}

impl Watcher {
    pub(crate) fn new(rendition: Rendition, rate: u32) -> Self {
        Self {
            rendition,
            prefix: if rendition == Rendition::Video { 'v' } else { 'a' },
            rate: rate.into(),
            lines: BTreeMap::new(),
            parts: BTreeMap::new(),
            dates: BTreeMap::new(),
            position: Position { msn: 0, part: 0 },
            media_sequence: 0,
            discontinuity_sequence: 0,
            target_duration: 0,
            part_target: 0.0,
            read: None,
            samples: 0,
            discontinuities: 0,
            shown: Vec::new(),
            farthest: 0,
            strict: true,
            newest: None,
        }
    }

    /// Looks, if anything is new.
    pub(crate) fn look(&mut self, packager: &Packager) {
        let next = packager.next(self.rendition);
        assert!(next >= self.position, "{next:?} after {:?}", self.position);
        if next == self.position && self.newest.is_some() {
            return;
        }
        let Some(text) = packager.playlist(self.rendition, Flavour::LowLatency) else { return };
        self.position = next;
        let list = Playlist::parse(&text);
        self.remember(&list);
        if self.strict {
            list.check_part_lengths();
        }
        self.check_position(packager, &list, next);
        self.read(packager, &list);
        self.newest = Some(list);
    }

    fn remember(&mut self, list: &Playlist) {
        assert!(list.media_sequence >= self.media_sequence);
        assert!(list.discontinuity_sequence >= self.discontinuity_sequence);
        assert!(list.target_duration >= self.target_duration);
        assert!(list.part_target.unwrap() >= self.part_target);
        self.media_sequence = list.media_sequence;
        self.discontinuity_sequence = list.discontinuity_sequence;
        self.target_duration = list.target_duration;
        self.part_target = list.part_target.unwrap();
        self.lines = self.lines.split_off(&list.media_sequence);
        self.parts = self.parts.split_off(&(list.media_sequence, 0));
        self.dates = self.dates.split_off(&list.media_sequence);
        for segment in &list.segments {
            assert_eq!(self.dates.entry(segment.msn).or_insert_with(|| segment.date.clone()), &segment.date);
            for (n, part) in segment.parts.iter().enumerate() {
                let said = self.parts.entry((segment.msn, n as u64)).or_insert_with(|| part.line.clone());
                assert_eq!(said, &part.line);
                assert_eq!(part.uri, format!("{}{}.{n}.m4s", self.prefix, segment.msn));
            }
            if segment.duration.is_some() {
                let said = self.lines.entry(segment.msn).or_insert_with(|| segment.lines.clone());
                assert_eq!(said, &segment.lines);
            }
        }
        self.discontinuities = list.segments.last().unwrap().discontinuities;
    }

    /// What can be asked for by number is what the playlist shows (RFC 8216bis §6.2.5.2).
    fn check_position(&self, packager: &Packager, list: &Playlist, next: Position) {
        let last = list.segments.last().unwrap();
        let (msn, parts) = (last.msn, last.parts.len() as u32);
        let expected = match last.duration {
            Some(_) => Position { msn: msn + 1, part: 0 },
            None => Position { msn, part: parts },
        };
        assert_eq!(next, expected);
        let ready = |msn, part| packager.is_ready(self.rendition, msn, part);
        if list.ended {
            return;
        }
        assert!(ready(msn, parts.checked_sub(1)) || parts == 0);
        assert!(!ready(msn, Some(parts)) && !ready(msn + 1, Some(0)) && !ready(msn + 1, None));
        assert_eq!(ready(msn, None), last.duration.is_some());
        assert_eq!(list.hint.as_deref(), Some(&*format!("{}{}.{}.m4s", self.prefix, next.msn, next.part)));
        assert_eq!(packager.resource(list.hint.as_ref().unwrap()), Resource::Later);
        if self.media_sequence > 1 {
            let gone = format!("{}{}.m4s", self.prefix, self.media_sequence - 1);
            assert_eq!(packager.resource(&gone), Resource::Gone);
        }
        assert_eq!(packager.resource(&format!("{}{}.0.m4s", self.prefix, msn + 7)), Resource::Unknown);
    }

    /// Reads the parts that are new.
    fn read(&mut self, packager: &Packager, list: &Playlist) {
        for segment in list.segments.iter().filter(|segment| !segment.gap) {
            for (n, part) in segment.parts.iter().enumerate() {
                let place = (segment.msn, n as u64);
                if self.read.is_some_and(|(read, ..)| place <= read) {
                    continue;
                }
                let bodies = body(packager, &part.uri);
                let fragment = fragment(bodies[0].clone());
                self.check_time(&fragment, segment.discontinuities, part.duration);
                assert_eq!(part.independent, fragment.samples[0].2 == 0x0200_0000);
                self.read = Some((place, fragment.decode + fragment.duration(), segment.discontinuities));
            }
            if segment.duration.is_some() && !segment.parts.is_empty() {
                let whole = body(packager, &segment.uri);
                let parts: Vec<_> =
                    segment.parts.iter().map(|part| body(packager, &part.uri).remove(0)).collect();
                assert!(
                    whole.iter().zip(&parts).all(|(a, b)| a.as_ptr() == b.as_ptr()),
                    "a segment is a copy"
                );
                assert_eq!(whole.len(), parts.len());
            }
        }
    }

    fn check_time(&mut self, fragment: &Fragment, discontinuities: u64, duration: f64) {
        if let Some((_, end, before)) = self.read {
            let goes_on = fragment.decode == end;
            assert!(
                goes_on || discontinuities > before && fragment.decode > end,
                "{} after {end}",
                fragment.decode
            );
        }
        let seconds = fragment.duration() as f64 / self.rate;
        assert!((seconds - duration).abs() < 2e-6, "{seconds} is called {duration}");
        let mut decode = fragment.decode as i64;
        for (duration, _, _, cts) in &fragment.samples {
            self.shown.push(decode + cts);
            self.farthest = self.farthest.max(cts.abs());
            decode += i64::from(*duration);
            self.samples += 1;
        }
    }
}
