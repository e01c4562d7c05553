//! `--curl`: a line that a browser copied becomes the connection.

use crate::harness::{Authority, Listening, Proxy, Wsio, field, serve};
use std::fs;

/// The head of the request that a pasted line sends; `URL` in it and in the arguments is the server's.
fn request(line: &str, more: &[&str]) -> String {
    let (url, peer) = serve(|mut peer| {
        peer.close(1000, "");
        peer.until_close();
        peer.head
    });
    let url = url.trim_end_matches('/');
    let line = line.replace("URL", url);
    let more = more.iter().map(|arg| arg.replace("URL", url));
    let args = ["connect", "--curl", &line].into_iter().map(str::to_owned).chain(more);
    let done = Wsio::run(args, "");
    assert_eq!(done.code, 0, "{line}: {}", done.err);
    peer.join().unwrap()
}

/// What Chrome 130 copies of a WebSocket, for bash.
const CHROME: &str = r#"curl 'URL/socket?room=1&x=%20y' \
  -H 'Upgrade: websocket' \
  -H 'Origin: https://app.example' \
  -H 'Cache-Control: no-cache' \
  -H 'Accept-Language: en-US,en;q=0.9' \
  -H 'Pragma: no-cache' \
  -H 'Connection: Upgrade' \
  -b 'session=s3cret; theme=dark' \
  -H 'Sec-WebSocket-Key: mGYQ0IbzHLOUXmYQnhvZKg==' \
  -H 'User-Agent: Mozilla/5.0 (X11; Linux x86_64)' \
  -H 'Sec-WebSocket-Version: 13' \
  -H 'Sec-WebSocket-Protocol: graphql-transport-ws' \
  -H $'X-Odd: it\'s \u0021' \
  -H 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'"#;

