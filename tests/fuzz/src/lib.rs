//! sluice-fuzz
