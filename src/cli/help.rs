//! The two extents of help: `-h` fits a screen, `--help` has everything.
//!
//! clap's own long help takes three lines for each option, so both are clap's short help, one line for each.
//! `-h` begins with examples and shows the options of one table, in its order, with the first clause of
//! their text; so the first clause of a text tells what the option does.

use super::examples;
use crate::{endpoint::SCHEMES, exit::EXITS, framing::FRAMINGS};
use clap::{Arg, Command};
use std::fmt::Write;

/// Extent of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `-h`: the commonest options.
    Short,
    /// `--help`: everything.
    Long,
}

/// Options that `-h` shows, for each subcommand.
#[rustfmt::skip]
const COMMON: [(&str, &[&str]); 3] = [
    ("connect", &[
        "send", "json", "framing", "binary", "count", "linger", "timeout", "patterns", "headers", "user", "bearer",
        "subprotocols", "proxy", "cacert", "insecure", "retry_connrefused", "reconnect", "check", "ping",
        "script", "record", "verbose", "quiet", "help",
    ]),
    ("listen", &[
        "echo", "relay", "to", "serve", "script", "once", "paths", "allow_origin", "user", "headers", "cert",
        "self_signed", "announce", "send", "json", "framing", "pty", "record", "verbose", "quiet", "help",
    ]),
    ("pipe", &[
        "framing", "binary", "count", "timeout", "headers", "user", "bearer", "cacert", "insecure", "cert", "once",
        "reconnect", "record", "progress", "verbose", "quiet", "help",
    ]),
];

/// Order of `-h`: examples, then arguments and options in one list, then where the rest is.
const SHORT: &str =
    "{about-with-newline}\n{usage-heading} {usage}{after-help}\n\n{all-args}\n\n{before-help}";

/// The command with the help of that extent.
pub(super) fn styled(command: Command, style: Style) -> Command {
    let name = command.get_name().to_owned();
    let top = name == "wsio";
    if style == Style::Long {
        return command.after_help(long(&name, top));
    }
    let rest = match top {
        true => "Endpoints, exit codes: wsio --help; options: wsio connect --help; all: man wsio".to_owned(),
        false => format!("All options: wsio {name} --help, or man wsio-{name}"),
    };
    let common = COMMON.iter().find(|(of, _)| *of == name).map(|(_, ids)| *ids);
    command.help_template(SHORT).after_help(short(&name, top)).before_help(rest).mut_args(
        |arg| match common {
            Some(ids) if !arg.is_positional() => shown(arg, ids),
            _ => brief(arg),
        },
    )
}

/// An option as `-h` has it: in its place, or not at all.
fn shown(arg: Arg, common: &[&str]) -> Arg {
    let Some(place) = common.iter().position(|id| arg.get_id() == id) else {
        return arg.hide_short_help(true);
    };
    brief(arg).help_heading("Options").display_order(place)
}

/// The text up to a semicolon or what stands in parentheses, without the values that are possible.
fn brief(arg: Arg) -> Arg {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let end = [";", " ("].iter().filter_map(|end| help.find(end)).min().unwrap_or(help.len());
    let takes = !arg.is_positional() && arg.get_action().takes_values();
    let arg = arg.help(help[..end].to_owned());
    if takes { arg.hide_possible_values(true) } else { arg }
}

/// Examples, and for `pipe` the schemes there are.
fn short(name: &str, top: bool) -> String {
    let mut text = String::new();
    examples(&mut text, examples::of(name, top).take(4));
    if name == "pipe" {
        let names = SCHEMES.iter().map(|scheme| match scheme.name {
            "-" => "-".to_owned(),
            name => format!("{name}:"),
        });
        let _ = write!(text, "\nEndpoints:\n  {}", names.collect::<Vec<_>>().join(" "));
    }
    text.trim_end().to_owned()
}

/// Tables and all examples, below the options.
fn long(name: &str, top: bool) -> String {
    let mut text = String::new();
    if !top {
        let rows = FRAMINGS.iter().map(|entry| (entry.usage().to_owned(), entry.summary));
        table(&mut text, "Framings (F)", rows);
    }
    if top || name == "pipe" {
        let rows = SCHEMES.iter().map(|scheme| (scheme.example.to_owned(), scheme.summary));
        table(&mut text, "Endpoints", rows);
    }
    if top {
        let rows = EXITS.iter().map(|(exit, meaning)| (exit.code().to_string(), *meaning));
        table(&mut text, "Exit codes", rows);
    }
    examples(&mut text, examples::of(name, top));
    text.trim_end().to_owned()
}

fn examples(text: &mut String, examples: impl Iterator<Item = &'static examples::Example>) {
    text.push_str("Examples:\n");
    for example in examples {
        let _ = writeln!(text, "  # {}\n  {}", example.purpose, example.line);
    }
}

fn table<'a>(text: &mut String, title: &str, rows: impl Iterator<Item = (String, &'a str)> + Clone) {
    let width = rows.clone().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let _ = writeln!(text, "{title}:");
    for (name, meaning) in rows {
        let _ = writeln!(text, "  {name:width$}  {meaning}");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::{super::build, *};

    /// Lines and columns of the smallest screen that is common.
    const LINES: usize = 45;
    const COLUMNS: usize = 80;

    fn rendered(name: &str, style: Style) -> String {
        let mut command = build(style).term_width(COLUMNS);
        command.build();
        match name {
            "wsio" => command.render_help().to_string(),
            name => command.find_subcommand_mut(name).unwrap().render_help().to_string(),
        }
    }

    #[test]
    fn short_help_fits_a_screen_and_begins_with_examples() {
        for name in ["wsio", "connect", "listen", "pipe"] {
            let help = rendered(name, Style::Short);
            let lines: Vec<&str> = help.lines().collect();
            assert!(lines.len() <= LINES, "wsio {name} -h has {} lines:\n{help}", lines.len());
            let at = |heading: &str| lines.iter().position(|line| *line == heading);
            assert!(at("Examples:").unwrap() < 8 && at("Examples:") < at("Options:"), "{help}");
            assert!(lines.last().unwrap().contains("--help"), "{help}");
            let wide: Vec<_> = lines.iter().filter(|line| line.chars().count() > 100).collect();
            assert!(wide.is_empty(), "{wide:?}");
        }
    }

    #[test]
    fn the_table_of_common_options_names_options() {
        for (name, ids) in COMMON {
            let (short, long) = (rendered(name, Style::Short), rendered(name, Style::Long));
            let command = build(Style::Long);
            let command = command.find_subcommand(name).unwrap();
            for id in ids {
                let arg = command.get_arguments().find(|arg| arg.get_id() == id);
                let option =
                    format!("--{}", arg.and_then(Arg::get_long).unwrap_or_else(|| panic!("{name}: {id}")));
                assert!(short.contains(&option) && long.contains(&option), "{name} {option}");
            }
            assert!(!short.contains("--max-buffer") && !short.contains("--close-timeout"), "{short}");
        }
    }
}
