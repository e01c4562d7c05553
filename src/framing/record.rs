//! The JSON record: one line says one thing that happened on a WebSocket.
//!
//! The same record is what `--json` prints, what a recording holds and what `--in jsonl` reads, so that
//! a recording can be read by a program and sent again. Field order is fixed: time, connection,
//! direction and type first, so that a person can read down the lines.

use super::verdict::Verdict;
pub use crate::facts::{Certificate, Facts, Head, Timings, Tls};
use crate::{close, fault::printable_json};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Serialize, Serializer};
use std::time::SystemTime;
use tokio_tungstenite::tungstenite::Message;

/// The JSON Schema (draft 2020-12) of the records; a test holds what is written against it.
pub const SCHEMA: &str = include_str!("record.schema.json");

/// Direction of a message, seen from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dir {
    /// From the peer.
    In,
    /// To the peer.
    Out,
}

/// One line.
#[derive(Serialize)]
pub struct Record<'a> {
    /// When; RFC 3339, UTC, microseconds.
    #[serde(serialize_with = "rfc3339")]
    pub time: SystemTime,
    /// The number of the connection, in a server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conn: Option<u64>,
    /// The direction of what has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<Dir>,
    /// The event.
    #[serde(flatten)]
    pub what: What<'a>,
}

/// The event that a record tells of.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum What<'a> {
    /// A text message.
    Text {
        /// The payload.
        data: &'a str,
    },
    /// A binary message.
    Binary {
        /// The payload.
        base64: String,
    },
    /// A ping.
    Ping {
        /// The payload.
        base64: String,
    },
    /// A pong.
    Pong {
        /// The payload.
        base64: String,
    },
    /// A Close.
    Close {
        /// `None` when the frame had no body.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
        /// The code's name.
        name: &'static str,
        /// The sender's words.
        reason: &'a str,
    },
    /// The connection is open.
    Open(&'a Facts),
    /// The connection was lost and is open again.
    Reconnect {
        /// Why it was lost.
        cause: &'a str,
        /// Tries it took.
        tries: u32,
        /// Time without a connection, ms.
        away: u64,
        /// Messages of the input that were sent and are not proved to have arrived.
        doubtful: u64,
        /// Their payload bytes.
        doubtful_bytes: u64,
        /// They are sent again.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        resent: bool,
    },
    /// The verdict of `--check` or `--ping`.
    Check(&'a Verdict),
    /// The session is over.
    End(&'a Tally),
}

/// Counts of what a session carried, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Data messages from the peer.
    pub messages_in: u64,
    /// Their payload bytes.
    pub bytes_in: u64,
    /// Data messages to the peer.
    pub messages_out: u64,
    /// Their payload bytes.
    pub bytes_out: u64,
    /// Messages of the input that were taken and not sent.
    #[serde(skip_serializing_if = "is_zero")]
    pub unsent_messages: u64,
    /// Bytes of the input that were not made messages of, or came too late.
    #[serde(skip_serializing_if = "is_zero")]
    pub unsent_bytes: u64,
    /// Messages that a side was too slow for.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_messages: u64,
    /// Messages that nobody was there to hear.
    #[serde(skip_serializing_if = "is_zero")]
    pub unheard_messages: u64,
    /// Messages that an output did not take.
    #[serde(skip_serializing_if = "is_zero")]
    pub undelivered_messages: u64,
    /// Bytes that an output did not take.
    #[serde(skip_serializing_if = "is_zero")]
    pub undelivered_bytes: u64,
    /// The exit code.
    pub exit: u8,
    /// Why, when it is not 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl<'a> Record<'a> {
    /// A record of now.
    pub fn new(conn: Option<u64>, dir: Option<Dir>, what: What<'a>) -> Self {
        Self { time: SystemTime::now(), conn, dir, what }
    }

    /// The record as JSON on one line, without the line's end; safe for a terminal as it is.
    pub fn json(&self) -> Vec<u8> {
        // Maps with string keys of plain values always serialize.
        printable_json(serde_json::to_string(self).unwrap_or_default()).into_bytes()
    }

    /// The record as a line, with its end.
    pub fn line(&self) -> Vec<u8> {
        let mut line = self.json();
        line.push(b'\n');
        line
    }
}

impl<'a> What<'a> {
    /// The event of a message; `None` for a raw frame.
    pub fn of(message: &'a Message) -> Option<Self> {
        let base64 = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
        Some(match message {
            Message::Text(text) => Self::Text { data: text.as_str() },
            Message::Binary(bytes) => Self::Binary { base64: base64(bytes) },
            Message::Ping(bytes) => Self::Ping { base64: base64(bytes) },
            Message::Pong(bytes) => Self::Pong { base64: base64(bytes) },
            Message::Close(None) => Self::close(None, ""),
            Message::Close(Some(frame)) => Self::close(Some(frame.code.into()), &frame.reason),
            Message::Frame(_) => return None,
        })
    }

    /// A Close in a record.
    pub fn close(code: Option<u16>, reason: &'a str) -> Self {
        Self::Close { code, name: close::name(code.unwrap_or(1005)), reason }
    }
}

fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_micros(*time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio_tungstenite::tungstenite::protocol::CloseFrame;

    fn line(dir: Option<Dir>, what: What<'_>) -> String {
        let time = SystemTime::UNIX_EPOCH + Duration::from_micros(1_767_323_045_678_901);
        String::from_utf8(Record { time, conn: None, dir, what }.line()).unwrap()
    }

    #[test]
    fn a_message_is_one_line_with_its_time_first() {
        assert_eq!(
            line(Some(Dir::In), What::of(&Message::text("a\n\"b\u{7f}é")).unwrap()),
            "{\"time\":\"2026-01-02T03:04:05.678901Z\",\"dir\":\"in\",\"type\":\"text\",\"data\":\"a\\n\\\"b\\u007fé\"}\n"
        );
        let binary = line(Some(Dir::Out), What::of(&Message::binary(&b"\0\xff"[..])).unwrap());
        assert!(binary.ends_with("\"dir\":\"out\",\"type\":\"binary\",\"base64\":\"AP8=\"}\n"), "{binary}");
    }

    #[test]
    fn a_close_has_code_name_and_reason() {
        let frame = CloseFrame { code: 4001.into(), reason: "bye".into() };
        let message = Message::Close(Some(frame));
        let close = line(Some(Dir::In), What::of(&message).unwrap());
        assert!(
            close.ends_with("\"type\":\"close\",\"code\":4001,\"name\":\"private\",\"reason\":\"bye\"}\n")
        );
        let none = line(None, What::close(None, ""));
        assert!(none.ends_with("\"type\":\"close\",\"name\":\"no status\",\"reason\":\"\"}\n"), "{none}");
    }

    #[test]
    fn open_and_end_say_what_is_known() {
        let timings = Timings { tcp: Some(Duration::from_micros(1500)), ..Timings::default() };
        let facts = Facts { url: Some("ws://h/".into()), peer: "h:80".into(), timings, ..Facts::default() };
        let open = line(None, What::Open(&facts));
        assert!(
            open.ends_with(
                "\"type\":\"open\",\"url\":\"ws://h/\",\"peer\":\"h:80\",\"timings\":{\"tcp\":1.5}}\n"
            ),
            "{open}"
        );
        let end = line(None, What::End(&Tally { messages_in: 2, exit: 56, ..Tally::default() }));
        assert!(
            end.contains("\"type\":\"end\",\"messages_in\":2,") && end.ends_with("\"exit\":56}\n"),
            "{end}"
        );
    }
}
