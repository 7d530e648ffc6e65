//! `make demo`: hub, edge and virtual cameras on loopback, until Ctrl-C.
#![expect(clippy::print_stdout, clippy::disallowed_macros, reason = "this program talks to a person")]

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use sluice_testkit::{Demo, DemoConfig, OnvifConfig, OnvifSite, Ports};
use tokio::signal::unix::{SignalKind, signal};

/// Runs a whole Sluice on this machine: hub, edge, virtual cameras, console.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many virtual cameras.
    #[arg(long, default_value_t = 4)]
    cameras: usize,
    /// How many more that nobody added, to be found by the edge.
    #[arg(long, default_value_t = 3)]
    found: usize,
    /// Where its state, logs and demo.json go.
    #[arg(long, default_value = "target/demo")]
    dir: PathBuf,
    /// Take free ports instead of the documented ones.
    #[arg(long)]
    free_ports: bool,
    /// Log filter of hub and edge.
    #[arg(long, default_value = "info")]
    log: String,
    /// Further arguments for sluice-camsim, after `--`.
    #[arg(last = true)]
    camsim: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("sluice: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    fs::create_dir_all(&arguments.dir)?;
    let dir = arguments.dir.canonicalize()?;
    let _lock = lock(&dir)?;
    clear(&dir)?;
    let binaries = std::env::current_exe()?.parent().context("this program lies in a folder")?.to_owned();
    let mut config = DemoConfig::on_free_ports(&dir, &binaries)?;
    if !arguments.free_ports {
        config.ports = Ports::documented();
    }
    config.cameras = arguments.cameras;
    config.log = arguments.log;
    config.camsim = arguments.camsim;
    if arguments.found > 0 {
        let onvif = OnvifConfig::on_free_ports(arguments.found)?;
        config.onvif = Some(OnvifConfig { name: "Yard".to_owned(), ..onvif });
    }

    let mut interrupted = std::pin::pin!(ended());
    let mut say = |step: &str| println!("sluice: {step}");
    let mut demo = tokio::select! {
        demo = Demo::start(&config, &mut say) => demo?,
        _ = &mut interrupted => return Ok(()),
    };
    if let Err(slow) = demo.cameras_ready().await {
        println!("sluice: not every camera is ready yet: {slow:#}");
    }
    introduce(&demo, &dir);
    loop {
        tokio::select! {
            _ = &mut interrupted => break,
            () = tokio::time::sleep(Duration::from_secs(1)) => demo.check()?,
        }
    }
    println!("\nsluice: ending edge, hub and cameras");
    if !demo.stop().await {
        bail!("a program had to be killed; its log is in {}", dir.display());
    }
    let _ = fs::remove_file(dir.join("demo.json"));
    println!("sluice: all ended");
    Ok(())
}

/// Until somebody presses Ctrl-C, or a supervisor asks for the end.
async fn ended() -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminated.recv() => Ok(()),
    }
}

fn introduce(demo: &Demo, dir: &Path) {
    let file = &demo.file;
    println!(
        "\n  Sluice is running.\n\n    console   {}   (or {}: its certificate is its own)\n    login     {}\n    \
         password  {}\n\n    {} cameras play on demand; nobody watching means no media on the link.\n    \
         ids, API token and metrics: {}\n    logs: {}/*.log\n\n  Ctrl-C ends everything.\n",
        file.hub_url,
        file.hub_url_tls,
        file.user,
        file.password,
        file.cameras.len(),
        dir.join("demo.json").display(),
        dir.display(),
    );
    if let Some(onvif) = &demo.onvif {
        println!(
            "  More cameras wait in the console under Found: their user is {}, their password {}.\n",
            OnvifSite::USER,
            onvif.password()
        );
    }
}

/// Holds the demo's folder while it runs; the system lets go of it however this program ends.
fn lock(dir: &Path) -> Result<File> {
    let path = dir.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => bail!(
            "a demo is running already, from {}; use it ({}), or end it with Ctrl-C where it was started",
            dir.display(),
            dir.join("demo.json").display()
        ),
    }
}

/// Every demo starts anew: what an earlier one left would not match its new identities.
fn clear(dir: &Path) -> Result<()> {
    for name in ["hub", "edge"] {
        let path = dir.join(name);
        if path.exists() {
            fs::remove_dir_all(path)?;
        }
    }
    for name in ["hub.log", "edge.log", "camsim.log", "demo.json"] {
        let path = dir.join(name);
        if path.exists() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
