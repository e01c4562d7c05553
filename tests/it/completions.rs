//! Completions in the shells themselves: what a person gets who presses Tab.
//!
//! bash is always there; of zsh and fish those are tried that are, and all of them where `WSIO_SHELLS=all`
//! is set, as `.ci/run` does.

use crate::harness::{Terminal, eventually};
use std::{
    path::Path,
    process::{Command, Stdio},
};

/// What is typed before Tab, and what stands there after it.
const CASES: &[(&str, &str)] = &[
    ("wsio con", "wsio connect"),
    ("wsio pipe ws-l", "wsio pipe ws-listen:"),
    ("wsio pipe ws:", "wsio pipe ws://"),
    ("wsio pipe file:da", "wsio pipe file:data.json"),
    ("wsio pipe - append:da", "wsio pipe - append:data.json"),
    ("wsio pipe - unix:da", "wsio pipe - unix:data.json"),
    ("wsio connect -k ws+unix:da", "wsio connect -k ws+unix:data.json"),
    ("wsio connect -H @tok", "wsio connect -H @token.txt"),
    ("wsio connect --header=@tok", "wsio connect --header=@token.txt"),
    ("wsio connect --send @sub", "wsio connect --send @sub/"),
    ("wsio connect --cacert da", "wsio connect --cacert data.json"),
    ("wsio connect --framing pa", "wsio connect --framing paragraph"),
    ("wsio connect --framing se", "wsio connect --framing sep="),
    ("wsio listen uni", "wsio listen unix:"),
    ("wsio listen 0 --serve sub", "wsio listen 0 --serve sub/"),
    ("wsio listen 0 --to file:da", "wsio listen 0 --to file:data.json"),
    ("wsio listen 0 -- wsio-prog", "wsio listen 0 -- wsio-program"),
    ("wsio listen 0 -- cat da", "wsio listen 0 -- cat data.json"),
    ("wsio pipe - exec:wsio-prog", "wsio pipe - exec:wsio-program"),
];

fn script(name: &str) -> String {
    format!("{}/completions/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A folder with something to complete.
fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for name in ["data.json", "token.txt", "bin/wsio-program", "sub/x"] {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// Whether the shell is there to be tried.
fn is_there(shell: &str) -> bool {
    let found = Command::new(shell).arg("--version").stdout(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("WSIO_SHELLS").is_none(), "{shell} is not installed");
    found
}

/// Types every case into an interactive shell and waits for what it becomes.
fn presses_tab(shell: &str, args: &[&str], setup: &str) {
    let folder = folder();
    let path = folder.path().display();
    let mut terminal = Terminal::start(shell, args.iter().copied());
    terminal.types(&format!("cd {path}; PATH={path}/bin:$PATH; {setup}; PS1='%> '; echo re''ady\n"));
    terminal.shows("ready");
    for (typed, wanted) in CASES {
        terminal.types(&format!("{typed}\t"));
        let line = || terminal.rows().last().cloned().unwrap_or_default();
        eventually(&format!("{shell} makes `{wanted}` of `{typed}`"), || line().ends_with(wanted));
        // Nothing of the definition was run.
        assert!(!terminal.written().contains("not found"), "{}", terminal.written());
        terminal.types("\x15\n");
    }
    terminal.types("exit\n");
    assert!(terminal.exit().is_some());
}

#[test]
fn bash_completes() {
    presses_tab("bash", &["--norc", "--noprofile", "-i"], &format!("source {}", script("wsio.bash")));
}

#[test]
fn zsh_completes() {
    if is_there("zsh") {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
        let setup = format!(
            "fpath=({} $fpath); autoload -Uz compinit; compinit -u -D; bindkey '^I' complete-word",
            folder.display()
        );
        presses_tab("zsh", &["-f", "-i"], &setup);
        let mut terminal = Terminal::start("zsh", ["-f", "-i"]);
        terminal.types(&format!("{setup}; echo re''ady\n"));
        terminal.shows("ready");
        // The name of a value is no command to be run.
        terminal.types("wsio connect -H \t\techo go''ne\x15echo st''ill\n");
        terminal.shows("still");
        assert!(!terminal.written().contains("command not found"), "{}", terminal.written());
    }
}

#[test]
fn fish_completes() {
    if !is_there("fish") {
        return;
    }
    let folder = folder();
    for (typed, wanted) in CASES {
        let line = format!("source {}; complete -C '{typed}'", script("wsio.fish"));
        let path = format!("{}:{}", folder.path().join("bin").display(), std::env::var("PATH").unwrap());
        let done = Command::new("fish")
            .args(["--no-config", "-c", &line])
            .current_dir(&folder)
            .env("PATH", path)
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8(done.stdout).unwrap();
        let last = wanted.rsplit(' ').next().unwrap();
        let found = said.lines().any(|line| line.split('\t').next() == Some(last));
        assert!(found, "{typed}: {said}{}", String::from_utf8_lossy(&done.stderr));
    }
}
