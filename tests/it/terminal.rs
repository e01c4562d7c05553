//! A real terminal and its jobs: what must not stop, and where there is no prompt.

use crate::harness::{Authority, Listening, Options, PATIENCE, Peer, Terminal, eventually, serve};
use rustix::process::{Pid, Signal, kill_process};
use std::{fs, io::Read};

#[test]
fn where_lines_cannot_be_edited_a_typed_line_is_a_message() {
    for (args, term) in [(&["connect"][..], "dumb"), (&["connect", "--framing", "lines"], "xterm")] {
        let (url, peer) = serve(|mut peer| {
            let message = peer.message();
            peer.text("[1]");
            (message, peer.answer_close().unwrap().code())
        });
        let env: &'static [(&str, &str)] = if term == "dumb" { &[("TERM", "dumb")] } else { &[] };
        let options = Options { env, ..Options::default() };
        let mut terminal = Terminal::wsio_in(options, args.iter().copied().chain([url.as_str()]));
        terminal.types("typed\n");
        terminal.ends_with(&["typed", "[1]"]);
        terminal.types("\x04");
        assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
        assert_eq!(peer.join().unwrap(), (Some(b"typed".to_vec()), Some(1000)));
        assert!(!terminal.written().contains('>') && !terminal.written().contains('\x1b'));
    }
}

#[test]
fn where_the_output_goes_elsewhere_there_is_no_prompt() {
    let (url, peer) = serve(|mut peer| {
        let message = peer.message();
        peer.text("{\"a\":1}");
        (message, peer.answer_close().unwrap().code())
    });
    let script = format!("{} connect {url} | cat", env!("CARGO_BIN_EXE_wsio"));
    let mut terminal = Terminal::start("sh", ["-c", &script]);
    terminal.types("typed\n");
    terminal.ends_with(&["typed", "{\"a\":1}"]);
    terminal.types("\x04");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    assert_eq!(peer.join().unwrap(), (Some(b"typed".to_vec()), Some(1000)));
    assert!(!terminal.written().contains('\x1b'));
}

#[test]
fn control_characters_do_not_reach_a_terminal_unless_asked_for() {
    let evil = "\x1b]0;owned\x07\x1b[2J\u{9b}31m tab\tline\nend";
    for raw in [false, true] {
        // No prompt: standard input is a file.
        let (url, _peer) = serve(move |mut peer| {
            peer.text(evil);
            peer.send(true, 2, b"\x1b[2J\xff");
            peer.close(1000, "");
            peer.until_close()
        });
        let flag = if raw { "--raw" } else { "" };
        let script = format!("{} connect {url} {flag} < /dev/null", env!("CARGO_BIN_EXE_wsio"));
        let mut terminal = Terminal::start("sh", ["-c", &script]);
        assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
        terminal.shows("end");
        let written = terminal.written();
        for sequence in ["\x1b]0", "\x07", "\x1b[2J", "\u{9b}"] {
            assert_eq!(written.contains(sequence), raw, "{sequence:?} in {written:?}");
        }
        assert!(written.contains(" tab\tline\r\nend"), "{written:?}");
    }
    // What clients say to a server is no better.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    let mut terminal = Terminal::wsio(["listen", "0", "--announce", file.to_str().unwrap(), "--once"]);
    eventually("the URL", || file.exists());
    let url = fs::read_to_string(&file).unwrap();
    let mut peer = Peer::dial(url.trim_end().trim_start_matches("ws://").trim_end_matches('/'));
    peer.text(evil);
    peer.close(1000, "");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    let shown = ["< \\u{1b}]0;owned\\u{7}\\u{1b}[2J\\u{9b}31m tab     line", "  end"];
    assert!(terminal.rows().windows(2).any(|rows| rows == shown), "{:?}", terminal.rows());
}

#[test]
fn an_encrypted_key_asks_for_its_passphrase_unseen() {
    let authority = Authority::new();
    let (own, pair) = (authority.signs(&["client.example"]), authority.signs(&["127.0.0.1"]));
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (cert, key, ca) = (text(&pair.cert), text(&pair.key), text(&authority.file));
    let serve = ["listen", "wss://127.0.0.1:0", "--echo", "--cert", &cert, "--key", &key, "--client-ca", &ca];
    let listening = Listening::start(serve);
    let (own_cert, own_key) = (text(&own.cert), text(&authority.encrypts(&own, "s3cret")));
    let trust = ["connect", &listening.url, "--cacert", &ca, "--cert", &own_cert, "--key", &own_key];
    for (typed, exit) in [("s3cret\n", Some(0)), ("wr0ng\n", Some(58)), ("s3\x03", None)] {
        let mut terminal = Terminal::wsio(trust.into_iter().chain(["--send", "hello", "-1"]));
        terminal.shows(&format!("Passphrase of {own_key}: "));
        eventually("an end of the echo", || {
            let modes = rustix::termios::tcgetattr(terminal.keys()).unwrap().local_modes;
            !modes.contains(rustix::termios::LocalModes::ECHO)
        });
        terminal.types(typed);
        // Ctrl-C ends it by the signal, as at any other prompt.
        assert_eq!(terminal.exit(), exit, "{}", terminal.written());
        let shown = terminal.written().replace(&own_key, "");
        assert!(!shown.contains(&typed[..2]), "{shown}");
        if exit == Some(0) {
            terminal.shows("hello");
        }
    }
}

