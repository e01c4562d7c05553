//! Comparison of received messages with what is wanted, and words for a difference.
//!
//! Pure, and shared by the filter of `--match` and `--match-json` and the expectations of scripts. All that
//! is shown is short and safe for a terminal, since it holds the peer's words.

pub mod json;
pub mod show;

use regex::bytes::Regex;
use serde_json::Value;
use std::fmt;
use tokio_tungstenite::tungstenite::Message;

/// The filter of `--match` and `--match-json`: conditions that all have to hold for a received message to
/// count.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Found in the payload, of text and of binary messages alike.
    pub patterns: Vec<Regex>,
    /// Found in the payload's JSON.
    pub fields: Vec<Field>,
}

/// A value at a place in JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Where; RFC 6901, checked.
    pub pointer: String,
    /// Value that has to be contained there.
    pub value: Value,
}

impl Field {
    /// Reads `POINTER=VALUE`; a VALUE that is no JSON is a string.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (pointer, value) = text.split_once('=').ok_or("expected POINTER=VALUE, as in /result/ok=true")?;
        json::check_pointer(pointer)?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        Ok(Self { pointer: pointer.to_owned(), value })
    }
}

impl Filter {
    /// True when all conditions hold for the payload of a message.
    pub fn admits(&self, message: &Message) -> bool {
        let payload = match message {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
            _ => return false,
        };
        self.patterns.iter().all(|pattern| pattern.is_match(payload)) && self.has_fields(payload)
    }

    fn has_fields(&self, payload: &[u8]) -> bool {
        if self.fields.is_empty() {
            return true;
        }
        let Ok(found) = serde_json::from_slice::<Value>(payload) else { return false };
        let holds = |field: &Field| {
            found.pointer(&field.pointer).is_some_and(|got| json::difference(&field.value, got).is_none())
        };
        self.fields.iter().all(holds)
    }
}

impl fmt::Display for Filter {
    /// The conditions as words in a sentence: ``/^a/ and /id=7``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = self.patterns.iter().map(|pattern| format!("/{pattern}/"));
        let fields = self.fields.iter().map(|field| format!("{}={}", field.pointer, field.value));
        f.write_str(&patterns.chain(fields).collect::<Vec<_>>().join(" and "))
    }
}

/// Why a regular expression is none, in one line.
pub fn no_regex(error: &regex::Error) -> String {
    let text = error.to_string();
    // The lines before the last show where.
    let last = text.lines().last().unwrap_or_default();
    format!("not a regular expression: {}", last.strip_prefix("error: ").unwrap_or(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filter(patterns: &[&str], fields: &[&str]) -> Filter {
        Filter {
            patterns: patterns.iter().map(|pattern| Regex::new(pattern).unwrap()).collect(),
            fields: fields.iter().map(|field| Field::parse(field).unwrap()).collect(),
        }
    }

    #[test]
    fn fields_are_json_or_strings() {
        for (text, pointer, value) in [
            ("/ok=true", "/ok", json!(true)),
            ("/id=7", "/id", json!(7)),
            ("/name=ann", "/name", json!("ann")),
            ("/name=\"7\"", "/name", json!("7")),
            ("/a={\"b\":[]}", "/a", json!({"b": []})),
            ("/eq=a=b", "/eq", json!("a=b")),
            ("=null", "", json!(null)),
            ("/x=", "/x", json!("")),
        ] {
            assert_eq!(Field::parse(text), Ok(Field { pointer: pointer.to_owned(), value }), "{text}");
        }
        for text in ["", "/ok", "ok=true", "/~2=1"] {
            assert!(Field::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn all_conditions_hold_together() {
        let text = Message::text(r#"{"id":7,"result":{"ok":true,"more":1}}"#);
        for (patterns, fields, admits) in [
            (&["ok"][..], &[][..], true),
            (&["ok", "nope"], &[], false),
            (&[], &["/id=7"], true),
            (&[], &["/id=7", "/result={\"ok\":true}"], true),
            (&[], &["/id=7", "/id=8"], false),
            (&["^\\{"], &["/id=7.0"], true),
            (&["nope"], &["/id=7"], false),
            (&[], &["/none=null"], false),
        ] {
            assert_eq!(filter(patterns, fields).admits(&text), admits, "{patterns:?} {fields:?}");
        }
        let binary = Message::binary(&b"\xff\x00{"[..]);
        assert!(filter(&["(?-u)\\xff"], &[]).admits(&binary));
        assert!(!filter(&[], &["=1"]).admits(&binary));
        assert!(!filter(&[], &[]).admits(&Message::Ping("ok".into())));
    }

    #[test]
    fn it_says_what_it_wants() {
        assert_eq!(filter(&["^a"], &["/b=c", "/d=1"]).to_string(), "/^a/ and /b=\"c\" and /d=1");
    }
}
