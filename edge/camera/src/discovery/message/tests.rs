use super::*;

const MATCH: &str = "<?xml version=\"1.0\"?><SOAP-ENV:Envelope><SOAP-ENV:Body><wsdd:ProbeMatches><wsdd:ProbeMatch>\
    <wsa:EndpointReference><wsa:Address>urn:uuid:AB12</wsa:Address></wsa:EndpointReference>\
    <wsdd:Types>dn:NetworkVideoTransmitter tds:Device</wsdd:Types><wsdd:Scopes>onvif://www.onvif.org/type/ptz \
    onvif://www.onvif.org/name/Hall%201 onvif://www.onvif.org/hardware/DS-2</wsdd:Scopes>\
    <wsdd:XAddrs>http://169.254.1.2/onvif/device_service http://10.0.0.9:8080/onvif/device_service</wsdd:XAddrs>\
    </wsdd:ProbeMatch></wsdd:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>";

fn one(text: &[u8]) -> Presence {
    match read(text) {
        Some(Message::Matches(mut all)) if all.len() == 1 => all.remove(0),
        other => panic!("{other:?}"),
    }
}

fn places(presence: &Presence) -> Vec<String> {
    presence.places("10.0.0.9".parse().unwrap()).iter().map(Url::to_string).collect()
}

#[test]
fn an_answer_is_read_and_the_address_that_spoke_comes_first() {
    let found = one(MATCH.as_bytes());
    assert_eq!((found.endpoint.as_str(), found.name.as_str()), ("urn:uuid:ab12", "Hall 1"));
    assert_eq!(found.hardware, "DS-2");
    assert_eq!(
        places(&found),
        ["http://10.0.0.9:8080/onvif/device_service", "http://169.254.1.2/onvif/device_service"]
    );
}

#[test]
fn what_cameras_break_is_read_all_the_same() {
    let renamed = MATCH.replace("wsdd:", "n5:").replace("wsa:", "");
    let unescaped = MATCH.replace("Hall%201", "A&B");
    let open =
        MATCH.replace("</wsdd:ProbeMatch></wsdd:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>", "");
    let bom = format!("\u{feff}<!-- a > comment -->{MATCH}");
    for text in [renamed, unescaped, open, bom] {
        assert_eq!(one(text.as_bytes()).endpoint, "urn:uuid:ab12", "{text}");
    }
    let mut latin = MATCH.replace("Hall%201", "S?o").into_bytes();
    let at = latin.windows(3).position(|part| part == b"S?o").unwrap();
    latin[at + 1] = 0xe3;
    assert_eq!(one(&latin).name, "S\u{fffd}o");
    let wide: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(MATCH.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(one(&wide).name, "Hall 1");
}

#[test]
fn a_device_that_names_no_address_is_asked_where_it_spoke() {
    let found = one(MATCH.replace("wsdd:XAddrs", "wsdd:Other").as_bytes());
    assert_eq!(places(&found), ["http://10.0.0.9/onvif/device_service"]);
    let v6 = found.places("fe80::1".parse().unwrap());
    assert_eq!(v6[0].as_str(), "http://[fe80::1]/onvif/device_service");
}

#[test]
fn a_device_that_names_its_factory_address_is_asked_where_it_spoke_too() {
    let found = one(MATCH.replace("10.0.0.9:8080", "192.168.1.88:8080").as_bytes());
    let asked = places(&found);
    assert_eq!(asked.last().unwrap(), "http://10.0.0.9/onvif/device_service");
    assert_eq!(asked.len(), 3);
}

#[test]
fn comings_and_goings_are_told_apart() {
    let inside = "<e:Body><d:Hello><a:EndpointReference><a:Address>urn:uuid:1</a:Address></a:EndpointReference>\
        <d:Types>dn:NetworkVideoTransmitter</d:Types></d:Hello></e:Body>";
    assert!(matches!(read(inside.as_bytes()), Some(Message::Hello(hello)) if hello.endpoint == "urn:uuid:1"));
    let bye = inside.replace("Hello", "Bye");
    assert_eq!(read(bye.as_bytes()), Some(Message::Bye("urn:uuid:1".to_owned())));
    assert_eq!(read(probe("x", Kind::Device).as_bytes()), None, "our own probe says nothing");
}

#[test]
fn printers_and_noise_are_passed_over() {
    let printer = MATCH.replace("NetworkVideoTransmitter tds:Device", "Printer").replace("onvif", "printer");
    assert_eq!(read(printer.as_bytes()), None);
    let nobody = MATCH.replace("urn:uuid:AB12", "").replace("http:", "ftp:");
    assert_eq!(read(nobody.as_bytes()), None, "neither a name nor a place");
    for noise in [&b""[..], b"<", b"<>", b"<a", b"\xff\xfe", b"\xff\xfe\x00", b"</ProbeMatch>", &[0; 4_096]] {
        assert_eq!(read(noise), None);
    }
}

#[test]
fn an_answer_is_bounded() {
    let long = MATCH.replace("urn:uuid:AB12", &"u".repeat(5_000));
    assert_eq!(one(long.as_bytes()).endpoint, "", "no name that long is kept");
    let name = MATCH.replace("Hall%201", &"n".repeat(5_000));
    assert_eq!(one(name.as_bytes()).name.len(), MAX_TEXT);
    let block = &MATCH[MATCH.find("<wsdd:ProbeMatch>").unwrap()..MATCH.find("</wsdd:ProbeMatches>").unwrap()];
    let Some(Message::Matches(all)) = read(block.repeat(20).as_bytes()) else { panic!("matches") };
    assert!(all.len() <= MAX_MATCHES && all.len() > 1);
    let addresses =
        MATCH.replace("http://169.254.1.2/onvif/device_service", &"http://10.0.0.1/ ".repeat(100));
    assert!(one(addresses.as_bytes()).xaddrs.len() <= MAX_XADDRS);
    let bomb = MATCH.replacen("<?xml", "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><?xml", 1);
    assert_eq!(one(bomb.replace("Hall%201", "&b;").as_bytes()).name, "&b;", "entities are not expanded");
}

proptest::proptest! {
    #[test]
    fn no_datagram_is_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_part_of_an_answer_is_a_panic(from in 0usize..900, length in 0usize..900, flip in 0usize..900, with: u8) {
        let mut bytes = MATCH.as_bytes().to_vec();
        let at = flip % bytes.len();
        bytes[at] = with;
        let from = from.min(bytes.len());
        let to = (from + length).min(bytes.len());
        let _ = read(&bytes[from..to]);
    }
}
