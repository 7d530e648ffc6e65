//! Tokens that the hub signs for itself and keeps no row of: viewer tokens and the URL tokens of `EventSource`.
//!
//! `prefix · base64url(payload · HMAC-SHA-256)`; what they open is found by the payload, so a restart changes nothing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::{digest, hmac};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sluice_ids::TenantId;

/// Makes and checks tokens with the key of this hub.
#[derive(Clone)]
pub(crate) struct Seals(hmac::Key);

/// What a viewer token opens: the sessions of one play request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ViewerClaims {
    /// Whose cameras.
    #[serde(rename = "t")]
    pub(crate) tenant: TenantId,
    /// Which request.
    #[serde(rename = "c")]
    pub(crate) correlation: String,
    /// Who asked: a user or an API token. Without him the token is worth nothing.
    #[serde(rename = "k")]
    pub(crate) credential: String,
    /// The page it is for; empty for any that CORS admits.
    #[serde(rename = "o")]
    pub(crate) origin: String,
    /// Opens nothing from this second on.
    #[serde(rename = "e")]
    pub(crate) expires_s: i64,
}

/// What an events URL token opens: one stream of events, for who asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EventClaims {
    /// Whose events.
    #[serde(rename = "t")]
    pub(crate) tenant: TenantId,
    /// One play request's events, or all of the tenant.
    #[serde(rename = "c")]
    pub(crate) correlation: Option<String>,
    /// Who asked for it, or for the viewer token it was asked with: a user or an API token.
    #[serde(rename = "k")]
    pub(crate) credential: String,
    /// Whether that credential reads everything of its tenant.
    #[serde(rename = "a")]
    pub(crate) reads_all: bool,
    /// The hash of the console login it was asked with, hex.
    #[serde(rename = "l")]
    pub(crate) login: Option<String>,
    /// A stream that it opened ends in this second.
    #[serde(rename = "d")]
    pub(crate) until_s: i64,
    /// Opens nothing from this second on.
    #[serde(rename = "e")]
    pub(crate) expires_s: i64,
}

/// What shows an earlier login by a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownClaims {
    /// SHA-256 of the login name, hex.
    #[serde(rename = "n")]
    pub(crate) name: String,
    /// This cookie's own number.
    #[serde(rename = "i")]
    pub(crate) number: String,
    /// Shows nothing from this second on.
    #[serde(rename = "e")]
    pub(crate) expires_s: i64,
}

/// A kind of token: its prefix keeps one from being used as another.
pub(crate) trait Sealed: Serialize + DeserializeOwned {
    const PREFIX: &'static str;
    fn expires_s(&self) -> i64;
}

impl Sealed for ViewerClaims {
    const PREFIX: &'static str = "svt_";
    fn expires_s(&self) -> i64 {
        self.expires_s
    }
}

impl Sealed for EventClaims {
    const PREFIX: &'static str = "set_";
    fn expires_s(&self) -> i64 {
        self.expires_s
    }
}

impl Sealed for KnownClaims {
    const PREFIX: &'static str = "skn_";
    fn expires_s(&self) -> i64 {
        self.expires_s
    }
}

impl Seals {
    /// With a kept key of 32 bytes.
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The token that says `claims`.
    pub(crate) fn seal<T: Sealed>(&self, claims: &T) -> String {
        let mut bytes = serde_json::to_vec(claims).expect("claims are plain strings and numbers");
        let tag = hmac::sign(&self.0, &[T::PREFIX.as_bytes(), &bytes].concat());
        bytes.extend_from_slice(tag.as_ref());
        format!("{}{}", T::PREFIX, BASE64.encode(bytes))
    }

    /// What the token says, if this hub made it and it is still good.
    pub(crate) fn open<T: Sealed>(&self, token: &str, now_s: i64) -> Option<T> {
        let bytes = BASE64.decode(token.strip_prefix(T::PREFIX)?).ok()?;
        let (payload, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_LEN)?)?;
        hmac::verify(&self.0, &[T::PREFIX.as_bytes(), payload].concat(), tag).ok()?;
        serde_json::from_slice::<T>(payload).ok().filter(|claims| now_s < claims.expires_s())
    }

    /// Another key for another purpose.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; 32] {
        let tag = hmac::sign(&self.0, format!("derive {purpose}").as_bytes());
        tag.as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes")
    }
}

/// The CSRF value of a console session: only a page that was answered it can send it, for scripts cannot read the
/// cookie. It follows from the cookie alone, so that a page that stays open outlives a restart of the hub.
pub(crate) fn csrf(session_token: &str) -> String {
    hex::encode(&sha256(&format!("csrf {session_token}"))[..16])
}

/// Whether `given` is that value, in constant time.
pub(crate) fn is_csrf(session_token: &str, given: &str) -> bool {
    subtle_eq(csrf(session_token).as_bytes(), given.as_bytes())
}

/// Compares without telling by its duration where two texts differ: their digests under a fresh key are compared.
fn subtle_eq(left: &[u8], right: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &sluice_runtime::random_bytes::<32>());
    let tag = hmac::sign(&key, left);
    hmac::verify(&key, right, tag.as_ref()).is_ok()
}

/// How secrets with 256 random bits are kept: a fast hash is enough for them.
pub(crate) fn sha256(secret: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, secret.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

const TAG_LEN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> ViewerClaims {
        let tenant = "ten_00000000000000000000000000000001".parse().unwrap();
        let credential = "tok_00000000000000000000000000000001".into();
        ViewerClaims {
            tenant,
            correlation: "play_1".into(),
            credential,
            origin: String::new(),
            expires_s: 100,
        }
    }

    #[test]
    fn a_token_opens_until_it_expires_and_only_as_its_own_kind() {
        let seals = Seals::new(&[1; 32]);
        let token = seals.seal(&claims());
        assert_eq!(seals.open(&token, 99), Some(claims()));
        assert_eq!(seals.open::<ViewerClaims>(&token, 100), None);
        assert_eq!(seals.open::<EventClaims>(&token.replace("svt_", "set_"), 99), None);
        assert_eq!(Seals::new(&[2; 32]).open::<ViewerClaims>(&token, 99), None);
    }

    #[test]
    fn one_changed_character_opens_nothing() {
        let seals = Seals::new(&[1; 32]);
        let token = seals.seal(&claims());
        for at in 4..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(seals.open::<ViewerClaims>(&forged, 1), None);
        }
        for hostile in ["", "svt_", "svt_AA", "svt_%%%"] {
            assert_eq!(seals.open::<ViewerClaims>(hostile, 1), None);
        }
    }
}
