//! The bar of `--progress`, drawn by the thread that writes standard error.
//!
//! That thread alone writes there, so a line never lands in the bar: it is cleared, the line is written,
//! and it is drawn again below.

use super::Meter;
use indicatif::{BinaryBytes, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// From one look at the meter to the next; what is over sooner is not drawn.
pub(super) const FRAME: Duration = Duration::from_millis(100);

/// Columns from which on there is room for both directions.
const WIDE: u16 = 110;

/// Columns and lines of a terminal.
pub type TerminalSize = fn() -> (u16, u16);

/// Standard error and what is drawn on it.
pub(super) struct ProgressScreen<W> {
    to: Arc<Mutex<W>>,
    metered: Option<Metered>,
}

struct Metered {
    meter: Arc<Meter>,
    size: Option<TerminalSize>,
    bar: Option<ProgressBar>,
}

impl<W: Write + Send + 'static> ProgressScreen<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to: Arc::new(Mutex::new(to)), metered: None }
    }

    /// Follows a meter from now on; without a size there is no terminal to draw on.
    pub(super) fn follow(&mut self, meter: Arc<Meter>, size: Option<TerminalSize>) {
        self.metered = Some(Metered { meter, size, bar: None });
    }

    /// True while a transfer is shown, so that the bar has to be drawn anew in time.
    pub(super) fn is_live(&self) -> bool {
        self.metered.is_some()
    }

    /// Writes lines, above the bar.
    pub(super) fn write(&self, text: &str) {
        let write = || {
            let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = to.write_all(text.as_bytes());
            let _ = to.flush();
        };
        match self.metered.as_ref().and_then(|metered| metered.bar.as_ref()) {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Draws what has changed; when the transfer is over, its summary takes the bar's place.
    pub(super) fn refresh(&mut self) {
        let Some(metered) = &mut self.metered else { return };
        match metered.meter.summary() {
            Some(summary) => {
                self.clear();
                self.write(&format!("wsio: {summary}\n"));
            }
            None => metered.draw(&self.to),
        }
    }

    /// Takes the bar away for good.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.metered.take().and_then(|metered| metered.bar) {
            bar.finish_and_clear();
        }
    }
}

impl Metered {
    fn draw<W: Write + Send + 'static>(&mut self, to: &Arc<Mutex<W>>) {
        let (Some(size), Some(age)) = (self.size, self.meter.age()) else { return };
        if age < FRAME {
            return;
        }
        let ([sent, received], expected) = (self.meter.passed(), self.meter.expected());
        // The bar is about the direction whose length is known, if there is one.
        let (position, length, rest) = match expected {
            [Some(length), _] => (sent, Some(length), said("received", received)),
            [None, Some(length)] => (received, Some(length), said("sent", sent)),
            [None, None] => {
                let both = format!("sent {}, received {}", BinaryBytes(sent), BinaryBytes(received));
                (sent + received, None, both)
            }
        };
        // Below that a word more would leave no room for the bar.
        let rest = if length.is_some() && size().0 < WIDE { String::new() } else { rest };
        let bar = self.bar.get_or_insert_with(|| {
            let canvas = ProgressDrawTarget::term_like(Box::new(Canvas { to: Arc::clone(to), size }));
            let bar = ProgressBar::with_draw_target(length, canvas).with_elapsed(age);
            bar.set_style(style(length.is_some()));
            bar
        });
        bar.set_message(rest);
        bar.set_position(position);
        bar.tick();
    }
}

fn said(what: &str, bytes: u64) -> String {
    if bytes == 0 { String::new() } else { format!(", {what} {}", BinaryBytes(bytes)) }
}

fn style(known: bool) -> ProgressStyle {
    let template = match known {
        true => {
            "{elapsed} [{wide_bar}] {percent}% {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec}, {eta} left{msg}"
        }
        false => "{elapsed_precise} {msg}, {binary_bytes_per_sec}",
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// Standard error as indicatif wants a terminal.
struct Canvas<W> {
    to: Arc<Mutex<W>>,
    size: TerminalSize,
}

impl<W> fmt::Debug for Canvas<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard error")
    }
}

