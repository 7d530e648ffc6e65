use std::time::Duration;

use sluice_ids::{CameraId, Tier};
use sluice_runtime::Shutdown;
use sluice_source::{Event, LineKind, Presentation, Source, Start, State, Status};
use sluice_wire::{ReasonCode, media};
use tokio::sync::mpsc;

use super::NodePull;
use crate::tunnel::{LineInfo, Raw};

/// Carries one stream from its source into a feed. Ending it ends the demand.
pub(crate) struct Carrier {
    pub(crate) pull: NodePull,
    pub(crate) camera: CameraId,
    pub(crate) tier: Tier,
    /// Waits when the feed has enough: the source's own queue then drops up to the next key frame.
    pub(crate) events: mpsc::Sender<Raw>,
}

impl Carrier {
    pub(crate) async fn run(self, shutdown: Shutdown) {
        tokio::select! { biased;
            () = shutdown.requested() => {}
            // The feed's owner let go of it.
            () = self.events.closed() => {}
            () = self.carry() => {}
        }
    }

    async fn carry(&self) {
        loop {
            let source = self.source().await;
            let mut subscription = source.subscribe(Start::Cached).await;
            while let Some(event) = subscription.next().await {
                if let Some(raw) = raw(event)
                    && self.events.send(raw).await.is_err()
                {
                    return;
                }
            }
            // The source was replaced by one with other settings, or removed.
            if self.events.send(Raw::Lost).await.is_err() {
                return;
            }
            self.pull.clock().sleep(AGAIN).await;
        }
    }

    /// The stream's source; one that is not there may be on its way, or was refused.
    async fn source(&self) -> Source {
        let mut told = false;
        loop {
            if let Some(source) = self.pull.pulls().source(self.camera, self.tier) {
                return source;
            }
            if !std::mem::replace(&mut told, true) {
                let text = "this node cannot pull the camera as it is described";
                let state = Raw::State { code: Some(ReasonCode::NotFound), text: text.to_owned() };
                let _ = self.events.send(state).await;
            }
            self.pull.clock().sleep(AGAIN).await;
        }
    }
}

/// What a link would bring for it.
fn raw(event: Event) -> Option<Raw> {
    Some(match event {
        Event::Started { presentation } => Raw::Started { lines: lines(&presentation) },
        Event::Unit { line, unit, .. } => Raw::Unit {
            line,
            first_sequence: unit.first_sequence,
            captured_at_ms: unit.captured_at_ms,
            packets: unit.packets.clone(),
        },
        Event::Gap { line, .. } => Raw::Missing { line },
        Event::State(status) => return trouble(&status),
        // A new numbering shows in the packets themselves.
        Event::Epoch { .. } | Event::Rtcp { .. } => return None,
    })
}

fn trouble(status: &Status) -> Option<Raw> {
    let reason =
        status.reason.as_ref().filter(|_| matches!(status.state, State::Resting | State::Opening))?;
    Some(Raw::State { code: reason.code.as_str().parse().ok(), text: reason.text.clone() })
}

fn lines(presentation: &Presentation) -> Vec<LineInfo> {
    let line = |line: &sluice_source::Line| LineInfo {
        index: u32::try_from(line.index).unwrap_or(u32::MAX),
        kind: match line.kind {
            LineKind::Video => media::LineKind::Video,
            LineKind::Audio => media::LineKind::Audio,
        },
        encoding: line.encoding.clone(),
        payload_type: line.payload_type,
        clock_rate: line.clock_rate,
        fmtp: line.fmtp.clone(),
    };
    presentation.received().map(line).collect()
}

const AGAIN: Duration = Duration::from_millis(300);
