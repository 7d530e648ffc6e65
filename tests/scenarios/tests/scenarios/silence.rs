use std::time::Duration;

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::json;
use sluice_runtime::Clock;
use sluice_testkit::eventually_within;

use super::support::{Stage, metric};

/// What the link may carry while nobody watches and no page is open (design §10).
const IDLE_BITS_PER_SECOND: f64 = 5_000.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_watching_means_no_media_and_a_quiet_link() -> Result<()> {
    let stage = Stage::set(4).await?;
    let edge = &stage.demo.file.metrics.edge;
    let clock = Clock::system();
    // What the start of the links costs has passed when the cameras are ready and told.
    clock.sleep(Duration::from_secs(5)).await;
    let (before, began) = (carried(&stage).await?, clock.now());
    clock.sleep(Duration::from_secs(45)).await;
    let after = carried(&stage).await?;
    let bits = (after - before) * 8.0 / (clock.now() - began).as_secs_f64();
    assert!(bits <= IDLE_BITS_PER_SECOND, "the idle links carry {bits:.0} bit/s");
    assert_eq!(metric(edge, "sluice_uplink_media_bytes_total").await?, 0.0, "no media byte was ever sent");
    stage.strike().await;
    Ok(())
}

/// UDP payload that crossed all links, both ways, with 28 bytes of IP and UDP header a datagram left out.
async fn carried(stage: &Stage) -> Result<f64> {
    let hub = &stage.demo.file.metrics.hub;
    let received = metric(hub, "sluice_link_udp_received_bytes_total").await?;
    Ok(received + metric(hub, "sluice_link_udp_sent_bytes_total").await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_play_that_nobody_follows_up_ends_by_itself() -> Result<()> {
    let stage = Stage::set(1).await?;
    let file = &stage.demo.file;
    let body = json!({ "cameras": [{ "id": file.cameras[0], "tier": "sub" }] });
    stage.demo.client.expect(Method::POST, "/play", Some(&body)).await?;
    eventually_within(Duration::from_secs(5), || async {
        ensure!(
            metric(&file.metrics.hub, "sluice_node_media_bytes_total").await? > 0.0,
            "the lease opens the feed"
        );
        Ok(())
    })
    .await?;
    // The lease is ten seconds; nobody came, so there is no linger after it.
    eventually_within(Duration::from_secs(15), || async {
        ensure!(metric(&file.metrics.hub, "sluice_node_feeds").await? == 0.0, "the feed closes");
        Ok(())
    })
    .await?;
    stage.strike().await;
    Ok(())
}
