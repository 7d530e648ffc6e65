//! Who this edge is, from its files.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use sluice_ids::DeviceId;
use sluice_trust::{
    DeviceIdentity, IdentityError,
    seal::{Keypair, SealError},
};

use crate::config::IdentityFiles;

/// Who this edge is.
pub(crate) struct Loaded {
    pub(crate) identity: DeviceIdentity,
    pub(crate) device_id: DeviceId,
    pub(crate) seal_key: Keypair,
}

/// Why this edge does not know who it is.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read or written.
    #[error("read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The three PEM files are no identity.
    #[error("the identity in {} cannot be used", path.display())]
    Identity {
        /// The certificate file.
        path: PathBuf,
        /// Why.
        source: IdentityError,
    },
    /// The certificate is for a hub, not for an edge.
    #[error("the certificate in {} is not a device's", path.display())]
    NotADevice {
        /// The certificate file.
        path: PathBuf,
    },
    /// The seal key's file holds something else.
    #[error("the seal key in {} cannot be used", path.display())]
    SealKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SealError,
    },
}

/// Reads the identity. The seal key is made if its file does not exist.
pub(crate) fn load(files: &IdentityFiles) -> Result<Loaded, LoadError> {
    let certificate = &files.certificate;
    let identity = DeviceIdentity::load(text(&files.key)?, text(certificate)?, text(&files.ca)?)
        .map_err(|source| LoadError::Identity { path: certificate.clone(), source })?;
    let device_id =
        identity.device_id().ok_or_else(|| LoadError::NotADevice { path: certificate.clone() })?;
    Ok(Loaded { identity, device_id, seal_key: seal_key(&files.seal_key)? })
}

fn seal_key(path: &Path) -> Result<Keypair, LoadError> {
    if !path.exists() {
        let made = Keypair::generate();
        write_secret(path, &made.to_text())
            .map_err(|source| LoadError::File { path: path.to_owned(), source })?;
        return Ok(made);
    }
    Keypair::from_text(&text(path)?).map_err(|source| LoadError::SealKey { path: path.to_owned(), source })
}

fn text(path: &Path) -> Result<String, LoadError> {
    fs::read_to_string(path).map_err(|source| LoadError::File { path: path.to_owned(), source })
}

/// In place only once it is whole: a power cut must not leave half a key.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let draft = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)
}
