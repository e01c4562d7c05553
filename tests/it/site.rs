//! `listen --serve`: which files are answered, how, and to whom.

mod transfers;

use crate::{
    harness::{Authority, Browser, Listening, Peer, Wsio, eventually},
    listen::exchange,
};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

const SECRET: &str = "nobody may read this";

/// A folder to serve, with things beside it and in it that are not to be served.
struct Web {
    home: TempDir,
    path: PathBuf,
}

impl Web {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("web");
        fs::create_dir_all(path.join("sub/deep")).unwrap();
        fs::create_dir(path.join(".git")).unwrap();
        for (name, content) in [
            ("web/index.html", "<h1>home</h1>"),
            ("web/app.js", "let app"),
            ("web/sub/index.html", "<h1>sub</h1>"),
            ("web/sub/a b&ü.txt", "odd name"),
            ("web/.env", SECRET),
            ("web/.git/config", SECRET),
            ("secret.txt", SECRET),
        ] {
            fs::write(home.path().join(name), content).unwrap();
        }
        symlink("../../secret.txt", path.join("sub/out.txt")).unwrap();
        symlink(home.path(), path.join("outside")).unwrap();
        symlink("../app.js", path.join("sub/in.js")).unwrap();
        mknodat(CWD, path.join("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        Self { home, path }
    }

    fn serve(&self, more: &[&str]) -> Listening {
        let args = ["listen", "0", "--echo", "--serve", self.path.to_str().unwrap()];
        Listening::start(args.iter().chain(more))
    }

    /// A sparse file of that many bytes, whose last one is `!`.
    fn large(&self, name: &str, length: u64) -> u64 {
        use std::os::unix::fs::FileExt;
        let file = fs::File::create(self.path.join(name)).unwrap();
        file.write_all_at(b"!", length - 1).unwrap();
        length
    }
}

#[test]
fn a_page_and_its_socket_come_from_one_address() {
    let web = Web::new();
    let listening = web.serve(&[]);
    let url = format!("http://{}/", listening.address());
    assert_eq!(listening.wsio.says("serving "), format!("{} on {url}", web.path.display()));
    for (path, kind, content) in [
        ("/", "text/html; charset=utf-8", "<h1>home</h1>"),
        ("/index.html", "text/html; charset=utf-8", "<h1>home</h1>"),
        ("/?query", "text/html; charset=utf-8", "<h1>home</h1>"),
        ("/app.js", "text/javascript; charset=utf-8", "let app"),
        ("/sub/in.js", "text/javascript; charset=utf-8", "let app"),
        ("/sub/", "text/html; charset=utf-8", "<h1>sub</h1>"),
        ("/sub/a%20b&%C3%BC.txt", "text/plain; charset=utf-8", "odd name"),
    ] {
        let answer = Browser::once(listening.address(), &format!("GET {path}"), &[]);
        assert_eq!((answer.status(), answer.text()), (200, content), "{path}: {}", answer.head);
        assert_eq!(answer.field("content-type").as_deref(), Some(kind), "{path}");
        assert_eq!(answer.field("x-content-type-options").as_deref(), Some("nosniff"));
        assert_eq!(answer.field("cross-origin-resource-policy").as_deref(), Some("same-origin"));
        assert!(answer.field("etag").is_some() && answer.field("last-modified").is_some());
        assert_eq!(answer.field("access-control-allow-origin"), None);
    }
    for path in ["/", "/app.js", "/anything?x"] {
        let mut peer = Peer::dial_with(listening.address(), path, &[]);
        peer.text("over the socket");
        assert_eq!(peer.message().unwrap(), b"over the socket");
    }
}

#[test]
fn nothing_else_is_served() {
    let web = Web::new();
    let listening = web.serve(&[]);
    for target in [
        "/nothing",
        "/sub/deep/",
        "/app.js/",
        "/app.js/x",
        "/../secret.txt",
        "/sub/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%2fsecret.txt",
        "/sub/%2E%2E/%2E%2E/secret.txt",
        "/%252e%252e/secret.txt",
        "/..\\secret.txt",
        "/..%5csecret.txt",
        "//../secret.txt",
        "//secret.txt",
        "/sub//out.txt",
        "/sub/out.txt",
        "/outside/secret.txt",
        "/outside",
        "/app.js%00",
        "/app.js%00.html",
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/fifo",
        "/%ff",
        "http://localhost/../secret.txt",
        &web.home.path().join("secret.txt").display().to_string(),
        &format!("/{}", web.home.path().join("secret.txt").display()),
        &format!("/{}", "a".repeat(300)),
        &format!("/{}", "a/".repeat(3000)),
    ] {
        let answer = exchange(
            listening.address(),
            format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes(),
        );
        assert!(answer.starts_with("HTTP/1.1 404 "), "{target}: {answer}");
        assert!(!answer.contains(SECRET), "{target}: {answer}");
    }
    listening.wsio.says("GET /sub/out.txt 404: it leads out of the folder");
    listening.wsio.says("GET /fifo 404: it is not a regular file");
    listening.wsio.says("GET /.env 404: names with a dot in front are not served");
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(9000));
    assert!(exchange(listening.address(), long.as_bytes()).starts_with("HTTP/1.1 414 "));
    assert_eq!(Browser::once(listening.address(), "GET /app.js", &[]).text(), "let app");
}

