//! No secret of a URL, a header field or a peer's answer gets out, whichever way: standard error, records,
//! reports, HAR and the causes in them; and what helps is still there.

use crate::harness::{Done, Listening, Peer, Wsio, accept_bounded, eventually, read_head, serve, serve_many};
use std::{fs, io::Write};

const SECRET: &str = "SEKRET-7f3a";

/// Request targets with a secret: names under encoding, other separators, parameters of a path, URLs in values.
const TARGETS: &[&str] = &[
    "?token=SEKRET-7f3a",
    "?%74oken=SEKRET-7f3a",
    "?x=1&acc%65ss%5ftoken=SEKRET-7f3a&y=2",
    "?%2574oken=SEKRET-7f3a",
    "?a=1;sig=SEKRET-7f3a",
    "?token=a,b;SEKRET-7f3a",
    "?token%5B%5D=SEKRET-7f3a",
    "a;token=SEKRET-7f3a/b",
    "a/%74oken=SEKRET-7f3a/b",
    "?next=http://me:SEKRET-7f3a@h/",
    "?next=http%3A%2F%2Fme%3ASEKRET-7f3a%40h%2F",
    "?next=%2Fcb%3Ftoken%3DSEKRET-7f3a",
    "?next=%2Fcb%23access_token%3DSEKRET-7f3a",
    "?mine=SEKRET-7f3a",
    "?m%69ne=SEKRET-7f3a",
    "ws/token/SEKRET-7f3a",
    "mine/SEKRET-7f3a/b",
];

fn without_secret(what: &str, text: &str) {
    assert!(!text.contains(SECRET) && !text.contains("SEKRET"), "{what}: {text}");
}

/// Everything that a run gave: its output, what it said, and its files.
fn all(done: &Done, files: &[&std::path::Path]) -> String {
    let files = files.iter().map(|file| fs::read_to_string(file).unwrap_or_default());
    format!("{}\n{}\n{}", done.text(), done.err, files.collect::<String>())
}

#[test]
fn a_secret_of_a_url_gets_out_no_way() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let script = file("t.wsio");
    fs::write(&script, "> question\n< never\n").unwrap();
    let script = script.to_str().unwrap();
    // All of them at once every way; each of them alone the way that tells the most and waits the least.
    let path = "a;token=SEKRET-7f3a/b/%74oken=SEKRET-7f3a/";
    let queries: Vec<&str> = TARGETS.iter().filter_map(|target| target.strip_prefix('?')).collect();
    let whole = format!("{path}?{}", queries.join("&"));
    let ways = [
        ("jsonl", &["--json", "-vv"][..]),
        ("har", &["--stats", "-v"]),
        ("wsio", &[]),
        ("junit", &["--script", script, "--report", "tap"]),
        ("github", &["--script", script, "--report", "github"]),
        ("check", &["--check"]),
        ("check-json", &["--check", "--json", "-vv"]),
    ];
    let alone = TARGETS.iter().map(|target| (*target, &ways[6..]));
    for (target, ways) in alone.chain([(whole.as_str(), &ways[..])]) {
        for (ending, more) in ways.iter().copied() {
            let (url, server) = serve(|mut peer| {
                peer.text("reply");
                while let Some(frame) = peer.next() {
                    match frame.opcode {
                        9 => peer.send(true, 10, &frame.payload),
                        // Whoever is gone without a Close is a cause.
                        8 => break,
                        _ => {}
                    }
                }
                peer.head
            });
            let (record, report) = (file(&format!("record.{ending}")), file("report.xml"));
            let url = format!("{url}{target}");
            let mut args = vec!["connect", &url, "--secret", "mine", "--close-timeout", "500ms"];
            args.extend(more);
            let junit = format!("junit={}", report.display());
            if ending == "junit" {
                args.extend(["--report", &junit]);
            }
            if !ending.starts_with("check") {
                args.extend(["--record", record.to_str().unwrap()]);
            }
            let done = Wsio::run(args, "question\n");
            assert_ne!(done.code, 2, "{}", done.err);
            assert!(server.join().unwrap().contains("SEKRET"), "the server gets it");
            let told = all(&done, &[&record, &report]);
            without_secret(&format!("{target} {ending}"), &told);
            assert!(told.contains("[hidden]"), "{target} {ending}: {told}");
        }
    }
}

