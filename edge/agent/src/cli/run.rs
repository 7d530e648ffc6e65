use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use tokio::{
    runtime::Builder,
    select,
    signal::unix::{SignalKind, signal},
};

use crate::{agent::Agent, config::Config};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration file.
    #[arg(long)]
    config: PathBuf,
}

/// An appliance has few cores, and each worker costs memory; one stays free for a slow disk.
const WORKERS: usize = 2;

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?;
    // retina quotes URLs below `error`, and some cameras carry passwords in their paths.
    sluice_telemetry::init(config.log.format, &format!("retina=error,{}", config.log.filter));
    let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    runtime.block_on(until_signalled(config))
}

async fn until_signalled(config: Config) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let agent = Agent::start(config).await?;
    select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    let clean = agent.stop().await;
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
