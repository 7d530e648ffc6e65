//! What is let through to a reader of XML that trusts its input: text in an encoding that was told, of bounded depth,
//! breadth and length, without a document type. Pure.

use std::borrow::Cow;

use quick_xml::{Reader, events::Event};

/// Why an answer is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Hostile {
    /// The bytes are not in the encoding they claim.
    #[error("its text is in no encoding that it names")]
    Encoding,
    /// It defines entities: there is no reason to, other than bombs and foreign files.
    #[error("it declares a document type")]
    DocumentType,
    /// Elements within elements within elements.
    #[error("its elements are nested too deeply")]
    Depth,
    /// More elements than any device has.
    #[error("it has too many elements")]
    Elements,
    /// A tag longer than any of ONVIF, or with more attributes.
    #[error("it has a tag that is too long")]
    Tag,
    /// No XML.
    #[error("it is no XML")]
    Malformed,
}

impl Hostile {
    const ALL: [Self; 6] =
        [Self::Encoding, Self::DocumentType, Self::Depth, Self::Elements, Self::Tag, Self::Malformed];

    /// A number that [`Hostile::of_number`] reads.
    pub(crate) const fn number(self) -> u16 {
        self as u16
    }

    pub(crate) fn of_number(number: u16) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// ONVIF's deepest answer has some 15 levels. The tree of a reader is dropped level by level, on the stack.
const MAX_DEPTH: usize = 64;
/// A recorder of 64 channels tells its 192 profiles in some 23,000 elements.
const MAX_ELEMENTS: usize = 32_000;
/// Characters of one tag with its attributes.
const MAX_TAG: usize = 8 * 1024;
/// Letters in an encoding that nobody named: a recorder of 64 channels has as many names, of some twenty bytes each.
const MAX_STRANGE: usize = 4_096;
/// Readers compare each attribute's name with all before it.
const MAX_ATTRIBUTES: usize = 64;

/// The text of an answer that can be read without harm.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn screen(bytes: &[u8]) -> Result<Cow<'_, str>, Hostile> {
    let text = match decode(bytes)? {
        // Some send a mark twice: one for the file that they kept the answer in.
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_start_matches(MARK)),
        Cow::Owned(text) if text.starts_with(MARK) => Cow::Owned(text.trim_start_matches(MARK).to_owned()),
        owned @ Cow::Owned(_) => owned,
    };
    weigh(&text)?;
    Ok(text)
}

/// The byte order mark.
const MARK: char = '\u{FEFF}';

fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Hostile> {
    // XML 1.0, appendix F: byte order marks come first.
    if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        return utf16(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFE\xFF") {
        return utf16(rest, u16::from_be_bytes);
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(_) if claims_latin(bytes) => Ok(Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect())),
        // Names that people typed stand in answers in whatever encoding their machines had, and tags do not.
        Err(_) => {
            let text = String::from_utf8_lossy(bytes);
            let strange = text.matches(char::REPLACEMENT_CHARACTER).count();
            if strange <= MAX_STRANGE { Ok(text) } else { Err(Hostile::Encoding) }
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'static, str>, Hostile> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if rest.is_empty() => Ok(Cow::Owned(text)),
        _ => Err(Hostile::Encoding),
    }
}

/// Whether the XML declaration names an encoding of one byte a letter, in which names of places are written.
fn claims_latin(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(120)];
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let declared = head.trim_start().starts_with("<?xml");
    declared && ["iso-8859-1", "latin1", "windows-1252"].iter().any(|name| head.contains(name))
}

fn weigh(text: &str) -> Result<(), Hostile> {
    let mut reader = Reader::from_str(text);
    let (mut depth, mut elements) = (0_usize, 0_usize);
    loop {
        let (tag, opens) = match reader.read_event().map_err(|_| Hostile::Malformed)? {
            Event::Start(tag) => (tag, true),
            Event::Empty(tag) => (tag, false),
            Event::End(_) => {
                depth = depth.checked_sub(1).ok_or(Hostile::Malformed)?;
                if depth == 0 {
                    return Ok(());
                }
                continue;
            }
            Event::DocType(_) => return Err(Hostile::DocumentType),
            Event::Eof => return Err(Hostile::Malformed),
            _ => continue,
        };
        elements += 1;
        // Every attribute has its sign; one within a value counts too, which costs nobody anything.
        let attributes = tag.bytes().filter(|byte| *byte == b'=').count();
        if tag.len() > MAX_TAG || attributes > MAX_ATTRIBUTES {
            return Err(Hostile::Tag);
        }
        if elements > MAX_ELEMENTS {
            return Err(Hostile::Elements);
        }
        if opens {
            depth += 1;
        } else if depth == 0 {
            return Ok(());
        }
        if depth > MAX_DEPTH {
            return Err(Hostile::Depth);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn usual_and_odd_answers_pass() {
        let usual = "<?xml version=\"1.0\"?><!-- a --><s:Envelope a:b=\"c\"><s:Body/></s:Envelope>";
        assert_eq!(screen(usual.as_bytes()).unwrap(), usual);
        let marked = format!("\u{FEFF}{usual}");
        assert_eq!(screen(marked.as_bytes()).unwrap(), usual, "the mark is no letter");
        let wide: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(screen(&wide).unwrap(), usual);
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>caf\xE9</a>";
        assert!(screen(latin).unwrap().contains("café"));
        assert_eq!(
            screen(b"<a>\xD5\xFD\xC3\xC5</a>").unwrap(),
            "<a>\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}</a>",
            "a name in GBK"
        );
        assert!(screen(b"<a/>trailing \x00 rubbish <").is_ok(), "cameras pad their answers");
    }

    #[test]
    fn what_would_harm_its_reader_is_refused_by_name() {
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bbb\"><!ENTITY c \"&b;&b;&b;\">]><a>&c;</a>";
        assert_eq!(screen(bomb.as_bytes()), Err(Hostile::DocumentType));
        assert_eq!(screen("<a>".repeat(300_000).as_bytes()), Err(Hostile::Depth));
        let broad = format!("<a>{}</a>", "<b/>".repeat(200_000));
        assert_eq!(screen(broad.as_bytes()), Err(Hostile::Elements));
        let long = format!("<a b=\"{}\"/>", "x".repeat(1_000_000));
        assert_eq!(screen(long.as_bytes()), Err(Hostile::Tag));
        let many: String = (0..1_000).map(|n| format!(" a{n}=\"\"")).collect();
        assert_eq!(screen(format!("<a{many}/>").as_bytes()), Err(Hostile::Tag));
        let foreign = [b"<a>".as_slice(), &[0xE9; 5_000], b"</a>"].concat();
        assert_eq!(screen(&foreign), Err(Hostile::Encoding));
        assert_eq!(screen(b"\xFF\xFE<"), Err(Hostile::Encoding));
        for torn in ["", "<a>", "<a></b>", "</a>", "HTTP/1.1 200 OK", "<a"] {
            assert_eq!(screen(torn.as_bytes()), Err(Hostile::Malformed), "{torn}");
        }
    }

    proptest! {
        #[test]
        fn whatever_passes_is_read_by_the_client_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(text) = screen(&bytes) {
                let _ = oxvif::soap::XmlNode::parse(&text);
            }
        }

        #[test]
        fn any_tags_are_weighed(text in "(<[ab/!?][ a-c=\"&;]{0,6}/?>|x|&a;){0,40}") {
            if let Ok(text) = screen(text.as_bytes()) {
                let _ = oxvif::soap::XmlNode::parse(&text);
            }
        }
    }
}