#[test]
fn what_a_peer_repeats_of_a_secret_gets_out_no_way() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own");
    fs::write(&own, "X-Of-File: SEKRET-7f3a\n").unwrap();
    let own = format!("@{}", own.display());
    for options in [
        &["--bearer", SECRET][..],
        &["-u", "me:SEKRET-7f3a"],
        &["--cookie", "a=b; c=SEKRET-7f3a"],
        &["-H", "X-Api-Key: SEKRET-7f3a"],
        &["-H", &own],
        &["--subprotocol", "bearer.SEKRET-7f3a"],
        &["--secret", "X-Mine", "-H", "X-Mine: SEKRET-7f3a"],
        &["--secret", "SEKRET-7f3a", "--subprotocol", SECRET],
    ] {
        for form in ["-v", "--json", "--check"] {
            let (url, server) = serve_many(|listener| {
                let mut stream = accept_bounded(listener);
                let head = read_head(&mut stream);
                let body = format!("{{\"error\":\"{SECRET} is no token\",\"got\":\"bearer.{SECRET}\"}}");
                let answer = format!(
                    "HTTP/1.1 401 {SECRET}\r\nWWW-Authenticate: Bearer error=\"{SECRET}\"\r\nX-Echo: {SECRET}\r\n\
                     Location: /#access_token=SEKRET\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).unwrap();
                head
            });
            let done = Wsio::run(["connect", &url, form].iter().chain(options), "");
            assert_eq!(done.code, 22, "{}", done.err);
            server.join().unwrap();
            without_secret(&format!("{options:?} {form}"), &all(&done, &[]));
            assert!(done.err.contains("is no token"), "what helps is kept: {}", done.err);
            let hint = match options[0] {
                "--bearer" => "check the credentials: the server did not take them",
                "-u" => "the server takes no password: give a token",
                _ => "give credentials with --user",
            };
            assert!(done.err.contains(&format!("\n  try: {hint}")), "{}", done.err);
        }
    }
}

#[test]
fn a_subprotocol_with_a_token_is_no_secret_of_the_records() {
    let folder = tempfile::tempdir().unwrap();
    for ending in ["jsonl", "har", "wsio"] {
        let (url, server) = serve_many(|listener| {
            let mut peer = Peer::accept_with(listener, &["Sec-WebSocket-Protocol: bearer.SEKRET-7f3a"]);
            peer.answer_close();
        });
        let record = folder.path().join(format!("r.{ending}"));
        let args = ["connect", &url, "--json", "-vv", "--record", record.to_str().unwrap()];
        let done =
            Wsio::run(args.iter().chain(&["--subprotocol", "bearer.SEKRET-7f3a"]), "{\"type\":\"close\"}\n");
        server.join().unwrap();
        let told = all(&done, &[&record]);
        without_secret(ending, &told);
        assert!(told.contains("\"subprotocol\":\"bearer.[hidden]\""), "{told}");
    }
    // One that was expected and not chosen.
    let (url, _server) = serve(|mut peer| peer.answer_close());
    let name = "bearer.SEKRET-7f3a";
    let done =
        Wsio::run(["connect", &url, "--subprotocol", name, "--expect-subprotocol", name, "--json"], "");
    assert_eq!(done.code, 1, "{}", done.err);
    without_secret("expected", &all(&done, &[]));
}

#[test]
fn a_server_tells_no_secret_of_its_clients() {
    let folder = tempfile::tempdir().unwrap();
    for (ending, more) in [("jsonl", &["-vv", "--json"][..]), ("har", &["-v"])] {
        let record = folder.path().join(format!("r.{ending}"));
        let args = ["listen", "0", "--secret", "mine", "--record", record.to_str().unwrap()];
        let listening = Listening::start(args.iter().chain(more));
        for target in TARGETS {
            let mut peer =
                Peer::dial_with(listening.address(), &format!("/{target}"), &["X-Api-Key: SEKRET-7f3a"]);
            peer.close(4000, "bye");
            peer.until_close();
        }
        eventually("it is said", || {
            listening.wsio.err_so_far().matches(" close 4000").count() == TARGETS.len()
        });
        without_secret(
            ending,
            &format!("{}{}", listening.wsio.err_so_far(), fs::read_to_string(&record).unwrap()),
        );
        assert!(listening.wsio.err_so_far().contains("[hidden]"), "{}", listening.wsio.err_so_far());
    }
}

#[test]
fn an_address_that_is_wrong_shows_no_secret() {
    for address in [
        "ws://h/#token=SEKRET",
        "ws://h/?x=1#%74oken=SEKRET",
        "ws://h:99999/?%74oken=SEKRET",
        "ws://u:SEKRET@h:99999/",
        "ws://u:SEKRET@h/#x",
        "ftp://h/?next=%2Fcb%3Ftoken%3DSEKRET",
        "ws:/u:SEKRET@h/",
        "tcp://u:SEKRET@h",
    ] {
        let done = Wsio::run(["connect", "--json", address], "");
        assert!(matches!(done.code, 2 | 3), "{address}: {} {}", done.code, done.err);
        without_secret(address, &all(&done, &[]));
        assert!(done.err.starts_with("wsio: "), "{}", done.err);
    }
    for address in ["tcp:u:SEKRET@h", "tls:u:SEKRET@h:1", "tcp://SEKRET@h:1", "udp:u:SEKRET@h:1"] {
        let done = Wsio::run(["pipe", "-", address], "");
        assert_eq!(done.code, 3, "{address}: {}", done.err);
        without_secret(address, &done.err);
        assert!(done.err.contains("takes no login"), "{}", done.err);
    }
}

