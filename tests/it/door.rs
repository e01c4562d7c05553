//! The door of a server and of a client: fields that stand once, request targets, hosts, line ends.
//!
//! Everything is sent byte by byte over raw sockets, because the libraries on the way fold, trim and keep
//! otherwise than a proxy in front may.

use crate::{
    harness::{Listening, Peer, Wsio, read_head},
    listen::exchange,
    upgrade::answering,
};
use std::{
    io::{Read, Write},
    net::TcpStream,
};

const REST: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
const LISTS: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n";

/// The status, and for a refusal the body, of an answer.
fn answer(address: &str, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let head = read_head(&mut stream);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("{:?} to {}", head, request.escape_ascii()));
    let mut body = String::new();
    if status != 101 {
        let _ = stream.read_to_string(&mut body);
    }
    (status, body)
}

/// Asks, and compares the status, the body and the line of the log.
fn refuses(listening: &Listening, request: &[u8], status: u16, cause: &str) {
    let shown = request.escape_ascii().to_string();
    let (found, body) = answer(listening.address(), request);
    assert_eq!(found, status, "{shown}: {body}");
    if status != 101 {
        assert!(body.contains(cause), "`{cause}` for {shown}: {body}");
        let line = body.lines().next().unwrap_or_default();
        assert!(!line.is_empty(), "{shown}");
        // The log hides a login.
        let line = line.split("; let it").next().unwrap().replace("me:pw@", "[hidden]@");
        listening.wsio.says(&format!(": {line}"));
    }
}

