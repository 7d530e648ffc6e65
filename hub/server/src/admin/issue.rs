//! `sluice-hub admin issue`: makes an edge's identity in one folder, ready to be copied to the appliance.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sluice_hub_fleet::issue_device;
use sluice_hub_store::{PageOf, Store};
use sluice_ids::{SiteId, TenantId};
use sluice_runtime::Clock;

use super::store;
use crate::{cli::say, config::Config, keys, tls::write_private};

/// Arguments of `sluice-hub admin issue`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The hub's configuration file.
    #[arg(long)]
    config: PathBuf,
    /// The site the edge is at; made if there is none of this name.
    #[arg(long)]
    site: String,
    /// What people call the edge.
    #[arg(long)]
    name: String,
    /// The address the edge dials, such as 203.0.113.5:14433; the hub's own where it is not given.
    #[arg(long)]
    hub: Option<SocketAddr>,
    /// The folder to write; made if absent.
    #[arg(long)]
    out: PathBuf,
    /// Where the edge's health and metrics listen.
    #[arg(long, default_value = "127.0.0.1:9091")]
    private_listen: SocketAddr,
    /// The edge's log filter.
    #[arg(long, default_value = "info")]
    log: String,
    /// Say what was made as JSON.
    #[arg(long)]
    json: bool,
}

/// Makes the identity and writes it with a configuration that uses it.
///
/// # Errors
/// When the store or the folder cannot be written.
pub async fn run(args: Args) -> Result<()> {
    let (config, clock) = (Config::load(&args.config)?, Clock::system());
    let hub = args.hub.unwrap_or(config.link_address());
    ensure!(
        !hub.ip().is_unspecified(),
        "edges cannot dial {hub}: name the address they reach with --hub, or set link.advertised"
    );
    let store = store(&config, clock)?;
    let tenant =
        store.default_tenant().await?.context("make the first login before: `sluice-hub admin user`")?;
    let authority =
        keys::authority(&keys::secrets(&config.state_dir)?, sluice_ids::UnixMillis(clock.unix_millis()))?;
    let site = site(&store, tenant.id, &args.site).await?;
    let issued = issue_device(&store, &authority, clock, (tenant.id, site), args.name.clone()).await?;

    fs::create_dir_all(&args.out).with_context(|| format!("make {}", args.out.display()))?;
    let write = |name: &str, text: &str| write_private(&args.out.join(name), text.as_bytes());
    write("device.key", issued.identity.key_pem())?;
    write("device.crt", issued.identity.certificate_pem())?;
    write("ca.crt", issued.identity.ca_pem())?;
    write("seal.key", &issued.seal_key)?;
    write("edge.toml", &edge_toml(&args, hub))?;
    if args.json {
        return say(&json!({ "device_id": issued.device, "site_id": site, "folder": args.out }).to_string());
    }
    say(&format!(
        "made {} at {:?}; copy {} to the appliance and run: sluice-edge run --config {}",
        issued.device,
        args.site,
        args.out.display(),
        Path::new(&args.out).join("edge.toml").display(),
    ))
}

async fn site(store: &Store, tenant: TenantId, name: &str) -> Result<SiteId> {
    let known = store.sites(tenant, PageOf::first(1_000)).await?;
    if let Some(site) = known.items.iter().find(|site| site.name == name) {
        return Ok(site.id);
    }
    Ok(store.create_site(tenant, name.to_owned()).await?.id)
}

fn edge_toml(args: &Args, hub: SocketAddr) -> String {
    format!(
        "# This edge's configuration. Its identity lies beside it; relative paths begin here.\n\
         state_dir = \"state\"\n\n[hub]\ncontrol = \"{hub}\"\n\n[private]\nlisten = \"{}\"\n\n[log]\nfilter = {:?}\n",
        args.private_listen, args.log,
    )
}
