//! sluice-load
