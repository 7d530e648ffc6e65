use proptest::prelude::*;

use super::*;

struct Site {
    inventory: Inventory,
    now: Instant,
    wall: i64,
}

impl Site {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary beginning")]
    fn new() -> Self {
        Self { inventory: Inventory::default(), now: Instant::now(), wall: 1_000 }
    }

    fn step(&mut self, input: Input) -> Vec<Output> {
        self.inventory.handle(self.now, UnixMillis(self.wall), input);
        std::iter::from_fn(|| self.inventory.poll()).collect()
    }

    fn sight(&mut self, endpoint: &str, host: &str) -> Vec<Output> {
        self.step(Input::Sighted(sighting(endpoint, host)))
    }

    fn pass(&mut self, seconds: u64) -> Vec<Output> {
        self.now += Duration::from_secs(seconds);
        self.wall += i64::try_from(seconds).unwrap() * 1_000;
        self.step(Input::Woke)
    }

    fn understand(&mut self, id: Id, host: &str, hardware_address: &str) -> Vec<Output> {
        let result = Ok((url(host), vec![camera(0, hardware_address)]));
        self.step(Input::Answered(Answered { id, result, stayed: false }))
    }

    fn fail(&mut self, id: Id, why: NotUnderstood) -> Vec<Output> {
        self.step(Input::Answered(Answered { id, result: Err(why), stayed: false }))
    }

    fn found(&self) -> Vec<FoundCamera> {
        self.inventory.found(false).cameras
    }

    fn only(&self) -> FoundCamera {
        let all = self.found();
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].clone()
    }
}

fn url(host: &str) -> Url {
    format!("http://{host}/onvif/device_service").parse().unwrap()
}

fn sighting(endpoint: &str, host: &str) -> Sighting {
    Sighting {
        endpoint: endpoint.to_owned(),
        places: vec![url(host)],
        name: "Hall".to_owned(),
        hardware: "X1".to_owned(),
        how: How::Probe,
    }
}

fn camera(channel: u32, hardware_address: &str) -> FoundCamera {
    FoundCamera { channel, hardware_address: hardware_address.to_owned(), ..FoundCamera::default() }
}

fn asked(outputs: &[Output]) -> Vec<(Id, String)> {
    let ask = |output: &Output| match output {
        Output::Ask { id, places, .. } => Some((*id, places[0].host_str().unwrap().to_owned())),
        Output::Forget { .. } => None,
    };
    outputs.iter().filter_map(ask).collect()
}

#[test]
fn a_device_that_answers_is_asked_once_and_told() {
    let mut site = Site::new();
    assert_eq!(asked(&site.sight("urn:1", "10.0.0.5")), [(1, "10.0.0.5".to_owned())]);
    let shown = site.only();
    assert_eq!((shown.key.as_str(), shown.state, shown.name.as_str()), ("urn:1", FoundState::Asking, "Hall"));
    assert!(site.sight("urn:1", "10.0.0.5").is_empty(), "it is being asked");
    assert!(site.understand(1, "10.0.0.5", "02:00").is_empty());
    let shown = site.only();
    assert_eq!((shown.state, shown.xaddr.as_str()), (FoundState::Understood, url("10.0.0.5").as_str()));
    let revision = site.inventory.revision();
    for _ in 0..100 {
        assert!(site.pass(120).is_empty() && site.sight("urn:1", "10.0.0.5").is_empty());
    }
    assert_eq!(site.inventory.revision(), revision, "to be seen again is no news");
    assert_eq!(asked(&site.pass(12_000)).len(), 1, "after six hours it is asked again");
}

#[test]
fn eight_are_asked_at_once_and_the_others_in_turn() {
    let mut site = Site::new();
    let mut running: Vec<Id> = Vec::new();
    for n in 0..30 {
        running.extend(
            asked(&site.sight(&format!("urn:{n}"), &format!("10.0.0.{n}"))).iter().map(|(id, _)| *id),
        );
    }
    assert_eq!(running.len(), ASKED_AT_ONCE);
    let mut done = 0;
    while let Some(id) = running.pop() {
        let next = site.understand(id, &format!("10.0.0.{}", id - 1), &format!("02:{id}"));
        running.extend(asked(&next).iter().map(|(id, _)| *id));
        assert!(running.len() <= ASKED_AT_ONCE);
        done += 1;
    }
    assert_eq!(done, 30);
    assert!(site.found().iter().all(|camera| camera.state == FoundState::Understood));
}

