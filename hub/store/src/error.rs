use std::{error::Error, fmt, sync::Arc};

use rusqlite::ffi;
use sluice_fault::{Class, Classed};

/// Why a use case failed. What was asked for is not in the database then.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// One with this id or name exists already.
    #[error("one with this id or name exists already")]
    Exists,
    /// It refers to something that does not exist in this tenant.
    #[error("it refers to something that does not exist")]
    MissingReference,
    /// Something else still refers to it.
    #[error("something else still refers to it")]
    InUse,
    /// The camera moves to another device, and its password is sealed to the one before: it must be given anew.
    #[error("the password is sealed to another device and must be given anew")]
    SealedElsewhere,
    /// The queue stayed full, or the writer has ended.
    #[error("the store is overloaded or closing")]
    Unavailable,
    /// The database itself failed.
    #[error("the database failed")]
    Database(#[source] DatabaseError),
}

/// What the database said, opaque.
#[derive(Debug, Clone)]
pub struct DatabaseError(Arc<dyn Error + Send + Sync>);

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be opened or is no database.
    #[error("the database cannot be opened")]
    Open(#[source] DatabaseError),
    /// The schema cannot be brought to this version; a newer program may have been here.
    #[error("the database cannot be brought to this program's schema")]
    Migrate(#[source] DatabaseError),
    /// The writer thread cannot be started.
    #[error("the writer thread cannot be started")]
    Thread(#[source] std::io::Error),
}

impl Classed for StoreError {
    fn class(&self) -> Class {
        match self {
            Self::Exists | Self::MissingReference | Self::InUse | Self::SealedElsewhere => Class::Reject,
            Self::Unavailable => Class::Retry,
            Self::Database(_) => Class::Fatal,
        }
    }
}

impl StoreError {
    /// For deletions: a broken reference means that something still points here.
    pub(crate) fn while_deleting(error: rusqlite::Error) -> Self {
        match Self::from(error) {
            Self::MissingReference => Self::InUse,
            other => other,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map(|error| error.extended_code);
        match code {
            Some(ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => Self::Exists,
            Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => Self::MissingReference,
            _ => Self::Database(DatabaseError::new(error)),
        }
    }
}

impl DatabaseError {
    pub(crate) fn new(cause: impl Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(cause))
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for DatabaseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
