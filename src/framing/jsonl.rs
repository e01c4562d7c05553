//! `jsonl`: one JSON record a line, so that type, control frames and close codes survive.
//!
//! On input `time` and `dir` are ignored and records that nobody can send (`open`, `end`, `reconnect`)
//! are passed over, so that a recording can be sent again as it is.

use super::{
    BadInput, Decode, Encode, Entry, Framing, Kind, Output, delimited, payload,
    record::{Dir, Facts, Record, What},
};
use crate::session::CloseWith;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

pub(super) const JSONL: Entry = Entry {
    name: "jsonl",
    parameter: None,
    summary: "one JSON record per line, with message types, pings, closes and events",
    kind: Kind::Text,
    delimits: false,
    decoder: |_, _, max| Box::new(Decoder::new(max)),
    encoder: |_| Box::new(Encoder { conn: None }),
};

/// The lines of such an input, to be read by [`Records`] where it matters whom they are for.
pub const RECORD_LINES: Framing = Framing::of(&Entry { decoder: |_, _, max| lines(max), ..JSONL });

/// A control frame's payload (RFC 6455 section 5.5), bytes.
const LONGEST_CONTROL: usize = 125;
/// Most bytes of a record beside its payload: other fields, escapes.
const AROUND: usize = 64 * 1024;

struct Decoder {
    lines: Box<dyn Decode>,
    records: Records,
}

/// Reads the lines of an input as records.
pub struct Records {
    /// Longest payload, bytes.
    max: usize,
    count: u64,
}

/// A message, and the connection it is for when its record names one.
#[derive(Debug, PartialEq)]
pub struct Addressed {
    /// The number of the connection; `None` is all of them.
    pub conn: Option<u64>,
    /// The message to send.
    pub message: Message,
}

/// A record as it is read.
#[derive(Deserialize)]
#[serde(expecting = "an object with a type")]
struct InputRecord {
    conn: Option<u64>,
    #[serde(rename = "type")]
    kind: String,
    data: Option<String>,
    base64: Option<String>,
    code: Option<u16>,
    reason: Option<String>,
}

impl Decoder {
    fn new(max: usize) -> Self {
        Self { lines: lines(max), records: Records::new(max) }
    }

    fn message(&mut self, line: Result<Message, BadInput>) -> Option<Result<Message, BadInput>> {
        match line {
            Ok(line) => Some(self.records.read(payload(&line))?.map(|addressed| addressed.message)),
            Err(bad) => Some(Err(bad)),
        }
    }
}

/// A character of a payload takes at most six bytes, as in `\u0000`.
fn lines(max: usize) -> Box<dyn Decode> {
    (delimited::LINES.decoder)(&[], Kind::Binary, max.saturating_mul(6).saturating_add(AROUND))
}

impl Records {
    /// No line was read yet; payloads are at most `max` bytes long.
    pub fn new(max: usize) -> Self {
        Self { max, count: 0 }
    }

    /// The message of a line; `None` for one that stands for none.
    ///
    /// # Errors
    /// It cannot be sent.
    pub fn read(&mut self, line: Bytes) -> Option<Result<Addressed, BadInput>> {
        self.count += 1;
        // Some editors and shells begin a file with one; RFC 8259 section 8.1 lets us pass it over.
        let line = match line.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) if self.count == 1 => line.slice_ref(rest),
            _ => line,
        };
        if line.trim_ascii().is_empty() {
            return None;
        }
        let given: InputRecord = match serde_json::from_slice(&line) {
            Ok(given) => given,
            Err(_) if self.count == 1 && is_har(&line) => {
                let cause = "line 1 begins a HAR or other JSON over several lines, which is no JSON record";
                return Some(Err(BadInput { cause: cause.to_owned(), hint: HAR }));
            }
            Err(error) => return Some(Err(self.bad(&format!("no JSON record: {}", place_in_line(&error))))),
        };
        let conn = given.conn;
        let message = match given.kind.as_str() {
            "text" => given.text(),
            "binary" => given.bytes(usize::MAX).map(Message::Binary),
            "ping" => given.bytes(LONGEST_CONTROL).map(Message::Ping),
            "pong" => given.bytes(LONGEST_CONTROL).map(Message::Pong),
            "close" => given.close(),
            "open" | "end" | "reconnect" => return None,
            other => Err(format!("of a type that cannot be sent: {other:?}")),
        };
        Some(match message {
            Ok(message) if message.len() > self.max && !message.is_close() => {
                Err(BadInput::too_big(&format!("the message in line {}", self.count), self.max))
            }
            Ok(message) => Ok(Addressed { conn, message }),
            Err(cause) => Err(self.bad(&cause)),
        })
    }

    fn bad(&self, cause: &str) -> BadInput {
        BadInput {
            cause: format!("line {} is {cause}", self.count),
            hint: r#"a line is a record such as {"type":"text","data":"hello"}"#,
        }
    }
}

