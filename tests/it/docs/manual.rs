//! The manual tells all there is: every statement of a script, every field of a record, every page well formed.

use super::{man, pages};
use crate::schema::complete;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::Path,
    process::{Command, Stdio},
};
use wsio::script::{Loader, Script};

/// Words between backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn script(text: &str) -> Result<Script, String> {
    let env = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
    let mut loader = Loader { read: &mut |_: &Path| Ok("> included".to_owned()), env: &env };
    Script::parse(Path::new("page"), text, &mut loader).map_err(|fault| fault.to_string())
}

#[test]
fn the_page_on_scripts_tells_every_statement_and_its_examples_are_scripts() {
    let page = pages::source("wsio-script.5.md");
    let refused = script("nonsense").unwrap_err();
    let (_, marks) = refused.split_once("a line begins with ").unwrap_or_else(|| panic!("{refused}"));
    let marks: Vec<&str> = marks.lines().next().unwrap().split(' ').filter(|mark| *mark != "or").collect();
    assert!(marks.len() >= 8, "{marks:?}");
    for mark in marks {
        assert!(code(&page).any(|word| word.split(' ').next() == Some(mark)), "no word of {mark}");
    }
    let blocks = pages::blocks(&page, "text");
    for block in &blocks {
        if let Err(cause) = script(block) {
            panic!("{cause}\n{block}");
        }
    }
    assert!(blocks.len() >= 3, "{}", blocks.len());
    // A statement of the table that the last example lacks could be anything.
    let all = blocks.last().unwrap();
    for mark in [
        "> ",
        ">q",
        ">b",
        ">ping",
        ">pong",
        ">close",
        "< ",
        "<q",
        "<b",
        "<?",
        "<?ping",
        "within off",
        "sleep",
    ] {
        assert!(all.lines().any(|line| line.starts_with(mark)), "{mark}");
    }
}

/// The names of an object's fields; of an object in it, or of one in a list, with its own name before.
fn fields(object: &Map<String, Value>, before: &str, into: &mut BTreeSet<String>) {
    for (name, value) in object {
        // Names of headers are the server's.
        let inner = match value {
            Value::Object(inner) if name != "headers" => Some(inner),
            Value::Array(values) => values.first().and_then(Value::as_object),
            _ => None,
        };
        into.insert(format!("{before}{name}"));
        if let Some(inner) = inner {
            fields(inner, &format!("{before}{name}."), into);
        }
    }
}

#[test]
fn the_page_on_records_tells_every_field_of_every_type() {
    let page = pages::source("wsio-records.5.md");
    let (every, types) = page.split_once("## TYPES").unwrap();
    let (types, _) = types.split_once("## INPUT").unwrap();
    let rows = |text: &str| -> BTreeSet<String> {
        let terms =
            text.lines().filter(|line| line.starts_with("| `")).map(|line| line.split(" | ").next().unwrap());
        terms.flat_map(|term| code(term).map(str::to_owned).collect::<Vec<_>>()).collect()
    };
    let every = rows(every);
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for section in types.split("### ").skip(1) {
        let (names, text) = section.split_once('\n').unwrap();
        for name in names.split(", ") {
            told.insert(name.to_owned(), rows(text));
        }
    }
    // The two objects are told once, with `open`; a check has its fields too.
    let open = told["open"].clone();
    told.get_mut("check").unwrap().extend(open);
    let (mut found, mut shared) = (BTreeMap::new(), BTreeSet::new());
    for record in complete() {
        let mut names = BTreeSet::new();
        fields(record.as_object().unwrap(), "", &mut names);
        shared.extend(&names & &every);
        found.insert(record["type"].as_str().unwrap().to_owned(), &names - &every);
    }
    assert_eq!((told, every), (found, shared));
}

/// mandoc is not everywhere; the gate has it, and says so with `WSIO_SHELLS=all`.
#[test]
fn pages_are_well_formed() {
    let required = std::env::var_os("WSIO_SHELLS").is_some_and(|value| value == "all");
    let lint = || {
        Command::new("mandoc")
            .args(["-T", "lint", "-W", "warning"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
    };
    for (name, page) in man::pages().into_iter().chain(pages::pages()) {
        let mut mandoc = match lint() {
            Ok(mandoc) => mandoc,
            Err(error) if required => panic!("mandoc: {error}"),
            Err(_) => return,
        };
        mandoc.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
        let said = String::from_utf8(mandoc.wait_with_output().unwrap().stdout).unwrap();
        // A page without a date is the same whenever it is made.
        let faults: Vec<&str> = said.lines().filter(|line| !line.contains("missing date")).collect();
        assert!(faults.is_empty(), "{name}: {}", faults.join("\n"));
    }
}

#[test]
fn a_synopsis_is_two_lines_at_most() {
    for (name, page) in man::pages() {
        let (_, synopsis) = page.split_once(".SH SYNOPSIS\n").unwrap();
        let (synopsis, _) = synopsis.split_once(".SH").unwrap();
        assert!(synopsis.lines().count() <= 2 && synopsis.len() < 160, "{name}: {synopsis}");
    }
}
