//! The man pages of the commands: options by clap_mangen from the definition, tables that clap does not know, and
//! sections that people write.

use super::pages;
use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use wsio::{
    cli,
    endpoint::{ClientInfo, SCHEMES},
    exit::EXITS,
    framing::FRAMINGS,
};

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
    roff.to_writer(&mut out).unwrap();
    out.extend_from_slice(pages::fragment(subcommand).as_bytes());
    let mut roff = Roff::new();
    values(&mut roff);
    environment(&mut roff);
    let rows = EXITS.iter().map(|(exit, meaning)| (exit.code().to_string(), *meaning));
    section(&mut roff, "EXIT STATUS", rows);
    examples(&mut roff, subcommand);
    roff.to_writer(&mut out).unwrap();
    out.extend_from_slice(pages::see_also(&title).as_bytes());
    // One preamble is enough: every part brings its own.
    let text = String::from_utf8(out).unwrap();
    let mut lines = Vec::new();
    for line in text.lines() {
        let preamble = line.starts_with(".ie ") || line.starts_with(".el ");
        if !(preamble && lines.contains(&line)) {
            lines.push(line);
        }
    }
    // clap_mangen leaves an empty date out, and breaks lines around an empty one.
    let text = lines.join("\n") + "\n";
    text.replacen("  \"wsio ", " \"\" \"wsio ", 1).replace("\n.br\n\n.br\n", "\n.sp\n")
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
    let rows = [
        (
            "http_proxy, https_proxy, all_proxy, no_proxy",
            "proxies for ws:, for wss: and for all, and hosts that need none, as curl(1) reads them; also HTTPS_PROXY, ALL_PROXY and NO_PROXY, and ws_proxy, wss_proxy, WS_PROXY and WSS_PROXY, which go before",
        ),
        (
            "SSL_CERT_FILE, SSL_CERT_DIR",
            "file and directory of the root certificates, in place of the system's",
        ),
        ("SSLKEYLOGFILE", "file to append TLS secrets to, for Wireshark; readable by the user alone"),
        ("NO_COLOR", "no colours, unless --color always asks for them"),
        ("TERM", "no prompt and no progress bar if it is dumb"),
        ("XDG_STATE_HOME, HOME", "where the history of the prompt is kept"),
        ("LISTEN_PID, LISTEN_FDS", "sockets of a systemd unit, for wsio listen systemd"),
        ("NAME", "any variable that @env:NAME, or ${NAME} in a script, names"),
    ];
    section(roff, "ENVIRONMENT", rows.into_iter().map(|(name, meaning)| (name.to_owned(), meaning)));
    roff.control("PP", []);
    roff.text([roman(
        "A program that is started for a client (exec:, sh:, -- PROGRAM) finds the client in these variables. One without a value is unset.",
    )]);
    let rows = [
        ("WSIO_PATH", "path of the request, as it was sent"),
        ("WSIO_QUERY", "query of the request, without the question mark"),
        ("WSIO_REMOTE_ADDR", "address of the client"),
        ("WSIO_REMOTE_PORT", "port of the client"),
        ("WSIO_SUBPROTOCOL", "subprotocol that was agreed on"),
        ("WSIO_HOST", "Host of the request"),
        ("WSIO_ORIGIN", "Origin of the request"),
        ("WSIO_USER", "name that the client logged in with"),
        ("WSIO_CONN", "number of the connection, as in the log"),
    ];
    assert_eq!(rows.map(|(name, _)| name), ClientInfo::NAMES, "each variable is explained");
    for (name, meaning) in rows {
        roff.control("TP", []);
        roff.text([bold(name)]);
        roff.text([roman(meaning)]);
    }
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
