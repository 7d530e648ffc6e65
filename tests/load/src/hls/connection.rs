use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, StatusCode, client::conn, header};
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::Url;
use sluice_runtime::TaskScope;
use tokio::net::TcpStream;

/// Which HTTP a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Http {
    /// HTTP/1.1 with keep-alive.
    H1,
    /// HTTP/2 by prior knowledge, without TLS (RFC 9113 §3.3).
    H2,
}

/// One connection to a node's front. What carries it runs in the scope it was opened with.
#[derive(Debug)]
pub struct Connection {
    sender: Sender,
    origin: String,
}

#[derive(Debug)]
enum Sender {
    H1(conn::http1::SendRequest<Empty<Bytes>>),
    H2(conn::http2::SendRequest<Empty<Bytes>>),
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its body, not unpacked.
    pub body: Bytes,
}

impl Connection {
    /// Connects to the host of `url`, which must be `http`.
    ///
    /// # Errors
    /// When no connection comes about.
    pub async fn open(scope: &TaskScope, http: Http, url: &Url) -> Result<Self> {
        let host = url.host_str().context("a URL without a host")?;
        let port = url.port_or_known_default().context("a URL without a port")?;
        let stream =
            TcpStream::connect((host, port)).await.with_context(|| format!("connect to {host}:{port}"))?;
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
        let sender = match http {
            Http::H1 => {
                let (sender, driver) = conn::http1::handshake(io).await?;
                scope.spawn("h1", async move { drop(driver.await) });
                Sender::H1(sender)
            }
            Http::H2 => {
                let (sender, driver) = conn::http2::handshake(TokioExecutor::new(), io).await?;
                scope.spawn("h2", async move { drop(driver.await) });
                Sender::H2(sender)
            }
        };
        Ok(Self { sender, origin: format!("http://{host}:{port}") })
    }

    /// Fetches `path` (with its query).
    ///
    /// # Errors
    /// When no whole answer comes within [`PATIENCE`].
    pub async fn get(&mut self, path: &str) -> Result<Response> {
        let exchange = async {
            let response = match &mut self.sender {
                Sender::H1(sender) => {
                    sender.ready().await?;
                    let host = self.origin.trim_start_matches("http://");
                    let request = Request::get(path).header(header::HOST, host).body(Empty::new())?;
                    sender.send_request(request).await?
                }
                Sender::H2(sender) => {
                    sender.ready().await?;
                    let request = Request::get(format!("{}{path}", self.origin)).body(Empty::new())?;
                    sender.send_request(request).await?
                }
            };
            let status = response.status();
            anyhow::Ok(Response { status, body: response.into_body().collect().await?.to_bytes() })
        };
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(answer) => answer,
            Err(_) => bail!("no answer to {path} within {} s", PATIENCE.as_secs()),
        }
    }

    /// [`Connection::get`] that must answer 200.
    ///
    /// # Errors
    /// When it does not.
    pub async fn fetch(&mut self, path: &str) -> Result<Bytes> {
        let Response { status, body } = self.get(path).await?;
        if status != StatusCode::OK {
            bail!("{path} was answered {status}: {}", String::from_utf8_lossy(&body[..body.len().min(300)]));
        }
        Ok(body)
    }
}

/// A cold camera may take its time; a part never does.
const PATIENCE: Duration = Duration::from_secs(30);
