//! What becomes of a session's tier while it runs.

use std::time::Instant;

use sluice_ids::{SessionId, Tier};
use sluice_wire::node::StayReason;

use super::{Book, Order, Phase};
use crate::{decide::Protocol, tiers::Turn};

impl Book {
    /// The node says that the viewer sees this tier.
    pub(crate) fn tier_switched(&mut self, at: Instant, id: SessionId, tier: Tier) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Some(choice) = &mut entry.tier else { return };
        choice.arrived(tier);
        if entry.view.tier != tier {
            entry.view.tier = tier;
            let told = Order::Retiered(Box::new(entry.view.clone()), choice.why().to_vec());
            self.orders.push_back(told);
        }
        self.look(at, id);
    }

    /// The node says that the viewer does not come to this tier.
    pub(crate) fn tier_stayed(&mut self, at: Instant, id: SessionId, (tier, why): (Tier, StayReason)) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Some(choice) = &mut entry.tier else { return };
        let absent = why == StayReason::Absent;
        if choice.stayed(at, tier, absent) && !absent {
            let told = Order::Kept(Box::new(entry.view.clone()), Vec::new(), Some(why));
            self.orders.push_back(told);
        }
        // One whose viewer is not there is looked at when it is.
        if !absent {
            self.look(at, id);
        }
    }

    /// Looks at the tiers of sessions where it is time to.
    pub(super) fn look_again(&mut self, at: Instant) {
        while let Some(&(due, id)) = self.looks.first().filter(|(due, _)| *due <= at) {
            self.looks.remove(&(due, id));
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.look_at = None;
            }
            self.look(at, id);
        }
    }

    /// Decides again which tier a session that plays is to show.
    pub(super) fn look(&mut self, at: Instant, id: SessionId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        // What nobody sees is not moved; it is looked at when somebody does.
        let plays = entry.view.phase == Phase::Connected && entry.view.hints.visible != Some(false);
        let Some(choice) = entry.tier.as_mut().filter(|_| plays) else { return };
        let by_node = entry.view.protocol == Protocol::Webrtc;
        match choice.look(at, &entry.view) {
            Turn::Keep => {}
            Turn::Because(why) => {
                self.orders.push_back(Order::Kept(Box::new(entry.view.clone()), why, None));
            }
            Turn::Show(tier, _) if by_node => self.orders.push_back(Order::Show(id, tier)),
            // A player of HLS moves by itself, with a fresh way in: what it renews is of the new tier.
            Turn::Show(tier, why) => {
                choice.arrived(tier);
                entry.view.tier = tier;
                self.orders.push_back(Order::Lease(entry.view.camera, tier));
                self.orders.push_back(Order::Retiered(Box::new(entry.view.clone()), why));
            }
        }
        let next = choice.deadline();
        if entry.look_at != next {
            if let Some(before) = std::mem::replace(&mut entry.look_at, next) {
                self.looks.remove(&(before, id));
            }
            self.looks.extend(next.map(|next| (next, id)));
        }
    }
}
