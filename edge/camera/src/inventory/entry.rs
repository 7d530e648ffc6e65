use std::time::{Duration, Instant};

use sluice_ids::UnixMillis;
use sluice_wire::control::{FoundCamera, FoundState, How};
use url::Url;

use super::{NotUnderstood, RETRY, Sighting};

/// One physical device.
#[derive(Debug)]
pub(super) struct Entry {
    /// What it was first known by.
    pub(super) key: String,
    pub(super) endpoint: String,
    /// Where to ask it, the likeliest first.
    pub(super) places: Vec<Url>,
    /// Where it was before it said that it moved.
    before: Option<Url>,
    name: String,
    hardware: String,
    how: How,
    first_seen: UnixMillis,
    last_seen: UnixMillis,
    pub(super) seen_at: Instant,
    pub(super) state: FoundState,
    text: String,
    /// What opened it last.
    credential: String,
    /// What is to be tried instead, for somebody entered it or the registry has it.
    offered: String,
    /// What it is being asked with.
    asked_with: String,
    /// Its video sources, once it told them.
    pub(super) understood: Vec<FoundCamera>,
    /// How many more there are than there was room for.
    pub(super) cut: usize,
    pub(super) asking: bool,
    ask_at: Option<Instant>,
    failures: usize,
    pub(super) missed: u32,
}

/// What to ask a device with.
pub(super) struct Ask {
    pub(super) places: Vec<Url>,
    pub(super) before: Option<Url>,
    pub(super) credential: String,
}

/// What it can do changes seldom; its clock is nobody's business more often.
const UNDERSTOOD_FOR: Duration = Duration::from_secs(6 * 3_600);
/// A person sets its users, and then says so.
const CLOSED_FOR: Duration = Duration::from_secs(3_600);
/// A device that starts has no stream to tell at once; and nobody has it asked more often by saying hello for it.
const SETTLED_AFTER: Duration = Duration::from_secs(10);
/// ONVIF core specification §5.1.1.
pub(super) const USUAL_PATH: &str = "/onvif/device_service";
/// Of one device: a probe and its answers name a few.
const PLACES: usize = 4;

/// How the key of a device begins that has no name but its address.
const ADDRESS: &str = "at ";

/// Whether a device is known by nothing but its address.
pub(super) fn is_address(key: &str) -> bool {
    key.starts_with(ADDRESS)
}

/// What is at one place is one device.
pub(super) fn place(url: &Url) -> String {
    // Virtual cameras share one address, and their paths differ.
    format!(
        "{}:{}{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or(80),
        url.path()
    )
}

impl Entry {
    pub(super) fn new(now: Instant, wall: UnixMillis, sighting: &Sighting) -> Self {
        let mut places = sighting.places.clone();
        places.truncate(PLACES);
        let named = !sighting.endpoint.is_empty();
        let at = places.first().map(place).unwrap_or_default();
        Self {
            key: if named {
                sighting.endpoint.clone()
            } else {
                format!("{ADDRESS}{}", at.trim_end_matches(USUAL_PATH))
            },
            endpoint: sighting.endpoint.clone(),
            places,
            before: None,
            name: sighting.name.clone(),
            hardware: sighting.hardware.clone(),
            how: sighting.how,
            first_seen: wall,
            last_seen: wall,
            seen_at: now,
            state: FoundState::Asking,
            text: String::new(),
            credential: String::new(),
            offered: String::new(),
            asked_with: String::new(),
            understood: Vec::new(),
            cut: 0,
            asking: false,
            ask_at: Some(now),
            failures: 0,
            missed: 0,
        }
    }

    /// How many entries it is to people.
    pub(super) fn count(&self) -> usize {
        self.understood.len().max(1)
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.ask_at.filter(|_| !self.asking)
    }

    pub(super) fn answers_probes(&self) -> bool {
        !self.endpoint.is_empty() && self.state != FoundState::Silent
    }

    pub(super) fn begin(&mut self) -> Ask {
        self.asking = true;
        self.ask_at = None;
        let with = if self.offered.is_empty() { &self.credential } else { &self.offered };
        self.asked_with.clone_from(with);
        let (places, before) = (self.places.clone(), self.before.clone());
        Ask { places, before, credential: self.asked_with.clone() }
    }

    /// Try this the next time, and soon where it is not understood.
    pub(super) fn offer(&mut self, now: Instant, credential: &str) {
        credential.clone_into(&mut self.offered);
        if self.state != FoundState::Understood {
            self.ask_by(now);
        }
    }

