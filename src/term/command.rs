//! The meaning of a line at the prompt: a message, or a command that begins with a slash.

use crate::session::CloseWith;
use bytes::Bytes;
use std::path::PathBuf;

/// A ping's or pong's payload, bytes (RFC 6455 section 5.5).
const LONGEST_CONTROL: usize = 125;

/// One command of the table.
pub(super) struct CommandHelp {
    /// The word after the slash.
    pub name: &'static str,
    /// Arguments, as `/help` shows them.
    pub form: &'static str,
    /// Summary, imperative, without a full stop.
    pub summary: &'static str,
    /// The same in a server, where it does something else.
    pub serving: Option<&'static str>,
    parse: fn(&str) -> Result<PromptCommand, String>,
}

/// Every command, in the order `/help` lists them.
pub(super) static COMMANDS: &[CommandHelp] = &[
    CommandHelp {
        name: "ping",
        form: "[TEXT]",
        summary: "ping the peer, and show the round-trip time",
        serving: Some("ping every client, and show the round-trip times"),
        parse: |text| Ok(PromptCommand::Ping(if text.is_empty() { None } else { Some(control(text)?) })),
    },
    CommandHelp {
        name: "pong",
        form: "[TEXT]",
        summary: "send an unsolicited pong",
        serving: None,
        parse: |text| control(text).map(PromptCommand::Pong),
    },
    CommandHelp {
        name: "close",
        form: "[CODE [REASON]]",
        summary: "close with CODE and REASON, none, or as --close says",
        serving: Some("close every client with CODE and REASON, none, or as --close says"),
        parse: close,
    },
    CommandHelp {
        name: "binary",
        form: "HEX",
        summary: "send bytes as a binary message",
        serving: None,
        parse: binary,
    },
    CommandHelp {
        name: "file",
        form: "[-t] PATH",
        summary: "send a file as one binary message, or text with -t",
        serving: None,
        parse: file,
    },
    CommandHelp {
        name: "help",
        form: "",
        summary: "list the commands",
        serving: None,
        parse: |text| alone(text, PromptCommand::Help),
    },
    CommandHelp {
        name: "quit",
        form: "",
        summary: "close and leave, the same as Ctrl-D",
        serving: Some("close every client and end the server, the same as Ctrl-C"),
        parse: |text| alone(text, PromptCommand::Quit),
    },
];

/// A command and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PromptCommand {
    Ping(Option<Bytes>),
    Pong(Bytes),
    /// `None` is what the command line asked for.
    Close(Option<CloseWith>),
    Binary(Bytes),
    File {
        path: PathBuf,
        text: bool,
    },
    Help,
    Quit,
}

/// Meaning of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TypedLine {
    /// An empty line: nothing is sent.
    Nothing,
    /// A message.
    Text(String),
    Command(PromptCommand),
}

/// Reads one line.
///
/// # Errors
/// What is wrong with a command, in words that follow its name.
pub(super) fn parse(line: String) -> Result<TypedLine, String> {
    if line.is_empty() {
        return Ok(TypedLine::Nothing);
    }
    let Some(rest) = line.strip_prefix('/') else { return Ok(TypedLine::Text(line)) };
    if rest.starts_with('/') {
        return Ok(TypedLine::Text(rest.to_owned()));
    }
    let (name, text) = rest.split_once([' ', '\t', '\n']).unwrap_or((rest, ""));
    let Some(entry) = COMMANDS.iter().find(|entry| entry.name == name) else {
        return Err(format!("/{name} is not a command: /help lists them, //{name} sends it as text"));
    };
    (entry.parse)(text.trim()).map(TypedLine::Command).map_err(|cause| format!("/{name}: {cause}"))
}

fn alone(text: &str, command: PromptCommand) -> Result<PromptCommand, String> {
    if text.is_empty() { Ok(command) } else { Err("nothing may follow it".to_owned()) }
}

fn control(text: &str) -> Result<Bytes, String> {
    if text.len() > LONGEST_CONTROL {
        return Err(format!("the text is {} bytes long, the limit is {LONGEST_CONTROL}", text.len()));
    }
    Ok(Bytes::copy_from_slice(text.as_bytes()))
}

fn close(text: &str) -> Result<PromptCommand, String> {
    if text.is_empty() {
        return Ok(PromptCommand::Close(None));
    }
    let (code, reason) = text.split_once([' ', '\t', ':']).unwrap_or((text, ""));
    let reason = reason.trim_start().to_owned();
    if code == "none" {
        return match reason.as_str() {
            "" => Ok(PromptCommand::Close(Some(CloseWith { code: None, reason }))),
            _ => Err("a Close without a code has no reason either".to_owned()),
        };
    }
    let code = code.parse().map_err(|_| format!("expected a close code such as 1000, not {code}"))?;
    let close = CloseWith::new(Some(code), &reason).map_err(|cause| format!("{code} {cause}"))?;
    Ok(PromptCommand::Close(Some(close)))
}

