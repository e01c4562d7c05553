//! clap's refusals as faults.
//!
//! The text stays clap's own; what is added is the next step: the word other tools use for the same
//! thing, or where help stands.

use super::{argv, foreign, habits};
use crate::{exit::Exit, fault::Fault};
use clap::{
    Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::ffi::OsString;

/// Without a number, `-n` is another tool's.
const AMBIGUOUS_N: &str =
    "-k to accept any certificate (wscat's -n), --linger inf to stay open (websocat's -n)";

/// Words of other tools that stand where a subcommand does, with the line that does it.
const SUBCOMMANDS: &[(&[&str], &str)] = &[
    (&["server", "serve", "s", "l", "bind", "daemon"], "wsio listen ADDR"),
    (&["client", "c", "open", "dial", "get", "talk", "chat", "repl", "shell", "curl"], "wsio connect URL"),
    (&["bridge", "tunnel", "proxy", "forward", "join"], "wsio pipe A B"),
    (&["ping", "rtt", "latency"], "wsio connect URL --ping 5"),
    (&["check", "test", "probe", "health", "status"], "wsio connect URL --check"),
    (&["send", "publish", "pub", "emit", "post"], "wsio connect URL --send MSG"),
    (&["recv", "receive", "subscribe", "sub", "watch", "tail"], "wsio connect URL --recv-only"),
    (&["run", "play", "script", "replay"], "wsio connect URL --script FILE"),
    (&["mock"], "wsio listen PORT --script FILE"),
    (&["echo", "mirror"], "wsio listen PORT --echo, or wsio connect echo:"),
    (&["relay", "broadcast", "hub"], "wsio listen PORT --relay"),
    (&["version"], "wsio --version"),
    (&["man", "manual", "docs"], "wsio --generate man | man -l -, or wsio --help"),
    (
        &["completion", "completions", "complete", "generate"],
        "wsio --generate complete-bash, or -zsh, -fish, -elvish, -powershell",
    ),
    (&["schema"], "wsio --generate schema"),
];

/// The fault (exit 2) for what clap refused.
pub(super) fn fault(error: &Error, args: &[OsString], command: &Command) -> Fault {
    let rendered = error.render().to_string();
    let mut paragraphs = rendered.split("\n\n").map(str::trim_end);
    let first = paragraphs.next().unwrap_or_default();
    let cause = first.strip_prefix("error: ").unwrap_or(first);
    let cause = cause.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    let usage = paragraphs.find_map(|text| text.strip_prefix("Usage: ")).map(|text| format!("usage: {text}"));
    let usage = match error.kind() {
        // clap's has an option in it that merely looks like the unknown one.
        ErrorKind::UnknownArgument => usage.map(|usage| own_usage(args, command).unwrap_or(usage)),
        _ => usage,
    };
    let refused = RefusedLine {
        error,
        words: args.iter().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect(),
        command,
    };
    let (hint, cause) = (refused.hint(), argv::hushed(refused.cause().unwrap_or(cause), &refused.words));
    // A line that works says more than all that could be written.
    let usage = usage.filter(|_| !hint.starts_with("wsio ") || hint.contains("--help"));
    Fault::new(Exit::Usage, "usage", cause).detail(usage).hint(hint)
}

/// Usage of the subcommand of this line.
fn own_usage(args: &[OsString], command: &Command) -> Option<String> {
    let mut command = command.clone();
    command.build();
    let usage = command.find_subcommand_mut(args.get(1)?)?.render_usage().to_string();
    usage.strip_prefix("Usage: ").map(|usage| format!("usage: {}", usage.trim()))
}

/// An error of clap's, and the command line that it is about.
struct RefusedLine<'a> {
    error: &'a Error,
    /// The arguments without the program's name.
    words: Vec<String>,
    command: &'a Command,
}

