//! Credentials, one after the other, until one opens a device.

use std::{sync::Arc, time::Duration};

use sluice_runtime::Clock;
use sluice_wire::control::FoundCamera;
use url::Url;

use super::{Offered, Understand};
use crate::{
    inventory::{Id, NotUnderstood},
    onvif::AskError,
    transport::Trouble,
};

/// What opened a device.
pub(super) struct Opened {
    pub(super) offered: Offered,
    pub(super) place: Url,
    pub(super) cameras: Vec<FoundCamera>,
}

/// What is tried at one device.
pub(super) struct Trial {
    pub(super) id: Id,
    pub(super) key: String,
    pub(super) places: Vec<Url>,
}

/// A trial of a few credentials at a slow device; who waits for it waits a minute.
const ONE_DEVICE: Duration = Duration::from_secs(25);

/// The first credential that opens it, or why none does. The guardian keeps a device from being shown one secret thrice.
pub(super) async fn one(
    clock: Clock,
    asker: Arc<dyn Understand>,
    trial: &Trial,
    offered: &[Offered],
) -> Result<Opened, String> {
    tokio::select! { biased;
        opened = in_order(&*asker, trial, offered) => opened,
        () = clock.sleep(ONE_DEVICE) => Err("it answers too slowly".to_owned()),
    }
}

async fn in_order(asker: &dyn Understand, trial: &Trial, offered: &[Offered]) -> Result<Opened, String> {
    let mut refused = 0;
    let mut why = "no credentials were given".to_owned();
    for (n, offer) in offered.iter().enumerate() {
        let Some(credentials) = &offer.credentials else {
            "the password was sealed for another device".clone_into(&mut why);
            continue;
        };
        // The same twice in a list is tried once.
        if offered[..n].iter().any(|before| before.credentials.as_ref() == Some(credentials)) {
            continue;
        }
        match somewhere(asker, &trial.places, offer).await {
            Ok((place, cameras)) => return Ok(Opened { offered: offer.clone(), place, cameras }),
            Err(NotUnderstood::Refused | NotUnderstood::NeedsCredentials) => refused += 1,
            Err(other) => return Err(other.to_string()),
        }
    }
    Err(match refused {
        0 => why,
        1 => "it refuses the credentials".to_owned(),
        many => format!("it refuses all {many} credentials"),
    })
}

async fn somewhere(
    asker: &dyn Understand,
    places: &[Url],
    offer: &Offered,
) -> Result<(Url, Vec<FoundCamera>), NotUnderstood> {
    understood(asker, places, offer.credentials.as_ref()).await
}

/// What answers at the first of the places that answers at all.
pub(super) async fn understood(
    asker: &dyn Understand,
    places: &[Url],
    credentials: Option<&crate::credentials::Credentials>,
) -> Result<(Url, Vec<FoundCamera>), NotUnderstood> {
    let mut last = NotUnderstood::Unreachable;
    for place in places {
        match asker.understand(place, credentials).await {
            Ok(cameras) => return Ok((place.clone(), cameras)),
            Err(error) => {
                let why = not_understood(&error);
                let elsewhere = matches!(why, NotUnderstood::Unreachable | NotUnderstood::NotUsable(_));
                // What answers strangely says more than what does not answer.
                if !matches!(why, NotUnderstood::Unreachable) || last == NotUnderstood::Unreachable {
                    last = why;
                }
                if !elsewhere {
                    break;
                }
            }
        }
    }
    Err(last)
}

fn not_understood(error: &AskError) -> NotUnderstood {
    match error {
        AskError::NeedsCredentials => NotUnderstood::NeedsCredentials,
        AskError::Refused { .. } | AskError::HeldBack(sluice_guardian::Denied::Locked) => {
            NotUnderstood::Refused
        }
        AskError::HeldBack(_) => NotUnderstood::Busy,
        // 503: its web server is there, and what is behind it is not, or not yet.
        AskError::Transport(Trouble::Unreachable | Trouble::Timeout | Trouble::Status(503)) => {
            NotUnderstood::Unreachable
        }
        AskError::Transport(Trouble::OtherCertificate) => NotUnderstood::OtherCertificate,
        other => NotUnderstood::NotUsable(other.to_string()),
    }
}
