//! sluice-hub-link
