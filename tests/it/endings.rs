//! The endings matrix as data: one row, one line, run through the pure session and with real sockets, in each
//! mode.
//!
//! A row names what happens and what has to follow; `acts` is the vocabulary, `rows` the table. `modes` runs
//! a row in this process as `connect`, `listen --once` and `pipe`, and `events` derives from the same row
//! what the pure session hears. Rows run side by side, since nearly all of them wait for a clock.

mod acts;
mod events;
mod modes;
mod rows;

use crate::{
    harness::{Ended, Input, Output},
    session::Robot,
};
use acts::{Act, LINE, LINES, Local, PAUSE, Seen};
use events::HOUR;
use modes::{Mode, OtherEnd, Shown};
use rows::rows;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use wsio::exit::Exit;

/// Runs at a time.
const AT_ONCE: usize = 40;

/// One row.
pub struct Row {
    name: &'static str,
    local: Local,
    acts: Vec<Act>,
    options: &'static str,
    /// The Close that the far end sees; `None` is none.
    close: Option<Option<u16>>,
    exit: Exit,
    /// Everything that stands on the output.
    out: String,
    /// The same Close where the client came to us.
    serving: Option<u16>,
    /// The reason of that Close.
    reason: Option<&'static str>,
    /// Words that the user is told: of the fault, of its hint or of standard error.
    says: &'static [&'static str],
    /// The modes that it is for, if not every one that fits.
    only: &'static [Mode],
}

impl Row {
    /// The Close that the far end sees in a mode.
    fn close(&self, mode: Mode) -> Option<Option<u16>> {
        match self.serving.filter(|_| mode.serves()) {
            Some(code) => Some(Some(code)),
            None => self.close,
        }
    }

    /// True when this option is given.
    fn has(&self, option: &str) -> bool {
        self.options.split_whitespace().any(|word| word == option)
    }

    /// The input is not asked for.
    fn is_unread(&self) -> bool {
        self.has("--send") || self.has("--recv-only")
    }

    /// Number of lines of the input.
    fn lines(&self) -> usize {
        match self.local {
            Local::Standard(Input::Then(bytes), _) => bytes.split_inclusive(|byte| *byte == b'\n').count(),
            _ => 0,
        }
    }

    /// It takes a terminal, or a bug.
    fn is_pure_only(&self) -> bool {
        self.local == Local::CtrlD || self.acts.contains(&Act::Panics)
    }

    /// A session of a server that shares a standard stream ends by the server, not by itself.
    fn is_of_server(&self, mode: Mode) -> bool {
        mode == Mode::Many && matches!(self.local, Local::Standard(Input::Fails(_), _))
    }

    fn modes(&self) -> impl Iterator<Item = Mode> {
        let fits = |mode: &Mode| match self.only {
            [] => mode.fits(self),
            only => only.contains(mode),
        };
        Mode::ALL.into_iter().filter(fits)
    }

    /// The Close that the session asks for at the far side; one of the peer is answered by the reader of frames.
    fn asked(&self, mode: Mode) -> Option<Option<u16>> {
        self.close(mode).filter(|_| !self.acts.iter().any(|act| matches!(act, Act::Closes(..))))
    }
}

