//! A script's text as statements: a mark, what follows it, and where that stands.
//!
//! A statement is one line. A text of several lines stands below its statement, up to a line with the
//! word that `<<WORD` names, exactly as it is.

use super::template::{Flaw, is_name};
use crate::{exit::Exit, expect::show, fault::Fault};
use std::borrow::Cow;

/// The cause of the error for a line that begins with anything else.
const MARKS: &str = "a line begins with > < <? capture within sleep include or #";

/// One statement.
#[derive(Debug, PartialEq)]
pub(super) struct Statement<'a> {
    /// Up to the first blank: `>`, `<?q`, `capture`.
    pub mark: SourceSpan<'a>,
    /// The text behind that blank, or below.
    pub rest: SourceSpan<'a>,
    /// All of it in one short line.
    pub title: String,
}

/// A part of the text, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SourceSpan<'a> {
    pub text: &'a str,
    /// The line it begins on, from 1.
    pub line: usize,
    /// The whole of that line.
    source: &'a str,
    /// Offset on that line at which the span begins, bytes.
    offset: usize,
    /// It stood below its statement.
    pub below: bool,
}

/// A place in a text, for a person.
#[derive(Debug, PartialEq)]
struct Spot<'a> {
    /// From 1.
    pub line: usize,
    /// Characters, from 1.
    pub column: usize,
    /// The whole line.
    pub source: &'a str,
}

/// A text below that never ends: what opens it, and the word it lacks.
#[derive(Debug, PartialEq)]
pub(super) struct Endless<'a>(pub SourceSpan<'a>, pub &'a str);

/// Something that is no script.
pub(super) struct Bad<'a> {
    spot: Spot<'a>,
    cause: String,
    hint: Option<Cow<'static, str>>,
}

impl<'a> SourceSpan<'a> {
    /// The place of the byte at this offset.
    fn spot(&self, at: usize) -> Spot<'a> {
        // An offset of the JSON parser may be in the middle of a character.
        let before = &self.text[..self.text.floor_char_boundary(at)];
        match before.rsplit_once('\n') {
            None => {
                let column = self.source[..self.offset].chars().count() + before.chars().count() + 1;
                Spot { line: self.line, column, source: self.source }
            }
            Some((above, last)) => {
                let down = above.matches('\n').count() + 1;
                let source = self.text.split('\n').nth(down).unwrap_or_default();
                Spot { line: self.line + down, column: last.chars().count() + 1, source }
            }
        }
    }

    /// The same without blanks around it.
    pub(super) fn trimmed(&self) -> Self {
        let end = self.text.trim_end().len();
        self.part(self.text[..end].len() - self.text[..end].trim_start().len(), end)
    }

    /// The first word, and what follows the blanks behind it.
    pub(super) fn word(&self) -> (Self, Self) {
        let all = self.trimmed();
        let end = all.text.find([' ', '\t']).unwrap_or(all.text.len());
        (all.part(0, end), all.part(end, all.text.len()).trimmed())
    }

    /// The part between these offsets; the first is on the first line.
    pub(super) fn part(&self, from: usize, to: usize) -> Self {
        Self { text: &self.text[from..to], offset: self.offset + from, ..*self }
    }
}

impl<'a> Bad<'a> {
    /// A cause, and the byte of a span that it is about.
    pub(super) fn at(span: &SourceSpan<'a>, at: usize, cause: impl Into<String>) -> Self {
        Self { spot: span.spot(at), cause: cause.into(), hint: None }
    }

    /// The flaw that a template found.
    pub(super) fn flaw(span: &SourceSpan<'a>, flaw: Flaw) -> Self {
        Self { hint: flaw.hint.map(Cow::Borrowed), ..Self::at(span, flaw.at, flaw.cause) }
    }

