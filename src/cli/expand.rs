//! Values that stand elsewhere: `@FILE`, `@-`, `@env:NAME`, and `@@` for a plain `@`.
//!
//! Every option that may carry a secret or a message is read through [`Expander`], so that no
//! secret has to stand on the command line, where every user of the machine can read it.

use super::Context;
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    net,
};

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

    /// The bytes of a message, exactly as they stand in the file.
    pub(super) fn bytes(&mut self, option: &'static str, text: &str) -> Result<Vec<u8>> {
        match text.strip_prefix('@') {
            None => Ok(text.as_bytes().to_vec()),
            Some(literal) if literal.starts_with('@') => Ok(literal.as_bytes().to_vec()),
            Some("-") => self.stdin(option),
            Some("") => Err(usage(format!("{option} @ names no file"))
                .hint(format!("write {option} @FILE, @-, @env:NAME, or @@ for a plain @"))),
            Some(source) => match source.strip_prefix("env:") {
                Some(name) => self.env(option, name),
                None => std::fs::read(source).map_err(|error| {
                    unreadable(format!("cannot read {source} for {option}: {}", net::words(&error)))
                        .hint(format!("check the name; {option} '@@{source}' is the text @{source} itself"))
                }),
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
        String::from_utf8(self.bytes(option, text)?)
            .map_err(|_| usage(format!("the value of {option} is not UTF-8")))
    }

    /// A variable of the environment.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.context.env)(name)
    }

    /// What whoever sits there answers, unseen; `None` when nobody does.
    pub(super) fn ask(&self, prompt: &str) -> Result<Option<String>> {
        let Some(ask) = self.context.ask else { return Ok(None) };
        ask(prompt).map(Some).map_err(|error| unreadable(format!("cannot read the answer: {error}")))
    }

    /// Whether this option had standard input, which is at its end then.
    pub(super) fn gave_input_to(&self, option: &str) -> bool {
        self.stdin_taken_by == Some(option)
    }

    fn env(&self, option: &str, name: &str) -> Result<Vec<u8>> {
        match (self.context.env)(name) {
            Some(value) => Ok(value.into_bytes()),
            None => Err(usage(format!("{option}: the environment has no {name}"))
                .hint(format!("export {name}, or read the value from a file with {option} @FILE"))),
        }
    }

    fn stdin(&mut self, option: &'static str) -> Result<Vec<u8>> {
        if let Some(first) = self.stdin_taken_by.replace(option) {
            return Err(usage(format!("{option} @-: standard input was already read for {first}"))
                .hint(format!("read one of the two from a file with {option} @FILE")));
        }
        let mut bytes = Vec::new();
        match self.context.stdin.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(unreadable(format!("cannot read standard input for {option}: {error}"))),
        }
    }
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
        Expander::new(&mut context).bytes("--send", text)
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
    fn one_line_values_hold_one_line() {
        let mut stdin: &[u8] = b"a\nb\n";
        let mut context = Context { env: &|_| None, stdin: &mut stdin, stdin_is_terminal: false, ask: None };
        assert_eq!(Expander::new(&mut context).line("--origin", "@-").unwrap_err().exit, Exit::Usage);
    }
}
