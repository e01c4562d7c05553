//! A WebSocket after the upgrade: frames and their compression, the protocol engine, and what `-vv` shows of it.

pub mod conn;
pub mod deflate;
pub mod encoded;
mod end;
mod frame;
mod frames;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod incoming;
mod memory;
mod outgoing;
mod read_buffer;
mod read_error;
mod utf8;
pub mod watch;
mod wire;

pub use frames::Frames;
