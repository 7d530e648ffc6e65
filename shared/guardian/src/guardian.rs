use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sluice_ids::UnixMillis;
use sluice_runtime::Clock;
use sluice_wire::control::{HeldSession, SessionKind};
use tokio::sync::{oneshot, watch};

use crate::{
    device::{Device, Fingerprint, Fingerprints},
    ledger::{Ask, Denied, Input, Ledger, Output, Refusal, Ticket, Verdict},
    permit::Permit,
};

/// What a guardian allows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Streams that are opened at once, over all devices.
    pub ramp: usize,
    /// How long one waits for its turn.
    pub patience: Duration,
    /// Sessions held, wished for and left, over all devices; more are denied.
    pub entries: usize,
}

impl Default for Limits {
    /// Eight opens at once are about one core's worth of handshakes, and fifty cameras' within seconds.
    fn default() -> Self {
        Self { ramp: 8, patience: Duration::from_secs(60), entries: 8_192 }
    }
}

/// The handle of the ledger, cheap to clone. It has no task: who waits wakes it.
#[derive(Clone)]
pub struct Guardian(Arc<Shared>);

pub(crate) struct Shared {
    clock: Clock,
    prints: Fingerprints,
    /// Locked for a moment, never across an await.
    book: Mutex<Book>,
    changed: watch::Sender<u64>,
}

struct Book {
    ledger: Ledger,
    issued: Ticket,
    waiting: BTreeMap<Ticket, oneshot::Sender<Result<(), Denied>>>,
}

/// A wish that is withdrawn when nobody waits for it any more.
struct Waiting {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
}

impl Guardian {
    /// A guardian with an empty ledger.
    #[must_use]
    pub fn new(clock: Clock, limits: Limits) -> Self {
        let book = Book { ledger: Ledger::new(limits), issued: 0, waiting: BTreeMap::new() };
        let (changed, _) = watch::channel(0);
        Self(Arc::new(Shared { clock, prints: Fingerprints::default(), book: Mutex::new(book), changed }))
    }

    /// Waits for the right to ask a device. Dropping the future withdraws the wish.
    ///
    /// # Errors
    /// When the device must not be asked, or not now.
    pub async fn admit(&self, ask: Ask) -> Result<Permit, Denied> {
        let (answer, mut answered) = oneshot::channel();
        let mut changed = self.0.changed.subscribe();
        let mut waiting = Waiting { shared: Arc::clone(&self.0), ticket: Some(self.0.ask(ask, answer)) };
        loop {
            let deadline = self.0.book().ledger.deadline();
            tokio::select! { biased;
                answer = &mut answered => {
                    // Only a guardian that is gone drops the answer, and this future holds it.
                    answer.unwrap_or(Err(Denied::Busy)).inspect_err(|_| waiting.ticket = None)?;
                    let ticket = waiting.ticket.take().expect("an admitted wish has its ticket");
                    return Ok(Permit::new(Arc::clone(&self.0), ticket));
                }
                _ = changed.changed() => {}
                () = self.0.clock.sleep_until(deadline) => self.0.input(Input::Woke),
            }
        }
    }

    /// The fingerprint of a user and a password in this process.
    #[must_use]
    pub fn fingerprint(&self, username: &str, password: &str) -> Fingerprint {
        self.0.prints.of(username, password)
    }

    /// Whether a device refused a secret as often as it may.
    #[must_use]
    pub fn is_locked(&self, device: &Device, kind: SessionKind, secret: Fingerprint) -> bool {
        self.0.book().ledger.is_locked(device, kind, secret)
    }

    /// How many streams somebody says that a device serves; `None` to learn it.
    pub fn set_budget(&self, device: &Device, budget: Option<u32>) {
        self.0.input(Input::BudgetSet { device: device.clone(), budget });
    }

    /// How many streams a device serves, as set or learnt; `None` if not known.
    #[must_use]
    pub fn budget(&self, device: &Device) -> Option<u32> {
        self.0.book().ledger.budget(device)
    }

    /// What answers at `at` is the device known as `key`: both have one ledger from now on.
    pub fn recognise(&self, at: &Device, key: &str) {
        self.0.input(Input::Recognised { at: at.clone(), key: Device::known(key) });
    }

    /// Who holds a device's sessions, and who waits for one.
    #[must_use]
    pub fn sessions(&self, device: &Device) -> Vec<HeldSession> {
        let (now, wall) = (self.0.clock.now(), self.0.clock.unix_millis());
        let book = self.0.book();
        let held = book.ledger.sessions(now, device).map(|entry| HeldSession {
            kind: entry.ask.kind,
            purpose: entry.ask.purpose.clone(),
            state: entry.state,
            since: UnixMillis(wall.saturating_sub(millis(now.saturating_duration_since(entry.since)))),
        });
        held.collect()
    }

    /// Whether any device is crowded.
    #[must_use]
    pub fn is_anybody_crowded(&self) -> bool {
        let (now, book) = (self.0.clock.now(), self.0.book());
        !book.ledger.crowded(now).is_empty()
    }

    /// Whether somebody waits to watch a stream of this device while others use all its sessions.
    #[must_use]
    pub fn is_crowded(&self, device: &Device) -> bool {
        let (now, book) = (self.0.clock.now(), self.0.book());
        book.ledger.crowded(now).contains(&book.ledger.known_as(device))
    }

    /// Counts changes of the ledger.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }
}

impl fmt::Debug for Guardian {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guardian")
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, ask: Ask, answer: oneshot::Sender<Result<(), Denied>>) -> Ticket {
        let ticket = {
            let mut book = self.book();
            book.issued += 1;
            let ticket = book.issued;
            book.waiting.insert(ticket, answer);
            ticket
        };
        self.input(Input::Asked { ticket, ask });
        ticket
    }

    pub(crate) fn input(&self, input: Input) {
        let woke = matches!(input, Input::Woke);
        let outputs = self.book().handle(self.clock, input);
        if !woke || outputs > 0 {
            self.changed.send_modify(|changes| *changes += 1);
        }
    }

    /// [`Input::Refused`], and what came of it.
    pub(crate) fn refused(&self, ticket: Ticket, refusal: Refusal) -> Verdict {
        let verdict = {
            let mut book = self.book();
            book.ledger.handle(self.clock.now(), Input::Refused { ticket, refusal });
            book.tell().1.unwrap_or(Verdict::Other)
        };
        self.changed.send_modify(|changes| *changes += 1);
        verdict
    }
}

impl Book {
    fn handle(&mut self, clock: Clock, input: Input) -> usize {
        if let Input::Gone { ticket } = &input {
            self.waiting.remove(ticket);
        }
        self.ledger.handle(clock.now(), input);
        self.tell().0
    }

    /// Tells who waits what was decided: how much, and the verdict if one was asked for.
    fn tell(&mut self) -> (usize, Option<Verdict>) {
        let (mut count, mut judged) = (0, None);
        while let Some(output) = self.ledger.poll() {
            count += 1;
            let (ticket, answer) = match output {
                Output::Admit(ticket) => (ticket, Ok(())),
                Output::Deny(ticket, denied) => (ticket, Err(denied)),
                Output::Judge(_, verdict) => {
                    judged = Some(verdict);
                    continue;
                }
            };
            if let Some(waiting) = self.waiting.remove(&ticket) {
                // Who does not wait any more withdraws the ticket itself.
                let _ = waiting.send(answer);
            }
        }
        (count, judged)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.input(Input::Gone { ticket });
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
