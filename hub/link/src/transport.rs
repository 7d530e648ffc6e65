//! The settings of the transport, each with its reason (measured in the transport study).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use quinn::{IdleTimeout, TransportConfig, VarInt};
use socket2::{Domain, Protocol, Socket, Type};

/// What a media link may have open at once: 100 cameras at 25 a second, each unit half a second on its way,
/// is 1,250. Each costs about 50 bytes, allocated up front.
pub(crate) const MEDIA_STREAMS: u32 = 4_096;
/// With the kernel's default of 208 KiB, 50 cameras lose 2-4 % of their packets before anybody reads them.
const RECEIVE_BUFFER: usize = 8 * 1024 * 1024;
/// The edge speaks at least every 20 s, so two of three may be lost.
const IDLE: Duration = Duration::from_secs(65);
/// One key frame of 8K video must fit.
const STREAM_WINDOW: u32 = 8 * 1024 * 1024;
/// What one edge may have on its way to us, unread.
const WINDOW: u32 = 16 * 1024 * 1024;
/// The hub sends orders, not media.
const SEND_WINDOW: u64 = 1024 * 1024;
/// Three, the default, takes 2 ms of reordering for loss and collapses.
const PACKET_THRESHOLD: u32 = 16;

pub(crate) fn config() -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .packet_threshold(PACKET_THRESHOLD)
        .max_idle_timeout(IdleTimeout::try_from(IDLE).ok())
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        // A media link is given more once its role is known.
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(WINDOW))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(None);
    Arc::new(config)
}

/// A UDP socket with a large receive buffer, as far as the kernel grants it.
pub(crate) fn socket(addr: SocketAddr) -> std::io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    let granted = socket.recv_buffer_size().unwrap_or(0);
    if granted < RECEIVE_BUFFER {
        let size_bytes = granted;
        tracing::info!(
            size_bytes,
            "the kernel keeps the receive buffer small; raise net.core.rmem_max to 8388608"
        );
    }
    let _ = socket.set_send_buffer_size(RECEIVE_BUFFER);
    socket.bind(&addr.into())?;
    Ok(socket.into())
}
