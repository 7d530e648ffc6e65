//! Single pictures of cameras, kept in memory for minutes: many who look at one camera cost its site one picture.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use axum::body::Bytes;
use sluice_ids::{CameraId, Tier, UnixMillis};
use sluice_runtime::{Clock, TaskScope};

use crate::problem::Problem;

/// A picture of a camera.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) content_type: &'static str,
    /// In its device's clock.
    pub(crate) captured_at: UnixMillis,
    pub(crate) data: Bytes,
}

/// A camera, and the tier its picture should come from, if one was named.
pub(crate) type Key = (CameraId, Option<Tier>);

/// The pictures. A cheap handle.
#[derive(Clone)]
pub(crate) struct Posters {
    kept: Arc<Mutex<Kept>>,
    clock: Clock,
}

impl Posters {
    pub(crate) fn spawn(scope: &TaskScope, clock: Clock) -> Self {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let (shutdown, swept) = (scope.shutdown(), Arc::clone(&kept));
        scope.spawn("posters", async move {
            loop {
                tokio::select! {
                    () = shutdown.requested() => return,
                    () = clock.sleep(SWEEP_EVERY) => lock(&swept).sweep(clock.now()),
                }
            }
        });
        Self { kept, clock }
    }

    /// The picture, and for how long it need not be asked for again: the kept one while it is fresh, else what `take`
    /// brings. One `take` per key at a time; the others wait for it and share what it brought.
    pub(crate) async fn get(
        &self,
        key: Key,
        take: impl Future<Output = Result<Picture, Problem>>,
    ) -> Result<(Arc<Picture>, Duration), Problem> {
        if let Some(answer) = self.kept().fresh(self.clock.now(), key) {
            return answer;
        }
        let turn = self.kept().turn(key);
        // Who waits here waits for one `take`, which has a deadline; a `take` that is given up frees the turn.
        let _turn = turn.lock().await;
        if let Some(answer) = self.kept().fresh(self.clock.now(), key) {
            return answer;
        }
        let taken = take.await;
        self.kept().keep(self.clock.now(), key, taken)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        lock(&self.kept)
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is kept. Pure but for the turns it hands out.
#[derive(Default)]
struct Kept {
    pictures: HashMap<Key, (Instant, Arc<Picture>)>,
    failures: HashMap<Key, (Instant, Problem)>,
    turns: HashMap<Key, Weak<tokio::sync::Mutex<()>>>,
    bytes: usize,
}

type Answer = Result<(Arc<Picture>, Duration), Problem>;

impl Kept {
    /// What can be answered without asking the device.
    fn fresh(&self, now: Instant, key: Key) -> Option<Answer> {
        let picture = self.picture(now, key);
        if let Some((picture, fresh_for)) = &picture
            && *fresh_for > Duration::ZERO
        {
            return Some(Ok((Arc::clone(picture), *fresh_for)));
        }
        let (at, problem) = self.failures.get(&key)?;
        (now.duration_since(*at) < FAILED_FOR).then(|| picture.ok_or_else(|| problem.clone()))
    }

    fn picture(&self, now: Instant, key: Key) -> Option<(Arc<Picture>, Duration)> {
        let (at, picture) = self.pictures.get(&key)?;
        let age = now.duration_since(*at);
        (age < KEPT_FOR).then(|| (Arc::clone(picture), FRESH_FOR.saturating_sub(age)))
    }

    /// Keeps what was taken; where that failed, an old picture is better than none.
    fn keep(&mut self, now: Instant, key: Key, taken: Result<Picture, Problem>) -> Answer {
        match taken {
            Ok(picture) => {
                let picture = Arc::new(picture);
                self.forget(key);
                self.failures.remove(&key);
                self.bytes += picture.data.len();
                self.pictures.insert(key, (now, Arc::clone(&picture)));
                while self.bytes > MOST_BYTES
                    && let Some(oldest) = self.oldest()
                {
                    self.forget(oldest);
                }
                Ok((picture, FRESH_FOR))
            }
            Err(problem) => {
                let old = self.picture(now, key);
                self.failures.insert(key, (now, problem.clone()));
                old.ok_or(problem)
            }
        }
    }

    fn turn(&mut self, key: Key) -> Arc<tokio::sync::Mutex<()>> {
        if let Some(turn) = self.turns.get(&key).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        self.turns.insert(key, Arc::downgrade(&turn));
        turn
    }

    fn sweep(&mut self, now: Instant) {
        let old = |at: Instant| now.duration_since(at) >= KEPT_FOR;
        let gone: Vec<Key> =
            self.pictures.iter().filter(|(_, (at, _))| old(*at)).map(|(key, _)| *key).collect();
        gone.into_iter().for_each(|key| self.forget(key));
        self.failures.retain(|_, (at, _)| now.duration_since(*at) < FAILED_FOR);
        self.turns.retain(|_, turn| turn.strong_count() > 0);
    }

    fn oldest(&self) -> Option<Key> {
        self.pictures.iter().min_by_key(|(_, (at, _))| *at).map(|(key, _)| *key)
    }

    fn forget(&mut self, key: Key) {
        if let Some((_, picture)) = self.pictures.remove(&key) {
            self.bytes -= picture.data.len();
        }
    }
}

/// A picture younger than this is given to everybody.
const FRESH_FOR: Duration = Duration::from_secs(60);
/// With the time until the next sweep, no picture is in memory for longer than five minutes.
const KEPT_FOR: Duration = Duration::from_secs(285);
const SWEEP_EVERY: Duration = Duration::from_secs(15);
/// A camera that has none is not asked by each tile of a wall.
const FAILED_FOR: Duration = Duration::from_secs(3);
/// 1,000 key frames of sub streams.
const MOST_BYTES: usize = 64 * 1_024 * 1_024;

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    fn key(n: u32) -> Key {
        (format!("cam_{n:032x}").parse().unwrap(), None)
    }

    fn picture(bytes: usize) -> Picture {
        Picture { content_type: "image/jpeg", captured_at: UnixMillis(1), data: vec![7; bytes].into() }
    }

    fn failed() -> Result<Picture, Problem> {
        Err(Problem::new(StatusCode::NOT_FOUND, "no-picture", "none"))
    }

    #[test]
    fn a_picture_is_fresh_then_old_then_gone() {
        let (mut kept, now) = (Kept::default(), Clock::system().now());
        assert!(kept.fresh(now, key(1)).is_none());
        kept.keep(now, key(1), Ok(picture(10))).unwrap();
        let later = |s: u64| now + Duration::from_secs(s);
        let (_, left) = kept.fresh(later(20), key(1)).unwrap().unwrap();
        assert_eq!(left, FRESH_FOR - Duration::from_secs(20));
        assert!(kept.fresh(later(60), key(1)).is_none(), "asked for anew");
        let (_, left) = kept.keep(later(60), key(1), failed()).unwrap();
        assert_eq!(left, Duration::ZERO, "the old one stands in");
        assert!(kept.fresh(later(61), key(1)).unwrap().is_ok(), "the camera is not asked again at once");
        assert!(kept.fresh(later(64), key(1)).is_none());
        assert!(kept.keep(later(290), key(1), failed()).is_err());
        kept.sweep(later(290));
        assert_eq!((kept.pictures.len(), kept.bytes), (0, 0));
    }

    #[test]
    fn a_failure_is_told_to_all_for_a_moment() {
        let (mut kept, now) = (Kept::default(), Clock::system().now());
        assert!(kept.keep(now, key(1), failed()).is_err());
        assert!(kept.fresh(now + FAILED_FOR / 2, key(1)).unwrap().is_err());
        assert!(kept.fresh(now + FAILED_FOR, key(1)).is_none());
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_go_first() {
        let (mut kept, now) = (Kept::default(), Clock::system().now());
        let size = MOST_BYTES / 4;
        for n in 0..6 {
            kept.keep(now + Duration::from_millis(u64::from(n)), key(n), Ok(picture(size))).unwrap();
        }
        assert_eq!((kept.pictures.len(), kept.bytes), (4, 4 * size));
        assert!(!kept.pictures.contains_key(&key(1)) && kept.pictures.contains_key(&key(2)));
        kept.keep(now, key(5), Ok(picture(1))).unwrap();
        assert_eq!(kept.bytes, 3 * size + 1, "a new picture takes the place of the old");
    }

    #[tokio::test]
    async fn many_who_ask_at_once_cost_one_picture() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let (scope, clock) = (TaskScope::new(), Clock::system());
        let (posters, takes) = (Posters::spawn(&scope, clock), AtomicU32::new(0));
        let ask = || {
            posters.get(key(1), async {
                takes.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok(picture(3))
            })
        };
        let all = futures_util::future::join_all((0..50).map(|_| ask())).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(takes.load(Ordering::Relaxed), 1);
        scope.cancel();
    }
}
