//! `wsio` joins standard input and output, sockets, files and commands to WebSocket streams.
//!
//! The three subcommands only plan; one connection driver runs pairs of links. `connect URL` pairs
//! standard input and output with a WebSocket, or on a terminal the prompt; `listen ADDR` pairs every
//! accepted WebSocket with what the plan says, `pipe A [B]` pairs A with B.
//!
//! # The tour
//! `main` hands the process's arguments and streams to [`app`], which parses them ([`cli`]) into a
//! [`plan`] and runs it ([`driver`]). An [`endpoint`] is opened into a [`link`], two links and two
//! pumps make a pair, and a pure [`session`] decides how it ends. The prompt is a link too, whose far end
//! is a person at a terminal ([`term`]). Start with `session::Session` and `driver::Pair`.
//!
//! # The words
//! *endpoint* what the user names (`ws://…`, `tcp:…`, `-`) · *link* an open endpoint: a *source* and a
//! *sink* of messages · *framing* how bytes become messages and back · *pair* two links and what joins
//! them · *pump* carries one direction of a pair · *clerk* turns what happens into the session's events
//! and its actions into calls · *session* the pure rules: endings, keepalive, limits · *plan* what the
//! command line asked for, as plain data · *script* a session that is written down, and its *engine* ·
//! *fault* an error with exit code, phase, cause and hint · *room* where each hears the others; its
//! *bridge* stands for everybody behind a *broker*.
//!
//! The unit that everything speaks is the WebSocket message: text is already UTF-8, payloads are
//! shared bytes, so nothing is converted or copied on the way.
//!
//! # The floors
//! `close exit facts fault limited os_error os_text retry units` ← `expect framing script session` ← `child observe net tls` ← `site ws` ← `handshake` ← `link` ← `nats` ←
//! `plan` ← `endpoint` ← `driver | cli | term` ← `app` ← `main`. Imports only run downward; a test reads
//! them.
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
pub mod handshake;
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
pub mod term;
pub mod tls;
pub mod units;
pub mod ws;
