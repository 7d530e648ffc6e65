//! A pump between a virtual camera and a link that takes everything.

use sluice_camsim::{Camsim, CamsimConfig, Quirk, TierConfig};
use sluice_runtime::TaskScope;
use sluice_source::{Settings, SourceMetrics};
use sluice_wire::CAPABILITY;

use super::*;

/// A catalogue of one stream, whose camera hears wishes for key frames.
struct One {
    source: Source,
    camera: sluice_camsim::Camera,
}

impl Catalogue for One {
    fn source(&self, _: CameraId, _: Tier) -> Option<Source> {
        Some(self.source.clone())
    }

    fn offered(&self) -> Vec<(CameraId, Tier)> {
        Vec::new()
    }

    fn request_key_frame(&self, _: CameraId, _: Tier) {
        self.camera.wish_key_frame();
    }
}

/// Until a picture goes over the link.
async fn first_picture(catalogue: Arc<One>, scope: &TaskScope) -> Duration {
    let clock = Clock::system();
    let (out, mut outputs) = mpsc::channel(64);
    let camera = "cam_0198c0de00007000800000000000002a".parse().unwrap();
    let pump = Pump {
        request: 1,
        camera,
        tier: Tier::Sub,
        start: Start::Cached,
        flows: vec![FlowId(4)],
        capability: CAPABILITY,
        catalogue,
        clock,
        out,
    };
    let scope = scope.child();
    let began = clock.now();
    scope.spawn("pump", pump.run(scope.shutdown()));
    let first = async { while !matches!(outputs.recv().await, Some((1, Output::Unit { .. }))) {} };
    tokio::time::timeout(Duration::from_secs(20), first).await.expect("a picture");
    scope.cancel();
    clock.now() - began
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_of_a_camera_with_long_groups_does_not_wait_for_the_next_one() {
    let config =
        CamsimConfig { main: None, sub: Some(TierConfig::sized(320, 180)), ..CamsimConfig::default() };
    let config = Quirk::known("key-frame-on-request").unwrap().unwrap().apply(config).unwrap();
    let camsim = Camsim::start(config).await.unwrap();
    let scope = TaskScope::new();
    let settings = Settings::new("test", camsim.camera(1).url(Tier::Sub).parse().unwrap());
    let source = Source::spawn(&scope, Clock::system(), settings, SourceMetrics::default());
    let catalogue = Arc::new(One { source: source.clone(), camera: camsim.camera(1) });
    // Nothing is cached, and the camera's session begins in the middle of ten seconds.
    let cold = first_picture(Arc::clone(&catalogue), &scope).await;
    assert!(cold < Duration::from_secs(5), "{cold:?}");
    let after_one = camsim.camera(1).counts().key_frames;
    // A fresh group needs no other key frame.
    first_picture(Arc::clone(&catalogue), &scope).await;
    assert_eq!(camsim.camera(1).counts().key_frames, after_one);
    // An old group is sent, and a key frame is asked for, so that the burst is short from then on.
    let clock = Clock::system();
    let mut keys = source.key_frames();
    let seen = loop {
        let last = *keys.borrow_and_update();
        let old = last.newest.expect("a key frame came") + STALE_AFTER + Duration::from_millis(300);
        if old <= clock.now() {
            break last.count;
        }
        // The camera's own next key frame may come meanwhile, on a busy machine.
        clock.sleep_until(Some(old)).await;
    };
    first_picture(catalogue, &scope).await;
    let asked = keys.wait_for(|keys| keys.count > seen);
    tokio::time::timeout(Duration::from_secs(5), asked)
        .await
        .expect("a key frame that was asked for")
        .unwrap();
    assert!(scope.close(Duration::from_secs(5)).await);
}
