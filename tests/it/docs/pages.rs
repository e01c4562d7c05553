//! Man pages that people write: from Markdown in `pages/` to roff.
//!
//! Sections of the generated pages stand there too. Only what these texts use is known: headings, paragraphs,
//! lists, tables of terms, blocks of code; anything else would show up as it is written.

use std::{fs, path::PathBuf};

/// Pages of their own: name, section of the manual.
pub const PAGES: [(&str, u8); 3] = [("wsio-script", 5), ("wsio-records", 5), ("wsio-examples", 7)];
/// Sections of generated pages.
const FRAGMENTS: [&str; 4] = ["wsio", "connect", "listen", "pipe"];

/// The place of the commands of the prompt in a text.
const COMMANDS: &str = "<!-- commands -->";

/// Every text of the manual, with the name of its file.
pub fn sources() -> Vec<(String, String)> {
    let pages = PAGES.iter().map(|(name, section)| format!("{name}.{section}.md"));
    let names = pages.chain(FRAGMENTS.iter().map(|name| format!("{name}.md")));
    names.map(|name| (name.clone(), read(&name))).collect()
}

/// The fenced blocks of one language in a text, each with its last line end.
pub fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(found) = line.strip_prefix("```") {
            let block: String =
                lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
            if found == language {
                blocks.push(block);
            }
        }
    }
    blocks
}

/// The text of one page, or of the sections of one.
pub fn source(name: &str) -> String {
    let mut sources = sources().into_iter();
    sources.find(|(found, _)| found == name).unwrap_or_else(|| panic!("{name}")).1
}

fn read(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/docs/pages");
    fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The pages of their own, with the names of their files.
pub fn pages() -> impl Iterator<Item = (String, String)> {
    PAGES.iter().map(|(name, section)| {
        let text = read(&format!("{name}.{section}.md"));
        let (head, body) = text.split_once('\n').unwrap();
        let summary =
            head.strip_prefix(&format!("# {name}({section}): ")).unwrap_or_else(|| panic!("{name}: {head}"));
        let mut page = format!(
            ".TH {} {section} \"\" \"wsio {}\" \"wsio manual\"\n.SH NAME\n{} \\- {}\n.SH DESCRIPTION\n",
            name.to_uppercase(),
            env!("CARGO_PKG_VERSION"),
            escaped(name),
            inline(summary)
        );
        page += &roff(body, &[]);
        page += &see_also(name);
        (format!("{name}.{section}"), page)
    })
}

/// The sections of a generated page; `None` is the program's own.
pub fn fragment(subcommand: Option<&str>) -> String {
    let commands = wsio::term::commands(subcommand == Some("listen"));
    roff(&read(&format!("{}.md", subcommand.unwrap_or("wsio"))), &commands)
}

/// The section that ends a page: all others.
pub fn see_also(own: &str) -> String {
    let commands = ["wsio", "wsio-connect", "wsio-listen", "wsio-pipe"].map(|name| (name, 1));
    let others = commands.iter().chain(&PAGES).filter(|(name, _)| *name != own);
    let pages: Vec<String> =
        others.map(|(name, section)| format!("\\fB{}\\fR({section})", escaped(name))).collect();
    format!(".SH \"SEE ALSO\"\n{}\n", pages.join(",\n"))
}

/// Markdown as roff.
fn roff(text: &str, commands: &[(String, &str)]) -> String {
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    // True right behind a heading, where a paragraph needs no macro.
    let mut fresh = true;
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        if let Some(title) = line.strip_prefix("### ") {
            out += &format!(".SS {}\n", quoted(title));
            fresh = true;
            continue;
        } else if let Some(title) = line.strip_prefix("## ") {
            out += &format!(".SH {}\n", quoted(title));
            fresh = true;
            continue;
        } else if line == COMMANDS {
            for (command, summary) in commands {
                out +=
                    &format!(".TP\n\\fB{}\\fR\n{}\n", escaped(command.trim_end()), guarded(&inline(summary)));
            }
        } else if line.starts_with("```") {
            let code =
                lines.by_ref().take_while(|line| *line != "```").map(|line| guarded(&escaped(line)) + "\n");
            out += &format!(
                "{}.RS 4\n.EX\n{}.EE\n.RE\n",
                if fresh { "" } else { ".sp\n" },
                code.collect::<String>()
            );
        } else if line.starts_with("| ") {
            let is_head = lines.peek().is_some_and(|next| next.starts_with("|---"));
            if is_head {
                lines.next();
                continue;
            }
            let (term, meaning) =
                line.trim_matches('|').split_once(" | ").unwrap_or_else(|| panic!("{line}"));
            out += &format!(".TP\n{}\n{}\n", guarded(&inline(term.trim())), guarded(&inline(meaning.trim())));
        } else {
            let item = line.strip_prefix("- ");
            let mut paragraph = item.unwrap_or(line).to_owned();
            let goes_on = |next: &&str| !next.is_empty() && !next.starts_with(['-', '|', '#', '`', '<']);
            // A line of a list that goes on is set in.
            while let Some(next) =
                lines.next_if(|next| goes_on(next) || (next.starts_with('`') && !next.starts_with("```")))
            {
                paragraph = format!("{paragraph} {}", next.trim_start());
            }
            out += match item {
                Some(_) => ".IP \\(bu 2\n",
                None if fresh => "",
                None => ".PP\n",
            };
            out += &format!("{}\n", guarded(&inline(&paragraph)));
        }
        fresh = false;
    }
    out
}

/// A heading as one argument of its macro.
fn quoted(title: &str) -> String {
    let title = escaped(title);
    if title.contains(' ') { format!("\"{title}\"") } else { title }
}

/// Code and strong words in bold.
fn inline(text: &str) -> String {
    let text = text.replace("**", "`");
    let parts = text.split('`').enumerate();
    parts
        .map(
            |(index, part)| if index % 2 == 0 { escaped(part) } else { format!("\\fB{}\\fR", escaped(part)) },
        )
        .collect()
}

/// Characters that roff would read as something else, or show as another.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '\'' => out.push_str("\\(aq"),
            '^' => out.push_str("\\(ha"),
            '~' => out.push_str("\\(ti"),
            '…' => out.push_str("..."),
            other => out.push(other),
        }
    }
    out
}

/// A line that is no macro, whatever it begins with.
fn guarded(line: &str) -> String {
    if line.starts_with('.') { format!("\\&{line}") } else { line.to_owned() }
}

#[test]
fn blocks_are_cut_by_their_language() {
    let text = "a\n```sh\none\n\ntwo\n```\n```\nbare\n```\n```text\nthree\n```\n```sh\n```\n";
    assert_eq!(blocks(text, "sh"), ["one\n\ntwo\n", ""]);
    assert_eq!(blocks(text, ""), ["bare\n"]);
    assert_eq!(blocks(text, "console"), [""; 0]);
}

#[test]
fn markdown_becomes_roff() {
    let text = "A `-x` b\nc.\n\n## TWO WORDS\n\n| Head | Is |\n|---|---|\n| `a` | b's |\n\n- **one**\n  more\n- two\n\n```sh\n.x \\n\n```\n";
    let expected = "A \\fB\\-x\\fR b c.\n.SH \"TWO WORDS\"\n.TP\n\\fBa\\fR\nb\\(aqs\n.IP \\(bu 2\n\\fBone\\fR more\n.IP \\(bu 2\ntwo\n.sp\n.RS 4\n.EX\n\\&.x \\en\n.EE\n.RE\n";
    assert_eq!(roff(text, &[]), expected);
}
