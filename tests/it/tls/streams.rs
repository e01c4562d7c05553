//! `tls-listen:`, a server of byte streams over TLS: who is let in, what is told of the others, and how a
//! stream ends.

use super::text;
use crate::harness::{Authority, Listening, PATIENCE, Pair, Wsio, eventually, tls_dial, tls_over};
use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    thread,
};

/// A bridge to that endpoint behind this certificate.
fn bridge(pair: &Pair, b: &str, more: &[&str]) -> Listening {
    let files = ["--cert", text(&pair.cert), "--key", text(&pair.key)];
    Listening::start(["pipe", "tls-listen:127.0.0.1:0", b].iter().chain(&files).chain(more))
}

/// One question to a bridge through a `tls:` of ours.
fn ask(bridge: &Listening, more: &[&str]) -> (i32, String, String) {
    let port = bridge.address().rsplit(':').next().unwrap();
    let tls = format!("tls:localhost:{port}");
    let done = Wsio::run(["pipe", "-", &tls, "-4"].iter().chain(more), "hello");
    (done.code, done.text().to_owned(), done.err)
}

fn plain(bridge: &Listening) -> TcpStream {
    let stream = TcpStream::connect(bridge.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads until the server leaves; gives what it said before.
fn is_left(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "it does not leave");
    }
    answer
}

#[test]
fn bytes_go_both_ways_and_the_url_that_is_told_is_one_to_connect_to() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    let server = bridge(&authority.signs(&["localhost"]), "echo:", &["--announce", text(&file)]);
    assert!(server.url.starts_with("tls://127.0.0.1:") && !server.url.ends_with(":0"), "{}", server.url);
    assert_eq!(std::fs::read_to_string(file).unwrap(), format!("{}\n", server.url));
    let (code, out, err) = ask(&server, &["--cacert", text(&authority.file)]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "hello", ""));
    let done = Wsio::run(["pipe", "-", &server.url, "-k"], "hello");
    assert_eq!((done.code, done.text()), (0, "hello"), "{}", done.err);
    server.wsio.says("#1 127.0.0.1:");
    server.wsio.says("close end of input; in 1 messages 5 bytes, out 1 messages 5 bytes");
}

#[test]
fn each_side_ends_by_itself_with_a_close_notify() {
    let authority = Authority::new();
    let server = bridge(&authority.signs(&["localhost"]), "sh:cat; echo the end", &["--once"]);
    let mut client = tls_dial(server.address());
    client.write_all(b"all of it, ").unwrap();
    client.conn.send_close_notify();
    client.flush().unwrap();
    let mut came = String::new();
    // Without a close_notify this would fail.
    client.read_to_string(&mut came).unwrap();
    assert_eq!(came, "all of it, the end\n");
    assert_eq!(server.wsio.wait().code, 0);

    let mut server = bridge(&authority.signs(&["localhost"]), "-", &["--once"]);
    let mut client = tls_dial(server.address());
    server.wsio.write_all(b"ours");
    server.wsio.close_stdin();
    let mut came = String::new();
    client.read_to_string(&mut came).unwrap();
    assert_eq!(came, "ours");
    client.write_all(b"after it").unwrap();
    client.conn.send_close_notify();
    client.flush().unwrap();
    let done = server.wsio.wait();
    assert_eq!((done.code, done.text()), (0, "after it"), "{}", done.err);
}

#[test]
fn a_client_that_ends_without_close_notify_is_cut_off() {
    let authority = Authority::new();
    for notifies in [false, true] {
        let mut server = bridge(&authority.signs(&["localhost"]), "-", &["--once"]);
        server.wsio.close_stdin();
        let mut client = tls_dial(server.address());
        client.write_all(b"half of it").unwrap();
        if notifies {
            client.conn.send_close_notify();
        }
        client.flush().unwrap();
        client.sock.shutdown(Shutdown::Write).unwrap();
        let done = server.wsio.wait();
        assert_eq!((done.code, done.text()), (if notifies { 0 } else { 26 }, "half of it"), "{}", done.err);
        assert_eq!(done.err.contains("TLS ended without close_notify"), !notifies, "{}", done.err);
    }
}

#[test]
fn a_slow_handshake_holds_nobody_up_and_is_left_in_time() {
    let authority = Authority::new();
    let waits = |limit| bridge(&authority.signs(&["localhost"]), "echo:", &["--handshake-timeout", limit]);
    let (server, patient) = (waits("3s"), waits("10m"));
    // Nothing, half of a record's head, and a head without its record.
    let begin = |server| {
        [&b""[..], b"\x16\x03", b"\x16\x03\x01\x02\x00\x01"].map(|begun| {
            let mut stream = plain(server);
            stream.write_all(begun).unwrap();
            stream
        })
    };
    let (_kept, slow) = (begin(&patient), begin(&server));
    let (code, out, err) = ask(&server, &["--cacert", text(&authority.file)]);
    assert_eq!((code, out.as_str()), (0, "hello"), "{err}");
    for stream in slow {
        is_left(stream);
    }
    let told = |server: &Listening| {
        server.wsio.err_so_far().matches("refused: tls: no handshake within --handshake-timeout").count()
    };
    eventually("those that began are refused", || told(&server) == 3);
    // Those who came first, where more time is given, are not.
    assert_eq!(told(&patient), 0);
    for number in 1..=3 {
        let said = server.wsio.err_so_far();
        assert!(!said.contains(&format!("#{number} open")), "{said}");
    }
}

