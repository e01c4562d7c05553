//! Option groups and context to the plain data of the plan.
//!
//! Nothing here knows a subcommand: each function lowers one group, and the subcommands put the
//! pieces together.

use super::{
    expand::{Expander, usage},
    groups::{Again, Fanout, Messages, OutputArgs, SessionArgs, Timestamps, WhenSlow},
    sides::{CertificateArgs, ServerArgs, Trust},
    values,
};
use crate::{
    fault::{Fault, Result},
    framing::{Framing, JSONL, Kind, NUL, Stamp},
    handshake::{AccessPolicy, ServerOptions},
    link::room,
    net::{Activation, BindOptions},
    observe::Verbosity,
    plan::{AutoSend, Direction, FramingChoice, Plan, Reconnect, Serve},
    retry::Retry,
    tls::{self, ClientTls, Identity, Passphrase, ServerTls, Sni},
};
use bytes::Bytes;
use clap::{ArgMatches, Command, parser::ValueSource};
use std::{path::PathBuf, time::Duration};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Longest silence of a UDP server's peer before it is taken for gone.
const PEER_IDLE: Duration = Duration::from_secs(60);

/// Bytes kept for an output that takes nothing: in one session, and in each of many.
const READ_AHEAD: usize = 16 << 20;
const READ_AHEAD_OF_MANY: usize = 256 << 10;

/// The options that the user wrote, as opposed to defaults.
pub(super) struct GivenOptions<'a> {
    pub matches: &'a ArgMatches,
    pub command: &'a Command,
}

impl GivenOptions<'_> {
    /// Fails on the first of these options that was written: it would do nothing here.
    pub(super) fn refuse(&self, ids: &[&str], why: &str) -> Result<()> {
        match ids.iter().find(|id| self.has(id)) {
            None => Ok(()),
            Some(id) => {
                Err(usage(format!("{} {why}", self.name(id))).hint(format!("leave {} out", self.name(id))))
            }
        }
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.knows(id) && self.matches.value_source(id) == Some(ValueSource::CommandLine)
    }

    /// True when the subcommand has this option.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.command.get_arguments().any(|argument| argument.get_id() == id)
    }

    /// The facts of those options that were written.
    pub(super) fn facts(&self, facts: impl IntoIterator<Item = (&'static str, u64)>) -> u64 {
        facts.into_iter().filter(|(id, _)| self.has(id)).fold(0, |all, (_, fact)| all | fact)
    }

    fn name(&self, id: &str) -> String {
        let argument = self.command.get_arguments().find(|argument| argument.get_id() == id);
        let long = argument.and_then(|argument| argument.get_long()).map(|long| format!("--{long}"));
        let short = || argument.and_then(|argument| argument.get_short()).map(|short| format!("-{short}"));
        long.or_else(short).unwrap_or_else(|| id.to_owned())
    }
}

pub(super) fn retry(again: &Again) -> Result<Retry> {
    let bounded = again.retry.is_some() || again.retry_max_time.is_some();
    let needs = [
        (again.retry_delay.is_some(), "--retry-delay"),
        (again.retry_connrefused, "--retry-connrefused"),
        (again.retry_all_errors, "--retry-all-errors"),
    ];
    if let Some((_, option)) = needs.into_iter().find(|(given, _)| *given && !bounded) {
        return Err(usage(format!("{option} needs --retry or --retry-max-time"))
            .hint("say how often (--retry 5) or how long (--retry-max-time 30s) to try"));
    }
    Ok(Retry {
        count: again.retry,
        delay: again.retry_delay,
        max_time: again.retry_max_time,
        refused: again.retry_connrefused,
        all: again.retry_all_errors,
    })
}

/// Settings for opening a lost WebSocket again; `input` is the name of the framing of what is sent, where
/// that has one.
pub(super) fn reconnect(
    again: &Again,
    session: &SessionArgs,
    direction: Direction,
    input: Option<&str>,
) -> Result<Option<Reconnect>> {
    let reconnect = again.reconnect.map(|tries| Reconnect { tries, resend: again.resend });
    if !again.resend {
        return Ok(reconnect);
    }
    let (why, hint) = match input {
        _ if reconnect.is_none() => ("needs --reconnect", "add --reconnect"),
        _ if session.ping_interval.0.is_none() => (
            "needs pings: with --ping-interval off nothing confirms what is sent",
            "leave --ping-interval off out",
        ),
        _ if direction == Direction::ReceiveOnly => {
            ("is for input, and --recv-only reads none", "leave --resend out")
        }
        Some("raw") => (
            "is for messages: bytes that come twice would stand in the middle of a raw stream",
            "say where a message ends: --framing lines, nul or length",
        ),
        _ => return Ok(reconnect),
    };
    Err(usage(format!("--resend {why}")).hint(hint))
}

