use std::sync::Arc;

use sluice_hls::Track;
use sluice_media::{AccessUnit, Codec};
use sluice_runtime::{Clock, Shutdown};
use sluice_webrtc::{AudioKind, AudioPacket, Engine, FeedId, FeedMedia};
use tokio::sync::{Notify, mpsc};

use super::{metrics::RelayMetrics, packaging::Packaging, prepare::Preparer, reorder::Reorder};
use crate::{
    feed::FeedKey,
    tunnel::{FeedEvent, FeedStream, LineInfo},
};

/// What a pump tells the relay about its feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) feed: FeedKey,
    /// Tells a pump from its predecessor, whose last words may come after it has gone.
    pub(super) id: FeedId,
    pub(super) news: News,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// Pictures come, for the first time or again.
    Opened,
    /// The camera or the link has trouble: the code and the words of it, and when the last picture was taken.
    Failed { code: String, text: String, last_captured_ms: Option<i64> },
}

/// What a pump knows of its feed from one event to the next.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The line of pictures, and what prepares them.
    video: Option<(usize, Preparer)>,
    /// The line of sound that WebRTC carries.
    audio: Option<usize>,
    /// What the engine was told of the feed.
    told: Option<FeedMedia>,
    reorder: Reorder,
    open: bool,
    last_captured_ms: Option<i64>,
}

/// Carries one feed from its subscription into the engine and onto its shelf, until it is stopped. Preparing a
/// frame and packaging it happen here, once per feed and away from the engine's own task.
pub(super) struct Pump {
    pub(super) feed: FeedKey,
    pub(super) id: FeedId,
    pub(super) clock: Clock,
    pub(super) stream: FeedStream,
    pub(super) engine: Engine,
    pub(super) packaging: Packaging,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) key_frame_wanted: Arc<Notify>,
    pub(super) metrics: RelayMetrics,
}

impl Pump {
    pub(super) async fn run(mut self, stopped: Shutdown) {
        let mut progress = Progress::default();
        loop {
            let deadline = self.packaging.deadline();
            tokio::select! { biased;
                () = stopped.requested() => break,
                () = self.key_frame_wanted.notified() => self.stream.request_key_frame(),
                () = self.packaging.changed() => self.wanted(),
                event = self.stream.next() => self.take(event, &mut progress).await,
                () = self.clock.sleep_until(deadline) => self.packaging.settle(self.clock.now()),
            }
        }
        // Once more after the last push, which may have come after the relay's own removal.
        self.engine.remove_feed(self.id);
    }

    /// HLS viewers came, or the last one went.
    fn wanted(&mut self) {
        self.packaging.settle(self.clock.now());
        if self.packaging.wants_key_frame() {
            self.stream.request_key_frame();
        }
    }

    async fn take(&mut self, event: FeedEvent, progress: &mut Progress) {
        match event {
            FeedEvent::Started { lines } => self.started(&lines, progress),
            FeedEvent::Unit { line, unit } => {
                self.metrics.media_bytes.inc_by(unit.size as u64);
                self.deliver(line, &unit, progress);
                self.packaging.unit(line, &unit);
                progress.last_captured_ms = Some(unit.captured_at_ms);
                if !progress.open {
                    progress.open = true;
                    self.report(News::Opened).await;
                }
            }
            FeedEvent::Discontinuity { line } => {
                if progress.video.as_ref().is_some_and(|(video, _)| *video == line) {
                    self.engine.discontinuity(self.id);
                }
                self.packaging.discontinuity(line);
            }
            FeedEvent::State { code, text } => self.failed(progress, code, text).await,
            FeedEvent::Lost => {
                self.engine.discontinuity(self.id);
                let text = "the link to the site is down; it comes back by itself";
                self.failed(progress, "device-offline".to_owned(), text.to_owned()).await;
            }
        }
    }

    fn started(&mut self, lines: &[LineInfo], progress: &mut Progress) {
        let tracks: Vec<Track> = lines.iter().filter_map(track).collect();
        let video = tracks.iter().find(|track| track.codec.is_video());
        let audio = tracks.iter().find(|track| by_webrtc(track.codec));
        progress.video = video.map(|track| (track.line, Preparer::new(track.codec, &track.fmtp)));
        progress.audio = audio.map(|track| track.line);
        let video = video.map(|track| track.codec);
        let audio = audio.map(|track| AudioKind { codec: track.codec, clock_rate: track.clock_rate });
        let told = FeedMedia { video, audio, reordered: false };
        (progress.told, progress.reorder) = (Some(told), Reorder::default());
        self.engine.describe(self.id, told);
        self.packaging.started(tracks);
    }

    fn deliver(&self, line: usize, unit: &AccessUnit, progress: &mut Progress) {
        if let Some((_, preparer)) = progress.video.as_mut().filter(|(video, _)| *video == line) {
            if let Some(told) = progress.told.filter(|_| progress.reorder.look(unit)) {
                tracing::info!(camera.id = %self.feed.camera, tier = %self.feed.tier, "B-frames: not by WebRTC");
                self.engine.describe(self.id, FeedMedia { reordered: true, ..told });
            }
            if progress.reorder.found() {
                return;
            }
            match preparer.frame(unit) {
                Ok(frame) => self.engine.push(self.id, Arc::new(frame)),
                Err(_) => {
                    self.metrics.units_refused.inc();
                    self.engine.discontinuity(self.id);
                }
            }
        } else if progress.audio == Some(line) {
            for packet in &unit.packets {
                let audio = AudioPacket {
                    timestamp: unit.timestamp,
                    payload: Arc::from(packet.payload().as_ref()),
                    captured_at_ms: unit.captured_at_ms,
                };
                self.engine.push_audio(self.id, Arc::new(audio));
            }
        }
    }

    async fn failed(&mut self, progress: &mut Progress, code: String, text: String) {
        progress.open = false;
        self.packaging.trouble(&code, &text);
        let last_captured_ms = progress.last_captured_ms;
        self.report(News::Failed { code, text, last_captured_ms }).await;
    }

    async fn report(&self, news: News) {
        let _ = self.reports.send(Report { feed: self.feed, id: self.id, news }).await;
    }
}

/// A line as packaging sees it; `None` for what no engine of ours carries.
fn track(line: &LineInfo) -> Option<Track> {
    let codec = Codec::named(&line.encoding)?;
    Some(Track { line: line.index as usize, codec, clock_rate: line.clock_rate, fmtp: line.fmtp.clone() })
}

/// Sound that every browser takes over WebRTC as the camera sends it (RFC 7874 §3).
fn by_webrtc(codec: Codec) -> bool {
    matches!(codec, Codec::Pcmu | Codec::Pcma | Codec::Opus)
}
