//! sluice-webrtc
