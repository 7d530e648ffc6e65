//! sluice-hub-server
