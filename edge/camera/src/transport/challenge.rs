//! `WWW-Authenticate` and what answers it: HTTP Digest (RFC 7616, RFC 2617 and the RFC 2069 that old cameras speak)
//! with MD5 or SHA-256, and Basic (RFC 7617) where a camera knows nothing else. Pure.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::{Digest as _, Md5};
use ring::digest::{SHA256, digest};

use crate::Credentials;

/// How a camera wants to be convinced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// The password itself, in every request.
    Basic,
    /// A digest of it.
    Digest(DigestChallenge),
}

/// The values of a Digest challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestChallenge {
    realm: String,
    pub(crate) nonce: String,
    opaque: Option<String>,
    hash: Hash,
    /// The hash of the password is bound to the first nonces (RFC 7616 §3.4.2).
    session: bool,
    /// Whether counts and nonces of ours go in (`qop=auth`); without, RFC 2069.
    counted: bool,
    /// The nonce was too old and the password may be right.
    pub(crate) stale: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    Md5,
    Sha256,
}

/// One request to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// `POST`, `GET`.
    pub method: &'a str,
    /// Path and query, as in the request line.
    pub path: &'a str,
    /// How many requests used this nonce, this one included.
    pub count: u32,
    /// Random, of ours.
    pub cnonce: &'a str,
}

/// A header longer than this is no challenge.
const MAX_HEADER: usize = 4 * 1024;

impl Challenge {
    /// The strongest challenge that can be answered, of all `WWW-Authenticate` headers of a response.
    #[must_use]
    pub fn strongest<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let short = headers.into_iter().filter(|header| header.len() <= MAX_HEADER);
        short.flat_map(schemes).filter_map(|scheme| scheme.understood()).max_by_key(|challenge| {
            match challenge {
                Self::Basic => 0,
                Self::Digest(digest) if digest.hash == Hash::Md5 => 1,
                Self::Digest(_) => 2,
            }
        })
    }

    /// The `Authorization` of a request.
    #[must_use]
    pub fn answer(&self, credentials: &Credentials, signed: Signed<'_>) -> String {
        match self {
            Self::Basic => {
                let pair = format!("{}:{}", credentials.username, credentials.password.expose());
                format!("Basic {}", STANDARD.encode(pair))
            }
            Self::Digest(digest) => digest.answer(credentials, signed),
        }
    }
}

impl DigestChallenge {
    fn answer(&self, credentials: &Credentials, signed: Signed<'_>) -> String {
        let Signed { method, path, count, cnonce } = signed;
        let hash = |text: &str| self.hash.of(text);
        let Self { realm, nonce, .. } = self;
        let user = &credentials.username;
        let mut secret = hash(&format!("{user}:{realm}:{}", credentials.password.expose()));
        if self.session {
            secret = hash(&format!("{secret}:{nonce}:{cnonce}"));
        }
        let request = hash(&format!("{method}:{path}"));
        let mut header = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\"",
            escaped(user),
            escaped(realm),
            escaped(nonce),
            escaped(path)
        );
        let mut add = |name: &str, value: &str| {
            header.push_str(", ");
            header.push_str(name);
            header.push('=');
            header.push_str(value);
        };
        if self.counted {
            let response = hash(&format!("{secret}:{nonce}:{count:08x}:{cnonce}:auth:{request}"));
            add("response", &format!("\"{response}\""));
            add("qop", "auth");
            add("nc", &format!("{count:08x}"));
        } else {
            add("response", &format!("\"{}\"", hash(&format!("{secret}:{nonce}:{request}"))));
        }
        if self.counted || self.session {
            add("cnonce", &format!("\"{cnonce}\""));
        }
        // Cameras that know only RFC 2069 refuse parameters that came later, so MD5 is named only where it must be.
        match (self.hash, self.session) {
            (Hash::Md5, false) => {}
            (Hash::Md5, true) => add("algorithm", "MD5-sess"),
            (Hash::Sha256, false) => add("algorithm", "SHA-256"),
            (Hash::Sha256, true) => add("algorithm", "SHA-256-sess"),
        }
        if let Some(opaque) = &self.opaque {
            add("opaque", &format!("\"{}\"", escaped(opaque)));
        }
        header
    }
}

impl Hash {
    fn of(self, text: &str) -> String {
        match self {
            Self::Md5 => hex::encode(Md5::digest(text.as_bytes())),
            Self::Sha256 => hex::encode(digest(&SHA256, text.as_bytes())),
        }
    }
}

/// A scheme's name and parameters, as they stand in a header.
#[derive(Debug, Default)]
struct Scheme {
    name: String,
    parameters: Vec<(String, String)>,
}

