//! clap's refusals as faults.
//!
//! The text stays clap's own; what is added is the next step: the word other tools use for the same
//! thing, or where help stands.

use super::{foreign, habits, words};
use crate::{exit::Exit, fault::Fault};
use clap::{
    Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::ffi::OsString;

/// Without a number, `-n` is another tool's.
const AMBIGUOUS_N: &str =
    "-k to accept any certificate (wscat's -n), --linger inf to stay open (websocat's -n)";

/// The fault (exit 2) for what clap refused.
pub(super) fn fault(error: &Error, args: &[OsString], command: &Command) -> Fault {
    let rendered = error.render().to_string();
    let mut paragraphs = rendered.split("\n\n").map(str::trim_end);
    let first = paragraphs.next().unwrap_or_default();
    let cause = first.strip_prefix("error: ").unwrap_or(first);
    let cause = cause.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    let usage = paragraphs.find_map(|text| text.strip_prefix("Usage: ")).map(|text| format!("usage: {text}"));
    let refused = Refused {
        error,
        words: args.iter().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect(),
        command,
    };
    let (hint, cause) = (refused.hint(), words::hushed(refused.cause().unwrap_or(cause), &refused.words));
    // A line that works says more than all that could be written.
    let usage = usage.filter(|_| !hint.starts_with("wsio ") || hint.contains("--help"));
    Fault::new(Exit::Usage, "usage", cause).detail(usage).hint(hint)
}

/// What clap refused, and in which command line.
struct Refused<'a> {
    error: &'a Error,
    /// The arguments without the program's name.
    words: Vec<String>,
    command: &'a Command,
}

