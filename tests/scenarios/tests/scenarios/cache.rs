use std::{fs, path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, ensure};
use reqwest::{Client, Method, StatusCode};
use serde_json::json;
use sluice_load::{Master, Playlist, join};
use sluice_testkit::{eventually, eventually_within};
use tokio::process::{Child, Command};

use super::support::{Stage, say};

const NGINX: &str = "/usr/sbin/nginx";
/// What the guide gives to operators.
const CONFIG: &str = include_str!("../../../../deploy/nginx/sluice-hls.conf");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_serves_the_second_viewer_and_no_leaked_url() -> Result<()> {
    if !Path::new(NGINX).exists() {
        say(&format!("SKIPPED: {NGINX} is not installed (.ci/debian-packages)"));
        return Ok(());
    }
    let stage = Stage::set(1).await?;
    let cache = Cache::start(&stage).await?;
    let (first, second) = (cache.viewer(&stage).await?, cache.viewer(&stage).await?);
    let parts = eventually(|| first.parts(&cache)).await;
    let mut hits = 0;
    for part in &parts {
        let (status, _) = cache.get(&join(&first.media, part)?).await?;
        ensure!(status == StatusCode::OK, "{part} was answered {status}");
        let (status, from) = cache.get(&join(&second.media, part)?).await?;
        ensure!(status == StatusCode::OK, "{part} was answered {status} to the second viewer");
        hits += usize::from(from == "HIT");
    }
    say(&format!("cache: {hits} of {} requests of the second viewer came from the store", parts.len()));
    assert_eq!(hits, parts.len(), "what one viewer fetched the other gets from the store");

    stage.demo.client.expect(Method::DELETE, &format!("/sessions/{}", first.session), None).await?;
    let (leaked, lives) = (join(&first.media, &parts[0])?, join(&second.media, &parts[0])?);
    eventually_within(Duration::from_secs(5), || async {
        let (status, _) = cache.get(&leaked).await?;
        ensure!(status == StatusCode::FORBIDDEN, "a leaked URL of an ended session is answered {status}");
        Ok(())
    })
    .await?;
    assert_eq!(cache.get(&lives).await?.0, StatusCode::OK, "the other session goes on");
    stage.strike().await;
    Ok(())
}

/// nginx with the configuration of the guide. It ends with the value.
struct Cache {
    base: String,
    http: Client,
    _nginx: Child,
}

/// A session whose playlists come through the cache.
struct Viewer {
    session: String,
    media: String,
}

impl Cache {
    async fn start(stage: &Stage) -> Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let dir = stage.dir.path().join("nginx");
        fs::create_dir_all(&dir)?;
        let hub = stage.demo.file.hub_url.trim_start_matches("http://");
        let replaced = [
            ("/var/cache/nginx/sluice", dir.join("store").display().to_string()),
            ("server 127.0.0.1:8080;", format!("server {hub};")),
            ("listen 8081;", format!("listen 127.0.0.1:{port};")),
        ];
        let mut config = CONFIG.to_owned();
        for (given, ours) in replaced {
            ensure!(config.contains(given), "the guide's configuration has no {given:?} any more");
            config = config.replace(given, &ours);
        }
        let place = dir.display();
        let whole = format!(
            "daemon off;\nuser root;\npid {place}/pid;\nerror_log {place}/error.log;\nevents {{}}\nhttp {{\n\
             access_log off;\nclient_body_temp_path {place}/body;\nproxy_temp_path {place}/proxy;\n\
             fastcgi_temp_path {place}/fastcgi;\nuwsgi_temp_path {place}/uwsgi;\nscgi_temp_path {place}/scgi;\n\
             {config}\n}}\n"
        );
        let file = dir.join("nginx.conf");
        fs::write(&file, whole)?;
        let mut command = Command::new(NGINX);
        command.arg("-e").arg(dir.join("start.log")).arg("-c").arg(&file).kill_on_drop(true);
        let nginx = command.stderr(Stdio::null()).spawn().context("start nginx")?;
        let cache = Self { base: format!("http://127.0.0.1:{port}"), http: Client::new(), _nginx: nginx };
        eventually(|| cache.get("/api/v1/time")).await;
        Ok(cache)
    }

    async fn viewer(&self, stage: &Stage) -> Result<Viewer> {
        let wish =
            json!({ "cameras": [{ "id": stage.demo.file.cameras[0], "protocol": "ll-hls", "tier": "sub" }] });
        let answer = stage.demo.client.expect(Method::POST, "/play", Some(&wish)).await?;
        let item = &answer["items"][0];
        let text = |name: &str| item[name].as_str().with_context(|| format!("no {name} in {item}"));
        let url = reqwest::Url::parse(text("url")?)?;
        let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        let master =
            self.http.get(format!("{}{path}", self.base)).send().await?.error_for_status()?.text().await?;
        let media = join(&path, &Master::parse(&master)?.video)?;
        Ok(Viewer { session: text("session_id")?.to_owned(), media })
    }

    /// Status, and what the cache says of its store.
    async fn get(&self, path: &str) -> Result<(StatusCode, String)> {
        let response = self.http.get(format!("{}{path}", self.base)).send().await?;
        let from = response.headers().get("x-cache-status").and_then(|value| value.to_str().ok());
        Ok((response.status(), from.unwrap_or_default().to_owned()))
    }
}

impl Viewer {
    /// Some parts that both viewers can fetch.
    async fn parts(&self, cache: &Cache) -> Result<Vec<String>> {
        let playlist =
            cache.http.get(format!("{}{}", cache.base, self.media)).send().await?.error_for_status()?;
        let playlist = Playlist::parse(&playlist.text().await?)?;
        let mut parts: Vec<String> = playlist.parts().map(|(_, part, _)| part.uri.clone()).collect();
        ensure!(parts.len() >= 10, "{} parts are there", parts.len());
        Ok(parts.split_off(parts.len() - 10))
    }
}
