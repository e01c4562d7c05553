//! The composite action `.github/actions/check`: its shell, run as a workflow would run it.

use crate::harness::Listening;
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/actions/check")
}

/// Runs the action in a folder that holds these scripts.
fn check(scripts: &[(&str, &str)], inputs: &[(&str, &str)]) -> (Output, tempfile::TempDir) {
    let place = tempfile::tempdir().unwrap();
    for (name, text) in scripts {
        fs::write(place.path().join(name), text).unwrap();
    }
    let done = Command::new(folder().join("check"))
        .current_dir(place.path())
        .env("CHECK_WSIO", env!("CARGO_BIN_EXE_wsio"))
        .env("GITHUB_STEP_SUMMARY", place.path().join("summary"))
        .envs(inputs.iter().map(|(name, value)| (format!("CHECK_{name}"), value)))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (done, place)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn failures_are_annotated_at_their_line_and_the_rest_goes_on() {
    let listening = Listening::start(["listen", "--echo", "0"]);
    let url = format!("ws://{}/", listening.address());
    let scripts = [
        ("a good.wsio", "> hi\n< hi\n"),
        ("b,bad.wsio", "> hi\n< ho\n"),
        ("c-broken.wsio", "nonsense\n"),
        ("d-good.wsio", "> once more\n< once more\n"),
        ("notes.txt", "no script"),
    ];
    let (done, place) = check(&scripts, &[("URL", &url), ("SCRIPTS", "."), ("JUNIT", "reports/junit")]);
    let out = text(&done.stdout);
    assert_eq!(done.status.code(), Some(1), "{out}\n{}", text(&done.stderr));
    let annotations: Vec<&str> = out.lines().filter(|line| line.starts_with("::error")).collect();
    assert_eq!(annotations.len(), 2, "{out}");
    assert!(annotations[0].starts_with("::error file=b%2Cbad.wsio,line=2,title="), "{out}");
    assert!(annotations[1].starts_with("::error file=c-broken.wsio,title=exit 2::wsio: script: "), "{out}");
    assert!(annotations[1].contains("c-broken.wsio:1:1: ") && annotations[1].contains("%0A"), "{out}");
    assert!(out.ends_with("2 of 4 scripts passed\n"), "{out}");
    let summary = fs::read_to_string(place.path().join("summary")).unwrap();
    assert!(summary.contains("| a good.wsio | passed |\n"), "{summary}");
    assert!(summary.contains("| b,bad.wsio | failed, exit 1 |\n"), "{summary}");
    let report = fs::read_to_string(place.path().join("reports/junit/d-good.xml")).unwrap();
    assert!(report.contains("<testsuite"), "{report}");
}

#[test]
fn a_suite_that_passes_is_exit_0_and_options_reach_every_connection() {
    let listening = Listening::start(["listen", "--echo", "--bearer", "t0ken", "0"]);
    let url = format!("ws://{}/", listening.address());
    let inputs = [("URL", url.as_str()), ("SCRIPTS", "one.wsio two.wsio"), ("OPTIONS", "--bearer t0ken")];
    let scripts = [("one.wsio", "> 1\n< 1\n"), ("two.wsio", "> 2\n< 2\n")];
    let (done, _place) = check(&scripts, &inputs);
    let out = text(&done.stdout);
    assert!(done.status.success() && !out.contains("::error"), "{out}\n{}", text(&done.stderr));
    assert!(out.ends_with("2 of 2 scripts passed\n"), "{out}");

    let (done, _place) = check(&scripts, &inputs[..2]);
    let out = text(&done.stdout);
    assert_eq!(done.status.code(), Some(1), "{out}");
    assert!(
        out.starts_with("::error title=no WebSocket at ws%3A//127.0.0.1%3A") && out.contains("401"),
        "{out}"
    );
}

#[test]
fn a_server_that_never_comes_and_a_suite_without_scripts_fail() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("ws://{address}/");
    let scripts = [("one.wsio", "> 1\n< 1\n")];
    let (done, _place) = check(&scripts, &[("URL", &url), ("SCRIPTS", "."), ("WAIT", "600ms")]);
    let out = text(&done.stdout);
    assert_eq!(done.status.code(), Some(1), "{out}");
    assert!(out.starts_with("::error title=no WebSocket") && out.contains("refused"), "{out}");
    assert!(!out.contains("passed"), "{out}");

    let (done, _place) = check(&[], &[("URL", &url), ("SCRIPTS", ".")]);
    assert_eq!((done.status.code(), text(&done.stdout)), (Some(2), "::error::no script in .\n".to_owned()));
}

#[test]
fn the_inputs_of_the_action_are_those_of_its_shell() {
    let action = fs::read_to_string(folder().join("action.yml")).unwrap();
    let shell = fs::read_to_string(folder().join("check")).unwrap();
    let (inputs, runs) = action.split_once("\nruns:").unwrap();
    let (_, inputs) = inputs.split_once("\ninputs:\n").unwrap();
    let names = inputs.lines().filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
    let names: Vec<&str> = names.filter(|name| !name.starts_with(' ')).collect();
    assert!(names.len() >= 6, "{names:?}");
    for name in names {
        let variable = format!("CHECK_{}", name.to_uppercase());
        assert!(runs.contains(&format!("{variable}: ${{{{ inputs.{name} }}}}")), "{name}");
        assert!(shell.contains(&format!("${{{variable}:")), "{variable}");
    }
}
