use std::{fmt, time::Duration};

use sluice_guardian::{Ask, Device, Guardian, Limits};
use sluice_runtime::Clock;
use sluice_telemetry::Secret;
use url::Url;

/// What it takes to pull one stream.
#[derive(Clone)]
pub struct Settings {
    /// Names the stream in logs; holds no secret and no address.
    pub label: String,
    /// `rtsp://host[:port]/path`. A user and password inside are moved to `credentials` before use.
    pub url: Url,
    /// What the camera asks for, if anything.
    pub credentials: Option<Credentials>,
    /// The most the cached group of pictures may take, in bytes.
    pub ring_bytes: usize,
    /// How long the session goes on after the last subscriber of a stream that is not kept warm.
    /// A few seconds bridge a reconnect of the link to the hub.
    pub hold: Duration,
    /// How the packets come.
    pub transport: Transport,
    /// What the session is for, in the ledger of the camera's sessions: the tier.
    pub purpose: String,
    /// Which physical device it is a session of; by its address if not known better.
    pub device: Device,
    /// Permits every session of this process.
    pub guardian: Guardian,
}

/// How a camera's packets come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// Within the RTSP connection, where nothing is lost or reordered (RFC 2326 §10.12); beside it where the camera
    /// refuses that.
    #[default]
    Tcp,
    /// Beside it. What the network loses or swaps is a gap.
    Udp,
}

/// Four seconds of a large picture of 8 Mbit/s.
const RING_BYTES: usize = 4 * 1024 * 1024;
const HOLD: Duration = Duration::from_secs(10);

/// User and password of a camera.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: Secret<String>,
}

impl Settings {
    /// A stream without credentials, the usual bounds, and a guardian of its own.
    #[must_use]
    pub fn new(label: impl Into<String>, url: Url) -> Self {
        Self {
            label: label.into(),
            device: Device::at(&url),
            url,
            credentials: None,
            ring_bytes: RING_BYTES,
            hold: HOLD,
            transport: Transport::default(),
            purpose: "stream".to_owned(),
            guardian: Guardian::new(Clock::system(), Limits::default()),
        }
    }

    /// The wish for a session of it; `watched` if somebody waits for its pictures.
    pub(crate) fn ask(&self, watched: bool) -> Ask {
        let secret = self
            .credentials
            .as_ref()
            .map(|found| self.guardian.fingerprint(&found.username, found.password.expose()));
        Ask::stream(self.device.clone(), self.purpose.clone()).with(secret).watched(watched)
    }

    /// The same stream with no secret in its URL.
    pub(crate) fn without_userinfo(mut self) -> Self {
        if self.url.username().is_empty() && self.url.password().is_none() {
            return self;
        }
        let found = Credentials {
            username: percent_decoded(self.url.username()),
            password: Secret::new(percent_decoded(self.url.password().unwrap_or_default())),
        };
        self.credentials.get_or_insert(found);
        // Both fail only for URLs without a host, which have no user either.
        let _ = self.url.set_username("");
        let _ = self.url.set_password(None);
        self
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Paths of some cameras carry passwords (`/user=…&password=…`), so the host alone is shown.
        f.debug_struct("Settings").field("label", &self.label).field("host", &self.url.host_str()).finish()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).expect("two hex digits fit a byte"));
                at += 3;
            }
            _ => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> Settings {
        Settings::new("cam/main", url.parse().unwrap())
    }

    #[test]
    fn a_user_in_the_url_moves_to_the_credentials() {
        let clean = settings("rtsp://ad%40min:p%25%2Fw@10.0.0.9:8554/a?b=c").without_userinfo();
        assert_eq!(clean.url.as_str(), "rtsp://10.0.0.9:8554/a?b=c");
        let credentials = clean.credentials.unwrap();
        assert_eq!(
            (credentials.username.as_str(), credentials.password.expose().as_str()),
            ("ad@min", "p%/w")
        );
    }

    #[test]
    fn nothing_secret_is_printed() {
        let mut hidden = settings("rtsp://10.0.0.9/user=admin&password=planted");
        hidden.credentials =
            Some(Credentials { username: "maria".into(), password: Secret::new("planted".into()) });
        let shown = format!("{hidden:?} {:?}", hidden.credentials);
        assert!(!shown.contains("planted") && !shown.contains("maria"), "{shown}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_decodes_without_a_panic(text in ".{0,40}") {
            let _ = percent_decoded(&text);
        }
    }
}
