//! The prompt: a person at a terminal as the far end of a link.
//!
//! Three threads and no task: the *editor* waits for keys and makes messages of lines, the *screen* lays
//! out what comes, the *poker* makes the editor redraw. They meet at the `PromptScreen`, which knows who
//! has the terminal. What a line means (`command`), how a message looks (`view`, `json`, `paint`) and what is
//! remembered (`history`, `talk`) are plain functions and data.
//!
//! A server's prompt talks with many: each line goes to all of them, and each message has its client's
//! number before its mark. It is laid out where the client is known, and shown as it comes.
//!
//! A pasted text arrives as one line with line breaks in it: it can be edited, and Enter sends it as one
//! message. What was sent is not printed again: it stands where it was typed.

mod command;
mod editor;
mod history;
mod input_loop;
mod json;
mod modes;
mod paint;
mod prompt_screen;
mod talk;
mod view;

pub use input_loop::commands;

use editor::Editor;
use history::History;
use input_loop::InputLoop;
use modes::Modes;
use paint::Paint;
use prompt_screen::PromptScreen;
use talk::Talk;
use view::View;

use crate::{
    framing::Kind,
    link::{self, OpenPrompt, Patient},
    plan::{Color, Look},
    session::CloseWith,
};
use signal_hook::{consts::SIGINT, flag, low_level};
use std::{
    fs::File,
    io::{self, Write},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio_tungstenite::tungstenite::Message;

/// Time that the editor has to leave before the terminal is taken from it.
const LEAVING: Duration = Duration::from_secs(1);

/// Terminals that lines cannot be edited on.
const PLAIN: &[&str] = &["", "dumb", "cons25", "emacs"];

/// Standard input and output, both of them terminals.
pub struct Terminal {
    /// Standard input.
    pub input: File,
    /// Standard output.
    pub output: File,
}

/// Settings of a prompt, beside its terminal.
#[derive(Clone)]
pub struct PromptSetup {
    /// Colours, laid-out JSON, and the history.
    pub look: Look,
    /// Control characters of the peer reach the terminal.
    pub raw: bool,
    /// Message type of a typed line.
    pub kind: Kind,
    /// Bound on one message, bytes.
    pub max_message: usize,
    /// Greet when the connection is open.
    pub greet: bool,
    /// It is a server's, which talks with many and stays when one of them leaves.
    pub many: bool,
    /// Code and reason of a close that names none.
    pub close: CloseWith,
    /// Looks a variable of the environment up.
    pub env: fn(&str) -> Option<String>,
}

/// A terminal that is or may become a prompt; dropping it leaves the terminal as it was found.
pub struct TerminalPrompt {
    screen: Arc<PromptScreen>,
    setup: PromptSetup,
}

impl TerminalPrompt {
    /// A terminal that can be a prompt; `None` when it cannot, or when it belongs to another job.
    pub fn new(terminal: Terminal, setup: PromptSetup, errors: &Above) -> Option<Self> {
        let term = (setup.env)("TERM").unwrap_or_default();
        let modes = Modes::find(terminal.input).ok()?;
        if PLAIN.contains(&term.as_str()) || !modes.is_in_foreground() {
            return None;
        }
        let screen = Arc::new(PromptScreen::new(Box::new(Patient::new(terminal.output)), modes));
        let _ = errors.0.set(Arc::clone(&screen));
        Some(Self { screen, setup })
    }

    /// The function that starts the prompt, once the connection is open.
    pub fn opener(&self) -> OpenPrompt {
        let (screen, setup) = (Arc::clone(&self.screen), self.setup.clone());
        Box::new(move |greeting| open(screen, setup, greeting).ok())
    }

    /// Gives the terminal back, within that time.
    pub fn finish(&self, within: Duration) {
        self.screen.end(within);
    }
}

impl Drop for TerminalPrompt {
    fn drop(&mut self) {
        self.finish(LEAVING);
    }
}

fn open(screen: Arc<PromptScreen>, setup: PromptSetup, greeting: &str) -> io::Result<link::Prompt> {
    let paint = Paint::new(match setup.look.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => (setup.env)("NO_COLOR").is_none_or(|value| value.is_empty()),
    });
    let view = View { paint, pretty: setup.look.pretty, raw: setup.raw, conn: None };
    let history = if setup.look.history { History::of(setup.env) } else { None };
    let (lines, unreadable) = match history.as_ref().map(History::load) {
        Some(Ok(lines)) => (lines, None),
        Some(Err(error)) => (Vec::new(), Some(error)),
        None => (Vec::new(), None),
    };
    let [pokes, inputs, shows] = link::hire()?;
    let editor = Editor::new(&screen, view, history::MOST, lines, pokes)?;
    if setup.greet {
        let keys = if setup.many { "Ctrl-C ends the server" } else { "Ctrl-D closes" };
        let greeting = format!("{greeting}  {keys}, /help lists commands");
        screen.show(&view.aside(&greeting))?;
    }
    if let Some(error) = unreadable {
        screen.show(&view.error(&format!("the history cannot be read: {error}")))?;
    }
    let talk = Arc::new(Talk::new(Instant::now()));
    let (mut link, ends) = link::Prompt::new();
    if setup.many {
        let (screen, talk) = (Arc::clone(&screen), Arc::clone(&talk));
        link = link.of_many(Arc::new(move |conn, message| {
            let columns = screen.modes().columns();
            let lines = view.of(conn).received(message, &talk, columns, Instant::now());
            (!lines.is_empty()).then(|| Message::text(lines))
        }));
    }
    let input = InputLoop {
        typed: ends.typed,
        screen: Arc::clone(&screen),
        talk: Arc::clone(&talk),
        view,
        history,
        kind: setup.kind,
        max_message: setup.max_message,
        many: setup.many,
        close: setup.close,
        home: (setup.env)("HOME"),
    };
    inputs.run(move || input.run(editor));
    shows.run(move || {
        let mut result = Ok(());
        while result.is_ok() {
            let batch = ends.shown.wait_pop(64);
            if batch.is_empty() {
                break;
            }
            let columns = screen.modes().columns();
            let laid_out = |message: &Message| match setup.many {
                true => message.to_text().unwrap_or_default().to_owned(),
                false => view.received(message, &talk, columns, Instant::now()),
            };
            let lines: String = batch.iter().map(laid_out).collect();
            screen.wait_for_room();
            result = screen.show(&lines);
        }
        screen.end(LEAVING);
        let _ = ends.done.send(result);
    });
    Ok(link)
}

