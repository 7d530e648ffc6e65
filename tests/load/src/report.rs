use std::time::Duration;

use serde::Serialize;

use crate::viewer::Seen;

/// Percentiles of one quantity.
#[derive(Debug, Clone, Copy, Serialize, PartialEq)]
pub struct Spread {
    /// How many values there are.
    pub count: usize,
    /// Half are at most this.
    pub p50: f64,
    /// 95 of 100 are at most this.
    pub p95: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// All are at most this.
    pub max: f64,
}

impl Spread {
    /// `None` of nothing.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "an index below the length"
            )]
            let rank = (share * values.len() as f64).ceil() as usize;
            values.get(rank.saturating_sub(1)).copied()
        };
        Some(Self { count: values.len(), p50: at(0.5)?, p95: at(0.95)?, p99: at(0.99)?, max: at(1.0)? })
    }
}

/// What a run of viewers showed.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Viewers that were started.
    pub viewers: usize,
    /// Viewers whose DTLS stood.
    pub connected: usize,
    /// Viewers that had a whole key frame.
    pub pictured: usize,
    /// What kept the others from it, each text once.
    pub failures: Vec<String>,
    /// From the call of `play` to its answer.
    pub play_ms: Option<Spread>,
    /// From the call of `play` to DTLS.
    pub connected_ms: Option<Spread>,
    /// From the call of `play` to the first whole key frame.
    pub first_frame_ms: Option<Spread>,
    /// From the call of `play` to the first frame as old as the later ones, where the node tells ages.
    pub live_ms: Option<Spread>,
    /// Packets of all viewers.
    pub packets: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came after later ones.
    pub late: u64,
    /// Whole frames of all viewers.
    pub frames: u64,
    /// Times between whole frames, from 2 s after the first one on.
    pub gap_ms: Option<Spread>,
    /// From capture at the edge to the last packet here, from 2 s after the first frame on.
    pub age_ms: Option<Spread>,
    /// Payload bits a second and viewer.
    pub bitrate_kbps: f64,
    /// What the watched process used, if one was watched.
    pub process: Option<ProcessReport>,
}

impl Report {
    /// What these viewers saw.
    #[must_use]
    pub fn of(seen: &[Seen]) -> Self {
        let millis =
            |pick: fn(&Seen) -> Option<Duration>| Spread::of(seen.iter().filter_map(pick).map(ms).collect());
        let sum = |pick: fn(&Seen) -> u64| seen.iter().map(pick).sum();
        let mut failures: Vec<String> = seen.iter().filter_map(|one| one.failure.clone()).collect();
        failures.sort();
        failures.dedup();
        Self {
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
            gap_ms: Spread::of(seen.iter().flat_map(gaps).collect()),
            age_ms: Spread::of(seen.iter().flat_map(ages).collect()),
            bitrate_kbps: mean_bitrate(seen),
            process: None,
        }
    }
}

fn gaps(seen: &Seen) -> Vec<f64> {
    let times: Vec<_> = seen.steady().map(|frame| frame.at).collect();
    times.windows(2).map(|pair| ms(pair[1].saturating_duration_since(pair[0]))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of an age")]
fn ages(seen: &Seen) -> Vec<f64> {
    seen.steady().filter_map(|frame| frame.age_ms).map(|age| age as f64).collect()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn mean_bitrate(seen: &[Seen]) -> f64 {
    let bitrate = |one: &Seen| {
        let bytes_a_packet = one.tally.bytes() as f64 / one.tally.packets() as f64;
        Some(one.packet_rate()? * bytes_a_packet * 8.0 / 1_000.0)
    };
    let rates: Vec<f64> = seen.iter().filter_map(bitrate).collect();
    if rates.is_empty() { 0.0 } else { rates.iter().sum::<f64>() / rates.len() as f64 }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// What a server used while the viewers watched.
#[derive(Debug, Clone, Serialize)]
pub struct ProcessReport {
    /// Processor milliseconds for each second of each viewer.
    pub cpu_ms_per_viewer_second: f64,
    /// Processor microseconds for each packet that came.
    pub cpu_us_per_packet: f64,
    /// Share of one processor.
    pub cpu_cores: f64,
    /// Resident bytes at the end.
    pub resident_bytes: u64,
    /// Resident bytes more than before the viewers, for each of them.
    pub resident_bytes_per_viewer: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let spread = Spread::of((1..=100).map(f64::from).collect()).expect("some");
        assert_eq!((spread.p50, spread.p95, spread.p99, spread.max), (50.0, 95.0, 99.0, 100.0));
        assert_eq!(Spread::of(Vec::new()), None);
        assert_eq!(Spread::of(vec![7.0]).map(|one| (one.p50, one.max)), Some((7.0, 7.0)));
    }
}
