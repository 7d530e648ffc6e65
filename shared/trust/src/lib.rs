//! sluice-trust
