//! The command line: arguments and context in, a [`Plan`] out.
//!
//! clap lives only here. Parsing has two stages: the definitions (`args` and one file a subcommand,
//! built from shared groups) say what may be written, and `lower` turns it with the [`Context`] into
//! plain data, so that nothing above or below knows how an option was spelled.

mod args;
mod argv;
mod connect;
mod examples;
mod expand;
mod expectations;
mod foreign;
mod groups;
mod habits;
mod handshake;
mod listen;
mod lower;
mod modes;
mod network;
mod pasted;
mod pipe;
mod refusal;
mod shared;
mod sides;
mod values;

#[cfg(test)]
mod tests;

pub use args::VERSION;
pub use examples::{EXAMPLES, Example};
pub use expand::{AskSecret, Context};
pub use lower::check_input;

use crate::{fault::Result, os_text, plan::Plan};
use args::{Cli, Style, Subcommand};
use clap::{FromArgMatches, error::ErrorKind};
use expand::Expander;
use lower::GivenOptions;
use std::ffi::OsString;

/// The request that the arguments make.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "made once a run")]
pub enum Parsed {
    /// Run this plan.
    Run(Plan),
    /// Help or version: goes to standard output, exit 0.
    Print(String),
}

/// Reads the arguments, the program's name first.
///
/// # Errors
/// A fault of phase `usage` (exit 2) for anything clap or the rules of an option refuse, exit 3 for a
/// malformed address to listen on, exit 26 for an `@FILE` that cannot be read.
pub fn parse(args: impl IntoIterator<Item = OsString>, context: &mut Context) -> Result<Parsed> {
    let mut args: Vec<OsString> =
        args.into_iter().map(|arg| os_text::text(&arg).into_owned().into()).collect();
    if args.get(1).is_some_and(|first| first == "help") {
        // `help connect` is `connect --help`.
        args.remove(1);
        args.truncate(2);
        args.push("--help".into());
    }
    let long = args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--help");
    let mut command = args::build(if long { Style::Long } else { Style::Short });
    let matches = match command.try_get_matches_from_mut(&args) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Parsed::Print(error.render().to_string()));
        }
        Err(error) => return Err(refusal::fault(&error, &args, &command)),
    };
    let cli = Cli::from_arg_matches(&matches).map_err(|error| refusal::fault(&error, &args, &command))?;
    if let Some((_, matches)) = matches.subcommand() {
        args::check_bytes(matches)?;
    }
    let mut expander = Expander::new(context);
    let Some((name, matches)) = matches.subcommand() else {
        return Err(expand::usage("a subcommand is missing"));
    };
    let command = command.find_subcommand(name).unwrap_or(&command);
    let given = GivenOptions { matches, command };
    modes::check(&given)?;
    match cli.subcommand {
        Subcommand::Connect(args) => args.lower(&given, &mut expander),
        Subcommand::Listen(args) => args.lower(&given, &mut expander),
        Subcommand::Pipe(args) => args.lower(&given, &mut expander),
    }
    .map(Parsed::Run)
}

/// The definition from which help, man pages and completions grow.
pub fn command() -> clap::Command {
    args::build(Style::Long)
}
