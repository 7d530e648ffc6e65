use std::sync::Arc;

use serde::Serialize;
use sluice_ids::Tier;
use tokio::sync::watch;

use crate::{
    config::{CamsimConfig, TierConfig},
    counters::{Counters, Counts},
    encoder::ParameterSetUnits,
    fault::Faults,
    live::Live,
    replay::Loop,
};

/// One camera, as every connection and every task sees it.
#[derive(Debug)]
pub(crate) struct CameraState {
    /// From 1.
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) config: Arc<CamsimConfig>,
    pub(crate) faults: watch::Sender<Faults>,
    pub(crate) counters: Counters,
    pub(crate) main: Option<TierState>,
    pub(crate) sub: Option<TierState>,
}

/// One tier of a camera.
#[derive(Debug, Clone)]
pub(crate) struct TierState {
    pub(crate) sets: ParameterSetUnits,
    pub(crate) footage: Footage,
    /// As it is sent: with the bitrate a replay chose.
    pub(crate) tier: TierConfig,
}

/// Where a tier's pictures come from.
#[derive(Debug, Clone)]
pub(crate) enum Footage {
    Live(Arc<Live>),
    Replay(Arc<Loop>),
}

impl CameraState {
    pub(crate) const fn tier(&self, tier: Tier) -> Option<&TierState> {
        match tier {
            Tier::Main => self.main.as_ref(),
            Tier::Sub => self.sub.as_ref(),
            Tier::Third => None,
        }
    }

    pub(crate) fn password(&self) -> String {
        self.faults.borrow().password.clone().unwrap_or_else(|| self.config.password.clone())
    }

    pub(crate) fn status(&self) -> CameraStatus {
        CameraStatus {
            number: self.index,
            name: self.name.clone(),
            faults: self.faults.borrow().words(),
            counts: self.counters.read(),
        }
    }
}

/// How a camera is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CameraStatus {
    /// From 1, as in its path.
    pub number: usize,
    /// As in its picture.
    pub name: String,
    /// The faults it has now, in the words of the control port.
    pub faults: Vec<&'static str>,
    /// What it did so far.
    pub counts: Counts,
}

/// All cameras of this process, and where they are reached.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) config: Arc<CamsimConfig>,
    pub(crate) cameras: Vec<Arc<CameraState>>,
}

impl Site {
    /// The camera and tier of a path such as `/cam/1/sub` or `/cam/1/sub/track1`.
    pub(crate) fn stream(&self, path: &str) -> Option<(&Arc<CameraState>, Tier)> {
        let mut parts = path.trim_matches('/').split('/');
        if parts.next() != Some("cam") {
            return None;
        }
        let camera = self.camera(parts.next()?.parse().ok()?)?;
        let tier = parts.next()?.parse().ok()?;
        camera.tier(tier)?;
        match (parts.next(), parts.next()) {
            (None | Some("track1"), None) => Some((camera, tier)),
            _ => None,
        }
    }

    /// Camera `number`, from 1.
    pub(crate) fn camera(&self, number: usize) -> Option<&Arc<CameraState>> {
        self.cameras.get(number.checked_sub(1)?)
    }
}
