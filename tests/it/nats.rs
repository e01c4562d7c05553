//! Subjects of a NATS server: a room for many processes, and what happens when the broker does not do its part.

mod terms;

use crate::harness::{Broker, Listening, Peer, Wsio, eventually};
use rustix::process::Signal;
use std::{io::Write, net::TcpListener, thread, time::Duration};

const BINARY: &str = "NATS/1.0\r\nWsio-Type: binary\r\n\r\n";

fn listen(url: &str, more: &[&str]) -> Listening {
    Listening::start(["listen", "0", "--to", url].iter().chain(more))
}

/// A client that is in the room.
fn client(listening: &Listening) -> Peer {
    let before = listening.wsio.err_so_far().matches(" open ").count();
    let peer = Peer::dial(listening.address());
    eventually("it is in", || listening.wsio.err_so_far().matches(" open ").count() > before);
    peer
}

fn text(peer: &mut Peer) -> String {
    String::from_utf8(peer.message().unwrap()).unwrap()
}

/// The next data frame.
fn frame(peer: &mut Peer) -> (u8, Vec<u8>) {
    let frame = std::iter::from_fn(|| peer.next()).find(|frame| frame.opcode < 8).unwrap();
    (frame.opcode, frame.payload)
}

fn port_without_listener() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_pipe_publishes_and_the_broker_has_it_all_at_the_end() {
    let broker = Broker::start();
    let lines: String = (0..5000).map(|number| format!("line {number}\n")).collect();
    let done = Wsio::run(["pipe", "--framing", "lines", "-", &broker.url("a.b")], lines.as_str());
    assert_eq!((done.code, done.err.as_str(), done.text()), (0, "", ""));
    assert_eq!(broker.texts().join("\n") + "\n", lines);
    assert!(broker.published().iter().all(|one| one.subject == "a.b" && one.headers.is_empty()));
    let connect = &broker.connects()[0];
    assert!(connect.contains("\"echo\":false") && connect.contains("\"name\":\"wsio\""), "{connect}");
}

#[test]
fn binary_messages_say_so() {
    let broker = Broker::start();
    let done = Wsio::run(["pipe", "-", &broker.url("x")], "\0\u{ff}");
    assert_eq!(done.code, 0, "{}", done.err);
    let published = broker.published();
    assert_eq!(published.len(), 1);
    assert_eq!(
        (published[0].headers.as_str(), published[0].payload.as_slice()),
        (BINARY, "\0\u{ff}".as_bytes())
    );
}

#[test]
fn a_pipe_with_nothing_to_say_receives_until_it_is_told_to_end() {
    let broker = Broker::start();
    let mut wsio = Wsio::start(["pipe", "--out", "lines", "-", &broker.url("x")]);
    wsio.close_stdin();
    eventually("it listens", || broker.subscriptions() == ["x"]);
    for word in ["one", "two"] {
        broker.publish("x", "", word.as_bytes());
        broker.publish("y", "", b"another subject");
    }
    eventually("it prints", || wsio.out_so_far() == b"one\ntwo\n");
    assert!(wsio.is_running());
    wsio.signal(Signal::TERM);
    let done = wsio.wait();
    assert_eq!((done.code, broker.published().len()), (143, 0), "{}", done.err);
}

#[test]
fn messages_from_a_subject_can_be_counted_on_either_side() {
    let broker = Broker::start();
    let url = broker.url("x");
    for (args, input) in [
        (["pipe", "--framing", "lines", "-", &url, "-n", "2"], None),
        (["pipe", "--framing", "lines", &url, "-", "-n", "2"], None),
        // The end of input is not waited for by who counts on an answer.
        (["pipe", "--framing", "lines", "-", &url, "-n", "2"], Some(b"question\n")),
    ] {
        let mut wsio = Wsio::start(args);
        if let Some(input) = input {
            wsio.write(input);
        }
        wsio.close_stdin();
        eventually("it listens", || broker.subscriptions() == ["x"]);
        if input.is_some() {
            eventually("it asks", || broker.texts() == ["question"]);
        }
        (0..3).for_each(|number| broker.publish("x", "", format!("{number}").as_bytes()));
        let done = wsio.wait();
        assert_eq!((done.code, done.text()), (0, "0\n1\n"), "{}", done.err);
        eventually("it left", || broker.subscriptions().is_empty());
    }
    let done =
        Wsio::run(["pipe", "--framing", "lines", "-", &url, "-1", "--linger", "100ms"], "nobody there\n");
    assert_eq!(done.code, 1, "{}", done.err);
}