/// Takes lines for standard error above the line being typed, while a prompt has the terminal.
#[derive(Clone, Default)]
pub struct Above(Arc<OnceLock<Arc<PromptScreen>>>);

impl Above {
    /// The same lines to `errors` whenever there is no prompt.
    pub fn or(&self, errors: Box<dyn Write + Send>) -> Box<dyn Write + Send> {
        Box::new(ErrorsAbove { above: self.clone(), errors, line: Vec::new() })
    }
}

struct ErrorsAbove {
    above: Above,
    errors: Box<dyn Write + Send>,
    /// The beginning of a line.
    line: Vec<u8>,
}

impl Write for ErrorsAbove {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.line.is_empty() && self.above.0.get().is_none() {
            return self.errors.write(bytes);
        }
        self.line.extend_from_slice(bytes);
        let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') else { return Ok(bytes.len()) };
        let lines: Vec<u8> = self.line.drain(..=end).collect();
        let shown = match self.above.0.get() {
            Some(screen) => screen.show_above(&String::from_utf8_lossy(&lines)),
            None => false,
        };
        if !shown {
            self.errors.write_all(&lines)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.errors.flush()
    }
}

/// Asks whoever sits at the terminal for a secret.
///
/// Ctrl-C ends the process as it does everywhere, but only once the terminal is as it was: what reads
/// the answer raises the signal before it gives the modes back.
///
/// # Errors
/// There is no terminal, or it cannot be read.
pub fn ask(prompt: &str) -> io::Result<String> {
    let pressed = Arc::new(AtomicBool::new(false));
    let handler = flag::register(SIGINT, Arc::clone(&pressed))?;
    let answer = rpassword::prompt_password(prompt);
    low_level::unregister(handler);
    if pressed.load(Ordering::SeqCst) {
        low_level::emulate_default_handler(SIGINT)?;
    }
    answer
}
