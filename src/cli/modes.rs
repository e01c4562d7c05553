//! Which option acts in which mode of a run, and why it is refused in the others: the one table.
//!
//! A mode is what the command line says: the subcommand, what is done there (talk, `--check`, `--ping`,
//! `--script`) and the kinds of the ends. What only turns out later (terminal or pipe, `ws` or `wss` behind a
//! redirect) refuses nothing here. Every option of every subcommand stands in [`TABLE`] or in `EVERYWHERE`,
//! which a test reads; another one (`it modes::`) walks all modes and sees each option act or be refused.

use super::lower::{self, Given};
use crate::{fault::Result, framing::Framing};

/// What an endpoint is, as far as options differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    WebSocketClient,
    /// `tls:`, and `nats:` whose server may ask for TLS
    TlsClient,
    WebSocketServer,
    SecureWebSocketServer,
    StreamServer,
    DatagramClient,
    DatagramServer,
    /// A message is a message: in-process endpoints.
    Whole,
    /// Bytes that a framing cuts.
    Other,
}

impl Role {
    /// A word without a known scheme is a WebSocket URL whose scheme was left out.
    pub(super) fn of(endpoint: &str) -> Self {
        let scheme = endpoint.split(':').next().unwrap_or_default().to_ascii_lowercase();
        match scheme.as_str() {
            "ws-listen" => Self::WebSocketServer,
            "wss-listen" => Self::SecureWebSocketServer,
            "tcp-listen" | "unix-listen" => Self::StreamServer,
            "tls" | "nats" | "nats+tls" => Self::TlsClient,
            "udp" => Self::DatagramClient,
            "udp-listen" => Self::DatagramServer,
            "hub" | "echo" | "null" => Self::Whole,
            "-" | "tcp" | "unix" | "exec" | "sh" | "file" | "append" => Self::Other,
            _ => Self::WebSocketClient,
        }
    }
}

/// What holds of a run, a bit for each fact.
#[derive(Clone, Copy)]
pub(super) struct Mode(u64);

// The subcommand.
const CONNECT: u64 = 1;
const LISTEN: u64 = 1 << 1;
const PIPE: u64 = 1 << 2;
const ALL: u64 = CONNECT | LISTEN | PIPE;
// What is done: with none of them, a session carries messages.
const CHECK: u64 = 1 << 3;
const PING: u64 = 1 << 4;
const SCRIPT: u64 = 1 << 5;
// How.
/// On a terminal there would be a prompt.
const PROMPT: u64 = 1 << 6;
/// Input is read.
const IN: u64 = 1 << 7;
/// What is received is written.
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
/// `tls:` or `nats:`.
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

