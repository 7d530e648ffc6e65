use std::time::{Duration, Instant};

use sluice_ids::UnixMillis;
use sluice_wire::control::{Reported, SessionKind, TierReport};

/// Decides when a report is worth its bytes. Pure.
///
/// What a person waits for (a state, a reason, a codec) goes at once; numbers that always move (bit rate,
/// bytes in memory) go so seldom that they cost [`VOLATILE_BITS`] at most.
#[derive(Debug, Default)]
pub(crate) struct Reporting {
    sent: Option<Sent>,
}

#[derive(Debug)]
struct Sent {
    at: Instant,
    whole: Reported,
    stable: Reported,
    bytes: usize,
}

impl Reporting {
    /// A new link knows nothing yet.
    pub(crate) fn reset(&mut self) {
        self.sent = None;
    }

    /// When `current` should be sent; `None` if it says nothing new.
    pub(crate) fn due(&self, now: Instant, current: &Reported) -> Option<Instant> {
        let Some(sent) = &self.sent else { return Some(now) };
        if sent.whole == *current {
            None
        } else if sent.stable == stable(current) {
            let bits = u32::try_from(sent.bytes * 8).unwrap_or(u32::MAX);
            Some(sent.at + VOLATILE.max(Duration::from_secs(1) * bits / VOLATILE_BITS))
        } else {
            Some(sent.at + GAP)
        }
    }

    /// `current` was sent in as many bytes.
    pub(crate) fn sent(&mut self, now: Instant, current: &Reported, bytes: usize) {
        self.sent = Some(Sent { at: now, whole: current.clone(), stable: stable(current), bytes });
    }
}

/// The report without what always moves.
fn stable(reported: &Reported) -> Reported {
    let mut stable = reported.clone();
    for camera in &mut stable.cameras {
        camera.sessions.retain(|session| session.kind == SessionKind::Rtsp);
        camera.sessions.iter_mut().for_each(|session| session.since = UnixMillis(0));
        if let Some(facts) = &mut camera.facts {
            facts.clock_offset_ms = facts.clock_offset_ms.map(|offset| offset / CLOCK_STEP_MS);
        }
    }
    for tier in stable.cameras.iter_mut().flat_map(|camera| &mut camera.tiers) {
        let still = TierReport {
            fps: tier.fps.map(|_| 0.0),
            gop_s: tier.gop_s.map(|_| 0.0),
            bitrate_kbps: 0,
            warm_bytes: 0,
            ..tier.clone()
        };
        *tier = still;
    }
    stable
}

/// Changes that follow each other fast go together.
const GAP: Duration = Duration::from_millis(250);
const VOLATILE: Duration = Duration::from_secs(60);
/// A clock that drifts is news from here on.
const CLOCK_STEP_MS: i64 = 5_000;
/// Bits a second that moving numbers may cost on an idle link, of 5,000 in all.
const VOLATILE_BITS: u32 = 500;

#[cfg(test)]
mod tests {
    use sluice_ids::{CameraId, Tier};
    use sluice_wire::control::{CameraReport, TierState};

    use super::*;

    fn report(state: TierState, bitrate_kbps: u32) -> Reported {
        let camera_id: CameraId = "cam_0198c0de00007000800000000000002a".parse().unwrap();
        let tier = TierReport { bitrate_kbps, ..TierReport::new(Tier::Sub, state, UnixMillis(0)) };
        Reported { generation: 1, cameras: vec![CameraReport::new(camera_id, vec![tier])], health: vec![] }
    }

    #[test]
    fn a_state_goes_at_once_and_a_number_goes_seldom() {
        let (mut reporting, now) = (Reporting::default(), sluice_runtime::Clock::system().now());
        assert_eq!(reporting.due(now, &report(TierState::Warm, 0)), Some(now));
        reporting.sent(now, &report(TierState::Warm, 0), 100);
        assert_eq!(reporting.due(now, &report(TierState::Warm, 0)), None);
        assert_eq!(reporting.due(now, &report(TierState::Warm, 900)), Some(now + VOLATILE));
        assert_eq!(reporting.due(now, &report(TierState::Resting, 900)), Some(now + GAP));
    }

    #[test]
    fn the_numbers_of_a_large_site_cost_no_more_than_those_of_a_small_one() {
        let (mut reporting, now) = (Reporting::default(), sluice_runtime::Clock::system().now());
        reporting.sent(now, &report(TierState::Warm, 0), 50_000);
        let due = reporting.due(now, &report(TierState::Warm, 1)).unwrap();
        assert_eq!(due.duration_since(now), Duration::from_secs(800));
    }
}
