//! Every frame of a connection as a line on stderr (`-vv`).
//!
//! A line says what the frame's header says, in its own words, and shows the beginning of the payload:
//! `< 12:00:00.123 text fin 5 bytes: hello`. What is compressed, or is no text, is shown as hex.

use super::watch::{FrameSender, FrameWatch, SeenFrame};
use crate::{close, observe::LogScope, units::counted};
use std::{fmt::Write, str, time::SystemTime};

/// Bytes of a payload that are shown as hex, at most.
const HEX: usize = 32;

/// Tells the frames of one connection.
pub struct Frames {
    scope: LogScope,
    /// The message under way is text, each way.
    text: [bool; 2],
    /// The message under way is compressed, each way.
    compressed: [bool; 2],
}

impl Frames {
    /// An observer that tells under this name.
    pub fn new(scope: LogScope) -> Self {
        Self { scope, text: [false; 2], compressed: [false; 2] }
    }

    fn line(&mut self, frame: &SeenFrame<'_>) -> String {
        let way = usize::from(frame.way == FrameSender::Out);
        if matches!(frame.opcode, 1 | 2) {
            (self.text[way], self.compressed[way]) = (frame.opcode == 1, frame.rsv[0]);
        }
        let mut line = name(frame.opcode);
        for (set, word) in [(frame.fin, " fin"), (frame.masked, " masked")] {
            line.push_str(if set { word } else { "" });
        }
        for (index, _) in frame.rsv.iter().enumerate().filter(|(_, set)| **set) {
            let _ = write!(line, " rsv{}", index + 1);
        }
        let _ = write!(line, " {}", counted(frame.length, "byte"));
        if frame.length == 0 {
            return line;
        }
        line.push_str(": ");
        let is_text = match frame.opcode {
            0 | 1 => self.text[way] && !self.compressed[way],
            8 => {
                let (code, reason) = frame.close().unwrap_or_default();
                // Half a code is none, and shows best as it is.
                return line + &code.map_or_else(|| hex(frame), |_| close::describe(code, &reason));
            }
            9 | 10 => frame.head.iter().all(|byte| matches!(byte, b' '..=b'~')),
            _ => false,
        };
        let Some(text) = is_text.then(|| text(frame.head)).flatten() else { return line + &hex(frame) };
        line.push_str(text);
        if frame.length > text.len() as u64 {
            line.push('…');
        }
        line
    }
}

impl FrameWatch for Frames {
    fn frame(&mut self, frame: &SeenFrame<'_>) {
        let now = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        // Of 2026-01-02T03:04:05.678Z the day is known.
        let time = now.get(11..23).unwrap_or_default();
        let way = if frame.way == FrameSender::In { '<' } else { '>' };
        let line = self.line(frame);
        self.scope.reporter.wire(&format!("{}{way} {time} {line}", self.scope.prefix));
    }
}

fn name(opcode: u8) -> String {
    match opcode {
        0 => "continuation".to_owned(),
        1 => "text".to_owned(),
        2 => "binary".to_owned(),
        8 => "close".to_owned(),
        9 => "ping".to_owned(),
        10 => "pong".to_owned(),
        reserved => format!("opcode {reserved}"),
    }
}

/// The bytes as text, without a character that is cut at their end; `None` when they are not UTF-8.
fn text(bytes: &[u8]) -> Option<&str> {
    // A fragment may begin in the middle of a character too, which shows best as hex.
    match str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => str::from_utf8(&bytes[..error.valid_up_to()]).ok(),
        Err(_) => None,
    }
}

fn hex(frame: &SeenFrame<'_>) -> String {
    let shown = &frame.head[..frame.head.len().min(HEX)];
    let mut text = shown.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    if frame.length > shown.len() as u64 {
        text.push_str(" …");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Redactor, Reporter, Verbosity};

    fn lines(frames: &[(u8, &[u8], u64)]) -> Vec<String> {
        let reporter = Reporter::new(std::io::sink(), Verbosity::Frames);
        let scope = LogScope { reporter, redactor: Redactor::default(), prefix: String::new() };
        let mut told = Frames::new(scope);
        frames
            .iter()
            .map(|(first, head, length)| {
                let frame = SeenFrame {
                    length: *length,
                    ..SeenFrame::new(FrameSender::In, *first, false, *length, head)
                };
                told.line(&frame)
            })
            .collect()
    }

    #[test]
    fn a_line_says_what_the_header_says_and_how_the_payload_begins() {
        let long = [b'x'; 300];
        assert_eq!(
            lines(&[
                (0x81, b"hello", 5),
                (0x01, "hé".as_bytes().split_last().unwrap().1, 2),
                (0x80, b"\xa9", 1),
                (0x81, &long, 300),
                (0x82, b"\x00\xff", 2),
                (0x82, &[0; 40], 40),
                (0xc1, b"\xaa\x00", 2),
                (0x80, b"abc", 3),
                (0x89, b"wsio", 4),
                (0x8a, b"\x00", 1),
                (0x88, b"", 0),
                (0x88, b"\x03\xedbye", 5),
                (0x88, b"\x03", 1),
                (0xf3, b"?", 1),
            ]),
            [
                "text fin 5 bytes: hello".to_owned(),
                "text 2 bytes: h…".to_owned(),
                "continuation fin 1 byte: a9".to_owned(),
                format!("text fin 300 bytes: {}…", "x".repeat(128)),
                "binary fin 2 bytes: 00 ff".to_owned(),
                format!("binary fin 40 bytes: {}…", "00 ".repeat(32)),
                "text fin rsv1 2 bytes: aa 00".to_owned(),
                "continuation fin 3 bytes: 61 62 63".to_owned(),
                "ping fin 4 bytes: wsio".to_owned(),
                "pong fin 1 byte: 00".to_owned(),
                "close fin 0 bytes".to_owned(),
                "close fin 5 bytes: 1005 no status: bye".to_owned(),
                "close fin 1 byte: 03".to_owned(),
                "opcode 3 fin rsv1 rsv2 rsv3 1 byte: 3f".to_owned(),
            ]
        );
    }
}
