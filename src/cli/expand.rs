//! Values that stand elsewhere: `@FILE`, `@-`, `@env:NAME`, and `@@` for a plain `@`.
//!
//! Every option that may carry a secret or a message is read through [`Expander`], so that no
//! secret has to stand on the command line, where every user of the machine can read it. What it reads
//! is bounded: messages by `--max-message`, scripts and other values by limits of their own.

use crate::{
    exit::Exit,
    fault::{Fault, Result},
    framing::{is_utf16, unmarked},
    limited::{self, Unread},
    os_error, os_text,
};
use std::path::Path;

/// Shows a prompt and gives what is typed, unseen.
pub type AskSecret<'a> = &'a dyn Fn(&str) -> std::io::Result<String>;

/// Sources that values of the command line may come from.
pub struct Context<'a> {
    /// The environment, for `@env:NAME`.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Standard input, for `@-`.
    pub stdin: &'a mut dyn std::io::Read,
    /// Standard input is a terminal: no secret is read from it.
    pub stdin_is_terminal: bool,
    /// Asks whoever sits there for a secret; `None` when nobody does.
    pub ask: Option<AskSecret<'a>>,
}

/// Bytes that a value which is no message may have: a header, a secret, a cookie jar.
const VALUE: usize = 1 << 20;
/// Name of standard input in messages.
const STDIN: &str = "standard input";
/// Bytes that one file of a script may have.
const SCRIPT: usize = 64 << 20;

/// Reads values through the context; standard input only once.
pub(super) struct Expander<'a, 'c> {
    context: &'a mut Context<'c>,
    /// The option that took standard input.
    stdin_taken_by: Option<&'static str>,
}

impl<'a, 'c> Expander<'a, 'c> {
    pub(super) fn new(context: &'a mut Context<'c>) -> Self {
        Self { context, stdin_taken_by: None }
    }

    /// The bytes of a message, exactly as they stand in the file; at most `longest`, which is `--max-message`.
    pub(super) fn message(&mut self, option: &'static str, text: &str, longest: usize) -> Result<Vec<u8>> {
        let bytes = self.bytes(option, text, ReadLimit::Message(longest))?;
        match bytes.len() > longest {
            true => Err(too_long(&format!("a message of {option}"), longest)),
            false => Ok(bytes),
        }
    }

    /// The same for a message of text: the mark of Windows' programs before it (BOM) is no part of it.
    pub(super) fn text_message(
        &mut self,
        option: &'static str,
        text: &str,
        longest: usize,
    ) -> Result<Vec<u8>> {
        let bytes = self.message(option, text, longest)?;
        Ok(if text.starts_with('@') { unmarked(&bytes).to_vec() } else { bytes })
    }

    /// A script at standard input.
    pub(super) fn script(&mut self) -> Result<String> {
        decoded("--script", self.stdin("--script", ReadLimit::Script)?)
    }

    fn bytes(&mut self, option: &'static str, text: &str, limit: ReadLimit) -> Result<Vec<u8>> {
        match text.strip_prefix('@') {
            None => Ok(os_text::bytes(text)),
            Some(literal) if literal.starts_with('@') => Ok(os_text::bytes(literal)),
            Some("-") => self.stdin(option, limit),
            Some("") => Err(usage(format!("{option} @ names no file"))
                .hint(format!("write {option} @FILE, @-, @env:NAME, or @@ for a plain @"))),
            Some(source) => match source.strip_prefix("env:") {
                Some(name) => self.env(option, name),
                None => limited::read(&os_text::path(source), limit.bytes())
                    .map_err(|unread| unfit(source, option, &unread, limit)),
            },
        }
    }

    /// A value of one line; the line break at its end is not part of it.
    pub(super) fn line(&mut self, option: &'static str, text: &str) -> Result<String> {
        let mut value = self.text(option, text)?;
        if text.starts_with('@') {
            let end = value.trim_end_matches(['\r', '\n']).len();
            value.truncate(end);
        }
        if value.contains(['\r', '\n', '\0']) {
            return Err(usage(format!("the value of {option} contains CR, LF or NUL")));
        }
        Ok(value)
    }

