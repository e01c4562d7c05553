//! The pictures of README.md: a terminal as it is today, as SVG.
//!
//! Each is made from a run of the program on a terminal of its own and compared with the file that is checked
//! in, so that no picture shows what the program does not do; `WSIO_BLESS=1 cargo test --test it pictures` makes
//! them anew. What differs from run to run (ports, times, keys) is replaced by something that does not.

use crate::{
    docs::{self, pages},
    harness::{Listening, Options, Peer, Terminal, serve},
};
use regex::Regex;
use std::{fmt::Write, fs};
use vt100::{Cell, Color, Screen};

/// Size of the terminal: rows and columns.
const SIZE: (u16, u16) = (40, 100);
/// Size of a character, and the margin around all of them, in SVG's units.
const CELL: (f32, f32) = (8.4, 19.0);
const MARGIN: f32 = 14.0;
/// Background and text of the terminal.
const BACKGROUND: &str = "#1e1e2e";
const TEXT: &str = "#cdd6f4";
/// The sixteen colours of a terminal.
const COLORS: [&str; 16] = [
    "#45475a", "#f38ba8", "#a6e3a1", "#f9e2af", "#89b4fa", "#f5c2e7", "#94e2d5", "#bac2de", "#7f849c",
    "#f38ba8", "#a6e3a1", "#f9e2af", "#89b4fa", "#f5c2e7", "#94e2d5", "#ffffff",
];

/// Text of one look, as it stands side by side.
#[derive(Clone, Debug, PartialEq)]
struct Run {
    text: String,
    fill: String,
    bold: bool,
}

/// The rows of a screen below the shell's own, without empty ones at the end.
fn rows(screen: &Screen) -> Vec<Vec<Run>> {
    let (_, columns) = screen.size();
    let mut rows: Vec<Vec<Run>> = (1..SIZE.0)
        .map(|row| {
            let mut runs: Vec<Run> = Vec::new();
            for cell in (0..columns.get()).filter_map(|column| screen.cell(row, column)) {
                let run = run(cell);
                // A blank belongs to what stands before it.
                let same =
                    |last: &&mut Run| run.text == " " || (&last.fill, last.bold) == (&run.fill, run.bold);
                match runs.last_mut().filter(same) {
                    Some(last) => last.text += &run.text,
                    None => runs.push(run),
                }
            }
            while let Some(last) = runs.last_mut() {
                last.text.truncate(last.text.trim_end().len());
                if !last.text.is_empty() {
                    break;
                }
                runs.pop();
            }
            runs
        })
        .collect();
    rows.truncate(rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1));
    rows
}

fn run(cell: &Cell) -> Run {
    let text = if cell.has_contents() { cell.contents() } else { " " };
    let fill = match cell.fgcolor() {
        Color::Idx(index) => COLORS.get(usize::from(index)).copied().unwrap_or(TEXT),
        _ if cell.dim() => COLORS[8],
        _ => TEXT,
    };
    Run { text: text.to_owned(), fill: fill.to_owned(), bold: cell.bold() }
}

