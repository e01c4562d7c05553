//! What `wsio` does, seen from outside: the one integration binary.
//!
//! `harness` starts the program and plays its peers, byte by byte; every other module is one promise
//! of the contract. Everything runs on loopback with free ports, and no wait is unbounded.

mod admission;
mod command;
mod connect;
mod docs;
mod endings;
mod fanout;
mod hardship;
mod harness;
mod limits;
mod listen;
mod pipe;
mod progress;
mod pty;
mod reload;
mod session;
mod signals;
mod terminal;
mod tls;
mod upgrade;
