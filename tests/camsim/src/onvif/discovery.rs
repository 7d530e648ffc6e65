//! WS-Discovery of April 2005, as ONVIF core specification §7 uses it: one responder for all devices.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use sluice_runtime::{Clock, Shutdown, TaskScope};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::{Identity, device::scopes, server::base, xml::Element};
use crate::{
    camera::{CameraState, Site},
    config::Discovery,
};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
const MAX_DATAGRAM: usize = 8 * 1024;
/// Real devices answer within half a second (WS-Discovery §3.1.3); these keep a distance, so that a hundred answers fit
/// a client's buffer.
const BETWEEN_ANSWERS: Duration = Duration::from_millis(2);

/// Hears probes for every device of this process.
#[derive(Debug)]
pub(crate) struct Responder {
    site: Arc<Site>,
    group: SocketAddr,
    /// Joined the group, and hears unicast to addresses that are nobody's own.
    shared: UdpSocket,
    /// The sockets of devices with addresses of their own, by number from 0.
    own: Vec<Arc<UdpSocket>>,
    clock: Clock,
}

/// The port of WS-Discovery cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot hear probes on port {port} of {interface}")]
pub(crate) struct StartError {
    interface: Ipv4Addr,
    port: u16,
    source: io::Error,
}

impl Responder {
    /// Joins the group, and says hello for every device once it runs.
    pub(crate) fn bind(site: &Arc<Site>, at: Discovery, clock: Clock) -> Result<Self, StartError> {
        let failed = |source| StartError { interface: at.interface, port: at.port, source };
        let shared = socket(Ipv4Addr::UNSPECIFIED, at).map_err(failed)?;
        shared.join_multicast_v4(GROUP, at.interface).map_err(failed)?;
        let mut own = Vec::new();
        for camera in site.devices().filter_map(<[_]>::first) {
            if let (true, Some(IpAddr::V4(ip))) =
                (camera.addresses.own, camera.addresses.http.map(|addr| addr.ip()))
            {
                own.push(Arc::new(socket(ip, at).map_err(failed)?));
            }
        }
        let group = SocketAddr::from((GROUP, at.port));
        Ok(Self { site: Arc::clone(site), group, shared, own, clock })
    }

    /// Answers until the scope ends, then says bye.
    pub(crate) fn spawn(self, scope: &TaskScope) {
        let responder = Arc::new(self);
        for number in 0..responder.own.len() {
            let (responder, shutdown) = (Arc::clone(&responder), scope.shutdown());
            scope.spawn("discovery of a device", async move { responder.hear_one(number, &shutdown).await });
        }
        for (place, camera) in responder.heads().enumerate() {
            let (responder, camera, shutdown) =
                (Arc::clone(&responder), Arc::clone(camera), scope.shutdown());
            scope.spawn("presence", async move { responder.announce(place, &camera, &shutdown).await });
        }
        let shutdown = scope.shutdown();
        scope.spawn("discovery", async move { responder.hear(&shutdown).await });
    }

    async fn hear(&self, shutdown: &Shutdown) {
        let mut bytes = vec![0; MAX_DATAGRAM];
        while let Some((length, from)) = receive(&self.shared, &mut bytes, shutdown).await {
            let Some(probe) = Probe::parse(&bytes[..length]) else { continue };
            for (place, camera) in self.heads().enumerate() {
                self.answer(place, camera, &probe, from).await;
                self.clock.sleep(BETWEEN_ANSWERS).await;
            }
        }
    }

    async fn hear_one(&self, place: usize, shutdown: &Shutdown) {
        let mut bytes = vec![0; MAX_DATAGRAM];
        while let Some((length, from)) = receive(&self.own[place], &mut bytes, shutdown).await {
            if let (Some(probe), Some(camera)) = (Probe::parse(&bytes[..length]), self.heads().nth(place)) {
                self.answer(place, camera, &probe, from).await;
            }
        }
    }

    /// Who speaks for each device: its first camera.
    fn heads(&self) -> impl Iterator<Item = &Arc<CameraState>> {
        self.site.devices().filter_map(<[_]>::first)
    }

    async fn answer(&self, place: usize, camera: &CameraState, probe: &Probe, to: SocketAddr) {
        if camera.faults.borrow().offline {
            return;
        }
        camera.counters.probes.count();
        let body =
            format!("<d:ProbeMatches><d:ProbeMatch>{}</d:ProbeMatch></d:ProbeMatches>", presence(camera));
        self.send(place, &envelope("ProbeMatches", Some(&probe.message), &body), to).await;
    }

    /// Says hello when the device comes, and bye when it goes: with the process, or by a fault.
    async fn announce(&self, place: usize, camera: &CameraState, shutdown: &Shutdown) {
        let mut faults = camera.faults.subscribe();
        loop {
            let offline = faults.borrow_and_update().offline;
            let (action, inside) =
                if offline { ("Bye", endpoint(camera)) } else { ("Hello", presence(camera)) };
            self.send(
                place,
                &envelope(action, None, &format!("<d:{action}>{inside}</d:{action}>")),
                self.group,
            )
            .await;
            tokio::select! { biased;
                () = shutdown.requested() => break,
                _ = faults.wait_for(|faults| faults.offline != offline) => {}
            }
        }
        let bye = format!("<d:Bye>{}</d:Bye>", endpoint(camera));
        self.send(place, &envelope("Bye", None, &bye), self.group).await;
    }

