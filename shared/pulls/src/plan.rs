//! From the desired cameras and what runs now to what must change. Pure.

use std::{collections::BTreeMap, time::Duration};

use sluice_ids::{CameraId, Tier};
use sluice_source::Transport;
use sluice_telemetry::Secret;
use sluice_wire::control::{self, DesiredCamera, Warm};
use url::Url;

/// One stream.
pub(crate) type Key = (CameraId, Tier);

/// What one stream should be. Equal specs are the same pull.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) pull: Pull,
    pub(crate) warm: bool,
}

/// How to reach one stream.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Pull {
    From {
        url: Url,
        login: Option<Login>,
        hold: Duration,
        transport: Transport,
    },
    /// It cannot be reached as described, in words.
    Refused(Refusal),
}

/// User and password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: Secret<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The address is no `rtsp://` URL with a host.
    Address,
    /// The password was sealed to another key.
    Password,
}

/// What must change, in this order: a camera with one session cannot have two.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) close: Vec<Key>,
    pub(crate) open: Vec<(Key, Spec)>,
    pub(crate) warm: Vec<(Key, bool)>,
}

/// How this device opens a password: what it was sealed as, and the sealed bytes.
pub(crate) type Open<'a> = dyn Fn(&str, &[u8]) -> Option<Secret<String>> + 'a;

/// A link to the hub that breaks is back within a few seconds.
const SHORTEST_HOLD: Duration = Duration::from_secs(5);
/// A hub that says nonsense does not keep pulls for days.
const LONGEST_HOLD: Duration = Duration::from_secs(600);

/// What should run.
pub(crate) fn specs(desired: &[DesiredCamera], open: &Open<'_>) -> BTreeMap<Key, Spec> {
    let mut specs = BTreeMap::new();
    for camera in desired {
        let login = login(camera, open);
        for tier in &camera.tiers {
            let pull = match (address(&tier.url), &login) {
                (None, _) => Pull::Refused(Refusal::Address),
                (_, Err(refusal)) => Pull::Refused(*refusal),
                (Some(url), Ok(login)) => {
                    let hold = camera.linger.clamp(SHORTEST_HOLD, LONGEST_HOLD);
                    Pull::From { url, login: login.clone(), hold, transport: transport(camera) }
                }
            };
            let warm = is_warm(camera, tier.tier);
            specs.insert((camera.camera_id, tier.tier), Spec { pull, warm });
        }
    }
    specs
}

/// The way from `now` to `wanted`.
pub(crate) fn plan<'a>(now: impl Iterator<Item = (&'a Key, &'a Spec)>, wanted: BTreeMap<Key, Spec>) -> Plan {
    let mut plan = Plan::default();
    let mut missing = wanted;
    for (key, spec) in now {
        match missing.remove(key) {
            Some(want) if want.pull == spec.pull => {
                if want.warm != spec.warm {
                    plan.warm.push((*key, want.warm));
                }
            }
            Some(want) => {
                plan.close.push(*key);
                plan.open.push((*key, want));
            }
            None => plan.close.push(*key),
        }
    }
    plan.open.extend(missing);
    plan
}

fn login(camera: &DesiredCamera, open: &Open<'_>) -> Result<Option<Login>, Refusal> {
    if camera.sealed_password.is_empty() {
        let named = (!camera.username.is_empty()).then(|| camera.username.clone());
        return Ok(named.map(|username| Login { username, password: Secret::default() }));
    }
    let own = camera.camera_id.to_string();
    let sealed_as = if camera.sealed_as.is_empty() { &own } else { &camera.sealed_as };
    let password = open(sealed_as, &camera.sealed_password).ok_or(Refusal::Password)?;
    Ok(Some(Login { username: camera.username.clone(), password }))
}

fn transport(camera: &DesiredCamera) -> Transport {
    match camera.transport {
        control::Transport::Tcp => Transport::Tcp,
        control::Transport::Udp => Transport::Udp,
    }
}

pub(crate) fn address(url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    (url.scheme() == "rtsp" && url.host().is_some()).then_some(url)
}

fn is_warm(camera: &DesiredCamera, tier: Tier) -> bool {
    match camera.warm {
        Warm::All => true,
        Warm::None => false,
        Warm::Main => tier == Tier::Main,
        // The smallest there is, so a camera with one stream keeps that one.
        Warm::Sub => camera.tiers.iter().map(|offered| size(offered.tier)).min() == Some(size(tier)),
    }
}

fn size(tier: Tier) -> u8 {
    match tier {
        Tier::Sub => 0,
        Tier::Third => 1,
        Tier::Main => 2,
    }
}

#[cfg(test)]
mod tests;
