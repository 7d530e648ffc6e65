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
    pub(super) news: News,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// Pictures come, for the first time or again.
    Opened { captured_at_ms: i64 },
    /// The camera or the link has trouble; the code and the words of it.
    Failed { code: String, text: String },
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
        let (mut preparer, mut open) = (Preparer::default(), false);
        loop {
            tokio::select! { biased;
                () = stopped.requested() => break,
                () = self.key_frame_wanted.notified() => self.stream.request_key_frame(),
                event = self.stream.next() => self.take(event, &mut preparer, &mut open).await,
            }
        }
        // Once more after the last push, which may have come after the relay's own removal.
        self.engine.remove_feed(self.id);
    }

    async fn take(&self, event: FeedEvent, preparer: &mut Preparer, open: &mut bool) {
        match event {
            FeedEvent::Started { lines } => {
                lines.iter().filter_map(|line| sprop(&line.fmtp)).for_each(|sprop| preparer.learn(sprop));
            }
            FeedEvent::Unit { unit, .. } => {
                self.metrics.media_bytes.inc_by(unit.size as u64);
                match preparer.frame(&unit) {
                    Ok(frame) => self.engine.push(self.id, Arc::new(frame)),
                    Err(_) => {
                        self.metrics.units_refused.inc();
                        self.engine.discontinuity(self.id);
                    }
                }
                if !*open {
                    *open = true;
                    self.report(News::Opened { captured_at_ms: unit.captured_at_ms }).await;
                }
            }
            FeedEvent::Discontinuity { .. } => self.engine.discontinuity(self.id),
            FeedEvent::State { code, text } => {
                *open = false;
                self.report(News::Failed { code, text }).await;
            }
            FeedEvent::Lost => {
                *open = false;
                self.engine.discontinuity(self.id);
                let (code, text) =
                    ("device-offline", "the link to the site is down; it comes back by itself");
                self.report(News::Failed { code: code.into(), text: text.into() }).await;
            }
        }
    }

    async fn report(&self, news: News) {
        let _ = self.reports.send(Report { feed: self.feed, news }).await;
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
