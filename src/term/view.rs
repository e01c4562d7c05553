//! The layout of a message: the mark, the content, and how long it was in coming.
//!
//! A conversation reads from the marks: `> ` what was sent, as it was typed, and `< ` what came. The
//! second and later lines of a message are indented, and what the program says by the way begins with
//! `· `, so no content can pass for something else. More columns, such as the time of day, belong into
//! [`View::margin`].

use super::{
    json,
    paint::{Paint, Safe, TextRole},
    talk::Talk,
};
use crate::{fault::printable, units::counted};
use std::{
    fmt::Write,
    time::{Duration, Instant},
};
use tokio_tungstenite::tungstenite::Message;

/// The mark before what is sent: the prompt.
pub(super) const SENT: &str = "> ";
/// A silence of less is not told.
const SILENCE: Duration = Duration::from_secs(1);
/// Columns that the mark takes.
const MARK: usize = 2;
/// Columns of a terminal that does not tell.
const COLUMNS: usize = 80;
/// Bytes in a line.
const ROW: usize = 16;
/// Bytes that are shown of a long message.
const MOST: usize = 32 * ROW;

/// Lays messages out.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub paint: Paint,
    /// JSON is laid out.
    pub pretty: bool,
    /// Control characters are let through.
    pub raw: bool,
    /// The client that speaks, where there are many.
    pub conn: Option<u64>,
}

impl View {
    /// The same for what this client says.
    pub(super) fn of(self, conn: u64) -> Self {
        Self { conn: Some(conn), ..self }
    }

    /// Lines for a message that has just come, each ending with a newline; empty when there is nothing
    /// to tell.
    pub(super) fn received(
        self,
        message: &Message,
        talk: &Talk,
        columns: Option<usize>,
        now: Instant,
    ) -> String {
        let who = self.conn.map_or_else(String::new, |conn| format!("#{conn} "));
        let body = match message {
            Message::Text(text) => {
                self.text(text, columns.unwrap_or(COLUMNS).saturating_sub(who.len() + MARK))
            }
            Message::Binary(bytes) => self.binary(bytes),
            Message::Pong(payload) => {
                return match talk.ponged(payload, self.conn.is_some(), now) {
                    Some(after) => self.aside(&format!("{who}pong in {}", elapsed(after))),
                    None => String::new(),
                };
            }
            _ => return String::new(),
        };
        let mut out = self.margin(talk.silence(now));
        let mark = self.paint.paint(TextRole::Received, format!("{who}<"));
        out.push_str(&format!("{mark} {}\n", body.replace('\n', "\n  ")));
        out
    }

    /// Lines that the program says by the way.
    pub(super) fn aside(self, text: &str) -> String {
        text.lines()
            .map(|line| self.paint.paint(TextRole::Aside, format!("· {}", printable(line))) + "\n")
            .collect()
    }

    /// The line that was being typed when the session ended.
    pub(super) fn unsent(self, typed: &str) -> String {
        let mut shown = String::new();
        Safe { paint: self.paint, raw: false }.push(&mut shown, typed);
        format!("{}{shown}\n{}", self.paint.paint(TextRole::Sent, SENT), self.aside("not sent"))
    }

    /// A line about a command that was not done.
    pub(super) fn error(self, text: &str) -> String {
        let mut safe = String::new();
        Safe { paint: self.paint, raw: false }.push_as(&mut safe, text, Some(TextRole::Error));
        format!("{} {safe}\n", self.paint.paint(TextRole::Error, "·"))
    }

    /// The line above a message, after a long silence.
    fn margin(self, silence: Duration) -> String {
        if silence < SILENCE {
            return String::new();
        }
        self.aside(&format!("{} later", elapsed(silence)))
    }

    fn text(self, text: &str, columns: usize) -> String {
        let safe = Safe { paint: self.paint, raw: self.raw };
        let laid_out = if self.pretty { json::pretty(text, safe, columns) } else { None };
        laid_out.unwrap_or_else(|| {
            let mut out = String::with_capacity(text.len());
            safe.push(&mut out, text);
            out
        })
    }

    fn binary(self, bytes: &[u8]) -> String {
        let (dump, left_out) = dump(bytes);
        let size = counted(bytes.len() as u64, "byte");
        let mut out = self.paint.paint(TextRole::Aside, format!("binary, {size}"));
        if !dump.is_empty() {
            out.push('\n');
            out.push_str(&dump);
        }
        if left_out > 0 {
            out.push('\n');
            out.push_str(&self.paint.paint(TextRole::Aside, format!("… {left_out} more bytes")));
        }
        out
    }
}

