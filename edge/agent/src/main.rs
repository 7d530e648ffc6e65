//! `sluice-edge`: the appliance at a site.

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;
use sluice_edge_agent::cli;

fn main() -> ExitCode {
    // Other crates bring a second TLS provider; the first one installed counts.
    let _ = rustls::crypto::ring::default_provider().install_default();
    abort_on_panic();
    cli::Edge::parse().run()
}

/// A panic is a bug in a process that owns cameras: the watchdog starts it anew, in a known state.
fn abort_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        let _ = std::io::stderr().flush();
        std::process::abort();
    }));
}
