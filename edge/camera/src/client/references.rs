//! What names a subscription beside its address: WS-Addressing 1.0, SOAP binding, §3.3. Pure.

use std::fmt::Write as _;

use quick_xml::{
    NsReader,
    events::{BytesStart, Event},
    name::ResolveResult,
};

use super::soap::escape;

/// Cameras of Axis name a subscription by one.
const MAX_PARAMETERS: usize = 8;
const MAX_NAME: usize = 64;
const MAX_TEXT: usize = 256;

/// One parameter while it is read.
#[derive(Debug, Default)]
struct Parameter {
    namespace: Option<String>,
    name: String,
    /// As it stands in XML.
    text: String,
    /// Elements in it, which nobody is known to have.
    nested: bool,
}

/// The reference parameters of an answer, as they are sent back in headers. What cannot be read names nothing.
pub(super) fn references(answer: &str) -> String {
    let mut reader = NsReader::from_str(answer);
    let (mut headers, mut count, mut depth) = (String::new(), 0, None::<usize>);
    let mut open = Parameter::default();
    while let Ok((namespace, event)) = reader.read_resolved_event() {
        match (event, depth) {
            (Event::Eof, _) => break,
            (Event::Start(tag), None) if tag.local_name().as_ref() == "ReferenceParameters" => {
                depth = Some(0);
            }
            (Event::Start(tag), Some(0)) => (open, depth) = (Parameter::new(namespace, &tag), Some(1)),
            (Event::Empty(tag), Some(0)) => Parameter::new(namespace, &tag).write(&mut headers, &mut count),
            (Event::Start(_), Some(level)) => (open.nested, depth) = (true, Some(level + 1)),
            (Event::Text(text), Some(1)) => open.text.push_str(&escape(&text.xml10_content())),
            (Event::GeneralRef(reference), Some(1)) if is_plain(reference.as_ref()) => {
                let _ = write!(open.text, "&{};", reference.as_ref());
            }
            (Event::End(_), Some(0)) => break,
            (Event::End(_), Some(1)) => {
                std::mem::take(&mut open).write(&mut headers, &mut count);
                depth = Some(0);
            }
            (Event::End(_), Some(level)) => depth = Some(level - 1),
            _ => {}
        }
    }
    headers
}

/// Whether a reference has a name that no reader stumbles over.
fn is_plain(reference: &str) -> bool {
    !reference.is_empty() && reference.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '#')
}

impl Parameter {
    fn new(namespace: ResolveResult<'_>, tag: &BytesStart<'_>) -> Self {
        let namespace = match namespace {
            ResolveResult::Bound(namespace) => Some(namespace.as_ref().to_owned()),
            _ => None,
        };
        Self { namespace, name: tag.local_name().as_ref().to_owned(), ..Self::default() }
    }

    fn write(self, headers: &mut String, count: &mut usize) {
        let named = (1..=MAX_NAME).contains(&self.name.len())
            && self.name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter));
        if !named || self.nested || self.text.len() > MAX_TEXT || *count >= MAX_PARAMETERS {
            return;
        }
        *count += 1;
        let Self { name, text, namespace, .. } = self;
        let text = text.trim();
        let _ = match namespace.filter(|namespace| namespace.len() <= MAX_TEXT) {
            Some(namespace) => {
                let namespace = escape(&namespace);
                write!(
                    headers,
                    "<p:{name} xmlns:p=\"{namespace}\" wsa:IsReferenceParameter=\"true\">{text}</p:{name}>"
                )
            }
            None => write!(headers, "<{name} wsa:IsReferenceParameter=\"true\">{text}</{name}>"),
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_subscription_is_named_as_cameras_of_axis_name_it() {
        let answer = "<a:Envelope xmlns:w=\"urn:w\"><w:SubscriptionReference><w:Address>http://10.0.0.9/vapix/services</w:Address>\
            <w:ReferenceParameters><dom0:SubscriptionId xmlns:dom0=\"http://www.axis.com/2009/event\">17&amp;4</dom0:SubscriptionId>\
            <w:Plain/><w:Deep><w:er>x</w:er></w:Deep></w:ReferenceParameters></w:SubscriptionReference><w:Other>y</w:Other></a:Envelope>";
        assert_eq!(
            references(answer),
            "<p:SubscriptionId xmlns:p=\"http://www.axis.com/2009/event\" wsa:IsReferenceParameter=\"true\">17&amp;4\
             </p:SubscriptionId><p:Plain xmlns:p=\"urn:w\" wsa:IsReferenceParameter=\"true\"></p:Plain>"
        );
        assert_eq!(references("<a><Address>b</Address></a>"), "");
    }

    #[test]
    fn parameters_are_few_and_short() {
        let many: String = (0..100).map(|n| format!("<b{n}/>")).collect();
        let headers = references(&format!("<ReferenceParameters>{many}</ReferenceParameters>"));
        assert_eq!(headers.matches("IsReferenceParameter").count(), MAX_PARAMETERS);
        let long = format!("<ReferenceParameters><b>{}</b></ReferenceParameters>", "x".repeat(10_000));
        assert_eq!(references(&long), "");
    }

    proptest! {
        #[test]
        fn nothing_breaks_out_of_a_header(inside in "(<[/]?[ab:]{1,3}[ a=\"&;]{0,5}/?>|x|&lt;|&a;|\"|]]>){0,20}") {
            let headers = references(&format!("<ReferenceParameters>{inside}</ReferenceParameters>"));
            let header = format!("<h xmlns:wsa=\"w\">{headers}</h>");
            prop_assert!(oxvif::soap::XmlNode::parse(&header).is_ok(), "{header}");
        }
    }
}
