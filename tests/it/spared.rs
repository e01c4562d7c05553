//! Standard input that is left alone: with `--send` and an end of its own, a run has all it needs.

use crate::harness::{Done, Listening, Peer, Terminal, Wsio, serve};
use std::{
    fs::File,
    io::{Seek, Write},
    process::Command,
    thread::JoinHandle,
};

/// Says at once as many texts, and gives all that came until the other side's Close.
fn says(texts: &'static [&'static str]) -> (String, JoinHandle<Vec<String>>) {
    serve(move |mut peer| {
        let mut got = peer.message().map(|first| vec![first]).unwrap_or_default();
        texts.iter().for_each(|text| peer.text(text));
        got.extend(std::iter::from_fn(|| peer.message()));
        let _ = peer.try_send(true, 8, &[3, 232]);
        got.into_iter().map(|message| String::from_utf8(message).unwrap()).collect()
    })
}

/// Runs it with a file that holds two lines; gives where its offset stands then.
fn with_file(args: &[&str]) -> (Done, u64) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"a\nb\n").unwrap();
    file.rewind().unwrap();
    let mut shared: File = file.try_clone().unwrap();
    let done = Wsio::fed(file, args).wait();
    (done, shared.stream_position().unwrap())
}

#[test]
fn a_loop_over_a_list_gets_each_of_its_lines() {
    let listening = Listening::start(["listen", "127.0.0.1:0", "--echo"]);
    let list = format!("{0}?one\n{0}?two\n{0}?three\n", listening.url);
    let script = "while read -r u; do \"$0\" connect \"$u\" --send ping -1 || exit; echo \"$u\"; done";
    let mut wsio = Wsio::spawn(Command::new("/bin/sh").args(["-c", script, env!("CARGO_BIN_EXE_wsio")]));
    wsio.write(list.as_bytes());
    wsio.close_stdin();
    let done = wsio.wait();
    assert_eq!(done.code, 0, "{}", done.err);
    let expected: String = list.lines().map(|url| format!("ping\n{url}\n")).collect();
    assert_eq!((done.text(), done.err.as_str()), (expected.as_str(), ""));
}

#[test]
fn each_end_of_its_own_leaves_it_alone_in_every_subcommand() {
    for (args, why) in [
        (&["connect", "-1"][..], "--send with -1"),
        (&["connect", "-n", "1"], "--send with -n"),
        (&["connect", "-n", "1", "--framing", "lines"], "--send with -n"),
        (&["connect", "-1", "--match", "on"], "--send with -1"),
        (&["connect", "-1", "--linger", "10s"], "--send with -1"),
        (&["pipe", "-", "-1"], "--send with -1"),
    ] {
        let (url, server) = says(&["one"]);
        let (done, offset) = with_file(&[args, &["--send", "hi", "-v", &url]].concat());
        assert_eq!(done.code, 0, "{args:?}: {}", done.err);
        assert_eq!((server.join().unwrap(), offset), (vec!["hi".to_owned()], 0), "{args:?}");
        let line = format!("* standard input is left alone: {why} reads none");
        assert!(done.err.contains(&line), "{args:?}: {}", done.err);
    }
    let (url, server) = serve(|mut peer| {
        let first = peer.message();
        peer.close(1008, "");
        (first, peer.message())
    });
    let (done, offset) = with_file(&["connect", "--send", "hi", "--expect-close", "1008", &url]);
    assert_eq!((done.code, offset, done.err.as_str()), (0, 0, ""));
    assert_eq!(server.join().unwrap(), (Some(b"hi".to_vec()), None));

    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"a\nb\n").unwrap();
    file.rewind().unwrap();
    let args = ["listen", "127.0.0.1:0", "--once", "--send", "hi", "-1"];
    let server = Wsio::fed(file.try_clone().unwrap(), args);
    let url = server.says("listening on ws://");
    let mut peer = Peer::dial(url.trim_end_matches('/'));
    assert_eq!(peer.message(), Some(b"hi".to_vec()));
    peer.text("one");
    assert_eq!(peer.message(), None, "nothing of the file is sent");
    let _ = peer.try_send(true, 8, &[3, 232]);
    let done = server.wait();
    assert_eq!((done.code, done.text(), file.stream_position().unwrap()), (0, "one\n", 0), "{}", done.err);
}

#[test]
fn what_asks_for_it_has_it() {
    for (args, expected) in [
        (&["--send", "hi", "-n", "1", "--in", "lines"][..], &["hi", "a", "b"][..]),
        (&["--send", "@-", "-1"], &["a\nb\n"]),
        (&["-n", "1"], &["a", "b"]),
        // A filter is no end.
        (&["--send", "hi", "--match", "one"], &["hi", "a", "b"]),
    ] {
        // The one message comes when all is here.
        let count = expected.len();
        let (url, server) = serve(move |mut peer| {
            let got: Vec<_> = (0..count).filter_map(|_| peer.message()).collect();
            peer.text("one");
            let _ = peer.answer_close();
            got
        });
        let (done, offset) = with_file(&[&["connect"], args, &[&url]].concat());
        assert_eq!((done.code, offset), (0, 4), "{args:?}: {}", done.err);
        assert!(!done.err.contains("left alone"), "{args:?}: {}", done.err);
        let got: Vec<_> =
            server.join().unwrap().into_iter().map(|got| String::from_utf8(got).unwrap()).collect();
        assert_eq!(got, expected, "{args:?}");
    }
}

#[test]
fn a_run_that_waits_or_fails_says_what_it_left() {
    // It waits: the line comes without -v, once.
    let (url, server) = serve(|mut peer| peer.answer_close());
    let mut wsio = Wsio::start(["connect", "--send", "hello", "-n", "3", &url]);
    wsio.write(b"a\nb\n");
    assert!(wsio.says("standard input is left alone: --send with -n reads none").contains("--in lines"));
    wsio.signal(rustix::process::Signal::TERM);
    let done = wsio.wait();
    server.join().unwrap();
    assert_eq!((done.code, done.err.matches("left alone").count()), (143, 1), "{}", done.err);

    // It fails; where nothing stands there, there is nothing to say.
    for (input, said) in [("a\nb\n", 1), ("", 0)] {
        let (url, server) = serve(|mut peer| {
            peer.message();
            peer.close(1000, "");
            peer.message()
        });
        let mut wsio = Wsio::start(["connect", "--send", "hello", "-n", "3", &url]);
        wsio.write(input.as_bytes());
        wsio.close_stdin();
        let done = wsio.wait();
        server.join().unwrap();
        assert_eq!((done.code, done.err.matches("left alone").count()), (1, said), "{}", done.err);
    }
}

#[test]
fn a_terminal_is_left_alone_too() {
    let listening = Listening::start(["listen", "127.0.0.1:0", "--echo"]);
    let mut terminal = Terminal::wsio(["connect", &listening.url, "--send", "{\"a\":1}", "-1"]);
    assert_eq!(terminal.exit(), Some(0));
    // No prompt was there, which would lay it out.
    assert_eq!(terminal.written(), "{\"a\":1}\r\n");
}
