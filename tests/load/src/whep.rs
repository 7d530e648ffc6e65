use std::{io::Write as _, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use sluice_load::{Hub, ProcessReport, Ramp, Report, Seen, Spread, Transport, Usage, watch};
use sluice_runtime::{Clock, TaskScope};
use tokio::sync::mpsc;

/// Arguments of `sluice-load whep`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address of the hub, such as <http://127.0.0.1:8080>
    #[arg(long)]
    base: String,
    /// API token with the scope `play`
    #[arg(long)]
    token: String,
    /// Id of the camera, such as cam_…
    #[arg(long)]
    camera: String,
    /// Which of its streams: auto, main or sub
    #[arg(long, default_value = "auto")]
    tier: String,
    /// How many viewers
    #[arg(long, default_value_t = 1)]
    viewers: usize,
    /// Seconds each one watches after its first picture
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Milliseconds between the starts of two viewers
    #[arg(long, default_value_t = 20)]
    every_ms: u64,
    /// Connect by ICE-TCP
    #[arg(long)]
    tcp: bool,
    /// Measure the processor time and memory of this process meanwhile
    #[arg(long)]
    pid: Option<u32>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let clock = Clock::system();
    let hub = Arc::new(Hub::new(&args.base, &args.token)?);
    let ramp_time = Duration::from_millis(args.every_ms.saturating_mul(args.viewers as u64));
    let ramp = Arc::new(Ramp {
        camera: args.camera.clone(),
        tier: args.tier.clone(),
        transport: if args.tcp { Transport::Tcp } else { Transport::Udp },
        // Early viewers stay until late ones have watched: all watch together for the wanted time.
        watch: Duration::from_secs(args.seconds) + ramp_time,
        patience: PATIENCE,
    });
    let (scope, before) = (TaskScope::new(), args.pid.map(Usage::of).transpose()?);
    let (done, mut results) = mpsc::channel(args.viewers.max(1));
    for _ in 0..args.viewers {
        let (hub, ramp, done) = (Arc::clone(&hub), Arc::clone(&ramp), done.clone());
        scope.spawn("viewer", async move {
            let _ = done.send(watch(clock, &hub, &ramp).await).await;
        });
        clock.sleep(Duration::from_millis(args.every_ms)).await;
    }
    drop(done);
    let load = Load::watch(clock, &args, before).await?;
    let mut seen = Vec::new();
    while let Some(one) = results.recv().await {
        seen.push(one);
    }
    let mut report = summary(&seen);
    report.process = load.map(|load| load.report(&seen, args.viewers));
    print(&report, args.json)?;
    if report.pictured < args.viewers {
        bail!("{} of {} viewers had a picture", report.pictured, args.viewers);
    }
    Ok(())
}

/// What the watched process used while all viewers watched.
struct Load {
    before: Usage,
    from: Usage,
    to: Usage,
    window: Duration,
}

impl Load {
    async fn watch(clock: Clock, args: &Args, before: Option<Usage>) -> Result<Option<Self>> {
        let (Some(before), Some(pid)) = (before, args.pid) else { return Ok(None) };
        // The last viewer connects.
        clock.sleep(SETTLE).await;
        let (start, from) = (clock.now(), Usage::of(pid)?);
        clock.sleep(Duration::from_secs(args.seconds).saturating_sub(SETTLE).max(SETTLE)).await;
        let to = Usage::of(pid).context("the watched process ended")?;
        Ok(Some(Self { before, from, to, window: clock.now() - start }))
    }

    fn report(&self, seen: &[Seen], viewers: usize) -> ProcessReport {
        let used = Used {
            cpu: self.to.cpu.saturating_sub(self.from.cpu),
            window: self.window,
            before: self.before.resident,
            resident: self.to.resident,
        };
        used.report(seen, viewers)
    }
}

/// What serving viewers took.
pub(crate) struct Used {
    pub(crate) cpu: Duration,
    pub(crate) window: Duration,
    pub(crate) before: u64,
    pub(crate) resident: u64,
}

impl Used {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub(crate) fn report(&self, seen: &[Seen], viewers: usize) -> ProcessReport {
        let (cpu, window) = (self.cpu.as_secs_f64(), self.window.as_secs_f64());
        let rate: f64 = seen.iter().filter_map(packet_rate).sum();
        ProcessReport {
            cpu_ms_per_viewer_second: cpu * 1_000.0 / window / viewers as f64,
            cpu_us_per_packet: cpu * 1_000_000.0 / (rate * window).max(1.0),
            cpu_cores: cpu / window,
            resident_bytes: self.resident,
            resident_bytes_per_viewer: self.resident.saturating_sub(self.before) as f64 / viewers as f64,
        }
    }
}

