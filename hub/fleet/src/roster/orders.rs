//! Orders that devices have not answered yet. Pure: who waits for the answer is named by the order's number alone.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use sluice_fault::{Class, Classed};

use super::LinkId;

/// Why an order came to nothing. What the device itself says is an outcome, not this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// The device is not connected, or not known.
    #[error("the appliance is not connected")]
    Offline,
    /// Its link went down while it was at work: whether it is done is not known.
    #[error("the appliance lost its connection while it was at work")]
    Lost,
    /// It did not answer in time: whether it is done is not known.
    #[error("the appliance did not answer in time")]
    Late,
    /// Too many orders wait for it, or for the fleet.
    #[error("the appliance has too much to do at this moment")]
    Busy,
    /// The hub stops.
    #[error("the hub is stopping")]
    Down,
}

impl Classed for OrderError {
    fn class(&self) -> Class {
        Class::Retry
    }
}

/// The numbers of orders under way, by the link they went over.
#[derive(Default)]
pub(super) struct Orders {
    links: HashMap<LinkId, HashMap<u64, Instant>>,
}

impl Orders {
    /// Takes an order for a link. Whether there was a place.
    pub(super) fn begin(&mut self, link: LinkId, number: u64, until: Instant) -> bool {
        let under_way = self.links.entry(link).or_default();
        let place = under_way.len() < IN_FLIGHT;
        if place {
            under_way.insert(number, until);
        }
        place
    }

    /// An answer came. Whether it was waited for.
    pub(super) fn answered(&mut self, link: LinkId, number: u64) -> bool {
        let Some(under_way) = self.links.get_mut(&link) else { return false };
        let waited = under_way.remove(&number).is_some();
        if under_way.is_empty() {
            self.links.remove(&link);
        }
        waited
    }

    /// A link is gone, and with it the answers to these.
    pub(super) fn link_gone(&mut self, link: LinkId) -> Vec<u64> {
        let mut numbers: Vec<_> = self.links.remove(&link).unwrap_or_default().into_keys().collect();
        numbers.sort_unstable();
        numbers
    }

    /// Those that have waited long enough.
    pub(super) fn late(&mut self, now: Instant) -> Vec<u64> {
        let mut numbers = Vec::new();
        for under_way in self.links.values_mut() {
            numbers.extend(under_way.extract_if(|_, until| *until <= now).map(|(number, _)| number));
        }
        self.links.retain(|_, under_way| !under_way.is_empty());
        numbers.sort_unstable();
        numbers
    }

    /// When the next one has waited long enough.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.links.values().flat_map(HashMap::values).min().copied()
    }
}

/// Orders of one device that wait for an answer: half of what its link's queue takes, which also carries documents.
pub(super) const IN_FLIGHT: usize = 32;
/// No order waits longer: a device tries credentials at many cameras within this.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(120);
