//! Operations that oxvif does not have, or not whole, by its envelope and its reader.

use std::fmt::Write as _;

use oxvif::{
    OnvifError,
    soap::{SoapEnvelope, WsSecurityToken, XmlNode, find_response, parse_soap_body},
    transport::TransportError,
};

use super::{Client, fault::told, seconds};
use crate::onvif::AskError;

/// One operation of a service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation<'a> {
    /// Where the service is.
    pub(super) url: &'a str,
    /// What is done, such as `http://www.onvif.org/ver20/ptz/wsdl/ContinuousMove`.
    pub(super) action: &'a str,
    /// What stands in the header beside the account, as XML.
    pub(super) header: &'a str,
    /// The operation's name, such as `ContinuousMove`.
    pub(super) name: &'a str,
}

impl Client {
    /// Asks, and gives the element `…Response`.
    pub(super) async fn operate(&self, operation: Operation<'_>, body: String) -> Result<XmlNode, AskError> {
        let text = self.exchange(operation, body).await?;
        response(&text, operation.name)
    }

    /// Asks, and gives the whole envelope.
    pub(super) async fn exchange(&self, operation: Operation<'_>, body: String) -> Result<String, AskError> {
        let Operation { url, action, header, .. } = operation;
        let offset_ms = self.offset(super::CLOCK_AGE).await?.unwrap_or(0);
        let mut envelope = SoapEnvelope::new(body).with_wsa_to(url);
        if let Some(secret) = self.caller.credentials() {
            let (user, password) = (&secret.username, secret.password.expose());
            envelope = envelope.with_security(WsSecurityToken::generate(user, password, seconds(offset_ms)));
        }
        let envelope = envelope.build().replacen("</s:Header>", &format!("{header}</s:Header>"), 1);
        let posted = self.caller.post(url, action, envelope).await;
        posted.map_err(|trouble| told(OnvifError::Transport(TransportError::from(trouble))))
    }
}

/// The element `…Response` of an envelope, or the fault that came instead.
pub(super) fn response(envelope: &str, name: &str) -> Result<XmlNode, AskError> {
    let read = || -> Result<XmlNode, OnvifError> {
        let body = parse_soap_body(envelope)?;
        Ok(find_response(&body, &format!("{name}Response"))?.clone())
    };
    read().map_err(told)
}

/// Text as it stands in XML, in an element or an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            // XML 1.0 has no other control characters, and these would be changed on the way.
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(letter));
            }
            letter if letter.is_control() => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_named_comes_back_and_nothing_breaks_out(text in "\\PC{0,40}") {
            let node = XmlNode::parse(&format!("<a b=\"{0}\">{0}</a>", escape(&text))).unwrap();
            prop_assert_eq!(node.attr("b").unwrap_or_default(), text.as_str());
            prop_assert_eq!(node.text(), text.trim());
            prop_assert!(node.children.is_empty());
        }
    }
}