#[test]
fn a_camera_at_another_address_stays_the_same_camera() {
    let mut site = Site::new();
    site.sight("urn:1", "10.0.0.5");
    site.understand(1, "10.0.0.5", "02:00");
    let orders = site.sight("urn:1", "10.0.0.77");
    let [Output::Ask { places, before: Some(before), .. }] = &orders[..] else { panic!("{orders:?}") };
    assert_eq!((places[0].host_str(), before.host_str()), (Some("10.0.0.77"), Some("10.0.0.5")));
    assert_eq!(site.only().xaddr, url("10.0.0.5").as_str(), "not believed yet");
    site.understand(1, "10.0.0.77", "02:00");
    let shown = site.only();
    assert_eq!((shown.key.as_str(), shown.xaddr.as_str()), ("urn:1", url("10.0.0.77").as_str()));
}

#[test]
fn a_camera_that_moves_while_it_is_being_asked_is_asked_again_at_once() {
    let mut site = Site::new();
    site.sight("urn:1", "10.0.0.5");
    site.understand(1, "10.0.0.5", "02:00");
    assert_eq!(asked(&site.step(Input::Left("urn:1".to_owned()))).len(), 1);
    assert!(site.sight("urn:1", "10.0.0.77").is_empty(), "one question at a time");
    assert_eq!(asked(&site.fail(1, NotUnderstood::Unreachable)), [(1, "10.0.0.77".to_owned())]);
}

#[test]
fn whoever_says_to_be_a_camera_that_still_answers_is_not_believed_and_told() {
    let mut site = Site::new();
    site.sight("urn:1", "10.0.0.5");
    site.understand(1, "10.0.0.5", "02:00");
    site.sight("urn:1", "10.0.0.66");
    let result = Err(NotUnderstood::NeedsCredentials);
    assert!(site.step(Input::Answered(Answered { id: 1, result, stayed: true })).is_empty());
    let shown = site.only();
    assert_eq!((shown.state, shown.xaddr.as_str()), (FoundState::Understood, url("10.0.0.5").as_str()));
    assert!(shown.text.contains("another device"), "{}", shown.text);
}

#[test]
fn a_new_name_for_a_known_hardware_address_is_the_known_camera() {
    let mut site = Site::new();
    site.sight("urn:first", "10.0.0.5");
    site.understand(1, "10.0.0.5", "02:00");
    assert_eq!(asked(&site.sight("urn:second", "10.0.0.5")), [(2, "10.0.0.5".to_owned())]);
    let orders = site.understand(2, "10.0.0.5", "02:00");
    assert_eq!(orders, [Output::Forget { id: 2 }]);
    let shown = site.only();
    assert_eq!((shown.key.as_str(), shown.state), ("urn:first", FoundState::Understood));
    assert!(site.sight("urn:second", "10.0.0.5").is_empty(), "it goes by its new name");
    assert_eq!(site.found().len(), 1);
}

#[test]
fn another_device_at_a_known_address_is_told_and_is_not_shown_the_known_secret() {
    let mut site = Site::new();
    site.sight("urn:1", "10.0.0.5");
    site.fail(1, NotUnderstood::NeedsCredentials);
    site.step(Input::Opened {
        id: 1,
        credential: "cred".to_owned(),
        place: url("10.0.0.5"),
        cameras: vec![camera(0, "02:00")],
    });
    assert_eq!(asked(&site.pass(7 * 3_600)).len(), 1);
    site.understand(1, "10.0.0.5", "02:99");
    let shown = site.only();
    assert_eq!((shown.state, shown.hardware_address.as_str()), (FoundState::Changed, "02:00"));
    let orders = site.pass(2 * 3_600);
    assert!(matches!(&orders[..], [Output::Ask { credential, .. }] if credential.is_empty()), "{orders:?}");
    // Somebody opens it as what it is now.
    site.step(Input::Opened {
        id: 1,
        credential: "other".to_owned(),
        place: url("10.0.0.5"),
        cameras: vec![camera(0, "02:99")],
    });
    assert_eq!(
        (site.only().state, site.only().hardware_address),
        (FoundState::Understood, "02:99".to_owned())
    );
}

