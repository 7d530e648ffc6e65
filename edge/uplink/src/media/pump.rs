use std::{sync::Arc, time::Duration};

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
            while let Some(event) = subscription.next().await {
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
