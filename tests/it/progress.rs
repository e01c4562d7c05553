//! `--progress`: a bar on a terminal, a line at the end, and nothing of it in the data.

use crate::harness::{Peer, Terminal, Wsio, serve};
use std::{path::PathBuf, sync::mpsc, thread::JoinHandle};

const SIZE: usize = 8_000_000;
const SUMMARY: &str = "wsio: sent 8000000 bytes in 123 messages, received 0 bytes in 0 messages; ";

fn file(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("data");
    std::fs::write(&path, vec![b'x'; SIZE]).unwrap();
    path
}

/// A server that reads a part, and the rest when it is let.
fn slow() -> (String, mpsc::Sender<()>, JoinHandle<usize>) {
    let (let_go, held) = mpsc::channel();
    let (url, peer) = serve(move |mut peer| {
        let mut bytes = peer.message().unwrap().len();
        held.recv().unwrap();
        while bytes < SIZE {
            bytes += peer.message().unwrap().len();
        }
        peer.answer_close();
        bytes
    });
    (url, let_go, peer)
}

/// What stands below the last line that was cleared.
fn left(terminal: &Terminal) -> String {
    terminal.written().rsplit("\x1b[2K").next().unwrap().to_owned()
}

#[test]
fn a_terminal_shows_how_far_it_is_and_keeps_only_the_summary() {
    let folder = tempfile::tempdir().unwrap();
    let data = file(&folder);
    let (pipe, connect) = (
        format!("pipe file:{} ", data.display()),
        format!("connect --framing raw --send-only < {} ", data.display()),
    );
    for (command, known) in [
        (format!("{} {pipe}", env!("CARGO_BIN_EXE_wsio")), true),
        (format!("{} {connect}", env!("CARGO_BIN_EXE_wsio")), true),
        (format!("cat {} | {} pipe - ", data.display(), env!("CARGO_BIN_EXE_wsio")), false),
    ] {
        let (url, let_go, peer) = slow();
        let mut terminal =
            Terminal::start("sh", ["-c", &format!("{command} {url} --progress --linger 0 > /dev/null")]);
        terminal.shows(if known { "iB/7.63 MiB " } else { "sent " });
        terminal.shows("iB/s");
        assert_eq!(terminal.written().contains('%'), known, "{command}");
        if known {
            let written = terminal.written();
            let bar = written.rsplit('[').find_map(|rest| rest.split_once("] ")).unwrap().0;
            assert!(bar.len() >= 15 && bar.contains(['=', '>', ' ']), "80 columns have room for {bar:?}");
        }
        let_go.send(()).unwrap();
        assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
        terminal.shows(" s, ");
        let left = left(&terminal);
        let summary = if known { SUMMARY } else { "wsio: sent 8000000 bytes in " };
        assert!(left.lines().any(|line| line.starts_with(summary)), "{left:?}");
        assert!(!left.contains('%'), "{left:?}");
        assert_eq!(peer.join().unwrap(), SIZE);
    }
}

#[test]
fn no_bar_is_drawn_among_messages_on_a_terminal() {
    let (url, _peer) = serve(|mut peer| {
        peer.text("hello");
        std::thread::sleep(std::time::Duration::from_millis(300));
        peer.close(1000, "");
        peer.until_close()
    });
    let mut terminal = Terminal::wsio(["connect", &url, "--progress"]);
    assert_eq!(terminal.exit(), Some(0));
    terminal.shows("hello");
    terminal.shows("wsio: sent 0 bytes in 0 messages, received 5 bytes in 1 messages; ");
    assert!(!terminal.written().contains("iB/s, "), "{:?}", terminal.written());
    assert!(!terminal.written().contains("received 5 B"), "{:?}", terminal.written());
}

#[test]
fn without_a_terminal_there_is_only_the_summary() {
    let folder = tempfile::tempdir().unwrap();
    let (url, let_go, peer) = slow();
    let_go.send(()).unwrap();
    let data = format!("file:{}", file(&folder).display());
    let done = Wsio::run(["pipe", &data, &url, "--progress", "--linger", "0"], "");
    assert_eq!((done.code, done.out.as_slice()), (0, &b""[..]), "{}", done.err);
    assert!(done.err.lines().any(|line| line.starts_with(SUMMARY)), "{}", done.err);
    assert!(!done.err.contains('\x1b') && !done.err.contains('%'), "{:?}", done.err);
    assert_eq!(peer.join().unwrap(), SIZE);
}

#[test]
fn the_one_client_of_a_server_is_measured() {
    let wsio = Wsio::start(["listen", "0", "--once", "--progress"]);
    let url = wsio.says("listening on ws://");
    let mut peer = Peer::dial(url.trim_end_matches('/'));
    peer.text("four");
    peer.close(1000, "");
    peer.until_close();
    let done = wsio.wait();
    assert_eq!((done.code, done.text()), (0, "four\n"));
    assert!(done.err.contains("received 4 bytes in 1 messages; "), "{}", done.err);
}

#[test]
fn a_transfer_that_never_began_has_no_summary() {
    let done = Wsio::run(["connect", "ws://127.0.0.1:1/", "--progress"], "");
    assert_eq!(done.code, 7);
    assert!(!done.err.contains("sent 0"), "{}", done.err);
}

#[test]
fn many_sessions_have_no_progress() {
    for args in [
        &["listen", "0", "--progress"][..],
        &["pipe", "tcp-listen:0", "echo:", "--progress"],
        &["pipe", "ws-listen:0", "echo:", "--progress"],
        &["connect", "ws://127.0.0.1:1", "--progress", "-q"],
    ] {
        let done = Wsio::run(args, "");
        assert_eq!(done.code, 2, "{args:?}: {}", done.err);
        assert!(done.err.contains("--progress"), "{}", done.err);
    }
}
