//! Requests as trees without prefixes: a camera finds an operation by its name and the path it was sent to.

use quick_xml::{Reader, events::Event};

/// Deeper than any request of ONVIF.
const MAX_DEPTH: usize = 32;
/// More elements than any request of ONVIF.
const MAX_ELEMENTS: usize = 2_000;

/// One element. Prefixes and namespaces are gone; text is trimmed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// `None` when it is no XML, too deep or too much. Entities beyond the five of XML stay what they are.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text.trim_start_matches('\u{FEFF}'));
        let mut open: Vec<Self> = Vec::new();
        let mut elements = 0;
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    elements += 1;
                    if open.len() >= MAX_DEPTH || elements > MAX_ELEMENTS {
                        return None;
                    }
                    open.push(Self::begin(&start));
                }
                Event::Empty(start) => {
                    elements += 1;
                    let element = Self::begin(&start);
                    match open.last_mut() {
                        Some(parent) if elements <= MAX_ELEMENTS => parent.children.push(element),
                        Some(_) => return None,
                        None => return Some(element),
                    }
                }
                Event::End(_) => {
                    let mut element = open.pop()?;
                    element.text = element.text.trim().to_owned();
                    match open.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None => return Some(element),
                    }
                }
                // Line breaks around the root belong to nobody.
                Event::Text(text) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&text.xml10_content());
                    }
                }
                Event::CData(text) => open.last_mut()?.text.push_str(text.as_ref()),
                Event::GeneralRef(name) => open.last_mut()?.text.extend(letter(&name)),
                Event::Eof => return None,
                _ => {}
            }
        }
    }

    fn begin(start: &quick_xml::events::BytesStart<'_>) -> Self {
        let attributes = start.attributes().flatten().map(|attribute| {
            let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
            (
                attribute.key.local_name().as_ref().to_owned(),
                value.map(|value| value.into_owned()).unwrap_or_default(),
            )
        });
        Self {
            name: start.local_name().as_ref().to_owned(),
            attributes: attributes.collect(),
            ..Self::default()
        }
    }

    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The first element of this name in it, at any depth.
    pub(super) fn find(&self, name: &str) -> Option<&Self> {
        self.children.iter().find_map(|child| if child.name == name { Some(child) } else { child.find(name) })
    }

    /// The text of [`find`](Self::find).
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.find(name).map(|found| found.text.as_str())
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }
}

/// What stands for a reference; nothing, if it is none of XML's own.
fn letter(name: &quick_xml::events::BytesRef<'_>) -> Option<char> {
    match (name.resolve_char_ref(), name.as_ref()) {
        (Ok(Some(letter)), _) => Some(letter),
        (_, "amp") => Some('&'),
        (_, "lt") => Some('<'),
        (_, "gt") => Some('>'),
        (_, "quot") => Some('"'),
        (_, "apos") => Some('\''),
        _ => None,
    }
}

/// Text as it may stand in an answer.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prefixes_do_not_matter_and_text_is_whole() {
        let text = "<?xml version=\"1.0\"?><!-- x --><e:A xmlns:e=\"urn:1\"><B e:token=\"a&amp;b\"> Tom &amp; &#74;erry </B><e:C/></e:A>";
        let root = Element::parse(text).unwrap();
        assert_eq!(root.name, "A");
        assert_eq!(root.text_of("B"), Some("Tom & Jerry"));
        assert_eq!(root.child("B").unwrap().attribute("token"), Some("a&b"));
        assert!(root.child("C").is_some() && root.child("D").is_none());
    }

    #[test]
    fn bombs_and_towers_are_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\">]><a>&b;</a>";
        assert_eq!(Element::parse(bomb).map(|root| root.text), Some(String::new()), "nothing expands");
        assert_eq!(Element::parse(&"<a>".repeat(100)), None);
        assert_eq!(Element::parse(&format!("<a>{}</a>", "<b/>".repeat(5_000))), None);
    }

    proptest! {
        #[test]
        fn hostile_text_does_not_panic(text in "[<>&;/a-c\"'= !\\[\\]-]{0,200}") {
            let _ = Element::parse(&text);
        }
    }
}
