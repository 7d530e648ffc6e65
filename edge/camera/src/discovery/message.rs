//! What WS-Discovery (April 2005, as ONVIF core specification §7 uses it) says, read as tolerantly as cameras write it:
//! by local names alone, whatever the prefixes, the encoding, or what is left open.

use std::net::IpAddr;

use url::Url;

/// One datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// The answer to a probe.
    Matches(Vec<Presence>),
    /// Somebody came.
    Hello(Presence),
    /// Somebody goes: its endpoint reference.
    Bye(String),
}

/// A device says that it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Presence {
    /// Its endpoint reference, `urn:uuid:…`; empty if it says none.
    pub(crate) endpoint: String,
    /// Where its device service answers, as it says.
    pub(crate) xaddrs: Vec<Url>,
    /// What it calls itself.
    pub(crate) name: String,
    /// Its model.
    pub(crate) hardware: String,
}

/// Who a probe is for. All types of a probe must be met (WS-Discovery §5.1), so there are two.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Most cameras.
    Transmitter,
    /// Recorders and doorbells that answer to nothing else.
    Device,
}

/// The largest datagram that is read; what real devices send is below 4 KiB.
pub(crate) const MAX_DATAGRAM: usize = 16 * 1024;
/// Of one datagram: a proxy may answer for others.
const MAX_MATCHES: usize = 32;
const MAX_XADDRS: usize = 8;
/// Of those at other addresses than the one that spoke.
const MAX_ELSEWHERE: usize = 2;
const MAX_SCOPES: usize = 64;
const MAX_TEXT: usize = 120;
const MAX_ENDPOINT: usize = 256;
const MAX_URL: usize = 512;

/// What a datagram says; `None` for anything that is not from a camera.
pub(crate) fn read(datagram: &[u8]) -> Option<Message> {
    let text = decoded(datagram.get(..MAX_DATAGRAM.min(datagram.len()))?);
    let matches: Vec<Presence> =
        Elements { rest: &text, name: "ProbeMatch" }.filter_map(presence).take(MAX_MATCHES).collect();
    if !matches.is_empty() {
        return Some(Message::Matches(matches));
    }
    if let Some(hello) = inner(&text, "Hello") {
        return presence(hello).map(Message::Hello);
    }
    let bye = inner(&text, "Bye")?;
    endpoint(bye).map(Message::Bye)
}

/// The form that old firmwares insist on: addressing of 2004, `mustUnderstand`, and where to reply.
pub(crate) fn probe(message: &str, kind: Kind) -> String {
    let (prefix, namespace, name) = match kind {
        Kind::Transmitter => ("dn", "http://www.onvif.org/ver10/network/wsdl", "NetworkVideoTransmitter"),
        Kind::Device => ("tds", "http://www.onvif.org/ver10/device/wsdl", "Device"),
    };
    const ADDRESSING: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
    const DISCOVERY: &str = "http://schemas.xmlsoap.org/ws/2005/04/discovery";
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:a=\"{ADDRESSING}\" xmlns:d=\"{DISCOVERY}\" xmlns:{prefix}=\"{namespace}\"><s:Header>\
         <a:Action s:mustUnderstand=\"1\">{DISCOVERY}/Probe</a:Action><a:MessageID>uuid:{message}</a:MessageID>\
         <a:ReplyTo><a:Address>{ADDRESSING}/role/anonymous</a:Address></a:ReplyTo>\
         <a:To s:mustUnderstand=\"1\">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>\
         <s:Body><d:Probe><d:Types>{prefix}:{name}</d:Types><d:Scopes/></d:Probe></s:Body></s:Envelope>"
    )
}

impl Presence {
    /// Where to ask it, the likeliest first: at the address that spoke, then as it says, then as it says at the address
    /// that spoke, for those that name the address they had in the factory.
    pub(crate) fn places(&self, from: IpAddr) -> Vec<Url> {
        let at =
            |url: &&Url| url.host_str().is_some_and(|host| host.trim_matches(['[', ']']) == from.to_string());
        let mut places: Vec<Url> = self.xaddrs.iter().filter(at).cloned().collect();
        let here = places.len();
        places.extend(self.xaddrs.iter().filter(|url| !at(url)).take(MAX_ELSEWHERE).cloned());
        if here == 0 {
            let corrected = self.xaddrs.first().cloned().and_then(|mut url| {
                url.set_ip_host(from).ok()?;
                Some(url)
            });
            places.extend(corrected.or_else(|| device_service(&from.to_string())));
        }
        places
    }
}

/// Where ONVIF core specification §5.1.1 has the device service of a host.
pub(crate) fn device_service(host: &str) -> Option<Url> {
    let host = if host.parse::<std::net::Ipv6Addr>().is_ok() { format!("[{host}]") } else { host.to_owned() };
    Url::parse(&format!("http://{host}/onvif/device_service")).ok().filter(Url::has_host)
}

