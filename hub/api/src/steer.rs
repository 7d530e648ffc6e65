//! Moves that viewers ask for over the connection that shows them their camera.

use sluice_hub_streams::Phase;
use sluice_runtime::TaskScope;
use sluice_wire::{
    control::PtzCommand,
    node::{Steer, Steered},
};
use tokio::sync::mpsc;

use crate::{
    auth::{Right, may_still},
    problem::Problem,
    routes::ptz::move_it,
    state::ApiState,
};

/// Carries out what the node's viewers ask for, as `POST /cameras/{id}/ptz` does. Each is answered once; the node has at
/// most one of each viewer under way.
pub fn steer(
    scope: &TaskScope,
    state: ApiState,
    mut steers: mpsc::Receiver<Steer>,
    steered: mpsc::Sender<Steered>,
) {
    let (of_each, shutdown) = (scope.clone(), scope.shutdown());
    scope.spawn("steering", async move {
        loop {
            let steer = tokio::select! {
                () = shutdown.requested() => return,
                steer = steers.recv() => steer,
            };
            let Some(steer) = steer else { return };
            let (state, steered) = (state.clone(), steered.clone());
            of_each.spawn("steer", async move {
                let number = steer.number;
                let refused = moved(&state, steer).await.err().map(Into::into);
                // The node may be gone.
                let _ = steered.send(Steered { number, refused }).await;
            });
        }
    });
}

/// A session was granted the right to this; who asked for it must still have it. Whoever is gone may still stop what he
/// moved.
async fn moved(state: &ApiState, steer: Steer) -> Result<(), Problem> {
    let unknown = || Problem::unknown("session-unknown", "session");
    let view = state.streams.session(steer.session).await?.ok_or_else(unknown)?;
    if !view.ptz {
        return Err(Problem::forbidden("this session may not move its camera"));
    }
    match (matches!(view.phase, Phase::Ended(_)), &steer.command) {
        (true, PtzCommand::Stop) => {}
        (true, _) => return Err(sluice_hub_streams::StreamsError::Ended.into()),
        (false, _) => {
            if !may_still(state, view.tenant, &view.credential, Right::Ptz).await? {
                return Err(Problem::forbidden("who asked for this session may not move cameras any more"));
            }
        }
    }
    move_it(state, (view.tenant, view.credential), &view.camera.to_string(), steer.command).await
}
