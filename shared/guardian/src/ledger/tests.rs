use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::device::Fingerprints;

const MINUTE: Duration = Duration::from_secs(60);

struct Site {
    ledger: Ledger,
    now: Instant,
    issued: Ticket,
    prints: Fingerprints,
}

impl Site {
    fn new() -> Self {
        Self::limited(Limits::default())
    }

    #[expect(clippy::disallowed_methods, reason = "an arbitrary beginning")]
    fn limited(limits: Limits) -> Self {
        Self { ledger: Ledger::new(limits), now: Instant::now(), issued: 0, prints: Fingerprints::default() }
    }

    fn step(&mut self, input: Input) -> Vec<Output> {
        self.ledger.handle(self.now, input);
        std::iter::from_fn(|| self.ledger.poll()).collect()
    }

    fn ask(&mut self, ask: Ask) -> (Ticket, Vec<Output>) {
        self.issued += 1;
        let ticket = self.issued;
        (ticket, self.step(Input::Asked { ticket, ask }))
    }

    /// Asks for a stream and gets it at once.
    fn open(&mut self, device: &Device, password: &str) -> Ticket {
        let (ticket, outputs) = self.stream(device, password);
        assert_eq!(outputs, [Output::Admit(ticket)]);
        self.step(Input::Opened { ticket });
        ticket
    }

    fn stream(&mut self, device: &Device, password: &str) -> (Ticket, Vec<Output>) {
        let secret = self.prints.of("admin", password);
        self.ask(Ask::stream(device.clone(), "main").with(Some(secret)))
    }

    fn question(&mut self, device: &Device, password: &str) -> (Ticket, Vec<Output>) {
        let secret = self.prints.of("admin", password);
        self.ask(Ask::question(device.clone(), "profiles").with(Some(secret)))
    }

    fn refuse(&mut self, ticket: Ticket, refusal: Refusal) -> Verdict {
        let outputs = self.step(Input::Refused { ticket, refusal });
        let judge = |output: &Output| match output {
            Output::Judge(judged, verdict) if *judged == ticket => Some(*verdict),
            _ => None,
        };
        outputs.iter().find_map(judge).expect("a refusal is judged")
    }

    fn pass(&mut self, span: Duration) -> Vec<Output> {
        self.now += span;
        self.step(Input::Woke)
    }
}

fn device(n: u8) -> Device {
    Device::at(&format!("rtsp://10.0.0.{n}/stream").parse().unwrap())
}

#[test]
fn a_secret_that_was_refused_twice_is_not_shown_again_and_another_one_is() {
    let (mut site, device) = (Site::new(), device(1));
    for locked in [false, true] {
        let (ticket, outputs) = site.stream(&device, "wrong");
        assert_eq!(outputs, [Output::Admit(ticket)]);
        assert_eq!(site.refuse(ticket, Refusal::Auth), Verdict::Wrong { locked });
    }
    let (ticket, outputs) = site.stream(&device, "wrong");
    assert_eq!(outputs, [Output::Deny(ticket, Denied::Locked)]);
    let (ticket, outputs) = site.question(&device, "wrong");
    assert_eq!(outputs, [Output::Deny(ticket, Denied::Locked)], "nor over ONVIF");
    site.open(&device, "right");
    let elsewhere = super::tests::device(2);
    let (ticket, outputs) = site.stream(&elsewhere, "wrong");
    assert_eq!(outputs, [Output::Admit(ticket)], "another device may take it");
}

#[test]
fn an_unknown_secret_is_shown_in_one_place_at_a_time() {
    let (mut site, device) = (Site::new(), device(1));
    let (first, outputs) = site.stream(&device, "x");
    assert_eq!(outputs, [Output::Admit(first)]);
    let (second, outputs) = site.stream(&device, "x");
    assert!(outputs.is_empty());
    let (third, outputs) = site.question(&device, "x");
    assert!(outputs.is_empty());
    let outputs = site.step(Input::Opened { ticket: first });
    assert_eq!(outputs, [Output::Admit(second), Output::Admit(third)], "it works: everybody may");
}

#[test]
fn a_camera_without_this_onvif_user_still_plays() {
    let (mut site, device) = (Site::new(), device(1));
    let (first, _) = site.question(&device, "x");
    let (stream, outputs) = site.stream(&device, "x");
    assert!(outputs.is_empty());
    assert_eq!(
        site.refuse(first, Refusal::Auth),
        Verdict::Wrong { locked: true },
        "the other attempt is the stream's"
    );
    let (again, outputs) = site.question(&device, "x");
    assert_eq!(outputs, [Output::Deny(again, Denied::Locked)]);
    site.step(Input::Opened { ticket: stream });
    let (question, outputs) = site.question(&device, "x");
    assert_eq!(outputs, [Output::Admit(question)], "a secret that works for streams is worth two questions");
}

