use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument as _;

/// Owns tasks: whoever holds the scope ends them. A child scope ends with its parent.
#[derive(Debug, Clone, Default)]
pub struct TaskScope {
    cancelled: CancellationToken,
    tracker: TaskTracker,
    panics: Arc<AtomicU64>,
}

/// Tells a task that its scope is ending.
#[derive(Debug, Clone)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Resolves when the scope ends.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Whether the scope has ended.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }
}

impl TaskScope {
    /// A scope without tasks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A scope that ends when this one does, or earlier.
    /// Its tasks are waited for by [`TaskScope::close`] of both.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            cancelled: self.cancelled.child_token(),
            tracker: self.tracker.clone(),
            panics: Arc::clone(&self.panics),
        }
    }

    /// What a task of this scope watches to end in good order.
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        Shutdown(self.cancelled.clone())
    }

    /// Runs `task` under a span until it returns. A panic ends this task alone, and is counted.
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let span = tracing::info_span!("task", task.name = name);
        let running = tokio::spawn(task.instrument(span));
        let panics = Arc::clone(&self.panics);
        self.tracker.spawn(async move {
            if running.await.is_err_and(|ended| ended.is_panic()) {
                panics.fetch_add(1, Ordering::Relaxed);
                tracing::error!(task.name = name, "a task panicked");
            }
        });
    }

    /// How many tasks have panicked in this scope and its relatives.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Asks every task to end, without waiting.
    pub fn cancel(&self) {
        self.cancelled.cancel();
    }

    /// Asks every task to end and waits at most `grace`. Whether all ended in time.
    pub async fn close(&self, grace: Duration) -> bool {
        self.cancelled.cancel();
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn closing_a_scope_ends_the_tasks_of_its_children() {
        let scope = TaskScope::new();
        let shutdown = scope.child().shutdown();
        scope.child().spawn("waiter", async move { shutdown.requested().await });
        assert!(scope.close(Duration::from_secs(1)).await);
    }

    #[tokio::test]
    async fn a_panic_ends_one_task_and_is_counted() {
        let scope = TaskScope::new();
        scope.spawn("bad", async { panic!("hostile bytes") });
        assert!(scope.close(Duration::from_secs(5)).await);
        assert_eq!(scope.panics(), 1);
    }
}
