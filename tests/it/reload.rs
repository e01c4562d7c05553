//! SIGHUP: certificates are read anew while links stay open, also where the signal was ignored at the start.

use crate::harness::{Authority, Listening, Pair, Terminal, Wsio, eventually};
use rustix::process::Signal;
use std::{
    fs,
    path::{Path, PathBuf},
};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Files whose content is replaced, as a renewal does it.
struct Renewed {
    folder: tempfile::TempDir,
}

impl Renewed {
    fn new(pair: &Pair) -> Self {
        let renewed = Self { folder: tempfile::tempdir().unwrap() };
        renewed.put(pair);
        renewed
    }

    fn cert(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn put(&self, pair: &Pair) {
        fs::copy(&pair.cert, self.cert()).unwrap();
        fs::copy(&pair.key, self.key()).unwrap();
    }
}

/// The way to a server: WebSockets or streams.
fn way(url: &str) -> &[&str] {
    if url.starts_with("tls:") { &["pipe", "-"] } else { &["connect"] }
}

/// The exit code of a client that trusts this authority.
fn ask(url: &str, trust: &Authority, more: &[&str]) -> i32 {
    let args = [way(url), &[url, "--cacert", text(&trust.file)], more].concat();
    Wsio::run(args, "hello").code
}

/// A client that stays.
fn stay(url: &str, trust: &Authority) -> Wsio {
    let mut client = Wsio::start([way(url), &[url, "--cacert", text(&trust.file)]].concat());
    client.write(b"one\n");
    eventually("it is open", || client.out_so_far() == b"one\n");
    client
}

#[test]
fn a_renewed_certificate_is_shown_and_open_sessions_stay() {
    let (old, new) = (Authority::new(), Authority::named("Another Authority"));
    let files = Renewed::new(&old.signs(&["127.0.0.1"]));
    let (cert, key) = (files.cert(), files.key());
    let tls = ["--cert", text(&cert), "--key", text(&key)];
    for server in [
        &["listen", "wss://127.0.0.1:0", "--echo"][..],
        &["pipe", "wss-listen:127.0.0.1:0", "echo:"],
        &["pipe", "tls-listen:127.0.0.1:0", "echo:"],
    ] {
        files.put(&old.signs(&["127.0.0.1"]));
        let listening = Listening::start(server.iter().chain(&tls));
        let mut open = stay(&listening.url, &old);
        assert_eq!((ask(&listening.url, &old, &[]), ask(&listening.url, &new, &[])), (0, 60));

        files.put(&new.signs(&["127.0.0.1"]));
        assert_eq!((ask(&listening.url, &old, &[]), ask(&listening.url, &new, &[])), (0, 60));
        listening.wsio.signal(Signal::HUP);
        listening.wsio.says("reloaded: the certificate is now of 127.0.0.1, valid until ");
        assert_eq!((ask(&listening.url, &old, &[]), ask(&listening.url, &new, &[])), (60, 0));

        open.write(b"two\n");
        eventually("the open session goes on", || open.out_so_far() == b"one\ntwo\n");
        open.close_stdin();
        assert_eq!(open.wait().code, 0);
        listening.wsio.signal(Signal::TERM);
        assert_eq!(listening.wsio.wait().code, 0);
    }
}

#[test]
fn files_that_cannot_be_used_leave_what_was_in_use() {
    let authority = Authority::new();
    let files = Renewed::new(&authority.signs(&["127.0.0.1"]));
    let (cert, key) = (files.cert(), files.key());
    let listening = Listening::start([
        "listen",
        "wss://127.0.0.1:0",
        "--echo",
        "--cert",
        text(&cert),
        "--key",
        text(&key),
    ]);
    let stays = "; what was in use stays in use";
    for (what, change) in [
        ("there is no certificate in it", &(|| fs::write(&cert, "nonsense").unwrap()) as &dyn Fn()),
        ("no such file", &|| fs::remove_file(&cert).unwrap()),
        ("there is no private key in it", &|| {
            files.put(&authority.signs(&["127.0.0.1"]));
            fs::write(&key, "").unwrap();
        }),
        // Renewed by half: the key of another certificate.
        ("cannot use ", &|| {
            files.put(&authority.signs(&["127.0.0.1"]));
            fs::copy(authority.signs(&["127.0.0.1"]).key, &key).unwrap();
        }),
    ] {
        change();
        let before = listening.wsio.err_so_far().matches(stays).count();
        listening.wsio.signal(Signal::HUP);
        eventually("it says so", || listening.wsio.err_so_far().matches(stays).count() > before);
        let said = listening.wsio.err_so_far();
        assert!(said.lines().rfind(|line| line.contains(stays)).unwrap().contains(what), "{said}");
        assert_eq!(ask(&listening.url, &authority, &[]), 0);
    }
}

#[test]
fn the_roots_of_client_certificates_are_renewed_too() {
    let (old, new) = (Authority::new(), Authority::named("Another Authority"));
    let roots = old.file("roots.pem", &fs::read_to_string(&old.file).unwrap());
    let server = old.signs(&["127.0.0.1"]);
    let listening = Listening::start([
        "listen",
        "wss://127.0.0.1:0",
        "--echo",
        "--client-ca",
        text(&roots),
        "--cert",
        text(&server.cert),
        "--key",
        text(&server.key),
    ]);
    let client = new.signs(&["client"]);
    let shown = ["--cert", text(&client.cert), "--key", text(&client.key)];
    assert_ne!(ask(&listening.url, &old, &shown), 0);
    fs::copy(&new.file, &roots).unwrap();
    listening.wsio.signal(Signal::HUP);
    listening.wsio.says("reloaded: ");
    assert_eq!(ask(&listening.url, &old, &shown), 0);
}

#[test]
fn a_self_signed_certificate_stays_and_a_plain_server_hangs_up() {
    for args in [&["listen", "0", "--echo"][..], &["listen", "0", "--echo", "--self-signed"]] {
        let listening = Listening::start(args);
        listening.wsio.signal(Signal::HUP);
        assert_eq!(listening.wsio.wait().code, 0, "{args:?}");
    }
}

#[test]
fn an_ignored_hangup_still_reads_files_anew() {
    let authority = Authority::new();
    let pair = authority.signs(&["127.0.0.1"]);
    let tls = ["--cert", text(&pair.cert), "--key", text(&pair.key)];
    for server in
        [&["listen", "wss://127.0.0.1:0", "--echo"][..], &["pipe", "wss-listen:127.0.0.1:0", "echo:"]]
    {
        let server = Wsio::ignoring("HUP", server.iter().chain(&tls));
        let url = server.says("listening on ");
        server.signal(Signal::HUP);
        server.says("reloaded: ");
        assert_eq!(ask(&url, &authority, &[]), 0);
    }
}

#[test]
fn a_terminal_that_is_still_there_lets_files_be_read_anew() {
    let authority = Authority::new();
    let pair = authority.signs(&["127.0.0.1"]);
    let tls = ["--cert", text(&pair.cert), "--key", text(&pair.key)];
    let mut server = Terminal::wsio(["listen", "wss://127.0.0.1:0", "--echo"].into_iter().chain(tls));
    server.shows("listening on ");
    server.signal(Signal::HUP);
    server.shows("reloaded: ");
    server.signal(Signal::TERM);
    eventually("it ends", || server.exit().is_some());
}