#[test]
fn a_budget_is_learnt_from_a_refusal_and_one_more_is_tried_later() {
    let (mut site, device) = (Site::new(), device(1));
    let held = [site.open(&device, "x"), site.open(&device, "x")];
    let (third, _) = site.stream(&device, "x");
    assert_eq!(site.refuse(third, Refusal::Sessions), Verdict::Exhausted);
    assert_eq!(site.ledger.budget(&device), Some(2));
    let (fourth, outputs) = site.stream(&device, "x");
    assert!(outputs.is_empty());
    assert_eq!(site.pass(BUDGET_PATIENCE), [Output::Deny(fourth, Denied::Exhausted { budget: 2 })]);
    // Somebody leaves: whoever waits is next, once the camera has forgotten the session.
    let (fifth, _) = site.stream(&device, "x");
    assert!(site.step(Input::Left { ticket: held[0], at_most: MINUTE }).is_empty());
    assert_eq!(site.step(Input::Gone { ticket: held[0] }), [Output::Admit(fifth)]);
    site.step(Input::Opened { ticket: fifth });
    site.pass(2 * MINUTE);
    let more = site.open(&device, "x");
    assert_eq!(site.ledger.budget(&device), Some(3), "it serves more than was thought");
    site.step(Input::Gone { ticket: more });
}

#[test]
fn who_watches_goes_before_what_is_kept_warm() {
    let (mut site, device) = (Site::new(), device(1));
    site.step(Input::BudgetSet { device: device.clone(), budget: Some(1) });
    let held = site.open(&device, "x");
    let secret = Some(site.prints.of("admin", "x"));
    let (warm, _) = site.ask(Ask::stream(device.clone(), "sub").with(secret));
    assert!(site.ledger.crowded(site.now).is_empty());
    let (watched, _) = site.ask(Ask::stream(device.clone(), "main").with(secret).watched(true));
    assert_eq!(site.ledger.crowded(site.now), [device]);
    assert_eq!(site.step(Input::Gone { ticket: held }), [Output::Admit(watched)]);
    assert!(site.ledger.crowded(site.now).is_empty());
    assert_eq!(site.pass(BUDGET_PATIENCE), [Output::Deny(warm, Denied::Exhausted { budget: 1 })]);
}

#[test]
fn a_refusal_while_nothing_is_held_teaches_nothing() {
    let (mut site, device) = (Site::new(), device(1));
    let (ticket, _) = site.stream(&device, "x");
    assert_eq!(site.refuse(ticket, Refusal::Sessions), Verdict::Exhausted);
    assert_eq!(site.ledger.budget(&device), None);
    site.open(&device, "x");
}

#[test]
fn a_budget_that_somebody_set_is_kept() {
    let (mut site, device) = (Site::new(), device(1));
    site.step(Input::BudgetSet { device: device.clone(), budget: Some(1) });
    site.open(&device, "x");
    let (second, outputs) = site.stream(&device, "x");
    assert!(outputs.is_empty());
    assert_eq!(site.step(Input::BudgetSet { device, budget: Some(2) }), [Output::Admit(second)]);
}

#[test]
fn a_working_secret_that_is_refused_under_load_means_that_no_session_is_left() {
    let (mut site, device) = (Site::new(), device(1));
    let held = site.open(&device, "x");
    for _ in 0..5 {
        let (ticket, outputs) = site.stream(&device, "x");
        assert_eq!(outputs, [Output::Admit(ticket)]);
        assert_eq!(site.refuse(ticket, Refusal::Auth), Verdict::Exhausted);
        let (ticket, _) = site.stream(&device, "x");
        assert_eq!(site.pass(BUDGET_PATIENCE), [Output::Deny(ticket, Denied::Exhausted { budget: 1 })]);
        site.pass(31 * MINUTE);
    }
    site.step(Input::Gone { ticket: held });
    let (ticket, _) = site.stream(&device, "x");
    assert_eq!(site.refuse(ticket, Refusal::Auth), Verdict::Wrong { locked: false }, "nobody else is there");
}

#[test]
fn a_password_that_was_changed_is_told_although_the_camera_may_not_have_forgotten_the_sessions_it_ended() {
    let (mut site, device) = (Site::new(), device(1));
    for ticket in [site.open(&device, "old"), site.open(&device, "old")] {
        site.step(Input::Left { ticket, at_most: MINUTE });
    }
    let (ticket, outputs) = site.stream(&device, "old");
    assert_eq!(outputs, [Output::Admit(ticket)]);
    assert_eq!(site.refuse(ticket, Refusal::Auth), Verdict::Wrong { locked: false });
}

