//! `sluice-hub admin user`: makes a login, or gives it a new password.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use sluice_hub_api::hash_password;
use sluice_hub_store::{Bootstrap, NewUser, UserRole};
use sluice_runtime::Clock;

use super::store;
use crate::{cli::say, config::Config};

/// Arguments of `sluice-hub admin user`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The hub's configuration file.
    #[arg(long)]
    config: PathBuf,
    /// The login name.
    #[arg(long)]
    name: String,
    /// What they may do: viewer, operator, admin or auditor.
    #[arg(long, default_value = "operator")]
    role: UserRole,
    /// A file with the password; its last line break is not part of it.
    #[arg(long)]
    password_file: PathBuf,
}

/// Makes the login; the first one makes the default tenant too and is its administrator.
///
/// # Errors
/// When the password is too short or the store cannot be written.
pub async fn run(args: Args) -> Result<()> {
    let config = Config::load(&args.config)?;
    let text = fs::read_to_string(&args.password_file)
        .with_context(|| format!("read {}", args.password_file.display()))?;
    let password = text.trim_end_matches(['\n', '\r']);
    ensure!(password.chars().count() >= SHORTEST, "a password has at least {SHORTEST} characters");
    let password_hash = hash_password(password)?;
    let store = store(&config, Clock::system())?;
    let Some(tenant) = store.default_tenant().await? else {
        ensure!(args.role == UserRole::Admin, "the first login must be an admin: add --role admin");
        let (tenant_name, admin_name) = ("default".to_owned(), args.name.clone());
        store.bootstrap(Bootstrap { tenant_name, admin_name, admin_password_hash: password_hash }).await?;
        return say(&format!("made {} (admin), the first login of this hub", args.name));
    };
    match store.user_by_name(args.name.clone()).await? {
        Some(user) => {
            store.set_password_hash(tenant.id, user.id, password_hash).await?;
            say(&format!("gave {} a new password", args.name))
        }
        None => {
            let new = NewUser { name: args.name.clone(), password_hash, role: args.role };
            store.create_user(tenant.id, new).await?;
            say(&format!("made {} ({})", args.name, args.role))
        }
    }
}

/// As the API asks.
const SHORTEST: usize = 8;
