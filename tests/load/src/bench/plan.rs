use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, ensure};
use sluice_load::{Crowd, Hub, Ramp, Report, Spread, Transport, Usage};
use sluice_runtime::Clock;
use sluice_testkit::{Demo, DemoConfig};

use super::table::{Row, say};
use crate::whep::PATIENCE;

/// A group of figures that one arrangement of programs yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Section {
    /// Click to picture, the feed open already or its camera warm
    Start,
    /// Click to picture, the camera not pulled yet
    Cold,
    /// What viewers cost at the hub
    Viewers,
    /// What viewers of low-latency HLS cost at the hub
    Hls,
    /// What cameras cost at the edge
    Edge,
    /// What flows when nobody watches
    Idle,
    /// What it takes to find and to understand a LAN of cameras
    Cameras,
    /// Starts at cameras that send a key frame when asked
    Joins,
    /// Cameras that lose their power together
    PowerCut,
}

/// Where to measure.
pub(crate) struct Site {
    pub(crate) dir: PathBuf,
    pub(crate) binaries: PathBuf,
    pub(crate) clock: Clock,
    pub(crate) quick: bool,
}

impl Section {
    pub(crate) const ALL: [Self; 9] = [
        Self::Start,
        Self::Cold,
        Self::Viewers,
        Self::Hls,
        Self::Edge,
        Self::Idle,
        Self::Cameras,
        Self::Joins,
        Self::PowerCut,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Start => "warm starts",
            Self::Cold => "cold starts",
            Self::Viewers => "viewers",
            Self::Hls => "viewers of low-latency HLS",
            Self::Edge => "edge",
            Self::Idle => "idle",
            Self::Cameras => "a LAN of cameras",
            Self::Joins => "joins at a key frame that is asked for",
            Self::PowerCut => "a power cut",
        }
    }
}

pub(crate) async fn measure(site: &Site, section: Section) -> Result<Vec<Row>> {
    match section {
        Section::Start => starts(site).await,
        Section::Cold => cold(site).await,
        Section::Viewers => viewers(site).await,
        Section::Hls => super::hls::measure(site).await,
        Section::Edge => edge(site).await,
        Section::Idle => idle(site).await,
        Section::Cameras => super::cameras::found(site).await,
        Section::Joins => super::cameras::joins(site).await,
        Section::PowerCut => super::cameras::power_cut(site).await,
    }
}

/// Starts of one viewer after the other, each at a random phase of the GOP; the feed lingers between them.
async fn starts(site: &Site) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for gop in ["1", "2", "4"] {
        let (demo, hub) = site.start(1, &["--gop", gop]).await?;
        let mut reports = Vec::new();
        for _ in 0..site.pick(20, 5) {
            reports.push(site.crowd(&demo.file.cameras[0], "sub", 1, 1).run(site.clock, &hub).await?);
            site.random_pause().await;
        }
        let row = |what: &str, value, target| {
            Row::new("start", format!("GOP {gop} s: {what}"), value, "ms", Some(target))
        };
        let first = spread(&reports, |report| report.first_frame_ms)?;
        rows.push(row("play to first frame, p50", first.p50, 150.0));
        rows.push(row("play to first frame, p95", first.p95, 300.0));
        if let Ok(live) = spread(&reports, |report| report.live_ms) {
            rows.push(Row::new(
                "start",
                format!("GOP {gop} s: play to live frame, p50"),
                live.p50,
                "ms",
                None,
            ));
            rows.push(Row::new(
                "start",
                format!("GOP {gop} s: play to live frame, p95"),
                live.p95,
                "ms",
                None,
            ));
        }
        demo.stop().await;
    }
    Ok(rows)
}

/// One start of each camera's main tier, which policy does not keep warm.
async fn cold(site: &Site) -> Result<Vec<Row>> {
    let (demo, hub) = site.start(site.pick(20, 5), &["--gop", "2"]).await?;
    let mut reports = Vec::new();
    for camera in &demo.file.cameras {
        reports.push(site.crowd(camera, "main", 1, 1).run(site.clock, &hub).await?);
    }
    demo.stop().await;
    let first = spread(&reports, |report| report.first_frame_ms)?;
    Ok(vec![
        Row::new("cold", "IDR at PLAY: play to first frame, p50", first.p50, "ms", Some(300.0)),
        Row::new("cold", "IDR at PLAY: play to first frame, p95", first.p95, "ms", Some(600.0)),
    ])
}

