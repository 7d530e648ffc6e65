use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// The hub's own keys: one file each, mode 0600, in a directory of mode 0700 beside the database.
/// Files and not rows, so that a copy of the database opens nothing, and keys can move to a key service alone.
#[derive(Debug, Clone)]
pub struct Secrets {
    dir: PathBuf,
}

/// Why a secret cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// A file operation failed.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others may read the file.
    #[error("{} is open to other users: its mode must be 0600", path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
    },
}

impl Secrets {
    /// Opens the directory, or makes it.
    pub fn open(dir: &Path) -> Result<Self, SecretsError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(failed("make the directory", dir))?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// The secret called `name`, or `None` where there is none yet.
    pub fn read(&self, name: &'static str) -> Result<Option<Vec<u8>>, SecretsError> {
        let path = self.dir.join(name);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open", &path)(error)),
        };
        let mode = file.metadata().map_err(failed("look at", &path))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(SecretsError::Exposed { path });
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed("read", &path))?;
        Ok(Some(bytes))
    }

    /// Keeps a secret, whole or not at all: written beside, made durable, then renamed into place.
    pub fn write(&self, name: &'static str, secret: &[u8]) -> Result<(), SecretsError> {
        let (path, beside) = (self.dir.join(name), self.dir.join(format!("{name}.new")));
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &beside)(error));
            }
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .map_err(failed("make", &beside))?;
        file.write_all(secret).and_then(|()| file.sync_all()).map_err(failed("write", &beside))?;
        fs::rename(&beside, &path).map_err(failed("rename", &beside))?;
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(failed("sync", &self.dir))
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SecretsError + use<> {
    let path = path.to_owned();
    move |source| SecretsError::Io { doing, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_kept_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = Secrets::open(&dir.path().join("secrets")).unwrap();
        assert_eq!(secrets.read("ca").unwrap(), None);
        secrets.write("ca", b"one").unwrap();
        secrets.write("ca", b"two").unwrap();
        assert_eq!(secrets.read("ca").unwrap().unwrap(), b"two");
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(dir.path().join("secrets")), 0o700);
        assert_eq!(mode(dir.path().join("secrets/ca")), 0o600);
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = Secrets::open(dir.path()).unwrap();
        secrets.write("ca", b"one").unwrap();
        fs::set_permissions(dir.path().join("ca"), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(secrets.read("ca"), Err(SecretsError::Exposed { .. })));
    }
}
