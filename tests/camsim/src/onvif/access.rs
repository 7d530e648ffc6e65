//! Who may ask: WS-Security UsernameToken with a password digest (OASIS UsernameToken Profile 1.0, §3.1) and HTTP
//! Digest (RFC 2617), both with the account of RTSP.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::xml::Element;
use crate::{
    auth::{self, Account, Verdict},
    config::{Auth, OnvifAuth},
};

/// A token older or younger than this on the camera's own clock is refused.
const CLOCK_WINDOW_S: i64 = 60;

/// The door of one camera.
#[derive(Debug)]
pub(super) struct Door<'a> {
    pub(super) account: Account<'a>,
    pub(super) accepts: OnvifAuth,
    /// Of HTTP Digest.
    pub(super) nonce: &'a str,
    /// Seconds since 1970 on the camera's own clock.
    pub(super) now_s: i64,
}

/// What stands at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visitor<'a> {
    pub(super) method: &'a str,
    pub(super) authorization: Option<&'a str>,
    pub(super) header: Option<&'a Element>,
}

impl Door<'_> {
    pub(super) fn weigh(&self, visitor: Visitor<'_>) -> Verdict {
        let token = visitor.header.and_then(|header| header.find("UsernameToken"));
        match (token, visitor.authorization) {
            (Some(token), _) if self.accepts != OnvifAuth::Digest => self.token(token),
            (_, Some(authorization)) if self.accepts != OnvifAuth::WsSecurity => {
                auth::check(Auth::Digest, self.account, self.nonce, visitor.method, Some(authorization))
            }
            _ => Verdict::Asked,
        }
    }

    fn token(&self, token: &Element) -> Verdict {
        let text = |name: &str| token.text_of(name).unwrap_or_default();
        let created = text("Created");
        let fresh = OffsetDateTime::parse(created, &Rfc3339)
            .is_ok_and(|at| (at.unix_timestamp() - self.now_s).abs() <= CLOCK_WINDOW_S);
        let Ok(nonce) = STANDARD.decode(text("Nonce")) else { return Verdict::Wrong };
        let good = text("Username") == self.account.user
            && text("Password") == password_digest(&nonce, created, self.account.password);
        match (good, fresh) {
            (true, true) => Verdict::Welcome,
            // Cameras do not tell a stale token from a wrong one; the log of this process does.
            (true, false) => Verdict::Stale,
            (false, _) => Verdict::Wrong,
        }
    }
}

fn password_digest(nonce: &[u8], created: &str, password: &str) -> String {
    let whole = [nonce, created.as_bytes(), password.as_bytes()].concat();
    STANDARD.encode(ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: i64 = 1_284_614_160;

    fn door(password: &str, now_s: i64, accepts: OnvifAuth) -> Door<'_> {
        Door { account: Account { user: "user", password }, accepts, nonce: "n", now_s }
    }

    /// The example of the ONVIF Application Programmer's Guide, §6.1.1.3.
    fn header(digest: &str) -> Element {
        Element::parse(&format!(
            "<Header><Security><UsernameToken><Username>user</Username><Password>{digest}</Password>\
             <Nonce>LKqI6G/AikKCQrN0zqZFlg==</Nonce><Created>2010-09-16T07:50:45Z</Created></UsernameToken></Security></Header>"
        ))
        .unwrap()
    }

    const DIGEST: &str = "tuOSpGlFlIXsozq4HFNeeGeFLEI=";

    fn weigh(door: &Door<'_>, header: &Element) -> Verdict {
        door.weigh(Visitor { method: "POST", authorization: None, header: Some(header) })
    }

    #[test]
    fn the_digest_of_the_programmers_guide_opens() {
        let at = 1_284_623_445;
        let header = header(DIGEST);
        assert_eq!(weigh(&door("userpassword", at, OnvifAuth::Any), &header), Verdict::Welcome);
        assert_eq!(weigh(&door("other", at, OnvifAuth::Any), &header), Verdict::Wrong);
        assert_eq!(weigh(&door("userpassword", at + 61, OnvifAuth::Any), &header), Verdict::Stale);
        assert_eq!(weigh(&door("userpassword", at, OnvifAuth::Digest), &header), Verdict::Asked);
    }

    #[test]
    fn nobody_is_asked_and_rubbish_is_wrong() {
        let nobody = Visitor { method: "POST", authorization: None, header: None };
        assert_eq!(door("x", NOW_S, OnvifAuth::Any).weigh(nobody), Verdict::Asked);
        assert_eq!(weigh(&door("x", NOW_S, OnvifAuth::Any), &header("rubbish")), Verdict::Wrong);
    }
}
