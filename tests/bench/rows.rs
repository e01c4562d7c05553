//! The rows of the table: one entry each, with what every program is told.

use crate::{
    echo::Echo,
    fanout::FanOut,
    idle::{Before, Idle},
    peer::Wire,
    program::Who::{self, Bound, Cores, Socat, W1, W4, Wsio},
    run::{Context, Run},
    small,
    transfer::{Content, End, Transfer, Way},
};
use std::io;

/// How a number is shown, and which is the better one.
pub struct Unit {
    pub name: &'static str,
    pub scale: f64,
    pub more_is_better: bool,
    /// What the processor time is given for.
    pub each: &'static str,
    pub each_scale: f64,
}

pub const MESSAGES: Unit =
    Unit { name: "k/s", scale: 1e3, more_is_better: true, each: "µs", each_scale: 1e6 };
pub const BYTES: Unit =
    Unit { name: "MiB/s", scale: MIB, more_is_better: true, each: "µs/KiB", each_scale: 1e6 * 1024.0 };
pub const CLIENTS: Unit =
    Unit { name: "k/s", scale: 1e3, more_is_better: true, each: "µs", each_scale: 1e6 };
pub const KEPT: Unit = Unit { name: "KiB", scale: 1024.0, more_is_better: false, each: "", each_scale: 0.0 };
pub const MICROS: Unit =
    Unit { name: "µs", scale: 1.0, more_is_better: false, each: "µs", each_scale: 1e6 };
pub const MILLIS: Unit = Unit { name: "ms", scale: 1.0, more_is_better: false, each: "", each_scale: 0.0 };
pub const SIZE: Unit = Unit { name: "MiB", scale: MIB, more_is_better: false, each: "", each_scale: 0.0 };
const MIB: f64 = (1 << 20) as f64;

pub enum Work {
    Transfer(Transfer),
    Echo(Echo),
    FanOut(FanOut),
    Idle(Idle),
    Converse,
    StartUp,
    Size,
}

pub struct Row {
    pub name: &'static str,
    pub unit: &'static Unit,
    pub work: Work,
    /// What a program is told; one that is not here cannot do it. A bound comes with its program.
    pub commands: &'static [(Who, &'static str)],
}

impl Row {
    pub fn run(&self, context: &Context) -> io::Result<Run> {
        match &self.work {
            Work::Transfer(transfer) => transfer.run(context),
            Work::Echo(echo) => echo.run(context),
            Work::FanOut(fan_out) => fan_out.run(context),
            Work::Idle(idle) => idle.run(context),
            Work::Converse => small::converse(context),
            Work::StartUp => small::start_up(context),
            Work::Size => small::size(context),
        }
    }

    /// Another build of wsio is told what ours is.
    pub fn command(&self, who: Who) -> Option<&'static str> {
        let who = if who == Who::Base { Wsio } else { who };
        self.commands.iter().find(|(of, _)| *of == who).map(|(_, line)| *line)
    }
}

