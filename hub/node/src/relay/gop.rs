use std::{collections::VecDeque, sync::Arc};

use sluice_media::AccessUnit;

/// The newest group of pictures of a feed with the sound captured since, so that packaging can begin with it.
/// Bounded: a longer group is not kept, and the next key frame begins a new one.
#[derive(Debug, Default)]
pub(super) struct Gop {
    units: VecDeque<(usize, Arc<AccessUnit>)>,
    bytes: usize,
    /// The line whose key frames begin a group; a feed without pictures has none.
    video: Option<usize>,
}

impl Gop {
    /// Begins anew for a feed with this video line.
    pub(super) fn reset(&mut self, video: Option<usize>) {
        self.clear();
        self.video = video;
    }

    pub(super) fn push(&mut self, line: usize, unit: &Arc<AccessUnit>) {
        let is_video = self.video == Some(line);
        if is_video && unit.key.is_some() {
            self.clear();
        } else if self.video.is_some() && self.units.is_empty() {
            return;
        }
        self.bytes += unit.size;
        self.units.push_back((line, Arc::clone(unit)));
        if self.video.is_none() {
            while self.units.len() > SOUND_UNITS {
                self.bytes -= self.units.pop_front().map_or(0, |(_, unit)| unit.size);
            }
        }
        if self.bytes > MOST_BYTES || self.units.len() > MOST_UNITS {
            self.clear();
        }
    }

    /// Something is missing from a line: pictures are no group any more without it, sound goes on.
    pub(super) fn cut(&mut self, line: usize) {
        if self.video.is_none_or(|video| video == line) {
            self.clear();
        }
    }

    /// In the order in which they were captured.
    pub(super) fn units(&mut self) -> &[(usize, Arc<AccessUnit>)] {
        self.units.make_contiguous()
    }

    pub(super) fn clear(&mut self) {
        self.units.clear();
        self.bytes = 0;
    }
}

/// As much as the engine keeps of a group.
const MOST_BYTES: usize = 8 << 20;
/// Twelve seconds at 60 pictures a second, with the sound.
const MOST_UNITS: usize = 2_048;
/// About two seconds of sound without pictures.
const SOUND_UNITS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::fixture::unit;

    fn times(gop: &mut Gop) -> Vec<i64> {
        gop.units().iter().map(|(_, unit)| unit.timestamp).collect()
    }

    #[test]
    fn it_begins_with_the_newest_key_frame_and_holds_the_sound_since() {
        let mut gop = Gop::default();
        gop.reset(Some(0));
        for (line, time, key) in [
            (0, 1, false),
            (1, 2, true),
            (0, 3, true),
            (1, 4, true),
            (0, 5, true),
            (1, 6, true),
            (0, 7, false),
        ] {
            gop.push(line, &unit(time, key, 10));
        }
        assert_eq!(times(&mut gop), [5, 6, 7]);
        gop.cut(1);
        assert_eq!(times(&mut gop).len(), 3, "a hole in the sound cuts nothing");
        gop.cut(0);
        gop.push(0, &unit(8, false, 10));
        assert!(times(&mut gop).is_empty(), "nothing refers to what is missing");
    }

    #[test]
    fn a_group_beyond_its_bound_is_not_kept() {
        let mut gop = Gop::default();
        gop.reset(Some(0));
        gop.push(0, &unit(1, true, MOST_BYTES));
        gop.push(0, &unit(2, false, 1_000));
        gop.push(0, &unit(3, false, 10));
        assert!(times(&mut gop).is_empty());
        gop.push(0, &unit(4, true, 10));
        assert_eq!(times(&mut gop), [4]);
    }

    #[test]
    fn sound_alone_is_kept_for_a_moment() {
        let mut gop = Gop::default();
        gop.reset(None);
        (0..500).for_each(|time| gop.push(0, &unit(time, true, 160)));
        assert_eq!(times(&mut gop), (400..500).collect::<Vec<_>>());
    }
}
