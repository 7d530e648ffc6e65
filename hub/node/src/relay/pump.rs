use std::sync::Arc;

use sluice_runtime::Shutdown;
use sluice_webrtc::{Engine, FeedId};
use tokio::sync::{Notify, mpsc};

use super::{metrics::RelayMetrics, prepare::Preparer};
use crate::{
    feed::FeedKey,
    tunnel::{FeedEvent, FeedStream},
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
struct Progress {
    preparer: Preparer,
    open: bool,
    last_captured_ms: Option<i64>,
}

/// Carries one feed from its subscription into the engine, until it is stopped. Preparing a frame happens
/// here, once per feed and away from the engine's own task.
pub(super) struct Pump {
    pub(super) feed: FeedKey,
    pub(super) id: FeedId,
    pub(super) stream: FeedStream,
    pub(super) engine: Engine,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) key_frame_wanted: Arc<Notify>,
    pub(super) metrics: RelayMetrics,
}

impl Pump {
    pub(super) async fn run(mut self, stopped: Shutdown) {
        let mut progress = Progress::default();
        loop {
            tokio::select! { biased;
                () = stopped.requested() => break,
                () = self.key_frame_wanted.notified() => self.stream.request_key_frame(),
                event = self.stream.next() => self.take(event, &mut progress).await,
            }
        }
        // Once more after the last push, which may have come after the relay's own removal.
        self.engine.remove_feed(self.id);
    }

    async fn take(&self, event: FeedEvent, progress: &mut Progress) {
        match event {
            FeedEvent::Started { lines } => {
                let sets = lines.iter().filter_map(|line| sprop(&line.fmtp));
                sets.for_each(|sprop| progress.preparer.learn(sprop));
            }
            FeedEvent::Unit { unit, .. } => {
                self.metrics.media_bytes.inc_by(unit.size as u64);
                match progress.preparer.frame(&unit) {
                    Ok(frame) => self.engine.push(self.id, Arc::new(frame)),
                    Err(_) => {
                        self.metrics.units_refused.inc();
                        self.engine.discontinuity(self.id);
                    }
                }
                progress.last_captured_ms = Some(unit.captured_at_ms);
                if !progress.open {
                    progress.open = true;
                    self.report(News::Opened).await;
                }
            }
            FeedEvent::Discontinuity { .. } => self.engine.discontinuity(self.id),
            FeedEvent::State { code, text } => self.failed(progress, code, text).await,
            FeedEvent::Lost => {
                self.engine.discontinuity(self.id);
                let text = "the link to the site is down; it comes back by itself";
                self.failed(progress, "device-offline".to_owned(), text.to_owned()).await;
            }
        }
    }

    async fn failed(&self, progress: &mut Progress, code: String, text: String) {
        progress.open = false;
        let last_captured_ms = progress.last_captured_ms;
        self.report(News::Failed { code, text, last_captured_ms }).await;
    }

    async fn report(&self, news: News) {
        let _ = self.reports.send(Report { feed: self.feed, id: self.id, news }).await;
    }
}

/// The value of `sprop-parameter-sets` in a format parameter line (RFC 6184 §8.1).
fn sprop(fmtp: &str) -> Option<&str> {
    fmtp.split(';').find_map(|parameter| parameter.trim().strip_prefix("sprop-parameter-sets="))
}

#[cfg(test)]
mod tests {
    use super::sprop;

    #[test]
    fn parameter_sets_are_found_wherever_they_stand() {
        let fmtp = "packetization-mode=1; sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==;profile-level-id=42C01E";
        assert_eq!(sprop(fmtp), Some("Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg=="));
        assert_eq!(sprop("packetization-mode=1"), None);
    }
}
