//! Whole command lines in other tools' habits, as ours.
//!
//! A habit is more than a word: `websocketd --port=8080 ./prog` has the port in an option and the
//! program where an address stands here. What was meant is put together anew, and offered only when
//! it parses, so that a hint never leads to the next refusal.

use super::argv;
use crate::{
    endpoint::{Kind, Scheme},
    framing::{self, Sign},
};
use clap::{Arg, Command};
use std::net::IpAddr;

/// Words of other tools that mean nothing here, or what happens anyway.
const NEEDLESS: &[&str] =
    &["-c", "--connect", "-E", "--exit-on-eof", "-S", "--strict", "-P", "--show-ping-pong", "--url", "--ssl"];
/// The same, with a value.
const NEEDLESS_WITH_VALUE: &[&str] = &["--passenv", "--loglevel"];
/// Options that take the port to listen on.
const PORT: &[&str] = &["-s", "--server-mode", "-l", "--listen", "-p", "--port"];
/// Options that take the host to listen on.
const HOST: &[&str] = &["-a", "--address"];
/// Options under another name, with what their value begins with here.
const RENAMED: &[(&[&str], &str, &str)] = &[
    (&["--no-check"], "-k", ""),
    (&["--execute", "-d", "--data"], "--send", ""),
    (&["-s"], "--subprotocol", ""),
    (&["--oneshot"], "--once", ""),
    (&["--devconsole"], "--console", ""),
    (&["--staticdir"], "--serve", ""),
    (&["-w", "--wait"], "--linger", ""),
    (&["--sslcert"], "--cert", ""),
    (&["--sslkey"], "--key", ""),
    (&["--auth", "--basic-auth"], "--user", ""),
    (&["--exec", "--exec-args"], "--to", "exec:"),
    (&["--sh-c", "--sh-exec", "--cmd"], "--to", "sh:"),
];

/// A command line as it was meant, beginning with the subcommand.
#[derive(Default)]
struct MeantLine {
    /// Options with their values, and what stands by itself, in order.
    parts: Vec<LinePart>,
    /// Host to listen on, when an option said it.
    host: Option<String>,
    port: Option<String>,
    program: Vec<String>,
}

enum LinePart {
    Option(Vec<String>),
    Place(String),
}

/// The words of a command line that works, for one that does not; the program's name is none of them.
pub(super) fn meant(words: &[String], command: &Command) -> Option<Vec<String>> {
    let (subcommand, rest) = match words.split_first() {
        Some((first, rest)) if command.find_subcommand(first).is_some() => (Some(first.as_str()), rest),
        _ => (None, words),
    };
    let meant = MeantLine::read(subcommand, rest, command)?.write(subcommand)?;
    (meant != words && argv::parse(command, &meant)).then_some(meant)
}

