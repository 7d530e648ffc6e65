use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use sluice_hls::{Flavour, Packager, Rendition, Resource, Settings};
use tokio::sync::watch;

use super::Page;

mod name;
#[cfg(test)]
mod tests;

pub(crate) use name::{Media, Name, number};

/// Where one feed's playlists and parts lie for whoever reads them, from when the first HLS session wants them
/// until some time after the last.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    settings: Settings,
    wanted: watch::Sender<bool>,
    head: watch::Sender<Arc<Head>>,
    video: watch::Sender<Arc<Laid>>,
    audio: watch::Sender<Arc<Laid>>,
}

/// What is known of a packaged feed as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Names this run of packaging, in every URL of it: numbers begin anew with each run, and caches must not
    /// take one run's parts for another's. Empty until the first part is there.
    pub(crate) run: String,
    /// Whether there are pictures, and sound.
    renditions: [bool; 2],
    /// Multivariant playlists with relative URIs: with sound and without, for each flavour.
    masters: [[Option<String>; 2]; 2],
    /// Why nothing comes at the moment.
    pub(crate) trouble: Option<Refusal>,
    /// Why this feed cannot be packaged at all.
    pub(crate) refusal: Option<Refusal>,
}

/// A code of a closed set and its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) text: String,
}

/// One rendition at one moment. Never changed: the next moment's shares what is still there with it.
#[derive(Debug, Default)]
pub(crate) struct Laid {
    /// The part that is being made: `(segment, part)` exists if it is before.
    pub(crate) next: (u64, u32),
    /// The segment in which a player begins.
    start: u64,
    low_latency: Option<Page>,
    standard: Option<Arc<Page>>,
    /// EXT-X-TARGETDURATION in seconds: it may grow for a camera with very long groups.
    target: u32,
    inits: VecDeque<(u32, Bytes)>,
    /// Consecutive in number; only the last is open.
    segments: VecDeque<Arc<Segment>>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Segment {
    number: u64,
    parts: Vec<Bytes>,
    whole: bool,
}

/// What lies under a name.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// An initialisation section or a part.
    One(Bytes),
    /// A segment: its parts, one behind the other.
    Many(Arc<Segment>),
    /// The part that is being made: it comes, or the segment ends before it.
    Later,
    /// It was there and has left the window.
    Gone,
    /// No such thing.
    Unknown,
}

/// Whether a position that a player waits for is there (RFC 8216bis §6.2.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    Yes,
    NotYet,
    TooFar,
}

impl Segment {
    pub(crate) fn parts(&self) -> &[Bytes] {
        &self.parts
    }
}

impl Head {
    /// Whether the feed has this rendition at all.
    pub(crate) fn has(&self, media: Media) -> bool {
        self.renditions[media as usize]
    }

    /// The multivariant playlist, where codecs and resolution are known and the first part is there.
    pub(crate) fn master(&self, with_audio: bool, flavour: Flavour) -> Option<&str> {
        self.masters[usize::from(with_audio)][place(flavour)].as_deref()
    }
}

fn place(flavour: Flavour) -> usize {
    match flavour {
        Flavour::LowLatency => 0,
        Flavour::Standard => 1,
    }
}

impl Laid {
    /// Its playlist: from the first part on, and of the standard flavour from the third whole segment on.
    pub(crate) fn page(&self, flavour: Flavour) -> Option<&Page> {
        match flavour {
            Flavour::LowLatency => self.low_latency.as_ref(),
            Flavour::Standard => self.standard.as_deref(),
        }
    }

    /// How many segments lie here.
    #[cfg(test)]
    pub(crate) fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Whether a position is there. `ahead` is how many parts beyond the newest may be asked for.
    pub(crate) fn reached(&self, number: u64, part: Option<u32>, ahead: u32) -> Reached {
        let (open, made) = self.next;
        let Some(part) = part else {
            return if number < open {
                Reached::Yes
            } else if number > open + 1 {
                Reached::TooFar
            } else {
                Reached::NotYet
            };
        };
        // A part behind the last of its segment is the first of the segment after (RFC 8216bis §6.2.5.2).
        let over =
            self.segment(number).is_some_and(|known| known.whole && part as usize >= known.parts.len());
        let (number, part) = if over { (number + 1, 0) } else { (number, part) };
        if (number, part) < (open, made) {
            Reached::Yes
        } else if number > open + 1 || part > ahead.saturating_add(if number == open { made } else { 0 }) {
            Reached::TooFar
        } else {
            Reached::NotYet
        }
    }

