//! Annotations of GitHub Actions: workflow commands on standard output, which mark lines of files.

use super::results::{Outcome, Results};

pub(super) fn write(results: &Results) -> String {
    let mut commands = String::new();
    for row in &results.rows {
        let Outcome::Failed(fault) = &row.outcome else { continue };
        let (file, line) = (property(&row.place.file), row.place.line);
        commands
            .push_str(&format!("::error file={file},line={line},title=wsio::{}\n", data(&fault.to_string())));
    }
    commands
}

/// The text behind a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value among its properties.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{super::tests, *};

    #[test]
    fn a_failure_marks_its_line() {
        assert_eq!(
            write(&tests::failed()),
            concat!(
                "::error file=a%2Cb/t%3Ax.wsio,line=3,title=wsio::script: a,b/t:x.wsio:3: something else came after 2 ms",
                "%0A  | < <b> & \"c\" # 1%25%0A  | got \\u{1b}[31m]]> \u{fffe}\\n100%25\n",
            )
        );
        assert_eq!(write(&tests::passed()), "");
        assert!(
            write(&tests::refused())
                .starts_with("::error file=a%2Cb/t%3Ax.wsio,line=1,title=wsio::connect: ")
        );
    }
}
