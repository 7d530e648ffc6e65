use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sluice_media::AccessUnit;
use sluice_runtime::{Clock, TaskScope};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::{
    metrics::SourceMetrics,
    presentation::Presentation,
    settings::Settings,
    status::{KeyFrames, Status},
    subscription::Subscription,
    task::{Command, Task},
};

/// The handle of one stream's pull. The session ends with [`Source::close`], with the last handle, or with the scope.
#[derive(Debug, Clone)]
pub struct Source {
    orders: mpsc::Sender<Command>,
    wishes: Arc<Wishes>,
    status: watch::Receiver<Status>,
    key_frames: watch::Receiver<KeyFrames>,
}

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the cached group of pictures and its sound, if there is one; else with the next key frame.
    Cached,
    /// With the next key frame.
    NextKey,
}

/// A picture that can be shown without any other.
#[derive(Debug, Clone)]
pub struct KeyPicture {
    /// The session it comes from.
    pub presentation: Arc<Presentation>,
    /// Its line in it.
    pub line: usize,
    /// The picture.
    pub unit: Arc<AccessUnit>,
}

/// Level-triggered wishes of the handles, read by the owner task when it is woken.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) warm: AtomicBool,
    pub(crate) closed: AtomicBool,
    pub(crate) give_way: AtomicBool,
    pub(crate) changed: Arc<Notify>,
}

/// Subscribers that may wait for the owner task to answer; more wait to be asked.
const ORDERS: usize = 16;

impl Source {
    /// Begins to own the stream. Nothing is opened before somebody wants it.
    #[must_use]
    pub fn spawn(scope: &TaskScope, clock: Clock, settings: Settings, metrics: SourceMetrics) -> Self {
        let (orders, inbox) = mpsc::channel(ORDERS);
        let (publish, status) = watch::channel(Status { since_ms: clock.unix_millis(), ..Status::default() });
        let (publish_keys, key_frames) = watch::channel(KeyFrames::default());
        let wishes = Arc::new(Wishes::default());
        let task = Task::new(clock, settings, metrics, Arc::clone(&wishes), (publish, publish_keys));
        scope.spawn("source", task.run(inbox, scope.shutdown()));
        Self { orders, wishes, status, key_frames }
    }

    /// Whether the last group of pictures is kept in memory while nobody is subscribed.
    pub fn keep_warm(&self, warm: bool) {
        if self.wishes.warm.swap(warm, Ordering::AcqRel) != warm {
            self.wishes.changed.notify_one();
        }
    }

    /// Ends the session for a while if nobody is subscribed: somebody watches another stream of the same camera, which
    /// serves no more sessions.
    pub fn give_way(&self) {
        self.wishes.give_way.store(true, Ordering::Release);
        self.wishes.changed.notify_one();
    }

    /// Wants the stream. A closed source gives a subscription that ends at once.
    pub async fn subscribe(&self, start: Start) -> Subscription {
        let (answer, answered) = oneshot::channel();
        // A closed channel shows in `answered`.
        let _ = self.orders.send(Command::Subscribe { start, answer }).await;
        match answered.await {
            Ok(subscription) => subscription,
            Err(_) => Subscription::ended(),
        }
    }

    /// The key frame of the cached group of pictures; `None` while nothing is cached. Costs the camera nothing.
    pub async fn picture(&self) -> Option<KeyPicture> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Command::Picture { answer }).await.ok()?;
        answered.await.ok().flatten()
    }

    /// What the source is doing, and why it does not deliver.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// When key frames come: who can ask the camera for one learns here whether it must, and whether that helped.
    #[must_use]
    pub fn key_frames(&self) -> watch::Receiver<KeyFrames> {
        self.key_frames.clone()
    }

    /// Ends the session with a teardown, and all subscriptions.
    pub fn close(&self) {
        self.wishes.closed.store(true, Ordering::Release);
        self.wishes.changed.notify_one();
    }

    /// Resolves when the owner task has ended, after [`Source::close`].
    pub async fn closed(&self) {
        self.orders.closed().await;
    }
}
