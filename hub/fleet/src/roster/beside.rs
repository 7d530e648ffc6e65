//! Cameras that a node pulls itself: what the registry lists, what the node reports, and what follows. Pure.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::Arc,
};

use sluice_hub_store::Camera;
use sluice_ids::{CameraId, DeviceId};
use sluice_wire::{
    control::{CameraReport, DesiredCamera},
    node::Assignment,
};

use super::Output;
use crate::{
    desired,
    state::{CameraState, LinkState},
};

#[derive(Default)]
pub(super) struct Beside {
    cameras: Vec<Camera>,
    reports: HashMap<CameraId, CameraReport>,
    told: HashMap<CameraId, Arc<CameraState>>,
    /// What the node was told to pull; `None` before the registry was read.
    pulled: Option<Vec<DesiredCamera>>,
}

impl Beside {
    /// The registry was read. Whether other cameras are served than before.
    pub(super) fn listed(&mut self, cameras: Vec<Camera>) -> bool {
        let before = mem::replace(&mut self.cameras, cameras);
        !before.iter().filter_map(desired::assignment).eq(self.assignments())
    }

    pub(super) fn cameras(&self) -> &[Camera] {
        &self.cameras
    }

    /// The node said how all its cameras stand.
    pub(super) fn reported(&mut self, reports: Vec<CameraReport>) {
        self.reports = reports.into_iter().map(|report| (report.camera_id, report)).collect();
    }

    pub(super) fn assignments(&self) -> impl Iterator<Item = Assignment> {
        self.cameras.iter().filter_map(desired::assignment)
    }

    /// Compares what was said of these cameras and to the node with what is so now, and says what differs. A camera
    /// that a device owns now is not gone.
    pub(super) fn tell(&mut self, owners: &HashMap<CameraId, DeviceId>, orders: &mut VecDeque<Output>) {
        let pulled: Vec<_> =
            self.cameras.iter().filter(|camera| camera.enabled).map(desired::camera).collect();
        if self.pulled.as_ref() != Some(&pulled) {
            self.pulled = Some(pulled.clone());
            orders.push_back(Output::Pull(pulled));
        }
        let mut before = mem::take(&mut self.told);
        for camera in &self.cameras {
            // The node that tells of it is this process's own: it is there whenever this is asked.
            let state = CameraState::derive(camera, LinkState::Online, self.reports.get(&camera.id));
            let known = before.remove(&camera.id);
            let state = Arc::new(state);
            if known.as_ref() != Some(&state) {
                let news = known.is_none_or(|known| state.is_news_after(&known));
                orders.push_back(Output::Camera { state: Arc::clone(&state), news });
            }
            self.told.insert(camera.id, state);
        }
        let gone = before.into_iter().filter(|(id, _)| !owners.contains_key(id));
        orders.extend(gone.map(|(_, state)| Output::CameraGone(state)));
    }
}
