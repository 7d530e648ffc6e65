/// Why the bytes of one message are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The bytes are not protobuf of the expected shape.
    #[error("not a message of this protocol")]
    Malformed(#[from] prost::DecodeError),
    /// A field that the receiver must understand holds something else.
    #[error("the field {field} does not hold what it should")]
    Field {
        /// Which.
        field: &'static str,
    },
}

/// One message, or the news that a newer peer said something this build does not know.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded<T> {
    /// Understood.
    Message(T),
    /// A kind that was added later: skip it.
    Unknown,
}

impl<T> Decoded<T> {
    /// The message, if it was understood.
    pub fn message(self) -> Option<T> {
        match self {
            Self::Message(message) => Some(message),
            Self::Unknown => None,
        }
    }
}

/// Parses a text field that must be right for the message to mean anything.
pub(crate) fn field<T: std::str::FromStr>(name: &'static str, text: &str) -> Result<T, MessageError> {
    text.parse().map_err(|_| MessageError::Field { field: name })
}
