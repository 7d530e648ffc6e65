//! The one writer: a thread that takes whatever waits in its queue into one transaction.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering},
};

use rusqlite::Connection;
use tokio::sync::mpsc;

use crate::StoreError;

/// One use case's writes. It runs in a savepoint of a shared transaction; its answer leaves after the commit.
pub(crate) struct Job {
    /// Whether the answer promises that the disk has it (audit), or only that the log has it.
    pub(crate) durable: bool,
    pub(crate) run: Box<dyn FnOnce(&Connection) -> Ran + Send>,
}

/// What a job came to.
pub(crate) struct Ran {
    pub(crate) keep: bool,
    pub(crate) answer: Answer,
}

/// Sends the job's result, unless the commit failed.
pub(crate) type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// How many jobs wait at most; a caller waits for a place, then gives up.
pub(crate) const QUEUE: usize = 1024;
/// How many jobs share a commit at most, so that the first of them is not answered too late.
const BATCH: usize = 256;

/// Runs until every handle is gone, then answers what is left in the queue.
pub(crate) fn run(connection: &Connection, mut jobs: mpsc::Receiver<Job>, commits: &AtomicU64) {
    let mut full = false;
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = Vec::with_capacity(8);
        batch.push(first);
        while batch.len() < BATCH
            && let Ok(next) = jobs.try_recv()
        {
            batch.push(next);
        }
        let durable = batch.iter().any(|job| job.durable);
        if durable != full {
            full = durable;
            let level = if durable { "FULL" } else { "NORMAL" };
            if let Err(error) = connection.pragma_update(None, "synchronous", level) {
                tracing::error!(%error, level, "the database refuses a durability level");
            }
        }
        commit(connection, batch, commits);
    }
}

fn commit(connection: &Connection, batch: Vec<Job>, commits: &AtomicU64) {
    let mut answers = Vec::with_capacity(batch.len());
    let committed = connection.execute_batch("BEGIN IMMEDIATE").map_err(StoreError::from).and_then(|()| {
        for job in batch {
            answers.extend(run_one(connection, job)?);
        }
        Ok(connection.execute_batch("COMMIT")?)
    });
    if let Err(error) = &committed {
        tracing::error!(error = sluice_fault::chain(error), "a transaction failed");
        if !connection.is_autocommit() {
            let _ = connection.execute_batch("ROLLBACK");
        }
    }
    // Before any answer: who was answered finds his commit counted.
    commits.fetch_add(u64::from(committed.is_ok()), Ordering::Relaxed);
    for answer in answers {
        answer(committed.clone());
    }
}

/// Runs one job in its savepoint. A job that panics is undone, and its caller told that the store failed it.
fn run_one(connection: &Connection, job: Job) -> Result<Option<Answer>, StoreError> {
    connection.execute_batch("SAVEPOINT job")?;
    let ran = catch_unwind(AssertUnwindSafe(|| (job.run)(connection)));
    match ran {
        Ok(Ran { keep: true, answer }) => {
            connection.execute_batch("RELEASE job")?;
            Ok(Some(answer))
        }
        Ok(Ran { keep: false, answer }) => {
            connection.execute_batch("ROLLBACK TO job; RELEASE job")?;
            Ok(Some(answer))
        }
        Err(_) => {
            tracing::error!("a write panicked and was undone");
            connection.execute_batch("ROLLBACK TO job; RELEASE job")?;
            Ok(None)
        }
    }
}
