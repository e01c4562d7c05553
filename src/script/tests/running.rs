//! What a script does: it sends, waits, skips, captures, and fails in words a person can act on.

use super::{TimedRun, load};
use crate::{
    exit::Exit,
    fault::Fault,
    script::{CaseVerdict, Engine},
    session::CloseWith,
};
use std::{sync::Arc, time::Duration};
use tokio_tungstenite::tungstenite::Message;

#[test]
fn a_login_a_call_and_the_matching_reply() {
    let mut run = TimedRun::new(concat!(
        "> {\"op\":\"login\",\"token\":\"${TOKEN}\"}\n< {\"ok\":true}\n> {\"op\":\"call\"}\n",
        "<? {\"event\":\"tick\"}\n< {\"result\":{}}\ncapture id /result/id\n> {\"op\":\"get\",\"id\":${id}}\n< {\"id\":${id}}\n",
    ));
    assert_eq!(run.says(), [r#"{"op":"login","token":"s3cret\""}"#]);
    run.hears(r#"{"ok":true,"user":"ann"}"#);
    assert_eq!(run.says(), [r#"{"op":"call"}"#]);
    run.hears(r#"{"event":"tick","n":1}"#);
    run.hears(r#"{"event":"tick","n":2}"#);
    run.hears(r#"{"result":{"id":"a-7"}}"#);
    assert_eq!(run.says(), [r#"{"op":"get","id":"a-7"}"#]);
    assert!(!run.engine.has_said_all());
    run.waits(12);
    run.hears(r#"{"id":"a-7","x":1}"#);
    assert!(run.engine.is_over() && run.engine.has_said_all());
    assert_eq!(run.verdict(), None);
    let verdicts: Vec<_> = run.engine.cases().into_iter().map(|case| case.verdict).collect();
    let passed = |millis| CaseVerdict::Passed(Duration::from_millis(millis));
    assert_eq!(verdicts, [passed(0), passed(0), passed(0), passed(12)]);
}

#[test]
fn json_that_differs_is_pointed_at_and_secrets_keep_their_names() {
    let mut run = TimedRun::new("> ${TOKEN}\n< {\"ok\":true,\"for\":\"${TOKEN}\"}\n< never");
    run.waits(12);
    run.hears(r#"{"ok":true,"for":"s3cret\" or not","more":"s3cret\""}"#);
    assert_eq!(
        run.failure(),
        concat!(
            "script: t.wsio:2: something else came after 12 ms\n",
            "  | < {\"ok\":true,\"for\":\"${TOKEN}\"}\n",
            "  | /for: wanted \"${TOKEN}\", got \"${TOKEN} or not\"\n",
            "  | got {\"ok\":true,\"for\":\"${TOKEN} or not\",\"more\":\"${TOKEN}\"}",
        )
    );
    let cases = run.engine.cases();
    assert!(matches!(&cases[0].verdict, CaseVerdict::Failed { waited, .. } if waited.as_millis() == 12));
    assert_eq!(cases[1].verdict, CaseVerdict::NotReached);
}

#[test]
fn every_failure_is_readable() {
    for (script, heard, shown) in [
        (
            "< hello world",
            "hello wurld",
            "something else came after 0 ms\n  | < hello world\n  | wanted hello world\n  | got    hello wurld\n  |               ^",
        ),
        ("< {\"a\":1}", "plain", "  | < {\"a\":1}\n  | got plain, which is no JSON"),
        ("< {\"a\":[1,2]}", "{\"a\":[1]}", "  | /a: wanted [1,2], got [1]\n  | got {\"a\":[1]}"),
        ("< /^x/", "\u{1b}[31my", "  | < /^x/\n  | got \\u{1b}[31my"),
        ("< pong", "pong", "  | < pong\n  | got the text pong, which is written <q \"pong\""),
        ("< close", "more", "  | < close\n  | got more"),
        ("<b AP8=", "text", "  | <b AP8=\n  | got text"),
        ("<? tick\n< a", "b", "  | < a\n  | wanted a\n  | got    b\n  |        ^"),
        ("< a\ncapture id /id", "a", "t.wsio:2: the message is no JSON\n  | capture id /id\n  | got a"),
        (
            "< {}\ncapture id /id",
            "{\"x\":1}",
            "t.wsio:2: the message has nothing at /id\n  | capture id /id\n  | got {\"x\":1}",
        ),
        ("< a\ncapture id /(x)/", "a", "t.wsio:2: the pattern is not in the message"),
    ] {
        let mut run = TimedRun::new(script);
        run.hears(heard);
        assert!(run.failure().contains(shown), "{script}:\n{}", run.failure());
        assert_eq!(run.verdict().map(|fault| fault.exit), Some(Exit::Expectation));
    }
    let mut run = TimedRun::new("< text");
    run.engine.received(Message::binary(&b"text"[..]), run.now);
    assert!(run.failure().contains("got binary, 4 bytes, base64 dGV4dA=="), "{}", run.failure());
}

#[test]
fn what_was_skipped_is_told_when_nothing_else_came() {
    let mut run = TimedRun::new("<? {\"event\":\"tick\"}\nwithin 2s\n< {\"ok\":true}");
    run.hears("{\"event\":\"tick\",\"n\":1}");
    run.hears("{\"event\":\"tick\",\"n\":2}");
    run.waits(1999);
    assert_eq!(run.failure(), "");
    run.waits(1);
    assert_eq!(
        run.failure(),
        concat!(
            "script: t.wsio:3: nothing of the kind came within 2 s\n  | < {\"ok\":true}\n",
            "  | skipped 2 messages, the last: {\"event\":\"tick\",\"n\":2}",
        )
    );
}

#[test]
fn skipping_is_for_the_next_expectation_only() {
    let mut run = TimedRun::new("<? tick\n< a\n< b");
    for text in ["tick", "a", "tick"] {
        run.hears(text);
    }
    assert!(run.failure().starts_with("script: t.wsio:3: "), "{}", run.failure());
}

#[test]
fn an_expectation_comes_before_what_may_be_skipped() {
    let mut run = TimedRun::new("<? /./\n< {\"id\":1}\n> done");
    run.hears("{\"id\":2}");
    run.hears("{\"id\":1}");
    assert_eq!(run.says(), ["done"]);
}

#[test]
fn limits_are_the_statements_or_the_runs() {
    let mut run = TimedRun::new("< a\nwithin off\n< b");
    run.waits(9_999);
    run.hears("a");
    run.waits(1_000_000);
    assert_eq!(run.engine.deadline(), None);
    run.hears("b");
    assert_eq!(run.verdict(), None);

    let mut run = TimedRun::new("< a");
    assert_eq!(run.engine.deadline(), Some(run.now + Duration::from_secs(10)));
    run.waits(10_000);
    assert!(run.failure().contains("nothing of the kind came within 10 s"), "{}", run.failure());
}

#[test]
fn what_comes_early_is_kept_in_its_order() {
    let mut run = TimedRun::new("sleep 1s\n< a\n> then\n< b");
    for text in ["a", "b"] {
        run.hears(text);
    }
    assert!(run.engine.waiting_bytes() > 0);
    assert_eq!(run.engine.deadline(), Some(run.now + Duration::from_secs(1)));
    assert!(run.says().is_empty());
    run.waits(1000);
    assert_eq!(run.says(), ["then"]);
    assert_eq!((run.verdict(), run.engine.waiting_bytes()), (None, 0));
}

#[test]
fn pings_and_pongs_pass_unless_they_are_waited_for() {
    let mut run = TimedRun::new(">ping x\n< a\n< ping\n>ping y\n< pong\n<q \"pong z\"\n> done");
    assert_eq!(run.engine.send(), Some(Message::Ping("x".into())));
    for message in
        [Message::Ping("p".into()), Message::Pong("x".into()), Message::text("a"), Message::Ping("p".into())]
    {
        run.engine.received(message, run.now);
    }
    assert_eq!(run.engine.send(), Some(Message::Ping("y".into())));
    assert!(run.engine.has_pinged(b"y") && !run.engine.has_pinged(b"x"));
    // `< pong` is the answer to the last ping; one with a text says itself what it is.
    for payload in ["x", "z", "y", "y", "z"] {
        assert!(run.engine.send().is_none());
        run.engine.received(Message::Pong(payload.into()), run.now);
    }
    assert_eq!(run.says(), [] as [&str; 0], "`<q \"pong z\"` is a text");
    run.hears("pong z");
    assert_eq!(run.says(), ["done"]);
}

#[test]
fn captures_keep_their_type_and_win_over_the_environment() {
    let mut run = TimedRun::new(concat!(
        "> ${N}\n< {}\ncapture N /n\ncapture list /list\ncapture all\ncapture part /\"n\":(\\d)/\ncapture whole /n...../\n",
        "> {\"n\":${N},\"s\":\"${N}\",\"list\":${list},\"part\":${part}}\n> ${whole} ${all}\n",
    ));
    run.hears("{\"n\":7,\"list\":[1,\"a\"]}");
    assert_eq!(
        run.says(),
        [
            "5",
            r#"{"n":7,"s":"7","list":[1,"a"],"part":"7"}"#,
            r#"n":7,"  {"n":7,"list":[1,"a"]}"#.replace("  ", " ").as_str(),
        ],
        "{}",
        run.failure()
    );
}

#[test]
fn values_in_patterns_are_literal() {
    let mut run = TimedRun::new("< {}\ncapture w /w\n< /^${w}$/\n> done");
    run.hears("{\"w\":\"a.b\"}");
    run.hears("a.b");
    assert_eq!(run.says(), ["done"]);
}

#[test]
fn our_close_ends_what_is_said_and_not_what_is_heard() {
    let mut run = TimedRun::new("> a\n>close 4001 by ${N}\n< last words\n< close 4001");
    assert_eq!(run.says(), ["a"]);
    assert!(run.engine.has_said_all() && !run.engine.is_over());
    let close = CloseWith { code: Some(4001), reason: "by 5".to_owned() };
    assert_eq!(run.engine.closing(), Some(&close));
    run.hears("last words");
    run.engine.closed(Some(4001), "by 5", run.now);
    assert_eq!(run.verdict(), None);
}

#[test]
fn the_peers_close_is_judged_by_the_script() {
    for (script, code, reason, failure) in [
        ("< close", Some(4001), "", None),
        ("< close 4000-4999", Some(4001), "bye", None),
        ("< close 4001 bye", Some(4001), "bye", None),
        ("< close none", None, "", None),
        ("< close 1005", None, "", None),
        (
            "< close 4001 bye",
            Some(4001),
            "tschüs",
            Some("t.wsio:1: the peer closed with 4001 private: tschüs instead"),
        ),
        ("< close 4001", Some(1000), "", Some("t.wsio:1: the peer closed with 1000 normal instead")),
        ("< close 4001", None, "", Some("the peer closed with 1005 no status instead")),
        ("< a", Some(1000), "", Some("t.wsio:1: the peer closed with 1000 normal\n  | < a")),
        (
            "sleep 1s\n> a",
            Some(1000),
            "",
            Some("t.wsio:2: the peer closed with 1000 normal before this\n  | > a"),
        ),
        ("sleep 1s\n>close", Some(1000), "", Some("t.wsio:2: the peer closed with 1000 normal before this")),
        ("sleep 1h\n< close 1000", Some(1000), "", None),
        // Behind the last step the session's own rules hold.
        ("", Some(1001), "", None),
        (">close 4001", Some(4001), "", None),
        ("", Some(4001), "", Some("session: closed by the peer: 4001 private")),
        ("< close 4001\nsleep 0", Some(4001), "", None),
    ] {
        let mut run = TimedRun::new(script);
        run.engine.closed(code, reason, run.now);
        let verdict = run.verdict().map(|fault| fault.to_string());
        match failure {
            None => assert_eq!(verdict, None, "{script}"),
            Some(failure) => {
                assert!(verdict.clone().unwrap_or_default().contains(failure), "{script}: {verdict:?}")
            }
        }
    }
}

#[test]
fn what_came_before_the_close_is_judged_before_it() {
    let mut run = TimedRun::new("sleep 1s\n< a\n< b\n< close 1000");
    run.hears("a");
    run.hears("b");
    run.engine.closed(Some(1000), "", run.now);
    assert_eq!(run.verdict(), None);
}

#[test]
fn what_cannot_be_sent_is_the_inputs_fault() {
    for (script, heard, cause) in [
        (
            "< /x*/\ncapture x\n> ${x}${x}",
            "x".repeat(600),
            "1200 bytes are more than the 1000 that can be sent",
        ),
        ("< /x*/\ncapture x\n>ping ${x}", "x".repeat(126), "126 bytes are more than the 125"),
        ("< /x*/\ncapture x\n>close 4000 ${x}", "x".repeat(124), "the reason is 124 bytes long"),
    ] {
        let mut run = TimedRun::new(script);
        run.hears(&heard);
        let fault = run.verdict().unwrap();
        assert_eq!(fault.exit, Exit::BadInput);
        assert!(fault.cause.contains("t.wsio:3: ") && fault.cause.contains(cause), "{fault}");
    }
}

#[test]
fn a_session_that_ends_otherwise_says_what_was_waited_for() {
    let conclude = |script: &str, fault: Fault| {
        let mut run = TimedRun::new(script);
        run.engine.conclude(Some(fault), run.now).unwrap()
    };
    let lost = Fault::new(Exit::Lost, "session", "the connection was lost");
    let fault = conclude("< a", lost.clone());
    assert_eq!((fault.exit, fault.detail.as_slice()), (Exit::Lost, &["t.wsio:1: < a".to_owned()][..]));
    assert_eq!(conclude("", lost.clone()), lost);

    let late = Fault::new(Exit::Deadline, "session", "the time limit (--timeout) is over");
    let fault = conclude("< a", late.clone());
    assert_eq!(fault.exit, Exit::Expectation);
    assert!(
        fault.to_string().starts_with("script: t.wsio:1: the time limit (--timeout) is over\n  | < a"),
        "{fault}"
    );
    assert_eq!(conclude("sleep 1h", late).exit, Exit::Deadline);

    let mut run = TimedRun::new("< a");
    run.hears("b");
    let failure = run.verdict().unwrap();
    assert_eq!(run.engine.conclude(Some(failure.clone()), run.now), Some(failure));
}

#[test]
fn what_comes_behind_the_runs_limit_is_too_late() {
    let script = Arc::new(load("within off\n< close 1000", &[]).unwrap());
    let mut run = TimedRun { engine: Engine::new(script, super::limits()), now: tokio::time::Instant::now() };
    let until = run.now + Duration::from_secs(3);
    run.engine.limit(Some(until));
    run.engine.tick(run.now);
    assert_eq!(run.engine.deadline(), Some(until));
    run.now = until;
    // The answer to the Close of the session that is out of time.
    run.engine.closed(Some(1000), "", run.now);
    let late = Fault::new(Exit::Deadline, "session", "the time limit (--timeout) is over");
    let fault = run.engine.conclude(Some(late), run.now).unwrap();
    assert_eq!(fault.exit, Exit::Expectation);
    assert!(fault.cause.starts_with("t.wsio:2: the time limit (--timeout) is over"), "{fault}");
}

#[test]
fn what_happened_is_told_step_by_step() {
    let script = Arc::new(load("> a\n<? t\n< b", &[]).unwrap());
    let mut run = TimedRun { engine: Engine::new(script, super::limits()), now: tokio::time::Instant::now() };
    run.engine.tick(run.now);
    run.waits(1500);
    run.hears("b");
    assert_eq!(run.engine.notes(), ["t.wsio:1: > a", "t.wsio:3: < b (1.5 s)"]);
    assert!(run.engine.notes().is_empty());
}
