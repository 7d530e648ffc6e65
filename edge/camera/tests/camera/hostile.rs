//! Servers that mean harm, or are only very bad: nothing hangs, nothing grows, every failure has a name.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sluice_camsim::Camera;
use sluice_edge_camera::{AskError, Connector, Trouble, transport::Hostile};
use url::Url;

use crate::support::{account, connector, connector_on, xaddr};

/// Answers every connection by `serve`, until the process ends.
struct Server {
    addr: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    fn new(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self::on("127.0.0.1", serve)
    }

    fn on(ip: &str, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counted, serve) = (Arc::clone(&connections), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, SeqCst);
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream));
            }
        });
        Self { addr, connections }
    }

    /// A whole response to whatever is asked.
    fn saying(head: &str, body: impl AsRef<[u8]>) -> Self {
        let length = body.as_ref().len();
        let head = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        let answer = [head.as_bytes(), body.as_ref()].concat();
        Self::new(move |mut stream| {
            request(&mut stream);
            let _ = stream.write_all(&answer);
        })
    }

    fn xaddr(&self) -> Url {
        format!("http://{}/onvif/device_service", self.addr).parse().unwrap()
    }

    async fn asked(&self, connector: &Connector) -> AskError {
        connector.open(&self.xaddr(), account("camera")).device().await.unwrap_err()
    }
}

/// Reads a request to its end.
fn request(stream: &mut impl std::io::Read) -> String {
    let (mut request, mut chunk) = (Vec::new(), [0; 4_096]);
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return text,
            Ok(length) => request.extend_from_slice(&chunk[..length]),
        }
    }
}

const TIME: &str = "<Envelope><Body><GetSystemDateAndTimeResponse><SystemDateAndTime/></GetSystemDateAndTimeResponse>\
                    </Body></Envelope>";

