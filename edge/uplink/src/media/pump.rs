use std::{pin::pin, sync::Arc, time::Duration};

use sluice_ids::{CameraId, Tier};
use sluice_runtime::{Clock, Shutdown};
use sluice_source::{Source, Start};
use sluice_wire::{
    ReasonCode,
    media::{FlowPhase, FlowState},
    roq::FlowId,
};
use tokio::sync::mpsc;

use super::translate::{Output, Translate};
use crate::uplink::Catalogue;

/// Carries one subscription from its source to the link. Ending it ends the demand.
pub(crate) struct Pump {
    pub(crate) request: u64,
    pub(crate) camera: CameraId,
    pub(crate) tier: Tier,
    pub(crate) start: Start,
    pub(crate) flows: Vec<FlowId>,
    /// What the node understands.
    pub(crate) capability: u32,
    pub(crate) catalogue: Arc<dyn Catalogue>,
    pub(crate) clock: Clock,
    /// Waits when the link has enough: the source's own queue then drops up to the next key frame.
    pub(crate) out: mpsc::Sender<(u64, Output)>,
}

impl Pump {
    pub(crate) async fn run(self, shutdown: Shutdown) {
        tokio::select! { biased;
            () = shutdown.requested() => {}
            () = self.carry() => {}
        }
    }

    async fn carry(self) {
        let mut translate = Translate::new(self.request, self.flows.clone(), self.capability);
        loop {
            let source = self.source().await;
            let mut subscription = source.subscribe(self.start).await;
            let mut asking = pin!(self.ask(&source));
            loop {
                let event = tokio::select! { biased;
                    event = subscription.next() => event,
                    () = &mut asking => None,
                };
                let Some(event) = event else { break };
                translate.handle(self.clock.now(), event);
                while let Some(output) = translate.poll() {
                    if self.out.send((self.request, output)).await.is_err() {
                        return;
                    }
                }
            }
            // The source was replaced by one with other settings, or removed.
            self.clock.sleep(AGAIN).await;
        }
    }

    /// Asks the camera for a key frame whenever the subscriber would wait for one, or begin long ago. Until the source ends.
    async fn ask(&self, source: &Source) {
        let mut keys = source.key_frames();
        let mut begin = self.start == Start::NextKey;
        loop {
            let Ok(seen) = keys.wait_for(|keys| keys.flowing).await.map(|keys| *keys) else { return };
            let fresh =
                seen.newest.is_some_and(|at| self.clock.now().saturating_duration_since(at) <= STALE_AFTER);
            for _ in 0..ASKED_AT_MOST {
                if fresh && !begin {
                    break;
                }
                self.catalogue.request_key_frame(self.camera, self.tier);
                let came = keys.wait_for(|keys| keys.count != seen.count || !keys.flowing);
                match tokio::time::timeout(ASK_AGAIN_AFTER, came).await {
                    Ok(Ok(_)) => break,
                    Ok(Err(_)) => return,
                    Err(_) => {}
                }
            }
            begin = false;
            // From now on the stream goes on by itself, unless a gap or a new session leaves nothing to begin with.
            if keys.wait_for(|keys| keys.newest.is_some()).await.is_err()
                || keys.wait_for(|keys| keys.newest.is_none()).await.is_err()
            {
                return;
            }
        }
    }

    /// The stream's source; one that is not there may be on its way as desired state.
    async fn source(&self) -> Source {
        let mut told = false;
        loop {
            if let Some(source) = self.catalogue.source(self.camera, self.tier) {
                return source;
            }
            if !std::mem::replace(&mut told, true) {
                self.tell(
                    FlowPhase::Opening,
                    ReasonCode::NotFound,
                    "the appliance does not know this camera yet",
                )
                .await;
            }
            self.clock.sleep(AGAIN).await;
        }
    }

    async fn tell(&self, state: FlowPhase, code: ReasonCode, text: &str) {
        let state = FlowState { request: self.request, state, code: Some(code), text: text.to_owned() };
        let _ = self.out.send((self.request, Output::State(state))).await;
    }
}

const AGAIN: Duration = Duration::from_millis(300);
/// A browser decodes a group of pictures longer than this more slowly than a camera that is asked sends a key frame.
const STALE_AFTER: Duration = Duration::from_secs(1);
/// Who is asked limits how often; a camera that did not hear is asked again.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(1_200);
const ASKED_AT_MOST: usize = 3;

#[cfg(test)]
mod tests;
