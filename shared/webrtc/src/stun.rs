/// The receiver's half of USERNAME in a STUN message (RFC 8445 §7.2.2: `receiver:sender`), which names the ICE
/// session a check is for. Proves nothing: the session verifies the message's integrity.
pub(crate) fn receiver_ufrag(datagram: &[u8]) -> Option<&str> {
    let (header, mut attributes) = datagram.split_at_checked(HEADER)?;
    if header[0] > 1 || header[4..8] != MAGIC_COOKIE {
        return None;
    }
    while let Some((head, rest)) = attributes.split_at_checked(4) {
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = rest.get(..length)?;
        if kind == USERNAME {
            let name = std::str::from_utf8(value).ok()?;
            return name.split_once(':').map(|(receiver, _)| receiver);
        }
        // Attributes are padded to four bytes (RFC 8489 §14).
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// What a datagram is, by its first bytes (RFC 7983 §7, RFC 5761 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Stun,
    Dtls,
    Rtcp,
    /// Media or anything else: nothing a viewer has to send.
    Other,
}

impl Kind {
    pub(crate) fn of(datagram: &[u8]) -> Self {
        match datagram {
            [0..=1, ..] if datagram.len() >= HEADER => Self::Stun,
            [20..=63, ..] => Self::Dtls,
            [128..=191, second, _, ..] if (64..96).contains(&(second & 0x7f)) => Self::Rtcp,
            _ => Self::Other,
        }
    }
}

const HEADER: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const USERNAME: u16 = 0x0006;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut message = vec![0, 1, 0, 0];
        message.extend(MAGIC_COOKIE);
        message.extend([7; 12]);
        for (kind, value) in attributes {
            message.extend(kind.to_be_bytes());
            message.extend(u16::try_from(value.len()).expect("short").to_be_bytes());
            message.extend_from_slice(value);
            message.resize(message.len().next_multiple_of(4), 0);
        }
        message
    }

    #[test]
    fn the_first_half_of_the_user_name_is_ours() {
        let message = request(&[(0x8022, b"agent"), (USERNAME, b"ours:theirs"), (0x24, &[0; 4])]);
        assert_eq!(receiver_ufrag(&message), Some("ours"));
        assert_eq!(receiver_ufrag(&request(&[(0x24, &[0; 4])])), None);
        assert_eq!(Kind::of(&message), Kind::Stun);
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_only_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (receiver_ufrag(&bytes), Kind::of(&bytes));
        }

        #[test]
        fn every_cut_is_survived(cut in 0..48usize) {
            let message = request(&[(0x8022, b"agent"), (USERNAME, b"ours:theirs")]);
            let _ = receiver_ufrag(&message[..cut.min(message.len())]);
        }
    }
}