    /// A person opened it with this: whoever it is now, it is meant.
    pub(super) fn opened(&mut self, credential: String) {
        self.credential = credential;
        self.offered.clear();
        self.understood.clear();
    }

    /// It was asked, and what it was asked with opens it.
    pub(super) fn proved(&mut self) {
        if !self.asked_with.is_empty() {
            self.credential.clone_from(&self.asked_with);
        }
        if self.offered == self.asked_with {
            self.offered.clear();
        }
    }

    /// Whether it is news to people.
    pub(super) fn seen(&mut self, now: Instant, wall: UnixMillis, sighting: &Sighting) -> bool {
        let quick = now.saturating_duration_since(self.seen_at) < SETTLED_AFTER;
        (self.last_seen, self.seen_at, self.missed) = (wall, now, 0);
        let (here, there) = (self.places.first().map(place), sighting.places.first().map(place));
        let moved = here != there;
        if moved {
            // It is believed once nobody answers at the place where it was.
            self.before = self.before.take().or_else(|| self.places.first().cloned());
            self.places.clone_from(&sighting.places);
            self.places.truncate(PLACES);
            self.ask_by(now);
        }
        let news = moved || (self.name.is_empty() && !sighting.name.is_empty());
        if self.name.is_empty() {
            self.name.clone_from(&sighting.name);
        }
        if self.hardware.is_empty() {
            self.hardware.clone_from(&sighting.hardware);
        }
        let returns = matches!(self.state, FoundState::Silent | FoundState::Changed);
        let asked_for = sighting.how == How::Manual && self.state != FoundState::Understood;
        if returns || asked_for {
            self.ask_by(now);
        } else if sighting.how == How::Hello && !quick {
            self.ask_by(now + SETTLED_AFTER);
        }
        news
    }

    /// What is wished for while it is being asked is not forgotten with the answer.
    fn ask_by(&mut self, at: Instant) {
        self.ask_at = Some(self.ask_at.map_or(at, |due| due.min(at)));
    }

    /// It said bye, or is not heard any more.
    pub(super) fn doubt(&mut self, now: Instant) {
        self.ask_by(now);
        // One failure is enough to call it silent.
        self.failures = self.failures.max(RETRY.len() - 2);
    }

    /// Another device answers at its place.
    pub(super) fn displaced(&mut self) {
        if self.state != FoundState::Changed {
            self.turn(FoundState::Changed, "another device answers at its address");
            self.ask_at = None;
        }
    }

    /// It never moved: somebody else says to be it. Whether that is news.
    pub(super) fn stayed(&mut self, now: Instant) -> bool {
        if let Some(before) = self.before.take() {
            self.places = vec![before];
        }
        self.ask_by(now + CLOSED_FOR);
        let text = "another device on the network says that it is this one";
        let news = self.text != text;
        text.clone_into(&mut self.text);
        news
    }

    /// Whether that is news.
    pub(super) fn failed(&mut self, now: Instant, why: &NotUnderstood) -> bool {
        let (state, again) = match why {
            NotUnderstood::NeedsCredentials => (FoundState::NeedsCredentials, CLOSED_FOR),
            NotUnderstood::Refused => (FoundState::Refused, CLOSED_FOR),
            NotUnderstood::NotUsable(_) => (FoundState::NotUsable, CLOSED_FOR),
            NotUnderstood::OtherCertificate => (FoundState::Changed, CLOSED_FOR),
            NotUnderstood::Busy => (self.state, RETRY[1]),
            NotUnderstood::Unreachable => {
                let again = RETRY[self.failures.min(RETRY.len() - 1)];
                self.failures += 1;
                // A device that was just seen and does not answer yet is still starting.
                let silent = self.failures >= RETRY.len() - 1;
                (if silent { FoundState::Silent } else { self.state }, again)
            }
        };
        if !matches!(why, NotUnderstood::Unreachable | NotUnderstood::Busy) {
            self.failures = 0;
            self.before = None;
        }
        self.ask_by(now + again);
        self.turn(state, &why.to_string())
    }

    /// Whether it is not the device that was understood here before.
    pub(super) fn is_another(&self, cameras: &[FoundCamera]) -> bool {
        let (Some(before), Some(now)) = (self.understood.first(), cameras.first()) else { return false };
        let differs = |old: &str, new: &str| !old.is_empty() && !new.is_empty() && old != new;
        if !before.hardware_address.is_empty() && !now.hardware_address.is_empty() {
            return before.hardware_address != now.hardware_address;
        }
        differs(&before.serial, &now.serial)
    }

