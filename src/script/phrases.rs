//! The part of a statement behind its mark: texts, patterns, codes, captures.

use super::{
    Closing, From, LONGEST_CONTROL, What,
    bad::Bad,
    close_with,
    lines::Piece,
    parser::Parser,
    pattern::{self, Pattern},
    template::{Flaw, Sort, Template, is_name},
};
use crate::{close, expect::json};
use base64::{Engine, alphabet, engine};
use bytes::Bytes;

impl Parser<'_, '_> {
    /// A text to send: JSON if it is JSON, so that values fit.
    pub(super) fn text<'a>(&mut self, piece: &Piece<'a>) -> Result<Template, Bad<'a>> {
        if is_json(piece.text) {
            let template = self.template(piece, Sort::Json)?;
            if serde_json::from_str::<serde_json::Value>(&template.sample()).is_ok() {
                return Ok(template);
            }
        }
        self.template(piece, Sort::Plain)
    }

    pub(super) fn plain<'a>(&mut self, piece: &Piece<'a>) -> Result<Template, Bad<'a>> {
        self.template(piece, Sort::Plain)
    }

    /// The payload of a control frame to send.
    pub(super) fn control<'a>(&mut self, piece: &Piece<'a>) -> Result<Template, Bad<'a>> {
        let payload = self.plain(piece)?;
        match payload.is_constant() && payload.sample().len() > LONGEST_CONTROL {
            true => Err(Bad::at(
                piece,
                0,
                format!("more than {LONGEST_CONTROL} bytes do not fit a control frame"),
            )),
            false => Ok(payload),
        }
    }

    /// A text in the form of a JSON string.
    pub(super) fn quoted<'a>(&mut self, piece: &Piece<'a>) -> Result<Template, Bad<'a>> {
        let piece = piece.trimmed();
        let text: String = serde_json::from_str(piece.text).map_err(|error| {
            let cause = format!("expected a JSON string in quotes: {}", no_place(&error));
            Bad::at(&piece, error.column().saturating_sub(1), cause)
        })?;
        let template = Template::parse(&text, Sort::Plain, |name| self.origin(name));
        template.map_err(|flaw| Bad::flaw(&piece, Flaw { at: 0, ..flaw }))
    }

    /// The pattern of what is expected; `sort` is what stands right behind `<` or `<?`.
    pub(super) fn pattern<'a>(&mut self, sort: &str, piece: &Piece<'a>) -> Result<Pattern, Bad<'a>> {
        let optional = |template: Template| Some(template).filter(|text| *text != Template::default());
        Ok(match sort {
            "q" => Pattern::Text(self.quoted(piece)?),
            "b" => Pattern::Binary(base64(piece)?),
            "ping" => Pattern::Ping(optional(self.plain(piece)?)),
            "pong" => Pattern::Pong(optional(self.plain(piece)?)),
            "close" => self.close(piece)?,
            _ if piece.below => self.expected_text(piece)?,
            _ if pattern::names_a_control_frame(piece.text) => return Err(ambiguous(piece)),
            _ if piece.text.trim_end() == "ping" => Pattern::Ping(None),
            _ if piece.text.trim_end() == "pong" => Pattern::Pong(None),
            _ if pattern::is_control_word(piece.text.trim_end()) => {
                self.close(&piece.part("close".len(), piece.text.len()))?
            }
            _ => match slashes(piece) {
                Some((inner, ignores_case)) => {
                    let pattern = self.template(&inner, Sort::Pattern)?;
                    pattern::regex(&pattern.sample(), ignores_case)
                        .map_err(|cause| Bad::at(&inner, 0, cause))?;
                    Pattern::Regex { pattern, ignores_case }
                }
                None => self.expected_text(piece)?,
            },
        })
    }

    fn expected_text<'a>(&mut self, piece: &Piece<'a>) -> Result<Pattern, Bad<'a>> {
        if !is_json(piece.text) {
            return Ok(Pattern::Text(self.plain(piece)?));
        }
        let template = self.template(piece, Sort::Json)?;
        match serde_json::from_str::<serde_json::Value>(&template.sample()) {
            Ok(_) => Ok(Pattern::Json(template)),
            Err(error) => {
                // With something filled in, the columns are others.
                let at = if template.sample() == piece.text { offset(piece.text, &error) } else { 0 };
                let cause = format!("no JSON: {}", no_place(&error));
                Err(Bad::at(piece, at, cause).hint("write <q \"…\" for a text that only looks like JSON"))
            }
        }
    }

    /// `[CODES [REASON]]` of an expected close.
    fn close<'a>(&mut self, piece: &Piece<'a>) -> Result<Pattern, Bad<'a>> {
        let (codes, reason) = piece.word();
        let codes = match codes.text {
            "" => Vec::new(),
            "none" => vec![1005..=1005],
            text => close::arriving(text).map_err(|cause| Bad::at(&codes, 0, cause))?,
        };
        let reason = if reason.text.is_empty() { None } else { Some(self.plain(&reason)?) };
        Ok(Pattern::Close { codes, reason })
    }

    /// `[CODE [REASON]]` of a close of ours.
    pub(super) fn closing<'a>(&mut self, piece: &Piece<'a>) -> Result<Option<Closing>, Bad<'a>> {
        let (word, reason) = piece.word();
        let code = match word.text {
            "" => return Ok(None),
            "none" => None,
            text => Some(close::parse(text).map_err(|cause| Bad::at(&word, 0, cause))?),
        };
        let words = self.plain(&reason)?;
        let known = if words.is_constant() { words.sample() } else { String::new() };
        close_with(code, &known).map_err(|cause| Bad::at(&word, 0, cause))?;
        Ok(Some(Closing { code, reason: words }))
    }

    pub(super) fn capture<'a>(&mut self, piece: &Piece<'a>) -> Result<What, Bad<'a>> {
        let (name, from) = piece.word();
        if !is_name(name.text) || name.text.is_empty() {
            return Err(Bad::at(&name, 0, "expected a name of letters, digits and _"));
        }
        if !self.captures {
            return Err(Bad::at(
                piece,
                0,
                "no message is expected before this, so there is nothing to capture",
            ));
        }
        let source = match slashes(&from) {
            Some((inner, ignores_case)) => {
                let regex = pattern::regex(inner.text, ignores_case);
                From::Regex(regex.map_err(|cause| Bad::at(&inner, 0, cause))?)
            }
            None if from.text.is_empty() => From::Whole,
            None => {
                json::check_pointer(from.text).map_err(|cause| Bad::at(&from, 0, cause))?;
                From::Pointer(from.text.to_owned())
            }
        };
        self.captured.insert(name.text.to_owned());
        Ok(What::Capture { name: name.text.to_owned(), from: source })
    }

    fn template<'a>(&mut self, piece: &Piece<'a>, sort: Sort) -> Result<Template, Bad<'a>> {
        let template = Template::parse(piece.text, sort, |name| self.origin(name));
        template.map_err(|flaw| Bad::flaw(piece, flaw))
    }
}

