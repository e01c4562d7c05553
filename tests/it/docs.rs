//! What is written down stays true: help, man pages, completions, README tables, floors and fences.
//!
//! Everything that can be generated is generated here from the one definition, compared with what is
//! checked in, and rewritten with `WSIO_BLESS=1`, so that no document can fall behind the code.

mod completions;
mod floors;
mod imports;
mod man;
mod manual;
pub mod pages;
mod prose;

use clap_complete::Shell;
use std::{fs, path::PathBuf};
use wsio::{cli, endpoint::SCHEMES, exit::EXITS};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn blessing() -> bool {
    std::env::var_os("WSIO_BLESS").is_some_and(|value| value == "1")
}

/// Compares a checked-in file with what it should be, or rewrites it; `tests` is the module that does. The error says
/// where they differ.
pub fn compare(path: &str, expected: &str, tests: &str) -> Result<(), String> {
    let file = root().join(path);
    let found = fs::read_to_string(&file).unwrap_or_default().replace("\r\n", "\n");
    if found == expected {
        return Ok(());
    }
    if blessing() {
        return fs::write(&file, expected).map_err(|error| format!("cannot write {path}: {error}"));
    }
    let differs = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    let line = differs.unwrap_or_else(|| found.lines().count().min(expected.lines().count())) + 1;
    Err(format!(
        "{path} is out of date at line {line}; rewrite it with\n    WSIO_BLESS=1 cargo test --test it {tests}"
    ))
}

fn fresh(path: &str, expected: &str) {
    compare(path, expected, "docs").unwrap_or_else(|stale| panic!("{stale}"));
}

/// Files that no definition asks for any more.
fn nothing_else(folder: &str, wanted: &[String]) {
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(wanted.contains(&name), "{folder}/{name} belongs to nothing; remove it");
    }
}

#[test]
fn man_pages_are_fresh() {
    let pages: Vec<_> = man::pages().into_iter().chain(pages::pages()).collect();
    for (name, page) in &pages {
        fresh(&format!("man/{name}"), page);
    }
    nothing_else("man", &pages.into_iter().map(|(name, _)| name).collect::<Vec<_>>());
}

#[test]
fn completions_are_fresh() {
    let mut names = Vec::new();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
        let (name, script) = completions::script(shell);
        fresh(&format!("completions/{name}"), &script);
        names.push(name);
    }
    nothing_else("completions", &names);
}

#[test]
fn every_page_and_script_can_be_printed() {
    for folder in ["man", "completions"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let is_printed = cli::GENERATED.iter().any(|(_, printed)| *printed == text);
            assert!(is_printed, "src/cli/generate.rs lacks {}", path.display());
        }
    }
}

#[test]
fn readme_tables_are_fresh() {
    let cell = |text: &str| text.replace('|', "\\|");
    let schemes = SCHEMES.iter().map(|scheme| match scheme.name {
        "-" => "`-`".to_owned(),
        name => format!("`{name}:`"),
    });
    let tables = [
        ("schemes", schemes.collect::<Vec<_>>().join(" ") + "\n"),
        ("exits", table("Code", EXITS.iter().map(|(exit, text)| (exit.code().to_string(), cell(text))))),
    ];
    let mut readme = fs::read_to_string(root().join("README.md")).unwrap();
    for (name, table) in tables {
        let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let start = readme.find(&open).unwrap_or_else(|| panic!("README.md has no {open}")) + open.len();
        let end = readme.find(&close).unwrap_or_else(|| panic!("README.md has no {close}"));
        readme.replace_range(start..end, &table);
    }
    fresh("README.md", &readme);
}

fn table(head: &str, rows: impl Iterator<Item = (String, String)>) -> String {
    let rows: String = rows.map(|(name, meaning)| format!("| {name} | {meaning} |\n")).collect();
    format!("| {head} | Meaning |\n|---|---|\n{rows}")
}

#[test]
fn readme_is_short() {
    let lines = fs::read_to_string(root().join("README.md")).unwrap().lines().count();
    assert!(lines <= 300, "README.md has {lines} lines: the rest belongs to tests/it/docs/pages");
}

