//! Asks cameras for key frames, and learns whether that helped.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use sluice_ids::{CameraId, Tier};
use sluice_runtime::{Clock, Shutdown};
use tokio::{select, sync::mpsc};

use crate::site::Site;

type Stream = (CameraId, Tier);

/// Wishes that wait; a wish beyond is made again by whoever still misses a picture.
pub(crate) const WISHES: usize = 64;
/// A camera that was asked and sends none for so long would have sent none later either.
const PATIENCE: Duration = Duration::from_secs(15);

/// Until the scope ends.
pub(crate) async fn serve(site: Site, clock: Clock, mut wishes: mpsc::Receiver<Stream>, shutdown: Shutdown) {
    let mut asked: HashMap<Stream, Instant> = HashMap::new();
    let mut waiting: FuturesUnordered<BoxFuture<'static, Stream>> = FuturesUnordered::new();
    loop {
        select! { biased;
            () = shutdown.requested() => return,
            Some(stream) = waiting.next(), if !waiting.is_empty() => {
                if let Some(at) = asked.remove(&stream) {
                    let after = clock.now().saturating_duration_since(at);
                    site.cameras.key_frame_came(stream.0, stream.1, after);
                }
            }
            wish = wishes.recv() => {
                let Some(stream) = wish else { return };
                // A key frame that comes before the pull plays is seen by nobody, and the next may be asked for only a
                // second later. Whoever pulls asks as soon as packets flow.
                let source = site.pulls.source(stream.0, stream.1);
                if !source.as_ref().is_some_and(|source| source.key_frames().borrow().flowing)
                    || !site.cameras.request_key_frame(stream.0, stream.1)
                {
                    continue;
                }
                // The newest question counts: the camera may not have heard the one before.
                let first = asked.insert(stream, clock.now()).is_none();
                if let Some(source) = source.filter(|_| first) {
                    let mut keys = source.key_frames();
                    waiting.push(Box::pin(async move {
                        let seen = keys.borrow_and_update().count;
                        let came = keys.wait_for(|keys| keys.count != seen);
                        // Late or never is the same: asking did not help.
                        let _ = tokio::time::timeout(PATIENCE, came).await;
                        stream
                    }));
                }
            }
        }
    }
}
