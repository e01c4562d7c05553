//! Child processes behind a server and in a pipe: what they see, how they end, that nothing is left.

#[cfg(target_os = "linux")]
mod departures;
mod late;
#[cfg(target_os = "linux")]
mod orphans;

use crate::harness::{Listening, Peer, Wsio, eventually, serve};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// A server that runs this shell script for each client.
fn script(script: &str) -> Listening {
    Listening::start(["listen", "0", "--", "/bin/sh", "-c", script])
}

pub fn texts(peer: &mut Peer, count: usize) -> Vec<String> {
    (0..count).map(|_| String::from_utf8(peer.message().unwrap()).unwrap()).collect()
}

#[test]
fn a_hang_up_acts_though_it_is_ignored_here() {
    let script = "trap 'echo hung up >&2; exit' HUP; echo ready; sleep 30 & wait";
    let args = ["listen", "127.0.0.1:0", "--hangup", "--", "sh", "-c", script];
    let listening = Listening::of(Wsio::ignoring("HUP", args));
    let mut peer = Peer::dial(listening.address());
    assert_eq!(peer.message().unwrap(), b"ready");
    drop(peer);
    listening.wsio.says("hung up");
}

#[test]
fn lines_go_in_and_out_and_success_is_1000() {
    let listening = script("echo hello; read name; echo \"dear $name\"");
    let mut peer = Peer::dial(listening.address());
    assert_eq!(texts(&mut peer, 1), ["hello"]);
    peer.text("friend");
    assert_eq!(texts(&mut peer, 1), ["dear friend"]);
    assert_eq!(peer.answer_close().unwrap().code(), Some(1000));
    listening.wsio.says(" close 1000");
}

#[test]
fn a_bad_end_is_told_after_all_output() {
    for (end, reason) in [("exit 7", "exit 7"), ("kill -KILL $$", "signal KILL")] {
        let listening = script(&format!("seq 1000; {end}"));
        let mut peer = Peer::dial(listening.address());
        let seen = texts(&mut peer, 1000);
        assert_eq!(seen.last().unwrap(), "1000");
        let close = peer.answer_close().unwrap();
        assert_eq!((close.code(), close.reason()), (Some(1011), reason));
        listening.wsio.says(&format!("ended with {reason}"));
    }
    let once = Wsio::start(["listen", "0", "--once", "--", "/bin/sh", "-c", "exit 7"]);
    let url = once.says("listening on ws://");
    Peer::dial(url.trim_end_matches('/')).answer_close();
    assert_eq!(once.wait().code, 125);
}

#[test]
fn a_program_that_went_missing_is_1011_and_a_line_for_us() {
    for more in [&[][..], &["--pty"]] {
        let folder = tempfile::tempdir().unwrap();
        let program = empty_program(&folder.path().join("program"));
        let args = [&["listen", "0"], more, &["--", program.as_str()]].concat();
        let listening = Listening::start(args);
        std::fs::remove_file(&program).unwrap();
        let close = Peer::dial(listening.address()).answer_close().unwrap();
        assert_eq!((close.code(), close.reason()), (Some(1011), "cannot start the program"));
        listening.wsio.says(&format!("cannot start `{program}`: no such file"));
    }
}

#[test]
fn a_missing_program_is_said_before_anybody_can_come() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "").unwrap();
    let plain = plain.to_str().unwrap();
    for (args, cause) in [
        (&["listen", "0", "--", "/nonexistent/program"][..], "no such file"),
        (&["listen", "0", "--", "wsio-nonexistent"], "no such file"),
        (&["listen", "0", "--to", "exec:wsio-nonexistent"], "no such file"),
        (&["listen", "0", "--", plain], "permission denied"),
        (&["pipe", "ws-listen:0", "exec:./nonexistent"], "no such file"),
        (&["pipe", "ws://127.0.0.1:1/", "exec:./nonexistent"], "no such file"),
    ] {
        let done = Wsio::run(args, "");
        assert_eq!(done.code, 125, "{args:?}: {}", done.err);
        assert!(done.err.contains("cannot start `") && done.err.contains(cause), "{args:?}: {}", done.err);
        assert!(!done.err.contains("listening on"), "{}", done.err);
    }
}