#[test]
fn a_field_that_decides_stands_once() {
    let listening = Listening::start(["listen", "0", "--echo", "--allow-origin", "any", "-v"]);
    let host = format!("Host: {}\r\n", listening.address());
    let rows: Vec<(String, u16, &str)> = vec![
        // Twice, equal or not, in any case and order.
        (format!("{host}{host}{REST}"), 400, "Host stands twice"),
        (format!("{host}{REST}hOST: other\r\n"), 400, "Host stands twice"),
        (format!("{host}{REST}Host:\r\n"), 400, "Host stands twice"),
        (format!("{host}{REST}Origin: http://a\r\nOrigin: http://a\r\n"), 400, "Origin stands twice"),
        (format!("{host}Origin: http://a\r\n{REST}origin: http://b\r\n"), 400, "Origin stands twice"),
        (format!("{host}{REST}Origin: null\r\nOrigin:\r\n"), 400, "Origin stands twice"),
        (format!("{host}{REST}{KEY}"), 400, "Sec-WebSocket-Key stands twice"),
        (format!("{host}{REST}{VERSION}"), 400, "Sec-WebSocket-Version stands twice"),
        (
            format!("{host}{REST}Authorization: Bearer t\r\nAuthorization: Bearer t\r\n"),
            400,
            "Authorization stands twice",
        ),
        (
            format!("{host}{REST}Content-Length: 0\r\nContent-Length: 0\r\n"),
            400,
            "Content-Length stands twice",
        ),
        (
            format!("{host}{REST}Content-Length: 0\r\nContent-Length: 1\r\n"),
            400,
            "Content-Length stands twice",
        ),
        (format!("{host}{REST}Content-Length: 0, 0\r\n"), 400, "Content-Length `0, 0` is no number"),
        (format!("{host}{REST}Content-Length: +0\r\n"), 400, "is no number"),
        (format!("{host}{REST}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), 400, "stand together"),
        (format!("{host}{REST}Transfer-Encoding: gzip\r\n"), 400, "does not end with chunked"),
        // Lists and blanks where one value is meant.
        (format!("{host}{REST}Origin: http://a, http://b\r\n"), 400, "is not one origin"),
        (format!("{host}{REST}Origin: http://a http://b\r\n"), 400, "is not one origin"),
        (format!("{host}{REST}Origin: http://a\u{a0}\r\n"), 400, "is not one origin"),
        (format!("{host}{REST}Origin:\r\n"), 400, "is not one origin"),
        (
            format!("{host}{REST}Origin: http://a\x0b\r\n"),
            400,
            "control character (0x0B) in the header field Origin",
        ),
        (format!("{host}{REST}Origin: \x0chttp://a\r\n"), 400, "control character (0x0C)"),
        (format!("Host: a, b\r\n{REST}"), 400, "a list has no place"),
        (format!("Host: a b\r\n{REST}"), 400, "a blank has no place"),
        (format!("Host: \u{a0}a\r\n{REST}"), 400, "is no host"),
        (format!("Host: a\x0b\r\n{REST}"), 400, "control character (0x0B) in the header field Host"),
        (
            format!("{host}{LISTS}{VERSION}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==, x\r\n"),
            400,
            "16 bytes in base64",
        ),
        (
            format!("{host}{LISTS}{VERSION}Sec-WebSocket-Key: dGhlIHNhb XBsZSBub25jZQ==\r\n"),
            400,
            "16 bytes in base64",
        ),
        (
            format!("{host}{LISTS}{VERSION}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\u{a0}\r\n"),
            400,
            "Sec-WebSocket-Key",
        ),
        (format!("{host}{LISTS}{VERSION}Sec-WebSocket-Key:\r\n"), 400, "16 bytes in base64"),
        (format!("{host}{LISTS}{KEY}Sec-WebSocket-Version: 13, 8\r\n"), 426, "version 13"),
        (format!("{host}{LISTS}{KEY}Sec-WebSocket-Version:\r\n"), 426, "version 13"),
        // The form of a field.
        (format!("{host}{REST}X: a\r\n b\r\n"), 400, "folded"),
        (format!("{host}{REST}X: a\r\n\tb\r\n"), 400, "folded"),
        (format!(" {host}{REST}"), 400, "folded"),
        (format!("Host : h\r\n{REST}"), 400, "a blank before the colon of Host"),
        (format!("Host\t: h\r\n{REST}"), 400, "a blank before the colon of Host"),
        (format!("{host}{REST}: x\r\n"), 400, "is no name"),
        (format!("{host}{REST}X\r\n"), 400, "has no colon"),
        (format!("{host}{REST}X(y): z\r\n"), 400, "is no name"),
        (format!("{host}{REST}X: \0\r\n"), 400, "control character (0x00) in the header field X"),
        (format!("{host}{REST}X: \x7f\r\n"), 400, "control character (0x7F)"),
        (REST.into(), 400, "Host is missing"),
        // Let in: lists that are lists, blanks that are allowed, commas in credentials, any case.
        (
            format!(
                "{host}{KEY}{VERSION}Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: keep-alive\r\nConnection: Upgrade\r\n"
            ),
            101,
            "",
        ),
        (
            format!("{host}{KEY}{VERSION}UPGRADE: h2c, WebSocket\r\nconnection: keep-alive,UPGRADE\r\n"),
            101,
            "",
        ),
        (format!("{host}{REST}Authorization: Digest a=\"b\", c=\"d\"\r\n"), 101, ""),
        (format!("{host}{REST}Origin: \t http://a \t\r\n"), 101, ""),
        (format!("Host:\t {} \t \r\n{REST}", listening.address()), 101, ""),
        (
            format!(
                "{host}{LISTS}sec-websocket-key:dGhlIHNhbXBsZSBub25jZQ==\t\r\nSEC-WEBSOCKET-VERSION:\t13 \r\n"
            ),
            101,
            "",
        ),
        (format!("{host}{REST}Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b, c\r\n"), 101, ""),
        (format!("{host}{REST}Cookie: a=b\r\nCookie: c=d\r\nX:\r\nX:\r\n"), 101, ""),
        (format!("{host}{REST}Content-Length: 0\r\n"), 101, ""),
        (format!("{host}{REST}Origin: chrome-extension://abcdef\r\n"), 101, ""),
    ];
    for (fields, status, cause) in &rows {
        refuses(&listening, format!("GET / HTTP/1.1\r\n{fields}\r\n").as_bytes(), *status, cause);
    }
    // After all that it still serves.
    Peer::dial(listening.address()).text("hello");
}

#[test]
fn credentials_that_stand_twice_let_nobody_in() {
    let listening = Listening::start(["listen", "0", "--echo", "--bearer", "t"]);
    let address = listening.address();
    let ask = |lines: &str| {
        answer(address, format!("GET / HTTP/1.1\r\nHost: {address}\r\n{REST}{lines}\r\n").as_bytes()).0
    };
    assert_eq!(ask("Authorization: Bearer t\r\n"), 101);
    assert_eq!(ask("Authorization: Bearer t, Bearer u\r\n"), 401);
    assert_eq!(ask("Authorization:\r\n"), 401);
    assert_eq!(ask("Authorization: Bearer t\r\nAuthorization: Bearer u\r\n"), 400);
    assert_eq!(ask("Authorization: Bearer u\r\nAuthorization: Bearer t\r\n"), 400);
}

#[test]
fn a_request_target_has_a_form_that_is_served() {
    let listening = Listening::start(["listen", "0", "--echo", "-v"]);
    let address = listening.address().to_owned();
    let port = address.rsplit(':').next().unwrap();
    let rows: Vec<(String, u16, &str)> = vec![
        ("GET /a?b=c".into(), 101, ""),
        ("GET //evil.example/".into(), 101, ""),
        // Absolute form, judged by its own authority.
        (format!("GET http://{address}/a?b"), 101, ""),
        (format!("GET HTTP://localhost:{port}"), 101, ""),
        (format!("GET ws://localhost:{port}?q"), 101, ""),
        (format!("GET https://[::1]:{port}/"), 101, ""),
        ("GET http://rebound.example/".into(), 421, "does not answer for that Host"),
        ("GET http://localhost./".into(), 101, ""),
        ("GET ftp://localhost/".into(), 400, "has a scheme that is not served here"),
        ("GET http:///a".into(), 400, "has no host"),
        ("GET http://?a".into(), 400, "has no host"),
        ("GET http://me:secret@localhost/".into(), 400, "carries user information"),
        ("GET http://localhost:x/".into(), 400, "the port is no number"),
        ("GET http://localhost:99999/".into(), 400, "the port is over 65535"),
        ("GET http://[::1].x/".into(), 400, "only a port may follow"),
        ("GET http://a%00b/".into(), 400, "an encoded character"),
        // The other forms.
        ("GET *".into(), 400, "`*` is for OPTIONS alone"),
        ("POST *".into(), 400, "`*` is for OPTIONS alone"),
        ("OPTIONS *".into(), 405, "only GET"),
        (format!("GET {address}"), 400, "is neither a path nor a URL"),
        ("GET localhost".into(), 400, "is neither a path nor a URL"),
        (format!("CONNECT {address}"), 400, "is for a proxy"),
        ("CONNECT /".into(), 400, "is for a proxy"),
        ("GET a/b".into(), 400, "is neither a path nor a URL"),
        ("GET ?a".into(), 400, "is neither a path nor a URL"),
        ("GET /a#b".into(), 400, "has a fragment"),
        ("GET /a<b".into(), 400, "is not valid"),
        // What is no request line.
        ("GET  /".into(), 400, "is no request line"),
        ("GET / x".into(), 400, "is no request line"),
        ("GET".into(), 400, "is no request line"),
        ("G(T /".into(), 400, "is no request line"),
        (" GET /".into(), 400, "is no request line"),
        ("GET\t/".into(), 400, "control character (0x09) in the request line"),
    ];
    for (line, status, cause) in &rows {
        let request = format!("{line} HTTP/1.1\r\nHost: {address}\r\n{REST}\r\n");
        refuses(&listening, request.as_bytes(), *status, cause);
    }
    assert!(!listening.wsio.err_so_far().contains("secret"), "{}", listening.wsio.err_so_far());
    for (version, cause) in
        [("HTTP/2.0", "HTTP/1.1 is needed"), ("HTTP/1.2", "is needed"), ("http/1.1", "is needed")]
    {
        let request = format!("GET / {version}\r\nHost: {address}\r\n{REST}\r\n");
        refuses(&listening, request.as_bytes(), 400, cause);
    }
    // The Host beside an absolute target has to be there and be one, and does not count.
    for (host, status, cause) in [
        ("Host: rebound.example\r\n", 101, ""),
        ("Host:\r\n", 101, ""),
        ("", 400, "Host is missing"),
        ("Host: a b\r\n", 400, "is no host"),
    ] {
        let request = format!("GET http://{address}/ HTTP/1.1\r\n{host}{REST}\r\n");
        refuses(&listening, request.as_bytes(), status, cause);
    }
    // A page's origin is compared with the target's host, not with the Host beside it.
    let page = |origin: &str| {
        format!("GET http://{address}/ HTTP/1.1\r\nHost: localhost:1\r\nOrigin: {origin}\r\n{REST}\r\n")
    };
    refuses(&listening, page(&format!("http://{address}")).as_bytes(), 101, "");
    refuses(&listening, page("http://localhost:1").as_bytes(), 403, "pages of this origin");
}

#[test]
fn a_line_ends_with_cr_lf() {
    let listening = Listening::start(["listen", "0", "--echo", "-v"]);
    let address = listening.address().to_owned();
    let good = format!("GET / HTTP/1.1\r\nHost: {address}\r\n{REST}\r\n");
    let rows = [
        (good.replace("\r\n", "\n"), 400, "the request line ends with LF alone"),
        (good.replacen("\r\nUpgrade", "\nUpgrade", 1), 400, "the header field Host ends with LF alone"),
        (good.replacen("\r\n\r\n", "\r\n\n", 1), 400, "ends with LF alone"),
        (good.replacen("\r\nUpgrade", "\rUpgrade", 1), 400, "a CR without LF in the header field Host"),
        (good.replacen("\r\nUpgrade", "\r\r\nUpgrade", 1), 400, "a CR without LF"),
        (format!("\n{good}"), 400, "ends with LF alone"),
        (format!("\r\n{good}"), 101, ""),
    ];
    for (request, status, cause) in &rows {
        refuses(&listening, request.as_bytes(), *status, cause);
    }
}

#[test]
fn a_host_is_a_host() {
    let public = Listening::start(["listen", "0.0.0.0:0", "--echo", "-v"]);
    let port = public.address().rsplit(':').next().unwrap().to_owned();
    let public = Listening { url: format!("ws://127.0.0.1:{port}/"), wsio: public.wsio };
    let loopback = Listening::start(["listen", "0", "--echo", "-v"]);
    // The status of a server that is open to all, and of one on loopback.
    for (host, open, local, cause) in [
        ("localhost", 101, 101, ""),
        ("LOCALHOST:1", 101, 101, ""),
        ("localhost:", 101, 101, ""),
        ("[::1]:65535", 101, 101, ""),
        ("", 101, 421, "that Host"),
        ("localhost.", 101, 101, ""),
        ("app.localhost:8080", 101, 101, ""),
        ("localhost.example", 101, 421, "that Host"),
        ("my_service:8080", 101, 421, "that Host"),
        ("a~b-c.example", 101, 421, "that Host"),
        ("xn--bcher-kva.example", 101, 421, "that Host"),
        ("[::1].x", 400, 400, "Host `[::1].x` is no host: only a port"),
        ("[::1]:x", 400, 400, "the port is no number"),
        ("[::1", 400, 400, "not closed"),
        ("::1", 400, 400, "is no host"),
        ("[127.0.0.1]", 400, 400, "no IPv6 address"),
        ("localhost:http", 400, 400, "the port is no number"),
        ("localhost:80:80", 400, 400, "the port is no number"),
        ("localhost:-1", 400, 400, "the port is no number"),
        ("localhost:65536", 400, 400, "over 65535"),
        (":80", 400, 400, "a port without a host"),
        ("me@localhost", 400, 400, "user information"),
        ("me:pw@localhost", 400, 400, "is no host"),
        ("localhost/", 400, 400, "no host has"),
        ("localhost?a", 400, 400, "no host has"),
        ("http://localhost", 400, 400, "is no host"),
        ("localhost%", 400, 400, "percent sign"),
        ("localhost%zz", 400, 400, "percent sign"),
        ("localhost%00", 400, 400, "encoded character"),
        ("local\thost", 400, 400, "a blank"),
        ("a..b", 400, 400, "label"),
        ("<script>", 400, 400, "no host has"),
        ("$(reboot)", 400, 400, "no host has"),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{REST}\r\n");
        refuses(&public, request.as_bytes(), open, cause);
        refuses(&loopback, request.as_bytes(), local, cause);
    }
}

#[test]
fn a_page_of_the_same_host_comes_in_also_from_behind_a_proxy_with_tls() {
    let listening = Listening::start(["listen", "0", "--echo", "--allow-host", "any"]);
    for (host, origin, status) in [
        ("h.example:8443", "https://h.example:8443", 101),
        ("h.example", "https://h.example", 101),
        ("h.example:443", "https://h.example", 101),
        ("h.example", "https://H.example:443", 101),
        ("h.example:80", "http://h.example", 101),
        ("[0:0::1]:9", "http://[::1]:9", 101),
        ("my_service", "https://my_service", 101),
        ("h.example.", "https://h.example", 403),
        ("h.example:80", "https://h.example", 403),
        ("h.example:8443", "https://h.example", 403),
        ("h.example", "https://h.example/", 403),
        ("h.example", "https://me@h.example", 403),
        ("", "https://", 403),
        ("", "null", 403),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n{REST}\r\n");
        let (found, body) = answer(listening.address(), request.as_bytes());
        assert_eq!(found, status, "{origin} at {host}: {body}");
    }
}

#[test]
fn an_option_in_the_log_is_safe_to_paste() {
    let listening = Listening::start(["listen", "0", "--echo"]);
    let address = listening.address();
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nOrigin: http://a;id\r\n{REST}\r\n");
    assert_eq!(answer(address, request.as_bytes()).0, 403);
    listening.wsio.says("let it in with --allow-origin 'http://a;id'");
}

#[test]
fn requests_in_one_packet_are_read_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "first\n").unwrap();
    let listening = Listening::start(["listen", "0", "--echo", "--serve", folder.path().to_str().unwrap()]);
    let address = listening.address();
    let get = |more: &str| format!("GET /a.txt HTTP/1.1\r\nHost: {address}\r\n{more}\r\n");
    let answers = exchange(address, (get("") + "\r\n" + &get("Connection: close\r\n")).as_bytes());
    assert_eq!(answers.matches("200 OK").count(), 2, "{answers}");
    assert_eq!(answers.matches("first\n").count(), 2, "{answers}");
    // The second one is refused, the first one is answered all the same.
    let answers = exchange(address, (get("") + &get("Origin: null\r\nOrigin: null\r\n")).as_bytes());
    assert!(answers.contains("200 OK") && answers.contains("400 Bad Request"), "{answers}");
    assert!(answers.ends_with("Origin stands twice; exactly one is allowed\n"), "{answers}");
    // A WebSocket after a page, and a frame right behind its request.
    let mut request = get("").into_bytes();
    request.extend(format!("GET / HTTP/1.1\r\nHost: {address}\r\n{REST}\r\n").as_bytes());
    request.extend(b"\x81\x85\0\0\0\0early");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
    stream.write_all(&request).unwrap();
    let page = read_head(&mut stream);
    assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
    stream.read_exact(&mut [0; 6]).unwrap();
    let upgrade = read_head(&mut stream);
    assert!(upgrade.starts_with("HTTP/1.1 101 "), "{upgrade}");
    let mut frame = [0; 7];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(&frame, b"\x81\x05early");
}