fn binary(text: &str) -> Result<PromptCommand, String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    match hex::decode(&digits) {
        Ok(bytes) => Ok(PromptCommand::Binary(bytes.into())),
        Err(hex::FromHexError::OddLength) => Err("the last byte has only one digit".to_owned()),
        Err(_) => Err("expected bytes in hexadecimal, such as 48 65 6c6c6f".to_owned()),
    }
}

/// The path is quoted as in a shell, which is what completion writes.
fn file(text: &str) -> Result<PromptCommand, String> {
    let words = shell_words::split(text).map_err(|_| "a quote is not closed".to_owned())?;
    let (text, paths) = match words.split_first() {
        Some((first, rest)) if first == "-t" => (true, rest),
        _ => (false, &words[..]),
    };
    match paths {
        [path] => Ok(PromptCommand::File { path: path.into(), text }),
        [] => Err("name a file".to_owned()),
        _ => Err("one file at a time; quote a name with spaces".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> Result<PromptCommand, String> {
        match parse(line.to_owned())? {
            TypedLine::Command(command) => Ok(command),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn lines_are_messages_unless_they_begin_with_a_slash() {
        let text = |line: &str| Ok(TypedLine::Text(line.to_owned()));
        for (line, expected) in [
            ("", Ok(TypedLine::Nothing)),
            ("hello", text("hello")),
            (" /ping", text(" /ping")),
            ("//ping", text("/ping")),
            ("///", text("//")),
            ("{\n \"a\": 1\n}", text("{\n \"a\": 1\n}")),
        ] {
            assert_eq!(parse(line.to_owned()), expected, "{line}");
        }
    }

    #[test]
    fn commands_take_their_arguments() {
        let bytes = Bytes::from_static;
        let closed =
            |code, reason: &str| PromptCommand::Close(Some(CloseWith { code, reason: reason.to_owned() }));
        let file = |path: &str, text| PromptCommand::File { path: path.into(), text };
        for (line, expected) in [
            ("/ping", PromptCommand::Ping(None)),
            ("/ping  are you there ", PromptCommand::Ping(Some(bytes(b"are you there")))),
            ("/pong", PromptCommand::Pong(bytes(b""))),
            ("/pong x", PromptCommand::Pong(bytes(b"x"))),
            ("/close", PromptCommand::Close(None)),
            ("/close 4001", closed(Some(4001), "")),
            ("/close 4001  bye: now", closed(Some(4001), "bye: now")),
            ("/close 4001:bye", closed(Some(4001), "bye")),
            ("/close none", closed(None, "")),
            ("/binary", PromptCommand::Binary(bytes(b""))),
            ("/binary 48 65\t6C6c6f", PromptCommand::Binary(bytes(b"Hello"))),
            ("/file a.bin", file("a.bin", false)),
            ("/file -t 'two words.json'", file("two words.json", true)),
            ("/file two\\ words.bin", file("two words.bin", false)),
            ("/help", PromptCommand::Help),
            ("/quit ", PromptCommand::Quit),
        ] {
            assert_eq!(command(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let long = format!("/ping {}", "x".repeat(126));
        let reason = format!("/close 1000 {}", "x".repeat(124));
        for (line, said) in [
            ("/nonsense", "/nonsense is not a command: /help lists them, //nonsense sends"),
            ("/", "/ is not a command"),
            ("/etc/passwd", "/etc/passwd is not a command"),
            ("/Ping", "/Ping is not a command"),
            (long.as_str(), "/ping: the text is 126 bytes long, the limit is 125"),
            ("/close bye", "/close: expected a close code such as 1000, not bye"),
            ("/close 1006", "/close: 1006 may not be sent"),
            ("/close 1005", "/close: 1005 is never sent"),
            ("/close 70000", "/close: expected a close code"),
            ("/close none bye", "/close: a Close without a code has no reason"),
            (reason.as_str(), "/close: 1000 the reason is 124 bytes long"),
            ("/binary 4", "/binary: the last byte has only one digit"),
            ("/binary xy", "/binary: expected bytes in hexadecimal"),
            ("/binary 0x48", "/binary: expected bytes in hexadecimal"),
            ("/file", "/file: name a file"),
            ("/file -t", "/file: name a file"),
            ("/file a b", "/file: one file at a time"),
            ("/file 'a", "/file: a quote is not closed"),
            ("/help me", "/help: nothing may follow it"),
            ("/quit now", "/quit: nothing may follow it"),
        ] {
            let refused = command(line).expect_err(line);
            assert!(refused.starts_with(said), "{line}: {refused}");
        }
    }

    #[test]
    fn the_longest_control_payload_passes() {
        assert!(command(&format!("/ping {}", "x".repeat(125))).is_ok());
        assert!(command(&format!("/close 1000 {}", "x".repeat(123))).is_ok());
    }
}
