//! Picture and sound of one camera, each a flow of its own over the link.

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use sluice_camsim::{AudioCodec, CamsimConfig, Delivery, Fault, TierConfig, VideoCodec};
use sluice_hub_node::tunnel::{FeedEvent, FeedStream, LineInfo};
use sluice_ids::Tier;
use sluice_media::AccessUnit;
use sluice_wire::media::LineKind;

use super::{ANY, Edge, Hub, World, next};

fn camera(video: VideoCodec, audio: AudioCodec) -> CamsimConfig {
    CamsimConfig {
        main: None,
        sub: Some(TierConfig::sized(640, 360).coded(video)),
        audio: Some(audio),
        delivery: Delivery::Replay,
        ..CamsimConfig::default()
    }
}

/// A hub and an edge with a link between them, and what came of one feed.
struct Stage {
    hub: Hub,
    edge: Edge,
    stream: FeedStream,
    lines: HashMap<usize, Line>,
}

struct Line {
    info: LineInfo,
    units: usize,
    last: Option<Arc<AccessUnit>>,
}

impl Line {
    /// What separates its time from the wall clock, in milliseconds.
    fn offset_ms(&self) -> Option<i64> {
        let last = self.last.as_ref()?;
        Some(last.captured_at_ms - last.timestamp * 1_000 / i64::from(self.info.clock_rate))
    }
}

impl Stage {
    async fn set(cameras: CamsimConfig) -> Result<Self> {
        let world = World::new()?;
        let hub = Hub::start(&world, &world.authority.issue_hub(world.node, world.now())?, ANY, None)?;
        let identity = world.authority.issue_device_identity(world.device, world.now())?;
        let edge = Edge::of(&world, identity, hub.address, cameras).await?;
        edge.up().await;
        let stream = hub.tunnels.open(world.camera, Tier::Sub);
        Ok(Self { hub, edge, stream, lines: HashMap::new() })
    }

    /// Takes events until each line has this many more units; how often it was started, and what else was said.
    async fn take(&mut self, units: usize) -> Result<(usize, Vec<FeedEvent>)> {
        self.lines.values_mut().for_each(|line| line.units = 0);
        let (mut starts, mut others) = (0, Vec::new());
        while self.lines.is_empty() || self.lines.values().any(|line| line.units < units) {
            match next(&mut self.stream).await? {
                FeedEvent::Started { lines } => {
                    ensure!(lines.len() == 2 && lines[0].kind == LineKind::Video, "both lines: {lines:?}");
                    starts += 1;
                    for info in lines {
                        let index = info.index as usize;
                        self.lines.entry(index).or_insert(Line { info, units: 0, last: None });
                    }
                }
                FeedEvent::Unit { line, unit } => self.unit(line, unit)?,
                // The hub may hear of the link a moment later than the edge.
                FeedEvent::State { code, .. } if self.lines.is_empty() && code == "device-offline" => {}
                other => others.push(other),
            }
        }
        Ok((starts, others))
    }

    fn unit(&mut self, line: usize, unit: Arc<AccessUnit>) -> Result<()> {
        let line = self.lines.get_mut(&line).context("announced before it comes")?;
        let first = line.last.is_none() && line.info.kind == LineKind::Video;
        ensure!(!first || unit.key.is_some(), "a key frame first");
        if let Some(last) = &line.last {
            let same = last.ssrc() == unit.ssrc();
            ensure!(!same || unit.first_sequence == last.last_sequence() + 1, "numbers follow each other");
            ensure!(unit.timestamp > last.timestamp, "time goes on");
        }
        (line.units, line.last) = (line.units + 1, Some(unit));
        Ok(())
    }

    /// How far picture and sound are apart, when both are put on the wall clock by their own time.
    fn offsets(&self) -> Vec<i64> {
        self.lines.values().filter_map(Line::offset_ms).collect()
    }

    async fn strike(self) {
        self.edge.stop().await;
        assert!(self.hub.scope.close(Duration::from_secs(5)).await, "the hub's tasks end");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h265_and_sound_flow_in_order_and_together() -> Result<()> {
    for audio in [AudioCodec::Aac, AudioCodec::Opus] {
        let mut stage = Stage::set(camera(VideoCodec::H265, audio)).await?;
        let (starts, others) = stage.take(40).await?;
        ensure!(starts == 1 && others.is_empty(), "started once, then units: {others:?}");
        let lasts = stage.lines.values().filter_map(|line| line.last.as_ref());
        let captured: Vec<i64> = lasts.map(|unit| unit.captured_at_ms).collect();
        ensure!((captured[0] - captured[1]).abs() < 300, "{captured:?}");
        stage.strike().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn picture_and_sound_stay_together_when_the_camera_comes_again() -> Result<()> {
    let mut stage = Stage::set(camera(VideoCodec::H265, AudioCodec::Pcmu)).await?;
    stage.take(60).await?;
    let before = stage.offsets();
    stage.edge.camsim.camera(1).fault(Fault::Drop);
    let (mut starts, mut told) = (0, 0);
    while starts == 0 {
        let (began, others) = stage.take(1).await?;
        (starts, told) = (starts + began, told + others.len());
    }
    stage.take(60).await?;
    let after = stage.offsets();
    ensure!(told > 0, "what happened is told");
    let drift = |offsets: &[i64]| offsets[0] - offsets[1];
    let moved = (drift(&after) - drift(&before)).abs();
    ensure!(moved < 60, "sound moved {moved} ms against the picture: {before:?}, {after:?}");
    stage.strike().await;
    Ok(())
}
