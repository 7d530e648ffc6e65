//! sluice-edge-agent
