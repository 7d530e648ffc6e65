use std::{net::SocketAddr, time::Duration};

use sluice_load::{Peer, Transport};
use sluice_runtime::random_bytes;
use sluice_webrtc::{EngineEvent, OfferError, SessionKey};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
};

use crate::stage::{FEED, LOOPBACK, Stage, packets_until};

/// Datagrams of every kind that are none, with random bytes behind their first ones.
fn nonsense() -> Vec<Vec<u8>> {
    let heads: [&[u8]; 8] = [
        &[],
        &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42],
        &[0, 1, 0, 200, 0x21, 0x12, 0xa4, 0x42],
        &[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40],
        &[0x80, 200, 0, 6],
        &[0x81, 205, 0, 3],
        &[0x90, 96, 0, 1],
        &[0xff; 20],
    ];
    let mut all = vec![vec![0], vec![0; 1_400]];
    for head in heads {
        for length in [0, 1, 12, 20, 100, 1_200] {
            let mut datagram = head.to_vec();
            while datagram.len() < head.len() + length {
                datagram.extend(random_bytes::<16>());
            }
            datagram.truncate(head.len() + length);
            all.push(datagram);
        }
    }
    all
}

#[tokio::test]
async fn hostile_datagrams_are_counted_and_disturb_nobody() {
    let mut stage = Stage::new();
    let mut peer = stage.connect(1, Transport::Udp).await;
    let before = stage.count("datagrams_refused_total");
    let stranger = UdpSocket::bind(SocketAddr::new(LOOPBACK, 0)).await.unwrap();
    let all = nonsense();
    for datagram in &all {
        stranger.send_to(datagram, stage.engine.local_addr()).await.unwrap();
    }
    stage.reaches("datagrams_refused_total", before + all.len() as u64 - 8).await;
    stage.push_gop(3);
    packets_until(&mut peer, 2).await;
    stage.end().await;
}

#[tokio::test]
async fn hostile_bytes_in_the_name_of_a_viewer_break_no_other() {
    let mut stage = Stage::new();
    let mut other = stage.connect(1, Transport::Udp).await;
    // The address of a viewer that has left is used by somebody else now.
    let victim = stage.connect(2, Transport::Udp).await;
    let address = victim.local_addr();
    drop(victim);
    let stranger = UdpSocket::bind(address).await.unwrap();
    for datagram in nonsense() {
        stranger.send_to(&datagram, stage.engine.local_addr()).await.unwrap();
    }
    stage.push_gop(3);
    packets_until(&mut other, 2).await;
    assert_eq!(stage.count("sessions_broken_total"), 0);
    stage.end().await;
}

#[tokio::test]
async fn a_hostile_tcp_connection_is_closed() {
    let stage = Stage::new();
    let address = stage.engine.local_tcp_addr().unwrap();
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0, 4, 1, 2, 3, 4], &[0xff; 64]] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut [0; 16])).await;
        assert!(matches!(read, Ok(Ok(0) | Err(_))), "it stays open after {bytes:?}");
    }
    assert_eq!(stage.count("tcp_opened_total"), 3);
    stage.end().await;
}

#[tokio::test]
async fn hostile_offers_are_refused_or_answered_but_never_break_the_engine() {
    let mut stage = Stage::new();
    let (_, offer) = Peer::offer(stage.clock, Transport::Udp, LOOPBACK).await.unwrap();
    let mut session = 100;
    for mutant in mutants(&offer) {
        session += 1;
        match stage.engine.open(SessionKey(session), FEED, mutant).await {
            Ok(_) => stage.engine.close(SessionKey(session)),
            Err(OfferError::Stopped) => panic!("an offer stopped the engine"),
            Err(_) => {}
        }
    }
    stage.push_gop(3);
    let mut peer = stage.connect(1, Transport::Udp).await;
    packets_until(&mut peer, 2).await;
    while let Ok(event) = stage.events.try_recv() {
        assert!(!matches!(event, EngineEvent::Ended(SessionKey(1), _)));
    }
    stage.end().await;
}

/// Offers with lines left out, doubled, swapped, cut and overwritten; the same ones on every run.
fn mutants(offer: &str) -> Vec<String> {
    let lines: Vec<&str> = offer.lines().collect();
    let join = |lines: &[&str]| lines.join("\r\n") + "\r\n";
    let mut all = vec![String::new(), "v=0\r\n".to_owned(), "\u{0}".repeat(100), "v=0".repeat(40_000)];
    for at in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(at);
        all.push(join(&without));
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at]);
        all.push(join(&doubled));
        let mut swapped = lines.clone();
        swapped.swap(at, (at * 7 + 3) % lines.len());
        all.push(join(&swapped));
        let half = &lines[at][..lines[at].len() / 2];
        let mut cut = lines.clone();
        cut[at] = half;
        all.push(join(&cut));
        let digits: String = lines[at].chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        let mut nines = lines.clone();
        nines[at] = &digits;
        all.push(join(&nines));
    }
    let bytes = offer.as_bytes();
    for (seed, at) in (0..bytes.len()).step_by(7).enumerate() {
        let mut changed = bytes.to_vec();
        changed[at] = u8::try_from(33 + seed * 31 % 94).unwrap();
        all.push(String::from_utf8_lossy(&changed).into_owned());
        all.push(String::from_utf8_lossy(&bytes[..at]).into_owned());
    }
    all
}
