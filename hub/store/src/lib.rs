//! The control plane's memory: use-case functions over SQLite, no SQL outside.
//!
//! ```text
//! Store (handle, Clone) ──Job──▶ writer thread: BEGIN · jobs, each in its savepoint · COMMIT · answers   (group commit)
//!        └──────────────────────▶ readers: 4 connections on blocking threads, snapshot of the last commit
//! Secrets (files, mode 0600): CA, token-signing key. They are not in the database: a copy of it opens nothing.
//! ```
//!
//! Invariants: an answered write is committed; an audit entry is on the disk (`synchronous=FULL`) before its answer;
//! every function that serves a request takes the tenant and sees no other's rows; a change of what a device should
//! do and the growth of its `desired_generation` are one transaction.

mod audit;
mod bootstrap;
mod cameras;
mod console_sessions;
mod credentials;
mod devices;
mod encoder_changes;
mod error;
mod finds;
mod idempotency;
mod migrate;
mod nodes;
mod page;
mod plays;
mod row;
mod schedule;
mod secrets;
mod sites;
mod store;
mod tenants;
#[cfg(test)]
mod testing;
mod tokens;
mod users;
mod writer;

pub use audit::{AuditBreak, AuditEntry, AuditHead, AuditRow};
pub use bootstrap::{Bootstrap, Bootstrapped};
pub use cameras::{
    Camera, CameraChange, CameraTier, DEFAULT_LINGER, NewCamera, OnvifSource, Pins, Registry, Via, Warm,
};
pub use console_sessions::ConsoleSession;
pub use credentials::{NewCredential, SealedCredential, SiteCredential};
pub use devices::{Device, NewDevice};
pub use encoder_changes::EncoderChanged;
pub use error::{DatabaseError, OpenError, StoreError};
pub use finds::{FindKey, Finds};
pub use idempotency::{IdempotencyKey, IdempotencyState};
pub use nodes::Node;
pub use page::{Page, PageOf};
pub use plays::{NewPlaySession, PlaySession};
pub use row::UnknownWord;
pub use schedule::{DayTime, ScheduleError, WarmSchedule, WarmWindow, Weekday};
pub use secrets::{Secrets, SecretsError};
pub use sites::{Site, SiteChange};
pub use store::Store;
pub use tenants::Tenant;
pub use tokens::{ApiToken, NewApiToken, Scope};
pub use users::{NewUser, User, UserRole};

/// SHA-256 of a bearer secret: what is kept of it.
pub type TokenHash = [u8; 32];