#[test]
fn two_devices_that_answer_in_turn_at_one_place_are_two() {
    let mut site = Site::new();
    site.sight("urn:1", "10.0.0.5");
    site.understand(1, "10.0.0.5", "02:00");
    site.sight("urn:2", "10.0.0.5");
    site.understand(2, "10.0.0.5", "02:99");
    let states: Vec<_> = site.found().iter().map(|camera| (camera.key.clone(), camera.state)).collect();
    assert_eq!(
        states,
        [("urn:1".to_owned(), FoundState::Changed), ("urn:2".to_owned(), FoundState::Understood)]
    );
}

#[test]
fn the_channels_of_a_recorder_are_cameras_and_each_only_once() {
    let mut site = Site::new();
    site.sight("urn:1", "10.0.0.5");
    let cameras = vec![camera(1, "02:00"), camera(0, "02:00"), camera(1, "02:00")];
    let result = Ok((url("10.0.0.5"), cameras));
    site.step(Input::Answered(Answered { id: 1, result, stayed: false }));
    let channels: Vec<_> = site.found().iter().map(|camera| (camera.key.clone(), camera.channel)).collect();
    assert_eq!(channels, [("urn:1".to_owned(), 0), ("urn:1".to_owned(), 1)]);
}

#[test]
fn a_device_that_falls_silent_is_asked_before_it_is_called_so() {
    let mut site = Site::new();
    site.sight("urn:1", "10.0.0.5");
    site.understand(1, "10.0.0.5", "02:00");
    let mut asks = 0;
    for _ in 0..MISSED {
        site.pass(120);
        let began = site.now;
        asks += asked(&site.step(Input::RoundOver { began })).len();
    }
    assert_eq!(asks, 1);
    site.fail(1, NotUnderstood::Unreachable);
    assert_eq!(site.only().state, FoundState::Silent);
    assert_eq!(asked(&site.sight("urn:1", "10.0.0.5")).len(), 1, "it is back");
    site.understand(1, "10.0.0.5", "02:00");
    assert_eq!(site.only().state, FoundState::Understood);
}

#[test]
fn a_bye_is_believed_only_when_nobody_answers() {
    let mut site = Site::new();
    site.sight("urn:1", "10.0.0.5");
    site.understand(1, "10.0.0.5", "02:00");
    assert_eq!(asked(&site.step(Input::Left("urn:1".to_owned()))).len(), 1);
    site.understand(1, "10.0.0.5", "02:00");
    assert_eq!(site.only().state, FoundState::Understood);
    assert!(site.step(Input::Left("urn:nobody".to_owned())).is_empty());
    site.step(Input::Left("urn:1".to_owned()));
    site.fail(1, NotUnderstood::Unreachable);
    assert_eq!(site.only().state, FoundState::Silent);
}

#[test]
fn a_camera_that_wants_a_password_is_left_alone_until_one_fits() {
    let mut site = Site::new();
    site.sight("urn:1", "10.0.0.5");
    site.fail(1, NotUnderstood::NeedsCredentials);
    assert_eq!(site.only().state, FoundState::NeedsCredentials);
    for _ in 0..20 {
        assert!(site.pass(120).is_empty() && site.sight("urn:1", "10.0.0.5").is_empty());
    }
    site.step(Input::NotOpened { id: 1, text: "it refuses all 3 credentials".to_owned() });
    assert_eq!(
        (site.only().state, site.only().text.as_str()),
        (FoundState::Refused, "it refuses all 3 credentials")
    );
    let cameras = vec![camera(0, "02:00")];
    site.step(Input::Opened { id: 1, credential: "cred".to_owned(), place: url("10.0.0.5"), cameras });
    assert_eq!((site.only().state, site.only().credential.as_str()), (FoundState::Understood, "cred"));
    let orders = site.pass(7 * 3_600);
    assert!(matches!(&orders[..], [Output::Ask { credential, .. }] if credential == "cred"));
}

