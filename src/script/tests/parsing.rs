//! What is a script, and where and why something is not.

use super::{Files, TimedRun, load};
use crate::exit::Exit;

/// The place and cause of a refusal.
fn refused(text: &str, files: Files) -> (Exit, String) {
    let fault = load(text, files).expect_err(text);
    assert_eq!(fault.phase, "script");
    (fault.exit, fault.to_string())
}

#[test]
fn every_construct_is_taken() {
    let script = load(
        concat!(
            "# comment\n\n  > {\"op\":\"login\",\"token\":\"${TOKEN}\",\"n\":${N}}\n>q \"a\\u0000b\"\n>b AP8=\n>b AP8\n>b\n",
            ">ping\n>ping x\n>pong x\n> <<END\n{\n}\nEND\n",
            "< {\"ok\":true}\n< [1]\n< plain text\n< /^a\\/b$/\n< /x/i\n<q \"ping\"\n<b AP8=\n<\n< <<X\n{\"a\":\n1}\nX\n",
            "< ping\n<ping x\n< pong\n<pong x\n<? {\"event\":\"tick\"}\n<? ping\n<?q \"x\"\n<?b AP8=\nwithin 2s\n",
            "< {\"id\":${N}}\ncapture id /id\ncapture all\ncapture word /w(o)rd/\nsleep 10ms\n> ${id} $${id} ${word}\nwithin off\n< text\n",
            ">close 4001 see ${id}\n< close 4001\n",
        ),
        &[],
    )
    .unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(script.cases().len(), 19);
    assert_eq!(script.cases()[0].title, "< {\"ok\":true}");
    assert_eq!(script.cases()[0].place.to_string(), "t.wsio:15");
    for close in [
        ">close",
        ">close none",
        ">close 1000",
        "< close",
        "< close none",
        "< close 1000,4000-4999",
        "<close 1008 go",
    ] {
        load(close, &[]).unwrap_or_else(|fault| panic!("{fault}"));
    }
    assert!(load("", &[]).unwrap().cases().is_empty());
    assert_eq!(load("\u{feff}> a\r\n< b\r\n", &[]).unwrap().cases()[0].title, "< b");
}

#[test]
fn what_only_looks_like_control_is_text() {
    let mut run = TimedRun::new("<q \"ping me\"\n< close the door\n< /path\n> done");
    for text in ["ping me", "close the door", "/path"] {
        run.hears(text);
    }
    assert_eq!(run.says(), ["done"], "{}", run.failure());
}

#[test]
fn what_is_no_script_is_named_with_its_place() {
    for (text, place, cause) in [
        ("hello", "1:1", "a line begins with > < <?"),
        ("\n >hello", "2:2", "unknown word `>hello`"),
        ("<{\"a\":1}", "1:1", "unknown word"),
        ("<?x", "1:1", "unknown word"),
        ("> ${NOPE}", "1:3", "${NOPE} is neither captured before nor set"),
        ("> é${id}\n< x\ncapture id", "1:4", "${id} is neither captured"),
        ("> a\n> ${", "2:3", "after ${ a name and } are missing"),
        ("> <<END\nab\nc ${NOPE}\nEND", "3:3", "${NOPE} is neither"),
        ("> <<END\nab", "1:3", "never ends: no line is END"),
        ("< {\"a\":}", "1:8", "no JSON: expected value"),
        ("< {\"a\":1", "1:8", "no JSON: EOF"),
        ("< <<END\n{\n\"a\" 1}\nEND", "3:5", "no JSON: expected `:`"),
        ("< [info] started", "1:4", "no JSON"),
        ("< /a(/", "1:4", "not a regular expression: unclosed group"),
        (">q hello", "1:4", "expected a JSON string in quotes"),
        (">q \"a", "1:5", "expected a JSON string"),
        (">q \"${NOPE}\"", "1:4", "${NOPE} is neither"),
        (">b ?", "1:4", "no base64"),
        ("<b A", "1:4", "no base64"),
        (">close 1006", "1:8", "1006 may not be sent"),
        (">close 99", "1:8", "expected a close code"),
        (">close none bye", "1:8", "a reason needs a code"),
        ("< close 1006", "1:9", "1006 stands for a connection that ended without a Close"),
        ("< close 5000", "1:9", "expected a close code"),
        ("<? close 1000", "1:4", "cannot be skipped"),
        ("within soon", "1:8", "expected a duration"),
        ("within 1s\nwithin 2s\n< a", "2:1", "a second limit"),
        ("within 1s\n> a", "1:1", "no expectation follows"),
        ("<? a\n> b", "1:1", "no expectation follows"),
        ("sleep", "1:6", "expected a duration"),
        ("capture id /id", "1:9", "no message is expected before this"),
        ("< pong hello", "1:3", "it may be a pong or a text"),
        ("> x\n<? ping me", "2:4", "it may be a ping or a text"),
        ("< ping\ncapture id", "2:9", "no message is expected before this"),
        ("< a\ncapture 1d", "2:9", "expected a name"),
        ("< a\ncapture", "2:8", "expected a name"),
        ("< a\ncapture id id", "2:12", "a JSON pointer begins with /"),
        ("< a\ncapture id /(/", "2:13", "not a regular expression"),
        (">close\n> a", "2:1", "nothing can be sent behind the >close of line 1"),
        (">close\n>close", "2:1", "nothing can be sent behind"),
        ("< close\n< a", "2:1", "nothing can happen behind the close expected in line 1"),
        ("< close\n>ping", "2:1", "nothing can happen behind"),
        ("include", "1:8", "a file is missing"),
    ] {
        let (exit, fault) = refused(text, &[]);
        assert_eq!(exit, Exit::Usage, "{text}");
        assert!(fault.starts_with(&format!("script: t.wsio:{place}: ")), "{text}: {fault}");
        assert!(fault.contains(cause), "{text}: {fault}");
    }
    let (_, long) = refused(&format!(">ping {}", "x".repeat(126)), &[]);
    assert!(long.contains("more than 125 bytes"), "{long}");
}

