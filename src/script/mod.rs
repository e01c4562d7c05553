//! Scripts: what a session looks like, so that it can be run again and judged.
//!
//! [`parse`](Script::parse) turns text into steps and knows nothing of sockets; [`Engine`] takes what
//! happens and the time, and gives what to send, until it is finished or has failed. Who carries the
//! messages is the link's business, so every construct and every order of events is tested as data.
//! `transcript` is the other way round: messages that passed, as a script that expects them again.

mod engine;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod lines;
mod parse;
mod pattern;
pub mod report;
mod template;
pub mod transcript;

#[cfg(test)]
mod tests;

pub use engine::{Case, CaseVerdict};
pub use engine::{Engine, Limits};
pub use parse::Loader;

use crate::session::CloseWith;
use bytes::Bytes;
use pattern::Pattern;
use std::{fmt, sync::Arc, time::Duration};
use template::Secrets;
use template::Template;

/// A control frame's payload (RFC 6455 section 5.5), bytes.
const LONGEST_CONTROL: usize = 125;

/// A script that was read and found well formed.
#[derive(Debug)]
pub struct Script {
    /// The name of its file as it was given; `stdin` for standard input.
    pub file: Arc<str>,
    pub(crate) steps: Vec<Step>,
    /// Names and values from the environment: they are shown by their names.
    pub(crate) secrets: Secrets,
}

/// One statement.
#[derive(Debug)]
pub(crate) struct Step {
    pub place: ScriptPlace,
    /// As it stands in the file, in one line, nothing filled in.
    pub title: String,
    pub action: StepAction,
}

/// A place in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptPlace {
    /// The file as the user wrote it, relative to where we were started.
    pub file: Arc<str>,
    /// From 1.
    pub line: usize,
}

impl fmt::Display for ScriptPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The action of a statement.
#[derive(Debug)]
pub(crate) enum StepAction {
    /// `> text`
    Text(Template),
    /// `>b BASE64`
    Binary(Bytes),
    /// `>ping [TEXT]`
    Ping(Template),
    /// `>pong [TEXT]`
    Pong(Template),
    /// `>close`; `None` closes as the session would.
    Close(Option<Closing>),
    /// `<`
    Expect(Expectation),
    /// `capture NAME`
    Capture { name: String, from: From },
    /// `sleep DURATION`
    Sleep(Duration),
}

/// `>close CODE [REASON]`; no code is `>close none`.
#[derive(Debug)]
pub(crate) struct Closing {
    pub code: Option<u16>,
    pub reason: Template,
}

/// The message that has to come next.
#[derive(Debug)]
pub(crate) struct Expectation {
    pub wanted: Pattern,
    /// Messages that may come before it.
    pub skipped: Vec<Pattern>,
    /// `Some(None)` is `within off`.
    pub within: Option<Option<Duration>>,
}

/// The part of a message that a capture takes.
#[derive(Debug)]
pub(crate) enum From {
    /// The payload as text.
    Whole,
    /// A value in its JSON.
    Pointer(String),
    /// The first group of a pattern, or all that it matched.
    Regex(regex::Regex),
}

/// Two are equal when they are one.
impl PartialEq for Script {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Script {}

impl Script {
    /// True when it neither sends nor expects anything.
    pub fn is_idle(&self) -> bool {
        self.steps.iter().all(|step| matches!(step.action, StepAction::Capture { .. } | StepAction::Sleep(_)))
    }
}

/// A Close with that code and reason, if it may be sent.
fn close_with(code: Option<u16>, reason: &str) -> Result<CloseWith, String> {
    CloseWith::new(code, reason).map_err(|cause| match code {
        Some(code) if !cause.starts_with("the reason") => format!("{code} {cause}"),
        _ => cause,
    })
}