async fn viewers(site: &Site) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for count in site.pick(vec![100, 200, 400], vec![50]) {
        let (demo, hub) = site.start(1, &["--replay", "--bitrate-kbps", "1000"]).await?;
        let mut crowd = site.crowd(&demo.file.cameras[0], "sub", count, 20);
        crowd.pid = Some(demo.file.pids.hub);
        let report = crowd.run(site.clock, &hub).await?;
        demo.stop().await;
        ensure!(report.failures.is_empty(), "{count} viewers: {}", report.failures.join("; "));
        let used = report.process.as_ref().context("the hub was measured")?;
        let at_200 = |target: f64| (count == 200).then_some(target);
        let row = |what: &str, value, unit, target| {
            Row::new("viewers", format!("{count}: {what}"), value, unit, target)
        };
        rows.push(row("CPU of the hub a packet", used.cpu_us_per_packet, "us", at_200(7.0)));
        rows.push(row("CPU of the hub a viewer and second", used.cpu_ms_per_viewer_second, "ms", None));
        let kib = used.resident_bytes_per_viewer / 1_024.0;
        rows.push(row("memory of the hub a viewer", kib, "KiB", at_200(256.0)));
        rows.push(row("packets lost", to_f64(report.lost), "packets", Some(0.0)));
        if let Some(age) = report.age_ms {
            rows.push(row("capture to last packet, p50", age.p50, "ms", None));
            rows.push(row("capture to last packet, p99", age.p99, "ms", None));
        }
    }
    Ok(rows)
}

async fn edge(site: &Site) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let (empty, _) = site.start(0, &[]).await?;
    site.clock.sleep(SETTLE).await;
    let nothing = mib(Usage::of(empty.file.pids.edge)?.resident);
    let hub_alone = mib(Usage::of(empty.file.pids.hub)?.resident);
    empty.stop().await;
    rows.push(Row::new("edge", "memory with no camera", nothing, "MiB", Some(25.0)));
    for count in site.pick(vec![1, 10, 50], vec![1, 4]) {
        let (demo, hub) = site.start(count, &["--bitrate-kbps", "1000", "--replay"]).await?;
        let pid = demo.file.pids.edge;
        site.clock.sleep(SETTLE).await;
        let (cpu, resident) = site.usage(pid).await?;
        let each = f64::from(u32::try_from(count)?);
        let row = |what: &str, value, unit, target| {
            Row::new("edge", format!("{count} cameras: {what}"), value, unit, target)
        };
        rows.push(row("warm, CPU a camera and second", cpu / each, "ms", None));
        rows.push(row("warm, memory a camera", (mib(resident) - nothing) / each, "MiB", None));
        let hub_with = mib(Usage::of(demo.file.pids.hub)?.resident);
        rows.push(row("memory of the hub a camera", (hub_with - hub_alone) / each, "MiB", None));
        let watching = site.watch_all(&demo, &hub, pid);
        let (cpu, resident) = watching.await?;
        rows.push(row("forwarding, CPU a camera and second", cpu / each, "ms", None));
        rows.push(row("forwarding, memory a camera", (mib(resident) - nothing) / each, "MiB", None));
        demo.stop().await;
    }
    let count = site.pick(50, 4);
    let (demo, _) = site.start(count, &["--bitrate-kbps", "512", "--gop", "2", "--replay"]).await?;
    site.clock.sleep(SETTLE * 2).await;
    let resident = mib(Usage::of(demo.file.pids.edge)?.resident);
    demo.stop().await;
    let each = f64::from(u32::try_from(count)?);
    let what = format!("{count} cameras of 512 kbit/s at GOP 2 s: memory with the sub tier of each warm");
    rows.push(Row::new("edge", what, resident, "MiB", Some(25.0 + each * 2.0)));
    Ok(rows)
}

async fn idle(site: &Site) -> Result<Vec<Row>> {
    let (demo, _) = site.start(4, &[]).await?;
    site.clock.sleep(SETTLE).await;
    let media = || counter(&demo.file.metrics.edge, "sluice_uplink_media_bytes_total");
    let (start, sent, carried) = (site.clock.now(), media().await?, carried_by(&demo).await?);
    let (cpu, _) = site.usage(demo.file.pids.hub).await?;
    // Two keep-alives of each link and more: a shorter window shows their phase, not their cost.
    site.clock.sleep(site.pick(WINDOW * 4, SETTLE)).await;
    let sent = media().await? - sent;
    let bits = (carried_by(&demo).await? - carried) * 8.0 / (site.clock.now() - start).as_secs_f64();
    demo.stop().await;
    Ok(vec![
        Row::new("idle", "media bytes on the link, nobody watching", sent, "bytes", Some(0.0)),
        Row::new("idle", "both links of a site, UDP payload", bits / 1_000.0, "kbit/s", Some(5.0)),
        Row::new("idle", "CPU of the hub a second", cpu, "ms", None),
    ])
}

