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
pub(super) enum Role {
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

    pub(super) fn paint(self, role: Role, text: impl Display) -> String {
        if !self.on {
            return text.to_string();
        }
        let style = style(role);
        format!("{style}{text}{style:#}")
    }
}

fn style(role: Role) -> Style {
    let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    match role {
        Role::Sent => Style::new().bold(),
        Role::Received => color(AnsiColor::Green).bold(),
        Role::Aside => Style::new().dimmed(),
        Role::Error => color(AnsiColor::Red),
        Role::Escape => Style::new().invert(),
        Role::Key => color(AnsiColor::Cyan),
        Role::Text => color(AnsiColor::Green),
        Role::Number => color(AnsiColor::Yellow),
        Role::Word => color(AnsiColor::Magenta),
    }
}
