//! Messages as statements: what passed on a connection, as a script that passes again.
//!
//! Text and JSON stand there as they were, as long as a line can hold them and shows what it holds;
//! what cannot be read off a line is written as a JSON string. Pings and pongs that the two ends send
//! by themselves are left out, since a script lets them pass anyway.

use super::{
    lines, parse,
    pattern::{is_control_word, names_a_control_frame},
};
use crate::{close, expect::json, fault::is_hidden, framing::record::Dir, session::Instant};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::time::Duration;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

/// An answer that took longer gets a limit of its own.
const SLOW: Duration = Duration::from_secs(5);

/// The statements of one connection.
#[derive(Default)]
pub struct Transcript {
    /// Time of the last message.
    last: Option<Instant>,
    /// Pings that are answered by themselves.
    owed: u64,
    pinged: bool,
    closed: bool,
}

impl Transcript {
    /// The lines for a message; none for what happens by itself.
    pub fn tell(&mut self, dir: Dir, message: &Message, now: Instant) -> Option<String> {
        let since = self.last.replace(now).map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        let statement = match dir {
            Dir::Out => self.sent(message)?,
            Dir::In => self.received(message)?,
        };
        let limit = match dir == Dir::In && since > SLOW {
            true => format!("within {}s\n", 2 * since.as_secs()),
            false => String::new(),
        };
        Some(format!("{limit}{statement}\n"))
    }

    fn sent(&mut self, message: &Message) -> Option<String> {
        match message {
            Message::Text(text) => Some(said('>', text)),
            Message::Binary(bytes) => Some(format!(">b {}", BASE64_STANDARD.encode(bytes))),
            Message::Ping(payload) => {
                self.pinged = true;
                Some(control(">ping", payload))
            }
            Message::Pong(_) if self.owed > 0 => {
                self.owed -= 1;
                None
            }
            Message::Pong(payload) => Some(control(">pong", payload)),
            // The echo of the peer's.
            Message::Close(_) if self.closed => None,
            Message::Close(frame) => Some(close(">close", frame.as_ref(), true)),
            Message::Frame(_) => None,
        }
    }

    fn received(&mut self, message: &Message) -> Option<String> {
        match message {
            Message::Text(text) => Some(said('<', text)),
            Message::Binary(bytes) => Some(format!("<b {}", BASE64_STANDARD.encode(bytes))),
            Message::Ping(_) => {
                self.owed += 1;
                None
            }
            Message::Pong(_) => self.pinged.then(|| "< pong".to_owned()),
            Message::Close(frame) => {
                self.closed = true;
                Some(close("< close", frame.as_ref(), false))
            }
            Message::Frame(_) => None,
        }
    }
}

/// A text behind `>` or `<`.
fn said(sign: char, text: &str) -> String {
    let kept = text.replace("${", "$${");
    let expected = sign == '<';
    // A text that looks like JSON is compared as JSON, so it has to be valid JSON.
    let readable =
        !expected || !parse::is_json(text) || serde_json::from_str::<serde_json::Value>(text).is_ok();
    let lines = || text.split('\n');
    if readable && is_plain(text) && !reads_otherwise(text, expected) {
        return format!("{sign} {kept}");
    }
    if readable
        && text.contains('\n')
        && lines().all(|line| !line.chars().any(is_hidden) && line.trim_end() == line)
    {
        let mut word = "END".to_owned();
        while lines().any(|line| line == word) {
            word.push('_');
        }
        return format!("{sign} <<{word}\n{kept}\n{word}");
    }
    format!("{sign}q {}", json::quoted(&kept))
}

/// True when a line shows all of it.
fn is_plain(line: &str) -> bool {
    !line.is_empty() && !line.chars().any(is_hidden) && line.trim() == line
}

/// True when a statement with this text would mean something else.
fn reads_otherwise(text: &str, expected: bool) -> bool {
    let control =
        expected && (is_control_word(text) || names_a_control_frame(text) || parse::is_between_slashes(text));
    control || lines::names_end(text).is_some()
}

fn control(mark: &str, payload: &[u8]) -> String {
    match std::str::from_utf8(payload) {
        Ok("") => mark.to_owned(),
        Ok(text) if is_plain(text) => format!("{mark} {}", text.replace("${", "$${")),
        _ => format!("# {mark} with a payload that is no text"),
    }
}

