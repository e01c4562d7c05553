//! The prompt of `connect`: what a person sees and does, and the terminal afterwards.
//!
//! `Terminal::exit` looks at the terminal's modes each time: they are as they were, however it ended.

mod serving;
mod surroundings;

use crate::harness::{Options, Peer, Terminal, serve};
use rustix::process::Signal;
use std::{fs, sync::mpsc, time::Duration};

/// A peer that answers the Close and gives what came before it, and the Close's code and reason.
fn listener(mut peer: Peer) -> (Vec<String>, Option<u16>, String) {
    let mut messages = Vec::new();
    loop {
        let frame = peer.next().expect("a Close comes");
        match frame.opcode {
            8 => {
                let _ = peer.try_send(true, 8, &frame.payload);
                return (messages, frame.code(), frame.reason().to_owned());
            }
            1 => messages.push(frame.text().to_owned()),
            2 => messages.push(format!("binary {:?}", frame.payload)),
            9 => {
                messages.push(format!("ping {}", frame.text()));
                peer.send(true, 10, &frame.payload);
            }
            10 => messages.push(format!("pong {}", frame.text())),
            other => panic!("opcode {other}"),
        }
    }
}

type Step = Box<dyn FnOnce(&mut Peer) + Send>;

/// A peer that does what it is told, one step at a time.
fn puppet() -> (String, mpsc::Sender<Step>) {
    let (tell, told) = mpsc::channel::<Step>();
    let (url, _) = serve(move |mut peer| {
        for step in told {
            step(&mut peer);
        }
    });
    (url, tell)
}

fn says(tell: &mpsc::Sender<Step>, text: &str) {
    let text = text.to_owned();
    tell.send(Box::new(move |peer| peer.text(&text))).unwrap();
}

/// A prompt that is ready for keys, without its greeting.
fn prompt<'a>(url: &'a str, args: &[&'a str]) -> Terminal {
    prompt_in(Options::default(), url, args)
}

fn prompt_in<'a>(options: Options, url: &'a str, args: &[&'a str]) -> Terminal {
    let terminal = Terminal::wsio_in(options, ["connect", url, "-q"].iter().chain(args).copied());
    terminal.ends_with(&[">"]);
    terminal
}

#[test]
fn a_conversation_reads_as_one_and_ctrl_d_ends_it() {
    let (url, peer) = serve(|mut peer| {
        let message = peer.message();
        peer.text("answer");
        (message, peer.answer_close().unwrap().code())
    });
    let mut terminal = Terminal::wsio(["connect", &url]);
    terminal.shows("connected to ");
    terminal.types("typed\r");
    terminal.ends_with(&["> typed", "< answer", ">"]);
    terminal.types("\x04");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    assert_eq!(peer.join().unwrap(), (Some(b"typed".to_vec()), Some(1000)));
    let greeting = format!("· connected to {url}  Ctrl-D closes, /help lists commands");
    let closed = "close 1000 normal; in 1 message 6 bytes, out 1 message 5 bytes";
    assert_eq!(terminal.rows(), [&greeting, "> typed", "< answer", ">", closed]);
}

#[test]
fn how_it_was_closed_is_said_whoever_closed_it() {
    let (url, tell) = puppet();
    let mut terminal = Terminal::wsio(["connect", &url]);
    terminal.shows("connected to ");
    tell.send(Box::new(|peer| peer.close(1000, "see you"))).unwrap();
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    let last = |terminal: &Terminal| terminal.rows().last().map(ToString::to_string);
    let expected = "close 1000 normal: see you; in 0 messages 0 bytes, out 0 messages 0 bytes";
    assert_eq!(last(&terminal).as_deref(), Some(expected));
    let (url, peer) = serve(|mut peer| peer.answer_close());
    let mut terminal = Terminal::wsio(["connect", &url]);
    terminal.shows("connected to ");
    terminal.types("/close 4001 enough\r");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    peer.join().unwrap();
    assert!(last(&terminal).is_some_and(|line| line.starts_with("close 4001")), "{:?}", terminal.rows());
    let mut terminal = prompt("echo:", &[]);
    terminal.types("\x04");
    assert_eq!(terminal.exit(), Some(0));
    assert!(!terminal.written().contains("close "), "{}", terminal.written());
}

