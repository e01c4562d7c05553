//! `listen --script`: the same file against every client.

use super::{Folder, SHOPPING};
use crate::harness::{Listening, Peer, Wsio, eventually};

/// The server that [`SHOPPING`] expects.
const SHOP: &str = r#"< {"op":"login"}
capture token /token
> {"event":"tick","n":1}
> {"ok":true,"token":"${token}"}
< {"op":"call"}
> {"result":{"id":"r-17"}}
< {"op":"get","id":"r-17"}
> {"id":"r-17","value":42}
< close 1000
"#;

fn listening(folder: &Folder, more: &[&str]) -> Listening {
    let wsio = folder.start(&[&["listen", "0", "--script", "server.wsio"][..], more].concat());
    let url = wsio.says("listening on ");
    Listening { wsio, url }
}

#[test]
fn a_script_plays_the_server_of_another() {
    let folder = Folder::new(&[("server.wsio", SHOP), ("t.wsio", SHOPPING)]);
    let server = listening(&folder, &[]);
    for _ in 0..3 {
        let done = folder.play(&server.url, &[]);
        assert_eq!((done.code, done.text(), done.err.as_str()), (0, "", ""));
    }
    let clients: Vec<Wsio> =
        (0..5).map(|_| folder.start(&["connect", &server.url, "--script", "t.wsio"])).collect();
    for client in clients {
        assert_eq!(client.wait().code, 0);
    }
    eventually("all are told", || server.wsio.err_so_far().matches("close 1000 normal").count() == 8);
    assert!(!server.wsio.err_so_far().contains("script:"));
}

#[test]
fn a_client_that_fails_is_told_and_the_server_goes_on() {
    let folder = Folder::new(&[("server.wsio", SHOP), ("t.wsio", SHOPPING)]);
    let server = listening(&folder, &[]);
    let mut peer = Peer::dial(server.address());
    peer.text(r#"{"op":"logout"}"#);
    let close = peer.answer_close().unwrap();
    assert_eq!((close.code(), close.reason()), (Some(1011), "script failed"));
    let place = server.wsio.says("script: server.wsio:1: something else came after ");
    assert!(place.ends_with(" ms"), "{place}");
    eventually("what differs is told", || {
        let said = server.wsio.err_so_far();
        said.lines().any(|line| {
            line.starts_with("#1 127.0.0.1:") && line.ends_with("  | /op: wanted \"login\", got \"logout\"")
        })
    });
    // One that leaves in the middle has failed too.
    let mut peer = Peer::dial(server.address());
    peer.close(1001, "bye");
    peer.until_close();
    server.wsio.says("script: server.wsio:1: the peer closed with 1001 going away: bye");
    assert_eq!(folder.play(&server.url, &[]).code, 0);
}

#[test]
fn with_once_the_exit_is_that_sessions() {
    let folder = Folder::new(&[("server.wsio", SHOP), ("t.wsio", SHOPPING)]);
    let server = listening(&folder, &["--once", "--report", "junit=report.xml"]);
    assert_eq!(folder.play(&server.url, &[]).code, 0);
    let done = server.wsio.wait();
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(folder.read("report.xml").contains("tests=\"7\" failures=\"0\""));

    let server = listening(&folder, &["--once", "--report", "tap"]);
    let mut peer = Peer::dial(server.address());
    peer.text("nonsense");
    peer.answer_close();
    let done = server.wsio.wait();
    assert_eq!(done.code, 1);
    assert!(done.err.contains("\nwsio: script: server.wsio:1: something else came"), "{}", done.err);
    assert_eq!(done.err.matches("server.wsio:1: something").count(), 1, "{}", done.err);
    assert!(done.text().contains("\nnot ok 2 - server.wsio:1: < {\"op\":\"login\"}\n"), "{}", done.text());
}

#[test]
fn a_client_may_take_its_time_unless_the_script_says_otherwise() {
    let folder = Folder::new(&[("server.wsio", "< a\nwithin 200ms\n< b\n")]);
    let server = listening(&folder, &[]);
    let mut peer = Peer::dial(server.address());
    peer.text("a");
    assert_eq!(peer.answer_close().unwrap().code(), Some(1011));
    server.wsio.says("script: server.wsio:3: nothing of the kind came within 200 ms");
}

#[test]
fn records_of_a_played_server_have_their_connection() {
    let folder = Folder::new(&[("server.wsio", "< a\n> b\n< close\n")]);
    let server = listening(&folder, &["--json"]);
    let mut peer = Peer::dial(server.address());
    peer.text("a");
    assert_eq!(peer.message().as_deref(), Some(&b"b"[..]));
    peer.close(1000, "");
    peer.until_close();
    eventually("it is told", || server.wsio.out_so_far().ends_with(b"\"exit\":0}\n"));
    let out = String::from_utf8(server.wsio.out_so_far()).unwrap();
    assert_eq!(out.lines().count(), 6, "{out}");
    assert!(out.lines().all(|line| line.contains("\"conn\":1")), "{out}");
}

#[test]
fn a_server_that_ends_says_whether_all_clients_were_well() {
    for (fails, code) in [(false, 0), (true, 1)] {
        let folder = Folder::new(&[("server.wsio", SHOP), ("t.wsio", SHOPPING)]);
        let server = listening(&folder, &["--report", "junit=report.xml", "--report", "tap"]);
        assert_eq!(folder.play(&server.url, &[]).code, 0);
        if fails {
            let mut peer = Peer::dial(server.address());
            peer.text("nonsense");
            peer.answer_close();
            server.wsio.says("script: server.wsio:1: something else came");
        }
        assert_eq!(folder.play(&server.url, &[]).code, 0);
        // One in the middle of its script has neither failed nor passed.
        let mut late = Peer::dial(server.address());
        late.text(r#"{"op":"login","token":"x"}"#);
        late.message();
        server.wsio.signal(rustix::process::Signal::TERM);
        late.answer_close();
        let done = server.wsio.wait();
        assert_eq!(done.code, code, "{}", done.err);
        assert_eq!(done.err.contains("wsio: script: 1 of 3 clients failed"), fails, "{}", done.err);
        let (tap, junit) = (done.text(), folder.read("report.xml"));
        let clients = if fails { 3 } else { 2 };
        assert!(tap.starts_with(&format!("TAP version 14\n1..{}\n", clients * 7)), "{tap}");
        assert!(tap.contains("\nok 2 - client 1: server.wsio:1: < {\"op\":\"login\"}\n"), "{tap}");
        assert_eq!(
            tap.contains("\nnot ok 9 - client 2: server.wsio:1: < {\"op\":\"login\"}\n"),
            fails,
            "{tap}"
        );
        let sum = format!("tests=\"{}\" failures=\"{}\"", clients * 7, u8::from(fails));
        assert!(junit.contains(&sum), "{junit}");
    }
}

#[test]
fn the_end_of_its_time_hides_no_failure() {
    let folder = Folder::new(&[("server.wsio", SHOP)]);
    for (text, code) in [("nonsense", 1), ("", 28)] {
        let server = listening(&folder, &["-m", "600ms"]);
        if !text.is_empty() {
            let mut peer = Peer::dial(server.address());
            peer.text(text);
            peer.answer_close();
        }
        let done = server.wsio.wait();
        assert_eq!(done.code, code, "{}", done.err);
    }
}
