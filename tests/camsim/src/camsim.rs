use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use sluice_ids::Tier;
use sluice_runtime::{Clock, TaskScope};
use tokio::{net::TcpListener, sync::watch};

use crate::{
    camera::{Addresses, CameraState, CameraStatus, DeviceState, Site, TierState},
    config::{CamsimConfig, ConfigError, OnvifConfig, TierConfig},
    control,
    counters::{Counters, Counts},
    encoder::{EncodeError, EncoderSettings},
    fault::{Fault, Faults},
    live::LiveTask,
    onvif::{self, CameraEvent, Identity},
    rtsp,
};

/// How long [`Camsim::stop`] waits for connections and encoders.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// A fault that repeats faster is a loop without rest.
const SHORTEST_REPEAT: Duration = Duration::from_millis(100);

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
    /// Probes cannot be heard.
    #[error("cannot be discovered: {0}")]
    Discovery(String),
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
        let doors = Doors::open(&config).await?;
        let config = Arc::new(config);
        let (clock, scope) = (Clock::system(), TaskScope::new());
        let variants: BTreeMap<usize, Arc<CamsimConfig>> =
            config.variants.iter().map(|(&number, variant)| (number, Arc::new(variant.clone()))).collect();
        let devices: Vec<Arc<DeviceState>> =
            (1..=devices(&config)).map(|number| Arc::new(device(&config, number))).collect();
        let cameras: Vec<Arc<CameraState>> = (1..=config.cameras)
            .map(|index| {
                let own = variants.get(&index).unwrap_or(&config);
                let device = Arc::clone(&devices[(index - 1) / config.channels]);
                camera(own, index, device, (&*config, &doors))
            })
            .collect();
        prepare(&cameras).await?;
        let site = Arc::new(Site { config, cameras });
        let (addr, control) = (doors.addr, doors.control.as_ref().map(|(_, addr)| *addr));
        let discovery = site.config.onvif.and_then(|onvif| onvif.discovery);
        let responder = discovery.map(|at| onvif::Responder::bind(&site, at, clock)).transpose();
        let responder = responder.map_err(|error| StartError::Discovery(sluice_fault::chain(&error)))?;
        for camera in &site.cameras {
            spawn_live(camera, clock, &scope);
            spawn_repeats(camera, clock, &scope);
        }
        doors.spawn(&site, clock, &scope);
        if let Some(responder) = responder {
            responder.spawn(&scope);
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
        Camera { state: Arc::clone(state) }
    }

    /// Every camera.
    pub fn cameras(&self) -> impl Iterator<Item = Camera> + '_ {
        self.site.cameras.iter().map(|state| Camera { state: Arc::clone(state) })
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
}

impl Camera {
    /// Where a tier plays, without credentials. A tier that these cameras lack answers 404 there.
    #[must_use]
    pub fn url(&self, tier: Tier) -> String {
        format!("rtsp://{}/cam/{}/{tier}", self.state.addresses.rtsp, self.state.index)
    }

    /// Where its ONVIF device service is; `None` without [`CamsimConfig::onvif`].
    #[must_use]
    pub fn onvif_url(&self) -> Option<String> {
        let Addresses { http, own, .. } = self.state.addresses;
        let path = if own { "onvif".to_owned() } else { format!("onvif/{}", self.state.device.number) };
        http.map(|addr| format!("http://{addr}/{path}/device_service"))
    }

    /// Its device's WS-Discovery endpoint reference, `urn:uuid:…`: the same after every start.
    #[must_use]
    pub fn endpoint(&self) -> String {
        Identity::of(&self.state.device).endpoint
    }

    /// Its device's hardware address, `02:…`: the same after every start.
    #[must_use]
    pub fn mac(&self) -> String {
        Identity::of(&self.state.device).mac
    }

