//! What README.md and the manual tell a stranger to type does what they say, with a home that holds nothing.

use crate::{
    docs::pages,
    harness::{Listening, Peer},
};
use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};
use wsio::cli::{self, Context, Parsed};

/// The blocks of one language, in order: those of README.md, then those of the manual.
fn blocks(language: &str) -> Vec<String> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let pages = pages::sources().into_iter().map(|(_, text)| text);
    [readme].into_iter().chain(pages).flat_map(|text| pages::blocks(&text, language)).collect()
}

/// The commands of all blocks for a shell; the prompt, output and comments are left out.
fn commands() -> Vec<String> {
    let plain = blocks("sh").concat();
    let typed = blocks("console").concat();
    let typed = typed.lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned);
    let plain = plain.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned);
    plain.chain(typed).collect()
}

/// The words of the `wsio` in a command line, as a shell would cut them.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let start = line.find("wsio ").unwrap_or_default();
    for character in line[start..].chars() {
        match (character, quote) {
            (found, Some(open)) if found == open => quote = None,
            (found, Some(_)) => word.get_or_insert_default().push(found),
            ('\'' | '"', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            ('|' | '<' | '>' | '&' | ')', None) => break,
            ('#', None) if word.is_none() => break,
            (' ', None) => words.extend(word.take()),
            (found, None) => word.get_or_insert_default().push(found),
        }
    }
    words.extend(word);
    words
}

#[test]
fn every_command_line_is_understood() {
    let lines = commands();
    let ours = lines.iter().filter(|line| line.split([' ', '(', '\'']).any(|word| word == "wsio"));
    let mut count = 0;
    for line in ours {
        let words = words(line);
        if words.iter().any(|word| word == "…") || line.contains("ProxyCommand") {
            continue;
        }
        count += 1;
        let mut context = Context {
            env: &|_| Some("me:value".to_owned()),
            stdin: &mut "curl wss://h/".as_bytes(),
            stdin_is_terminal: false,
            ask: None,
        };
        match cli::parse(words.iter().map(Into::into), &mut context) {
            Ok(Parsed::Run(_)) => {}
            // Its files are the reader's.
            Err(fault) if fault.cause.starts_with("cannot read") => {}
            other => panic!("{line}: {other:?}"),
        }
    }
    assert!(count > 80, "{count} lines of README.md and the manual were looked at");
}

/// Runs lines in a shell at the root of the source, with a home that holds nothing but a folder for programs.
fn shell(home: &Path, lines: &str) -> Output {
    let bin = home.join("bin");
    fs::create_dir_all(&bin).unwrap();
    let link = bin.join("wsio");
    if !link.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_wsio"), link).unwrap();
    }
    Command::new("sh")
        .args(["-ec", lines])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("HOME", home)
        .env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn what_is_installed_lands_in_an_empty_home() {
    let home = tempfile::tempdir().unwrap();
    let lines: Vec<String> = commands().into_iter().filter(|line| line.starts_with("install ")).collect();
    assert!(lines.len() >= 4, "{lines:?}");
    let done = shell(home.path(), &lines.join("\n"));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    for file in [
        ".local/share/man/man1/wsio-connect.1",
        ".local/share/bash-completion/completions/wsio",
        ".config/fish/completions/wsio.fish",
        ".local/share/zsh/site-functions/_wsio",
    ] {
        assert!(home.path().join(file).is_file(), "{file}");
    }
}

#[test]
fn the_first_line_prints_what_stands_below_it() {
    let home = tempfile::tempdir().unwrap();
    let block = &blocks("console")[0];
    let mut lines = block.lines();
    let (typed, printed) = (lines.next().unwrap(), lines.next().unwrap());
    let done = shell(home.path(), typed.strip_prefix("$ ").unwrap());
    assert_eq!(String::from_utf8(done.stdout).unwrap(), format!("{printed}\n"));
    assert!(done.status.success());
}

#[test]
fn the_programs_behind_a_server_answer() {
    let python = Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_ok();
    let mut tried = 0;
    for line in commands().iter().filter(|line| line.starts_with("wsio listen")) {
        let words = words(line);
        let is_program = words.iter().any(|word| word.starts_with("sh:") || word == "python3" && python);
        if !is_program {
            continue;
        }
        tried += 1;
        let args = words[1..].iter().map(|word| if word == "8080" { "0".to_owned() } else { word.clone() });
        let listening = Listening::start(args);
        let mut peer = Peer::dial(listening.address());
        peer.text("merhaba");
        let answer = String::from_utf8(peer.message().unwrap()).unwrap();
        assert!(answer.to_lowercase().contains("merhaba"), "{line}: {answer}");
    }
    assert!(tried > usize::from(python), "{tried} lines were tried");
}
