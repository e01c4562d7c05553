//! `-L`: how far a redirect is followed, and what is not taken along.

mod matrix;

use crate::{
    connect::echo,
    harness::{Authority, Listening, Peer, Wsio, accept_bounded, field, read_head},
};
use std::{
    io::Write,
    net::{TcpListener, TcpStream},
    thread::{self, JoinHandle},
};

/// Answers each of the next requests with a redirect there; gives the heads it got.
fn redirecting(listener: TcpListener, locations: Vec<String>) -> JoinHandle<Vec<String>> {
    thread::spawn(move || {
        let redirect = |location: String| {
            let mut stream = accept_bounded(&listener);
            let head = read_head(&mut stream);
            answer(&mut stream, &location);
            head
        };
        locations.into_iter().map(redirect).collect()
    })
}

fn answer(stream: &mut TcpStream, location: &str) {
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(answer.as_bytes()).unwrap();
}

fn bound() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// An echo server for one client; gives its address, and the head of the request it got.
fn server() -> (String, JoinHandle<String>) {
    let (listener, address) = bound();
    let peer = thread::spawn(move || {
        let peer = Peer::accept(&listener);
        let head = peer.head.clone();
        echo(peer);
        head
    });
    (address, peer)
}

#[test]
fn redirects_are_followed_and_shown() {
    let (listener, first) = bound();
    let (last, peer) = server();
    let locations = vec!["/b?c".to_owned(), format!("http://{last}/d#top")];
    let heads = redirecting(listener, locations);
    let url = format!("ws://{first}/a");
    let done = Wsio::run(["connect", "-L", &url, "--send", "hi", "-1", "-v"], "");
    assert_eq!((done.code, done.text()), (0, "hi\n"), "{}", done.err);
    let lines: Vec<String> = heads
        .join()
        .unwrap()
        .iter()
        .chain([&peer.join().unwrap()])
        .map(|head| head.lines().next().unwrap().to_owned())
        .collect();
    assert_eq!(lines, ["GET /a HTTP/1.1", "GET /b?c HTTP/1.1", "GET /d HTTP/1.1"]);
    for line in
        [format!("* 302 Found: on to ws://{first}/b?c\n"), format!("* 302 Found: on to ws://{last}/d\n")]
    {
        assert!(done.err.contains(&line), "{line}: {}", done.err);
    }
}

#[test]
fn without_dash_l_the_hint_says_so() {
    let (listener, address) = bound();
    let heads = redirecting(listener, vec!["/b".to_owned()]);
    let done = Wsio::run(["connect", &format!("ws://{address}/a")], "");
    assert_eq!(done.code, 22, "{}", done.err);
    assert!(done.err.contains(&format!("-L to follow it to ws://{address}/b")), "{}", done.err);
    assert_eq!(heads.join().unwrap().len(), 1);
}

#[test]
fn the_sixth_redirect_is_47() {
    let (listener, address) = bound();
    let heads = redirecting(listener, vec!["/again".to_owned(); 6]);
    let done = Wsio::run(["connect", "-L", &format!("ws://{address}/")], "");
    assert_eq!(done.code, 47, "{}", done.err);
    assert_eq!(heads.join().unwrap().len(), 6);
}

