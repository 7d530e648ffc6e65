use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use axum_server::tls_rustls::RustlsConfig;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};

use crate::config::{Config, Http};

/// The public certificate: from the operator's files, or one the hub makes for `public_host` and keeps.
pub(crate) async fn load(config: &Config) -> Result<RustlsConfig> {
    let (certificate, key) = match (&config.http.certificate, &config.http.private_key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        _ => made(&config.state_dir, &config.http)?,
    };
    let tls = RustlsConfig::from_pem_file(&certificate, &key)
        .await
        .with_context(|| format!("use {} with {}", certificate.display(), key.display()))?;
    Ok(tls)
}

fn made(state_dir: &Path, http: &Http) -> Result<(PathBuf, PathBuf)> {
    let (certificate, key) = (state_dir.join("https.crt"), state_dir.join("https.key"));
    if certificate.exists() && key.exists() {
        return Ok((certificate, key));
    }
    let names = [http.public_host.clone(), "localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let made = CertificateParams::new(names)?.self_signed(&pair).context("sign the hub's own certificate")?;
    fs::write(&certificate, made.pem()).with_context(|| format!("write {}", certificate.display()))?;
    write_private(&key, pair.serialize_pem().as_bytes())?;
    tracing::info!(path = %certificate.display(), "made a certificate for HTTPS; browsers ask once whether to trust it");
    Ok((certificate, key))
}

/// Writes a file that only this user reads.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut options = fs::File::options();
    options.create(true).truncate(true).write(true).mode(0o600);
    let mut file = options.open(path).with_context(|| format!("write {}", path.display()))?;
    Ok(file.write_all(bytes)?)
}
