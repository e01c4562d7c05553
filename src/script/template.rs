//! Text with `${NAME}` in it.
//!
//! A value fits where it stands: as it is in plain text, escaped inside the quotes of JSON, as JSON
//! outside of them, literally inside a pattern. So a value with a quote in it breaks nothing.

use crate::expect::{json, show};
use serde_json::Value;
use std::collections::HashMap;
use tokio_tungstenite::tungstenite::Message;

/// Values by name, from `capture`.
pub(crate) type Captured = HashMap<String, Value>;

/// A text and the places where values belong.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Template(Vec<TemplatePart>);

#[derive(Clone, Debug, PartialEq)]
enum TemplatePart {
    Text(String),
    Hole { name: String, origin: Origin, stands: Stands },
}

/// The source of a name's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Origin {
    /// From a capture that stands before.
    Captured,
    /// From the environment; this is it.
    Environment(String),
}

/// In what a value stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stands {
    Text,
    Quotes,
    Json,
    Pattern,
}

/// The kind of text that a template is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Plain,
    Json,
    Pattern,
}

/// A mistake in a text, and its place.
#[derive(Debug, PartialEq)]
pub(crate) struct Flaw {
    /// Byte offset.
    pub at: usize,
    pub cause: String,
    pub hint: Option<&'static str>,
}

/// Values from the environment, which are shown by their names: names and values, the longest first.
#[derive(Debug)]
pub(crate) struct Secrets(pub Vec<(String, String)>);

impl Template {
    /// Reads a text; `origin` knows the names.
    ///
    /// # Errors
    /// A `${` that names nothing.
    pub(crate) fn parse(
        text: &str,
        sort: Sort,
        mut origin: impl FnMut(&str) -> Option<Origin>,
    ) -> Result<Self, Flaw> {
        let (mut parts, mut literal, mut at) = (Vec::new(), String::new(), 0);
        // Inside the quotes of JSON, and right behind a backslash there.
        let (mut quoted, mut escaped) = (false, false);
        while let Some(character) = text[at..].chars().next() {
            if text[at..].starts_with("$${") {
                literal.push_str("${");
                at += 3;
                continue;
            }
            let Some(rest) = text[at..].strip_prefix("${") else {
                (quoted, escaped) = match character {
                    '"' if !escaped => (!quoted, false),
                    '\\' if quoted && !escaped => (true, true),
                    _ => (quoted, false),
                };
                literal.push(character);
                at += character.len_utf8();
                continue;
            };
            let flaw = |cause, hint| Flaw { at, cause, hint };
            let name = rest.split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
            let name = name.ok_or_else(|| {
                flaw("after ${ a name and } are missing".to_owned(), Some("write $${ for a plain ${"))
            })?;
            let origin = origin(name).ok_or_else(|| {
                flaw(
                    format!("${{{name}}} is neither captured before nor set in the environment as UTF-8"),
                    Some("set it, capture it first, or write $${ for a plain ${"),
                )
            })?;
            let stands = match sort {
                Sort::Plain => Stands::Text,
                Sort::Pattern => Stands::Pattern,
                Sort::Json if quoted => Stands::Quotes,
                Sort::Json => Stands::Json,
            };
            if !literal.is_empty() {
                parts.push(TemplatePart::Text(std::mem::take(&mut literal)));
            }
            parts.push(TemplatePart::Hole { name: name.to_owned(), origin, stands });
            at += "${}".len() + name.len();
        }
        if !literal.is_empty() {
            parts.push(TemplatePart::Text(literal));
        }
        Ok(Self(parts))
    }

    /// True when nothing has to be filled in.
    pub(crate) fn is_constant(&self) -> bool {
        self.0.iter().all(|part| matches!(part, TemplatePart::Text(_)))
    }

    /// The text with something harmless in every place, to see whether it is well formed.
    pub(crate) fn sample(&self) -> String {
        let part = |part: &TemplatePart| match part {
            TemplatePart::Text(text) => text.clone(),
            TemplatePart::Hole { stands: Stands::Json, .. } => "0".to_owned(),
            TemplatePart::Hole { .. } => "x".to_owned(),
        };
        self.0.iter().map(part).collect()
    }