#[test]
fn a_folder_without_its_slash_is_redirected() {
    let web = Web::new();
    fs::create_dir(web.path.join("a:b ü")).unwrap();
    let listening = web.serve(&[]);
    for (path, location) in [
        ("/sub", "./sub/"),
        ("/sub?x=1", "./sub/?x=1"),
        ("/sub/deep", "./deep/"),
        ("/a:b%20ü", "./a%3Ab%20%C3%BC/"),
    ] {
        let answer = Browser::once(listening.address(), &format!("GET {path}"), &[]);
        assert_eq!(answer.status(), 307, "{path}");
        assert_eq!(answer.field("location").as_deref(), Some(location), "{path}");
    }
    let answer = Browser::once(listening.address(), "GET /sub/deep/", &[]);
    assert!(answer.status() == 404 && answer.text().contains("index.html"), "{answer:?}");
}

#[test]
fn a_copy_that_is_fresh_is_not_sent_again() {
    let web = Web::new();
    let listening = web.serve(&[]);
    let mut browser = Browser::new(listening.address());
    let first = browser.ask("GET /app.js", &[]);
    let (etag, modified) = (first.field("etag").unwrap(), first.field("last-modified").unwrap());
    for line in [format!("If-None-Match: {etag}"), format!("If-Modified-Since: {modified}")] {
        for method in ["GET", "HEAD"] {
            let again = browser.ask(&format!("{method} /app.js"), &[&line]);
            assert_eq!((again.status(), again.field("etag")), (304, Some(etag.clone())), "{line}");
            assert_eq!(again.field("content-length"), None, "{line}");
        }
    }
    listening.wsio.says("GET /app.js 304");
    fs::write(web.path.join("app.js"), "let changed").unwrap();
    let changed = browser.ask("GET /app.js", &[&format!("If-None-Match: {etag}")]);
    assert_eq!((changed.status(), changed.text()), (200, "let changed"));
    assert_ne!(changed.field("etag").unwrap(), etag);
}