#[test]
fn a_line_of_chromes_is_the_same_request() {
    let head = request(CHROME, &[]);
    assert!(head.starts_with("GET /socket?room=1&x=%20y HTTP/1.1\r\n"), "{head}");
    for (name, value) in [
        ("origin", "https://app.example"),
        ("accept-language", "en-US,en;q=0.9"),
        ("cookie", "session=s3cret; theme=dark"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"),
        ("sec-websocket-protocol", "graphql-transport-ws"),
        ("x-odd", "it's !"),
        ("sec-websocket-version", "13"),
    ] {
        assert_eq!(field(&head, name).as_deref(), Some(value), "{head}");
    }
    // The handshake is ours: a fresh key, and no extension that is not spoken.
    assert_ne!(field(&head, "sec-websocket-key").as_deref(), Some("mGYQ0IbzHLOUXmYQnhvZKg=="));
    assert_eq!(field(&head, "sec-websocket-extensions"), None);
    for name in ["sec-websocket-key", "connection", "upgrade", "host", "user-agent"] {
        let lines = head.lines().filter(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
        assert_eq!(lines.count(), 1, "{name}: {head}");
    }
}

#[test]
fn other_browsers_and_shells_copy_otherwise() {
    let firefox = "curl 'URL/' -H 'User-Agent: Mozilla/5.0' -H 'Accept: */*' \
                   -H 'Accept-Encoding: gzip, deflate, br, zstd' -H 'Sec-WebSocket-Version: 13' -H 'Origin: null' \
                   -H 'Connection: keep-alive, Upgrade' -H 'Sec-Fetch-Mode: websocket' -H 'Upgrade: websocket' \
                   --compressed";
    let head = request(firefox, &[]);
    assert_eq!(field(&head, "origin").as_deref(), Some("null"));
    assert_eq!(field(&head, "accept-encoding"), None, "{head}");
    let cmd = "curl ^\"URL/?a=1^&b=2^\" ^\r\n  -H ^\"Origin: https://o^\" ^\r\n  -H ^\"X-Q: ^\\^\"q^\\^\"^\" --insecure";
    let head = request(cmd, &[]);
    assert!(head.starts_with("GET /?a=1&b=2 "), "{head}");
    assert_eq!(field(&head, "origin").as_deref(), Some("https://o"));
    assert_eq!(field(&head, "x-q").as_deref(), Some("\"q\""));
}

#[test]
fn what_the_command_line_says_wins() {
    let line = "curl 'ws://127.0.0.1:1/nowhere' -H 'X-A: line' -H 'X-B: line' -b 'a=line' -A line \
                -u line:pw -e https://line/";
    let own = ["URL/here", "-H", "x-a: own", "--cookie", "b=own", "-A", "own", "--bearer", "own"];
    let head = request(line, &own);
    assert!(head.starts_with("GET /here "), "{head}");
    for (name, value) in [
        ("x-a", "own"),
        ("x-b", "line"),
        ("cookie", "b=own"),
        ("user-agent", "own"),
        ("authorization", "Bearer own"),
        ("referer", "https://line/"),
    ] {
        assert_eq!(field(&head, name).as_deref(), Some(value), "{head}");
    }
    assert!(!head.contains("X-A: line"), "{head}");
}

#[test]
fn the_line_comes_from_a_file_or_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("line");
    let listening = Listening::start(["listen", "0", "--echo"]);
    let line = format!("$ curl '{}' \\\n  --compressed\n", listening.url);
    fs::write(&file, &line).unwrap();
    let from_file = format!("@{}", file.display());
    for (value, input) in [(from_file.as_str(), ""), ("@-", line.as_str())] {
        let done = Wsio::run(["connect", "--curl", value, "--send", "hi", "-1"], input);
        assert_eq!((done.code, done.text()), (0, "hi\n"), "{}", done.err);
    }
}

#[test]
fn network_and_tls_of_the_line_count() {
    let authority = Authority::new();
    let pair = authority.signs(&["shop.test"]);
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (cert, key, ca) = (text(&pair.cert), text(&pair.key), text(&authority.file));
    let serve =
        ["listen", "wss://127.0.0.1:0", "--echo", "--allow-host", "any", "--cert", &cert, "--key", &key];
    let listening = Listening::start(serve);
    let port = listening.address().rsplit(':').next().unwrap();
    let proxy = Proxy::http(Some("me:pw"));
    let run = |line: &str, more: &[&str]| {
        let done = Wsio::run(["connect", "--curl", line, "--send", "hi", "-1"].iter().chain(more), "");
        (done.code, done.text().to_owned(), done.err)
    };
    let base = format!("curl https://shop.test/ --connect-to ::127.0.0.1:{port}");
    let via = format!("{base} --cacert {ca} -x http://me:pw@{}", proxy.address);
    let (code, out, err) = run(&via, &[]);
    assert_eq!((code, out.as_str()), (0, "hi\n"), "{err}");
    assert!(proxy.next().starts_with("CONNECT 127.0.0.1:"));
    let (code, _, err) = run(&via, &["-x", ""]);
    assert_eq!(code, 0, "{err}");
    assert!(proxy.is_unused());
    let (code, _, err) = run(&format!("{base} -k"), &[]);
    assert!(code == 0 && err.contains("--insecure"), "{err}");
    // Whom to trust is said on the command line.
    let (code, _, err) = run(&format!("{base} -k"), &["--cacert", &ca]);
    assert!(code == 0 && !err.contains("--insecure"), "{err}");
}

#[test]
fn what_is_no_websocket_is_refused_by_name() {
    for (line, part) in [
        ("curl 'https://h/' -X POST", "a WebSocket opens with GET"),
        ("curl 'https://h/' --data-raw '{\"a\":1}'", "--send MSG"),
        ("curl 'https://h/' -o file", "redirect standard output"),
        ("curl 'https://h/' --ciphers x", "take --ciphers out"),
        ("wget https://h/", "does not begin with `curl`"),
        ("curl https://h/ -H \"Authorization: Bearer $TOKEN\"", "looked up by a shell"),
        ("curl 'https://h/", "not closed"),
        ("curl -k", "there is no URL"),
        ("curl https://h/ --resolve h", "--curl: invalid value 'h'"),
        ("curl https://h/ -H 'A: \nB: c'", "CR, LF or NUL"),
    ] {
        let done = Wsio::run(["connect", "--curl", line], "");
        assert_eq!(done.code, 2, "{line}: {}", done.err);
        assert!(done.err.contains(part), "{line}: {}", done.err);
    }
    assert_eq!(Wsio::run(["connect"], "").code, 2);
}

#[test]
fn a_jar_of_the_line_and_one_of_ours_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let jar = folder.path().join("jar");
    let name = jar.to_str().unwrap();
    for (content, sent) in [
        ("# Netscape HTTP Cookie File\n\n", None),
        ("127.0.0.1 FALSE / TRUE 0 sid s3cret\n", Some("sid=s3cret")),
        ("[{\"domain\":\"127.0.0.1\",\"name\":\"sid\",\"value\":\"s3cret\"}]", Some("sid=s3cret")),
    ] {
        std::fs::write(&jar, content).unwrap();
        for by_line in [false, true] {
            let (url, peer) = serve(|mut peer| {
                peer.close(1000, "");
                peer.until_close();
                field(&peer.head, "cookie")
            });
            let line = format!("curl '{url}' -b {name} -c {name}");
            let own = format!("@{name}");
            let done = match by_line {
                true => Wsio::run(["connect", "--curl", &line], ""),
                false => Wsio::run(["connect", "--cookie", &own, &url], ""),
            };
            assert_eq!(peer.join().unwrap().as_deref(), sent, "{content}");
            assert_eq!(done.code, 0, "{done:?}");
        }
    }
    std::fs::write(&jar, "<html>no jar</html>\n").unwrap();
    // A word that is no cookie is a file's name to curl, and goes to no server.
    for (word, hint) in [(name, format!("--cookie '@{name}'")), ("SEKRET", "--cookie @FILE".to_owned())] {
        let done = Wsio::run(["connect", "--cookie", word, "ws://127.0.0.1:1/"], "");
        assert_eq!(done.code, 2, "{}", done.err);
        assert!(done.err.contains(&hint) && !done.err.contains("SEKRET"), "{}", done.err);
    }
    let done = Wsio::run(["connect", "--cookie", &format!("@{name}"), "ws://127.0.0.1:1/"], "");
    assert!(done.code == 2 && done.err.contains("line 1 is no cookie"), "{done:?}");
}
