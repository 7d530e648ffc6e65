use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use crate::networks::is_wanted;

/// Where WS-Discovery is spoken (ONVIF core specification §7.3).
pub(super) const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);

/// A thousand answers of 2 KiB that come at once, as far as the kernel grants it.
const RECEIVE: usize = 2 * 1024 * 1024;

/// Sends probes on one interface, and hears their answers.
pub(super) fn prober(interface: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_multicast_if_v4(&interface)?;
    // Virtual cameras on this machine hear it too.
    socket.set_multicast_loop_v4(true)?;
    bound(socket, SocketAddr::from((interface, 0)))
}

/// Sends probes to single addresses behind routers, and hears their answers.
pub(super) fn caller() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    bound(socket, SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
}

/// Hears who comes and goes. Bound to the group, it hears nothing else; the port is shared with whoever else does.
pub(super) fn listener(interfaces: &[Ipv4Addr], port: u16) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    for interface in interfaces {
        // An interface that went down since it was listed is found again with the next look.
        if let Err(error) = socket.join_multicast_v4(&GROUP, interface) {
            tracing::debug!(%error, "an interface does not join the group of WS-Discovery");
        }
    }
    bound(socket, SocketAddr::from((GROUP, port)))
}

fn bound(socket: Socket, at: SocketAddr) -> io::Result<UdpSocket> {
    let _ = socket.set_recv_buffer_size(RECEIVE);
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    UdpSocket::from_std(socket.into())
}

/// The IPv4 addresses of this machine on which cameras are looked for: those of `wanted`, by name or address, or all
/// but loopback.
pub(super) fn interfaces(wanted: &[String]) -> io::Result<Vec<Ipv4Addr>> {
    let mut found: Vec<Ipv4Addr> = Vec::new();
    for interface in if_addrs::get_if_addrs()? {
        let IpAddr::V4(address) = interface.ip() else { continue };
        if is_wanted(&interface, wanted) && !found.contains(&address) {
            found.push(address);
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_searched_only_when_it_is_named() {
        let local = Ipv4Addr::LOCALHOST;
        assert!(!interfaces(&[]).unwrap().contains(&local));
        assert_eq!(interfaces(&["127.0.0.1".to_owned()]).unwrap(), [local]);
        assert_eq!(interfaces(&["lo".to_owned()]).unwrap(), [local]);
        assert!(interfaces(&["none".to_owned()]).unwrap().is_empty());
    }
}