fn presence(block: &str) -> Option<Presence> {
    let types = inner(block, "Types").unwrap_or_default();
    let scopes: Vec<&str> =
        inner(block, "Scopes").unwrap_or_default().split_whitespace().take(MAX_SCOPES).collect();
    let local = |kind: &str| kind.rsplit(':').next().unwrap_or(kind).to_ascii_lowercase();
    let camera = |kind: &str| kind == "device" || kind.starts_with("networkvideo");
    let fits = types.split_whitespace().any(|kind| camera(&local(kind)))
        || scopes.iter().any(|scope| scope.contains("onvif.org/"));
    let endpoint = endpoint(block).unwrap_or_default();
    let listed = inner(block, "XAddrs").unwrap_or_default();
    let address = |text: &str| {
        let url = Url::parse(&unescaped(text)).ok().filter(|_| text.len() <= MAX_URL)?;
        let fits = matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty();
        fits.then_some(url)
    };
    let xaddrs: Vec<Url> = listed.split_whitespace().take(MAX_XADDRS).filter_map(address).collect();
    let scope = |key: &str| {
        let found = scopes.iter().find_map(|scope| scope.split_once("onvif.org/")?.1.strip_prefix(key));
        found.map(|value| shown(&percent_decoded(&unescaped(value)))).unwrap_or_default()
    };
    let known = fits && (!endpoint.is_empty() || !xaddrs.is_empty());
    known.then(|| Presence { endpoint, xaddrs, name: scope("name/"), hardware: scope("hardware/") })
}

fn endpoint(block: &str) -> Option<String> {
    let reference = inner(block, "EndpointReference").unwrap_or(block);
    let address = unescaped(inner(reference, "Address")?.trim()).to_ascii_lowercase();
    let legible = address.chars().all(|c| c.is_ascii_graphic());
    (legible && (1..=MAX_ENDPOINT).contains(&address.len())).then_some(address)
}

/// The text inside the first element of this local name; an element that is never closed ends with the text.
fn inner<'a>(text: &'a str, name: &'a str) -> Option<&'a str> {
    Elements { rest: text, name }.next()
}

/// The texts inside the elements of one local name, one after the other.
struct Elements<'a> {
    rest: &'a str,
    name: &'a str,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let at = self.rest.find('<')?;
            let tag = &self.rest[at + 1..];
            let end = tag.find('>')?;
            let (inside, after) = (&tag[..end], &tag[end + 1..]);
            self.rest = after;
            if local_name(inside) != Some(self.name) {
                continue;
            }
            if inside.ends_with('/') {
                return Some("");
            }
            let (content, rest) = split_at_close(after, self.name);
            self.rest = rest;
            return Some(content);
        }
    }
}

/// Of an opening tag.
fn local_name(inside: &str) -> Option<&str> {
    if inside.starts_with(['/', '?', '!']) {
        return None;
    }
    let name = inside.split([' ', '\t', '\r', '\n', '/']).next()?;
    Some(name.rsplit(':').next().unwrap_or(name))
}

fn split_at_close<'a>(text: &'a str, name: &str) -> (&'a str, &'a str) {
    for (at, _) in text.match_indices("</") {
        let Some((tag, rest)) = text[at + 2..].split_once('>') else { break };
        let tag = tag.trim();
        if tag.rsplit(':').next() == Some(name) {
            return (&text[..at], rest);
        }
    }
    (text, "")
}

/// UTF-8 as far as it is, and UTF-16 where a byte order mark says so.
fn decoded(bytes: &[u8]) -> String {
    let wide = |of: fn([u8; 2]) -> u16| {
        let (pairs, _) = bytes[2..].as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| of(*pair)).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The five entities that XML knows without a declaration; others stay as they are, and none is ever expanded twice.
fn unescaped(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain))
}

fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let hex = (byte == b'%').then(|| bytes.as_slice_hex()).flatten();
        match hex {
            Some(value) => {
                decoded.push(value);
                bytes.nth(1);
            }
            None => decoded.push(byte),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// What people are shown: no control characters, and not endless.
fn shown(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

/// Two hex digits ahead, not taken.
trait Ahead {
    fn as_slice_hex(&self) -> Option<u8>;
}

impl Ahead for std::str::Bytes<'_> {
    fn as_slice_hex(&self) -> Option<u8> {
        let mut ahead = self.clone();
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (digit(ahead.next()?)?, digit(ahead.next()?)?);
        u8::try_from(high * 16 + low).ok()
    }
}

#[cfg(test)]
mod tests;
