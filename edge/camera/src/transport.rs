//! HTTP to a camera, as a camera deserves: only to the site's networks, with a deadline, no more bytes than an answer
//! has, certificates pinned on first use, and nothing believed that could harm who reads it.

mod caller;
mod challenge;
mod screen;

use std::{
    error::Error,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Client, Method, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE},
    redirect::{Attempt, Policy},
};
use url::Host;

use crate::{
    metrics::CameraMetrics,
    networks::Networks,
    pins::{OTHER_CERTIFICATE, Pins},
};

pub(crate) use caller::{Caller, PULL_S};
pub use challenge::{Challenge, DigestChallenge, Signed};
pub use screen::{Hostile, screen};

/// Until a TCP connection stands; a camera on the same LAN answers in milliseconds.
const CONNECT: Duration = Duration::from_secs(3);
/// Whether a port is open, on the same LAN.
const PROBE: Duration = Duration::from_secs(2);
/// The largest answer of ONVIF: a recorder of 64 channels tells its profiles in some 600 KiB.
const MAX_BODY: usize = 1024 * 1024;
/// A connection that nobody used is closed, so that a camera's few places are free.
const IDLE: Duration = Duration::from_secs(10);
/// Hops within one host, such as from HTTP to HTTPS.
const MAX_HOPS: usize = 2;
const MAX_HEADERS: usize = 64;

/// Why there is no answer. Says nothing of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// The address is on none of the site's networks.
    #[error("the address is on none of this site's networks")]
    Forbidden,
    /// No URL of HTTP.
    #[error("this is no address of a web service")]
    Address,
    /// Nobody listens, or the connection broke.
    #[error("the camera cannot be reached")]
    Unreachable,
    /// Nothing came in time.
    #[error("the camera did not answer in time")]
    Timeout,
    /// TLS failed for another reason than the certificate.
    #[error("the camera's encryption is not understood")]
    Tls,
    /// Another certificate than the first one.
    #[error(
        "the camera's certificate is another than before; if it was renewed or the camera replaced, enter its password again"
    )]
    OtherCertificate,
    /// More bytes than any answer has.
    #[error("the camera's answer is too long")]
    TooLong,
    /// No XML that should be read.
    #[error("the camera's answer cannot be read")]
    Hostile(#[from] Hostile),
    /// The camera asks who we are, or does not like what we said.
    #[error("the camera refuses the credentials")]
    Unauthorized,
    /// Another answer of HTTP.
    #[error("the camera answers with status {0}")]
    Status(u16),
}

/// Connections to every camera of a process. One for all.
#[derive(Debug)]
pub(crate) struct Http {
    client: Client,
    networks: Networks,
    pins: Pins,
    metrics: CameraMetrics,
}

/// The connections cannot be prepared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Of TLS.
    #[error("cannot prepare TLS")]
    Tls(#[from] rustls::Error),
    /// Of HTTP.
    #[error("cannot prepare HTTP")]
    Http(#[from] reqwest::Error),
}

/// One request.
#[derive(Debug)]
struct Ask<'a> {
    method: Method,
    url: &'a Url,
    content_type: String,
    body: String,
    authorization: Option<String>,
    most: usize,
}

#[derive(Debug)]
struct Reply {
    status: u16,
    challenges: Vec<String>,
    body: Vec<u8>,
}

