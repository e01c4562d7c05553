//! The one table of which option acts in which mode of a run, and why it is refused in the others.
//!
//! A mode is what the command line says: the subcommand, what is done there (talk, `--check`, `--ping`,
//! `--script`) and the kinds of the ends. What only turns out later (terminal or pipe, `ws` or `wss` behind a
//! redirect) refuses nothing here. Every option of every subcommand stands in [`TABLE`] or in `EVERYWHERE`,
//! which a test reads; another one (`it modes::`) walks all modes and sees each option act or be refused.

use super::lower::GivenOptions;
use crate::{
    endpoint::{Kind, Scheme, binds_unix, is_dialled, is_echo},
    fault::Result,
    framing::{Framing, JSONL},
    net::ListenAddr,
};

/// The facts that hold of a run, a bit for each.
#[derive(Clone, Copy)]
pub(super) struct Mode(u64);

// The subcommand.
const CONNECT: u64 = 1;
const LISTEN: u64 = 1 << 1;
const PIPE: u64 = 1 << 2;
const ALL: u64 = CONNECT | LISTEN | PIPE;
// The task: with none of them, a session carries messages.
const CHECK: u64 = 1 << 3;
const PING: u64 = 1 << 4;
const SCRIPT: u64 = 1 << 5;
// How.
/// On a terminal there would be a prompt.
const PROMPT: u64 = 1 << 6;
/// Input is read.
const IN: u64 = 1 << 7;
/// Received messages are written.
const OUT: u64 = 1 << 8;
/// The output shows payloads as they are.
const BARE: u64 = 1 << 9;
/// `--send` or `--every`.
const SAYS: u64 = 1 << 10;
/// One session, whose end is the run's.
const ALONE: u64 = 1 << 11;
// The ends.
/// A WebSocket that is dialled.
const CLIENT: u64 = 1 << 12;
/// A WebSocket that is served.
const SERVER: u64 = 1 << 13;
/// Served over TLS, or so if a certificate is given.
const SECURE: u64 = 1 << 14;
/// A client over TLS: `wss:`, `tls:` or `nats:`.
const TLS: u64 = 1 << 15;
const LISTENS: u64 = 1 << 16;
/// Bytes that a framing cuts.
const BYTES: u64 = 1 << 17;
const DATAGRAMS: u64 = 1 << 18;
/// Standard input and output.
const STANDARD: u64 = 1 << 19;
const NATS: u64 = 1 << 20;
/// Many hear one.
const FANOUT: u64 = 1 << 21;
const PROGRAM: u64 = 1 << 22;
/// A Unix socket that is bound.
const UNIX: u64 = 1 << 23;
/// Reached over the network.
const NETWORK: u64 = 1 << 24;
/// An end that is opened for the session, not there already.
const OPENED: u64 = 1 << 25;
/// Two WebSockets.
const RELAY: u64 = 1 << 26;
/// An end of input is followed by a Close of ours.
const ENDS: u64 = 1 << 27;
/// `--to`.
const TO: u64 = 1 << 28;
/// `--self-signed` was not given.
const NOT_SELF_SIGNED: u64 = 1 << 29;
const ECHO: u64 = 1 << 30;
/// The server has to refuse the upgrade.
const REFUSAL: u64 = 1 << 31;
/// A subject hears one peer: then it is what is sent that is delivered.
const PUBLISHES: u64 = 1 << 32;
/// An end that learns whether the other one ended well: a TCP stream is reset, a program hung up on.
const LEARNS: u64 = 1 << 33;
/// Bytes come from an end: not from a file that is written.
const GIVES: u64 = 1 << 34;
/// Bytes go to an end: not to a file that is read.
const TAKES: u64 = 1 << 35;
const WEB_SOCKET: u64 = CLIENT | SERVER;
const PROBE: u64 = CHECK | PING;

/// Facts that a mode needs so that an option acts.
enum Needs {
    /// One of these.
    Any(u64),
    /// All of these.
    All(u64),
    /// None of these.
    No(u64),
    /// Not all of these together.
    NotAll(u64),
}

/// Options of those subcommands, what they need to act, and what is said where they lack it.
struct Row(u64, &'static [&'static str], Needs, &'static str);

use Needs::{All, Any, No, NotAll};