    /// What lies under a name of this rendition.
    pub(crate) fn item(&self, name: &Name) -> Item {
        match *name {
            Name::Playlist(..) => Item::Unknown,
            Name::Init(_, wanted) => {
                let found = self.inits.iter().find(|(version, _)| *version == wanted);
                found.map_or(Item::Unknown, |(_, bytes)| Item::One(bytes.clone()))
            }
            Name::Segment(_, number) => match self.segment(number) {
                Some(segment) if segment.whole => Item::Many(Arc::clone(segment)),
                _ => self.absent(number),
            },
            Name::Part(_, number, part) => {
                let there = self.segment(number).and_then(|segment| segment.parts.get(part as usize));
                match there {
                    Some(bytes) => Item::One(bytes.clone()),
                    // Of the next segment too: a key frame may come before the part that is being made.
                    None if (number, part) == self.next || (number, part) == (self.next.0 + 1, 0) => {
                        Item::Later
                    }
                    None => self.absent(number),
                }
            }
        }
    }

    /// The media a player asks for as it begins, with their names: the newest initialisation section and every part
    /// from its first segment on.
    pub(crate) fn beginning(&self, media: Media) -> Vec<(String, Bytes)> {
        let init = self.inits.back().map(|(version, bytes)| (media.init(*version), bytes.clone()));
        let segments = self.segments.iter().filter(|segment| segment.number >= self.start);
        let parts = segments.flat_map(|segment| {
            let parts = segment.parts.iter().enumerate();
            parts.map(|(part, bytes)| (media.part(segment.number, part), bytes.clone()))
        });
        init.into_iter().chain(parts).collect()
    }

    fn absent(&self, number: u64) -> Item {
        match self.segments.front() {
            Some(first) if number < first.number => Item::Gone,
            _ => Item::Unknown,
        }
    }

