//! A fault: why something failed, in the words a user can act on.
//!
//! Every failure in the program becomes one [`Fault`] with the exit code it causes, the phase it
//! happened in, the cause, and (where there is one) the next step. Lower floors create them, nobody
//! prints them but the reporter at the top, so their text is plain and may hold remote bytes:
//! [`printable`] is applied once, when a fault is shown.

use crate::{exit::Exit, os_text};
use std::fmt::{self, Write};

/// An error with exit code, phase, cause and hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The process status this fault causes when it is the first one.
    pub exit: Exit,
    /// The phase in which it happened: `connect`, `tls`, `upgrade`, `session`, `listen`, `usage` …
    pub phase: &'static str,
    /// The cause, without a full stop.
    pub cause: String,
    /// The next step, imperative, without a full stop.
    pub hint: Option<String>,
    /// Further lines shown below the cause, such as the head and body of a refusal.
    pub detail: Vec<String>,
    /// The HTTP answer behind it, for a relay that passes it on.
    pub answer: Option<Box<HttpAnswer>>,
    /// Threads, processes or descriptors are used up: it may well go later.
    pub exhausted: bool,
}

/// An HTTP answer to a request for a WebSocket that is not 101.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// 200 or above.
    pub status: u16,
    /// The reason phrase, where it is not the usual one.
    pub reason: Vec<u8>,
    /// Its header fields, in order.
    pub fields: Vec<(String, Vec<u8>)>,
    /// As much of its body as was read.
    pub body: Vec<u8>,
}

/// The result of everything that can fail in a way the user must know.
pub type Result<T, E = Fault> = std::result::Result<T, E>;

impl Fault {
    /// A fault without hint and detail.
    pub fn new(exit: Exit, phase: &'static str, cause: impl Into<String>) -> Self {
        Self {
            exit,
            phase,
            cause: cause.into(),
            hint: None,
            detail: Vec::new(),
            answer: None,
            exhausted: false,
        }
    }

    /// The same fault with a next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same fault, which comes of threads, processes or descriptors that are used up, if it `is` so.
    #[must_use]
    pub fn exhausted(mut self, is: bool) -> Self {
        self.exhausted |= is;
        self
    }

    /// The same fault with further lines.
    #[must_use]
    pub fn detail(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.detail.extend(lines);
        self
    }

    /// True when the process ends silently: nothing the user needs to be told (SIGPIPE's rule).
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
/// C0, C1, DEL, line breaks, the bidirectional controls and what takes no room come out as `\u{…}`; the
/// rest is kept.
pub fn printable(text: &str) -> String {
    let text = os_text::shown(text);
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Makes remote text safe for a terminal; line breaks and tabs are kept, one of `\r\n` as `\n`.
pub fn printable_lines(text: &str) -> String {
    let mut lines = text.split('\n').peekable();
    let mut safe = String::with_capacity(text.len());
    while let Some(line) = lines.next() {
        let last = lines.peek().is_none();
        let line = if last { line } else { line.strip_suffix('\r').unwrap_or(line) };
        let mut cells = line.split('\t');
        safe.extend(cells.next().map(printable));
        cells.for_each(|cell| safe.extend(["\t", &printable(cell)]));
        if !last {
            safe.push('\n');
        }
    }
    safe
}

/// JSON in which what a terminal would act on is escaped, so that it is the same JSON and safe to show.
///
/// Such characters stand only inside of strings there, but for the line breaks of laid-out JSON.
pub fn printable_json(json: String) -> String {
    if json.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~')) {
        return json;
    }
    let mut safe = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if character != '\n' && is_hidden(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(character);
        }
    }
    safe
}

/// True when a terminal would act on this character or hide it: C0, C1, DEL, bidirectional controls, and
/// characters without a width. The joiners are kept: scripts and emoji are written with them.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
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
    fn what_was_used_up_stays_told() {
        let fault = || Fault::new(Exit::Refused, "connect", "refused");
        assert!(!fault().exhausted(false).exhausted);
        assert!(fault().exhausted(true).exhausted(false).exhausted);
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(printable("a\x1b[31m\r\n\u{9b}\u{202e}é"), "a\\u{1b}[31m\\r\\n\\u{9b}\\u{202e}é");
        assert_eq!(printable_lines("a\x1b[31m\r\n\tb\rc\r"), "a\\u{1b}[31m\n\tb\\rc\\r");
        assert_eq!(printable_lines("\n\n"), "\n\n");
    }

    #[test]
    fn json_stays_the_same_json() {
        let hostile: String = ('\0'..='\u{2fff}').chain('\u{e0000}'..='\u{e00ff}').collect();
        let safe = printable_json(serde_json::to_string(&hostile).unwrap());
        assert!(!safe.chars().any(is_hidden), "{safe:?}");
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), hostile);
        for (text, shown) in [
            ("a\u{9b}31m", "\"a\\u009b31m\""),
            ("\u{202e}\u{2066}", "\"\\u202e\\u2066\""),
            ("\u{e0041}", "\"\\udb40\\udc41\""),
            ("é👩\u{200d}🚀", "\"é👩\u{200d}🚀\""),
        ] {
            assert_eq!(printable_json(serde_json::to_string(text).unwrap()), shown);
        }
        assert_eq!(printable_json("{\n \"a\": \"\u{7f}\"\n}".to_owned()), "{\n \"a\": \"\\u007f\"\n}");
    }
}