/// Packets a second of one viewer once it is live.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn packet_rate(seen: &Seen) -> Option<f64> {
    let frames = seen.tally.frames();
    let time = frames.last()?.at.saturating_duration_since(frames.first()?.at).as_secs_f64();
    (time > 0.0).then(|| seen.tally.packets() as f64 / time)
}

pub(crate) fn summary(seen: &[Seen]) -> Report {
    let millis =
        |pick: fn(&Seen) -> Option<Duration>| Spread::of(seen.iter().filter_map(pick).map(ms).collect());
    let steady = |one: &Seen| one.pictured_at.map(|at| at + SETTLE);
    let mut failures: Vec<String> = seen.iter().filter_map(|one| one.failure.clone()).collect();
    failures.sort();
    failures.dedup();
    let sum = |pick: fn(&Seen) -> u64| seen.iter().map(pick).sum();
    let gaps = seen.iter().flat_map(|one| {
        let from = steady(one);
        let frames = one.tally.frames().iter().filter(move |frame| from.is_some_and(|from| frame.at >= from));
        let times: Vec<_> = frames.map(|frame| frame.at).collect();
        times.windows(2).map(|pair| ms(pair[1] - pair[0])).collect::<Vec<_>>()
    });
    let ages = seen.iter().flat_map(|one| {
        let from = steady(one);
        let frames = one.tally.frames().iter().filter(move |frame| from.is_some_and(|from| frame.at >= from));
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of an age")]
        frames.filter_map(|frame| frame.age_ms).map(|age| age as f64).collect::<Vec<_>>()
    });
    Report {
        viewers: seen.len(),
        connected: seen.iter().filter(|one| one.connected.is_some()).count(),
        pictured: seen.iter().filter(|one| one.pictured.is_some()).count(),
        failures,
        play_ms: millis(|one| one.play),
        connected_ms: millis(|one| one.connected),
        first_frame_ms: millis(|one| one.pictured),
        live_ms: millis(|one| one.live),
        packets: sum(|one| one.tally.packets()),
        lost: sum(|one| one.tally.lost()),
        late: sum(|one| one.tally.late()),
        frames: sum(|one| one.tally.frames().len() as u64),
        gap_ms: Spread::of(gaps.collect()),
        age_ms: Spread::of(ages.collect()),
        bitrate_kbps: mean_bitrate(seen),
        process: None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn mean_bitrate(seen: &[Seen]) -> f64 {
    let rates: Vec<f64> = seen
        .iter()
        .filter_map(|one| Some(packet_rate(one)? / one.tally.packets() as f64 * one.tally.bytes() as f64))
        .collect();
    if rates.is_empty() { 0.0 } else { rates.iter().sum::<f64>() * 8.0 / 1_000.0 / rates.len() as f64 }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

pub(crate) fn print(report: &Report, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "viewers      {} ({} connected, {} with a picture)",
        report.viewers, report.connected, report.pictured
    )?;
    let rows = [
        ("play", report.play_ms),
        ("connected", report.connected_ms),
        ("first frame", report.first_frame_ms),
        ("live", report.live_ms),
        ("frame gap", report.gap_ms),
        ("age", report.age_ms),
    ];
    for (name, spread) in rows {
        if let Some(spread) = spread {
            let Spread { p50, p95, p99, max, .. } = spread;
            writeln!(out, "{name:<12} p50 {p50:.1}  p95 {p95:.1}  p99 {p99:.1}  max {max:.1} ms")?;
        }
    }
    writeln!(
        out,
        "packets      {} ({} lost, {} late), {} frames",
        report.packets, report.lost, report.late, report.frames
    )?;
    writeln!(out, "bitrate      {:.0} kbit/s a viewer", report.bitrate_kbps)?;
    if let Some(process) = &report.process {
        writeln!(
            out,
            "server       {:.2} CPU-ms a viewer-second, {:.2} us a packet, {:.2} cores, {:.0} KiB a viewer",
            process.cpu_ms_per_viewer_second,
            process.cpu_us_per_packet,
            process.cpu_cores,
            process.resident_bytes_per_viewer / 1_024.0,
        )?;
    }
    for failure in &report.failures {
        writeln!(out, "failure      {failure}")?;
    }
    Ok(())
}

/// A start that takes longer than this has failed for a person.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a start disturbs is over after this.
const SETTLE: Duration = Duration::from_secs(2);
