//! The matrix of `-L`: every way from one origin to another, and every permission and restriction on it.
//!
//! Counted is what the second server got: the fields of the request, the certificate and the name that
//! the TLS handshake showed it. A permission arrives within the origin alone; a restriction is kept
//! everywhere, and fails with its code.

use super::bound;
use crate::harness::{Authority, PATIENCE, Pair, Wsio, field, read_head};
use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::SerialNumber;
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
    version::{TLS12, TLS13},
};
use sha1::{Digest, Sha1};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use x509_parser::prelude::{FromDer, X509Certificate};

/// What a server got from whoever came.
#[derive(Debug, Default)]
struct Got {
    head: String,
    certificate: bool,
    name: Option<String>,
}

/// The TLS of a server that takes a client's certificate and does not ask for one.
fn tls(pair: &Pair, authority: &Authority, old: bool) -> Arc<ServerConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&authority.file).unwrap()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let versions = if old { vec![&TLS12] } else { vec![&TLS12, &TLS13] };
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .unwrap()
        .with_client_cert_verifier(clients.allow_unauthenticated().build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_file(&pair.cert).unwrap()],
            PrivateKeyDer::from_pem_file(&pair.key).unwrap(),
        );
    Arc::new(config.unwrap())
}

/// What is answered to a request.
#[derive(Clone)]
enum Reply {
    Moved(String),
    Status(&'static str),
    Open,
}

/// A server, and the end of its waiting.
struct Server {
    thread: JoinHandle<Vec<Got>>,
    over: Arc<AtomicBool>,
}

/// Answers the next requests.
fn server(listener: TcpListener, tls: Option<Arc<ServerConfig>>, replies: Vec<Reply>) -> Server {
    let over = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&over);
    listener.set_nonblocking(true).unwrap();
    let thread = thread::spawn(move || {
        let mut got = Vec::new();
        for reply in replies {
            // Who has come before the end is still there afterwards.
            let stream = loop {
                let last = ended.load(Relaxed);
                match listener.accept() {
                    Ok((stream, _)) => break stream,
                    Err(_) if last => return got,
                    Err(_) => thread::sleep(Duration::from_millis(2)),
                }
            };
            stream.set_nonblocking(false).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            got.extend(match &tls {
                None => plain(stream, &reply),
                Some(tls) => secured(stream, tls, &reply),
            });
        }
        got
    });
    Server { thread, over }
}

impl Server {
    /// What each request brought; nobody comes any more.
    fn got(self) -> Vec<Got> {
        self.over.store(true, Relaxed);
        self.thread.join().unwrap()
    }
}

fn plain(mut stream: TcpStream, reply: &Reply) -> Option<Got> {
    let head = read_head(&mut stream);
    if head.is_empty() {
        return None;
    }
    say(&mut stream, &head, reply);
    Some(Got { head, ..Got::default() })
}

fn secured(stream: TcpStream, tls: &Arc<ServerConfig>, reply: &Reply) -> Option<Got> {
    let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(tls)).unwrap(), stream);
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let certificate = stream.conn.peer_certificates().is_some_and(|chain| !chain.is_empty());
    let name = stream.conn.server_name().map(str::to_owned);
    say(&mut stream, &head, reply);
    Some(Got { head, certificate, name })
}

fn say(stream: &mut (impl Read + Write), head: &str, reply: &Reply) {
    let text = match reply {
        Reply::Moved(location) => {
            format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
        }
        Reply::Status(status) => format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"),
        Reply::Open => {
            let key = field(head, "sec-websocket-key").unwrap();
            let accept =
                BASE64_STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
            // Closed with 1000 at once.
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            )
        }
    };
    stream.write_all(text.as_bytes()).unwrap();
    if let Reply::Open = reply {
        stream.write_all(&[0x88, 2, 0x03, 0xe8]).unwrap();
    }
    let _ = stream.flush();
    let mut rest = [0; 256];
    while let Ok(1..) = stream.read(&mut rest) {}
}

/// A way from one origin to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    name: &'static str,
    secure: [bool; 2],
    hosts: [&'static str; 2],
    /// One server is both.
    same: bool,
}