#[test]
fn only_get_and_head_without_a_body() {
    let web = Web::new();
    let listening = web.serve(&[]);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let answer = Browser::once(listening.address(), &format!("{method} /app.js"), &["Content-Length: 0"]);
        assert_eq!((answer.status(), answer.field("allow").as_deref()), (405, Some("GET, HEAD")), "{method}");
    }
    let address = listening.address();
    let post = exchange(address, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
    assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
    // What could be taken for another request is none.
    let smuggled = exchange(
        address,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 39\r\n\r\nGET /app.js HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    assert!(smuggled.starts_with("HTTP/1.1 400 ") && !smuggled.contains("let app"), "{smuggled}");
    let chunked = exchange(
        address,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    assert!(chunked.starts_with("HTTP/1.1 400 "), "{chunked}");
    // A handshake that a proxy took apart is no request for a page.
    let stripped = Browser::once(address, "GET /", &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]);
    assert_eq!(stripped.status(), 426);
}

#[test]
fn a_path_is_for_sockets_and_files_stay() {
    let web = Web::new();
    let listening = web.serve(&["--path", "/chat"]);
    Peer::dial_with(listening.address(), "/chat", &[]).text("hello");
    let upgrade = [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ];
    assert_eq!(Browser::once(listening.address(), "GET /app.js", &upgrade).status(), 404);
    assert_eq!(Browser::once(listening.address(), "GET /app.js", &[]).status(), 200);
}

#[test]
fn one_connection_carries_many_requests_and_then_a_socket() {
    let web = Web::new();
    let listening = web.serve(&[]);
    let mut browser = Browser::new(listening.address());
    for _ in 0..20 {
        assert_eq!(browser.ask("GET /app.js", &[]).text(), "let app");
        assert_eq!(browser.ask("GET /nothing", &[]).status(), 404);
    }
    // Sent ahead of the answers, they are answered in order.
    browser.send("GET /app.js", &[]);
    browser.send("GET /", &[]);
    assert_eq!((browser.answer(false).text(), browser.answer(false).text()), ("let app", "<h1>home</h1>"));
    let upgrade = browser.ask(
        "GET /chat",
        &[
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        ],
    );
    assert_eq!(upgrade.status(), 101, "{}", upgrade.head);
    browser.stream.write_all(b"\x81\x82\0\0\0\0hi").unwrap();
    let mut echo = [0; 4];
    browser.stream.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"\x81\x02hi");
    let said = listening.wsio.err_so_far();
    assert!(said.lines().skip(2).all(|line| line.starts_with("#1 ")), "{said}");
}

#[test]
fn the_rules_for_clients_hold_for_files() {
    let web = Web::new();
    let listening = web.serve(&["--allow-origin", "http://friend.example", "-u", "me:secret"]);
    let login = "Authorization: Basic bWU6c2VjcmV0";
    let own = format!("Origin: http://{}", listening.address());
    for (lines, status) in [
        (&[][..], 401),
        (&["Authorization: Basic bWU6d3Jvbmc="], 401),
        (&[login], 200),
        (&[login, "Host: rebound.example"], 421),
        (&[login, "Host: localhost"], 200),
        (&[login, &own], 200),
        (&[login, "Origin: http://friend.example"], 200),
        (&[login, "Origin: http://evil.example"], 403),
        (&[login, "Origin: null"], 403),
    ] {
        for path in ["/app.js", "/nothing"] {
            let answer = Browser::once(listening.address(), &format!("GET {path}"), lines);
            let expected = if status == 200 && path == "/nothing" { 404 } else { status };
            assert_eq!(answer.status(), expected, "{path} {lines:?}");
            assert_eq!(answer.field("www-authenticate").is_some(), status == 401);
        }
    }
    // Who may open a socket may read.
    let friend = Browser::once(listening.address(), "GET /app.js", &[login, "Origin: http://friend.example"]);
    assert_eq!(friend.field("access-control-allow-origin").as_deref(), Some("http://friend.example"));
    assert_eq!(friend.field("vary").as_deref(), Some("Origin"));
    listening.wsio.says("refused 403 /app.js: ");
    let tokens = web.serve(&["--bearer", "t"]);
    assert_eq!(Browser::once(tokens.address(), "GET /app.js", &[]).status(), 401);
    assert_eq!(Browser::once(tokens.address(), "GET /app.js", &["Authorization: Bearer t"]).status(), 200);
}

