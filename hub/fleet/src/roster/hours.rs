//! When the clock changes what is kept warm. Pure.

use std::time::{Duration, Instant};

use sluice_hub_store::{Camera, Warm};
use sluice_ids::{CameraId, UnixMillis};

use super::{Now, Output, Roster};
use crate::schedule;

/// The next change by the clock. It may be named too early, never too late: cameras that are gone are not missed.
#[derive(Default)]
pub(super) struct Hours {
    next: Option<UnixMillis>,
    wake_at: Option<Instant>,
}

impl Hours {
    /// Looks at these cameras: which of them have another policy at work than was written.
    fn judge<'a>(
        &mut self,
        now: UnixMillis,
        cameras: impl IntoIterator<Item = &'a Camera>,
    ) -> Vec<(CameraId, Warm)> {
        let judged = cameras.into_iter().map(|camera| (camera, schedule::of_camera(camera, now)));
        let judged = judged.inspect(|(_, at_work)| {
            self.next = [self.next, at_work.until].into_iter().flatten().min();
        });
        let news = judged.filter(|(camera, at_work)| at_work.warm != camera.warm_now);
        let mut news: Vec<_> = news.map(|(camera, at_work)| (camera.id, at_work.warm)).collect();
        news.sort_unstable_by_key(|(camera, _)| *camera);
        news
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.wake_at
    }
}

impl Roster {
    /// Cameras were read from the registry: what the clock makes of them is written if it is news. Every sweep comes
    /// by here, so a clock that was set is noticed by then.
    pub(super) fn judge<'a>(&mut self, now: Now, cameras: impl IntoIterator<Item = &'a Camera>) {
        let news = self.hours.judge(now.wall, cameras);
        if !news.is_empty() {
            self.orders.push_back(Output::KeepWarm(news));
        }
    }

    /// The same of all cameras, where the time for a change has come.
    pub(super) fn hours_passed(&mut self, now: Now) {
        if self.hours.next.is_some_and(|next| next <= now.wall) {
            self.hours.next = None;
            let rows = self.devices.values().filter_map(|entry| entry.row.as_ref());
            let cameras = rows.flat_map(|(_, cameras)| cameras).chain(self.beside.cameras());
            let news = self.hours.judge(now.wall, cameras);
            if !news.is_empty() {
                self.orders.push_back(Output::KeepWarm(news));
            }
        }
        let left = self.hours.next.map(|next| next.0.saturating_sub(now.wall.0).unsigned_abs());
        let left = left.map(|left| Duration::from_millis(left).clamp(SHORTEST, super::SWEEP));
        self.hours.wake_at = left.map(|left| now.at + left);
    }
}

/// Changes are whole minutes apart. It is asked for sooner only where the clock on the wall lags behind the other.
const SHORTEST: Duration = Duration::from_millis(200);