impl MeantLine {
    fn read(subcommand: Option<&str>, words: &[String], command: &Command) -> Option<Self> {
        let mut line = Self::default();
        let wscat = words.iter().any(|word| matches!(word.as_str(), "-c" | "--connect"));
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let next = rest.as_slice().first().map(String::as_str);
            let (name, value) = match word.split_once('=') {
                Some((name, value)) if word.starts_with("--") => (name, Some(value)),
                _ => (word.as_str(), None),
            };
            let follows = value.or(next);
            if word == "--" {
                line.program = rest.cloned().collect();
                break;
            } else if PORT.contains(&name) && follows.is_some_and(is_port) {
                line.port = follows.map(str::to_owned);
                rest = rest.as_slice()[usize::from(value.is_none())..].iter();
            } else if HOST.contains(&name) && subcommand != Some("connect") {
                line.host = Some(follows?.to_owned());
                rest = rest.as_slice()[usize::from(value.is_none())..].iter();
            } else if NEEDLESS.contains(&name) {
            } else if NEEDLESS_WITH_VALUE.contains(&name) {
                rest = rest.as_slice()[usize::from(value.is_none()).min(rest.len())..].iter();
            } else if name == "-n" && wscat && next.is_none_or(|next| next.parse::<u64>().is_err()) {
                line.parts.push(LinePart::Option(vec!["-k".to_owned()]));
            } else if word.starts_with('-') && word != "-" {
                // wscat's is a message; everybody else's is a proxy.
                let name = if wscat && name == "-x" { "--execute" } else { name };
                let renamed = RENAMED.iter().find(|(names, _, _)| names.contains(&name));
                let (name, prefix) = renamed.map_or((name, ""), |(_, name, prefix)| (*name, *prefix));
                let (option, taken) = option(argv::argument(command, name)?, name, value, next, prefix)?;
                line.parts.push(LinePart::Option(option));
                rest = rest.as_slice()[taken..].iter();
            } else if line.starts_program(subcommand, word) {
                line.program = std::iter::once(word).chain(rest).cloned().collect();
                break;
            } else {
                line.parts.push(LinePart::Place(ours(word)));
            }
        }
        Some(line)
    }

    fn places(&self) -> impl Iterator<Item = &String> {
        self.parts.iter().filter_map(|part| match part {
            LinePart::Place(place) if place != "-" => Some(place),
            _ => None,
        })
    }

    /// True when the word begins the program: an address came before, and this is no endpoint and no port.
    fn starts_program(&self, subcommand: Option<&str>, word: &str) -> bool {
        let address = self.port.as_ref().or(self.places().next());
        let listens = subcommand == Some("listen") || (subcommand.is_none() && self.port.is_some());
        let port_of_it = address.is_some_and(|address| is_bare_host(address)) && is_port(word);
        listens && address.is_some() && !is_endpoint(&ours(word)) && !port_of_it
    }

    fn write(self, subcommand: Option<&str>) -> Option<Vec<String>> {
        let places: Vec<&String> = self.places().collect();
        let served = |place: &str| Kind::of(place).is_web_socket() && Kind::of(place).listens();
        let name = match (subcommand, &self.port, &places[..]) {
            (Some("listen"), _, _) | (None, Some(_), _) | (Some("connect"), Some(_), []) => "listen",
            (None, None, [first, ..]) if first.parse::<u16>().is_ok() => "listen",
            (None, None, [first, second]) if served(first) && second.contains("mirror:") => "listen",
            (Some("connect"), None, [_]) => "connect",
            (None, None, [only]) if is_url(only) => "connect",
            (Some("connect"), None, [_, second]) if !is_endpoint(second) => "connect",
            (None | Some("connect"), None, [a, b]) if is_endpoint(a) && is_endpoint(b) => "pipe",
            (None, None, [only]) if is_endpoint(only) => "pipe",
            _ => return None,
        };
        match name {
            "listen" => self.listen(),
            "connect" => Some(self.connect()),
            _ => Some(self.plain(name, true)),
        }
    }

    fn plain(self, name: &str, with_dash: bool) -> Vec<String> {
        let mut words = vec![name.to_owned()];
        for part in self.parts {
            match part {
                LinePart::Option(option) => words.extend(option),
                LinePart::Place(place) if place == "-" && !with_dash => {}
                LinePart::Place(place) => words.push(place),
            }
        }
        words
    }

    /// Takes the word after the URL for a part of it that was cut off, or else for the message to send.
    fn connect(mut self) -> Vec<String> {
        let places: Vec<String> = self.places().cloned().collect();
        if let [url, more] = &places[..] {
            let whole = match more.parse::<u16>() {
                Ok(port) if !url.contains(':') => Some(format!("{url}:{port}")),
                _ if more.starts_with('/') => Some(format!("{}{more}", url.trim_end_matches('/'))),
                _ => None,
            };
            self.parts.retain(|part| !matches!(part, LinePart::Place(place) if place == more));
            match whole {
                Some(whole) => {
                    self.parts.retain(|part| matches!(part, LinePart::Option(_)));
                    self.parts.push(LinePart::Place(whole));
                }
                None => self.parts.push(LinePart::Option(vec!["--send".to_owned(), more.clone()])),
            }
        }
        self.plain("connect", false)
    }

    fn listen(mut self) -> Option<Vec<String>> {
        let mut places: Vec<String> = self.places().cloned().collect();
        self.parts.retain(|part| matches!(part, LinePart::Option(_)));
        let mut address = match (self.host.take(), self.port.take()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (_, Some(port)) => port,
            (_, None) if places.is_empty() => return None,
            (_, None) => places.remove(0),
        };
        if let Some((scheme, rest)) = Scheme::of(&address) {
            match (scheme.kind, scheme.flags.secure) {
                (Kind::WebSocketServer, false) => address = rest.to_owned(),
                (Kind::WebSocketServer, true) => address = format!("wss://{rest}"),
                _ => {}
            }
        }
        if is_bare_host(&address) && places.first().is_some_and(|place| is_port(place)) {
            address = match address.contains(':') {
                true => format!("[{address}]:{}", places.remove(0)),
                false => format!("{address}:{}", places.remove(0)),
            };
        }
        let mut words = vec!["listen".to_owned(), address];
        let target = match places.len() {
            0 => None,
            1 => places.pop(),
            _ => return None,
        };
        match target.as_deref() {
            None => {}
            Some("echo:") => words.push("--echo".to_owned()),
            Some("broadcast:mirror:") => words.push("--relay".to_owned()),
            Some(endpoint) => words.extend(["--to".to_owned(), endpoint.to_owned()]),
        }
        let options = Self { parts: self.parts, ..Self::default() }.plain("", true);
        words.extend(options.into_iter().skip(1).filter(|option| target.is_none() || option != "-t"));
        if self.program.first().is_some_and(|program| is_port(program)) {
            return None;
        }
        if !self.program.is_empty() {
            words.push("--".to_owned());
            words.extend(self.program);
        }
        Some(words)
    }
}

