//! A device that nobody here wrote: one of the crate `onvif-server`, a program apart (`tests/onvif_server`).

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use sluice_camsim::Tier;
use sluice_edge_camera::{AskError, PtzAnswer, understand};
use sluice_wire::control::{EncoderChange, FoundState, PtzCommand};
use url::Url;

use crate::support::{account, connector};

struct Peer {
    process: Child,
    xaddr: Url,
}

impl Peer {
    /// `None`, and said so, where it was not built.
    fn start() -> Option<Self> {
        let Some(program) = program() else {
            let what = "SKIPPED: the peer edge/camera/tests/onvif_server is not built (.ci/test does it)\n";
            let _ = std::io::stderr().write_all(what.as_bytes());
            return None;
        };
        let mut process = Command::new(program).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port: u16 = line.trim().parse().unwrap();
        let xaddr = format!("http://127.0.0.1:{port}/onvif/device_service").parse().unwrap();
        Some(Self { process, xaddr })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A test lies in `target/<profile>/deps`, the peers in `target/peers`.
fn program() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let program = test.ancestors().nth(3)?.join("peers/debug/sluice-onvif-server-peer");
    program.exists().then_some(program)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_of_the_onvif_server_crate_is_understood_and_what_it_lacks_is_told_in_words() {
    let Some(peer) = Peer::start() else { return };
    let connector = connector();
    assert_eq!(understand(&connector, &peer.xaddr, None).await, Err(AskError::NeedsCredentials));
    let wrong = understand(&connector, &peer.xaddr, account("guess")).await.unwrap_err();
    assert!(wrong.is_refusal(), "{wrong:?}");
    let found = understand(&connector, &peer.xaddr, account("camera")).await.unwrap();
    let [found] = found.as_slice() else { panic!("one video source: {found:?}") };
    assert_eq!((found.manufacturer.as_str(), found.model.as_str()), ("Peer", "P-1"));
    assert_eq!((found.key.to_lowercase().as_str(), found.serial.as_str()), ("02:aa:bb:cc:dd:ee", "SN-0001"));
    assert_eq!(found.state, FoundState::Understood);
    // The crate names one encoder for all profiles, and what names one encoder is one stream.
    let streams: Vec<_> = found.tiers.iter().map(|tier| (tier.tier, tier.url.as_str())).collect();
    assert_eq!(streams, [(Some(Tier::Main), "rtsp://127.0.0.1:8554/big")]);
    let encoder = &found.tiers[0].encoder;
    assert_eq!((encoder.codec.as_str(), encoder.width, encoder.bitrate_kbps), ("H264", 1_920, 4_096));
    assert!(found.clock_offset_ms.unwrap().abs() < 2_000);
    let can = found.can;
    assert!(!can.events && !can.snapshot, "it has neither: {can:?}");

    let onvif = connector.open(&peer.xaddr, account("camera"));
    let left = PtzCommand::Continuous { pan: -0.5, tilt: 0.0, zoom: 0.0, for_ms: 500 };
    assert_eq!(onvif.ptz("big", &left).await, Ok(PtzAnswer::Done));
    assert_eq!(onvif.ptz("big", &PtzCommand::Stop).await, Ok(PtzAnswer::Done));
    let words = [
        onvif.subscribe().await.unwrap_err(),
        onvif.key_frame("big").await.unwrap_err(),
        onvif.snapshot("big").await.unwrap_err(),
        onvif.configure("big", &EncoderChange::default(), true).await.unwrap_err(),
        onvif.ptz("big", &PtzCommand::Relative { pan: 0.1, tilt: 0.0, zoom: 0.0 }).await.unwrap_err(),
    ];
    for error in words {
        let told = matches!(error, AskError::NotSupported | AskError::Fault(_) | AskError::Invalid(_));
        assert!(told && !error.to_string().is_empty(), "{error:?}");
    }
}
