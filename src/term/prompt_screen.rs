//! The text above the line being typed, and how it gets there.
//!
//! The editor alone may write while it has the terminal, so a text waits here until the editor redraws
//! its line: [`PromptScreen::redraw`] gives it what waits, which it puts in front of its prompt. It is poked by
//! its external printer, with a text that moves nothing. That a text is handed over by the redraw, and
//! not by the poke, makes it shown exactly once and in order, whatever the editor is doing meanwhile.
//! While the editor does not have the terminal, texts are written at once.
//!
//! An editor that waits for keys cannot be told to return. When the session is over it leaves by an
//! unwinding from its next redraw, which is no panic: it runs the editor's own clean-up and nothing else.

use super::modes::Modes;
use std::{
    io::{self, Write},
    panic::resume_unwind,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Up and down again: all that matters is that the editor redraws.
pub(super) const POKE: &str = "\x1b[A\n";
/// No paste is bracketed any more, no update is held back.
const CALM: &str = "\x1b[?2004l\x1b[?2026l";
/// Texts that may wait for a redraw. Bytes.
const WAITING: usize = 64 * 1024;

/// Lines above the line being typed.
pub(super) struct PromptScreen {
    state: Mutex<ScreenState>,
    changed: Condvar,
    modes: Modes,
}

struct ScreenState {
    output: Box<dyn Write + Send>,
    failed: Option<io::Error>,
    editor: EditorState,
    waiting: String,
    poke: bool,
    ending: bool,
    /// The line being typed, as it was drawn last.
    typed: String,
}

/// Holder of the terminal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EditorState {
    /// The editor, between two lines.
    Between,
    /// The editor, waiting for keys.
    Waiting,
    /// Nobody.
    Gone,
}

/// Payload of the unwinding by which the editor leaves.
pub(super) struct EditorLeft;