/// A program that does nothing, as a file of that name.
fn empty_program(file: &Path) -> String {
    std::fs::write(file, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(file, PermissionsExt::from_mode(0o755)).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn the_environment_tells_of_the_client_and_of_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsio"));
    command.args(["listen", "0", "--subprotocol", "chat", "-u", "me:secret", "--announce"]).arg(&file);
    command
        .args(["--", "/bin/sh", "-c", "env | sort; echo end"])
        .env_remove("WSIO_BLESS")
        .env("WSIO_QUERY", "stale")
        .env("OURS", "kept");
    let wsio = Wsio::spawn(&mut command);
    let url = wsio.says("listening on ws://");
    let lines = [
        "Proxy: http://evil.example/",
        "Authorization: Basic bWU6c2VjcmV0",
        "Sec-WebSocket-Protocol: other, chat",
        "Origin: http://localhost:1",
        "Cookie: a=b",
    ];
    let mut peer = Peer::dial_to(url.trim_end_matches('/'), "/a/b", "localhost:1", &lines);
    let mut env = Vec::new();
    loop {
        let line = texts(&mut peer, 1).remove(0);
        if line == "end" {
            break;
        }
        env.push(line);
    }
    let ours: Vec<&str> = env.iter().filter(|line| line.starts_with("WSIO_")).map(String::as_str).collect();
    let port = ours.iter().find_map(|line| line.strip_prefix("WSIO_REMOTE_PORT=")).unwrap();
    assert!(port.parse::<u16>().is_ok());
    let expected = [
        "WSIO_CONN=1",
        "WSIO_HOST=localhost:1",
        "WSIO_ORIGIN=http://localhost:1",
        "WSIO_PATH=/a/b",
        "WSIO_REMOTE_ADDR=127.0.0.1",
        &format!("WSIO_REMOTE_PORT={port}"),
        "WSIO_SUBPROTOCOL=chat",
        "WSIO_USER=me",
    ];
    assert_eq!(ours, expected);
    assert!(env.iter().any(|line| line == "OURS=kept"));
    assert!(
        !env.iter().any(|line| line.contains("evil") || line.contains("secret") || line.contains("a=b")),
        "{env:?}"
    );
}

#[test]
fn standard_error_is_ours_with_a_number_or_the_clients() {
    let listening = script("echo trouble >&2; echo fine");
    let mut peer = Peer::dial(listening.address());
    assert_eq!(texts(&mut peer, 1), ["fine"]);
    listening.wsio.says("#1 | trouble");

    let both = Listening::start([
        "listen",
        "0",
        "--child-stderr",
        "client",
        "--",
        "/bin/sh",
        "-c",
        "echo trouble >&2; echo fine",
    ]);
    let mut peer = Peer::dial(both.address());
    assert_eq!(texts(&mut peer, 2), ["trouble", "fine"]);
    assert_eq!(peer.answer_close().unwrap().code(), Some(1000));
    assert!(!both.wsio.err_so_far().contains(" | trouble"));
}

/// An argument of `sleep` that no other process has, not even one of another run of these tests.
pub fn marked(number: u32) -> String {
    format!("{number}.{}", std::process::id())
}

/// The processes that carry this word in their command line.
#[cfg(target_os = "linux")]
pub fn running(word: &str) -> usize {
    let lines = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let path: PathBuf = entry.ok()?.path().join("cmdline");
        Some(String::from_utf8_lossy(&fs::read(path).ok()?).into_owned())
    });
    lines.filter(|line| line.contains(word) && !line.contains("wsio\0")).count()
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_is_left_when_the_client_goes() {
    // A number that no other process has, as the argument of what would stay.
    for (number, what) in [
        (300_101, "sleep {} & cat"),
        (300_102, "trap '' TERM; sleep {} & wait"),
        (300_103, "trap '' HUP TERM; while :; do sleep 0.1; : {}; done"),
        (300_104, "exec sleep {}"),
    ] {
        let word = marked(number);
        let listening = script(&what.replace("{}", &word));
        let mut peer = Peer::dial(listening.address());
        eventually("it runs", || running(&word) > 0);
        peer.close(1000, "");
        peer.until_close();
        eventually(&format!("`{what}` is gone"), || running(&word) == 0);
        #[cfg(target_os = "linux")]
        eventually("no zombie", || zombies(&listening) == 0);
    }
}

/// Children of the server that ended and were not waited for.
#[cfg(target_os = "linux")]
pub fn zombies(listening: &Listening) -> usize {
    let parent = listening.wsio.pid().as_raw_nonzero().to_string();
    let stats = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok());
    stats
        .filter(|stat| {
            let rest: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
            rest.first() == Some(&"Z") && rest.get(1) == Some(&parent.as_str())
        })
        .count()
}

#[cfg(target_os = "linux")]
#[test]
fn many_short_sessions_leave_no_descriptor_and_no_zombie() {
    leaves_nothing(&script("echo done"));
}