impl<W: Write> Canvas<W> {
    fn put(&self, text: &str) -> io::Result<()> {
        self.to.lock().unwrap_or_else(PoisonError::into_inner).write_all(text.as_bytes())
    }

    /// A control sequence (ECMA-48) that moves the cursor; moving by none would move by one.
    fn step(&self, count: usize, to: char) -> io::Result<()> {
        if count == 0 { Ok(()) } else { self.put(&format!("\x1b[{count}{to}")) }
    }
}

impl<W: Write + Send> TermLike for Canvas<W> {
    fn width(&self) -> u16 {
        // The terminal's echo of Ctrl-C has to fit too, or it takes the bar's line with it.
        (self.size)().0.saturating_sub(3)
    }

    fn height(&self) -> u16 {
        (self.size)().1
    }

    fn move_cursor_up(&self, count: usize) -> io::Result<()> {
        self.step(count, 'A')
    }

    fn move_cursor_down(&self, count: usize) -> io::Result<()> {
        self.step(count, 'B')
    }

    fn move_cursor_right(&self, count: usize) -> io::Result<()> {
        self.step(count, 'C')
    }

    fn move_cursor_left(&self, count: usize) -> io::Result<()> {
        self.step(count, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.put(&format!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.put(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.put("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        self.to.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a terminal shows after these bytes: enough of one for lines that are cleared and rewritten.
    fn shown(bytes: &[u8]) -> Vec<String> {
        let (mut lines, mut row) = (vec![String::new()], 0);
        let mut rest = std::str::from_utf8(bytes).unwrap();
        while let Some(next) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("\r\x1b[2K") {
                lines[row].clear();
                rest = after;
                continue;
            }
            assert_ne!(next, '\x1b', "an unknown sequence: {rest:?}");
            match next {
                '\n' => row += 1,
                '\r' => {}
                other => lines[row].push(other),
            }
            lines.resize(lines.len().max(row + 1), String::new());
            rest = &rest[next.len_utf8()..];
        }
        lines
    }

    fn begun(size: Option<TerminalSize>) -> (ProgressScreen<Vec<u8>>, Arc<Meter>) {
        let meter = Arc::new(Meter::new(None, false));
        meter.expect(0, 200);
        meter.begin(0, false);
        let mut screen = ProgressScreen::new(Vec::new());
        screen.follow(Arc::clone(&meter), size);
        std::thread::sleep(FRAME);
        meter.pass(0, 100);
        screen.refresh();
        (screen, meter)
    }

    #[test]
    fn lines_go_above_the_bar_and_the_summary_takes_its_place() {
        let (mut screen, meter) = begun(Some(|| (80, 24)));
        let now = |screen: &ProgressScreen<Vec<u8>>| shown(&screen.to.lock().unwrap());
        assert!(now(&screen)[0].contains("50% 100 B/200 B "), "{:?}", now(&screen));
        screen.write("a line\n");
        let lines = now(&screen);
        assert_eq!((lines[0].as_str(), lines.len()), ("a line", 2));
        assert!(lines[1].contains("50%") && lines[1].len() < 80, "{lines:?}");
        meter.finish([(1, 200), (0, 0)]);
        screen.refresh();
        screen.write("after\n");
        let lines = now(&screen);
        assert_eq!((lines[0].as_str(), lines[2].as_str(), lines[3].as_str()), ("a line", "after", ""));
        assert!(lines[1].starts_with("wsio: sent 200 bytes in 1 messages, "), "{lines:?}");
    }

    #[test]
    fn a_bar_whose_transfer_does_not_end_is_taken_away() {
        let (mut screen, _meter) = begun(Some(|| (80, 24)));
        screen.clear();
        assert_eq!(shown(&screen.to.lock().unwrap()), [""]);
    }

    #[test]
    fn nothing_is_drawn_without_a_terminal() {
        let (screen, _meter) = begun(None);
        assert!(screen.to.lock().unwrap().is_empty());
    }
}