#[test]
fn what_is_no_tls_is_told_at_once_and_the_server_goes_on() {
    let authority = Authority::new();
    // A server that waited for the rest would be waited for in vain here.
    let server = bridge(&authority.signs(&["localhost"]), "echo:", &["--handshake-timeout", "10m"]);
    // A word of two letters is no record yet, and no TLS already.
    for (number, text) in
        [&b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"[..], b"hi", b"\x01\x02\x03\x04\x05\x06"].iter().enumerate()
    {
        let mut stream = plain(&server);
        stream.write_all(text).unwrap();
        let answer = is_left(stream);
        assert!(!answer.starts_with(b"HTTP") && answer.len() < 16, "{answer:?}");
        server.wsio.says(&format!("#{} 127.0.0.1:", number + 1));
    }
    // The handshake of a client that trusts others fails at its side.
    let (code, _, err) = ask(&server, &["--cacert", text(&Authority::named("Another Authority").file)]);
    assert_eq!(code, 60, "{err}");
    server.wsio.says("refused: tls: the client does not trust our certificate");
    let said = server.wsio.err_so_far();
    let told = "refused: tls: the client does not speak TLS (a plain URL or endpoint?)";
    assert_eq!(said.matches(told).count(), 3, "{said}");
    let (code, out, err) = ask(&server, &["--cacert", text(&authority.file)]);
    assert_eq!((code, out.as_str()), (0, "hello"), "{err}");
}

#[test]
fn every_protocol_that_a_client_names_is_let_in() {
    let authority = Authority::new();
    let server = bridge(&authority.signs(&["localhost"]), "echo:", &[]);
    for alpn in [&[][..], &["http/1.1"], &["h2"], &["imap", "mqtt"]] {
        let mut client = tls_over(plain(&server), alpn).unwrap();
        client.write_all(b"hello").unwrap();
        let mut came = [0; 5];
        client.read_exact(&mut came).unwrap();
        assert_eq!((&came, client.conn.alpn_protocol()), (b"hello", None), "{alpn:?}");
    }
}

#[test]
fn only_clients_with_a_certificate_are_let_in_where_that_is_wanted() {
    let authority = Authority::new();
    let pair = authority.signs(&["localhost"]);
    let ca = text(&authority.file);
    let server = bridge(&pair, "echo:", &["--client-ca", ca]);
    let own = authority.signs(&["a client"]);
    let (code, out, err) = ask(&server, &["--cacert", ca]);
    // What is written behind the handshake may fail before the alert is read.
    assert!(matches!(code, 23 | 98) && out.is_empty(), "{code}: {err}");
    assert!(!err.contains("standard output: "), "nothing was meant for it: {err}");
    let port = server.address().rsplit(':').next().unwrap();
    let silent = Wsio::start(["pipe", "-", &format!("tls:localhost:{port}"), "-4", "--cacert", ca]);
    let done = silent.wait();
    assert_eq!(done.code, 98, "{}", done.err);
    assert!(done.err.contains("the server wants a client certificate"), "{}", done.err);
    assert!(done.err.contains("try: give one with --cert FILE and --key FILE"), "{}", done.err);
    server.wsio.says("refused: tls: the client showed no certificate, and --client-ca wants one");
    let (code, out, err) =
        ask(&server, &["--cacert", ca, "--cert", text(&own.cert), "--key", text(&own.key)]);
    assert_eq!((code, out.as_str()), (0, "hello"), "{err}");
}

#[test]
fn what_a_self_signed_bridge_prints_can_be_pasted() {
    let server = Listening::start(["pipe", "tls-listen:0.0.0.0:0", "echo:", "--self-signed"]);
    server.wsio.says("self-signed certificate, sha256 ");
    server.wsio.says("anyone who reaches this address may connect; ask for certificates with --client-ca");
    let said = server.wsio.says("wsio pipe ");
    let line = said.lines().find_map(|line| line.split_once("wsio pipe ")).map_or(&*said, |(_, line)| line);
    let words: Vec<&str> = line.split_whitespace().collect();
    assert!(words.last().unwrap().starts_with("tls:localhost:"), "{line}");
    let done = Wsio::run([&["pipe"], &words[..]].concat(), "hello");
    assert_eq!((done.code, done.text()), (0, "hello"), "{}", done.err);
    // The pin is of this key.
    let at = words.iter().position(|word| *word == "--pin").unwrap() + 1;
    let key = words[at].trim_matches('\'').strip_prefix("sha256//").unwrap();
    let turned: String = key[..43].chars().rev().collect();
    let other = format!("sha256//A{}A=", &turned[1..42]);
    let done = Wsio::run(["pipe", "-k", "--pin", &other, "-", words.last().unwrap()], "hello");
    assert_ne!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("which --pin does not name"), "{}", done.err);
}

