use ring::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

use crate::Clock;

/// Bytes nobody can predict.
///
/// # Panics
/// When the operating system has no randomness to give, which it does not recover from.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the operating system provides randomness");
    bytes
}

/// A UUID version 7 (RFC 9562 §5.7) of this moment: ids sort by the time they were made.
#[must_use]
pub fn uuid_v7(clock: &Clock) -> Uuid {
    let millis = u64::try_from(clock.unix_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random_bytes()).into_uuid()
}
