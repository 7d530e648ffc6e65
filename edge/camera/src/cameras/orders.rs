//! What is not state: key frames, moves, settings, pictures.

use std::{sync::Arc, time::Duration};

use sluice_ids::{CameraId, Tier};
use sluice_wire::control::{Action, EncoderChange, Failure, FailureCode, Outcome, Poster, PtzCommand};
use tokio::{sync::oneshot, time::timeout};

use super::{Shared, contact::Contact, head::MoveOrder};
use crate::onvif::{AskError, PtzAnswer};

/// Longer than any single question takes; a device that is asked for its streams at the same time answers later.
const PATIENCE: Duration = Duration::from_secs(30);

impl Shared {
    pub(super) fn request_key_frame(self: &Arc<Self>, camera: CameraId, tier: Tier) -> bool {
        let (contact, profile) = {
            let mut registry = self.registry();
            let Some(contact) = registry.contact(camera) else { return false };
            let Some(profile) = contact.profile(camera, tier) else { return false };
            let now = self.clock.now();
            if !registry.wishes(camera, tier).is_some_and(|wishes| wishes.wish(now)) {
                return false;
            }
            (contact, profile)
        };
        self.connector.metrics().key_frames_asked.inc();
        let (shared, onvif) = (Arc::downgrade(self), Arc::clone(&contact.onvif));
        contact.spawn_task("key frame", async move {
            let answer = onvif.key_frame(&profile).await;
            let Some(shared) = shared.upgrade() else { return };
            let now = shared.clock.now();
            if let Some(wishes) = shared.registry().wishes(camera, tier) {
                wishes.answered(now, &answer);
            }
            shared.tell_sync_point(camera);
        });
        true
    }

    pub(super) fn key_frame_came(&self, camera: CameraId, tier: Tier, after: Duration) {
        let now = self.clock.now();
        let late = self.registry().wishes(camera, tier).is_some_and(|wishes| wishes.came(now, after));
        if late {
            self.connector.metrics().key_frames_late.inc();
        }
        self.tell_sync_point(camera);
    }

    fn tell_sync_point(&self, camera: CameraId) {
        let helps = self.registry().sync_point(camera);
        self.learn(camera, |known| known.facts.can.sync_point = helps);
    }

    pub(super) async fn act(&self, action: &Action) -> Outcome {
        let camera = match action {
            Action::Ptz { camera, .. } | Action::Poster { camera, .. } | Action::Configure { camera, .. } => {
                *camera
            }
            Action::Search { .. } | Action::Try { .. } => {
                return failed(FailureCode::Invalid, "this is no order for a camera of the registry");
            }
        };
        let contact = {
            let registry = self.registry();
            if registry.camera(camera).is_none() {
                return failed(FailureCode::UnknownCamera, "the device does not know this camera");
            }
            registry.contact(camera)
        };
        let Some(contact) = contact else {
            return failed(FailureCode::NotSupported, "the camera does not speak ONVIF");
        };
        let acted = async {
            match action {
                Action::Ptz { command, .. } => ptz(&contact, camera, command).await,
                Action::Configure { tier, change, dry_run, .. } => {
                    configure(&contact, camera, *tier, change, *dry_run).await
                }
                _ => self.poster(&contact, action, camera).await,
            }
        };
        match timeout(PATIENCE, acted).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => failed(error.code(), &error.to_string()),
            Err(_) => failed(FailureCode::Unreachable, "the camera did not answer in time"),
        }
    }

    async fn poster(
        &self,
        contact: &Contact,
        action: &Action,
        camera: CameraId,
    ) -> Result<Outcome, AskError> {
        let wanted = match action {
            Action::Poster { tier: Some(tier), .. } => contact.profile(camera, *tier),
            _ => contact.profiles(camera).map(|(smallest, _)| smallest),
        };
        let profile = wanted.ok_or(AskError::NoPicture)?;
        let data = contact.onvif.snapshot(&profile).await?;
        let content_type = "image/jpeg".to_owned();
        Ok(Outcome::Poster(Poster { content_type, captured_at: self.now_ms(), data }))
    }
}

async fn ptz(contact: &Contact, camera: CameraId, command: &PtzCommand) -> Result<Outcome, AskError> {
    // Every profile of a channel turns the same head.
    let (_, profile) = contact.profiles(camera).ok_or(AskError::NotSupported)?;
    let (answer, answered) = oneshot::channel();
    let order = MoveOrder { profile, command: command.clone(), answer };
    contact.moves.try_send(order).map_err(|_| AskError::HeldBack(sluice_guardian::Denied::Busy))?;
    let answered = answered.await.unwrap_or(Err(AskError::NotSupported))?;
    Ok(match answered {
        PtzAnswer::Done => Outcome::Done,
        PtzAnswer::Presets(presets) => Outcome::Presets(presets),
    })
}

async fn configure(
    contact: &Contact,
    camera: CameraId,
    tier: Tier,
    change: &EncoderChange,
    dry_run: bool,
) -> Result<Outcome, AskError> {
    let profile = contact.profile(camera, tier);
    let profile = profile.ok_or_else(|| AskError::Invalid("the camera has no such stream".to_owned()))?;
    let change = contact.onvif.configure(&profile, change, dry_run).await?;
    if !dry_run {
        contact.look_again();
    }
    Ok(Outcome::Configured { before: change.before, after: change.after })
}

fn failed(code: FailureCode, text: &str) -> Outcome {
    Outcome::Failed(Failure { code, text: text.to_owned() })
}
