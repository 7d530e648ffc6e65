//! sluice-hub-streams
