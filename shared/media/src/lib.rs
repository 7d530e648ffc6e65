//! sluice-media
