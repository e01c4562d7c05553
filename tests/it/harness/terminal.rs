//! A program on a terminal of its own: keys go in, a screen comes out.

use super::{PATIENCE, eventually};
use rustix::process::{Pid, Signal};
use std::{
    fs,
    io::{Read, Write},
    os::fd::{AsFd, OwnedFd},
    process::Child,
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

/// A running program and its terminal of 24 rows and 80 columns.
pub struct Terminal {
    child: Child,
    keys: pty_process::blocking::Pty,
    /// The program's end, to look at its modes when the program has gone.
    own: Option<OwnedFd>,
    modes: String,
    reader: thread::JoinHandle<()>,
    seen: Arc<Mutex<Seen>>,
    /// The home of the user.
    pub home: Arc<tempfile::TempDir>,
}

/// The surroundings of a program.
#[derive(Default)]
pub struct Options {
    /// A home to share with an earlier program.
    pub home: Option<Arc<tempfile::TempDir>>,
    /// More of the environment.
    pub env: &'static [(&'static str, &'static str)],
    /// Rows and columns, where they are not 24 and 80.
    pub size: Option<(u16, u16)>,
}

struct Seen {
    bytes: Vec<u8>,
    screen: vt100::Parser,
}

impl Terminal {
    pub fn start<'a>(program: &str, args: impl IntoIterator<Item = &'a str>) -> Self {
        Self::start_in(Options::default(), program, args)
    }

    pub fn wsio<'a>(args: impl IntoIterator<Item = &'a str>) -> Self {
        Self::start(env!("CARGO_BIN_EXE_wsio"), args)
    }

    pub fn wsio_in<'a>(options: Options, args: impl IntoIterator<Item = &'a str>) -> Self {
        Self::start_in(options, env!("CARGO_BIN_EXE_wsio"), args)
    }

    /// Our end of the terminal.
    pub fn keys(&self) -> impl AsFd + '_ {
        self.keys.as_fd()
    }

    pub fn start_in<'a>(options: Options, program: &str, args: impl IntoIterator<Item = &'a str>) -> Self {
        super::signals_act();
        let (pty, pts) = pty_process::blocking::open().unwrap();
        let (rows, columns) = options.size.unwrap_or((24, 80));
        pty.resize(pty_process::Size::new(rows, columns)).unwrap();
        let own = pts.as_fd().try_clone_to_owned().unwrap();
        let home = options.home.unwrap_or_else(|| Arc::new(tempfile::tempdir().unwrap()));
        let modes = modes(&own);
        let command = pty_process::blocking::Command::new(program)
            .args(args)
            .env("TERM", "xterm-256color")
            .env("HOME", home.path())
            .env_remove("XDG_STATE_HOME")
            .env_remove("NO_COLOR")
            .envs(options.env.iter().copied());
        let child = command.spawn(pts).unwrap();
        let mut screen = vt100::Parser::default();
        screen.screen_mut().set_size(rows.try_into().unwrap(), columns.try_into().unwrap());
        // Where it was called.
        screen.process(b"$\r\n");
        let seen = Arc::new(Mutex::new(Seen { bytes: Vec::new(), screen }));
        let mut from = fs::File::from(pty.as_fd().try_clone_to_owned().unwrap());
        let into = Arc::clone(&seen);
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut chunk) {
                let mut seen = into.lock().unwrap();
                seen.bytes.extend_from_slice(&chunk[..count]);
                seen.screen.process(&chunk[..count]);
            }
        });
        Self { child, keys: pty, own: Some(own), modes, reader, seen, home }
    }

    pub fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        self.seen
            .lock()
            .unwrap()
            .screen
            .screen_mut()
            .set_size(rows.try_into().unwrap(), columns.try_into().unwrap());
        self.keys.resize(pty_process::Size::new(rows, columns)).unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Everything that was written to the terminal.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap().bytes).into_owned()
    }

    /// Looks at the screen.
    pub fn screen<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.seen.lock().unwrap().screen.screen())
    }

    /// What stands on the screen below the shell's line, down to the last row that is not empty.
    pub fn rows(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let (_, columns) = seen.screen.screen().size();
        let mut rows: Vec<String> =
            seen.screen.screen().rows(0, columns.get()).map(|row| row.trim_end().to_owned()).collect();
        rows.truncate(rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1));
        if rows.first().is_some_and(|row| row == "$") {
            rows.remove(0);
        }
        rows
    }

    /// Waits until text was written.
    pub fn shows(&self, text: &str) {
        self.waits(text, || self.written().contains(text));
    }

    /// Waits until the screen ends with these rows.
    pub fn ends_with(&self, rows: &[&str]) {
        self.waits(&format!("{rows:?}"), || {
            let mut shown = self.rows();
            // On a busy machine messages come further apart, which is told.
            shown.retain(|row| {
                !(row.starts_with("· ") && row.ends_with(" later")) || rows.contains(&row.as_str())
            });
            shown.len() >= rows.len() && shown[shown.len() - rows.len()..] == *rows
        });
    }

    fn waits(&self, what: &str, mut check: impl FnMut() -> bool) {
        let start = Instant::now();
        while !check() {
            assert!(
                start.elapsed() < PATIENCE,
                "never on the screen: {what}\n{}\n{:?}",
                self.rows().join("\n"),
                self.written()
            );
            thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Its exit status; `None` when a signal killed it. The terminal has to be as it was.
    pub fn exit(&mut self) -> Option<i32> {
        let mut status = None;
        eventually("its end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let own = self.own.take().expect("it ends once");
        assert_eq!(modes(&own), self.modes, "the terminal's modes");
        drop(own);
        eventually("all it wrote", || self.reader.is_finished());
        let paste = |on: char| self.written().matches(&format!("\x1b[?2004{on}")).count();
        assert!(paste('l') >= paste('h'), "pastes stay bracketed");
        status.unwrap().code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn modes(terminal: &OwnedFd) -> String {
    format!("{:?}", rustix::termios::tcgetattr(terminal).unwrap())
}
