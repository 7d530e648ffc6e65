use std::sync::Arc;

use crate::camera::CameraState;

/// A session's place among those its camera, or its recorder, can serve; given back on drop.
#[derive(Debug)]
pub(crate) struct Place(Arc<CameraState>);

impl Place {
    /// Takes a place, unless all are taken.
    pub(crate) fn take(camera: &Arc<CameraState>) -> Option<Self> {
        let limit = camera.config.max_sessions.map_or(u64::MAX, |limit| limit as u64);
        camera.device.sessions.count_below(limit).then(|| {
            camera.counters.sessions_open.count();
            Self(Arc::clone(camera))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.counters.sessions_open.release();
        self.0.device.sessions.release();
    }
}
