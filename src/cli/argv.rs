//! The words of a command line: whether they parse, and how they may be shown again.

use crate::observe::Redactor;
use clap::{Arg, Command};

/// Options whose values are shown to nobody.
const SECRETS: &[&str] =
    &["-u", "--user", "--bearer", "--pass", "--cookie", "--proxy-user", "--curl", "-x", "--proxy"];

/// True when clap takes these words, the program's name left out.
pub(super) fn parse(command: &Command, words: &[String]) -> bool {
    command
        .clone()
        .try_get_matches_from(std::iter::once("wsio").chain(words.iter().map(String::as_str)))
        .is_ok()
}

/// The definition of an option, wherever it is; options mean the same in every subcommand.
pub(super) fn argument<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    command.get_subcommands().flat_map(Command::get_arguments).find(|arg| is(arg, word))
}

/// True when the word is this option, a short one with or without its value.
pub(super) fn is(arg: &Arg, word: &str) -> bool {
    match (word.strip_prefix("--"), word.strip_prefix('-')) {
        (Some(long), _) => {
            arg.get_long() == Some(long) || arg.get_visible_aliases().is_some_and(|all| all.contains(&long))
        }
        (None, Some(short)) => {
            arg.get_short_and_visible_aliases().is_some_and(|all| short.starts_with(&all[..]))
        }
        _ => false,
    }
}

/// The option of these that a slip of the finger made this of: a word that one option alone begins with;
/// or a letter wrong, missing, doubled or two of them exchanged, in a long word two.
pub(super) fn slip<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let allowed = if word.chars().count() < 8 { 1 } else { 2 };
    let mut longer = known.clone().filter(|name| word.len() > 2 && name.starts_with(word));
    if let (Some(name), None) = (longer.next(), longer.next()) {
        return Some(name);
    }
    let near = known.filter(|_| word.len() > 2).map(|name| (strsim::osa_distance(word, name), name));
    let nearest = near.filter(|(distance, _)| *distance <= allowed).min_by_key(|(distance, _)| *distance);
    nearest.map(|(_, name)| name)
}

/// The whole line for a shell, without what is secret in it.
pub(super) fn shown<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    let (mut line, mut before) = ("wsio".to_owned(), "");
    for word in words {
        line.push(' ');
        line.push_str(&quoted(&public(before, word)));
        before = word;
    }
    line
}

/// The text without what is secret in the words it may quote.
pub(super) fn hushed(mut text: String, words: &[String]) -> String {
    let mut before = "";
    for word in words {
        let shown = public(before, word);
        if shown != *word && !word.is_empty() {
            text = replaced(&text, word, &shown);
        }
        before = word;
    }
    text
}

/// The text with this word shown otherwise; a short one may be a part of any other, and counts in quotes alone.
fn replaced(text: &str, word: &str, shown: &str) -> String {
    const SHORTEST: usize = 6;
    if word.len() >= SHORTEST {
        return text.replace(word, shown);
    }
    let quoted = |text: String, quote| {
        text.replace(&format!("{quote}{word}{quote}"), &format!("{quote}{shown}{quote}"))
    };
    quoted(quoted(text.to_owned(), '\''), '`')
}

/// A word as it may be shown behind the one before it.
pub(super) fn public(before: &str, word: &str) -> String {
    let redactor = Redactor::default();
    let (option, value) = match word.split_once('=') {
        Some((option, value)) if word.starts_with("--") => (option, value),
        _ => (before, word),
    };
    let attached =
        SECRETS.iter().find(|secret| secret.len() == 2 && word.starts_with(*secret) && word.len() > 2);
    if let Some(short) = attached.filter(|_| !word.starts_with("--")) {
        return format!("{short}…");
    }
    let names = |separator| value.split_once(separator).map(|(name, _)| format!("{name}{separator}"));
    let name = match option {
        "--cookie" if !value.starts_with('@') => names('=').filter(|_| !value.contains(';')),
        // curl's FILE:PASSWORD.
        "--cert" => names(':'),
        _ => None,
    };
    if let Some(name) = name {
        return format!("{}{name}…", word.strip_suffix(value).unwrap_or_default());
    }
    if SECRETS.contains(&option) && !value.starts_with('@') {
        return format!("{}…", word.strip_suffix(value).unwrap_or_default());
    }
    if option == "--subprotocol"
        && (value.to_lowercase().contains("bearer") || redactor.subprotocol(value) != value)
    {
        return format!("{}…", word.strip_suffix(value).unwrap_or_default());
    }
    match word.split_once(':') {
        Some((name, value)) if matches!(before, "-H" | "--header") => {
            format!("{name}: {}", redactor.field(name, value.trim_start()))
        }
        _ if word.contains('@') || word.contains('?') => redactor.text(word),
        _ => word.to_owned(),
    }
}

fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:@%+=,…".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
