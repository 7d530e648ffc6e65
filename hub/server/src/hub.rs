//! A hub in one process: every room of it, joined in one ordered function.

use std::{collections::HashSet, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use axum::Router;
use axum_server::Handle;
use sluice_hub_api::ApiState;
use sluice_hub_fleet::{Fleet, FleetConfig};
use sluice_hub_link::{Endpoint, LinkConfig};
use sluice_hub_node::front::Origins;
use sluice_hub_store::Store;
use sluice_hub_streams::{Streams, StreamsConfig};
use sluice_ids::UnixMillis;
use sluice_runtime::{Clock, TaskScope};
use sluice_telemetry::Metrics;
use sluice_trust::tls::server_config;
use sluice_wire::{control, media};
use tokio::sync::watch;

use crate::{
    assets,
    config::Config,
    doors::{Behind, Doors, Limits},
    keys,
    metrics::HttpMetrics,
    node::{self, Node, Parts},
    private::{self, Private},
    tls,
};

/// A running hub. It ends when it is stopped.
pub struct Hub {
    scope: TaskScope,
    servers: Handle<SocketAddr>,
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
        let seal_key = keys::node_seal(&secrets)?;
        let node_seal_key = *seal_key.public();
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
        let parts = Parts {
            id: node_id,
            webrtc: &config.webrtc,
            links: media_links,
            origins: origins.clone(),
            seal_key,
        };
        let node = Node::start(&scope, clock, parts, &metrics)?;
        let node_address = config.link_address();
        let fleet_config =
            FleetConfig { node_id, node_address, node_seal_key, endpoint, metrics: metrics.clone() };
        let fleet = Fleet::spawn(&scope, clock, store.clone(), control_links, fleet_config);
        node::join(&scope, &fleet, &node.port.to, node.pull_reports);
        let streams_config =
            StreamsConfig { node_id, most_sessions: MOST_SESSIONS, metrics: metrics.clone() };
        let streams = Streams::spawn(&scope, clock, store.clone(), signer, node.port, streams_config);

        // The front last: who gets an answer gets a whole hub.
        let state = ApiState::with_key(store, fleet, streams, (clock, &scope), api_key);
        let (steers, steered) = node.steering;
        sluice_hub_api::steer(&scope, state.clone(), steers, steered);
        let api = sluice_hub_api::router(state);
        let console = Router::new().fallback(assets::serve).with_state(origins);
        let app = node.front.merge(api).fallback_service(console);
        let (servers, of_http) = (Handle::new(), HttpMetrics::register(&metrics));
        let private = private::router(Private { metrics, relay: node.relay, scope: scope.clone() });
        let behind = Behind { app, private, certificate, metrics: of_http, handle: servers.clone() };
        doors.serve(&scope, clock, Limits::of(&config), behind)?;
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

/// A wall of 50 tiles for each of 200 operators.
const MOST_SESSIONS: usize = 10_000;
/// How soon another dashboard's pages may play after its origin was entered.
const ORIGINS_EVERY: Duration = Duration::from_secs(5);
/// How long requests under way may take at the end.
const DRAIN: Duration = Duration::from_secs(2);
/// How long tasks may take at the end.
const GRACE: Duration = Duration::from_secs(5);
