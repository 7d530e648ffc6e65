use std::{collections::VecDeque, sync::Arc};

use sluice_media::{AccessUnit, GopRing};

/// What a late subscriber is sent first: the last group of pictures, and the sound since its key frame.
pub(super) struct Cache {
    line: usize,
    pictures: GopRing,
    sound: VecDeque<(usize, Arc<AccessUnit>)>,
    sound_bytes: usize,
}

/// Sixteen seconds of 128 kbit/s: sound is kept as long as the group of pictures lasts.
const SOUND_BYTES: usize = 256 * 1024;

impl Cache {
    /// Holds at most `ring_bytes` of pictures, and [`SOUND_BYTES`] of sound.
    pub(super) fn new(ring_bytes: usize) -> Self {
        Self { line: 0, pictures: GopRing::new(ring_bytes), sound: VecDeque::new(), sound_bytes: 0 }
    }

    /// A unit of the line that a start begins with.
    pub(super) fn lead(&mut self, line: usize, unit: Arc<AccessUnit>) {
        self.line = line;
        if unit.key.is_some() {
            let key_at = unit.captured_at_ms;
            while self.sound.front().is_some_and(|(_, sound)| sound.captured_at_ms < key_at) {
                self.drop_sound();
            }
        }
        self.pictures.push(unit);
    }

    /// A unit of another line.
    pub(super) fn follow(&mut self, line: usize, unit: Arc<AccessUnit>) {
        self.sound_bytes += unit.size;
        self.sound.push_back((line, unit));
        while self.sound_bytes > SOUND_BYTES {
            self.drop_sound();
        }
    }

    fn drop_sound(&mut self) {
        if let Some((_, unit)) = self.sound.pop_front() {
            self.sound_bytes -= unit.size;
        }
    }

    /// Nobody can start from what is held; sound has no references and stays for the next key frame to judge.
    pub(super) fn clear(&mut self) {
        self.pictures.clear();
    }

    /// In the order in which they were captured, a key frame first; empty if there is none.
    pub(super) fn snapshot(&self) -> Vec<(usize, Arc<AccessUnit>)> {
        let pictures = self.pictures.snapshot();
        let Some(begins_at) = pictures.first().map(|key| key.captured_at_ms) else { return Vec::new() };
        let mut all = Vec::with_capacity(pictures.len() + self.sound.len());
        let mut sound = self.sound.iter().filter(|(_, unit)| unit.captured_at_ms >= begins_at).peekable();
        for (n, picture) in pictures.into_iter().enumerate() {
            while let Some(earlier) =
                sound.next_if(|(_, unit)| n > 0 && unit.captured_at_ms < picture.captured_at_ms)
            {
                all.push(earlier.clone());
            }
            all.push((self.line, picture));
        }
        all.extend(sound.cloned());
        all
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.pictures.bytes() + self.sound_bytes
    }
}

#[cfg(test)]
mod tests {
    use sluice_media::{Key, RtpPacket};

    use super::*;

    fn unit(sequence: u64, captured_at_ms: i64, key: bool, size: usize) -> Arc<AccessUnit> {
        let mut raw = vec![0x80, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x41];
        raw[2..4].copy_from_slice(&u16::try_from(sequence & 0xffff).unwrap().to_be_bytes());
        Arc::new(AccessUnit {
            packets: vec![RtpPacket::parse(raw.into()).unwrap()],
            first_sequence: sequence,
            timestamp: captured_at_ms * 90,
            captured_at_ms,
            key: key.then_some(Key::Idr),
            reference: true,
            size,
        })
    }

    fn held(cache: &Cache) -> Vec<(usize, i64)> {
        cache.snapshot().iter().map(|(line, unit)| (*line, unit.captured_at_ms)).collect()
    }

    #[test]
    fn sound_since_the_key_frame_is_kept_in_its_place() {
        let mut cache = Cache::new(1 << 20);
        for n in 0..20 {
            cache.follow(1, unit(n, 20 * i64::try_from(n).unwrap(), true, 100));
        }
        cache.lead(0, unit(0, 310, true, 1_000));
        cache.lead(0, unit(1, 350, false, 1_000));
        cache.follow(1, unit(20, 400, true, 100));
        assert_eq!(held(&cache), [(0, 310), (1, 320), (1, 340), (0, 350), (1, 360), (1, 380), (1, 400)]);
        assert_eq!(cache.bytes(), 2_000 + 500);
        cache.lead(0, unit(2, 390, true, 1_000));
        assert_eq!(held(&cache), [(0, 390), (1, 400)]);
    }

    #[test]
    fn without_a_key_frame_nothing_is_offered_and_sound_stays_bounded() {
        let mut cache = Cache::new(1 << 20);
        for n in 0..1_000 {
            cache.follow(1, unit(n, 20 * i64::try_from(n).unwrap(), true, 1_000));
        }
        assert!(cache.snapshot().is_empty() && cache.bytes() <= SOUND_BYTES);
        cache.lead(0, unit(0, 19_900, true, 1_000));
        cache.clear();
        assert!(cache.snapshot().is_empty());
    }
}
