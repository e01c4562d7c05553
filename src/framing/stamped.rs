//! `--timestamps`: the time before each message of a text output.

use super::{Encode, Output};
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

/// An encoder whose messages are stamped.
pub struct Stamped {
    inner: Box<dyn Encode>,
    stamp: Stamp,
    last: Instant,
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::LINES;

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
}
