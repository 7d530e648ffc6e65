//! How often logins may be tried. Pure.
//!
//! A stranger must neither guess a password nor keep its owner out by trying: tries count for the name at the place
//! they come from, and only far more of them, from many places, for the name as a whole. A browser that logged in as
//! this name before shows so by its cookie and has tries of its own, whatever strangers do meanwhile.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

use super::limit::Limit;

/// Who tries to log in.
#[derive(Debug, Clone)]
pub(crate) struct Try {
    pub(crate) name: String,
    pub(crate) place: Option<Place>,
    /// The number of the cookie that shows an earlier login by this name.
    pub(crate) known: Option<String>,
}

/// Where a try comes from: an IPv4 address, or the /64 that one subscriber has of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place(IpAddr);

impl From<IpAddr> for Place {
    fn from(address: IpAddr) -> Self {
        Self(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => {
                let subnet = address.to_bits() & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from_bits(subnet))
            }
        })
    }
}

/// The tries of a while.
#[derive(Debug)]
pub(crate) struct Tries {
    by_place: Limit<Place>,
    by_known: Limit<String>,
    by_name_there: Limit<(String, Option<Place>)>,
    by_name: Limit<String>,
}

impl Default for Tries {
    fn default() -> Self {
        Self {
            by_place: Limit::new(50, Duration::from_secs(2)),
            by_known: Limit::new(10, Duration::from_secs(6)),
            by_name_there: Limit::new(10, Duration::from_secs(6)),
            by_name: Limit::new(50, Duration::from_secs(2)),
        }
    }
}

impl Tries {
    /// Takes one try, or says how long to wait.
    pub(crate) fn take(&mut self, now: Instant, of: &Try) -> Result<(), Duration> {
        // The place first: whoever tries too often must not use up the tries of names, nor their table.
        of.place.map_or(Ok(()), |place| self.by_place.take(now, &place))?;
        if let Some(known) = &of.known {
            return self.by_known.take(now, known);
        }
        self.by_name_there.take(now, &(of.name.clone(), of.place))?;
        self.by_name.take(now, &of.name)
    }

    /// A try that was good costs nothing.
    pub(crate) fn give_back(&mut self, of: &Try) {
        if let Some(place) = &of.place {
            self.by_place.give_back(place);
        }
        if let Some(known) = &of.known {
            return self.by_known.give_back(known);
        }
        self.by_name_there.give_back(&(of.name.clone(), of.place));
        self.by_name.give_back(&of.name);
    }
}

#[cfg(test)]
mod tests {
    use sluice_runtime::Clock;

    use super::*;

    fn from(host: u8, known: Option<&str>) -> Try {
        let place = Some(Place::from(IpAddr::from([192, 0, 2, host])));
        Try { name: "maria".into(), place, known: known.map(str::to_owned) }
    }

    #[test]
    fn strangers_elsewhere_lock_nobody_out_until_they_are_many() {
        let (mut tries, now) = (Tries::default(), Clock::system().now());
        for stranger in 1..=4 {
            for _ in 0..10 {
                assert_eq!(tries.take(now, &from(stranger, None)), Ok(()));
            }
            assert!(tries.take(now, &from(stranger, None)).is_err(), "one place guesses ten times");
        }
        assert_eq!(tries.take(now, &from(100, None)), Ok(()));
        tries.give_back(&from(100, None));
        for _ in 0..10 {
            assert_eq!(tries.take(now, &from(5, None)), Ok(()));
        }
        assert!(tries.take(now, &from(101, None)).is_err(), "all places together guess fifty times");
        assert_eq!(tries.take(now, &from(101, Some("a"))), Ok(()), "who logged in before is not locked out");
        assert_eq!(tries.take(now + Duration::from_secs(2), &from(101, None)), Ok(()));
    }

    #[test]
    fn a_stolen_cookie_guesses_no_faster() {
        let (mut tries, now) = (Tries::default(), Clock::system().now());
        for host in 0..10 {
            assert_eq!(tries.take(now, &from(host, Some("a"))), Ok(()));
        }
        assert!(tries.take(now, &from(200, Some("a"))).is_err());
        assert_eq!(tries.take(now, &from(200, Some("b"))), Ok(()));
    }

    #[test]
    fn all_addresses_of_one_subscriber_are_one_place() {
        let place = |text: &str| Place::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(place("2001:db8:1:2:3::4"), place("2001:db8:1:2:ffff::1"));
        assert_ne!(place("2001:db8:1:2::1"), place("2001:db8:1:3::1"));
        assert_ne!(place("192.0.2.1"), place("192.0.2.2"));
    }
}
