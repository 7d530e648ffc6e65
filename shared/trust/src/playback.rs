//! Playback tokens: EdDSA JWTs (RFC 7519, RFC 8037) of 60 s that open one session at one node. Nodes verify them
//! locally with public keys they were told by `kid`; that a token is used once is the node's memory of `jti`.

use std::{collections::HashMap, fmt, sync::Once, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use serde::{Deserialize, Serialize};
use sluice_ids::{CameraId, NodeId, SessionId, TenantId, Tier};

mod provider;

/// How long a token opens a session after it was made.
pub const TOKEN_LIFE: Duration = Duration::from_secs(60);

/// What a token says. Times are seconds since 1970, as JWT has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The session it opens.
    #[serde(rename = "sid")]
    pub session: SessionId,
    /// The camera that may be seen.
    #[serde(rename = "cam")]
    pub camera: CameraId,
    /// The tier that may be seen.
    pub tier: Tier,
    /// Whose camera it is.
    #[serde(rename = "ten")]
    pub tenant: TenantId,
    /// The node that opens it.
    #[serde(rename = "aud")]
    pub node: NodeId,
    /// `webrtc`, `ll-hls` or `hls`.
    #[serde(rename = "pro")]
    pub protocol: String,
    /// Whether its viewer may move the camera.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ptz: bool,
    /// Made at.
    pub iat: i64,
    /// Opens nothing from this second on.
    pub exp: i64,
    /// What makes this token one of a kind: a second use is refused.
    pub jti: String,
}

/// Signs tokens with one key.
pub struct Signer {
    pkcs8: Vec<u8>,
    public: Vec<u8>,
    kid: String,
    key: EncodingKey,
}

/// Verifies tokens for one node, with the public keys it was told.
#[derive(Clone)]
pub struct Verifier {
    audience: NodeId,
    keys: HashMap<String, DecodingKey>,
}

/// Why a key cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the kept signing key is not an Ed25519 key")]
pub struct SignerError;

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not three parts of base64url JSON, or not our claims.
    #[error("the token is malformed")]
    Malformed,
    /// Another algorithm than EdDSA.
    #[error("the token is not signed with EdDSA")]
    Algorithm,
    /// Signed with a key this node was not told of.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// Altered, or signed by somebody else.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Made in the future, beyond what clocks differ by.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// For another node.
    #[error("the token is for another node")]
    WrongAudience,
}

impl Signer {
    /// A new key.
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    #[must_use]
    pub fn generate() -> Self {
        let pkcs8 =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("the system provides randomness");
        Self::load(pkcs8.as_ref()).expect("a fresh key loads")
    }

    /// A kept key, PKCS#8 version 2.
    pub fn load(pkcs8: &[u8]) -> Result<Self, SignerError> {
        install_provider();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| SignerError)?;
        let public = pair.public_key().as_ref().to_vec();
        let kid = hex::encode(&digest(&SHA256, &public).as_ref()[..8]);
        Ok(Self { pkcs8: pkcs8.to_vec(), kid, public, key: EncodingKey::from_ed_der(pkcs8) })
    }

    /// The key to keep. A secret.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The key's name: what a token's header says, and what nodes look it up by.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half, 32 bytes, for nodes.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// The token that says `claims`.
    ///
    /// # Panics
    /// Never: the key was checked when it was loaded, and claims always serialize.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, claims, &self.key).expect("a loaded key signs any claims")
    }
}

impl Verifier {
    /// A verifier for the node `audience` that knows `keys` (kid, public key of 32 bytes).
    #[must_use]
    pub fn new(audience: NodeId, keys: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        install_provider();
        let keys = keys.into_iter().map(|(kid, public)| (kid, DecodingKey::from_ed_der(&public))).collect();
        Self { audience, keys }
    }

    /// What the token says, if it may open a session at `now_unix_s`.
    pub fn verify(&self, token: &str, now_unix_s: i64) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(TokenError::Malformed);
        }
        let header = decode_header(token).map_err(|_| TokenError::Malformed)?;
        if header.alg != Algorithm::EdDSA {
            return Err(TokenError::Algorithm);
        }
        let key = header.kid.and_then(|kid| self.keys.get(&kid)).ok_or(TokenError::UnknownKey)?;
        let claims = decode::<Claims>(token, key, &signature_only()).map_err(|error| refusal(&error))?.claims;
        if claims.node != self.audience {
            return Err(TokenError::WrongAudience);
        }
        if now_unix_s >= claims.exp {
            return Err(TokenError::Expired);
        }
        if claims.iat > now_unix_s.saturating_add(SKEW_S) {
            return Err(TokenError::NotYetValid);
        }
        Ok(claims)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<_> = self.keys.keys().collect();
        f.debug_struct("Verifier").field("audience", &self.audience).field("kids", &kids).finish()
    }
}

/// Time and audience are judged by us, with our clock and typed ids.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

fn refusal(error: &jsonwebtoken::errors::Error) -> TokenError {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::BadSignature,
        ErrorKind::InvalidAlgorithm => TokenError::Algorithm,
        _ => TokenError::Malformed,
    }
}

/// jsonwebtoken takes its cryptography from one process-wide place; no other room uses it.
fn install_provider() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let _ = provider::RING.install_default();
    });
}

/// Ours are about 500 bytes.
const MAX_TOKEN_LEN: usize = 4096;
/// How far apart the clocks of control and node may be.
const SKEW_S: i64 = 30;

#[cfg(test)]
mod tests;