#[test]
fn a_session_that_is_left_counts_until_its_time_is_up() {
    let (mut site, device) = (Site::new(), device(1));
    site.step(Input::BudgetSet { device: device.clone(), budget: Some(1) });
    let held = site.open(&device, "x");
    site.step(Input::Left { ticket: held, at_most: Duration::from_secs(4) });
    let (next, outputs) = site.stream(&device, "x");
    assert!(outputs.is_empty());
    assert_eq!(site.ledger.deadline(), Some(site.now + Duration::from_secs(4)));
    assert_eq!(site.pass(Duration::from_secs(4)), [Output::Admit(next)]);
}

#[test]
fn who_is_known_by_another_name_has_one_ledger() {
    let mut site = Site::new();
    let (here, there, key) = (device(1), device(2), Device::known("02:00"));
    site.open(&here, "x");
    site.step(Input::Recognised { at: here.clone(), key: key.clone() });
    site.step(Input::Recognised { at: there.clone(), key });
    site.open(&there, "x");
    assert_eq!(site.ledger.sessions(site.now, &here).count(), 2);
    assert_eq!(site.ledger.sessions(site.now, &there).count(), 2);
}

/// A camera of a site, as its sources behave: tries, rests, tries again.
struct Client {
    device: Device,
    next_at: Instant,
    failures: u32,
    ticket: Option<Ticket>,
    /// When the camera answers the attempt.
    answer_at: Option<Instant>,
    playing: bool,
}

/// Runs clients against cameras that answer as `camera` says, for so long. Gives the attempts and the highest number
/// of opens at once.
fn run(
    site: &mut Site,
    clients: &mut [Client],
    span: Duration,
    password: &str,
    camera: impl Fn(Instant) -> Result<Duration, (Duration, Refusal)>,
) -> (usize, usize) {
    let (end, mut attempts, mut most) = (site.now + span, 0, 0);
    while site.now < end {
        site.now += Duration::from_millis(50);
        let mut outputs = site.step(Input::Woke);
        for client in clients.iter_mut() {
            if client.answer_at.is_some_and(|at| site.now >= at)
                && let Some(ticket) = client.ticket
            {
                client.answer_at = None;
                match camera(site.now) {
                    Ok(_) => {
                        client.playing = true;
                        outputs.extend(site.step(Input::Opened { ticket }));
                    }
                    Err((_, refusal)) => {
                        client.ticket = None;
                        client.failures += 1;
                        let rest = Duration::from_millis(500 << client.failures.min(6));
                        client.next_at = site.now + rest;
                        outputs.extend(site.step(Input::Refused { ticket, refusal }));
                    }
                }
            } else if client.ticket.is_none() && site.now >= client.next_at {
                let (ticket, more) = site.stream(&client.device, password);
                client.ticket = Some(ticket);
                outputs.extend(more);
            }
        }
        for output in outputs {
            match output {
                Output::Admit(ticket) => {
                    attempts += 1;
                    let takes = match camera(site.now) {
                        Ok(takes) | Err((takes, _)) => takes,
                    };
                    let asked = clients.iter_mut().find(|client| client.ticket == Some(ticket));
                    asked.unwrap().answer_at = Some(site.now + takes);
                }
                Output::Deny(ticket, _) => {
                    let asked = clients.iter_mut().find(|client| client.ticket == Some(ticket)).unwrap();
                    (asked.ticket, asked.next_at) = (None, site.now + Duration::from_secs(30));
                }
                Output::Judge(..) => {}
            }
        }
        most = most.max(clients.iter().filter(|client| client.answer_at.is_some()).count());
    }
    (attempts, most)
}

fn clients(site: &Site, devices: u8, tiers: usize) -> Vec<Client> {
    let of = |n: u8| (0..tiers).map(move |_| n);
    let client = |n: u8| Client {
        device: device(n),
        next_at: site.now,
        failures: 0,
        ticket: None,
        answer_at: None,
        playing: false,
    };
    (1..=devices).flat_map(of).map(client).collect()
}

#[test]
fn a_wrong_password_left_in_for_an_hour_is_shown_to_a_camera_twice() {
    let mut site = Site::new();
    let mut all = clients(&site, 1, 3);
    let refuses = |_| Err((Duration::from_millis(80), Refusal::Auth));
    let (attempts, _) = run(&mut site, &mut all, 60 * MINUTE, "wrong", refuses);
    assert_eq!(attempts, 2, "for all tiers together");
}

#[test]
fn fifty_cameras_that_come_back_from_a_power_cut_play_within_a_minute_and_nobody_is_locked_out() {
    let mut site = Site::new();
    let mut all = clients(&site, 50, 1);
    let back = site.now + 3 * MINUTE;
    let camera = |now: Instant| match now < back {
        true => Err((Duration::from_secs(3), Refusal::Other)),
        false => Ok(Duration::from_millis(900)),
    };
    let (_, most) = run(&mut site, &mut all, 4 * MINUTE, "right", camera);
    assert!(most <= Limits::default().ramp, "{most}");
    assert!(all.iter().all(|client| client.playing), "all of them play a minute after their return");
}

