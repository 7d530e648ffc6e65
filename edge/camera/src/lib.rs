//! sluice-edge-camera
