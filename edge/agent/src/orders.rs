//! Carries out what control wants once.

use std::time::Duration;

use sluice_edge_camera::{
    Credentials,
    discovery::{Offered, SearchError},
};
use sluice_edge_uplink::Catalogue;
use sluice_ids::{CameraId, Tier};
use sluice_runtime::TaskScope;
use sluice_source::Source;
use sluice_wire::control::{Action, Answer, Failure, FailureCode, OfferedCredential, Order, Outcome};
use tokio::sync::mpsc;

use crate::{poster, site::Site};

/// What the uplink may forward and ask: the edge's rooms do not see each other.
pub(crate) struct Desk {
    pub(crate) site: Site,
    pub(crate) scope: TaskScope,
    /// Wishes for key frames.
    pub(crate) key_frames: mpsc::Sender<(CameraId, Tier)>,
}

/// A little less than the hub waits.
const CARRIED_OUT_WITHIN: Duration = Duration::from_secs(55);

impl Catalogue for Desk {
    fn source(&self, camera: CameraId, tier: Tier) -> Option<Source> {
        self.site.pulls.source(camera, tier)
    }

    fn offered(&self) -> Vec<(CameraId, Tier)> {
        self.site.pulls.offered()
    }

    fn request_key_frame(&self, camera: CameraId, tier: Tier) {
        // Whoever still misses a picture wishes again.
        let _ = self.key_frames.try_send((camera, tier));
    }

    /// The uplink lets no more through than it can wait for.
    fn order(&self, order: Order, answers: mpsc::Sender<Answer>) {
        let site = self.site.clone();
        self.scope.spawn("order", async move {
            let Order { number, action } = order;
            let carried_out = tokio::time::timeout(CARRIED_OUT_WITHIN, carry_out(&site, action)).await;
            let late = |_| failed(FailureCode::Unreachable, "it took too long");
            let outcome = carried_out.unwrap_or_else(late);
            // The link that ordered it may be gone.
            let _ = answers.send(Answer { number, outcome }).await;
        });
    }
}

async fn carry_out(site: &Site, action: Action) -> Outcome {
    match action {
        Action::Search { ranges, addresses } => match site.discovery.search(ranges, addresses).await {
            Ok(()) => Outcome::Done,
            Err(error @ SearchError::Busy) => failed(FailureCode::Busy, &error.to_string()),
            Err(error) => failed(FailureCode::Invalid, &error.to_string()),
        },
        Action::Try { keys, credentials } => {
            let offered = credentials.into_iter().map(|offer| opened(site, offer)).collect();
            let tried = site.discovery.try_credentials(keys, offered).await;
            site.told().await;
            Outcome::Tried(tried)
        }
        Action::Poster { camera, tier } => poster::poster(site, camera, tier).await,
        action @ (Action::Ptz { .. } | Action::Configure { .. }) => site.cameras.act(&action).await,
    }
}

fn opened(site: &Site, offer: OfferedCredential) -> Offered {
    let OfferedCredential { id, username, sealed_password } = offer;
    let password = site.open(&id, &sealed_password);
    Offered { id, credentials: password.map(|password| Credentials { username, password }) }
}

fn failed(code: FailureCode, text: &str) -> Outcome {
    Outcome::Failed(Failure { code, text: text.to_owned() })
}

#[cfg(test)]
mod tests;