/// Two hundred sessions of a program that says `done` leave no descriptor and no zombie.
#[cfg(target_os = "linux")]
pub fn leaves_nothing(listening: &Listening) {
    let session = || {
        let mut peer = Peer::dial(listening.address());
        assert_eq!(texts(&mut peer, 1), ["done"]);
        peer.answer_close();
    };
    session();
    let before = listening.wsio.descriptors();
    for _ in 0..200 {
        session();
    }
    eventually("all are closed", || listening.wsio.descriptors() <= before);
    eventually("none is left", || zombies(listening) == 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_has_three_descriptors_and_plain_signals() {
    // Programs that tell of themselves: a shell between would show descriptors of its own.
    let listening = Listening::start(["listen", "0", "--", "ls", "/proc/self/fd"]);
    let seen = texts(&mut Peer::dial(listening.address()), 4);
    assert_eq!(seen, ["0", "1", "2", "3"], "the last one is the folder that ls reads");

    let listening =
        Listening::start(["listen", "0", "--", "grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"]);
    let seen = texts(&mut Peer::dial(listening.address()), 2);
    let masks: Vec<u64> = seen
        .iter()
        .map(|line| u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap())
        .collect();
    // SIGPIPE is the 13th.
    assert_eq!((masks[0], masks[1] & (1 << 12)), (0, 0), "{seen:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_does_not_outlive_a_killed_server() {
    let word = marked(300_105);
    let listening = script(&format!("exec sleep {word}"));
    let _peer = Peer::dial(listening.address());
    eventually("it runs", || running(&word) > 0);
    drop(listening);
    eventually("it is gone", || running(&word) == 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_in_a_hurry_takes_its_children_along() {
    for (word, grace, times) in [(300_106, "100ms", 1), (300_107, "10m", 2)] {
        let word = marked(word);
        let program = format!("trap '' TERM HUP; sleep {word} & while :; do sleep 0.1; : {word}; done");
        let listening = Listening::start(["listen", "0", "--grace", grace, "--", "sh", "-c", &program]);
        let _peer = Peer::dial(listening.address());
        eventually("it runs", || running(&word) > 1);
        for _ in 0..times {
            listening.wsio.signal(rustix::process::Signal::TERM);
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        assert_eq!(listening.wsio.wait().code, 143);
        eventually("all are gone", || running(&word) == 0);
    }
}

#[test]
fn a_pipe_runs_a_program_too() {
    let (url, peer) = serve(|mut peer| {
        peer.send(true, 2, b"c\na\nb\n");
        let sorted = peer.message();
        let close = peer.answer_close();
        (sorted, close.and_then(|close| close.code()))
    });
    let done = Wsio::run(["pipe", &url, "sh:head -n 3 | sort"], "");
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(peer.join().unwrap(), (Some(b"a\nb\nc\n".to_vec()), Some(1000)));
}

#[test]
fn a_child_that_reads_nothing_does_not_hold_its_client_up() {
    let listening = script("exec 0<&-; echo up; sleep 0.3; echo still up");
    let mut peer = Peer::dial(listening.address());
    assert_eq!(texts(&mut peer, 1), ["up"]);
    for _ in 0..100 {
        peer.send(true, 2, &[b'x'; 10_000]);
    }
    assert_eq!(texts(&mut peer, 1), ["still up"]);
    assert_eq!(peer.answer_close().unwrap().code(), Some(1000));
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_that_reads_nothing_does_not_stay_when_its_client_goes() {
    let word = marked(300_108);
    let listening = script(&format!("exec sleep {word}"));
    let mut peer = Peer::dial(listening.address());
    eventually("it runs", || running(&word) > 0);
    // More than a pipe holds, less than would keep us from seeing the Close.
    for _ in 0..20 {
        peer.send(true, 2, &[b'x'; 10_000]);
    }
    peer.close(1000, "");
    assert_eq!(peer.until_close().unwrap().code(), Some(1000));
    eventually("it is gone", || running(&word) == 0);
    assert!(listening.wsio.says("close 1000 normal; in 20 messages").contains(" bytes not taken"));
}

#[test]
fn a_child_that_is_slow_to_read_gets_all_input() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("count");
    let input = "x".repeat(99) + "\n";
    let done =
        Wsio::run(["pipe", "-", &format!("sh:sleep 1.5; wc -c > {}", file.display())], input.repeat(3000));
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(fs::read_to_string(file).unwrap().trim(), "300000");
}
