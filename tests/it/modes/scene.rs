//! A mode, and what one run of it looks like from all sides.

use super::{
    peers::{Habit, Seen, Served, visit},
    trials::Trial,
};
use crate::harness::{Authority, Listening, Pair, Wsio};
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// One way to run the program, as the command line says it.
pub struct Mode {
    pub name: &'static str,
    /// `{url}`, `{tcp}` and the like stand for what a scene has.
    pub args: &'static [&'static str],
    /// What comes on standard input.
    pub input: &'static str,
    /// The options that make it what it is.
    own: &'static [&'static str],
}

impl Mode {
    pub fn has(&self, option: &str) -> bool {
        self.own.contains(&option)
    }

    /// Whether clients come to it.
    fn serves(&self) -> bool {
        self.args[0] == "listen" || self.args.iter().any(|arg| arg.contains("-listen:"))
    }
}

const LINES: &str = "one\ntwo\n";

/// The modes: `connect` by what it does, the others by what their ends are.
pub const MODES: &[Mode] = &[
    Mode { name: "connect", args: &["connect", "{url}"], input: LINES, own: &[] },
    Mode { name: "check", args: &["connect", "{url}", "--check"], input: "", own: &["check"] },
    Mode { name: "ping", args: &["connect", "{url}", "--ping", "1"], input: "", own: &["ping"] },
    Mode { name: "script", args: &["connect", "{url}", "--script", "{script}"], input: "", own: &["script"] },
    Mode { name: "listen std", args: &["listen", "127.0.0.1:0"], input: LINES, own: &[] },
    Mode { name: "listen once", args: &["listen", "127.0.0.1:0", "--once"], input: "", own: &["once"] },
    Mode { name: "listen echo", args: &["listen", "127.0.0.1:0", "--echo"], input: "", own: &["echo"] },
    Mode { name: "listen relay", args: &["listen", "127.0.0.1:0", "--relay"], input: "", own: &["relay"] },
    Mode {
        name: "listen to tcp",
        args: &["listen", "127.0.0.1:0", "--to", "tcp:{tcp}"],
        input: "",
        own: &["to"],
    },
    Mode { name: "listen to ws", args: &["listen", "127.0.0.1:0", "--to", "{url}"], input: "", own: &["to"] },
    Mode {
        name: "listen to hub",
        args: &["listen", "127.0.0.1:0", "--to", "hub:x"],
        input: "",
        own: &["to"],
    },
    Mode { name: "listen program", args: &["listen", "127.0.0.1:0", "--", "cat"], input: "", own: &[] },
    Mode {
        name: "listen script",
        args: &["listen", "127.0.0.1:0", "--script", "{played}"],
        input: "",
        own: &["script"],
    },
    Mode { name: "pipe - ws", args: &["pipe", "-", "{url}"], input: LINES, own: &[] },
    Mode { name: "pipe ws -", args: &["pipe", "{url}", "-"], input: LINES, own: &[] },
    Mode { name: "pipe tcp ws", args: &["pipe", "tcp:{tcp}", "{url}"], input: "", own: &[] },
    Mode { name: "pipe - tcp", args: &["pipe", "-", "tcp:{tcp}"], input: LINES, own: &[] },
    Mode { name: "pipe - exec", args: &["pipe", "-", "exec:cat"], input: LINES, own: &[] },
    Mode {
        name: "pipe ws-listen ws",
        args: &["pipe", "ws-listen:127.0.0.1:0", "{url}"],
        input: "",
        own: &[],
    },
    Mode {
        name: "pipe ws-listen tcp",
        args: &["pipe", "ws-listen:127.0.0.1:0", "tcp:{tcp}"],
        input: "",
        own: &[],
    },
    Mode {
        name: "pipe tcp-listen ws",
        args: &["pipe", "tcp-listen:127.0.0.1:0", "{url}"],
        input: "",
        own: &[],
    },
];

/// What all runs share: certificates, and servers that speak TLS.
pub struct World {
    folder: tempfile::TempDir,
    authority: Authority,
    pair: Pair,
    locked: PathBuf,
    revoked: PathBuf,
    secure: Listening,
    strict: Listening,
}

