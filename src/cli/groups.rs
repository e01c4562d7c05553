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
    /// Cut input into messages and write messages as F, both ways
    #[arg(long, value_name = "F", value_parser = FramingParser)]
    pub framing: Option<Framing>,
    /// Cut input into messages as F
    #[arg(long = "in", value_name = "F", value_parser = FramingParser, hide_possible_values = true, hide_short_help = true)]
    pub input: Option<Framing>,
    /// Write messages to the output as F
    #[arg(long = "out", value_name = "F", value_parser = FramingParser, hide_possible_values = true, hide_short_help = true)]
    pub output: Option<Framing>,
    /// Separate messages with NUL, the same as --framing nul
    #[arg(short = '0', conflicts_with = "framing", hide_short_help = true)]
    pub nul: bool,
    /// Read and write JSON records with type, pings and closes, the same as --framing jsonl
    #[arg(long, conflicts_with_all = ["framing", "nul"])]
    pub json: bool,
    /// Send input as text, which has to be UTF-8 (default with lines and nul)
    #[arg(short, long, conflicts_with = "binary")]
    pub text: bool,
    /// Send input as binary (default with raw and whole)
    #[arg(short, long)]
    pub binary: bool,
    /// Refuse messages of more than SIZE bytes, both ways
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "64M", hide_short_help = true)]
    pub max_message: usize,
    /// Send no frame with more than SIZE bytes: a larger message goes as fragments, raw input as smaller ones
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "256k", hide_short_help = true)]
    pub max_frame: usize,
    /// Read on up to SIZE while an output takes nothing, to answer pings; or off [default: 16M, listening 256k]
    #[arg(long, value_name = "SIZE", value_parser = values::size_or_off, hide_short_help = true)]
    pub read_ahead: Option<SizeLimit>,
    /// Print the time before each message, or with delta the seconds since the one before; no prompt then
    #[arg(long, value_name = "WHAT", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "time", hide_short_help = true)]
    pub timestamps: Option<Timestamps>,
    /// Send MSG before any input; @FILE, @- and @env:NAME read it from there; repeatable
    #[arg(long, value_name = "MSG", allow_hyphen_values = true)]
    pub send: Vec<String>,
    /// Send MSG every DURATION, as a heartbeat above WebSocket; MSG as for --send; repeatable
    #[arg(long, value_name = "DURATION=MSG", allow_hyphen_values = true, hide_short_help = true)]
    pub every: Vec<String>,
    /// Answer a text message that matches REGEX with MSG, $1 for captures, \= for = in REGEX; repeatable
    #[arg(long, value_name = "REGEX=MSG", value_parser = values::reply, hide_short_help = true)]
    pub reply: Vec<(Regex, String)>,
    /// Never read the input, only receive
    #[arg(long, conflicts_with = "send_only")]
    pub recv_only: bool,
    /// Do not write received messages, only send
    #[arg(long)]
    pub send_only: bool,
}