impl PromptScreen {
    pub(super) fn new(output: Box<dyn Write + Send>, modes: Modes) -> Self {
        let state = ScreenState {
            output,
            failed: None,
            editor: EditorState::Gone,
            waiting: String::new(),
            poke: false,
            ending: false,
            typed: String::new(),
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), modes }
    }

    pub(super) fn modes(&self) -> &Modes {
        &self.modes
    }

    /// Shows whole lines.
    ///
    /// # Errors
    /// When the terminal cannot be written to; from the editor it comes with a later text.
    pub(super) fn show(&self, lines: &str) -> io::Result<()> {
        let mut state = self.lock();
        match state.editor {
            EditorState::Gone => state.write(lines),
            _ => {
                state.waiting.push_str(lines);
                state.poke = true;
            }
        }
        self.changed.notify_all();
        state.failed.take().map_or(Ok(()), Err)
    }

    /// Shows whole lines if the editor has the terminal; otherwise they can be written anywhere.
    pub(super) fn show_above(&self, lines: &str) -> bool {
        let mut state = self.lock();
        if state.editor == EditorState::Gone {
            return false;
        }
        state.waiting.push_str(lines);
        state.poke = true;
        self.changed.notify_all();
        true
    }

    /// Waits until the editor keeps up.
    pub(super) fn wait_for_room(&self) {
        let full = |state: &mut ScreenState| {
            state.waiting.len() > WAITING && state.editor != EditorState::Gone && !state.ending
        };
        drop(self.changed.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner));
    }

    /// The editor takes the terminal; it has not drawn anything yet.
    pub(super) fn editor_between_lines(&self) {
        let mut state = self.lock();
        state.editor = EditorState::Between;
        state.typed.clear();
    }

    /// Gives the text that the editor writes in front of its line; unwinds when the session is over.
    pub(super) fn redraw(&self) -> String {
        let mut state = self.lock();
        let over = state.ending && state.waiting.is_empty() || state.editor == EditorState::Gone;
        if over {
            drop(state);
            resume_unwind(Box::new(EditorLeft));
        }
        state.editor = EditorState::Waiting;
        // One more redraw to leave by.
        state.poke = state.ending;
        self.changed.notify_all();
        std::mem::take(&mut state.waiting)
    }

    /// Takes note of the line as it is drawn.
    pub(super) fn drawn(&self, line: &str) {
        let mut state = self.lock();
        line.clone_into(&mut state.typed);
    }

    /// True when the line is empty.
    pub(super) fn is_nothing_typed(&self) -> bool {
        self.lock().typed.is_empty()
    }

    /// Waits until the editor has to redraw; false when it never has to again.
    pub(super) fn wait_for_poke(&self) -> bool {
        let idle = |state: &mut ScreenState| {
            state.editor != EditorState::Gone && !(state.poke && state.editor == EditorState::Waiting)
        };
        let mut state = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        state.poke = false;
        state.editor != EditorState::Gone
    }

    /// The editor has left by itself, below its last line.
    pub(super) fn editor_left(&self) {
        self.release("");
    }

    /// The editor was made to leave; what was being typed stays readable, marked by `unsent`.
    pub(super) fn editor_was_ended(&self, unsent: impl FnOnce(&str) -> String) {
        let typed = std::mem::take(&mut self.lock().typed);
        let typed = if typed.is_empty() { typed } else { unsent(&typed) };
        self.release(&format!("\r\x1b[J{typed}"));
    }

    fn release(&self, last: &str) {
        let mut state = self.lock();
        if state.editor == EditorState::Gone {
            return;
        }
        state.editor = EditorState::Gone;
        self.modes.restore();
        let lines = format!("{CALM}{}{}", last, std::mem::take(&mut state.waiting));
        state.write(&lines);
        self.changed.notify_all();
    }

    /// Makes the editor leave and gives the terminal back, within that time.
    pub(super) fn end(&self, within: Duration) {
        let until = Instant::now() + within;
        let mut state = self.lock();
        state.ending = true;
        state.poke = true;
        self.changed.notify_all();
        while state.editor != EditorState::Gone {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // It waits for the rest of a key or of a search: nothing but a key would wake it.
                state.editor = EditorState::Gone;
                let lines = format!("\r\n\x1b[J{CALM}{}", std::mem::take(&mut state.waiting));
                state.write(&lines);
                self.changed.notify_all();
                break;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        self.modes.restore();
    }

    fn lock(&self) -> MutexGuard<'_, ScreenState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ScreenState {
    fn write(&mut self, text: &str) {
        if let Err(error) = self.output.write_all(text.as_bytes()).and_then(|()| self.output.flush()) {
            self.failed.get_or_insert(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs::File,
        os::fd::AsFd,
        panic::{AssertUnwindSafe, catch_unwind},
        sync::Arc,
        thread,
    };

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<String>>);

    impl Written {
        fn text(&self) -> String {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn screen() -> (Arc<PromptScreen>, Written) {
        let (_pty, pts) = pty_process::blocking::open().unwrap();
        let modes = Modes::find(File::from(pts.as_fd().try_clone_to_owned().unwrap())).unwrap();
        let written = Written::default();
        (Arc::new(PromptScreen::new(Box::new(written.clone()), modes)), written)
    }

    /// What the editor puts above its line; `None` when it leaves.
    fn redrawn(screen: &PromptScreen) -> Option<String> {
        catch_unwind(AssertUnwindSafe(|| screen.redraw()))
            .map_err(|left| assert!(left.is::<EditorLeft>()))
            .ok()
    }

    #[test]
    fn without_an_editor_texts_are_written_at_once() {
        let (screen, written) = screen();
        screen.show("a\n").unwrap();
        assert_eq!((written.text().as_str(), screen.show_above("b\n")), ("a\n", false));
    }

    #[test]
    fn the_editor_shows_each_text_once_and_in_order() {
        let (screen, written) = screen();
        screen.editor_between_lines();
        screen.show("a\n").unwrap();
        assert!(screen.show_above("b\n"));
        assert_eq!(redrawn(&screen).as_deref(), Some("a\nb\n"));
        screen.show("c\n").unwrap();
        assert!(screen.wait_for_poke());
        assert_eq!(redrawn(&screen).as_deref(), Some("c\n"));
        assert_eq!(redrawn(&screen).as_deref(), Some(""));
        // Typed ahead, then between two lines, then gone: what waits is written last.
        screen.show("d\n").unwrap();
        screen.editor_between_lines();
        screen.show("e\n").unwrap();
        assert_eq!(written.text(), "");
        screen.editor_left();
        assert_eq!(written.text(), format!("{CALM}d\ne\n"));
        assert!(!screen.wait_for_poke());
        screen.show("f\n").unwrap();
        assert_eq!(written.text(), "f\n");
    }

    #[test]
    fn at_the_end_the_editor_shows_what_waits_and_leaves() {
        let (screen, written) = screen();
        screen.editor_between_lines();
        redrawn(&screen).unwrap();
        screen.drawn("half a line");
        screen.show("last\n").unwrap();
        let editor = {
            let screen = Arc::clone(&screen);
            thread::spawn(move || {
                let mut shown = String::new();
                while screen.wait_for_poke() {
                    match redrawn(&screen) {
                        Some(text) => shown.push_str(&text),
                        None => screen.editor_was_ended(|typed| format!("[{typed}]\n")),
                    }
                }
                shown
            })
        };
        screen.end(Duration::from_secs(30));
        assert_eq!(editor.join().unwrap(), "last\n");
        assert_eq!(written.text(), format!("{CALM}\r\x1b[J[half a line]\n"));
    }

    #[test]
    fn an_editor_that_does_not_redraw_loses_the_terminal() {
        let (screen, written) = screen();
        screen.editor_between_lines();
        redrawn(&screen).unwrap();
        screen.show("last\n").unwrap();
        screen.end(Duration::from_millis(20));
        assert_eq!(written.text(), format!("\r\n\x1b[J{CALM}last\n"));
        // A key wakes it after all.
        assert_eq!(redrawn(&screen), None);
        screen.editor_was_ended(|_| unreachable!("it was not there to be ended"));
        assert_eq!(written.text(), "");
    }

    #[test]
    fn whoever_shows_more_than_the_editor_takes_waits() {
        let (screen, _screen) = screen();
        screen.editor_between_lines();
        screen.show(&"x".repeat(WAITING + 1)).unwrap();
        let waiting = {
            let screen = Arc::clone(&screen);
            thread::spawn(move || screen.wait_for_room())
        };
        thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished());
        redrawn(&screen).unwrap();
        waiting.join().unwrap();
    }
}
