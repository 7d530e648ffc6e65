use std::{collections::BTreeMap, sync::Arc, time::Duration};

use sluice_ids::CameraId;
use sluice_runtime::Backoff;
use sluice_wire::control::CameraEvent;
use tokio::{sync::watch, time::timeout};

use super::{
    chatter::Chatter,
    contact::{Common, GOODBYE, Served, Survey},
};
use crate::{
    CameraMetrics,
    onvif::{AskError, Channel, Notice, Subscription},
};

/// Hears what a device notices.
#[derive(Debug)]
pub(super) struct Listener {
    common: Common,
    survey: watch::Receiver<Option<Arc<Survey>>>,
    metrics: CameraMetrics,
    chatter: BTreeMap<CameraId, Chatter>,
}

/// A camera that has something to say all the time is heard twice a second.
const PACE: Duration = Duration::from_millis(500);
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LAST_RETRY: Duration = Duration::from_secs(600);

impl Listener {
    pub(super) const fn new(
        common: Common,
        survey: watch::Receiver<Option<Arc<Survey>>>,
        metrics: CameraMetrics,
    ) -> Self {
        Self { common, survey, metrics, chatter: BTreeMap::new() }
    }

    pub(super) async fn run(mut self) {
        let shutdown = self.common.shutdown.clone();
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        loop {
            let subscribed = tokio::select! { biased;
                () = shutdown.requested() => return,
                subscribed = self.subscribe() => subscribed,
            };
            let Some(subscribed) = subscribed else { return };
            let ended = match subscribed {
                Ok(subscription) => {
                    let began = self.common.clock.now();
                    let ended = self.listen(&subscription).await;
                    if self.common.clock.now().saturating_duration_since(began) > LAST_RETRY {
                        backoff.reset();
                    }
                    ended
                }
                Err(error) => error,
            };
            if shutdown.is_requested() {
                return;
            }
            tracing::debug!(error = sluice_fault::chain(&ended), "a camera's events are not heard");
            let wait = if ended.is_refusal() || ended == AskError::NotSupported {
                LAST_RETRY
            } else {
                backoff.roll()
            };
            tokio::select! { biased;
                () = shutdown.requested() => return,
                // It has just answered the watcher.
                Ok(()) = self.survey.changed() => {}
                () = self.common.clock.sleep(wait) => {}
            }
        }
    }

    /// A pull point, once the device is understood and tells events; `None` when nobody will find out any more.
    async fn subscribe(&mut self) -> Option<Result<Subscription, AskError>> {
        let tells = |survey: &Option<Arc<Survey>>| {
            survey.as_ref().is_some_and(|survey| survey.channels.iter().any(|channel| channel.events))
        };
        drop(self.survey.wait_for(tells).await.ok()?);
        Some(self.common.onvif.subscribe().await)
    }

    /// Pulls until that fails or the scope ends; then the device is told.
    async fn listen(&mut self, subscription: &Subscription) -> AskError {
        let shutdown = self.common.shutdown.clone();
        let onvif = Arc::clone(&self.common.onvif);
        let ended = loop {
            let pulled = tokio::select! { biased;
                () = shutdown.requested() => break AskError::NotSupported,
                pulled = onvif.pull(subscription) => pulled,
            };
            let notices = match pulled {
                Ok(notices) => notices,
                Err(error) => break error,
            };
            for notice in &notices {
                self.hear(notice);
            }
            tokio::select! { biased;
                () = shutdown.requested() => break AskError::NotSupported,
                () = self.common.clock.sleep(PACE) => {}
            }
        };
        // What it does not hear ends by itself.
        let _ = timeout(GOODBYE, onvif.unsubscribe(subscription)).await;
        ended
    }

    fn hear(&mut self, notice: &Notice) {
        let Some(cameras) = self.common.cameras.upgrade() else { return };
        let Some(camera_id) = self.camera_of(notice) else { return };
        let chatter = self.chatter.entry(camera_id).or_default();
        let Some(left_out) = chatter.hear(self.common.clock.now(), notice) else { return };
        let (kind, active, source) = (notice.kind, notice.active, notice.source.clone());
        let event = CameraEvent { camera_id, at: cameras.now_ms(), kind, active, source, left_out };
        if cameras.events.try_send(event).is_ok() {
            self.metrics.events.inc();
            self.metrics.events_left_out.inc_by(left_out.into());
        } else {
            chatter.lose(left_out.saturating_add(1));
        }
    }

    /// Whose event it is: of the channel whose source or source configuration it names, of the only camera, or of the
    /// first.
    fn camera_of(&mut self, notice: &Notice) -> Option<CameraId> {
        let served = self.common.served.borrow();
        self.chatter.retain(|camera, _| served.iter().any(|served| served.camera == *camera));
        let survey = self.survey.borrow();
        let channels = survey.as_ref().map(|survey| survey.channels.as_slice()).unwrap_or_default();
        let named = |source: &str| !source.is_empty() && notice.source.split(' ').any(|word| word == source);
        let of = |channel: &&Channel| {
            named(&channel.source) || channel.configurations.iter().any(|token| named(token))
        };
        match channels.iter().find(of) {
            Some(channel) => {
                served.iter().find(|served| served.channel == channel.channel).map(|served| served.camera)
            }
            None => served.iter().min_by_key(|served| served.channel).map(|served: &Served| served.camera),
        }
    }
}
