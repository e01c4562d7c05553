//! What a connection's lines in the log begin with, and who takes them.

use super::{Redactor, Reporter};

/// The reporter of a connection, and the prefix of its lines.
#[derive(Clone)]
pub struct LogScope {
    /// Takes the lines.
    pub reporter: Reporter,
    /// Takes the secrets out.
    pub redactor: Redactor,
    /// Begins each line: such as `#3 ` or `#3 B`, empty when there is only one connection.
    pub prefix: String,
}

impl LogScope {
    /// The prefix of a connection: its number in a server and its side, when both sides are WebSockets.
    pub fn prefix(conn: Option<u64>, side: Option<char>) -> String {
        let number = conn.map_or_else(String::new, |conn| format!("#{conn} "));
        side.into_iter().fold(number, |number, side| number + &side.to_string())
    }
}