/// Command that turns the messages a browser's page sent, as a HAR has them, into records.
const HAR: &str = r#"jq -c '.log.entries[]._webSocketMessages[]? | select(.type=="send") | if .opcode==1 then {type:"text",data} else {type:"binary",base64:.data} end' FILE.har, and give that; jq -c . makes other JSON a line each"#;

/// True when a line begins as a HAR does, on one line or laid out.
fn is_har(line: &[u8]) -> bool {
    let begun: Vec<u8> = line.iter().take(200).filter(|byte| !byte.is_ascii_whitespace()).copied().collect();
    begun == b"{" || begun.starts_with(b"{\"log\":")
}

impl InputRecord {
    fn text(self) -> Result<Message, String> {
        self.data.map(Message::text).ok_or_else(|| "a text without `data`".to_owned())
    }

    fn bytes(&self, longest: usize) -> Result<Bytes, String> {
        let bytes = match (&self.base64, &self.data) {
            (Some(base64), _) => BASE64_STANDARD
                .decode(base64)
                .map_err(|_| format!("a {} whose `base64` is not base64", self.kind))?,
            (None, Some(_)) => return Err(format!("a {} with `data` instead of `base64`", self.kind)),
            (None, None) if longest < usize::MAX => Vec::new(),
            (None, None) => return Err(format!("a {} without `base64`", self.kind)),
        };
        if bytes.len() > longest {
            return Err(format!("a {} of {} bytes; at most {longest} can be sent", self.kind, bytes.len()));
        }
        Ok(bytes.into())
    }

    fn close(self) -> Result<Message, String> {
        let reason = self.reason.unwrap_or_default();
        let close = CloseWith::new(self.code, &reason).map_err(|cause| match self.code {
            Some(code) if !cause.starts_with("the reason") => format!("a close with {code}, which {cause}"),
            _ => format!("a close: {cause}"),
        })?;
        let frame =
            close.code.map(|code| CloseFrame { code: code.into(), reason: close.reason.as_str().into() });
        Ok(Message::Close(frame))
    }
}

/// The parser's words with the column alone: the line is ours to count.
fn place_in_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((cause, _)) => format!("{cause} at column {}", error.column()),
        None => text,
    }
}

impl Decode for Decoder {
    fn feed(&mut self, chunk: Bytes) {
        self.lines.feed(chunk);
    }

    fn next(&mut self) -> Option<Result<Message, BadInput>> {
        loop {
            let line = self.lines.next()?;
            if let Some(message) = self.message(line) {
                return Some(message);
            }
        }
    }

    fn finish(&mut self) -> Option<Result<Message, BadInput>> {
        let line = self.lines.finish()?;
        self.message(line)
    }

    fn held(&self) -> usize {
        self.lines.held()
    }
}

struct Encoder {
    conn: Option<u64>,
}

impl Encode for Encoder {
    fn encode(&mut self, message: &Message, out: &mut Output) {
        if let Some(what) = What::of(message) {
            out.push(&Record::new(self.conn, Some(Dir::In), what).line().into());
        }
    }

    fn record(&mut self, record: &Bytes, out: &mut Output) {
        out.push(record);
    }

    fn wants_events(&self) -> bool {
        true
    }

    fn is_printable(&self) -> bool {
        true
    }

