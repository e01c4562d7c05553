//! JSON laid out and coloured, without altering a token.
//!
//! The text that came is cut into tokens and only the white space between them is chosen anew, so a
//! number of any size, `1.0` or a doubled key is shown as it was sent. What fits on a line stays on one.

use super::paint::{Safe, TextRole};
use serde_json::value::RawValue;

/// Longer texts are shown as they are. Bytes.
const LONGEST: usize = 1024 * 1024;
/// Columns that one level takes.
const STEP: usize = 2;
/// Deeper levels are not indented further: indenting is quadratic in the depth.
const DEEPEST: usize = 32;

struct Token<'a> {
    text: &'a str,
    /// Columns up to the bracket that closes this one, when all stands on one line.
    width: usize,
}

/// The layout of a JSON object or array within `columns`; `None` when the text is something else.
pub(super) fn pretty(text: &str, safe: Safe, columns: usize) -> Option<String> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if !text.starts_with(['{', '[']) || text.len() > LONGEST {
        return None;
    }
    serde_json::from_str::<&RawValue>(text).ok()?;
    Some(lay_out(&measured(text), safe, columns))
}

/// The tokens of a valid text, each opening bracket with its width.
fn measured(text: &str) -> Vec<Token<'_>> {
    let (mut tokens, mut open, mut at) = (Vec::<Token>::new(), Vec::<(usize, usize)>::new(), 0);
    for text in tokens_of(text) {
        at += text.chars().count() + usize::from(matches!(text, ":" | ","));
        match text {
            "{" | "[" => open.push((tokens.len(), at - 1)),
            "}" | "]" => {
                if let Some((index, from)) = open.pop() {
                    tokens[index].width = at - from;
                }
            }
            _ => {}
        }
        tokens.push(Token { text, width: 0 });
    }
    tokens
}

fn tokens_of(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        let length = match rest.bytes().next()? {
            b'"' => string_length(rest),
            b'{' | b'}' | b'[' | b']' | b':' | b',' => 1,
            _ => rest.find(|c: char| c.is_ascii_whitespace() || "{}[]:,\"".contains(c)).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        Some(token)
    })
}

/// Bytes of the string that the text begins with, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn lay_out(tokens: &[Token], safe: Safe, columns: usize) -> String {
    let mut out = String::new();
    // For each open bracket, whether its content stands on lines of its own.
    let mut open: Vec<bool> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let next = tokens.get(index + 1).map_or("", |token| token.text);
        match token.text {
            "{" | "[" => {
                out.push_str(token.text);
                let indent = open.len().min(DEEPEST) * STEP;
                let inline = open.last() == Some(&false) || indent + token.width <= columns;
                open.push(!inline);
                if !inline && !matches!(next, "}" | "]") {
                    break_line(&mut out, open.len());
                }
            }
            "}" | "]" => {
                let broken = open.pop() == Some(true);
                if broken && !matches!(tokens[index - 1].text, "{" | "[") {
                    break_line(&mut out, open.len());
                }
                out.push_str(token.text);
            }
            "," => {
                out.push(',');
                match open.last() {
                    Some(true) => break_line(&mut out, open.len()),
                    _ => out.push(' '),
                }
            }
            ":" => out.push_str(": "),
            text => safe.push_as(&mut out, text, Some(role(text, next))),
        }
    }
    out
}

fn break_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', depth.min(DEEPEST) * STEP));
}