/// Refuses `--resend` where standard input is one message that is no file's: all of it would be kept.
///
/// # Errors
/// Such a plan.
pub fn check_input(plan: &Plan, is_file: bool) -> Result<()> {
    let (ends, common): (&[&str], _) = match plan {
        Plan::Connect(plan) => (&["-"], &plan.common),
        Plan::Pipe(plan) => (&[&plan.a, &plan.b], &plan.common),
        Plan::Listen(plan) => (&[], &plan.common),
    };
    let resends = common.reconnect.is_some_and(|reconnect| reconnect.resend);
    let input = common.framing.input.as_ref().map(Framing::name);
    if resends && input == Some("whole") && ends.contains(&"-") && !is_file {
        return Err(whole_resent());
    }
    Ok(())
}

/// Why `--resend` is not for an input that is one message.
pub(super) fn whole_resent() -> Fault {
    usage("--resend keeps what is in doubt, and with `whole` that would be all of an input that is no file")
        .hint("read it from a file, or say where a message ends: --framing lines, nul or length")
}

pub(super) fn framing(messages: &Messages, default: Framing, shown: &OutputArgs) -> Result<FramingChoice> {
    let both = match (messages.nul, messages.json) {
        (true, _) => Some(NUL),
        (_, true) => Some(JSONL),
        _ => messages.framing.clone(),
    };
    let input = messages.input.clone().or(both.clone());
    if (messages.text || messages.binary) && input == Some(JSONL) {
        let option = if messages.text { "--text" } else { "--binary" };
        return Err(usage(format!("{option} is not for JSON records: each one says its own type"))
            .hint(format!("leave {option} out")));
    }
    let output = messages.output.clone().or(both);
    let stamp = messages.timestamps.map(|stamp| match stamp {
        Timestamps::Time => Stamp::Time,
        Timestamps::Delta => Stamp::Delta,
    });
    let written = output.clone().unwrap_or(default);
    if written.name() == "length" && u32::try_from(messages.max_message).is_err() {
        return Err(usage("a length of four bytes cannot tell messages of 4 GiB and more")
            .hint("allow less with --max-message, or choose another --framing"));
    }
    if stamp.is_some() && !written.delimits() {
        let hint = match written.name() {
            "jsonl" => "leave --timestamps out: JSON records have their time",
            _ => "write --json for records, which have their time",
        };
        return Err(usage("--timestamps is for output that is lines of text").hint(hint));
    }
    Ok(FramingChoice {
        input,
        output,
        stamp,
        kind: match (messages.text, messages.binary) {
            (true, _) => Some(Kind::Text),
            (_, true) => Some(Kind::Binary),
            _ => None,
        },
        raw: shown.raw,
    })
}

pub(super) fn direction(messages: &Messages) -> Direction {
    match (messages.recv_only, messages.send_only) {
        (true, _) => Direction::ReceiveOnly,
        (_, true) => Direction::SendOnly,
        _ => Direction::Both,
    }
}

/// Bytes read on while an output takes nothing; a listening end has many sessions, and less for each.
pub(super) fn read_ahead(messages: &Messages, listens: bool) -> Option<usize> {
    let default = if listens { READ_AHEAD_OF_MANY } else { READ_AHEAD };
    messages.read_ahead.map_or(Some(default), |limit| limit.0)
}

/// Bytes that all sessions of a server may hold together; the default grows with --max-message.
pub(super) fn max_buffer(given: &GivenOptions, server: &ServerArgs, messages: &Messages) -> Result<usize> {
    if given.has("max_buffer") && server.max_buffer < messages.max_message {
        return Err(usage(format!(
            "--max-buffer is smaller than --max-message ({} bytes), so one message could be too much",
            messages.max_message
        ))
        .hint("raise --max-buffer, or allow smaller messages with --max-message"));
    }
    Ok(server.max_buffer.max(messages.max_message))
}

