use sluice_media::{Key, RtpPacket};

use super::*;

fn unit(sequence: u64, key: bool, size: usize) -> Arc<AccessUnit> {
    let mut raw = vec![0x80, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    raw[2..4].copy_from_slice(&u16::try_from(sequence & 0xffff).unwrap().to_be_bytes());
    raw.push(if key { 0x65 } else { 0x41 });
    Arc::new(AccessUnit {
        packets: vec![RtpPacket::parse(raw.into()).unwrap()],
        first_sequence: sequence,
        timestamp: i64::try_from(sequence).unwrap() * 3_600,
        captured_at_ms: 0,
        key: key.then_some(Key::Idr),
        reference: true,
        size,
    })
}

fn origin() -> Origin {
    Origin {
        presentation: Arc::new(Presentation { sdp: String::new(), lines: Vec::new() }),
        line: 0,
        ssrc: 1,
    }
}

fn outlet(cached: &[Arc<AccessUnit>]) -> (Outlet, Subscription) {
    Outlet::new(Arc::default(), Some(&origin()), cached.iter().cloned().collect())
}

/// Events in short: `S`tarted, `E`poch, `K`ey or `U`nit with its number, `G`ap, `T`rouble.
fn drain(subscription: &mut Subscription) -> String {
    let mut seen = Vec::new();
    loop {
        let event = match subscription.backlog.pop_front() {
            Some(event) => event,
            None => match subscription.queue.try_recv() {
                Ok(event) => event,
                Err(_) => return seen.join(" "),
            },
        };
        if let Event::Unit { unit, cached: false, .. } = &event {
            subscription.queued.fetch_sub(unit.size, Ordering::Relaxed);
        }
        seen.push(match event {
            Event::Started { .. } => "S".to_owned(),
            Event::Epoch { first_sequence, .. } => format!("E{first_sequence}"),
            Event::Unit { unit, .. } if unit.key.is_some() => format!("K{}", unit.first_sequence),
            Event::Unit { unit, .. } => format!("U{}", unit.first_sequence),
            Event::Gap { from, to, .. } => format!("G{from}-{to}"),
            Event::Rtcp { .. } => "R".to_owned(),
            Event::State(_) => "T".to_owned(),
        });
    }
}

#[test]
fn nothing_comes_before_a_key_frame() {
    let (mut outlet, mut subscription) = outlet(&[]);
    for (sequence, key) in [(5, false), (6, true), (7, false)] {
        outlet.unit(&origin(), &unit(sequence, key, 10));
    }
    assert_eq!(drain(&mut subscription), "S E6 K6 U7");
}

#[test]
fn the_cached_group_comes_first_and_live_pictures_behind_it() {
    let (mut outlet, mut subscription) = outlet(&[unit(1, true, 10), unit(2, false, 10)]);
    outlet.unit(&origin(), &unit(3, false, 10));
    assert_eq!(drain(&mut subscription), "S E1 K1 U2 U3");
}

#[test]
fn a_slow_subscriber_is_cut_to_the_next_key_frame() {
    let (mut outlet, mut subscription) = outlet(&[unit(0, true, 10)]);
    let mut overflows = 0;
    for sequence in 1..400 {
        overflows += usize::from(outlet.unit(&origin(), &unit(sequence, false, 10)));
    }
    assert_eq!(overflows, 1);
    let seen = drain(&mut subscription);
    let last: u64 = seen.rsplit_once('U').unwrap().1.parse().unwrap();
    for (sequence, key) in [(400, false), (401, true), (402, false)] {
        outlet.unit(&origin(), &unit(sequence, key, 10));
    }
    assert_eq!(drain(&mut subscription), format!("G{}-400 K401 U402", last + 1));
}

#[test]
fn a_queue_is_bounded_in_bytes_but_takes_one_unit_of_any_size() {
    let (mut outlet, mut subscription) = outlet(&[unit(0, true, 10)]);
    outlet.unit(&origin(), &unit(1, false, QUEUE_BYTES * 2));
    assert!(outlet.unit(&origin(), &unit(2, false, 10)));
    assert_eq!(drain(&mut subscription), "S E0 K0 U1");
}

#[test]
fn a_loss_in_the_camera_is_told_in_its_place() {
    let (mut outlet, mut subscription) = outlet(&[unit(0, true, 10)]);
    outlet.gap(0, 1, 3);
    outlet.unit(&origin(), &unit(4, false, 10));
    assert_eq!(drain(&mut subscription), "S E0 K0 G1-3 U4");
}

#[test]
fn after_a_new_session_everything_is_introduced_again() {
    let (mut outlet, mut subscription) = outlet(&[unit(8, true, 10)]);
    outlet.state(&Status::default());
    outlet.restart();
    outlet.unit(&origin(), &unit(1, false, 10));
    outlet.unit(&origin(), &unit(2, true, 10));
    assert_eq!(drain(&mut subscription), "S E8 K8 T S E2 K2");
}

#[test]
fn a_state_that_finds_the_queue_full_comes_when_there_is_room() {
    let (mut outlet, mut subscription) = outlet(&[unit(0, true, 10)]);
    while outlet.queue.try_send(Event::Rtcp { line: 0, packet: Bytes::new() }).is_ok() {}
    outlet.state(&Status::default());
    drain(&mut subscription);
    outlet.unit(&origin(), &unit(1, false, 10));
    assert_eq!(drain(&mut subscription), "T U1");
}

#[test]
fn a_dropped_subscription_is_seen() {
    let (outlet, subscription) = outlet(&[]);
    assert!(!outlet.is_closed());
    drop(subscription);
    assert!(outlet.is_closed());
}