    async fn send(&self, place: usize, text: &str, to: SocketAddr) {
        let socket = self.own.get(place).map_or(&self.shared, |own| &**own);
        if let Err(error) = socket.send_to(text.as_bytes(), to).await {
            tracing::debug!(%error, "a discovery message was not sent");
        }
    }
}

fn socket(ip: Ipv4Addr, at: Discovery) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    // The port is everybody's who discovers or is discovered on this machine.
    socket.set_reuse_address(true)?;
    socket.set_multicast_if_v4(&at.interface)?;
    socket.set_multicast_loop_v4(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((ip, at.port)).into())?;
    UdpSocket::from_std(socket.into())
}

async fn receive(socket: &UdpSocket, bytes: &mut [u8], shutdown: &Shutdown) -> Option<(usize, SocketAddr)> {
    loop {
        tokio::select! { biased;
            () = shutdown.requested() => return None,
            received = socket.recv_from(bytes) => match received {
                Ok(received) => return Some(received),
                // A client that closed its port before the answer.
                Err(_) => tokio::task::yield_now().await,
            },
        }
    }
}

/// A probe that these cameras answer.
#[derive(Debug, PartialEq, Eq)]
struct Probe {
    message: String,
}

impl Probe {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let envelope = Element::parse(std::str::from_utf8(bytes).ok()?)?;
        let probe = envelope.child("Body")?.child("Probe")?;
        let types = probe.text_of("Types").unwrap_or_default();
        let kinds = ["NetworkVideoTransmitter", "Device"];
        let known = |name: &str| kinds.contains(&name.rsplit(':').next().unwrap_or(name));
        // All types must be met (WS-Discovery §5.1).
        types.split_whitespace().all(known).then(|| {
            let message = envelope.text_of("MessageID").unwrap_or_default();
            Self { message: message.to_owned() }
        })
    }
}

fn endpoint(camera: &CameraState) -> String {
    let endpoint = Identity::of(&camera.device).endpoint;
    format!("<a:EndpointReference><a:Address>{endpoint}</a:Address></a:EndpointReference>")
}

fn presence(camera: &CameraState) -> String {
    let own = camera.addresses.http.map(|addr| addr.to_string()).unwrap_or_default();
    let hosts = camera.config.oddities.discovery_hosts.iter().chain([&own]);
    let addresses: Vec<String> = hosts.map(|host| format!("{}/device_service", base(camera, host))).collect();
    format!(
        "{}<d:Types>dn:NetworkVideoTransmitter tds:Device</d:Types><d:Scopes>{}</d:Scopes><d:XAddrs>{}</d:XAddrs>\
         <d:MetadataVersion>1</d:MetadataVersion>",
        endpoint(camera),
        scopes(&camera.device.name).join(" "),
        addresses.join(" ")
    )
}

fn envelope(action: &str, relates_to: Option<&str>, body: &str) -> String {
    const DISCOVERY: &str = "http://schemas.xmlsoap.org/ws/2005/04/discovery";
    let message = sluice_runtime::uuid_v7(&Clock::system());
    let to = match relates_to {
        Some(message) => format!(
            "<a:RelatesTo>{}</a:RelatesTo><a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To>",
            super::xml::escape(message)
        ),
        None => "<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>".to_owned(),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" xmlns:d=\"{DISCOVERY}\" \
         xmlns:dn=\"http://www.onvif.org/ver10/network/wsdl\" xmlns:tds=\"http://www.onvif.org/ver10/device/wsdl\">\
         <s:Header><a:MessageID>urn:uuid:{message}</a:MessageID>{to}<a:Action>{DISCOVERY}/{action}</a:Action></s:Header>\
         <s:Body>{body}</s:Body></s:Envelope>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(types: &str) -> Option<Probe> {
        let text = format!(
            "<e:Envelope xmlns:e=\"s\"><e:Header><w:MessageID>uuid:1</w:MessageID></e:Header><e:Body><d:Probe>{types}\
             </d:Probe></e:Body></e:Envelope>"
        );
        Probe::parse(text.as_bytes())
    }

    #[test]
    fn probes_for_other_things_are_not_answered() {
        let mine = Some(Probe { message: "uuid:1".to_owned() });
        assert_eq!(probe("<d:Types>dn:NetworkVideoTransmitter</d:Types>"), mine);
        assert_eq!(probe("<d:Types>tds:Device dn:NetworkVideoTransmitter</d:Types>"), mine);
        assert_eq!(probe(""), mine);
        assert_eq!(probe("<d:Types>wsdp:Printer</d:Types>"), None);
        assert_eq!(Probe::parse(b"\xFF\x00"), None);
    }
}
