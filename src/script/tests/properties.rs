//! What holds for every script and every order of events.

use super::{Engine, limits, load};
use crate::script::CaseVerdict;
use crate::session::Instant;
use proptest::prelude::*;
use std::{sync::Arc, time::Duration};
use tokio_tungstenite::tungstenite::Message;

/// Something that happens to a run.
#[derive(Clone, Debug)]
enum Happens {
    Text(&'static str),
    Ping,
    Pong,
    Time(u64),
    Close(u16),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "{\"id\":1}", "tick"]).prop_map(Happens::Text),
        1 => Just(Happens::Ping),
        1 => Just(Happens::Pong),
        2 => (0_u64..3000).prop_map(Happens::Time),
        1 => prop::sample::select(vec![1000, 4001]).prop_map(Happens::Close),
    ]
}

fn statement() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "> a",
        ">b AP8=",
        ">ping",
        ">pong x",
        "< a",
        "< b",
        "< /./",
        "< {\"id\":1}",
        "<? tick\n< a",
        "within 1s\n< a",
        "within off\n< b",
        "sleep 1s",
        "sleep 0",
        "< ping",
        "< pong",
        "<b AP8=",
        "< {}\ncapture id /id\n> ${id}",
    ])
}

fn script() -> impl Strategy<Value = String> {
    let end =
        prop::sample::select(vec!["", ">close 4001", "< close", "< close 1000", ">close\n< a\n< close"]);
    (prop::collection::vec(statement(), 0..6), end)
        .prop_map(|(statements, end)| statements.into_iter().chain([end]).collect::<Vec<_>>().join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_ends_and_says_nothing_behind_its_close(text in script(), events in prop::collection::vec(happens(), 0..20)) {
        let script = Arc::new(load(&text, &[]).unwrap());
        let (mut engine, mut now) = (Engine::new(Arc::clone(&script), limits()), Instant::now());
        engine.tick(now);
        let (mut closed, mut said_all, mut over) = (false, false, false);
        let closes = [Happens::Time(3_700_000), Happens::Close(1000)];
        for event in events.iter().chain(&closes) {
            match event {
                Happens::Text(text) if !closed => engine.received(Message::text(*text), now),
                Happens::Ping if !closed => engine.received(Message::Ping("p".into()), now),
                Happens::Pong if !closed => engine.received(Message::Pong("".into()), now),
                Happens::Time(millis) => {
                    now += Duration::from_millis(*millis);
                    engine.tick(now);
                    // Whatever is due by now was done.
                    prop_assert!(engine.deadline().is_none_or(|at| at > now));
                }
                Happens::Close(code) if !closed => {
                    closed = true;
                    engine.closed(Some(*code), "", now);
                }
                _ => {}
            }
            let sent = std::iter::from_fn(|| engine.send()).count();
            prop_assert!(!said_all || sent == 0, "it spoke behind its close:\n{text}");
            prop_assert!(!over || engine.is_over());
            (said_all, over) = (engine.has_said_all(), engine.is_over());
        }
        prop_assert!(engine.is_over(), "it waits for ever:\n{text}");
        prop_assert_eq!(engine.waiting_bytes(), 0);
        let verdict = engine.conclude(None, now);
        let verdicts: Vec<CaseVerdict> = engine.cases().into_iter().map(|case| case.verdict).collect();
        let passed = verdicts.iter().take_while(|verdict| matches!(verdict, CaseVerdict::Passed(_))).count();
        let failed = verdicts.get(passed).is_some_and(|verdict| matches!(verdict, CaseVerdict::Failed { .. }));
        prop_assert!(verdicts[passed + usize::from(failed)..].iter().all(|verdict| *verdict == CaseVerdict::NotReached));
        prop_assert!(!failed || verdict.is_some());
        prop_assert!(verdict.is_some() || passed == verdicts.len(), "it passed with something left:\n{text}");
    }

    #[test]
    fn no_text_makes_the_parser_fall(text in "[ \\t\n<>?bq/#{}\\[\\]\"$a-c:0-9.]{0,60}") {
        let _ = load(&text, &[("a", "> a")]);
    }

    #[test]
    fn no_statement_makes_the_parser_fall(
        mark in prop::sample::select(vec![">", "<", "<?", ">q", "<q", "<?b", ">ping", "<close", ">close", "capture", "within", "include"]),
        rest in any::<String>(),
    ) {
        let _ = load(&format!("< x\n{mark} {rest}"), &[]);
    }
}
