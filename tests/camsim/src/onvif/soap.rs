//! Envelopes: SOAP 1.2 as ONVIF cameras speak it.

use super::xml::{Element, escape};
use crate::quirk::Namespaces;

/// A request, taken apart.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) header: Option<Element>,
    /// The operation: its name and what is in it.
    pub(super) operation: Element,
}

impl Request {
    /// `None` when it is no envelope with an operation in it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut envelope = Element::parse(text).filter(|root| root.name == "Envelope")?;
        let at = envelope.children.iter().position(|child| child.name == "Body")?;
        let body = envelope.children.swap_remove(at);
        let header = envelope.children.into_iter().find(|child| child.name == "Header");
        Some(Self { header, operation: body.children.into_iter().next()? })
    }
}

/// What went wrong, in the words of the ONVIF core specification, §5.8.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// `Sender` or `Receiver`.
    pub(super) code: &'static str,
    /// Behind `ter:`.
    pub(super) subcodes: &'static [&'static str],
    pub(super) reason: String,
}

impl Fault {
    pub(super) fn sender(subcodes: &'static [&'static str], reason: impl Into<String>) -> Self {
        Self { code: "Sender", subcodes, reason: reason.into() }
    }

    pub(super) fn not_supported(operation: &str) -> Self {
        let subcodes = &["ActionNotSupported", "NoSuchService"];
        Self { code: "Receiver", subcodes, reason: format!("{operation} is not supported") }
    }

    pub(super) fn no_profile() -> Self {
        Self::sender(&["InvalidArgVal", "NoProfile"], "there is no such profile")
    }

    pub(super) fn no_config() -> Self {
        Self::sender(&["InvalidArgVal", "NoConfig"], "there is no such configuration")
    }

    fn body(&self) -> String {
        let subcode = self.subcodes.iter().rev().fold(String::new(), |inner, code| {
            format!("<s:Subcode><s:Value>ter:{code}</s:Value>{inner}</s:Subcode>")
        });
        format!(
            "<s:Fault><s:Code><s:Value>s:{}</s:Value>{subcode}</s:Code><s:Reason><s:Text xml:lang=\"en\">{}</s:Text>\
             </s:Reason></s:Fault>",
            self.code,
            escape(&self.reason)
        )
    }
}

/// What an operation answers: the inside of the body.
pub(super) type Answer = Result<String, Fault>;

/// The envelope around a body or a fault, with every namespace that an answer may use.
pub(super) fn envelope(answer: &Answer, style: Namespaces) -> String {
    let body = match answer {
        Ok(body) => body.clone(),
        Err(fault) => fault.body(),
    };
    let declared: String =
        NAMESPACES.iter().map(|(prefix, uri)| format!(" xmlns:{prefix}=\"{uri}\"")).collect();
    let plain = format!("<s:Envelope{declared}><s:Header/><s:Body>{body}</s:Body></s:Envelope>");
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    match style {
        Namespaces::Usual => format!("{declaration}{plain}"),
        Namespaces::Renamed => {
            let renamed = NAMESPACES
                .iter()
                .enumerate()
                .fold(plain, |text, (index, (prefix, _))| rename(&text, prefix, &format!("ns{}", index + 1)));
            format!("\u{FEFF}{declaration}<!-- {} -->\n{renamed}", "camera")
        }
        Namespaces::Undeclared => {
            let without = ["wsa", "wsnt"].iter().fold(plain, |text, prefix| {
                let uri = NAMESPACES.iter().find(|(known, _)| known == prefix).map_or("", |(_, uri)| uri);
                text.replace(&format!(" xmlns:{prefix}=\"{uri}\""), "")
            });
            format!("{declaration}{}", rename(&without, "s", "env"))
        }
    }
}

fn rename(text: &str, from: &str, to: &str) -> String {
    text.replace(&format!("<{from}:"), &format!("<{to}:"))
        .replace(&format!("</{from}:"), &format!("</{to}:"))
        .replace(&format!("xmlns:{from}="), &format!("xmlns:{to}="))
        .replace(&format!(">{from}:"), &format!(">{to}:"))
}

const NAMESPACES: [(&str, &str); 13] = [
    ("s", "http://www.w3.org/2003/05/soap-envelope"),
    ("tt", "http://www.onvif.org/ver10/schema"),
    ("tds", "http://www.onvif.org/ver10/device/wsdl"),
    ("trt", "http://www.onvif.org/ver10/media/wsdl"),
    ("tr2", "http://www.onvif.org/ver20/media/wsdl"),
    ("tptz", "http://www.onvif.org/ver20/ptz/wsdl"),
    ("tev", "http://www.onvif.org/ver10/events/wsdl"),
    ("ter", "http://www.onvif.org/ver10/error"),
    ("tns1", "http://www.onvif.org/ver10/topics"),
    ("wsnt", "http://docs.oasis-open.org/wsn/b-2"),
    ("wstop", "http://docs.oasis-open.org/wsn/t-1"),
    ("wsa", "http://www.w3.org/2005/08/addressing"),
    ("wsrf", "http://docs.oasis-open.org/wsrf/r-2"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_found_below_its_envelope() {
        let text = "<x:Envelope xmlns:x=\"u\"><x:Header><y:A/></x:Header><x:Body><GetProfiles><T>1</T></GetProfiles></x:Body></x:Envelope>";
        let request = Request::parse(text).unwrap();
        assert_eq!(request.operation.name, "GetProfiles");
        assert!(request.header.unwrap().child("A").is_some());
        assert!(Request::parse("<Envelope><Body/></Envelope>").is_none());
        assert!(Request::parse("no XML").is_none());
    }

    #[test]
    fn every_style_means_the_same() {
        let fault = Err(Fault::sender(&["NotAuthorized"], "a < b"));
        for answer in [Ok("<tds:GetHostnameResponse/>".to_owned()), fault] {
            let parse = |style| Request::parse(&envelope(&answer, style)).unwrap().operation;
            let usual = parse(Namespaces::Usual);
            assert_eq!(parse(Namespaces::Undeclared).name, usual.name);
            let renamed = parse(Namespaces::Renamed);
            assert_eq!((renamed.name, renamed.children.len()), (usual.name, usual.children.len()));
        }
    }
}
