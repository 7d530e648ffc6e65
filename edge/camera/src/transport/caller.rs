use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use oxvif::transport::{Transport, TransportError};
use reqwest::{Method, Url};
use tokio::time::timeout;

use super::{Ask, Challenge, Http, MAX_BODY, Reply, Signed, Trouble, screen};
use crate::Credentials;

/// How long a camera may hold back its answer to a pull of events, in seconds.
pub(crate) const PULL_S: u64 = 20;

/// The connection with one camera, for one account. Remembers how the camera wants to be convinced.
#[derive(Debug)]
pub(crate) struct Caller {
    http: Arc<Http>,
    credentials: Option<Credentials>,
    /// For a question and its answer.
    call: Duration,
    /// The last challenge and how often it was answered.
    challenge: Mutex<Option<(Challenge, u32)>>,
}

impl Caller {
    pub(crate) const fn new(http: Arc<Http>, credentials: Option<Credentials>, call: Duration) -> Self {
        Self { http, credentials, call, challenge: Mutex::new(None) }
    }

    pub(crate) const fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// An envelope out, an envelope in: of 200, and of 400 and 500, in which faults come.
    pub(crate) async fn post(&self, url: &str, action: &str, body: String) -> Result<String, Trouble> {
        let url = Url::parse(url).map_err(|_| Trouble::Address)?;
        // SOAP 1.2, part 2, §6.5.3: the action stands in the content type.
        let content_type = format!("application/soap+xml; charset=utf-8; action=\"{action}\"");
        let pulls = action.ends_with("PullMessagesRequest");
        let limit = if pulls { self.call + Duration::from_secs(PULL_S) } else { self.call };
        let asked = timeout(limit, self.ask(Method::POST, &url, &content_type, body, MAX_BODY)).await;
        let reply = asked.unwrap_or(Err(Trouble::Timeout))?;
        match (reply.status, screen(&reply.body)) {
            (200 | 400 | 500, Ok(text)) => Ok(text.into_owned()),
            (200, Err(hostile)) => {
                self.http.metrics().hostile.inc();
                Err(hostile.into())
            }
            (401 | 403, _) => Err(Trouble::Unauthorized),
            (status, _) => Err(Trouble::Status(status)),
        }
    }

    /// The body of a GET that succeeds, of at most so many bytes.
    pub(crate) async fn get(&self, url: &Url, most: usize) -> Result<Vec<u8>, Trouble> {
        let asked = timeout(self.call, self.ask(Method::GET, url, "", String::new(), most)).await;
        let reply = asked.unwrap_or(Err(Trouble::Timeout))?;
        match reply.status {
            200 => Ok(reply.body),
            401 | 403 => Err(Trouble::Unauthorized),
            status => Err(Trouble::Status(status)),
        }
    }

    /// Answers one challenge at most, and a second time only where the nonce was old and not the password wrong.
    async fn ask(
        &self,
        method: Method,
        url: &Url,
        content_type: &str,
        body: String,
        most: usize,
    ) -> Result<Reply, Trouble> {
        self.http.metrics().requests.inc();
        let known = self.known();
        let proven = known.is_some();
        let ask = |body: String, authorization: Option<String>| {
            let content_type = content_type.to_owned();
            Ask { method: method.clone(), url, content_type, body, authorization, most }
        };
        let authorization = known.as_ref().and_then(|known| self.authorization(known, &method, url));
        let reply = self.http.exchange(ask(body.clone(), authorization)).await?;
        if reply.status != 401 || self.credentials.is_none() {
            return Ok(reply);
        }
        let Some(next) = Challenge::strongest(reply.challenges.iter().map(String::as_str)) else {
            return Ok(reply);
        };
        // What was answered already, with the same nonce, is answered with a wrong password.
        if proven && !is_fresh(known.as_ref().map(|(challenge, _)| challenge), &next) {
            self.forget();
            return Ok(reply);
        }
        let first = self.remember(next);
        let authorization = self.authorization(&first, &method, url);
        let reply = self.http.exchange(ask(body, authorization)).await?;
        if reply.status == 401 {
            self.forget();
        }
        Ok(reply)
    }

