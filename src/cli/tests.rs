//! From arguments to plans: every option lands where it belongs, contradictions are refused.

use super::{Context, EXAMPLES, GENERATED, Parsed, command, parse};
use crate::{
    exit::Exit,
    fault::Fault,
    framing::{Framing, Kind},
    handshake::{Cookies, HeaderName},
    net::ListenAddr,
    observe::Verbosity,
    plan::{Common, Connect, Direction, FramingChoice, Listen, Pipe, Plan, Target},
    session::CloseWith,
    tls::{Identity, ServerTls, Sni},
};
use std::{path::PathBuf, time::Duration};

fn run_with(args: &[&str], stdin: &[u8]) -> Result<Parsed, Fault> {
    let env = |name: &str| (name == "LOGIN").then(|| "me:s3cret".to_owned());
    let mut context = Context { env: &env, stdin: &mut { stdin }, stdin_is_terminal: false, ask: None };
    parse(std::iter::once("wsio").chain(args.iter().copied()).map(Into::into), &mut context)
}

fn plan(args: &[&str]) -> Plan {
    match run_with(args, b"") {
        Ok(Parsed::Run(plan)) => plan,
        other => panic!("{args:?}: {other:?}"),
    }
}

fn fault(args: &[&str]) -> Fault {
    run_with(args, b"").expect_err(&format!("{args:?}"))
}

fn connect(args: &[&str]) -> Connect {
    match plan(&[&["connect", "ws://h/"], args].concat()) {
        Plan::Connect(connect) => connect,
        other => panic!("{other:?}"),
    }
}

fn listen(args: &[&str]) -> Listen {
    match plan(&[&["listen"], args].concat()) {
        Plan::Listen(listen) => listen,
        other => panic!("{other:?}"),
    }
}

fn pipe(args: &[&str]) -> Pipe {
    match plan(&[&["pipe"], args].concat()) {
        Plan::Pipe(pipe) => pipe,
        other => panic!("{other:?}"),
    }
}

fn tls(identity: Identity) -> ServerTls {
    ServerTls { identity, client_ca: None, pass: None }
}

fn fields(headers: &[(HeaderName, crate::handshake::HeaderValue)]) -> Vec<String> {
    headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
}

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

#[test]
fn no_option_is_needed() {
    let Connect { target, common, probe, .. } = connect(&[]);
    assert!(probe.is_none());
    assert_eq!(target, "ws://h/");
    assert_eq!(common.rules.linger, Some(seconds(1)));
    assert_eq!(common.rules.close_timeout, seconds(5));
    assert_eq!(
        (common.rules.ping_interval, common.rules.ping_timeout),
        (Some(seconds(20)), Some(seconds(20)))
    );
    assert_eq!((common.rules.timeout, common.rules.idle_timeout, common.rules.count), (None, None, None));
    assert_eq!((common.rules.close.clone(), common.rules.ok_close.clone()), (CloseWith::default(), vec![]));
    assert_eq!(common.framing, FramingChoice::default());
    assert_eq!(common.max_message, 64 << 20);
    assert_eq!(common.connect_timeout, Some(seconds(10)));
    assert_eq!((common.direction, common.verbosity), (Direction::Both, Verbosity::Normal));
    assert!(
        common.client.headers.is_empty() && common.client.subprotocols.is_empty() && common.send.is_empty()
    );
    assert_eq!((common.server.max_connections, common.server.grace), (1024, seconds(10)));
    assert_eq!(common.server.handshake.handshake_timeout, seconds(10));
}

