use std::{io::Write as _, time::Duration};

use anyhow::{Result, bail};
use sluice_load::{HlsCrowd, HlsReport, Http, Hub, Ramp, Spread, Transport};
use sluice_runtime::Clock;

use crate::whep::PATIENCE;

/// Arguments of `sluice-load hls`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address of the hub without TLS, such as <http://127.0.0.1:8080>
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
    /// HTTP/1.1, or HTTP/2 by prior knowledge
    #[arg(long, value_enum, default_value = "h1")]
    http: Http,
    /// Ask as fast as answers come instead of watching; needs --pid
    #[arg(long)]
    hammer: bool,
    /// Measure the processor time and memory of this process meanwhile
    #[arg(long)]
    pid: Option<u32>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let (hub, clock) = (Hub::new(&args.base, &args.token)?, Clock::system());
    let crowd = HlsCrowd {
        ramp: Ramp {
            camera: args.camera.clone(),
            tier: args.tier.clone(),
            transport: Transport::Tcp,
            watch: Duration::from_secs(args.seconds),
            patience: PATIENCE,
        },
        http: args.http,
        viewers: args.viewers,
        every: Duration::from_millis(args.every_ms),
        pid: args.pid,
    };
    let mut out = std::io::stdout().lock();
    if args.hammer {
        let report = crowd.hammer(clock, &hub).await?;
        if args.json {
            return Ok(writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?);
        }
        let (rate, each) = (report.rate, report.cpu_us_per_request);
        return Ok(writeln!(out, "requests     {rate:.0} a second, {each:.1} CPU-us of the server each")?);
    }
    let report = crowd.run(clock, &hub).await?;
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        print(&mut out, &report)?;
    }
    if report.pictured < args.viewers {
        bail!("{} of {} viewers had a picture", report.pictured, args.viewers);
    }
    Ok(())
}

fn print(out: &mut impl std::io::Write, report: &HlsReport) -> Result<()> {
    writeln!(out, "viewers      {} ({} with a picture)", report.viewers, report.pictured)?;
    for (name, spread) in [("first part", report.first_part_ms), ("part delay", report.part_delay_ms)] {
        if let Some(Spread { p50, p95, p99, max, .. }) = spread {
            writeln!(out, "{name:<12} p50 {p50:.1}  p95 {p95:.1}  p99 {p99:.1}  max {max:.1} ms")?;
        }
    }
    writeln!(out, "requests     {}, {} parts too late for the hold-back", report.requests, report.stalls)?;
    if let (Some(cores), Some(bytes)) = (report.cpu_cores, report.resident_bytes_per_viewer) {
        writeln!(out, "server       {cores:.2} cores, {:.0} KiB a viewer", bytes / 1_024.0)?;
    }
    for failure in &report.failures {
        writeln!(out, "failure      {failure}")?;
    }
    Ok(())
}
