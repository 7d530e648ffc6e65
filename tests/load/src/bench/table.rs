use std::{borrow::Cow, fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// What a reader must know to judge the rows.
const HOW: &str = "\
Sections that begin with `browser`: Chromium at the console over HTTPS, one tile of 640x360 at 25 fps and 1 Mbit/s; from
the click to the moment at which a picture is to be on the screen (`expectedDisplayTime`). The page has played once
before. Other sections: headless viewers of `sluice-load`. A frame is live when it is at most 100 ms older than the later
ones usually are. All programs and the viewers share this machine.";

/// Everything a bench found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<Row>,
    pub(crate) failures: Vec<String>,
}

/// Where and under which load it was measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) kernel: String,
    /// Load averages of 1, 5 and 15 minutes.
    pub(crate) load: String,
}

/// One figure.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) section: Cow<'static, str>,
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: Cow<'static, str>,
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
        Self { section: section.into(), what: what.into(), value, unit: unit.into(), target }
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
    /// Takes in what another program measured and wrote in the same form; a file that is not there is a failure.
    pub(crate) fn merge(&mut self, file: &Path) {
        match Self::read(file) {
            Ok(other) => {
                let name = file.file_stem().unwrap_or_default().display();
                self.machine.load = format!("{} ({name}: {})", self.machine.load, other.machine.load);
                self.rows.splice(0..0, other.rows);
                self.failures.extend(other.failures);
            }
            Err(error) => self.failures.push(format!("{error:#}")),
        }
    }

    fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("understand {}", file.display()))
    }

    /// A page in Markdown.
    pub(crate) fn page(&self) -> Result<String> {
        let mut out = String::new();
        let Machine { processor, processors, kernel, load } = &self.machine;
        writeln!(
            out,
            "# Figures\n\nMeasured by `make bench`: {processors} x {processor}, Linux {kernel}, load {load}.\n"
        )?;
        writeln!(out, "{HOW}\n")?;
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
        Ok(out)
    }
}

/// Prints a page.
pub(crate) fn show(page: &str) -> Result<()> {
    Ok(std::io::Write::write_all(&mut std::io::stdout(), page.as_bytes())?)
}

/// Tells a person what happens.
pub(crate) fn say(what: &str) -> Result<()> {
    Ok(std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("sluice-load: {what}\n"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `tests/browser/src/bench/table.ts` writes it.
    const BROWSER: &str = r#"{
        "machine": { "processor": "a", "processors": 2, "kernel": "6", "load": "1 2 3" },
        "rows": [
            { "section": "browser", "what": "near", "value": 14.25, "unit": "ms", "target": 90 },
            { "section": "browser", "what": "far", "value": 91, "unit": "ms", "target": 90 },
            { "section": "browser", "what": "free", "value": 25, "unit": "pictures", "target": null }
        ],
        "failures": ["no camera"]
    }"#;

    #[test]
    fn the_page_judges_what_the_browser_measured_and_names_what_it_did_not() {
        let page = serde_json::from_str::<Table>(BROWSER).unwrap().page().unwrap();
        for line in [
            "| browser | near | 14.25 ms | <= 90 ms | met |",
            "| browser | far | 91.00 ms | <= 90 ms | missed |",
            "| browser | free | 25.00 pictures |  |  |",
            "not measured: no camera",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} in {page}");
        }
    }

    #[test]
    fn a_file_that_is_missing_is_a_failure_and_not_silence() {
        let mut table: Table = serde_json::from_str(BROWSER).unwrap();
        table.merge(Path::new("/nowhere/browser.json"));
        assert!(table.failures[1].contains("/nowhere/browser.json"), "{:?}", table.failures);
        assert_eq!(table.rows.len(), 3);
    }
}