    /// A secret of one line; it is not read from a terminal, which would show it.
    pub(super) fn secret(&mut self, option: &'static str, text: &str) -> Result<String> {
        if text == "@-" && self.context.stdin_is_terminal {
            return Err(usage(format!("{option} @- would show the secret while it is typed"))
                .hint(format!("write {option} @FILE or {option} @env:NAME")));
        }
        self.line(option, text)
    }

    /// A value of any number of lines.
    pub(super) fn text(&mut self, option: &'static str, text: &str) -> Result<String> {
        decoded(option, self.bytes(option, text, ReadLimit::Value)?)
    }

    /// A variable of the environment, if it is text.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.context.env)(name).filter(|value| !os_text::stands_for_bytes(value))
    }

    /// Asks the person at the terminal, without showing the answer; `None` when nobody can be asked.
    pub(super) fn ask(&self, prompt: &str) -> Result<Option<String>> {
        let Some(ask) = self.context.ask else { return Ok(None) };
        ask(prompt).map(Some).map_err(|error| unreadable(format!("cannot read the answer: {error}")))
    }

    /// True when this option had standard input, which is at its end then.
    pub(super) fn gave_input_to(&self, option: &str) -> bool {
        self.stdin_taken_by == Some(option)
    }

    fn env(&self, option: &str, name: &str) -> Result<Vec<u8>> {
        match (self.context.env)(name) {
            Some(value) => Ok(os_text::bytes(&value)),
            None => Err(usage(format!("{option}: the environment has no {name}"))
                .hint(format!("export {name}, or read the value from a file with {option} @FILE"))),
        }
    }

    fn stdin(&mut self, option: &'static str, limit: ReadLimit) -> Result<Vec<u8>> {
        if let Some(first) = self.stdin_taken_by.replace(option) {
            return Err(usage(format!("{option} @-: standard input was already read for {first}"))
                .hint(format!("read one of the two from a file with {option} @FILE")));
        }
        limited::read_from(self.context.stdin, limit.bytes())
            .map_err(|unread| unfit(STDIN, option, &unread, limit))
    }
}

/// Bound on the length of a value.
#[derive(Clone, Copy)]
enum ReadLimit {
    /// `--max-message`, bytes.
    Message(usize),
    Script,
    Value,
}

impl ReadLimit {
    fn bytes(self) -> usize {
        match self {
            Self::Message(longest) => longest,
            Self::Script => SCRIPT,
            Self::Value => VALUE,
        }
    }
}

/// The text of a file of a script; the cause when it cannot be read.
pub(super) fn script(path: &Path) -> Result<String, String> {
    let bytes = limited::read(path, SCRIPT).map_err(|unread| match unread {
        Unread::Io(error) => os_error::words(&error),
        Unread::Endless => "it is a device without an end".to_owned(),
        Unread::TooLong => format!("it holds more than {SCRIPT} bytes; `include FILE` joins smaller ones"),
    })?;
    String::from_utf8(unmarked(&bytes).to_vec()).map_err(|error| match is_utf16(error.as_bytes()) {
        true => "it is UTF-16, not UTF-8".to_owned(),
        false => "it is not UTF-8".to_owned(),
    })
}

