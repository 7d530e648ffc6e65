//! What oxvif's errors mean to us.

use oxvif::{OnvifError, soap::SoapError};

use crate::{onvif::AskError, transport::Trouble};

/// Longer explanations are cut.
const MAX_TEXT: usize = 160;

/// Our word for an error of oxvif.
pub(super) fn told(error: OnvifError) -> AskError {
    match error {
        OnvifError::Transport(error) => match Trouble::from(&error) {
            Trouble::Unauthorized => AskError::Refused { locked: false },
            Trouble::Status(404 | 405 | 501) => AskError::NotSupported,
            trouble => AskError::Transport(trouble),
        },
        OnvifError::Soap(SoapError::Fault { code, reason, subcode, .. }) => {
            fault(&code, subcode.as_deref().unwrap_or_default(), &reason)
        }
        OnvifError::Soap(other) => AskError::Strange(short(&other.to_string())),
        OnvifError::InvalidArgument(text) => AskError::Invalid(short(&text)),
    }
}

/// ONVIF core specification §5.11.2; not every camera sends the subcode it should, so its words count too.
fn fault(code: &str, subcode: &str, reason: &str) -> AskError {
    let words = format!("{code} {subcode} {reason}").to_ascii_lowercase();
    let has = |known: &[&str]| known.iter().any(|known| words.contains(known));
    if has(&["authoriz", "authentic", "wsse:", "ws-security", "usernametoken", "invalidsecurity"]) {
        return AskError::Refused { locked: false };
    }
    if has(&["notsupported", "not supported", "notimplemented", "not implemented", "unknownaction"]) {
        return AskError::NotSupported;
    }
    let said = if reason.is_empty() { subcode } else { reason };
    AskError::Fault(short(if said.is_empty() { code } else { said }))
}

/// One line that is safe to show.
pub(super) fn short(text: &str) -> String {
    let line = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    line.take(MAX_TEXT).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_many_makers_mean_the_same() {
        let refused = AskError::Refused { locked: false };
        for (code, subcode, reason) in [
            ("s:Sender", "ter:NotAuthorized", "Sender not authorized"),
            (
                "SOAP-ENV:Sender",
                "",
                "The action requested requires authorization and the sender is not authorized",
            ),
            ("env:Sender", "wsse:FailedAuthentication", ""),
            ("env:Sender", "", "WS-Security header required but not provided"),
        ] {
            assert_eq!(fault(code, subcode, reason), refused, "{code} {subcode} {reason}");
        }
        assert_eq!(fault("s:Receiver", "ter:ActionNotSupported", "x"), AskError::NotSupported);
        assert_eq!(fault("s:Receiver", "", "Optional Action Not Implemented"), AskError::NotSupported);
        assert_eq!(fault("s:Sender", "ter:NoProfile", ""), AskError::Fault("ter:NoProfile".to_owned()));
        let long = fault("s:Sender", "", &format!("a\nb{}", "c".repeat(1_000)));
        let AskError::Fault(text) = long else { panic!("a fault") };
        assert!(text.starts_with("a bc") && text.len() == MAX_TEXT);
    }
}
