use str0m::{
    config::CryptoProvider,
    ice::{IceCreds, StunMessage, TransId},
};

/// A connectivity check in the viewer's name (RFC 8445 §7.2.2) that nominates the path it came on. Pure.
///
/// A viewer that got an answer to its check may send on that path before it nominates one (RFC 8445 §12.1), and Chromium
/// does: its handshake follows its first check, its nomination 50 ms later. The session answers on a nominated path
/// only. So once a viewer's handshake has come on a path, which shows that packets pass both ways, the session is told
/// what the viewer is about to say. It may name another path later.
#[derive(Debug)]
pub(crate) struct Nomination {
    request: Vec<u8>,
}

impl Nomination {
    /// For the session of `ours` whose viewer is `theirs`; `None` if their name is too long for one.
    pub(crate) fn new(crypto: &CryptoProvider, ours: &IceCreds, theirs: &str) -> Option<Self> {
        let name = format!("{}:{theirs}", ours.ufrag);
        if name.len() > LONGEST_NAME {
            return None;
        }
        let check = StunMessage::binding_request(&name, TransId::new(), true, 0, PEER_REFLEXIVE, true);
        let mut request = vec![0; LONGEST_NAME + ROOM];
        let sign = |key: &[u8], payloads: &[&[u8]]| crypto.sha1_hmac_provider.sha1_hmac(key, payloads);
        let length = check.to_bytes(Some(ours.pass.as_bytes()), &mut request, sign).ok()?;
        request.truncate(length);
        Some(Self { request })
    }

    pub(crate) fn request(&self) -> &[u8] {
        &self.request
    }

    /// Whether a datagram answers it, which nobody waits for.
    pub(crate) fn is_answered_by(&self, datagram: &[u8]) -> bool {
        datagram.first() == Some(&RESPONSE) && datagram.get(IDENTITY) == self.request.get(IDENTITY)
    }
}

/// RFC 8489 §14.3.
const LONGEST_NAME: usize = 513;
/// Of everything else in a check.
const ROOM: usize = 128;
/// Of a peer-reflexive candidate (RFC 8445 §5.1.2.1), were the path not known already.
const PEER_REFLEXIVE: u32 = (110 << 24) | (0xffff << 8) | 255;
/// The first byte of success and error alike (RFC 8489 §5).
const RESPONSE: u8 = 1;
/// Magic cookie and transaction.
const IDENTITY: std::ops::Range<usize> = 4..20;