#[test]
fn a_refusal_shows_the_line_and_marks_the_place() {
    let (_, fault) = refused("> {\"id\":${nope}}", &[]);
    assert_eq!(
        fault,
        "script: t.wsio:1:9: ${nope} is neither captured before nor set in the environment as UTF-8\n  | > {\"id\":${nope}}\n  |         ^\n  try: set it, capture it first, or write $${ for a plain ${"
    );
}

#[test]
fn files_include_others_beside_them() {
    let files: Files = &[
        ("lib/login.wsio", "> login\n< ok\ncapture word\ninclude more/../deep.wsio"),
        ("lib/deep.wsio", "> deep ${word}"),
    ];
    let script = load("include lib/login.wsio\n> then ${word}", files).unwrap();
    let places: Vec<_> = script.steps.iter().map(|step| step.place.to_string()).collect();
    assert_eq!(
        places,
        ["lib/login.wsio:1", "lib/login.wsio:2", "lib/login.wsio:3", "lib/deep.wsio:1", "t.wsio:2"]
    );
}

#[test]
fn includes_that_cannot_be_are_refused() {
    let files: Files = &[
        ("a.wsio", "> a\ninclude ./b.wsio"),
        ("b.wsio", "include a.wsio"),
        ("self.wsio", "include self.wsio"),
        ("bad.wsio", "> x\nnonsense"),
        ("open.wsio", "within 1s"),
    ];
    for (text, exit, said) in [
        ("\ninclude none.wsio", Exit::ReadError, "t.wsio:2:9: cannot read none.wsio: no such file"),
        (
            "include a.wsio",
            Exit::Usage,
            "b.wsio:1:9: files that include each other: a.wsio includes b.wsio includes a.wsio",
        ),
        ("include self.wsio", Exit::Usage, "self.wsio:1:9: files that include each other"),
        ("include bad.wsio", Exit::Usage, "bad.wsio:2:1: a line begins with"),
        ("include open.wsio\n< a", Exit::Usage, "open.wsio:1:1: no expectation follows"),
        ("within 1s\ninclude a.wsio\n< a", Exit::Usage, "t.wsio:1:1: the expectation this is for"),
    ] {
        let (found, fault) = refused(text, files);
        assert_eq!(found, exit, "{text}");
        assert!(fault.contains(said), "{text}: {fault}");
    }
    let names: Vec<_> = (0..20).map(|n| (format!("{n}.wsio"), format!("include {}.wsio", n + 1))).collect();
    let files: Vec<_> = names.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let (_, fault) = refused("include 0.wsio", &files);
    assert!(fault.contains("more than 16 files"), "{fault}");
}

#[test]
fn a_place_in_the_middle_of_a_character_is_its_beginning() {
    let (exit, said) = refused(">q \"ᱍ", &[]);
    assert_eq!(exit, Exit::Usage);
    assert!(said.starts_with("script: t.wsio:1:"), "{said}");
}
