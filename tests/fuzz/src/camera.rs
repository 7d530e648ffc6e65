use oxvif::soap::XmlNode;
use sluice_edge_camera::{
    Credentials,
    transport::{Challenge, Signed, screen},
};

/// Bytes as a camera's answer: what is let through is read without harm.
pub(crate) fn onvif_answer(bytes: &[u8]) {
    if let Ok(text) = screen(bytes) {
        assert!(!text.starts_with('\u{FEFF}'), "the mark is no letter");
        if let Ok(root) = XmlNode::parse(&text) {
            assert!(depth(&root) <= 64, "it would be dropped on the stack");
        }
    }
}

/// Bytes as the header that a camera asks for credentials with.
pub(crate) fn http_challenge(bytes: &[u8]) {
    let header = String::from_utf8_lossy(bytes);
    if let Some(challenge) = Challenge::strongest([header.as_ref()]) {
        let signed = Signed { method: "POST", path: "/onvif", count: 1, cnonce: "0a4f113b" };
        let answer = challenge.answer(&credentials(), signed);
        assert!(!answer.contains("secret word"), "a password is never sent as it is but by Basic");
    }
}

pub(crate) fn answers() -> Vec<Vec<u8>> {
    let usual = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\">\
                 <s:Body><trt:GetProfilesResponse><trt:Profiles token=\"a&amp;b\"><tt:Name>&#233;</tt:Name><!-- c -->\
                 <tt:H264/></trt:Profiles></trt:GetProfilesResponse></s:Body></s:Envelope>";
    let wide = format!("\u{FEFF}{usual}").encode_utf16().flat_map(u16::to_be_bytes).collect();
    let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a b='\xE9'>\xE9<![CDATA[x]]></a>".to_vec();
    let bomb = b"<!DOCTYPE a [<!ENTITY b \"bb\">]><a>&b;</a>".to_vec();
    vec![usual.as_bytes().to_vec(), wide, latin, bomb]
}

pub(crate) fn challenges() -> Vec<Vec<u8>> {
    [
        "Digest realm=\"a, b\", nonce=\"n\\\"m\", qop=\"auth,auth-int\", opaque=\"o\", algorithm=SHA-256, stale=TRUE",
        "Digest realm=\"r\", nonce=\"n\", algorithm=MD5-sess, Basic realm=\"c\"",
        "Negotiate, NTLM abc==, Basic",
    ]
    .map(|header| header.as_bytes().to_vec())
    .to_vec()
}

fn credentials() -> Credentials {
    Credentials {
        username: "us\"er".to_owned(),
        password: sluice_telemetry::Secret::new("secret word".to_owned()),
    }
}

fn depth(node: &XmlNode) -> usize {
    1 + node.children.iter().map(depth).max().unwrap_or(0)
}