#[test]
fn one_subject_goes_to_another() {
    let broker = Broker::start();
    let wsio = Wsio::start(["pipe", &broker.url("from.*"), &broker.url("to")]);
    eventually("it listens", || broker.subscriptions().len() == 2);
    assert_eq!(broker.connects().len(), 1, "both on one connection");
    broker.publish("from.here", "", b"text");
    broker.publish("from.there", BINARY, b"bytes");
    eventually("they are passed on", || broker.published().len() == 2);
    let published = broker.published();
    assert_eq!((published[0].subject.as_str(), published[0].headers.as_str()), ("to", ""));
    assert_eq!((published[1].payload.as_slice(), published[1].headers.as_str()), (&b"bytes"[..], BINARY));
    wsio.signal(Signal::TERM);
    assert_eq!(wsio.wait().code, 143);
    let same = Wsio::run(["pipe", &broker.url("x"), &broker.url("x")], "");
    assert_eq!(same.code, 2, "{}", same.err);
}

#[test]
fn two_servers_share_a_room() {
    let broker = Broker::start();
    let (one, two) = (listen(&broker.url("room"), &[]), listen(&broker.url("room"), &[]));
    let (mut a, mut b, mut c) = (client(&one), client(&one), client(&two));
    assert_eq!((broker.connects().len(), broker.subscriptions()), (2, vec!["room".to_owned(); 2]));
    a.text("from a");
    assert_eq!((text(&mut b), text(&mut c)), ("from a".into(), "from a".into()));
    c.send(true, 2, b"bytes of c");
    assert_eq!(frame(&mut a), (2, b"bytes of c".to_vec()));
    assert_eq!(frame(&mut b), (2, b"bytes of c".to_vec()));
    b.text("from b");
    // Nobody heard themselves: this is the next thing for each.
    assert_eq!((text(&mut a), text(&mut c)), ("from b".into(), "from b".into()));
    broker.publish("room", "", b"from outside");
    for peer in [&mut a, &mut b, &mut c] {
        assert_eq!(frame(peer), (1, b"from outside".to_vec()));
    }
    one.wsio.signal(Signal::TERM);
    assert_eq!(a.answer_close().unwrap().code(), Some(1001));
    assert_eq!(b.answer_close().unwrap().code(), Some(1001));
    assert_eq!(one.wsio.wait().code, 0);
}

#[test]
fn foreign_payloads_are_text_where_they_can_be() {
    let broker = Broker::start();
    for (more, plain, odd) in [(&[][..], 1, Some(2)), (&["-b"], 2, Some(2)), (&["-t"], 1, None)] {
        let listening = listen(&broker.url("x"), more);
        let mut peer = client(&listening);
        broker.publish("x", "", "grüße".as_bytes());
        assert_eq!(frame(&mut peer), (plain, "grüße".as_bytes().to_vec()), "{more:?}");
        broker.publish("x", "", b"\xff");
        match odd {
            Some(opcode) => assert_eq!(frame(&mut peer), (opcode, b"\xff".to_vec()), "{more:?}"),
            None => {
                let said = listening.wsio.says("a message is not UTF-8: dropped 1 message");
                assert!(said.contains("leave -t out"), "{said}");
                listening.wsio.says("1 message from it missed");
            }
        }
        broker.publish("x", BINARY, b"marked");
        assert_eq!(frame(&mut peer), (2, b"marked".to_vec()), "{more:?}");
    }
    let mut wsio = Wsio::start(["pipe", "-t", "-", &broker.url("y")]);
    wsio.close_stdin();
    eventually("it listens", || broker.subscriptions().contains(&"y".to_owned()));
    broker.publish("y", "", b"\xff");
    let done = wsio.wait();
    assert!(done.code == 65 && done.err.contains("not UTF-8"), "{} {}", done.code, done.err);
}

