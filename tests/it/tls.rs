//! TLS on both sides: what is trusted, what is refused and how that is told, keys and certificates.

mod streams;

use crate::{
    connect::echo,
    harness::{Authority, Listening, Pair, Wsio, accept_bounded, eventually, read_head, serve, tls_front},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};
use x509_parser::asn1_rs::{Any, FromDer};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// An echo server with this certificate.
fn server(pair: &Pair) -> Listening {
    Listening::start([
        "listen",
        "wss://127.0.0.1:0",
        "--echo",
        "--cert",
        text(&pair.cert),
        "--key",
        text(&pair.key),
    ])
}

/// One question to a server by one of its names.
fn ask(listening: &Listening, host: &str, more: &[&str]) -> (i32, String, String) {
    let port = listening.address().rsplit(':').next().unwrap();
    let url = format!("wss://{host}:{port}/");
    let done = Wsio::run(["connect", &url, "--send", "hello", "-1"].iter().chain(more), "");
    (done.code, done.text().to_owned(), done.err)
}

#[test]
fn a_trusted_server_is_reached_by_name_and_by_address() {
    let authority = Authority::new();
    let listening = server(&authority.signs(&["localhost", "127.0.0.1"]));
    assert!(listening.url.starts_with("wss://127.0.0.1:"), "{}", listening.url);
    for host in ["localhost", "127.0.0.1"] {
        let (code, out, err) = ask(&listening, host, &["--cacert", text(&authority.file)]);
        assert_eq!((code, out.as_str(), err.as_str()), (0, "hello\n", ""));
    }
}

#[test]
fn what_is_not_trusted_is_60_and_explained() {
    let authority = Authority::new();
    let (other, namesake) = (Authority::named("Another Authority"), Authority::new());
    let trust = ["--cacert", text(&authority.file)];
    let year = rcgen::date_time_ymd;
    let signed = authority.signs(&["shop.example", "www.shop.example"]);
    let old = authority.signs_with(&["localhost"], |params| params.not_after = year(2020, 1, 31));
    let young = authority.signs_with(&["localhost"], |params| params.not_before = year(2090, 1, 31));
    let alone = authority.self_signed(&["localhost"]);
    let foreign = other.signs(&["localhost"]);
    let false_name = namesake.signs(&["localhost"]);
    for (pair, parts) in [
        (&signed, &["localhost", "shop.example, www.shop.example", "--sni"][..]),
        (&old, &["expired on 2020-01-31"]),
        (&young, &["not valid before 2090-01-31"]),
        (&alone, &["self-signed", "--cacert"]),
        (&foreign, &["Another Authority", "not trusted", "--cacert"]),
        (&false_name, &["The Test Authority", "did not sign it", "--cacert"]),
    ] {
        let listening = server(pair);
        let (code, out, err) = ask(&listening, "localhost", &trust);
        assert_eq!((code, out.as_str()), (60, ""), "{err}");
        for part in parts {
            assert!(err.contains(part), "{part}: {err}");
        }
        // --insecure takes them all, and says so.
        let (code, out, err) = ask(&listening, "localhost", &["-k"]);
        assert_eq!((code, out.as_str()), (0, "hello\n"), "{err}");
        assert!(err.contains("--insecure"), "{err}");
    }
    let (code, _, err) =
        ask(&server(&signed), "localhost", &["--cacert", text(&authority.file), "--sni", "shop.example"]);
    assert_eq!(code, 0, "{err}");
}

