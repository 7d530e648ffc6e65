//! Assembly of `sluice-hub`: configuration in, a running hub out. No logic of its own.
//!
//! [`serve`] joins the rooms in one ordered function; [`admin`] holds the subcommands that change what a hub knows;
//! the private listener and the console's files are served from here.

pub mod admin;
mod assets;
pub mod cli;
pub mod config;
mod doors;
mod guard;
pub mod hub;
mod keys;
mod metrics;
mod node;
mod private;
pub mod serve;
mod tls;
