//! The house keeps its shape: imports run downward, each library stays behind its fence, files are small.

use super::imports::House;
use std::{fs, path::Path};

/// From the ground up; those of one floor may use each other only where `true` says so.
const FLOORS: &[(&[&str], bool)] = &[
    (
        &[
            "close", "exit", "facts", "fault", "lent", "limited", "os_error", "os_text", "retry", "stream",
            "units",
        ],
        true,
    ),
    (&["expect", "framing", "script", "session"], true),
    (&["child", "observe", "tls"], false),
    (&["net"], false),
    (&["site", "ws"], false),
    (&["handshake"], false),
    (&["link"], false),
    (&["nats"], false),
    (&["plan"], false),
    (&["endpoint"], false),
    (&["driver", "cli", "term"], false),
    (&["app"], false),
    (&["main", "lib", "fuzz"], false),
];

/// What may be spoken of only in the named places.
const FENCES: &[(&[&str], &[&str])] = &[
    (&["clap::", "use clap"], &["cli"]),
    (&["rustyline", "rpassword", "anstyle", "signal_hook"], &["term"]),
    (&["rustls::", "tokio_rustls", "rustls_native_certs", "rcgen::", "x509_parser"], &["tls"]),
    (&["async_nats"], &["nats"]),
    (&["indicatif::", "use indicatif"], &["observe"]),
    (&["hyper::", "hyper_util", "http_body_util"], &["handshake", "site", "ws", "net"]),
    (&["process::exit", "process::abort"], &["main"]),
    (&["io::stdin", "io::stdout", "io::stderr", "println!", "eprintln!", "print!(", "eprint!("], &["main"]),
];

/// Lines a file may have unless it is a table.
const LONGEST: usize = 600;

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|(modules, _)| modules.contains(&module))
}

#[test]
fn imports_run_downward() {
    let house = House::read();
    let mut up = Vec::new();
    for source in &house.sources {
        let room = source.room();
        assert!(floor(room).is_some(), "src/{room} has no floor; give it one in FLOORS and in src/lib.rs");
    }
    for (from, to) in &house.arrows {
        let [from, to] = [from, to].map(|index| &house.sources[*index]);
        let [above, below] = [from, to].map(|source| floor(source.room()));
        let may = from.room() == to.room()
            || below < above
            || below == above && above.is_some_and(|floor| FLOORS[floor].1);
        if !may {
            up.push(format!("{} uses {}", from.path.display(), to.path.display()));
        }
    }
    assert!(up.is_empty(), "imports that run up:\n{}", up.join("\n"));
}

#[test]
fn no_files_take_from_each_other() {
    let house = House::read();
    assert!(house.arrows.len() > house.sources.len(), "the imports are not read");
    let names = |circle: Vec<usize>| {
        let arrows = house.arrows.iter().filter(|(from, to)| circle.contains(from) && circle.contains(to));
        let name = |index: usize| house.sources[index].module.join("::");
        arrows.map(|(from, to)| format!("  {} -> {}\n", name(*from), name(*to))).collect::<String>()
    };
    let circles: Vec<String> = house.circles().into_iter().map(names).collect();
    assert!(circles.is_empty(), "circles of files:\n{}", circles.join("\n"));
}

#[test]
fn libraries_stay_behind_their_fences() {
    let mut strays = Vec::new();
    for source in House::read().sources {
        let code = source.code();
        for (words, places) in FENCES.iter().filter(|(_, places)| !places.contains(&source.room())) {
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
    for source in House::read().sources {
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A package has the manifest as it was written beside the one that cargo has made of it.
    let is_package = !root.join(".ci").exists();
    for entry in fs::read_dir(root).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let agreed = allowed.contains(&&*name)
            || (is_package && name == "Cargo.toml.orig")
            || name.starts_with('.')
            || name.starts_with("LICENSE");
        assert!(agreed, "{name} has no place there");
    }
}
