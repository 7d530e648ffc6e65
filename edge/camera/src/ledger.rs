//! One document on flash that survives a power cut at any byte.
//!
//! Two copies, written in turn: `<name>.0` and `<name>.1`. Each begins with one line,
//! `sluice-ledger 1 <generation> <length> <sha-256 in hex>`, and is put in place by an atomic rename after it and
//! its directory were synced. Reading takes the valid copy with the higher generation, so at every moment
//! at least the document before the last write is readable.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use ring::digest::{SHA256, digest};

/// The two copies and which of them is newer.
#[derive(Debug)]
pub struct Ledger {
    directory: PathBuf,
    name: String,
    generation: u64,
    newest: usize,
}

/// A ledger that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}", path.display())]
pub struct LedgerError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// A document larger than this is not one of ours.
const LARGEST: u64 = 16 * 1024 * 1024;
const MAGIC: &str = "sluice-ledger 1";

impl Ledger {
    /// Opens or begins the ledger `name` in `directory`, and gives the newest document that is whole.
    ///
    /// # Errors
    /// When the directory cannot be made or read. Damaged copies are no error: they are passed over.
    pub fn open(directory: &Path, name: &str) -> Result<(Self, Option<Vec<u8>>), LedgerError> {
        fs::create_dir_all(directory).map_err(failed("make the directory", directory))?;
        let mut ledger =
            Self { directory: directory.to_owned(), name: name.to_owned(), generation: 0, newest: 1 };
        let mut document = None;
        for slot in 0..2 {
            let path = ledger.path(slot);
            let Some(bytes) = read(&path).map_err(failed("read", &path))? else { continue };
            match parse(&bytes) {
                Some((generation, body)) if document.is_none() || generation > ledger.generation => {
                    (ledger.generation, ledger.newest) = (generation, slot);
                    document = Some(body.to_vec());
                }
                Some(_) => {}
                None => {
                    tracing::warn!(ledger = name, slot, "a copy of the ledger is damaged and passed over");
                }
            }
        }
        Ok((ledger, document))
    }

    /// Replaces the document. When this returns, a power cut cannot lose it; if it fails, the one before stands.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn store(&mut self, document: &[u8]) -> Result<(), LedgerError> {
        let slot = 1 - self.newest;
        let generation = self.generation + 1;
        let path = self.path(slot);
        let draft = path.with_extension("new");
        let sum = hex::encode(digest(&SHA256, document));
        let head = format!("{MAGIC} {generation} {} {sum}\n", document.len());
        write_synced(&draft, head.as_bytes(), document).map_err(failed("write", &draft))?;
        fs::rename(&draft, &path).map_err(failed("put in place", &path))?;
        let synced = File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(failed("sync", &self.directory))?;
        (self.generation, self.newest) = (generation, slot);
        Ok(())
    }

    fn path(&self, slot: usize) -> PathBuf {
        self.directory.join(format!("{}.{slot}", self.name))
    }
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> LedgerError + 'a {
    move |source| LedgerError { what, path: path.to_owned(), source }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(found) if found.len() > LARGEST => Ok(Some(Vec::new())),
        Ok(_) => fs::read(path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_synced(path: &Path, head: &[u8], document: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(head)?;
    file.write_all(document)?;
    file.sync_all()
}

fn parse(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let mut words = std::str::from_utf8(&bytes[..end]).ok()?.strip_prefix(MAGIC)?.split_ascii_whitespace();
    let generation = words.next()?.parse().ok()?;
    let length: usize = words.next()?.parse().ok()?;
    let sum = words.next()?;
    let body = &bytes[end + 1..];
    let whole = body.len() == length && hex::encode(digest(&SHA256, body)) == sum;
    whole.then_some((generation, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reopened(directory: &Path) -> Option<Vec<u8>> {
        Ledger::open(directory, "desired").unwrap().1
    }

    #[test]
    fn the_newest_document_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let (mut ledger, nothing) = Ledger::open(directory.path(), "desired").unwrap();
        assert_eq!(nothing, None);
        for n in 0..5u8 {
            ledger.store(&[n; 10]).unwrap();
            assert_eq!(reopened(directory.path()), Some(vec![n; 10]));
        }
        let (mut ledger, _) = Ledger::open(directory.path(), "desired").unwrap();
        ledger.store(b"after a restart").unwrap();
        assert_eq!(reopened(directory.path()).unwrap(), b"after a restart");
    }

    #[test]
    fn a_power_cut_at_any_byte_leaves_the_old_or_the_new_document() {
        let directory = tempfile::tempdir().unwrap();
        let (mut ledger, _) = Ledger::open(directory.path(), "desired").unwrap();
        ledger.store(b"first").unwrap();
        ledger.store(b"second").unwrap();
        let (slot, other) = (ledger.path(1 - ledger.newest), ledger.path(ledger.newest));
        ledger.store(b"third").unwrap();
        let whole = fs::read(&slot).unwrap();
        assert!(fs::read(&other).unwrap().ends_with(b"second"));
        for cut in 0..whole.len() {
            // A file system that reorders may leave any prefix in the place of the copy being written.
            fs::write(&slot, &whole[..cut]).unwrap();
            assert_eq!(reopened(directory.path()).unwrap(), b"second", "cut at {cut}");
        }
        for flipped in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[flipped] ^= 0x10;
            fs::write(&slot, &damaged).unwrap();
            let read = reopened(directory.path()).unwrap();
            assert!(read == b"second" || read == b"third", "flipped at {flipped}");
        }
        fs::write(slot.with_extension("new"), b"half a dra").unwrap();
        fs::write(&slot, &whole).unwrap();
        assert_eq!(reopened(directory.path()).unwrap(), b"third");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let (mut ledger, _) = Ledger::open(directory.path(), "desired").unwrap();
        ledger.store(b"x").unwrap();
        let mode = fs::metadata(ledger.path(ledger.newest)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
