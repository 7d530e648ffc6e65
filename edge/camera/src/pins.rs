//! Certificates that cameras sign themselves, kept by the address they were first seen at.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use ring::digest::{SHA256, digest};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring::default_provider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::ledger::{Ledger, LedgerError};

/// Which certificate answers at which host. The first one seen is believed, no other after it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Pins(Arc<Mutex<Board>>);

#[derive(Debug, Default)]
struct Board {
    /// SHA-256 of the certificate in hex, by host.
    pins: BTreeMap<String, String>,
    ledger: Option<Ledger>,
    unsaved: bool,
}

/// More hosts than a site has; the ones beyond are believed each time.
const MAX_PINS: usize = 4_096;

impl Pins {
    /// The pins of the ledger `camera-pins` in `directory`; new ones are kept there.
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(directory: &Path) -> Result<Self, LedgerError> {
        let (ledger, document) = Ledger::open(directory, "camera-pins")?;
        let pins = document.and_then(|document| serde_json::from_slice(&document).ok()).unwrap_or_default();
        Ok(Self(Arc::new(Mutex::new(Board { pins, ledger: Some(ledger), unsaved: false }))))
    }

    /// Believes the next certificate at this host of a URL: the camera was replaced, and somebody says so.
    pub(crate) fn forget(&self, host: &str) {
        let mut board = self.lock();
        // TLS knows addresses of IPv6 without their brackets.
        board.unsaved |= board.pins.remove(host.trim_matches(['[', ']'])).is_some();
    }

    /// Whether something is not yet in the ledger.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.lock().unsaved
    }

    /// Writes the ledger. Waits for the disk: not for a task that others wait for.
    pub(crate) fn save(&self) {
        let mut board = self.lock();
        board.unsaved = false;
        let document = serde_json::to_vec(&board.pins).unwrap_or_default();
        if let Some(ledger) = &mut board.ledger
            && let Err(error) = ledger.store(&document)
        {
            // They stay in memory; the next change tries again.
            tracing::warn!(error = sluice_fault::chain(&error), "cannot keep the cameras' certificates");
        }
    }

    /// Whether this certificate may answer at this host.
    fn believes(&self, host: &str, certificate: &[u8]) -> bool {
        let print = hex::encode(digest(&SHA256, certificate));
        let mut board = self.lock();
        match board.pins.get(host) {
            Some(known) => *known == print,
            None => {
                if board.pins.len() < MAX_PINS {
                    board.pins.insert(host.to_owned(), print);
                    board.unsaved = true;
                }
                true
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// TLS that believes these pins in place of any authority.
    pub(crate) fn tls(&self) -> Result<ClientConfig, Error> {
        let provider = Arc::new(default_provider());
        let verifier = Arc::new(Verifier { pins: self.clone(), provider: Arc::clone(&provider) });
        Ok(ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth())
    }
}

/// How a certificate that is not the pinned one is refused.
pub(crate) const OTHER_CERTIFICATE: Error =
    Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);

#[derive(Debug)]
struct Verifier {
    pins: Pins,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.pins.believes(&host.to_str(), certificate) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(OTHER_CERTIFICATE)
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_certificate_of_a_host_is_believed_and_no_other_also_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let pins = Pins::open(directory.path()).unwrap();
        assert!(pins.believes("10.0.0.5", b"first") && pins.believes("10.0.0.5", b"first"));
        assert!(!pins.believes("10.0.0.5", b"second"));
        assert!(pins.believes("10.0.0.6", b"second"), "another host");
        assert!(pins.is_unsaved());
        pins.save();
        let again = Pins::open(directory.path()).unwrap();
        assert!(!again.believes("10.0.0.5", b"second") && again.believes("10.0.0.5", b"first"));
        again.forget("10.0.0.5");
        assert!(again.believes("10.0.0.5", b"second") && !again.believes("10.0.0.5", b"first"));
    }

    #[test]
    fn pins_are_bounded() {
        let pins = Pins::default();
        for host in 0..MAX_PINS + 10 {
            assert!(pins.believes(&host.to_string(), b"x"));
        }
        assert_eq!(pins.lock().pins.len(), MAX_PINS);
    }
}
