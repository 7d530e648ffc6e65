//! `sluice-hub serve`: control and one media node in one process.

use std::path::PathBuf;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use crate::{config::Config, hub::Hub};

/// Arguments of `sluice-hub serve`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration file.
    #[arg(long)]
    config: PathBuf,
}

/// Runs until it is asked to end by SIGINT or SIGTERM.
///
/// # Errors
/// When the configuration is refused or a port cannot be opened.
pub async fn run(args: Args) -> Result<()> {
    let config = Config::load(&args.config)?;
    sluice_telemetry::init(config.log.format, &config.log.filter);
    let hub = Hub::start(config).await?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    tracing::info!("ending");
    hub.stop().await;
    Ok(())
}
