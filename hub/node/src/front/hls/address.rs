use crate::hls::{Secret, number};

/// A URL under a session's secret: `/hls/s/{secret}/{camera}/{tier}/{run}/{name}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address<'a> {
    pub(super) secret: Secret,
    /// `{camera}/{tier}`; empty where the URL names the session alone.
    pub(super) feed: &'a str,
    pub(super) run: &'a str,
    pub(super) name: &'a str,
}

impl<'a> Address<'a> {
    pub(super) fn parse(path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix("/hls/s/")?;
        let Some((secret, rest)) = rest.split_once('/') else {
            return Some(Self { secret: Secret::parse(rest)?, feed: "", run: "", name: "" });
        };
        let (rest, name) = rest.rsplit_once('/')?;
        let (feed, run) = rest.rsplit_once('/')?;
        Some(Self { secret: Secret::parse(secret)?, feed, run, name })
    }

    /// Whether it names the session and nothing of it.
    pub(super) fn is_session(&self) -> bool {
        self.feed.is_empty()
    }
}

/// The position that a playlist must contain before it is answered (RFC 8216bis §6.2.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) segment: u64,
    pub(super) part: Option<u32>,
}

impl Wanted {
    /// From a query. Directives that are not known, and `_HLS_skip` where nothing is ever skipped, are ignored.
    ///
    /// # Errors
    /// The name of the directive that is no number, or that stands without the other.
    pub(super) fn parse(query: Option<&str>) -> Result<Option<Self>, &'static str> {
        let (mut segment, mut part) = (None, None);
        for (name, value) in query.unwrap_or("").split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                MSN => segment = Some(number(value).ok_or(MSN)?),
                PART => part = Some(number(value).and_then(|part| part.try_into().ok()).ok_or(PART)?),
                _ => {}
            }
        }
        match (segment, part) {
            (Some(segment), part) => Ok(Some(Self { segment, part })),
            (None, Some(_)) => Err(MSN),
            (None, None) => Ok(None),
        }
    }
}

const MSN: &str = "_HLS_msn";
const PART: &str = "_HLS_part";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_falls_into_its_parts() {
        let secret = Secret::random();
        let path = format!("/hls/s/{}/cam_1/sub/abc/v12.3.m4s", secret.reveal());
        let address = Address::parse(&path).unwrap();
        assert_eq!(address, Address { secret, feed: "cam_1/sub", run: "abc", name: "v12.3.m4s" });
        let path = format!("/hls/s/{}", secret.reveal());
        assert!(Address::parse(&path).unwrap().is_session());
        for wrong in ["/hls/s/", "/hls/s/00/a/b/c/d", "/hls/x", "/hls/s/00112233445566778899aabbccddeeff/a"] {
            assert_eq!(Address::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn directives_are_numbers_and_a_part_needs_its_segment() {
        let at = |segment, part| Ok(Some(Wanted { segment, part }));
        assert_eq!(Wanted::parse(None), Ok(None));
        assert_eq!(Wanted::parse(Some("_HLS_skip=YES&x=1")), Ok(None));
        assert_eq!(Wanted::parse(Some("_HLS_msn=7&_HLS_part=3")), at(7, Some(3)));
        assert_eq!(Wanted::parse(Some("a&_HLS_msn=0")), at(0, None));
        for (query, named) in [
            ("_HLS_msn=-1", MSN),
            ("_HLS_msn=", MSN),
            ("_HLS_msn=1e3", MSN),
            ("_HLS_msn=99999999999999999999", MSN),
            ("_HLS_msn=1&_HLS_part=4294967296", PART),
            ("_HLS_msn=1&_HLS_part=%31", PART),
            ("_HLS_part=1", MSN),
        ] {
            assert_eq!(Wanted::parse(Some(query)), Err(named), "{query}");
        }
    }
}
