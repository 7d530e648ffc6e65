use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc, time::Duration};

use sluice_ids::Tier;
use sluice_runtime::{Clock, TaskScope};
use tokio::{net::TcpListener, sync::watch};

use crate::{
    camera::{CameraState, CameraStatus, Site, TierState},
    config::{CamsimConfig, ConfigError, TierConfig},
    control,
    counters::{Counters, Counts},
    encoder::{EncodeError, EncoderSettings},
    fault::{Fault, Faults},
    live::LiveTask,
    rtsp,
};

/// How long [`Camsim::stop`] waits for connections and encoders.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Running cameras. Dropping it ends them without waiting.
#[derive(Debug)]
pub struct Camsim {
    site: Arc<Site>,
    addr: SocketAddr,
    control: Option<SocketAddr>,
    scope: TaskScope,
}

/// The cameras cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Settings that contradict.
    #[error("these cameras cannot be")]
    Config(#[from] ConfigError),
    /// A port is taken or forbidden.
    #[error("cannot listen on {addr}")]
    Bind {
        /// What was asked for.
        addr: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The encoder refuses the settings.
    #[error("cannot encode: {0}")]
    Encode(String),
}

impl Camsim {
    /// Serves when it returns. With [`Delivery::Replay`] it encodes the loops first: seconds of CPU, once per process.
    ///
    /// # Errors
    /// When the settings contradict, a port is taken, or the encoder refuses.
    pub async fn start(config: CamsimConfig) -> Result<Self, StartError> {
        config.check()?;
        let rtsp_listener = bind(config.listen).await?;
        let control_listener = match config.control {
            Some(addr) => Some(bind(addr).await?),
            None => None,
        };
        let config = Arc::new(config);
        let (clock, scope) = (Clock::system(), TaskScope::new());
        let variants: BTreeMap<usize, Arc<CamsimConfig>> =
            config.variants.iter().map(|(&number, variant)| (number, Arc::new(variant.clone()))).collect();
        let cameras: Vec<Arc<CameraState>> = (1..=config.cameras)
            .map(|index| camera(variants.get(&index).unwrap_or(&config), &config.name, index))
            .collect();
        prepare(&cameras).await?;
        let site = Arc::new(Site { config, cameras });
        for camera in &site.cameras {
            spawn_live(camera, clock, &scope);
        }
        let addr = local(&rtsp_listener, site.config.listen);
        let control =
            control_listener.as_ref().and_then(|listener| Some(local(listener, site.config.control?)));
        rtsp::spawn(rtsp_listener, &site, clock, &scope);
        if let Some(listener) = control_listener {
            control::spawn(listener, Arc::clone(&site), &scope);
        }
        tracing::info!(%addr, cameras = site.cameras.len(), "virtual cameras are ready");
        Ok(Self { site, addr, control, scope })
    }

    /// Where RTSP is served.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where faults are commanded over HTTP.
    #[must_use]
    pub const fn control_addr(&self) -> Option<SocketAddr> {
        self.control
    }

    /// Camera `number`, counted from 1 as in its path.
    ///
    /// # Panics
    /// When there is no such camera.
    #[must_use]
    pub fn camera(&self, number: usize) -> Camera {
        let state = self.site.camera(number).expect("cameras are numbered from 1 to CamsimConfig::cameras");
        Camera { state: Arc::clone(state), addr: self.addr }
    }

    /// Every camera.
    pub fn cameras(&self) -> impl Iterator<Item = Camera> + '_ {
        self.site.cameras.iter().map(|state| Camera { state: Arc::clone(state), addr: self.addr })
    }

    /// Ends every session and frees the ports. Whether all tasks ended in time.
    pub async fn stop(self) -> bool {
        self.scope.close(STOP_GRACE).await
    }
}

impl Drop for Camsim {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

/// One camera of a [`Camsim`].
#[derive(Debug, Clone)]
pub struct Camera {
    state: Arc<CameraState>,
    addr: SocketAddr,
}

impl Camera {
    /// Where a tier plays, without credentials. A tier that these cameras lack answers 404 there.
    #[must_use]
    pub fn url(&self, tier: Tier) -> String {
        format!("rtsp://{}/cam/{}/{tier}", self.addr, self.state.index)
    }

    /// As it stands in the picture.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Misbehave, or [`Fault::Restore`]. Takes effect at once.
    pub fn fault(&self, fault: Fault) {
        tracing::info!(camera = %self.state.name, ?fault, "a fault is commanded");
        self.state.faults.send_modify(|faults| faults.add(fault));
    }

    /// The next picture of every running session is a key frame, as after an ONVIF `SetSynchronizationPoint`.
    pub fn wish_key_frame(&self) {
        self.state.wish_key_frame();
    }

    /// What it did so far, all tiers together.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.state.counters.read()
    }

    /// The same with its name and its faults.
    #[must_use]
    pub fn status(&self) -> CameraStatus {
        self.state.status()
    }
}

async fn bind(addr: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(addr).await.map_err(|source| StartError::Bind { addr, source })
}

fn local(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

/// Makes every loop and finds every parameter set, so that no client waits for them.
async fn prepare(cameras: &[Arc<CameraState>]) -> Result<(), StartError> {
    let cameras = cameras.to_vec();
    let made = tokio::task::spawn_blocking(move || {
        for tier in cameras.iter().flat_map(|camera| [&camera.main, &camera.sub]).flatten() {
            tier.footage()?;
            tier.parameter_sets(&Faults::default())?;
        }
        Ok(())
    });
    let made: Result<(), EncodeError> = made.await.map_err(|_| EncodeError::Gone).flatten();
    made.map_err(|error| StartError::Encode(sluice_fault::chain(&error)))
}

fn camera(config: &Arc<CamsimConfig>, name: &str, index: usize) -> Arc<CameraState> {
    let tier = |tier: TierConfig| TierState::new(EncoderSettings::new(config, tier), config.delivery);
    Arc::new(CameraState {
        index,
        name: format!("{name} {index}"),
        config: Arc::clone(config),
        faults: watch::Sender::new(Faults::default()),
        counters: Counters::default(),
        main: config.main.map(tier),
        sub: config.sub.map(tier),
    })
}

fn spawn_live(camera: &Arc<CameraState>, clock: Clock, scope: &TaskScope) {
    for tier in Tier::ALL {
        if camera.tier(tier).is_some() {
            let (camera, shutdown) = (Arc::clone(camera), scope.shutdown());
            scope.spawn("live", LiveTask { camera, tier, clock, shutdown }.run());
        }
    }
}
