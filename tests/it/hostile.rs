//! Nothing from a peer reaches a terminal unescaped, whatever it hides in: messages, header fields, reasons,
//! names, and the causes of records. In a pipe payload bytes stay exact, and a record is the same in both.

use crate::harness::{
    Authority, Listening, Peer, Terminal, Wsio, accept_bounded, eventually, read_head, serve, serve_many,
    tls_front,
};
use rcgen::DnType;
use serde_json::Value;
use std::{fs, io::Write};

/// C1 controls, an ESC, a lone CR, a BEL, a backspace, overrides, isolates, marks and what takes no room.
const EVIL: &str = "a\u{9b}31m\x1b]0;x\x07\u{85}b\rc\x08\x7f\u{202e}d\u{2066}e\u{2069}\u{200e}\u{200f}\u{61c}\u{200b}\u{2060}\u{feff}\u{ad}\u{2028}\u{e0041}f";
/// The same without what HTTP does not let through.
const FIELD: &str = "a\u{9b}31m\u{85}\u{202e}d\u{2066}e\u{2069}\u{200e}\u{200f}\u{61c}\u{200b}\u{2060}\u{feff}\u{ad}\u{2028}\u{e0041}f";

/// What of a text a terminal would act on or hide.
fn acting(text: &str) -> Vec<char> {
    let acts = |c: &char| {
        matches!(
            *c,
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{61c}'
                | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
    };
    let lone_cr = text.replace("\r\n", "\n").contains('\r').then_some('\r');
    text.chars().filter(acts).chain(lone_cr).collect()
}

fn is_safe(what: &str, text: &str) {
    let acting = acting(text);
    assert!(acting.is_empty(), "{what}: {acting:?} in {text:?}");
}

/// What a program without a prompt writes to a terminal.
fn on_a_terminal(args: &str) -> (Option<i32>, String) {
    let script = format!("{} {args} < /dev/null", env!("CARGO_BIN_EXE_wsio"));
    let mut terminal = Terminal::start("sh", ["-c", &script]);
    let code = terminal.exit();
    (code, terminal.written())
}

fn evil_peer(listener: &std::net::TcpListener) {
    let mut peer = Peer::accept_with(listener, &[&format!("X-Evil: {FIELD}")]);
    peer.text(EVIL);
    peer.text(&format!("{{\"a\":\"{}\"}}", "\u{9b}\u{202e}"));
    peer.send(true, 2, EVIL.as_bytes());
    peer.send(true, 9, &EVIL.as_bytes()[..57]);
    peer.close(4001, EVIL);
    peer.until_close();
}

#[test]
fn what_a_peer_says_cannot_command_a_terminal() {
    let framings = [
        "lines",
        "nul",
        r"sep=\x1b[2J",
        "raw",
        "whole",
        "length",
        "headers",
        "base64",
        "hex",
        "paragraph",
        "jsonl",
    ];
    let framings = framings.map(|name| format!("--framing {name} -vv"));
    let more = ["", "-vv", "--json -v", "--timestamps", "--stats", "--check", "--check --json"];
    for options in more.into_iter().map(str::to_owned).chain(framings) {
        let (url, peer) = serve_many(evil_peer);
        let (code, written) = on_a_terminal(&format!("connect {url} {options}"));
        assert_ne!(code, Some(0), "{written}");
        peer.join().unwrap();
        // The kernel's own line ends.
        // A NUL does nothing, and is what these end or begin a message with.
        let with_nul = [" nul ", " length "].iter().any(|name| options.contains(name));
        is_safe(&options, &if with_nul { written.replace('\0', "") } else { written });
    }
    // At the prompt our own sequences move the cursor: the peer's are told apart by what they would do.
    let (url, peer) = serve_many(evil_peer);
    let mut terminal = Terminal::wsio(["connect", &url]);
    terminal.exit();
    peer.join().unwrap();
    is_safe_at_a_prompt(&terminal.written());
}

fn is_safe_at_a_prompt(written: &str) {
    for sequence in
        ["\u{9b}", "\x1b]0", "\x07", "\u{85}", "\u{202e}", "\u{2066}", "\u{200b}", "\u{feff}", "\u{e0041}"]
    {
        assert!(!written.contains(sequence), "{sequence:?} in {written:?}");
    }
}

#[test]
fn what_is_not_utf_8_is_told_by_what_it_was() {
    let close = |reason: &[u8]| [&[0x88, reason.len() as u8 + 2, 0x03, 0xf3], reason].concat();
    let text = |payload: &[u8]| [&[0x81, payload.len() as u8], payload].concat();
    let (of_text, of_close) =
        ("sent a text message that is not UTF-8", "the peer closed with 1011 internal error: ");
    for (bytes, cause, out) in [
        (text(b"r\xe9sum\xe9"), of_text, ""),
        ([text(b"ok"), close(b"r\xe9sum\xe9")].concat(), of_close, "ok\n"),
        // What comes behind the first fault, in one read with it, is none of its words.
        ([text(b"\xff"), close(b"r\xe9sum\xe9")].concat(), of_text, ""),
        ([text(b"r\xe9sum\xe9"), close(b"fine")].concat(), of_text, ""),
        (vec![0x01, 2, b'a', 0xc3, 0x80, 1, b'b'], of_text, ""),
    ] {
        let (url, peer) = serve(move |mut peer| {
            peer.raw(&bytes);
            peer.until_close().and_then(|frame| frame.code())
        });
        let done = Wsio::run(["connect", &url], "");
        assert_eq!((done.code, done.text()), (112, out), "{}", done.err);
        assert!(done.err.contains(cause), "{cause}: {}", done.err);
        assert_eq!(done.err.contains("-vv to see what came"), cause == of_text, "{}", done.err);
        assert_eq!(peer.join().unwrap(), Some(1007));
    }
}

#[test]
fn a_refusal_cannot_command_a_terminal() {
    for options in ["", "-vv", "--json", "--check", "--check --json", "-L"] {
        for status in ["403", "302"] {
            let (url, peer) = serve_many(move |listener| {
                let mut stream = accept_bounded(listener);
                read_head(&mut stream);
                let answer = format!(
                    "HTTP/1.1 {status} {FIELD}\r\nX-Evil: {FIELD}\r\nLocation: ftp://h/{FIELD}\r\n\
                     Content-Length: {}\r\n\r\n{EVIL}",
                    EVIL.len()
                );
                stream.write_all(answer.as_bytes()).unwrap();
            });
            let (code, written) = on_a_terminal(&format!("connect {url} {options}"));
            assert_eq!(code, Some(22), "{written}");
            peer.join().unwrap();
            is_safe(options, &written);
        }
    }
    // A 101 that is none, and an answer that is no HTTP.
    for answer in [
        format!("HTTP/1.1 101 {FIELD}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX: {FIELD}\r\n\r\n"),
        EVIL.to_owned(),
        format!("HTTP/1.1 200 OK\r\nX-\u{9b}: {EVIL}\r\n\r\n"),
    ] {
        let (url, peer) = serve_many(move |listener| {
            let mut stream = accept_bounded(listener);
            read_head(&mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let (_, written) = on_a_terminal(&format!("connect {url} -vv --json"));
        peer.join().unwrap();
        is_safe("an answer", &written);
    }
}

#[test]
fn a_certificates_names_cannot_command_a_terminal() {
    let authority = Authority::named("The \u{202e}Evil\u{9b} Authority");
    let pair = authority.signs_with(&["localhost"], |params| {
        params.distinguished_name.push(DnType::CommonName, "a\u{9b}31m\u{202e}b\u{200b}");
    });
    let (url, peer) = serve_many(evil_peer);
    let front = tls_front(&pair, url.trim_start_matches("ws://").trim_end_matches('/').to_owned());
    let ca = authority.file.display();
    let (_, written) =
        on_a_terminal(&format!("connect wss://localhost:{}/ --cacert {ca} -v --json", front.port()));
    peer.join().unwrap();
    is_safe("trusted", &written);
    assert!(written.contains("Evil"), "it is shown: {written}");
    let (code, written) = on_a_terminal(&format!("connect wss://localhost:{}/ -v --json", front.port()));
    assert_eq!(code, Some(60), "{written}");
    is_safe("not trusted", &written);
}

#[test]
fn a_client_cannot_command_the_terminal_of_a_server() {
    let prompts = [&["-vv"][..], &["-v"]];
    let plain = [&["-vv", "--out", "lines"][..], &["--json", "-v"], &["--echo", "-v"]];
    for more in prompts.into_iter().chain(plain) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        let args = ["listen", "0", "--announce", file.to_str().unwrap(), "--once"];
        let mut terminal = Terminal::wsio(args.iter().chain(more).copied());
        eventually("the URL", || file.exists());
        let url = fs::read_to_string(&file).unwrap();
        let address = url.trim_end().trim_start_matches("ws://").trim_end_matches('/');
        let lines = [
            format!("X-Evil: {FIELD}"),
            format!("User-Agent: {FIELD}"),
            "Sec-WebSocket-Protocol: x".to_owned(),
        ];
        let mut peer = Peer::dial_with(address, "/%C2%9B?x=%1b", &lines.each_ref().map(String::as_str));
        peer.text(EVIL);
        peer.close(4001, EVIL);
        peer.until_close();
        terminal.exit();
        match prompts.contains(&more) {
            true => is_safe_at_a_prompt(&terminal.written()),
            false => is_safe(&format!("{more:?}"), &terminal.written()),
        }
    }
}

#[test]
fn records_are_the_same_on_a_terminal_as_in_a_pipe() {
    let without_time = |text: &str| -> Vec<Value> {
        let records = text.lines().filter(|line| line.starts_with('{'));
        records
            .map(|line| {
                // A line that was copied from the screen still parses.
                let mut record: Value =
                    serde_json::from_str(line.trim_end()).unwrap_or_else(|error| panic!("{error}: {line:?}"));
                let fields = record.as_object_mut().unwrap();
                for gone in ["time", "timings", "url", "peer"] {
                    fields.remove(gone);
                }
                record
            })
            .collect()
    };
    let (url, peer) = serve_many(evil_peer);
    let (_, terminal) = on_a_terminal(&format!("connect {url} --json -q"));
    peer.join().unwrap();
    let (url, peer) = serve_many(evil_peer);
    let pipe = Wsio::run(["connect", &url, "--json", "-q"], "");
    peer.join().unwrap();
    is_safe("in a pipe too", pipe.text());
    let (terminal, pipe) = (without_time(&terminal), without_time(pipe.text()));
    assert_eq!(terminal, pipe);
    let kinds: Vec<&str> = pipe.iter().map(|record| record["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["open", "text", "text", "binary", "ping", "close", "end"]);
    assert_eq!(pipe[1]["data"], EVIL);
    assert_eq!(pipe[5]["reason"], EVIL);
    let cause = pipe[6]["cause"].as_str().unwrap();
    assert!(cause.contains(EVIL), "the cause is whole: {cause:?}");
    // And of a server, whose clients are told apart.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    let mut terminal =
        Terminal::wsio(["listen", "0", "--json", "-q", "--announce", file.to_str().unwrap(), "--once"]);
    eventually("the URL", || file.exists());
    let url = fs::read_to_string(&file).unwrap();
    let mut peer = Peer::dial(url.trim_end().trim_start_matches("ws://").trim_end_matches('/'));
    peer.text(EVIL);
    peer.close(1000, "");
    peer.until_close();
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    let kinds: Vec<String> = without_time(&terminal.written())
        .iter()
        .map(|record| record["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["open", "text", "close", "end"], "{}", terminal.written());
}

#[test]
fn in_a_pipe_payload_bytes_are_exact() {
    let (url, peer) = serve(|mut peer| {
        peer.text(EVIL);
        peer.send(true, 2, b"\x1b[2J\xff\x00");
        peer.close(1000, "");
        peer.until_close();
    });
    let done = Wsio::run(["connect", &url, "--out", "raw"], "");
    peer.join().unwrap();
    assert_eq!(done.out, [EVIL.as_bytes(), b"\x1b[2J\xff\x00"].concat());
    // A message with such characters comes back as it was, through records and back.
    let listening = Listening::start(["listen", "0", "--echo"]);
    let told = Wsio::run(
        ["connect", &listening.url, "--json", "-1"],
        serde_json::json!({"type":"text","data":EVIL}).to_string() + "\n",
    );
    let again: Vec<Value> = told.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(again.iter().any(|record| record["data"] == EVIL), "{}", told.text());
}

#[test]
fn standard_error_is_safe_wherever_it_goes() {
    let (url, peer) = serve_many(evil_peer);
    let done = Wsio::run(["connect", &url, "-vv", "--record", "/no/such/\u{9b}\u{202e}/file"], "");
    is_safe("a file's name", &done.err);
    drop(peer);
    let (url, peer) = serve_many(evil_peer);
    let done = Wsio::run(["connect", &url, "-vv"], "");
    peer.join().unwrap();
    is_safe("-vv", &done.err);
    assert!(done.err.contains("\\u{9b}31m"), "{}", done.err);
}
