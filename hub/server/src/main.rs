//! `sluice-hub`: the server side of Sluice, one binary with roles as subcommands.

use std::process::ExitCode;

use clap::Parser;
use sluice_hub_server::cli::Command;

/// The server side of Sluice: registry, decisions, media node and web console.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    // str0m brings a second provider into the build: the choice is made before anything speaks TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Arguments::parse().command.run()
}
