//! What a received message is compared with, and how a difference is shown.
//!
//! Pure and shared by whoever expects something: the filter of `--match` and `--match-json`, and the
//! expectations of scripts. Whatever is shown is short and safe for a terminal, since it holds the
//! peer's words.

mod filter;
pub mod json;
pub mod show;

pub use filter::{Field, Filter};
