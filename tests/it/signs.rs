//! Streams in another framing than the chosen one: a note names what works, and that works when it is pasted.

use crate::harness::{Listening, Peer, Wsio, serve};
use std::{fs, process::Command};

/// What a language server does: headers in, headers out, and an end without them.
const SERVER: &str = r#"$| = 1;
while (1) {
    my $length = 0;
    while (defined(my $line = <STDIN>)) {
        last if $line =~ /^\r?\n$/;
        $length = $1 if $line =~ /^content-length: *(\d+)/i;
    }
    die "no Content-Length\n" unless $length;
    read STDIN, my $body, $length;
    my ($id) = $body =~ /"id":(\d+)/;
    my $answer = "{\n \"jsonrpc\":\"2.0\",\"id\":$id}";
    printf "Content-Length: %d\r\n\r\n%s", length $answer, $answer;
}
"#;

/// The line after `try: `, with this program in place of `wsio`.
fn advice(log: &str) -> String {
    let line = log.lines().find_map(|line| line.trim_start().strip_prefix("try: "));
    let line = line.unwrap_or_else(|| panic!("no advice: {log}"));
    line.replacen("wsio ", &format!("{} ", env!("CARGO_BIN_EXE_wsio")), 1)
}

fn shell(line: &str) -> Wsio {
    // The shell becomes the program, which would outlive it otherwise when the test ends.
    Wsio::spawn(Command::new("sh").args(["-c", &format!("exec {line}")]))
}

#[test]
fn a_language_server_is_known_and_the_line_that_carries_it_works() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a server.pl");
    fs::write(&file, SERVER).unwrap();
    let mut lines = Vec::new();
    for framing in ["lines", "raw", "paragraph", "whole", "nul", "length"] {
        let listening =
            Listening::start(["listen", "0", "--framing", framing, "--", "perl", file.to_str().unwrap()]);
        let mut peer = Peer::dial(listening.address());
        peer.text("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}");
        peer.close(1000, "");
        while peer.next().is_some() {}
        let said = listening.wsio.says("`perl` was sent JSON-RPC and answered nothing: ");
        assert!(said.contains("Content-Length"), "{framing}: {said}");
        listening.wsio.says("  try: wsio listen 8080 --framing headers -- ");
        lines.push(advice(&listening.wsio.err_so_far()));
    }
    lines.dedup();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    let wsio = shell(&line.replacen(" 8080 ", " 0 ", 1));
    let url = wsio.says("listening on ws://");
    let mut peer = Peer::dial(url.trim_end_matches('/'));
    for id in 1..=3 {
        peer.text(&format!("{{\"jsonrpc\":\"2.0\",\n\"id\":{id},\"method\":\"ü\"}}"));
        assert_eq!(
            String::from_utf8(peer.message().unwrap()).unwrap(),
            format!("{{\n \"jsonrpc\":\"2.0\",\"id\":{id}}}")
        );
    }
    peer.close(1000, "");
    assert_eq!(peer.until_close().unwrap().code(), Some(1000));
    wsio.says(" close ");
    assert!(!wsio.err_so_far().contains("try: "), "{}", wsio.err_so_far());
}

#[test]
fn headers_of_a_program_or_of_standard_input_are_known_at_once() {
    let script = "printf 'Content-Length: 2\\r\\n\\r\\n{}'; cat >/dev/null";
    let listening = Listening::start(["listen", "0", "--", "/bin/sh", "-c", script]);
    let _peer = Peer::dial(listening.address());
    listening.wsio.says("`/bin/sh` begins with Content-Length headers");
    listening.wsio.says("  try: wsio listen 8080 --framing headers -- ");
    let mut again = Peer::dial(listening.address());
    again.text("{\"jsonrpc\":\"2.0\"}");
    again.close(1000, "");
    while again.next().is_some() {}
    listening.wsio.says(" close ");
    assert_eq!(listening.wsio.err_so_far().matches("try: ").count(), 1, "it is said once");
    // Chunks as they come are a tunnel.
    let script = "printf 'Content-Length: 2\\r\\n\\r\\n{}'";
    let tunnel = Listening::start(["listen", "0", "--framing", "raw", "--", "/bin/sh", "-c", script]);
    let mut peer = Peer::dial(tunnel.address());
    assert_eq!(peer.message().unwrap(), b"Content-Length: 2\r\n\r\n{}");
    tunnel.wsio.says(" close ");
    assert!(!tunnel.wsio.err_so_far().contains("try: "), "{}", tunnel.wsio.err_so_far());

    let input = "Content-Length: 9\r\n\r\n{\"id\":\n1}Content-Length: 2\r\n\r\n{}";
    let done = Wsio::run(["connect", "echo:"], input);
    assert!(done.err.contains("standard input begins with Content-Length headers"), "{}", done.err);
    let line = advice(&done.err);
    let line = line.strip_suffix(" URL").unwrap_or_else(|| panic!("{line}"));
    let mut wsio = shell(&format!("{line} echo:"));
    wsio.write(input.as_bytes());
    wsio.close_stdin();
    let done = wsio.wait();
    assert_eq!((done.code, done.text()), (0, input), "{}", done.err);
}

