use std::path::PathBuf;

use anyhow::{Context as _, Result};
use sluice_testkit::{Demo, DemoConfig};
use tempfile::TempDir;

/// A demo on free ports with its own folder, which is removed with it.
pub(super) struct Stage {
    pub(super) demo: Demo,
    pub(super) dir: TempDir,
}

impl Stage {
    pub(super) async fn set(cameras: usize) -> Result<Self> {
        let dir = TempDir::new()?;
        let mut config = DemoConfig::on_free_ports(dir.path(), &binaries()?)?;
        config.cameras = cameras;
        config.log = "debug".to_owned();
        config.camsim = vec!["--replay".to_owned()];
        let demo = Demo::start(&config, &mut |_| {}).await?;
        demo.cameras_ready().await?;
        Ok(Self { demo, dir })
    }

    pub(super) async fn strike(self) {
        assert!(self.demo.stop().await, "hub, edge and cameras end by themselves when asked");
    }
}

/// The sum of a metric over its labels, from an OpenMetrics listener.
pub(super) async fn metric(url: &str, name: &str) -> Result<f64> {
    let text = reqwest::get(url).await?.error_for_status()?.text().await?;
    let values: Vec<f64> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .filter(|(series, _)| series.split('{').next() == Some(name))
        .filter_map(|(_, value)| value.parse().ok())
        .collect();
    anyhow::ensure!(!values.is_empty(), "{url} has no metric {name}");
    Ok(values.iter().sum())
}

/// The folder of the built programs: a test lies in `target/<profile>/deps`.
pub(super) fn binaries() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let profile =
        test.parent().and_then(|deps| deps.parent()).context("a test lies in target/<profile>/deps")?;
    anyhow::ensure!(
        profile.join("sluice-hub").exists(),
        "{} has no sluice-hub; run `cargo build --workspace --bins` first, as `make test` does",
        profile.display()
    );
    Ok(profile.to_owned())
}

/// Tells a person, past what the test harness keeps to itself.
pub(super) fn say(what: &str) {
    let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{what}\n"));
}
