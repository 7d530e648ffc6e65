use std::{sync::Arc, time::Duration};

use crate::{
    guardian::Shared,
    ledger::{Input, Refusal, Ticket, Verdict},
};

/// The right to one session with a device. Dropped, the session is over.
#[must_use = "a permit that is dropped is a session that is over"]
pub struct Permit(Held);

/// A session that is over here. Dropped without [`Leaving::over`], it counts at the device until its time is up.
#[must_use = "a device counts a session until its TEARDOWN was answered"]
pub struct Leaving(Held);

struct Held {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
}

impl Permit {
    pub(crate) fn new(shared: Arc<Shared>, ticket: Ticket) -> Self {
        Self(Held { shared, ticket: Some(ticket) })
    }

    /// The device serves it: its secret works.
    pub fn opened(&self) {
        if let Some(ticket) = self.0.ticket {
            self.0.shared.input(Input::Opened { ticket });
        }
    }

    /// The device does not serve it; says what that means.
    pub fn refused(mut self, refusal: Refusal) -> Verdict {
        match self.0.ticket.take() {
            Some(ticket) => self.0.shared.refused(ticket, refusal),
            None => Verdict::Other,
        }
    }

    /// The session is over here; at the device at the latest `at_most` from now.
    pub fn leave(mut self, at_most: Duration) -> Leaving {
        let ticket = self.0.ticket.take();
        if let Some(ticket) = ticket {
            self.0.shared.input(Input::Left { ticket, at_most });
        }
        Leaving(Held { shared: Arc::clone(&self.0.shared), ticket })
    }
}

impl Leaving {
    /// The device knows that it is over.
    pub fn over(self) {
        if let Some(ticket) = self.0.ticket {
            self.0.shared.input(Input::Gone { ticket });
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ticket) = self.0.ticket.take() {
            self.0.shared.input(Input::Gone { ticket });
        }
    }
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Permit")
    }
}
