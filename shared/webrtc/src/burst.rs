use std::time::Duration;

/// What a feed has in memory, as far as a decision needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cached {
    pub(crate) frames: usize,
    pub(crate) bytes: usize,
    /// Media time from the cached key frame to the newest frame.
    pub(crate) since_key: Duration,
    /// Media time between the last two key frames, if both were seen.
    pub(crate) key_interval: Option<Duration>,
}

/// How a viewer without a picture gets one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    /// Send the cached GOP, paced.
    Burst,
    /// The next key frame is nearer than the end of a burst: wait so long, then decide again.
    Await(Duration),
    /// Nothing useful is cached: ask for a key frame.
    Ask,
}

/// Whether a burst of what is cached is worth its time at `rate` bytes a second. Pure.
///
/// A browser plays the past as fast as it arrives, so the price of a burst is its sending and decoding time.
pub(crate) fn join(cached: &Cached, rate: u64) -> Join {
    if cached.frames == 0 || cached.bytes > MOST_BYTES {
        return Join::Ask;
    }
    let cost = cost(cached, rate);
    // A key frame that is overdue can be any time away.
    let wait = cached.key_interval.and_then(|interval| interval.checked_sub(cached.since_key));
    match wait {
        Some(wait) if wait < cost => Join::Await(wait + OVERDUE),
        _ if cost > MOST_TIME => Join::Ask,
        _ => Join::Burst,
    }
}

/// How far apart the frames of a burst stand that is sent again, in ticks: all of them fit between the last
/// frame that was sent and the next live one, `frame_ticks` later.
pub(crate) fn squeeze_step(frames: usize, frame_ticks: i64) -> i64 {
    let frames = i64::try_from(frames).unwrap_or(i64::MAX - 1);
    // A little less than one frame, so that the last one does not collide with the live one.
    let room = frame_ticks.clamp(1, FRAME_TICKS) * 35 / 36;
    (room / (frames + 1)).clamp(1, WIDEST_STEP)
}

fn cost(cached: &Cached, rate: u64) -> Duration {
    let sending = Duration::from_micros((cached.bytes as u64).saturating_mul(1_000_000) / rate.max(1));
    sending + DECODING.saturating_mul(u32::try_from(cached.frames).unwrap_or(u32::MAX))
}

/// More than this at once is untested in browsers.
const MOST_BYTES: usize = 4_000_000;
/// More than this is no quick start any more.
const MOST_TIME: Duration = Duration::from_secs(1);
/// A 720p frame in a software decoder.
const DECODING: Duration = Duration::from_millis(1);
/// Room for a key frame that is later than the one before it.
const OVERDUE: Duration = Duration::from_millis(200);
/// One frame at 25 fps.
const FRAME_TICKS: i64 = 3_600;
/// 1 ms.
const WIDEST_STEP: i64 = 90;

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 6_250_000;

    fn cached(frames: usize, bytes: usize, since_key_ms: u64, interval_ms: Option<u64>) -> Cached {
        Cached {
            frames,
            bytes,
            since_key: Duration::from_millis(since_key_ms),
            key_interval: interval_ms.map(Duration::from_millis),
        }
    }

    #[test]
    fn an_ordinary_join_is_a_burst() {
        assert_eq!(join(&cached(25, 125_000, 1_000, Some(2_000)), RATE), Join::Burst);
        assert_eq!(join(&cached(250, 2_400_000, 9_000, Some(10_000)), RATE), Join::Burst);
        assert_eq!(
            join(&cached(25, 125_000, 1_000, None), RATE),
            Join::Burst,
            "an unknown wait counts as long"
        );
    }

    #[test]
    fn a_near_key_frame_is_awaited() {
        let near = cached(49, 245_000, 1_960, Some(2_000));
        assert_eq!(join(&near, RATE), Join::Await(Duration::from_millis(240)));
    }

    #[test]
    fn an_overdue_key_frame_is_not_awaited() {
        assert_eq!(join(&cached(60, 300_000, 2_400, Some(2_000)), RATE), Join::Burst);
    }

    #[test]
    fn too_much_is_never_sent() {
        assert_eq!(join(&cached(100, 4_000_001, 4_000, Some(60_000)), RATE), Join::Ask);
        assert_eq!(join(&cached(1_000, 100_000, 40_000, Some(60_000)), RATE), Join::Ask);
        assert_eq!(join(&cached(50, 1_000_000, 2_000, None), RATE / 10), Join::Ask, "on a slow line");
        assert_eq!(join(&cached(0, 0, 0, None), RATE), Join::Ask);
    }

    #[test]
    fn what_is_sent_again_fits_before_the_next_frame() {
        assert_eq!(squeeze_step(250, 3_600), 13);
        assert_eq!(squeeze_step(10, 3_600), 90);
        for (frames, ticks) in [(1, 3_600), (50, 1_500), (250, 3_600), (100, 3_000)] {
            assert!(squeeze_step(frames, ticks) * i64::try_from(frames).expect("small") < ticks);
        }
    }
}
