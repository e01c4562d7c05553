//! Proxies: the tunnel, logins, whom the environment names, and how a refusal is told.

use crate::{
    connect::echo,
    harness::{
        Authority, Listening, NAME, Peer, Proxy, Wsio, accept_bounded, field, greeting, read_head, serve,
        serve_many, tls_front,
    },
};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha1::{Digest, Sha1};
use std::{fs, io::Write, net::TcpListener, thread};

/// `PORT` of a URL.
fn port(url: &str) -> &str {
    url.trim_end_matches('/').rsplit(':').next().unwrap()
}

/// An echo server for one client; gives its port, and the head of the request it got.
fn server() -> (String, thread::JoinHandle<String>) {
    let (url, peer) = serve(|peer| {
        let head = peer.head.clone();
        echo(peer);
        head
    });
    (port(&url).to_owned(), peer)
}

#[test]
fn a_tunnel_is_asked_for_and_the_server_sees_nothing_of_it() {
    let (proxy, (port, peer)) = (Proxy::http(None), server());
    let url = format!("ws://{NAME}:{port}/x");
    let done = Wsio::run(["connect", "-x", &proxy.address, &url, "-v", "--send", "hi", "-1"], "");
    assert_eq!((done.code, done.text()), (0, "hi\n"), "{}", done.err);
    let asked = proxy.next();
    assert!(asked.starts_with(&format!("CONNECT {NAME}:{port} HTTP/1.1\r\n")), "{asked}");
    assert_eq!(field(&asked, "host"), Some(format!("{NAME}:{port}")));
    assert_eq!(field(&asked, "proxy-authorization"), None);
    let head = peer.join().unwrap();
    assert!(head.starts_with("GET /x HTTP/1.1\r\n"), "{head}");
    assert_eq!(field(&head, "host"), Some(format!("{NAME}:{port}")));
    let lines = [
        format!("* through the proxy http://{}\n", proxy.address),
        format!("* proxy > CONNECT {NAME}:{port} HTTP/1.1\n"),
        "* proxy < HTTP/1.1 200 Connection established\n".to_owned(),
        "* proxy < X-Via: test\n".to_owned(),
    ];
    for line in lines {
        assert!(done.err.contains(&line), "{line}: {}", done.err);
    }
}

#[test]
fn a_login_is_sent_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("login");
    fs::write(&file, "me:s3cret w@rd\n").unwrap();
    let from_file = format!("@{}", file.display());
    let proxy = Proxy::http(Some("me:s3cret w@rd"));
    let address = &proxy.address;
    let in_url = format!("http://me:s3cret%20w%40rd@{address}");
    for more in [&["-x", &in_url][..], &["-x", address, "--proxy-user", &from_file]] {
        let (port, _peer) = server();
        let url = format!("ws://{NAME}:{port}/");
        let done = Wsio::run(["connect", &url, "-v", "--send", "hi", "-1"].iter().chain(more), "");
        assert_eq!((done.code, done.text()), (0, "hi\n"), "{}", done.err);
        assert!(done.err.contains("Proxy-Authorization: Basic [hidden]"), "{}", done.err);
        for secret in ["s3cret", "bWU6czNjcmV0"] {
            assert!(!done.err.contains(secret), "{}", done.err);
        }
        proxy.next();
    }
    for (login, hint) in [(None, "--proxy-user"), (Some("me:s3cret"), "did not take them")] {
        let login = login.map_or(vec![], |login| vec!["--proxy-user", login]);
        let done = Wsio::run(["connect", "ws://h/", "-x", address].iter().chain(&login), "");
        assert_eq!(done.code, 97, "{}", done.err);
        for part in ["407 Proxy Authentication Required", "proxy-authenticate: Basic", "who are you", hint] {
            assert!(done.err.contains(part), "{part}: {}", done.err);
        }
        assert!(!done.err.contains("s3cret"), "{}", done.err);
    }
}

