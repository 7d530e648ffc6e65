//! Films one tier of one camera while somebody watches. At rest it holds no encoder and no timer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use sluice_ids::Tier;
use sluice_runtime::{Clock, Shutdown};
use tokio::sync::{Notify, broadcast};

use crate::{
    camera::{CameraState, TierState},
    config::Start,
    encoder::{EncodeError, EncoderSettings, PictureEncoder},
    packets::ticks,
    picture::Scene,
    sample::{Picture, Sample},
};

/// Pictures a session may lag behind; one that lags further misses the rest up to the next key frame.
const QUEUE: usize = 32;

/// The handle: who subscribes makes the camera film.
#[derive(Debug)]
pub(crate) struct Live {
    samples: broadcast::Sender<Sample>,
    wake: Notify,
    key_wanted: AtomicBool,
}

impl Live {
    pub(crate) fn new() -> Self {
        Self {
            samples: broadcast::Sender::new(QUEUE),
            wake: Notify::new(),
            key_wanted: AtomicBool::new(false),
        }
    }

    /// From the next picture on.
    pub(crate) fn subscribe(&self, start: Start) -> broadcast::Receiver<Sample> {
        let samples = self.samples.subscribe();
        if start == Start::KeyFrame {
            self.wish_key_frame();
        }
        self.wake.notify_one();
        samples
    }

    /// The next picture is a key frame.
    pub(crate) fn wish_key_frame(&self) {
        self.key_wanted.store(true, Relaxed);
    }
}

/// The owner of one tier's encoder.
pub(crate) struct LiveTask {
    pub(crate) camera: Arc<CameraState>,
    pub(crate) tier: Tier,
    pub(crate) clock: Clock,
    pub(crate) shutdown: Shutdown,
}

/// What a blocking thread is lent for one picture.
struct Set {
    settings: EncoderSettings,
    scene: Scene,
    encoder: PictureEncoder,
}

/// When pictures are due, and which of them are key frames.
struct Schedule {
    fps: u32,
    start: Start,
    began: Instant,
    began_ms: i64,
    first: u64,
    number: u64,
    since_key: u64,
}

impl LiveTask {
    pub(crate) async fn run(self) {
        let Some(tier) = self.camera.tier(self.tier) else { return };
        loop {
            tokio::select! { biased;
                () = self.shutdown.requested() => return,
                () = tier.live().wake.notified() => {}
            }
            // Another frame rate is another film.
            while tier.live().samples.receiver_count() > 0 && !self.shutdown.is_requested() {
                if let Err(error) = self.film(tier).await {
                    tracing::error!(camera = %self.camera.name, error = %sluice_fault::chain(&error), "a camera cannot film");
                    break;
                }
            }
        }
    }

    /// Until nobody watches, or the frame rate changes.
    async fn film(&self, tier: &TierState) -> Result<(), EncodeError> {
        let live = tier.live();
        let fps = tier.settings().fps;
        let mut set = self.set_up(tier.settings())?;
        let mut schedule = Schedule::new(fps, self.camera.config.start, &self.clock);
        while live.samples.receiver_count() > 0 && tier.settings().fps == fps {
            tokio::select! { biased;
                () = self.shutdown.requested() => return Ok(()),
                () = self.clock.sleep_until(Some(schedule.due())) => {}
            }
            let faults = self.camera.faults.borrow().clone();
            if !faults.stalled && !faults.skips(schedule.number) {
                let settings = tier.settings_with(&faults);
                if settings != set.settings {
                    set = self.set_up(settings)?;
                }
                let wanted = live.key_wanted.swap(false, Relaxed);
                let key = schedule.key_due(wanted, faults.key_frames_withheld, settings.gop_frames);
                let paint = (!faults.frozen).then(|| self.clock.unix_millis());
                let (kept, picture) = self.shoot(set, key, paint, schedule.millis()).await?;
                set = kept;
                schedule.shot(picture.key);
                // An error says that nobody watches any more.
                let _ = live.samples.send(schedule.sample(picture));
            }
            schedule.advance(self.clock.now());
        }
        Ok(())
    }

    fn set_up(&self, settings: EncoderSettings) -> Result<Set, EncodeError> {
        let title = format!("{} {}", self.camera.name, self.tier);
        let scene = Scene::new((settings.tier.width, settings.tier.height), &title, self.camera.index);
        Ok(Set { settings, scene, encoder: PictureEncoder::new(settings)? })
    }

    /// One picture, off the runtime's threads: it takes milliseconds. Without a time the last picture is shot again.
    async fn shoot(
        &self,
        mut set: Set,
        key: bool,
        paint: Option<i64>,
        at: u64,
    ) -> Result<(Set, Picture), EncodeError> {
        let clock = self.clock;
        let shot = tokio::task::spawn_blocking(move || {
            let began = clock.now();
            if let Some(unix_millis) = paint {
                set.scene.paint(unix_millis);
            }
            let picture = set.encoder.encode(set.scene.still(), key, at);
            (set, picture, clock.now() - began)
        });
        let (set, picture, took) = shot.await.map_err(|_| EncodeError::Gone)?;
        self.camera.counters.encoded.count();
        self.camera.counters.encode_us.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        Ok((set, picture?))
    }
}

impl Schedule {
    fn new(fps: u32, start: Start, clock: &Clock) -> Self {
        let began_ms = clock.unix_millis();
        // Counted from 1970, so that a camera's timeline and GOP go on while nobody watches.
        let first = u64::try_from(began_ms).unwrap_or(0) * u64::from(fps) / 1_000;
        Self { fps, start, began: clock.now(), began_ms, first, number: first, since_key: u64::MAX }
    }

    /// When the picture was due, not when a busy machine came to it: the timeline of a sound card is as steady.
    fn sample(&self, picture: Picture) -> Sample {
        let captured_at_ms = self.began_ms + i64::try_from(self.millis()).unwrap_or(0);
        Sample { picture: Arc::new(picture), ticks: ticks(self.number, self.fps), captured_at_ms }
    }

    fn due(&self) -> Instant {
        self.began + Duration::from_secs(self.number - self.first) / self.fps
    }

    /// Milliseconds since the filming began.
    fn millis(&self) -> u64 {
        (self.number - self.first) * 1_000 / u64::from(self.fps)
    }

    fn key_due(&self, wanted: bool, withheld: bool, gop_frames: u64) -> bool {
        if withheld {
            return false;
        }
        match self.start {
            Start::KeyFrame => wanted || self.since_key >= gop_frames,
            Start::MidGop => wanted || self.number.is_multiple_of(gop_frames),
        }
    }

    fn shot(&mut self, key: bool) {
        self.since_key = if key { 1 } else { self.since_key.saturating_add(1) };
    }

    /// To the next picture; what a busy machine made us miss is not made up for.
    fn advance(&mut self, now: Instant) {
        self.number += 1;
        let late = now.saturating_duration_since(self.due());
        self.number += u64::try_from(late.as_millis()).unwrap_or(0) * u64::from(self.fps) / 1_000;
    }
}
