//! `--record x.wsio`: what passed, as a script that passes again.

use super::{Folder, SHOPPING, shop};
use crate::harness::{Peer, Wsio, serve};
use std::fs;

/// What is there but comments.
fn statements(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

/// Answers each text with itself and a binary message, then waits for the Close.
fn strange(mut peer: Peer) {
    peer.text("{\"hello\":\n  1}");
    peer.send(true, 9, b"hi");
    while let Some(frame) = peer.next() {
        match frame.opcode {
            1 => {
                peer.text(&format!("{} ${{x}}", frame.text()));
                peer.send(true, 2, &[0, 1, 0xff]);
            }
            8 => {
                let _ = peer.try_send(true, 8, &frame.payload);
                break;
            }
            _ => {}
        }
    }
}

#[test]
fn a_recorded_session_passes_again_and_fails_elsewhere() {
    let folder = Folder::new(&[]);
    let file = folder.path("t.wsio");
    let (url, server) = serve(strange);
    let done = Wsio::run(
        ["connect", "-0", "--linger", "0.5", "--record", file.to_str().unwrap(), &url],
        "ping\0two\nlines\0tab\there",
    );
    assert_eq!(done.code, 0, "{}", done.err);
    server.join().unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# wsio ") && text.lines().next().unwrap().ends_with(&url), "{text}");
    for statement in [
        "< <<END\n{\"hello\":\n  1}\nEND\n",
        "> ping\n",
        "> <<END\ntwo\nlines\nEND\n",
        ">q \"tab\\there\"\n",
        "<q \"ping $${x}\"\n",
        "<b AAH/\n",
        ">close 1000\n< close 1000\n",
    ] {
        assert!(text.contains(statement), "{statement}\n{text}");
    }

    let (url, server) = serve(strange);
    let done = folder.play(&url, &["--record", "again.wsio"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{text}");
    server.join().unwrap();
    let again = folder.read("again.wsio");
    let sorted = |text: &str| {
        let mut lines: Vec<String> = statements(text).iter().map(ToString::to_string).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&again), sorted(&text));

    let (url, server) = serve(|mut peer: Peer| {
        peer.text("{\"hello\":2}");
        peer.answer_close();
    });
    let done = folder.play(&url, &[]);
    assert_eq!(done.code, 1);
    assert!(done.err.contains("/hello: wanted 1, got 2"), "{}", done.err);
    server.join().unwrap();
}

#[test]
fn the_peers_close_and_a_loss_are_recorded() {
    let folder = Folder::new(&[]);
    let record = |server: fn(Peer)| {
        let (url, server) = serve(server);
        let file = folder.path("t.wsio");
        let done = Wsio::run(["connect", "--record", file.to_str().unwrap(), &url], "");
        server.join().unwrap();
        (done.code, folder.read("t.wsio"))
    };
    let (code, text) = record(|mut peer| {
        peer.text("a");
        peer.close(4001, "bye");
        peer.until_close();
    });
    assert_eq!((code, statements(&text)), (115, vec!["< a", "< close 4001"]));
    assert!(text.ends_with("# exit 115: session: closed by the peer: 4001 private: bye\n"), "{text}");
    let (code, text) = record(|mut peer| {
        peer.text("a");
        peer.reset();
    });
    assert_eq!((code, statements(&text)), (56, vec!["< a"]));
    assert!(
        text.lines().last().unwrap().starts_with("# exit 56: session: the connection was lost"),
        "{text}"
    );
}

#[test]
fn the_record_of_a_script_is_a_script() {
    let folder = Folder::new(&[("t.wsio", SHOPPING)]);
    let (url, server) = serve(shop("42"));
    assert_eq!(folder.play(&url, &["--record", "all.wsio"]).code, 0);
    server.join().unwrap();
    let (url, server) = serve(shop("42"));
    let done = folder.start(&["connect", &url, "--script", "all.wsio"]).wait();
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{}", folder.read("all.wsio"));
    server.join().unwrap();
}

#[test]
fn a_server_of_many_is_no_script() {
    for args in [
        &["listen", "0", "--record", "x.wsio"][..],
        &["pipe", "ws-listen:0", "null:", "--record", "x.WSIO"],
        &["pipe", "tcp-listen:0", "ws://127.0.0.1:1/", "--record", "x.wsio"],
    ] {
        let folder = Folder::new(&[]);
        let done = folder.start(args).wait();
        assert_eq!(done.code, 2, "{args:?}: {}", done.err);
        assert!(done.err.contains("a script is one session, and this serves many"), "{}", done.err);
    }
    let folder = Folder::new(&[]);
    let server = folder.start(&["listen", "0", "--echo", "--once", "--record", "x.wsio"]);
    let url = server.says("listening on ");
    assert_eq!(Wsio::run(["connect", &url], "a\n").code, 0);
    assert_eq!(server.wait().code, 0);
    assert_eq!(statements(&folder.read("x.wsio")), ["< a", "> a", "< close 1000"]);
}
