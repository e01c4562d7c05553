//! What one run of a mode looks like from all sides.

use super::{
    peers::{Habit, Seen, Served, tries, visit},
    table::Mode,
    trials::Trial,
};
use crate::harness::{Authority, Listening, Pair, Wsio, tls_front_of};
use std::{
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// What all runs share: certificates, and servers that speak TLS.
pub struct World {
    folder: tempfile::TempDir,
    authority: Authority,
    pair: Pair,
    locked: PathBuf,
    revoked: PathBuf,
    secure: Listening,
    strict: Listening,
    /// The port of a server that speaks TLS 1.2 only, and what stands behind it.
    old: (u16, Listening),
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
        fs::write(folder.path().join("program"), PROGRAM).unwrap();
        fs::write(folder.path().join("big"), vec![b'x'; 32 << 20]).unwrap();
        let serve = |more: &[&str]| {
            let files = [&*pair.cert.to_string_lossy(), &*pair.key.to_string_lossy()].map(str::to_owned);
            let args = ["listen", "wss://localhost:0", "--echo", "--cert", &files[0], "--key", &files[1]];
            Listening::start(args.iter().chain(more))
        };
        let secure = serve(&[]);
        let strict = serve(&["--client-ca", &authority.file.to_string_lossy()]);
        let plain = Listening::start(["listen", "127.0.0.1:0", "--echo", "--allow-host", "any"]);
        let front = tls_front_of(&pair, plain.address().to_owned(), &[&rustls::version::TLS12]);
        Self { folder, authority, pair, locked, revoked, secure, strict, old: (front.port(), plain) }
    }

    /// The words of a run, with stand-ins for what only the run knows.
    pub fn words(&self, mode: &Mode, trial: &Trial, with: bool) -> Vec<String> {
        self.filled(mode, trial, with, "ws://localhost:1/", 1, Path::new("/nonexistent"))
    }

    fn filled(&self, mode: &Mode, trial: &Trial, with: bool, url: &str, tcp: u16, tmp: &Path) -> Vec<String> {
        let port = url.rsplit(':').next().unwrap_or_default().trim_end_matches('/');
        let of_mode = |name: &str| match trial.script {
            Some(_) if tmp.exists() => tmp.join("script"),
            _ => self.folder.path().join(name),
        };
        let fill = |text: &str| {
            let text = [
                ("{ca}", &*self.authority.file),
                ("{cert}", &*self.pair.cert),
                ("{key}", &*self.pair.key),
                ("{locked}", &*self.locked),
                ("{crl}", &*self.revoked),
                ("{script}", &of_mode("script")),
                ("{played}", &of_mode("server")),
                ("{big}", &self.folder.path().join("big")),
                ("{program}", &self.folder.path().join("program")),
                ("{tmp}", tmp),
            ]
            .into_iter()
            .fold(text.to_owned(), |text, (name, path)| text.replace(name, &path.to_string_lossy()));
            [
                ("{url}", url),
                ("{port}", port),
                ("{tcp}", &format!("localhost:{tcp}")),
                ("{secure}", named(&self.secure).trim_start_matches("wss://").trim_end_matches('/')),
            ]
            .into_iter()
            .fold(text, |text, (name, value)| text.replace(name, value))
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

/// A program that sends back what it gets; it says whether it is on a terminal, notes a SIGHUP in a file, and
/// does first what another file says.
const PROGRAM: &str = r#"trap 'echo hangup > "$1"' HUP
echo warning >&2
test -t 0 && echo terminal
. "$2"
exec 3<&0
cat <&3 &
exec 3<&-
wait
"#;

/// How long a run may take before it is ended, which is an answer too.
const PATIENCE_HERE: Duration = Duration::from_millis(2500);

/// Runs it and gives what was seen, a line each: exit code, both outputs, a file, and the peers' view.
pub fn run(world: &World, mode: &Mode, trial: &Trial, with: bool) -> String {
    let seen = Seen::default();
    let tmp = tempfile::tempdir().unwrap();
    let needs = |name: &str| mode.args.iter().any(|arg| arg.contains(name));
    let server = Served::web_socket(trial.habit, &seen);
    let bytes = Served::bytes(trial.habit, &seen);
    let is_there = needs("{tmp}/peer") && trial.habit != Habit::Absent;
    let unix = is_there.then(|| Served::unix(&tmp.path().join("peer"), trial.habit, &seen));
    fs::write(tmp.path().join("page"), "page").unwrap();
    fs::write(tmp.path().join("lines"), "one\ntwo\n").unwrap();
    fs::write(tmp.path().join("script"), trial.script.unwrap_or_default()).unwrap();
    let url = match trial.habit {
        Habit::Secure => named(&world.secure),
        Habit::Strict => named(&world.strict),
        Habit::Old => format!("wss://localhost:{}/", world.old.0),
        Habit::Absent => "ws://localhost:1/".to_owned(),
        _ => format!("ws://localhost:{}/", server.port),
    };
    let tcp = if trial.habit == Habit::Absent { 1 } else { bytes.port };
    let words = world.filled(mode, trial, with, &url, tcp, tmp.path());
    let mut wsio = Wsio::start(&words);
    let input = trial.input.unwrap_or(mode.input);
    if !input.is_empty() {
        wsio.write_all(input.as_bytes());
    }
    if !trial.open {
        wsio.close_stdin();
    }
    let mut lines = Vec::new();
    let (mut told, mut guest) = (false, None);
    if mode.serves() {
        let once = words.iter().any(|word| word == "--once");
        (told, guest) = serve(&mut wsio, once, trial, &seen);
    }
    match ended(&mut wsio, PATIENCE_HERE) {
        true => {
            let done = wsio.wait();
            lines.push(format!("exit {}", done.code));
            lines.push(if told { "ended when told" } else { "ended by itself" }.to_owned());
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
    drop(guest);
    // Whoever served it may still have its last bytes to read.
    [&server, &bytes].into_iter().chain(&unix).for_each(Served::settle);
    drop((server, bytes, unix));
    let file = fs::read_to_string(tmp.path().join("file")).unwrap_or_default();
    lines.extend(file.lines().map(|line| format!("file {line}")));
    lines.extend(seen.lines());
    lines.join("\n")
}

/// Its URL by the name that its certificate has.
fn named(listening: &Listening) -> String {
    format!("wss://localhost:{}/", listening.address().rsplit(':').next().unwrap())
}

/// The scheme that a server says it listens on, and the address or the path.
fn listening(line: &str) -> (String, String) {
    match line.split_once("://") {
        Some((scheme, rest)) => (scheme.to_owned(), rest.split('/').next().unwrap().to_owned()),
        // ws+unix:/PATH:/ or unix:/PATH
        None => {
            let (scheme, path) = line.split_once(':').unwrap_or_default();
            (
                scheme.strip_suffix("+unix").unwrap_or("tcp").to_owned(),
                path.split(':').next().unwrap().to_owned(),
            )
        }
    }
}

/// Lets a client come, and tells the server to end when it has gone; gives whether it was told, and a client
/// that is to stay.
fn serve(wsio: &mut Wsio, once: bool, trial: &Trial, seen: &Seen) -> (bool, Option<TcpStream>) {
    let start = Instant::now();
    let address = loop {
        let err = wsio.err_so_far();
        let line = err.lines().find_map(|line| line.strip_prefix("listening on "));
        if let Some(line) = line.filter(|_| err.ends_with('\n')) {
            break listening(line);
        }
        if !wsio.is_running() {
            return (false, None);
        }
        // With --quiet there is no such line.
        if start.elapsed() > Duration::from_secs(2) {
            wsio.signal(rustix::process::Signal::TERM);
            return (true, None);
        }
        thread::sleep(Duration::from_millis(20));
    };
    let mut guest = None;
    let scheme = address.0.as_str();
    match (scheme, &address.1) {
        // It is there when the server is told to end, and stays until that has gone.
        ("ws", address) if trial.habit == Habit::Stays => {
            guest = tries(address, trial.lines).map(|peer| peer.stream);
        }
        ("ws", address) => visit(address, trial.lines, trial.habit, &seen.client()),
        ("wss", address) => {
            let way = match address.starts_with('/') {
                true => ["--unix-socket".to_owned(), address.clone(), "wss://localhost/".to_owned()].to_vec(),
                false => vec![format!("wss://{address}/")],
            };
            let said = ["connect", "-k", "-m", "1", "--send", "hi"].map(str::to_owned);
            let done = Wsio::run(said.iter().chain(&way), "");
            seen.client().note(format!("exit {}", done.code));
        }
        ("tls", address) if trial.habit == Habit::Idles => visit(address, &[], trial.habit, &seen.client()),
        ("tcp" | "tls", address) => {
            Served::calls(address, scheme == "tls", trial.habit, &seen.client());
        }
        _ => {}
    }
    // What an end like this does to others is over when it is told.
    let is_told = |wsio: &Wsio| wsio.err_so_far().contains(" close ");
    while matches!(trial.habit, Habit::Breaks | Habit::Leaves(_) | Habit::Closes(_))
        && wsio.is_running()
        && !is_told(wsio)
    {
        if start.elapsed() > PATIENCE_HERE {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    // With --once it ends by itself, if it had its client.
    if let Ok(socket) = fs::metadata(&address.1) {
        seen.note(format!("socket mode {:o}", socket.permissions().mode() & 0o777));
    }
    let tells = (!once || guest.is_some() || !ended(wsio, Duration::from_secs(1))) && wsio.is_running();
    if tells {
        wsio.signal(rustix::process::Signal::TERM);
    }
    (tells, guest)
}

fn ended(wsio: &mut Wsio, within: Duration) -> bool {
    let start = Instant::now();
    while wsio.is_running() {
        if start.elapsed() > within {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
    true
}
