use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::{Digest as _, Md5};

use crate::config::Auth;

const REALM: &str = "camera";

/// Who may come in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
}

/// What a client's credentials are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Welcome,
    /// None were given: ask.
    Asked,
    /// They are for another nonce: ask again.
    Stale,
    Wrong,
}

/// The `WWW-Authenticate` of a 401. No `qop`: half of all cameras know only RFC 2069.
pub(crate) fn challenge(auth: Auth, nonce: &str, stale: bool) -> String {
    match auth {
        Auth::None | Auth::Basic => format!("Basic realm=\"{REALM}\""),
        Auth::Digest if stale => format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", stale=\"TRUE\""),
        Auth::Digest => format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\""),
    }
}

/// Weighs the `Authorization` of a request with this `method`.
pub(crate) fn check(
    auth: Auth,
    account: Account<'_>,
    nonce: &str,
    method: &str,
    header: Option<&str>,
) -> Verdict {
    let Some(header) = header else {
        return if auth == Auth::None { Verdict::Welcome } else { Verdict::Asked };
    };
    let (scheme, credentials) = header.trim().split_once(' ').unwrap_or((header, ""));
    let good = match auth {
        Auth::None => true,
        Auth::Basic => {
            let wanted = STANDARD.encode(format!("{}:{}", account.user, account.password));
            scheme.eq_ignore_ascii_case("basic") && credentials.trim() == wanted
        }
        Auth::Digest if scheme.eq_ignore_ascii_case("digest") => {
            let fields = fields(credentials);
            if fields.get("nonce").is_some_and(|given| given != nonce) {
                return Verdict::Stale;
            }
            digest_matches(&fields, account, method)
        }
        // A client that tries Basic first learns that Digest is wanted.
        Auth::Digest => return Verdict::Asked,
    };
    if good { Verdict::Welcome } else { Verdict::Wrong }
}

/// RFC 2617 §3.2.2: with `qop=auth` where the client uses it, as RFC 2069 otherwise.
fn digest_matches(fields: &HashMap<String, String>, account: Account<'_>, method: &str) -> bool {
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    let secret = md5(&format!("{}:{REALM}:{}", account.user, account.password));
    let request = md5(&format!("{method}:{}", field("uri")));
    let wanted = match field("qop") {
        "" => md5(&format!("{secret}:{}:{request}", field("nonce"))),
        qop => {
            md5(&format!("{secret}:{}:{}:{}:{qop}:{request}", field("nonce"), field("nc"), field("cnonce")))
        }
    };
    field("username") == account.user && field("response").eq_ignore_ascii_case(&wanted)
}

/// `name="value", name=value`: values may hold commas when quoted.
fn fields(mut text: &str) -> HashMap<String, String> {
    let mut fields = HashMap::new();
    while let Some((name, rest)) = text.split_once('=') {
        let (value, rest) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(',').unwrap_or((rest, "")),
        };
        let name = name.trim_matches([' ', ',', '\t']).to_ascii_lowercase();
        fields.insert(name, value.trim().to_owned());
        text = rest;
    }
    fields
}

fn md5(text: &str) -> String {
    hex::encode(Md5::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ACCOUNT: Account<'_> = Account { user: "admin", password: "s3cr,et\"less" };

    fn digest(password: &str, nonce: &str) -> String {
        let secret = md5(&format!("admin:camera:{password}"));
        let request = md5("DESCRIBE:rtsp://h/cam/1/main");
        let response = md5(&format!("{secret}:{nonce}:{request}"));
        format!(
            "Digest username=\"admin\", realm=\"camera\",nonce=\"{nonce}\", uri=\"rtsp://h/cam/1/main\", response=\"{response}\""
        )
    }

    #[test]
    fn digest_takes_the_right_password_only() {
        let check = |header: Option<&str>| check(Auth::Digest, ACCOUNT, "abc", "DESCRIBE", header);
        assert_eq!(check(Some(&digest(ACCOUNT.password, "abc"))), Verdict::Welcome);
        assert_eq!(check(Some(&digest("guess", "abc"))), Verdict::Wrong);
        assert_eq!(check(Some(&digest(ACCOUNT.password, "old"))), Verdict::Stale);
        assert_eq!(check(Some("Basic YTpi")), Verdict::Asked);
        assert_eq!(check(None), Verdict::Asked);
    }

    #[test]
    fn digest_of_the_rfc_is_reproduced() {
        // RFC 2617 §3.5, with its quality of protection.
        let text = "username=\"Mufasa\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", qop=auth, \
                    nc=00000001, cnonce=\"0a4f113b\"";
        let fields = fields(text);
        assert_eq!((fields["qop"].as_str(), fields["nc"].as_str()), ("auth", "00000001"));
        let secret = md5("Mufasa:testrealm@host.com:Circle Of Life");
        let request = md5("GET:/dir/index.html");
        let response = md5(&format!(
            "{secret}:{}:{}:{}:auth:{request}",
            fields["nonce"], fields["nc"], fields["cnonce"]
        ));
        assert_eq!(response, "6629fae49393a05397450978507c4ef1");
    }

    #[test]
    fn basic_takes_the_right_password_only() {
        let check = |header: &str| check(Auth::Basic, ACCOUNT, "", "DESCRIBE", Some(header));
        assert_eq!(check(&format!("Basic {}", STANDARD.encode("admin:s3cr,et\"less"))), Verdict::Welcome);
        assert_eq!(check(&format!("Basic {}", STANDARD.encode("admin:admin"))), Verdict::Wrong);
    }

    proptest! {
        #[test]
        fn hostile_headers_do_not_panic(header in "\\PC{0,200}") {
            check(Auth::Digest, ACCOUNT, "abc", "PLAY", Some(&format!("Digest {header}")));
        }
    }
}
