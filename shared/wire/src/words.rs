/// The word is none of the closed set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the word is none of its closed set")]
pub struct UnknownWord;

/// A closed set of words that is written the same on the wire, in the API and in logs.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// Every word of the set.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word itself.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::words::UnknownWord;

            fn from_str(text: &str) -> Result<Self, crate::words::UnknownWord> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or(crate::words::UnknownWord)
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Why a camera gives no picture: the same words on the wire, in the API, on tiles and in logs.
    ReasonCode {
        /// No connection to the camera's address.
        Unreachable = "unreachable",
        /// The camera refused the user name or the password.
        WrongPassword = "wrong-password",
        /// The camera serves no more sessions.
        SessionsExhausted = "sessions-exhausted",
        /// The camera has no stream at this path.
        NotFound = "not-found",
        /// The stream is in a codec that is not carried.
        UnsupportedCodec = "unsupported-codec",
        /// Packets come, but no key frame among them.
        NoKeyFrame = "no-key-frame",
        /// The camera stopped sending.
        Stalled = "stalled",
        /// The camera said something that is not RTSP or RTP.
        ProtocolError = "protocol-error",
        /// The edge appliance is not connected.
        DeviceOffline = "device-offline",
        /// It is being opened; no trouble so far.
        Opening = "opening",
        /// Nobody asked for it.
        Off = "off",
    }
}