const SEND_LINES: &[(Who, &str)] = &[
    (Wsio, "connect {url} --linger 0 -q"),
    (W1, "-t - {url}"),
    (W4, "-t -B 262144 --ws-no-flush stdio: ws-c:write_buffer:tcp:{address}"),
    (Bound, "bound send lines {url}"),
];
const RECEIVE_LINES: &[(Who, &str)] = &[
    (Wsio, "connect {url} -q"),
    (W1, "-t -u {url} -"),
    (W4, "-t -u -B 8192 --separator-inhibit-substitution {url}"),
    (Bound, "bound receive lines {url}"),
];
const SEND_BYTES: &[(Who, &str)] = &[
    (Wsio, "pipe - {url} --linger 0 -q"),
    (W1, "-b -B 262144 - {url}"),
    (W4, "-b -B 262144 {url}"),
    (Bound, "bound send bytes {url}"),
];
const RECEIVE_BYTES: &[(Who, &str)] = &[
    (Wsio, "pipe {url} - -q"),
    (W1, "-b -u -B 262144 {url} -"),
    (W4, "-b -u -B 262144 {url}"),
    (Bound, "bound receive bytes {url}"),
];
const SEND_WHOLE: &[(Who, &str)] = &[
    (Wsio, "connect {url} --in whole --max-message 2G --read-ahead off --linger 0 -q"),
    (W1, "-b -S -B 1073741824 - {url}"),
    (Bound, "bound send bytes {url}"),
];
const RECEIVE_WHOLE: &[(Who, &str)] = &[
    (Wsio, "connect {url} --out raw --max-message 2G --read-ahead off -q"),
    (W1, "-b -u -B 1073741824 {url} -"),
    (W4, "-b -u -B 262144 {url}"),
    (Bound, "bound receive bytes {url}"),
];
const ECHO: &[(Who, &str)] = &[
    (Wsio, "listen 127.0.0.1:{port} --echo -q --max-connections 20000"),
    (W1, "-q -t ws-l:127.0.0.1:{port} mirror:"),
    (W4, "-t -B 65536 --mirror-bufsize 65536 ws-l:127.0.0.1:{port} mirror:"),
    (Bound, "bound echo {port} 1"),
    (Cores, "bound echo {port} {cores}"),
];
/// Large buffers are for throughput: websocat 4 keeps those of every client.
const IDLE: &[(Who, &str)] = &[
    (Wsio, "listen 127.0.0.1:{port} --echo -q --max-connections 20000"),
    (W1, "-q -t ws-l:127.0.0.1:{port} mirror:"),
    (W4, "-t ws-l:127.0.0.1:{port} mirror:"),
    (Bound, "bound echo {port} 1"),
    (Cores, "bound echo {port} {cores}"),
];
const FAN_OUT: &[(Who, &str)] = &[
    (Wsio, "listen 127.0.0.1:{port} -q --max-connections 20000"),
    (W1, "-q -t ws-l:127.0.0.1:{port} broadcast:- --linemode-strip-newlines --queue-len 4096"),
    (Bound, "bound fanout {port} 1"),
    (Cores, "bound fanout {port} {cores}"),
];

const fn transfer(
    name: &'static str,
    unit: &'static Unit,
    way: Way,
    end: End,
    content: Content,
    commands: &'static [(Who, &'static str)],
) -> Row {
    Row { name, unit, work: Work::Transfer(Transfer { way, end, content, wire: Wire::Ws }), commands }
}

const fn secure(row: Row) -> Row {
    match row.work {
        Work::Transfer(transfer) => {
            Row { work: Work::Transfer(Transfer { wire: Wire::Wss, ..transfer }), ..row }
        }
        _ => row,
    }
}

const fn echo(name: &'static str, clients: usize, depth: u64) -> Row {
    Row { name, unit: &MESSAGES, work: Work::Echo(Echo { clients, depth }), commands: ECHO }
}

const fn fan_out(name: &'static str, clients: usize, payload: usize) -> Row {
    Row { name, unit: &MESSAGES, work: Work::FanOut(FanOut { clients, payload }), commands: FAN_OUT }
}

const fn idle(name: &'static str, clients: usize, before: Before) -> Row {
    Row { name, unit: &KEPT, work: Work::Idle(Idle { clients, before, accepting: false }), commands: IDLE }
}

const K64: Content = Content::Frames(64 << 10);
const GIB: Content = Content::Whole(1 << 30);

