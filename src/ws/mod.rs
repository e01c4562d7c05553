//! A WebSocket after the upgrade: frames and their compression, the protocol engine, and what `-vv` shows of it.

mod assembly;
pub mod conn;
pub mod deflate;
pub mod encoded;
mod end;
mod frame;
mod frame_parser;
mod frames;
mod memory;
mod outgoing;
pub mod watch;
mod wire;

pub use frames::Frames;