#[test]
fn message_options_land() {
    let names = |common: &Common| {
        let name = |framing: &Option<Framing>| framing.as_ref().map(Framing::name);
        (name(&common.framing.input), name(&common.framing.output))
    };
    for args in [["connect", "ws://h"], ["listen", "0"], ["pipe", "ws://h"]] {
        let common = |more: &[&str]| match plan(&[&args[..], more].concat()) {
            Plan::Connect(Connect { common, .. })
            | Plan::Listen(Listen { common, .. })
            | Plan::Pipe(Pipe { common, .. }) => common,
        };
        assert_eq!(names(&common(&["--framing", "whole"])), (Some("whole"), Some("whole")));
        assert_eq!(names(&common(&["--framing", "raw", "--in", "nul"])), (Some("nul"), Some("raw")));
        assert_eq!(names(&common(&["--out", "raw"])), (None, Some("raw")));
        assert_eq!(names(&common(&["-0"])), (Some("nul"), Some("nul")));
        assert_eq!(common(&["-t"]).framing.kind, Some(Kind::Text));
        assert_eq!(common(&["--binary"]).framing.kind, Some(Kind::Binary));
        assert!(common(&["--raw"]).framing.raw && !common(&[]).framing.raw);
        assert_eq!(common(&["--max-message", "16k"]).max_message, 16384);
        assert_eq!(common(&["--send", "a", "--send", "-1", "--send", "@@b"]).send, ["a", "-1", "@b"]);
        assert_eq!(common(&["--recv-only"]).direction, Direction::ReceiveOnly);
        assert_eq!(common(&["--send-only"]).direction, Direction::SendOnly);
        assert_eq!(common(&["-q"]).verbosity, Verbosity::Quiet);
        assert_eq!(common(&["-v"]).verbosity, Verbosity::Verbose);
    }
}

#[test]
fn what_is_read_ahead_depends_on_how_many_are_served() {
    let common = |args: &[&str]| match plan(args) {
        Plan::Connect(Connect { common, .. })
        | Plan::Listen(Listen { common, .. })
        | Plan::Pipe(Pipe { common, .. }) => common,
    };
    for (args, default) in [
        (&["connect", "ws://h"][..], 16 << 20),
        (&["pipe", "ws://h"], 16 << 20),
        (&["pipe", "-", "ws://h"], 16 << 20),
        (&["listen", "0"], 256 << 10),
        (&["listen", "0", "--once"], 256 << 10),
        (&["pipe", "ws-listen:0", "tcp:h:1"], 256 << 10),
        (&["pipe", "tcp-listen:1", "ws://h"], 256 << 10),
        (&["pipe", "udp-listen:1", "ws://h"], 256 << 10),
    ] {
        assert_eq!(common(args).read_ahead, Some(default), "{args:?}");
        assert_eq!(common(&[args, &["--read-ahead", "3k"]].concat()).read_ahead, Some(3072), "{args:?}");
        assert_eq!(common(&[args, &["--read-ahead", "off"]].concat()).read_ahead, None, "{args:?}");
    }
}

#[test]
fn the_bound_on_all_is_never_below_that_on_one() {
    for args in [["listen", "0", "-q"], ["pipe", "ws-listen:0", "null:"], ["pipe", "tcp-listen:1", "ws://h"]]
    {
        let bound = |more: &[&str]| match plan(&[&args[..], more].concat()) {
            Plan::Listen(Listen { common, .. }) | Plan::Pipe(Pipe { common, .. }) => common.server.max_buffer,
            Plan::Connect(_) => unreachable!(),
        };
        assert_eq!(bound(&[]), 256 << 20);
        assert_eq!(bound(&["--max-buffer", "64M"]), 64 << 20);
        assert_eq!(bound(&["--max-buffer", "1k", "--max-message", "1k"]), 1024);
        assert_eq!(bound(&["--max-message", "1G"]), 1 << 30);
        let fault = fault(&[&args[..], &["--max-buffer", "63M"]].concat());
        assert_eq!(fault.exit, Exit::Usage);
        assert!(fault.cause.contains("--max-message (67108864 bytes)"), "{fault}");
        assert!(fault.hint.is_some_and(|hint| hint.contains("raise --max-buffer")));
    }
    assert_eq!(connect(&["--max-message", "1G"]).common.server.max_buffer, 1 << 30);
}

#[test]
fn programs_are_hung_up_on_where_there_is_one() {
    let Listen { common, .. } = listen(&["0", "--hangup", "--", "cat"]);
    assert!(common.hangup && !listen(&["0", "--", "cat"]).common.hangup);
    assert!(listen(&["0", "--hangup", "--to", "sh:cat"]).common.hangup);
    assert!(pipe(&["ws://h", "exec:cat", "--hangup"]).common.hangup);
    assert!(pipe(&["ws://h", "EXEC:cat", "--hangup"]).common.hangup);
}