    fn authorization(&self, known: &(Challenge, u32), method: &Method, url: &Url) -> Option<String> {
        let (challenge, count) = known;
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let cnonce = hex::encode(sluice_runtime::random_bytes::<8>());
        let signed = Signed { method: method.as_str(), path: &path, count: *count, cnonce: &cnonce };
        Some(challenge.answer(self.credentials.as_ref()?, signed))
    }

    /// The challenge to answer before it is asked, with its next count.
    fn known(&self) -> Option<(Challenge, u32)> {
        let mut challenge = self.challenge.lock().unwrap_or_else(PoisonError::into_inner);
        let (challenge, count) = challenge.as_mut()?;
        *count = count.wrapping_add(1);
        Some((challenge.clone(), *count))
    }

    fn remember(&self, challenge: Challenge) -> (Challenge, u32) {
        let first = (challenge, 1);
        *self.challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(first.clone());
        first
    }

    fn forget(&self) {
        *self.challenge.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Whether the camera asks again because its nonce is another by now. Many do not say `stale`.
fn is_fresh(answered: Option<&Challenge>, next: &Challenge) -> bool {
    match (answered, next) {
        (Some(Challenge::Digest(answered)), Challenge::Digest(next)) => {
            next.stale || next.nonce != answered.nonce
        }
        _ => false,
    }
}

/// oxvif's error has no place for ours, so numbers that no status of HTTP has stand for them.
const OURS: u16 = 900;

impl From<Trouble> for TransportError {
    fn from(trouble: Trouble) -> Self {
        let status = match &trouble {
            Trouble::Forbidden => OURS,
            Trouble::Address => OURS + 1,
            Trouble::Unreachable => OURS + 2,
            Trouble::Timeout => OURS + 3,
            Trouble::Tls => OURS + 4,
            Trouble::OtherCertificate => OURS + 5,
            Trouble::TooLong => OURS + 6,
            Trouble::Unauthorized => 401,
            Trouble::Status(status) => *status,
            Trouble::Hostile(hostile) => OURS + 10 + hostile.number(),
        };
        Self::HttpStatus { status, body: String::new() }
    }
}

impl From<&TransportError> for Trouble {
    fn from(error: &TransportError) -> Self {
        let TransportError::HttpStatus { status, .. } = error else { return Self::Unreachable };
        match *status {
            401 | 403 => Self::Unauthorized,
            OURS => Self::Forbidden,
            901 => Self::Address,
            902 => Self::Unreachable,
            903 => Self::Timeout,
            904 => Self::Tls,
            905 => Self::OtherCertificate,
            906 => Self::TooLong,
            status => match status.checked_sub(OURS + 10).and_then(super::Hostile::of_number) {
                Some(hostile) => Self::Hostile(hostile),
                None => Self::Status(status),
            },
        }
    }
}

impl Transport for Caller {
    // What `async_trait` makes of the trait's method.
    fn soap_post<'s, 'u, 'a, 'f>(
        &'s self,
        url: &'u str,
        action: &'a str,
        body: String,
    ) -> Pin<Box<dyn Future<Output = Result<String, TransportError>> + Send + 'f>>
    where
        's: 'f,
        'u: 'f,
        'a: 'f,
        Self: 'f,
    {
        Box::pin(async move { self.post(url, action, body).await.map_err(TransportError::from) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Hostile;

    #[test]
    fn troubles_survive_the_clients_error() {
        let hostile = [
            Hostile::Encoding,
            Hostile::DocumentType,
            Hostile::Depth,
            Hostile::Elements,
            Hostile::Tag,
            Hostile::Malformed,
        ];
        let others = [
            Trouble::Forbidden,
            Trouble::Address,
            Trouble::Unreachable,
            Trouble::Timeout,
            Trouble::Tls,
            Trouble::OtherCertificate,
            Trouble::TooLong,
            Trouble::Unauthorized,
            Trouble::Status(404),
        ];
        for trouble in others.into_iter().chain(hostile.map(Trouble::Hostile)) {
            assert_eq!(Trouble::from(&TransportError::from(trouble.clone())), trouble);
        }
    }
}
