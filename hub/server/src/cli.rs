//! The subcommands and what their failures become: a line on standard error and an exit code of `sysexits.h`.

use std::{io::Write as _, process::ExitCode};

use clap::Subcommand;

use crate::{
    admin::{issue, user},
    config::ConfigError,
    serve,
};

/// What `sluice-hub` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run control, one media node and the console, with SQLite.
    Serve(serve::Args),
    /// Change what the hub knows, beside a running hub or before its first start.
    #[command(subcommand)]
    Admin(Admin),
}

/// What `sluice-hub admin` can do.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Make a login, or give it a new password.
    User(user::Args),
    /// Make an edge's identity: keys, certificate and configuration in one folder.
    Issue(issue::Args),
}

impl Command {
    /// Runs the subcommand to its end.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return fail(&anyhow::Error::new(error).context("start the runtime")),
        };
        let result = runtime.block_on(async {
            match self {
                Self::Serve(args) => serve::run(args).await,
                Self::Admin(Admin::User(args)) => user::run(args).await,
                Self::Admin(Admin::Issue(args)) => issue::run(args).await,
            }
        });
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error),
        }
    }
}

/// Writes one line to standard output.
pub(crate) fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

fn fail(error: &anyhow::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "sluice-hub: {error:#}");
    let usage = error.downcast_ref::<ConfigError>().is_some();
    ExitCode::from(if usage { EX_USAGE } else { EX_FAILURE })
}

/// The configuration cannot be used (`EX_USAGE`).
const EX_USAGE: u8 = 64;
/// Anything else.
const EX_FAILURE: u8 = 1;