    fn open(&mut self, conn: Option<u64>, facts: &Facts, out: &mut Output) {
        self.conn = conn;
        out.push(&Record::new(conn, None, What::Open(facts)).line().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(input: &str) -> Result<Vec<Message>, BadInput> {
        let mut decoder = Decoder::new(100);
        decoder.feed(Bytes::copy_from_slice(input.as_bytes()));
        let mut messages: Vec<Message> = std::iter::from_fn(|| decoder.next()).collect::<Result<_, _>>()?;
        messages.extend(decoder.finish().transpose()?);
        Ok(messages)
    }

    #[test]
    fn records_become_messages_of_their_type() {
        let input = concat!(
            r#"{"time":"2026-01-02T03:04:05Z","dir":"in","type":"text","data":"a\nb"}"#,
            "\n\n",
            r#"{"type":"open","url":"ws://h/"}"#,
            "\n",
            r#"{"type":"binary","base64":"AP8="}"#,
            "\n",
            r#"{"type":"ping"}"#,
            "\n",
            r#"{"type":"pong","base64":"aGk="}"#,
            "\n",
            r#"{"type":"close","code":4001,"name":"private","reason":"bye"}"#,
        );
        let frame = CloseFrame { code: 4001.into(), reason: "bye".into() };
        assert_eq!(
            decoded(input).unwrap(),
            [
                Message::text("a\nb"),
                Message::binary(&b"\0\xff"[..]),
                Message::Ping(Bytes::new()),
                Message::Pong("hi".into()),
                Message::Close(Some(frame)),
            ]
        );
        assert_eq!(decoded(r#"{"type":"close"}"#).unwrap(), [Message::Close(None)]);
    }

    #[test]
    fn what_cannot_be_sent_names_line_and_cause() {
        for (input, cause) in [
            (
                "{\"type\":\"text\",\"data\":\"x\"}\nhello\n",
                "line 2 is no JSON record: expected value at column 1",
            ),
            ("{\"type\":\"text\"}", "line 1 is a text without `data`"),
            ("{\n  \"log\": {\n", "line 1 begins a HAR or other JSON over several lines"),
            ("{\"log\": {\"version\": \"1.2\"}}", "line 1 begins a HAR"),
            ("\n{\n", "line 2 is no JSON record"),
            ("{\"data\":\"x\"}", "line 1 is no JSON record: missing field `type`"),
            ("{\"type\":\"text\",\"data\":{}}", "line 1 is no JSON record"),
            ("{\"type\":\"binary\",\"base64\":\"?\"}", "whose `base64` is not base64"),
            ("{\"type\":\"binary\",\"data\":\"x\"}", "`data` instead of `base64`"),
            ("{\"type\":\"binary\"}", "line 1 is a binary without `base64`"),
            ("{\"type\":\"frame\"}", "a type that cannot be sent: \"frame\""),
            ("{\"type\":\"close\",\"code\":1006}", "a close with 1006, which may not be sent"),
            ("{\"type\":\"close\",\"reason\":\"x\"}", "a close: a reason needs a code"),
            ("[]", "expected an object with a type"),
        ] {
            let bad = decoded(input).unwrap_err();
            assert!(bad.cause.contains(cause), "{input}: {}", bad.cause);
        }
        let reason = format!("{{\"type\":\"close\",\"code\":1000,\"reason\":\"{}\"}}", "x".repeat(124));
        assert!(decoded(&reason).unwrap_err().cause.contains("a close: the reason is 124 bytes long"));
        let long = format!("{{\"type\":\"text\",\"data\":\"{}\"}}", "x".repeat(101));
        assert!(decoded(&long).unwrap_err().cause.contains("longer than 100"));
        let ping = format!("{{\"type\":\"ping\",\"base64\":\"{}\"}}", "AAAA".repeat(50));
        assert!(decoded(&ping).unwrap_err().cause.contains("at most 125"));
    }

    #[test]
    fn the_lines_of_records_are_read_by_whoever_knows_whom_they_are_for() {
        let line = r#"{"type":"ping","conn":3}"#;
        let mut lines = RECORD_LINES.decoder(Kind::Text, 100);
        lines.feed(Bytes::from(format!("{line}\n")));
        assert_eq!(lines.next().unwrap().unwrap().into_data(), line);
        let Addressed { conn, message } = Records::new(100).read(line.into()).unwrap().unwrap();
        assert_eq!((conn, message), (Some(3), Message::Ping(Bytes::new())));
    }

    #[test]
    fn its_own_output_reads_as_the_same_messages() {
        let messages = [
            Message::text("\u{0}\u{1f}\u{7f}\"\\ \u{2028} é 🦀"),
            Message::binary((0..=255).collect::<Vec<u8>>()),
            Message::Ping("p".into()),
            Message::Close(None),
        ];
        let (mut encoder, mut out) = (Encoder { conn: Some(3) }, Output::default());
        encoder.open(Some(3), &Facts::default(), &mut out);
        messages.iter().for_each(|message| encoder.encode(message, &mut out));
        let text = String::from_utf8(out.take().concat()).unwrap();
        assert!(text.lines().all(|line| line.contains("\"conn\":3")), "{text}");
        let mut decoder = Decoder::new(1000);
        decoder.feed(Bytes::from(text));
        let again: Vec<Message> = std::iter::from_fn(|| decoder.next()).map(Result::unwrap).collect();
        assert_eq!(again, messages);
    }
}
