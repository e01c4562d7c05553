//! The way to a server: detours, families, interfaces, Unix sockets; Host, SNI and certificate stay
//! the URL's.

use crate::{
    connect::echo,
    harness::{Authority, Listening, Peer, Wsio, field, serve},
};
use std::{
    net::{Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream},
    os::unix::net::UnixListener,
    thread,
    time::Duration,
};

fn port(url: &str) -> &str {
    url.trim_end_matches('/').rsplit(':').next().unwrap()
}

/// What a client with these arguments sends; `PORT` in them is the server's.
fn seen(args: &[&str]) -> String {
    let (url, peer) = serve(|mut peer| {
        peer.close(1000, "");
        peer.until_close();
        (peer.head.clone(), peer.stream.peer_addr().unwrap())
    });
    let args: Vec<String> = args.iter().map(|arg| arg.replace("PORT", port(&url))).collect();
    let done = Wsio::run(["connect".to_owned()].into_iter().chain(args.clone()), "");
    assert_eq!(done.code, 0, "{args:?}: {}", done.err);
    let (head, from) = peer.join().unwrap();
    format!("{} from {}", field(&head, "host").unwrap(), from.ip())
}

#[test]
fn a_detour_leaves_host_as_it_is() {
    for (args, expected) in [
        (&["ws://a.test:1/", "--connect-to", "a.test:1:127.0.0.1:PORT"][..], "a.test:1"),
        (&["ws://a.test/", "--connect-to", "::127.0.0.1:PORT"], "a.test"),
        (
            &["ws://a.test:PORT/", "--connect-to", "x:1:y:2", "--connect-to", "A.test::localhost:"],
            "a.test:PORT",
        ),
        (&["ws://a.test:PORT/", "--resolve", "a.test:PORT:127.0.0.1"], "a.test:PORT"),
        (&["ws://a.test:PORT/", "--resolve", "*:PORT:[::1],127.0.0.1", "-4"], "a.test:PORT"),
        (
            &[
                "ws://a.test:PORT/",
                "--resolve",
                "a.test:PORT:192.0.2.1",
                "--resolve",
                "+a.test:PORT:127.0.0.1",
            ],
            "a.test:PORT",
        ),
        (
            &[
                "ws://localhost:PORT/",
                "--resolve",
                "localhost:PORT:192.0.2.1",
                "--resolve",
                "-localhost:PORT",
            ],
            "localhost:PORT",
        ),
    ] {
        let found = seen(args);
        let (host, _) = found.split_once(' ').unwrap();
        let (name, port) = expected.split_once(':').unwrap_or((expected, ""));
        assert!(
            host == expected || port == "PORT" && host.starts_with(&format!("{name}:")),
            "{args:?}: {found}"
        );
    }
}

#[test]
fn certificate_and_sni_stay_the_urls() {
    let authority = Authority::new();
    let pair = authority.signs(&["shop.test"]);
    let (cert, key) = (pair.cert.to_str().unwrap(), pair.key.to_str().unwrap());
    let listening = Listening::start([
        "listen",
        "wss://127.0.0.1:0",
        "--echo",
        "--allow-host",
        "any",
        "--cert",
        cert,
        "--key",
        key,
    ]);
    let port = port(&listening.url);
    let (detour, known) = (format!("::127.0.0.1:{port}"), "shop.test:443:127.0.0.1");
    let ca = authority.file.to_str().unwrap();
    let ask = |url: &str, more: &[&str]| {
        let done = Wsio::run(["connect", url, "--cacert", ca, "--send", "hi", "-1"].iter().chain(more), "");
        (done.code, done.text().to_owned(), done.err)
    };
    let (code, out, err) = ask("wss://shop.test/", &["--connect-to", &detour]);
    assert_eq!((code, out.as_str()), (0, "hi\n"), "{err}");
    let elsewhere = format!(":443::{port}");
    let (code, out, err) = ask("wss://shop.test/", &["--resolve", known, "--connect-to", &elsewhere]);
    assert_eq!((code, out.as_str()), (6, ""), "--resolve is asked for the place that is gone to: {err}");
    let (code, _, err) = ask("wss://other.test/", &["--connect-to", &detour]);
    assert_eq!(code, 60, "{err}");
    assert!(err.contains("other.test") && err.contains("shop.test"), "{err}");
}

#[test]
fn a_unix_socket_stands_for_any_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listening = Listening::start(["listen", "--echo", &format!("unix:{}", path.display())]);
    let path = path.to_str().unwrap();
    for url in ["ws://a.test/x", "ws+unix:/nowhere"] {
        let done = Wsio::run(["connect", url, "--unix-socket", path, "--send", "hi", "-1"], "");
        let expected = if url.starts_with("ws:") { (0, "hi\n") } else { (2, "") };
        assert_eq!((done.code, done.text()), expected, "{}", done.err);
    }
    drop(listening);
    // TLS over it, and a proxy of the environment that does not count.
    let authority = Authority::new();
    let pair = authority.signs(&["a.test"]);
    let path = folder.path().join("t");
    let behind = Listening::start([
        "listen",
        "wss://127.0.0.1:0",
        "--echo",
        "--allow-host",
        "any",
        "--cert",
        pair.cert.to_str().unwrap(),
        "--key",
        pair.key.to_str().unwrap(),
    ]);
    let socket = UnixListener::bind(&path).unwrap();
    let address = behind.address().to_owned();
    thread::spawn(move || {
        let (client, server) = (socket.accept().unwrap().0, TcpStream::connect(address).unwrap());
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut from, &mut to));
        std::io::copy(&mut &server, &mut &client)
    });
    let ca = authority.file.to_str().unwrap();
    let done = Wsio::run_with(
        &[("all_proxy", "http://127.0.0.1:1")],
        [
            "connect",
            "wss://a.test/",
            "--unix-socket",
            path.to_str().unwrap(),
            "--cacert",
            ca,
            "--send",
            "hi",
            "-1",
        ],
    );
    assert_eq!((done.code, done.text()), (0, "hi\n"), "{}", done.err);
}

