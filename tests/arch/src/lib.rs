//! sluice-arch
