//! `--report`: what a CI system is told.

use super::{Folder, SHOPPING, play, shop};
use crate::harness::Wsio;

#[test]
fn tap_has_a_test_for_every_expectation() {
    let (done, _) = play(SHOPPING, &["--report", "tap"], shop("42"));
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    assert_eq!(
        done.text(),
        concat!(
            "TAP version 14\n1..6\nok 1 - open\nok 2 - t.wsio:4: < {\"ok\":true}\nok 3 - t.wsio:7: < {\"result\":{}}\n",
            "ok 4 - t.wsio:8: capture id /result/id\nok 5 - t.wsio:11: < {\"id\":\"${id}\",\"value\":42}\nok 6 - close\n",
        )
    );
}

#[test]
fn a_failure_marks_its_line_in_every_form() {
    let folder = Folder::new(&[("t.wsio", SHOPPING)]);
    let (url, server) = crate::harness::serve(shop("43"));
    let done = folder.play(&url, &["--report", "junit=report.xml", "--report", "github"]);
    server.join().unwrap();
    assert_eq!(done.code, 1, "{}", done.err);
    let annotation = done.text();
    assert!(
        annotation.starts_with("::error file=t.wsio,line=11,title=wsio::script: t.wsio:11: something else"),
        "{annotation}"
    );
    assert_eq!(annotation.lines().count(), 1, "{annotation}");
    let xml = folder.read("report.xml");
    assert!(xml.contains("tests=\"6\" failures=\"1\" errors=\"0\" skipped=\"1\""), "{xml}");
    assert!(xml.contains("name=\"t.wsio:11: &lt; {&quot;id&quot;:&quot;${id}&quot;,&quot;value&quot;:42}\" file=\"t.wsio\" line=\"11\""), "{xml}");
    assert!(xml.contains("  | /value: wanted 42, got 43\n"), "{xml}");
}

#[test]
fn a_connection_that_never_opened_is_reported_too() {
    let folder = Folder::new(&[("t.wsio", "> a\n< b\n")]);
    let done = folder.play("ws://127.0.0.1:1/", &["--report", "tap", "--report", "junit=r.xml"]);
    assert_eq!(done.code, 7);
    assert!(done.text().starts_with("TAP version 14\n1..3\nnot ok 1 - open\n"), "{}", done.text());
    assert!(
        folder.read("r.xml").contains("<error message=\"127.0.0.1:1: connection refused\" type=\"exit 7\">")
    );
}

#[test]
fn an_opening_that_is_not_as_expected_begins_no_script() {
    let folder = Folder::new(&[("t.wsio", "< b\n")]);
    let more = ["--subprotocol", "v1", "--expect-subprotocol", "v1", "--report", "tap"];
    let (url, server) = crate::harness::serve(|mut peer| peer.answer_close());
    let done = folder.play(&url, &more);
    server.join().unwrap();
    assert_eq!(done.code, 1);
    assert!(done.err.contains("expected the subprotocol `v1`, the server chose none"), "{}", done.err);
    assert!(done.text().starts_with("TAP version 14\n1..3\nnot ok 1 - open\n"), "{}", done.text());
}

#[test]
fn a_report_that_cannot_be_written_is_a_fault_unless_something_failed_before() {
    let server = |text: &'static str| {
        move |mut peer: crate::harness::Peer| {
            peer.text(text);
            peer.answer_close();
        }
    };
    let more = ["--report", "junit=/no/such/folder/r.xml"];
    let (done, ()) = play("< a\n", &more, server("a"));
    assert_eq!(done.code, 23);
    assert!(done.err.contains("report: cannot write /no/such/folder/r.xml: no such file"), "{}", done.err);
    let (done, ()) = play("< a\n", &more, server("b"));
    assert_eq!(done.code, 1, "{}", done.err);
    if std::path::Path::new("/dev/full").exists() {
        let folder = Folder::new(&[("t.wsio", "> a\n")]);
        let mut command = std::process::Command::new("sh");
        let line =
            format!("{} connect echo: --script t.wsio --report tap > /dev/full", env!("CARGO_BIN_EXE_wsio"));
        let done = Wsio::spawn(command.args(["-c", &line]).current_dir(folder.path(""))).wait();
        assert_eq!(done.code, 23, "{}", done.err);
    }
}
