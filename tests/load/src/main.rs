//! `sluice-load`: headless viewers against a hub.

mod bench;
mod engine;
mod llhls;
mod whep;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Headless viewers that measure what a hub delivers.
#[derive(Debug, Parser)]
#[command(name = "sluice-load", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch one camera with many WebRTC viewers
    Whep(whep::Args),
    /// Watch one camera with many viewers of low-latency HLS
    Hls(llhls::Args),
    /// Measure a whole Sluice: hub, edge and virtual cameras beside this program
    Bench(bench::Args),
    /// Measure the WebRTC engine alone, in this process
    Engine(engine::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    // reqwest and str0m bring different crypto libraries; TLS is to use ring.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let done = match Cli::parse().command {
        Command::Whep(args) => whep::run(args).await,
        Command::Hls(args) => llhls::run(args).await,
        Command::Bench(args) => bench::run(args).await,
        Command::Engine(args) => engine::run(args).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ =
                std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("sluice-load: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}