#[test]
fn plain_and_tls_that_meet_name_the_other_url() {
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = plain.local_addr().unwrap();
    let web = thread::spawn(move || {
        // A plain web server that is spoken to in TLS.
        let mut stream = accept_bounded(&plain);
        let mut head = [0; 16];
        stream.read_exact(&mut head).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let done = Wsio::run(["connect", &format!("wss://{at}/x")], "");
    assert_eq!(done.code, 35, "{}", done.err);
    assert!(done.err.contains(&format!("ws://{at}/x")), "{}", done.err);
    web.join().unwrap();

    let authority = Authority::new();
    let listening = server(&authority.signs(&["127.0.0.1"]));
    let done = Wsio::run(["connect", &format!("ws://{}/x", listening.address())], "");
    assert_eq!(done.code, 22, "{}", done.err);
    assert!(done.err.contains(&format!("wss://{}/x", listening.address())), "{}", done.err);
    listening.wsio.says("refused 400 /x: plain HTTP, and TLS is served here: ");
}

#[test]
fn plain_http_on_a_port_of_tls_is_answered_in_plain_http() {
    let authority = Authority::new();
    let pair = authority.signs(&["127.0.0.1"]);
    let (cert, key) = (text(&pair.cert), text(&pair.key));
    let tls = ["--cert", cert, "--key", key, "--handshake-timeout", "2s"];
    let servers = [
        Listening::start(["listen", "wss://127.0.0.1:0", "--echo"].iter().chain(&tls).copied()),
        Listening::start(["pipe", "wss-listen:127.0.0.1:0", "echo:"].iter().chain(&tls).copied()),
    ];
    for listening in &servers {
        let plainly = |request: &[u8]| {
            let mut stream = std::net::TcpStream::connect(listening.address()).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            stream.write_all(request).unwrap();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            String::from_utf8_lossy(&answer).into_owned()
        };
        for request in [
            "GET /a?b=c HTTP/1.1\r\nHost: h\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}",
            "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        ] {
            let answer = plainly(request.as_bytes());
            let (status, fields) = answer.split_once("\r\n").unwrap_or_else(|| panic!("{request} {answer}"));
            assert!(matches!(status, "HTTP/1.0 400 Bad Request" | "HTTP/1.1 400 Bad Request"), "{answer}");
            assert!(fields.to_ascii_lowercase().contains("content-type: text/plain"), "{answer}");
            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(body.starts_with("The plain HTTP request was sent to HTTPS port"), "{body}");
            assert!(body.contains("wss://") && body.contains("https://"), "{body}");
        }
        listening
            .wsio
            .says("refused 400 /a?b=c: plain HTTP, and TLS is served here: connect to wss:// or https://");
        // What is no request has the words it has elsewhere; one that does not come to its end is left in time.
        assert!(plainly(b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n").starts_with("HTTP/1.1 400"));
        listening.wsio.says("the PROXY protocol is not spoken here");
        assert!(plainly(b"GET / HTTP/1.1\r\nHost").starts_with("HTTP/1.1 408"));
        listening.wsio.says("refused 408: the handshake of TLS did not begin within --handshake-timeout");
        // Neither a request nor TLS gets what TLS says.
        assert!(!plainly(b"\x01\x02\x03\x04\x05\x06").starts_with("HTTP"));
        listening.wsio.says("does not speak TLS");
        let (code, out, err) = ask(listening, "127.0.0.1", &["--cacert", text(&authority.file)]);
        assert_eq!((code, out.as_str()), (0, "hello\n"), "{err}");
    }
}

#[test]
fn a_unix_socket_of_tls_tells_plain_http_and_silence_as_a_port_does() {
    let authority = Authority::new();
    let pair = authority.signs(&["localhost"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let endpoint = format!("wss-listen:unix:{}", path.display());
    let files = ["--cert", text(&pair.cert), "--key", text(&pair.key), "-v"];
    let server = Listening::start(["pipe", &endpoint, "echo:"].iter().chain(&files));
    drop(UnixStream::connect(&path).unwrap());
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    server.wsio.says("refused 400 /x: plain HTTP, and TLS is served here: ");
    server.wsio.signal(rustix::process::Signal::TERM);
    let said = server.wsio.wait().err;
    assert!(!said.contains("tls: "), "one that left without a byte did not fail: {said}");
}

/// A TLS server of the test's own; gives the URL, and per client whether and as what it came.
fn strict(authority: &Authority, wants_certificate: bool) -> (String, mpsc::Receiver<Result<Seen, String>>) {
    let pair = authority.signs(&["localhost"]);
    let chain = vec![CertificateDer::from_pem_file(&pair.cert).unwrap()];
    let key = PrivateKeyDer::from_pem_file(&pair.key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = if wants_certificate {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&authority.file).unwrap()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    let (told, seen) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut tls = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream.unwrap());
            let mut head = [0; 4];
            let read = tls.read_exact(&mut head);
            let seen = Seen {
                name: tls.conn.server_name().map(str::to_owned),
                alpn: tls.conn.alpn_protocol().map(|name| String::from_utf8(name.to_vec()).unwrap()),
                certificates: tls.conn.peer_certificates().map_or(0, |all| all.len()),
            };
            if read.is_ok() {
                let _ = tls
                    .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
            let _ = told.send(read.map(|()| seen).map_err(|error| error.to_string()));
        }
    });
    (url, seen)
}

struct Seen {
    name: Option<String>,
    alpn: Option<String>,
    certificates: usize,
}

#[test]
fn the_name_and_http_1_are_what_a_client_hello_asks_for() {
    let authority = Authority::new();
    let (url, seen) = strict(&authority, false);
    for (more, name) in [
        (&["-k"][..], Some("localhost")),
        (&["-k", "--sni", "other.example"], Some("other.example")),
        (&["-k", "--sni", "none"], None),
    ] {
        let done = Wsio::run(["connect", &url].iter().chain(more), "");
        assert_eq!(done.code, 22, "{}", done.err);
        let seen = seen.recv().unwrap().unwrap();
        assert_eq!((seen.name.as_deref(), seen.alpn.as_deref()), (name, Some("http/1.1")));
    }
}

#[test]
fn a_client_certificate_is_asked_for_and_shown() {
    let authority = Authority::new();
    let (url, seen) = strict(&authority, true);
    let own = authority.signs(&["client.example"]);
    let trust = ["connect", &url, "--cacert", text(&authority.file)];
    let done = Wsio::run(trust, "");
    assert_eq!(done.code, 98, "{}", done.err);
    assert!(done.err.contains("--cert"), "{}", done.err);
    assert!(seen.recv().unwrap().is_err());
    let done = Wsio::run(trust.iter().chain(&["--cert", text(&own.cert), "--key", text(&own.key)]), "");
    assert_eq!(done.code, 22, "past TLS: {}", done.err);
    assert_eq!(seen.recv().unwrap().unwrap().certificates, 1);
}

#[test]
fn files_that_cannot_be_used_are_58_and_77() {
    let authority = Authority::new();
    let (one, two) = (authority.signs(&["one.example"]), authority.signs(&["two.example"]));
    let junk = authority.file("junk.pem", "no certificate\n");
    let locked = authority.file(
        "locked.pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAc\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let missing = Path::new("/nonexistent/x.pem");
    for (cert, key, cause) in [
        (missing, &*one.key, "no such file"),
        (&*junk, &one.key, "no certificate"),
        (&one.cert, missing, "no such file"),
        (&one.cert, &junk, "no private key"),
        (&one.cert, &locked, "encrypted"),
        (&one.cert, &two.key, "one.example-0.pem"),
    ] {
        for command in [&["connect", "wss://127.0.0.1:1/"][..], &["listen", "0"]] {
            let done = Wsio::run(command.iter().chain(&["--cert", text(cert), "--key", text(key)]), "");
            assert_eq!(done.code, 58, "{}", done.err);
            assert!(done.err.contains(cause), "{cause}: {}", done.err);
        }
    }
    for file in [missing, &junk] {
        let done = Wsio::run(["connect", "wss://127.0.0.1:1/", "--cacert", text(file)], "");
        assert_eq!(done.code, 77, "{}", done.err);
        assert!(done.err.contains(text(file)), "{}", done.err);
    }
}

#[test]
fn files_are_judged_where_nothing_is_encrypted_too() {
    let authority = Authority::new();
    let own = authority.signs(&["us"]);
    let junk = authority.file("junk.pem", "nothing\n");
    let (ca, cert, key) = (text(&authority.file), text(&own.cert), text(&own.key));
    // Nobody listens there: it would be exit 7.
    let plain = "ws://127.0.0.1:1/";
    for (option, code) in [("--cacert", 77), ("--crl", 82), ("--cert", 58)] {
        for file in ["/nonexistent/x.pem", text(&junk)] {
            for command in [&["connect", plain][..], &["pipe", plain], &["pipe", "ws-listen:0", plain]] {
                let done = Wsio::run(command.iter().chain(&[option, file]), "");
                assert_eq!(done.code, code, "{command:?} {option}: {}", done.err);
                assert!(done.err.contains(file) && !done.err.contains("listening"), "{}", done.err);
            }
        }
        if option != "--cert" {
            let done = Wsio::run(["listen", "0", "--to", plain, option, text(&junk)], "");
            assert_eq!(done.code, code, "{}", done.err);
            assert!(!done.err.contains("listening"), "{}", done.err);
        }
    }
    let list = authority.revokes(&[], 2090);
    let good = ["--cacert", ca, "--crl", text(&list), "--cert", cert, "--key", key];
    let done = Wsio::run(["connect", plain].iter().chain(&[&good[..2], &good[4..]].concat()), "");
    assert_eq!(done.code, 7, "{}", done.err);
    // A list that has to be looked at is not met by a plain connection.
    let done = Wsio::run(["connect", plain].iter().chain(&good), "");
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(done.err.contains("--crl demands TLS"), "{}", done.err);
    // Nor does a server begin whose clients could never be joined to it.
    for command in [
        &["listen", "0", "--to", plain][..],
        &["pipe", "ws-listen:0", plain],
        &["pipe", "tcp-listen:0", plain],
    ] {
        let done = Wsio::run(command.iter().chain(&good[..4]), "");
        assert_eq!(done.code, 2, "{command:?}: {}", done.err);
        assert!(done.err.contains("--crl demands TLS") && !done.err.contains("listening"), "{}", done.err);
    }
    let done = Wsio::run(["connect", "echo:", "-k", "--cert", cert, "--key", key], "hello\n");
    assert_eq!((done.code, done.text(), done.err.as_str()), (0, "hello\n", ""));
}

/// A PKCS#8 key's inner key, under another name.
fn unwrapped(pkcs8: &Path, label: &str) -> String {
    let key = PrivateKeyDer::from_pem_file(pkcs8).unwrap();
    let (_, sequence) = Any::from_der(key.secret_der()).unwrap();
    let (rest, _version) = Any::from_der(sequence.data).unwrap();
    let (rest, _algorithm) = Any::from_der(rest).unwrap();
    let (_, inner) = Any::from_der(rest).unwrap();
    let body = BASE64_STANDARD.encode(inner.data);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[test]
fn keys_come_in_pkcs8_pkcs1_and_sec1_or_beside_the_certificate() {
    let authority = Authority::new();
    let pair = authority.signs(&["localhost"]);
    let sec1 = authority.file("sec1.key", &unwrapped(&pair.key, "EC PRIVATE KEY"));
    let both = fs::read_to_string(&pair.key).unwrap() + &fs::read_to_string(&pair.cert).unwrap();
    let both = authority.file("both.pem", &both);
    let rsa = authority.signs_rsa(&["localhost"]);
    let pkcs1 = authority.file("pkcs1.key", &unwrapped(&rsa.key, "RSA PRIVATE KEY"));
    for args in [
        &["--cert", text(&pair.cert), "--key", text(&sec1)][..],
        &["--cert", text(&both)],
        &["--cert", text(&rsa.cert), "--key", text(&rsa.key)],
        &["--cert", text(&rsa.cert), "--key", text(&pkcs1)],
    ] {
        let listening = Listening::start(["listen", "0", "--echo"].iter().chain(args));
        let (code, out, err) = ask(&listening, "localhost", &["--cacert", text(&authority.file)]);
        assert_eq!((code, out.as_str()), (0, "hello\n"), "{args:?}: {err}");
    }
}

#[test]
fn a_certificate_may_be_given_with_its_password_as_curl_takes_it() {
    let authority = Authority::new();
    let (own, pair) = (authority.signs(&["us"]), authority.signs(&["localhost"]));
    let locked = authority.encrypts(&own, "@p:w");
    let both = fs::read_to_string(&own.cert).unwrap() + &fs::read_to_string(&locked).unwrap();
    let file = authority.file("both.pem", &both);
    let ca = text(&authority.file);
    let listening = Listening::start([
        "listen",
        "0",
        "--echo",
        "--cert",
        text(&pair.cert),
        "--key",
        text(&pair.key),
        "--client-ca",
        ca,
    ]);
    let with_password = format!("{}:@p:w", text(&file));
    let (code, out, err) = ask(&listening, "localhost", &["--cacert", ca, "--cert", &with_password]);
    assert_eq!((code, out.as_str()), (0, "hello\n"), "{err}");
    let wrong = format!("{}:s3cret", text(&file));
    let (code, _, err) = ask(&listening, "localhost", &["--cacert", ca, "--cert", &wrong]);
    assert!(code == 58 && err.contains("passphrase does not fit") && !err.contains("s3cret"), "{err}");
    let missing = ["connect", "wss://localhost:1/", "--cert", "/nonexistent/x.pem:s3cret"];
    let done = Wsio::run(missing, "");
    assert!(done.code == 58 && !done.err.contains("s3cret"), "{}", done.err);
    // A file of that very name goes before, for servers too.
    let named = authority.file("with:colon.pem", &fs::read_to_string(&pair.cert).unwrap());
    let listening =
        Listening::start(["listen", "0", "--echo", "--cert", text(&named), "--key", text(&pair.key)]);
    let (code, _, err) = ask(&listening, "localhost", &["--cacert", ca]);
    assert_eq!(code, 0, "{err}");
}

#[test]
fn a_refusal_for_want_of_a_certificate_is_98() {
    let authority = Authority::new();
    let pair = authority.signs(&["localhost"]);
    for (status, body, code, hint) in [
        (400, "<center>No required SSL certificate was sent</center>", 98, "--cert FILE and --key FILE"),
        (401, "{\"message\":\"No required TLS certificate was sent\"}", 98, "--cert FILE"),
        (403, "403.7 - Forbidden: Client certificate required", 98, "--cert FILE"),
        (400, "<center>The SSL certificate error</center>", 22, "does not take the certificate of --cert"),
        (403, "your certificate plan has ended", 22, "credentials"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let behind = listener.local_addr().unwrap().to_string();
        let server = thread::spawn(move || {
            let mut stream = accept_bounded(&listener);
            read_head(&mut stream);
            write!(stream, "HTTP/1.1 {status} No\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        });
        let url = format!("wss://localhost:{}/", tls_front(&pair, behind).port());
        let done = Wsio::run(["connect", &url, "--cacert", text(&authority.file)], "");
        server.join().unwrap();
        assert_eq!(done.code, code, "{body}: {}", done.err);
        assert!(done.err.contains(body) && done.err.contains(hint), "{}", done.err);
    }
}

#[test]
fn alerts_name_what_the_server_and_we_do_not_share() {
    for (alert, cause, hint) in [
        (40, "no cipher suite, key exchange or kind of signature is common to both", "TLS 1.2 with ECDHE"),
        (71, "no cipher suite, key exchange or kind of signature is common to both", "TLS 1.2 with ECDHE"),
        (120, "speaks no HTTP/1.1 on this port, perhaps HTTP/2 alone (ALPN)", "offer http/1.1"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let mut stream = accept_bounded(&listener);
            // A ClientHello is one record here.
            let mut header = [0; 5];
            stream.read_exact(&mut header).unwrap();
            let mut hello = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
            stream.read_exact(&mut hello).unwrap();
            stream.write_all(&[0x15, 3, 3, 0, 2, 2, alert]).unwrap();
        });
        let done = Wsio::run(["connect", "-k", &format!("wss://localhost:{port}/")], "");
        server.join().unwrap();
        assert_eq!(done.code, 35, "{}", done.err);
        assert!(done.err.contains(cause) && done.err.contains(hint), "{alert}: {}", done.err);
        assert!(!done.err.contains("client certificate"), "{}", done.err);
    }
}

#[test]
fn what_was_not_checked_is_told_with_v() {
    let listening = Listening::start(["listen", "0", "--echo", "--self-signed"]);
    let (code, _, err) = ask(&listening, "localhost", &["-k", "-v"]);
    assert_eq!(code, 0, "{err}");
    assert!(
        err.contains("certificate 0: localhost, 127.0.0.1, ::1; issued by CN=wsio --self-signed;"),
        "{err}"
    );
    let told = "* without -k it would have failed: the certificate of localhost (and 2 more) is self-signed";
    assert!(err.contains(told), "{err}");
    let (_, _, err) = ask(&listening, "localhost", &["-k"]);
    assert!(!err.contains("would have failed"), "{err}");
    // One that is good is not told of.
    let authority = Authority::new();
    let listening = server(&authority.signs(&["localhost"]));
    let url = format!("wss://localhost:{}/", listening.address().rsplit(':').next().unwrap());
    let args = ["connect", &url, "-k", "-v", "--send", "hello", "-1"];
    let done = Wsio::run_with(&[("SSL_CERT_FILE", text(&authority.file))], args);
    assert!(done.code == 0 && !done.err.contains("would have failed"), "{}", done.err);
}

#[test]
fn a_self_signed_server_shows_its_fingerprint() {
    let listening = Listening::start(["listen", "0", "--echo", "--self-signed"]);
    assert!(listening.url.starts_with("wss://"), "{}", listening.url);
    let said = listening.wsio.err_so_far();
    let shown =
        said.lines().find_map(|line| line.rsplit(' ').next().filter(|word| word.matches(':').count() == 31));
    assert!(shown.is_some(), "SHA-256 with colons: {said}");
    let (code, out, err) = ask(&listening, "127.0.0.1", &["-k"]);
    assert_eq!((code, out.as_str()), (0, "hello\n"), "{err}");
    let (code, _, err) = ask(&listening, "127.0.0.1", &[]);
    assert_eq!(code, 60, "{err}");
}

#[test]
fn the_end_of_tls_is_told_apart_from_its_loss() {
    // pipe between two: everything arrives and both ends see a clean end.
    let authority = Authority::new();
    let pair = authority.signs(&["localhost"]);
    let mut listening = Listening::start([
        "pipe",
        "wss-listen:0",
        "-",
        "--once",
        "--cert",
        text(&pair.cert),
        "--key",
        text(&pair.key),
    ]);
    let url = format!("wss://localhost:{}/", listening.address().rsplit(':').next().unwrap());
    let payload: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    listening.wsio.close_stdin();
    let done =
        Wsio::run(["pipe", "-", &url, "--linger", "0", "--cacert", text(&authority.file)], payload.clone());
    assert_eq!(done.code, 0, "{}", done.err);
    let received = listening.wsio.wait();
    assert_eq!(received.code, 0, "{}", received.err);
    assert!(received.out == payload, "{} bytes", received.out.len());
}

#[test]
fn a_tls_side_of_a_pipe_is_a_plain_byte_stream() {
    let authority = Authority::new();
    let pair = authority.signs(&["localhost"]);
    let (plain, _peer) = serve(echo);
    let bridge = Listening::start([
        "pipe",
        "wss-listen:0",
        &plain,
        "--cert",
        text(&pair.cert),
        "--key",
        text(&pair.key),
    ]);
    let (code, out, err) = ask(&bridge, "localhost", &["--cacert", text(&authority.file)]);
    assert_eq!((code, out.as_str()), (0, "hello\n"), "{err}");
}

#[test]
fn a_stream_cut_off_beneath_tls_is_56() {
    let authority = Authority::new();
    let pair = authority.signs(&["localhost"]);
    let listening = server(&pair);
    let behind = listening.address().to_owned();
    let (cut, wait) = mpsc::channel::<()>();
    let middle = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://localhost:{}/", middle.local_addr().unwrap().port());
    let relay = thread::spawn(move || {
        let client = accept_bounded(&middle);
        let server = TcpStream::connect(behind).unwrap();
        for (mut from, mut to) in [(&client, &server), (&server, &client)]
            .map(|(from, to)| (from.try_clone().unwrap(), to.try_clone().unwrap()))
        {
            thread::spawn(move || std::io::copy(&mut from, &mut to));
        }
        wait.recv().unwrap();
        client.shutdown(Shutdown::Both).unwrap();
        server.shutdown(Shutdown::Both).unwrap();
    });
    let mut wsio = Wsio::start(["connect", &url, "--cacert", text(&authority.file)]);
    wsio.write(b"hello\n");
    eventually("the echo", || wsio.out_so_far() == b"hello\n");
    cut.send(()).unwrap();
    let done = wsio.wait();
    assert_eq!(done.code, 56, "{}", done.err);
    relay.join().unwrap();
}

#[test]
fn roots_are_read_with_a_mark_before_them_and_under_openssls_labels() {
    let authority = Authority::new();
    let listening = server(&authority.signs(&["localhost"]));
    let pem = fs::read_to_string(&authority.file).unwrap();
    let other = fs::read_to_string(&Authority::new().file).unwrap();
    let marked = format!("\u{feff}{}", pem.replace('\n', "\r\n"));
    for (name, content) in [
        ("marked.pem", marked.clone()),
        ("amid.pem", format!("{other}{marked}")),
        ("trusted.pem", pem.replace("CERTIFICATE-", "TRUSTED CERTIFICATE-")),
        ("x509.pem", pem.replace("CERTIFICATE-", "X509 CERTIFICATE-")),
    ] {
        let file = authority.file(name, &content);
        let (code, out, err) = ask(&listening, "localhost", &["--cacert", text(&file)]);
        assert_eq!((code, out.as_str()), (0, "hello\n"), "{name}: {err}");
    }
}

#[test]
fn what_a_self_signed_server_prints_can_be_pasted() {
    for (address, host) in [("wss://127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "localhost")] {
        let listening = Listening::start(["listen", address, "--self-signed", "--echo"]);
        let said = listening.wsio.says("wsio connect ");
        let line =
            said.lines().find_map(|line| line.split_once("wsio connect ")).map_or(&*said, |(_, line)| line);
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(words.last().unwrap().starts_with(&format!("wss://{host}:")), "{line}");
        let done = Wsio::run([&["connect"], &words[..], &["--send", "hello", "-1"]].concat(), "");
        assert_eq!((done.code, done.text()), (0, "hello\n"), "{}", done.err);
        // The pin is of this key.
        let other = words[2].replace(|c: char| c.is_ascii_lowercase(), "A");
        let done = Wsio::run(["connect", "-k", "--pin", &other, words[3]], "");
        assert_ne!(done.code, 0, "{}", done.err);
    }
}