#[test]
fn a_lost_connection_is_said_once_and_comes_back() {
    let broker = Broker::start();
    let listening = listen(&broker.url("room"), &[]);
    let (mut a, mut b) = (client(&listening), client(&listening));
    for round in 1..=2 {
        broker.down();
        listening.wsio.says(&format!("connection to nats://{} lost, trying again", broker.address));
        eventually("it is said", || listening.wsio.err_so_far().matches(", trying again").count() == round);
        // Meanwhile the two of them go on, and what they say waits.
        a.text("while away");
        assert_eq!(text(&mut b), "while away");
        thread::sleep(Duration::from_millis(300));
        broker.up();
        eventually("it is back", || {
            listening.wsio.err_so_far().matches("connected again to ").count() == round
                && broker.texts().len() == round
        });
        eventually("it listens again", || broker.subscriptions() == ["room"]);
        broker.publish("room", "", b"back");
        assert_eq!((text(&mut a), text(&mut b)), ("back".into(), "back".into()));
    }
    // The message of the first round may not be confirmed yet when the second begins: that may be said.
    let count = |words: &str| listening.wsio.err_so_far().matches(words).count();
    eventually("both rounds are told", || (count(", trying again"), count("connected again")) == (2, 2));
    let err = listening.wsio.err_so_far();
    let first = err.lines().find(|line| line.contains("connected again")).unwrap();
    assert!(!err.contains("dropped") && !first.contains("perhaps"), "{err}");
}

