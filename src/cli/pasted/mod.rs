//! `--curl`: the command line for curl that a browser's developer tools copy becomes a connection.
//!
//! The line is translated into our own options, so that their values are read and refused in one
//! place. The handshake's own fields are left to our handshake; what curl would do beside asking for
//! a WebSocket is refused by name.

mod options;
mod shell_split;

pub(super) use options::{hint, name_of};

use super::expand::{Expander, usage};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
};

/// The options of `connect` that the line asks for, as words of our command line.
///
/// # Errors
/// Exit 2 naming what cannot be done.
pub(super) fn read(text: &str, expander: &mut Expander) -> Result<Vec<String>> {
    let text = expander.text("--curl", text)?;
    let text = text.trim();
    let words = shell_split::split(text.strip_prefix("$ ").unwrap_or(text)).map_err(|cause| {
        refused(&cause)
            .hint("give the line from a file, as with --curl @FILE, or from standard input with @-")
    })?;
    let mut own = options::translate(&words)?;
    // The URL may stand on the command line instead.
    own.insert(0, "--curl=".to_owned());
    Ok(own)
}

/// The fault about a line that cannot be used.
pub(super) fn refused(cause: &str) -> Fault {
    usage(format!("--curl: {cause}"))
}

/// The target, which the command line or the line for curl has to name.
pub(super) fn target(target: Option<String>) -> Result<String> {
    target.ok_or_else(|| Fault::new(Exit::Usage, "usage", "--curl: there is no URL in the line"))
}