#[test]
fn a_refusal_is_97_and_names_the_next_step() {
    for (answer, parts) in [
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope",
            &["403 Forbidden", "nope", "ask whoever"][..],
        ),
        ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", &["502", "cannot reach h:80"]),
        ("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n", &["405", "CONNECT"]),
        ("HTTP/1.1 407 Who\r\nProxy-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n", &["wants ntlm"]),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://login/\r\nContent-Length: 0\r\n\r\n",
            &["302", "location: http://login/"],
        ),
        ("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", &["101"]),
        (
            "HTTP/1.1 407 Log in\r\nProxy-Authenticate: Negotiate, Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n",
            &["answered 407 Log in to CONNECT", "--proxy-user NAME:PASSWORD"],
        ),
        (
            "HTTP/1.1 403 Policy 7\r\nX: a\r\n b\r\nno colon\r\nY: \0\r\n\r\nnope",
            &["answered 403 Policy 7 to", "x: a b", "nope", "(left out: line", "no colon"],
        ),
        ("HTTP/1.1 403 F\r\nContent-Length: 9\r\n\r\nnope", &["nope", "(left out: the rest of the body"]),
        ("HTTP/1.1 4o3 x\r\n\r\n", &["a status line that cannot be read: `HTTP/1.1 4o3 x`"]),
        ("HTTP/1.1 200 OK\r\nX: ", &["closed the connection in the head of its answer `HTTP/1.1 200 OK`"]),
        ("SSH-2.0-x\r\n", &["does not answer in HTTP", "socks5h://"]),
        ("", &["closed the connection before any answer"]),
    ] {
        let proxy = Proxy::answering(answer);
        let done = Wsio::run(["connect", "ws://h/", "-x", &proxy.address], "x\n");
        assert_eq!((done.code, done.text()), (97, ""), "{answer}: {}", done.err);
        for part in parts.iter().chain(&["wsio: proxy: http://127.0.0.1:"]) {
            assert!(done.err.contains(part), "{part}: {}", done.err);
        }
    }
}

