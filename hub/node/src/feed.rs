use std::fmt;

use sluice_ids::{CameraId, Tier};

/// One tier of one camera at this node: at most one subscription, whatever the number of viewers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedKey {
    /// The camera.
    pub camera: CameraId,
    /// The tier of it.
    pub tier: Tier,
}

impl fmt::Display for FeedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.camera, self.tier)
    }
}