/// Options that choose the way to a server; all but `--location`, which is the handshake's.
pub(super) const WAY: &[&str] = &[
    "proxy",
    "proxy_user",
    "noproxy",
    "proxy_cacert",
    "proxy_insecure",
    "connect_to",
    "resolve",
    "unix_socket",
    "ipv4",
    "ipv6",
    "interface",
];
const TRUST: &[&str] = &["cacert", "insecure", "sni", "tls_min", "pin", "crl"];
const FRAMINGS: &[&str] = &["framing", "input", "output", "nul", "json"];
const FAN_OUT: &[&str] = &["queue", "slow", "last"];
const LOOKS: &[&str] = &["color", "no_pretty", "no_history"];

/// Each option stands in every row that says something of it; the first row that is not met refuses it.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    // The task decides first.
    Row(CONNECT, &["expect_status", "expect_header", "fail_if_cert_expires_in"], Any(CHECK), "is for --check"),
    Row(CONNECT, &["max_loss"], Any(PING), "is for --ping"),
    Row(CONNECT, &["max_rtt"], Any(PROBE), "is for --check and --ping"),
    Row(CONNECT, &["max_rtt", "expect_subprotocol"], No(REFUSAL), "is about an open WebSocket, and --expect-status wants a refusal"),
    Row(CONNECT, &["ping_interval"], No(CHECK), "has nothing to do with --check, which pings once"),
    Row(CONNECT, &["script"], No(PROBE), "is a session of its own, and --check and --ping carry none"),
    Row(CONNECT, &[
        "send", "every", "reply", "count", "one", "patterns", "fields", "expect_close", "ok_close", "no_pong",
        "lasts", "recv_only", "send_only", "linger", "read_ahead", "idle_timeout", "reconnect", "resend", "record", "text",
        "binary", "input", "output", "framing", "nul", "timestamps", "max_frame", "stats", "progress", "raw", "report",
    ], No(PROBE), "is for a session, not for --check or --ping"),
    Row(CONNECT, LOOKS, No(PROBE), "is for the prompt, and --check and --ping have none"),
    Row(CONNECT | LISTEN, &["reconnect", "resend"], No(SCRIPT), "is not for a script: it is one conversation, lost with its connection"),
    Row(CONNECT | LISTEN, &[
        "framing", "input", "output", "nul", "text", "binary", "send", "every", "reply", "recv_only", "send_only",
        "count", "one", "patterns", "fields", "expect_close", "linger", "lasts", "read_ahead", "timestamps", "raw",
    ], No(SCRIPT), "does nothing with --script, which says itself what is sent and what is expected"),
    Row(CONNECT | LISTEN, &["report", "allow_empty"], Any(SCRIPT), "is about a script: it needs --script"),
    Row(CONNECT, LOOKS, No(SCRIPT), "is for the prompt, and --script leaves none"),
    Row(CONNECT, LOOKS, Any(PROMPT), "is for the prompt, and a framing, --json, --timestamps, --recv-only or --send with -n leaves none"),
    // Input that is not read is not cut, and output that is not written has no form.
    Row(ALL, &["input"], Any(IN), "cuts input, and --recv-only reads none"),
    Row(ALL, &["output"], Any(OUT), "is for what is received, and --send-only writes none of it"),
    Row(ALL, &["timestamps", "raw", "no_pretty"], Any(OUT), "is for what is received, and --send-only writes none of it"),
    Row(ALL, &["text", "binary"], Any(IN | SAYS), "is for what is sent, and --recv-only reads no input"),
    Row(ALL, &["raw"], Any(BARE), "lets control characters through, and this output has none: it is JSON, base64 or hex"),
    Row(ALL, &["count", "one"], Any(OUT | PUBLISHES), "counts delivered messages, and --send-only delivers none"),
    Row(ALL, &["read_ahead"], Any(OUT), "is for an output that is slow, and --send-only has none"),
    Row(CONNECT, &["linger"], Any(IN | SAYS), "follows the end of the input, and --recv-only reads none"),
    // connect echo:
    Row(CONNECT, &["location"], Any(NETWORK), "needs another server than echo:"),
    Row(CONNECT, &["pin", "crl"], Any(OPENED), "needs another server than echo:"),
    // listen: what stands behind the clients.
    Row(LISTEN, &["cacert", "insecure", "sni", "connect_timeout", "forward_header", "tls_min", "pin", "crl", "location"], Any(TO), "is for the endpoint of --to"),
    Row(LISTEN, WAY, Any(TO), "is for the endpoint of --to"),
    Row(LISTEN, &["location"], Any(CLIENT), "needs a ws: or wss: endpoint"),
    Row(LISTEN, &["subprotocols"], No(RELAY), "is not for two WebSockets: the client's subprotocols pass through"),
    Row(LISTEN, &["forward_header"], Any(CLIENT), "needs a ws: or wss: endpoint of --to"),
    Row(LISTEN, TRUST, Any(CLIENT | TLS), "needs a wss: or tls: endpoint"),
    Row(LISTEN, &["connect_timeout"], Any(OPENED), "needs an endpoint that is connected to (ws:, wss:, tcp:, tls:, unix:, nats:)"),
    Row(LISTEN, FAN_OUT, Any(FANOUT), "is for standard input to many clients, --relay, --to hub:NAME and --to nats://HOST/SUBJECT"),
    Row(LISTEN, &["raw", "timestamps"], Any(STANDARD), "is for standard output, where the clients' messages do not go"),
    Row(LISTEN, &["mode"], Any(UNIX), "is for a Unix socket that we bind: unix:PATH"),
    Row(LISTEN, &["send_only"], No(ECHO), "writes nothing of what is received, and --echo sends it back"),
    // pipe: what the two ends are.
    Row(PIPE, &["cookie", "user_agent", "origin", "location", "patterns", "fields", "expect_close", "expect_subprotocol"], Any(CLIENT), "needs a ws: or wss: endpoint"),
    Row(PIPE, &[
        "user", "bearer", "no_pong", "read_ahead", "hangup", "headers", "subprotocols", "compress", "close", "ok_close",
        "ping_interval", "ping_timeout", "record", "max_frame", "secret",
    ], Any(WEB_SOCKET), "needs a WebSocket endpoint"),
    Row(PIPE, &["reconnect", "resend"], Any(CLIENT), "needs a ws: or wss: endpoint whose other side is no WebSocket"),
    Row(PIPE, &["reconnect", "resend"], No(SERVER), "needs a ws: or wss: endpoint whose other side is no WebSocket"),
    Row(PIPE, TRUST, Any(CLIENT | TLS), "needs a wss:, tls: or nats: endpoint"),
    Row(PIPE, &["cert", "key", "pass"], Any(CLIENT | TLS | SECURE), "needs a wss:, tls:, nats:, wss-listen: or tls-listen: endpoint"),
    Row(PIPE, &["cert", "key", "pass"], Any(CLIENT | TLS | NOT_SELF_SIGNED), "and --self-signed exclude each other"),
    Row(PIPE, &["forward_header"], All(CLIENT | SERVER), "needs two WebSockets, a listening and a dialled one"),
    Row(PIPE, &["paths", "allow_origin", "allow_host"], Any(SERVER), "needs a ws-listen: or wss-listen: endpoint"),
    Row(PIPE, &["handshake_timeout"], Any(SERVER | SECURE), "needs a ws-listen:, wss-listen: or tls-listen: endpoint"),
    Row(PIPE, &["self_signed", "client_ca"], Any(SECURE), "needs a wss-listen: or tls-listen: endpoint"),
    Row(PIPE, &["subprotocols"], NotAll(CLIENT | SERVER), "is not for two WebSockets: the client's subprotocols pass through"),
    Row(PIPE, FAN_OUT, Any(FANOUT), "needs hub:NAME or nats://HOST/SUBJECT"),
    Row(PIPE, &["once", "announce", "max_connections", "max_buffer", "grace"], Any(LISTENS), "needs a listening endpoint"),
    Row(PIPE, &["mode"], Any(UNIX), "needs a Unix socket that we bind: unix-listen:PATH, or ws-listen:, wss-listen: or tls-listen: with unix:PATH"),
    Row(PIPE, &["connect_timeout", "retry", "retry_delay", "retry_max_time", "retry_connrefused", "retry_all_errors"], Any(OPENED), "needs an endpoint that is connected to (ws:, wss:, tcp:, tls:, unix:, nats:)"),
    Row(PIPE, &["raw", "timestamps"], Any(STANDARD), "is for standard output, which is not an endpoint here"),
    // Both of them.
    Row(LISTEN | PIPE, &["allow_host"], No(UNIX), "is about TCP: on a Unix socket every Host is let in"),
    Row(ALL, WAY, Any(NETWORK), "needs an endpoint that is reached over the network (ws:, wss:, tcp:, tls:)"),
    Row(LISTEN | PIPE, &["pty", "child_stderr", "hangup"], Any(PROGRAM), "is for programs: exec:, sh: or -- PROGRAM"),
    Row(LISTEN | PIPE, &["no_pong"], No(RELAY), "is for one WebSocket: between two, pings and pongs pass through, and none is answered here"),
    Row(LISTEN | PIPE, FRAMINGS, No(RELAY), "is for bytes: between two WebSockets each message passes as it is"),
    Row(LISTEN | PIPE, FRAMINGS, Any(BYTES | SCRIPT), "is for bytes, and neither side has them: each message passes as it is, a datagram too"),
    Row(LISTEN | PIPE, &["text", "binary"], Any(BYTES | DATAGRAMS | NATS | SAYS), "is for bytes, and neither side has them: each message passes with its type"),
    Row(LISTEN | PIPE, &["input"], Any(GIVES | SCRIPT), "cuts input, and a file that is written gives none"),
    Row(LISTEN | PIPE, &["output"], Any(TAKES | SCRIPT), "is for what is written, and a file that is read takes nothing"),
    Row(LISTEN | PIPE, &["text", "binary"], Any(GIVES | DATAGRAMS | NATS | SAYS), "is for what is sent, and a file that is written gives nothing to send"),
    Row(LISTEN | PIPE, &["recv_only"], Any(STANDARD | NATS), "is for standard input and NATS subjects, and neither is an endpoint here"),
    Row(LISTEN | PIPE, &["linger"], Any(ENDS), "follows the end of an input, and none ends a session here"),
    Row(PIPE, &["linger"], Any(WEB_SOCKET | DATAGRAMS | NATS), "waits for answers of a peer, and of two byte streams each ends by itself"),
    Row(PIPE, &["expect_close"], Any(ALONE), "is about one session: add --once"),
    Row(LISTEN | PIPE, &["ok_close"], Any(ALONE | SCRIPT | LEARNS), "decides the exit code of one session, and this server goes on after each: add --once"),
    Row(LISTEN | PIPE, &["progress"], Any(ALONE), "is for one session: add --once"),
];

