use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use sluice_runtime::{Clock, TaskScope};
use tokio::sync::mpsc;

use crate::{
    hub::Hub,
    process::Usage,
    report::{ProcessReport, Report},
    viewer::{Ramp, Seen, watch},
};

/// Many viewers of one camera, started one after the other, who then watch together.
#[derive(Debug, Clone)]
pub struct Crowd {
    /// What each one does; it watches longer than `ramp` says, until the last one has.
    pub ramp: Ramp,
    /// How many.
    pub viewers: usize,
    /// From one start to the next.
    pub every: Duration,
    /// A process to measure while all of them watch.
    pub pid: Option<u32>,
}

impl Crowd {
    /// Lets them watch. An error is one of the measurement; what viewers met is in the report.
    ///
    /// # Errors
    /// When the process to measure is not there.
    pub async fn run(&self, clock: Clock, hub: &Hub) -> Result<Report> {
        let (scope, hub) = (TaskScope::new(), Arc::new(hub.clone()));
        let before = self.pid.map(Usage::of).transpose()?;
        let ramp = Arc::new(Ramp { watch: self.ramp.watch + self.all_started(), ..self.ramp.clone() });
        let (done, mut results) = mpsc::channel(self.viewers.max(1));
        for _ in 0..self.viewers {
            let (hub, ramp, done) = (Arc::clone(&hub), Arc::clone(&ramp), done.clone());
            scope.spawn("viewer", async move {
                let _ = done.send(watch(clock, &hub, &ramp).await).await;
            });
            clock.sleep(self.every).await;
        }
        drop(done);
        let load = self.measure(clock, before).await?;
        let mut seen = Vec::new();
        while let Some(one) = results.recv().await {
            seen.push(one);
        }
        let mut report = Report::of(&seen);
        report.process = load.map(|load| load.report(&seen, self.viewers));
        Ok(report)
    }

    fn all_started(&self) -> Duration {
        self.every.saturating_mul(u32::try_from(self.viewers).unwrap_or(u32::MAX))
    }

    async fn measure(&self, clock: Clock, before: Option<Usage>) -> Result<Option<Used>> {
        let (Some(before), Some(pid)) = (before, self.pid) else { return Ok(None) };
        // The last viewer connects.
        clock.sleep(SETTLE).await;
        let (start, from) = (clock.now(), Usage::of(pid)?);
        clock.sleep(self.ramp.watch.saturating_sub(SETTLE).max(SETTLE)).await;
        let to = Usage::of(pid).context("the watched process ended")?;
        Ok(Some(Used {
            cpu: to.cpu.saturating_sub(from.cpu),
            window: clock.now() - start,
            before: before.resident,
            resident: to.resident,
        }))
    }
}

/// What serving viewers took.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// Processor time in the window.
    pub cpu: Duration,
    /// How long the window was.
    pub window: Duration,
    /// Resident bytes before there were viewers.
    pub before: u64,
    /// Resident bytes at the end.
    pub resident: u64,
}

impl Used {
    /// For each viewer and packet.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub fn report(&self, seen: &[Seen], viewers: usize) -> ProcessReport {
        let (cpu, window) = (self.cpu.as_secs_f64(), self.window.as_secs_f64());
        let rate: f64 = seen.iter().filter_map(Seen::packet_rate).sum();
        ProcessReport {
            cpu_ms_per_viewer_second: cpu * 1_000.0 / window / viewers as f64,
            cpu_us_per_packet: cpu * 1_000_000.0 / (rate * window).max(1.0),
            cpu_cores: cpu / window,
            resident_bytes: self.resident,
            resident_bytes_per_viewer: self.resident.saturating_sub(self.before) as f64 / viewers as f64,
        }
    }
}

/// What a start disturbs is over after this.
const SETTLE: Duration = Duration::from_secs(2);
