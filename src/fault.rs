//! A fault: why something failed, in the words a user can act on.
//!
//! Every failure in the program becomes one [`Fault`] with the exit code it causes, the phase it
//! happened in, the cause, and (where there is one) the next step. Lower floors create them, nobody
//! prints them but the reporter at the top, so their text is plain and may hold remote bytes:
//! [`printable`] is applied once, when a fault is shown.

use crate::exit::Exit;
use std::fmt;

/// An error with exit code, phase, cause and hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The process status this fault causes when it is the first one.
    pub exit: Exit,
    /// What was being done: `connect`, `tls`, `upgrade`, `session`, `listen`, `usage` …
    pub phase: &'static str,
    /// What went wrong, without a full stop.
    pub cause: String,
    /// The next step, imperative, without a full stop.
    pub hint: Option<String>,
    /// Further lines shown below the cause, such as the head and body of a refusal.
    pub detail: Vec<String>,
}

/// The result of everything that can fail in a way the user must know.
pub type Result<T, E = Fault> = std::result::Result<T, E>;

impl Fault {
    /// A fault without hint and detail.
    pub fn new(exit: Exit, phase: &'static str, cause: impl Into<String>) -> Self {
        Self { exit, phase, cause: cause.into(), hint: None, detail: Vec::new() }
    }

    /// The same fault with a next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same fault with further lines.
    #[must_use]
    pub fn detail(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.detail.extend(lines);
        self
    }

    /// Whether the process ends silently: nothing the user needs to be told (SIGPIPE's rule).
    pub fn is_silent(&self) -> bool {
        self.exit == Exit::ReaderLeft
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.phase, printable(&self.cause))?;
        for line in &self.detail {
            write!(f, "\n  | {}", printable(line))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  try: {}", printable(hint))?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

/// Makes remote text safe for a terminal and for one line of a log.
///
/// C0, C1, DEL, line breaks and the bidirectional controls come out as `\u{…}`; the rest is kept.
pub fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if hides(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Whether a character does not show itself but does something to what is around it.
pub fn hides(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_phase_cause_detail_and_hint() {
        let fault = Fault::new(Exit::Refused, "connect", "refused").hint("start it").detail(["x".to_owned()]);
        assert_eq!(fault.to_string(), "connect: refused\n  | x\n  try: start it");
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(printable("a\x1b[31m\r\n\u{9b}\u{202e}é"), "a\\u{1b}[31m\\r\\n\\u{9b}\\u{202e}é");
    }
}
