//! sluice-camsim
