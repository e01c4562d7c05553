//! Values that stand in files: pipes are read to their end, and nothing without an end is.

use crate::harness::{Authority, Done, Listening, Wsio, serve};
use std::process::Command;

/// Runs it with the memory of a small machine, in KiB of addresses, and no input.
fn bounded(env: &[(&str, &str)], args: &[&str]) -> Done {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -v 1500000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_wsio")]);
    let mut wsio = Wsio::spawn(command.args(args).envs(env.iter().copied()));
    wsio.close_stdin();
    wsio.wait()
}

#[test]
fn a_device_without_an_end_is_refused_by_name() {
    let authority = Authority::new();
    let pair = authority.signs(&["localhost"]);
    let (cert, key) = (pair.cert.to_str().unwrap(), pair.key.to_str().unwrap());
    for device in ["/dev/zero", "/dev/urandom"] {
        let value = format!("@{device}");
        let every = format!("1s={value}");
        for (args, code, option) in [
            (&["--send", &*value, "--max-message", "1024G"][..], 26, "--send"),
            (&["--every", &every, "--max-message", "1024G"], 26, "--every"),
            (&["-H", &value], 26, "--header"),
            (&["--user", &value], 26, "--user"),
            (&["--bearer", &value], 26, "--bearer"),
            (&["--cookie", &value], 26, "--cookie"),
            (&["--origin", &value], 26, "--origin"),
            (&["--user-agent", &value], 26, "--user-agent"),
            (&["--proxy", &value], 26, "--proxy"),
            (&["--proxy", "http://127.0.0.1:1", "--proxy-user", &value], 26, "--proxy-user"),
            (&["--cert", cert, "--key", key, "--pass", &value], 26, "--pass"),
            (&["--curl", &value], 26, "--curl"),
            (&["--script", device], 26, "script: "),
            (&["--cacert", device], 77, "tls: "),
            (&["--crl", device], 82, "tls: "),
            (&["--cert", device], 58, "tls: "),
            (&["--cert", cert, "--key", device], 58, "tls: "),
        ] {
            let done = bounded(&[], &[&["connect", "wss://127.0.0.1:1/"], args].concat());
            assert_eq!(done.code, code, "{args:?}: {}", done.err);
            assert!(done.err.contains(device) && done.err.contains(option), "{args:?}: {}", done.err);
            assert!(done.err.contains("it is a device without an end"), "{args:?}: {}", done.err);
        }
        let listen = ["listen", "0", "--cert", cert, "--key", key, "--client-ca", device];
        let done = bounded(&[], &listen);
        assert_eq!(done.code, 77, "{}", done.err);
        assert!(done.err.contains(&format!("{device}: it is a device without an end")), "{}", done.err);
        let server =
            Listening::start(["listen", "wss://127.0.0.1:0", "--echo", "--cert", cert, "--key", key]);
        let done = bounded(&[("SSL_CERT_FILE", device)], &["connect", &server.url]);
        assert_eq!(done.code, 77, "{}", done.err);
        assert!(done.err.contains(&format!("{device}: it is a device without an end")), "{}", done.err);
    }
}

#[test]
fn what_never_ends_is_left_at_the_limit() {
    let endless = |line: &str| {
        let mut command = Command::new("/bin/sh");
        command.args([
            "-c",
            &format!("yes | \"$0\" connect ws://127.0.0.1:1/ {line}"),
            env!("CARGO_BIN_EXE_wsio"),
        ]);
        Wsio::spawn(&mut command).wait()
    };
    for (line, code, said) in [
        (
            "--send @- --max-message 4k",
            65,
            "standard input for --send is longer than 4096 bytes (--max-message)",
        ),
        ("--send @/dev/stdin --max-message 4k", 65, "/dev/stdin for --send is longer than 4096 bytes"),
        ("--every 1s=@- --max-message 4k", 65, "standard input for --every is longer than 4096 bytes"),
        ("--bearer @-", 26, "cannot read standard input for --bearer: it holds more than the 1048576 bytes"),
        ("-H @/dev/stdin", 26, "cannot read /dev/stdin for --header: it holds more than the 1048576 bytes"),
        ("--script -", 26, "cannot read standard input for --script: it holds more than 67108864 bytes"),
    ] {
        let done = endless(line);
        assert_eq!(done.code, code, "{line}: {}", done.err);
        assert!(done.err.contains(said) && done.err.contains("\n  try: "), "{line}: {}", done.err);
    }
}

