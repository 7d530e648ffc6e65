use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use reqwest::Url;
use serde::Serialize;
use sluice_runtime::{Clock, TaskScope};
use tokio::sync::mpsc;

use super::{
    connection::{Connection, Http},
    playlist::{Master, Playlist, join},
    viewer::{HlsSeen, follow},
};
use crate::{Hub, process::Usage, report::Spread, viewer::Ramp};

/// Many viewers of low-latency HLS, started one after the other, who then watch together.
#[derive(Debug, Clone)]
pub struct HlsCrowd {
    /// What each one does; it watches longer than `ramp` says, until the last one has.
    pub ramp: Ramp,
    /// How they ask.
    pub http: Http,
    /// How many.
    pub viewers: usize,
    /// From one start to the next.
    pub every: Duration,
    /// A process to measure while all of them watch.
    pub pid: Option<u32>,
}

/// What a crowd showed.
#[derive(Debug, Clone, Serialize)]
pub struct HlsReport {
    /// Viewers that were started.
    pub viewers: usize,
    /// Viewers that had a part with a key frame.
    pub pictured: usize,
    /// What kept the others from it, each text once.
    pub failures: Vec<String>,
    /// From the call of `play` to the first part with a key frame.
    pub first_part_ms: Option<Spread>,
    /// From the capture of a part's end to its arrival, from 2 s after the first part on.
    pub part_delay_ms: Option<Spread>,
    /// Parts that came later than a player that keeps `PART-HOLD-BACK` can wait.
    pub stalls: u64,
    /// Requests of all viewers.
    pub requests: u64,
    /// Share of one processor that the watched process used.
    pub cpu_cores: Option<f64>,
    /// Resident bytes more than before the viewers, for each of them.
    pub resident_bytes_per_viewer: Option<f64>,
}

/// What asking as fast as possible showed.
#[derive(Debug, Clone, Serialize)]
pub struct RateReport {
    /// Requests answered in the window.
    pub requests: u64,
    /// Requests a second.
    pub rate: f64,
    /// Processor microseconds of the watched process for each.
    pub cpu_us_per_request: f64,
}

impl HlsCrowd {
    /// Lets them watch. An error is one of the measurement; what viewers met is in the report.
    ///
    /// # Errors
    /// When the process to measure is not there.
    pub async fn run(&self, clock: Clock, hub: &Hub) -> Result<HlsReport> {
        let (scope, hub) = (TaskScope::new(), Arc::new(hub.clone()));
        let before = self.pid.map(Usage::of).transpose()?;
        let count = u32::try_from(self.viewers)?;
        let ramp = Arc::new(Ramp { watch: self.ramp.watch + self.every * count, ..self.ramp.clone() });
        let (done, mut results) = mpsc::channel(self.viewers.max(1));
        for _ in 0..self.viewers {
            let (hub, ramp, done, http) = (Arc::clone(&hub), Arc::clone(&ramp), done.clone(), self.http);
            scope.spawn("viewer", async move {
                let _ = done.send(follow(clock, &hub, http, &ramp).await).await;
            });
            clock.sleep(self.every).await;
        }
        drop(done);
        let load = self.measure(clock, before).await?;
        let mut seen = Vec::new();
        while let Some(one) = results.recv().await {
            seen.push(one);
        }
        let mut report = HlsReport::of(&seen);
        if let Some((cores, resident)) = load {
            report.cpu_cores = Some(cores);
            report.resident_bytes_per_viewer = Some(resident / f64::from(count.max(1)));
        }
        Ok(report)
    }