/// What an option needs of a mode to act.
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
    // What is done decides first.
    Row(CONNECT, &["expect_status", "expect_header", "fail_if_cert_expires_in"], Any(CHECK), "is for --check"),
    Row(CONNECT, &["max_loss"], Any(PING), "is for --ping"),
    Row(CONNECT, &["max_rtt"], Any(PROBE), "is for --check and --ping"),
    Row(CONNECT, &["max_rtt", "expect_subprotocol"], No(REFUSAL), "is about an open WebSocket, and --expect-status wants a refusal"),
    Row(CONNECT, &["ping_interval"], No(CHECK), "has nothing to do with --check, which pings once"),
    Row(CONNECT, &["script"], No(PROBE), "is a session of its own, and --check and --ping carry none"),
    Row(CONNECT, &[
        "send", "every", "reply", "count", "one", "patterns", "fields", "expect_close", "ok_close", "no_pong",
        "recv_only", "send_only", "linger", "read_ahead", "idle_timeout", "reconnect", "resend", "record", "text",
        "binary", "input", "output", "framing", "nul", "timestamps", "max_frame", "stats", "progress", "raw", "report",
    ], No(PROBE), "is for a session, not for --check or --ping"),
    Row(CONNECT, LOOKS, No(PROBE), "is for the prompt, and --check and --ping have none"),
    Row(CONNECT | LISTEN, &["reconnect", "resend"], No(SCRIPT), "is not for a script: it is one conversation, lost with its connection"),
    Row(CONNECT | LISTEN, &[
        "framing", "input", "output", "nul", "text", "binary", "send", "every", "reply", "recv_only", "send_only",
        "count", "one", "patterns", "fields", "expect_close", "linger", "read_ahead", "timestamps", "raw",
    ], No(SCRIPT), "does nothing with --script, which says itself what is sent and what is expected"),
    Row(CONNECT | LISTEN, &["report", "allow_empty"], Any(SCRIPT), "is about a script: it needs --script"),
    Row(CONNECT, LOOKS, No(SCRIPT), "is for the prompt, and --script leaves none"),
    Row(CONNECT, LOOKS, Any(PROMPT), "is for the prompt, and a framing, --json, --timestamps, --recv-only or --send with -n leaves none"),
    // What is not read is not cut, and what is not written has no form.
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
    Row(PIPE, &["cert", "key", "pass"], Any(CLIENT | TLS | SECURE), "needs a wss:, tls:, nats: or wss-listen: endpoint"),
    Row(PIPE, &["cert", "key", "pass"], Any(CLIENT | TLS | NOT_SELF_SIGNED), "and --self-signed exclude each other"),
    Row(PIPE, &["forward_header"], All(CLIENT | SERVER), "needs two WebSockets, a listening and a dialled one"),
    Row(PIPE, &["paths", "handshake_timeout", "allow_origin", "allow_host"], Any(SERVER), "needs a ws-listen: or wss-listen: endpoint"),
    Row(PIPE, &["self_signed", "client_ca"], Any(SECURE), "needs a wss-listen: endpoint"),
    Row(PIPE, &["subprotocols"], NotAll(CLIENT | SERVER), "is not for two WebSockets: the client's subprotocols pass through"),
    Row(PIPE, FAN_OUT, Any(FANOUT), "needs hub:NAME or nats://HOST/SUBJECT"),
    Row(PIPE, &["once", "announce", "max_connections", "max_buffer", "grace"], Any(LISTENS), "needs a listening endpoint"),
    Row(PIPE, &["mode"], Any(UNIX), "needs unix-listen:PATH or ws-listen:unix:PATH"),
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
    Row(LISTEN | PIPE, &["recv_only"], Any(STANDARD | NATS), "keeps standard input from being read, or a subject from being published to; this has neither"),
    Row(LISTEN | PIPE, &["linger"], Any(ENDS), "follows the end of an input, and none ends a session here"),
    Row(PIPE, &["linger"], Any(WEB_SOCKET | DATAGRAMS | NATS), "waits for answers of a peer, and of two byte streams each ends by itself"),
    Row(PIPE, &["expect_close"], Any(ALONE), "is about one session: with --once"),
    Row(LISTEN | PIPE, &["ok_close"], Any(ALONE | SCRIPT | LEARNS), "says how one session ended, and a server that goes on tells nobody: with --once"),
    Row(LISTEN | PIPE, &["progress"], Any(ALONE), "is for one session: with --once"),
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
    (LISTEN, &[
        "echo", "relay", "to", "serve", "console", "once", "paths", "allow_origin", "self_signed",
        "client_ca", "announce", "max_connections", "max_buffer", "handshake_timeout", "grace", "record",
    ]),
    (PIPE, &["every", "reply", "send", "send_only"]),
];