/// `< pong hello`: a pong with a payload, or a text?
fn ambiguous<'a>(piece: &Piece<'a>) -> Bad<'a> {
    let (word, payload) = piece.text.split_once(' ').unwrap_or((piece.text, ""));
    Bad::at(piece, 0, format!("it may be a {word} or a text")).hint(format!(
        "write <{word} {payload} for a {word}, <q \"{}\" for the text",
        piece.text.replace('\\', "\\\\").replace('"', "\\\"")
    ))
}

/// True when a text is meant as JSON.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// True when a text would be read as a pattern.
pub(super) fn is_between_slashes(text: &str) -> bool {
    pattern_end(text.trim_end()).is_some()
}

/// The part between `/` and `/`, or `/` and `/i`; true when case is ignored.
fn slashes<'a>(piece: &Piece<'a>) -> Option<(Piece<'a>, bool)> {
    let (end, ignores_case) = pattern_end(piece.text.trim_end())?;
    Some((piece.part(1, end), ignores_case))
}

/// The byte of the closing slash, and whether case is ignored.
fn pattern_end(text: &str) -> Option<(usize, bool)> {
    let inner = text.strip_prefix('/')?;
    match (inner.strip_suffix('/'), inner.strip_suffix("/i")) {
        (Some(inner), _) => Some((1 + inner.len(), false)),
        (None, Some(inner)) => Some((1 + inner.len(), true)),
        (None, None) => None,
    }
}

pub(super) fn base64<'a>(piece: &Piece<'a>) -> Result<Bytes, Bad<'a>> {
    const EITHER: engine::GeneralPurpose = engine::GeneralPurpose::new(
        &alphabet::STANDARD,
        engine::GeneralPurposeConfig::new().with_decode_padding_mode(engine::DecodePaddingMode::Indifferent),
    );
    let piece = piece.trimmed();
    let bytes =
        EITHER.decode(piece.text).map_err(|error| Bad::at(&piece, 0, format!("no base64: {error}")))?;
    Ok(bytes.into())
}

/// The parser's words alone: the place is ours to say.
fn no_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(cause, _)| cause.to_owned())
}

/// The byte that the JSON parser stopped at.
fn offset(text: &str, error: &serde_json::Error) -> usize {
    let above: usize = text.split('\n').take(error.line() - 1).map(|line| line.len() + 1).sum();
    let mut at = (above + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
