use std::time::Duration;

use sluice_media::{AccessUnit, Codec, VideoDescription, VideoSets, has_b_slices, nal_units};

use crate::presentation::Line;

/// What the pictures of a line tell about it.
pub(super) struct Picture {
    codec: Codec,
    clock_rate: u32,
    sets: VideoSets,
    video: Option<VideoDescription>,
    order: Order,
    last_key: Option<i64>,
    gop: Option<Duration>,
}

impl Picture {
    pub(super) fn new(codec: Codec, line: &Line) -> Self {
        let sets = VideoSets::from_fmtp(codec, &line.fmtp);
        let video = sets.describe().ok();
        let order = Order::default();
        Self { codec, clock_rate: line.clock_rate, sets, video, order, last_key: None, gop: None }
    }

    /// Whether something is known only now.
    pub(super) fn take(&mut self, unit: &AccessUnit) -> bool {
        let changed = unit.key.is_some() && self.key(unit);
        self.order.look(self.codec, unit) || changed
    }

    /// Numbers and times begin anew; what is known of the pictures stays until they say otherwise.
    pub(super) fn restart(&mut self) {
        self.last_key = None;
        self.order.highest = None;
    }

    pub(super) fn describe(&self) -> Option<VideoDescription> {
        let mut video = self.video.clone()?;
        video.b_frames = self.order.went_back || (video.b_frames && self.order.b_slices);
        Some(video)
    }

    /// Time between the last two key frames.
    pub(super) fn gop(&self) -> Option<Duration> {
        self.gop
    }

    fn key(&mut self, unit: &AccessUnit) -> bool {
        if let Some(ticks) = self.last_key.and_then(|last| u64::try_from(unit.timestamp - last).ok()) {
            let micros = ticks.saturating_mul(1_000_000) / u64::from(self.clock_rate.max(1));
            self.gop = Some(Duration::from_micros(micros));
        }
        self.last_key = Some(unit.timestamp);
        let Ok(nals) = nal_units(self.codec, &unit.packets) else { return false };
        // Every one is looked at, so no `any`.
        let changed = nals.iter().filter(|nal| self.sets.observe(nal)).count() > 0;
        if changed {
            self.video = self.sets.describe().ok().or(self.video.take());
            self.order = Order::default();
        }
        changed
    }
}

/// Whether pictures come in another order than shown. Parameter sets often leave it open, and most cameras that
/// do so send no B slices: so it is believed when it is seen.
#[derive(Debug, Default)]
struct Order {
    looked_at: u32,
    highest: Option<i64>,
    /// A picture came that is shown before one that came earlier.
    went_back: bool,
    /// Slices that may refer forwards (H.264; in H.265 low-delay encoders use them too).
    b_slices: bool,
}

impl Order {
    /// An encoder that uses B slices does so within its first seconds.
    const LOOK_AT: u32 = 300;

    /// Whether it is known only now.
    fn look(&mut self, codec: Codec, unit: &AccessUnit) -> bool {
        if self.went_back || self.looked_at >= Self::LOOK_AT {
            return false;
        }
        self.looked_at += 1;
        let before = (self.went_back, self.b_slices);
        self.went_back = self.highest.is_some_and(|highest| unit.timestamp < highest);
        self.highest = self.highest.max(Some(unit.timestamp));
        self.b_slices |= codec == Codec::H264 && has_b_slices(codec, &unit.packets);
        before != (self.went_back, self.b_slices)
    }
}
