//! What devices say beside how they stand: what they found, what came of orders, what cameras noticed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sluice_ids::DeviceId;
use sluice_wire::control::{Action, Answer, CameraEvent, Found, Order};

use super::{LinkId, LinkState, Now, OrderError, Output, Roster};
use crate::found::{CameraHappened, DeviceFound, cut};

impl Roster {
    pub(super) fn found(&mut self, link: LinkId, device: DeviceId, found: Found) {
        let Some(entry) = self.current(link, device) else { return };
        entry.unread_found = Some(found);
        self.tell_found(device);
    }

    /// What a device found becomes visible when it is known whose device it is.
    pub(super) fn tell_found(&mut self, device: DeviceId) {
        let Some(entry) = self.devices.get_mut(&device) else { return };
        let Some((row, _)) = &entry.row else { return };
        let Some(unread) = entry.unread_found.take() else { return };
        let found = DeviceFound::of(row, unread);
        let before = entry.told_found.replace(Arc::clone(&found));
        let news = before.is_none_or(|before| found.is_news_after(&before));
        self.orders.push_back(Output::Found { found, news });
    }

    pub(super) fn ordered(
        &mut self,
        now: Now,
        (number, within): (u64, Duration),
        device: DeviceId,
        action: Action,
    ) {
        let linked = self.devices.get(&device).filter(|entry| entry.link_state() == LinkState::Online);
        let known = linked.filter(|entry| entry.row.is_some());
        let Some(link) = known.and_then(|entry| entry.link.as_ref()).map(|link| link.id) else {
            return self.settle(number, OrderError::Offline);
        };
        if !self.waiting.begin(link, number, now.at + within.min(super::orders::LONGEST_WAIT)) {
            return self.settle(number, OrderError::Busy);
        }
        self.orders.push_back(Output::SendOrder(link, Box::new(Order { number, action })));
    }

    pub(super) fn answered(&mut self, link: LinkId, Answer { number, outcome }: Answer) {
        if self.waiting.answered(link, number) {
            self.orders.push_back(Output::Settle(number, Box::new(Ok(outcome))));
        }
    }

    pub(super) fn orders_lost(&mut self, link: LinkId) {
        for number in self.waiting.link_gone(link) {
            self.settle(number, OrderError::Lost);
        }
    }

    pub(super) fn orders_late(&mut self, now: Now) {
        for number in self.waiting.late(now.at) {
            self.settle(number, OrderError::Late);
        }
    }

    /// A camera noticed something. Only its own device speaks for it, and only so often.
    pub(super) fn happened(&mut self, now: Now, link: LinkId, device: DeviceId, mut event: CameraEvent) {
        if self.owners.get(&event.camera_id) != Some(&device) {
            return;
        }
        let Some(entry) = self.current(link, device) else { return };
        let Some((row, _)) = &entry.row else { return };
        let tenant = row.tenant;
        if !take(&mut entry.events_rested_at, now.at) {
            entry.events_left_out = entry.events_left_out.saturating_add(event.left_out).saturating_add(1);
            return;
        }
        let left_out = std::mem::take(&mut entry.events_left_out);
        event.left_out = event.left_out.saturating_add(left_out);
        cut(&mut event.source, LONGEST_SOURCE);
        self.orders.push_back(Output::Happened(Arc::new(CameraHappened { tenant, event })));
    }

    fn settle(&mut self, number: u64, error: OrderError) {
        self.orders.push_back(Output::Settle(number, Box::new(Err(error))));
    }
}

/// Takes one event of a device's allowance, if there is one (GCRA).
fn take(rested_at: &mut Option<Instant>, now: Instant) -> bool {
    let next = rested_at.filter(|at| *at > now).unwrap_or(now) + EVENT_EVERY;
    let within = next.duration_since(now) <= EVENT_EVERY * EVENT_BURST;
    if within {
        *rested_at = Some(next);
    }
    within
}

/// A site of 50 cameras at which everything moves at once is told; a camera that chatters all day is not.
const EVENT_BURST: u32 = 200;
const EVENT_EVERY: Duration = Duration::from_millis(50);
const LONGEST_SOURCE: usize = 120;
