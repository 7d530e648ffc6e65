//! Which cameras this site has, kept over a power cut.
//!
//! The [`ledger`] keeps the last desired document over a power cut at any byte.

pub mod ledger;
