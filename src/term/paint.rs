//! Text for a terminal: painted for its role (sixteen colours, or none at all), and made safe when it is
//! remote.

use crate::fault::is_hidden;
use anstyle::{AnsiColor, Style};
use std::fmt::Display;

/// Paints text for its role, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    on: bool,
}

/// Role of a piece of text, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextRole {
    /// The mark before what is sent.
    Sent,
    /// The mark before what came.
    Received,
    /// A note of the program's own.
    Aside,
    /// A command that was not understood.
    Error,
    /// A stand-in for what is not shown.
    Escape,
    Key,
    Text,
    Number,
    Word,
}

/// Filter for remote text on its way to the terminal.
///
/// Line breaks and tabs are structure and stay; every other control character, and those that turn the
/// direction of writing, come out as `\u{…}`, so that a peer can neither move the cursor, nor set the
/// title or the clipboard, nor make a line look like another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Safe {
    pub paint: Paint,
    /// Everything is let through.
    pub raw: bool,
}

impl Paint {
    pub(super) const fn new(on: bool) -> Self {
        Self { on }
    }

    pub(super) fn paint(self, role: TextRole, text: impl Display) -> String {
        if !self.on {
            return text.to_string();
        }
        let style = style(role);
        format!("{style}{text}{style:#}")
    }
}

fn style(role: TextRole) -> Style {
    let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    match role {
        TextRole::Sent => Style::new().bold(),
        TextRole::Received => color(AnsiColor::Green).bold(),
        TextRole::Aside => Style::new().dimmed(),
        TextRole::Error => color(AnsiColor::Red),
        TextRole::Escape => Style::new().invert(),
        TextRole::Key => color(AnsiColor::Cyan),
        TextRole::Text => color(AnsiColor::Green),
        TextRole::Number => color(AnsiColor::Yellow),
        TextRole::Word => color(AnsiColor::Magenta),
    }
}

impl Safe {
    /// Appends `text`; line breaks stay.
    pub(super) fn push(self, out: &mut String, text: &str) {
        self.push_as(out, text, None);
    }

    /// Appends `text` in the colour of its role.
    pub(super) fn push_as(self, out: &mut String, text: &str, role: Option<TextRole>) {
        let plain = |out: &mut String, text: &str| match role {
            Some(role) if !text.is_empty() => out.push_str(&self.paint.paint(role, text)),
            _ => out.push_str(text),
        };
        if self.raw {
            return plain(out, text);
        }
        let mut rest = text;
        while let Some((at, character)) = rest.char_indices().find(|(_, c)| stands_out(*c)) {
            plain(out, &rest[..at]);
            rest = &rest[at + character.len_utf8()..];
            // A line break of two characters is one of one.
            if character != '\r' || !rest.starts_with('\n') {
                out.push_str(&self.paint.paint(TextRole::Escape, character.escape_default()));
            }
        }
        plain(out, rest);
    }
}

fn stands_out(character: char) -> bool {
    !matches!(character, '\n' | '\t') && is_hidden(character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn safe(text: &str) -> String {
        let mut out = String::new();
        Safe { paint: Paint::new(false), raw: false }.push(&mut out, text);
        out
    }

    #[test]
    fn nothing_that_commands_a_terminal_gets_through() {
        for (text, shown) in [
            ("plain é 👋🏽 تجربة", "plain é 👋🏽 تجربة"),
            ("a\tb\nc", "a\tb\nc"),
            ("a\r\nb\r", "a\nb\\r"),
            ("over\rwritten", "over\\rwritten"),
            ("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}"),
            ("\x1b[2J", "\\u{1b}[2J"),
            ("\u{9b}31m\u{9d}52;c;eA==\u{9c}", "\\u{9b}31m\\u{9d}52;c;eA==\\u{9c}"),
            ("\x7f\x08\0", "\\u{7f}\\u{8}\\u{0}"),
            ("\u{202e}gpj.exe\u{2066}\u{61c}", "\\u{202e}gpj.exe\\u{2066}\\u{61c}"),
        ] {
            assert_eq!(safe(text), shown, "{text:?}");
        }
    }

    #[test]
    fn raw_lets_everything_through() {
        let mut out = String::new();
        Safe { paint: Paint::new(true), raw: true }.push(&mut out, "\x1b[31m\r");
        assert_eq!(out, "\x1b[31m\r");
    }

    #[test]
    fn a_stand_in_differs_from_the_same_text() {
        let mut out = String::new();
        Safe { paint: Paint::new(true), raw: false }.push(&mut out, "\x07 \\u{7}");
        assert_eq!(out, "\x1b[7m\\u{7}\x1b[0m \\u{7}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn only_line_breaks_and_tabs_are_controls(text in any::<String>()) {
            prop_assert!(safe(&text).chars().all(|c| c == '\n' || c == '\t' || !is_hidden(c)));
        }
    }
}