impl Http {
    pub(crate) fn new(networks: Networks, pins: Pins, metrics: CameraMetrics) -> Result<Self, HttpError> {
        let client = Client::builder()
            .tls_backend_preconfigured(pins.tls()?)
            .dns_resolver(Arc::new(Resolver(networks.clone())))
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1)
            .redirect(Policy::custom(same_host))
            .http1_only()
            .http1_max_headers(MAX_HEADERS)
            .http1_ignore_invalid_headers_in_responses(true)
            .no_proxy()
            .referer(false)
            .user_agent("sluice")
            .build()?;
        Ok(Self { client, networks, pins, metrics })
    }

    /// Believes the next certificate at this place.
    pub(crate) fn trust_anew(&self, place: &Url) {
        if let Some(host) = place.host_str() {
            self.pins.forget(host);
        }
    }

    pub(crate) const fn metrics(&self) -> &CameraMetrics {
        &self.metrics
    }

    /// One question, without a deadline of its own.
    async fn exchange(&self, ask: Ask<'_>) -> Result<Reply, Trouble> {
        self.check(ask.url)?;
        let mut request = self.client.request(ask.method, ask.url.clone());
        if !ask.content_type.is_empty() {
            request = request.header(CONTENT_TYPE, ask.content_type);
        }
        if let Some(authorization) = ask.authorization {
            let mut value =
                HeaderValue::from_bytes(authorization.as_bytes()).map_err(|_| Trouble::Unauthorized)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let response = request.body(ask.body).send().await.map_err(|error| trouble(&error))?;
        let reply = collect(response, ask.most).await;
        if self.pins.is_unsaved() {
            let pins = self.pins.clone();
            // The disk is waited for elsewhere; that a pin is kept a moment later harms nobody.
            drop(tokio::task::spawn_blocking(move || pins.save()));
        }
        reply
    }

    /// Whether somebody takes TCP connections at this port of an allowed host.
    pub(crate) async fn listens(&self, host: &str, port: u16) -> bool {
        let host = host.trim_matches(['[', ']']);
        let Ok(mut found) = tokio::net::lookup_host((host, port)).await else { return false };
        let Some(address) = found.find(|address| self.networks.allows(address.ip())) else { return false };
        matches!(tokio::time::timeout(PROBE, tokio::net::TcpStream::connect(address)).await, Ok(Ok(_)))
    }

    /// A name is checked when it is resolved, an address here.
    fn check(&self, url: &Url) -> Result<(), Trouble> {
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() {
            return Err(Trouble::Address);
        }
        let address: IpAddr = match url.host().ok_or(Trouble::Address)? {
            Host::Domain(_) => return Ok(()),
            Host::Ipv4(address) => address.into(),
            Host::Ipv6(address) => address.into(),
        };
        if self.networks.allows(address) {
            Ok(())
        } else {
            self.metrics.forbidden.inc();
            Err(Trouble::Forbidden)
        }
    }
}

async fn collect(mut response: Response, most: usize) -> Result<Reply, Trouble> {
    let status = response.status().as_u16();
    let headers = response.headers();
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > most as u64) {
        return Err(Trouble::TooLong);
    }
    let challenges =
        headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| Some(value.to_str().ok()?.to_owned()));
    let challenges = challenges.collect();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| trouble(&error))? {
        if body.len() + chunk.len() > most {
            return Err(Trouble::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, challenges, body })
}

/// A camera may send its client to another port of itself, never to another machine.
fn same_host(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let first = attempt.previous().first().and_then(Url::host_str);
    let stays = first.is_some() && first == attempt.url().host_str();
    if stays && attempt.previous().len() <= MAX_HOPS { attempt.follow() } else { attempt.stop() }
}

/// Resolves names to allowed addresses only.
#[derive(Debug)]
struct Resolver(Networks);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| networks.allows(address.ip())).take(4).collect();
            if allowed.is_empty() {
                return Err(Trouble::Forbidden.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

fn trouble(error: &reqwest::Error) -> Trouble {
    if error.is_timeout() { Trouble::Timeout } else { cause(error).unwrap_or(Trouble::Unreachable) }
}

/// What lies behind an error. An error within an I/O error is not its source, and TLS's and ours stand there.
fn cause(error: &(dyn Error + 'static)) -> Option<Trouble> {
    if let Some(ours) = error.downcast_ref::<Trouble>() {
        return Some(ours.clone());
    }
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(if *tls == OTHER_CERTIFICATE { Trouble::OtherCertificate } else { Trouble::Tls });
    }
    let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inside.and_then(|inside| cause(inside)).or_else(|| cause(error.source()?))
}