    /// Processors and bytes used while all watch.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    async fn measure(&self, clock: Clock, before: Option<Usage>) -> Result<Option<(f64, f64)>> {
        let (Some(before), Some(pid)) = (before, self.pid) else { return Ok(None) };
        clock.sleep(SETTLE).await;
        let (start, from) = (clock.now(), Usage::of(pid)?);
        clock.sleep(self.ramp.watch.saturating_sub(SETTLE).max(SETTLE)).await;
        let to = Usage::of(pid).context("the watched process ended")?;
        let cores = to.cpu.saturating_sub(from.cpu).as_secs_f64() / (clock.now() - start).as_secs_f64();
        Ok(Some((cores, to.resident.saturating_sub(before.resident) as f64)))
    }

    /// Each viewer asks for the playlist and its newest part, as fast as answers come, for `ramp.watch`.
    ///
    /// # Errors
    /// When a request is not answered, or the process to measure is not there.
    pub async fn hammer(&self, clock: Clock, hub: &Hub) -> Result<RateReport> {
        let pid = self.pid.context("a process to measure")?;
        let scope = TaskScope::new();
        let mut hands = Vec::new();
        for _ in 0..self.viewers {
            hands.push(Hand::open(&scope, self, hub).await?);
        }
        let (start, from) = (clock.now(), Usage::of(pid)?);
        let until = start + self.ramp.watch;
        let (done, mut results) = mpsc::channel(self.viewers.max(1));
        for hand in hands {
            let done = done.clone();
            scope.spawn("hand", async move {
                let _ = done.send(hand.ask(clock, until).await).await;
            });
        }
        drop(done);
        let mut requests = 0;
        while let Some(answered) = results.recv().await {
            requests += answered?;
        }
        let (window, to) = (clock.now() - start, Usage::of(pid).context("the watched process ended")?);
        scope.cancel();
        ensure!(requests > 0, "nothing was answered");
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let count = requests as f64;
        let cpu = to.cpu.saturating_sub(from.cpu);
        let (rate, each) = (count / window.as_secs_f64(), cpu.as_secs_f64() * 1e6 / count);
        Ok(RateReport { requests, rate, cpu_us_per_request: each })
    }
}

/// One connection that asks as fast as answers come.
struct Hand {
    connection: Connection,
    media: String,
}

impl Hand {
    async fn open(scope: &TaskScope, crowd: &HlsCrowd, hub: &Hub) -> Result<Self> {
        let grant = hub.play_by(&crowd.ramp.camera, &crowd.ramp.tier, "ll-hls").await?;
        let url = Url::parse(&grant.url)?;
        let mut connection = Connection::open(scope, crowd.http, &url).await?;
        let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        let master = connection.fetch(&path).await?;
        let media = join(&path, &Master::parse(std::str::from_utf8(&master)?)?.video)?;
        Ok(Self { connection, media })
    }

    async fn ask(mut self, clock: Clock, until: std::time::Instant) -> Result<u64> {
        let mut answered = 0;
        while clock.now() < until {
            let body = self.connection.fetch(&self.media).await?;
            answered += 1;
            let playlist = Playlist::parse(std::str::from_utf8(&body)?)?;
            let newest = playlist.parts().last().map(|(_, part, _)| part.uri.clone());
            let Some(newest) = newest else { continue };
            let newest = join(&self.media, &newest)?;
            // A playlist changes five times a second: parsing each answer would measure the parser.
            for _ in 0..PARTS_A_PLAYLIST {
                self.connection.fetch(&newest).await?;
                self.connection.fetch(&self.media).await?;
                answered += 2;
            }
        }
        Ok(answered)
    }
}

impl HlsReport {
    fn of(seen: &[HlsSeen]) -> Self {
        let mut failures: Vec<String> = seen.iter().filter_map(|one| one.failure.clone()).collect();
        failures.sort();
        failures.dedup();
        let pictured: Vec<f64> =
            seen.iter().filter_map(|one| one.pictured).map(|time| time.as_secs_f64() * 1_000.0).collect();
        Self {
            viewers: seen.len(),
            pictured: pictured.len(),
            failures,
            first_part_ms: Spread::of(pictured),
            part_delay_ms: Spread::of(seen.iter().flat_map(HlsSeen::steady).collect()),
            stalls: seen.iter().map(|one| one.stalls).sum(),
            requests: seen.iter().map(|one| one.requests).sum(),
            cpu_cores: None,
            resident_bytes_per_viewer: None,
        }
    }
}

const PARTS_A_PLAYLIST: usize = 20;
/// What a start disturbs is over after this.
const SETTLE: Duration = Duration::from_secs(2);
