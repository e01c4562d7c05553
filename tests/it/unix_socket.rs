//! Unix sockets to listen on: the permissions of their file, whose it is, and when it goes.

use crate::harness::{Wsio, eventually};
use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

/// Starts it under an umask of its own.
fn start(umask: &str, args: &[&str]) -> Wsio {
    let script = format!("umask {umask}; exec \"$0\" \"$@\"");
    Wsio::spawn(Command::new("/bin/sh").args(["-c", &script, env!("CARGO_BIN_EXE_wsio")]).args(args))
}

fn mode(path: &Path) -> Option<u32> {
    Some(std::fs::symlink_metadata(path).ok()?.permissions().mode() & 0o7777)
}

#[test]
fn the_file_has_the_asked_permissions_whatever_the_umask() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let text = path.to_str().unwrap();
    for (umask, asked, expected) in [("077", "0660", 0o660), ("000", "600", 0o600), ("022", "0666", 0o666)] {
        for args in [
            ["listen", &format!("unix:{text}"), "--echo"],
            ["pipe", &format!("ws-listen:unix:{text}"), "echo:"],
            ["pipe", &format!("unix-listen:{text}"), "echo:"],
        ] {
            let wsio = start(umask, &[&args[..], &["--mode", asked]].concat());
            wsio.says("listening on ");
            assert_eq!(mode(&path), Some(expected), "{args:?} --mode {asked} under {umask}");
            wsio.signal(rustix::process::Signal::TERM);
            assert_eq!(wsio.wait().code, 0);
            assert!(!path.exists(), "it goes with the server");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_file_is_never_wider_than_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = std::collections::BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                seen.extend(mode(&path));
            }
            seen
        });
        for _ in 0..20 {
            let wsio = start("000", &["listen", &format!("unix:{}", path.display()), "--mode", "0600"]);
            wsio.says("listening on ");
            drop(wsio);
        }
        over.store(true, Ordering::Relaxed);
        assert_eq!(watcher.join().unwrap().into_iter().collect::<Vec<_>>(), [0o600]);
    });
}

#[test]
fn a_killed_servers_file_is_replaced_and_a_live_ones_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let address = format!("unix:{}", path.display());
    let killed = start("022", &["listen", &address, "--echo"]);
    killed.says("listening on ");
    drop(killed);
    assert!(path.exists(), "nobody tidied up");
    let wsio = start("022", &["listen", &address, "--echo", "--mode", "0600"]);
    wsio.says("listening on ");
    assert_eq!(mode(&path), Some(0o600));
    let second = Wsio::run(["listen", &address, "--echo"], "");
    assert_eq!(second.code, 116, "{}", second.err);
    assert!(second.err.contains("another server listens there"), "{}", second.err);
    assert!(path.exists());
    // Its name is gone; the server that took it is not to remove another's.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "somebody else's").unwrap();
    wsio.signal(rustix::process::Signal::TERM);
    assert_eq!(wsio.wait().code, 0);
    eventually("the file stays", || path.exists());
}

#[test]
fn a_mode_is_octal_and_needs_a_unix_socket() {
    for (args, text) in [
        (&["listen", "unix:/tmp/x", "--mode", "rw"][..], "octal"),
        (&["listen", "unix:/tmp/x", "--mode", "0444"], "nobody could connect"),
        (&["listen", "unix:/tmp/x", "--mode", "1777"], "octal"),
        (&["listen", "0", "--mode", "0660"], "unix:PATH"),
        (&["pipe", "ws-listen:0", "echo:", "--mode", "0660"], "unix-listen:PATH"),
        (&["pipe", "unix:/tmp/x", "echo:", "--mode", "0660"], "unix-listen:PATH"),
    ] {
        let done = Wsio::run(args, "");
        assert_eq!(done.code, 2, "{args:?}: {}", done.err);
        assert!(done.err.contains(text), "{args:?}: {}", done.err);
    }
}