#[test]
fn a_field_of_a_101_stands_once() {
    const UPGRADE: &str = "Upgrade: websocket\r\n";
    const CONNECTION: &str = "Connection: Upgrade\r\n";
    const ACCEPT: &str = "Sec-WebSocket-Accept: ACCEPT\r\n";
    const ONE: &str = "Sec-WebSocket-Protocol: one\r\n";
    for (fields, code, cause) in [
        (format!("{UPGRADE}{UPGRADE}{CONNECTION}{ACCEPT}"), 110, "Upgrade twice"),
        (format!("{UPGRADE}upgrade: h2c\r\n{CONNECTION}{ACCEPT}"), 110, "Upgrade twice"),
        (format!("Upgrade: h2c, websocket\r\n{CONNECTION}{ACCEPT}"), 110, "does not upgrade to websocket"),
        (format!("Upgrade:\r\n{CONNECTION}{ACCEPT}"), 110, "does not upgrade to websocket"),
        (
            format!("{UPGRADE}{CONNECTION}{ACCEPT}sec-websocket-accept:\r\n"),
            110,
            "Sec-WebSocket-Accept twice",
        ),
        (format!("{UPGRADE}{CONNECTION}Sec-WebSocket-Accept: ACCEPT, x\r\n"), 110, "does not fit"),
        (format!("{UPGRADE}{CONNECTION}Sec-WebSocket-Accept: ACCEPT\u{a0}\r\n"), 110, "does not fit"),
        (format!("{UPGRADE}{CONNECTION}Sec-WebSocket-Accept:\r\n"), 110, "does not fit"),
        (format!("{UPGRADE}{CONNECTION}{ACCEPT}{ONE}{ONE}"), 110, "more than one"),
        (format!("{UPGRADE}{CONNECTION}{ACCEPT}Sec-WebSocket-Protocol: one, one\r\n"), 110, "more than one"),
        (format!("{UPGRADE}{CONNECTION}{ACCEPT}Sec-WebSocket-Protocol:\r\n"), 0, ""),
        (
            format!(
                "{UPGRADE}{CONNECTION}{ACCEPT}Sec-WebSocket-Protocol: \r\nSec-WebSocket-Extensions: \r\n"
            ),
            0,
            "",
        ),
        (
            format!("{UPGRADE}{CONNECTION}{ACCEPT}Content-Length: 0\r\nContent-Length: 0\r\n"),
            110,
            "Content-Length twice",
        ),
        (format!("{UPGRADE}{CONNECTION}{ACCEPT}X: a\r\n b\r\n"), 0, ""),
        (format!("{UPGRADE}Connection: keep-alive,\r\n\tUpgrade\r\n{ACCEPT}"), 0, ""),
        (format!("{UPGRADE}{CONNECTION}Sec-WebSocket-Accept : ACCEPT\r\n"), 0, ""),
        (format!("{UPGRADE}{CONNECTION}{ACCEPT}X: a\0b\x07\r\nno colon\r\n(x): 1\r\n"), 0, ""),
        (format!("{UPGRADE}{CONNECTION}{ACCEPT}{}", "X: 1\r\n".repeat(1000)), 0, ""),
        (
            format!("{UPGRADE}{CONNECTION}{ACCEPT}{}", format!("X: {}\r\n", "x".repeat(60_000)).repeat(12)),
            0,
            "",
        ),
        (
            format!("{UPGRADE}{CONNECTION}{ACCEPT}{}", "X: 1\r\n".repeat(2001)),
            110,
            "more than 2000 header fields",
        ),
        (format!("{UPGRADE}{CONNECTION}Sec-WebSocket-Accept ACCEPT\r\n"), 110, "has no colon"),
        (
            format!("{UPGRADE}{CONNECTION}{ACCEPT}Sec-WebSocket-Protocol: a\0b\r\n"),
            110,
            "`a b`, which was not offered",
        ),
        (
            format!(
                "UPGRADE:\tWebSocket \r\nConnection: keep-alive\r\nconnection: UPGRADE\r\nsec-websocket-accept:\tACCEPT \t\r\n{ONE}"
            ),
            0,
            "",
        ),
        (
            format!(
                "{UPGRADE}{CONNECTION}{ACCEPT}Content-Length: 0\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n"
            ),
            0,
            "",
        ),
    ] {
        let head = format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n\u{0}");
        let mut text = head.into_bytes();
        text.pop();
        text.extend(b"\x88\x02\x03\xe8");
        let done = Wsio::run(["connect", &answering(text), "--subprotocol", "one"], "");
        assert_eq!(done.code, code, "{fields}: {}", done.err);
        assert!(done.err.contains(cause), "`{cause}`: {}", done.err);
    }
}