/// A time as a person says it: `0.8 ms`, `47 ms`, `2.4 s`, `3 min`.
fn elapsed(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 0.01 => format!("{:.1} ms", seconds * 1e3),
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds if seconds < 60.0 => format!("{seconds:.1} s"),
        seconds if seconds < 3600.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

/// The dump, one line a row, and how many bytes it leaves out.
fn dump(bytes: &[u8]) -> (String, usize) {
    let shown = &bytes[..bytes.len().min(MOST)];
    let mut out = String::with_capacity(shown.len().div_ceil(ROW) * 80);
    for (index, row) in shown.chunks(ROW).enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let _ = write!(out, "{:08x} ", index * ROW);
        for column in 0..ROW {
            let gap = if column % 8 == 0 { " " } else { "" };
            let _ = match row.get(column) {
                Some(byte) => write!(out, "{gap}{byte:02x} "),
                None => write!(out, "{gap}   "),
            };
        }
        out.push_str(" |");
        out.extend(row.iter().map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        }));
        out.push('|');
    }
    (out, bytes.len() - shown.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: View = View { paint: Paint::new(false), pretty: true, raw: false, conn: None };

    fn shown(view: View, message: Message) -> String {
        let now = Instant::now();
        view.received(&message, &Talk::new(now), Some(40), now)
    }

    #[test]
    fn messages_have_a_mark_and_their_lines_are_indented() {
        for (message, expected) in [
            (Message::text("hello"), "< hello\n"),
            (Message::text(""), "< \n"),
            (Message::text("a\n< b\n> c\n"), "< a\n  < b\n  > c\n  \n"),
            (Message::text("[1,2]"), "< [1, 2]\n"),
            (
                Message::text("{\"key\":\"a long value that does not fit\"}"),
                "< {\n    \"key\": \"a long value that does not fit\"\n  }\n",
            ),
            (Message::text("\x1b]0;x\x07"), "< \\u{1b}]0;x\\u{7}\n"),
            (
                Message::binary(&b"ab"[..]),
                "< binary, 2 bytes\n  00000000  61 62                                             |ab|\n",
            ),
            (Message::binary(&b""[..]), "< binary, 0 bytes\n"),
            (Message::Ping("x".into()), ""),
            (Message::Pong("never asked".into()), ""),
        ] {
            assert_eq!(shown(PLAIN, message), expected);
        }
        assert!(shown(PLAIN, Message::binary(vec![0; 513])).ends_with("\n  … 1 more bytes\n"));
    }

    #[test]
    fn where_there_are_many_each_message_says_whose_it_is() {
        for (message, expected) in [
            (Message::text("hello"), "#12 < hello\n"),
            (Message::text("a\n#3 < b"), "#12 < a\n  #3 < b\n"),
            (Message::text("\x1b[2J"), "#12 < \\u{1b}[2J\n"),
            (Message::binary(&b""[..]), "#12 < binary, 0 bytes\n"),
            (Message::Ping("x".into()), ""),
        ] {
            assert_eq!(shown(PLAIN.of(12), message), expected);
        }
        let colored = View { paint: Paint::new(true), ..PLAIN }.of(3);
        assert_eq!(shown(colored, Message::text("a")), "\x1b[1m\x1b[32m#3 <\x1b[0m a\n");
    }

    #[test]
    fn every_client_that_answers_a_ping_is_named() {
        let start = Instant::now();
        let talk = Talk::new(start);
        let payload = talk.pinged(None, start);
        for conn in [1, 2] {
            let pong = Message::Pong(payload.clone());
            let told = PLAIN.of(conn).received(&pong, &talk, None, start + Duration::from_millis(47));
            assert_eq!(told, format!("· #{conn} pong in 47 ms\n"));
        }
    }

    #[test]
    fn pretty_and_raw_are_switches() {
        assert_eq!(shown(View { pretty: false, ..PLAIN }, Message::text("[1,2]")), "< [1,2]\n");
        assert_eq!(shown(View { raw: true, ..PLAIN }, Message::text("\x1b[31m")), "< \x1b[31m\n");
        let colored = View { paint: Paint::new(true), ..PLAIN };
        assert_eq!(shown(colored, Message::text("a")), "\x1b[1m\x1b[32m<\x1b[0m a\n");
    }

    #[test]
    fn a_silence_is_told() {
        let start = Instant::now();
        let talk = Talk::new(start);
        let later = |milliseconds| start + Duration::from_millis(milliseconds);
        let tick = Message::text("tick");
        assert_eq!(PLAIN.received(&tick, &talk, None, later(900)), "< tick\n");
        assert_eq!(PLAIN.received(&tick, &talk, None, later(3300)), "· 2.4 s later\n< tick\n");
        talk.sent(later(60_000));
        assert_eq!(PLAIN.received(&tick, &talk, None, later(60_500)), "< tick\n");
    }

    #[test]
    fn a_pong_tells_its_time() {
        let start = Instant::now();
        let talk = Talk::new(start);
        let payload = talk.pinged(None, start);
        let pong = Message::Pong(payload);
        assert_eq!(
            PLAIN.received(&pong, &talk, None, start + Duration::from_millis(47)),
            "· pong in 47 ms\n"
        );
        assert_eq!(PLAIN.received(&pong, &talk, None, start), "");
    }

    #[test]
    fn times_are_short() {
        let said = |seconds| elapsed(Duration::from_secs_f64(seconds));
        assert_eq!(
            [0.00042, 0.047, 0.9, 2.44, 59.9, 200.0, 9000.0].map(said),
            ["0.4 ms", "47 ms", "900 ms", "2.4 s", "59.9 s", "3 min", "2.5 h"]
        );
        // Each unit begins where it stands.
        assert_eq!([0.01, 1.0, 60.0, 3600.0].map(said), ["10 ms", "1.0 s", "1 min", "1.0 h"]);
    }

    #[test]
    fn rows_have_offset_bytes_and_text() {
        let (shown, left_out) = dump(b"Hello, \x1b[2J\x00\xff world!\n");
        let expected = "\
00000000  48 65 6c 6c 6f 2c 20 1b  5b 32 4a 00 ff 20 77 6f  |Hello, .[2J.. wo|
00000010  72 6c 64 21 0a                                    |rld!.|";
        assert_eq!((shown.as_str(), left_out), (expected, 0));
        assert_eq!(dump(b""), (String::new(), 0));
    }

    #[test]
    fn long_ones_are_shortened() {
        let (shown, left_out) = dump(&[7; 1000]);
        assert_eq!((shown.lines().count(), left_out), (32, 1000 - 512));
        assert_eq!(dump(&[7; 512]).1, 0);
    }
}