#[test]
fn session_options_land() {
    for args in [["connect", "ws://h"], ["listen", "0"], ["pipe", "ws://h"]] {
        let rules = |more: &[&str]| match plan(&[&args[..], more].concat()) {
            Plan::Connect(Connect { common, .. })
            | Plan::Listen(Listen { common, .. })
            | Plan::Pipe(Pipe { common, .. }) => common.rules.clone(),
        };
        assert_eq!(rules(&["-n3"]).count, Some(3));
        assert_eq!(rules(&["-1"]).count, Some(1));
        // A server that serves many has no end of input, and none of its own that a client's Close could be.
        let one: &[&str] = if args[0] == "listen" { &["--once"] } else { &[] };
        assert_eq!(rules(&[one, &["--linger", "inf"]].concat()).linger, None);
        assert_eq!(rules(&[one, &["--linger", "0"]].concat()).linger, Some(Duration::ZERO));
        assert_eq!(
            rules(&["--close", "4000:bye"]).close,
            CloseWith { code: Some(4000), reason: "bye".to_owned() }
        );
        assert_eq!(
            rules(&[one, &["--ok-close", "1008", "--ok-close", "4000-4999"]].concat()).ok_close,
            [1008..=1008, 4000..=4999]
        );
        assert_eq!(rules(&["--close-timeout", "2"]).close_timeout, seconds(2));
        assert_eq!(rules(&["-m", "1m"]).timeout, Some(seconds(60)));
        assert_eq!(rules(&["--timeout", "off"]).timeout, None);
        assert_eq!(rules(&["--idle-timeout", "3s"]).idle_timeout, Some(seconds(3)));
        assert_eq!(rules(&["--ping-interval", "off"]).ping_interval, None);
        assert_eq!(rules(&["--ping-timeout", "500ms"]).ping_timeout, Some(Duration::from_millis(500)));
    }
    assert_eq!(connect(&["--connect-timeout", "off"]).common.connect_timeout, None);
}

#[test]
fn handshake_options_land() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "X-B: 2\n\nX-C: 3\r\n").unwrap();
    let path = format!("@{}", file.path().display());
    let args = [
        "-H",
        "X-A: 1",
        "-H",
        &path,
        "-A",
        "me",
        "--origin",
        "https://o",
        "--cookie",
        "a=b",
        "--cookie",
        "c=d",
    ];
    let client = connect(&args).common.client.clone();
    assert_eq!(
        fields(&client.headers),
        ["x-a: 1", "x-b: 2", "x-c: 3", "user-agent: me", "origin: https://o"]
    );
    assert_eq!(client.cookies, ["a=b", "c=d"].map(|text| Cookies::Plain(text.to_owned())));
    let client =
        connect(&["--subprotocol", "a,b", "--protocol", "c,a", "-H", "Sec-WebSocket-Protocol: d, e"])
            .common
            .client
            .clone();
    assert_eq!((client.subprotocols.join(" "), client.headers.len()), ("a b c d e".to_owned(), 0));
}

#[test]
fn secrets_come_from_elsewhere_and_are_marked() {
    let headers = connect(&["-u", "@env:LOGIN"]).common.client.headers.clone();
    assert_eq!(fields(&headers), ["authorization: Basic bWU6czNjcmV0"]);
    assert!(headers[0].1.is_sensitive());
    let Ok(Parsed::Run(Plan::Connect(connect))) =
        run_with(&["connect", "ws://h", "--bearer", "@-"], b"token\n")
    else {
        panic!("refused");
    };
    assert_eq!(fields(&connect.common.client.headers), ["authorization: Bearer token"]);
    let twice = run_with(&["connect", "ws://h", "--bearer", "@-", "--send", "@-"], b"x").unwrap_err();
    assert_eq!(twice.exit, Exit::Usage);
}

