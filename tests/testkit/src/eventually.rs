use std::{fmt::Debug, future::Future, time::Duration};

use sluice_runtime::Clock;

/// Polls `probe` until it answers `Ok`, for at most 30 s; panics with the last `Err`, which says what was missing.
///
/// # Panics
/// When the time is over.
pub async fn eventually<T, E: Debug, F: Future<Output = Result<T, E>>>(probe: impl FnMut() -> F) -> T {
    match eventually_within(Duration::from_secs(30), probe).await {
        Ok(found) => found,
        Err(last) => panic!("did not come true within 30 s: {last:?}"),
    }
}

/// Polls `probe` until it answers `Ok` or `limit` is over.
///
/// # Errors
/// The last `Err` of the probe.
pub async fn eventually_within<T, E, F: Future<Output = Result<T, E>>>(
    limit: Duration,
    mut probe: impl FnMut() -> F,
) -> Result<T, E> {
    let clock = Clock::system();
    let give_up = clock.now() + limit;
    loop {
        match probe().await {
            Ok(found) => return Ok(found),
            Err(missing) if clock.now() >= give_up => return Err(missing),
            Err(_) => clock.sleep(POLL).await,
        }
    }
}

/// Short against what is waited for, long against a request on loopback.
const POLL: Duration = Duration::from_millis(50);
