use std::{io::Write as _, time::Duration};

use anyhow::{Result, bail};
use sluice_load::{Crowd, Hub, Ramp, Report, Spread, Transport};
use sluice_runtime::Clock;

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
    let hub = Hub::new(&args.base, &args.token)?;
    let crowd = Crowd {
        ramp: Ramp {
            camera: args.camera.clone(),
            tier: args.tier.clone(),
            transport: if args.tcp { Transport::Tcp } else { Transport::Udp },
            watch: Duration::from_secs(args.seconds),
            patience: PATIENCE,
        },
        viewers: args.viewers,
        every: Duration::from_millis(args.every_ms),
        pid: args.pid,
    };
    let report = crowd.run(Clock::system(), &hub).await?;
    print(&report, args.json)?;
    if report.pictured < args.viewers {
        bail!("{} of {} viewers had a picture", report.pictured, args.viewers);
    }
    Ok(())
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
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
