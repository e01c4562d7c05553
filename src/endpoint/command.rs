//! `exec:` and `sh:`: a child process, its standard input and output as the byte stream.
//!
//! There is no shell unless the user writes `sh:`, and nothing a client sends ever becomes part of a
//! command line: what a child may know of its client stands in the environment.

use super::{ClientInfo, Endpoint, Flags, Kind, OpenContext, Opened, OpenedLink, Opening, Opens, Scheme};
use crate::{
    child::{self, Child, Errors, Recipe},
    exit::Exit,
    fault::{Fault, Result},
    link::{Channel, Link, Port, Texts},
    observe::Reporter,
    os_error, os_text,
    session::SourceEnd,
};
use std::ffi::OsString;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes of one line of a child's standard error.
const LONGEST_LINE: usize = 8 * 1024;

pub(super) const EXEC: Scheme = Scheme {
    name: "exec",
    form: "exec:PROGRAM ARG…",
    example: "exec:sort -r",
    summary: "child process, started without a shell",
    kind: Kind::Command,
    flags: Flags { path: true, ..Flags::NONE },
    a: false,
    b: true,
    parse: |text| {
        let words =
            shell_words::split(text).map_err(|error| malformed(&format!("`exec:{text}`: {error}")))?;
        if words.is_empty() {
            return Err(malformed("`exec:` lacks a program"));
        }
        Ok(command(words.iter().map(|word| os_text::os(word)).collect()))
    },
};

pub(super) const SH: Scheme = Scheme {
    name: "sh",
    form: "sh:COMMAND",
    example: "sh:sort | uniq -c",
    summary: "child process, through /bin/sh",
    kind: Kind::Command,
    flags: Flags { path: true, ..Flags::NONE },
    a: false,
    b: true,
    parse: |text| {
        if text.trim().is_empty() {
            return Err(malformed("`sh:` lacks a command"));
        }
        let words = ["/bin/sh", "-c", text].map(os_text::os);
        Ok(Box::new(Command { words: words.into(), shell: Some(text.to_owned()) }))
    },
};

/// A program and its arguments as an endpoint.
pub fn command(words: Vec<OsString>) -> Box<dyn Endpoint> {
    Box::new(Command { words, shell: None })
}

fn malformed(cause: &str) -> Fault {
    Fault::new(Exit::Malformed, "endpoint", cause)
}

struct Command {
    words: Vec<OsString>,
    /// Command line for `/bin/sh`, as it was written.
    shell: Option<String>,
}

impl Command {
    fn name(&self) -> String {
        self.shell.clone().unwrap_or_else(|| self.words[0].to_string_lossy().into_owned())
    }

    fn missing(&self, error: &std::io::Error) -> Fault {
        if os_error::cannot_start(error) {
            let cause = format!("cannot start `{}`: no more processes or descriptors: {error}", self.name());
            return Fault::new(Exit::Command, "command", cause)
                .hint("raise the limit on processes and open files (ulimit -u, ulimit -n)")
                .exhausted(true);
        }
        let cause = format!("cannot start `{}`: {}", self.name(), os_error::words(error));
        Fault::new(Exit::Command, "command", cause)
            .hint("check the program's name and that it may be executed")
    }

    fn start(&self, context: &OpenContext, client: Option<&ClientInfo>) -> std::io::Result<Box<dyn Link>> {
        let (mut env, mut unset) =
            client.map_or_else(|| (Vec::new(), ClientInfo::NAMES.to_vec()), ClientInfo::variables);
        let terminal = context.common.pty.then(|| context.framings.manner());
        if let Some(manner) = terminal {
            env.push(("TERM", manner.term().to_owned()));
            // They describe our own terminal.
            unset.extend(["COLUMNS", "LINES"]);
        }
        let errors = match (context.common.errors_to_client, client) {
            (true, _) => Errors::Output,
            (false, Some(_)) => Errors::Read,
            (false, None) => Errors::Inherit,
        };
        let mut child = Child::spawn(&Recipe {
            words: self.words.clone(),
            env,
            unset,
            errors,
            terminal,
            hangup: context.common.hangup,
        })?;
        if let (Some(stderr), Some(client)) = (child.take_errors(), client) {
            tokio::spawn(tell(stderr, client.conn, context.reporter.clone()));
        }
        let texts = Texts { input: format!("`{}`", self.name()), output: format!("`{}`", self.name()) };
        let words = shell_words::join(self.words.iter().map(|word| word.to_string_lossy()));
        Ok(context.child(Port::Child(Box::new(child)), texts, &words))
    }
}

impl Endpoint for Command {
    fn describe(&self) -> String {
        match &self.shell {
            Some(text) => format!("sh:{text}"),
            None => {
                format!("exec:{}", shell_words::join(self.words.iter().map(|word| word.to_string_lossy())))
            }
        }
    }

    fn is_command(&self) -> bool {
        true
    }

    fn prepare<'a>(&'a self, _: &'a OpenContext) -> Opens<'a, Result<()>> {
        // The programs that a line of shell will start are known to the shell alone.
        let found = match &self.shell {
            Some(_) => Ok(()),
            None => child::find(&self.words[0], std::env::var_os("PATH")),
        };
        Box::pin(std::future::ready(found.map_err(|error| self.missing(&error))))
    }

    fn open<'a>(&'a self, context: &'a OpenContext, opening: Opening) -> Opens<'a, Result<Opened>> {
        Box::pin(async move {
            // A client learns by Close 1011 what went wrong: a refused upgrade would tell a page nothing.
            let link = match self.start(context, opening.client.as_ref()) {
                Ok(link) => link,
                Err(error) if opening.client.is_some() && os_error::cannot_start(&error) => {
                    return Err(self.missing(&error));
                }
                Err(error) => {
                    let fault = self.missing(&error);
                    Box::new(Channel::ended(SourceEnd::Exited {
                        fault,
                        reason: "cannot start the program".into(),
                    }))
                }
            };
            Ok(OpenedLink::new(link, self.describe()).into())
        })
    }
}

/// Passes a child's standard error on to ours, a line at a time, with the number of its connection.
async fn tell(mut stderr: impl AsyncRead + Unpin, conn: u64, reporter: Reporter) {
    let (mut line, mut chunk) = (Vec::new(), vec![0; LONGEST_LINE]);
    let say = |line: &[u8]| reporter.child(conn, &String::from_utf8_lossy(line));
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        for part in chunk[..count].split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part.strip_suffix(b"\n").unwrap_or(part));
            if part.ends_with(b"\n") || line.len() >= LONGEST_LINE {
                say(&line);
                line.clear();
            }
        }
    }
    if !line.is_empty() {
        say(&line);
    }
}