#[test]
fn pipes_give_values_once() {
    let (url, peer) = serve(|mut peer| {
        let first = peer.message();
        peer.answer_close();
        first
    });
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("message");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let message = "m".repeat(200_000);
    let writer = std::thread::spawn({
        let (fifo, message) = (fifo.clone(), message.clone());
        move || std::fs::write(fifo, message).unwrap()
    });
    let send = format!("@{}", fifo.display());
    let done = Wsio::run(["connect", &url, "--send", &send, "--linger", "0"], "");
    assert_eq!(done.code, 0, "{}", done.err);
    writer.join().unwrap();
    assert_eq!(peer.join().unwrap(), Some(message.into_bytes()));
}

/// `<(…)` of a shell that has it.
fn bash(line: &str, env: &[(&str, &str)]) -> Wsio {
    let mut command = Command::new("bash");
    command.args(["-c", line, env!("CARGO_BIN_EXE_wsio")]).envs(env.iter().copied());
    Wsio::spawn(&mut command)
}

#[test]
fn certificates_and_keys_come_from_pipes() {
    let authority = Authority::new();
    let pair = authority.signs(&["127.0.0.1"]);
    let (cert, key) = (pair.cert.to_str().unwrap(), pair.key.to_str().unwrap());
    let roots = authority.file.to_str().unwrap();
    let env = [("CERT", cert), ("KEY", key), ("ROOTS", roots)];
    // One pipe for both, and one each.
    for own in ["--cert <(cat \"$CERT\" \"$KEY\")", "--cert <(cat \"$CERT\") --key <(cat \"$KEY\")"] {
        let server = bash(
            &format!("exec \"$0\" listen wss://127.0.0.1:0 --echo --client-ca <(cat \"$ROOTS\") {own}"),
            &env,
        );
        let listening = Listening { url: server.says("listening on "), wsio: server };
        let client =
            format!("exec \"$0\" connect {} --send hi -1 --cacert <(cat \"$ROOTS\") {own}", listening.url);
        let done = bash(&client, &env).wait();
        assert_eq!((done.code, done.text()), (0, "hi\n"), "{own}: {}", done.err);
    }
}

#[test]
fn paths_that_are_not_utf8_are_paths() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};
    let folder = tempfile::tempdir().unwrap();
    let named = |prefix: &str, name: &[u8]| {
        let path = [folder.path().as_os_str().as_encoded_bytes(), b"/", name].concat();
        (OsString::from_vec([prefix.as_bytes(), &path].concat()), OsString::from_vec(path))
    };
    let word = |text: &str| OsString::from(text);
    // An endpoint, @FILE, options with a blank and with =, a socket, a program's argument.
    let (at, path) = named("@", b"m\xff");
    std::fs::write(&path, "hello").unwrap();
    let (record, recorded) = named("--record=", b"r\xfe.jsonl");
    let done = Wsio::run([word("connect"), word("echo:"), word("--send"), at, word("-1"), record], "");
    assert_eq!((done.code, done.text()), (0, "hello\n"), "{}", done.err);
    assert!(std::fs::read_to_string(recorded).unwrap().contains("hello"));
    let (from, _) = named("file:", b"m\xff");
    let (to, copy) = named("file:", b"c\xff");
    let done = Wsio::run([word("pipe"), from, to], "");
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(std::fs::read_to_string(copy).unwrap(), "hello");
    let (_, missing) = named("", b"no\xff");
    let done = Wsio::run([word("connect"), word("wss://127.0.0.1:1/"), word("--cacert"), missing], "");
    assert_eq!(done.code, 77, "{done:?}");
    let (run, argument) = named("", b"m\xff");
    drop(run);
    let done = Wsio::run(
        [word("connect"), word("ws://127.0.0.1:1/"), word("--cookie"), named("@", b"no\xff").0],
        "",
    );
    assert!(done.code == 26 && !done.err.contains("invalid UTF-8"), "{done:?}");
    let listening =
        crate::harness::Listening::start([word("listen"), word("0"), word("--"), word("cat"), argument]);
    let mut peer = crate::harness::Peer::dial(listening.address());
    assert_eq!(peer.message().unwrap(), b"hello");

    // The hint is about the place where it stands.
    for (option, hint) in [("-H", "write it in UTF-8"), ("--match", "write it in UTF-8")] {
        let bytes = OsString::from_vec(b"X-A: \xe9".to_vec());
        let done = Wsio::run([word("connect"), word("echo:"), word(option), bytes], "");
        assert!(done.code == 2 && done.err.contains(hint), "{option}: {}", done.err);
    }

    // What is no path is refused by name.
    for args in [
        [word("connect"), OsString::from_vec(b"ws://h/\xff".to_vec())],
        [word("listen"), OsString::from_vec(b"h\xff:1".to_vec())],
    ] {
        let done = Wsio::run(args, "");
        assert!(
            done.code == 2 && done.err.contains("\\xff") && done.err.contains("is not UTF-8"),
            "{done:?}"
        );
    }
}