/// Options that act in every mode of these subcommands.
#[cfg(test)]
#[rustfmt::skip]
const EVERYWHERE: &[(u64, &[&str])] = &[
    (ALL, &["quiet", "verbose", "max_message", "timeout", "close_timeout", "help"]),
    (CONNECT | LISTEN, &["secret", "close", "ping_timeout", "compress", "headers", "user", "bearer"]),
    (CONNECT, &["subprotocols", "cacert", "insecure", "tls_min", "sni", "cert", "key", "pass"]),
    (LISTEN, &["max_frame", "script", "ping_interval", "cert", "key", "pass"]),
    (CONNECT, &[
        "json", "curl", "connect_timeout", "retry", "retry_delay", "retry_max_time", "retry_connrefused",
        "retry_all_errors", "cookie", "user_agent", "origin", "check", "ping",
    ]),
    (LISTEN | PIPE, &["idle_timeout", "stats"]),
    (PIPE, &["lasts"]),
    (LISTEN, &[
        "echo", "relay", "to", "serve", "console", "once", "paths", "allow_origin", "self_signed",
        "client_ca", "announce", "max_connections", "max_buffer", "handshake_timeout", "grace", "record",
    ]),
    (PIPE, &["every", "reply", "send", "send_only"]),
];

impl Mode {
    /// The mode that this command line says.
    pub(super) fn of(given: &GivenOptions) -> Self {
        let text = |id| given.matches.get_one::<String>(id).map(String::as_str);
        let mut mode = Self(given.facts([
            ("check", CHECK),
            ("ping", PING),
            ("script", SCRIPT),
            ("send", SAYS),
            ("every", SAYS),
            ("once", ALONE),
            ("to", TO),
            ("program", PROGRAM),
            ("echo", ECHO),
        ]));
        mode.set(IN, !given.has("recv_only"));
        mode.set(OUT, !given.has("send_only"));
        mode.set(BARE, !is_printable(given));
        mode.set(NOT_SELF_SIGNED, !given.knows("self_signed") || !given.has("self_signed"));
        match given.command.get_name() {
            "connect" => mode.connect(given, text("target")),
            "listen" => mode.listen(given, text("address").unwrap_or_default(), text("to")),
            _ => mode.pipe([text("a").unwrap_or_default(), text("b").unwrap_or_default()]),
        }
        mode.set(LEARNS, mode.has(LEARNS) || (mode.has(PROGRAM) && given.has("hangup")));
        mode
    }

