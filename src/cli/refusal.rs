//! clap's refusals as faults.
//!
//! The text stays clap's own; what is added is the next step: the word other tools use for the same
//! thing, or where help stands.

use super::foreign;
use crate::{exit::Exit, fault::Fault};
use clap::{
    Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::ffi::OsString;

/// The fault (exit 2) for what clap refused.
pub(super) fn fault(error: &Error, args: &[OsString], command: &Command) -> Fault {
    let rendered = error.render().to_string();
    let mut paragraphs = rendered.split("\n\n").map(str::trim_end);
    let first = paragraphs.next().unwrap_or_default();
    let cause = first.strip_prefix("error: ").unwrap_or(first);
    let cause = cause.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    let usage = paragraphs.find_map(|text| text.strip_prefix("Usage: ")).map(|text| format!("usage: {text}"));
    let subcommand = args.get(1).and_then(|arg| arg.to_str()).and_then(|name| command.find_subcommand(name));
    let hint = hint(error, args, command, subcommand).unwrap_or_else(|| match subcommand {
        Some(subcommand) => format!("wsio {} --help", subcommand.get_name()),
        None => "wsio --help".to_owned(),
    });
    Fault::new(Exit::Usage, "usage", cause).detail(usage).hint(hint)
}

fn hint(error: &Error, args: &[OsString], command: &Command, subcommand: Option<&Command>) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let similar = match error.get(ContextKind::SuggestedSubcommand) {
                Some(ContextValue::Strings(names)) => names.first(),
                _ => None,
            };
            first_word(text(ContextKind::InvalidSubcommand)?, args)
                .or_else(|| similar.map(|name| format!("wsio {name}, which is similar")))
        }
        ErrorKind::MissingSubcommand => Some("wsio connect wss://HOST/PATH, or wsio --help".to_owned()),
        ErrorKind::UnknownArgument => {
            let word = text(ContextKind::InvalidArg)?;
            let name = subcommand.map(Command::get_name);
            if let Some(hint) = foreign::hint(word, name) {
                return Some(hint.to_owned());
            }
            if subcommand.is_none() && command.get_subcommands().any(|sub| knows(sub, word)) {
                return Some(format!("put options after the subcommand, as in wsio connect {word} …"));
            }
            if name == Some("connect") && word.contains("://") {
                return Some(format!(
                    "wsio connect {word}: standard input and output are always the other side"
                ));
            }
            text(ContextKind::SuggestedArg).map(|similar| format!("{similar}, which is similar"))
        }
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let (option, value) = (text(ContextKind::InvalidArg)?, text(ContextKind::InvalidValue)?);
            if option.starts_with("--count") && value.contains("://") {
                return Some(
                    "-k to accept any certificate (wscat's -n), --linger inf to stay open (websocat's -n)"
                        .to_owned(),
                );
            }
            text(ContextKind::SuggestedValue).map(|similar| format!("{similar}, which is similar"))
        }
        _ => None,
    }
}

/// Something stands where a subcommand should.
fn first_word(word: &str, args: &[OsString]) -> Option<String> {
    let all =
        || args.iter().skip(1).map(|arg| shell_word(&arg.to_string_lossy())).collect::<Vec<_>>().join(" ");
    match word {
        "server" | "serve" | "s" => return Some("wsio listen ADDR".to_owned()),
        "client" | "c" | "open" => return Some("wsio connect URL".to_owned()),
        "help" => return Some("wsio --help, or wsio connect --help".to_owned()),
        "bridge" | "tunnel" | "proxy" | "relay" | "forward" => return Some("wsio pipe A B".to_owned()),
        _ => {}
    }
    if word.parse::<u16>().is_ok() {
        return Some(format!("wsio listen {}", all()));
    }
    let scheme = word.split(':').next().unwrap_or_default();
    match scheme {
        "ws" | "wss" | "http" | "https" | "ws+unix" => Some(format!("wsio connect {}", all())),
        _ if word.contains(':') || word == "-" => Some(format!("wsio pipe {}", all())),
        _ => None,
    }
}

fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn knows(command: &Command, word: &str) -> bool {
    command.get_arguments().any(|arg| match (word.strip_prefix("--"), word.strip_prefix('-')) {
        (Some(long), _) => {
            arg.get_long() == Some(long) || arg.get_visible_aliases().is_some_and(|all| all.contains(&long))
        }
        (None, Some(short)) => arg.get_short().is_some_and(|letter| short.starts_with(letter)),
        _ => false,
    })
}
