use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};
use sluice_ids::UnixMillis;
use sluice_runtime::{Clock, uuid_v7};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::{
    OpenError, StoreError,
    error::DatabaseError,
    migrate,
    writer::{self, Job, QUEUE, Ran},
};

/// The control plane's memory; a cheap handle. The writer ends when the last handle is gone.
#[derive(Clone)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
    readers: Arc<Readers>,
    commits: Arc<AtomicU64>,
    pub(crate) clock: Clock,
}

struct Readers {
    places: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Store {
    /// Opens the database at `path`, or makes it, and brings it to the newest schema. Blocks: called at assembly.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, OpenError> {
        let open = |error| OpenError::Open(DatabaseError::new(error));
        make_private(path).map_err(|error| OpenError::Open(DatabaseError::new(error)))?;
        let mut connection = Connection::open(path).map_err(open)?;
        configure(&connection).map_err(open)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(open)?;
        migrate::to_latest(&mut connection)?;
        let idle = (0..READERS).map(|_| reader(path)).collect::<Result<Vec<_>, _>>().map_err(open)?;
        let (jobs, inbox) = mpsc::channel(QUEUE);
        let commits = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&commits);
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer::run(&connection, inbox, &counted))
            .map_err(OpenError::Thread)?;
        let readers = Readers { places: Semaphore::new(READERS), idle: Mutex::new(idle) };
        Ok(Self { jobs, readers: Arc::new(readers), commits, clock })
    }

    /// How many transactions were committed since it was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// The wall clock that rows are stamped with.
    pub(crate) fn now(&self) -> UnixMillis {
        UnixMillis(self.clock.unix_millis())
    }

    /// A fresh id of any kind.
    pub(crate) fn fresh<T>(&self, wrap: fn(uuid::Uuid) -> T) -> T {
        wrap(uuid_v7(&self.clock))
    }

    /// Runs `work` in a transaction and answers after its commit. An `Err` of `work` undoes what it wrote.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(false, work).await
    }

    /// [`Store::write`], and the disk has it before the answer.
    pub(crate) async fn write_durable<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(true, work).await
    }

    async fn submit<T: Send + 'static>(
        &self,
        durable: bool,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let run = Box::new(move |connection: &Connection| {
            let result = work(connection);
            let keep = result.is_ok();
            let answer = Box::new(move |committed: Result<(), StoreError>| {
                let _ = reply.send(committed.and(result));
            });
            Ran { keep, answer }
        });
        let place = tokio::time::timeout(PATIENCE, self.jobs.reserve()).await;
        let place = place.map_err(|_| StoreError::Unavailable)?.map_err(|_| StoreError::Unavailable)?;
        place.send(Job { durable, run });
        // The writer always answers or drops the reply: its statements have a busy timeout of their own.
        answer.await.map_err(|_| StoreError::Unavailable)?
    }

    /// Runs `work` on a reader, which sees everything that was answered before.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = tokio::time::timeout(PATIENCE, self.readers.places.acquire()).await;
        let _place = place.map_err(|_| StoreError::Unavailable)?.map_err(|_| StoreError::Unavailable)?;
        let readers = Arc::clone(&self.readers);
        let ran = tokio::task::spawn_blocking(move || {
            let lent = Lent { connection: readers.take(), readers };
            let connection = lent.connection.as_ref().ok_or(StoreError::Unavailable)?;
            let snapshot = connection.unchecked_transaction()?;
            let result = work(connection);
            snapshot.finish()?;
            result
        });
        ran.await.map_err(|_| StoreError::Unavailable)?
    }
}

impl Readers {
    fn take(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// A reader on loan: it goes back even if the work panics or its caller goes away.
struct Lent {
    connection: Option<Connection>,
    readers: Arc<Readers>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(self.connection.take());
    }
}

/// Makes the file for its owner alone; SQLite gives the files beside it the same mode. One that exists is left.
fn make_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    // Another process (`sluice-hub admin`) may hold the write lock for a moment.
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "synchronous", "NORMAL")
}

const READERS: usize = 4;
/// How long a caller waits for a place in a queue before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
