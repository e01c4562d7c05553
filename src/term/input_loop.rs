//! The editor's thread, which turns lines into messages.

use super::{
    command::{self, COMMANDS, PromptCommand, TypedLine},
    editor::{Editor, Typed},
    history::History,
    prompt_screen::PromptScreen,
    talk::Talk,
    view::View,
};
use crate::{
    exit::Exit,
    fault::Fault,
    framing::Kind,
    link::Queue,
    os_text,
    session::{CloseWith, SourceEnd},
};
use bytes::Bytes;
use rustix::process::{Signal, getpid, kill_process};
use std::{
    fs::File,
    io::Read,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
    time::Instant,
};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes, protocol::CloseFrame};

/// State of the editor's thread.
pub(super) struct InputLoop {
    /// Takes what is sent.
    pub typed: Queue,
    pub screen: Arc<PromptScreen>,
    pub talk: Arc<Talk>,
    pub view: View,
    pub history: Option<History>,
    /// Message type of a line.
    pub kind: Kind,
    /// Bytes.
    pub max_message: usize,
    /// It is a server's: what is typed goes to all of its clients.
    pub many: bool,
    /// Code and reason of a close that names none.
    pub close: CloseWith,
    pub home: Option<String>,
}

impl InputLoop {
    /// Works until the person leaves or the session ends.
    pub(super) fn run(mut self, editor: Editor) {
        let typed = self.typed.clone();
        let end = catch_unwind(AssertUnwindSafe(|| self.converse(editor)));
        typed.finish(end.unwrap_or_else(|_| {
            SourceEnd::Failed(Fault::new(Exit::Internal, "session", "internal fault: a bug in wsio"))
        }));
    }

    fn converse(&mut self, mut editor: Editor) -> SourceEnd {
        let mut interrupted = false;
        loop {
            let typed = match editor.next() {
                Ok(typed) => typed,
                Err(error) => {
                    let cause = format!("cannot read the terminal: {error}");
                    return SourceEnd::Failed(Fault::new(Exit::ReadError, "session", cause));
                }
            };
            match typed {
                // To a server it is what it is without a prompt.
                Typed::Interrupt { empty: true } if self.many => self.end_server(Signal::INT),
                Typed::Interrupt { .. } if self.many => {}
                Typed::Interrupt { empty: true } if interrupted => {
                    return SourceEnd::Refused(Fault::new(Exit::Interrupt, "session", "ended by Ctrl-C"));
                }
                Typed::Interrupt { .. } => self.aside("press Ctrl-C again to close"),
                Typed::Garbage => self.error("that was not UTF-8: nothing was sent"),
                Typed::End => {
                    if self.many {
                        self.aside("the input has ended: the server and its clients stay, Ctrl-C ends them");
                    }
                    return hangup();
                }
                Typed::SessionEnded => return SourceEnd::Absent,
                Typed::Line(ref line) => match self.take(line) {
                    Ok(None) => self.remember(&mut editor, line),
                    Ok(Some(end)) => {
                        self.remember(&mut editor, line);
                        return end;
                    }
                    Err(cause) => {
                        self.remember(&mut editor, line);
                        self.error(&cause);
                    }
                },
            }
            interrupted = matches!(typed, Typed::Interrupt { .. });
        }
    }

    /// Does what a line asks for; gives how it ended when it asks for an end.
    fn take(&self, line: &str) -> Result<Option<SourceEnd>, String> {
        // The end of the last line of a paste, which whoever copied whole lines has copied too.
        let line = line.strip_suffix('\n').unwrap_or(line);
        match command::parse(line.to_owned())? {
            TypedLine::Nothing => {}
            TypedLine::Text(text) => self.send(self.kind, text.into())?,
            TypedLine::Command(PromptCommand::Ping(payload)) => {
                self.push(Message::Ping(self.talk.pinged(payload, Instant::now())))?;
            }
            TypedLine::Command(PromptCommand::Pong(payload)) => self.push(Message::Pong(payload))?,
            TypedLine::Command(PromptCommand::Binary(bytes)) => self.send(Kind::Binary, bytes)?,
            TypedLine::Command(PromptCommand::File { path, text }) => {
                let bytes =
                    self.read(&path).map_err(|cause| format!("/file: {}: {cause}", path.display()))?;
                let length = bytes.len();
                self.send(if text { Kind::Text } else { Kind::Binary }, bytes)
                    .map_err(|cause| format!("/file: {}: {cause}", path.display()))?;
                self.aside(&format!("sent {length} bytes"));
            }
            TypedLine::Command(PromptCommand::Help) => self.aside(&help(self.many)),
            TypedLine::Command(PromptCommand::Quit) if self.many => self.end_server(Signal::TERM),
            TypedLine::Command(PromptCommand::Close(close)) if self.many => {
                self.push(Message::Close(frame(close.unwrap_or_else(|| self.close.clone()))))?;
            }
            TypedLine::Command(PromptCommand::Quit | PromptCommand::Close(None)) => {
                return Ok(Some(hangup()));
            }
            TypedLine::Command(PromptCommand::Close(Some(close))) => {
                return Ok(Some(SourceEnd::Asked { close, hangup: true }));
            }
        }
        Ok(None)
    }

