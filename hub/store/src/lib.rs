//! sluice-hub-store
