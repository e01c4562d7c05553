//! Option groups that all three subcommands share: messages, session, output.
//!
//! An option is defined once, here or in `sides`, and flattened into the subcommands,
//! so that it cannot mean different things in different places.

use super::values::{self, Codes, SizeLimit, TimeLimit};
use crate::{
    framing::{self, FRAMINGS, Framing},
    session::{CloseWith, Rules},
};
use clap::{
    Arg, ArgAction, Args, Command, Error, ValueEnum, ValueHint,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use regex::Regex;
use std::{ffi::OsStr, path::PathBuf, time::Duration};

/// Bytes to messages and back, and what is sent and shown.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Messages")]
pub(super) struct Messages {
    /// Frame messages as F, on input and output
    #[arg(long, value_name = "F", value_parser = FramingParser)]
    pub framing: Option<Framing>,
    /// Frame messages as F, on input only
    #[arg(long = "in", value_name = "F", value_parser = FramingParser, hide_possible_values = true)]
    pub input: Option<Framing>,
    /// Frame messages as F, on output only
    #[arg(long = "out", value_name = "F", value_parser = FramingParser, hide_possible_values = true)]
    pub output: Option<Framing>,
    /// Separate messages with NUL, like --framing nul
    #[arg(short = '0', conflicts_with = "framing")]
    pub nul: bool,
    /// Read and write JSON records, like --framing jsonl; they tell types, pings and closes
    #[arg(long, conflicts_with_all = ["framing", "nul"])]
    pub json: bool,
    /// Send input as text messages; must be UTF-8 (default for lines, nul, sep, paragraph, headers)
    #[arg(short, long, conflicts_with = "binary")]
    pub text: bool,
    /// Send input as binary messages (default for raw, whole, length, base64, hex)
    #[arg(short, long)]
    pub binary: bool,
    /// Refuse messages larger than SIZE, sent or received
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "64M")]
    pub max_message: usize,
    /// Send frames of at most SIZE; longer messages go as fragments, raw input as smaller messages
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "256k")]
    pub max_frame: usize,
    /// Buffer up to SIZE while an output is stalled, to keep answering pings; or off [default: 16M, listening 256k]
    #[arg(long, value_name = "SIZE", value_parser = values::size_or_off)]
    pub read_ahead: Option<SizeLimit>,
    /// Print the time before each message; delta prints the seconds since the last; disables the prompt
    #[arg(long, value_name = "WHAT", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "time")]
    pub timestamps: Option<Timestamps>,
    /// Send MSG before any input; @FILE, @- or @env:NAME reads it from there; repeatable
    #[arg(long, value_name = "MSG", allow_hyphen_values = true)]
    pub send: Vec<String>,
    /// Send MSG every DURATION, as an application heartbeat; MSG as for --send; repeatable
    #[arg(long, value_name = "DURATION=MSG", allow_hyphen_values = true)]
    pub every: Vec<String>,
    /// Answer each text message matching REGEX with MSG; $1 is a capture, \= a = in REGEX; repeatable
    #[arg(long, value_name = "REGEX=MSG", value_parser = values::reply)]
    pub reply: Vec<(Regex, String)>,
    /// Do not read the input; only receive
    #[arg(long, conflicts_with = "send_only")]
    pub recv_only: bool,
    /// Do not write received messages; only send
    #[arg(long)]
    pub send_only: bool,
}

/// When a session ends, and how.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Session")]
pub(super) struct SessionArgs {
    /// End after N received messages; exit 1 if fewer arrive
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// End after one received message, like -n 1
    #[arg(short = '1', conflicts_with = "count")]
    pub one: bool,
    /// After input ends, wait for DURATION of silence; without input, after --send; inf waits for a Close
    #[arg(long, value_name = "DURATION", value_parser = values::zero_or_limit, default_value = "1s")]
    pub linger: TimeLimit,
    /// Close with CODE and REASON at a normal end; none sends an empty Close, like browsers [default: 1000]
    #[arg(long, value_name = "CODE[:REASON]|none", value_parser = values::close)]
    pub close: Option<CloseWith>,
    /// Exit 0 if the peer closes with one of CODES, such as 1008,4000-4999; repeatable
    #[arg(long, value_name = "CODES", value_parser = values::close_codes)]
    pub ok_close: Vec<Codes>,
    /// Wait at most DURATION for the peer to answer our Close
    #[arg(long, value_name = "DURATION", value_parser = values::duration, default_value = "5s")]
    pub close_timeout: Duration,
    /// Close each session normally after DURATION; exit 0 if nothing else failed
    #[arg(long = "for", value_name = "DURATION", value_parser = values::limit)]
    pub lasts: Option<TimeLimit>,
    /// Close after DURATION; exit at most --close-timeout later, with code 28
    #[arg(short = 'm', long, value_name = "DURATION", value_parser = values::limit)]
    pub timeout: Option<TimeLimit>,
    /// Close after DURATION without a message either way; exit with code 28
    #[arg(long, value_name = "DURATION", value_parser = values::limit)]
    pub idle_timeout: Option<TimeLimit>,
    /// Send a ping every DURATION, or off
    #[arg(long, value_name = "DURATION", value_parser = values::limit, default_value = "20s")]
    pub ping_interval: TimeLimit,
    /// Treat the connection as lost when a ping is unanswered for DURATION, or off
    #[arg(long, value_name = "DURATION", value_parser = values::limit, default_value = "20s")]
    pub ping_timeout: TimeLimit,
    /// Do not answer pings; tests whether the peer drops unresponsive clients
    #[arg(long)]
    pub no_pong: bool,
    /// Wait at most DURATION for the connection to open, through DNS, proxy, TLS and upgrade; or off
    #[arg(long, value_name = "DURATION", value_parser = values::limit, default_value = "10s")]
    pub connect_timeout: TimeLimit,
}

