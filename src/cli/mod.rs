//! The command line: arguments and context in, a [`Plan`] out.
//!
//! clap lives only here. Parsing has two stages: the definitions (here, and one file a subcommand,
//! built from shared groups) say what may be written, and `lower` turns it with the [`Context`] into
//! plain data, so that nothing above or below knows how an option was spelled.

mod argv;
mod connect;
mod examples;
mod expand;
mod expectations;
mod foreign;
mod generate;
mod groups;
mod habits;
mod handshake;
mod help;
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

pub use examples::{EXAMPLES, Example};
pub use expand::{AskSecret, Context};
pub use generate::GENERATED;
pub use lower::check_input;
#[cfg(any(test, fuzzing))]
pub(crate) use pasted::fuzz::curl as fuzz_curl;

use connect::ConnectArgs;
use expand::{Expander, usage};
use help::Style;
use listen::ListenArgs;
use lower::GivenOptions;
use pipe::PipeArgs;

use crate::{
    endpoint::{Scheme, binds_unix},
    fault::Result,
    os_text,
    plan::Plan,
};
use clap::{
    Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches, Id, Parser,
    builder::{PossibleValuesParser, StringValueParser, TypedValueParser},
    error::ErrorKind,
};
use std::ffi::OsString;

/// Text of `wsio --version` after the name: our version, and those of the TLS and WebSocket libraries.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (rustls 0.23.46, tungstenite 0.30.0)");

/// Options whose value is a path.
const PATHS: [&str; 11] = [
    "cacert",
    "crl",
    "cert",
    "key",
    "record",
    "proxy_cacert",
    "unix_socket",
    "script",
    "client_ca",
    "announce",
    "serve",
];

/// The request that the arguments make.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "made once a run")]
pub enum Parsed {
    /// Run this plan.
    Run(Plan),
    /// Help, version, or what `--generate` asked for: goes to standard output, exit 0.
    Print(String),
}

/// Join standard input and output, sockets and files to WebSocket streams
#[derive(Debug, Parser)]
#[command(name = "wsio", bin_name = "wsio", version = VERSION, disable_help_subcommand = true, disable_help_flag = true)]
#[command(subcommand_required = true, arg_required_else_help = false, override_usage = "wsio <COMMAND>")]
struct Cli {
    /// Print a man page, a completion script, or the JSON Schema of the records of --json
    #[arg(long, value_name = "WHAT", exclusive = true, value_parser = PossibleValuesParser::new(generate::names()))]
    generate: Option<String>,
    #[command(subcommand)]
    subcommand: Option<Subcommand>,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    Connect(ConnectArgs),
    Listen(ListenArgs),
    Pipe(PipeArgs),
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
    let mut command = definition();
    if args.get(1).is_some_and(|first| first.to_string_lossy().starts_with("--generate")) {
        command = command.subcommand_required(false);
    }
    let matches = match command.try_get_matches_from_mut(&args) {
        Ok(matches) => matches,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => return Ok(Parsed::Print(help(&args))),
        Err(error) if error.kind() == ErrorKind::DisplayVersion => {
            return Ok(Parsed::Print(error.render().to_string()));
        }
        Err(error) => return Err(refusal::fault(&error, &args, &command)),
    };
    let cli = Cli::from_arg_matches(&matches).map_err(|error| refusal::fault(&error, &args, &command))?;
    if let Some(text) = cli.generate.as_deref().and_then(generate::text) {
        return match cli.subcommand {
            None => Ok(Parsed::Print(text.to_owned())),
            Some(_) => Err(usage("--generate stands alone").hint("leave the subcommand out")),
        };
    }
    if let Some((_, matches)) = matches.subcommand() {
        check_bytes(matches)?;
    }
    let mut expander = Expander::new(context);
    let (Some((name, matches)), Some(subcommand)) = (matches.subcommand(), cli.subcommand) else {
        return Err(expand::usage("a subcommand is missing"));
    };
    let command = command.find_subcommand(name).unwrap_or(&command);
    let given = GivenOptions { matches, command };
    modes::check(&given)?;
    match subcommand {
        Subcommand::Connect(args) => args.lower(&given, &mut expander),
        Subcommand::Listen(args) => args.lower(&given, &mut expander),
        Subcommand::Pipe(args) => args.lower(&given, &mut expander),
    }
    .map(Parsed::Run)
}

/// The help that the arguments ask for; only here it is laid out, since no other run needs it.
fn help(args: &[OsString]) -> String {
    let long = args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--help");
    let styled = build(if long { Style::Long } else { Style::Short }).try_get_matches_from(args);
    styled.err().map(|error| error.render().to_string()).unwrap_or_default()
}

/// The definition from which help, man pages and completions grow.
pub fn command() -> clap::Command {
    build(Style::Long)
}

/// The definition with its help in one of the two styles.
fn build(style: Style) -> Command {
    help::styled(definition().mut_subcommands(move |sub| help::styled(sub, style)), style)
}

/// What may be written, without the layout of help.
fn definition() -> Command {
    let command = Cli::command()
        .mut_subcommand("listen", for_listen)
        .mut_subcommand("pipe", for_pipe)
        .mut_subcommands(finish);
    finish(command)
}