pub const ROWS: &[Row] = &[
    transfer("send lines from a file", &MESSAGES, Way::Send, End::File, Content::Lines, SEND_LINES),
    transfer("send lines from a pipe", &MESSAGES, Way::Send, End::Pipe, Content::Lines, SEND_LINES),
    transfer("receive lines to a file", &MESSAGES, Way::Receive, End::File, Content::Lines, RECEIVE_LINES),
    transfer("receive lines to a pipe", &MESSAGES, Way::Receive, End::Pipe, Content::Lines, RECEIVE_LINES),
    transfer("send binary from a pipe", &BYTES, Way::Send, End::Pipe, K64, SEND_BYTES),
    transfer("send binary from a file", &BYTES, Way::Send, End::File, K64, SEND_BYTES),
    transfer("receive 64 KiB frames to a pipe", &BYTES, Way::Receive, End::Pipe, K64, RECEIVE_BYTES),
    transfer("receive 64 KiB frames to /dev/null", &BYTES, Way::Receive, End::Null, K64, RECEIVE_BYTES),
    transfer(
        "receive 4 KiB frames to /dev/null",
        &BYTES,
        Way::Receive,
        End::Null,
        Content::Frames(4096),
        RECEIVE_BYTES,
    ),
    secure(transfer("wss: send binary from a pipe", &BYTES, Way::Send, End::Pipe, K64, SEND_BYTES)),
    secure(transfer(
        "wss: receive 64 KiB frames to a pipe",
        &BYTES,
        Way::Receive,
        End::Pipe,
        K64,
        RECEIVE_BYTES,
    )),
    transfer("send one message of 1 GiB", &BYTES, Way::Send, End::Pipe, GIB, SEND_WHOLE),
    transfer("receive one message of 1 GiB", &BYTES, Way::Receive, End::Pipe, GIB, RECEIVE_WHOLE),
    transfer(
        "bridge WebSocket to TCP",
        &BYTES,
        Way::Receive,
        End::Tcp,
        K64,
        &[
            (Wsio, "pipe {url} tcp:{tcp} -q"),
            (W1, "-b -u -B 262144 {url} tcp:{tcp}"),
            (W4, "-b -u -B 262144 {url} tcp:{tcp}"),
        ],
    ),
    transfer(
        "bridge TCP to WebSocket",
        &BYTES,
        Way::Send,
        End::Tcp,
        K64,
        &[
            (Wsio, "pipe tcp:{tcp} {url} --linger 0 -q"),
            (W1, "-b -B 262144 tcp:{tcp} {url}"),
            (W4, "-b -B 262144 tcp:{tcp} {url}"),
        ],
    ),
    // socat knows no WebSocket: what it carries from TCP to TCP is the mark for both bridges.
    Row {
        name: "bridge TCP to TCP",
        unit: &BYTES,
        work: Work::Transfer(Transfer { way: Way::Send, end: End::Tcp, content: K64, wire: Wire::Tcp }),
        commands: &[(Wsio, "pipe tcp:{tcp} tcp:{url} -q"), (Socat, "-b 262144 -u TCP:{tcp} TCP:{url}")],
    },
    echo("echo, 1 client, 4096 in flight", 1, 4096),
    echo("echo, 50 clients, 1 in flight", 50, 1),
    echo("echo, 50 clients, 16 in flight", 50, 16),
    echo("echo, 1000 clients, 1 in flight", 1000, 1),
    fan_out("fan-out to 100", 100, 100),
    fan_out("fan-out to 1000", 1000, 100),
    fan_out("fan-out to 100, 64 KiB each", 100, 64 << 10),
    idle("idle client, 10,000 fresh", 10_000, Before::Nothing),
    idle("idle client, 250 after 4 MiB each", 250, Before::Message(4 << 20)),
    idle("idle client, 2000 after 10 rounds of 2000", 2000, Before::Churn(10)),
    Row {
        name: "idle client over TLS, 1000",
        unit: &KEPT,
        work: Work::Idle(Idle { clients: 1000, before: Before::Tls, accepting: false }),
        commands: &[(
            Wsio,
            "listen 127.0.0.1:{port} --echo -q --cert {cert} --key {key} --max-connections 20000",
        )],
    },
    Row {
        name: "idle client with compression, 1000",
        unit: &KEPT,
        work: Work::Idle(Idle { clients: 1000, before: Before::Compressed, accepting: false }),
        commands: &[(Wsio, "listen 127.0.0.1:{port} --echo -q --compress --max-connections 20000")],
    },
    Row {
        name: "clients accepted, 10,000",
        unit: &CLIENTS,
        work: Work::Idle(Idle { clients: 10_000, before: Before::Nothing, accepting: true }),
        commands: IDLE,
    },
    Row {
        name: "ping-pong through stdin and stdout, p50",
        unit: &MICROS,
        work: Work::Converse,
        commands: &[
            (Wsio, "connect {url} -q"),
            (W1, "-t - {url}"),
            (W4, "-t {url}"),
            (Bound, "bound converse {url}"),
        ],
    },
    Row {
        name: "--version",
        unit: &MILLIS,
        work: Work::StartUp,
        commands: &[
            (Wsio, "--version"),
            (W1, "--version"),
            (W4, "--version"),
            (Socat, "-V"),
            (Bound, "bound nothing"),
        ],
    },
    Row {
        name: "size of the program",
        unit: &SIZE,
        work: Work::Size,
        commands: &[(Wsio, ""), (W1, ""), (W4, ""), (Socat, "")],
    },
];
