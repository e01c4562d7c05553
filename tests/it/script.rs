//! Scripts: a session that is written down is played, judged, reported and recorded.

mod given;
mod recording;
mod reports;
mod serving;

use crate::{
    docs::pages,
    harness::{Done, Peer, Wsio, serve},
};
use std::{fs, path::PathBuf, process::Command, time::Duration};
use tempfile::TempDir;

/// A folder with scripts.
struct Folder(TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Starts `wsio` in it, with a token in the environment.
    fn start(&self, args: &[&str]) -> Wsio {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wsio"));
        Wsio::spawn(command.args(args).current_dir(self.0.path()).env("TOKEN", "s3cr\"et"))
    }

    /// Plays `t.wsio` against that server; standard input stays open and says nothing.
    fn play(&self, url: &str, more: &[&str]) -> Done {
        self.start(&[&["connect", url, "--script", "t.wsio"][..], more].concat()).wait()
    }
}

/// Plays a script against a server that is one too.
fn play<T: Send + 'static>(
    script: &str,
    more: &[&str],
    server: impl FnOnce(Peer) -> T + Send + 'static,
) -> (Done, T) {
    let folder = Folder::new(&[("t.wsio", script)]);
    let (url, server) = serve(server);
    let done = folder.play(&url, more);
    (done, server.join().unwrap())
}