/// True with `--send` and `--linger`: an empty input then counts as an end, not as a wish to receive on.
pub(super) fn leaves_after_send(given: &GivenOptions) -> bool {
    given.has("send") && given.has("linger")
}

/// Why standard input is left alone: `--send` and an end of its own are all that the session is for, unless
/// `--send @-` or `--in` asks for what stands there.
pub(super) fn input_left(given: &GivenOptions, expander: &Expander) -> Option<&'static str> {
    if !given.has("send") || given.has("input") || given.has("recv_only") || expander.gave_input_to("--send")
    {
        return None;
    }
    let ends = [
        ("count", "--send with -n"),
        ("one", "--send with -1"),
        ("expect_close", "--send with --expect-close"),
    ];
    ends.into_iter().find(|(id, _)| given.has(id)).map(|(_, why)| why)
}

pub(super) fn send(messages: &Messages, expander: &mut Expander) -> Result<Vec<Bytes>> {
    let framing = messages.input.as_ref().or(messages.framing.as_ref());
    let is_binary =
        messages.binary || !messages.text && framing.is_some_and(|framing| framing.kind() == Kind::Binary);
    let message = |text: &String| match is_binary {
        true => expander.message("--send", text, messages.max_message).map(Bytes::from),
        false => expander.text_message("--send", text, messages.max_message).map(Bytes::from),
    };
    messages.send.iter().map(message).collect()
}

pub(super) fn auto_send(messages: &Messages, expander: &mut Expander) -> Result<AutoSend> {
    let beat = |text: &String| {
        let wanted = |example: String| usage("--every needs DURATION=MSG").hint(format!("--every {example}"));
        let (every, message) = text.split_once('=').ok_or_else(|| match values::some_duration(text) {
            Ok(_) => wanted(format!("{text}=ping")),
            Err(_) => wanted(format!("'30s={text}'")),
        })?;
        let every = values::some_duration(every).map_err(|cause| {
            usage(format!("--every {every}: {cause}")).hint(format!("--every '30s={message}'"))
        })?;
        let bytes = Bytes::from(match messages.binary {
            true => expander.message("--every", message, messages.max_message)?,
            false => expander.text_message("--every", message, messages.max_message)?,
        });
        let message = match (messages.binary, Utf8Bytes::try_from(bytes.clone())) {
            (false, Ok(text)) => Message::Text(text),
            (true, _) => Message::Binary(bytes),
            (false, Err(_)) => return Err(usage("the message of --every is not UTF-8").hint("add -b")),
        };
        Ok((every, message))
    };
    let every = messages.every.iter().map(beat).collect::<Result<_>>()?;
    Ok(AutoSend { every, replies: messages.reply.clone() })
}

pub(super) fn verbosity(output: &OutputArgs) -> Verbosity {
    match (output.quiet, output.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, 0) => Verbosity::Normal,
        (_, 1) => Verbosity::Verbose,
        _ => Verbosity::Frames,
    }
}

/// File that messages are recorded in; `many` sessions are no script.
pub(super) fn recording(output: &OutputArgs, many: bool) -> Result<Option<PathBuf>> {
    if output.record.as_ref().is_some_and(|file| file.as_os_str() == "-") {
        return Err(usage("--record - would mix records with the messages on standard output")
            .hint("--json to have records on standard output, or --record ./- for a file of that name"));
    }
    let script = |file: &PathBuf| file.extension().is_some_and(|end| end.eq_ignore_ascii_case("wsio"));
    if many && output.record.as_ref().is_some_and(script) {
        return Err(usage("a script is one session, and this serves many")
            .hint("add --once, or record JSON lines in a file with another name"));
    }
    Ok(output.record.clone())
}

pub(super) fn room(fanout: &Fanout) -> room::RoomRules {
    let slow = match fanout.slow {
        WhenSlow::Disconnect => room::Slow::Disconnect,
        WhenSlow::Drop => room::Slow::Drop,
        WhenSlow::Wait => room::Slow::Wait,
    };
    room::RoomRules { queue: fanout.queue, slow, last: fanout.last }
}