    /// Whether it is held back because of its certificate.
    pub(super) fn has_other_certificate(&self) -> bool {
        self.state == FoundState::Changed && self.text == NotUnderstood::OtherCertificate.to_string()
    }

    /// Whether it is the same device as another entry, by what it told.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let (Some(one), Some(two)) = (self.understood.first(), other.understood.first()) else {
            return false;
        };
        if !one.hardware_address.is_empty() && !two.hardware_address.is_empty() {
            return one.hardware_address == two.hardware_address;
        }
        // Serial numbers such as 1234567890 are everybody's, so the address must be gone too.
        let made = one.manufacturer == two.manufacturer && one.model == two.model;
        let gone = matches!(self.state, FoundState::Silent | FoundState::Changed);
        made && gone && one.serial.len() >= SERIAL && one.serial == two.serial
    }

    /// Whether that is news.
    pub(super) fn changed(&mut self, now: Instant) -> bool {
        self.credential.clear();
        self.offered.clear();
        self.ask_by(now + CLOSED_FOR);
        self.turn(FoundState::Changed, "another device answers at its address")
    }

    /// Whether that is news.
    pub(super) fn understand(
        &mut self,
        now: Instant,
        wall: UnixMillis,
        url: &Url,
        mut cameras: Vec<FoundCamera>,
    ) -> bool {
        (self.failures, self.missed) = (0, 0);
        (self.last_seen, self.seen_at) = (wall, now);
        self.ask_by(now + UNDERSTOOD_FOR);
        if self.places.contains(url) || self.before.is_none() {
            (self.places, self.before) = (vec![url.clone()], None);
        } else {
            // It said to have moved while it answered here.
            self.before = Some(url.clone());
        }
        cameras.sort_by_key(|camera| camera.channel);
        cameras.dedup_by_key(|camera| camera.channel);
        let news = still(&self.understood) != still(&cameras);
        let useless = cameras.iter().all(|camera| camera.state == FoundState::NotUsable);
        let text = cameras.first().map_or_else(String::new, |camera| camera.text.clone());
        (self.understood, self.cut) = (cameras, 0);
        let turned = match useless {
            true => self.turn(FoundState::NotUsable, &text),
            false => self.turn(FoundState::Understood, ""),
        };
        turned || news
    }

    /// The same device under another name; `newer` says that the other one knows better where and what it is.
    pub(super) fn become_one(&mut self, mut other: Self, newer: bool) {
        self.first_seen = self.first_seen.min(other.first_seen);
        if newer {
            other.key.clone_from(&self.key);
            other.first_seen = self.first_seen;
            other.asking = self.asking;
            if other.credential.is_empty() {
                other.credential.clone_from(&self.credential);
            }
            if other.offered.is_empty() {
                other.offered.clone_from(&self.offered);
            }
            *self = other;
        }
    }

    /// Whether it is another state or another text than before.
    pub(super) fn turn(&mut self, state: FoundState, text: &str) -> bool {
        let news = self.state != state || self.text != text;
        self.state = state;
        text.clone_into(&mut self.text);
        news
    }

    /// As people are told it.
    pub(super) fn cameras(&self) -> Vec<FoundCamera> {
        let bare = [FoundCamera::default()];
        let known = if self.understood.is_empty() { &bare[..] } else { &self.understood };
        let xaddr = self.before.as_ref().or(self.places.first()).map(Url::to_string).unwrap_or_default();
        let whole = |camera: &FoundCamera| FoundCamera {
            key: self.key.clone(),
            name: if camera.name.is_empty() { self.name.clone() } else { camera.name.clone() },
            model: if camera.model.is_empty() { self.hardware.clone() } else { camera.model.clone() },
            xaddr: xaddr.clone(),
            how: self.how,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            state: self.state,
            text: self.text.clone(),
            credential: self.credential.clone(),
            ..camera.clone()
        };
        known.iter().map(whole).collect()
    }
}

/// Shorter ones are not unique.
const SERIAL: usize = 6;

/// Without what always moves.
fn still(cameras: &[FoundCamera]) -> Vec<FoundCamera> {
    let still = |camera: &FoundCamera| FoundCamera {
        first_seen: UnixMillis(0),
        last_seen: UnixMillis(0),
        // A drifting clock is news from five seconds on.
        clock_offset_ms: camera.clock_offset_ms.map(|offset| offset / 5_000),
        ..camera.clone()
    };
    cameras.iter().map(still).collect()
}
