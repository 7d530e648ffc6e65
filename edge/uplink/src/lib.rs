//! sluice-edge-uplink
