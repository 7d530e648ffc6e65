//! The assembly: one ordered function, with the reasons for the order.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use sluice_edge_camera::ledger::{Ledger, LedgerError};
use sluice_edge_uplink::{Uplink, UplinkConfig, UplinkError};
use sluice_runtime::{Clock, TaskScope};
use sluice_telemetry::Metrics;
use tokio::{net::TcpListener, sync::mpsc};

use crate::{
    config::Config,
    identity::{self, LoadError, Loaded},
    keeper::{self, Keeper},
    key_frames, listener,
    orders::Desk,
    site::{self, Site, SiteError},
    status::StatusDocument,
    view::View,
};

/// A running edge. Dropping it does not end it; [`Agent::stop`] does.
pub struct Agent {
    scope: TaskScope,
    private: SocketAddr,
    view: Arc<View>,
}

/// Why an edge does not start. What was opened before is closed again.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The identity cannot be used.
    #[error("load the identity")]
    Identity(#[from] LoadError),
    /// The ledger cannot be used.
    #[error("open the ledger")]
    Ledger(#[from] LedgerError),
    /// The private listener's port cannot be had.
    #[error("private.listen: cannot listen on {address}")]
    Port {
        /// The address.
        address: SocketAddr,
        /// Why, as in "address already in use".
        source: std::io::Error,
    },
    /// The cameras' side cannot be prepared.
    #[error("begin the cameras of this site")]
    Site(#[from] SiteError),
    /// The links cannot be made.
    #[error("begin the links to the hub")]
    Uplink(#[from] UplinkError),
}

/// Sources and links say goodbye to their peers; a camera that does not answer has two seconds.
const STOP_WITHIN: Duration = Duration::from_secs(8);

impl Agent {
    /// Starts an edge in this process.
    ///
    /// # Errors
    /// When identity, ledger, port or links cannot be had; nothing runs then.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let (clock, metrics, scope) = (Clock::system(), Metrics::default(), TaskScope::new());
        // Everything that can fail without a trace comes first: files, then the port.
        let Loaded { identity, device_id, seal_key } = identity::load(&config.identity)?;
        let (ledger, kept) = Ledger::open(&config.state_dir, keeper::LEDGER)?;
        let address = config.private.listen;
        let port = |source| StartError::Port { address, source };
        let listener = TcpListener::bind(address).await.map_err(port)?;
        let private = listener.local_addr().map_err(port)?;

        // Cameras get the desired state of last time at once: a site plays on while the hub is away.
        let of_site = (&config.cameras, config.state_dir.as_path(), &seal_key);
        let (site, events) = Site::begin(&scope, clock, of_site, &metrics)?;
        let keeper = Keeper::begin(site.clone(), ledger, kept.as_deref());

        let uplink_config = UplinkConfig {
            control: config.hub.control,
            device: device_id,
            identity: identity.clone(),
            seal_public_key: seal_key.public().to_vec(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            last_desired: keeper.desired(),
        };
        let (wish, wishes) = mpsc::channel(key_frames::WISHES);
        let desk = Desk { site: site.clone(), scope: scope.child(), key_frames: wish };
        let uplink = Uplink::spawn(&scope, clock, uplink_config, Arc::new(desk), &metrics)?;
        scope.spawn("key-frames", key_frames::serve(site.clone(), clock, wishes, scope.shutdown()));
        scope.spawn("site", site.clone().follow(uplink.clone(), keeper.kept(), scope.shutdown()));
        scope.spawn("camera-events", site::tell(events, uplink.clone(), scope.shutdown()));

        let view = Arc::new(View {
            clock,
            started: clock.now(),
            device_id,
            hub: config.hub.control,
            certificate_ends: identity.not_after().map_err(|source| LoadError::Identity {
                path: config.identity.certificate.clone(),
                source,
            })?,
            scope: scope.clone(),
            metrics,
            site,
            uplink: uplink.status(),
            kept: keeper.kept(),
        });
        scope.spawn("reporter", keeper::report(Arc::clone(&view), uplink.clone(), scope.shutdown()));
        scope.spawn("keeper", keeper.run(uplink.desired(), scope.shutdown()));
        scope.spawn("private-listener", listener::serve(listener, Arc::clone(&view), scope.shutdown()));
        tracing::info!(device.id = %device_id, %private, hub = %config.hub.control, "the edge is running");
        Ok(Self { scope, private, view })
    }

    /// Where the private listener was bound.
    #[must_use]
    pub fn private_addr(&self) -> SocketAddr {
        self.private
    }

    /// How the edge stands, as `/status` says it.
    #[must_use]
    pub fn status(&self) -> StatusDocument {
        self.view.status()
    }

    /// Ends every session with its goodbye. Whether all ended in time.
    pub async fn stop(self) -> bool {
        self.scope.close(STOP_WITHIN).await
    }
}
