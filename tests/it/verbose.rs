//! What `-v` and `-vv` tell of a connection, what they keep to themselves, and who answers pings.

use crate::harness::{
    Listening, Peer, Proxy, Wsio, accept_bounded, eventually, read_head, serve, serve_many,
};
use std::{io::Write, net::TcpListener};

/// Stands in the place of every secret.
const SECRET: &str = "s3cr3tXYZ";

/// The lines of frames, without their times.
fn frames(err: &str) -> Vec<String> {
    let frame = |line: &str| {
        let at = line.find(['<', '>'])?;
        let (time, rest) = line.get(at + 2..)?.split_once(' ')?;
        let is_time = time.len() == 12 && time.bytes().filter(|byte| *byte == b':').count() == 2;
        is_time.then(|| format!("{} {rest}", &line[..=at]))
    };
    err.lines().filter_map(frame).collect()
}

/// What wsio shows between its own lines: those that begin so.
fn lines<'a>(err: &'a str, begin: &str) -> Vec<&'a str> {
    err.lines().filter(|line| line.starts_with(begin)).collect()
}

#[test]
fn both_heads_are_told_as_they_are_on_the_wire() {
    let (url, server) = serve_many(|listener| {
        let mut peer = Peer::accept_with(listener, &["x-oDD-case: 1", "Set-Cookie: sid=s3cr3tXYZ; Path=/"]);
        peer.close(1000, "");
        peer.until_close();
        peer.head
    });
    let done = Wsio::run(["connect", "-v", "-H", "x-tenant: 7", &format!("{url}x?a=1")], "");
    let sent = server.join().unwrap();
    assert_eq!(done.code, 0, "{}", done.err);
    let asked: Vec<&str> = lines(&done.err, "> ").iter().map(|line| &line[2..]).collect();
    assert_eq!(asked, sent.trim_end().lines().collect::<Vec<_>>());
    assert!(asked[0] == "GET /x?a=1 HTTP/1.1" && asked.contains(&"X-Tenant: 7"), "{asked:?}");
    let answered = lines(&done.err, "< ");
    assert_eq!(answered[0], "< HTTP/1.1 101 Switching Protocols");
    assert_eq!(answered[4..], ["< x-oDD-case: 1", "< Set-Cookie: sid=[hidden]; Path=/"]);
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    assert!(done.err.contains(&format!("* trying {address}…\n* connected to {address} in ")), "{}", done.err);
    assert!(frames(&done.err).is_empty(), "-v is not -vv: {}", done.err);
}

#[test]
fn a_server_that_never_answers_is_shown_what_it_was_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let wsio = Wsio::start(["connect", "-v", &format!("ws://{}/", listener.local_addr().unwrap())]);
    let _silent = accept_bounded(&listener);
    eventually("the request is told", || wsio.err_so_far().contains("> Sec-WebSocket-Version: 13\n"));
}