fn close(mark: &str, frame: Option<&CloseFrame>, ours: bool) -> String {
    let Some(frame) = frame else { return format!("{mark} none") };
    let code = u16::from(frame.code);
    match ours {
        true if is_plain(&frame.reason) => format!("{mark} {code} {}", frame.reason.replace("${", "$${")),
        // A script may not expect what may not arrive.
        false if !close::may_arrive(code) => mark.to_owned(),
        _ => format!("{mark} {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Engine, Limits, Loader, Script};
    use proptest::prelude::*;
    use std::{path::Path, sync::Arc};

    fn script(text: &str) -> Arc<Script> {
        let mut loader = Loader { read: &mut |_| Err("no".to_owned()), env: &|_| None };
        Arc::new(
            Script::parse(Path::new("t.wsio"), text, &mut loader)
                .unwrap_or_else(|fault| panic!("{fault}\n{text}")),
        )
    }

    fn written(passed: &[(Dir, Message)]) -> String {
        let (mut transcript, now) = (Transcript::default(), Instant::now());
        passed.iter().filter_map(|(dir, message)| transcript.tell(*dir, message, now)).collect()
    }

    /// Plays the other end: what was received comes again when what was sent before it was sent.
    fn passes(text: &str, passed: &[(Dir, Message)]) {
        let limits =
            Limits { wait: None, max_message: usize::MAX, close: Default::default(), ok_close: Vec::new() };
        let (mut engine, now) = (Engine::new(script(text), limits), Instant::now());
        engine.tick(now);
        for (dir, message) in passed {
            match (dir, message) {
                (Dir::Out, _) => assert_eq!(engine.send().as_ref(), Some(message), "{text}"),
                (Dir::In, _) => engine.received(message.clone(), now),
            }
        }
        assert_eq!(engine.conclude(None, now), None, "{text}");
    }

    fn of(text: &str) -> Message {
        Message::text(text)
    }

    #[test]
    fn what_passed_is_readable() {
        let frame = |code: u16, reason: &str| {
            Some(CloseFrame { code: code.into(), reason: reason.to_owned().into() })
        };
        let passed = [
            (Dir::Out, of("{\"op\":\"login\"}")),
            (Dir::In, of("{\"ok\":true}")),
            (Dir::In, Message::Ping("p".into())),
            (Dir::Out, Message::Pong("p".into())),
            (Dir::Out, of("a\n\n b")),
            (Dir::Out, of("a \nb")),
            (Dir::Out, of("a\nEND\nb")),
            (Dir::Out, of(" tab\t${x}")),
            (Dir::In, of("ping")),
            (Dir::In, of("/x/")),
            (Dir::In, of("{broken")),
            (Dir::In, of("costs $$${5}")),
            (Dir::In, Message::binary(&b"\0\xff"[..])),
            (Dir::Out, Message::Ping("x".into())),
            (Dir::In, Message::Pong("x".into())),
            (Dir::Out, Message::Close(frame(4001, "bye"))),
            (Dir::In, Message::Close(frame(4001, "bye"))),
        ];
        let text = written(&passed);
        assert_eq!(
            text,
            concat!(
                "> {\"op\":\"login\"}\n< {\"ok\":true}\n> <<END\na\n\n b\nEND\n>q \"a \\nb\"\n",
                "> <<END_\na\nEND\nb\nEND_\n>q \" tab\\t$${x}\"\n",
                "<q \"ping\"\n<q \"/x/\"\n<q \"{broken\"\n< costs $$$${5}\n<b AP8=\n",
                ">ping x\n< pong\n>close 4001 bye\n< close 4001\n",
            )
        );
        script(&text);
        let peer = written(&[(Dir::In, Message::Close(None)), (Dir::Out, Message::Close(None))]);
        assert_eq!(peer, "< close none\n");
    }

    #[test]
    fn a_slow_answer_gets_its_time() {
        let (mut transcript, now) = (Transcript::default(), Instant::now());
        transcript.tell(Dir::Out, &of("q"), now);
        let slow = transcript.tell(Dir::In, &of("a"), now + Duration::from_secs(7));
        assert_eq!(slow.unwrap(), "within 14s\n< a\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_passes_again(texts in prop::collection::vec((any::<bool>(), any::<String>()), 0..6)) {
            let dir = |out| if out { Dir::Out } else { Dir::In };
            let passed: Vec<_> = texts.iter().map(|(out, text)| (dir(*out), of(text))).collect();
            passes(&written(&passed), &passed);
        }

        #[test]
        fn tricky_text_passes_again(texts in prop::collection::vec((any::<bool>(), "[ \\t\n\r#<>q/{}\\[\\]$\"a{END}]{0,12}"), 0..6)) {
            let dir = |out| if out { Dir::Out } else { Dir::In };
            let passed: Vec<_> = texts.iter().map(|(out, text)| (dir(*out), of(text))).collect();
            passes(&written(&passed), &passed);
        }
    }
}
