use sluice_hls::Flavour;
use sluice_runtime::Clock;

use super::*;
use crate::{
    hls::Media,
    relay::fixture::{Pictures, track},
};

struct Bench {
    packaging: Packaging,
    shelf: Arc<Shelf>,
    pictures: Pictures,
    now: Instant,
}

impl Bench {
    fn new(group: u64) -> Self {
        let shelf = Arc::<Shelf>::default();
        let mut packaging = Packaging::new(Arc::clone(&shelf), PackagingMetrics::default());
        packaging.started(vec![track()]);
        Self { packaging, shelf, pictures: Pictures::new(group), now: Clock::system().now() }
    }

    fn send(&mut self, pictures: usize) {
        for _ in 0..pictures {
            self.packaging.unit(0, &self.pictures.next());
        }
    }

    fn want(&mut self, wanted: bool) {
        self.shelf.want(wanted);
        self.packaging.settle(self.now);
    }

    fn run(&self) -> String {
        self.shelf.head().run.clone()
    }

    fn parts(&self) -> usize {
        let laid = self.shelf.laid(Media::Video);
        let text = laid.page(Flavour::LowLatency).map_or_else(Vec::new, |page| page.plain().to_vec());
        String::from_utf8(text).unwrap().lines().filter(|line| line.starts_with("#EXT-X-PART:")).count()
    }
}

#[test]
fn nothing_is_packaged_before_somebody_reads_and_then_the_cached_group_at_once() {
    let mut bench = Bench::new(50);
    bench.send(30);
    assert_eq!((bench.run().as_str(), bench.packaging.metrics.begun.get()), ("", 0));
    bench.want(true);
    assert!(!bench.run().is_empty() && bench.shelf.head().master(true, Flavour::LowLatency).is_some());
    // 30 pictures of 40 ms are six parts; two more are the gap's.
    assert!((7..=8).contains(&bench.parts()), "{}", bench.parts());
}

#[test]
fn a_feed_that_is_cold_is_packaged_from_its_first_key_frame() {
    let mut bench = Bench::new(50);
    bench.want(true);
    assert!(bench.run().is_empty());
    bench.send(6);
    assert!(!bench.run().is_empty());
}

#[test]
fn packaging_outlives_its_last_reader_for_a_moment_and_begins_anew_under_another_name() {
    let mut bench = Bench::new(25);
    bench.want(true);
    bench.send(10);
    let first = bench.run();
    bench.want(false);
    assert_eq!(bench.packaging.deadline(), Some(bench.now + LINGER));
    bench.now += LINGER / 2;
    bench.want(true);
    assert_eq!((bench.packaging.deadline(), bench.run()), (None, first.clone()));
    bench.want(false);
    bench.now += LINGER;
    bench.packaging.settle(bench.now);
    assert!(bench.run().is_empty() && bench.shelf.laid(Media::Video).page(Flavour::LowLatency).is_none());
    assert_eq!((bench.packaging.metrics.begun.get(), bench.packaging.metrics.ended.get()), (1, 1));
    bench.want(true);
    assert!(!bench.run().is_empty() && bench.run() != first);
}

#[test]
fn trouble_is_told_until_pictures_come_again_and_the_numbers_go_on() {
    let mut bench = Bench::new(25);
    bench.want(true);
    bench.send(30);
    let (run, before) = (bench.run(), bench.shelf.laid(Media::Video).next);
    bench.packaging.trouble("device-offline", "the link is down");
    assert_eq!(
        bench.shelf.head().trouble.as_ref().map(|trouble| trouble.code.as_str()),
        Some("device-offline")
    );
    bench.packaging.started(vec![track()]);
    bench.pictures = Pictures::new(25);
    bench.send(10);
    let head = bench.shelf.head();
    assert!(head.trouble.is_none() && head.run == run);
    assert!(bench.shelf.laid(Media::Video).next > before);
}

#[test]
fn a_feed_that_cannot_be_packaged_says_why() {
    let mut bench = Bench::new(25);
    bench.packaging.started(Vec::new());
    bench.want(true);
    bench.send(3);
    let refusal = bench.shelf.head().refusal.clone();
    assert_eq!(refusal.map(|refusal| refusal.code), Some("codec-unsupported".to_owned()));
}

#[test]
fn a_key_frame_is_asked_for_where_the_group_is_long() {
    let mut bench = Bench::new(500);
    bench.send(40);
    bench.want(true);
    assert!(!bench.packaging.wants_key_frame());
    bench.send(20);
    assert!(bench.packaging.wants_key_frame());
    bench.want(false);
    assert!(!bench.packaging.wants_key_frame());
}