    fn connect(&mut self, given: &GivenOptions, target: Option<&str>) {
        let plain = FRAMINGS.iter().chain(&["timestamps", "recv_only"]).any(|id| given.has(id));
        // With an end of its own, --send leaves a terminal's input alone too.
        let ends = ["count", "one", "expect_close"].iter().any(|id| given.has(id));
        let left = given.has("send") && ends;
        self.set(PROMPT, !plain && !left);
        self.set(CONNECT | ALONE | CLIENT | BYTES | STANDARD | ENDS, true);
        let status = given.matches.get_one::<u16>("expect_status");
        self.set(REFUSAL, status.is_some_and(|status| *status != 101));
        // A pasted line has the URL of a page.
        self.set(NETWORK, target.is_none_or(is_dialled));
        self.set(OPENED, target.is_none_or(|target| !is_echo(target)));
    }

    fn listen(&mut self, given: &GivenOptions, address: &str, to: Option<&str>) {
        self.set(LISTEN | SERVER | SECURE | LISTENS, true);
        self.set(UNIX, matches!(ListenAddr::parse(address), Ok(ListenAddr::Unix(_))));
        let alone = self.has(ALONE);
        match to {
            Some(endpoint) => self.end(endpoint),
            None if given.has("echo") || self.has(SCRIPT) => {}
            None if self.has(PROGRAM) => self.set(BYTES | GIVES | TAKES, true),
            None => self.end("-"),
        }
        // Standard input and output are shared by all clients, unless there is one.
        self.set(FANOUT, self.has(FANOUT) || (self.has(STANDARD) && !(alone && to.is_none())));
        self.set(ENDS, self.has(ENDS) && (alone || !self.has(STANDARD)));
    }

