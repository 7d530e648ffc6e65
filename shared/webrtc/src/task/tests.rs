use std::net::Ipv4Addr;

use sluice_telemetry::Metrics;

use super::*;
use crate::frame::Frame;

#[tokio::test]
async fn frames_pushed_before_their_feed_was_removed_do_not_bring_it_back() {
    let config = EngineConfig::new((Ipv4Addr::LOCALHOST, 0).into());
    let (media, frames) = mpsc::channel(8);
    let (_commands, commands) = mpsc::channel(1);
    let (events, _events) = mpsc::channel(1);
    let shared = Arc::new(Shared::default());
    let ports = Ports {
        udp: UdpPort::bind(config.udp).unwrap(),
        tcp: None,
        local_tcp: None,
        media: frames,
        commands,
        shared: Arc::clone(&shared),
        events,
    };
    let metrics = EngineMetrics::register(&Metrics::default());
    let mut task = Task::new(Clock::system(), config, ports, metrics).unwrap();
    let payload: Arc<[u8]> = Arc::from([0x65, 0x88].as_slice());
    let frame = Frame { timestamp: 0, key: true, payloads: vec![payload], captured_at_ms: 0, size: 2 };
    let feed = FeedId(1);
    media.try_send((feed, Media::Frame(Arc::new(frame)))).unwrap();
    shared.tell(Told::Removed(feed));
    // Which of the two the loop sees first is left to chance; this is the bad order.
    task.sweep();
    while let Ok((feed, media)) = task.inputs.media.try_recv() {
        task.media(feed, media);
    }
    assert!(task.feeds.is_empty(), "its pictures would stay in memory for good");
}