#[test]
fn an_idle_terminal_does_not_hold_up_the_peers_close() {
    let (url, _peer) = serve(|mut peer| {
        peer.close(1011, "disk full");
        peer.until_close()
    });
    let options = Options { env: &[("TERM", "dumb")], ..Options::default() };
    let mut terminal = Terminal::wsio_in(options, ["connect", &url]);
    assert_eq!(terminal.exit(), Some(115), "{}", terminal.written());
    terminal.shows("disk full");
}

#[test]
fn ctrl_c_closes_politely() {
    let (url, peer) = serve(|mut peer| {
        peer.text("ready");
        peer.answer_close().unwrap().code()
    });
    let options = Options { env: &[("TERM", "dumb")], ..Options::default() };
    let mut terminal = Terminal::wsio_in(options, ["connect", &url]);
    terminal.shows("ready");
    terminal.types("\x03");
    assert_eq!(terminal.exit(), Some(130), "{}", terminal.written());
    assert_eq!(peer.join().unwrap(), Some(1001));
}

#[test]
fn a_server_in_the_background_is_not_stopped_by_its_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    let script = format!(
        "set -m; {} listen 0 --announce {} & read line; echo got $line; kill $!",
        env!("CARGO_BIN_EXE_wsio"),
        file.display()
    );
    let mut terminal = Terminal::start("sh", ["-c", &script]);
    eventually("the URL", || file.exists());
    let url = fs::read_to_string(&file).unwrap();
    let address = url.trim_end().trim_start_matches("ws://").trim_end_matches('/').to_owned();
    // Each client would have it read the terminal, which stops a background job.
    for text in ["one", "two"] {
        let mut peer = Peer::dial(&address);
        peer.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        peer.text(text);
        terminal.shows(text);
        peer.close(1000, "");
        assert_eq!(peer.until_close().unwrap().code(), Some(1000));
    }
    // What is typed belongs to the foreground.
    terminal.types("typed\n");
    terminal.shows("got typed");
    assert_eq!(terminal.exit(), Some(0));
}

#[test]
fn a_client_in_the_background_is_not_stopped_by_its_terminal() {
    let (url, peer) = serve(|mut peer| {
        peer.text("from the background");
        peer.answer_close().unwrap().code()
    });
    let script = format!(
        "set -m; {} connect {url} & read line; echo got $line; kill $!; wait",
        env!("CARGO_BIN_EXE_wsio")
    );
    let mut terminal = Terminal::start("sh", ["-c", &script]);
    terminal.shows("from the background");
    terminal.types("typed\n");
    terminal.shows("got typed");
    assert_eq!(terminal.exit(), Some(0));
    assert_eq!(peer.join().unwrap(), Some(1001));
}

#[test]
fn a_terminal_that_is_gone_ends_a_server_that_a_signal_would_have_reload() {
    let authority = Authority::new();
    let pair = authority.signs(&["127.0.0.1"]);
    let (cert, key) = (pair.cert.to_str().unwrap(), pair.key.to_str().unwrap());
    // Only one descriptor of it, so that dropping it hangs up.
    let (mut pty, pts) = pty_process::blocking::open().unwrap();
    rustix::io::ioctl_fionbio(&pty, true).unwrap();
    let mut child = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_wsio"))
        .args(["listen", "wss://127.0.0.1:0", "--echo", "--cert", cert, "--key", key])
        .spawn(pts)
        .unwrap();
    let mut screen = String::new();
    let mut shows = |text: &str| {
        eventually(text, || {
            let mut chunk = [0; 4096];
            let count = pty.read(&mut chunk).unwrap_or(0);
            screen.push_str(&String::from_utf8_lossy(&chunk[..count]));
            screen.contains(text)
        });
    };
    shows("listening on wss://");
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    shows("reloaded: ");
    assert!(child.try_wait().unwrap().is_none());
    drop(pty);
    let mut status = None;
    eventually("its end", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(0));
}
