//! Encoders that go around the chosen framing's: made safe for a terminal, and stamped (`--timestamps`).

use super::{Encode, Output};
use crate::fault::printable_lines;
use std::time::{Instant, SystemTime};
use tokio_tungstenite::tungstenite::Message;

/// Stamp in front of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// The time: RFC 3339, UTC, milliseconds.
    Time,
    /// Seconds since the message before, or since the start.
    Delta,
}

/// An encoder with the time before each message of a text output.
pub struct Stamped {
    inner: Box<dyn Encode>,
    stamp: Stamp,
    last: Instant,
}

/// Any framing, on a terminal: what a peer sends cannot command it.
///
/// Line breaks and tabs stay, other control characters become visible, also those that the framing itself
/// writes (a length of 27 is an ESC), but for the NUL that ends a message. This is no framing by name: it
/// goes around the chosen one where the output is a terminal, and only there is a payload altered. What is
/// printable as it is, records above all, is the same on a terminal as in a pipe and not escaped again.
pub struct Escaped(pub Box<dyn Encode>);

impl Stamped {
    /// Stamps what `inner` writes.
    pub fn new(inner: Box<dyn Encode>, stamp: Stamp) -> Self {
        Self { inner, stamp, last: Instant::now() }
    }
}

impl Encode for Stamped {
    fn encode(&mut self, message: &Message, out: &mut Output) {
        let stamp = match self.stamp {
            Stamp::Time => format!("{} ", humantime::format_rfc3339_millis(SystemTime::now())),
            Stamp::Delta => {
                let now = Instant::now();
                let since = now - std::mem::replace(&mut self.last, now);
                format!("+{:.3} ", since.as_secs_f64())
            }
        };
        out.push_slice(stamp.as_bytes());
        self.inner.encode(message, out);
    }

    fn inner(&self) -> Option<&dyn Encode> {
        Some(&*self.inner)
    }

    fn inner_mut(&mut self) -> Option<&mut dyn Encode> {
        Some(&mut *self.inner)
    }
}

impl Encode for Escaped {
    fn encode(&mut self, message: &Message, out: &mut Output) {
        let payload = super::payload(message);
        let text = String::from_utf8_lossy(&payload);
        let mut framed = Output::default();
        self.0.encode(&Message::text(printable_lines(&text)), &mut framed);
        let framed = framed.take().concat();
        let safe = |text: &[u8]| printable_lines(&String::from_utf8_lossy(text));
        let safe: Vec<String> = framed.split(|byte| *byte == 0).map(safe).collect();
        out.push_slice(safe.join("\0").as_bytes());
    }

    fn inner(&self) -> Option<&dyn Encode> {
        Some(&*self.0)
    }

    fn inner_mut(&mut self) -> Option<&mut dyn Encode> {
        Some(&mut *self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::Facts,
        fault::is_hidden,
        framing::{
            LINES,
            tests::{every, named},
        },
    };

    fn stamped(stamp: Stamp) -> String {
        let (mut encoder, mut out) = (Stamped::new(LINES.encoder(), stamp), Output::default());
        encoder.encode(&Message::text("hello"), &mut out);
        String::from_utf8(out.take().concat()).unwrap()
    }

    #[test]
    fn the_time_stands_before_the_message() {
        let line = stamped(Stamp::Time);
        let (time, rest) = line.split_once(' ').unwrap();
        assert_eq!((time.len(), rest), ("2026-01-02T03:04:05.678Z".len(), "hello\n"));
        assert!(humantime::parse_rfc3339(time).is_ok(), "{line}");
        let line = stamped(Stamp::Delta);
        assert!(line.starts_with("+0.0") && line.ends_with(" hello\n"), "{line}");
    }

    #[test]
    fn only_line_breaks_and_tabs_pass() {
        let (mut out, mut encoder) = (Output::default(), Escaped(LINES.encoder()));
        encoder.encode(&Message::text("\x1b]0;x\x07\ta\r\nb"), &mut out);
        encoder.encode(&Message::binary(&b"\x9b31m\xff"[..]), &mut out);
        let bytes: Vec<u8> = out.take().concat();
        assert_eq!(String::from_utf8(bytes).unwrap(), "\\u{1b}]0;x\\u{7}\ta\nb\n\u{fffd}31m\u{fffd}\n");
    }

    #[test]
    fn a_wrapper_hands_on_what_is_no_message() {
        let wrap = |inner, stamps: bool| -> Box<dyn Encode> {
            if stamps { Box::new(Stamped::new(inner, Stamp::Time)) } else { Box::new(Escaped(inner)) }
        };
        for stamps in [false, true] {
            let mut records = wrap(named("jsonl").encoder(), stamps);
            assert!(records.wants_events() && records.is_printable());
            let mut out = Output::default();
            records.record(&"{}\n".into(), &mut out);
            assert_eq!(out.take().concat(), b"{}\n");
            records.open(Some(7), &Facts::default(), &mut out);
            let open = String::from_utf8(out.take().concat()).unwrap();
            assert!(open.contains(r#""type":"open""#) && open.contains(r#""conn":7"#), "{open}");
            let mut lines = wrap(LINES.encoder(), stamps);
            assert!(!lines.wants_events() && !lines.is_printable());
            lines.record(&"{}\n".into(), &mut out);
            lines.open(None, &Facts::default(), &mut out);
            assert!(out.is_empty());
        }
    }

    #[test]
    fn no_framing_gives_a_terminal_anything_to_act_on() {
        let hostile = "[2J\u{9b}31m\u{202e}\u{2066}\u{200b}\r\x07".to_owned();
        // As long as ESC is a number, it would clear the screen.
        let long = format!("[2J{}", "x".repeat(24));
        for framing in every() {
            let encoder = framing.encoder();
            let mut encoder = if encoder.is_printable() { encoder } else { Box::new(Escaped(encoder)) };
            for message in [Message::text(&long), Message::text(&hostile), Message::binary(hostile.clone())] {
                let mut out = Output::default();
                encoder.encode(&message, &mut out);
                let shown = String::from_utf8(out.take().concat()).unwrap();
                let acts = |c: char| !matches!(c, '\n' | '\0') && is_hidden(c);
                assert!(!shown.contains(acts), "{framing:?}: {shown:?}");
            }
        }
    }
}
