use anyhow::{Context as _, Result, bail};
use reqwest::{StatusCode, header};
use serde_json::{Value, json};

/// A hub's API with the right to play.
#[derive(Debug, Clone)]
pub struct Hub {
    base: String,
    token: String,
    http: reqwest::Client,
}

/// Leave to open one session.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Where the offer is to be sent.
    pub url: String,
    /// What authorises it.
    pub token: String,
    /// The session's id.
    pub session: String,
}

impl Hub {
    /// A hub at `base` (such as `http://127.0.0.1:8080`), for an API token with the scope `play`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(base: &str, token: &str) -> Result<Self> {
        // The hub of the demo made its certificate itself.
        let http = reqwest::Client::builder().danger_accept_invalid_certs(true).build()?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), token: token.to_owned(), http })
    }

    /// Asks to watch `camera`; `tier` is `auto`, `main` or `sub`.
    ///
    /// # Errors
    /// When the hub refuses, in its words.
    pub async fn play(&self, camera: &str, tier: &str) -> Result<Grant> {
        self.play_by(camera, tier, "webrtc").await
    }

    /// Asks to watch `camera` by `protocol`: `webrtc`, `ll-hls` or `hls`.
    ///
    /// # Errors
    /// When the hub refuses, in its words.
    pub async fn play_by(&self, camera: &str, tier: &str, protocol: &str) -> Result<Grant> {
        let wish = json!({
            "cameras": [{
                "id": camera,
                "latency_class": "interactive",
                "protocol": protocol,
                "tier": tier,
                "tile": { "width": 640, "height": 360 },
            }],
            "viewer": { "codecs": ["h264"] },
        });
        let request = self.http.post(format!("{}/api/v1/play", self.base)).bearer_auth(&self.token);
        let response = request.json(&wish).send().await.context("call play")?;
        let status = response.status();
        let answer: Value = response.json().await.with_context(|| format!("play answered {status}"))?;
        let item = &answer["items"][0];
        if !status.is_success() || item["problem"].is_object() {
            bail!("play answered {status}: {}", if item.is_null() { &answer } else { item });
        }
        let text = |name: &str| {
            item[name]
                .as_str()
                .map(str::to_owned)
                .with_context(|| format!("the answer of play has no {name}"))
        };
        Ok(Grant { url: text("url")?, token: text("token")?, session: text("session_id")? })
    }

    /// Sends an offer. The answer, and the URL of the session's resource.
    ///
    /// # Errors
    /// When the node refuses, in its words.
    pub async fn whep(&self, grant: &Grant, offer: String) -> Result<(String, String)> {
        self.whep_at(&grant.url, &grant.token, offer).await
    }

    /// [`Hub::whep`] for a grant that came otherwise.
    ///
    /// # Errors
    /// When the node refuses, in its words.
    pub async fn whep_at(&self, url: &str, token: &str, offer: String) -> Result<(String, String)> {
        let request = self.http.post(url).bearer_auth(token);
        let response = request
            .header(header::CONTENT_TYPE, "application/sdp")
            .body(offer)
            .send()
            .await
            .context("send the offer")?;
        let status = response.status();
        let at = response.url().clone();
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let location = location.and_then(|path| at.join(path).ok()).map(String::from);
        let body = response.text().await?;
        if status != StatusCode::CREATED {
            bail!("the offer was answered {status}: {body}");
        }
        Ok((body, location.context("201 without a Location")?))
    }

    /// Ends a session by its id.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn close(&self, session: &str) -> Result<StatusCode> {
        let url = format!("{}/api/v1/sessions/{session}", self.base);
        Ok(self.http.delete(url).bearer_auth(&self.token).send().await?.status())
    }

    /// Ends a session by its WHEP resource.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn end(&self, resource: &str) -> Result<StatusCode> {
        Ok(self.http.delete(resource).send().await?.status())
    }
}
