//! Who is let in, what may be said where, and what a server has to be: refusals in words.

use super::{client, listen, text};
use crate::harness::{Authority, Broker, Peer, Wsio, eventually};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::Arc,
    thread,
};

#[test]
fn credentials_are_sent_and_never_shown() {
    for (userinfo, wanted) in
        [("me:p%40ss", r#""user":"me","pass":"p@ss""#), ("t%2Fken", r#""auth_token":"t/ken""#)]
    {
        let broker = Broker::start();
        broker.wants(wanted);
        let url = format!("nats://{userinfo}@{}/x", broker.address);
        let done = Wsio::run(["pipe", "-v", "-", &url], "hello");
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(done.err.contains("connected to nats://127.0.0.1"), "{}", done.err);
        let mut said = done.err;
        let listening = listen(&url, &["-v"]);
        broker.down();
        listening.wsio.says(" lost");
        broker.up();
        listening.wsio.says("connected again");
        said += &listening.wsio.err_so_far();
        broker.wants("another");
        for args in [&["pipe", "-v", "-", &url][..], &["listen", "0", "-v", "--to", &url]] {
            let done = Wsio::run(args, "hello");
            assert_eq!(done.code, 7, "{}", done.err);
            assert!(done.err.contains("refused us: authorization violation"), "{}", done.err);
            said += &done.err;
        }
        for secret in ["p@ss", "p%40ss", "t/ken", "t%2Fken"] {
            assert!(!said.contains(secret), "{said}");
        }
    }
}

#[test]
fn wildcards_are_for_listening() {
    let broker = Broker::start();
    let url = broker.url("logs.>");
    for args in [&["pipe", "-", &url][..], &["listen", "0", "--to", &url], &["pipe", "ws-listen:0", &url]] {
        let done = Wsio::run(args, "");
        assert_eq!(done.code, 3, "{}", done.err);
        assert!(done.err.contains("--recv-only"), "{}", done.err);
    }
    let listening = listen(&url, &["--recv-only"]);
    let (mut a, mut b) = (client(&listening), client(&listening));
    a.text("is not passed on");
    // What a server is asked by others of our kind is nobody's message.
    let all = listen(&broker.url(">"), &["--recv-only"]);
    let mut c = client(&all);
    broker.publish("_INBOX.wsio.x", "", b"answer");
    broker.publish("$SYS.REQ.USER.INFO", "", b"");
    broker.publish("logs.web.1", "", b"GET /");
    assert_eq!(text(&mut c), "GET /");
    drop(all);
    assert_eq!((text(&mut a), text(&mut b)), ("GET /".into(), "GET /".into()));
    assert_eq!(broker.published(), []);

    let mut wsio = Wsio::start(["pipe", &url, "-"]);
    eventually("it listens", || broker.subscriptions().len() == 2);
    wsio.write(b"where to?");
    let done = wsio.wait();
    assert!(
        done.code == 65 && done.err.contains("nothing can be published to"),
        "{} {}",
        done.code,
        done.err
    );
}

#[test]
fn a_message_too_large_for_the_server_ends_its_speaker_alone() {
    let broker =
        Broker::with(r#"{"server_id":"X","version":"2.10.0","max_payload":1000,"proto":1,"headers":true}"#);
    let done = Wsio::run(
        ["pipe", "--framing", "lines", "-", &broker.url("x")],
        format!("fits\n{}\n", "x".repeat(1001)),
    );
    assert_eq!((done.code, broker.texts()), (65, vec!["fits".to_owned()]), "{}", done.err);
    assert!(done.err.contains("1001 bytes") && done.err.contains(": 1000"), "{}", done.err);

    let listening = listen(&broker.url("x"), &[]);
    let (mut a, mut b) = (client(&listening), client(&listening));
    a.send(true, 2, &[0; 990]);
    let close = a.answer_close().unwrap();
    assert_eq!((close.code(), close.reason()), (Some(1009), "message too big"), "its header counts");
    b.text("still here");
    eventually("it is published", || broker.texts().last().is_some_and(|text| text == "still here"));
}

#[test]
fn what_the_server_does_not_allow_is_told_in_its_words() {
    let broker = Broker::start();
    broker.denies("secret");
    let done = Wsio::run(["pipe", "-", &broker.url("secret")], "hello");
    assert_eq!(done.code, 7, "{}", done.err);
    assert!(done.err.contains("Permissions Violation for"), "{}", done.err);
    // Who only publishes needs no leave to listen, and the other way round.
    let broker = Broker::start();
    broker.denies_listening("in");
    let send = ["pipe", "--framing", "lines", "--send-only", "-", &broker.url("in")];
    let done = Wsio::run(send, "hello\n");
    assert_eq!((done.code, broker.texts()), (0, vec!["hello".to_owned()]), "{}", done.err);
    let done = Wsio::run(["pipe", "-", &broker.url("in")], "");
    assert!(done.code == 7 && done.err.contains("--send-only"), "{} {}", done.code, done.err);

    let broker = Broker::start();
    broker.denies("secret");
    let listening = listen(&broker.url("secret"), &[]);
    listening.wsio.says("says: Permissions Violation for Subscription to");
    let (mut a, mut b) = (client(&listening), client(&listening));
    a.text("among us");
    assert_eq!(text(&mut b), "among us");
    listening.wsio.says("says: Permissions Violation for Publish to");
    listening.wsio.says("1 message dropped");
}

#[test]
fn a_server_that_confirms_nothing_is_believed() {
    let old = Broker::with(r#"{"server_id":"X","version":"2.1.0","max_payload":1048576,"proto":1}"#);
    let strict = Broker::start();
    strict.denies("_INBOX.>");
    for broker in [&old, &strict] {
        let done = Wsio::run(["pipe", "--framing", "lines", "-", &broker.url("x")], "one\ntwo\n");
        assert_eq!((done.code, broker.texts()), (0, vec!["one".into(), "two".into()]), "{}", done.err);
    }
}

#[test]
fn what_is_no_nats_server_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats://me:secret@{}/x", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap();
    });
    let done = Wsio::run(["pipe", "-", &url], "hello");
    server.join().unwrap();
    assert_eq!(done.code, 111, "{}", done.err);
    assert!(done.err.contains("does not speak NATS") && !done.err.contains("secret"), "{}", done.err);
}

#[test]
fn tls_is_spoken_when_the_server_asks_for_it() {
    let authority = Authority::new();
    let pair = authority.signs(&["127.0.0.1"]);
    let chain = CertificateDer::pem_file_iter(&pair.cert).unwrap().map(Result::unwrap).collect();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(&pair.key).unwrap())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let config = Arc::clone(&config);
            thread::spawn(move || secured(stream.unwrap(), config));
        }
    });
    let url = format!("nats://{address}/x");
    let trusting = ["--cacert", authority.file.to_str().unwrap()];
    for (more, code, said) in [
        (&trusting[..], 0, ""),
        (&["-k"], 0, "certificates are not checked"),
        (&[], 60, "not trusted here"),
        (&["--cacert", "/nonexistent"], 77, "/nonexistent"),
        (&["-k", "--sni", "other"], 2, "--sni"),
    ] {
        let args = ["pipe", "--out", "lines", "-n", "1", "--recv-only", "-", &url];
        let done = Wsio::run(args.iter().chain(more), "");
        assert_eq!(done.code, code, "{more:?}: {}", done.err);
        assert!(done.err.contains(said), "{more:?}: {}", done.err);
        assert_eq!(done.text(), if code == 0 { "over TLS\n" } else { "" }, "{more:?}");
    }
    // The URL can ask for it too, and then nothing is said to a server without it.
    let plain = Broker::start();
    let done = Wsio::run(["pipe", "-", &format!("nats+tls://me:secret@{}/x", plain.address)], "hello");
    assert_eq!(done.code, 35, "{}", done.err);
    assert_eq!(plain.connects(), Vec::<String>::new());
}