    /// It notices something: every pull point of its device hears of it.
    pub fn notice(&self, event: CameraEvent) {
        self.state.tell(event);
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

/// Every port of these cameras.
struct Doors {
    rtsp: TcpListener,
    addr: SocketAddr,
    control: Option<(TcpListener, SocketAddr)>,
    /// One for all cameras.
    http: Option<(TcpListener, SocketAddr)>,
    /// RTSP and HTTP of devices that have addresses of their own.
    own: Vec<[(TcpListener, SocketAddr); 2]>,
}

impl Doors {
    async fn open(config: &CamsimConfig) -> Result<Self, StartError> {
        let (rtsp, addr) = bind(config.listen).await?;
        let control = match config.control {
            Some(addr) => Some(bind(addr).await?),
            None => None,
        };
        let (mut http, mut own) = (None, Vec::new());
        match config.onvif {
            Some(OnvifConfig { listen, own_addresses: true, .. }) => {
                for number in 1..=devices(config) {
                    let ip = behind(listen.ip(), number);
                    let rtsp = bind(SocketAddr::new(ip, config.listen.port())).await?;
                    own.push([rtsp, bind(SocketAddr::new(ip, listen.port())).await?]);
                }
            }
            Some(OnvifConfig { listen, .. }) => http = Some(bind(listen).await?),
            None => {}
        }
        Ok(Self { rtsp, addr, control, http, own })
    }

    /// Of device `number`, from 1.
    fn addresses(&self, number: usize) -> Addresses {
        match self.own.get(number - 1) {
            Some([rtsp, http]) => Addresses { rtsp: rtsp.1, http: Some(http.1), own: true },
            None => {
                Addresses { rtsp: self.addr, http: self.http.as_ref().map(|(_, addr)| *addr), own: false }
            }
        }
    }

    fn spawn(self, site: &Arc<Site>, clock: Clock, scope: &TaskScope) {
        rtsp::spawn(self.rtsp, site, clock, scope);
        if let Some((listener, _)) = self.control {
            control::spawn(listener, Arc::clone(site), scope);
        }
        if let Some((listener, _)) = self.http {
            onvif::spawn(listener, site, None, clock, scope);
        }
        for (place, [rtsp, http]) in self.own.into_iter().enumerate() {
            rtsp::spawn(rtsp.0, site, clock, scope);
            onvif::spawn(http.0, site, Some(place + 1), clock, scope);
        }
    }
}

/// The address so many places behind `first`.
fn behind(first: IpAddr, places: usize) -> IpAddr {
    let places = u32::try_from(places).unwrap_or(0);
    match first {
        IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits().wrapping_add(places)).into(),
        // Only the loopback of IPv4 has more than one address.
        IpAddr::V6(first) => first.into(),
    }
}

async fn bind(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listener = TcpListener::bind(addr).await.map_err(|source| StartError::Bind { addr, source })?;
    let local = listener.local_addr().unwrap_or(addr);
    Ok((listener, local))
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

/// How many devices these cameras are.
fn devices(config: &CamsimConfig) -> usize {
    config.cameras.div_ceil(config.channels)
}

fn device(config: &CamsimConfig, number: usize) -> DeviceState {
    let what = if config.channels > 1 { " recorder" } else { "" };
    DeviceState { number, name: format!("{}{what} {number}", config.name), ..DeviceState::default() }
}

/// Camera `index`, from 1.
fn camera(
    config: &Arc<CamsimConfig>,
    index: usize,
    device: Arc<DeviceState>,
    (site, doors): (&CamsimConfig, &Doors),
) -> Arc<CameraState> {
    let tier = |tier: TierConfig| TierState::new(EncoderSettings::new(config, tier), config.delivery);
    Arc::new(CameraState {
        index,
        name: format!("{} {index}", site.name),
        config: Arc::clone(config),
        faults: watch::Sender::new(Faults::default()),
        counters: Counters::default(),
        main: config.main.map(tier),
        sub: config.sub.map(tier),
        addresses: doors.addresses(device.number),
        channel: (site.channels > 1).then_some((index - 1) % site.channels + 1),
        head: Mutex::default(),
        device,
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

fn spawn_repeats(camera: &Arc<CameraState>, clock: Clock, scope: &TaskScope) {
    for (fault, every) in camera.config.repeats.clone() {
        let (camera, shutdown) = (Arc::clone(camera), scope.shutdown());
        let every = every.max(SHORTEST_REPEAT);
        scope.spawn("repeated fault", async move {
            loop {
                tokio::select! { biased;
                    () = shutdown.requested() => return,
                    () = clock.sleep(every) => camera.faults.send_modify(|faults| faults.add(fault.clone())),
                }
            }
        });
    }
}