#[derive(Debug, Clone)]
enum Event {
    Ask { device: u8, secret: u8, stream: bool },
    Answer { pick: u8, outcome: u8 },
    Leave { pick: u8 },
    Pass { seconds: u16 },
    Budget { device: u8, budget: u8 },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..5u8, 0..4u8, any::<bool>())
            .prop_map(|(device, secret, stream)| Event::Ask { device, secret, stream }),
        4 => (any::<u8>(), 0..5u8).prop_map(|(pick, outcome)| Event::Answer { pick, outcome }),
        1 => any::<u8>().prop_map(|pick| Event::Leave { pick }),
        2 => (0..4_000u16).prop_map(|seconds| Event::Pass { seconds }),
        1 => (1..5u8, 0..4u8).prop_map(|(device, budget)| Event::Budget { device, budget }),
    ]
}

proptest! {
    /// Whatever devices answer: no more opens at once than the ramp, each wish is answered once, none waits longer than
    /// the patience, and a secret that never worked is refused twice at most.
    #[test]
    fn a_ledger_never_harms_a_camera(events in proptest::collection::vec(event(), 0..250)) {
        let limits = Limits { ramp: 3, ..Limits::default() };
        let mut site = Site::limited(limits);
        let mut asked: BTreeMap<Ticket, (u8, u8, bool, Instant)> = BTreeMap::new();
        let (mut opening, mut open) = (BTreeSet::new(), BTreeSet::new());
        let mut refused: BTreeMap<(u8, u8), u32> = BTreeMap::new();
        let mut worked: BTreeSet<(u8, u8)> = BTreeSet::new();
        for event in events {
            let outputs = match event {
                Event::Ask { device: n, secret, stream } => {
                    let password = format!("p{secret}");
                    let began = site.now;
                    let (ticket, outputs) = match stream {
                        true => site.stream(&device(n), &password),
                        false => site.question(&device(n), &password),
                    };
                    asked.insert(ticket, (n, secret, stream, began));
                    outputs
                }
                Event::Answer { pick, outcome } if !opening.is_empty() => {
                    let ticket = *opening.iter().nth(usize::from(pick) % opening.len()).unwrap();
                    opening.remove(&ticket);
                    let (n, secret, ..) = asked[&ticket];
                    match outcome {
                        0 | 1 => {
                            open.insert(ticket);
                            worked.insert((n, secret));
                            refused.remove(&(n, secret));
                            site.step(Input::Opened { ticket })
                        }
                        2 => site.step(Input::Refused { ticket, refusal: Refusal::Sessions }),
                        3 => site.step(Input::Refused { ticket, refusal: Refusal::Other }),
                        _ => {
                            *refused.entry((n, secret)).or_default() += 1;
                            site.step(Input::Refused { ticket, refusal: Refusal::Auth })
                        }
                    }
                }
                Event::Leave { pick } if !open.is_empty() => {
                    let ticket = *open.iter().nth(usize::from(pick) % open.len()).unwrap();
                    open.remove(&ticket);
                    site.step(Input::Left { ticket, at_most: MINUTE })
                }
                Event::Answer { .. } | Event::Leave { .. } => Vec::new(),
                Event::Pass { seconds } => site.pass(Duration::from_secs(u64::from(seconds))),
                Event::Budget { device: n, budget } => {
                    let budget = (budget > 0).then_some(u32::from(budget));
                    site.step(Input::BudgetSet { device: device(n), budget })
                }
            };
            for output in outputs {
                match output {
                    Output::Admit(ticket) => prop_assert!(opening.insert(ticket)),
                    Output::Deny(ticket, _) => {
                        prop_assert!(!opening.contains(&ticket) && asked.remove(&ticket).is_some());
                    }
                    Output::Judge(ticket, _) => prop_assert!(asked.remove(&ticket).is_some()),
                }
            }
            let streams = opening.iter().filter(|ticket| asked[ticket].2).count();
            prop_assert!(streams <= limits.ramp, "{streams} at once");
            for (pair, count) in &refused {
                prop_assert!(worked.contains(pair) || *count <= 2, "{pair:?} was refused {count} times");
            }
            for (ticket, (.., began)) in &asked {
                let waits = !opening.contains(ticket) && !open.contains(ticket);
                let held = site.ledger.entries.get(ticket).is_some_and(|entry| entry.state == SessionState::Waiting);
                prop_assert!(!(waits && held) || site.now - *began < limits.patience);
            }
        }
    }
}