impl World {
    pub fn new() -> Self {
        let authority = Authority::new();
        let pair = authority.signs(&["localhost"]);
        let locked = authority.encrypts(&pair, "open");
        let revoked = authority.revokes(&[], 2025);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("script"), "> one\n< one\n").unwrap();
        fs::write(folder.path().join("server"), "< one\n> one\n< two\n").unwrap();
        let serve = |more: &[&str]| {
            let files = [&*pair.cert.to_string_lossy(), &*pair.key.to_string_lossy()].map(str::to_owned);
            let args = ["listen", "wss://localhost:0", "--echo", "--cert", &files[0], "--key", &files[1]];
            Listening::start(args.iter().chain(more))
        };
        let secure = serve(&[]);
        let strict = serve(&["--client-ca", &authority.file.to_string_lossy()]);
        Self { folder, authority, pair, locked, revoked, secure, strict }
    }

    /// The words of a run, with stand-ins for what only the run knows.
    pub fn words(&self, mode: &Mode, trial: &Trial, with: bool) -> Vec<String> {
        self.filled(mode, trial, with, "ws://localhost:1/", 1, Path::new("/nonexistent"))
    }

    fn filled(&self, mode: &Mode, trial: &Trial, with: bool, url: &str, tcp: u16, tmp: &Path) -> Vec<String> {
        let port = url.rsplit(':').next().unwrap_or_default().trim_end_matches('/');
        let script = self.folder.path().join("script");
        let played = self.folder.path().join("server");
        let fill = |text: &str| {
            let text = [
                ("{ca}", &*self.authority.file),
                ("{cert}", &*self.pair.cert),
                ("{key}", &*self.pair.key),
                ("{locked}", &*self.locked),
                ("{crl}", &*self.revoked),
                ("{script}", &*script),
                ("{played}", &*played),
                ("{tmp}", tmp),
            ]
            .into_iter()
            .fold(text.to_owned(), |text, (name, path)| text.replace(name, &path.to_string_lossy()));
            text.replace("{url}", url).replace("{port}", port).replace("{tcp}", &format!("127.0.0.1:{tcp}"))
        };
        let more = if with { [&trial.also, &trial.with] } else { [&trial.also, &String::new()] };
        // A program and its words stand last.
        let (first, last) = match mode.args.iter().position(|arg| *arg == "--") {
            Some(at) => mode.args.split_at(at),
            None => (mode.args, &[][..]),
        };
        let more = more.into_iter().flat_map(|text| shell_words::split(&fill(text)).unwrap());
        first.iter().map(|arg| fill(arg)).chain(more).chain(last.iter().map(|arg| fill(arg))).collect()
    }
}

/// Runs it and gives what was seen, a line each: exit code, both outputs, a file, and the peers' view.
pub fn run(world: &World, mode: &Mode, trial: &Trial, with: bool) -> String {
    let seen = Seen::default();
    let tmp = tempfile::tempdir().unwrap();
    let server = Served::web_socket(trial.habit, &seen);
    let bytes = Served::bytes(&seen);
    let url = match trial.habit {
        Habit::Secure => named(&world.secure),
        Habit::Strict => named(&world.strict),
        Habit::Absent => "ws://localhost:1/".to_owned(),
        _ => format!("ws://localhost:{}/", server.port),
    };
    let words = world.filled(mode, trial, with, &url, bytes.port, tmp.path());
    let mut wsio = Wsio::start(&words);
    let input = trial.input.unwrap_or(mode.input);
    if !input.is_empty() {
        wsio.write_all(input.as_bytes());
    }
    wsio.close_stdin();
    let mut lines = Vec::new();
    if mode.serves() {
        let once = words.iter().any(|word| word == "--once");
        serve(&mut wsio, once, trial, &seen);
    }
    match ended(&mut wsio, Duration::from_millis(2500)) {
        true => {
            let done = wsio.wait();
            lines.push(format!("exit {}", done.code));
            let out = String::from_utf8_lossy(&done.out).into_owned();
            lines.extend(out.lines().map(|line| format!("out {}", line)));
            lines.extend(done.err.lines().map(|line| format!("err {}", line)));
        }
        false => {
            lines.push("exit killed".to_owned());
            let out = String::from_utf8_lossy(&wsio.out_so_far()).into_owned();
            lines.extend(out.lines().map(|line| format!("out {}", line)));
            lines.extend(wsio.err_so_far().lines().map(|line| format!("err {}", line)));
            drop(wsio);
        }
    }
    // Whoever served it may still have its last bytes to read.
    [&server, &bytes].into_iter().for_each(Served::settle);
    drop((server, bytes));
    let file = fs::read_to_string(tmp.path().join("file")).unwrap_or_default();
    lines.extend(file.lines().map(|line| format!("file {line}")));
    lines.extend(seen.lines());
    lines.join("\n")
}

/// Its URL by the name that its certificate has.
fn named(listening: &Listening) -> String {
    format!("wss://localhost:{}/", listening.address().rsplit(':').next().unwrap())
}

/// Lets a client come, and ends the server when it has gone.
fn serve(wsio: &mut Wsio, once: bool, trial: &Trial, seen: &Seen) {
    let start = Instant::now();
    let address = loop {
        let err = wsio.err_so_far();
        let line = err.lines().find_map(|line| line.strip_prefix("listening on "));
        if let Some((scheme, rest)) = line.and_then(|line| line.split_once("://"))
            && err.ends_with('\n')
        {
            break (scheme.to_owned(), rest.split('/').next().unwrap().to_owned());
        }
        // With --quiet there is no such line.
        if !wsio.is_running() {
            return;
        }
        if start.elapsed() > Duration::from_secs(2) {
            return wsio.signal(rustix::process::Signal::TERM);
        }
        thread::sleep(Duration::from_millis(2));
    };
    match (address.0.as_str(), &address.1) {
        ("ws", address) => visit(address, trial.lines, trial.habit, &seen.client()),
        ("tcp", address) => Served::calls(address, &seen.client()),
        _ => {}
    }
    if !once && wsio.is_running() {
        wsio.signal(rustix::process::Signal::TERM);
    }
}

fn ended(wsio: &mut Wsio, within: Duration) -> bool {
    let start = Instant::now();
    while wsio.is_running() {
        if start.elapsed() > within {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
    true
}