impl Scheme {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn understood(&self) -> Option<Challenge> {
        if self.name.eq_ignore_ascii_case("basic") {
            return Some(Challenge::Basic);
        }
        if !self.name.eq_ignore_ascii_case("digest") {
            return None;
        }
        let algorithm = self.parameter("algorithm").unwrap_or("MD5").to_ascii_uppercase();
        let (name, session) = match algorithm.strip_suffix("-SESS") {
            Some(name) => (name, true),
            None => (algorithm.as_str(), false),
        };
        let hash = match name {
            "MD5" => Hash::Md5,
            "SHA-256" => Hash::Sha256,
            _ => return None,
        };
        let counted = match self.parameter("qop") {
            None => false,
            Some(all) if all.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth")) => true,
            // Only `auth-int`: no camera asks for it, and bodies would be hashed.
            Some(all) if !all.trim().is_empty() => return None,
            Some(_) => false,
        };
        Some(Challenge::Digest(DigestChallenge {
            realm: self.parameter("realm").unwrap_or_default().to_owned(),
            nonce: self.parameter("nonce").filter(|nonce| !nonce.is_empty())?.to_owned(),
            opaque: self.parameter("opaque").map(str::to_owned),
            hash,
            session,
            counted,
            stale: self.parameter("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        }))
    }
}

/// Every challenge of one header: `Digest realm="a, b", nonce="c", Basic realm="d"`.
fn schemes(header: &str) -> Vec<Scheme> {
    let mut schemes: Vec<Scheme> = Vec::new();
    for item in items(header) {
        let (head, value) = match item.split_once('=') {
            Some((head, value)) => (head.trim(), Some(value.trim())),
            None => (item, None),
        };
        // A word in front of a parameter's name begins the next challenge.
        let name = match (head.rsplit_once([' ', '\t']), value) {
            (Some((scheme, name)), Some(_)) => {
                schemes.push(Scheme { name: scheme.trim().to_owned(), parameters: Vec::new() });
                name
            }
            (_, None) => {
                schemes.push(Scheme { name: head.to_owned(), parameters: Vec::new() });
                continue;
            }
            (None, Some(_)) => head,
        };
        if let (Some(scheme), Some(value)) = (schemes.last_mut(), value) {
            scheme.parameters.push((name.to_ascii_lowercase(), unquoted(value)));
        }
    }
    schemes
}

/// What stands between the commas that are in no quotes.
fn items(header: &str) -> Vec<&str> {
    let (mut items, mut begin) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (place, letter) in header.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                items.push(&header[begin..place]);
                begin = place + 1;
            }
            _ => {}
        }
    }
    items.push(&header[begin..]);
    items.into_iter().map(str::trim).filter(|item| !item.is_empty()).collect()
}

fn unquoted(value: &str) -> String {
    let Some(inside) = value.strip_prefix('"') else { return value.to_owned() };
    let inside = inside.strip_suffix('"').unwrap_or(inside);
    let mut text = String::with_capacity(inside.len());
    let mut letters = inside.chars();
    while let Some(letter) = letters.next() {
        text.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    text
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sluice_telemetry::Secret;

    use super::*;

    fn credentials(username: &str, password: &str) -> Credentials {
        Credentials { username: username.to_owned(), password: Secret::new(password.to_owned()) }
    }

    #[test]
    fn the_examples_of_the_rfcs_are_reproduced() {
        let mufasa = credentials("Mufasa", "Circle Of Life");
        let old = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
                   nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
        let signed = Signed { method: "GET", path: "/dir/index.html", count: 1, cnonce: "0a4f113b" };
        let answer = Challenge::strongest([old]).unwrap().answer(&mufasa, signed);
        // RFC 2617 §3.5.
        assert!(answer.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{answer}");
        assert!(
            answer.contains("nc=00000001") && answer.contains("opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"")
        );
        // RFC 7616 §3.9.1, both of its challenges.
        let both = ["SHA-256", "MD5"].map(|algorithm| {
            format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            )
        });
        let strong = Challenge::strongest(both.iter().map(String::as_str)).unwrap();
        let weak = Challenge::strongest([both[1].as_str()]).unwrap();
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let signed = Signed { cnonce, ..signed };
        let mufasa = credentials("Mufasa", "Circle of Life");
        let answer = strong.answer(&mufasa, signed);
        assert!(
            answer.contains("753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
            "{answer}"
        );
        assert!(answer.contains("algorithm=SHA-256"));
        assert!(weak.answer(&mufasa, signed).contains("8ca523f5e9506fed4657c9700eebdbec"));
    }

    #[test]
    fn the_strongest_challenge_of_a_header_is_answered() {
        let header = "Basic realm=\"a, b\", Digest realm=\"c\\\"d\", nonce=\"n, m\", stale=TRUE";
        let Some(Challenge::Digest(digest)) = Challenge::strongest([header]) else { panic!("digest") };
        assert_eq!((digest.realm.as_str(), digest.nonce.as_str(), digest.stale), ("c\"d", "n, m", true));
        assert!(!digest.counted, "RFC 2069");
        assert_eq!(Challenge::strongest(["Basic"]), Some(Challenge::Basic));
        assert_eq!(Challenge::strongest(["Negotiate", "NTLM abc=="]), None);
        for unknown in ["algorithm=SHA-512-256", "qop=\"auth-int\"", "nonce=\"\""] {
            assert_eq!(Challenge::strongest([format!("Digest nonce=\"n\", {unknown}").as_str()]), {
                // The first of two nonces counts.
                unknown.starts_with("nonce").then(|| Challenge::strongest(["Digest nonce=\"n\""])).flatten()
            });
        }
        let long = format!("Digest realm=\"{}\", nonce=\"n\"", "x".repeat(5_000));
        assert_eq!(Challenge::strongest([long.as_str()]), None);
    }

    #[test]
    fn basic_gives_the_password() {
        let signed = Signed { method: "GET", path: "/", count: 1, cnonce: "" };
        let answer = Challenge::Basic.answer(&credentials("Aladdin", "open sesame"), signed);
        assert_eq!(answer, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "RFC 7617 §2");
    }

    proptest! {
        #[test]
        fn hostile_challenges_are_answered_or_not_but_never_panic(header in "(Digest|Basic|,|=|\"|\\\\|nonce|qop|[ -~]){0,40}") {
            if let Some(challenge) = Challenge::strongest([header.as_str()]) {
                let signed = Signed { method: "POST", path: "/onvif", count: 7, cnonce: "c" };
                let answer = challenge.answer(&credentials("u\"ser", "p"), signed);
                prop_assert!(!answer.contains('\n'));
            }
        }
    }
}