const WAYS: [Way; 8] = [
    way("same origin", [false, false], ["localhost", "localhost"], true),
    way("same origin over TLS", [true, true], ["localhost", "localhost"], true),
    way("other port", [false, false], ["localhost", "localhost"], false),
    way("other host", [false, false], ["localhost", "other.test"], false),
    way("other port over TLS", [true, true], ["localhost", "localhost"], false),
    way("wss to wss", [true, true], ["localhost", "other.test"], false),
    way("ws to wss", [false, true], ["localhost", "localhost"], false),
    way("wss to ws", [true, false], ["localhost", "localhost"], false),
];

const fn way(name: &'static str, secure: [bool; 2], hosts: [&'static str; 2], same: bool) -> Way {
    Way { name, secure, hosts, same }
}

/// Servers' certificates and what trusts them.
struct Trust {
    authority: Authority,
    pairs: [Pair; 2],
    own: Pair,
}

impl Trust {
    fn new() -> Self {
        let authority = Authority::new();
        let names = ["localhost", "other.test", "sni.test"];
        let numbered = |number: u64| {
            authority.signs_with(&names, |params| params.serial_number = Some(SerialNumber::from(number)))
        };
        let pairs = [numbered(7), numbered(8)];
        let own = authority.signs(&["client.example"]);
        Self { authority, pairs, own }
    }

    /// The pins of the servers.
    fn pin(&self, index: usize) -> String {
        let der = CertificateDer::from_pem_file(&self.pairs[index].cert).unwrap();
        let (_, certificate) = X509Certificate::from_der(&der).unwrap();
        let hash = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
        let hash = hash.tls13().unwrap().common.hash_provider.hash(certificate.public_key().raw);
        format!("sha256//{}", BASE64_STANDARD.encode(hash.as_ref()))
    }
}

/// How it went.
struct Went {
    code: i32,
    err: String,
    /// What the second server got, if anybody got so far.
    second: Option<Got>,
}