/// A server that answers a login, then a call with an id, then what is asked about it.
fn shop(value: &'static str) -> impl FnOnce(Peer) -> Vec<String> + Send {
    move |mut peer| {
        let mut heard = Vec::new();
        let mut hear = |peer: &mut Peer| heard.push(String::from_utf8(peer.message().unwrap()).unwrap());
        hear(&mut peer);
        peer.text(r#"{"event":"tick","n":1}"#);
        peer.send(true, 9, b"are you there");
        peer.text(r#"{"ok":true,"user":"ann"}"#);
        hear(&mut peer);
        peer.text(r#"{"event":"tick","n":2}"#);
        peer.text(r#"{"result":{"id":"r-17"}}"#);
        hear(&mut peer);
        peer.text(&format!(r#"{{"id":"r-17","value":{value}}}"#));
        peer.answer_close();
        heard
    }
}

const SHOPPING: &str = r#"# Log in, call, and ask for what the call made.
> {"op":"login","token":"${TOKEN}"}
<? {"event":"tick"}
< {"ok":true}
> {"op":"call"}
<? {"event":"tick"}
< {"result":{}}
capture id /result/id
> {"op":"get","id":"${id}"}
within 20s
< {"id":"${id}","value":42}
"#;

#[test]
fn a_login_a_call_and_the_matching_reply_pass() {
    let (done, heard) = play(SHOPPING, &[], shop("42"));
    assert_eq!((done.code, done.text(), done.err.as_str()), (0, "", ""));
    assert_eq!(
        heard,
        [r#"{"op":"login","token":"s3cr\"et"}"#, r#"{"op":"call"}"#, r#"{"op":"get","id":"r-17"}"#]
    );
}

/// The scripts of `wsio-script(5)` by name, and what it shows of their run.
fn shown_scripts() -> (Vec<(String, String)>, String) {
    let page = pages::source("wsio-script.5.md");
    let scripts = pages::blocks(&page, "text").into_iter().take(2);
    let named = scripts.map(|text| (text.lines().next().unwrap()[2..].to_owned(), text));
    let shown =
        pages::blocks(&page, "console").into_iter().find(|block| block.contains("$ wsio listen --script"));
    (named.collect(), shown.unwrap())
}

#[test]
fn the_scripts_of_the_manual_do_what_it_shows() {
    let (scripts, shown) = shown_scripts();
    let files: Vec<_> = scripts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(files.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["server.wsio", "smoke.wsio"]);
    let folder = Folder::new(&files);
    let server = folder.start(&["listen", "0", "--script", "server.wsio"]);
    let url = server.says("listening on ");
    let done = folder.start(&["connect", "--script", "smoke.wsio", &url]).wait();
    assert_eq!(done.code, 1);
    let (first, rest) = done.err.split_once('\n').unwrap();
    assert!(shown.contains(first.rsplit_once(" after ").unwrap().0), "{first}\n{shown}");
    assert!(shown.contains(&format!("{rest}$ echo $?\n1\n")), "{rest}\n{shown}");

    // With what the server says expected, it passes.
    fs::write(folder.path("smoke.wsio"), folder.read("smoke.wsio").replace("paid", "open")).unwrap();
    let done = folder.start(&["connect", "--script", "smoke.wsio", &url]).wait();
    assert_eq!((done.code, done.text(), done.err.as_str()), (0, "", ""));
}

#[test]
fn a_server_that_answers_something_else_fails_readably() {
    let (done, _) = play(SHOPPING, &[], shop("\"s3cr\\\"et\""));
    assert_eq!((done.code, done.text()), (1, ""));
    let (first, rest) = done.err.split_once('\n').unwrap();
    assert!(first.starts_with("wsio: script: t.wsio:11: something else came after "), "{first}");
    assert_eq!(
        rest,
        concat!(
            "  | < {\"id\":\"${id}\",\"value\":42}\n  | /value: wanted 42, got \"${TOKEN}\"\n",
            "  | got {\"id\":\"r-17\",\"value\":\"${TOKEN}\"}\n",
        )
    );
}

#[test]
fn steps_are_told_with_v_and_records_with_json() {
    let (done, _) = play(SHOPPING, &["-v"], shop("42"));
    assert_eq!((done.code, done.text()), (0, ""));
    assert!(
        done.err.contains(
            "* t.wsio:2: > {\"op\":\"login\",\"token\":\"${TOKEN}\"}\n* t.wsio:4: < {\"ok\":true} ("
        )
    );
    assert!(!done.err.contains("s3cr"), "{}", done.err);

    let (done, _) = play(SHOPPING, &["--json"], shop("42"));
    assert_eq!(done.code, 0, "{}", done.err);
    let kinds: Vec<_> = done
        .text()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|record| {
            format!("{} {}", record["dir"].as_str().unwrap_or("-"), record["type"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "- open",
            "out text",
            "in text",
            "in ping",
            "out pong",
            "in text",
            "out text",
            "in text",
            "in text",
            "out text",
            "in text",
            "out close",
            "in close",
            "- end",
        ]
    );
}

#[test]
fn everything_that_can_be_sent_is_sent_as_it_is() {
    let script =
        "> <<END\na\n  b\nEND\n>q \"\\u0000\"\n>b AP8=\n>ping p\n>pong\n>close 4001 see you\n< close 4001\n";
    let (done, frames) = play(script, &[], |mut peer| {
        let frames: Vec<_> =
            std::iter::from_fn(|| peer.next()).take(6).map(|frame| (frame.opcode, frame.payload)).collect();
        peer.close(4001, "see you");
        frames
    });
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let close = [&4001u16.to_be_bytes()[..], b"see you"].concat();
    assert_eq!(
        frames,
        [
            (1, b"a\n  b".to_vec()),
            (1, vec![0]),
            (2, vec![0, 0xff]),
            (9, b"p".to_vec()),
            (10, vec![]),
            (8, close)
        ]
    );
}

#[test]
fn everything_that_can_be_expected_is_heard() {
    let script = "<b AP8=\n< ping\n>ping x\n< pong\n< close 4001 bye\n";
    let (done, close) = play(script, &[], |mut peer| {
        peer.send(true, 2, b"\0\xff");
        peer.send(true, 9, b"p");
        while peer.next().unwrap().opcode != 9 {}
        peer.send(true, 10, b"x");
        peer.close(4001, "bye");
        peer.until_close().and_then(|close| close.code())
    });
    assert_eq!((done.code, done.err.as_str(), close), (0, "", Some(4001)));
}

#[test]
fn the_end_of_a_script_closes_normally_and_drains() {
    for (more, code) in
        [(&[][..], Some(1000)), (&["--close", "4000:done"], Some(4000)), (&["--close", "none"], None)]
    {
        let (done, close) = play("> a\n", more, |mut peer| {
            assert_eq!(peer.message().as_deref(), Some(&b"a"[..]));
            let close = peer.until_close();
            // What comes behind the script's end is nobody's business.
            peer.text("late");
            peer.try_send(true, 8, &close.clone().unwrap().payload).unwrap();
            close.and_then(|close| close.code())
        });
        assert_eq!((done.code, close, done.err.as_str()), (0, code, ""));
    }
}

#[test]
fn a_close_that_was_not_expected_fails_and_behind_the_end_is_the_sessions() {
    let closing = |code| {
        move |mut peer: Peer| {
            peer.message();
            peer.close(code, "bye");
            peer.until_close();
        }
    };
    for (script, more, code, said) in [
        ("> a\n< b\n", &[][..], 1000, "script: t.wsio:2: the peer closed with 1000 normal: bye\n  | < b\n"),
        ("> a\n< close 4001\n", &[], 4002, "t.wsio:2: the peer closed with 4002 private: bye instead\n"),
        ("> a\n< b\n", &["--ok-close", "4002"], 4002, "t.wsio:2: the peer closed with 4002 private: bye\n"),
    ] {
        let (done, ()) = play(script, more, closing(code));
        assert_eq!(done.code, 1, "{script}: {}", done.err);
        assert!(done.err.contains(said), "{}", done.err);
    }
    // The server closes with an error where it should have echoed ours.
    let late = |code: u16| {
        move |mut peer: Peer| {
            peer.until_close();
            peer.close(code, "");
        }
    };
    assert_eq!(play("> a\n", &[], late(4002)).0.code, 115);
    assert_eq!(play("> a\n", &["--ok-close", "4002"], late(4002)).0.code, 0);
}

#[test]
fn a_connection_that_is_lost_says_what_was_waited_for() {
    let (done, ()) = play("> a\n< b\n", &[], |mut peer| {
        peer.message();
        peer.reset();
    });
    assert_eq!(done.code, 56);
    assert!(done.err.starts_with("wsio: session: "), "{}", done.err);
    assert!(done.err.ends_with("\n  | t.wsio:2: < b\n"), "{}", done.err);
}

#[test]
fn a_limit_that_is_over_fails_the_line_that_waited() {
    let silent = |mut peer: Peer| {
        peer.text("tick 1");
        peer.answer_close().and_then(|close| close.code())
    };
    let (done, close) = play("<? /tick/\nwithin 300ms\n< b\n", &[], silent);
    assert_eq!((done.code, close), (1, Some(1000)));
    assert_eq!(
        done.err,
        "wsio: script: t.wsio:3: nothing of the kind came within 300 ms\n  | < b\n  | skipped 1 message, the last: tick 1\n"
    );
    let (done, _) = play("<? /tick/\n< b\n", &["--timeout", "0.5"], silent);
    assert_eq!(done.code, 1);
    assert!(
        done.err.starts_with("wsio: script: t.wsio:2: the time limit (--timeout) is over\n"),
        "{}",
        done.err
    );
    let (done, _) = play("sleep 1h\n", &["--timeout", "0.5", "--allow-empty"], silent);
    assert_eq!(done.code, 28, "nothing was expected");
    let (done, _) = play("<? /tick/\n< close 1000\n", &["--timeout", "0.5"], silent);
    assert_eq!(done.code, 1, "the echo of our own Close is none of the peer's: {}", done.err);
    // Behind our own Close too.
    let (done, _) =
        play("<? /tick/\n>close\nwithin 200ms\n< b\n", &["--close-timeout", "2"], |mut peer: Peer| {
            peer.text("tick 1");
            peer.until_close();
            std::thread::sleep(Duration::from_millis(600));
            peer.close(1000, "");
        });
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(done.err.contains("t.wsio:4: nothing of the kind came within 200 ms"), "{}", done.err);
}

#[cfg(target_os = "linux")]
#[test]
fn what_comes_while_a_script_sleeps_is_bounded() {
    let folder = Folder::new(&[("t.wsio", "sleep 1s\n<? /./\n< done\n> got it\n< bye\n")]);
    let (read, wait) = std::sync::mpsc::channel();
    let (url, server) = serve(move |mut peer| {
        let message = "x".repeat(64 * 1024);
        for _ in 0..3000 {
            peer.text(&message);
        }
        peer.text("done");
        assert_eq!(peer.message().as_deref(), Some(&b"got it"[..]));
        wait.recv().unwrap();
        peer.text("bye");
        peer.answer_close();
    });
    let wsio = folder.start(&["connect", &url, "--script", "t.wsio", "-v"]);
    wsio.says("t.wsio:4: > got it");
    let peak = wsio.peak_kib();
    read.send(()).unwrap();
    assert_eq!(wsio.wait().code, 0);
    server.join().unwrap();
    assert!(peak < 64 * 1024, "{peak} KiB for 188 MiB of messages");
}
