//! What `wsio` does, seen from outside: the one integration binary.
//!
//! `harness` starts the program and plays its peers, byte by byte; every other module is one promise
//! of the contract. Everything runs on loopback with free ports, and no wait is unbounded.

mod action;
mod admission;
mod again;
mod announced;
mod ask;
mod begun;
mod chat;
mod check;
mod command;
mod completions;
mod compress;
mod connect;
mod console;
mod curl;
mod cut;
mod datagrams;
mod docs;
mod door;
mod doors;
mod endings;
mod fanout;
mod field;
mod hardship;
mod harness;
mod hostile;
mod inherited;
mod json;
mod leaving;
mod limits;
mod listen;
#[cfg(target_os = "linux")]
mod memory;
mod modes;
#[cfg(feature = "nats")]
mod nats;
mod neighbours;
mod pictures;
mod pieces;
mod pipe;
mod progress;
mod prompt;
mod proxy;
mod pty;
mod reach;
mod read_ahead;
mod readme;
mod redirect;
mod reload;
mod schema;
mod schemes;
mod script;
mod secrets;
mod session;
mod shared;
mod signals;
mod signs;
mod site;
mod slow_path;
mod spared;
mod stalled;
mod terminal;
mod time_limit;
mod tls;
mod trust;
mod unix_socket;
mod unsent;
mod upgrade;
mod values;
mod verbose;