#[test]
fn tls_options_land() {
    let tls =
        connect(&["--cacert", "ca", "--cert", "c", "--key", "k", "--sni", "name"]).common.client_tls.clone();
    let paths = [tls.cacert, tls.cert, tls.key].map(Option::unwrap);
    assert_eq!(paths, ["ca", "c", "k"].map(PathBuf::from));
    assert_eq!(tls.sni, Sni::Name("name".to_owned()));
    let tls = connect(&["-k", "--sni", "none"]).common.client_tls.clone();
    assert_eq!((tls.insecure, tls.sni), (true, Sni::Off));
}

#[test]
fn server_options_land() {
    let args = ["0", "--once", "--path", "/a", "--path", "/b", "--announce", "f", "--max-connections", "7"];
    let more = ["--handshake-timeout", "3", "--grace", "0", "-H", "X-A: 1", "--subprotocol", "p"];
    let Listen { address, tls, target, common } = listen(&[&args[..], &more[..]].concat());
    assert_eq!((address, tls, target), (ListenAddr::Loopback(0), None, Target::Stdio));
    let server = common.server.clone();
    assert_eq!((server.once, server.max_connections, server.grace), (true, 7, Duration::ZERO));
    assert_eq!(server.announce, Some(PathBuf::from("f")));
    assert_eq!(
        (server.handshake.paths.join(" "), server.handshake.handshake_timeout),
        ("/a /b".to_owned(), seconds(3))
    );
    assert_eq!(
        (fields(&server.handshake.headers), server.handshake.subprotocols),
        (vec!["x-a: 1".to_owned()], vec!["p".to_owned()])
    );
    assert_eq!(listen(&["ws://h:1/chat"]).common.server.handshake.paths, ["/chat"]);
}

#[test]
fn listen_chooses_target_and_certificate() {
    assert_eq!(listen(&["0", "--echo"]).target, Target::Echo);
    let to = listen(&["0", "--to", "tls:h:1", "--cacert", "ca", "--connect-timeout", "1"]);
    assert_eq!(to.target, Target::Endpoint("tls:h:1".to_owned()));
    assert_eq!(
        (to.common.client_tls.cacert.clone(), to.common.connect_timeout),
        (Some(PathBuf::from("ca")), Some(seconds(1)))
    );
    assert_eq!(listen(&["0", "--self-signed"]).tls, Some(tls(Identity::SelfSigned)));
    assert_eq!(listen(&["wss://h", "--self-signed"]).address, ListenAddr::Host("h".to_owned(), 443));
    let files = tls(Identity::Files { cert: "c".into(), key: Some("k".into()) });
    assert_eq!(listen(&["0", "--cert", "c", "--key", "k"]).tls, Some(files));
}

#[test]
fn pipe_gives_each_side_its_options() {
    let Pipe { a, b, common } = pipe(&["-", "ws://h", "-H", "X-A: 1", "--subprotocol", "p", "--bearer", "t"]);
    assert_eq!((a.as_str(), b.as_str()), ("-", "ws://h"));
    assert_eq!(fields(&common.client.headers), ["x-a: 1", "authorization: Bearer t"]);
    assert!(common.server.handshake.headers.is_empty());

    assert_eq!(pipe(&["ws://h"]).b, "-");

    let server = pipe(&["ws-listen:0", "tcp:h:1", "-H", "X-A: 1", "--subprotocol", "p", "--once"])
        .common
        .server
        .clone();
    assert_eq!((fields(&server.handshake.headers), server.once), (vec!["x-a: 1".to_owned()], true));
    assert_eq!(server.handshake.subprotocols, ["p"]);

    let both = pipe(&["wss-listen:0", "wss://h", "--cert", "c", "-H", "X-A: 1", "-k"]).common;
    assert_eq!(both.server.tls, Some(tls(Identity::Files { cert: "c".into(), key: None })));
    assert_eq!(
        (fields(&both.client.headers), both.client_tls.cert.clone()),
        (vec!["x-a: 1".to_owned()], None)
    );

    for server in ["wss-listen:0", "tls-listen:0"] {
        let files = pipe(&[server, "wss://h", "--cert", "c"]).common;
        assert_eq!(
            (files.server.tls.clone(), files.client_tls.cert.clone()),
            (Some(tls(Identity::Files { cert: "c".into(), key: None })), None)
        );
        let both = pipe(&[server, "wss://h", "--cert", "c", "--self-signed"]).common;
        assert_eq!(
            (both.server.tls.clone(), both.client_tls.cert.clone()),
            (Some(tls(Identity::SelfSigned)), Some("c".into()))
        );
    }
}

