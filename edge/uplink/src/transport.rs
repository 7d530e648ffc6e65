//! The settings of the transport, each with its reason (measured in the transport study).

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use quinn::{ClientConfig, Endpoint, IdleTimeout, TransportConfig, VarInt, crypto::rustls::QuicClientConfig};
use sluice_trust::{DeviceIdentity, RoleKind, tls};
use sluice_wire::{control, media};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{controller, error::UplinkError};

/// Least of what QUIC may hold unacknowledged; grows with the path and the largest key frame.
pub(crate) const SEND_WINDOW: u64 = 512 * 1024;
/// Three, the default, takes 2 ms of reordering for loss and collapses.
const PACKET_THRESHOLD: u32 = 16;
/// We speak at least every 20 s, so two of three may be lost.
const IDLE: Duration = Duration::from_secs(65);
/// A first packet that is lost is sent again after three of these; a second would be a long time on a tile.
const FIRST_RTT: Duration = Duration::from_millis(150);
/// The hub sends orders, not media; a desired state is the largest of them.
const RECEIVE_WINDOW: u32 = 1024 * 1024;
/// Room for a burst of a cached GOP while the network card is busy.
const SEND_BUFFER: usize = 1024 * 1024;

/// Sockets and settings for both kinds of link.
#[derive(Debug)]
pub(crate) struct Dialer {
    v4: OnceLock<Endpoint>,
    v6: OnceLock<Endpoint>,
    pub(crate) control: ClientConfig,
    pub(crate) media: ClientConfig,
}

impl Dialer {
    pub(crate) fn new(identity: &DeviceIdentity) -> Result<Self, UplinkError> {
        let transport = transport();
        let config = |alpn, role| {
            let tls = tls::client_config(identity, alpn, role).map_err(UplinkError::Identity)?;
            let quic = QuicClientConfig::try_from(tls).map_err(UplinkError::Quic)?;
            let mut config = ClientConfig::new(Arc::new(quic));
            config.transport_config(Arc::clone(&transport));
            Ok(config)
        };
        Ok(Self {
            v4: OnceLock::new(),
            v6: OnceLock::new(),
            control: config(control::ALPN, RoleKind::Control)?,
            media: config(media::ALPN, RoleKind::Node)?,
        })
    }

    /// The socket for addresses of this family; opened when first needed, then kept.
    pub(crate) fn endpoint(&self, to: SocketAddr) -> Result<Endpoint, UplinkError> {
        let (slot, any) = match to {
            SocketAddr::V4(_) => (&self.v4, SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))),
            SocketAddr::V6(_) => (&self.v6, SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))),
        };
        if let Some(endpoint) = slot.get() {
            return Ok(endpoint.clone());
        }
        let endpoint = bind(any).map_err(UplinkError::Socket)?;
        Ok(slot.get_or_init(|| endpoint).clone())
    }

    /// Says goodbye on every socket, and waits until it is said, at most `grace`.
    pub(crate) async fn close(&self, code: u32, text: &str, grace: Duration) {
        for endpoint in [self.v4.get(), self.v6.get()].into_iter().flatten() {
            endpoint.close(VarInt::from_u32(code), text.as_bytes());
            let _ = tokio::time::timeout(grace, endpoint.wait_idle()).await;
        }
    }
}

fn transport() -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .packet_threshold(PACKET_THRESHOLD)
        .max_idle_timeout(IdleTimeout::try_from(IDLE).ok())
        .initial_rtt(FIRST_RTT)
        // The hub opens no streams.
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .send_window(SEND_WINDOW)
        // A picture begun is finished before the next of equal rank.
        .send_fairness(false)
        .datagram_receive_buffer_size(None)
        .congestion_controller_factory(controller::factory());
    Arc::new(config)
}

fn bind(any: SocketAddr) -> std::io::Result<Endpoint> {
    let socket = Socket::new(Domain::for_address(any), Type::DGRAM, Some(Protocol::UDP))?;
    // As far as the kernel grants it; what it grants is enough for acknowledgements.
    let _ = socket.set_send_buffer_size(SEND_BUFFER);
    socket.bind(&any.into())?;
    let runtime = Arc::new(quinn::TokioRuntime);
    Endpoint::new(quinn::EndpointConfig::default(), None, socket.into(), runtime)
}
