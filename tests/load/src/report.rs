use serde::Serialize;

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
