//! A real terminal and its jobs: what a person sees and what must not stop.

use crate::harness::{Authority, PATIENCE, Peer, eventually, serve};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::{Read, Write},
    process::Child,
    sync::{Arc, Mutex},
    thread,
};

/// A program on a terminal of its own.
pub struct Terminal {
    child: Child,
    keys: pty_process::blocking::Pty,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    pub fn start<'a>(program: &str, args: impl IntoIterator<Item = &'a str>) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        let child = pty_process::blocking::Command::new(program).args(args).spawn(pts).unwrap();
        let screen = Arc::new(Mutex::new(Vec::new()));
        let mut from = fs::File::from(std::os::fd::AsFd::as_fd(&pty).try_clone_to_owned().unwrap());
        let into = Arc::clone(&screen);
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut chunk) {
                into.lock().unwrap().extend_from_slice(&chunk[..count]);
            }
        });
        Self { child, keys: pty, screen }
    }

    pub fn wsio<'a>(args: impl IntoIterator<Item = &'a str>) -> Self {
        Self::start(env!("CARGO_BIN_EXE_wsio"), args)
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    pub fn shows(&self, text: &str) {
        eventually(text, || self.screen().contains(text));
    }

    pub fn exit(&mut self) -> Option<i32> {
        let mut status = None;
        eventually("its end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_typed_line_is_a_message_and_ctrl_d_closes() {
    let (url, peer) = serve(|mut peer| {
        let message = peer.message();
        peer.text("answer");
        (message, peer.answer_close().unwrap().code())
    });
    let mut terminal = Terminal::wsio(["connect", &url]);
    terminal.types("typed\n");
    terminal.shows("answer");
    terminal.types("\x04");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.screen());
    assert_eq!(peer.join().unwrap(), (Some(b"typed".to_vec()), Some(1000)));
}

#[test]
fn an_idle_terminal_does_not_hold_up_the_peers_close() {
    let (url, _peer) = serve(|mut peer| {
        peer.close(1011, "disk full");
        peer.until_close()
    });
    let mut terminal = Terminal::wsio(["connect", &url]);
    assert_eq!(terminal.exit(), Some(115), "{}", terminal.screen());
    terminal.shows("disk full");
}

#[test]
fn ctrl_c_closes_politely() {
    let (url, peer) = serve(|mut peer| {
        peer.text("ready");
        peer.answer_close().unwrap().code()
    });
    let mut terminal = Terminal::wsio(["connect", &url]);
    terminal.shows("ready");
    terminal.types("\x03");
    assert_eq!(terminal.exit(), Some(130), "{}", terminal.screen());
    assert_eq!(peer.join().unwrap(), Some(1001));
}

#[test]
fn a_server_in_the_background_is_not_stopped_by_its_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    let script = format!(
        "set -m; {} listen 0 --announce {} & read line; echo got $line; kill $!",
        env!("CARGO_BIN_EXE_wsio"),
        file.display()
    );
    let mut terminal = Terminal::start("sh", ["-c", &script]);
    eventually("the URL", || file.exists());
    let url = fs::read_to_string(&file).unwrap();
    let address = url.trim_end().trim_start_matches("ws://").trim_end_matches('/').to_owned();
    // Each client would have it read the terminal, which stops a background job.
    for text in ["one", "two"] {
        let mut peer = Peer::dial(&address);
        peer.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        peer.text(text);
        terminal.shows(text);
        peer.close(1000, "");
        assert_eq!(peer.until_close().unwrap().code(), Some(1000));
    }
    // What is typed belongs to the foreground.
    terminal.types("typed\n");
    terminal.shows("got typed");
    assert_eq!(terminal.exit(), Some(0));
}

#[test]
fn a_terminal_that_is_gone_ends_a_server_that_a_signal_would_have_reload() {
    let authority = Authority::new();
    let pair = authority.signs(&["127.0.0.1"]);
    let (cert, key) = (pair.cert.to_str().unwrap(), pair.key.to_str().unwrap());
    // Only one descriptor of it, so that dropping it hangs up.
    let (mut pty, pts) = pty_process::blocking::open().unwrap();
    rustix::io::ioctl_fionbio(&pty, true).unwrap();
    let mut child = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_wsio"))
        .args(["listen", "wss://127.0.0.1:0", "--echo", "--cert", cert, "--key", key])
        .spawn(pts)
        .unwrap();
    let mut screen = String::new();
    let mut shows = |text: &str| {
        eventually(text, || {
            let mut chunk = [0; 4096];
            let count = pty.read(&mut chunk).unwrap_or(0);
            screen.push_str(&String::from_utf8_lossy(&chunk[..count]));
            screen.contains(text)
        });
    };
    shows("listening on wss://");
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    shows("reloaded: ");
    assert!(child.try_wait().unwrap().is_none());
    drop(pty);
    let mut status = None;
    eventually("its end", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(0));
}