impl SessionArgs {
    /// The rules of a session with these options.
    pub(super) fn rules(&self) -> Rules {
        Rules {
            linger: self.linger.0,
            close_timeout: self.close_timeout,
            ping_interval: self.ping_interval.0,
            ping_timeout: self.ping_timeout.0,
            idle_timeout: self.idle_timeout.and_then(|limit| limit.0),
            lasts: self.lasts.and_then(|limit| limit.0),
            timeout: self.timeout.and_then(|limit| limit.0),
            count: if self.one { Some(1) } else { self.count },
            close: self.close.clone().unwrap_or_default(),
            ok_close: self.ok_close.iter().flat_map(|codes| codes.0.iter().cloned()).collect(),
            filter: None,
            expect_close: Vec::new(),
            // The grace is a server's.
            ..Rules::default()
        }
    }
}

/// Trying again.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Retry")]
pub(super) struct Again {
    /// Retry opening the connection up to N times, after a timeout or a status such as 503 [default: 0]
    #[arg(long, value_name = "N")]
    pub retry: Option<u32>,
    /// Wait DURATION before each retry [default: 250ms, doubling]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub retry_delay: Option<Duration>,
    /// Start no retry later than DURATION after the first attempt; without --retry, retry until then
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub retry_max_time: Option<Duration>,
    /// Also retry when the connection is refused; for a server that is still starting
    #[arg(long)]
    pub retry_connrefused: bool,
    /// Retry after any failure
    #[arg(long)]
    pub retry_all_errors: bool,
    /// Reconnect when an open connection is lost; N limits the tries each time; repeats --send
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true)]
    pub reconnect: Option<Option<u32>>,
    /// With --reconnect, resend input that no pong confirmed; it arrives at least once, some of it twice
    ///
    /// Unconfirmed input goes out again in its order, after the --send messages. A pong proves that the next
    /// WebSocket hop has read everything before its ping, not that the application behind it has. A peer that
    /// answers no pings ends the session (exit 56).
    #[arg(long)]
    pub resend: bool,
}

/// What is said on standard error.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Print only errors
    #[arg(short, long, visible_short_alias = 's', visible_alias = "silent", conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print connection details and both handshake heads; -vv prints every frame
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Hide the value of header or query parameter NAME in logs and recordings; repeatable
    #[arg(long, value_name = "NAME")]
    pub secret: Vec<String>,
    /// Show a progress bar on a terminal; print a summary of the transfer at its end
    #[arg(long, conflicts_with = "quiet")]
    pub progress: bool,
    /// Print statistics at the end; messages, bytes, rates, round trips, phases
    #[arg(long)]
    pub stats: bool,
    /// Record all messages in FILE; as HAR if it ends in .har, a script if in .wsio, else JSON lines
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub record: Option<PathBuf>,
    /// Print control characters of the peer unescaped on a terminal; they can change what it shows
    #[arg(long)]
    pub raw: bool,
}

/// Reads a framing, and lists the names of all as clap lists possible values; a parameter can be anything.
#[derive(Clone)]
struct FramingParser;

impl TypedValueParser for FramingParser {
    type Value = Framing;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Framing, Error> {
        match value.to_str().and_then(framing::parse) {
            Some(read) => {
                let read = move |_: &str| read.clone().map_err(|bad| bad.cause);
                read.parse_ref(command, arg, value)
            }
            None => {
                let names = PossibleValuesParser::new(possible_framings());
                names.try_map(|_| Err("is no framing")).parse_ref(command, arg, value)
            }
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(possible_framings()))
    }
}

fn possible_framings() -> impl Iterator<Item = PossibleValue> {
    FRAMINGS.iter().map(|entry| PossibleValue::new(entry.stem()).help(entry.summary))
}

/// Many clients at one source.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Fan-out")]
pub(super) struct Fanout {
    /// Queue up to SIZE for each slow client; queued payloads are shared between clients
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "16M")]
    pub queue: usize,
    /// Set the action for a client whose queue is full, once it delayed the others for 1 s in any 30 s
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = WhenSlow::Disconnect)]
    pub slow: WhenSlow,
    /// Send the last N messages to each new client first
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub last: usize,
}

/// What stands before a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Timestamps {
    /// RFC 3339, UTC, milliseconds.
    Time,
    /// Seconds since the message before.
    Delta,
}

/// What happens to a client that does not keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum WhenSlow {
    /// Close it with 1013; standard input waits for a client alone, and for one that takes 64 KiB a second.
    Disconnect,
    /// Skip and count the messages that do not fit; nobody waits.
    Drop,
    /// Let all wait for it while it answers pings; NATS and UDP skip it.
    Wait,
}

/// Child processes.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Commands")]
pub(super) struct Commands {
    /// Send a program's standard error to the log, or to the client as messages
    #[arg(long, value_name = "WHERE", value_enum, default_value_t = ChildErrors::Log)]
    pub child_stderr: ChildErrors,
    /// Run programs on a terminal, to avoid buffering of their output; with --framing raw, on a console
    #[arg(long, conflicts_with = "child_stderr")]
    pub pty: bool,
    /// Send SIGHUP to a program when its WebSocket ends abnormally, besides the end of its input
    #[arg(long)]
    pub hangup: bool,
}

/// Where a child's standard error goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ChildErrors {
    /// The log, with the number of the connection.
    Log,
    /// The client, like its standard output.
    Client,
}
