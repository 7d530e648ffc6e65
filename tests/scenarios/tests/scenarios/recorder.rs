use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use sluice_load::{Event, Hub, Peer, Transport};
use sluice_runtime::Clock;
use sluice_testkit::{Demo, DemoConfig, OnvifConfig, OnvifSite, eventually_within};
use tempfile::TempDir;

use super::support::binaries;

const PATIENCE: Duration = Duration::from_secs(60);
/// Of the recorder.
const CHANNELS: usize = 3;
/// Sessions that it serves at once.
const SESSIONS: usize = 2;

/// A hub, an edge, and a recorder that nobody added.
struct Yard {
    demo: Demo,
    _dir: TempDir,
}

impl Yard {
    async fn set() -> Result<Self> {
        let dir = TempDir::new()?;
        let mut config = DemoConfig::on_free_ports(dir.path(), &binaries()?)?;
        let mut onvif = OnvifConfig::on_free_ports(CHANNELS)?;
        let (channels, sessions) = (CHANNELS.to_string(), SESSIONS.to_string());
        let arguments = ["--replay", "--recorder", &channels, "--max-sessions", &sessions];
        onvif.camsim = arguments.map(str::to_owned).to_vec();
        (config.cameras, config.onvif) = (0, Some(onvif));
        let demo = Demo::start(&config, &mut |_| {}).await?;
        Ok(Self { demo, _dir: dir })
    }

    fn recorder(&self) -> Result<&OnvifSite> {
        self.demo.onvif.as_ref().context("there is a recorder to find")
    }

    async fn post(&self, path: &str, body: Value) -> Result<Vec<Value>> {
        let answer = self.demo.client.expect(Method::POST, path, Some(&body)).await?;
        answer["items"].as_array().cloned().context("what became of each")
    }

    /// The lines of the recorder in the inbox, by channel, once they are so many and all in one state.
    async fn lines(&self, count: usize, state: &str) -> Result<Vec<Value>> {
        let fits = |find: &Value| find["state"] == state;
        let mut lines = self.recorder()?.lines(&self.demo.client, (PATIENCE, count), fits).await?;
        lines.sort_by_key(|find| find["name"].to_string());
        Ok(lines)
    }

    /// Opens the recorder and takes its first two channels; the cameras' ids.
    async fn accept_two(&self) -> Result<Vec<String>> {
        let closed = self.lines(1, "needs-credentials").await?;
        let account = json!({ "username": OnvifSite::USER, "password": self.recorder()?.password() });
        let tried = json!({ "ids": [closed[0]["id"]], "credentials": [account] });
        ensure!(self.post("/discoveries/try", tried).await?[0]["opened"] == true, "the password opens it");
        let open = self.lines(CHANNELS, "understood").await?;
        let two: Vec<Value> = open[..2].iter().map(|find| json!({ "id": find["id"] })).collect();
        let taken = self.post("/discoveries/accept", json!({ "items": two })).await?;
        let id = |item: &Value| item["camera_id"].as_str().map(str::to_owned).context("it is taken");
        taken.iter().map(id).collect()
    }

    /// Pictures of a tier come by WebRTC.
    async fn plays(&self, camera: &str, tier: &str) -> Result<()> {
        let (clock, file) = (Clock::system(), &self.demo.file);
        let hub = Hub::new(&file.hub_url, &file.api_token)?;
        let (mut peer, offer) = Peer::offer(clock, Transport::Udp, IpAddr::V4(Ipv4Addr::LOCALHOST)).await?;
        let (answer, resource) = hub.whep(&hub.play(camera, tier).await?, offer).await?;
        peer.accept(&answer).await?;
        peer.until(PATIENCE, |event| matches!(event, Event::Packet(_)).then_some(())).await?;
        hub.end(&resource).await.map(drop)
    }

    /// The streams that are held of the recorder, as one of its cameras tells it, and its budget.
    async fn held(&self, camera: &str) -> Result<(usize, Option<u64>)> {
        let path = format!("/cameras/{camera}/sessions");
        let told = self.demo.client.expect(Method::GET, &path, None).await?;
        let items = told["items"].as_array().context("its sessions")?;
        let open = items.iter().filter(|item| item["kind"] == "rtsp" && item["state"] == "open").count();
        Ok((open, told["budget"].as_u64()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_channels_of_a_recorder_are_cameras_that_share_its_sessions() -> Result<()> {
    let yard = Yard::set().await?;
    let cameras = yard.accept_two().await?;
    yard.demo.cameras_ready().await?;
    for camera in &cameras {
        yard.plays(camera, "sub").await?;
    }
    // One ledger: each camera tells of both sessions.
    for camera in &cameras {
        eventually_within(PATIENCE, || async {
            let (open, budget) = yard.held(camera).await?;
            ensure!((open, budget) == (SESSIONS, None), "{open} sessions, budget {budget:?}");
            Ok(())
        })
        .await?;
    }
    // A third one is refused by the recorder: that is learnt for all of it, and who watches goes before who does not.
    yard.plays(&cameras[0], "main").await?;
    for camera in &cameras {
        eventually_within(PATIENCE, || async {
            let (open, budget) = yard.held(camera).await?;
            ensure!(
                open <= SESSIONS && budget == Some(SESSIONS as u64),
                "{open} sessions, budget {budget:?}"
            );
            Ok(())
        })
        .await?;
    }
    assert!(yard.demo.stop().await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_of_the_edge_what_was_accepted_is_understood_and_the_rest_of_a_recorder_can_be_accepted()
-> Result<()> {
    let mut yard = Yard::set().await?;
    let cameras = yard.accept_two().await?;
    yard.demo.cameras_ready().await?;
    assert!(yard.demo.edge.stop().await);
    yard.demo.edge.start_again()?;
    // What is told before the edge is back is of before; it begins anew with asking.
    let metrics = yard.demo.file.metrics.edge.clone();
    eventually_within(PATIENCE, || async {
        let understood = super::support::metric(&metrics, "sluice_camera_understood_total").await?;
        ensure!(understood >= 2.0, "asked by nobody yet");
        Ok(())
    })
    .await?;
    let lines = yard.lines(CHANNELS, "understood").await?;
    let accepted: Vec<&str> = lines.iter().filter_map(|find| find["camera_id"].as_str()).collect();
    assert_eq!(accepted, cameras.iter().map(String::as_str).collect::<Vec<_>>());
    let rest = lines.iter().find(|find| find["camera_id"].is_null()).context("the third channel")?;
    let taken = yard.post("/discoveries/accept", json!({ "items": [{ "id": rest["id"] }] })).await?;
    assert!(taken[0]["camera_id"].is_string(), "nobody enters the password again: {}", taken[0]);
    let wrong = yard.recorder()?.cameras().await?;
    let wrong: u64 = wrong.iter().filter_map(|camera| camera["counts"]["auth_failures"].as_u64()).sum();
    assert_eq!(wrong, 0, "and none was tried in vain");
    assert!(yard.demo.stop().await);
    Ok(())
}
