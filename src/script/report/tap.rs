//! The Test Anything Protocol, version 14 (<https://testanything.org/tap-version-14-specification.html>).

use super::results::{Outcome, Results};
use crate::fault::printable;
use serde_json::Value;
use std::fmt::Write;

pub(super) fn write(results: &Results) -> String {
    let mut tap = format!("TAP version 14\n1..{}\n", results.rows.len());
    for (index, row) in results.rows.iter().enumerate() {
        let (number, name) = (index + 1, escaped(&row.name));
        let _ = match &row.outcome {
            Outcome::Passed => writeln!(tap, "ok {number} - {name}"),
            Outcome::Skipped => writeln!(tap, "ok {number} - {name} # SKIP not reached"),
            Outcome::Failed(fault) => {
                // JSON is YAML too.
                let json = |text: &str| Value::from(printable(text)).to_string();
                let detail: Value = fault.detail.iter().map(|line| printable(line)).collect();
                writeln!(
                    tap,
                    "not ok {number} - {name}\n  ---\n  message: {}\n  file: {}\n  line: {}\n  exit: {}\n  detail: {detail}\n  ...",
                    json(&format!("{}: {}", fault.phase, fault.cause)),
                    json(&row.place.file),
                    row.place.line,
                    fault.exit.code(),
                )
            }
        };
    }
    tap
}

/// A description, in which `#` would begin a directive.
fn escaped(name: &str) -> String {
    printable(name).replace('\\', "\\\\").replace('#', "\\#")
}

#[cfg(test)]
mod tests {
    use super::{super::tests, *};

    #[test]
    fn every_row_is_a_test() {
        assert_eq!(
            write(&tests::failed()),
            concat!(
                "TAP version 14\n1..5\nok 1 - open\nok 2 - a,b/t:x.wsio:2: < {\"ok\":true}\n",
                "not ok 3 - a,b/t:x.wsio:3: < <b> & \"c\" \\# 1%\n  ---\n",
                "  message: \"script: a,b/t:x.wsio:3: something else came after 2 ms\"\n",
                "  file: \"a,b/t:x.wsio\"\n  line: 3\n  exit: 1\n",
                "  detail: [\"< <b> & \\\"c\\\" # 1%\",\"got \\\\u{1b}[31m]]> \u{fffe}\\\\n100%\"]\n  ...\n",
                "ok 4 - a,b/t:x.wsio:4: < never # SKIP not reached\nok 5 - close # SKIP not reached\n",
            )
        );
        assert_eq!(
            write(&tests::passed()),
            "TAP version 14\n1..3\nok 1 - open\nok 2 - a,b/t:x.wsio:1: < a\nok 3 - close\n"
        );
        assert!(
            write(&tests::refused())
                .contains("not ok 1 - open\n  ---\n  message: \"connect: connection refused\"\n")
        );
    }
}
