//! The man pages: what clap_mangen makes of the definition, and the tables that clap does not know.

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use wsio::{cli, endpoint::SCHEMES, exit::EXITS, framing::FRAMINGS};

/// Every page with its file name.
pub fn pages() -> Vec<(String, String)> {
    let mut command = cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = vec![("wsio.1".to_owned(), page(&command, None))];
    for sub in command.get_subcommands() {
        let name = sub.get_name();
        pages.push((format!("wsio-{name}.1"), page(sub, Some(name))));
    }
    pages
}

/// One page; `None` is the program's own.
fn page(command: &Command, subcommand: Option<&str>) -> String {
    let title = subcommand.map_or_else(|| "wsio".to_owned(), |name| format!("wsio-{name}"));
    let man = Man::new(command.clone())
        .title(title.to_uppercase())
        .source(concat!("wsio ", env!("CARGO_PKG_VERSION")))
        .manual("wsio manual");
    let mut out = Vec::new();
    man.render_title(&mut out).unwrap();
    man.render_name_section(&mut out).unwrap();
    man.render_synopsis_section(&mut out).unwrap();
    man.render_description_section(&mut out).unwrap();
    man.render_options_section(&mut out).unwrap();
    if subcommand.is_none() {
        man.render_subcommands_section(&mut out).unwrap();
    }
    let mut roff = Roff::new();
    if subcommand.is_none_or(|name| name != "connect") {
        let rows = SCHEMES.iter().map(|scheme| (scheme.example.to_owned(), scheme.summary));
        section(&mut roff, "ENDPOINTS", rows);
    }
    section(&mut roff, "FRAMINGS", FRAMINGS.iter().map(|entry| (entry.usage().to_owned(), entry.summary)));
    values(&mut roff);
    environment(&mut roff);
    let rows = EXITS.iter().map(|(exit, meaning)| (exit.code().to_string(), *meaning));
    section(&mut roff, "EXIT STATUS", rows);
    examples(&mut roff, subcommand);
    roff.control("SH", ["SEE ALSO"]);
    let pages = ["wsio", "wsio-connect", "wsio-listen", "wsio-pipe"];
    let others: Vec<_> = pages.into_iter().filter(|page| *page != title).collect();
    for (index, other) in others.iter().enumerate() {
        let end = if index + 1 == others.len() { "(1)" } else { "(1)," };
        roff.text([bold(*other), roman(end)]);
    }
    roff.to_writer(&mut out).unwrap();
    // One preamble is enough: every part brings its own.
    let text = String::from_utf8(out).unwrap();
    let mut lines = Vec::new();
    for line in text.lines() {
        let preamble = line.starts_with(".ie ") || line.starts_with(".el ");
        if !(preamble && lines.contains(&line)) {
            lines.push(line);
        }
    }
    lines.join("\n") + "\n"
}

fn section<'a>(roff: &mut Roff, title: &str, rows: impl Iterator<Item = (String, &'a str)>) {
    roff.control("SH", [title]);
    for (name, meaning) in rows {
        roff.control("TP", []);
        roff.text([bold(name)]);
        roff.text([roman(meaning)]);
    }
}

fn values(roff: &mut Roff) {
    let rows = [
        (
            "DURATION",
            "500ms, 10s, 2m, 1h, or seconds, as in 1.5; off or inf for no limit where an option says so",
        ),
        ("SIZE", "bytes, or 64k, 16M, 1G in powers of two"),
        (
            "@FILE",
            "the value is the content of FILE, which may be a pipe; a message has at most --max-message bytes, any other value 1 MiB; @- is standard input, @env:NAME the environment, @@ a plain @",
        ),
    ];
    section(roff, "VALUES", rows.into_iter().map(|(name, meaning)| (name.to_owned(), meaning)));
}

fn environment(roff: &mut Roff) {
    let rows = [(
        "SSL_CERT_FILE, SSL_CERT_DIR",
        "where the system's root certificates are, when not in the usual place",
    )];
    section(roff, "ENVIRONMENT", rows.into_iter().map(|(name, meaning)| (name.to_owned(), meaning)));
}

fn examples(roff: &mut Roff, subcommand: Option<&str>) {
    roff.control("SH", ["EXAMPLES"]);
    let shown = |example: &&cli::Example| subcommand.map_or(example.top, |name| name == example.subcommand);
    for example in cli::EXAMPLES.iter().filter(shown) {
        roff.control("TP", []);
        roff.text([roman(example.purpose)]);
        roff.text([bold(example.line)]);
    }
}
