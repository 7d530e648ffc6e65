use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use sluice_runtime::Clock;
use sluice_testkit::{Demo, DemoConfig, OnvifConfig, OnvifSite, eventually_within};
use tempfile::TempDir;

use super::support::binaries;

/// A hub, an edge and a LAN of cameras that nobody added.
struct Lan {
    demo: Demo,
    _dir: TempDir,
}

impl Lan {
    async fn of(cameras: usize, camsim: &[&str]) -> Result<Self> {
        let dir = TempDir::new()?;
        let mut config = DemoConfig::on_free_ports(dir.path(), &binaries()?)?;
        let mut onvif = OnvifConfig::on_free_ports(cameras)?;
        onvif.camsim = camsim.iter().map(|&argument| argument.to_owned()).collect();
        (config.cameras, config.onvif) = (0, Some(onvif));
        let demo = Demo::start(&config, &mut |_| {}).await?;
        Ok(Self { demo, _dir: dir })
    }

    fn cameras(&self) -> Result<&OnvifSite> {
        self.demo.onvif.as_ref().context("there are cameras to find")
    }

    async fn get(&self, path: &str) -> Result<Value> {
        self.demo.client.expect(Method::GET, path, None).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_cameras_are_found_opened_and_accepted_with_what_they_can_do() -> Result<()> {
    let lan = Lan::of(100, &["--replay"]).await?;
    let cameras = lan.cameras()?;
    let locked =
        cameras.found(&lan.demo.client, PATIENCE, |find| find["state"] == "needs-credentials").await?;
    assert!(
        locked.iter().all(|find| find["tiers"] == json!([])),
        "nobody is told streams without a password"
    );

    let ids = cameras.accept_all(&lan.demo.client).await?;
    let camera = lan.get(&format!("/cameras/{}", ids[0])).await?;
    let tiers = camera["tiers"].as_array().context("its tiers")?;
    assert_eq!(tiers.iter().map(|tier| &tier["tier"]).collect::<Vec<_>>(), ["main", "sub"]);
    assert_eq!(camera["source"]["type"], "onvif");
    lan.demo.cameras_ready().await?;
    let known = cameras.found(&lan.demo.client, PATIENCE, |find| find["camera_id"].is_string()).await?;
    assert_eq!(known.len(), 100, "what was accepted stays in the inbox as a camera, once");
    assert!(lan.demo.stop().await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cameras_that_lost_their_power_play_again_and_are_locked_by_nobody() -> Result<()> {
    let lan = Lan::of(20, &["--replay"]).await?;
    lan.cameras()?.accept_all(&lan.demo.client).await?;
    eventually_within(PATIENCE, || lan.demo.cameras_ready()).await?;
    let cameras = lan.cameras()?;
    let before = wrong(cameras).await?;
    cameras.fault("offline").await?;
    eventually_within(PATIENCE, || async {
        let list = lan.get("/cameras").await?;
        let ready = list["items"]
            .as_array()
            .context("cameras")?
            .iter()
            .any(|camera| camera["state"]["code"] == "ready");
        ensure!(!ready, "a camera without power is ready");
        Ok(())
    })
    .await?;
    cameras.fault("restore").await?;
    eventually_within(PATIENCE, || lan.demo.cameras_ready()).await?;
    assert_eq!(wrong(cameras).await?, before, "no password was tried in vain");
    assert!(lan.demo.stop().await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_said_in_words_and_the_right_one_opens() -> Result<()> {
    let lan = Lan::of(2, &["--replay"]).await?;
    let cameras = lan.cameras()?;
    let finds =
        cameras.found(&lan.demo.client, PATIENCE, |find| find["state"] == "needs-credentials").await?;
    let ids: Vec<&Value> = finds.iter().map(|find| &find["id"]).collect();
    let wrong = json!({ "ids": ids, "credentials": [{ "username": OnvifSite::USER, "password": "planted-wrong-one" }] });
    let tried = lan.demo.client.expect(Method::POST, "/discoveries/try", Some(&wrong)).await?;
    for item in tried["items"].as_array().context("what became of each")? {
        assert_eq!(item["opened"], false, "{item}");
        assert!(item["text"].as_str().is_some_and(|text| !text.is_empty()), "it says why: {item}");
    }
    let accepted = cameras.accept_all(&lan.demo.client).await?;
    assert_eq!(accepted.len(), 2);
    let whole = lan.get("/discoveries").await?.to_string();
    assert!(
        !whole.contains("planted-wrong-one") && !whole.contains(cameras.password()),
        "no password comes back"
    );
    assert!(lan.demo.stop().await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_with_ptz_turns_and_stops() -> Result<()> {
    let lan = Lan::of(1, &["--replay"]).await?;
    let cameras = lan.cameras()?;
    let id = cameras.accept_all(&lan.demo.client).await?.remove(0);
    let turn = json!({ "continuous": { "pan": 0.5, "tilt": 0.0, "zoom": 0.0, "for_ms": 400 } });
    let path = format!("/cameras/{id}/ptz");
    eventually_within(PATIENCE, || lan.demo.client.expect(Method::POST, &path, Some(&turn))).await?;
    // Nobody says stop: the edge does when the time is over.
    eventually_within(PATIENCE, || async {
        let head = &cameras.cameras().await?[0]["ptz"];
        ensure!(head["pan"].as_f64().is_some_and(|pan| pan > 0.0), "it has not turned: {head}");
        ensure!(head["pan_tilt_moving"] == false, "it still turns: {head}");
        Ok(())
    })
    .await?;
    assert!(lan.demo.stop().await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedules_window_keeps_a_stream_warm_that_nobody_watches_and_lets_it_go() -> Result<()> {
    let lan = Lan::of(1, &["--replay"]).await?;
    let id = lan.cameras()?.accept_all(&lan.demo.client).await?.remove(0);
    let site = lan.get("/sites").await?["items"][0].clone();
    let site = format!("/sites/{}", site["id"].as_str().context("a site")?);
    let set = async |body: Value| lan.demo.client.expect(Method::PATCH, &site, Some(&body)).await;
    let main_is = async |wanted: bool| {
        eventually_within(PATIENCE, || async {
            let camera = lan.get(&format!("/cameras/{id}")).await?;
            let tiers = camera["tiers"].as_array().context("its tiers")?;
            let main = tiers.iter().find(|tier| tier["tier"] == "main").context("a main tier")?;
            ensure!(main["warm"] == wanted && main["viewers"] == 0, "{main}");
            let now = if wanted { "main" } else { "none" };
            ensure!(camera["warm_now"] == now, "{camera}");
            Ok(())
        })
        .await
    };
    let window = |from: &str, to: &str, days: &[&str]| json!([{ "days": days, "from": from, "to": to, "warm": "main" }]);
    let always = window("00:00", "00:00", &["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
    set(json!({ "warm": "none", "time_zone": "Asia/Kathmandu", "warm_schedule": always })).await?;
    main_is(true).await?;
    // A day that is neither today nor near, whatever the time zone.
    let other = set(json!({ "warm_schedule": window("11:00", "11:01", &[day_in(3)]) })).await?;
    ensure!(other["warm_next_change"].is_string(), "it begins within the week: {other}");
    main_is(false).await?;
    assert!(lan.demo.stop().await);
    Ok(())
}

/// The day of the week in so many days, in UTC.
fn day_in(days: i64) -> &'static str {
    const FROM_THURSDAY: [&str; 7] = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"];
    let today = Clock::system().unix_millis().div_euclid(86_400_000);
    FROM_THURSDAY[usize::try_from((today + days).rem_euclid(7)).unwrap_or_default()]
}

async fn wrong(cameras: &OnvifSite) -> Result<u64> {
    Ok(cameras.cameras().await?.iter().filter_map(|camera| camera["counts"]["auth_failures"].as_u64()).sum())
}

const PATIENCE: Duration = Duration::from_secs(60);
