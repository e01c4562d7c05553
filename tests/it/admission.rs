//! Who is let in by a server: origins, hosts, credentials, client certificates.

use crate::harness::{Authority, Listening, Peer, Wsio, read_head};
use std::{io::Write, net::TcpStream};

/// The status of an opening handshake with these header lines.
fn status(listening: &Listening, host: &str, lines: &[&str]) -> u16 {
    let mut stream = TcpStream::connect(listening.address()).unwrap();
    let more: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
    .unwrap();
    read_head(&mut stream).split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_foreign_page_is_refused_with_the_option_that_lets_it_in() {
    let listening = Listening::start(["listen", "0", "--echo"]);
    let own = listening.address().to_owned();
    assert_eq!(status(&listening, &own, &[]), 101);
    assert_eq!(status(&listening, &own, &[&format!("Origin: http://{own}")]), 101);
    assert_eq!(status(&listening, &own, &["Origin: https://evil.example"]), 403);
    let said = listening.wsio.says("refused 403 /: ");
    assert!(said.contains("--allow-origin https://evil.example"), "{said}");
    assert_eq!(status(&listening, &own, &["Origin: null"]), 403);
    listening.wsio.says("opened from a file; let it in with --allow-origin null");
}

#[test]
fn what_the_log_advises_works_when_it_is_pasted_back() {
    for (host, origin) in [
        ("localhost", "https://evil.example"),
        ("localhost", "file://"),
        ("localhost", "https://a.example/path?x=y"),
        ("localhost", "word"),
        ("localhost", "null"),
        ("localhost", "http://a;id'x"),
        ("localhost", "chrome-extension://abc$HOME"),
        ("localhost", "*!"),
        ("rebound.example", ""),
        ("rebound.example:8080", ""),
        ("my_host", ""),
        ("a~b.example.", ""),
        ("a%c3%a4.example", ""),
    ] {
        let listening = Listening::start(["listen", "0", "--echo"]);
        let field = format!("Origin: {origin}");
        let lines: Vec<&str> = if origin.is_empty() { vec![] } else { vec![&field] };
        assert!(matches!(status(&listening, host, &lines), 403 | 421), "{host} {origin}");
        let advised = shell_words::split(&listening.wsio.says("let it in with ")).unwrap();
        let again = ["listen", "0", "--echo"].map(str::to_owned).into_iter().chain(advised.clone());
        let listening = Listening::start(again);
        assert_eq!(status(&listening, host, &lines), 101, "{advised:?}");
    }
    // The word that lets everybody in is never advised for one.
    let listening = Listening::start(["listen", "0", "--echo"]);
    assert_eq!(status(&listening, "localhost", &["Origin: any"]), 403);
    assert!(!listening.wsio.says("refused 403").contains("--allow-origin"));
}

#[test]
fn a_pattern_lets_in_what_fits_it() {
    let patterns = ["--allow-origin", "https://*.example.com", "--allow-origin", "http://localhost:*"];
    let listening = Listening::start(
        ["listen", "0", "--echo", "--allow-host", "*.dev.example:80"].iter().chain(&patterns),
    );
    for (host, origin, expected) in [
        ("localhost", "https://a.example.com", 101),
        ("localhost", "https://example.com", 403),
        ("localhost", "https://a.example.com.evil.example", 403),
        ("localhost", "http://localhost:3000", 101),
        ("a.dev.example", "https://a.example.com", 101),
        ("dev.example", "https://a.example.com", 421),
    ] {
        assert_eq!(status(&listening, host, &[&format!("Origin: {origin}")]), expected, "{host} {origin}");
    }
    let listening = Listening::start(["listen", "0", "--echo", "--allow-origin", "example.com"]);
    listening.wsio.says("a browser sends scheme and host alone, such as https://example.com");
}

#[test]
fn listed_origins_come_in() {
    let args = ["listen", "0", "--echo", "--allow-origin", "https://a.example", "--allow-origin", "null"];
    let listening = Listening::start(args);
    for (origin, expected) in [("https://a.example", 101), ("null", 101), ("https://b.example", 403)] {
        assert_eq!(status(&listening, "localhost", &[&format!("Origin: {origin}")]), expected, "{origin}");
    }
    let any = Listening::start(["listen", "0", "--echo", "--allow-origin", "any"]);
    assert_eq!(status(&any, "localhost", &["Origin: https://evil.example"]), 101);
}

#[test]
fn a_rebound_name_is_misdirected_on_loopback() {
    let listening = Listening::start(["listen", "0", "--echo", "--allow-host", "dev.example"]);
    for (host, expected) in
        [("localhost", 101), ("[::1]:1", 101), ("dev.example", 101), ("rebound.example", 421)]
    {
        assert_eq!(status(&listening, host, &[]), expected, "{host}");
    }
    listening.wsio.says("let it in with --allow-host rebound.example");
    let public = Listening::start(["listen", "0.0.0.0:0", "--echo"]);
    let port = public.address().rsplit(':').next().unwrap().to_owned();
    let local = Listening { url: format!("ws://127.0.0.1:{port}/"), wsio: public.wsio };
    assert_eq!(status(&local, "anything.example", &[]), 101);
    local.wsio.says("anyone who reaches this address may connect; ");
}

#[test]
fn credentials_are_asked_for() {
    let listening = Listening::start(["listen", "0", "--echo", "-u", "me:secret"]);
    assert!(!listening.wsio.err_so_far().contains("secret"));
    let url = listening.url.clone();
    let good = Wsio::run(["connect", &url, "-u", "me:secret", "--send", "hello", "-1"], "");
    assert_eq!((good.code, good.text()), (0, "hello\n"), "{}", good.err);
    for more in [&[][..], &["-u", "me:wrong"], &["--bearer", "secret"]] {
        let bad = Wsio::run(["connect", &url].iter().chain(more), "");
        assert_eq!(bad.code, 22, "{}", bad.err);
        assert!(
            bad.err.contains("401 Unauthorized") && bad.err.contains("www-authenticate: Basic"),
            "{}",
            bad.err
        );
    }
    assert!(listening.wsio.says("refused 401 /: credentials are needed").contains("showed none"));

    let tokens = Listening::start(["pipe", "ws-listen:0", "echo:", "--bearer", "t"]);
    let good = Wsio::run(["connect", &tokens.url, "--bearer", "t", "--send", "hello", "-1"], "");
    assert_eq!((good.code, good.text()), (0, "hello\n"), "{}", good.err);
    assert_eq!(Wsio::run(["connect", &tokens.url], "").code, 22);
}

#[test]
fn client_certificates_are_checked() {
    let (authority, other) = (Authority::new(), Authority::named("Another Authority"));
    let text = |path: &std::path::Path| path.display().to_string();
    let server = authority.signs(&["localhost"]);
    let listening = Listening::start([
        "listen".into(),
        "0".into(),
        "--echo".into(),
        "--cert".into(),
        text(&server.cert),
        "--key".into(),
        text(&server.key),
        "--client-ca".into(),
        text(&authority.file),
    ]);
    let url = format!("wss://localhost:{}/", listening.address().rsplit(':').next().unwrap());
    let ask = |own: Option<&crate::harness::Pair>| {
        let mut args: Vec<String> =
            ["connect", &url, "--send", "hello", "-1", "--cacert"].map(str::to_owned).into();
        args.push(text(&authority.file));
        if let Some(own) = own {
            args.extend(["--cert".into(), text(&own.cert), "--key".into(), text(&own.key)]);
        }
        Wsio::run(args, "")
    };
    let good = ask(Some(&authority.signs(&["client.example"])));
    assert_eq!((good.code, good.text()), (0, "hello\n"), "{}", good.err);
    let none = ask(None);
    assert_eq!(none.code, 98, "{}", none.err);
    let foreign = ask(Some(&other.signs(&["client.example"])));
    assert_eq!(foreign.code, 35, "{}", foreign.err);
}

#[test]
fn server_options_need_their_server() {
    for args in [
        &["listen", "0", "--client-ca", "x.pem"][..],
        &["listen", "0", "--allow-origin", "https://a.example, https://b.example"],
        &["listen", "0", "--allow-host", "http://a.example"],
        &["listen", "0", "--user", "nobody"],
        &["pipe", "tcp:h:1", "--allow-origin", "any"],
        &["pipe", "tcp-listen:0", "tcp:h:1", "--user", "a:b"],
    ] {
        let done = Wsio::run(args, "");
        assert_eq!(done.code, 2, "{args:?}: {}", done.err);
    }
    let listening = Listening::start(["listen", "0"]);
    Peer::dial(listening.address()).text("a server without options takes what is no browser");
}
