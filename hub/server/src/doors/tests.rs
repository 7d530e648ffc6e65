use std::sync::Arc;

use axum::routing::get;
use rustls::pki_types::CertificateDer;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;

struct Bench {
    plain: SocketAddr,
    tls: SocketAddr,
    metrics: HttpMetrics,
    certificate: CertificateDer<'static>,
    scope: TaskScope,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn bench(limits: Limits) -> Bench {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = pair.cert.der().clone();
    let key = pair.signing_key.serialize_der();
    let tls = RustlsConfig::from_der(vec![certificate.to_vec()], key).await.unwrap();
    let (scope, metrics) = (TaskScope::new(), HttpMetrics::default());
    let ((at_tls, tls_address), (at_plain, plain), (at_private, _)) = (listen(), listen(), listen());
    let doors = Doors { tls: at_tls, plain: Some(at_plain), private: at_private };
    let app = Router::new().route("/", get(async || "here"));
    let behind = Behind {
        app: app.clone(),
        private: app,
        certificate: tls,
        metrics: metrics.clone(),
        handle: Handle::new(),
    };
    doors.serve(&scope, Clock::system(), limits, behind).unwrap();
    Bench { plain, tls: tls_address, metrics, certificate, scope }
}

fn short(connections: usize) -> Limits {
    Limits { connections, head: Duration::from_millis(100) }
}

async fn asked(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    // A connection that is refused may be reset instead of closed.
    let _ = stream.read_to_string(&mut text).await;
    text
}

async fn reaches(counter: &prometheus_client::metrics::counter::Counter, count: u64) {
    let clock = Clock::system();
    let give_up = clock.now() + Duration::from_secs(10);
    while counter.get() < count {
        assert!(clock.now() < give_up, "the counter stands at {}, not {count}", counter.get());
        clock.sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn callers_who_never_end_their_request_are_closed_and_others_are_served_meanwhile() {
    let bench = bench(short(64)).await;
    let mut held = Vec::new();
    for beginning in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HT", "GET / HTTP/1.1\r\nhost: hub\r\nx-slow: "] {
        for _ in 0..4 {
            let mut stream = TcpStream::connect(bench.plain).await.unwrap();
            stream.write_all(beginning.as_bytes()).await.unwrap();
            held.push(stream);
        }
    }
    let over_tls = TcpStream::connect(bench.tls).await.unwrap();
    held.push(over_tls);
    assert!(asked(bench.plain).await.ends_with("here"));
    reaches(&bench.metrics.opened, 22).await;
    reaches(&bench.metrics.closed, 22).await;
    assert_eq!((bench.metrics.silent.get(), bench.metrics.refused.get()), (12, 0));
    assert_eq!(held.len(), 21, "nobody let go of them");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_at_the_door_until_others_end() {
    let limits = Limits { connections: 3, head: Duration::from_secs(60) };
    let bench = bench(limits).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(TcpStream::connect(bench.plain).await.unwrap());
    }
    reaches(&bench.metrics.opened, 3).await;
    assert_eq!(asked(bench.plain).await, "");
    assert_eq!((bench.metrics.opened.get(), bench.metrics.refused.get()), (3, 1));
    drop(held.pop());
    reaches(&bench.metrics.closed, 1).await;
    assert!(asked(bench.plain).await.ends_with("here"));
}

#[tokio::test]
async fn tls_offers_http_2_first_and_http_1_1() {
    let bench = bench(Limits { connections: 8, head: Duration::from_secs(10) }).await;
    for (offered, chosen) in [(&["h2", "http/1.1"][..], "h2"), (&["http/1.1"][..], "http/1.1")] {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(bench.certificate.clone()).unwrap();
        let mut config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut session =
            rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let mut stream = std::net::TcpStream::connect(bench.tls).unwrap();
        let alpn = tokio::task::spawn_blocking(move || {
            while session.is_handshaking() {
                session.complete_io(&mut stream).unwrap();
            }
            session.alpn_protocol().map(<[u8]>::to_vec)
        });
        assert_eq!(alpn.await.unwrap().as_deref(), Some(chosen.as_bytes()));
    }
}