#[tokio::test(flavor = "multi_thread")]
async fn harmful_answers_are_not_read_and_called_by_their_name() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bb\"><!ENTITY c \"&b;&b;\">]><Envelope><Body>&c;</Body></Envelope>";
    for (body, wanted) in [
        (bomb.to_owned(), Hostile::DocumentType),
        (nested(100_000), Hostile::Depth),
        (format!("<a>{}</a>", "<b/>".repeat(200_000)), Hostile::Elements),
        (format!("<a b=\"{}\"/>", "x".repeat(1_000_000)), Hostile::Tag),
        ("this is no XML".to_owned(), Hostile::Malformed),
    ] {
        let server = Server::saying("200 OK", body);
        let asked = server.asked(&connector()).await;
        assert_eq!(asked, AskError::Transport(Trouble::Hostile(wanted)));
    }
    let server =
        Server::saying("200 OK", [b"<Envelope>".as_slice(), &[0xE9; 5_000], b"</Envelope>"].concat());
    let asked = server.asked(&connector()).await;
    assert_eq!(asked, AskError::Transport(Trouble::Hostile(Hostile::Encoding)));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_without_end_are_cut_off() {
    let announced = Server::new(|mut stream| {
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n<a>");
    });
    assert_eq!(announced.asked(&connector()).await, AskError::Transport(Trouble::TooLong));
    let chunked = Server::new(|mut stream| {
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x1_0000));
        while stream.write_all(chunk.as_bytes()).is_ok() {}
    });
    assert_eq!(chunked.asked(&connector()).await, AskError::Transport(Trouble::TooLong));
    let headers = Server::new(|mut stream| {
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"x-more: and more\r\n").is_ok() {}
    });
    assert_eq!(headers.asked(&connector()).await, AskError::Transport(Trouble::Unreachable));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drips_or_keeps_silent_is_left_in_time() {
    let connector = connector().with_deadline(Duration::from_millis(300));
    let silent = Server::new(|mut stream| {
        request(&mut stream);
        let _ = stream.read(&mut [0]);
    });
    assert_eq!(silent.asked(&connector).await, AskError::Transport(Trouble::Timeout));
    let dripping = Server::new(|mut stream| {
        request(&mut stream);
        let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(b" ").is_ok() {
            // Nothing more comes; this is how it waits.
            let _ = stream.read(&mut [0]);
        }
    });
    assert_eq!(dripping.asked(&connector).await, AskError::Transport(Trouble::Timeout));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_outside_the_sites_networks_is_asked() {
    let server = Server::saying("200 OK", TIME);
    let elsewhere = connector_on(&["10.0.0.0/8"]);
    assert_eq!(server.asked(&elsewhere).await, AskError::Transport(Trouble::Forbidden));
    let named: Url = format!("http://localhost:{}/onvif", server.addr.port()).parse().unwrap();
    let asked = elsewhere.open(&named, None).device().await;
    assert_eq!(asked.unwrap_err(), AskError::Transport(Trouble::Forbidden), "by name");
    assert_eq!(server.connections.load(SeqCst), 0);
    for odd in ["file:///etc/passwd", "http://user:secret@127.0.0.1/"] {
        let asked = connector().open(&odd.parse().unwrap(), None).device().await;
        assert_eq!(asked.unwrap_err(), AskError::Transport(Trouble::Address), "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirection_is_followed_within_the_camera_only() {
    let victim = Server::on("127.0.0.2", |mut stream| {
        request(&mut stream);
    });
    let away = format!("307 Temporary Redirect\r\nlocation: http://{}/", victim.addr);
    let server = Server::saying(&away, "");
    assert_eq!(server.asked(&connector()).await, AskError::Transport(Trouble::Status(307)));
    assert_eq!(victim.connections.load(SeqCst), 0);
    let target = Server::saying("200 OK", "<!DOCTYPE a><a/>");
    let within = format!("307 Temporary Redirect\r\nlocation: http://{}/", target.addr);
    let asked = Server::saying(&within, "").asked(&connector()).await;
    assert_eq!(asked, AskError::Transport(Trouble::Hostile(Hostile::DocumentType)), "it came to the target");
    let circle = Server::saying("307 Temporary Redirect\r\nlocation: /onvif", "");
    assert_eq!(circle.asked(&connector()).await, AskError::Transport(Trouble::Status(307)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_comes_again_and_again_is_answered_once() {
    let server = Server::saying(
        "401 Unauthorized\r\nwww-authenticate: Digest realm=\"r\", nonce=\"n\", stale=true, qop=\"auth\"",
        "",
    );
    let connector = connector();
    for _ in 0..6 {
        assert!(server.asked(&connector).await.is_refusal());
    }
    // Twice the clock before and after without an account, the question, and once more with the answer.
    let connections = server.connections.load(SeqCst);
    assert!(connections <= 8, "{connections}");
    let after = server.connections.load(SeqCst);
    assert!(server.asked(&connector).await.is_refusal());
    assert_eq!(server.connections.load(SeqCst), after, "and then nobody asks any more");
}

/// HTTPS with a certificate made for the occasion: whole answers to whole requests.
fn encrypted(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Server {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(vec!["camera".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![made.cert.der().clone()], key.into()).unwrap());
    Server::new(move |stream| {
        let Ok(connection) = ServerConnection::new(Arc::clone(&config)) else { return };
        let mut stream = StreamOwned::new(connection, stream);
        let asked = request(&mut stream);
        let _ = stream.write_all(&answer(&asked));
        let _ = stream.flush();
    })
}

/// Where a virtual camera answers behind HTTPS; each time with another certificate.
pub(crate) fn encrypted_camera(camera: &Camera) -> Url {
    let plain = xaddr(camera);
    let addr = plain.socket_addrs(|| None).unwrap()[0];
    let server = encrypted(move |asked| {
        let mut camera = TcpStream::connect(addr).unwrap();
        let asked = asked.replacen("\r\n\r\n", "\r\nconnection: close\r\n\r\n", 1);
        let mut answer = Vec::new();
        let _ = camera.write_all(asked.as_bytes()).and_then(|()| camera.read_to_end(&mut answer).map(drop));
        answer
    });
    format!("https://{}{}", server.addr, plain.path()).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_certificate_of_a_camera_is_believed_and_no_other_until_somebody_says_so() {
    let time = |_: &str| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", TIME.len());
        [head.as_bytes(), TIME.as_bytes()].concat()
    };
    let (first, second) = (encrypted(time), encrypted(time));
    let connector = connector();
    let open = |server: &Server| {
        let xaddr: Url = format!("https://{}/onvif/device_service", server.addr).parse().unwrap();
        connector.open(&xaddr, None)
    };
    assert_eq!(open(&first).clock_offset().await, Ok(None), "signed by nobody we know");
    assert_eq!(open(&first).clock_offset().await, Ok(None));
    let refused = open(&second).clock_offset().await;
    assert_eq!(refused, Err(AskError::Transport(Trouble::OtherCertificate)));
    connector.trust_anew(&first.xaddr());
    assert_eq!(open(&second).clock_offset().await, Ok(None));
    assert_eq!(open(&first).clock_offset().await, Err(AskError::Transport(Trouble::OtherCertificate)));
}