#[test]
fn what_another_tool_takes_as_a_secret_is_none_of_the_refusals_words() {
    for (line, shown) in [
        ("-b a=SEKRET wss://h", "`a=…` is the target"),
        ("-E client.pem:SEKRET wss://h", "--cert client.pem:…"),
        ("--cert client.pem:SEKRET --count x wss://h", "--cert client.pem:…"),
        ("--cookie a=SEKRET --count x wss://h", "--cookie a=…"),
        ("--cookie SEKRET --count x wss://h", "--cookie …"),
        // A short one is no part of the words around it.
        ("--user a:b --bearer c wss://h", "cannot be used with '--bearer <TOKEN>'"),
        ("--bearer a --count x wss://h", "invalid value 'x' for '--count <N>'"),
        ("-x foo://u:SEKRET@h wss://h", "--proxy http://HOST:PORT"),
    ] {
        let done = Wsio::run(["connect"].into_iter().chain(line.split(' ')), "");
        assert_eq!(done.code, 2, "{line}: {}", done.err);
        without_secret(line, &done.err);
        assert!(done.err.contains(shown), "{line}: {}", done.err);
    }
}

#[test]
fn a_redirect_tells_no_secret_of_its_location() {
    for location in [
        "/cb#access_token=SEKRET-7f3a",
        "/cb?%74oken=SEKRET-7f3a",
        "http://you:SEKRET-7f3a@127.0.0.1:1/",
        "//you:SEKRET-7f3a@127.0.0.1:1/",
        "ftp://you:SEKRET-7f3a@h/#token=SEKRET",
        "http://you:SEKRET-7f3a@h:99999/",
    ] {
        for follow in [false, true] {
            let (url, server) = serve_many(move |listener| {
                let mut stream = accept_bounded(listener);
                read_head(&mut stream);
                let head = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(head.as_bytes()).unwrap();
                drop(stream);
                if follow && location.starts_with("/cb") {
                    Peer::accept(listener).answer_close();
                }
            });
            let args = ["connect", &url, "-vv", "--json"];
            let done = Wsio::run(args.iter().chain(follow.then_some(&"-L")), "{\"type\":\"close\"}\n");
            server.join().unwrap();
            without_secret(&format!("{location} {follow}"), &all(&done, &[]));
        }
    }
}

#[test]
fn redaction_keeps_the_hint() {
    for (answer, hint) in [
        (&b"\x15\x03\x03\x00\x02\x02\x50"[..], "  try: wss://127.0.0.1:PORT/?token=[hidden]\n"),
        (b"", "?token=[hidden] if the server expects that\n"),
        (
            b"SSH-2.0-x\r\n",
            "  try: check host and port; to reach it as it is, use `wsio pipe - tcp:127.0.0.1:PORT`\n",
        ),
    ] {
        let (url, server) = serve_many(move |listener| {
            let mut stream = accept_bounded(listener);
            read_head(&mut stream);
            stream.write_all(answer).unwrap();
        });
        let done = Wsio::run(["connect", &format!("{url}?token=SEKRET-7f3a")], "");
        server.join().unwrap();
        let port = url.trim_end_matches('/').rsplit(':').next().unwrap();
        assert_eq!(done.code, 52, "{}", done.err);
        without_secret("a hint", &done.err);
        assert!(done.err.contains(&hint.replace("PORT", port)), "{hint}: {}", done.err);
    }
    // A secret that is also a word of ours hides nothing of what to do.
    let done = Wsio::run(["connect", "ws://127.0.0.1:1/", "--bearer", "connect"], "");
    assert!(done.err.contains("connect: ") && done.err.contains("\n  try: "), "{}", done.err);
}

#[test]
fn recordings_keep_the_names_of_real_feeds_secrets_and_not_the_values() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.har", "a.jsonl", "a.wsio"] {
        let (url, peer) = serve(|mut peer| {
            peer.text("tick");
            peer.close(1000, "");
            peer.until_close()
        });
        let file = folder.path().join(name);
        let url = format!("{url}?listenKey=S3CRET&PHPSESSID=S3CRET&x=1");
        let fields = ["CB-ACCESS-SIGN: S3CRET", "OK-ACCESS-PASSPHRASE: S3CRET", "X-Api-Login: S3CRET"];
        let mut args = vec!["connect", "-v", "--record", file.to_str().unwrap(), &url];
        args.extend(fields.iter().flat_map(|field| ["-H", field]));
        let done = Wsio::run(args, "");
        peer.join().unwrap();
        assert_eq!(done.code, 0, "{done:?}");
        let recorded = std::fs::read_to_string(&file).unwrap();
        assert!(!done.err.contains("S3CRET") && !recorded.contains("S3CRET"), "{}{recorded}", done.err);
        assert!(done.err.contains("listenKey=[hidden]&PHPSESSID=[hidden]&x=1"), "{done:?}");
        assert!(name == "a.wsio" || recorded.contains("listenKey"), "{recorded}");
    }
}