#[test]
fn the_pure_session_keeps_the_matrix() {
    for row in rows() {
        for mode in row.modes().filter(|mode| !row.is_of_server(*mode)) {
            let (rules, far) = (mode.rules(&row), mode.far());
            let signalled = mode.serves() && row.exit.is_signal();
            let given = if signalled { rules.grace } else { rules.close_timeout };
            let limit = rules.timeout.or(rules.idle_timeout).or(rules.lasts).unwrap_or_default() + given;
            let pings = rules.ping_timeout.filter(|_| row.has("--ping-timeout")).unwrap_or_default();
            // A reader that left is done with us; a peer that is lost may have a second for our last Close.
            let last = match row.exit {
                Exit::ReaderLeft => Duration::from_millis(200),
                _ => limit + pings * 2 + rules.linger.unwrap_or_default() + Duration::from_secs(1),
            };
            let moments = events::moments(&row, mode, &rules);
            let world = events::world(&row, mode);
            let mut robot = Robot::with(rules, mode.kinds(&row), mode.serves(), world);
            let took = events::run(&mut robot, moments, far);
            let name = format!("{mode:?}: {}", row.name);
            assert_eq!(robot.exit(), row.exit, "{name}");
            assert_eq!(robot.closes[far].first().copied(), row.asked(mode), "{name}");
            match modes::other_end(&row, mode) {
                OtherEnd::Close(seen) => {
                    let close = robot.closes[far.other()].first().copied();
                    let reason = robot.reasons[far.other()].first().cloned();
                    assert_eq!(close.zip(reason), seen, "{name}: to the other side");
                }
                OtherEnd::Tcp { reset } => {
                    assert_eq!(
                        robot.releases[far.other()].first().map(|release| release.cut),
                        Some(reset),
                        "{name}"
                    );
                }
                OtherEnd::Nothing => {}
            }
            match row.local {
                Local::Standard(_, Output::Pauses(..)) => {
                    let late = Duration::from_secs(1);
                    assert!((HOUR..HOUR + late).contains(&took), "{name}: it is waited for, not {took:?}");
                }
                Local::Standard(_, Output::Stalls(_)) => {
                    assert!(took <= limit, "{name}: {took:?}");
                }
                _ => assert!(took <= last, "{name}: {took:?}"),
            }
        }
    }
}

#[test]
fn the_program_keeps_the_matrix() {
    let rows = rows();
    let jobs: Vec<_> = rows
        .iter()
        .filter(|row| !row.is_pure_only())
        .flat_map(|row| row.modes().map(move |mode| (row, mode)))
        .collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((row, mode)) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Err(why) = keeps(row, *mode) {
                        wrong.lock().unwrap().push(format!("{mode:?}: {}: {why}", row.name));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), jobs.len(), wrong.join("\n"));
}

/// Runs a row and judges it.
fn keeps(row: &Row, mode: Mode) -> Result<(), String> {
    let start = Instant::now();
    let shown = catch_unwind(AssertUnwindSafe(|| modes::run(row, mode))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
    })?;
    let (took, Shown { ended: Ended { exit, fault, err, .. }, seen, out, other_end }) =
        (start.elapsed(), shown);
    let silent = fault.as_ref().is_some_and(|fault| fault.is_silent());
    let hint = fault.as_ref().and_then(|fault| fault.hint.clone()).unwrap_or_default();
    let told = format!("{}\n{hint}\n{err}", fault.map(|fault| fault.to_string()).unwrap_or_default());
    let check = |holds: bool, what: String| if holds { Ok(()) } else { Err(format!("{what}\n{told}")) };
    let wanted = modes::exit(row, mode);
    check(exit == wanted, format!("exit {exit:?}, not {wanted:?}"))?;
    check(silent == (exit == Exit::ReaderLeft), "a reader that left is no news".into())?;
    let code = |seen: &Seen| seen.as_ref().map(|(code, _)| *code);
    check(code(&seen) == row.close(mode), format!("Close {seen:?}, not {:?}", row.close(mode)))?;
    let reason = seen.map(|(_, reason)| reason).unwrap_or_default();
    check(
        row.reason.is_none_or(|wanted| wanted == reason),
        format!("reason {reason}, not {:?}", row.reason),
    )?;
    let wanted = modes::other_end(row, mode);
    check(other_end == wanted, format!("the other side sees {other_end:?}, not {wanted:?}"))?;
    // The log of a server tells a cause and no hint.
    for words in row.says.iter().filter(|words| mode != Mode::Many || !words.starts_with("--")) {
        check(told.contains(words), format!("`{words}` is not said"))?;
    }
    match row.local {
        Local::Standard(_, Output::Stalls(_)) => {
            // Bytes that the writer gets when it is let go after the end were not delivered.
            check(out.starts_with(&format!("{LINE}\n")), format!("out {out:?}"))?;
            check(
                told.lines()
                    .any(|line| line.contains("standard output: ") && line.contains("bytes not taken")),
                "loss untold".into(),
            )?;
            check(took < Duration::from_secs(25), format!("it took {took:?}"))
        }
        Local::Standard(_, Output::Pauses(..)) => {
            check(out == format!("{LINE}\n").repeat(LINES), format!("out {out:?}"))?;
            check(took >= PAUSE, format!("it took {took:?}"))
        }
        _ => check(out == row.out, format!("out {out:?}, not {:?}", row.out)),
    }
}