#[test]
fn headers_of_ones_own_come_first() {
    let web = Web::new();
    let listening = web.serve(&["-H", "Cache-Control: max-age=60", "-H", "X-A: 1", "-H", "X-A: 2"]);
    for path in ["/app.js", "/nothing", "/sub"] {
        let answer = Browser::once(listening.address(), &format!("GET {path}"), &[]);
        assert_eq!(answer.field("cache-control").as_deref(), Some("max-age=60"), "{path}");
        assert_eq!(answer.head.to_ascii_lowercase().matches("\r\nx-a: ").count(), 2, "{}", answer.head);
    }
    let done = Wsio::run(["listen", "0", "-H", "Content-Length: 5"], "");
    assert_eq!(done.code, 2, "{}", done.err);
}

#[test]
fn files_are_no_client_of_once() {
    let web = Web::new();
    let listening = web.serve(&["--once"]);
    for _ in 0..3 {
        assert_eq!(Browser::once(listening.address(), "GET /", &[]).status(), 200);
    }
    let mut peer = Peer::dial(listening.address());
    assert_eq!(Browser::once(listening.address(), "GET /", &[]).status(), 200, "beside the one client too");
    peer.close(4000, "over");
    peer.until_close();
    assert_eq!(listening.wsio.wait().code, 115);
}

#[test]
fn every_request_is_a_line_that_quiet_silences() {
    let web = Web::new();
    let listening = web.serve(&[]);
    let browser = &mut Browser::new(listening.address());
    let name = format!("#1 {}", browser.stream.local_addr().unwrap());
    for (path, line) in [
        ("/app.js?v=1", "/app.js?v=1 200 7 bytes"),
        ("/sub", "/sub 307"),
        ("/nothing", "/nothing 404: no such file"),
    ] {
        browser.ask(&format!("GET {path}"), &[]);
        let said = format!("{name} GET {line}\n");
        eventually(&said, || listening.wsio.err_so_far().contains(&said));
    }
    let quiet =
        Wsio::start(
            ["listen", "0", "-q", "--serve", web.path.to_str().unwrap(), "--announce"]
                .into_iter()
                .chain([web.home.path().join("url").to_str().unwrap()]),
        );
    let url = web.home.path().join("url");
    eventually("the URL", || url.exists());
    let address = fs::read_to_string(url).unwrap();
    let address = address.trim_start_matches("ws://").trim_end().trim_end_matches('/').to_owned();
    assert_eq!(Browser::once(&address, "GET /app.js", &[]).status(), 200);
    assert_eq!(Browser::once(&address, "GET /nothing", &[]).status(), 404);
    assert_eq!(quiet.err_so_far(), "");
}

#[test]
fn over_tls_and_only_with_a_certificate() {
    let authority = Authority::new();
    let (server, client) = (authority.signs(&["localhost"]), authority.signs(&["client.example"]));
    let web = Web::new();
    let text = |path: &Path| path.display().to_string();
    let ca = text(&authority.file);
    let (cert, key) = (text(&server.cert), text(&server.key));
    let listening = web.serve(&["--cert", &cert, "--key", &key, "--client-ca", &ca]);
    assert!(listening.wsio.says("serving ").contains(" on https://127.0.0.1:"));
    let port = listening.address().rsplit(':').next().unwrap().to_owned();
    let get = |own: &[&str]| {
        let to = format!("tls:localhost:{port}");
        let args = ["pipe", "-", &to, "--cacert", &ca];
        Wsio::run(
            args.iter().chain(own),
            "GET /app.js HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
    };
    let (cert, key) = (text(&client.cert), text(&client.key));
    let good = get(&["--cert", &cert, "--key", &key]);
    assert!(good.text().starts_with("HTTP/1.1 200 ") && good.text().ends_with("\r\n\r\nlet app"), "{good:?}");
    let none = get(&[]);
    assert!(none.code != 0 && none.text().is_empty(), "{none:?}");
}

#[test]
fn a_folder_that_is_not_there_is_26() {
    let web = Web::new();
    for path in [web.path.join("nowhere"), web.path.join("app.js")] {
        let done = Wsio::run(["listen", "0", "--serve", path.to_str().unwrap()], "");
        assert_eq!(done.code, 26, "{}", done.err);
        assert!(
            done.err.contains("wsio: serve: cannot serve ") && !done.err.contains("listening"),
            "{}",
            done.err
        );
    }
}
