use std::{path::Path, sync::Arc};

use anyhow::{Context as _, Result};
use sluice_hub_store::Secrets;
use sluice_ids::UnixMillis;
use sluice_runtime::random_bytes;
use sluice_trust::{Authority, AuthorityPems, playback::Signer, seal::Keypair};

/// The folder of the hub's own keys inside its state folder.
pub(crate) fn secrets(state_dir: &Path) -> Result<Secrets> {
    Secrets::open(&state_dir.join("secrets")).context("open the folder of the hub's keys")
}

/// The hub's own CA: made at the first start, the same ever after.
pub(crate) fn authority(secrets: &Secrets, now: UnixMillis) -> Result<Authority> {
    let read = |name| -> Result<Option<String>> {
        secrets
            .read(name)?
            .map(|bytes| String::from_utf8(bytes).with_context(|| format!("{name} is no text")))
            .transpose()
    };
    let kept = (read(ROOT_CERTIFICATE)?, read(ISSUING_CERTIFICATE)?, read(ISSUING_KEY)?);
    if let (Some(root_certificate), Some(issuing_certificate), Some(issuing_key)) = kept {
        let root_key = read(ROOT_KEY)?;
        let pems = AuthorityPems { root_certificate, root_key, issuing_certificate, issuing_key };
        return Authority::load(pems).context("use the hub's own CA");
    }
    let made = Authority::create(now).context("make the hub's own CA")?;
    let pems = made.pems();
    secrets.write(ROOT_KEY, pems.root_key.as_deref().unwrap_or_default().as_bytes())?;
    secrets.write(ISSUING_KEY, pems.issuing_key.as_bytes())?;
    secrets.write(ISSUING_CERTIFICATE, pems.issuing_certificate.as_bytes())?;
    // Last: a CA is whole when its root is there, whatever a power cut left before.
    secrets.write(ROOT_CERTIFICATE, pems.root_certificate.as_bytes())?;
    tracing::info!(fingerprint = made.fingerprint(), "made the hub's own CA");
    Ok(made)
}

/// The key that signs playback tokens: made at the first start, the same ever after.
pub(crate) fn signer(secrets: &Secrets) -> Result<Arc<Signer>> {
    if let Some(kept) = secrets.read(SIGNING_KEY)? {
        return Ok(Arc::new(Signer::load(&kept)?));
    }
    let made = Signer::generate();
    secrets.write(SIGNING_KEY, made.pkcs8())?;
    Ok(Arc::new(made))
}

/// What seals the API's own tokens and kept answers: made at the first start, the same ever after.
pub(crate) fn api(secrets: &Secrets) -> Result<[u8; 32]> {
    if let Some(kept) = secrets.read(API_KEY)? {
        return kept.try_into().ok().context("the kept API key has not 32 bytes");
    }
    let made = random_bytes();
    secrets.write(API_KEY, &made)?;
    Ok(made)
}

/// The key that passwords of cameras are sealed to that the node of this hub pulls itself: made at the first start,
/// the same ever after.
pub(crate) fn node_seal(secrets: &Secrets) -> Result<Keypair> {
    if let Some(kept) = secrets.read(NODE_SEAL_KEY)? {
        let text = String::from_utf8(kept).context("the kept seal key is no text")?;
        return Keypair::from_text(&text).context("use the kept seal key");
    }
    let made = Keypair::generate();
    secrets.write(NODE_SEAL_KEY, made.to_text().as_bytes())?;
    Ok(made)
}

const ROOT_CERTIFICATE: &str = "root.crt";
const ROOT_KEY: &str = "root.key";
const ISSUING_CERTIFICATE: &str = "issuing.crt";
const ISSUING_KEY: &str = "issuing.key";
const SIGNING_KEY: &str = "playback.key";
const API_KEY: &str = "api.key";
const NODE_SEAL_KEY: &str = "node-seal.key";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_the_signer_and_the_nodes_key_are_the_same_at_every_start() {
        let dir = tempfile::tempdir().unwrap();
        let now = UnixMillis(1_790_000_000_000);
        let open = || secrets(dir.path()).unwrap();
        let first = authority(&open(), now).unwrap().fingerprint();
        assert_eq!(authority(&open(), now).unwrap().fingerprint(), first);
        let kid = signer(&open()).unwrap().kid().to_owned();
        assert_eq!(signer(&open()).unwrap().kid(), kid);
        let seal = *node_seal(&open()).unwrap().public();
        assert_eq!(*node_seal(&open()).unwrap().public(), seal);
    }
}
