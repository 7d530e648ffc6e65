use std::{fs, path::Path};

use anyhow::Result;
use reqwest::Method;
use serde_json::json;

use super::support::Stage;

/// A camera password nobody would write by chance.
const PLANTED: &str = "pl4nted-c4mera-s3cret-7f1d";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_a_log_an_answer_or_the_database() -> Result<()> {
    let stage = Stage::set(1).await?;
    let (client, file) = (stage.demo.client.clone(), stage.demo.file.clone());
    let camera = json!({
        "name": "Planted", "site_id": file.site_id, "via": file.device_id,
        "source": { "type": "rtsp", "username": "edge", "password": PLANTED,
                    "tiers": [{ "tier": "main", "url": format!("rtsp://{}/cam/1/main", file.rtsp) }] },
    });
    client.expect(Method::POST, "/cameras", Some(&camera)).await?;
    let body = json!({ "cameras": [{ "id": file.cameras[0], "tier": "sub" }] });
    let played = client.expect(Method::POST, "/play", Some(&body)).await?;
    let mut answers = String::new();
    for path in ["/cameras", "/devices", "/sites", "/sessions", "/tokens", "/users", "/openapi.json"] {
        answers += &client.expect(Method::GET, path, None).await?.to_string();
    }
    let playback = played["items"][0]["token"].as_str().unwrap_or_default().to_owned();
    assert!(!playback.is_empty(), "a token was given: {played}");
    let secrets = [PLANTED, &file.password, &file.api_token, &playback];
    for secret in secrets {
        assert!(!answers.contains(secret), "the API tells a secret");
    }
    let dir = stage.dir.path().to_owned();
    // demo.json tells the login on purpose; it is removed so that what is left must be clean.
    fs::remove_file(dir.join("demo.json"))?;
    stage.demo.stop().await;
    for secret in secrets {
        scan(&dir, secret.as_bytes())?;
    }
    Ok(())
}

fn scan(dir: &Path, secret: &[u8]) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            scan(&path, secret)?;
        } else {
            let bytes = fs::read(&path)?;
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "{} holds a secret", path.display());
        }
    }
    Ok(())
}
