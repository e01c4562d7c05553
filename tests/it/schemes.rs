//! Schemes in capitals: they mean the same wherever an endpoint may stand (RFC 3986 section 3.1).

use crate::harness::{Done, Listening, Wsio};

fn run(args: &[&str]) -> Done {
    Wsio::run(args, "hi\n")
}

#[test]
fn options_act_and_are_refused_as_with_small_letters() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s").to_str().unwrap().to_owned();
    let unix = |scheme: &str| format!("{scheme}:{path}");
    let lines: [(&[&str], &[&str]); 7] = [
        (&["pipe", "-", &unix("unix"), "-4"], &["pipe", "-", &unix("UNIX"), "-4"]),
        (
            &["connect", "echo:", "-x", "http://127.0.0.1:1"],
            &["connect", "ECHO:", "-x", "http://127.0.0.1:1"],
        ),
        (
            &["listen", "0", "--last", "5", "--to", "exec:cat"],
            &["listen", "0", "--last", "5", "--to", "Exec:cat"],
        ),
        (&["listen", "0", "--pty", "--to", "hub:x"], &["listen", "0", "--pty", "--to", "HUB:x"]),
        (&["listen", "tcp-listen:0"], &["listen", "TCP-LISTEN:0"]),
        (&["pipe", "ws-l:0", "echo:"], &["pipe", "WS-L:0", "echo:"]),
        (&["pipe", "tls-listen:0", "echo:"], &["pipe", "TLS-LISTEN:0", "echo:"]),
    ];
    for (small, capitals) in lines {
        let (small, capitals) = (run(small), run(capitals));
        assert_ne!(small.code, 0, "{}", small.err);
        assert_eq!(
            (small.code, small.err.to_lowercase()),
            (capitals.code, capitals.err.to_lowercase()),
            "{}",
            capitals.err
        );
    }
    for args in [&["--pty", "--to", "EXEC:cat"][..], &["--last", "5", "--to", "HUB:x"]] {
        let server = Listening::start([&["listen", "127.0.0.1:0"], args].concat());
        assert!(server.url.starts_with("ws://"), "{}", server.url);
    }
}

#[test]
fn endpoints_open_in_capitals() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s").to_str().unwrap().to_owned();
    let server = Listening::start(["listen", &format!("UNIX:{path}"), "--echo"]);
    let plain = Listening::start(["listen", "WS://127.0.0.1:0/", "--echo"]);
    let url = plain.url.replacen("ws:", "Http:", 1);
    let unix = format!("WS+Unix:{path}:/");
    for args in [
        ["connect", "ECHO:", "--send", "hi", "-1"],
        ["connect", &url, "--send", "hi", "-1"],
        ["connect", &unix, "--send", "hi", "-1"],
    ] {
        let done = run(&args);
        assert_eq!((done.code, done.text()), (0, "hi\n"), "{args:?}: {}", done.err);
    }
    for (server, client) in [("TCP-LISTEN:127.0.0.1:0", "TCP"), ("TLS-LISTEN:127.0.0.1:0", "TLS")] {
        let tls = client == "TLS";
        let bridge =
            Listening::start(["pipe", server, "Echo:"].iter().chain(tls.then_some(&"--self-signed")));
        let far = format!("{client}:{}", bridge.address());
        let done = Wsio::run(["pipe", "-", &far].iter().chain(tls.then_some(&"-k")), "hi\n");
        assert_eq!((done.code, done.text()), (0, "hi\n"), "{}", done.err);
    }
    let done = run(&["pipe", "-", "SH:cat"]);
    assert_eq!((done.code, done.text()), (0, "hi\n"), "{}", done.err);
    let file = folder.path().join("out").to_str().unwrap().to_owned();
    let done = run(&["pipe", "-", &format!("APPEND:{file}")]);
    assert_eq!((done.code, std::fs::read_to_string(file).unwrap().as_str()), (0, "hi\n"), "{}", done.err);
    drop(server);
}
