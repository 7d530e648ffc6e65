//! Secrets sealed to one device: HPKE (RFC 9180) base mode, X25519, HKDF-SHA256, ChaCha20-Poly1305.
//! The hub keeps the sealed bytes and cannot read them. `aad` binds a secret to its camera, so that bytes moved to
//! another row do not open.

use std::fmt;

use hpke::{
    Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _, aead::ChaCha20Poly1305,
    kdf::HkdfSha256, kem::X25519HkdfSha256, single_shot_open, single_shot_seal,
};

type Kem = X25519HkdfSha256;
type PublicKey = <Kem as hpke::Kem>::PublicKey;
type PrivateKey = <Kem as hpke::Kem>::PrivateKey;
type Encapped = <Kem as hpke::Kem>::EncappedKey;

/// The key pair that secrets are sealed to; the private half stays on the device.
#[derive(Clone)]
pub struct Keypair {
    private: PrivateKey,
    public: [u8; KEY_LEN],
}

/// Why a secret was not sealed or opened. Says nothing that helps guessing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The key is not 32 bytes of X25519.
    #[error("the key to seal with is not an X25519 key")]
    Key,
    /// The bytes are not in our format.
    #[error("the sealed bytes are malformed")]
    Malformed,
    /// Sealed to another key, for another camera, or altered.
    #[error("the sealed bytes do not open with this key for this camera")]
    Refused,
}

impl Keypair {
    /// A new pair.
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    #[must_use]
    pub fn generate() -> Self {
        let (private, public) = Kem::gen_keypair();
        Self { private, public: public.to_bytes().into() }
    }

    /// The pair of a kept private key, 32 bytes.
    pub fn from_private(bytes: &[u8]) -> Result<Self, SealError> {
        let private = PrivateKey::from_bytes(bytes).map_err(|_| SealError::Key)?;
        let public = Kem::sk_to_pk(&private).to_bytes().into();
        Ok(Self { private, public })
    }

    /// The pair of a private key kept as hex text; space around it is ignored.
    pub fn from_text(text: &str) -> Result<Self, SealError> {
        Self::from_private(&hex::decode(text.trim()).map_err(|_| SealError::Key)?)
    }

    /// The private key as hex text, to be kept in a file of mode 0600.
    #[must_use]
    pub fn to_text(&self) -> String {
        hex::encode(self.private.to_bytes())
    }

    /// What others seal to.
    #[must_use]
    pub const fn public(&self) -> &[u8; KEY_LEN] {
        &self.public
    }

    /// Opens what was sealed to this pair under the same `aad`.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let rest = sealed.strip_prefix(&[VERSION]).ok_or(SealError::Malformed)?;
        let (encapped, ciphertext) = rest.split_at_checked(KEY_LEN).ok_or(SealError::Malformed)?;
        let encapped = Encapped::from_bytes(encapped).map_err(|_| SealError::Malformed)?;
        single_shot_open::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &OpModeR::Base,
            &self.private,
            &encapped,
            INFO,
            ciphertext,
            aad,
        )
        .map_err(|_| SealError::Refused)
    }
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keypair").field("public", &hex::encode(self.public)).finish_non_exhaustive()
    }
}

/// Seals `plaintext` to `recipient_public` (32 bytes) under `aad`, which is the camera's id as text.
/// The result is a version byte, the encapsulated key (32) and the ciphertext with its tag (plaintext + 16).
pub fn seal(recipient_public: &[u8], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    let recipient = PublicKey::from_bytes(recipient_public).map_err(|_| SealError::Key)?;
    let (encapped, ciphertext) = single_shot_seal::<ChaCha20Poly1305, HkdfSha256, Kem>(
        &OpModeS::Base,
        &recipient,
        INFO,
        plaintext,
        aad,
    )
    .map_err(|_| SealError::Key)?;
    let mut sealed = Vec::with_capacity(1 + KEY_LEN + ciphertext.len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&encapped.to_bytes());
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

/// [`Keypair::open`] as a function.
pub fn open(keypair: &Keypair, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    keypair.open(aad, sealed)
}

const KEY_LEN: usize = 32;
const VERSION: u8 = 1;
const INFO: &[u8] = b"sluice sealed secret 1";

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: &[u8] = b"cam_0198c0de00007000800000000000002a";

    #[test]
    fn a_sealed_secret_opens_for_its_device_and_its_camera_only() {
        let device = Keypair::generate();
        let sealed = seal(device.public(), CAMERA, b"hunter2").unwrap();
        assert_eq!(device.open(CAMERA, &sealed).unwrap(), b"hunter2");
        assert_eq!(device.open(b"cam_other", &sealed), Err(SealError::Refused));
        assert_eq!(Keypair::generate().open(CAMERA, &sealed), Err(SealError::Refused));
    }

    #[test]
    fn a_kept_key_opens_what_was_sealed_before() {
        let device = Keypair::generate();
        let sealed = seal(device.public(), CAMERA, b"hunter2").unwrap();
        let kept = Keypair::from_text(&format!("{}\n", device.to_text())).unwrap();
        assert_eq!(kept.public(), device.public());
        assert_eq!(open(&kept, CAMERA, &sealed).unwrap(), b"hunter2");
    }

    #[test]
    fn the_same_secret_sealed_twice_looks_different_and_no_key_is_printed() {
        let device = Keypair::generate();
        assert_ne!(
            seal(device.public(), CAMERA, b"x").unwrap(),
            seal(device.public(), CAMERA, b"x").unwrap()
        );
        assert!(!format!("{device:?}").contains(&device.to_text()));
    }

    #[test]
    fn a_short_key_is_refused() {
        assert_eq!(seal(&[1; 31], CAMERA, b"x"), Err(SealError::Key));
        assert!(Keypair::from_text("zz").is_err());
    }

    proptest::proptest! {
        #[test]
        fn one_changed_byte_never_opens(at in 0usize..56, flip in 1u8..) {
            let device = Keypair::generate();
            let mut sealed = seal(device.public(), CAMERA, b"hunter2").unwrap();
            sealed[at] ^= flip;
            proptest::prop_assert!(device.open(CAMERA, &sealed).is_err());
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..100)) {
            let _ = Keypair::generate().open(CAMERA, &bytes);
        }
    }
}
