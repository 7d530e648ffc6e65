//! Format parameters of an SDP: `96 name=value; name=value` (RFC 8866 §6.15).

/// The value of `name`, without quotes. The payload type in front may be there or not.
pub(crate) fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    let fmtp = fmtp.trim();
    let fmtp = fmtp.strip_prefix("a=fmtp:").unwrap_or(fmtp);
    // A payload type stands before the first blank; a parameter there would hold an equals sign or end it all.
    let digits = fmtp.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    let fmtp =
        if digits > 0 && fmtp[digits..].starts_with(char::is_whitespace) { &fmtp[digits..] } else { fmtp };
    fmtp.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// The same as a number.
pub(crate) fn number(fmtp: &str, name: &str) -> Option<u32> {
    parameter(fmtp, name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_however_the_line_is_written() {
        for line in
            ["96 a=1; Config=\"1408\";b=2=", "a=1;config=1408; b=2=", "a=fmtp:96 a=1;CONFIG= 1408 ;b=2="]
        {
            assert_eq!(parameter(line, "config"), Some("1408"), "{line}");
            assert_eq!(parameter(line, "b"), Some("2="), "{line}");
            assert_eq!(number(line, "a"), Some(1), "{line}");
            assert_eq!(parameter(line, "c"), None, "{line}");
        }
        assert_eq!(parameter("", "config"), None);
        assert_eq!(number("96 a=x", "a"), None);
    }
}
