//! From a connection attempt to a greeted peer: straight steps, each with its deadline.

use std::time::Duration;

use quinn::{
    Connection, Incoming, SendStream, VarInt, crypto::rustls::HandshakeData,
    rustls::pki_types::CertificateDer,
};
use sluice_ids::{DeviceId, UnixMillis};
use sluice_trust::Role;
use sluice_wire::{CAPABILITY, CloseCode, Decoded, control, frame, media};
use tokio::time::timeout;

use crate::{
    endpoint::Shared,
    error::{GreetError, StreamError},
    stream::{Reader, write},
    transport::MEDIA_STREAMS,
};

/// A peer that has said who it is, and proved it.
pub(crate) struct Greeted {
    pub(crate) connection: Connection,
    pub(crate) device: DeviceId,
    pub(crate) send: SendStream,
    pub(crate) reader: Reader,
    pub(crate) hello: Hello,
}

pub(crate) enum Hello {
    Control(control::EdgeHello),
    Media(media::EdgeHello),
}

/// A handshake over a satellite with one packet lost takes 3 s.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The hello follows the handshake at once.
const HELLO: Duration = Duration::from_secs(5);

pub(crate) async fn greet(shared: &Shared, incoming: Incoming) -> Result<Greeted, GreetError> {
    let connecting = incoming.accept().map_err(GreetError::Handshake)?;
    let connection =
        timeout(HANDSHAKE, connecting).await.map_err(|_| GreetError::Slow)?.map_err(GreetError::Handshake)?;
    let greeted = timeout(HELLO, hello(shared, connection.clone())).await.unwrap_or(Err(GreetError::Slow));
    if let Err(error) = &greeted {
        close(&connection, code(error), &error.to_string());
    }
    greeted
}

async fn hello(shared: &Shared, connection: Connection) -> Result<Greeted, GreetError> {
    let device = device(&connection)?;
    if shared.is_denied(device) {
        return Err(GreetError::Denied);
    }
    let is_media = protocol(&connection).as_deref() == Some(media::ALPN);
    let longest = if is_media { frame::MAX_MEDIA } else { frame::MAX_CONTROL };
    if is_media {
        connection.set_max_concurrent_uni_streams(VarInt::from_u32(MEDIA_STREAMS));
    }
    let (mut send, receive) = connection.accept_bi().await.map_err(|lost| GreetError::Read(lost.into()))?;
    // Orders and answers go before anything else.
    let _ = send.set_priority(i32::MAX);
    let mut reader = Reader::new(receive, longest);
    let first = reader.next().await.map_err(GreetError::Read)?;
    let (hello, named) = parse(is_media, &first)?;
    if named != device {
        return Err(GreetError::WrongName);
    }
    write(&mut send, &answer(shared, is_media)).await.map_err(GreetError::Write)?;
    Ok(Greeted { connection, device, send, reader, hello })
}

fn parse(is_media: bool, first: &[u8]) -> Result<(Hello, DeviceId), GreetError> {
    let broken = |error| GreetError::Read(StreamError::Message(error));
    if is_media {
        match media::FromEdge::decode(first).map_err(broken)? {
            Decoded::Message(media::FromEdge::Hello(hello)) => {
                let device = hello.device_id;
                Ok((Hello::Media(hello), device))
            }
            _ => Err(GreetError::NoHello),
        }
    } else {
        match control::ToHub::decode(first).map_err(broken)? {
            Decoded::Message(control::ToHub::Hello(hello)) => {
                let device = hello.device_id;
                Ok((Hello::Control(hello), device))
            }
            _ => Err(GreetError::NoHello),
        }
    }
}

fn answer(shared: &Shared, is_media: bool) -> bytes::Bytes {
    let hello = control::HubHello {
        version: shared.version.clone(),
        capability: CAPABILITY,
        now: UnixMillis(shared.clock.unix_millis()),
    };
    if is_media { media::FromNode::Hello(hello).encode() } else { control::ToEdge::Hello(hello).encode() }
}

fn protocol(connection: &Connection) -> Option<Vec<u8>> {
    connection.handshake_data()?.downcast::<HandshakeData>().ok()?.protocol
}

/// Both protocols are for devices only.
fn device(connection: &Connection) -> Result<DeviceId, GreetError> {
    let chain = connection
        .peer_identity()
        .and_then(|identity| identity.downcast::<Vec<CertificateDer<'static>>>().ok())
        .unwrap_or_default();
    let roles = sluice_trust::peer_roles(&chain).map_err(GreetError::NoRole)?;
    let device = roles.iter().find_map(|role| match role {
        Role::Device(device) => Some(*device),
        _ => None,
    });
    device.ok_or_else(|| {
        let named: Vec<String> = roles.iter().map(ToString::to_string).collect();
        GreetError::WrongRole(named.join(" and "))
    })
}

fn code(error: &GreetError) -> CloseCode {
    match error {
        GreetError::Slow | GreetError::Handshake(_) => CloseCode::TooSlow,
        GreetError::NoRole(_) | GreetError::WrongRole(_) | GreetError::WrongName => CloseCode::WrongRole,
        GreetError::Denied => CloseCode::Denied,
        GreetError::NobodyHome => CloseCode::Busy,
        GreetError::NoHello | GreetError::Read(_) | GreetError::Write(_) => CloseCode::Protocol,
    }
}

pub(crate) fn close(connection: &Connection, code: CloseCode, text: &str) {
    connection.close(VarInt::from_u32(code.number()), format!("{code}: {text}").as_bytes());
}
