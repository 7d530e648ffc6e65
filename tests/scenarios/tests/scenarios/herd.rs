use anyhow::Result;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::support::{Stage, metric};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_play_calls_at_once_cause_one_pull_and_one_subscribe() -> Result<()> {
    let stage = Stage::set(1).await?;
    let file = &stage.demo.file;
    let body = json!({
        "cameras": [{ "id": file.cameras[0], "tile": { "width": 640, "height": 360 }, "protocol": "auto", "tier": "sub" }],
    });
    let calls = (0..1_000).map(|_| stage.demo.client.expect(Method::POST, "/play", Some(&body)));
    let answers = join_all(calls).await.into_iter().collect::<Result<Vec<_>>>()?;
    for answer in &answers {
        let item = &answer["items"][0];
        assert!(item["token"].is_string() && item["problem"].is_null(), "nobody is dropped: {item}");
    }
    assert_eq!(metric(&file.metrics.hub, "sluice_node_feeds_opened_total").await?, 1.0, "one subscribe");
    assert_eq!(metric(&file.metrics.edge, "sluice_edge_pulls").await?, 1.0, "one pull");
    stage.strike().await;
    Ok(())
}
