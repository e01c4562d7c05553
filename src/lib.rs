//! `wsio` joins standard input and output, sockets, files and commands to WebSocket streams.
//!
//! The three subcommands only plan; one connection driver runs pairs of links. `connect URL` pairs
//! standard input and output with a WebSocket, or on a terminal the prompt; `listen ADDR` pairs every
//! accepted WebSocket with what the plan says, `pipe A [B]` pairs A with B.
//!
//! # From arguments to a pair
//! `main` hands the process's arguments and streams to [`app`], which parses them ([`cli`]) into a
//! [`plan`] and runs it ([`driver::run`]). An [`endpoint`] is what the user named; opened, it is a
//! [`link::Link`]: a *source* and a *sink* of messages. Two links, and a pump for each direction, make a
//! [`driver::Pair`], and a pure [`session::Session`] decides how it ends. The prompt is a link too, whose far
//! end is a person at a terminal ([`term`]).
//!
//! # The way of a message
//! 1. Bytes come from a descriptor (`link::in_place`, `link::port`) or off the wire (`ws::wire`).
//! 2. They become messages: a [`framing`] cuts a byte stream, `ws::conn` reads frames, restores what was
//!    compressed and answers pings.
//! 3. `Link::poll_receive` gives them as [`link::Item`]s, as many as are there; short ones that came together are
//!    a [`framing::Run`] where nobody needs each by itself.
//! 4. The pump (`driver::pump`) drops what is not wanted (`--match`, `-n`), tells the session what came, and
//!    feeds the other link.
//! 5. `Link::feed` makes bytes of them again: an encoder of a framing, or a frame with its mask.
//! 6. `Link::poll_flush` hands them to the system once the source has nothing more.
//!
//! The unit is the WebSocket message: text is already UTF-8, payloads are shared bytes, so nothing is
//! converted or copied on the way between two links.
//!
//! # The way of a client
//! `driver::serve` only accepts. The rest is one file, `driver::client`, in this order: TLS, requests and
//! their rules ([`handshake`], and [`site`] for files and pages), a place, the target, the answer 101 or a
//! refusal, the pair, and the line of the log about its end.
//!
//! # The way of an end
//! Pumps and links tell the session events ([`session::Event`]), and time passes for it; it asks for actions
//! ([`session::Action`]): stop, close, shut, release. It has no socket and no clock, so that every row of the
//! endings matrix is tested as data. The first fault is the verdict, and its [`exit::Exit`] the process's.
//!
//! # The words
//! *endpoint* what the user names (`ws://…`, `tcp:…`, `-`) · *link* an open endpoint · *framing* how bytes
//! become messages and back · *pair* two links and what joins them · *pump* carries one direction of a pair ·
//! *session* the pure rules: endings, keepalive, limits · *plan* what the command line asked for, as plain
//! data · *script* a session that is written down, and its *engine* · *fault* an error with exit code, phase,
//! cause and hint · *room* where each hears the others; its *bridge* stands for everybody behind a *broker*.
//!
//! # The floors
//! `close exit facts fault lent limited os_error os_text retry stream units` ← `expect framing script session` ←
//! `child observe tls` ← `net` ← `site ws` ← `handshake` ← `link` ← `nats` ← `plan` ← `endpoint` ←
//! `driver | cli | term` ← `app` ← `main`. Imports only run downward, and no files take from each other in a
//! circle; a test reads them.
//!
//! # One task a pair
//! Both directions of a pair are polled by one task, so that links need no locks and no waker has to
//! be handed from one half to the other. The pumps are polled and not awaited: nothing is lost when
//! the pair turns to a deadline, a signal or the other direction.

pub mod app;
pub mod child;
pub mod cli;
pub mod close;
pub mod driver;
pub mod endpoint;
pub mod exit;
pub mod expect;
pub mod facts;
pub mod fault;
pub mod framing;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
pub mod handshake;
pub mod lent;
pub mod limited;
pub mod link;
pub mod nats;
pub mod net;
pub mod observe;
pub mod os_error;
pub mod os_text;
pub mod plan;
pub mod retry;
pub mod script;
pub mod session;
pub mod site;
pub mod stream;
pub mod term;
pub mod tls;
pub mod units;
pub mod ws;