#[test]
fn credentials_stay_with_scheme_host_and_port() {
    let secrets =
        ["-H", "Cookie: a=s3cret", "-H", "X-Tenant: 7", "--bearer", "s3cret", "--subprotocol", "chat"];
    // To the same place: all of it. To another port: nothing of it. Back again: all of it.
    let (listener, first) = bound();
    let (other, second) = bound();
    let (last, peer) = server();
    let heads = redirecting(
        listener,
        vec!["/same".to_owned(), format!("http://{second}/"), format!("http://{last}/")],
    );
    let back = redirecting(other, vec![format!("http://{first}/back")]);
    let url = format!("ws://{first}/");
    let done = Wsio::run(["connect", "-L", &url, "--send", "hi", "-1", "-v"].iter().chain(&secrets), "");
    assert_eq!(done.code, 0, "{}", done.err);
    let heads: Vec<String> =
        heads.join().unwrap().into_iter().chain(back.join().unwrap()).chain([peer.join().unwrap()]).collect();
    let has = |head: &String| {
        let secret = head.contains("s3cret");
        assert_eq!(field(head, "authorization").is_some(), secret, "{head}");
        assert_eq!(field(head, "cookie").is_some(), secret, "{head}");
        assert_eq!(field(head, "x-tenant").as_deref(), Some("7"), "{head}");
        assert_eq!(field(head, "sec-websocket-protocol").as_deref(), Some("chat"), "{head}");
        secret
    };
    // First, same, back from the other; then the other, then the last.
    assert_eq!(heads.iter().map(has).collect::<Vec<_>>(), [true, true, true, false, false]);
    assert!(done.err.contains("not sent there: cookie, authorization"), "{}", done.err);
    assert!(!done.err.contains("s3cret"), "{}", done.err);
}

#[test]
fn a_login_in_the_url_stays_too() {
    let (listener, first) = bound();
    let (last, peer) = server();
    let heads = redirecting(listener, vec!["/same".to_owned(), format!("http://{last}/")]);
    let done = Wsio::run(["connect", "-L", &format!("ws://me:pw@{first}/"), "--send", "hi", "-1"], "");
    assert_eq!(done.code, 0, "{}", done.err);
    let logins: Vec<bool> = heads
        .join()
        .unwrap()
        .iter()
        .chain([&peer.join().unwrap()])
        .map(|head| field(head, "authorization").is_some())
        .collect();
    assert_eq!(logins, [true, true, false]);
}

#[test]
fn tls_is_never_left() {
    let (plain, address) = bound();
    let (listener, inner) = bound();
    let authority = Authority::new();
    let front = crate::harness::tls_front(&authority.signs(&["localhost"]), inner);
    let heads = redirecting(listener, vec![format!("http://{address}/x")]);
    let (url, ca) = (format!("wss://localhost:{}/", front.port()), authority.file.to_str().unwrap());
    let done = Wsio::run(["connect", "-L", &url, "--cacert", ca], "");
    assert_eq!(done.code, 22, "{}", done.err);
    assert!(done.err.contains(&format!("`http://{address}/x` would leave TLS")), "{}", done.err);
    heads.join().unwrap();
    plain.set_nonblocking(true).unwrap();
    assert!(plain.accept().is_err(), "nobody came");
}

#[test]
fn a_plain_server_may_lead_to_tls() {
    let authority = Authority::new();
    let pair = authority.signs(&["localhost"]);
    let (cert, key) = (pair.cert.to_str().unwrap(), pair.key.to_str().unwrap());
    let secure = Listening::start(["listen", "wss://127.0.0.1:0", "--echo", "--cert", cert, "--key", key]);
    let (listener, address) = bound();
    let port = secure.address().rsplit(':').next().unwrap().to_owned();
    let heads = redirecting(listener, vec![format!("https://localhost:{port}/")]);
    let (url, ca) = (format!("ws://{address}/"), authority.file.to_str().unwrap());
    let done = Wsio::run(["connect", "-L", &url, "--cacert", ca, "--send", "hi", "-1", "--json"], "");
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.text().contains(&format!("\"url\":\"wss://localhost:{port}/\"")), "{}", done.text());
    heads.join().unwrap();
}

#[test]
fn a_location_that_leads_nowhere_is_22() {
    for (location, cause) in
        [("ftp://h/", "nothing that speaks WebSocket"), ("http://h:99999/", "cannot be followed")]
    {
        let (listener, address) = bound();
        let heads = redirecting(listener, vec![location.to_owned()]);
        let done = Wsio::run(["connect", "-L", &format!("ws://{address}/")], "");
        assert_eq!(done.code, 22, "{}", done.err);
        assert!(done.err.contains(location) && done.err.contains(cause), "{}", done.err);
        heads.join().unwrap();
    }
}