#[test]
fn an_address_that_somebody_named_becomes_the_device_that_answers_there() {
    let mut site = Site::new();
    let named = Sighting { endpoint: String::new(), how: How::Manual, ..sighting("", "10.0.0.5") };
    site.step(Input::Sighted(named));
    assert_eq!((site.only().key.as_str(), site.only().how), ("at 10.0.0.5:80", How::Manual));
    site.fail(1, NotUnderstood::NeedsCredentials);
    site.sight("urn:1", "10.0.0.5");
    assert_eq!(site.only().key, "at 10.0.0.5:80", "what people decided about it stays with it");
    assert_eq!(site.inventory.known("at 10.0.0.5:80").map(|(id, _)| id), Some(1));
}

fn registered(key: &str, host: &str, credential: &str, fresh: bool) -> Input {
    let (key, credential) = (key.to_owned(), credential.to_owned());
    Input::Registered(vec![Registered { key, place: url(host), credential, fresh }])
}

fn asked_with(outputs: &[Output]) -> Vec<&str> {
    let asked = outputs.iter().filter_map(|output| match output {
        Output::Ask { credential, .. } => Some(credential.as_str()),
        Output::Forget { .. } => None,
    });
    asked.collect()
}

#[test]
fn a_device_of_the_registry_is_asked_with_what_the_registry_has_for_it() {
    let mut site = Site::new();
    site.step(registered("urn:1", "10.0.0.5", "cred", true));
    assert_eq!(asked_with(&site.sight("urn:1", "10.0.0.77")), ["cred"], "wherever it is now");
    assert_eq!(site.only().credential, "", "it is not known yet whether that opens it");
    site.understand(1, "10.0.0.77", "02:00");
    assert_eq!((site.only().state, site.only().credential.as_str()), (FoundState::Understood, "cred"));
    assert_eq!(
        asked_with(&site.sight("urn:2", "10.0.0.5")),
        [""],
        "another one at its old address is another one"
    );
    // Known again, nothing changes; entered again, it is tried at once where it is not understood.
    assert!(site.step(registered("urn:1", "10.0.0.5", "cred", false)).is_empty());
    site.fail(2, NotUnderstood::NeedsCredentials);
    assert!(site.step(registered("urn:2", "10.0.0.5", "late", false)).is_empty());
    assert_eq!(asked_with(&site.step(registered("urn:2", "10.0.0.5", "late", true))), ["late"]);
    site.fail(2, NotUnderstood::Refused);
    assert_eq!(asked_with(&site.step(registered("urn:2", "10.0.0.5", "later", true))), ["later"]);
}

#[test]
fn a_device_that_has_no_name_but_its_address_is_the_registrys_by_its_address() {
    let mut site = Site::new();
    site.step(registered("at 10.0.0.5:80", "10.0.0.5", "cred", true));
    assert_eq!(asked_with(&site.sight("urn:1", "10.0.0.5")), ["cred"]);
    assert_eq!(asked_with(&site.sight("urn:2", "10.0.0.6")), [""]);
}

#[test]
fn what_a_person_tried_last_goes_before_what_the_registry_has() {
    let mut site = Site::new();
    site.step(registered("urn:1", "10.0.0.5", "cred", true));
    site.sight("urn:1", "10.0.0.5");
    site.fail(1, NotUnderstood::Refused);
    let cameras = vec![camera(0, "02:00")];
    site.step(Input::Opened { id: 1, credential: "new".to_owned(), place: url("10.0.0.5"), cameras });
    assert_eq!(asked_with(&site.pass(7 * 3_600)), ["new"]);
    site.understand(1, "10.0.0.5", "02:99");
    assert_eq!(site.only().state, FoundState::Changed);
    assert_eq!(asked_with(&site.pass(2 * 3_600)), [""], "another device is shown nothing");
}

#[test]
fn a_device_with_another_certificate_is_told_from_one_that_is_strange() {
    let mut site = Site::new();
    site.sight("urn:1", "10.0.0.5");
    site.fail(1, NotUnderstood::NotUsable("it says no".to_owned()));
    assert!(!site.inventory.has_other_certificate(1));
    site.pass(2 * 3_600);
    site.fail(1, NotUnderstood::OtherCertificate);
    assert!(site.inventory.has_other_certificate(1) && site.only().state == FoundState::Changed);
    assert!(site.only().text.contains("enter its password again"), "{}", site.only().text);
}

