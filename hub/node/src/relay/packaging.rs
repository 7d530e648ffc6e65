use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sluice_hls::{Packager, Track};
use sluice_media::AccessUnit;
use sluice_runtime::random_bytes;
use tokio::sync::watch;

use super::{gop::Gop, metrics::PackagingMetrics};
use crate::hls::{Refusal, Shelf};

/// Packages one feed for HLS while somebody reads it, and a moment longer.
///
/// ```text
/// Off ──wanted──▶ Waiting for a key frame ──the cached GOP, or the next──▶ Running ──last reader gone──▶ Lingering
///  ▲                                                                          ▲──────────wanted──────────┘   │
///  └─────────────────────────────────────────────linger over─────────────────────────────────────────────────┘
/// ```
pub(super) struct Packaging {
    shelf: Arc<Shelf>,
    wanted: watch::Receiver<bool>,
    tracks: Vec<Track>,
    gop: Gop,
    running: Option<Running>,
    /// When packaging ends unless somebody comes.
    until: Option<Instant>,
    metrics: PackagingMetrics,
}

struct Running {
    packager: Packager,
    /// Names it in URLs.
    run: String,
    /// What of it was counted into the gauge.
    bytes: i64,
}

impl Packaging {
    pub(super) fn new(shelf: Arc<Shelf>, metrics: PackagingMetrics) -> Self {
        let wanted = shelf.wanted();
        Self { shelf, wanted, tracks: Vec::new(), gop: Gop::default(), running: None, until: None, metrics }
    }

    /// Resolves when somebody wants the feed packaged, or nobody any more. Cancel safe.
    pub(super) async fn changed(&mut self) {
        if self.wanted.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// When to call [`Packaging::settle`] although nothing happened.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.until
    }

    /// Whether a new key frame would help those who begin: over a real round trip a long group is fetched part by
    /// part, and the viewer is live only after seconds.
    pub(super) fn wants_key_frame(&mut self) -> bool {
        let captured = |end: Option<&(usize, Arc<AccessUnit>)>| end.map(|(_, unit)| unit.captured_at_ms);
        let wanted = *self.wanted.borrow();
        let units = self.gop.units();
        let span = captured(units.last()).zip(captured(units.first())).map(|(last, first)| last - first);
        wanted && span.is_some_and(|span_ms| span_ms > LONG_GROUP_MS)
    }

    /// Begins or ends as it is wanted at `now`.
    pub(super) fn settle(&mut self, now: Instant) {
        let wanted = *self.wanted.borrow_and_update();
        match (wanted, self.until) {
            (true, _) => {
                self.until = None;
                if self.running.is_none() {
                    self.begin();
                }
            }
            (false, None) if self.running.is_some() => self.until = Some(now + LINGER),
            (false, Some(until)) if until <= now => self.stop(),
            (false, _) => {}
        }
    }

    /// The feed flows, for the first time or again, perhaps with other codecs.
    pub(super) fn started(&mut self, tracks: Vec<Track>) {
        let video = tracks.iter().find(|track| track.codec.is_video()).map(|track| track.line);
        self.gop.reset(video);
        self.tracks = tracks;
        self.shelf.refuse(None);
        if let Some(running) = &mut self.running {
            running.packager.restart(&self.tracks);
            self.lay();
        }
    }

    pub(super) fn unit(&mut self, line: usize, unit: &Arc<AccessUnit>) {
        self.gop.push(line, unit);
        self.shelf.trouble(None);
        if let Some(running) = &mut self.running {
            if running.packager.push(line, unit).is_err() {
                self.metrics.units_refused.inc();
            }
            self.lay();
        } else if *self.wanted.borrow() {
            self.begin();
        }
    }

    pub(super) fn discontinuity(&mut self, line: usize) {
        self.gop.cut(line);
        if let Some(running) = &mut self.running {
            running.packager.discontinuity(line);
            self.lay();
        }
    }

    /// The camera or its link has trouble: nothing comes until the feed starts again.
    pub(super) fn trouble(&mut self, code: &str, text: &str) {
        self.gop.clear();
        self.shelf.trouble(Some(Refusal { code: code.to_owned(), text: text.to_owned() }));
    }

    fn begin(&mut self) {
        let units = self.gop.units();
        if units.is_empty() {
            return;
        }
        match Packager::new(self.shelf.settings().clone(), &self.tracks) {
            Ok(mut packager) => {
                packager.start_with(units);
                let run = hex::encode(random_bytes::<6>());
                tracing::debug!(units = units.len(), "packaging begins");
                self.metrics.begun.inc();
                self.running = Some(Running { packager, run, bytes: 0 });
                self.lay();
            }
            Err(error) => {
                let (code, text) = ("codec-unsupported".to_owned(), error.to_string());
                self.shelf.refuse(Some(Refusal { code, text }));
            }
        }
    }

    fn lay(&mut self) {
        if let Some(running) = &mut self.running {
            self.shelf.lay(&running.run, &running.packager);
            let bytes = (running.packager.bytes() + self.shelf.page_bytes()).cast_signed() as i64;
            self.metrics.bytes.inc_by(bytes - running.bytes);
            running.bytes = bytes;
        }
    }

    fn stop(&mut self) {
        self.until = None;
        if let Some(running) = self.running.take() {
            self.metrics.bytes.dec_by(running.bytes);
            tracing::debug!("packaging ends");
            self.metrics.ended.inc();
            self.shelf.clear();
        }
    }
}

impl Drop for Packaging {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Up to two seconds of parts come within a few round trips.
const LONG_GROUP_MS: i64 = 2_000;
/// A reader who comes back, or another one, finds the window whole. Shorter than a feed's own linger.
const LINGER: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
