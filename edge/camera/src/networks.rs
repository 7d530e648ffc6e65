use std::{
    collections::BTreeSet,
    fmt, io,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
    sync::{Arc, PoisonError, RwLock},
};

/// The networks on which cameras may be asked. Nothing else is connected to, whatever a camera or a person names:
/// a device behind a site's firewall must not become a way into other networks. Cheap to clone; all clones change.
#[derive(Debug, Clone, Default)]
pub struct Networks(Arc<RwLock<Vec<Range>>>);

/// Addresses with the same beginning, such as `10.1.0.0/24`; a single address without a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range {
    base: IpAddr,
    prefix: u8,
}

/// The text names no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an address range is written as 10.1.0.0/24")]
pub struct NoRange;

/// Where clouds tell instances their credentials; never a camera.
const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

impl Networks {
    /// These ranges and no others.
    #[must_use]
    pub fn new(ranges: Vec<Range>) -> Self {
        Self(Arc::new(RwLock::new(ranges)))
    }

    /// From now on these ranges: an interface came or went.
    pub fn replace(&self, ranges: Vec<Range>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = ranges;
    }

    /// Every range.
    #[must_use]
    pub fn ranges(&self) -> Vec<Range> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a camera at this address may be asked.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let unfit = address.is_unspecified() || address.is_multicast() || address == METADATA;
        if unfit || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return false;
        }
        self.0.read().unwrap_or_else(PoisonError::into_inner).iter().any(|range| range.contains(address))
    }

    /// The subnets of the interfaces that are wanted by name or address; without any wish, of all but loopback.
    ///
    /// # Errors
    /// When the system does not tell its interfaces.
    pub fn of_interfaces(wanted: &[String]) -> io::Result<Vec<Range>> {
        let interfaces = if_addrs::get_if_addrs()?;
        let named: BTreeSet<&str> =
            interfaces.iter().filter(|one| is_wanted(one, wanted)).map(|one| one.name.as_str()).collect();
        let range = |one: &if_addrs::Interface| match &one.addr {
            if_addrs::IfAddr::V4(v4) => Range::new(v4.ip.into(), v4.prefixlen),
            if_addrs::IfAddr::V6(v6) => Range::new(v6.ip.into(), v6.prefixlen),
        };
        Ok(interfaces.iter().filter(|one| named.contains(one.name.as_str())).map(range).collect())
    }
}

/// Whether an interface with this address is wanted by name or address; without any wish all but loopback are.
pub(crate) fn is_wanted(interface: &if_addrs::Interface, wanted: &[String]) -> bool {
    if wanted.is_empty() {
        return !interface.is_loopback();
    }
    wanted.iter().any(|want| *want == interface.name || want.parse() == Ok(interface.ip()))
}

impl Range {
    /// The range of this prefix length around `address`; a length too long means that one address.
    #[must_use]
    pub fn new(address: IpAddr, prefix: u8) -> Self {
        let address = address.to_canonical();
        let prefix = prefix.min(bits(address));
        Self { base: masked(address, prefix), prefix }
    }

    /// Whether the address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.base.is_ipv4() && masked(address, self.prefix) == self.base
    }

    /// Its first address.
    #[must_use]
    pub const fn base(&self) -> IpAddr {
        self.base
    }

    /// How many bits all its addresses share.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }
}

impl FromStr for Range {
    type Err = NoRange;

    fn from_str(text: &str) -> Result<Self, NoRange> {
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| NoRange)?;
        let most = bits(address.to_canonical());
        let prefix = prefix.map_or(Ok(most), str::parse).map_err(|_| NoRange)?;
        if prefix > most { Err(NoRange) } else { Ok(Self::new(address, prefix)) }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

const fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_addresses_of_the_sites_networks_are_allowed() {
        let networks = Networks::new(vec!["10.1.2.3/24".parse().unwrap(), "fd00::/64".parse().unwrap()]);
        for good in ["10.1.2.1", "10.1.2.255", "::ffff:10.1.2.9", "fd00::7"] {
            assert!(networks.allows(ip(good)), "{good}");
        }
        for bad in ["10.1.3.1", "127.0.0.1", "fd01::1", "8.8.8.8", "::1", "::ffff:8.8.8.8"] {
            assert!(!networks.allows(ip(bad)), "{bad}");
        }
        networks.replace(vec!["8.0.0.0/8".parse().unwrap()]);
        assert!(networks.allows(ip("8.8.8.8")) && !networks.allows(ip("10.1.2.1")));
    }

    #[test]
    fn what_is_never_a_camera_is_never_allowed() {
        let networks = Networks::new(vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()]);
        for bad in ["0.0.0.0", "255.255.255.255", "224.0.0.1", "169.254.169.254", "::", "ff02::1"] {
            assert!(!networks.allows(ip(bad)), "{bad}");
        }
        assert!(networks.allows(ip("169.254.17.9")), "a camera without DHCP");
        assert!(!Networks::default().allows(ip("10.0.0.1")), "nothing is allowed before it is told");
    }

    #[test]
    fn ranges_are_read_as_people_write_them() {
        assert_eq!("10.1.0.77/24".parse::<Range>().unwrap().to_string(), "10.1.0.0/24");
        assert_eq!(" 10.1.0.77 ".parse::<Range>().unwrap().to_string(), "10.1.0.77/32");
        for bad in ["", "10.1.0.0/33", "10.1.0/24", "10.1.0.0/", "camera", "10.1.0.0/-1"] {
            assert_eq!(bad.parse::<Range>(), Err(NoRange), "{bad}");
        }
    }

    #[test]
    fn only_the_networks_of_wanted_interfaces_are_asked() {
        let of = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|&want| want.to_owned()).collect();
            Networks::of_interfaces(&wanted).unwrap()
        };
        assert!(!Networks::new(of(&[])).allows(ip("127.0.0.9")), "loopback only on request");
        for wanted in ["127.0.0.1", "lo"] {
            let loopback = of(&[wanted]);
            assert!(Networks::new(loopback.clone()).allows(ip("127.0.0.9")));
            // Whatever other networks this machine is on.
            assert!(loopback.iter().all(|range| range.base().is_loopback()), "{loopback:?}");
        }
        assert!(of(&["none"]).is_empty());
    }
}