#[test]
fn a_language_server_is_reached_over_every_way() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.pl");
    fs::write(&file, SERVER).unwrap();
    let server = format!("exec:perl {}", file.display());
    for args in [
        &["listen", "0", "--framing", "headers", "--to", &server][..],
        &["listen", "0", "--in", "headers", "--out", "headers", "--", "perl", file.to_str().unwrap()],
        &["pipe", "--framing", "headers", "ws-listen:127.0.0.1:0", &server],
    ] {
        let listening = Listening::start(args.iter().copied());
        let mut peer = Peer::dial(listening.address());
        for id in 1..=3 {
            peer.text(&format!("{{\"jsonrpc\":\"2.0\",\n\"id\":{id},\"method\":\"ü\"}}"));
            let answer = peer.next().unwrap();
            let text = format!("{{\n \"jsonrpc\":\"2.0\",\"id\":{id}}}");
            assert_eq!((answer.opcode, answer.text()), (1, text.as_str()), "{args:?}");
        }
        peer.close(1000, "");
        assert_eq!(peer.until_close().unwrap().code(), Some(1000), "{args:?}");
        listening.wsio.says(" close ");
        assert!(!listening.wsio.err_so_far().contains("try: "), "{}", listening.wsio.err_so_far());
    }
}

#[test]
fn headers_that_are_wrong_are_refused_by_the_number_of_the_message() {
    const FIRST: &str = "Content-Length: 4\r\nContent-Type: text/plain\r\n\r\none!";
    for (bad, cause) in [
        ("Content-Type: x\r\n\r\n", "message 2 has no Content-Length header"),
        ("Content-Length: two\r\n\r\n", "message 2 has a Content-Length that is no number"),
        ("Content-Length: 1025\r\n\r\n", "message 2 is longer than 1024 bytes"),
        ("ready on \x1b[1mstdio\n", "message 2 has a line before it that is no header: `ready on "),
        ("Content-Length: 9\r\n\r\ntwo", "the input ends within message 2, after 24 bytes of it"),
        ("Content-Length: 9", "the input ends within message 2, after 17 bytes of it"),
    ] {
        let (url, peer) = serve(|mut peer| (peer.message(), peer.answer_close().unwrap().code()));
        let args = ["connect", "--in", "headers", "--max-message", "1k", &url];
        let done = Wsio::run(args, format!("{FIRST}{bad}"));
        assert_eq!(done.code, 65, "{}", done.err);
        assert!(done.err.contains(cause) && !done.err.contains('\x1b'), "{cause}: {}", done.err);
        assert!(done.err.contains("each message needs") != cause.contains("longer"), "{}", done.err);
        assert_eq!(peer.join().unwrap(), (Some(b"one!".to_vec()), Some(1000)));
    }
}

#[test]
fn frames_of_stomp_keep_their_nul_as_the_note_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("frames");
    let frames = ["CONNECT\naccept-version:1.2\nhost:/\n\n\0", "SUBSCRIBE\nid:0\ndestination:/a\n\n\0"];
    fs::write(&file, frames.concat()).unwrap();
    let collect = || {
        serve(|mut peer| {
            let mut seen = Vec::new();
            while let Some(frame) = peer.next().filter(|frame| frame.opcode == 1) {
                seen.push(frame.text().to_owned());
                peer.text(frame.text());
            }
            peer.close(1000, "");
            seen
        })
    };
    let mut advices = Vec::new();
    for framing in ["lines", "nul", "paragraph"] {
        let (url, peer) = collect();
        let done = Wsio::run(["connect", "--framing", framing, &url], frames.concat());
        assert!(done.err.contains("standard input is STOMP, whose frames end with a NUL"), "{}", done.err);
        assert!(peer.join().unwrap().iter().all(|message| !message.ends_with('\0') || framing != "nul"));
        advices.push(advice(&done.err));
    }
    let (url, peer) = collect();
    let line = advices[1]
        .replace(" FRAMES ", &format!(" {} ", file.display()))
        .replace(" URL ", &format!(" {url} "));
    let done = shell(&line).wait();
    assert_eq!((done.code, done.text()), (0, frames.concat().as_str()), "{}", done.err);
    assert_eq!(peer.join().unwrap(), frames);
    assert!(!done.err.contains("STOMP"), "{}", done.err);
}

#[test]
fn framings_of_other_tools_get_the_line_that_does_their_work() {
    for (args, words) in [
        (&["listen", "0", "--framing", "lsp", "--", "x"][..], "wsio listen 0 --framing headers -- x"),
        (&["connect", "ws://h", "--out=dap"], "wsio connect ws://h --out=headers"),
        (&["connect", "ws://h", "--in", "stomp"], "wsio connect URL --in length --out raw -t"),
        (&["connect", "ws://h", "--in", "sep=0"], r"wsio connect ws://h --in 'sep=\0'"),
    ] {
        let done = Wsio::run(args.iter().copied(), "");
        assert_eq!(done.code, 2, "{}", done.err);
        assert!(done.err.contains(words), "{}", done.err);
    }
}
