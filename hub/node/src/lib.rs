//! sluice-hub-node