#[test]
fn what_is_said_after_ctrl_d_is_still_shown() {
    let (url, _peer) = serve(|mut peer| {
        let close = peer.until_close();
        peer.text("late");
        peer.text("later");
        let _ = peer.try_send(true, 8, &close.unwrap().payload);
    });
    let mut terminal = Terminal::wsio(["connect", &url]);
    terminal.ends_with(&[">"]);
    terminal.types("\x04");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    let closed = "close 1000 normal; in 2 messages 9 bytes, out 0 messages 0 bytes";
    terminal.ends_with(&["< late", "< later", closed]);
}

#[test]
fn the_line_being_typed_survives_what_arrives() {
    let (url, peer) = puppet();
    let mut terminal = prompt(&url, &[]);
    terminal.types("a line so long that it does not fit into one row of a terminal of eighty columns, héé");
    // The cursor is in the middle of it.
    terminal.types("\x01\x1b[C\x1b[C");
    let line =
        ["> a line so long that it does not fit into one row of a terminal of eighty colum", "ns, héé"];
    terminal.ends_with(&line);
    for number in 0..300 {
        says(&peer, &format!("message {number}"));
    }
    terminal.ends_with(&["< message 298", "< message 299", line[0], line[1]]);
    terminal.types("typed ");
    says(&peer, "one more");
    let line =
        ["> a typed line so long that it does not fit into one row of a terminal of eighty", " columns, héé"];
    terminal.ends_with(&["< message 299", "< one more", line[0], line[1]]);
    terminal.types("\r");
    let (tell, told) = mpsc::channel();
    peer.send(Box::new(move |peer| tell.send(peer.message()).unwrap())).unwrap();
    let message = String::from_utf8(told.recv().unwrap().unwrap()).unwrap();
    assert_eq!(
        message,
        "a typed line so long that it does not fit into one row of a terminal of eighty columns, héé"
    );
}

#[test]
fn everything_is_shown_once_and_in_order_while_lines_are_sent() {
    let (url, peer) = serve(|mut peer| {
        let mut reading = peer.reader();
        let listener =
            std::thread::spawn(move || std::iter::from_fn(|| reading.message()).take(60).collect::<Vec<_>>());
        let mut number = 0;
        while !listener.is_finished() {
            peer.text(&format!("message {number}."));
            number += 1;
            std::thread::sleep(Duration::from_millis(1));
        }
        peer.close(1000, "");
        (listener.join().unwrap(), number)
    });
    let mut terminal = prompt(&url, &["--color", "never"]);
    for number in 0..60 {
        terminal.types(&format!("line {number}\r"));
    }
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    let (lines, count) = peer.join().unwrap();
    assert_eq!(lines, (0..60).map(|number| format!("line {number}").into_bytes()).collect::<Vec<_>>());
    let written = terminal.written();
    let shown: Vec<&str> =
        written.split("< message ").skip(1).map(|rest| rest.split('.').next().unwrap()).collect();
    assert_eq!(shown, (0..count).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn ctrl_c_clears_the_line_and_twice_closes() {
    let (url, peer) = serve(listener);
    let mut terminal = prompt(&url, &[]);
    terminal.types("a mistake");
    terminal.ends_with(&["> a mistake"]);
    terminal.types("\x03");
    terminal.ends_with(&["> a mistake", "· press Ctrl-C again to close", ">"]);
    // Something was typed since: this clears it, and is the first again.
    terminal.types("another\x03");
    terminal.ends_with(&["> another", "· press Ctrl-C again to close", ">"]);
    terminal.types("sent\r");
    terminal.types("\x03");
    terminal.ends_with(&["> sent", ">", "· press Ctrl-C again to close", ">"]);
    terminal.types("\x03");
    assert_eq!(terminal.exit(), Some(130), "{}", terminal.written());
    assert_eq!(peer.join().unwrap(), (vec!["sent".to_owned()], Some(1000), String::new()));
}

#[test]
fn the_peers_close_ends_it_at_once_and_shows_what_was_not_sent() {
    let (url, peer) = puppet();
    let mut terminal = prompt(&url, &[]);
    terminal.types("half a line");
    terminal.ends_with(&["> half a line"]);
    says(&peer, "bad news");
    peer.send(Box::new(|peer| peer.close(1011, "disk full"))).unwrap();
    assert_eq!(terminal.exit(), Some(115), "{}", terminal.written());
    terminal.ends_with(&[
        "< bad news",
        "> half a line",
        "· not sent",
        "wsio: session: closed by the peer: 1011 internal error: disk full",
        "  try: look at the server's log: it failed by its own account",
    ]);
}

#[test]
fn a_lost_connection_ends_it_at_once() {
    let (url, peer) = puppet();
    let mut terminal = prompt(&url, &[]);
    drop(peer);
    assert_eq!(terminal.exit(), Some(56), "{}", terminal.written());
    let rows = terminal.rows();
    assert!(rows.len() == 1 && rows[0].starts_with("wsio: session: the peer closed"), "{rows:?}");
}

#[test]
fn a_session_that_ends_during_a_search_ends_at_once() {
    let (url, peer) = puppet();
    let mut terminal = prompt(&url, &[]);
    terminal.types("first\r");
    terminal.types("\x12fir");
    terminal.ends_with(&["(reverse-i-search)`fir': first"]);
    says(&peer, "bad news");
    peer.send(Box::new(|peer| peer.close(4000, "enough"))).unwrap();
    assert_eq!(terminal.exit(), Some(115), "{}", terminal.written());
    terminal.ends_with(&["< bad news", "wsio: session: closed by the peer: 4000 private: enough"]);
}

#[test]
fn signals_close_politely() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let (url, peer) = serve(listener);
        let mut terminal = prompt(&url, &[]);
        terminal.types("half");
        terminal.ends_with(&["> half"]);
        terminal.signal(signal);
        assert_eq!(terminal.exit(), Some(code), "{}", terminal.written());
        assert_eq!(peer.join().unwrap(), (vec![], Some(1001), String::new()));
    }
}

