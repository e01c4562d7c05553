//! Well-known words of other tools, with what to write instead.
//!
//! Only words that clap refuses come here, so a word that is ours too (`-k`, `--ping-timeout`) never
//! does. Each hint is one line that names the option or says why none is needed.

/// What to write instead of an unknown option, given as `-x` or `--word`.
pub(super) fn hint(word: &str, subcommand: Option<&str>) -> Option<&'static str> {
    let word = word.split('=').next().unwrap_or(word);
    if word == "-s" && subcommand == Some("connect") {
        return Some("--subprotocol NAME to offer a subprotocol; wsio listen PORT to be the server");
    }
    if word == "--origin" && subcommand == Some("listen") {
        return Some("leave it out: a server cannot choose its client's Origin");
    }
    if matches!(word, "--script" | "--report") && subcommand == Some("pipe") {
        return Some("wsio connect URL --script FILE, or wsio listen PORT --script FILE");
    }
    if word.starts_with("--exec") && subcommand == Some("connect") {
        return Some("wsio pipe URL exec:PROGRAM to join a program to a server");
    }
    WORDS.iter().find(|(words, _)| words.contains(&word)).map(|(_, hint)| *hint)
}

static WORDS: &[(&[&str], &str)] = &[
    // websocat
    (
        &["-E", "--exit-on-eof"],
        "leave it out: wsio ends by itself when the other side ends, without losing replies",
    ),
    (&["--no-close"], "--linger inf to stay open after the input ended"),
    (&["-B", "--buffer-size"], "leave it out: a message may have any length up to --max-message"),
    (&["-U", "--unidirectional-reverse"], "--recv-only to receive only"),
    (&["--unidirectional"], "--send-only to send only"),
    (&["--oneshot"], "--once to serve one client and exit with its code"),
    (&["-s", "--server-mode"], "wsio listen PORT to be the server"),
    (
        &["--linemode-strip-newlines", "--linemode-strip-newline"],
        "leave it out: a line's newline is never part of its message",
    ),
    (
        &["--jsonrpc", "--jsonrpc-omit-jsonrpc"],
        "--send '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"…\"}' to send a request, -1 to take one reply",
    ),
    (
        &["--basic-auth", "--basic-auth-file", "--auth"],
        "-u NAME:PASSWORD, or -u @FILE to keep it off the command line",
    ),
    (&["--ws-c-uri"], "wsio connect URL, or ws+unix:/SOCKET:/PATH over a Unix socket"),
    (&["--one-message"], "-1 to end after one received message"),
    (&["--max-messages", "--max-messages-rev"], "-n N to end after N received messages"),
    (&["--print-ping-rtts"], "--stats to sum up round trips, --ping N to measure them alone"),
    (&["--null-terminated"], "-0 to separate messages with NUL"),
    (&["--no-line", "--no-linemode", "--no-line-mode"], "--framing raw to send chunks as they arrive"),
    (&["-S", "--strict"], "leave it out: a message that does not fit is an error, never cut"),
    (
        &["--async-stdio", "--no-async-stdio"],
        "leave it out: standard input and output have their own threads",
    ),
    (&["--close-status-code", "--close-reason"], "--close CODE:REASON to choose what we close with"),
    (&["--server-header"], "-H 'NAME: VALUE' with wsio listen"),
    (&["--server-protocol"], "--subprotocol NAME with wsio listen"),
    (
        &["--client-pkcs12-der", "--pkcs12-der", "--client-pkcs12-passwd", "--pkcs12-passwd"],
        "--cert FILE --key FILE in PEM; openssl pkcs12 -nodes converts",
    ),
    (&["--tls-domain"], "--sni NAME to send and verify another name"),
    (&["--restrict-uri"], "--path PATH to serve one path only"),
    (&["--conncap"], "--max-connections N to limit clients"),
    (
        &["--exit-on-hangup", "--exit-on-specific-byte"],
        "leave it out: wsio notices at once when a reader or peer leaves",
    ),
    (
        &["--exec", "--exec-args", "--sh-c", "--sh-exec", "--cmd"],
        "--to exec:PROGRAM to start a program for each client, --to sh:COMMAND for a line of shell",
    ),
    // wscat
    (&["--slash"], "leave it out: at the prompt a line that begins with / is a command, see /help"),
    (&["-c", "--connect"], "wsio connect URL"),
    (&["-l", "--listen"], "wsio listen PORT"),
    (&["--execute"], "--send MSG to send before any input; repeatable"),
    (&["-w", "--wait"], "--linger DURATION to wait longer for replies, inf to stay"),
    (&["--passphrase"], "--pass @FILE to open an encrypted key"),
    (&["--no-check"], "-k to accept any certificate"),
    (&["--ca"], "--cacert FILE to trust other roots"),
    (&["--host"], "-H 'Host: NAME' to send another host name"),
    (&["--no-color"], "--color never with wsio connect; nothing else has colours"),
    (
        &["-P", "--show-ping-pong"],
        "leave it out: pings are sent and answered by themselves, see --ping-interval",
    ),
    // websocketd
    (&["-p", "--port"], "wsio listen PORT"),
    (&["-a", "--address"], "wsio listen HOST:PORT"),
    (&["--ssl"], "--cert FILE --key FILE, or --self-signed"),
    (&["--sslcert", "--tls-certificate"], "--cert FILE to name the certificate chain"),
    (&["--sslkey", "--tls-private-key"], "--key FILE to name the key"),
    (
        &["--staticdir", "--static-dir", "--static-file", "-F"],
        "--serve DIR for a page and what belongs to it",
    ),
    (&["--serve", "--console"], "wsio listen --serve DIR, or --console: only listen answers plain requests"),
    (&["--devconsole"], "--console for a page to talk to the socket from a browser"),
    (&["--dir", "--cgidir"], "wsio listen PORT -- PROGRAM: one program, which finds its path in WSIO_PATH"),
    (&["--passenv"], "leave it out: a program gets the whole environment"),
    (&["--sameorigin"], "leave it out: pages of other origins are refused unless --allow-origin names them"),
    (&["--maxforks"], "--max-connections N to limit clients"),
    (&["--loglevel", "--log-lvl"], "-v to hear more, -q to hear less"),
    // wstunnel
    (
        &["-R", "--remote-to-local", "--local-to-remote"],
        "wsio pipe tcp-listen:PORT wss://… to carry TCP over a WebSocket",
    ),
    (&["--http-proxy"], "--proxy URL to go through a proxy"),
    (&["--http-headers"], "-H @FILE for headers from a file, one a line"),
    (
        &["--websocket-ping-frequency-sec", "--websocket-ping-frequency"],
        "--ping-interval DURATION to ping more often",
    ),
    (&["--tls-verify-certificate"], "leave it out: certificates are verified unless -k is given"),
    (&["--tls-sni-override", "--servername"], "--sni NAME to send and verify another name"),
    (&["--tls-sni-disable"], "--sni none to send no name"),
    (&["--http-upgrade-credentials"], "-u NAME:PASSWORD to log in"),
    (&["--http-upgrade-path-prefix"], "the path in the URL, as in wss://HOST/PATH"),
    // curl and netcat
    (
        &["--socks5", "--socks5-hostname", "--preproxy"],
        "--proxy socks5://HOST:PORT, or socks5h: to let the proxy look names up",
    ),
    (&["--socks4", "--socks4a"], "--proxy socks5h://HOST:PORT: SOCKS4 is not spoken"),
    (&["--proxytunnel"], "leave it out: a proxy is always asked for a tunnel"),
    (&["--location-trusted"], "-L to follow redirects; credentials stay with their host"),
    (&["--max-redirs"], "-L to follow at most 5 redirects"),
    (&["--tlsv1.2", "--tlsv1.3"], "--tls-min 1.3 to speak no older version"),
    (&["-d", "--data", "--data-binary"], "--send MSG, or --send @FILE"),
    (&["--max-time"], "-m DURATION to limit the whole run"),
    (&["--cert-type", "--key-type"], "leave it out: PEM is read, whatever the kind of key"),
    (&["--basic"], "leave it out: -u logs in with HTTP Basic"),
    (&["--oauth2-bearer"], "--bearer TOKEN, or --bearer @FILE"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command;

    /// The options that a hint speaks of.
    fn options(hint: &str) -> impl Iterator<Item = &str> {
        let part = hint.split("openssl").next().unwrap_or_default();
        part.split([' ', ',', ';', ':']).filter(|word| word.starts_with('-') && !matches!(*word, "-" | "--"))
    }

    #[test]
    fn every_hint_names_options_that_exist() {
        let command = command();
        let known: Vec<String> = command
            .get_subcommands()
            .flat_map(clap::Command::get_arguments)
            .flat_map(|arg| {
                [
                    arg.get_long().map(|long| format!("--{long}")),
                    arg.get_short().map(|short| format!("-{short}")),
                ]
            })
            .flatten()
            .collect();
        for (words, hint) in WORDS {
            assert!(!hint.ends_with('.') && !hint.contains('\n'), "{hint}");
            for option in options(hint) {
                assert!(known.iter().any(|name| name == option), "{option} in the hint for {words:?}");
            }
            for word in *words {
                let everywhere = command.get_subcommands().all(|sub| {
                    sub.get_arguments().any(|arg| {
                        arg.get_long().map(|long| format!("--{long}")).as_deref() == Some(word)
                            || arg.get_short().map(|short| format!("-{short}")).as_deref() == Some(word)
                    })
                });
                assert!(!everywhere, "{word} is ours: no hint can come up");
            }
        }
    }

    #[test]
    fn no_word_has_two_hints() {
        let mut words: Vec<&str> = WORDS.iter().flat_map(|(words, _)| words.iter().copied()).collect();
        words.sort_unstable();
        assert!(words.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