impl Mode {
    /// The mode that this command line says.
    pub(super) fn of(given: &Given) -> Self {
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

    fn connect(&mut self, given: &Given, target: Option<&str>) {
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
        self.set(OPENED, target.is_none_or(|target| !target.eq_ignore_ascii_case("echo:")));
    }

    fn listen(&mut self, given: &Given, address: &str, to: Option<&str>) {
        self.set(LISTEN | SERVER | SECURE | LISTENS, true);
        self.set(UNIX, address.starts_with("unix:"));
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
        self.set(PIPE, true);
        self.end(ends[0]);
        // A file as A is read, and takes nothing.
        self.set(TAKES, self.has(TAKES) && !lower::is_file(ends[0]));
        self.end(ends[1]);
        self.set(ALONE, self.has(ALONE) || !self.has(LISTENS));
        let speaks = matches!(Role::of(ends[0]), Role::WebSocketClient | Role::DatagramClient);
        self.set(PUBLISHES, speaks && lower::is_subject(ends[1]));
        self.set(RELAY, ends.into_iter().all(|end| Role::of(end).is_web_socket()));
    }

    /// Adds what one end is.
    fn end(&mut self, endpoint: &str) {
        let role = Role::of(endpoint);
        self.set(NETWORK, self.has(NETWORK) || is_dialled(endpoint));
        let facts = match role {
            Role::WebSocketClient => CLIENT | OPENED,
            Role::TlsClient if lower::is_subject(endpoint) => TLS | NATS | FANOUT | OPENED,
            Role::TlsClient => TLS | BYTES | ENDS | OPENED,
            Role::WebSocketServer => SERVER | LISTENS,
            Role::SecureWebSocketServer => SERVER | SECURE | LISTENS,
            Role::StreamServer => BYTES | ENDS | LISTENS,
            Role::DatagramClient => DATAGRAMS,
            Role::DatagramServer => DATAGRAMS | LISTENS,
            Role::Whole if lower::is_fanout(endpoint) => FANOUT,
            Role::Whole => 0,
            Role::Other if endpoint == "-" => BYTES | ENDS | STANDARD,
            Role::Other if lower::is_command(endpoint) => BYTES | PROGRAM,
            Role::Other if lower::has_scheme(endpoint, "append") => BYTES,
            Role::Other if lower::is_file(endpoint) => BYTES | ENDS,
            Role::Other => BYTES | ENDS | OPENED,
        };
        self.set(facts, true);
        self.set(TAKES, self.has(TAKES) || facts & BYTES != 0);
        let gives = facts & BYTES != 0 && !lower::has_scheme(endpoint, "append");
        self.set(GIVES, self.has(GIVES) || gives);
        // A Unix socket has no reset.
        let resets = facts & BYTES != 0 && facts & (OPENED | LISTENS) != 0 && !is_unix(endpoint);
        self.set(LEARNS, self.has(LEARNS) || resets);
        self.set(UNIX, self.has(UNIX) || binds_unix(endpoint));
        // Of a listening WebSocket and a dialled one, the messages pass.
        self.set(RELAY, self.has(LISTEN) && role == Role::WebSocketClient);
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

impl Role {
    fn is_web_socket(self) -> bool {
        matches!(self, Self::WebSocketClient | Self::WebSocketServer | Self::SecureWebSocketServer)
    }
}

/// Refuses the first option that was given and has nothing to do.
///
/// # Errors
/// A fault of the command line that names the option and the reason.
pub(super) fn check(given: &Given) -> Result<()> {
    let mode = Mode::of(given);
    let here = TABLE.iter().filter(|Row(of, ..)| mode.has(*of));
    here.filter(|Row(_, _, needs, _)| !needs.are_met(mode))
        .try_for_each(|Row(_, options, _, why)| given.refuse(options, why))
}

/// Whether the output is written in letters that show every character.
fn is_printable(given: &Given) -> bool {
    let named = |id| given.matches.get_one::<Framing>(id).map(|framing| framing.name);
    let json = given.has("json").then_some("jsonl");
    named("output")
        .or(json)
        .or(named("framing"))
        .is_some_and(|name| ["jsonl", "base64", "hex"].contains(&name))
}

/// Whether an endpoint is reached over the network, so that the way to it can be chosen.
pub(super) fn is_dialled(endpoint: &str) -> bool {
    match endpoint.split_once(':') {
        Some((scheme, _)) => match scheme.to_ascii_lowercase().as_str() {
            "ws" | "wss" | "http" | "https" | "tcp" | "tls" => true,
            // A scheme that is somewhere else, or a host and its port.
            scheme => !crate::endpoint::SCHEMES.iter().any(|known| known.name == scheme),
        },
        None => endpoint != "-",
    }
}

/// Whether a stream goes to or comes from a Unix socket.
fn is_unix(endpoint: &str) -> bool {
    lower::has_scheme(endpoint, "unix") || lower::has_scheme(endpoint, "unix-listen")
}

/// Whether it makes a Unix socket to listen on.
fn binds_unix(endpoint: &str) -> bool {
    let (scheme, address) = endpoint.split_once(':').unwrap_or_default();
    match scheme.to_ascii_lowercase().as_str() {
        "unix-listen" => true,
        "ws-listen" | "wss-listen" => address.starts_with("unix:"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn endpoints_are_known_by_their_scheme() {
        for (endpoint, role) in [
            ("-", Role::Other),
            ("ws://h/", Role::WebSocketClient),
            ("wss://h/", Role::WebSocketClient),
            ("ws+unix:/s:/p", Role::WebSocketClient),
            ("localhost:8080", Role::WebSocketClient),
            ("example.com", Role::WebSocketClient),
            ("ws-listen:8080", Role::WebSocketServer),
            ("wss-listen:8443", Role::SecureWebSocketServer),
            ("tcp-listen:1", Role::StreamServer),
            ("unix-listen:/s", Role::StreamServer),
            ("tls:h:1", Role::TlsClient),
            ("nats://h/x", Role::TlsClient),
            ("nats+tls://h/x", Role::TlsClient),
            ("tcp:h:1", Role::Other),
            ("tcp://h:1", Role::Other),
            ("file:/x", Role::Other),
            ("udp:h:1", Role::DatagramClient),
            ("udp-listen:1", Role::DatagramServer),
            ("echo:", Role::Whole),
            ("8080", Role::WebSocketClient),
            (":8080/x", Role::WebSocketClient),
            ("WS://h", Role::WebSocketClient),
            ("TCP:h:1", Role::Other),
            ("Wss-Listen:8443", Role::SecureWebSocketServer),
        ] {
            assert_eq!(Role::of(endpoint), role, "{endpoint}");
        }
    }

    #[test]
    fn what_is_reached_over_the_network() {
        for endpoint in
            ["ws://h", "wss://h", "https://h", "tcp:h:1", "tls:h:1", "localhost:8080", "h", "[::1]:80"]
        {
            assert!(is_dialled(endpoint), "{endpoint}");
        }
        for endpoint in
            ["-", "ws+unix:/s", "unix:/s", "ws-listen:1", "tcp-listen:1", "echo:", "exec:a", "file:/x"]
        {
            assert!(!is_dialled(endpoint), "{endpoint}");
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