pub(super) fn client_tls(trust: Trust, own: CertificateArgs, expander: &mut Expander) -> Result<ClientTls> {
    let own = own.with_password();
    Ok(ClientTls {
        pass: passphrase(&own, expander)?,
        min: trust.tls_min.unwrap_or_default(),
        pins: trust.pin.into_iter().flat_map(|pins| pins.0).collect(),
        crl: trust.crl,
        key_log: expander.variable("SSLKEYLOGFILE").filter(|file| !file.is_empty()).map(PathBuf::from),
        cacert: trust.cacert,
        cert: own.cert,
        key: own.key,
        insecure: trust.insecure,
        explains: false,
        sni: match trust.sni.as_deref() {
            None => Sni::Host,
            Some("none") => Sni::Off,
            Some(name) => Sni::Name(name.to_owned()),
        },
    })
}

/// Passphrase of our key, if it needs one: as given, or as the person at the terminal answers.
fn passphrase(own: &CertificateArgs, expander: &mut Expander) -> Result<Option<Passphrase>> {
    let text = match (&own.pass, own.key.as_ref().or(own.cert.as_ref())) {
        (Some(text), _) => Some(expander.secret("--pass", text)?),
        (None, Some(file)) if tls::asks_for_passphrase(file) => {
            expander.ask(&format!("Passphrase of {}: ", file.display()))?
        }
        _ => None,
    };
    Ok(text.map(Passphrase::new))
}

pub(super) fn server(server: ServerArgs, max_buffer: usize, expander: &Expander) -> Result<Serve> {
    if server.announce.as_ref().is_some_and(|file| file.as_os_str() == "-") {
        return Err(usage("--announce - names no file")
            .hint("--announce /dev/stdout for standard output, or --announce ./- for a file of that name"));
    }
    Ok(Serve {
        handshake: ServerOptions {
            paths: server.paths,
            subprotocols: Vec::new(),
            headers: Vec::new(),
            compress: false,
            access: AccessPolicy {
                origins: server.allow_origin,
                hosts: server.allow_host,
                ..AccessPolicy::default()
            },
            handshake_timeout: server.handshake_timeout,
            site: None,
        },
        tls: None,
        once: server.once,
        max_connections: server.max_connections,
        max_buffer,
        announce: server.announce,
        bind: BindOptions {
            mode: server.mode,
            activation: Activation {
                pid: expander.variable("LISTEN_PID"),
                fds: expander.variable("LISTEN_FDS"),
            },
        },
        peer_idle: Some(PEER_IDLE),
        grace: server.grace,
    })
}

/// Server settings of a run without a server: the embedded echo server asks for nothing.
pub(super) fn no_server(messages: &Messages, compress: bool, expander: &Expander) -> Result<Serve> {
    let nothing = ServerArgs {
        once: false,
        paths: Vec::new(),
        forward_header: Vec::new(),
        self_signed: false,
        allow_origin: Vec::new(),
        allow_host: Vec::new(),
        client_ca: None,
        announce: None,
        mode: None,
        max_connections: 1024,
        max_buffer: 256 << 20,
        handshake_timeout: Duration::from_secs(10),
        grace: Duration::from_secs(10),
    };
    let max_buffer = nothing.max_buffer.max(messages.max_message);
    let mut serve = server(nothing, max_buffer, expander)?;
    serve.handshake.compress = compress;
    Ok(serve)
}

pub(super) fn server_tls(
    own: &CertificateArgs,
    self_signed: bool,
    client_ca: Option<PathBuf>,
    expander: &mut Expander,
) -> Result<Option<ServerTls>> {
    let own = &own.clone().with_password();
    let pass = passphrase(own, expander)?;
    let serving = |identity| Ok(Some(ServerTls { identity, client_ca: client_ca.clone(), pass }));
    match (&own.cert, self_signed) {
        (Some(_), true) => {
            Err(usage("--cert and --self-signed exclude each other").hint("keep one of the two"))
        }
        (Some(cert), false) => serving(Identity::Files { cert: cert.clone(), key: own.key.clone() }),
        (None, true) => serving(Identity::SelfSigned),
        (None, false) if client_ca.is_some() => Err(usage("--client-ca needs a server that speaks TLS")
            .hint("add --cert FILE --key FILE, or --self-signed for one made at start")),
        (None, false) => Ok(None),
    }
}
