//! The packager as its callers see it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod endurance;
mod others;
mod playlist;
mod restart;
mod sound;
mod support;
mod timing;
mod watch;
