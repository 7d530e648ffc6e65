use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One of the streams a camera offers, by size: `Main` for one big picture, `Sub` for a wall of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// The largest picture.
    Main,
    /// The smaller picture.
    Sub,
    /// A third stream, where the camera has one.
    Third,
}

impl Tier {
    /// Every tier, largest picture first.
    pub const ALL: [Self; 3] = [Self::Main, Self::Sub, Self::Third];

    /// The word for it in URLs, config and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Sub => "sub",
            Self::Third => "third",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no tier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a tier is one of main, sub, third")]
pub struct UnknownTier;

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Self, UnknownTier> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == text).ok_or(UnknownTier)
    }
}