    /// The text with every value where it belongs.
    pub(crate) fn fill(&self, captured: &Captured) -> String {
        let part = |part: &TemplatePart| match part {
            TemplatePart::Text(text) => text.clone(),
            TemplatePart::Hole { name, origin: Origin::Captured, stands } => {
                let value = captured.get(name).unwrap_or(&Value::Null);
                match stands {
                    Stands::Json => value.to_string(),
                    _ => placed(&json::plain(value), *stands),
                }
            }
            TemplatePart::Hole { origin: Origin::Environment(value), stands, .. } => placed(value, *stands),
        };
        self.0.iter().map(part).collect()
    }
}

impl Secrets {
    /// The text with every value from the environment replaced by its name.
    pub(crate) fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for (name, value) in &self.0 {
            for form in [value.clone(), json::escaped(value), crate::fault::printable(value)] {
                masked = masked.replace(&form, &format!("${{{name}}}"));
            }
        }
        masked
    }

    /// A message in one short line, with the names of values from the environment.
    pub(crate) fn show(&self, message: &Message) -> String {
        match message {
            Message::Text(text) => show::message(&Message::text(self.mask(text))),
            other => show::message(other),
        }
    }
}

fn placed(value: &str, stands: Stands) -> String {
    match stands {
        Stands::Text => value.to_owned(),
        Stands::Quotes => json::escaped(value),
        Stands::Pattern => regex::escape(value),
        Stands::Json if serde_json::from_str::<Value>(value).is_ok() => value.to_owned(),
        Stands::Json => Value::from(value).to_string(),
    }
}

/// Letters, digits and `_`, not beginning with a digit.
pub(crate) fn is_name(text: &str) -> bool {
    let fits = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.chars().all(fits) && text.starts_with(|first: char| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filled(text: &str, sort: Sort) -> Result<String, Flaw> {
        let origin = |name: &str| match name {
            "id" | "word" => Some(Origin::Captured),
            "TOKEN" => Some(Origin::Environment("a\"b".to_owned())),
            "N" => Some(Origin::Environment("5".to_owned())),
            _ => None,
        };
        let captured = Captured::from([("id".to_owned(), json!(7)), ("word".to_owned(), json!("x.y"))]);
        Ok(Template::parse(text, sort, origin)?.fill(&captured))
    }

    #[test]
    fn values_fit_where_they_stand() {
        for (text, sort, expected) in [
            ("id ${id} ${TOKEN}", Sort::Plain, r#"id 7 a"b"#),
            (r#"{"t":"${TOKEN}"}"#, Sort::Json, r#"{"t":"a\"b"}"#),
            (r#"{"t":${TOKEN}}"#, Sort::Json, r#"{"t":"a\"b"}"#),
            (r#"{"n":${N},"s":"${N}"}"#, Sort::Json, r#"{"n":5,"s":"5"}"#),
            (r#"{"id":${id},"s":"${id}","w":${word}}"#, Sort::Json, r#"{"id":7,"s":"7","w":"x.y"}"#),
            (r#"{"a\"":"\\","id":${word}}"#, Sort::Json, r#"{"a\"":"\\","id":"x.y"}"#),
            ("^${word}$", Sort::Pattern, r"^x\.y$"),
            ("$${id} $ $$ $1 {id}", Sort::Plain, "${id} $ $$ $1 {id}"),
            ("", Sort::Plain, ""),
        ] {
            assert_eq!(filled(text, sort).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_names_nothing_is_pointed_at() {
        for (text, at, cause) in [
            ("é ${nope}", 3, "${nope} is neither captured"),
            ("${", 0, "a name and } are missing"),
            ("a ${a b}", 2, "a name and } are missing"),
            ("${1a}", 0, "a name and } are missing"),
            ("${}", 0, "a name and } are missing"),
        ] {
            let flaw = filled(text, Sort::Plain).unwrap_err();
            assert_eq!(flaw.at, at, "{text}");
            assert!(flaw.cause.contains(cause), "{text}: {}", flaw.cause);
        }
    }
}