#[test]
fn a_variable_that_is_not_utf8_is_bytes_and_no_text() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let run = |args: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wsio"));
        command.args(args.split(' ')).env("X", OsStr::from_bytes(b"\xff"));
        let mut wsio = Wsio::spawn(&mut command);
        wsio.close_stdin();
        wsio.wait()
    };
    let done = run("connect echo: -b --send @env:X -1 --out hex");
    assert_eq!((done.code, done.text()), (0, "ff\n"), "{}", done.err);
    for (args, code, cause) in [
        ("connect echo: --send @env:X -1", 65, "message 1 of --send is not UTF-8"),
        ("connect ws://127.0.0.1:1/ --bearer @env:X", 2, "the value of --bearer is not UTF-8"),
        ("connect ws://127.0.0.1:1/ -u @env:X", 2, "the value of --user is not UTF-8"),
        ("connect ws://127.0.0.1:1/ --bearer @env:Y", 2, "the environment has no Y"),
    ] {
        let done = run(args);
        assert_eq!(done.code, code, "{args}: {}", done.err);
        assert!(done.err.contains(cause), "{args}: {}", done.err);
    }
}

#[test]
fn utf_16_is_named_with_what_converts_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    std::fs::write(&path, b"\xff\xfeh\0i\0\n\0").unwrap();
    let at = format!("@{}", path.display());
    let given = Wsio::run(["connect", "echo:", "--send", &at, "-1"], "");
    let piped = Wsio::run(["connect", "echo:"], std::fs::read(&path).unwrap());
    let token = Wsio::run(["connect", "echo:", "--bearer", &at], "");
    for (done, code) in [(given, 65), (piped, 65), (token, 2)] {
        assert_eq!(done.code, code, "{}", done.err);
        assert!(
            done.err.contains("is UTF-16") && done.err.contains("iconv -f UTF-16 -t UTF-8"),
            "{}",
            done.err
        );
    }
}

#[test]
fn standard_output_is_no_file_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("s.wsio");
    std::fs::write(&script, "> a\n< a\n").unwrap();
    let script = script.to_str().unwrap();
    for (args, hint) in [
        (&["listen", "0", "--announce", "-"][..], "--announce /dev/stdout"),
        (&["pipe", "ws-listen:0", "echo:", "--announce", "-"], "--announce /dev/stdout"),
        (&["connect", "echo:", "--record", "-"], "--record ./-"),
        (&["connect", "echo:", "--script", script, "--report", "junit=-"], "junit=/dev/stdout"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wsio"));
        let mut wsio = Wsio::spawn(command.args(args).current_dir(folder.path()));
        wsio.close_stdin();
        let done = wsio.wait();
        assert_eq!(done.code, 2, "{args:?}: {}", done.err);
        assert!(done.err.contains(hint), "{args:?}: {}", done.err);
        assert!(!folder.path().join("-").exists(), "{args:?}");
    }
}