#[test]
fn what_could_do_nothing_or_contradicts_is_refused() {
    let connect = ["connect", "ws://h"];
    for more in [
        &["-t", "-b"][..],
        &["--recv-only", "--send-only"],
        &["-1", "-n2"],
        &["-n0"],
        &["-0", "--framing", "raw"],
        &["-q", "-v"],
        &["-k", "--cacert", "f"],
        &["--key", "k"],
        &["-u", "a:b", "--bearer", "t"],
        &["-H", "Authorization: x", "-u", "a:b"],
        &["-u", "a"],
        &["-H", "X: a\r\nY: b"],
        &["-H", "Sec-WebSocket-Extensions: permessage-deflate"],
        &["--subprotocol", "a b"],
        &["--close", "1006"],
        &["--ping-interval", "0"],
        &["--once"],
        &["--max-buffer", "1G"],
        &["--hangup"],
        &["--read-ahead", "0"],
        &["--read-ahead", "1M", "--send-only"],
        &["--read-ahead", "1M", "--check"],
        &["--read-ahead", "1M", "--ping", "2"],
        &["--read-ahead", "1M", "--script", "/dev/null"],
    ] {
        assert_eq!(fault(&[&connect[..], more].concat()).exit, Exit::Usage, "{more:?}");
    }
    for args in [
        &["listen", "0", "--echo", "--to", "null:"][..],
        &["listen", "0", "--echo", "--framing", "raw"],
        &["listen", "0", "--echo", "--raw"],
        &["listen", "0", "--cacert", "f"],
        &["listen", "0", "--connect-timeout", "1"],
        &["listen", "0", "--cert", "c", "--self-signed"],
        &["listen", "wss://h"],
        &["listen", "ws://h", "--self-signed"],
        &["listen", "0", "-H", "Upgrade: x"],
        &["pipe", "-", "tcp:h:1", "-u", "a:b"],
        &["pipe", "-", "tcp:h:1", "-H", "X: a"],
        &["pipe", "-", "tcp:h:1", "-k"],
        &["pipe", "-", "tcp:h:1", "--read-ahead", "1M"],
        &["pipe", "-", "exec:cat", "--hangup"],
        &["pipe", "-", "ws://h", "--hangup"],
        &["pipe", "-", "ws://h", "--max-buffer", "1G"],
        &["listen", "0", "--hangup"],
        &["listen", "0", "--to", "tcp:h:1", "--hangup"],
        &["listen", "0", "--send-only", "--read-ahead", "1M"],
        &["pipe", "tcp:h:1", "ws://h", "--raw"],
        &["pipe", "-", "ws://h", "--once"],
        &["pipe", "tcp-listen:1", "ws://h", "--path", "/"],
        &["pipe", "ws-listen:1", "ws://h", "--subprotocol", "p"],
        &["pipe", "ws-listen:1", "-", "--cert", "c"],
        &["pipe", "ws-listen:1", "-", "--self-signed"],
        &["pipe", "wss-listen:1", "-"],
        &["pipe", "tls-listen:1", "-"],
        &["pipe", "tls-listen:1", "ws://h", "--self-signed", "--path", "/"],
        &["pipe", "tcp-listen:1", "ws://h", "--client-ca", "c"],
        &["pipe", "wss-listen:1", "-", "--self-signed", "--cert", "c"],
        &["pipe"],
        &[],
    ] {
        assert_eq!(fault(args).exit, Exit::Usage, "{args:?}");
    }
    assert_eq!(fault(&["listen", "nonsense:99999999"]).exit, Exit::Malformed);
    assert_eq!(fault(&["connect", "ws://h", "--max-message", "3", "--send", "four"]).exit, Exit::BadInput);
}