/// Goes that way with these options; the second server answers so.
fn go(trust: &Trust, way: Way, login: &str, last: Reply, old: bool, more: &[&str]) -> Went {
    let (listeners, ports): (Vec<_>, Vec<_>) = [bound(), bound()]
        .into_iter()
        .map(|(listener, address)| (listener, address.rsplit(':').next().unwrap().to_owned()))
        .unzip();
    let config = |index: usize| {
        way.secure[index].then(|| tls(&trust.pairs[index], &trust.authority, old && index == 1))
    };
    let scheme = |index: usize| if way.secure[index] { "s" } else { "" };
    let to = if way.same { 0 } else { 1 };
    let location = format!(
        "http{}://{login}{}:{}/second",
        scheme(to),
        way.hosts[if way.same { 0 } else { 1 }],
        ports[to]
    );
    let mut listeners = listeners.into_iter();
    let (first, second) = (listeners.next().unwrap(), listeners.next().unwrap());
    let (one, two) = match way.same {
        true => (vec![Reply::Moved(location), last], Vec::new()),
        false => (vec![Reply::Moved(location)], vec![last]),
    };
    let (one, two) = (server(first, config(0), one), server(second, config(1), two));
    let url = format!("ws{}://{}:{}/first", scheme(0), way.hosts[0], ports[0]);
    let resolve = format!("other.test:{}:127.0.0.1", ports[1]);
    let base = ["connect", "-4", "-L", &url, "--resolve", &resolve];
    let done = Wsio::run(base.iter().chain(more), "");
    let (mut one, mut two) = (one.got(), two.got());
    let second = if way.same && one.len() == 2 { one.pop() } else { two.pop() };
    Went { code: done.code, err: done.err, second }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What a permission gives the second server, if it arrives.
type Arrived = fn(&Got) -> bool;

#[test]
fn permissions_stay_within_their_origin() {
    let trust = Trust::new();
    let jar = trust
        .authority
        .file("jar", "localhost\tFALSE\t/\tFALSE\t0\tnear\tn3ar\nother.test\tFALSE\t/\tFALSE\t0\tfar\tf4r\n");
    let fields = trust.authority.file("fields", "X-Of-File: s3cret\nSec-WebSocket-Protocol: of-file\n");
    let (jar, fields) = (format!("@{}", text(&jar)), format!("@{}", text(&fields)));
    let (cert, key) = (text(&trust.own.cert), text(&trust.own.key));
    let permissions: &[(&str, &[&str], Arrived, &str)] = &[
        ("-u", &["-u", "me:s3cret"], |got| field(&got.head, "authorization").is_some(), "authorization"),
        ("--bearer", &["--bearer", "s3cret"], |got| got.head.contains("s3cret"), "authorization"),
        (
            "Authorization",
            &["-H", "Authorization: Any s3cret"],
            |got| got.head.contains("s3cret"),
            "authorization",
        ),
        ("--cookie", &["--cookie", "a=s3cret"], |got| field(&got.head, "cookie").is_some(), "cookie"),
        ("Cookie", &["-H", "Cookie: a=s3cret"], |got| field(&got.head, "cookie").is_some(), "cookie"),
        ("X-Api-Key", &["-H", "X-Api-Key: s3cret"], |got| got.head.contains("s3cret"), "x-api-key"),
        ("a token", &["-H", "X-My-Token: s3cret"], |got| got.head.contains("s3cret"), "x-my-token"),
        (
            "--secret",
            &["--secret", "X-Room", "-H", "X-Room: s3cret"],
            |got| got.head.contains("s3cret"),
            "x-room",
        ),
        ("a URL", &["-H", "Referer: https://u:s3cret@h/"], |got| got.head.contains("s3cret"), "referer"),
        (
            "a file",
            &["-H", &fields],
            |got| got.head.contains("s3cret") || got.head.contains("of-file"),
            "x-of-file",
        ),
        ("Host", &["-H", "Host: inner.example"], |got| got.head.contains("inner.example"), "host"),
        (
            "--subprotocol",
            &["--subprotocol", "chat", "--subprotocol", "bearer.s3cret"],
            |got| got.head.contains("s3cret"),
            "a subprotocol",
        ),
        ("--cert", &["--cert", cert, "--key", key], |got| got.certificate, "--cert"),
        ("--sni", &["--sni", "sni.test"], |got| got.name.as_deref() == Some("sni.test"), "--sni"),
    ];
    for way in WAYS {
        for (name, options, arrived, told) in permissions {
            let of_tls = matches!(*name, "--cert" | "--sni");
            let ca = ["--cacert", text(&trust.authority.file), "-v"];
            let trusts = if way.secure.contains(&true) { &ca[..] } else { &ca[2..] };
            if of_tls && !way.secure[1] && !way.secure[0] {
                continue;
            }
            let went = go(&trust, way, "", Reply::Open, false, &[*options, trusts].concat());
            let row = format!("{} × {name}: {}", way.name, went.err);
            assert!(!went.err.contains("s3cret"), "{row}");
            if way.secure == [true, false] {
                assert!(went.code == 22 && went.err.contains("would leave TLS"), "{row}");
                assert!(went.second.is_none(), "{row}");
                continue;
            }
            assert_eq!(went.code, 0, "{row}");
            let second = went.second.as_ref().unwrap_or_else(|| panic!("{row}"));
            assert_eq!(arrived(second), way.same, "{row}\n{second:?}");
            let says = went.err.lines().any(|line| line.contains("not sent there: ") && line.contains(told));
            assert_eq!(says, !way.same, "{row}");
            if *name == "--subprotocol" {
                assert!(second.head.contains("chat"), "what is no secret goes on: {row}");
            }
        }
        if way.secure == [true, false] {
            continue;
        }
        // The cookies of a jar go by their own domain; what is no secret goes along.
        let ca = ["--cacert", text(&trust.authority.file)];
        let trusts = if way.secure.contains(&true) { &ca[..] } else { &[] };
        let options = ["--cookie", &jar, "-H", "X-Tenant: 7", "--origin", "https://o.example"];
        let second =
            go(&trust, way, "", Reply::Open, false, &[&options[..], trusts].concat()).second.unwrap();
        let expected = if way.hosts[1] == "localhost" { "near=n3ar" } else { "far=f4r" };
        assert_eq!(field(&second.head, "cookie").as_deref(), Some(expected), "{}", way.name);
        assert_eq!(field(&second.head, "x-tenant").as_deref(), Some("7"), "{}", way.name);
        assert_eq!(field(&second.head, "origin").as_deref(), Some("https://o.example"), "{}", way.name);
        // A login that Location names counts within the origin alone, as in curl.
        let options = [trusts, &["-v"]].concat();
        let went = go(&trust, way, "you:n3w@", Reply::Open, false, &options);
        let login = field(&went.second.unwrap().head, "authorization");
        let sent = format!("Basic {}", BASE64_STANDARD.encode("you:n3w"));
        assert_eq!(login, way.same.then_some(sent), "{}", way.name);
        assert_eq!(went.err.contains("the login in Location"), !way.same, "{}: {}", way.name, went.err);
        assert!(!went.err.contains("n3w"), "{}: {}", way.name, went.err);
    }
}

#[test]
fn an_insecure_connection_is_allowed_to_its_own_origin() {
    let trust = Trust::new();
    for way in WAYS.into_iter().filter(|way| way.secure[1]) {
        let went = go(&trust, way, "", Reply::Open, false, &["-k"]);
        let row = format!("{}: {}", way.name, went.err);
        assert_eq!(went.second.is_some(), way.same, "{row}");
        assert_eq!(went.code, if way.same { 0 } else { 60 }, "{row}");
        assert_eq!(went.err.contains("not sent there, since it was for"), !way.same, "{row}");
    }
}

#[test]
fn restrictions_are_kept_everywhere() {
    let trust = Trust::new();
    let (ca, revoked) = (text(&trust.authority.file).to_owned(), trust.authority.revokes(&[8], 2090));
    let other = Authority::named("Another Authority");
    let (mine, theirs) = (trust.pin(0), trust.pin(1));
    for way in WAYS.into_iter().filter(|way| way.secure[1] && !way.same) {
        let first_is_plain = !way.secure[0];
        let rows: &[(&str, &[&str], bool, i32)] = &[
            ("--pin of the first", &["--cacert", &ca, "--pin", &mine], false, 60),
            ("--pin of both", &["--cacert", &ca, "--pin", &mine, "--pin", &theirs], false, 0),
            ("--pin and -k", &["-k", "--pin", &mine, "--pin", &theirs], false, 60),
            ("--crl", &["--cacert", &ca, "--crl", text(&revoked)], false, 60),
            ("--tls-min", &["--cacert", &ca, "--tls-min", "1.3"], true, 35),
            ("--cacert", &["--cacert", &ca], false, 0),
            ("another --cacert", &["--cacert", text(&other.file)], false, 60),
        ];
        for (name, options, old, code) in rows {
            // What demands TLS is refused for a plain URL before anything is asked.
            let demands = options.iter().any(|option| matches!(*option, "--pin" | "--crl" | "--tls-min"));
            let code = if first_is_plain && demands { 2 } else { *code };
            if code == 2 {
                continue;
            }
            let went = go(&trust, way, "", Reply::Open, *old, options);
            let row = format!("{} × {name}: {}", way.name, went.err);
            assert_eq!((went.code, went.second.is_some()), (code, code == 0), "{row}");
        }
    }
}

#[test]
fn what_was_left_behind_is_said_when_the_other_origin_refuses() {
    let trust = Trust::new();
    let options = ["--bearer", "s3cret", "-H", "X-Api-Key: s3cret"];
    for (status, says) in [("401 Unauthorized", true), ("403 Forbidden", true), ("404 Not Found", false)] {
        for way in [WAYS[0], WAYS[2]] {
            let went = go(&trust, way, "", Reply::Status(status), false, &options);
            let row = format!("{} × {status}: {}", way.name, went.err);
            assert_eq!(went.code, 22, "{row}");
            let told = went.err.contains("not sent there, since it was for ws://localhost:");
            assert_eq!(told, says && !way.same, "{row}");
            assert_eq!(told, went.err.contains(": x-api-key, authorization"), "{row}");
            assert!(went.err.contains("  try: ") && !went.err.contains("s3cret"), "{row}");
        }
    }
}

#[test]
fn detours_act_by_their_own_pattern() {
    // `--connect-to` of the first host says nothing of the second.
    let (listener, first) = bound();
    let (far, second) = bound();
    let heads =
        super::redirecting(listener, vec![format!("http://b.test:{}/x", second.rsplit(':').next().unwrap())]);
    let last = server(far, None, vec![Reply::Open]);
    let port = |address: &str| address.rsplit(':').next().unwrap().to_owned();
    let url = format!("ws://a.test:{}/", port(&first));
    let to = format!("a.test::127.0.0.1:{}", port(&first));
    let resolve = format!("b.test:{}:127.0.0.1", port(&second));
    let done = Wsio::run(["connect", "-L", &url, "--connect-to", &to, "--resolve", &resolve], "");
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(heads.join().unwrap().len(), 1);
    assert_eq!(field(&last.got()[0].head, "host"), Some(format!("b.test:{}", port(&second))));
}