    /// The same with a next step.
    pub(super) fn hint(self, hint: impl Into<Cow<'static, str>>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// As a fault of that file: exit 2, with the line and a mark.
    pub(super) fn fault(self, file: &str) -> Fault {
        let Spot { line, column, source } = self.spot;
        let fault = Fault::new(Exit::Usage, "script", format!("{file}:{line}:{column}: {}", self.cause))
            .detail(show::marked(source, column));
        Fault { hint: self.hint.map(Cow::into_owned), ..fault }
    }

    /// A statement that does not exist.
    pub(super) fn unknown(mark: &SourceSpan<'a>) -> Self {
        let text = mark.text;
        let attached = |sign: &str, hint| {
            let cause = format!("unknown word `{}`", show::short(text));
            text.starts_with(sign).then(|| Self::at(mark, 0, cause).hint(hint))
        };
        attached("<?", "write a blank behind <? and then what may be skipped; <?q, <?b")
            .or_else(|| {
                attached(
                    "<",
                    "write a blank behind < and then what is expected; <q, <b, <ping, <pong, <close",
                )
            })
            .or_else(|| {
                attached(">", "write a blank behind > and then the text; >q, >b, >ping, >pong, >close")
            })
            .unwrap_or_else(|| Self::at(mark, 0, MARKS))
    }
}

/// Cuts a script, whose lines end in `\n` alone, into statements without comments and empty lines.
///
/// # Errors
/// A text below that never ends.
pub(super) fn statements(text: &str) -> Result<Vec<Statement<'_>>, Endless<'_>> {
    let mut statements = Vec::new();
    // The rest of the text, behind the line at hand.
    let (mut rest, mut number) = (text, 0);
    while !rest.is_empty() {
        let (source, behind) = rest.split_once('\n').unwrap_or((rest, ""));
        (rest, number) = (behind, number + 1);
        let whole = SourceSpan { text: source, line: number, source, offset: 0, below: false };
        let start = source.len() - source.trim_start().len();
        if start == source.len() || source[start..].starts_with('#') {
            continue;
        }
        let end = source[start..].find([' ', '\t']).map_or(source.len(), |at| start + at);
        let mark = whole.part(start, end);
        let mut span = whole.part((end + 1).min(source.len()), source.len());
        let mut title = show::short(source.trim());
        if let Some(word) = below(mark.text, span.text) {
            let Some(length) = ends(rest, word) else { return Err(Endless(span, word)) };
            let body = rest[..length].strip_suffix('\n').unwrap_or(&rest[..length]);
            let first = body.split('\n').next().unwrap_or_default();
            span = SourceSpan { text: body, line: number + 1, source: first, offset: 0, below: true };
            title = show::short(&format!("{} {body}", mark.text));
            number += rest[..length].matches('\n').count() + 1;
            rest = rest[length..].split_once('\n').map_or("", |(_, behind)| behind);
        }
        statements.push(Statement { mark, rest: span, title });
    }
    Ok(statements)
}

/// The word that ends the text below, if the statement has one.
fn below<'a>(mark: &str, rest: &'a str) -> Option<&'a str> {
    matches!(mark, ">" | "<" | "<?").then(|| names_end(rest))?
}

/// The word of `<<WORD`.
pub(super) fn names_end(text: &str) -> Option<&str> {
    text.trim_end().strip_prefix("<<").filter(|word| !word.is_empty() && is_name(word))
}

/// Number of bytes before the line that is the word.
fn ends(text: &str, word: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split('\n') {
        if line.trim_end() == word {
            return Some(at);
        }
        at += line.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_marks_and_what_follows() {
        let script = "# comment\n\n> a  b \n  <?q \"x\"\n>\nwithin 2s\n  # another";
        let found: Vec<_> = statements(script)
            .unwrap()
            .iter()
            .map(|statement| (statement.mark.line, statement.mark.text, statement.rest.text))
            .collect();
        assert_eq!(found, [(3, ">", "a  b "), (4, "<?q", "\"x\""), (5, ">", ""), (6, "within", "2s")]);
        assert!(statements("").unwrap().is_empty());
    }

    #[test]
    fn a_text_of_several_lines_stands_below() {
        let script = "> <<END\n a\n\n# b\nEND\n< <<X\nX\n> <<not one\n> <<";
        let found: Vec<_> = statements(script)
            .unwrap()
            .iter()
            .map(|statement| (statement.rest.line, statement.rest.text.to_owned(), statement.title.clone()))
            .collect();
        let own = |line, text: &str, title: &str| (line, text.to_owned(), title.to_owned());
        assert_eq!(
            found,
            [
                own(2, " a\n\n# b", ">  a\\n\\n# b"),
                own(7, "", "< "),
                own(8, "<<not one", "> <<not one"),
                own(9, "<<", "> <<"),
            ]
        );
        let Err(Endless(span, word)) = statements("> a\n> <<END\nx\n ENDE") else { panic!("it ended") };
        assert_eq!((span.line, word), (2, "END"));
    }

    #[test]
    fn places_are_lines_and_columns() {
        let script = "é\n  > ü${x}\n< <<E\nab\ncd\nE\n";
        let statements = statements(script).unwrap();
        let spot = |index: usize, at| {
            let spot = statements[index].rest.spot(at);
            (spot.line, spot.column, spot.source)
        };
        assert_eq!(spot(1, 2), (2, 6, "  > ü${x}"));
        assert_eq!(spot(2, 1), (4, 2, "ab"));
        assert_eq!(spot(2, 4), (5, 2, "cd"));
        let (word, rest) = statements[1].rest.word();
        assert_eq!((word.text, rest.text, rest.spot(0).column), ("ü${x}", "", 10));
    }
}