/// Why a value cannot be had from there.
fn unfit(source: &str, option: &str, unread: &Unread, limit: ReadLimit) -> Fault {
    let cannot = |cause: &str| unreadable(format!("cannot read {source} for {option}: {cause}"));
    match (unread, limit) {
        (Unread::Io(error), _) if source == STDIN => cannot(&os_error::words(error)),
        (Unread::Io(error), _) => cannot(&os_error::words(error))
            .hint(format!("check the name; {option} '@@{source}' is the text @{source} itself")),
        (Unread::Endless, _) => cannot("it is a device without an end")
            .hint(format!("take a part of it: head -c 1000 {source} | wsio … {option} @-")),
        (Unread::TooLong, ReadLimit::Message(longest)) => {
            too_long(&format!("{source} for {option}"), longest)
        }
        (Unread::TooLong, ReadLimit::Script) => cannot(&format!("it holds more than {SCRIPT} bytes"))
            .hint("give a file that joins smaller ones with `include FILE`"),
        (Unread::TooLong, ReadLimit::Value) => {
            cannot(&format!("it holds more than the {VALUE} bytes that a value may have"))
                .hint(format!("name a file that holds nothing but the value of {option}"))
        }
    }
}

/// A message that may not be sent (exit 65).
fn too_long(what: &str, longest: usize) -> Fault {
    Fault::new(Exit::BadInput, "input", format!("{what} is longer than {longest} bytes (--max-message)"))
        .hint("raise the limit with --max-message SIZE, or send it as a stream on standard input")
}

/// The text of a value, without the mark of Windows' programs before it (BOM).
fn decoded(option: &str, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(unmarked(&bytes).to_vec()).map_err(|error| match is_utf16(error.as_bytes()) {
        true => usage(format!("the value of {option} is UTF-16, not UTF-8"))
            .hint("convert the file: iconv -f UTF-16 -t UTF-8 FILE"),
        false => usage(format!("the value of {option} is not UTF-8")),
    })
}

/// A fault of the command line (exit 2).
pub(super) fn usage(cause: impl Into<String>) -> Fault {
    Fault::new(Exit::Usage, "usage", cause)
}

