use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::net::UdpSocket;

use crate::config::Transport;

/// What a client offers in a SETUP, and what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// RTP on this channel, RTCP on the next; without a wish the server chooses.
    Interleaved(Option<u8>),
    /// RTP to the first port, RTCP to the second.
    Udp(u16, u16),
}

impl Offer {
    /// The first offer of a `Transport` header that is allowed. Read by hand: clients differ in case and order, and the
    /// typed header takes one of them only.
    pub(super) fn choose(header: &str, allowed: Transport) -> Option<Self> {
        header.split(',').find_map(|offer| {
            let mut parts = offer.split(';').map(str::trim);
            let protocol = parts.next()?.to_ascii_uppercase();
            let parts: Vec<&str> = parts.collect();
            let value = |wanted: &str| {
                parts.iter().find_map(|part| {
                    let (name, value) = part.split_once('=')?;
                    name.trim().eq_ignore_ascii_case(wanted).then_some(value.trim())
                })
            };
            let numbers = |text: &str| {
                let mut numbers = text.split('-').map(|number| number.trim().parse::<u16>().ok());
                let first = numbers.next()??;
                Some((first, numbers.next().flatten().unwrap_or(first.checked_add(1)?)))
            };
            match protocol.as_str() {
                "RTP/AVP/TCP" if allowed != Transport::Udp => match value("interleaved") {
                    Some(channels) => {
                        let channel = u8::try_from(numbers(channels)?.0).ok()?;
                        (channel < u8::MAX).then_some(Self::Interleaved(Some(channel)))
                    }
                    None => Some(Self::Interleaved(None)),
                },
                "RTP/AVP" | "RTP/AVP/UDP" if allowed != Transport::Tcp => {
                    let multicast = parts.iter().any(|part| part.eq_ignore_ascii_case("multicast"));
                    let (rtp, rtcp) = value("client_port").filter(|_| !multicast).and_then(numbers)?;
                    Some(Self::Udp(rtp, rtcp))
                }
                _ => None,
            }
        })
    }
}

/// The way of one line's packets.
#[derive(Debug)]
pub(super) enum Route {
    /// RTP on this channel, RTCP on the next.
    Interleaved(u8),
    Udp(Ports),
}

/// A pair of ports, bound and not yet polled.
#[derive(Debug)]
pub(super) struct Ports {
    sockets: [std::net::UdpSocket; 2],
    client: [SocketAddr; 2],
}

impl Ports {
    /// An even port and the one above it on `local`, for a client at `peer`.
    pub(super) fn bind(local: IpAddr, peer: IpAddr, client: (u16, u16)) -> io::Result<Self> {
        let client = [SocketAddr::new(peer, client.0), SocketAddr::new(peer, client.1)];
        let mut failed = None;
        for _ in 0..PAIR_TRIES {
            let rtp = std::net::UdpSocket::bind((local, 0))?;
            let port = rtp.local_addr()?.port();
            if !port.is_multiple_of(2) {
                continue;
            }
            match std::net::UdpSocket::bind((local, port + 1)) {
                Ok(rtcp) => {
                    rtp.set_nonblocking(true)?;
                    rtcp.set_nonblocking(true)?;
                    return Ok(Self { sockets: [rtp, rtcp], client });
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
    }

    /// The answer's part of the `Transport` header.
    pub(super) fn described(&self) -> String {
        let port = |at: usize| self.sockets[at].local_addr().map_or(0, |addr| addr.port());
        let client = [self.client[0].port(), self.client[1].port()];
        format!("RTP/AVP;unicast;client_port={}-{};server_port={}-{}", client[0], client[1], port(0), port(1))
    }

    /// Ready to send; on a runtime only.
    pub(super) fn open(self) -> io::Result<Datagrams> {
        let [rtp, rtcp] = self.sockets;
        Ok(Datagrams {
            sockets: [UdpSocket::from_std(rtp)?, UdpSocket::from_std(rtcp)?],
            client: self.client,
        })
    }
}

/// One line over UDP.
#[derive(Debug)]
pub(super) struct Datagrams {
    sockets: [UdpSocket; 2],
    client: [SocketAddr; 2],
}

impl Datagrams {
    /// Sends what is framed as for a TCP connection: even channels are RTP. What the network refuses is lost.
    pub(super) async fn send(&self, mut framed: &[u8]) {
        while let [b'$', channel, high, low, rest @ ..] = framed {
            let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
            let way = usize::from(channel & 1);
            if let Err(error) = self.sockets[way].send_to(&rest[..length], self.client[way]).await {
                tracing::debug!(%error, "a packet was not sent");
            }
            framed = &rest[length..];
        }
    }

    /// Until the client says something: RTCP as a rule.
    pub(super) async fn heard(&self) {
        let mut bytes = [0; 1_500];
        // An error is a port that the client has closed; its silence on TCP tells the same.
        while self.sockets[1].recv_from(&mut bytes).await.is_err() {
            tokio::task::yield_now().await;
        }
    }
}

/// Ports are tried in pairs; every second is odd, and some have a neighbour that is taken.
const PAIR_TRIES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_are_read_in_any_case_and_order() {
        let any = |header| Offer::choose(header, Transport::Any);
        assert_eq!(any("rtp/avp/tcp; unicast; Interleaved=4-5"), Some(Offer::Interleaved(Some(4))));
        let both = "RTP/AVP;unicast;client_port=5000-5001, RTP/AVP/TCP;interleaved=0-1";
        assert_eq!(any(both), Some(Offer::Udp(5_000, 5_001)));
        assert_eq!(Offer::choose(both, Transport::Tcp), Some(Offer::Interleaved(Some(0))));
        assert_eq!(any("RTP/AVP/TCP;unicast"), Some(Offer::Interleaved(None)));
        assert_eq!(any("RTP/AVP/TCP;interleaved=255-256"), None);
        assert_eq!(any("RTP/AVP/UDP"), None);
        assert_eq!(any("RTP/AVP;multicast;client_port=1-2"), None);
        assert_eq!(any("RTP/AVP/UDP;client_port=6000"), Some(Offer::Udp(6_000, 6_001)));
        assert_eq!(Offer::choose("RTP/AVP/TCP;interleaved=0-1", Transport::Udp), None);
    }

    #[test]
    fn a_pair_of_ports_is_even_and_the_next() {
        let local = IpAddr::from([127, 0, 0, 1]);
        let ports = Ports::bind(local, local, (5_000, 5_001)).unwrap();
        let told = ports.described();
        let server = told.split("server_port=").nth(1).unwrap();
        let (rtp, rtcp) = server.split_once('-').unwrap();
        let (rtp, rtcp): (u16, u16) = (rtp.parse().unwrap(), rtcp.parse().unwrap());
        assert!(rtp.is_multiple_of(2) && rtcp == rtp + 1, "{told}");
    }
}
