use std::sync::LazyLock;

use argon2::{
    Argon2, PasswordHasher as _,
    password_hash::{PasswordVerifier as _, phc::PasswordHash},
};

/// Why a password has no hash.
#[derive(Debug, thiserror::Error)]
#[error("hash the password: {0}")]
pub struct HashError(String);

/// The PHC string of a password (Argon2id with the crate's defaults, 19 MiB). Takes tens of milliseconds of CPU.
///
/// # Errors
/// When the operating system has no randomness or memory to give.
pub fn hash_password(password: &str) -> Result<String, HashError> {
    let hash: Result<PasswordHash, _> = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| HashError(error.to_string()))
}

/// Whether `password` is the one of `hash`. Without a hash the same time is spent and the answer is no, so that a
/// stranger does not learn which names exist.
pub(crate) fn verify(password: &str, hash: Option<&str>) -> bool {
    static NOBODY: LazyLock<String> =
        LazyLock::new(|| hash_password("nobody has this password").unwrap_or_default());
    let known = hash.and_then(|hash| PasswordHash::new(hash).ok());
    let Some(hash) = known else {
        if let Ok(nobody) = PasswordHash::new(&NOBODY) {
            let _ = Argon2::default().verify_password(password.as_bytes(), &nobody);
        }
        return false;
    };
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_alone() {
        let hash = hash_password("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(verify("correct horse", Some(&hash)));
        assert!(!verify("correct horsf", Some(&hash)));
        assert!(!verify("correct horse", Some("no hash")));
        assert!(!verify("nobody has this password", None));
    }
}