/// Replaces what is different in each run of the program.
fn settled(rows: Vec<Vec<Run>>) -> Vec<Vec<Run>> {
    let later = Regex::new(r"^· .* later$").unwrap();
    let rules = [
        (r"(127\.0\.0\.1|localhost):\d{4,5}", "localhost:8080"),
        (r"Sec-WebSocket-Key: \S+", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        (r"(?i)Sec-WebSocket-Accept: \S+", "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        (r"\b[\d.]+ (ms|µs|s)\b", "0.2 ms"),
    ]
    .map(|(pattern, with)| (Regex::new(pattern).unwrap(), with));
    let time = Regex::new(r"\d\d:\d\d:\d\d\.\d{3}").unwrap();
    let mut moment = 122;
    let mut settle = |text: &str| {
        let text = rules
            .iter()
            .fold(text.to_owned(), |text, (rule, with)| rule.replace_all(&text, *with).into_owned());
        let moments = time.replace_all(&text, |_: &regex::Captures| {
            moment += 1;
            format!("12:00:00.{moment}")
        });
        moments.into_owned()
    };
    let whole = |row: &Vec<Run>| row.iter().map(|run| run.text.as_str()).collect::<String>();
    rows.into_iter()
        .filter(|row| !later.is_match(&whole(row)))
        .map(|row| row.into_iter().map(|run| Run { text: settle(&run.text), ..run }).collect())
        .collect()
}

fn svg(title: &str, rows: &[Vec<Run>]) -> String {
    let widest =
        rows.iter().map(|row| row.iter().map(|run| run.text.chars().count()).sum()).max().unwrap_or(0usize);
    let (width, height) =
        (widest.max(72) as f32 * CELL.0 + 2.0 * MARGIN, rows.len() as f32 * CELL.1 + 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n<title>{}</title>\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n<g font-family=\"ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14\" style=\"white-space:pre\">\n",
        escaped(title)
    );
    for (number, row) in rows.iter().enumerate() {
        let y = MARGIN + (number as f32 + 0.75) * CELL.1;
        let mut column = 0;
        for run in row {
            let (count, x) = (run.text.chars().count(), MARGIN + column as f32 * CELL.0);
            column += count;
            if run.text.trim().is_empty() {
                continue;
            }
            let weight = if run.bold { " font-weight=\"bold\"" } else { "" };
            let _ = writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{:.1}\" fill=\"{}\"{weight} xml:space=\"preserve\">{}</text>",
                count as f32 * CELL.0,
                run.fill,
                escaped(&run.text)
            );
        }
    }
    out + "</g>\n</svg>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Compares a terminal with its picture, or makes the picture anew.
fn fresh(name: &str, title: &str, terminal: &Terminal) {
    let rows = terminal.screen(|screen| settled(rows(screen)));
    let compared = docs::compare(&format!(".github/pictures/{name}.svg"), &svg(title, &rows), "pictures");
    compared.unwrap_or_else(|stale| panic!("{stale}\n{}", terminal.rows().join("\n")));
}

/// Runs lines of a shell on a terminal; `$1` is the program.
fn shell<'a>(lines: &'a str, args: &[&'a str]) -> Terminal {
    let options = Options { size: Some(SIZE), env: &[("TOKEN", "s3cret-token")], ..Options::default() };
    let before = ["-c", lines, "sh", env!("CARGO_BIN_EXE_wsio")];
    Terminal::start_in(options, "sh", before.into_iter().chain(args.iter().copied()))
}

#[test]
fn the_prompt() {
    let (url, peer) = serve(|mut peer| {
        peer.message();
        peer.text(r#"{"ok":true,"channel":"prices"}"#);
        peer.text(r#"{"price":1.10,"id":12345678901234567890,"tags":["a","b"]}"#);
        let ping = peer.next().unwrap();
        peer.send(true, 10, &ping.payload);
        peer.message();
        peer.send(true, 2, b"\x00\xffHi");
        peer.answer_close()
    });
    let line = "echo '$ wsio connect ws://localhost:8080/socket'; exec \"$1\" connect \"$2\"";
    let mut terminal = shell(line, &[&format!("{url}socket")]);
    terminal.ends_with(&[">"]);
    terminal.types("{\"op\":\"subscribe\",\"channel\":\"prices\"}\r");
    terminal.shows("12345678901234567890");
    terminal.shows("tags");
    terminal.types("/ping\r");
    terminal.shows("pong in ");
    terminal.types("/binary 00 ff 48 69\r");
    terminal.shows("|..Hi|");
    terminal.types("/close 4000 enough\r");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    peer.join().unwrap();
    fresh("prompt", "The prompt of wsio connect", &terminal);
}

#[test]
fn every_frame() {
    let (url, peer) = serve(|mut peer: Peer| {
        peer.send(false, 1, b"{\"ok\":");
        peer.send(true, 9, b"7");
        peer.next();
        peer.send(true, 0, b"true}");
        peer.answer_close()
    });
    let line = "echo \"$ wsio connect -vv --bearer @env:TOKEN -1 'ws://localhost:8080/socket?key=3f9a' < /dev/null > answer\"; \
        exec \"$1\" connect -vv --bearer @env:TOKEN -1 \"$2\" < /dev/null > /dev/null";
    let mut terminal = shell(line, &[&format!("{url}socket?key=3f9a")]);
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    peer.join().unwrap();
    fresh("frames", "wsio connect -vv shows the handshake and every frame", &terminal);
}

#[test]
fn a_script_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    for block in pages::blocks(&pages::source("wsio-script.5.md"), "text") {
        let name = block.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap();
        fs::write(folder.path().join(name), block).unwrap();
    }
    let server = folder.path().join("server.wsio");
    let listening = Listening::start(["listen", "--script", server.to_str().unwrap(), "0"]);
    let line = "cd \"$3\"; echo '$ cat smoke.wsio'; cat smoke.wsio; \
        echo '$ TOKEN=s3cret wsio connect --script smoke.wsio ws://localhost:8080'; \
        \"$1\" connect --script smoke.wsio \"$2\"; code=$?; echo '$ echo $?'; echo $code";
    let url = format!("ws://{}/", listening.address());
    let mut terminal = shell(line, &[&url, folder.path().to_str().unwrap()]);
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    fresh("script", "A script of wsio that fails", &terminal);
}

#[test]
fn runs_are_settled_and_drawn() {
    let run = |text: &str| vec![Run { text: text.to_owned(), fill: TEXT.to_owned(), bold: false }];
    let rows =
        settled(vec![run("· 4.2 s later"), run("127.0.0.1:50504 in 13 ms"), run("< 10:11:12.345 a & b")]);
    assert_eq!(rows, [run("localhost:8080 in 0.2 ms"), run("< 12:00:00.123 a & b")]);
    let drawn = svg("x", &rows);
    assert!(drawn.contains(">&lt; 12:00:00.123 a &amp; b</text>"), "{drawn}");
}