/// When a session ends, and how.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Session")]
pub(super) struct SessionArgs {
    /// End after N received messages; exit 1 if fewer came
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// End after one received message, the same as -n 1
    #[arg(short = '1', conflicts_with = "count")]
    pub one: bool,
    /// After the input, or --send where none comes, stay until the peer was silent for DURATION, or inf
    #[arg(long, value_name = "DURATION", value_parser = values::zero_or_limit, default_value = "1s")]
    pub linger: TimeLimit,
    /// Close with CODE and REASON at a normal end, or with none as pages do [default: 1000]
    #[arg(long, value_name = "CODE[:REASON]|none", value_parser = values::close, hide_short_help = true)]
    pub close: Option<CloseWith>,
    /// Exit 0 also when the peer closes with one of CODES, as in 1008,4000-4999; repeatable
    #[arg(long, value_name = "CODES", value_parser = values::close_codes, hide_short_help = true)]
    pub ok_close: Vec<Codes>,
    /// Wait at most DURATION for the answer to our Close
    #[arg(long, value_name = "DURATION", value_parser = values::duration, default_value = "5s", hide_short_help = true)]
    pub close_timeout: Duration,
    /// End each session normally once it has lasted DURATION: close it, and exit 0 if all else is well
    #[arg(long = "for", value_name = "DURATION", value_parser = values::limit, hide_short_help = true)]
    pub lasts: Option<TimeLimit>,
    /// Close after DURATION, be gone by --close-timeout after that, with exit 28
    #[arg(short = 'm', long, value_name = "DURATION", value_parser = values::limit)]
    pub timeout: Option<TimeLimit>,
    /// End after DURATION without a message either way, with exit 28
    #[arg(long, value_name = "DURATION", value_parser = values::limit, hide_short_help = true)]
    pub idle_timeout: Option<TimeLimit>,
    /// Ping the peer every DURATION, or off
    #[arg(long, value_name = "DURATION", value_parser = values::limit, default_value = "20s", hide_short_help = true)]
    pub ping_interval: TimeLimit,
    /// Give the peer up when a ping stays unanswered for DURATION, or off
    #[arg(long, value_name = "DURATION", value_parser = values::limit, default_value = "20s", hide_short_help = true)]
    pub ping_timeout: TimeLimit,
    /// Answer no pings, to see whether the peer drops who never does
    #[arg(long, hide_short_help = true)]
    pub no_pong: bool,
    /// Wait at most DURATION until the connection is open, or off
    #[arg(long, value_name = "DURATION", value_parser = values::limit, default_value = "10s", hide_short_help = true)]
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
    /// Try to open it up to N times more after a time-out or a status such as 503 [default: 0]
    #[arg(long, value_name = "N")]
    pub retry: Option<u32>,
    /// Wait DURATION before each try [default: from 250ms on, doubling]
    #[arg(long, value_name = "DURATION", value_parser = values::duration, hide_short_help = true)]
    pub retry_delay: Option<Duration>,
    /// Begin no try later than DURATION after the first; without --retry as many as fit
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub retry_max_time: Option<Duration>,
    /// Try again also when the connection is refused, as by a server that is still starting
    #[arg(long)]
    pub retry_connrefused: bool,
    /// Try again whatever the fault was
    #[arg(long, hide_short_help = true)]
    pub retry_all_errors: bool,
    /// Connect again when an open connection is lost, with at most N tries each time; repeats --send
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true)]
    pub reconnect: Option<Option<u32>>,
    /// With --reconnect, send again what no pong had confirmed: each message at least once, some twice
    ///
    /// Input in doubt goes out again in its order, after the --send messages: each message arrives at least
    /// once, some of them twice. A pong proves that the next WebSocket hop has read what came before its
    /// ping, not that the application behind it has. A peer that answers no pings ends the session (exit 56).
    #[arg(long)]
    pub resend: bool,
}

/// What is said on standard error.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Say nothing but faults on standard error
    #[arg(short, long, visible_short_alias = 's', visible_alias = "silent", conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say on standard error how the connection came about, with both heads; -vv also every frame
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Hide the value of the header field or query key NAME in what is said and recorded; repeatable
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub secret: Vec<String>,
    /// Draw on a terminal how far a transfer is, and say at its end what it carried
    #[arg(long, conflicts_with = "quiet", hide_short_help = true)]
    pub progress: bool,
    /// Sum up at the end on standard error: messages, bytes, rates, round trips, phases
    #[arg(long)]
    pub stats: bool,
    /// Record all messages in FILE as JSON lines, as HAR if it ends in .har, as a script if in .wsio
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub record: Option<PathBuf>,
    /// Let control characters of the peer through to a terminal, which they can make lie
    #[arg(long, hide_short_help = true)]
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
    /// Let SIZE bytes wait for each client that does not keep up; payloads are shared, so memory goes by the slowest
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "16M", hide_short_help = true)]
    pub queue: usize,
    /// Do WHAT to clients whose queue is full once they held the others up for 1 s in 30 s
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = WhenSlow::Disconnect, hide_short_help = true)]
    pub slow: WhenSlow,
    /// Let a client that comes later have the last N messages first
    #[arg(long, value_name = "N", default_value_t = 0, hide_short_help = true)]
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
    /// Close it (1013); standard input waits for one alone, and for one that takes 64 KiB a second.
    Disconnect,
    /// Let it miss messages, which are counted; nobody waits.
    Drop,
    /// Let all wait for it, as long as it answers pings; NATS and UDP go on and miss it.
    Wait,
}

/// Child processes.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Commands")]
pub(super) struct Commands {
    /// Send a program's standard error to our log, or to the client as messages
    #[arg(long, value_name = "WHERE", value_enum, default_value_t = ChildErrors::Log, hide_short_help = true)]
    pub child_stderr: ChildErrors,
    /// Give a program a terminal, so that it does not hold its output back; with --framing raw, a console
    #[arg(long, conflicts_with = "child_stderr")]
    pub pty: bool,
    /// Send a program SIGHUP when the WebSocket ends abnormally, beside the end of its input
    #[arg(long, hide_short_help = true)]
    pub hangup: bool,
}

/// Where a child's standard error goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ChildErrors {
    /// To our standard error, with the number of the connection.
    Log,
    /// Where its standard output goes.
    Client,
}
