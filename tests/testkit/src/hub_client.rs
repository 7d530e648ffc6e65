use anyhow::{Context as _, Result, bail};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A client of a hub's API, as another dashboard's backend would be.
#[derive(Debug, Clone)]
pub struct HubClient {
    base: String,
    http: reqwest::Client,
    token: Option<String>,
}

impl HubClient {
    /// A client without credentials; `base` is such as `http://127.0.0.1:8080`.
    ///
    /// # Panics
    /// When TLS cannot be set up, which depends on nothing outside the binary.
    #[must_use]
    pub fn new(base: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // The demo's hub made its certificate itself.
        let http = reqwest::Client::builder()
            .danger_accept_invalid_certs(true)
            .build()
            .expect("the TLS provider is installed");
        Self { base: base.trim_end_matches('/').to_owned(), http, token: None }
    }

    /// The same client with an API token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// A call under `/api/v1`; the answer with its status, whatever it is.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value)> {
        let mut request = self.http.request(method, format!("{}/api/v1{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| format!("call {path}"))?;
        let status = response.status();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// Whether a URL answers with success.
    ///
    /// # Errors
    /// When it does not.
    pub async fn answers(&self, url: &str) -> Result<()> {
        Ok(self.http.get(url).send().await?.error_for_status().map(drop)?)
    }

    /// [`HubClient::call`] that must succeed.
    ///
    /// # Errors
    /// When no answer comes or it is a problem.
    pub async fn expect(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, answer) = self.call(method, path, body).await?;
        if !status.is_success() {
            bail!("{path} answered {status}: {answer}");
        }
        Ok(answer)
    }

    /// Logs in and makes an API token with every scope; the session is not kept.
    ///
    /// # Errors
    /// When the login is refused.
    pub async fn token_by_login(&self, user: &str, password: &str) -> Result<String> {
        let url = format!("{}/api/v1/login", self.base);
        let login = self.http.post(url).json(&json!({ "user": user, "password": password })).send().await?;
        if !login.status().is_success() {
            bail!("login answered {}: {}", login.status(), login.text().await?);
        }
        let cookies: Vec<String> = login
            .headers()
            .get_all("set-cookie")
            .iter()
            .filter_map(|value| value.to_str().ok()?.split(';').next().map(str::to_owned))
            .collect();
        let body: Value = login.json().await?;
        let csrf = body["csrf"].as_str().context("the login answer has a csrf value")?;
        let made = self
            .http
            .post(format!("{}/api/v1/tokens", self.base))
            .header("cookie", cookies.join("; "))
            .header("x-sluice-csrf", csrf)
            .json(&json!({ "name": "demo", "scopes": ["play", "read", "admin", "ptz"] }))
            .send()
            .await?;
        if !made.status().is_success() {
            bail!("making a token answered {}: {}", made.status(), made.text().await?);
        }
        let made: Value = made.json().await?;
        Ok(made["token"].as_str().context("the answer has the token")?.to_owned())
    }
}