#[test]
fn every_2xx_to_connect_is_the_tunnel_whatever_its_head_says() {
    let many = "X: 1\r\n".repeat(150);
    for head in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\nContent-Length: 500\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\nno colon\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\nContent-Length: 3\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 299 Yes\r\nConnection: close\r\n\r\n",
        &format!("HTTP/1.1 200 OK\r\n{many}\r\n"),
    ] {
        let head = head.to_owned();
        let (url, _) = serve_many(move |listener| {
            let mut stream = accept_bounded(listener);
            read_head(&mut stream);
            stream.write_all(head.as_bytes()).unwrap();
            let asked = read_head(&mut stream);
            let key = field(&asked, "sec-websocket-key").unwrap();
            let accept =
                BASE64_STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
            let answer = format!(
                "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            stream.write_all(&[answer.as_bytes(), b"\x81\x05hello\x88\x02\x03\xe8"].concat()).unwrap();
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
        let proxy = url.replace("ws://", "http://");
        let done = Wsio::run(["connect", "ws://example.test/", "--connect-timeout", "5s", "-x", &proxy], "");
        assert_eq!((done.code, done.text()), (0, "hello\n"), "{}", done.err);
    }
}

#[test]
fn socks_without_a_version_names_the_one_that_is_meant() {
    let (server, proxy) = (server(), Proxy::socks(None));
    let url = format!("ws://{NAME}:{}/", server.0);
    let written = format!("socks://{}/", proxy.address);
    let done = Wsio::run_with(&[("ALL_PROXY", &written)], ["connect", &url]);
    let meant = format!("socks5h://{}", proxy.address);
    assert_eq!(done.code, 3, "{}", done.err);
    assert!(done.err.contains(&format!("try: ALL_PROXY={meant}, or --proxy {meant}")), "{}", done.err);
    let done = Wsio::run(["connect", &url, "--proxy", &written], "");
    assert!(done.code == 2 && done.err.contains(&format!("try: --proxy {meant}")), "{}", done.err);
    let done = Wsio::run(["connect", &url, "--proxy", &meant, "--send", "hi", "-1"], "");
    assert_eq!((done.code, done.text()), (0, "hi\n"), "{}", done.err);
}

#[test]
fn a_proxy_that_says_nothing_is_given_up_and_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for scheme in ["http", "socks5h"] {
        let proxy = format!("{scheme}://{address}");
        let done = Wsio::run(["connect", "ws://h/", "-x", &proxy, "--connect-timeout", "300ms"], "");
        assert_eq!(done.code, 28, "{}", done.err);
        assert!(done.err.contains(&format!("proxy: ws://h/ through {proxy}: no answer")), "{}", done.err);
    }
}

#[test]
fn a_proxy_that_is_not_there_is_told_from_a_server_that_is_not() {
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let done = Wsio::run(["connect", "ws://h/", "-x", "socks5://no-such-proxy.invalid"], "");
    assert_eq!(done.code, 5, "{}", done.err);
    assert!(done.err.contains("no-such-proxy.invalid") && done.err.contains("check --proxy"), "{}", done.err);
    let done = Wsio::run_with(&[("all_proxy", &nobody)], ["connect", "ws://h/"]);
    assert_eq!(done.code, 7, "{}", done.err);
    for part in ["(from all_proxy)", "connection refused", "--proxy ''"] {
        assert!(done.err.contains(part), "{part}: {}", done.err);
    }
}

#[test]
fn the_environment_names_proxies_as_for_curl() {
    let authority = Authority::new();
    let pair = authority.signs(&["localhost"]);
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (cert, key) = (text(&pair.cert), text(&pair.key));
    let secure = Listening::start(["listen", "wss://127.0.0.1:0", "--echo", "--cert", &cert, "--key", &key]);
    let plain = Listening::start(["listen", "0", "--echo"]);
    let (ws, wss) =
        (format!("ws://localhost:{}/", port(&plain.url)), format!("wss://localhost:{}/", port(&secure.url)));
    let proxy = Proxy::http(None);
    let at = proxy.address.as_str();
    let dead = "http://127.0.0.1:1";
    for (env, url, more, through) in [
        (&[("http_proxy", at)][..], &ws, &[][..], true),
        (&[("https_proxy", at)], &wss, &[], true),
        (&[("HTTPS_PROXY", at)], &wss, &[], true),
        (&[("all_proxy", at)], &wss, &[], true),
        (&[("ALL_PROXY", at)], &ws, &[], true),
        (&[("HTTP_PROXY", dead)], &ws, &[], false),
        (&[("http_proxy", dead)], &wss, &[], false),
        (&[("https_proxy", dead)], &ws, &[], false),
        (&[("http_proxy", dead), ("no_proxy", "a, localhost")], &ws, &[], false),
        (&[("http_proxy", dead), ("NO_PROXY", "*")], &ws, &[], false),
        (&[("http_proxy", dead)], &ws, &["--noproxy", ".localhost"], false),
        (&[("http_proxy", at), ("no_proxy", "localhost")], &ws, &["--noproxy", ""], true),
        (&[("http_proxy", dead)], &ws, &["--proxy", ""], false),
        (&[("http_proxy", dead)], &ws, &["--proxy", at], true),
        (&[("no_proxy", "localhost")], &ws, &["--proxy", dead], false),
    ] {
        let args = ["connect", url, "--cacert", authority.file.to_str().unwrap(), "--send", "hi", "-1"];
        let done = Wsio::run_with(env, args.iter().chain(more));
        assert_eq!((done.code, done.text()), (0, "hi\n"), "{env:?} {url} {more:?}: {}", done.err);
        match through {
            true => assert!(proxy.next().starts_with("CONNECT localhost:"), "{env:?}"),
            false => assert!(proxy.is_unused(), "{env:?} {more:?}"),
        }
    }
    // The server inside the process is no business of a proxy's.
    let done = Wsio::run_with(&[("all_proxy", dead)], ["connect", "echo:", "--send", "hi", "-1"]);
    assert_eq!((done.code, done.text()), (0, "hi\n"), "{}", done.err);
    let done = Wsio::run_with(&[("http_proxy", "socks4://h")], ["connect", &ws]);
    assert_eq!(done.code, 3, "{}", done.err);
    assert!(done.err.contains("http_proxy: ") && done.err.contains("socks4"), "{}", done.err);
}

#[test]
fn socks_looks_names_up_here_or_there() {
    let proxy = Proxy::socks(None);
    let ask = |scheme: &str, host: &str, more: &[&str]| {
        let (port, _peer) = server();
        let (at, url) = (format!("{scheme}://{}", proxy.address), format!("ws://{host}:{port}/"));
        let resolve = format!("{NAME}:{port}:127.0.0.1");
        let args = ["connect", "-x", &at, &url, "--send", "hi", "-1", "-v", "--resolve", &resolve];
        let done = Wsio::run(args.iter().chain(more), "");
        assert_eq!((done.code, done.text()), (0, "hi\n"), "{}", done.err);
        assert!(done.err.contains("* proxy < succeeded"), "{}", done.err);
        proxy.next()
    };
    assert_eq!(ask("socks5h", NAME, &[]), format!("name {NAME}"));
    assert_eq!(ask("socks5", NAME, &[]), "v4 127.0.0.1");
    assert_eq!(ask("socks5h", "127.0.0.1", &[]), "v4 127.0.0.1");
    // A name that only the proxy knows is not found here.
    let at = format!("socks5://{}", proxy.address);
    let done = Wsio::run(["connect", "-x", &at, "ws://no-such-host.invalid/"], "");
    assert_eq!(done.code, 6, "{}", done.err);
}

#[test]
fn socks_logs_in_with_name_and_password() {
    let proxy = Proxy::socks(Some("me:s3cret"));
    let at = format!("socks5h://me:s3cret@{}", proxy.address);
    let (port, _peer) = server();
    let url = format!("ws://{NAME}:{port}/");
    let done = Wsio::run(["connect", "-x", &at, &url, "-v", "--send", "hi", "-1"], "");
    assert_eq!((done.code, done.text()), (0, "hi\n"), "{}", done.err);
    assert!(!done.err.contains("s3cret") && done.err.contains("name and password [hidden]"), "{}", done.err);
    assert_eq!(proxy.next(), format!("name {NAME}"));
    for (login, cause) in [("", "wants a login"), ("me:wr0ng@", "does not take this name and password")] {
        let at = format!("socks5h://{login}{}", proxy.address);
        let done = Wsio::run(["connect", "-x", &at, &url], "");
        assert_eq!(done.code, 97, "{}", done.err);
        assert!(done.err.contains(cause) && !done.err.contains("wr0ng"), "{}", done.err);
    }
}

#[test]
fn socks_replies_are_told_in_words() {
    for (reply, words) in [
        (1, "general failure"),
        (2, "not allowed"),
        (3, "network unreachable"),
        (4, "host unreachable"),
        (5, "connection refused"),
        (6, "time to live"),
        (7, "does not connect for anyone"),
        (8, "kind of address"),
        (99, "reason 99"),
    ] {
        let proxy = Proxy::socks_replying(reply, "");
        let done = Wsio::run(["connect", "-x", &format!("socks5h://{}", proxy.address), "ws://h/"], "");
        assert_eq!(done.code, 97, "{}", done.err);
        assert!(done.err.contains(words) && done.err.contains("h:80"), "{reply}: {}", done.err);
    }
    let web = greeting("HTTP/1.1 400 Bad Request\r\n\r\n");
    let done = Wsio::run(["connect", "-x", &format!("socks5h://{web}"), "ws://h/"], "");
    assert_eq!(done.code, 97, "{}", done.err);
    assert!(done.err.contains("does not answer in SOCKS5") && done.err.contains("http://"), "{}", done.err);
}

#[test]
fn an_https_proxy_is_trusted_by_its_own_roots() {
    let authority = Authority::new();
    let proxy = Proxy::http(Some("me:pw"));
    let front = tls_front(&authority.signs(&["localhost"]), proxy.address.clone());
    let at = format!("https://me:pw@localhost:{}", front.port());
    let ca = authority.file.to_str().unwrap();
    for more in [&["--proxy-cacert", ca][..], &["--proxy-insecure"]] {
        let (port, _peer) = server();
        let url = format!("ws://{NAME}:{port}/");
        let done = Wsio::run(["connect", "-x", &at, &url, "-v", "--send", "hi", "-1"].iter().chain(more), "");
        assert_eq!((done.code, done.text()), (0, "hi\n"), "{}", done.err);
        assert!(done.err.contains("* proxy: TLS 1.3"), "{}", done.err);
        assert!(proxy.next().starts_with("CONNECT "));
    }
    // The roots and the -k of the server do not count for the proxy.
    for more in [&["--cacert", ca][..], &["-k"]] {
        let done = Wsio::run(["connect", "-x", &at, "ws://h/"].iter().chain(more), "");
        assert_eq!(done.code, 60, "{}", done.err);
        assert!(
            done.err.contains("wsio: proxy: https://localhost:") && done.err.contains("--proxy-cacert"),
            "{}",
            done.err
        );
    }
    // The wrong scheme, both ways.
    let plain = Listening::start(["listen", "0", "--echo"]);
    let at = format!("https://{}", plain.address());
    let done = Wsio::run(["connect", "-x", &at, "ws://h/", "--proxy-insecure"], "");
    assert_eq!(done.code, 35, "{}", done.err);
    assert!(done.err.contains("http:// in front"), "{}", done.err);
    let done = Wsio::run(["connect", "-x", &format!("http://{front}"), "ws://h/"], "");
    assert_eq!(done.code, 97, "{}", done.err);
    assert!(done.err.contains("https:// or socks5h://"), "{}", done.err);
}

#[test]
fn a_far_end_that_speaks_first_loses_nothing() {
    // The proxy's answer and the far end's first bytes come in one piece.
    let http = Proxy::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nSSH-2.0-early\r\n");
    let socks = Proxy::socks_replying(0, "SSH-2.0-early\r\n");
    for at in [http.address.clone(), format!("socks5h://{}", socks.address)] {
        let done = Wsio::run(["pipe", "-", "tcp:h:22", "-x", &at], "");
        assert_eq!((done.code, done.text()), (0, "SSH-2.0-early\r\n"), "{at}: {}", done.err);
    }
}

#[test]
fn every_client_side_goes_through_it() {
    let proxy = Proxy::http(None);
    let all = [("all_proxy", proxy.address.as_str())];
    // tcp: heeds all_proxy, and not what is for http alone.
    let far = greeting("hello\n");
    let goal = format!("tcp:{NAME}:{}", far.port());
    let mut wsio = Wsio::spawn(
        std::process::Command::new(env!("CARGO_BIN_EXE_wsio"))
            .args(["pipe", "-", &goal])
            .env("all_proxy", &proxy.address)
            .env("http_proxy", "http://127.0.0.1:1"),
    );
    crate::harness::eventually("the greeting", || wsio.out_so_far() == b"hello\n");
    wsio.close_stdin();
    drop(wsio);
    assert!(proxy.next().starts_with(&format!("CONNECT {NAME}:")));

    let (port, _peer) = server();
    let url = format!("ws://{NAME}:{port}/");
    let done = Wsio::run_with(&all, ["pipe", "-", &url, "--send", "hi", "-1"]);
    assert_eq!((done.code, done.text()), (0, "hi"), "{}", done.err);
    assert!(proxy.next().starts_with(&format!("CONNECT {NAME}:")));

    let (port, _peer) = server();
    let url = format!("ws://{NAME}:{port}/");
    let bridge = Listening::start(["listen", "0", "--to", &url, "-x", &proxy.address]);
    let mut client = Peer::dial(bridge.address());
    client.text("hi");
    assert_eq!(client.message().as_deref(), Some(&b"hi"[..]));
    assert!(proxy.next().starts_with(&format!("CONNECT {NAME}:{port} ")));
}

#[test]
fn how_long_the_tunnel_took_is_on_record() {
    let (proxy, (port, _peer)) = (Proxy::http(None), server());
    let url = format!("ws://{NAME}:{port}/");
    let done = Wsio::run(["connect", "--json", "-x", &proxy.address, &url, "--send", "hi", "-1"], "");
    assert_eq!(done.code, 0, "{}", done.err);
    let open: serde_json::Value = serde_json::from_str(done.text().lines().next().unwrap()).unwrap();
    assert!(open["timings"]["proxy"].is_number(), "{open}");
}

#[test]
fn what_would_do_nothing_is_refused() {
    for args in [
        &["connect", "echo:", "-x", "h"][..],
        &["connect", "ws+unix:/s", "--noproxy", "h"],
        &["connect", "ws+unix:/s", "-4"],
        &["connect", "echo:", "-L"],
        &["connect", "ws://h", "-x", "", "--proxy-user", "a:b"],
        &["connect", "ws://h", "-x", "h", "--proxy-insecure"],
        &["connect", "ws://h", "--proxy-user", "a"],
        &["connect", "ws://h", "--unix-socket", "/s", "-x", "h"],
        &["connect", "ws://h", "--unix-socket", "/s", "--resolve", "h:1:127.0.0.1"],
        &["connect", "ws://h", "-4", "-6"],
        &["pipe", "-", "unix:/s", "-x", "h"],
        &["pipe", "tcp-listen:0", "exec:cat", "--interface", "lo"],
        &["pipe", "-", "tcp:h:1", "-L"],
        &["pipe", "-", "tcp:h:1", "--pin", "sha256//AAAA"],
        &["listen", "0", "-x", "h"],
        &["listen", "0", "--to", "exec:cat", "-x", "h"],
        &["listen", "0", "--to", "tcp:h:1", "-L"],
        &["listen", "0", "--tls-min", "1.3"],
    ] {
        let done = Wsio::run(args, "");
        assert_eq!(done.code, 2, "{args:?}: {}", done.err);
    }
}
