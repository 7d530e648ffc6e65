mod cameras;
mod hls;
mod plan;
mod table;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use sluice_runtime::Clock;

use self::{
    plan::Section,
    table::{Machine, Row, Table},
};

/// Arguments of `sluice-load bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where logs, bench.json and bench.md go
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// Only these sections: start, cold, viewers, hls, edge, idle, cameras, joins, power-cut
    #[arg(long, value_delimiter = ',')]
    only: Vec<Section>,
    /// Fewer repetitions and viewers, for a first look
    #[arg(long)]
    quick: bool,
    /// Figures that another program measured and that belong into the same table, such as browser.json
    #[arg(long)]
    merge: Option<PathBuf>,
}

/// Measures a whole Sluice on this machine, section by section, each with programs of its own.
pub(crate) async fn run(args: Args) -> Result<()> {
    fs::create_dir_all(&args.dir)?;
    let dir = args.dir.canonicalize()?;
    let binaries = std::env::current_exe()?.parent().context("this program lies in a folder")?.to_owned();
    let site = plan::Site { dir: dir.clone(), binaries, clock: Clock::system(), quick: args.quick };
    let sections = if args.only.is_empty() { Section::ALL.to_vec() } else { args.only };
    let (mut rows, mut failures): (Vec<Row>, Vec<String>) = (Vec::new(), Vec::new());
    for section in sections {
        table::say(&format!("measuring {}", section.title()))?;
        match plan::measure(&site, section).await {
            Ok(measured) => rows.extend(measured),
            Err(error) => failures.push(format!("{}: {error:#}", section.title())),
        }
    }
    let mut table = Table { machine: Machine::this(), rows, failures };
    if let Some(file) = &args.merge {
        table.merge(file);
    }
    fs::write(dir.join("bench.json"), serde_json::to_string_pretty(&table)?)?;
    let page = table.page()?;
    fs::write(dir.join("bench.md"), &page)?;
    table::show(&page)?;
    if !table.failures.is_empty() {
        bail!("{} sections could not be measured", table.failures.len());
    }
    Ok(())
}
