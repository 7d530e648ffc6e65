use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sluice_load::{HlsCrowd, Http, Ramp, Transport};

use super::{plan::Site, table::Row};
use crate::whep::PATIENCE;

/// What viewers of low-latency HLS cost at the hub, and how late their parts are.
pub(crate) async fn measure(site: &Site) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (http, count) in
        site.pick(vec![(Http::H1, 500), (Http::H2, 500), (Http::H1, 1_000)], vec![(Http::H1, 50)])
    {
        rows.extend(watch(site, http, count).await?);
    }
    for http in [Http::H1, Http::H2] {
        rows.push(hammer(site, http).await?);
    }
    Ok(rows)
}

/// Viewers of one camera, each with a connection of its own, true blocking reload and every part fetched.
async fn watch(site: &Site, http: Http, count: usize) -> Result<Vec<Row>> {
    let (demo, hub) = site.start(1, &["--bitrate-kbps", "1000"]).await?;
    let mut crowd = crowd(site, &demo.file.cameras[0], http, count);
    crowd.pid = Some(demo.file.pids.hub);
    let report = crowd.run(site.clock, &hub).await;
    demo.stop().await;
    let report = report?;
    ensure!(report.failures.is_empty(), "{count} viewers: {}", report.failures.join("; "));
    let asked = |target: f64| (count == 500).then_some(target);
    let row = |what: &str, value, unit, target| {
        Row::new("ll-hls", format!("{count} viewers, {}: {what}", name(http)), value, unit, target)
    };
    let delay = report.part_delay_ms.context("parts came")?;
    let cores = report.cpu_cores.context("the hub was measured")?;
    let kib = report.resident_bytes_per_viewer.context("the hub was measured")? / 1_024.0;
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let stalls = report.stalls as f64;
    Ok(vec![
        row("capture of a part's end to its arrival, p50", delay.p50, "ms", None),
        row("capture of a part's end to its arrival, p99", delay.p99, "ms", asked(100.0)),
        row("parts too late for the hold-back", stalls, "parts", asked(0.0)),
        row("CPU of the hub", cores, "cores", asked(1.0)),
        row("memory of the hub a viewer", kib, "KiB", None),
    ])
}

/// As many requests as a few connections can ask for.
async fn hammer(site: &Site, http: Http) -> Result<Row> {
    let (demo, hub) = site.start(1, &["--bitrate-kbps", "1000"]).await?;
    let mut crowd = crowd(site, &demo.file.cameras[0], http, 16);
    crowd.pid = Some(demo.file.pids.hub);
    let report = crowd.hammer(site.clock, &hub).await;
    demo.stop().await;
    let report = report?;
    let what =
        format!("as fast as it goes, {}: CPU of the hub a request ({:.0} a second)", name(http), report.rate);
    // 25,000 requests a second and core.
    Ok(Row::new("ll-hls", what, report.cpu_us_per_request, "us", Some(40.0)))
}

fn crowd(site: &Site, camera: &str, http: Http, viewers: usize) -> HlsCrowd {
    let ramp = Ramp {
        camera: camera.to_owned(),
        tier: "sub".to_owned(),
        transport: Transport::Tcp,
        watch: Duration::from_secs(site.pick(20, 5)),
        patience: PATIENCE,
    };
    HlsCrowd { ramp, http, viewers, every: Duration::from_millis(10), pid: None }
}

fn name(http: Http) -> &'static str {
    match http {
        Http::H1 => "HTTP/1.1",
        Http::H2 => "HTTP/2",
    }
}