    /// Ends a server as the signal does: its clients are closed within `--grace`.
    fn end_server(&self, signal: Signal) {
        if let Err(error) = kill_process(getpid(), signal) {
            self.error(&format!("the server cannot be ended: {error}"));
        }
    }

    fn send(&self, kind: Kind, payload: Bytes) -> Result<(), String> {
        if payload.len() > self.max_message {
            return Err(format!("longer than {} bytes (--max-message): not sent", self.max_message));
        }
        let message = match kind {
            Kind::Binary => Message::Binary(payload),
            Kind::Text => {
                Message::Text(Utf8Bytes::try_from(payload).map_err(|_| "not UTF-8: not sent".to_owned())?)
            }
        };
        self.push(message)?;
        self.talk.sent(Instant::now());
        Ok(())
    }

    fn push(&self, message: Message) -> Result<(), String> {
        if self.typed.is_finished() {
            return Err("the session is over: not sent".to_owned());
        }
        self.typed.push(message);
        Ok(())
    }

    fn read(&self, path: &Path) -> Result<Bytes, String> {
        let path = match (path.strip_prefix("~"), &self.home) {
            (Ok(rest), Some(home)) => os_text::path(home).join(rest),
            _ => path.to_owned(),
        };
        let plain = |error: std::io::Error| error.to_string();
        // Only a regular file is read: anything else could keep the prompt waiting for ever.
        if !path.metadata().map_err(plain)?.is_file() {
            return Err("not a file".to_owned());
        }
        let (mut bytes, most) = (Vec::new(), self.max_message as u64 + 1);
        File::open(path).map_err(plain)?.take(most).read_to_end(&mut bytes).map_err(plain)?;
        Ok(bytes.into())
    }

    fn remember(&mut self, editor: &mut Editor, line: &str) {
        if line.is_empty() || line.starts_with(' ') {
            return;
        }
        editor.remember(line);
        let Some(Err(error)) = self.history.as_ref().map(|history| history.append(line)) else { return };
        self.history = None;
        self.error(&format!("the history cannot be written: {error}"));
    }

    fn aside(&self, text: &str) {
        // A terminal that is gone is told by whoever shows what comes.
        let _ = self.screen.show(&self.view.aside(text));
    }

    fn error(&self, text: &str) {
        let _ = self.screen.show(&self.view.error(text));
    }
}

fn hangup() -> SourceEnd {
    SourceEnd::Eof { empty: false, hangup: true }
}

fn frame(close: CloseWith) -> Option<CloseFrame> {
    Some(CloseFrame { code: close.code?.into(), reason: close.reason.into() })
}

/// The commands and keys of the prompt with their summaries; those of a server's prompt where it talks with many.
pub fn commands(many: bool) -> Vec<(String, &'static str)> {
    let rows = COMMANDS.iter().map(|entry| {
        let summary = entry.serving.filter(|_| many).unwrap_or(entry.summary);
        (format!("/{} {}", entry.name, entry.form), summary)
    });
    let (interrupt, end) = match many {
        true => ("clear the line; on an empty one, end the server", "end the input: the server stays"),
        false => ("clear the line; twice closes with exit 130", "close and leave"),
    };
    let keys = [
        ("//TEXT", "send TEXT with one slash before it"),
        ("Enter", "send the line; Alt-Enter adds a line to it"),
        ("Ctrl-R", "search earlier lines (none that begin with a space)"),
        ("Ctrl-C", interrupt),
        ("Ctrl-D", end),
    ];
    rows.chain(keys.iter().map(|(key, summary)| ((*key).to_owned(), *summary))).collect()
}

fn help(many: bool) -> String {
    let rows = commands(many).into_iter();
    rows.map(|(left, right)| format!("{left:24}{right}")).collect::<Vec<_>>().join("\n")
}
