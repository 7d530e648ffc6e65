use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The text does not begin with the prefix of this kind.
    #[error("an id of this kind begins with {expected:?}")]
    Prefix {
        /// The prefix that was expected, with its underscore.
        expected: &'static str,
    },
    /// What follows the prefix is not 32 lower-case hex digits.
    #[error("an id is its prefix and 32 lower-case hex digits")]
    Digits,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps a UUID that somebody with a clock and randomness made.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID behind the prefix.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                digits(text, $prefix).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }
    )*};
}

ids! {
    /// A camera, whatever tiers it offers.
    CameraId = "cam_";
    /// A site: one LAN with its edge appliances and cameras.
    SiteId = "site_";
    /// An edge appliance.
    DeviceId = "dev_";
    /// A media node.
    NodeId = "node_";
    /// An organisation; rows of two tenants never meet.
    TenantId = "ten_";
    /// A person who logs in.
    UserId = "usr_";
    /// One viewer's session with one camera.
    SessionId = "ses_";
    /// An API token.
    TokenId = "tok_";
}

fn digits(text: &str, prefix: &'static str) -> Result<Uuid, IdError> {
    let digits = text.strip_prefix(prefix).ok_or(IdError::Prefix { expected: prefix })?;
    let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if digits.len() != 32 || !digits.bytes().all(lower_hex) {
        return Err(IdError::Digits);
    }
    Uuid::try_parse(digits).map_err(|_| IdError::Digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_itself() {
        let id = CameraId::from_uuid(Uuid::from_u128(0x0198_c0de_0000_7000_8000_0000_0000_002a));
        assert_eq!(id.to_string(), "cam_0198c0de00007000800000000000002a");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(serde_json::from_str::<CameraId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }

    #[test]
    fn one_kind_of_id_is_refused_where_another_is_meant() {
        let device = DeviceId::from_uuid(Uuid::nil()).to_string();
        assert_eq!(device.parse::<CameraId>(), Err(IdError::Prefix { expected: "cam_" }));
    }

    #[test]
    fn another_spelling_of_the_same_uuid_is_refused() {
        assert_eq!("cam_0198C0DE00007000800000000000002A".parse::<CameraId>(), Err(IdError::Digits));
        assert_eq!("cam_0198c0de-0000-7000-8000-00000000002a".parse::<CameraId>(), Err(IdError::Digits));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,64}") {
            let _ = text.parse::<SessionId>();
        }
    }
}
