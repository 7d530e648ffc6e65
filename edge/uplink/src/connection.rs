//! From an address to a greeted link: straight steps under one deadline.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use quinn::{
    ClientConfig, Connection, ReadError, SendStream, VarInt, WriteError, rustls::pki_types::CertificateDer,
};
use sluice_ids::NodeId;
use sluice_trust::{Role, tls::SERVER_NAME};
use sluice_wire::{
    CloseCode, Decoded, MessageError,
    control::{self, HubHello},
    frame, media,
};
use tokio::time::timeout;

use crate::{
    error::{DialError, StreamError},
    stream::{Reader, write},
    transport::Dialer,
};

/// A link whose hello was answered.
#[derive(Debug)]
pub(crate) struct Greeted {
    pub(crate) connection: Connection,
    pub(crate) send: SendStream,
    pub(crate) reader: Reader,
    pub(crate) hello: HubHello,
}

/// Dials control.
pub(crate) async fn dial_control(
    dialer: &Dialer,
    addr: SocketAddr,
    hello: control::EdgeHello,
    patience: Duration,
) -> Result<Greeted, DialError> {
    let first = control::ToHub::Hello(hello).encode();
    let parse = |bytes: &[u8]| match control::ToEdge::decode(bytes)? {
        Decoded::Message(control::ToEdge::Hello(hello)) => Ok(Some(hello)),
        _ => Ok(None),
    };
    let connecting = connect(dialer, addr, dialer.control.clone());
    let dialled = async { greet(connecting.await?, first, frame::MAX_CONTROL, parse).await };
    timeout(patience, dialled).await.unwrap_or(Err(DialError::Silent { addr }))
}

/// Dials a node, and no other than this one.
pub(crate) async fn dial_node(
    dialer: &Dialer,
    addr: SocketAddr,
    node: NodeId,
    hello: media::EdgeHello,
    patience: Duration,
) -> Result<Greeted, DialError> {
    let first = media::FromEdge::Hello(hello).encode();
    let parse = |bytes: &[u8]| match media::FromNode::decode(bytes)? {
        Decoded::Message(media::FromNode::Hello(hello)) => Ok(Some(hello)),
        _ => Ok(None),
    };
    let connecting = connect(dialer, addr, dialer.media.clone());
    let dialled = async {
        let connection = connecting.await?;
        if !roles(&connection).contains(&Role::Node(node)) {
            close(&connection, CloseCode::WrongRole, "the node that answers is another one");
            return Err(DialError::AnotherNode { expected: node });
        }
        greet(connection, first, frame::MAX_MEDIA, parse).await
    };
    timeout(patience, dialled).await.unwrap_or(Err(DialError::Silent { addr }))
}

async fn connect(dialer: &Dialer, addr: SocketAddr, config: ClientConfig) -> Result<Connection, DialError> {
    let endpoint = dialer.endpoint(addr).map_err(|_| DialError::Silent { addr })?;
    let connecting = endpoint
        .connect_with(config, addr, SERVER_NAME)
        .map_err(|source| DialError::Connect { addr, source })?;
    connecting.await.map_err(|error| DialError::explain(addr, error))
}

/// A certificate that the hub rejects shows only here: in TLS 1.3 the client is done first.
async fn greet(
    connection: Connection,
    first: Bytes,
    longest: usize,
    parse: impl Fn(&[u8]) -> Result<Option<HubHello>, MessageError>,
) -> Result<Greeted, DialError> {
    let addr = connection.remote_address();
    let failed = |error: StreamError| match error {
        StreamError::Read(ReadError::ConnectionLost(lost))
        | StreamError::Write(WriteError::ConnectionLost(lost)) => DialError::explain(addr, lost),
        other => DialError::NoHello(other),
    };
    let (mut send, receive) = connection.open_bi().await.map_err(|error| DialError::explain(addr, error))?;
    // Messages go before any picture.
    let _ = send.set_priority(i32::MAX);
    write(&mut send, &first).await.map_err(failed)?;
    let mut reader = Reader::new(receive, longest);
    let answer = reader.next().await.map_err(failed)?;
    match parse(&answer).map_err(StreamError::Message) {
        Ok(Some(hello)) => Ok(Greeted { connection, send, reader, hello }),
        Ok(None) => Err(DialError::NoHello(StreamError::Finished)),
        Err(error) => Err(DialError::NoHello(error)),
    }
}

fn roles(connection: &Connection) -> Vec<Role> {
    connection
        .peer_identity()
        .and_then(|identity| identity.downcast::<Vec<CertificateDer<'static>>>().ok())
        .and_then(|chain| sluice_trust::peer_roles(&chain).ok())
        .unwrap_or_default()
}

pub(crate) fn close(connection: &Connection, code: CloseCode, text: &str) {
    connection.close(VarInt::from_u32(code.number()), format!("{code}: {text}").as_bytes());
}
