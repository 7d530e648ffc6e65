//! sluice-scenarios
