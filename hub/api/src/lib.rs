//! sluice-hub-api