#[test]
fn versions_in_a_426_are_a_list_and_a_place_to_go_to_is_one() {
    let answer = "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Version: 7, 6\r\nContent-Length: 0\r\n\r\n";
    let done = Wsio::run(["connect", &answering(answer)], "");
    assert_eq!(done.code, 22, "{}", done.err);
    assert!(done.err.contains("it takes 8, 7, 6 alone"), "{}", done.err);
    let answer = "HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
    let done = Wsio::run(["connect", &answering(answer), "-L"], "");
    assert_eq!(done.code, 22, "{}", done.err);
    assert!(done.err.contains("Location twice"), "{}", done.err);
}

#[test]
fn a_head_in_drops_is_read_and_one_that_breaks_off_is_told() {
    let listening = Listening::start(["listen", "0", "--echo"]);
    let address = listening.address();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
    for byte in format!("GET /drops HTTP/1.1\r\nHost: {address}\r\n{REST}\r\n").bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let broken = exchange_and_leave(address, b"GET /broken HTTP/1.1\r\nHost: h\r\nX: ");
    assert!(broken.starts_with("HTTP/1.1 400 "), "{broken}");
    listening.wsio.says("refused 400: closed in the middle of a request");
}

/// Sends these bytes, says that it was all, and gives what comes back.
fn exchange_and_leave(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}