    fn pipe(&mut self, ends: [&str; 2]) {
        let kinds = ends.map(Kind::of);
        self.set(PIPE, true);
        self.end(ends[0]);
        // A file as A is read, and takes nothing.
        self.set(TAKES, self.has(TAKES) && kinds[0] != Kind::File);
        self.end(ends[1]);
        self.set(ALONE, self.has(ALONE) || !self.has(LISTENS));
        let speaks = matches!(kinds[0], Kind::WebSocket | Kind::Datagrams);
        self.set(PUBLISHES, speaks && kinds[1] == Kind::Subject);
        self.set(RELAY, kinds.into_iter().all(Kind::is_web_socket));
    }

    /// Adds what one end is.
    fn end(&mut self, endpoint: &str) {
        let (kind, scheme) = (Kind::of(endpoint), Scheme::of(endpoint).map(|(scheme, _)| scheme));
        // An end that can only be written never stands first.
        let reads = scheme.is_none_or(|scheme| scheme.a);
        self.set(NETWORK, self.has(NETWORK) || is_dialled(endpoint));
        let facts = match kind {
            Kind::Standard => BYTES | ENDS | STANDARD,
            Kind::WebSocket => CLIENT | OPENED,
            Kind::WebSocketServer => SERVER | LISTENS,
            Kind::Stream => BYTES | ENDS | OPENED,
            Kind::StreamServer => BYTES | ENDS | LISTENS,
            Kind::Datagrams => DATAGRAMS,
            Kind::DatagramServer => DATAGRAMS | LISTENS,
            Kind::Command => BYTES | PROGRAM,
            Kind::File if reads => BYTES | ENDS,
            Kind::File => BYTES,
            Kind::Echo | Kind::Null => 0,
            Kind::Hub => FANOUT,
            // Its server may ask for TLS.
            Kind::Subject => TLS | NATS | FANOUT | OPENED,
        };
        let speaks_tls = scheme.is_some_and(|scheme| scheme.flags.secure);
        let over = match kind.listens() {
            _ if !speaks_tls => 0,
            true => SECURE,
            false => TLS,
        };
        self.set(facts | over, true);
        self.set(TAKES, self.has(TAKES) || facts & BYTES != 0);
        let gives = facts & BYTES != 0 && (kind != Kind::File || reads);
        self.set(GIVES, self.has(GIVES) || gives);
        // A Unix socket has no reset.
        let resets = facts & BYTES != 0
            && facts & (OPENED | LISTENS) != 0
            && !scheme.is_some_and(|scheme| scheme.flags.path);
        self.set(LEARNS, self.has(LEARNS) || resets);
        self.set(UNIX, self.has(UNIX) || binds_unix(endpoint));
        // Of a listening WebSocket and a dialled one, the messages pass.
        self.set(RELAY, self.has(LISTEN) && kind == Kind::WebSocket);
    }