#[test]
fn readme_and_manual_speak_only_of_options_that_exist() {
    let command = cli::command();
    let arguments = || std::iter::once(&command).chain(command.get_subcommands()).flat_map(clap_args);
    let readme = ("README.md".to_owned(), fs::read_to_string(root().join("README.md")).unwrap());
    for (name, text) in [readme].into_iter().chain(pages::sources()) {
        // In texts of the manual an option is ours, but in a line of another tool.
        let is_page = name != "README.md";
        let others = |part: &str| {
            is_page
                && ["websocat", "wscat", "websocketd", "curl ", "cargo", "man "]
                    .iter()
                    .any(|tool| part.contains(tool))
        };
        for line in
            text.lines().filter(|line| (line.contains("wsio ") || is_page) && !line.starts_with("|--"))
        {
            let parts = line.split('`').flat_map(|part| part.split('|'));
            let ours =
                |part: &&str| part.trim().starts_with("wsio ") || part.trim().starts_with("--") && is_page;
            for part in parts.filter(ours).filter(|part| !others(part)) {
                for word in part.split_whitespace().filter_map(|word| word.strip_prefix("--")) {
                    let word = word.split(['=', '\'', ',', '`']).next().unwrap_or_default();
                    let known =
                        ["", "version", "no-close"].contains(&word) || arguments().any(|name| name == word);
                    assert!(known, "{name} shows --{word}, which does not exist: {line}");
                }
            }
        }
    }
}

fn clap_args(command: &clap::Command) -> Vec<String> {
    let names = |arg: &clap::Arg| {
        let aliases = arg.get_visible_aliases().unwrap_or_default();
        arg.get_long().into_iter().chain(aliases).map(str::to_owned).collect::<Vec<_>>()
    };
    command.get_arguments().flat_map(names).collect()
}

#[test]
fn every_option_is_explained_in_one_line() {
    let command = cli::command();
    for sub in command.get_subcommands() {
        for arg in sub.get_arguments() {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let place = format!("wsio {}: {}", sub.get_name(), arg.get_id());
            assert!(help.starts_with(|first: char| first.is_uppercase()), "{place}: {help:?}");
            assert!(!help.ends_with('.') && !help.contains('\n'), "{place}: {help:?}");
            assert!(help.len() <= 110, "{place} has {} characters: shorten it", help.len());
            let heading = arg.get_help_heading();
            assert!(arg.is_positional() || heading.is_some(), "{place} stands under no heading");
        }
    }
}

#[test]
fn the_version_names_the_libraries_that_are_built_in() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for library in ["rustls", "tungstenite"] {
        let entry = format!("name = \"{library}\"\nversion = \"");
        let at = lock.find(&entry).unwrap_or_else(|| panic!("{library} is not in Cargo.lock")) + entry.len();
        let version = lock[at..].split('"').next().unwrap();
        let said = format!("{library} {version}");
        assert!(cli::VERSION.contains(&said), "--version says {}, Cargo.lock says {said}", cli::VERSION);
    }
}

#[test]
fn what_is_written_for_people_names_only_files_that_exist() {
    let mut count = 0;
    if !root().join(".ci").exists() {
        // The crate that is published has neither these rooms nor what is written about them.
        return;
    }
    for name in ["README.md", ".github/CONTRIBUTING.md", ".github/SECURITY.md", ".github/CHANGELOG.md"] {
        let text = fs::read_to_string(root().join(name)).unwrap();
        let rooms = ["src/", "tests/", ".ci/", ".github/"];
        let is_path = |word: &&str| rooms.iter().any(|room| word.starts_with(room));
        let words = text
            .split(['`', '(', ')', ' ', '\n'])
            .filter(is_path)
            .map(|word| word.trim_end_matches([',', '.']));
        for path in words {
            count += 1;
            assert!(root().join(path).exists(), "{name} names {path}");
        }
    }
    assert!(count > 25, "{count}");
}

#[test]
fn readme_names_the_rust_that_cargo_asks_for() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let version =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains(&format!("[Rust](https://rustup.rs) {version} or newer")), "Rust {version}");
}