#[test]
fn a_server_tells_the_heads_of_each_client_under_its_number() {
    let listening = Listening::start(["listen", "0", "-v", "--echo", "--path", "/in"]);
    let mut peer = Peer::dial_with(listening.address(), "/in", &["x-MINE: 1"]);
    peer.close(1000, "");
    peer.until_close();
    let mut refused = std::net::TcpStream::connect(listening.address()).unwrap();
    refused.write_all(b"GET /out?token=s3cr3tXYZ HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    read_head(&mut refused);
    // The refusal is told before its answer is written.
    for told in ["#2 127.0.0.1:", "#2 > HTTP/1.1 4"] {
        eventually("the refusal is told", || listening.wsio.err_so_far().contains(told));
    }
    let err = listening.wsio.err_so_far();
    for line in [
        "#1 < GET /in HTTP/1.1\n",
        "#1 < x-MINE: 1\n",
        "#1 > HTTP/1.1 101 Switching Protocols\n",
        "#1 > Upgrade: websocket\n",
        // Some clients compare the whole value.
        "#1 > Connection: Upgrade\n",
        "#2 < GET /out?token=[hidden] HTTP/1.1\n",
    ] {
        assert!(err.contains(line), "{line}: {err}");
    }
    assert!(!err.contains(SECRET), "{err}");
}

#[test]
fn every_frame_is_told_also_what_no_message_shows() {
    let (url, server) = serve(|mut peer| {
        peer.send(false, 1, b"he");
        peer.send(true, 9, b"are you there");
        peer.send(true, 0, b"llo\x1b[31m");
        peer.send(true, 2, b"\x00\xff");
        // A code that may not be sent.
        peer.close(1005, "bye");
        while peer.next().is_some() {}
    });
    let done = Wsio::run(["connect", "-vv", "--linger", "inf", &url], "hi\n");
    server.join().unwrap();
    let told = frames(&done.err);
    let of = |way: &str| told.iter().filter(|line| line.starts_with(way)).cloned().collect::<Vec<_>>();
    assert_eq!(
        of("<"),
        [
            "< text 2 bytes: he",
            "< ping fin 13 bytes: are you there",
            "< continuation fin 8 bytes: llo\\u{1b}[31m",
            "< binary fin 2 bytes: 00 ff",
            "< close fin 5 bytes: 1005 no status: bye",
        ]
    );
    let sent = of(">");
    assert!(sent.contains(&"> pong fin masked 13 bytes: are you there".to_owned()), "{sent:?}");
    assert!(sent.iter().any(|line| line.starts_with("> close fin masked ")), "{sent:?}");
}

#[test]
fn compression_shows_in_the_reserved_bit() {
    let done = Wsio::run(["connect", "-vv", "--compress", "--send", &"a".repeat(500), "-1", "echo:"], "");
    assert_eq!(done.code, 0, "{}", done.err);
    let told = frames(&done.err);
    assert!(told.iter().any(|line| line.starts_with("> text fin masked rsv1 ")), "{told:?}");
}

#[test]
fn no_secret_gets_to_standard_error() {
    let (url, server) = serve_many(|listener| {
        let chosen = "Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.s3cr3tXYZ";
        let cookie = "Set-Cookie: sid=s3cr3tXYZ";
        let mut peer = Peer::accept_with(listener, &[chosen, cookie, "X-Own: s3cr3tXYZ"]);
        peer.text("here");
        peer.answer_close();
        peer.head
    });
    let proxy = Proxy::http(Some("me:s3cr3tXYZ"));
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    let target = format!("ws://me:s3cr3tXYZ@{address}/x?access_token=s3cr3tXYZ&key=s3cr3tXYZ&mine=s3cr3tXYZ");
    let proxied = format!("http://me:s3cr3tXYZ@{}", proxy.address);
    let args = ["connect", "-vv", "-x", &proxied, &target, "-1", "--secret", "x-own", "--secret", "MINE"];
    let more = [
        ("-H", "Cookie: a=s3cr3tXYZ; b=s3cr3tXYZ"),
        ("-H", "Proxy-Authorization: Basic s3cr3tXYZ"),
        ("-H", "X-Api-Key: s3cr3tXYZ"),
        ("-H", "X-Own: s3cr3tXYZ"),
        ("--subprotocol", "base64url.bearer.authorization.k8s.io.s3cr3tXYZ"),
    ];
    let more = more.iter().flat_map(|(option, value)| [*option, *value]);
    let done = Wsio::run(args.into_iter().chain(more), "");
    let head = server.join().unwrap();
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(head.matches(SECRET).count(), 9, "the server gets them: {head}");
    assert!(head.contains("Authorization: Basic bWU6"), "{head}");
    assert!(!done.err.contains(SECRET) && !done.err.contains("bWU6"), "{}", done.err);
    assert!(done.err.matches("[hidden]").count() >= 12, "they are marked: {}", done.err);
    assert!(done.err.contains("> Authorization: Basic [hidden]\n"), "what helps is kept: {}", done.err);
}

#[test]
fn no_secret_gets_to_standard_error_when_the_upgrade_is_refused_or_leads_elsewhere() {
    for (status, follow) in [("401 Unauthorized", false), ("302 Found", false), ("302 Found", true)] {
        let (url, server) = serve_many(move |listener| {
            let mut stream = accept_bounded(listener);
            read_head(&mut stream);
            let answer = format!(
                "HTTP/1.1 {status}\r\nLocation: /y?bearer=s3cr3tXYZ&mine=s3cr3tXYZ\r\n\
                 Set-Cookie: a=s3cr3tXYZ\r\nX-Mine: 1\r\nContent-Length: 2\r\n\r\nno"
            );
            stream.write_all(answer.as_bytes()).unwrap();
            if follow {
                let mut peer = Peer::accept(listener);
                peer.text("here");
                peer.answer_close();
                assert!(peer.head.contains(SECRET), "it is followed: {}", peer.head);
            }
        });
        let target = format!("{url}x?token=s3cr3tXYZ");
        let args = ["connect", "-vv", &target, "-1", "--secret", "mine", "--bearer", SECRET];
        let done = Wsio::run(args.iter().chain(follow.then_some(&"-L")), "");
        server.join().unwrap();
        assert_eq!(done.code, if follow { 0 } else { 22 }, "{}", done.err);
        assert!(!done.err.contains(SECRET), "{}", done.err);
        assert!(done.err.contains("< Location: /y?bearer=[hidden]&mine=[hidden]\n"), "{}", done.err);
        let shown = done.err.contains("  | location: /y?bearer=[hidden]");
        assert_eq!(shown, !follow, "{}", done.err);
    }
}

#[test]
fn what_is_recorded_knows_the_same_secrets() {
    let (url, server) = serve(|mut peer| {
        peer.text("here");
        peer.answer_close();
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.har");
    let record = file.display().to_string();
    let args = ["connect", &url, "-1", "-H", "X-Own: s3cr3tXYZ", "--secret", "x-own", "--record", &record];
    let done = Wsio::run(args, "");
    server.join().unwrap();
    assert_eq!(done.code, 0, "{}", done.err);
    let recorded = std::fs::read_to_string(file).unwrap();
    assert!(recorded.contains("X-Own") && !recorded.contains(SECRET), "{recorded}");
}

#[test]
fn without_pongs_a_ping_stays_unanswered() {
    for muted in [true, false] {
        let (url, server) = serve(|mut peer| {
            peer.send(true, 9, b"one");
            peer.send(true, 9, b"two");
            peer.text("here");
            let mut pongs = Vec::new();
            while let Some(frame) = peer.next() {
                match frame.opcode {
                    8 => peer.try_send(true, 8, &frame.payload).unwrap(),
                    10 => pongs.push(frame.text().to_owned()),
                    _ => {}
                }
            }
            pongs
        });
        let args = ["connect", "-vv", &url, "-1"];
        let done = Wsio::run(args.iter().chain(muted.then_some(&"--no-pong")), "");
        assert_eq!((done.code, done.text()), (0, "here\n"), "{}", done.err);
        let pongs = server.join().unwrap();
        assert_eq!(pongs.is_empty(), muted, "{pongs:?}");
        assert_eq!(frames(&done.err).iter().any(|line| line.starts_with("> pong")), !muted, "{}", done.err);
    }
    for args in [
        &["pipe", "ws-listen:0", "ws://127.0.0.1:9/", "--no-pong"][..],
        &["listen", "0", "--to", "ws://127.0.0.1:9/", "--no-pong"],
        &["pipe", "-", "tcp:127.0.0.1:9", "--no-pong"],
    ] {
        let done = Wsio::run(args, "");
        assert!(done.code == 2 && done.err.contains("--no-pong"), "{args:?}: {}", done.err);
    }
}

#[test]
fn pings_and_pongs_pass_between_two_web_sockets() {
    for relay in [&["pipe", "ws-listen:0", "URL"][..], &["listen", "0", "--to", "URL"]] {
        let (url, server) = serve(|mut peer| {
            let ping = peer.next().unwrap();
            assert_eq!((ping.opcode, ping.text()), (9, "wsio"), "even a ping like ours");
            peer.send(true, 10, b"wsio");
            peer.send(true, 9, b"from the server");
            let pong = peer.next().unwrap();
            assert_eq!((pong.opcode, pong.text()), (10, "from the server"));
            peer.text("done");
            peer.next().unwrap()
        });
        let relay = relay.iter().map(|word| if *word == "URL" { url.as_str() } else { word });
        let listening = Listening::start(relay.chain(["-vv"]));
        let mut client = Peer::dial(listening.address());
        client.send(true, 9, b"wsio");
        let came: Vec<_> = std::iter::from_fn(|| client.next()).take(2).collect();
        assert_eq!((came[0].opcode, came[0].text()), (10, "wsio"));
        assert_eq!((came[1].opcode, came[1].text()), (9, "from the server"));
        client.send(true, 10, b"from the server");
        assert_eq!(client.next().unwrap().text(), "done", "and no second pong");
        client.close(1000, "");
        client.until_close();
        assert_eq!(server.join().unwrap().code(), Some(1000), "and no second pong");
        eventually("the end is told", || listening.wsio.err_so_far().contains(" close 1000"));
        let told = frames(&listening.wsio.err_so_far());
        for line in [
            "#1 A< ping fin masked 4 bytes: wsio",
            "#1 B> ping fin masked 4 bytes: wsio",
            "#1 B< pong fin 4 bytes: wsio",
            "#1 A> pong fin 4 bytes: wsio",
        ] {
            assert_eq!(told.iter().filter(|told| *told == line).count(), 1, "{line}: {told:?}");
        }
    }
}

#[test]
fn a_ping_is_answered_while_the_other_side_is_away() {
    let (away, is_away) = std::sync::mpsc::channel();
    // Nobody listens there any more afterwards.
    let (lost_url, _) = serve(drop);
    let (url, server) = serve(move |mut peer| {
        is_away.recv().unwrap();
        peer.send(true, 9, b"still there?");
        let pong = peer.next().unwrap();
        (pong.opcode, pong.text().to_owned())
    });
    let relay = Wsio::start(["pipe", &url, &lost_url, "--reconnect"]);
    eventually("it is lost", || relay.err_so_far().contains("connecting again"));
    away.send(()).unwrap();
    assert_eq!(server.join().unwrap(), (10, "still there?".to_owned()));
}

#[test]
fn pongs_to_a_relays_own_pings_go_no_further() {
    /// Answers pings until four came, then tells what else came.
    fn answers(peer: &mut Peer) -> Vec<u8> {
        let (mut pings, mut others) = (0, Vec::new());
        while pings < 4 {
            let frame = peer.next().unwrap();
            match frame.opcode {
                9 => {
                    pings += 1;
                    assert!(frame.text().starts_with("wsio-"), "{frame:?}");
                    peer.send(true, 10, &frame.payload);
                }
                other => others.push(other),
            }
        }
        others
    }
    let (url, server) = serve(|mut peer| {
        let others = answers(&mut peer);
        while peer.next().is_some_and(|frame| frame.opcode != 8) {}
        others
    });
    let listening = Listening::start(["pipe", "ws-listen:0", &url, "--ping-interval", "20ms"]);
    let mut client = Peer::dial(listening.address());
    assert!(answers(&mut client).is_empty());
    client.close(1000, "");
    client.until_close();
    assert!(server.join().unwrap().is_empty());
}

#[test]
fn how_a_clients_target_was_reached_has_its_number() {
    let target = Listening::start(["listen", "0", "--echo"]);
    let (address, url) = (target.address().to_owned(), format!("ws://{}/", target.address()));
    let tcp = format!("tcp:{address}");
    for (args, told) in [
        (&["pipe", "ws-listen:0", &url, "-v"][..], "* #1 connected to "),
        (&["listen", "0", "--to", &tcp, "-v"], "* #1 trying "),
    ] {
        let listening = Listening::start(args);
        let _client = Peer::dial(listening.address());
        listening.wsio.says(&format!("{told}{address}"));
    }
}

#[test]
fn what_is_not_understood_is_shown_without_its_secrets() {
    for args in [
        &["connect", "ws:/u:SEKRET@127.0.0.1:1/?token=SEKRET"][..],
        &["connect", "ws:u:SEKRET@127.0.0.1:1/?token=SEKRET"],
        &["connect", "nats://u:SEKRET@127.0.0.1:1/x"],
        &["connect", "tcp://u:SEKRET@h:1"],
        &["connect", "u:SEKRET@127.0.0.1:1/?x"],
        &["pipe", "ws:/u:SEKRET@127.0.0.1:1/", "-"],
        &["listen", "ws:/u:SEKRET@127.0.0.1:1/"],
        &[
            "connect",
            "--subprotocol",
            "base64url.bearer.authorization.k8s.io.\"SEKRET\"",
            "ws://127.0.0.1:1/",
        ],
        &["connect", "--subprotocol", "bearer SEKRET", "ws://127.0.0.1:1/"],
        &["connect", "ws://u:SEKRET@127.0.0.1:1/?token=SEKRET", "--no-such"],
    ] {
        let done = Wsio::run(args, "");
        assert!(done.code == 2 || done.code == 3, "{args:?}: {} {}", done.code, done.err);
        assert!(!done.err.contains("SEKRET"), "{args:?}: {}", done.err);
    }
    // What is taken with a warning is warned of without them.
    let name = "base64url.bearer.authorization.k8s.io.SEKRET==";
    let done = Wsio::run(["connect", "echo:", "--subprotocol", name, "--send", "x", "-1", "-v"], "");
    assert!(done.err.contains("base64url.bearer.[hidden]` is no token"), "{}", done.err);
    assert!(!done.err.contains("SEKRET"), "{}", done.err);
}