/// The same options as a server means them.
fn for_listen(command: Command) -> Command {
    command
        .mut_arg("headers", |arg| {
            arg.help("Add a header to the response; @FILE holds one per line; repeatable")
        })
        .mut_arg("subprotocols", |arg| {
            arg.help("Accept subprotocol NAME; repeatable, or separated by commas")
        })
        .mut_arg("cert", |arg| {
            arg.help("Serve TLS with the certificate chain in FILE (PEM); SIGHUP reloads it")
        })
        .mut_arg("key", |arg| arg)
        .mut_arg("cacert", |arg| {
            arg.help("With --to, trust the CA certificates in FILE (PEM) instead of the system's")
        })
        .mut_arg("insecure", |arg| {
            arg.help("With --to, accept any certificate; prints a warning on every run")
        })
        .mut_arg("sni", |arg| {
            arg.help("With --to, send and verify NAME instead of the host; none sends no name")
        })
        .mut_args(|arg| match arg.get_id().as_str() {
            id if id == "location" || modes::WAY.contains(&id) => only_with_to(arg),
            "tls_min" | "pin" | "crl" => only_with_to(arg),
            _ => arg,
        })
        .mut_arg("pass", |arg| arg)
        .mut_arg("connect_timeout", |arg| {
            arg.help("With --to, wait at most DURATION for the endpoint to open, or off")
        })
        .mut_arg("count", |arg| arg.help("End a client's session after N messages from it"))
        .mut_arg("one", |arg| arg.help("End a client's session after one message, like -n 1"))
        .mut_arg("send", |arg| {
            arg.help("Send MSG to each client first; @FILE, @- or @env:NAME reads it from there; repeatable")
        })
        .mut_arg("script", |arg| {
            arg.help("Run the script in FILE against each client; - is standard input; see wsio-script(5)")
        })
        .mut_arg("report", |arg| {
            arg.help("Write test results for a CI system, one for each client and expectation; repeatable")
        })
        .mut_arg("recv_only", |arg| {
            arg.help("Do not read the input; with --to nats:, publish no messages of clients")
        })
        .mut_arg("send_only", |arg| arg)
        // A changed option moves to the end; the output options belong there.
        .mut_arg("quiet", |arg| arg)
        .mut_arg("verbose", |arg| arg)
        .mut_arg("progress", |arg| arg)
        .mut_arg("raw", |arg| arg)
}

/// An option that a server has no use for itself.
fn only_with_to(arg: Arg) -> Arg {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let mut letters = help.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase()).unwrap_or_default();
    arg.help(format!("With --to, {first}{}", letters.as_str()))
}

/// The same options for whichever side of a pipe can use them.
fn for_pipe(command: Command) -> Command {
    command
        .mut_arg("headers", |arg| arg.help("Add a header to the request; to the response if only a server side exists; repeatable"))
        .mut_arg("subprotocols", |arg| arg.help("Offer subprotocol NAME, or accept it as a server; between two WebSockets it passes through"))
        .mut_arg("cert", |arg| arg.help("Use the certificate chain in FILE (PEM); for a TLS server (SIGHUP reloads it), or else the client side"))
        .mut_arg("send", |arg| arg.help("Send MSG to the far side before any input; @FILE, @- or @env:NAME reads it from there; repeatable"))
        .mut_arg("user", |arg| arg.help("Log in with HTTP Basic; a lone server side requires it; @FILE, @- or @env:NAME reads it"))
        .mut_arg("bearer", |arg| arg.help("Log in with a bearer token; a lone server side requires it; @FILE, @- or @env:NAME reads it"))
        .mut_arg("recv_only", |arg| arg.help("Do not read standard input nor publish to nats:; only receive"))
        .mut_arg("send_only", |arg| arg.help("Do not forward messages of the far side"))
        .mut_arg("count", |arg| arg.help("End after N messages from the far side (the WebSocket, else B); exit 1 if fewer arrive"))
        .mut_arg("one", |arg| arg.help("End after one message from the far side, like -n 1"))
}

fn finish(command: Command) -> Command {
    let help = Arg::new("help").short('h').long("help").action(ArgAction::HelpShort);
    let help = help.help("Show common options with -h, all with --help").help_heading("Output");
    let top = command.get_name() == "wsio";
    let help = if top { help.help_heading(None) } else { help };
    // A negative number is a bad value, which can be named, rather than a missing one.
    command.arg(help).mut_args(|arg| {
        let numbers = ["DURATION", "SIZE", "N"].map(Into::into);
        let takes =
            arg.get_value_names().is_some_and(|names| names.iter().any(|name| numbers.contains(name)));
        let arg = if takes && !arg.is_require_equals_set() { arg.allow_negative_numbers(true) } else { arg };
        match arg.get_id().as_str() {
            id if PATHS.contains(&id) => {
                arg.value_parser(StringValueParser::new().map(|text| os_text::path(&text)))
            }
            "program" => arg.value_parser(StringValueParser::new().map(|text| os_text::os(&text))),
            _ => arg,
        }
    })
}

/// Refuses what is not UTF-8 where neither a path nor the bytes of a message stand.
fn check_bytes(matches: &ArgMatches) -> Result<()> {
    for id in matches.ids().map(Id::as_str) {
        let takes_bytes = |text: &str| match id {
            "target" | "a" | "b" | "to" | "address" => {
                binds_unix(text) || Scheme::of(text).is_some_and(|(scheme, _)| scheme.flags.path)
            }
            "send" | "program" => true,
            _ => text.starts_with('@') || PATHS.contains(&id),
        };
        let values = matches.try_get_raw(id).ok().flatten().into_iter().flatten();
        for text in values.filter_map(|value| value.to_str()) {
            if os_text::stands_for_bytes(text) && !takes_bytes(text) {
                let cause = format!("`{}` is not UTF-8", os_text::shown(text));
                return Err(usage(cause).hint(match id {
                    "target" | "a" | "b" | "to" | "address" => {
                        "in a URL such a byte is written as %FF; a path may have it"
                    }
                    _ => "write it in UTF-8; any bytes may stand in a path, and in --send with -b",
                }));
            }
        }
    }
    Ok(())
}
