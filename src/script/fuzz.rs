//! Any text as a script, and any messages as a transcript, which is a script that passes again.

use super::{Engine, Limits, Loader, Script, transcript::Transcript};
use crate::{
    framing::record::Dir,
    session::{CloseWith, Instant},
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio_tungstenite::tungstenite::Message;

fn parse(text: &str) -> Result<Script, String> {
    let mut read = |_: &Path| Ok("> included\n< ok".to_owned());
    let env = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
    let mut loader = Loader { read: &mut read, env: &env };
    Script::parse(Path::new("t.wsio"), text, &mut loader).map_err(|fault| fault.to_string())
}

fn engine(script: Script) -> Engine {
    let limits = Limits {
        wait: Some(Duration::from_secs(10)),
        max_message: 1000,
        close: CloseWith::default(),
        ok_close: Vec::new(),
    };
    Engine::new(Arc::new(script), limits)
}

/// A script: it is refused with its place, or it runs to its end whatever is said to it.
pub fn script(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let script = match parse(text) {
        Ok(script) => script,
        Err(why) => return assert!(why.contains("t.wsio") || why.contains("included"), "{why}"),
    };
    let (mut engine, mut now) = (engine(script), Instant::now());
    engine.tick(now);
    for heard in
        [Message::text("a"), Message::text("{\"id\":1}"), Message::Ping("p".into()), Message::binary("b")]
    {
        while engine.send().is_some() {}
        engine.received(heard, now);
        now += Duration::from_secs(1);
        engine.tick(now);
    }
    // Longer than any wait that can be written.
    now += Duration::from_secs(3600 * 24 * 367);
    engine.tick(now);
    while engine.send().is_some() {}
    engine.closed(Some(1000), "", now);
    engine.tick(now);
    let _ = engine.conclude(None, now);
    let _ = (engine.cases(), engine.notes(), engine.failure().map(ToString::to_string));
    assert_eq!(engine.waiting_bytes(), 0, "it keeps nothing after its end");
}

/// Lines as what passed on a connection: `>` ours, anything else theirs; the transcript is a script, and passes when
/// the same passes again.
pub fn transcript(data: &[u8]) {
    let (mut transcript, mut text, now) = (Transcript::default(), String::new(), Instant::now());
    let messages: Vec<(Dir, Message)> = data.split(|byte| *byte == 0).map(message).collect();
    for (dir, message) in &messages {
        text.extend(transcript.tell(*dir, message, now));
    }
    let script = parse(&text).unwrap_or_else(|why| panic!("{why}\n{text}"));
    let mut engine = engine(script);
    engine.tick(now);
    for (dir, message) in messages {
        match dir {
            Dir::Out => assert_eq!(engine.send().as_ref(), Some(&message), "{text}"),
            Dir::In => engine.received(message, now),
        }
        engine.tick(now);
        assert!(engine.failure().is_none(), "{:?}\n{text}", engine.failure());
    }
    engine.closed(None, "", now);
    assert!(engine.conclude(None, now).is_none(), "{text}");
}

fn message(bytes: &[u8]) -> (Dir, Message) {
    let (dir, bytes) = match bytes {
        [b'>', rest @ ..] => (Dir::Out, rest),
        bytes => (Dir::In, bytes),
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => (dir, Message::text(text)),
        Err(_) => (dir, Message::binary(bytes.to_vec())),
    }
}