impl RefusedLine<'_> {
    fn text(&self, kind: ContextKind) -> Option<&str> {
        match self.error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.as_str()),
            _ => None,
        }
    }

    fn subcommand(&self) -> Option<&Command> {
        self.command.find_subcommand(self.words.first()?)
    }

    /// Index of the option that took the URL for its value, as `--send URL` does.
    fn swallowing(&self) -> Option<usize> {
        let is_url = |word: &String| word.contains("://") && habits::is_url(word);
        let takes = |word: &String| {
            argv::argument(self.command, word)
                .is_some_and(|arg| arg.get_action().takes_values() && !arg.is_require_equals_set())
        };
        let found = self.words.windows(2).position(|pair| is_url(&pair[1]) && takes(&pair[0]))?;
        (self.words[0] == "connect").then_some(found)
    }

    /// A better cause than clap's, which only sees that a word is left over or missing.
    fn cause(&self) -> Option<String> {
        if self.error.kind() == ErrorKind::MissingRequiredArgument {
            let at = self.swallowing()?;
            let (option, url) = (&self.words[at], &self.words[at + 1]);
            return Some(format!("`{url}` is the value of {option}, so there is no target"));
        }
        if self.error.kind() != ErrorKind::UnknownArgument
            || self.text(ContextKind::InvalidArg)?.starts_with('-')
        {
            return None;
        }
        let takes =
            |word| argv::argument(self.command, word).is_some_and(|arg| arg.get_action().takes_values());
        if self.words[0] == "connect" && self.words.windows(2).any(|pair| pair[1] == "-" && !takes(&pair[0]))
        {
            return Some(
                "connect takes no -: standard input and output are always the other side".to_owned(),
            );
        }
        let lacks_equals = self.words.windows(2).find_map(|pair| {
            let arg = argv::argument(self.command, &pair[0])?;
            habits::lacks_equals(arg, &pair[1])
                .then(|| format!("a value of {} is written with =, not after a blank", pair[0]))
        });
        lacks_equals.or_else(|| {
            let (left_over, taken) = (self.text(ContextKind::InvalidArg)?, self.taken()?);
            let place = match self.words[0].as_str() {
                "connect" => "target",
                "listen" => "address to listen on",
                _ => "first of the two endpoints",
            };
            let shown = self.shown_as_taken(taken);
            Some(format!("`{left_over}` is one word too many: `{shown}` is the {place}"))
        })
    }

    /// The word that was taken for the target, without its value where another tool's option has a secret there.
    fn shown_as_taken(&self, taken: usize) -> String {
        let word = &self.words[taken];
        foreign::with_value(&self.words[taken - 1], word)
            .map_or_else(|| word.clone(), |option| argv::public(option, word))
    }

    /// Index of the word that clap took as the target, address or first endpoint.
    fn taken(&self) -> Option<usize> {
        let mut after = None;
        self.words.iter().enumerate().skip(1).take_while(|(_, word)| *word != "--").find_map(|(at, word)| {
            let is_value = std::mem::take(&mut after).is_some();
            if is_value || (word.starts_with('-') && word != "-") {
                let attached = word.contains('=') || (!word.starts_with("--") && word.len() > 2);
                after = argv::argument(self.command, word)
                    .filter(|arg| {
                        !is_value && arg.get_action().takes_values() && !arg.is_require_equals_set()
                    })
                    .filter(|_| !attached)
                    .map(|_| ());
                return None;
            }
            Some(at)
        })
    }

    /// A line in which the word that was taken for the target is what another tool's option means.
    fn with_cookie_or_so(&self) -> Option<String> {
        let at = self.taken().filter(|at| *at > 1)?;
        let option = foreign::with_value(&self.words[at - 1], &self.words[at])?;
        let mut line = self.words.clone();
        option.clone_into(&mut line[at - 1]);
        argv::parse(self.command, &line).then(|| argv::shown(&line))
    }

    fn meant(&self) -> Option<String> {
        habits::meant(&self.words, self.command).map(|words| argv::shown(&words))
    }

    fn hint(&self) -> String {
        let hint = match self.error.kind() {
            ErrorKind::InvalidSubcommand => self.no_subcommand(),
            ErrorKind::MissingSubcommand => Some("wsio connect wss://HOST/PATH, or wsio --help".to_owned()),
            ErrorKind::UnknownArgument => self.unknown_argument(),
            ErrorKind::MissingRequiredArgument => self.missing_place(),
            ErrorKind::ValueValidation | ErrorKind::InvalidValue => self.bad_value(),
            ErrorKind::TooManyValues => {
                self.text(ContextKind::InvalidArg).map(|option| format!("{option} alone: it takes no value"))
            }
            _ => None,
        };
        hint.unwrap_or_else(|| match self.subcommand() {
            Some(subcommand) => format!("wsio {} --help", subcommand.get_name()),
            None => "wsio --help".to_owned(),
        })
    }

    /// Something stands where a subcommand should.
    fn no_subcommand(&self) -> Option<String> {
        let word = self.text(ContextKind::InvalidSubcommand)?;
        if let Some((_, line)) = SUBCOMMANDS.iter().find(|(words, _)| words.contains(&word)) {
            return Some(self.as_line(line).unwrap_or_else(|| (*line).to_owned()));
        }
        self.meant().or_else(|| {
            let names = ["connect", "listen", "pipe", "help"];
            argv::slip(word, names.into_iter()).map(|name| format!("wsio {name}, which is similar"))
        })
    }

    /// The line that is meant, with what stands after the word that is no subcommand.
    fn as_line(&self, meant: &str) -> Option<String> {
        let rest = &self.words[1..];
        let meant = meant.split(", or").next()?;
        let (name, option) = match meant.strip_prefix("wsio ")?.split(' ').collect::<Vec<_>>()[..] {
            [name, _, option, ..] if option.starts_with("--") => (name, Some(option)),
            [name, _] => (name, None),
            _ => return None,
        };
        let mut line = vec![name.to_owned()];
        match option {
            Some("--ping") => line.extend(rest.iter().cloned().chain(["--ping".to_owned(), "5".to_owned()])),
            // The message or script stands on either side of the URL.
            Some(option @ ("--send" | "--script")) => {
                let [first, second] = rest else { return None };
                let first_is_url = first.contains("://") || !second.contains("://");
                let (url, value) = if first_is_url { (first, second) } else { (second, first) };
                line.extend([url.clone(), option.to_owned(), value.clone()]);
            }
            Some(option) => line.extend(rest.iter().cloned().chain([option.to_owned()])),
            None => line.extend(rest.iter().cloned()),
        }
        (!rest.is_empty() && argv::parse(self.command, &line)).then(|| argv::shown(&line))
    }

    fn unknown_argument(&self) -> Option<String> {
        let word = self.text(ContextKind::InvalidArg)?;
        let name = self.subcommand().map(Command::get_name);
        if let Some(line) = self.with_cookie_or_so() {
            return Some(line);
        }
        if let Some(hint) = self.of_another_subcommand(word) {
            return Some(hint);
        }
        let foreign = foreign::hint(word, name);
        if let Some(hint) = foreign.as_ref().filter(|hint| name.is_some() && !hint.starts_with("wsio ")) {
            return Some(hint.clone());
        }
        if let Some(hint) = self.meant().or(foreign) {
            return Some(hint);
        }
        if word == "-n" {
            return Some(AMBIGUOUS_N.to_owned());
        }
        if name.is_none() && argv::argument(self.command, word).is_some() {
            return Some(format!("put options after the subcommand, as in wsio connect {word} …"));
        }
        if name == Some("connect") && word.contains("://") && self.taken().is_none() {
            return Some(format!("wsio connect {word}"));
        }
        let long = word.strip_prefix("--")?.split('=').next()?;
        let known = self
            .subcommand()?
            .get_arguments()
            .flat_map(|arg| arg.get_long().into_iter().chain(arg.get_visible_aliases().unwrap_or_default()));
        let known: Vec<&str> = known.collect();
        argv::slip(long, known.iter().copied()).map(|similar| format!("--{similar}, which is similar"))
    }

    /// The hint that names the subcommands which have this option, when this one lacks it.
    fn of_another_subcommand(&self, word: &str) -> Option<String> {
        let here = self.subcommand()?;
        let (name, word) = (here.get_name(), word.split('=').next()?);
        // These have an answer of their own, with the line that does it.
        if !word.starts_with("--") || foreign::special(word, Some(name)).is_some() {
            return None;
        }
        let has = |command: &&Command| command.get_arguments().any(|arg| argv::is(arg, word));
        let others: Vec<_> = self.command.get_subcommands().filter(has).map(Command::get_name).collect();
        let others = others.into_iter().map(|other| format!("wsio {other}")).collect::<Vec<_>>();
        (!others.is_empty() && !has(&here))
            .then(|| format!("leave it out: {word} is for {}", others.join(" and ")))
    }

    /// The line with an example of what is missing, and where the rest is told.
    fn missing_place(&self) -> Option<String> {
        let name = self.subcommand()?.get_name();
        let places: &[&str] = match name {
            "connect" => &["wss://HOST/PATH"],
            "listen" => &["8080"],
            _ => &["ws-listen:8080", "tcp:localhost:22"],
        };
        if let Some(at) = self.swallowing() {
            let arg = argv::argument(self.command, &self.words[at])?;
            let name = arg.get_value_names()?.first()?.as_str();
            let mut line = self.words.clone();
            line.insert(at + 1, example(name).unwrap_or(name).to_owned());
            return argv::parse(self.command, &line).then(|| argv::shown(&line));
        }
        let line: Vec<String> =
            self.words.iter().cloned().chain(places.iter().map(ToString::to_string)).collect();
        argv::parse(self.command, &line).then(|| format!("{}, or wsio {name} --help", argv::shown(&line)))
    }

    fn bad_value(&self) -> Option<String> {
        let (option, value) = (self.text(ContextKind::InvalidArg)?, self.text(ContextKind::InvalidValue)?);
        if option.starts_with("--count") && value.contains("://") {
            return Some(AMBIGUOUS_N.to_owned());
        }
        let option = option.split(' ').next()?;
        if ["--framing", "--in", "--out"].contains(&option) {
            let line = || self.with_value(option, value, &habits::meant_framing(value)?);
            let hint = habits::other_framing(value).or_else(line);
            if hint.is_some() {
                return hint;
            }
        }
        let similar = || {
            let arg = argv::argument(self.command, option)?;
            let possible = arg.get_possible_values();
            argv::slip(value, possible.iter().map(|value| value.get_name()).collect::<Vec<_>>().into_iter())
                .map(|similar| format!("{similar}, which is similar"))
        };
        similar().or_else(|| self.with_example(option, value))
    }

    /// The line with a value that the option takes.
    fn with_example(&self, option: &str, value: &str) -> Option<String> {
        let name = argv::argument(self.command, option)?.get_value_names()?.first()?;
        self.with_value(option, value, example(name)?)
    }

    /// The line with another value of the option.
    fn with_value(&self, option: &str, value: &str, instead: &str) -> Option<String> {
        let arg = argv::argument(self.command, option)?;
        let at = self
            .words
            .iter()
            .position(|word| argv::is(arg, word.split_once('=').map_or(word.as_str(), |(name, _)| name)))?;
        let mut line = self.words.clone();
        let written = line[at].clone();
        if let Some((name, _)) = written.split_once('=') {
            line[at] = format!("{name}={instead}");
        } else if !written.starts_with("--") && written.len() > 2 {
            line.splice(at..=at, [written[..2].to_owned(), instead.to_owned()]);
        } else {
            let end = if !value.is_empty() && line.get(at + 1).is_some_and(|next| next == value) {
                at + 2
            } else {
                at + 1
            };
            line.splice(at..end, [written, instead.to_owned()]);
        }
        argv::parse(self.command, &line).then(|| argv::shown(&line))
    }
}

/// A value for an option whose value has this name.
fn example(name: &str) -> Option<&'static str> {
    Some(match name {
        "DURATION" => "10s",
        "SIZE" => "16M",
        "N" => "5",
        "DURATION=MSG" => "30s=ping",
        "MSG" => "hello",
        "F" => "lines",
        "ENDPOINT" => "tcp:localhost:22",
        "NAME: VALUE" => "Name: value",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
