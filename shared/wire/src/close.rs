use crate::words::words;

words! {
    /// Why one end closes a link: the word goes in front of the reason, the number is QUIC's application error.
    CloseCode {
        /// The process ends in good order.
        Stopping = "stopping",
        /// The peer said something that is not this protocol.
        Protocol = "protocol",
        /// The peer's certificate names a role that has no business here.
        WrongRole = "wrong-role",
        /// The peer's certificate is not taken any more.
        Denied = "denied",
        /// The same peer has a newer link.
        Replaced = "replaced",
        /// The peer did not do its part in time.
        TooSlow = "too-slow",
        /// Nobody here takes the link at the moment.
        Busy = "busy",
    }
}

impl CloseCode {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Stopping => 0x100,
            Self::Protocol => 0x101,
            Self::WrongRole => 0x102,
            Self::Denied => 0x103,
            Self::Replaced => 0x104,
            Self::TooSlow => 0x105,
            Self::Busy => 0x106,
        }
    }

    /// The code of a number; `None` for one that a newer peer knows.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| u64::from(code.number()) == number)
    }
}