#[test]
fn refusals_say_what_to_write_instead() {
    for (args, hint) in [
        (&["ws://h", "-H", "A: b"][..], "wsio connect ws://h -H 'A: b'"),
        (&["8080", "--echo"], "wsio listen 8080 --echo"),
        (&["connect", "-E", "ws://h"], "leave it out"),
        (&["connect", "ws://h", "-x", "{\"op\":1}"], "--send"),
        (&["connect", "ws://h", "--execute", "hi"], "--send"),
        (&["connect", "-s", "p", "ws://h"], "--subprotocol"),
        (&["connect", "--no-close", "ws://h"], "--linger inf"),
        (&["connect", "-n", "ws://h"], "-k"),
        (&["connect", "ws://h", "-B99999999"], "--max-message"),
        (&["connect", "ws://h", "--lingr", "1"], "--linger"),
        (&["-t", "ws://h"], "wsio connect -t"),
        (&["connect"], "wsio connect --help"),
        (&[], "wsio connect"),
    ] {
        let fault = fault(args);
        assert_eq!((fault.exit, fault.phase), (Exit::Usage, "usage"));
        assert!(fault.hint.as_deref().unwrap_or_default().contains(hint), "{args:?}: {fault}");
        assert!(!fault.cause.contains("error:") && !fault.cause.contains('\n'), "{fault}");
    }
}

#[test]
fn help_and_version_are_printed() {
    for args in [
        &["--help"][..],
        &["-h"],
        &["connect", "--help"],
        &["listen", "-h"],
        &["pipe", "--help"],
        &["--version"],
    ] {
        assert!(
            matches!(run_with(args, b""), Ok(Parsed::Print(text)) if text.starts_with(|c: char| c.is_alphabetic()))
        );
    }
    let lines = |arg| match run_with(&["connect", arg], b"") {
        Ok(Parsed::Print(text)) => text.lines().count(),
        other => panic!("{other:?}"),
    };
    assert!(lines("-h") < lines("--help"));
}

#[test]
fn what_was_generated_is_printed_and_stands_alone() {
    for (name, text) in GENERATED {
        for args in [&["--generate", name][..], &[&format!("--generate={name}")]] {
            assert!(
                matches!(run_with(args, b""), Ok(Parsed::Print(printed)) if printed == *text),
                "{args:?}"
            );
        }
    }
    let fault = run_with(&["--generate", "complete-tcsh"], b"").unwrap_err();
    assert!(fault.cause.contains("complete-tcsh"), "{fault}");
    for args in [
        &["--generate"][..],
        &["--generate", "man", "connect", "ws://h/"],
        &["connect", "--generate", "man", "ws://h/"],
        &["--generate", "man", "--generate", "man"],
    ] {
        assert_eq!(run_with(args, b"").unwrap_err().exit, Exit::Usage, "{args:?}");
    }
    assert!(run_with(&[], b"").unwrap_err().cause.contains("subcommand"));
}

#[test]
fn every_definition_is_sound() {
    command().debug_assert();
}

#[test]
fn every_example_parses() {
    for example in EXAMPLES {
        let line = example.line.replace("host", "").replace("ssh -o ProxyCommand='wsio", "wsio");
        let start = line.find("wsio").unwrap();
        let words = words(line[start..].trim_end().trim_end_matches('\''));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let env_is_missing = words.iter().any(|word| word.starts_with("@env:"));
        match run_with(&words[1..], b"") {
            Ok(Parsed::Run(_)) => {}
            Err(fault) if env_is_missing && fault.cause.contains("environment") => {}
            Err(fault) if fault.cause.starts_with("cannot read") => {}
            other => panic!("{}: {other:?}", example.line),
        }
    }
}

/// The words of a simple command, up to a pipe or redirection.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quoted, mut word) = (Vec::new(), false, String::new());
    for character in line.chars() {
        match character {
            '\'' => quoted = !quoted,
            '|' | '<' | '>' if !quoted => break,
            ' ' if !quoted => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            _ => word.push(character),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}