    fn segment(&self, number: u64) -> Option<&Arc<Segment>> {
        let first = self.segments.front()?.number;
        self.segments.get(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// What lies here once `packager` has made another part; shares all that was here before.
    fn grown(&self, packager: &Packager, media: Media) -> Self {
        let rendition = Rendition::from(media);
        let position = packager.next(rendition);
        let next = (position.msn, position.part);
        let mut segments = self.segments.clone();
        let from = match segments.back() {
            Some(last) if last.whole => last.number + 1,
            Some(last) => last.number,
            None => next.0.saturating_sub(MOST_AT_ONCE),
        };
        for number in from..=next.0 {
            let mut segment = segments
                .pop_back_if(|last| last.number == number)
                .map_or_else(|| Segment { number, ..Segment::default() }, |open| Segment::clone(&open));
            segment.whole = number < next.0;
            while let Some(part) = found(packager, &media.part(number, segment.parts.len())) {
                segment.parts.push(part);
            }
            if !segment.parts.is_empty() {
                segments.push_back(Arc::new(segment));
            }
        }
        let left =
            |first: &mut Arc<Segment>| first.whole && found(packager, &media.part(first.number, 0)).is_none();
        while segments.pop_front_if(left).is_some() {}
        let standard = match &self.standard {
            // It changes with whole segments only.
            Some(page) if self.next.0 == next.0 => Some(Arc::clone(page)),
            _ => packager.playlist(rendition, Flavour::Standard).map(Page::new).map(Arc::new),
        };
        let low_latency = packager.playlist(rendition, Flavour::LowLatency);
        let target = low_latency.as_deref().and_then(target_duration).unwrap_or_default();
        let inits = self.grown_inits(packager, media);
        let start = packager.start(rendition).unwrap_or(next.0);
        Self { next, start, low_latency: low_latency.map(Page::new), standard, target, inits, segments }
    }

    fn grown_inits(&self, packager: &Packager, media: Media) -> VecDeque<(u32, Bytes)> {
        let mut inits = self.inits.clone();
        let mut version = inits.back().map_or(1, |(newest, _)| newest + 1);
        while let Some(init) = found(packager, &media.init(version)) {
            inits.push_back((version, init));
            version += 1;
        }
        let left = |first: &mut (u32, Bytes)| found(packager, &media.init(first.0)).is_none();
        while inits.pop_front_if(left).is_some() {}
        inits
    }
}

fn target_duration(playlist: &str) -> Option<u32> {
    playlist.lines().find_map(|line| line.strip_prefix("#EXT-X-TARGETDURATION:"))?.parse().ok()
}

/// A resource in one piece.
fn found(packager: &Packager, name: &str) -> Option<Bytes> {
    match packager.resource(name) {
        Resource::Found { body, .. } => body.into_iter().next(),
        _ => None,
    }
}

impl Shelf {
    /// How its feed is packaged.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The longest a segment may be, as the playlists say.
    pub(crate) fn target_duration(&self) -> Duration {
        let told = self.video.borrow().target.max(self.audio.borrow().target);
        Duration::from_secs(self.settings.target_duration.max(told).into())
    }

    /// How many parts beyond the newest a player may ask for: three seconds of them (RFC 8216bis §6.2.5.2).
    pub(crate) fn parts_ahead(&self) -> u32 {
        let target = self.settings.part_target.as_secs_f64().clamp(0.01, 1.0);
        (3.0 / target).ceil() as u32
    }

    /// Whether anybody reads; the pump of the feed fills the shelf while somebody does.
    pub(crate) fn want(&self, wanted: bool) {
        self.wanted.send_if_modified(|now| std::mem::replace(now, wanted) != wanted);
    }

    pub(crate) fn wanted(&self) -> watch::Receiver<bool> {
        self.wanted.subscribe()
    }

    pub(crate) fn head(&self) -> Arc<Head> {
        Arc::clone(&self.head.borrow())
    }

    pub(crate) fn heads(&self) -> watch::Receiver<Arc<Head>> {
        self.head.subscribe()
    }

    pub(crate) fn laid(&self, media: Media) -> Arc<Laid> {
        Arc::clone(&self.rendition(media).borrow())
    }

    pub(crate) fn changes(&self, media: Media) -> watch::Receiver<Arc<Laid>> {
        self.rendition(media).subscribe()
    }

    fn rendition(&self, media: Media) -> &watch::Sender<Arc<Laid>> {
        match media {
            Media::Video => &self.video,
            Media::Audio => &self.audio,
        }
    }

    /// Says what keeps the pictures away, or that nothing does any more.
    pub(crate) fn trouble(&self, trouble: Option<Refusal>) {
        self.change(|head| head.trouble = trouble);
    }

    /// Says that this feed cannot be packaged.
    pub(crate) fn refuse(&self, refusal: Option<Refusal>) {
        self.change(|head| head.refusal = refusal);
    }

    fn change(&self, change: impl FnOnce(&mut Head)) {
        self.head.send_if_modified(|head| {
            let mut changed = Head::clone(head);
            change(&mut changed);
            let differs = changed != **head;
            if differs {
                *head = Arc::new(changed);
            }
            differs
        });
    }

    /// Lays out what `packager` has made since the last time, under the name of this `run`.
    pub(crate) fn lay(&self, run: &str, packager: &Packager) {
        let (mut begun, mut grown) = (false, false);
        for media in [Media::Video, Media::Audio] {
            let mut laid = self.laid(media);
            let position = packager.next(media.into());
            if laid.next != (position.msn, position.part) {
                // Outside of the lock that readers take: nobody else writes.
                laid = Arc::new(laid.grown(packager, media));
                self.rendition(media).send_replace(Arc::clone(&laid));
                grown = true;
            }
            begun |= !laid.segments.is_empty();
        }
        if begun && grown {
            self.change(|head| {
                head.run = run.to_owned();
                head.renditions = [Media::Video, Media::Audio].map(|media| packager.has(media.into()));
                for (with_audio, masters) in [false, true].into_iter().zip(&mut head.masters) {
                    for flavour in [Flavour::LowLatency, Flavour::Standard] {
                        masters[place(flavour)] = packager.multivariant(with_audio, flavour);
                    }
                }
            });
        }
    }

    /// Takes everything away: nobody reads any more.
    pub(crate) fn clear(&self) {
        self.change(|head| {
            let (trouble, refusal) = (head.trouble.take(), head.refusal.take());
            *head = Head { trouble, refusal, ..Head::default() };
        });
        for media in [Media::Video, Media::Audio] {
            self.rendition(media).send_replace(Arc::default());
        }
    }

    /// Bytes of playlists that it holds; those of parts are the packager's.
    pub(crate) fn page_bytes(&self) -> usize {
        let pages = |media| {
            let laid = self.laid(media);
            laid.low_latency.as_ref().map_or(0, Page::size) + laid.standard.as_deref().map_or(0, Page::size)
        };
        pages(Media::Video) + pages(Media::Audio)
    }
}

/// More segments than a run begins with.
const MOST_AT_ONCE: u64 = 64;