#[test]
fn a_unix_socket_and_capitals_are_as_good() {
    let authority = Authority::new();
    let pair = authority.signs(&["localhost"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let endpoint = format!("TLS-LISTEN:unix:{}", path.display());
    let files = ["--cert", text(&pair.cert), "--key", text(&pair.key), "--mode", "0600"];
    let server = Listening::start(["pipe", &endpoint, "echo:"].iter().chain(&files));
    assert_eq!(server.url, format!("tls+unix:{}", path.display()));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let way =
        ["pipe", "-", "tls:localhost:1", "--unix-socket", text(&path), "--cacert", text(&authority.file)];
    let done = Wsio::run(way, "hello");
    assert_eq!((done.code, done.text()), (0, "hello"), "{}", done.err);
    UnixStream::connect(&path).unwrap().write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    server.wsio.says("refused: tls: the client does not speak TLS");
}

#[test]
fn places_are_counted_once_tls_is_open() {
    let authority = Authority::new();
    let server = bridge(&authority.signs(&["localhost"]), "echo:", &["--max-connections", "2"]);
    let mut honest = tls_dial(server.address());
    honest.write_all(b"one that has begun: first").unwrap();
    honest.read_exact(&mut [0; 25]).unwrap();
    // Connections that have not come so far take no place.
    let silent: Vec<_> = (0..10).map(|_| plain(&server)).collect();
    for _ in 0..3 {
        // One that says next to nothing makes room for the next.
        let mut another = tls_dial(server.address());
        another.write_all(b"hello").unwrap();
        let mut came = [0; 5];
        another.read_exact(&mut came).unwrap();
        assert_eq!(&came, b"hello");
        thread::spawn(move || {
            let _ = another.read_to_end(&mut Vec::new());
        });
    }
    server.wsio.says("close 1006 abnormal: it said next to nothing, and others needed the room");
    let mut second = tls_dial(server.address());
    second.write_all(b"another one that has begun").unwrap();
    second.read_exact(&mut [0; 26]).unwrap();
    let mut third = tls_dial(server.address());
    let refused = third.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{refused}");
    server.wsio.says("refused 1 clients: too many connections (--max-connections)");
    honest.write_all(b"again").unwrap();
    honest.read_exact(&mut [0; 5]).unwrap();
    drop(silent);
}

#[test]
fn options_that_are_wrong_are_refused_as_for_a_web_socket_over_tls() {
    let authority = Authority::new();
    let pair = authority.signs(&["localhost"]);
    let (cert, key) = (text(&pair.cert), text(&pair.key));
    let junk = authority.file("junk.pem", "nothing\n");
    let lines: [(&[&str], i32); 9] = [
        (&[], 2),
        (&["--key", key], 2),
        (&["--cert", cert], 58),
        (&["--cert", "/nonexistent/x.pem", "--key", key], 58),
        (&["--cert", cert, "--key", text(&junk)], 58),
        (&["--self-signed", "--cert", cert], 2),
        (&["--client-ca", text(&authority.file)], 2),
        (&["--self-signed", "--client-ca", text(&junk)], 77),
        (&["--self-signed", "--handshake-timeout", "0x"], 2),
    ];
    for (more, code) in lines {
        let refused = |scheme: &str| {
            let done = Wsio::run(["pipe", &format!("{scheme}:127.0.0.1:0"), "echo:"].iter().chain(more), "");
            assert!(!done.err.contains("listening"), "{}", done.err);
            (done.code, done.err.replace(scheme, "SCHEME"))
        };
        let own = refused("tls-listen");
        assert_eq!(own.0, code, "{more:?}: {}", own.1);
        assert_eq!(own, refused("wss-listen"), "{more:?}");
    }
    // The rules of WebSockets have nothing to do here.
    for (option, value) in [("--path", "/x"), ("--user", "a:b"), ("--allow-origin", "null")] {
        let done = Wsio::run(["pipe", "tls-listen:0", "echo:", "--self-signed", option, value], "");
        assert_eq!(done.code, 2, "{}", done.err);
        assert!(done.err.contains(&format!("{option} needs a ")), "{}", done.err);
    }
    for words in ["ssl-l:8443", "SSL-LISTEN:8443", "openssl-listen:8443"] {
        let done = Wsio::run(["pipe", words, "echo:"], "");
        assert_eq!(done.code, 3, "{}", done.err);
        assert!(done.err.contains("write tls-listen:ADDR"), "{}", done.err);
    }
}
