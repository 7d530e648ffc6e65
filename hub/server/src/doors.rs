//! The HTTP listeners: opened before anything is served, and guarded against callers who hold them without asking.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use anyhow::{Context as _, Result};
use axum::{Extension, Router};
use axum_server::{
    Handle, Server,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use hyper_util::rt::TokioTimer;
use sluice_hub_api::OverTls;
use sluice_runtime::{Clock, TaskScope};

use crate::{
    config::Config,
    guard::{Gate, Patience},
    metrics::HttpMetrics,
};

#[cfg(test)]
mod tests;

/// What is open before anything is served: a port that is taken ends the start here, named.
pub(crate) struct Doors {
    tls: TcpListener,
    plain: Option<TcpListener>,
    private: TcpListener,
}

/// How long a caller may take and how much he may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections at once, over both public listeners.
    pub(crate) connections: usize,
    /// From the connection, or the end of the request before, to a request's whole head.
    pub(crate) head: Duration,
}

/// What serves behind the doors.
pub(crate) struct Behind {
    pub(crate) app: Router,
    pub(crate) private: Router,
    pub(crate) certificate: RustlsConfig,
    pub(crate) metrics: HttpMetrics,
    pub(crate) handle: Handle<SocketAddr>,
}

impl Limits {
    pub(crate) const fn of(config: &Config) -> Self {
        Self { connections: config.http.most_connections, head: HEAD }
    }
}

impl Doors {
    pub(crate) fn open(config: &Config) -> Result<Self> {
        let bind = |what: &str, address: SocketAddr| -> Result<TcpListener> {
            let listener =
                TcpListener::bind(address).with_context(|| format!("{what}: cannot listen on {address}"))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        Ok(Self {
            tls: bind("http.tls_listen", config.http.tls_listen)?,
            plain: config.http.plain_listen.map(|address| bind("http.plain_listen", address)).transpose()?,
            private: bind("private.listen", config.private.listen)?,
        })
    }

    pub(crate) fn serve(self, scope: &TaskScope, clock: Clock, limits: Limits, behind: Behind) -> Result<()> {
        let Behind { app, private, certificate, metrics, handle } = behind;
        let gate = Gate::new(limits.connections, metrics.clone());
        let patient = |inner| Patience { inner, clock, within: limits.head, silent: metrics.silent.clone() };
        let server = |listener| -> Result<Server<SocketAddr>> {
            let mut server = axum_server::from_tcp(listener)?.handle(handle.clone());
            tune(&mut server, limits);
            Ok(server)
        };

        let secure =
            app.clone().layer(Extension(OverTls)).into_make_service_with_connect_info::<SocketAddr>();
        // Counted before the handshake, timed after it.
        let tls = RustlsAcceptor::new(certificate).handshake_timeout(limits.head).acceptor(gate.clone());
        let tls = Patience { inner: tls, clock, within: limits.head, silent: metrics.silent.clone() };
        let https = server(self.tls)?.acceptor(tls).serve(secure);
        scope.spawn("https", async move { ended(https.await) });
        if let Some(plain) = self.plain {
            let open = app.into_make_service_with_connect_info::<SocketAddr>();
            let http = server(plain)?.acceptor(patient(gate)).serve(open);
            scope.spawn("http", async move { ended(http.await) });
        }
        // Operators are counted apart: they must see what is wrong when the others are too many.
        let gate = Gate::new(PRIVATE_CONNECTIONS, HttpMetrics::default());
        let private = server(self.private)?.acceptor(patient(gate)).serve(private.into_make_service());
        scope.spawn("private listener", async move { ended(private.await) });
        Ok(())
    }
}

fn tune(server: &mut Server<SocketAddr>, limits: Limits) {
    let mut builder = server.http_builder();
    let mut h1 = builder.http1();
    h1.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(HEAD_BYTES);
    builder = server.http_builder();
    let mut h2 = builder.http2();
    h2.timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES as u32)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG);
}

fn ended(result: std::io::Result<()>) {
    if let Err(error) = result {
        tracing::error!(%error, "a listener ended");
    }
}

/// Any network brings a head of a few kilobytes in this time, or brings nothing worth waiting for.
const HEAD: Duration = Duration::from_secs(10);
/// The longest line is a playlist's address with its token, about 1 KiB; cookies and hyper's own reads get the rest.
const HEAD_BYTES: usize = 64 << 10;
/// A wall of 50 LL-HLS tiles with sound holds 100 requests and fetches as many parts beside them.
const STREAMS: u32 = 512;
/// A peer that vanished is noticed after both, and counts no more.
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(10);
const PRIVATE_CONNECTIONS: usize = 64;
