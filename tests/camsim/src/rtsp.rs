//! RTSP 1.0 (RFC 2326) over TCP, with media interleaved or over UDP.

mod connection;
mod conversation;
mod playing;
mod route;
mod sdp;

use std::{sync::Arc, time::Duration};

use sluice_runtime::{Clock, TaskScope};
use tokio::{net::TcpListener, sync::Semaphore};

use crate::camera::Site;
use connection::Connection;

/// Connections beyond this are closed at once.
const MAX_CONNECTIONS: usize = 4_096;
/// After a failed accept (no file descriptors left) the listener rests this long.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Accepts on `listener` until the scope ends.
pub(crate) fn spawn(listener: TcpListener, site: &Arc<Site>, clock: Clock, scope: &TaskScope) {
    let (site, tasks, shutdown) = (Arc::clone(site), scope.clone(), scope.shutdown());
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    scope.spawn("rtsp listener", async move {
        loop {
            let accepted = tokio::select! { biased;
                () = shutdown.requested() => return,
                accepted = listener.accept() => accepted,
            };
            match (accepted, Arc::clone(&room).try_acquire_owned()) {
                (Ok((stream, peer)), Ok(place)) => {
                    tracing::debug!(%peer, "a client has connected");
                    let connection = Connection::new(stream, Arc::clone(&site), clock);
                    let shutdown = shutdown.clone();
                    tasks.spawn("rtsp connection", async move {
                        connection.run(&shutdown).await;
                        drop(place);
                    });
                }
                (Ok((_, peer)), Err(_)) => tracing::warn!(%peer, "too many connections, one is refused"),
                (Err(error), _) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    clock.sleep(ACCEPT_REST).await;
                }
            }
        }
    });
}
