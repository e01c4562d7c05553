//! The line editor: keys to lines, until the person leaves or the session ends.
//!
//! rustyline lives only here. Everything that has to appear while a line is being typed goes through the
//! [`PromptScreen`], by way of the helper's prompt.

use super::{
    command::COMMANDS,
    paint::{Paint, TextRole},
    prompt_screen::{EditorLeft, POKE, PromptScreen},
    view::{SENT, View},
};
use crate::link::Worker;
use rustyline::{
    Cmd, CompletionType, ConditionalEventHandler, Config, Context, Editor as Rustyline, Event, EventContext,
    EventHandler, ExternalPrinter, Helper, KeyCode, KeyEvent, Modifiers, RepeatCount,
    completion::{Completer, FilenameCompleter, Pair},
    config::{BellStyle, ColorMode},
    error::ReadlineError,
    highlight::{CmdKind, Highlighter},
    hint::Hinter,
    history::MemHistory,
    validate::Validator,
};
use std::{
    borrow::Cow,
    io,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

/// Longest wait for the rest of a key after Escape. Milliseconds.
const ESCAPE: u16 = 50;

/// Action of the person at the prompt.
#[derive(Debug)]
pub(super) enum Typed {
    /// Enter.
    Line(String),
    /// Ctrl-C.
    Interrupt {
        /// There was nothing to clear.
        empty: bool,
    },
    /// Ctrl-D on an empty line, or the terminal is gone.
    End,
    /// Keys that are no text.
    Garbage,
    /// The session is over.
    SessionEnded,
}

/// The editor, which has the terminal from here on.
pub(super) struct Editor {
    rustyline: Rustyline<LineHelper, MemHistory>,
    screen: Arc<PromptScreen>,
    view: View,
}

impl Editor {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When it is not one that lines can be edited on.
    pub(super) fn new(
        screen: &Arc<PromptScreen>,
        view: View,
        most: usize,
        lines: Vec<String>,
        pokes: Worker,
    ) -> io::Result<Self> {
        let config = Config::builder()
            .max_history_size(most)
            .map_err(other)?
            .history_ignore_dups(true)
            .map_err(other)?
            .completion_type(CompletionType::List)
            // A second Tab would be waited for, and messages with it.
            .completion_show_all_if_ambiguous(true)
            .keyseq_timeout(Some(ESCAPE))
            .bell_style(BellStyle::None)
            // The helper decides on colours; without, it would not be asked.
            .color_mode(ColorMode::Forced)
            .build();
        let history = MemHistory::with_config(&config);
        let mut rustyline = Rustyline::with_history(config, history).map_err(other)?;
        for line in lines {
            rustyline.add_history_entry(line).map_err(other)?;
        }
        let (files, paint) = (FilenameCompleter::new(), view.paint);
        rustyline.set_helper(Some(LineHelper { screen: Arc::clone(screen), paint, files }));
        rustyline.bind_sequence(
            KeyEvent::ctrl('Z'),
            EventHandler::Conditional(Box::new(Suspend(Arc::clone(screen)))),
        );
        rustyline.bind_sequence(KeyEvent(KeyCode::Enter, Modifiers::ALT), Cmd::Newline);
        let mut printer = rustyline.create_external_printer().map_err(other)?;
        screen.modes().take()?;
        screen.editor_between_lines();
        // Started later than that: without an editor it would leave at once.
        let poked = Arc::clone(screen);
        pokes.run(move || while poked.wait_for_poke() && printer.print(POKE.to_owned()).is_ok() {});
        Ok(Self { rustyline, screen: Arc::clone(screen), view })
    }

    /// Waits for the next line.
    ///
    /// # Errors
    /// When the terminal cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Typed> {
        self.screen.editor_between_lines();
        let read = catch_unwind(AssertUnwindSafe(|| self.rustyline.readline(SENT)));
        match read {
            Ok(Ok(line)) => Ok(Typed::Line(line)),
            Ok(Err(ReadlineError::Interrupted)) => {
                Ok(Typed::Interrupt { empty: self.screen.is_nothing_typed() })
            }
            Ok(Err(ReadlineError::Eof)) => Ok(Typed::End),
            Ok(Err(ReadlineError::Io(error))) if error.kind() == io::ErrorKind::InvalidData => {
                Ok(Typed::Garbage)
            }
            Ok(Err(error)) => Err(other(error)),
            Err(unwinding) if unwinding.is::<EditorLeft>() => {
                self.screen.editor_was_ended(|typed| self.view.unsent(typed));
                Ok(Typed::SessionEnded)
            }
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Makes a line come back with the arrow keys.
    pub(super) fn remember(&mut self, line: &str) {
        let _ = self.rustyline.add_history_entry(line);
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        self.screen.editor_left();
    }
}

fn other(error: ReadlineError) -> io::Error {
    match error {
        ReadlineError::Io(error) => error,
        error => io::Error::other(error),
    }
}

/// The editor's callbacks while a line is typed.
struct LineHelper {
    screen: Arc<PromptScreen>,
    paint: Paint,
    files: FilenameCompleter,
}

impl Helper for LineHelper {}
impl Hinter for LineHelper {
    type Hint = String;
}
impl Validator for LineHelper {}

impl Highlighter for LineHelper {
    /// The one place where something can be put above the line.
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        let above = self.screen.redraw();
        Cow::Owned(format!("{above}{}", self.paint.paint(TextRole::Sent, prompt)))
    }

    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        self.screen.drawn(line);
        Cow::Borrowed(line)
    }

    fn highlight_char(&self, line: &str, _: usize, _: CmdKind) -> bool {
        self.screen.drawn(line);
        false
    }
}

impl Completer for LineHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..at];
        if before.starts_with("/file ") {
            return self.files.complete_path(line, at);
        }
        Ok((0, commands(before)))
    }
}

fn commands(before: &str) -> Vec<Pair> {
    let Some(start) = before.strip_prefix('/') else { return Vec::new() };
    let matching = COMMANDS.iter().filter(|entry| entry.name.starts_with(start));
    let pair = |name, form: &str| {
        let space = if form.is_empty() { "" } else { " " };
        Pair { display: format!("/{name}"), replacement: format!("/{name}{space}") }
    };
    matching.map(|entry| pair(entry.name, entry.form)).collect()
}

/// Ctrl-Z.
struct Suspend(Arc<PromptScreen>);

impl ConditionalEventHandler for Suspend {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext) -> Option<Cmd> {
        self.0.modes().suspend();
        Some(Cmd::Repaint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_completed() {
        let completed =
            |before| commands(before).into_iter().map(|pair| pair.replacement).collect::<Vec<_>>();
        assert_eq!(completed("/p"), ["/ping ", "/pong "]);
        assert_eq!(completed("/q"), ["/quit"]);
        assert_eq!(completed("/").len(), COMMANDS.len());
        assert!(completed("p").is_empty() && completed("//").is_empty() && completed("/ping x").is_empty());
    }
}
