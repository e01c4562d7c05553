//! The terminal's modes: as they were found, as the prompt has them, and as they are left.
//!
//! rustyline sets the modes for each line and sets them back after it. Between two lines the terminal
//! would echo, and a Ctrl-C or Ctrl-D that comes early would be a signal or be lost; so it is given a
//! terminal that is as it wants it already, from the first line to the last.

use rustix::{
    process::{Signal, getpgrp, kill_current_process_group},
    termios::{
        InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp,
        tcgetwinsize, tcsetattr,
    },
};
use signal_hook::consts::SIGCONT;
use std::{
    fs::File,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Longest time that the stop signal may take to act, on a machine that has other things to do.
const STOPPED: Duration = Duration::from_secs(1);

/// A terminal and the modes it was found in.
pub(super) struct Modes {
    terminal: File,
    found: Termios,
    taken: AtomicBool,
}

impl Modes {
    /// Takes note of the modes.
    ///
    /// # Errors
    /// When this is no terminal.
    pub(super) fn find(terminal: File) -> io::Result<Self> {
        let found = tcgetattr(&terminal)?;
        Ok(Self { terminal, found, taken: AtomicBool::new(false) })
    }

    /// Has each key come as it is typed, unseen and as itself.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub(super) fn take(&self) -> io::Result<()> {
        let mut modes = self.found.clone();
        modes.input_modes &= !(InputModes::BRKINT
            | InputModes::ICRNL
            | InputModes::INPCK
            | InputModes::ISTRIP
            | InputModes::IXON);
        modes.local_modes &= !(LocalModes::ECHO | LocalModes::ICANON | LocalModes::IEXTEN | LocalModes::ISIG);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&self.terminal, OptionalActions::Now, &modes)?;
        self.taken.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Sets the modes that were found, if they were changed.
    pub(super) fn restore(&self) {
        // From the background it would stop us, and the terminal is somebody else's.
        if self.taken.load(Ordering::Relaxed) && self.is_in_foreground() {
            self.set_found();
        }
    }

    /// At once: a terminal that does not take output must not keep us.
    fn set_found(&self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.found);
    }

    /// True when the terminal is ours to use: a job in the background is stopped when it tries.
    pub(super) fn is_in_foreground(&self) -> bool {
        tcgetpgrp(&self.terminal).is_ok_and(|foreground| foreground == getpgrp())
    }

    /// The terminal's width; `None` when it does not know.
    pub(super) fn columns(&self) -> Option<usize> {
        let columns = tcgetwinsize(&self.terminal).ok()?.ws_col;
        (columns > 0).then_some(usize::from(columns))
    }

    /// Stops the whole job, as Ctrl-Z does, and returns when it goes on.
    ///
    /// The shell finds the terminal as it left it. A signal to the group reaches some thread of ours some
    /// time later, so that we go on is waited for; where nobody could let us go on, we are not stopped.
    pub(super) fn suspend(&self) {
        let Ok(own) = tcgetattr(&self.terminal) else { return };
        self.set_found();
        let _ = (&self.terminal).write_all(b"\x1b[?2004l");
        let goes_on = Arc::new(AtomicBool::new(false));
        let watch = signal_hook::flag::register(SIGCONT, Arc::clone(&goes_on));
        let _ = kill_current_process_group(Signal::TSTP);
        let told = Instant::now();
        while !goes_on.load(Ordering::Relaxed) && told.elapsed() < STOPPED {
            thread::sleep(Duration::from_millis(1));
        }
        if let Ok(watch) = watch {
            signal_hook::low_level::unregister(watch);
        }
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &own);
        let _ = (&self.terminal).write_all(b"\x1b[?2004h");
    }
}
