use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use sluice_load::Usage;
use sluice_runtime::Clock;
use sluice_testkit::{Demo, OnvifConfig, OnvifSite, eventually_within};

use super::{
    plan::{Site, spread, to_f64},
    table::{Row, say},
};

/// What it takes the edge to find a LAN of cameras and to learn what each can do.
pub(crate) async fn found(site: &Site) -> Result<Vec<Row>> {
    let count = site.pick(100, 20);
    let (demo, began) = lan(site, count, &["--replay"]).await?;
    let cameras = onvif(&demo)?;
    let pid = demo.file.pids.edge;
    cameras.found(&demo.client, PATIENCE, |_| true).await?;
    let seen = began.elapsed();
    let (opening, from) = (Stopwatch::start(site.clock), Usage::of(pid)?);
    cameras.accept_all(&demo.client).await?;
    let (opened, to) = (opening.elapsed(), Usage::of(pid)?);
    let cores = (to.cpu.saturating_sub(from.cpu)).as_secs_f64() / opened.as_secs_f64();
    // Pulls that policy keeps warm are no part of looking for cameras.
    for camera in demo.client.expect(Method::GET, "/cameras?limit=500", None).await?["items"]
        .as_array()
        .context("a list of cameras")?
    {
        let path = format!("/cameras/{}", camera["id"].as_str().context("an id")?);
        let cold = serde_json::json!({ "warm": "none" });
        demo.client.expect(Method::PATCH, &path, Some(&cold)).await?;
    }
    site.clock.sleep(COOL).await;
    let (after, _) = site.usage(pid).await?;
    demo.stop().await;
    let row = |what: &str, value, unit, target| {
        Row::new("cameras", format!("{count} on one LAN: {what}"), value, unit, target)
    };
    let whole = seen + opened;
    Ok(vec![
        row("edge started to all found", seen.as_secs_f64(), "s", None),
        row("found, opened, understood and accepted", whole.as_secs_f64(), "s", Some(30.0)),
        row("CPU of the edge while they are opened", cores, "cores", Some(1.0)),
        row("CPU of the edge afterwards, nothing warm", after / 10.0, "% of a core", Some(5.0)),
    ])
}

/// Starts at cameras that send a key frame every ten seconds or when they are asked.
pub(crate) async fn joins(site: &Site) -> Result<Vec<Row>> {
    let (demo, _) = lan(site, site.pick(20, 5), &["--quirk", "key-frame-on-request", "--fps", "25"]).await?;
    let cameras = onvif(&demo)?.accept_all(&demo.client).await?;
    demo.cameras_ready().await?;
    let hub = sluice_load::Hub::new(&demo.file.hub_url, &demo.file.api_token)?;
    let mut rows = Vec::new();
    for (what, tier) in [("cold", "main"), ("warm", "sub")] {
        let mut reports = Vec::new();
        for camera in &cameras {
            reports.push(site.crowd(camera, tier, 1, 1).run(site.clock, &hub).await?);
        }
        let first = spread(&reports, |report| report.first_frame_ms)?;
        let row = |which: &str, value, target| {
            let what = format!("key frame every 10 s or when asked, {what}: play to first frame, {which}");
            Row::new("joins", what, value, "ms", target)
        };
        rows.push(row("p50", first.p50, None));
        rows.push(row("p95", first.p95, Some(1_000.0)));
    }
    demo.stop().await;
    Ok(rows)
}

/// All cameras of a site lose their power and come back.
pub(crate) async fn power_cut(site: &Site) -> Result<Vec<Row>> {
    let count = site.pick(50, 10);
    let (demo, _) = lan(site, count, &["--replay"]).await?;
    onvif(&demo)?.accept_all(&demo.client).await?;
    demo.cameras_ready().await?;
    let cameras = onvif(&demo)?;
    let before = refused(cameras).await?;
    cameras.fault("offline").await?;
    site.clock.sleep(site.pick(Duration::from_secs(30), COOL)).await;
    cameras.fault("restore").await?;
    let back = Stopwatch::start(site.clock);
    eventually_within(Duration::from_secs(120), || playing(cameras)).await?;
    let took = back.elapsed();
    let refusals = refused(cameras).await? - before;
    demo.stop().await;
    let row = |what: &str, value, unit, target| {
        Row::new("power cut", format!("{count} cameras: {what}"), value, unit, target)
    };
    Ok(vec![
        row("back to all playing again", took.as_secs_f64(), "s", Some(60.0)),
        row("wrong credentials given meanwhile", to_f64(refusals), "times", Some(0.0)),
    ])
}

/// A hub and an edge on a loopback LAN of cameras that nobody added; since when the edge may have looked for them.
async fn lan(site: &Site, cameras: usize, camsim: &[&str]) -> Result<(Demo, Stopwatch)> {
    let mut config = site.config()?;
    let mut onvif = OnvifConfig::on_free_ports(cameras)?;
    onvif.camsim = camsim.iter().map(|&argument| argument.to_owned()).collect();
    (config.cameras, config.onvif) = (0, Some(onvif));
    let began = Stopwatch::start(site.clock);
    Ok((Demo::start(&config, &mut |step| drop(say(step))).await?, began))
}

fn onvif(demo: &Demo) -> Result<&OnvifSite> {
    demo.onvif.as_ref().context("the demo has cameras to find")
}

async fn playing(cameras: &OnvifSite) -> Result<()> {
    let all = cameras.cameras().await?;
    let silent = all.iter().filter(|camera| camera["counts"]["playing"] == 0).count();
    ensure!(silent == 0, "{silent} of {} cameras play nothing", all.len());
    Ok(())
}

async fn refused(cameras: &OnvifSite) -> Result<u64> {
    let all = cameras.cameras().await?;
    Ok(all.iter().filter_map(|camera| camera["counts"]["auth_failures"].as_u64()).sum())
}

struct Stopwatch(Clock, std::time::Instant);

impl Stopwatch {
    fn start(clock: Clock) -> Self {
        Self(clock, clock.now())
    }

    fn elapsed(&self) -> Duration {
        self.0.now().saturating_duration_since(self.1)
    }
}

const PATIENCE: Duration = Duration::from_secs(60);
/// What was warm is let go of, and what was asked is answered.
const COOL: Duration = Duration::from_secs(15);