#[test]
fn one_family_alone_is_used() {
    let done = Wsio::run(["connect", "ws://127.0.0.1:1/", "-6"], "");
    assert_eq!(done.code, 6, "{}", done.err);
    assert!(
        done.err.contains("127.0.0.1 has no IPv6 address") && done.err.contains("leave -6 out"),
        "{}",
        done.err
    );
    let both = |family: &str| {
        let done =
            Wsio::run(["connect", "ws://a.test:1/", "--resolve", "a.test:1:127.0.0.1,::1", family], "");
        assert_eq!(done.code, 7, "{}", done.err);
        (done.err.contains("127.0.0.1:1: "), done.err.contains("[::1]:1: "))
    };
    assert_eq!((both("-4"), both("-6")), ((true, false), (false, true)));
}

#[cfg(target_os = "linux")]
#[test]
fn the_interface_is_where_it_comes_from() {
    assert!(seen(&["ws://localhost:PORT/", "--interface", "127.0.0.7"]).ends_with(" from 127.0.0.7"));
    assert!(seen(&["ws://127.0.0.1:PORT/", "--interface", "lo"]).ends_with(" from 127.0.0.1"));
    for interface in ["192.0.2.1", "no-such-if0"] {
        let done = Wsio::run(["connect", "ws://127.0.0.1:1/", "--interface", interface], "");
        assert_eq!(done.code, 7, "{}", done.err);
        assert!(done.err.contains(&format!("cannot bind to --interface {interface}: ")), "{}", done.err);
    }
}

/// A listening socket of IPv6 loopback whose queue is full: who connects now gets no answer at all.
#[cfg(target_os = "linux")]
fn black_hole() -> (rustix::fd::OwnedFd, Vec<TcpStream>, u16) {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
    let silent = socket(AddressFamily::INET6, SocketType::STREAM, None).unwrap();
    bind(&silent, &SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0)).unwrap();
    listen(&silent, 0).unwrap();
    let address = SocketAddr::try_from(getsockname(&silent).unwrap()).unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        waiting.push(stream);
        assert!(waiting.len() < 1000, "the queue never fills");
    }
    (silent, waiting, address.port())
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_whose_ipv6_is_a_black_hole_connects_by_ipv4() {
    let Ok(_) = TcpListener::bind("[::1]:0") else { return };
    // The same port of IPv4 has to be free.
    let (_silent, _waiting, port, listener) = (0..20)
        .find_map(|_| {
            let (silent, waiting, port) = black_hole();
            let listener = TcpListener::bind(("127.0.0.1", port)).ok()?;
            Some((silent, waiting, port, listener))
        })
        .expect("a port that is free for both families");
    let peer = thread::spawn(move || echo(Peer::accept(&listener)));
    let (url, resolve) = (format!("ws://a.test:{port}/"), format!("a.test:{port}:::1,127.0.0.1"));
    // Without the race this would be 28: the first address never answers.
    let args =
        ["connect", &url, "--resolve", &resolve, "--connect-timeout", "10s", "--json", "--send", "hi", "-1"];
    let done = Wsio::run(args, "");
    assert_eq!(done.code, 0, "{}", done.err);
    peer.join().unwrap();
    let open: serde_json::Value = serde_json::from_str(done.text().lines().next().unwrap()).unwrap();
    assert_eq!(open["peer"], format!("127.0.0.1:{port}"));
    let took = open["timings"]["tcp"].as_f64().unwrap();
    assert!((250.0..5000.0).contains(&took), "the head start, and not the whole deadline: {took} ms");
}

#[cfg(target_os = "linux")]
#[test]
fn a_link_local_address_has_a_zone() {
    let done = Wsio::run(["connect", "ws://[fe80::1%25no-such-if]:1/"], "");
    assert_eq!(done.code, 6, "{}", done.err);
    assert!(done.err.contains("fe80::1%no-such-if"), "{}", done.err);
    // Loopback has no link-local address, but any address may have the number of an interface.
    let Ok(listener) = TcpListener::bind("[::1]:0") else { return };
    let port = listener.local_addr().unwrap().port();
    let peer = thread::spawn(move || {
        let peer = Peer::accept(&listener);
        let head = peer.head.clone();
        echo(peer);
        head
    });
    let done = Wsio::run(["connect", &format!("ws://[::1%251]:{port}/"), "--send", "hi", "-1"], "");
    assert_eq!((done.code, done.text()), (0, "hi\n"), "{}", done.err);
    assert_eq!(field(&peer.join().unwrap(), "host"), Some(format!("[::1]:{port}")), "the zone is not sent");
}