    fn has(self, facts: u64) -> bool {
        self.0 & facts != 0
    }

    fn set(&mut self, facts: u64, holds: bool) {
        self.0 = if holds { self.0 | facts } else { self.0 & !facts };
    }
}

impl Needs {
    fn are_met(&self, mode: Mode) -> bool {
        match self {
            Self::Any(facts) => mode.0 & facts != 0,
            Self::All(facts) => mode.0 & facts == *facts,
            Self::No(facts) => mode.0 & facts == 0,
            Self::NotAll(facts) => mode.0 & facts != *facts,
        }
    }
}

/// Refuses the first option that was given and has nothing to do.
///
/// # Errors
/// A fault of the command line that names the option and the reason.
pub(super) fn check(given: &GivenOptions) -> Result<()> {
    let mode = Mode::of(given);
    let here = TABLE.iter().filter(|Row(of, ..)| mode.has(*of));
    here.filter(|Row(_, _, needs, _)| !needs.are_met(mode))
        .try_for_each(|Row(_, options, _, why)| given.refuse(options, why))
}

/// True when the output's framing shows every character in printable letters.
fn is_printable(given: &GivenOptions) -> bool {
    let named = |id| given.matches.get_one::<Framing>(id).cloned();
    let json = given.has("json").then_some(JSONL);
    let output = named("output").or(json).or(named("framing"));
    output.is_some_and(|framing| framing.encoder().is_printable())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::SCHEMES;
    use std::collections::HashSet;

    /// What holds of this line.
    fn mode(line: &[&str]) -> u64 {
        let command = crate::cli::command();
        let matches = command.clone().try_get_matches_from(line).unwrap_or_else(|error| panic!("{error}"));
        let (name, matches) = matches.subcommand().unwrap();
        Mode::of(&GivenOptions { matches, command: command.find_subcommand(name).unwrap() }).0
    }

    #[test]
    fn capitals_in_a_scheme_change_no_mode() {
        let examples = || SCHEMES.iter().map(|scheme| (scheme, scheme.example));
        for (scheme, example) in examples() {
            let capitals = match example.split_once(':') {
                Some((_, rest)) => format!("{}:{rest}", scheme.name.to_uppercase()),
                None => example.to_owned(),
            };
            let lines = |endpoint: &str| {
                let mut modes = vec![
                    mode(&["wsio", "connect", endpoint]),
                    mode(&["wsio", "listen", "0", "--to", endpoint]),
                ];
                for (_, other) in examples() {
                    modes.push(mode(&["wsio", "pipe", endpoint, other]));
                    modes.push(mode(&["wsio", "pipe", other, endpoint]));
                }
                modes
            };
            assert_eq!(lines(example), lines(&capitals), "{capitals}");
        }
    }

    #[test]
    fn every_option_of_every_subcommand_stands_in_the_table() {
        let command = crate::cli::command();
        let (mut all, mut wrong) = (HashSet::new(), Vec::new());
        for sub in command.get_subcommands() {
            let of = match sub.get_name() {
                "connect" => CONNECT,
                "listen" => LISTEN,
                _ => PIPE,
            };
            for id in sub.get_opts().chain(sub.get_arguments().filter(|arg| !arg.is_positional())) {
                let id = id.get_id().as_str();
                let stands = TABLE.iter().any(|row| row.0 & of != 0 && row.1.contains(&id));
                let anywhere = EVERYWHERE.iter().any(|(subs, ids)| subs & of != 0 && ids.contains(&id));
                if stands == anywhere {
                    wrong.push(format!("{} {id}", sub.get_name()));
                }
                all.insert(id.to_owned());
            }
        }
        wrong.dedup();
        assert!(wrong.is_empty(), "these stand in neither table or in both: {}", wrong.join(", "));
        let named = TABLE.iter().flat_map(|row| row.1).chain(EVERYWHERE.iter().flat_map(|(_, ids)| *ids));
        for id in named {
            assert!(all.contains(*id), "{id} is no option");
        }
    }
}
