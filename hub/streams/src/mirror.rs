use std::time::Duration;

use sluice_fault::{Class, Classed as _, chain};
use sluice_hub_store::{Store, StoreError};
use sluice_ids::SessionId;
use sluice_runtime::{Backoff, Clock, Shutdown};
use tokio::sync::mpsc;

use crate::metrics::StreamsMetrics;

/// What became of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Started(SessionId),
    Switched(SessionId, &'static str),
    Connected(SessionId),
    Ended(SessionId, &'static str),
}

/// Writes what becomes of sessions into the store, for restarts and for others to read.
pub(crate) struct Mirror {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) inbox: mpsc::Receiver<Mark>,
    pub(crate) metrics: StreamsMetrics,
    pub(crate) shutdown: Shutdown,
}

impl Mirror {
    /// Runs until every sender is gone, so that the last ends are written at shutdown too.
    pub(crate) async fn run(mut self) {
        while let Some(mark) = self.inbox.recv().await {
            self.write(mark).await;
        }
    }

    async fn write(&self, mark: Mark) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        for _ in 0..ATTEMPTS {
            match self.attempt(mark).await {
                Ok(()) => return,
                Err(error) if error.class() == Class::Retry && !self.shutdown.is_requested() => {
                    self.clock.sleep(backoff.roll()).await;
                }
                Err(error) => {
                    tracing::warn!(error = chain(&error), "a change of a session is not recorded");
                    break;
                }
            }
        }
        self.metrics.unrecorded.inc();
    }

    async fn attempt(&self, mark: Mark) -> Result<(), StoreError> {
        match mark {
            Mark::Started(session) => self.store.play_session_started(session).await,
            Mark::Switched(session, protocol) => {
                self.store.play_session_switched(session, protocol.to_owned()).await
            }
            Mark::Connected(session) => self.store.play_session_connected(session).await,
            Mark::Ended(session, reason) => self.store.play_session_ended(session, reason.to_owned()).await,
        }
        .map(drop)
    }
}

/// How often a change is tried; sessions are watched meanwhile.
const ATTEMPTS: usize = 8;
