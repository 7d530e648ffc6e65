use std::{future::Future, sync::Arc, time::Duration};

use axum::http::StatusCode;
use sluice_telemetry::prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;

use crate::{
    front::{Front, problem::Problem},
    hls::{Laid, Media, Seat, Waiting},
};

/// The state of a rendition once it is `ready`: at once where it is, else as soon as it becomes so.
///
/// # Errors
/// When it does not within the time that a request may wait, or the session ends meanwhile.
pub(super) async fn laid(
    front: &Front,
    seat: &Arc<Seat>,
    media: Media,
    ready: impl Fn(&Laid) -> bool,
) -> Result<Arc<Laid>, Problem> {
    let laid = seat.shelf.laid(media);
    if ready(&laid) {
        return Ok(laid);
    }
    let limit = (3 * seat.shelf.target_duration()).min(LONGEST);
    until(front, seat, seat.shelf.changes(media), limit, |laid| ready(laid)).await.unwrap_or_else(|| {
        let detail = "nothing new came from the camera for too long; it may come at any moment";
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-picture", detail).retry_after(1))
    })
}

/// Waits for a value that is `ready`, at most for `limit`: `None` when it did not come. The viewer counts as there
/// meanwhile.
pub(super) async fn until<T: Clone>(
    front: &Front,
    seat: &Arc<Seat>,
    mut changes: watch::Receiver<T>,
    limit: Duration,
    ready: impl Fn(&T) -> bool,
) -> Option<Result<T, Problem>> {
    let held = Held::new(front, seat);
    let deadline = front.clock.now() + limit;
    let found = before(front, deadline, changes.wait_for(|value| ready(value))).await;
    let found = found.and_then(Result::ok).map(|value| value.clone());
    held.over(front);
    if seat.has_ended() {
        return Some(Err(ended()));
    }
    if found.is_none() {
        front.relay.hls.waits_expired.inc();
    }
    found.map(Ok)
}

async fn before<T>(front: &Front, deadline: std::time::Instant, wait: impl Future<Output = T>) -> Option<T> {
    tokio::select! { biased;
        value = wait => Some(value),
        () = front.clock.sleep_until(Some(deadline)) => None,
    }
}

/// What a request of a session that is over is answered.
pub(super) fn ended() -> Problem {
    Problem::new(StatusCode::GONE, "session-ended", "this session has ended; ask for a new one")
}

/// A request that waits, counted until it is answered or hung up.
struct Held {
    waiting: Option<Waiting>,
    gauge: Gauge,
}

impl Held {
    fn new(front: &Front, seat: &Arc<Seat>) -> Self {
        let gauge = front.relay.hls.waiting.clone();
        gauge.inc();
        Self { waiting: Some(seat.wait()), gauge }
    }

    fn over(mut self, front: &Front) {
        if let Some(waiting) = self.waiting.take() {
            waiting.over(front.clock.now());
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

/// RFC 8216bis §6.2.5.2 allows three target durations; players give up after ten seconds, and then know nothing.
const LONGEST: Duration = Duration::from_secs(9);