fn role(token: &str, next: &str) -> TextRole {
    match token.as_bytes()[0] {
        b'"' if next == ":" => TextRole::Key,
        b'"' => TextRole::Text,
        b't' | b'f' | b'n' => TextRole::Word,
        _ => TextRole::Number,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::paint::Paint, *};
    use proptest::prelude::*;

    fn plain(text: &str, columns: usize) -> Option<String> {
        pretty(text, Safe { paint: Paint::new(false), raw: false }, columns)
    }

    /// The text without the white space between its tokens.
    fn compact(text: &str) -> String {
        tokens_of(text).collect()
    }

    #[test]
    fn what_fits_stays_on_a_line() {
        for (text, columns, shown) in [
            (r#"{"a":1,"b":[true,null]}"#, 80, "{\"a\": 1, \"b\": [true, null]}"),
            (r#"{"a":1,"b":[true,null]}"#, 26, "{\n  \"a\": 1,\n  \"b\": [true, null]\n}"),
            (r#"{"a":1,"b":[true,null]}"#, 27, "{\"a\": 1, \"b\": [true, null]}"),
            (r#"[[1,2],[]]"#, 5, "[\n  [\n    1,\n    2\n  ],\n  []\n]"),
            (r#"{"a":{}}"#, 4, "{\n  \"a\": {}\n}"),
            (" {\n \"a\" :\t[ ] }\r\n", 80, "{\"a\": []}"),
        ] {
            assert_eq!(plain(text, columns).as_deref(), Some(shown), "{text}");
        }
    }

    #[test]
    fn no_token_is_altered() {
        let text = r#"{"big":12345678901234567890123,"one":1.0,"e":-1E+2,"a":1,"a":2,"s":"\u00e9\"]{,: x"}"#;
        for columns in [1, 20, 500] {
            assert_eq!(compact(&plain(text, columns).unwrap()), text);
        }
    }

    #[test]
    fn other_texts_are_left_alone() {
        for text in ["", "1", "\"a\"", "{", "{]", "[1,]", "{\"a\":01}", "{} {}", "hello", "\u{feff}{}"] {
            assert_eq!(plain(text, 80), None, "{text}");
        }
    }

    #[test]
    fn strings_are_made_safe() {
        assert_eq!(plain("[\"\u{9b}31m\u{7f}\"]", 80).unwrap(), "[\"\\u{9b}31m\\u{7f}\"]");
    }

    #[test]
    fn keys_and_values_have_colours() {
        let shown =
            pretty(r#"{"a":[1,"b",null]}"#, Safe { paint: Paint::new(true), raw: false }, 80).unwrap();
        assert_eq!(
            shown,
            "{\x1b[36m\"a\"\x1b[0m: [\x1b[33m1\x1b[0m, \x1b[32m\"b\"\x1b[0m, \x1b[35mnull\x1b[0m]}"
        );
    }

    #[test]
    fn depth_costs_no_square() {
        let deep = "[".repeat(20_000) + &"]".repeat(20_000);
        let shown = plain(&deep, 80).unwrap();
        assert!(shown.len() < deep.len() * 70, "{}", shown.len());
        assert_eq!(compact(&shown), deep);
    }

    fn any_json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("false".to_owned()),
            "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?",
            "\"([ !#-\\[\\]-~éß漢👋]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-f]{4})*\"",
        ];
        let space = "[ \t\r\n]{0,2}";
        leaf.prop_recursive(5, 60, 6, move |inner| {
            let item = (space, inner.clone(), space).prop_map(|(a, b, c)| a + &b + &c);
            let key = ("[a-z\\]}:,]{0,5}", space);
            let pair = (key, inner).prop_map(|((key, space), value)| format!("\"{key}\"{space}:{value}"));
            prop_oneof![
                prop::collection::vec(item, 0..6).prop_map(|items| format!("[{}]", items.join(","))),
                prop::collection::vec(pair, 0..6).prop_map(|pairs| format!("{{{}}}", pairs.join(","))),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn only_white_space_differs(text in any_json(), columns in 1usize..120) {
            if let Some(shown) = plain(&text, columns) {
                prop_assert_eq!(compact(&shown), compact(&text));
                prop_assert!(shown.lines().all(|line| line.trim_end() == line));
            } else {
                prop_assert!(!text.starts_with(['{', '[']), "{}", text);
            }
        }
    }

    #[test]
    fn a_huge_text_is_shown_as_it_is() {
        let text = |length: usize| format!("[\"{}\"]", "x".repeat(length - 4));
        assert!(plain(&text(LONGEST), 80).is_some());
        assert_eq!(plain(&text(LONGEST + 1), 80), None);
    }

    #[test]
    fn a_deep_level_is_not_indented_further() {
        let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let indent = |depth| {
            let shown = plain(&deep(depth), 1).unwrap();
            let line = shown.lines().find(|line| line.trim() == "1").unwrap();
            line.len() - 1
        };
        assert_eq!(
            [1, 2, DEEPEST, DEEPEST + 9].map(indent),
            [STEP, 2 * STEP, DEEPEST * STEP, DEEPEST * STEP]
        );
    }
}