impl Site {
    /// A demo on free ports in a folder that is empty.
    pub(crate) fn config(&self) -> Result<DemoConfig> {
        let dir = self.dir.join("demo");
        if dir.exists() {
            std::fs::remove_dir_all(&dir)?;
        }
        let mut config = DemoConfig::on_free_ports(&dir, &self.binaries)?;
        config.log = "warn".to_owned();
        Ok(config)
    }

    pub(crate) async fn start(&self, cameras: usize, camsim: &[&str]) -> Result<(Demo, Hub)> {
        let mut config = self.config()?;
        config.cameras = cameras;
        config.camsim = ["--fps", "25"].iter().chain(camsim).map(|&argument| argument.to_owned()).collect();
        let demo = Demo::start(&config, &mut |step| drop(say(step))).await?;
        demo.cameras_ready().await?;
        let hub = Hub::new(&demo.file.hub_url, &demo.file.api_token)?;
        Ok((demo, hub))
    }

    pub(crate) fn crowd(&self, camera: &str, tier: &str, viewers: usize, seconds: u64) -> Crowd {
        let ramp = Ramp {
            camera: camera.to_owned(),
            tier: tier.to_owned(),
            transport: Transport::Udp,
            watch: Duration::from_secs(if viewers > 1 { self.pick(seconds, 5) } else { seconds }),
            patience: PATIENCE,
        };
        Crowd { ramp, viewers, every: EVERY, pid: None }
    }

    pub(crate) fn pick<T>(&self, whole: T, quick: T) -> T {
        if self.quick { quick } else { whole }
    }

    async fn random_pause(&self) {
        let [byte] = sluice_runtime::random_bytes::<1>();
        self.clock.sleep(Duration::from_millis(u64::from(byte) * 8)).await;
    }

    /// Processor milliseconds a second and resident bytes of a process, from now on.
    pub(crate) async fn usage(&self, pid: u32) -> Result<(f64, u64)> {
        let (start, from) = (self.clock.now(), Usage::of(pid)?);
        self.clock.sleep(self.pick(WINDOW, SETTLE)).await;
        let to = Usage::of(pid)?;
        let window = (self.clock.now() - start).as_secs_f64();
        Ok((to.cpu.saturating_sub(from.cpu).as_secs_f64() * 1_000.0 / window, to.resident))
    }

    /// One viewer for each camera; what `pid` uses meanwhile.
    async fn watch_all(&self, demo: &Demo, hub: &Hub, pid: u32) -> Result<(f64, u64)> {
        let seconds = (self.pick(WINDOW, SETTLE) + SETTLE * 2).as_secs();
        let crowds: Vec<Crowd> =
            demo.file.cameras.iter().map(|camera| self.crowd(camera, "sub", 1, seconds)).collect();
        let scope = sluice_runtime::TaskScope::new();
        for crowd in crowds {
            let (hub, clock) = (hub.clone(), self.clock);
            scope.spawn("crowd", async move {
                let _ = crowd.run(clock, &hub).await;
            });
        }
        self.clock.sleep(SETTLE).await;
        let used = self.usage(pid).await;
        scope.close(SETTLE * 5).await;
        used
    }
}

/// UDP payload that has crossed the hub's links, both ways, in bytes.
async fn carried_by(demo: &Demo) -> Result<f64> {
    let hub = &demo.file.metrics.hub;
    let received = counter(hub, "sluice_link_udp_received_bytes_total").await?;
    Ok(received + counter(hub, "sluice_link_udp_sent_bytes_total").await?)
}

/// One value from each report, together.
pub(crate) fn spread(reports: &[Report], pick: fn(&Report) -> Option<Spread>) -> Result<Spread> {
    let failures: Vec<&str> =
        reports.iter().flat_map(|report| &report.failures).map(String::as_str).collect();
    ensure!(failures.is_empty(), "{}", failures.join("; "));
    let values = reports.iter().filter_map(pick).map(|spread| spread.p50).collect();
    Spread::of(values).context("nothing was measured")
}

async fn counter(url: &str, name: &str) -> Result<f64> {
    let text = reqwest::get(url).await?.error_for_status()?.text().await?;
    let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    let value =
        line.and_then(|line| line.rsplit_once(' ')).with_context(|| format!("{url} has no {name}"))?;
    Ok(value.1.parse()?)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn to_f64(count: u64) -> f64 {
    count as f64
}

fn mib(bytes: u64) -> f64 {
    to_f64(bytes) / f64::from(1 << 20)
}

/// From one viewer's start to the next: a join costs some milliseconds of CPU on both sides.
const EVERY: Duration = Duration::from_millis(30);
/// What a start disturbs is over after this.
const SETTLE: Duration = Duration::from_secs(3);
/// How long processes are measured.
const WINDOW: Duration = Duration::from_secs(10);
