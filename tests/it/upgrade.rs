//! The client's opening handshake: what is sent, and what every wrong answer is told as.

use crate::harness::{Listening, Wsio, accept_bounded, field, read_head, serve, serve_many};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha1::{Digest, Sha1};
use std::{fs, io::Write, net::TcpListener};

/// Answers one request with this text and hangs up; `ACCEPT` stands for the right value.
pub fn answering(answer: impl Into<Vec<u8>>) -> String {
    let answer = answer.into();
    let (url, _) = serve_many(move |listener| {
        let mut stream = accept_bounded(listener);
        let head = read_head(&mut stream);
        let key = field(&head, "sec-websocket-key").unwrap();
        let accept =
            BASE64_STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
        let answer = match memchr::memmem::find(&answer, b"ACCEPT") {
            Some(at) => [&answer[..at], accept.as_bytes(), &answer[at + 6..]].concat(),
            None => answer,
        };
        stream.write_all(&answer).unwrap();
        // Its end comes as FIN, not as RST: everything of ours has been read.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    url
}

/// The head of the request that these arguments send; `PEER` in one stands for `HOST:PORT`.
fn request(args: &[&str]) -> String {
    let (url, peer) = serve(|mut peer| {
        peer.close(1000, "");
        peer.until_close();
        peer.head
    });
    let address = url.strip_prefix("ws://").unwrap().trim_end_matches('/');
    let args: Vec<String> = match args {
        [first, rest @ ..] if first.contains("PEER") => {
            [first].into_iter().chain(rest).map(|arg| arg.replace("PEER", address)).collect()
        }
        args => [url.as_str()].iter().chain(args).map(|arg| arg.to_string()).collect(),
    };
    let done = Wsio::run(["connect".to_owned()].into_iter().chain(args.clone()), "");
    assert_eq!(done.code, 0, "{args:?}: {}", done.err);
    peer.join().unwrap()
}

#[test]
fn a_refusal_is_shown_whole() {
    let url = answering(
        "HTTP/1.1 403 Forbidden\r\nX-Why: no key\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nask for a key",
    );
    let done = Wsio::run(["connect", &url], "x\n");
    assert_eq!((done.code, done.text()), (22, ""));
    for part in ["403 Forbidden", "x-why: no key", "ask for a key", "--bearer"] {
        assert!(done.err.contains(part), "{part}: {}", done.err);
    }
}

#[test]
fn a_refusals_body_is_bounded_and_not_waited_for() {
    let head = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 1000000\r\n\r\n";
    let done = Wsio::run(["connect", &answering(format!("{head}{}", "z".repeat(100_000)))], "");
    assert_eq!(done.code, 22);
    assert_eq!(done.err.matches('z').count(), 4096, "4 KiB of the body");
    // It promises more than ever comes, and keeps the connection.
    let (url, _peer) = serve_many(move |listener| {
        let mut stream = accept_bounded(listener);
        read_head(&mut stream);
        stream.write_all(format!("{head}begun").as_bytes()).unwrap();
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let done = Wsio::run(["connect", &url], "");
    assert_eq!(done.code, 22);
    assert!(done.err.contains("begun"), "{}", done.err);
}

#[test]
fn a_refusal_names_the_next_step() {
    for (status, fields, body, hint) in [
        ("301 Moved Permanently", "Location: wss://other.example/x\r\n", "", "wss://other.example/x"),
        ("401 Unauthorized", "", "", "--user"),
        ("404 Not Found", "", "", "path"),
        ("200 OK", "", "<html>", "path"),
        ("400 Bad Request", "", "The plain HTTP request was sent to HTTPS port", "wss://127.0.0.1:"),
        ("426 Upgrade Required", "Sec-WebSocket-Version: 25\r\n", "", "it takes 25 alone"),
        ("400 Bad Request", "Sec-WebSocket-Version: 8, 7\r\n", "", "it takes 8, 7 alone"),
        (
            "400 Bad Request",
            "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Version: 7\r\n",
            "",
            "it takes 8, 7 alone",
        ),
        ("503 Service Unavailable", "", "", "--retry 3"),
        (
            "429 Too Many Requests",
            "Retry-After: 30\r\n",
            "",
            "--retry 3 to try again later, as its Retry-After says",
        ),
    ] {
        let answer = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len());
        let done = Wsio::run(["connect", &answering(answer)], "");
        assert_eq!(done.code, 22, "{status}: {}", done.err);
        let said = done.err.lines().find(|line| line.starts_with("  try: ")).unwrap_or_default();
        assert!(said.contains(hint), "{status}: {}", done.err);
    }
}

#[test]
fn an_odd_head_hides_neither_status_nor_body() {
    let large = format!("X: {}\r\n", "x".repeat(60_000)).repeat(8);
    let (many, over) = ("X-A: 1\r\n".repeat(150), "X-A: 1\r\n".repeat(5000));
    for (fields, left_out) in [
        (many.as_str(), ""),
        (large.as_str(), ""),
        (over.as_str(), "more than 2000 header fields"),
        ("X: a\r\n b\r\n\tc\r\n", ""),
        ("X : a\r\n", ""),
        ("no colon\r\n", "`no colon`, has no colon"),
        ("X: a\0b\x01\r\n", ""),
        ("Content-Length: 3\r\nContent-Length: 4\r\n", "no one number"),
        ("Content-Length: many\r\n", "no one number"),
    ] {
        let url = answering(format!("HTTP/1.1 403 Token expired\r\n{fields}\r\nask for a key"));
        let done = Wsio::run(["connect", &url], "");
        assert_eq!(done.code, 22, "{left_out}: {}", done.err);
        for part in ["answered 403 Token expired instead", "ask for a key", left_out] {
            assert!(done.err.contains(part), "{part}: {}", &done.err[done.err.len().saturating_sub(900)..]);
        }
        assert!(!done.err.contains("not HTTP"), "{}", done.err);
    }
}

#[test]
fn a_body_that_is_cut_says_so() {
    for (fields, body, shown) in [
        ("Content-Length: 100", "denied", "| denied\n"),
        ("Transfer-Encoding: chunked", "6\r\ndenied\r\nzz\r\n", "| denied\n"),
        ("Transfer-Encoding: chunked", "zz\r\ndenied", "500 Oops"),
    ] {
        let answer = format!("HTTP/1.1 500 Oops\r\n{fields}\r\n\r\n{body}");
        let done = Wsio::run(["connect", &answering(answer)], "");
        assert_eq!(done.code, 22, "{body}: {}", done.err);
        assert!(
            done.err.contains(shown) && done.err.contains("(left out: the rest of the body"),
            "{}",
            done.err
        );
    }
    let whole = Wsio::run(["connect", &answering("HTTP/1.1 500 Oops\r\n\r\ndenied")], "");
    assert!(whole.err.contains("| denied") && !whole.err.contains("left out"), "{}", whole.err);
}

#[test]
fn the_servers_own_reason_phrase_is_shown() {
    for (status, shown) in [
        (
            "400 missing port in HTTP Host header 'localhost'",
            "400 missing port in HTTP Host header 'localhost'",
        ),
        ("403 token expired", "403 token expired"),
        ("299 ", "299"),
        ("404", "404 Not Found"),
        ("418 a\0\x1b[31mteapot", "418 a  [31mteapot"),
        ("302 gone f\u{fc}r immer", "302 gone f\u{fc}r immer"),
    ] {
        let done =
            Wsio::run(["connect", &answering(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"))], "");
        assert_eq!(done.code, 22, "{status}: {}", done.err);
        assert!(done.err.contains(&format!("answered {shown} instead of 101")), "{status}: {}", done.err);
    }
    // Older servers write in ISO-8859-1, and say of a body in what.
    for (head, body, shown) in [
        (
            &b"403 Acc\xe8s refus\xe9\r\nX-Why: p\xe9rim\xe9"[..],
            &b""[..],
            &["403 Acc\u{e8}s refus\u{e9}", "x-why: p\u{e9}rim\u{e9}"][..],
        ),
        (b"403 no\r\nContent-Type: text/html; charset=ISO-8859-1", b"refus\xe9", &["| refus\u{e9}"]),
        (b"403 no\r\nContent-Type: text/plain; charset=utf-16", b"\xff\xfen\0o\0", &["| no\n"]),
        (b"403 no\r\nContent-Type: text/plain", b"\xfe\xff\0n\0o", &["| no\n"]),
        (b"403 no\r\nContent-Type: text/plain", b"refus\xe9", &["| refus\u{fffd}"]),
    ] {
        let length = format!("\r\nContent-Length: {}\r\n\r\n", body.len());
        let answer = [b"HTTP/1.1 ", head, length.as_bytes(), body].concat();
        let done = Wsio::run(["connect", &answering(answer)], "");
        shown.iter().for_each(|shown| assert!(done.err.contains(shown), "{shown}: {}", done.err));
    }
    // Whoever is behind a relay reads it too.
    let relay = Listening::start([
        "pipe",
        "ws-listen:0",
        &answering("HTTP/1.1 403 token expired\r\nContent-Length: 0\r\n\r\n"),
    ]);
    let done = Wsio::run(["connect", &format!("ws://{}/", relay.address())], "");
    assert!(done.err.contains("answered 403 token expired"), "{}", done.err);
}

#[test]
fn an_answer_that_cannot_be_read_is_named() {
    for (answer, cause) in [
        (
            "HTTP/1.1 4o3 Forbidden\r\n\r\n",
            "the status line of the answer cannot be read: `HTTP/1.1 4o3 Forbidden`",
        ),
        ("HTTP/2 200\r\n\r\n", "its status line is `HTTP/2 200`"),
        (
            "HTTP/1.1 403 Forbidden\r\nX: a",
            "closed the connection in the head of its answer `HTTP/1.1 403 Forbidden`",
        ),
        ("", "closed the connection before any answer"),
        ("hello", "is not HTTP: it begins with `hello`"),
    ] {
        let done = Wsio::run(["connect", &answering(answer)], "");
        assert_eq!(done.code, 52, "{answer}: {}", done.err);
        assert!(done.err.contains(cause) && done.err.contains("try: "), "{answer}: {}", done.err);
    }
    let done = Wsio::run(["connect", &answering(b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0d")], "");
    assert_eq!(done.code, 52);
    assert!(done.err.contains("HTTP/2 alone") && done.err.contains("let it speak HTTP/1.1"), "{}", done.err);
}

#[test]
fn hints_name_the_cause_of_a_refusal() {
    let login = ["-u", "a:b"];
    let token = ["--bearer", "t"];
    let none: [&str; 0] = [];
    for (options, status, fields, body, hint) in [
        (
            &none[..],
            "401 Unauthorized",
            "WWW-Authenticate: Digest realm=\"cam, x\", nonce=\"a\"\r\n",
            "",
            "takes Digest alone",
        ),
        (
            &login,
            "401 Unauthorized",
            "WWW-Authenticate: Digest realm=\"cam\", nonce=\"a\"\r\n",
            "",
            "takes Digest alone",
        ),
        (
            &login,
            "401 Unauthorized",
            "WWW-Authenticate: Negotiate, NTLM\r\n",
            "",
            "takes Negotiate or Ntlm alone",
        ),
        (
            &login,
            "401 Unauthorized",
            "WWW-Authenticate: Negotiate, Basic realm=\"x\"\r\n",
            "",
            "check name and password",
        ),
        (&login, "401 Unauthorized", "WWW-Authenticate: Bearer\r\n", "", "give a token with --bearer"),
        (&token, "401 Unauthorized", "WWW-Authenticate: Basic\r\n", "", "give a name and password"),
        (&token, "401 Unauthorized", "", "", "a token may have expired"),
        (&none, "401 Unauthorized", "WWW-Authenticate: Basic\r\n", "", "--user NAME:PASSWORD"),
        (
            &none,
            "302 Found",
            "Location: https://sso.example.com/saml?RelayState=x\r\n",
            "",
            "the server wants a login",
        ),
        (&none, "302 Found", "Location: /users/sign_in\r\n", "", "the server wants a login"),
        (&none, "302 Found", "Location: /chat/\r\n", "", "-L to follow it"),
        (&none, "426 Upgrade Required", "", "", "proxy_set_header Upgrade $http_upgrade"),
        (
            &none,
            "426 Upgrade Required",
            "Sec-WebSocket-Version: 13\r\n",
            "",
            "proxy_set_header Upgrade $http_upgrade",
        ),
        (
            &none,
            "400 Bad Request",
            "",
            "Can \"Upgrade\" only to \"WebSocket\".",
            "proxy_set_header Connection \"upgrade\"",
        ),
        (&none, "505 HTTP Version Not Supported", "", "", "HTTP/1.1"),
    ] {
        let answer = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len());
        let url = answering(answer);
        let done = Wsio::run(["connect", &url].iter().chain(options), "");
        assert_eq!(done.code, 22, "{status}: {}", done.err);
        let said = done.err.lines().find(|line| line.starts_with("  try: ")).unwrap_or_default();
        assert!(said.contains(hint), "{status} {fields}: {}", done.err);
        assert!(!hint.contains("login") || !said.contains("try: -L"), "{said}");
    }
}

#[test]
fn a_compressed_refusal_is_read() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(b"the key has expired").unwrap();
    let head = b"HTTP/1.1 403 Forbidden\r\nContent-Encoding: gzip\r\n\r\n";
    let done = Wsio::run(["connect", &answering([&head[..], &gzip.finish().unwrap()].concat())], "");
    assert_eq!(done.code, 22);
    assert!(done.err.contains("| the key has expired"), "{}", done.err);
    let done = Wsio::run(
        ["connect", &answering("HTTP/1.1 403 F\r\nContent-Encoding: br\r\n\r\n\x0b\x02\u{80}")],
        "",
    );
    assert!(done.err.contains("bytes, encoded with br)"), "{}", done.err);
}

#[test]
fn a_terminal_is_safe_from_what_a_refusal_holds() {
    let url = answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\na\x1b]0;x\x07\r\nb");
    let done = Wsio::run(["connect", &url], "");
    assert_eq!(done.code, 22);
    assert!(!done.err.contains(['\x1b', '\x07']), "{:?}", done.err);
}

#[test]
fn a_subprotocol_that_is_no_token_is_sent_with_a_warning() {
    for name in ["json/v1", "ogmios.v1:compact", "urn:example(x)"] {
        let server = Listening::start(["listen", "0", "--echo", "--subprotocol", name]);
        let url = format!("ws://{}/", server.address());
        let field = format!("Sec-WebSocket-Protocol: {name}");
        for option in [["--subprotocol", name], ["--protocol", name], ["-H", &field]] {
            let args = ["connect", &url, "--send", "hello", "-1", "-v", "--expect-subprotocol", name];
            let expects = option[0] != "-H";
            let args = if expects { &args[..] } else { &args[..6] };
            let args: Vec<&str> = args.iter().chain(&option).copied().filter(|arg| !arg.is_empty()).collect();
            let done = Wsio::run(&args, "");
            assert_eq!((done.code, done.text()), (0, "hello\n"), "{args:?}: {}", done.err);
            let note = format!("the subprotocol `{name}` is no token (RFC 6455 section 4.1)");
            assert_eq!(done.err.matches(&note).count(), 1, "{}", done.err);
            assert!(done.err.contains(&format!("Sec-WebSocket-Protocol: {name}\n")), "{}", done.err);
        }
        server.wsio.says("is no token");
    }
    let done = Wsio::run(["connect", "echo:", "--subprotocol", "chat", "--send", "hello", "-1"], "");
    assert!(!done.err.contains("token"), "{}", done.err);
    for name in ["a b", "\"a\"", "é", ""] {
        let done = Wsio::run(["connect", "ws://127.0.0.1:1/", "--subprotocol", name], "");
        assert_eq!(done.code, 2, "{name}: {}", done.err);
    }
}

#[test]
fn an_invalid_101_is_110() {
    const UPGRADE: &str = "Upgrade: websocket\r\n";
    const CONNECTION: &str = "Connection: Upgrade\r\n";
    const ACCEPT: &str = "Sec-WebSocket-Accept: ACCEPT\r\n";
    let rows = [
        ([CONNECTION, ACCEPT, ""], "does not upgrade to websocket"),
        (["Upgrade: h2c\r\n", CONNECTION, ACCEPT], "does not upgrade to websocket"),
        ([UPGRADE, ACCEPT, ""], "Connection"),
        ([UPGRADE, CONNECTION, ""], "lacks Sec-WebSocket-Accept"),
        (
            [UPGRADE, CONNECTION, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"],
            "does not fit the key",
        ),
        ([UPGRADE, CONNECTION, "Sec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Accept: ACCEPT\r\n"], "twice"),
        (
            [UPGRADE, "Connection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\n", ACCEPT],
            "permessage-deflate",
        ),
        ([UPGRADE, "Connection: Upgrade\r\nSec-WebSocket-Protocol: chat\r\n", ACCEPT], "`chat`"),
        (
            [
                UPGRADE,
                "Connection: Upgrade\r\nSec-WebSocket-Protocol: one\r\nSec-WebSocket-Protocol: one\r\n",
                ACCEPT,
            ],
            "more than one",
        ),
        (
            [UPGRADE, "Connection: Upgrade\r\nSec-WebSocket-Protocol: one, two\r\n", ACCEPT],
            "more than one subprotocol: `one, two`",
        ),
        // What would let it pass is named, where a shell takes it as it is.
        (
            [UPGRADE, "Connection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\n", ACCEPT],
            "try: --compress to",
        ),
        (
            [UPGRADE, "Connection: Upgrade\r\nSec-WebSocket-Protocol: json/v1\r\n", ACCEPT],
            "try: --subprotocol json/v1 to",
        ),
    ];
    for (fields, cause) in rows {
        let answer = format!("HTTP/1.1 101 Switching Protocols\r\n{}\r\n", fields.concat());
        let done = Wsio::run(["connect", &answering(answer), "--subprotocol", "one"], "");
        assert_eq!(done.code, 110, "{cause}: {}", done.err);
        assert!(done.err.contains(cause), "{cause}: {}", done.err);
        assert!(done.err.contains("101 Switching Protocols"), "the answer is shown: {}", done.err);
    }
}

#[test]
fn a_subprotocol_that_no_shell_takes_is_in_no_line_to_paste() {
    let answer = "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Protocol: $(id)\r\n\r\n";
    let done = Wsio::run(["connect", &answering(answer)], "");
    assert_eq!(done.code, 110, "{}", done.err);
    assert!(done.err.contains("`$(id)`") && !done.err.contains("try:"), "{}", done.err);
}

#[test]
fn a_101_of_an_older_http_is_one() {
    let answer = "HTTP/1.0 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n";
    let mut answer = answer.as_bytes().to_vec();
    answer.extend_from_slice(b"\x81\x02hi\x88\x02\x03\xe8");
    let done = Wsio::run(["connect", &answering(answer)], "");
    assert_eq!((done.code, done.text()), (0, "hi\n"), "{}", done.err);
}

#[test]
fn tokens_of_a_101_are_read_as_lists_in_any_case() {
    let mut answer = b"HTTP/1.1 101 Whatever\r\nUPGRADE: WebSocket\r\nconnection: keep-alive, UPGRADE\r\nSec-WebSocket-Accept:  ACCEPT \r\n\r\n".to_vec();
    answer.extend_from_slice(b"\x88\x02\x03\xe8");
    let done = Wsio::run(["connect", &answering(answer)], "");
    assert_eq!(done.code, 0, "{}", done.err);
}

#[test]
fn frames_that_come_with_the_answer_are_not_lost() {
    let mut answer =
        b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n".to_vec();
    answer.extend_from_slice(b"\x81\x05early\x88\x02\x03\x60");
    // 1000 is 03 e8, which would not be UTF-8; 03 60 is 864, which may not be sent.
    let done = Wsio::run(["connect", &answering(answer)], "");
    assert_eq!((done.code, done.text()), (111, "early\n"), "{}", done.err);
}

#[test]
fn interim_answers_are_passed_over() {
    let (url, _peer) = serve_many(|listener| {
        let mut stream = accept_bounded(listener);
        let head = read_head(&mut stream);
        let key = field(&head, "sec-websocket-key").unwrap();
        let accept =
            BASE64_STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
        write!(
            stream,
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .unwrap();
        stream.write_all(b"\x81\x02ok\x88\x02\x03\xe8").unwrap();
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let done = Wsio::run(["connect", &url], "");
    assert_eq!((done.code, done.text()), (0, "ok\n"), "{}", done.err);
}

#[test]
fn no_answer_is_52_and_no_http_says_what_came() {
    for (answer, cause) in [
        ("", "closed the connection"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "an SSH server answers there"),
        ("HTTP/1.1 101", "closed"),
        ("\x15\x03\x01\x00\x02\x02\x46", "wss://127.0.0.1:"),
    ] {
        let done = Wsio::run(["connect", &answering(answer)], "");
        assert_eq!(done.code, 52, "{answer:?}: {}", done.err);
        assert!(done.err.contains(cause), "{answer:?}: {}", done.err);
    }
}

#[test]
fn deadlines_name_their_phase() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap();
    for (scheme, phase) in [("ws", "upgrade"), ("wss", "tls")] {
        let done = Wsio::run(["connect", &format!("{scheme}://{at}/"), "--connect-timeout", "300ms"], "x\n");
        assert_eq!(done.code, 28, "{}", done.err);
        assert!(done.err.contains(&format!("wsio: {phase}: ")), "{}", done.err);
        assert!(done.err.contains("--connect-timeout"), "{}", done.err);
    }
}

#[test]
fn refused_and_unknown_hosts() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let done = Wsio::run(["connect", &format!("ws://{free}/")], "x\n");
    assert_eq!(done.code, 7);
    assert!(done.err.contains("connection refused") && done.err.contains(&free.to_string()), "{}", done.err);
    let done = Wsio::run(["connect", "ws://no-such-host.invalid/"], "x\n");
    assert_eq!(done.code, 6);
    assert!(done.err.contains("no-such-host.invalid"), "{}", done.err);
}

#[test]
fn the_request_is_what_browsers_send() {
    let head = request(&["ws://PEER/a%20b/ü?q=1&r"]);
    assert!(head.starts_with("GET /a%20b/%C3%BC?q=1&r HTTP/1.1\r\n"), "{head}");
    for (name, value) in
        [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-version", "13")]
    {
        assert_eq!(field(&head, name).as_deref(), Some(value));
    }
    assert!(field(&head, "user-agent").unwrap().starts_with("wsio/"));
    assert!(head.contains("\r\nSec-WebSocket-Key: "), "some servers look for this spelling: {head}");
    let key = |head: &str| BASE64_STANDARD.decode(field(head, "sec-websocket-key").unwrap()).unwrap();
    assert_eq!(key(&head).len(), 16);
    assert_ne!(key(&head), key(&request(&[])), "a fresh key each time");
    for absent in ["origin", "authorization", "cookie", "sec-websocket-protocol", "sec-websocket-extensions"]
    {
        assert_eq!(field(&head, absent), None, "{head}");
    }
}

#[test]
fn options_become_header_fields() {
    let folder = tempfile::tempdir().unwrap();
    let (headers, token) = (folder.path().join("headers"), folder.path().join("token"));
    fs::write(&headers, "X-One: 1\n\nX-Two: 2\n").unwrap();
    fs::write(&token, "s3cret\n").unwrap();
    let at = |path: &std::path::Path| format!("@{}", path.display());
    for (args, name, value) in [
        (&["-H", "X-A: b: c"][..], "x-a", "b: c"),
        (&["-H", "X-A:b"], "x-a", "b"),
        (&["-H", &at(&headers)], "x-two", "2"),
        (&["-H", "Host: other.example"], "host", "other.example"),
        (&["-H", "User-Agent: mine"], "user-agent", "mine"),
        (&["-A", "agent/1"], "user-agent", "agent/1"),
        (&["-u", "me:pass word"], "authorization", "Basic bWU6cGFzcyB3b3Jk"),
        (&["ws://me:p%40ss@PEER/"], "authorization", "Basic bWU6cEBzcw=="),
        (&["--bearer", "abc"], "authorization", "Bearer abc"),
        (&["--bearer", &at(&token)], "authorization", "Bearer s3cret"),
        (&["--cookie", "a=b", "--cookie", "c=d"], "cookie", "a=b; c=d"),
        (&["--origin", "https://example.com"], "origin", "https://example.com"),
        (&["--subprotocol", "one", "--protocol", "two"], "sec-websocket-protocol", "one, two"),
    ] {
        let head = request(args);
        assert_eq!(field(&head, name).as_deref(), Some(value), "{args:?}: {head}");
        assert_eq!(head.to_ascii_lowercase().matches(&format!("\r\n{name}: ")).count(), 1, "{head}");
    }
    let repeated = request(&["-H", "X-A: 1", "-H", "X-A: 2"]);
    assert_eq!(repeated.to_ascii_lowercase().matches("\r\nx-a: ").count(), 2, "{repeated}");
    // curl's way to leave out a field that would be sent by itself.
    assert_eq!(field(&request(&["-H", "User-Agent:"]), "user-agent"), None);
    assert_eq!(field(&request(&["-H", "X-Empty;"]), "x-empty").as_deref(), Some(""));
}

#[test]
fn secrets_are_not_repeated_in_errors() {
    let url = answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    let address = url.strip_prefix("ws://").unwrap();
    let done = Wsio::run(["connect", &format!("ws://me:hunter2@{address}"), "--cookie", "sid=hunter3"], "");
    assert_eq!(done.code, 22);
    assert!(!done.err.contains("hunter"), "{}", done.err);
}

#[test]
fn a_bad_header_never_leaves() {
    for header in ["X: a\r\nY: b", "X: a\nb", "no colon", "X Y: z", ": empty", "Sec-WebSocket-Extensions: x"]
    {
        let done = Wsio::run(["connect", "ws://127.0.0.1:1/", "-H", header], "");
        assert_eq!(done.code, 2, "{header:?}: {}", done.err);
    }
}

#[test]
fn a_field_that_would_never_leave_is_refused() {
    let done = Wsio::run(["connect", "ws://127.0.0.1:1/", "-H", "Transfer-Encoding: chunked"], "");
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(done.err.contains("cannot send Transfer-Encoding"), "{}", done.err);
}

#[test]
fn words_of_other_tools_get_a_hint() {
    for (args, hint) in [
        (&["connect", "ws://h/", "-E"][..], "ends by itself"),
        (&["connect", "ws://h/", "--no-close"], "linger"),
        (&["-c", "ws://h/"], "wsio connect"),
        (&["connect", "-c", "ws://h/"], "wsio connect"),
        (&["connect", "ws://h/", "-x", "{\"op\":1}"], "--send"),
        (&["-s", "1234"], "wsio listen"),
        (&["ws://h/"], "wsio connect ws://h/"),
        (&["conect", "ws://h/"], "connect"),
        (&["connect", "wz://h/"], "ws:"),
        (&["connect", "ws://h/", "--bufer-size", "3"], "--"),
    ] {
        let done = Wsio::run(args, "");
        assert!(matches!(done.code, 2 | 3), "{args:?}: {} {}", done.code, done.err);
        assert!(done.err.contains(hint), "{args:?}: {}", done.err);
    }
}