/// An option with its value, and how many of the words that follow it took.
fn option(
    arg: &Arg,
    name: &str,
    value: Option<&str>,
    next: Option<&str>,
    prefix: &str,
) -> Option<(Vec<String>, usize)> {
    let attached = !name.starts_with("--") && name.len() > 2;
    if let Some(value) = value.filter(|_| prefix.is_empty()) {
        return Some((vec![format!("{name}={value}")], 0));
    }
    if !arg.get_action().takes_values() || attached {
        return Some((vec![name.to_owned()], 0));
    }
    if arg.is_require_equals_set() {
        return Some(match next.filter(|next| lacks_equals(arg, next)) {
            Some(next) => (vec![format!("{name}={next}")], 1),
            None => (vec![name.to_owned()], 0),
        });
    }
    let given = value.or(next)?;
    Some((vec![name.to_owned(), format!("{prefix}{given}")], usize::from(value.is_none())))
}

/// True when the next word is meant as the option's value, which is written with `=`.
pub(super) fn lacks_equals(arg: &Arg, next: &str) -> bool {
    let possible = arg.get_possible_values();
    arg.is_require_equals_set()
        && (next.parse::<u32>().is_ok() || possible.iter().any(|possible| possible.matches(next, false)))
}

/// Schemes of other tools that have one of ours.
const OURS: [(&str, &str); 16] = [
    ("ws-l", "ws-listen"),
    ("l-ws", "ws-listen"),
    ("wss-l", "wss-listen"),
    ("l-wss", "wss-listen"),
    ("tcp-l", "tcp-listen"),
    ("l-tcp", "tcp-listen"),
    ("tls-l", "tls-listen"),
    ("ssl-l", "tls-listen"),
    ("ssl-listen", "tls-listen"),
    ("openssl-listen", "tls-listen"),
    ("udp-l", "udp-listen"),
    ("unix-l", "unix-listen"),
    ("l-unix", "unix-listen"),
    ("sh-c", "sh"),
    ("cmd", "sh"),
    ("mirror", "echo"),
];

/// An endpoint of another tool as one of ours; what is none, or has none, as it is.
pub(super) fn ours(place: &str) -> String {
    let known = place.split_once(':').and_then(|(name, rest)| {
        let ours = OURS.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(name))?.1;
        // A host may be called so.
        (ours != "echo" || rest.is_empty()).then(|| format!("{ours}:{rest}"))
    });
    known.unwrap_or_else(|| place.to_owned())
}

/// True for what is written with the scheme of a WebSocket URL.
pub(super) fn is_url(place: &str) -> bool {
    Scheme::of(place).is_some_and(|(scheme, _)| scheme.kind == Kind::WebSocket)
}

fn is_endpoint(place: &str) -> bool {
    let scheme = place.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme == "broadcast" || Scheme::named(scheme).is_some())
}

/// A port, or an address with one.
fn is_port(word: &str) -> bool {
    word.rsplit(':').next().is_some_and(|port| port.parse::<u16>().is_ok()) && !word.starts_with('-')
}

/// A host where an address with a port should stand.
fn is_bare_host(word: &str) -> bool {
    word.parse::<IpAddr>().is_ok() || word == "localhost"
}

/// The command that does the work of a framing which wsio lacks, by the name of the framing.
pub(super) fn other_framing(name: &str) -> Option<String> {
    name.eq_ignore_ascii_case("stomp").then(|| Sign::Stomp.hint(None))
}

/// The framing that was meant by a word that is none, or whose parameter is none.
pub(super) fn meant_framing(word: &str) -> Option<String> {
    let (name, parameter) = word.split_once(['=', ':']).unwrap_or((word, ""));
    let name = name.to_ascii_lowercase();
    if parameter.is_empty() && framing::parse(&name).is_some_and(|framing| framing.is_ok()) {
        return Some(name);
    }
    let equals = format!("{name}={parameter}");
    match framing::parse(&equals) {
        Some(Ok(_)) => return Some(equals),
        Some(Err(bad)) => return Some(format!("{name}={}", bad.instead)),
        None => {}
    }
    let ours = match word.to_ascii_lowercase().as_str() {
        // JSON a line each is what other tools call so.
        "ndjson" | "jsonlines" | "json-lines" | "json-seq" => "jsonl",
        "crlf" => r"sep=\r\n",
        "header" | "lsp" | "dap" | "content-length" | "http" | "jsonrpc" | "json-rpc" => "headers",
        _ => return None,
    };
    Some(ours.to_owned())
}
