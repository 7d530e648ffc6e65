//! Subcommands that change what a hub knows, beside a running hub or before its first start.

use anyhow::{Context as _, Result};
use sluice_hub_store::Store;
use sluice_runtime::Clock;

use crate::config::Config;

pub mod issue;
pub mod user;

/// Opens the store of a hub that may be running: SQLite lets several processes share it.
fn store(config: &Config, clock: Clock) -> Result<Store> {
    std::fs::create_dir_all(&config.state_dir)
        .with_context(|| format!("make {}", config.state_dir.display()))?;
    Ok(Store::open(&config.database(), clock)?)
}