#[test]
fn what_does_not_fit_while_the_broker_is_away_is_counted() {
    let broker = Broker::start();
    let listening = listen(&broker.url("room"), &["--queue", "4k"]);
    let (mut a, mut b) = (client(&listening), client(&listening));
    broker.down();
    listening.wsio.says(" lost, trying again");
    for number in 0..100 {
        a.text(&format!("{number:1000}"));
        assert_eq!(text(&mut b).trim(), number.to_string());
    }
    broker.up();
    let said = listening.wsio.says("connected again to ");
    let dropped: usize =
        said.split_once("s, ").unwrap().1.split_once(" messages dropped").unwrap().0.parse().unwrap();
    assert!((90..100).contains(&dropped), "{said}");
    eventually("the rest arrives", || broker.published().len() == 100 - dropped);
    let kept: Vec<_> = broker.texts().iter().map(|text| text.trim().to_owned()).collect();
    assert_eq!(kept, (0..100 - dropped).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn while_the_broker_is_away_it_is_said_that_messages_are_dropped_and_at_the_end_how_many() {
    let broker = Broker::start();
    let listening = listen(&broker.url("room"), &["--queue", "4k"]);
    let (mut a, mut b) = (client(&listening), client(&listening));
    broker.down();
    listening.wsio.says(" lost, trying again");
    for number in 0..50 {
        a.text(&format!("{number:1000}"));
        assert_eq!(text(&mut b).trim(), number.to_string());
    }
    listening.wsio.says("is away, and --queue is full: what it cannot be told is dropped");
    for peer in [&mut a, &mut b] {
        peer.close(1000, "");
        peer.until_close();
    }
    listening.wsio.signal(rustix::process::Signal::TERM);
    let done = listening.wsio.wait();
    let all = done.err.lines().find_map(|line| line.split_once(": in all ")).map(|(_, all)| all);
    let dropped: usize =
        all.unwrap_or_else(|| panic!("{}", done.err)).split(' ').next().unwrap().parse().unwrap();
    assert!((40..50).contains(&dropped), "{}", done.err);
    assert_eq!(done.err.matches("is away, and --queue").count(), 1, "{}", done.err);
}

#[test]
fn what_comes_while_the_inbox_is_full_is_said_and_summed_up() {
    let broker = Broker::start();
    let listening = listen(&broker.url("room"), &["--queue", "64k", "--slow", "wait"]);
    let _stalled = client(&listening);
    let payload = vec![b'x'; 200_000];
    let mut told = false;
    for _ in 0..400 {
        broker.publish("room", "", &payload);
        told = listening.wsio.err_so_far().contains("those here do not keep up with it");
        if told {
            break;
        }
    }
    assert!(told, "{}", listening.wsio.err_so_far());
    listening.wsio.says("from it missed");
    listening.wsio.signal(rustix::process::Signal::TERM);
    let done = listening.wsio.wait();
    assert!(done.err.contains(": in all "), "{}", done.err);
}

#[test]
fn a_broker_that_takes_nothing_stops_nobody() {
    let broker = Broker::start();
    let listening = listen(&broker.url("room"), &["--queue", "64k"]);
    let (mut a, mut b) = (client(&listening), client(&listening));
    broker.stall(true);
    let large = "x".repeat(100_000);
    for _ in 0..100 {
        a.text(&large);
        assert_eq!(b.message().unwrap().len(), large.len());
    }
    listening.wsio.says(" dropped");
    broker.stall(false);
    eventually("it goes on", || {
        a.text("later");
        assert_eq!(text(&mut b), "later");
        broker.texts().iter().any(|text| text == "later")
    });
}

#[test]
fn a_pipe_waits_for_a_broker_that_is_away_and_loses_nothing() {
    let broker = Broker::start();
    let mut wsio = Wsio::start(["pipe", "--framing", "lines", "--queue", "4k", "-", &broker.url("x")]);
    wsio.write(b"first\n");
    eventually("it is confirmed", || broker.texts() == ["first"] && broker.probes() == 2);
    broker.down();
    wsio.says(" lost, trying again");
    let lines: Vec<String> = (0..200).map(|number| format!("{number:1000}")).collect();
    let mut stdin = wsio.take_stdin();
    let input = lines.join("\n") + "\n";
    let feeder = thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    thread::sleep(Duration::from_millis(300));
    broker.up();
    feeder.join().unwrap();
    let done = wsio.wait();
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(broker.texts()[1..], lines);
}

#[test]
fn what_was_not_confirmed_is_no_success() {
    // Published, but the connection broke before the broker said that it has it.
    let broker = Broker::start();
    let mut wsio = Wsio::start(["pipe", "-v", "--framing", "lines", "-", &broker.url("x")]);
    // From here on, what waits for the broker is the message and no question of the opening.
    wsio.says("* open: nats://");
    assert_eq!(broker.subscriptions(), ["x"]);
    broker.stall(true);
    wsio.write(b"one\n");
    eventually("it is on its way", || broker.was_written_to());
    broker.down();
    broker.stall(false);
    broker.up();
    let said = wsio.says("connected again to ");
    assert!(said.ends_with(", 1 message perhaps lost"), "{said}");
    wsio.close_stdin();
    let done = wsio.wait();
    assert!(done.code == 55 && done.err.contains("1 message perhaps lost"), "{} {}", done.code, done.err);

    // Never published: the broker does not come back in time.
    let mut wsio =
        Wsio::start(["pipe", "--framing", "lines", "--close-timeout", "300ms", "-", &broker.url("x")]);
    eventually("it listens", || broker.subscriptions() == ["x"]);
    broker.down();
    wsio.says(" lost, trying again");
    wsio.write(b"one\n");
    wsio.close_stdin();
    let done = wsio.wait();
    // A broker that is going away may take a last connection, and with it the message.
    let told = ["1 message left unsent", "1 message perhaps lost"];
    assert!(done.code == 55 && told.iter().any(|told| done.err.contains(told)), "{} {}", done.code, done.err);
}

#[test]
fn without_a_broker_a_pipe_fails_and_a_server_keeps_trying() {
    let address = port_without_listener();
    let done = Wsio::run(["pipe", "-", &format!("nats://{address}/x")], "lost?");
    assert_eq!(done.code, 7, "{}", done.err);
    assert!(done.err.contains(&format!("nats://{address}: connection refused")), "{}", done.err);

    let broker = Broker::start();
    broker.down();
    let listening = listen(&broker.url("room"), &[]);
    let said = format!("nats://{} closed the connection at once; trying again", broker.address);
    listening.wsio.says(&said);
    let (mut a, mut b) = (client(&listening), client(&listening));
    a.text("among us");
    assert_eq!(text(&mut b), "among us");
    broker.up();
    listening.wsio.says(&format!("connected to nats://{} after ", broker.address));
    eventually("it was kept", || broker.texts() == ["among us"]);
    eventually("it listens", || broker.subscriptions() == ["room"]);
    broker.publish("room", "", b"hello");
    assert_eq!(text(&mut b), "hello");
}

#[test]
fn it_is_a_fan_out_with_rules() {
    let broker = Broker::start();
    let listening = listen(&broker.url("x"), &["--last", "2"]);
    let mut a = client(&listening);
    (1..=3).for_each(|number| broker.publish("x", "", number.to_string().as_bytes()));
    assert_eq!([text(&mut a), text(&mut a), text(&mut a)], ["1", "2", "3"]);
    let mut late = client(&listening);
    assert_eq!([text(&mut late), text(&mut late)], ["2", "3"]);
    assert_eq!(Wsio::run(["pipe", "tcp-listen:0", "nats://h/a/b", "--slow", "drop"], "").code, 3);
    assert_eq!(Wsio::run(["connect", &broker.url("x")], "").code, 2);
}