/// One client of a server that wants TLS; it hears one message for each subscription.
fn secured(mut stream: std::net::TcpStream, config: Arc<ServerConfig>) -> Option<()> {
    stream.write_all(b"INFO {\"max_payload\":1000,\"tls_required\":true}\r\n").ok()?;
    let tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    let (mut reader, mut line) = (BufReader::new(tls), String::new());
    while reader.read_line(&mut line).ok()? > 0 {
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words.first() {
            Some(&"PING") => "PONG\r\n".to_owned(),
            Some(&"SUB") if words[1] == "x" => format!("MSG x {} 8\r\nover TLS\r\n", words[2]),
            _ => String::new(),
        };
        reader.get_mut().write_all(answer.as_bytes()).ok()?;
        line.clear();
    }
    Some(())
}

/// A server that announces a message of so many bytes to who subscribes, and sends three.
fn announces(length: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats://{}/x", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let info = br#"INFO {"server_id":"X","version":"2.10.0","max_payload":1048576,"proto":1,"headers":true}"#;
            stream.write_all(&[info, &b"\r\n"[..]].concat()).unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            for line in lines.map_while(Result::ok) {
                let said = match line.split(' ').collect::<Vec<_>>()[..] {
                    ["PING"] => "PONG\r\n".to_owned(),
                    ["SUB", "x", number] => {
                        format!("MSG x {number} 2\r\nhi\r\nMSG x {number} {length}\r\nabc")
                    }
                    _ => continue,
                };
                if stream.write_all(said.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    url
}

#[test]
fn a_length_that_cannot_be_ends_the_session_and_holds_nobody() {
    for length in ["18446744073709551615", "18446744073709551612"] {
        let done = Wsio::run(["pipe", &announces(length), "-"], "");
        assert_eq!(done.code, 111, "{}", done.err);
        assert!(done.err.contains("sent what cannot be read"), "{}", done.err);
        let listening = listen(&announces(length), &[]);
        for _ in 0..2 {
            let mut late = Peer::dial(listening.address());
            assert_eq!(late.until_close().unwrap().code(), Some(1011));
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_server_announces_is_not_reserved() {
    let wsio = Wsio::start(["pipe", &announces("1000000000"), "-"]);
    eventually("what came before is here", || wsio.out_so_far() == b"hi");
    assert!(wsio.peak_kib() < 32 * 1024, "{} KiB", wsio.peak_kib());
}
