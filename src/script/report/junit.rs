//! JUnit's XML as the Ant task writes it and CI systems read it.

use super::results::{Outcome, Results};
use crate::{
    exit::Exit,
    fault::{Fault, printable},
};
use std::{fmt::Write, time::Duration};

pub(super) fn write(results: &Results) -> String {
    let unmet = |fault: &Fault| fault.exit == Exit::Expectation;
    let total: Duration = results.rows.iter().map(|row| row.waited).sum();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\"",
        results.rows.len(),
        results.count(|outcome| matches!(outcome, Outcome::Failed(fault) if unmet(fault))),
        results.count(|outcome| matches!(outcome, Outcome::Failed(fault) if !unmet(fault))),
        results.count(|outcome| matches!(outcome, Outcome::Skipped)),
        seconds(total),
    );
    let file = escaped(&results.file, true);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite name=\"{file}\" {counts}>\n"
    );
    for row in &results.rows {
        let _ = write!(
            xml,
            "    <testcase classname=\"{file}\" name=\"{}\" file=\"{}\" line=\"{}\" time=\"{}\"",
            escaped(&printable(&row.name), true),
            escaped(&row.place.file, true),
            row.place.line,
            seconds(row.waited),
        );
        let _ = match &row.outcome {
            Outcome::Passed => writeln!(xml, "/>"),
            Outcome::Skipped => writeln!(xml, "><skipped/></testcase>"),
            Outcome::Failed(fault) => {
                let (element, kind) = match unmet(fault) {
                    true => ("failure", "expectation".to_owned()),
                    false => ("error", format!("exit {}", fault.exit.code())),
                };
                let (message, text) =
                    (escaped(&printable(&fault.cause), true), escaped(&fault.to_string(), false));
                writeln!(
                    xml,
                    "><{element} message=\"{message}\" type=\"{kind}\">{text}</{element}></testcase>"
                )
            }
        };
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

/// Text for XML 1.0; characters it cannot hold at all become U+FFFD.
fn escaped(text: &str, attribute: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            // `]]>` may not stand in text.
            '>' => escaped.push_str("&gt;"),
            '"' if attribute => escaped.push_str("&quot;"),
            '\n' | '\t' | '\r' if attribute || character == '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(character));
            }
            '\n' | '\t' => escaped.push(character),
            '\0'..=' ' if character < ' ' => escaped.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{super::tests, *};

    #[test]
    fn a_failure_is_one_test_and_says_why() {
        assert_eq!(
            write(&tests::failed()),
            concat!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
                "<testsuites tests=\"5\" failures=\"1\" errors=\"0\" skipped=\"2\" time=\"0.014\">\n",
                "  <testsuite name=\"a,b/t:x.wsio\" tests=\"5\" failures=\"1\" errors=\"0\" skipped=\"2\" time=\"0.014\">\n",
                "    <testcase classname=\"a,b/t:x.wsio\" name=\"open\" file=\"a,b/t:x.wsio\" line=\"1\" time=\"0.000\"/>\n",
                "    <testcase classname=\"a,b/t:x.wsio\" name=\"a,b/t:x.wsio:2: &lt; {&quot;ok&quot;:true}\" file=\"a,b/t:x.wsio\" line=\"2\" time=\"0.012\"/>\n",
                "    <testcase classname=\"a,b/t:x.wsio\" name=\"a,b/t:x.wsio:3: &lt; &lt;b&gt; &amp; &quot;c&quot; # 1%\" file=\"a,b/t:x.wsio\" line=\"3\" time=\"0.002\">",
                "<failure message=\"a,b/t:x.wsio:3: something else came after 2 ms\" type=\"expectation\">",
                "script: a,b/t:x.wsio:3: something else came after 2 ms\n  | &lt; &lt;b&gt; &amp; \"c\" # 1%\n  | got \\u{1b}[31m]]&gt; \u{fffd}\\n100%",
                "</failure></testcase>\n",
                "    <testcase classname=\"a,b/t:x.wsio\" name=\"a,b/t:x.wsio:4: &lt; never\" file=\"a,b/t:x.wsio\" line=\"4\" time=\"0.000\"><skipped/></testcase>\n",
                "    <testcase classname=\"a,b/t:x.wsio\" name=\"close\" file=\"a,b/t:x.wsio\" line=\"4\" time=\"0.000\"><skipped/></testcase>\n",
                "  </testsuite>\n</testsuites>\n",
            )
        );
    }

    #[test]
    fn a_connection_that_failed_is_an_error() {
        let xml = write(&tests::refused());
        assert!(xml.contains("tests=\"3\" failures=\"0\" errors=\"1\" skipped=\"2\""), "{xml}");
        assert!(xml.contains("<error message=\"connection refused\" type=\"exit 7\">connect: connection refused\n  try: start it</error>"), "{xml}");
        assert!(!write(&tests::passed()).contains("<failure"));
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(
            escaped("a\0\u{1b}\u{8}\u{ffff}\t\n\r<>&\"'é🦀", false),
            "a\u{fffd}\u{fffd}\u{fffd}\u{fffd}\t\n&#13;&lt;&gt;&amp;\"'é🦀"
        );
        assert_eq!(escaped("\t\n\r\"", true), "&#9;&#10;&#13;&quot;");
    }
}