#[test]
fn the_second_signal_gives_the_terminal_back_too() {
    let (url, peer) = puppet();
    let mut terminal = prompt(&url, &["--close-timeout", "10m"]);
    terminal.signal(Signal::TERM);
    let (tell, told) = mpsc::channel();
    peer.send(Box::new(move |peer| tell.send(peer.until_close()).unwrap())).unwrap();
    assert_eq!(told.recv().unwrap().unwrap().code(), Some(1001));
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.exit(), Some(143), "{}", terminal.written());
}

#[test]
fn the_peer_cannot_command_the_terminal() {
    let evil = "\x1b]0;owned\x07\x1b]52;c;eA==\x1b\\\x1b[2J\u{9b}31m\u{202e}\r> forged\x7f";
    for raw in [false, true] {
        let (url, peer) = puppet();
        let mut args = vec!["--color", "never"];
        args.extend(raw.then_some("--raw"));
        let mut terminal = prompt(&url, &args);
        says(&peer, evil);
        says(&peer, "done");
        terminal.shows("done");
        let written = terminal.written();
        for sequence in ["\x1b]", "\x07", "\x1b[2J", "\u{9b}", "\u{202e}", "\r> forged", "\x7f"] {
            assert_eq!(written.contains(sequence), raw, "{sequence:?} in {written:?}");
        }
        assert_eq!(written.contains("\\u{1b}]0;owned\\u{7}"), !raw);
        peer.send(Box::new(|peer| peer.close(1008, "\x1b[31mred"))).unwrap();
        assert_eq!(terminal.exit(), Some(115));
        terminal.shows("\\u{1b}[31mred");
    }
}

#[test]
fn messages_are_laid_out_for_people() {
    let json = r#"{"big":12345678901234567890123,"one":1.0,"list":["a long text","that does not fit","into one row"]}"#;
    let (url, peer) = puppet();
    let mut terminal = prompt(&url, &[]);
    says(&peer, json);
    says(&peer, "two\nlines");
    peer.send(Box::new(|peer| peer.send(true, 2, b"\x00\x01\xffabc"))).unwrap();
    terminal.ends_with(&[
        "< {",
        "    \"big\": 12345678901234567890123,",
        "    \"one\": 1.0,",
        "    \"list\": [\"a long text\", \"that does not fit\", \"into one row\"]",
        "  }",
        "< two",
        "  lines",
        "< binary, 6 bytes",
        "  00000000  00 01 ff 61 62 63                                 |...abc|",
        ">",
    ]);
    assert!(terminal.written().contains("\x1b[36m\"one\"\x1b[0m: \x1b[33m1.0\x1b[0m"));
    terminal.types("\x04");
    peer.send(Box::new(|peer| drop(peer.answer_close()))).unwrap();
    assert_eq!(terminal.exit(), Some(0));

    let (url, peer) = puppet();
    let options = Options { env: &[("NO_COLOR", "1")], ..Options::default() };
    let terminal = prompt_in(options, &url, &["--no-pretty"]);
    says(&peer, "{\"a\":1}");
    terminal.ends_with(&["< {\"a\":1}", ">"]);
    let written = terminal.written();
    assert!(!written.contains("\x1b[0m") && !written.contains("\x1b[3"), "{written:?}");
}

