//! Colours: a few roles, sixteen colours, or none at all.

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
