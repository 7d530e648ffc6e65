use std::io::Write as _;

use anyhow::Result;
use serde::Serialize;

/// Everything a bench found.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<Row>,
    pub(crate) failures: Vec<String>,
}

/// Where and under which load it was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) kernel: String,
    /// Load averages of 1, 5 and 15 minutes.
    pub(crate) load: String,
}

/// One figure.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) section: &'static str,
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// The most it may be.
    pub(crate) target: Option<f64>,
}

impl Row {
    pub(crate) fn new(
        section: &'static str,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        target: Option<f64>,
    ) -> Self {
        Self { section, what: what.into(), value, unit, target }
    }
}

impl Machine {
    pub(crate) fn this() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let info = read("/proc/cpuinfo");
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        Self {
            processor: model.map(|(_, name)| name.trim().to_owned()).unwrap_or_default(),
            processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: read("/proc/loadavg").split_whitespace().take(3).collect::<Vec<_>>().join(" "),
        }
    }
}

impl Table {
    /// As a table in Markdown.
    pub(crate) fn print(&self) -> Result<()> {
        let mut out = std::io::stdout().lock();
        let Machine { processor, processors, kernel, load } = &self.machine;
        writeln!(out, "\n{processors} x {processor}, Linux {kernel}, load {load}\n")?;
        writeln!(out, "| section | what | value | target | |")?;
        writeln!(out, "|---|---|---:|---:|---|")?;
        for Row { section, what, value, unit, target } in &self.rows {
            let verdict = target.map_or("", |target| if *value <= target { "met" } else { "missed" });
            let target = target.map(|target| format!("<= {target} {unit}")).unwrap_or_default();
            writeln!(out, "| {section} | {what} | {value:.2} {unit} | {target} | {verdict} |")?;
        }
        for failure in &self.failures {
            writeln!(out, "\nnot measured: {failure}")?;
        }
        Ok(())
    }
}

/// Tells a person what happens.
pub(crate) fn say(what: &str) -> Result<()> {
    Ok(writeln!(std::io::stderr(), "sluice-load: {what}")?)
}