#[test]
fn commands_do_what_they_say() {
    let (url, peer) = serve(listener);
    let mut terminal = prompt(&url, &[]);
    let file = terminal.home.path().join("some file");
    fs::write(&file, b"file\xff").unwrap();
    terminal.types("/binary 48 69 00\r");
    terminal.types("/ping are you there\r");
    terminal.shows("pong in ");
    terminal.types("/pong\r");
    terminal.types("//slash\r");
    terminal.types("/file '~/some file'\r");
    terminal.shows("· sent 5 bytes");
    terminal.types("/file -t '~/some file'\r");
    terminal.shows("/file: ~/some file: not UTF-8: not sent");
    terminal.types("/file ~/none\r");
    terminal.shows("/file: ~/none: No such file");
    terminal.types("/file /dev/zero\r");
    terminal.shows("/file: /dev/zero: not a file");
    terminal.types("/close 1006\r");
    terminal.shows("/close: 1006 may not be sent");
    terminal.types("/nonsense\r\r");
    terminal.shows("/nonsense is not a command");
    terminal.types("/help\r");
    terminal.shows("/binary HEX");
    terminal.types("/close 4001 bye now\r");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    let (messages, code, reason) = peer.join().unwrap();
    let expected =
        ["binary [72, 105, 0]", "ping are you there", "pong ", "/slash", "binary [102, 105, 108, 101, 255]"];
    assert_eq!(
        (messages, code, reason.as_str()),
        (expected.map(str::to_owned).to_vec(), Some(4001), "bye now")
    );
    assert!(terminal.rows().iter().all(|row| row.chars().count() < 80), "{:?}", terminal.rows());
}

#[test]
fn quit_and_close_close_as_the_command_line_says() {
    for (line, code) in [("/quit", 4002), ("/close", 4002), ("/close 1001", 1001)] {
        let (url, peer) = serve(listener);
        let mut terminal = prompt(&url, &["--close", "4002:done"]);
        terminal.types(&format!("last words\r{line}\r"));
        assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
        let (messages, closed, _) = peer.join().unwrap();
        assert_eq!((messages, closed), (vec!["last words".to_owned()], Some(code)));
    }
}

#[test]
fn a_pasted_text_is_one_message() {
    let (url, peer) = serve(listener);
    let mut terminal = prompt(&url, &[]);
    terminal.types("\x1b[200~{\r  \"a\": 1\r}\x1b[201~");
    terminal.ends_with(&["> {", "  \"a\": 1", "}"]);
    terminal.types("\r");
    // Whole lines are copied with the end of the last one.
    terminal.types("\x1b[200~first\rlast\r\x1b[201~");
    terminal.shows("last");
    terminal.types("\r");
    // The same by hand.
    terminal.types("one\x1b\rtwo\r\x04");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    let (messages, _, _) = peer.join().unwrap();
    assert_eq!(messages, ["{\n  \"a\": 1\n}", "first\nlast", "one\ntwo"]);
}

#[test]
fn lines_are_binary_with_b_and_bounded() {
    let (url, peer) = serve(listener);
    let mut terminal = prompt(&url, &["-b", "--max-message", "4"]);
    terminal.types("long line\r");
    terminal.shows("longer than 4 bytes");
    terminal.types("ab\r\x04");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    assert_eq!(peer.join().unwrap().0, ["binary [97, 98]"]);
}

#[test]
fn lines_with_their_times_are_a_log_and_no_conversation() {
    let (url, _peer) = serve(|mut peer| {
        peer.text("hello");
        peer.close(1000, "");
        peer.until_close()
    });
    let mut terminal = Terminal::wsio(["connect", &url, "--timestamps"]);
    assert_eq!(terminal.exit(), Some(0));
    let time =
        terminal.written().lines().find_map(|line| line.trim_end().strip_suffix(" hello")?.chars().next());
    assert!(time.is_some_and(|first| first.is_ascii_digit()), "{}", terminal.written());
    assert!(!terminal.written().contains("Ctrl-D"), "{}", terminal.written());
}
