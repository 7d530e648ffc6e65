use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use url::Url;

/// One physical device, as far as it can be told from others: by its address, or by what it is known as.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device(Arc<str>);

/// Tells secrets apart without keeping them: meaningless outside the process that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Device {
    /// What answers at a URL. Ports and paths do not matter: a recorder's channels are one device.
    ///
    /// Behind `127.0.0.1` stand many virtual cameras, told apart by port and folder.
    #[must_use]
    pub fn at(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        // Of an unknown scheme such as rtsp the URL's host is a name even where it is an address.
        let shared = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => ip == Ipv4Addr::LOCALHOST,
            Ok(IpAddr::V6(ip)) => ip.is_loopback(),
            Err(_) => host == "localhost",
        };
        if !shared {
            return Self(host.into());
        }
        let folder = url.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        Self(format!("{host}:{}{folder}", url.port_or_known_default().unwrap_or(554)).into())
    }

    /// What a device is known as whatever its address: its hardware address, serial number or endpoint reference.
    #[must_use]
    pub fn known(key: &str) -> Self {
        Self(format!("key {key}").into())
    }
}

impl fmt::Debug for Device {
    /// Addresses of cameras are not logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Device(***)")
    }
}

/// Makes fingerprints with a key of its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fingerprints(RandomState);

impl Fingerprints {
    pub(crate) fn of(&self, username: &str, password: &str) -> Fingerprint {
        Fingerprint(self.0.hash_one((username, password)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> Device {
        Device::at(&url.parse().unwrap())
    }

    #[test]
    fn streams_and_services_of_one_address_are_one_device() {
        assert_eq!(at("rtsp://10.0.0.9:554/main"), at("http://10.0.0.9:8080/onvif/device_service"));
        assert_eq!(at("rtsp://127.0.0.7/cam/1/main"), at("http://127.0.0.7:80/onvif/device_service"));
        assert_ne!(at("rtsp://10.0.0.9/main"), at("rtsp://10.0.0.8/main"));
        assert_eq!(at("rtsp://Cam.local/main"), at("rtsp://cam.local/sub"));
    }

    #[test]
    fn virtual_cameras_behind_one_loopback_address_are_many() {
        assert_eq!(at("rtsp://127.0.0.1:8554/cam/1/main"), at("rtsp://127.0.0.1:8554/cam/1/sub"));
        assert_ne!(at("rtsp://127.0.0.1:8554/cam/1/main"), at("rtsp://127.0.0.1:8554/cam/2/main"));
    }

    #[test]
    fn a_fingerprint_tells_secrets_apart_and_no_address_is_printed() {
        let prints = Fingerprints::default();
        assert_eq!(prints.of("a", "b"), prints.of("a", "b"));
        assert_ne!(prints.of("a", "b"), prints.of("ab", ""));
        assert_ne!(prints.of("a", "b"), Fingerprints::default().of("a", "b"));
        assert!(!format!("{:?}", at("rtsp://10.0.0.9/main")).contains("10.0"));
    }
}
