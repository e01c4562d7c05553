//! Comparison of received messages with what is wanted, and words for a difference.
//!
//! Pure, and shared by the filter of `--match` and `--match-json` and the expectations of scripts. All that
//! is shown is short and safe for a terminal, since it holds the peer's words.

mod filter;
pub mod json;
pub mod show;

pub use filter::{Field, Filter};

/// Why a regular expression is none, in one line.
pub fn no_regex(error: &regex::Error) -> String {
    let text = error.to_string();
    // The lines before the last show where.
    let last = text.lines().last().unwrap_or_default();
    format!("not a regular expression: {}", last.strip_prefix("error: ").unwrap_or(last))
}
