//! The subcommands, and what their failures become: a line on standard error and an exit code of `sysexits.h`.

use std::{io::Write as _, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::config::ConfigError;

mod run;
mod status;

/// The edge appliance of Sluice.
#[derive(Debug, Parser)]
#[command(name = "sluice-edge", version)]
pub struct Edge {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pull the cameras of this site and serve them to the hub, until SIGINT or SIGTERM.
    Run(run::Args),
    /// Say how a running edge stands.
    Status(status::Args),
}

impl Edge {
    /// Runs the subcommand to its end.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            Command::Run(args) => run::run(&args),
            Command::Status(args) => status::run(&args),
        };
        match result {
            Ok(code) => code,
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "sluice-edge: {error:#}");
                let usage = error.downcast_ref::<ConfigError>().is_some();
                ExitCode::from(if usage { EX_USAGE } else { EX_FAILURE })
            }
        }
    }
}

/// The configuration cannot be used (`EX_USAGE`).
const EX_USAGE: u8 = 64;
/// Anything else.
const EX_FAILURE: u8 = 1;

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Edge::command().debug_assert();
    }
}