#[test]
fn a_flood_of_devices_is_bounded_counted_and_makes_room_only_in_place_of_the_silent() {
    let mut site = Site::new();
    let host = |n: usize| format!("10.1.{}.{}", n / 250, n % 250);
    for n in 0..MOST + 500 {
        site.sight(&format!("urn:{n}"), &host(n));
    }
    let found = site.inventory.found(false);
    assert_eq!((found.cameras.len(), found.left_out), (MOST, 500));
    site.sight(&format!("urn:{}", MOST + 7), &host(MOST + 7));
    assert_eq!(site.inventory.found(false).left_out, 500, "who asks again is not another one");
    for _ in 0..3 {
        site.fail(1, NotUnderstood::Unreachable);
        site.pass(70);
    }
    assert_eq!(site.found()[0].state, FoundState::Silent);
    assert!(site.sight("urn:late", "10.9.9.9").contains(&Output::Forget { id: 1 }));
    assert_eq!(site.found().len(), MOST);
}

#[derive(Debug, Clone)]
enum Event {
    Sight { endpoint: u8, host: u8 },
    Answer { pick: u8, hardware: u8, outcome: u8 },
    Leave { endpoint: u8 },
    Round,
    Pass { seconds: u16 },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..6u8, 0..6u8).prop_map(|(endpoint, host)| Event::Sight { endpoint, host }),
        (any::<u8>(), 0..4u8, 0..6u8).prop_map(|(pick, hardware, outcome)| Event::Answer {
            pick,
            hardware,
            outcome
        }),
        (0..6u8).prop_map(|endpoint| Event::Leave { endpoint }),
        Just(Event::Round),
        (0..4_000u16).prop_map(|seconds| Event::Pass { seconds }),
    ]
}

proptest! {
    /// Whatever happens: eight questions at most, each device asked once at a time, keys that are unique and stay, and
    /// no two entries of one hardware address that are both understood.
    #[test]
    fn an_inventory_stays_sound(events in proptest::collection::vec(event(), 0..200)) {
        let mut site = Site::new();
        let mut running: Vec<(Id, String)> = Vec::new();
        for event in events {
            let outputs = match event {
                Event::Sight { endpoint, host } => {
                    let name = if endpoint == 0 { String::new() } else { format!("urn:{endpoint}") };
                    site.sight(&name, &format!("10.0.0.{host}"))
                }
                Event::Answer { pick, hardware, outcome } if !running.is_empty() => {
                    let (id, host) = running.remove(usize::from(pick) % running.len());
                    match outcome {
                        0 => site.fail(id, NotUnderstood::Unreachable),
                        1 => site.fail(id, NotUnderstood::NeedsCredentials),
                        2 => site.step(Input::Answered(Answered {
                            id, result: Err(NotUnderstood::Refused), stayed: true,
                        })),
                        _ => site.understand(id, &host, &format!("02:{hardware}")),
                    }
                }
                Event::Answer { .. } => Vec::new(),
                Event::Leave { endpoint } => site.step(Input::Left(format!("urn:{endpoint}"))),
                Event::Round => {
                    let began = site.now;
                    site.step(Input::RoundOver { began })
                }
                Event::Pass { seconds } => site.pass(u64::from(seconds)),
            };
            for (id, host) in asked(&outputs) {
                prop_assert!(running.len() < ASKED_AT_ONCE);
                prop_assert!(!running.iter().any(|(other, _)| *other == id), "asked twice at once");
                running.push((id, host));
            }
            let found = site.found();
            let mut seen = std::collections::BTreeSet::new();
            let mut hardware = std::collections::BTreeSet::new();
            for camera in &found {
                prop_assert!(seen.insert(camera.key.clone()), "two of one key");
                let understood = camera.state == FoundState::Understood && !camera.hardware_address.is_empty();
                prop_assert!(!understood || hardware.insert(camera.hardware_address.clone()), "two of one device");
            }
        }
    }
}
