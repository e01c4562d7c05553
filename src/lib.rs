//! `wsio` joins standard input and output, sockets, files and commands to WebSocket streams.
pub mod exit;
pub mod fault;
pub mod framing;
pub mod net;
pub mod plan;
pub mod session;
pub mod tls;
pub mod ws;
