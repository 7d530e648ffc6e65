//! The packager as its callers see it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod playlist;
mod support;
mod timing;
mod watch;
