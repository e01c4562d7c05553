//! The house keeps its shape: imports run downward, each library stays behind its fence, files are small.

use super::root;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// From the ground up; those of one floor may use each other only where `true` says so.
const FLOORS: &[(&[&str], bool)] = &[
    (&["exit", "fault", "limited", "os_text"], true),
    (&["expect", "framing", "script", "session"], true),
    (&["child", "observe", "net", "tls"], true),
    (&["ws"], false),
    (&["link"], false),
    (&["nats"], false),
    (&["endpoint"], false),
    (&["plan"], false),
    (&["driver", "cli", "term"], false),
    (&["app"], false),
    (&["main", "lib"], false),
];

/// What may be spoken of only in the named places.
const FENCES: &[(&[&str], &[&str])] = &[
    (&["clap::", "use clap"], &["cli"]),
    (&["rustyline", "rpassword", "anstyle", "signal_hook"], &["term"]),
    (&["rustls::", "tokio_rustls", "rustls_native_certs", "rcgen::", "x509_parser"], &["tls"]),
    (&["async_nats"], &["nats"]),
    (&["indicatif::", "use indicatif"], &["observe"]),
    (&["hyper::", "hyper_util", "http_body_util"], &["ws", "net"]),
    (&["process::exit", "process::abort"], &["main"]),
    (&["io::stdin", "io::stdout", "io::stderr", "println!", "eprintln!", "print!(", "eprint!("], &["main"]),
];

/// Lines a file may have unless it is a table.
const LONGEST: usize = 600;

struct Source {
    path: PathBuf,
    /// The first part of its path below `src`.
    module: String,
    text: String,
}

impl Source {
    /// The text without comments.
    fn code(&self) -> String {
        let code = |line: &str| match line.trim_start().starts_with("//") {
            true => String::new(),
            false => line.split(" // ").next().unwrap_or_default().to_owned(),
        };
        self.text.lines().map(|line| code(line) + "\n").collect()
    }
}

fn sources() -> Vec<Source> {
    let (src, mut sources) = (root().join("src"), Vec::new());
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let first = path.strip_prefix(&src).unwrap().components().next().unwrap();
                let module = Path::new(&first).file_stem().unwrap().to_str().unwrap().to_owned();
                sources.push(Source { module, text: fs::read_to_string(&path).unwrap(), path });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|(modules, _)| modules.contains(&module))
}

/// The modules that `crate::` paths and groups name.
fn imports(code: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for (at, start) in code.match_indices("crate::") {
        if code[..at].ends_with(|before: char| before.is_alphanumeric() || "_$".contains(before)) {
            continue;
        }
        let rest = &code[at + start.len()..];
        if !rest.starts_with('{') {
            found.push(name(rest));
            continue;
        }
        let (mut depth, mut expects) = (0, false);
        for (index, character) in rest.char_indices() {
            match character {
                '{' => (depth, expects) = (depth + 1, depth == 0),
                '}' if depth == 1 => break,
                '}' => depth -= 1,
                ',' => expects = depth == 1,
                _ if expects && !character.is_whitespace() => {
                    found.push(name(&rest[index..]));
                    expects = false;
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn imports_run_downward() {
    let mut up = Vec::new();
    for source in sources() {
        let Some(own) = floor(&source.module) else {
            panic!("src/{} has no floor; give it one in FLOORS and in src/lib.rs", source.module);
        };
        for module in imports(&source.code()).into_iter().filter(|module| *module != source.module) {
            let below = floor(&module).is_some_and(|floor| floor < own || floor == own && FLOORS[own].1);
            if !below {
                up.push(format!("{} uses crate::{module}", source.path.display()));
            }
        }
    }
    assert!(up.is_empty(), "imports that run up:\n{}", up.join("\n"));
}

#[test]
fn libraries_stay_behind_their_fences() {
    let mut strays = Vec::new();
    for source in sources() {
        let code = source.code();
        for (words, places) in FENCES.iter().filter(|(_, places)| !places.contains(&source.module.as_str())) {
            for word in words.iter().filter(|word| speaks_of(&code, word)) {
                strays.push(format!(
                    "{} has {word}, which belongs in {}",
                    source.path.display(),
                    places.join(", ")
                ));
            }
        }
    }
    assert!(strays.is_empty(), "over the fence:\n{}", strays.join("\n"));
}

/// Whether the word stands there as a word, and not as the end of another.
fn speaks_of(code: &str, word: &str) -> bool {
    let whole = |at: usize| !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
    code.match_indices(word).any(|(at, _)| whole(at))
}

#[test]
fn files_say_what_they_are_for_and_are_small() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if !source.text.starts_with("//!") {
            wrong.push(format!("{} does not open with what it is for", source.path.display()));
        }
        if lines > LONGEST {
            wrong.push(format!("{} has {lines} lines, more than {LONGEST}", source.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_top_level_is_what_was_agreed() {
    let allowed = ["Cargo.toml", "Cargo.lock", "README.md", "src", "tests", "completions", "man", "target"];
    for entry in fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let agreed = allowed.contains(&&*name) || name.starts_with('.') || name.starts_with("LICENSE");
        assert!(agreed, "{name} has no place there");
    }
}

#[test]
fn the_reader_of_imports_sees_groups() {
    let code = "use crate::{\n    exit::Exit,\n    net::{self, Stream},\n    plan,\n};\nfn f() -> crate::fault::Result<()>";
    assert_eq!(imports(code), ["exit", "net", "plan", "fault"]);
    assert!(imports("$crate::x othercrate::y").is_empty());
}