impl Refused<'_> {
    fn text(&self, kind: ContextKind) -> Option<&str> {
        match self.error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.as_str()),
            _ => None,
        }
    }

    fn subcommand(&self) -> Option<&Command> {
        self.command.find_subcommand(self.words.first()?)
    }

    /// A better cause than clap's, which only sees that a word is left over.
    fn cause(&self) -> Option<String> {
        if self.error.kind() != ErrorKind::UnknownArgument
            || self.text(ContextKind::InvalidArg)?.starts_with('-')
        {
            return None;
        }
        let takes =
            |word| words::argument(self.command, word).is_some_and(|arg| arg.get_action().takes_values());
        if self.words[0] == "connect" && self.words.windows(2).any(|pair| pair[1] == "-" && !takes(&pair[0]))
        {
            return Some(
                "connect takes no -: standard input and output are always the other side".to_owned(),
            );
        }
        self.words.windows(2).find_map(|pair| {
            let arg = words::argument(self.command, &pair[0])?;
            habits::lacks_equals(arg, &pair[1])
                .then(|| format!("a value of {} is written with =, not after a blank", pair[0]))
        })
    }

    fn meant(&self) -> Option<String> {
        habits::meant(&self.words, self.command).map(|words| words::shown(&words))
    }

    fn hint(&self) -> String {
        let hint = match self.error.kind() {
            ErrorKind::InvalidSubcommand => self.no_subcommand(),
            ErrorKind::MissingSubcommand => Some("wsio connect wss://HOST/PATH, or wsio --help".to_owned()),
            ErrorKind::UnknownArgument => self.unknown_argument(),
            ErrorKind::MissingRequiredArgument => self.missing_place(),
            ErrorKind::ValueValidation | ErrorKind::InvalidValue => self.bad_value(),
            _ => None,
        };
        hint.unwrap_or_else(|| match self.subcommand() {
            Some(subcommand) => format!("wsio {} --help", subcommand.get_name()),
            None => "wsio --help".to_owned(),
        })
    }

    /// Something stands where a subcommand should.
    fn no_subcommand(&self) -> Option<String> {
        match self.text(ContextKind::InvalidSubcommand)? {
            "server" | "serve" | "s" => return Some("wsio listen ADDR".to_owned()),
            "client" | "c" | "open" => return Some("wsio connect URL".to_owned()),
            "bridge" | "tunnel" | "proxy" | "relay" | "forward" => return Some("wsio pipe A B".to_owned()),
            _ => {}
        }
        self.meant().or_else(|| match self.error.get(ContextKind::SuggestedSubcommand) {
            Some(ContextValue::Strings(names)) => {
                names.first().map(|name| format!("wsio {name}, which is similar"))
            }
            _ => None,
        })
    }

    fn unknown_argument(&self) -> Option<String> {
        let word = self.text(ContextKind::InvalidArg)?;
        let name = self.subcommand().map(Command::get_name);
        let foreign = foreign::hint(word, name);
        if let Some(hint) = foreign.filter(|hint| name.is_some() && !hint.starts_with("wsio ")) {
            return Some(hint.to_owned());
        }
        if let Some(hint) = self.meant().or_else(|| foreign.map(str::to_owned)) {
            return Some(hint);
        }
        if word == "-n" {
            return Some(AMBIGUOUS_N.to_owned());
        }
        if name.is_none() && words::argument(self.command, word).is_some() {
            return Some(format!("put options after the subcommand, as in wsio connect {word} …"));
        }
        if name == Some("connect") && word.contains("://") {
            return Some(format!("wsio connect {word}"));
        }
        self.text(ContextKind::SuggestedArg).map(|similar| format!("{similar}, which is similar"))
    }

    /// The line with an example of what is missing, and where the rest is told.
    fn missing_place(&self) -> Option<String> {
        let name = self.subcommand()?.get_name();
        let places: &[&str] = match name {
            "connect" => &["wss://HOST/PATH"],
            "listen" => &["8080"],
            _ => &["ws-listen:8080", "tcp:localhost:22"],
        };
        let line: Vec<String> =
            self.words.iter().cloned().chain(places.iter().map(ToString::to_string)).collect();
        words::parse(self.command, &line).then(|| format!("{}, or wsio {name} --help", words::shown(&line)))
    }

    fn bad_value(&self) -> Option<String> {
        let (option, value) = (self.text(ContextKind::InvalidArg)?, self.text(ContextKind::InvalidValue)?);
        if option.starts_with("--count") && value.contains("://") {
            return Some(AMBIGUOUS_N.to_owned());
        }
        let similar =
            || self.text(ContextKind::SuggestedValue).map(|similar| format!("{similar}, which is similar"));
        similar().or_else(|| self.with_example(option.split(' ').next()?, value))
    }

    /// The line with a value that the option takes.
    fn with_example(&self, option: &str, value: &str) -> Option<String> {
        let arg = words::argument(self.command, option)?;
        let example = match arg.get_value_names()?.first()?.as_str() {
            "DURATION" => "10s",
            "SIZE" => "16M",
            "N" => "5",
            "DURATION=MSG" => "30s=ping",
            "MSG" => "hello",
            "F" => "lines",
            "ENDPOINT" => "tcp:localhost:22",
            "NAME: VALUE" => "Name: value",
            _ => return None,
        };
        let at = self
            .words
            .iter()
            .position(|word| words::is(arg, word.split_once('=').map_or(word.as_str(), |(name, _)| name)))?;
        let mut line = self.words.clone();
        let written = line[at].clone();
        if let Some((name, _)) = written.split_once('=') {
            line[at] = format!("{name}={example}");
        } else if !written.starts_with("--") && written.len() > 2 {
            line.splice(at..=at, [written[..2].to_owned(), example.to_owned()]);
        } else {
            let end = if !value.is_empty() && line.get(at + 1).is_some_and(|next| next == value) {
                at + 2
            } else {
                at + 1
            };
            line.splice(at..end, [written, example.to_owned()]);
        }
        words::parse(self.command, &line).then(|| words::shown(&line))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        cli::{Context, Parsed, parse},
        exit::Exit,
        fault::Fault,
    };

    fn hint(line: &str) -> String {
        fault(line).hint.unwrap_or_default()
    }

    fn fault(line: &str) -> Fault {
        let mut context =
            Context { env: &|_| None, stdin: &mut std::io::empty(), stdin_is_terminal: false, ask: None };
        let fault = match parse(line.split(' ').map(Into::into), &mut context) {
            Err(fault) => fault,
            Ok(parsed) => panic!("{line}: {parsed:?}"),
        };
        assert_eq!((fault.exit, fault.phase), (Exit::Usage, "usage"), "{line}");
        fault
    }

    #[test]
    fn first_commands_of_other_tools_get_the_line_that_works() {
        for (line, instead) in [
            ("wsio -c ws://h", "wsio connect ws://h"),
            ("wsio connect -c ws://h", "wsio connect ws://h"),
            ("wsio -n -c wss://h", "wsio connect -k wss://h"),
            ("wsio -E ws://h", "wsio connect ws://h"),
            ("wsio -t - ws://h", "wsio connect -t ws://h"),
            ("wsio - tcp:h:1", "wsio pipe - tcp:h:1"),
            ("wsio connect -b - ws://h", "wsio connect -b ws://h"),
            ("wsio connect ws://h tcp:h:1", "wsio pipe ws://h tcp:h:1"),
            ("wsio connect ws://h hello", "wsio connect ws://h --send hello"),
            ("wsio connect --reconnect 3 ws://h", "wsio connect --reconnect=3 ws://h"),
            ("wsio connect ws://h --timestamps delta", "wsio connect ws://h --timestamps=delta"),
            ("wsio -s 8080", "wsio listen 8080"),
            ("wsio listen -s 8080", "wsio listen 8080"),
            ("wsio connect -l 8080", "wsio listen 8080"),
            ("wsio listen -p 8080", "wsio listen 8080"),
            ("wsio --port=8080 ./prog -v", "wsio listen 8080 -- ./prog -v"),
            ("wsio --port 8080 --address 0.0.0.0 ./prog", "wsio listen 0.0.0.0:8080 -- ./prog"),
            ("wsio listen --port=8080 --devconsole ./prog", "wsio listen 8080 --console -- ./prog"),
            ("wsio --port=8080 --devconsole ./prog", "wsio listen 8080 --console -- ./prog"),
            ("wsio --staticdir=web --port=8080", "wsio listen 8080 --serve=web"),
            ("wsio listen 0 cat", "wsio listen 0 -- cat"),
            ("wsio listen 0 cat -n", "wsio listen 0 -- cat -n"),
            ("wsio listen 0 mirror:", "wsio listen 0 --echo"),
            ("wsio listen 0 tcp:h:22", "wsio listen 0 --to tcp:h:22"),
            ("wsio listen 127.0.0.1 8080", "wsio listen 127.0.0.1:8080"),
            ("wsio listen ::1 8080", "wsio listen '[::1]:8080'"),
            ("wsio listen 0 --exec cat", "--to exec:PROGRAM"),
            ("wsio listen 0 --sh-c cat", "--to exec:PROGRAM"),
            ("wsio connect ws://h --exec cat", "wsio pipe URL exec:PROGRAM"),
            ("wsio -t ws-l:127.0.0.1:8080 mirror:", "wsio pipe -t ws-listen:127.0.0.1:8080 echo:"),
            ("wsio -t ws-l:127.0.0.1:8080 broadcast:mirror:", "wsio listen 127.0.0.1:8080 --relay"),
            ("wsio -b ws-l:127.0.0.1:8080 tcp:h:22", "wsio pipe -b ws-listen:127.0.0.1:8080 tcp:h:22"),
            ("wsio -c ws://h -x hi -w 3", "wsio connect ws://h --send hi --linger 3"),
            ("wsio -c ws://h --auth u:p", "wsio connect ws://h --user …"),
            ("wsio --port=1 --ssl --sslcert=c --sslkey=k ./x", "wsio listen 1 --cert=c --key=k -- ./x"),
            ("wsio --port=1 --passenv A --loglevel=debug ./x a", "wsio listen 1 -- ./x a"),
            ("wsio connect localhost 8080", "wsio connect localhost:8080"),
            ("wsio connect localhost:8080 /chat", "wsio connect localhost:8080/chat"),
            ("wsio connect --url ws://h", "wsio connect ws://h"),
            ("wsio -n ws://h", "-k to accept any certificate"),
            ("wsio listen 8080 8081", "wsio listen --help"),
            ("wsio connect -k", "wsio connect -k wss://HOST/PATH, or wsio connect --help"),
            ("wsio listen", "wsio listen 8080, or wsio listen --help"),
            ("wsio connect --no-check", "-k to accept any certificate"),
        ] {
            let said = hint(line);
            assert!(said.starts_with(instead), "{line}: {said}");
            if instead.starts_with("wsio ") && !instead.contains(['[', 'P', 'U']) {
                assert_eq!(said, instead);
            }
        }
    }

    #[test]
    fn a_bad_value_gets_the_line_with_a_good_one() {
        for (line, instead) in [
            ("wsio connect ws://h -m", "wsio connect ws://h -m 10s"),
            ("wsio connect ws://h --timeout -1", "wsio connect ws://h --timeout 10s"),
            ("wsio connect --timeout=x ws://h", "wsio connect --timeout=10s ws://h"),
            ("wsio connect -mx ws://h", "wsio connect -m 10s ws://h"),
            ("wsio connect ws://h --send", "wsio connect ws://h --send hello"),
            ("wsio connect ws://h --framing", "wsio connect ws://h --framing lines"),
            ("wsio connect ws://h -H", "wsio connect ws://h -H 'Name: value'"),
            ("wsio listen 0 --to", "wsio listen 0 --to tcp:localhost:22"),
            ("wsio connect ws://h --max-message 3q", "wsio connect ws://h --max-message 16M"),
        ] {
            assert_eq!(hint(line), instead, "{line}");
        }
    }

    #[test]
    fn heartbeats_and_times_say_how_they_are_written() {
        for (line, instead) in [
            ("wsio connect ws://h --every 0=x", "--every '30s=x'"),
            ("wsio connect ws://h --every 5m", "--every 5m=ping"),
            ("wsio connect ws://h --every hi", "--every '30s=hi'"),
            ("wsio connect ws://h --timestamps --json", "leave --timestamps out"),
        ] {
            assert!(hint(line).starts_with(instead), "{line}: {}", hint(line));
        }
    }

    #[test]
    fn what_has_no_use_is_refused_with_the_reason() {
        for (line, reason) in [
            ("wsio connect ws://h --record -", "would mix records with the messages"),
            ("wsio connect ws://h --script x --reconnect", "--reconnect is not for a script"),
            ("wsio connect ws://h --resend", "--resend needs --reconnect"),
            ("wsio connect ws://h --reconnect --resend --ping-interval off", "--resend needs pings"),
            ("wsio connect ws://h --reconnect --resend --recv-only", "--recv-only reads none"),
            ("wsio connect ws://h --reconnect --resend --framing raw", "--resend is for messages"),
            ("wsio connect ws://h --resend --check", "--resend is for a session"),
            ("wsio connect ws://h --script x --resend", "--resend is not for a script"),
            ("wsio pipe tcp:h:1 ws://h --reconnect --resend", "--resend is for messages"),
            ("wsio pipe tcp:h:1 ws://h --reconnect --resend --in whole", "an input that is no file"),
            ("wsio pipe tcp:h:1 tcp:h:2 --resend", "--resend needs a ws: or wss: endpoint"),
            ("wsio pipe ws-listen:0 ws://h --resend", "--resend needs a ws: or wss: endpoint"),
            ("wsio pipe ws-listen:0 ws://h --framing raw", "--framing is for bytes"),
            ("wsio pipe ws://h wss://h --json", "--json is for bytes"),
            ("wsio listen 0 --to ws://h --in raw", "--in is for bytes"),
        ] {
            let fault = fault(line);
            assert!(fault.cause.contains(reason), "{line}: {fault}");
        }
    }

    #[test]
    fn what_is_secret_is_not_said_again() {
        for line in [
            "wsio wss://me:s3cret@h",
            "wsio --bearer s3cret wss://h",
            "wsio -us3cret:s3cret wss://h",
            "wsio -H Authorization:s3cret --bearer=s3cret wss://h?token=s3cret",
        ] {
            let fault = fault(line);
            let hint = fault.hint.clone().unwrap_or_default();
            assert!(
                hint.starts_with("wsio connect ") && !fault.to_string().contains("s3cret"),
                "{fault}: {hint}"
            );
            assert!(!hint.contains("s3cret"), "{hint}");
        }
    }

    #[test]
    fn help_is_a_word_too() {
        let mut context =
            Context { env: &|_| None, stdin: &mut std::io::empty(), stdin_is_terminal: false, ask: None };
        for (line, part) in [("wsio help connect", "wsio connect"), ("wsio help", "wsio <COMMAND>")] {
            let parsed = parse(line.split(' ').map(Into::into), &mut context);
            assert!(matches!(&parsed, Ok(Parsed::Print(text)) if text.contains(part)), "{parsed:?}");
        }
    }
}
