use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use sluice_camsim::{Auth, Camera, Camsim, CamsimConfig, OnvifConfig, Quirk, TierConfig};
use sluice_edge_camera::{CameraMetrics, Connector, Credentials, Networks, Onvif, Pins};
use sluice_guardian::{Guardian, Limits};
use sluice_runtime::Clock;
use sluice_telemetry::Secret;
use url::Url;

/// Two small tiers, an account, and the ONVIF side on a free port of this machine.
pub(crate) fn config() -> CamsimConfig {
    let onvif =
        OnvifConfig { listen: SocketAddr::from(([127, 0, 0, 1], 0)), own_addresses: false, discovery: None };
    CamsimConfig {
        main: Some(TierConfig::sized(1280, 720)),
        sub: Some(TierConfig::sized(640, 360)),
        auth: Auth::Digest,
        onvif: Some(onvif),
        ..CamsimConfig::default()
    }
}

pub(crate) async fn camsim(config: CamsimConfig) -> Camsim {
    Camsim::start(config).await.unwrap()
}

/// Cameras with one quirk of `tests/fixtures/quirks`.
pub(crate) async fn odd(name: &str) -> Camsim {
    camsim(Quirk::known(name).expect(name).unwrap().apply(config()).unwrap()).await
}

pub(crate) fn connector() -> Connector {
    connector_on(&["127.0.0.0/8"])
}

pub(crate) fn connector_on(networks: &[&str]) -> Connector {
    connector_in(Networks::new(networks.iter().map(|range| range.parse().unwrap()).collect()))
}

pub(crate) fn connector_in(networks: Networks) -> Connector {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock = Clock::system();
    let guardian = Guardian::new(clock, Limits::default());
    Connector::new(clock, guardian, networks, Pins::default(), CameraMetrics::default()).unwrap()
}

pub(crate) fn account(password: &str) -> Option<Credentials> {
    Some(Credentials { username: "admin".to_owned(), password: Secret::new(password.to_owned()) })
}

pub(crate) fn xaddr(camera: &Camera) -> Url {
    camera.onvif_url().unwrap().parse().unwrap()
}

/// A camera's ONVIF side, by its right account.
pub(crate) fn open(camera: &Camera) -> Arc<dyn Onvif> {
    connector().open(&xaddr(camera), account("camera"))
}

/// Asks again until it holds, at most twenty seconds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let found = sluice_testkit::eventually_within(Duration::from_secs(20), || {
        let holds = holds();
        async move { if holds.await { Ok(()) } else { Err(()) } }
    });
    assert!(found.await.is_ok(), "{what}");
}
