//! Patterns of messages: as they stand in the script, and with their values filled in.

use super::template::{Captured, Secrets, Template};
use crate::expect::{self, json, show};
use bytes::Bytes;
use regex::{Regex, RegexBuilder};
use serde_json::Value;
use std::ops::RangeInclusive;
use tokio_tungstenite::tungstenite::Message;

/// An expectation as it was written.
#[derive(Debug)]
pub(crate) enum Pattern {
    /// A text whose JSON contains this.
    Json(Template),
    /// This very text.
    Text(Template),
    /// A text in which this is found.
    Regex { pattern: Template, ignores_case: bool },
    /// These very bytes, as a binary message.
    Binary(Bytes),
    /// A ping, with that payload if one is given.
    Ping(Option<Template>),
    /// A pong, with that payload if one is given.
    Pong(Option<Template>),
    /// The peer's Close with one of these codes, or any, and that reason if one is given.
    Close { codes: Vec<RangeInclusive<u16>>, reason: Option<Template> },
}

/// An expectation with its values.
#[derive(Debug)]
pub(crate) enum Wanted {
    Json(Value),
    Text(String),
    Regex(Regex),
    Binary(Bytes),
    Ping(Option<String>),
    Pong(Option<String>),
    Close { codes: Vec<RangeInclusive<u16>>, reason: Option<String> },
}

/// The regular expression of a pattern.
///
/// # Errors
/// What is wrong with it, in one line.
pub(crate) fn regex(pattern: &str, ignores_case: bool) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).case_insensitive(ignores_case).build();
    built.map_err(|error| expect::no_regex(&error))
}

impl Pattern {
    /// Fills the values in.
    ///
    /// # Errors
    /// A pattern that its values made too large.
    pub(crate) fn fill(&self, captured: &Captured) -> Result<Wanted, String> {
        let optional = |text: &Option<Template>| text.as_ref().map(|text| text.fill(captured));
        Ok(match self {
            Self::Json(json) => Wanted::Json(
                serde_json::from_str(&json.fill(captured)).map_err(|error| format!("no JSON: {error}"))?,
            ),
            Self::Text(text) => Wanted::Text(text.fill(captured)),
            Self::Regex { pattern, ignores_case } => {
                Wanted::Regex(regex(&pattern.fill(captured), *ignores_case)?)
            }
            Self::Binary(bytes) => Wanted::Binary(bytes.clone()),
            Self::Ping(payload) => Wanted::Ping(optional(payload)),
            Self::Pong(payload) => Wanted::Pong(optional(payload)),
            Self::Close { codes, reason } => Wanted::Close { codes: codes.clone(), reason: optional(reason) },
        })
    }

    /// True for the pattern of a data message, from which something can be captured.
    pub(crate) fn is_data(&self) -> bool {
        !matches!(self, Self::Ping(_) | Self::Pong(_) | Self::Close { .. })
    }
}

impl Wanted {
    /// True when the message matches; a Close is judged by [`accepts`](Self::accepts).
    pub(crate) fn matches(&self, message: &Message) -> bool {
        match (self, message) {
            (Self::Json(wanted), Message::Text(text)) => {
                serde_json::from_str(text).is_ok_and(|got| json::difference(wanted, &got).is_none())
            }
            (Self::Text(wanted), Message::Text(text)) => wanted == text.as_str(),
            (Self::Regex(wanted), Message::Text(text)) => wanted.is_match(text),
            (Self::Binary(wanted), Message::Binary(bytes)) => wanted == bytes,
            (Self::Ping(wanted), Message::Ping(payload)) | (Self::Pong(wanted), Message::Pong(payload)) => {
                wanted.as_ref().is_none_or(|wanted| wanted.as_bytes() == &payload[..])
            }
            _ => false,
        }
    }

    /// True when the peer's Close matches.
    pub(crate) fn accepts(&self, code: Option<u16>, words: &str) -> bool {
        let Self::Close { codes, reason } = self else { return false };
        let code = code.unwrap_or(1005);
        (codes.is_empty() || codes.iter().any(|codes| codes.contains(&code)))
            && reason.as_ref().is_none_or(|reason| reason == words)
    }

    /// Describes line by line how the message differs.
    pub(crate) fn explain(&self, message: &Message, secrets: &Secrets) -> Vec<String> {
        let got = || format!("got {}", secrets.show(message));
        match (self, message) {
            (Self::Text(wanted), Message::Text(text)) => {
                show::texts(&secrets.mask(wanted), &secrets.mask(text)).to_vec()
            }
            (Self::Json(wanted), Message::Text(text)) => match serde_json::from_str(text) {
                Ok(found) => {
                    let shown = |value: &Value| show::half(&secrets.mask(&value.to_string()));
                    let difference = json::difference(wanted, &found);
                    difference.map(|found| found.describe(shown)).into_iter().chain([got()]).collect()
                }
                Err(_) => vec![format!("{}, which is no JSON", got())],
            },
            (Self::Ping(_) | Self::Pong(_), Message::Text(text)) if is_control_word(text) => {
                vec![format!("got the text {text}, which is written <q \"{text}\"")]
            }
            _ => vec![got()],
        }
    }
}

/// A text of which it is not clear whether a ping or pong with a payload is expected.
pub(crate) fn names_a_control_frame(text: &str) -> bool {
    ["ping ", "pong "].iter().any(|word| text.strip_prefix(word).is_some_and(|rest| !rest.trim().is_empty()))
}

/// A text that would be read as a control frame when it is expected.
pub(crate) fn is_control_word(text: &str) -> bool {
    let code = text.strip_prefix("close ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    matches!(text, "ping" | "pong" | "close" | "close none") || code
}
