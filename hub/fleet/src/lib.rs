//! sluice-hub-fleet
