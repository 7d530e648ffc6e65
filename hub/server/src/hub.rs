//! A hub in one process: every room of it, joined in one ordered function.

use std::{
    collections::HashSet,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use axum::{Extension, Router};
use axum_server::{Handle, tls_rustls::RustlsConfig};
use sluice_hub_api::{ApiState, OverTls};
use sluice_hub_fleet::{Fleet, FleetConfig};
use sluice_hub_link::{Endpoint, LinkConfig};
use sluice_hub_node::{
    front::{self, Front, Origins},
    relay::{self, Ports, Relay},
    tunnel,
};
use sluice_hub_store::Store;
use sluice_hub_streams::{NodePort, Streams, StreamsConfig};
use sluice_ids::{NodeId, UnixMillis};
use sluice_runtime::{Clock, TaskScope};
use sluice_telemetry::Metrics;
use sluice_trust::tls::server_config;
use sluice_webrtc::{Engine, EngineConfig, EngineMetrics};
use sluice_wire::{
    control, media,
    node::{Assignment, ToNode},
};
use tokio::sync::{mpsc, watch};

use crate::{
    assets,
    config::Config,
    keys,
    private::{self, Private},
    tls,
};

/// A running hub. It ends when it is stopped.
pub struct Hub {
    scope: TaskScope,
    servers: Handle<SocketAddr>,
}

/// What is open before anything is served: a port that is taken ends the start here, named.
struct Doors {
    tls: TcpListener,
    plain: Option<TcpListener>,
    private: TcpListener,
}

/// The media node of this process, and the ends of its channels that control holds.
struct Node {
    relay: Relay,
    front: Router,
    port: NodePort,
}

impl Hub {
    /// Opens the ports and starts every room.
    ///
    /// # Errors
    /// When a port is taken, or the state folder, the keys or the database cannot be used.
    pub async fn start(config: Config) -> Result<Self> {
        let (scope, clock, metrics) = (TaskScope::new(), Clock::system(), Metrics::default());
        let doors = Doors::open(&config)?;

        // What a start needs from disk, before a task runs.
        std::fs::create_dir_all(&config.state_dir)
            .with_context(|| format!("make {}", config.state_dir.display()))?;
        let store = Store::open(&config.database(), clock)?;
        let tenant = store.default_tenant().await?.context(
            "this hub has no login yet: make one with `sluice-hub admin user --role admin --name … --password-file …`",
        )?;
        let secrets = keys::secrets(&config.state_dir)?;
        let authority = keys::authority(&secrets, now(clock))?;
        let signer = keys::signer(&secrets)?;
        let api_key = keys::api(&secrets)?;
        let certificate = tls::load(&config).await?;

        // Links first: nothing comes through them until a room takes it.
        let node_id = store.ensure_node(tenant.id, "default".to_owned()).await?;
        let identity = authority.issue_hub(node_id, now(clock))?;
        let link = LinkConfig {
            addr: config.link.listen,
            tls: server_config(&identity, &[control::ALPN, media::ALPN])?,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let (endpoint, control_links, media_links) = Endpoint::bind(&scope, clock, link, &metrics)?;

        // The node, then control, which tells it what to serve.
        let origins = watch_origins(&scope, clock, store.clone());
        let node = start_node(&scope, clock, &config, (node_id, media_links, origins.clone()), &metrics)?;
        let node_address = config.link_address();
        let fleet_config = FleetConfig { node_id, node_address, endpoint, metrics: metrics.clone() };
        let fleet = Fleet::spawn(&scope, clock, store.clone(), control_links, fleet_config);
        assign(&scope, fleet.assignments(), node.port.to.clone());
        let streams_config =
            StreamsConfig { node_id, most_sessions: MOST_SESSIONS, metrics: metrics.clone() };
        let streams = Streams::spawn(&scope, clock, store.clone(), signer, node.port, streams_config);

        // The front last: who gets an answer gets a whole hub.
        let state = ApiState::with_key(store, fleet, streams, (clock, &scope), api_key);
        let api = sluice_hub_api::router(state);
        let console = Router::new().fallback(assets::serve).with_state(origins);
        let app = node.front.merge(api).fallback_service(console);
        let private = Private { metrics, relay: node.relay, scope: scope.clone() };
        let servers = Handle::new();
        doors.serve(&scope, (app, private::router(private)), certificate, &servers)?;
        tracing::info!(https = %config.http.tls_listen, link = %config.link.listen, webrtc = %config.webrtc.listen, "hub is up");
        Ok(Self { scope, servers })
    }

    /// Ends every task: requests under way are answered, viewers and edges are told.
    pub async fn stop(self) {
        self.servers.graceful_shutdown(Some(DRAIN));
        if !self.scope.close(GRACE).await {
            tracing::warn!("some tasks did not end in time");
        }
    }
}

impl Doors {
    fn open(config: &Config) -> Result<Self> {
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

    fn serve(
        self,
        scope: &TaskScope,
        (app, private): (Router, Router),
        certificate: RustlsConfig,
        handle: &Handle<SocketAddr>,
    ) -> Result<()> {
        let secure =
            app.clone().layer(Extension(OverTls)).into_make_service_with_connect_info::<SocketAddr>();
        let https = axum_server::from_tcp_rustls(self.tls, certificate)?.handle(handle.clone()).serve(secure);
        scope.spawn("https", async move { ended(https.await) });
        if let Some(plain) = self.plain {
            let open = app.into_make_service_with_connect_info::<SocketAddr>();
            let http = axum_server::from_tcp(plain)?.handle(handle.clone()).serve(open);
            scope.spawn("http", async move { ended(http.await) });
        }
        let private =
            axum_server::from_tcp(self.private)?.handle(handle.clone()).serve(private.into_make_service());
        scope.spawn("private listener", async move { ended(private.await) });
        Ok(())
    }
}

fn ended(result: std::io::Result<()>) {
    if let Err(error) = result {
        tracing::error!(%error, "a listener ended");
    }
}

fn start_node(
    scope: &TaskScope,
    clock: Clock,
    config: &Config,
    (node, links, origins): (
        NodeId,
        mpsc::Receiver<sluice_hub_link::MediaLink>,
        watch::Receiver<Arc<Origins>>,
    ),
    metrics: &Metrics,
) -> Result<Node> {
    let engine_config = EngineConfig {
        advertised: config.webrtc.advertised_addresses.clone(),
        ..EngineConfig::new(config.webrtc.listen)
    };
    let engine_metrics = EngineMetrics::register(metrics);
    let (engine, engine_events) = Engine::bind(scope, clock, engine_config, engine_metrics)?;
    let (assignments, assigned) = watch::channel(Arc::default());
    let (keys, known_keys) = watch::channel(Arc::default());
    let (to, orders) = mpsc::channel(ORDERS);
    let (reports, from) = mpsc::channel(ORDERS);
    let tunnels = tunnel::spawn(scope, clock, tunnel::Supply { links, pull: None }, assigned, metrics);
    let (pulls, _) = watch::channel(Arc::default());
    let ports =
        Ports { orders, reports, tunnels, assignments, pulls, keys, engine: engine.clone(), engine_events };
    let relay = relay::spawn(scope, clock, ports, metrics);
    let front = Front { relay: relay.clone(), engine, keys: known_keys, origins, node, clock };
    Ok(Node { relay, front: front::router(front), port: NodePort { to, from } })
}

/// Tells the node what it serves, whenever that changes.
fn assign(
    scope: &TaskScope,
    mut assignments: watch::Receiver<Arc<Vec<Assignment>>>,
    node: mpsc::Sender<ToNode>,
) {
    let shutdown = scope.shutdown();
    scope.spawn("assignments", async move {
        loop {
            let now = assignments.borrow_and_update().as_ref().clone();
            let told = node.send(ToNode::Assign(now));
            tokio::select! {
                () = shutdown.requested() => return,
                told = told => if told.is_err() { return },
            }
            tokio::select! {
                () = shutdown.requested() => return,
                changed = assignments.changed() => if changed.is_err() { return },
            }
        }
    });
}

/// Reads the origins that may play again and again: tenants change them while the hub runs.
fn watch_origins(scope: &TaskScope, clock: Clock, store: Store) -> watch::Receiver<Arc<Origins>> {
    let (tell, origins) = watch::channel(Arc::default());
    let shutdown = scope.shutdown();
    scope.spawn("origins", async move {
        loop {
            match store.all_allowed_origins().await {
                Ok(all) => {
                    let all: HashSet<String> = all.into_iter().map(|(_, origin)| origin).collect();
                    tell.send_if_modified(|known: &mut Arc<Origins>| {
                        let changed = known.0 != all;
                        if changed {
                            *known = Arc::new(Origins(all));
                        }
                        changed
                    });
                }
                Err(error) => {
                    tracing::warn!(error = sluice_fault::chain(&error), "origins could not be read");
                }
            }
            tokio::select! {
                () = shutdown.requested() => return,
                () = clock.sleep(ORIGINS_EVERY) => {}
            }
        }
    });
    origins
}

fn now(clock: Clock) -> UnixMillis {
    UnixMillis(clock.unix_millis())
}

/// Orders and reports between control and its node; whoever finds a full channel waits.
const ORDERS: usize = 1_024;
/// A wall of 50 tiles for each of 200 operators.
const MOST_SESSIONS: usize = 10_000;
/// How soon another dashboard's pages may play after its origin was entered.
const ORIGINS_EVERY: Duration = Duration::from_secs(5);
/// How long requests under way may take at the end.
const DRAIN: Duration = Duration::from_secs(2);
/// How long tasks may take at the end.
const GRACE: Duration = Duration::from_secs(5);