fn unreadable(cause: String) -> Fault {
    Fault::new(Exit::ReadError, "input", cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str, stdin: &[u8]) -> Result<Vec<u8>> {
        let env = |name: &str| (name == "TOKEN").then(|| "s3cret\n".to_owned());
        let mut context = Context { env: &env, stdin: &mut { stdin }, stdin_is_terminal: false, ask: None };
        Expander::new(&mut context).message("--send", text, 64)
    }

    #[test]
    fn values_come_from_where_they_stand() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"\xff from a file\n").unwrap();
        let path = format!("@{}", file.path().display());
        assert_eq!(expand("plain", b""), Ok(b"plain".to_vec()));
        assert_eq!(expand("@@plain", b""), Ok(b"@plain".to_vec()));
        assert_eq!(expand("@env:TOKEN", b""), Ok(b"s3cret\n".to_vec()));
        assert_eq!(expand("@-", b"in\n"), Ok(b"in\n".to_vec()));
        assert_eq!(expand(&path, b""), Ok(b"\xff from a file\n".to_vec()));
        assert_eq!(expand("@/no/such/file", b"").unwrap_err().exit, Exit::ReadError);
        assert_eq!(expand("@env:NONE", b"").unwrap_err().exit, Exit::Usage);
        assert_eq!(expand("@", b"").unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn standard_input_is_read_once_and_secrets_never_from_a_terminal() {
        let mut stdin: &[u8] = b"one\r\n";
        let mut context = Context { env: &|_| None, stdin: &mut stdin, stdin_is_terminal: false, ask: None };
        let mut expander = Expander::new(&mut context);
        assert_eq!(expander.secret("--bearer", "@-"), Ok("one".to_owned()));
        let fault = expander.line("--cookie", "@-").unwrap_err();
        assert_eq!((fault.exit, fault.cause.contains("--bearer")), (Exit::Usage, true));

        let mut stdin: &[u8] = b"one";
        let mut context = Context { env: &|_| None, stdin: &mut stdin, stdin_is_terminal: true, ask: None };
        let mut expander = Expander::new(&mut context);
        assert_eq!(expander.secret("--bearer", "@-").unwrap_err().exit, Exit::Usage);
        assert_eq!(expander.line("--send", "@-"), Ok("one".to_owned()));
    }

    #[test]
    fn the_mark_before_text_is_no_part_of_a_value() {
        let text = |stdin: &[u8]| {
            let mut context =
                Context { env: &|_| None, stdin: &mut { stdin }, stdin_is_terminal: false, ask: None };
            Expander::new(&mut context).text("--header", "@-")
        };
        assert_eq!(text(b"\xef\xbb\xbfX-A: 1\r\n").as_deref(), Ok("X-A: 1\r\n"));
        let fault = text(b"\xff\xfeX\0").unwrap_err();
        assert!(fault.cause.contains("UTF-16") && fault.hint.unwrap().contains("iconv"));
        let mut stdin: &[u8] = b"\xef\xbb\xbf{}";
        let mut context = Context { env: &|_| None, stdin: &mut stdin, stdin_is_terminal: false, ask: None };
        assert_eq!(Expander::new(&mut context).text_message("--send", "@-", 64), Ok(b"{}".to_vec()));
        assert_eq!(expand("@-", b"\xef\xbb\xbf{}"), Ok(b"\xef\xbb\xbf{}".to_vec()), "bytes keep theirs");
    }

    #[test]
    fn one_line_values_hold_one_line() {
        let mut stdin: &[u8] = b"a\nb\n";
        let mut context = Context { env: &|_| None, stdin: &mut stdin, stdin_is_terminal: false, ask: None };
        assert_eq!(Expander::new(&mut context).line("--origin", "@-").unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn values_are_bounded_wherever_they_come_from() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = format!("@{}", file.path().display());
        let name = file.path().display().to_string();
        for (length, fits) in [(64, true), (65, false)] {
            let content = vec![b'x'; length];
            std::fs::write(file.path(), &content).unwrap();
            let text = String::from_utf8(content.clone()).unwrap();
            for (text, source) in
                [(&*path, &*name), ("@-", "standard input"), (&*text, "a message of --send")]
            {
                match expand(text, &content) {
                    Ok(bytes) => assert!(fits && bytes == content, "{source} {length}"),
                    Err(fault) => {
                        assert!(!fits && fault.exit == Exit::BadInput, "{fault}");
                        assert!(fault.cause.starts_with(source), "{fault}");
                        assert!(
                            fault.cause.contains("--send")
                                && fault.cause.contains("64 bytes (--max-message)")
                        );
                        assert!(fault.hint.unwrap().contains("--max-message SIZE"));
                    }
                }
            }
        }

        for (length, fits) in [(VALUE, true), (VALUE + 1, false)] {
            let content = vec![b'x'; length];
            std::fs::write(file.path(), &content).unwrap();
            for (text, source) in [(&*path, &*name), ("@-", "standard input")] {
                let mut stdin = &content[..];
                let mut context =
                    Context { env: &|_| None, stdin: &mut stdin, stdin_is_terminal: false, ask: None };
                match Expander::new(&mut context).secret("--bearer", text) {
                    Ok(value) => assert!(fits && value.len() == length, "{source} {length}"),
                    Err(fault) => {
                        assert!(!fits && fault.exit == Exit::ReadError, "{fault}");
                        let said = format!(
                            "cannot read {source} for --bearer: it holds more than the 1048576 bytes"
                        );
                        assert!(fault.cause.starts_with(&said), "{fault}");
                        assert!(fault.hint.unwrap().contains("the value of --bearer"));
                    }
                }
            }
        }
    }

    #[test]
    fn devices_without_an_end_are_refused_by_name() {
        for device in ["/dev/zero", "/dev/urandom"] {
            let fault = expand(&format!("@{device}"), b"").unwrap_err();
            assert_eq!(fault.exit, Exit::ReadError);
            assert_eq!(
                fault.cause,
                format!("cannot read {device} for --send: it is a device without an end")
            );
            assert!(fault.hint.unwrap().contains(&format!("head -c 1000 {device} | wsio … --send @-")));
            assert_eq!(script(Path::new(device)).unwrap_err(), "it is a device without an end");
        }
        assert_eq!(expand("@/dev/null", b""), Ok(Vec::new()));
    }
}
