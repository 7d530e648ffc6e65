//! How a failure is classed and told. Pure.
//!
//! Backoff, HTTP status and health follow from an error's [`Class`], in one match each.

use std::{error::Error, fmt::Write as _};

/// What a caller may do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// It may work later, unchanged: wait and try again.
    Retry,
    /// It will not work as asked: the asker must change something.
    Reject,
    /// This process cannot go on with what it owns.
    Fatal,
}

/// An error that crosses a room and says what may be done about it.
pub trait Classed: Error {
    /// What a caller may do about this failure.
    fn class(&self) -> Class;
}

/// The error and all its sources in one line: `outer: middle: root`.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(line, ": {cause}");
        source = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use std::{fmt, io};

    use super::*;

    #[derive(Debug)]
    struct Outer(io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("read the ledger")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_chain_names_every_cause_once() {
        assert_eq!(chain(&Outer(io::Error::other("disk is full"))), "read the ledger: disk is full");
    }
}
