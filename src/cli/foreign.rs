//! Well-known words of other tools, with what to write instead: one table for all of them.
//!
//! Only words that clap refuses come here, so a word that is ours too (`-k`, `--ping-timeout`) never
//! does. Each hint is one line that names the option or says why none is needed. A word of curl's that
//! is not in the table has its answer from the table of `--curl`. A word that is in neither, though one
//! of ours looks like it, gets no answer: `--netrc` is no slip of the finger for `--interface`.

use super::pasted;

/// Tells what to write instead of an unknown option, given as `-x` or `--word`.
pub(super) fn hint(word: &str, subcommand: Option<&str>) -> Option<String> {
    let word = word.split('=').next().unwrap_or(word);
    let found = || WORDS.iter().find(|(words, _)| words.contains(&word)).map(|(_, hint)| *hint);
    special(word, subcommand).or_else(found).map(str::to_owned).or_else(|| pasted::hint(word))
}

/// Tells what to do instead of an option of ours in a subcommand that lacks it.
pub(super) fn special(word: &str, subcommand: Option<&str>) -> Option<&'static str> {
    match (word, subcommand) {
        ("--origin", Some("listen")) => Some(
            "leave it out: a server cannot choose its client's Origin; --allow-origin ORIGIN lets pages in",
        ),
        ("--script" | "--report", Some("pipe")) => {
            Some("wsio connect URL --script FILE, or wsio listen PORT --script FILE")
        }
        (exec, Some("connect")) if exec.starts_with("--exec") && exec != "--execute" => {
            Some("wsio pipe URL exec:PROGRAM to join a program to a server")
        }
        ("--to" | "--echo" | "--relay" | "--once" | "--announce", Some("connect")) => {
            Some("wsio listen PORT to be the server, or wsio pipe A B to join two endpoints")
        }
        _ => None,
    }
}

/// The option that is meant when a value follows one of ours that takes none: curl's `-b a=b`.
pub(super) fn with_value(word: &str, value: &str) -> Option<&'static str> {
    match word {
        "-b" if value.contains('=') => Some("--cookie"),
        "-s" if !value.contains(':') => Some("--subprotocol"),
        "-E" => Some("--cert"),
        _ => None,
    }
}

static WORDS: &[(&[&str], &str)] = &[
    // websocat
    (
        &["-E", "--exit-on-eof"],
        "leave it out: wsio ends by itself when the other side ends, without losing replies (a client certificate: --cert FILE)",
    ),
    (&["--no-close"], "--linger inf to stay open after the input ended"),
    (&["-B", "--buffer-size"], "leave it out: a message may have any length up to --max-message"),
    (&["-U", "--unidirectional-reverse"], "--recv-only to receive only"),
    (&["--unidirectional"], "--send-only to send only"),
    (&["--oneshot"], "--once to serve one client and exit with its code"),
    (&["--server-mode"], "wsio listen PORT to be the server"),
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
    (&["--separator", "--delimiter"], r"--framing sep=STR, in quotes as 'sep=\x1e' or 'sep=\r\n'"),
    (&["--no-line", "--no-linemode", "--no-line-mode"], "--framing raw to send chunks as they arrive"),
    (&["--strict"], "leave it out: a message that does not fit is an error, never cut"),
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
    (&["--base64"], "--out base64 to write binary messages as lines of Base64, --in base64 to send them"),
    (
        &["--base64-text", "--binary-prefix", "--text-prefix"],
        "--json to keep text and binary apart, payloads of binary in base64",
    ),
    (
        &[
            "--lengthprefixed-nbytes",
            "--lengthprefixed-little-endian",
            "--lengthprefixed-skip-read-direction",
            "--lengthprefixed-skip-write-direction",
        ],
        "--framing length for four bytes of length before each message",
    ),
    (&["--request-header", "--header-ws", "--header-http"], "-H 'NAME: VALUE'"),
    (&["--request-method", "--request-uri"], "wsio connect URL: a WebSocket opens with GET"),
    (&["--preamble", "-p1", "--preamble-reverse", "-P1"], "--send MSG to send before any input; repeatable"),
    (&["--queue-len"], "--queue SIZE with wsio listen, for what waits for a slow client"),
    (&["--stdout-announce-listening-ports"], "--announce FILE to write the URL there, with wsio listen"),
    (&["--socks5-user-pass"], "--proxy-user NAME:PASSWORD, or --proxy socks5h://NAME:PASSWORD@HOST:PORT"),
    (
        &["--socks5-destination", "--socks5-bind-script"],
        "--proxy socks5h://HOST:PORT with the URL of the server",
    ),
    (&["--accept-from-fd"], "wsio listen fd:N for an inherited socket, or wsio listen systemd"),
    (
        &["--autoreconnect-delay-millis", "--autoreconnect-delay"],
        "--reconnect alone: its pauses grow from 500ms to 30s",
    ),
    (
        &["--max-sent-pings", "--max-ping-pongs"],
        "--ping N for N round trips; a session pings until it ends, see --ping-interval",
    ),
    (&["--inhibit-pongs"], "--no-pong to answer no pings"),
    (
        &["-e", "--set-environment", "--header-to-env"],
        "leave it out: a program finds the request in WSIO_PATH, WSIO_QUERY, WSIO_REMOTE_ADDR and others (a Referer: -H 'Referer: URL')",
    ),
    (&["--unlink"], "leave it out: a stale socket file is replaced, one in use is not"),
    (
        &[
            "--udp-oneshot",
            "--udp-broadcast",
            "--udp-multicast",
            "--udp-multicast-loop",
            "--udp-ttl",
            "--udp-reuseaddr",
        ],
        "udp:HOST:PORT or udp-listen:ADDR, without options of the socket",
    ),
    (
        &["--exec-sighup-on-stdin-close", "--exec-sighup-on-zero-msg"],
        "--hangup to send a program SIGHUP after an abnormal end",
    ),
    (&["--exec-exit-on-disconnect"], "leave it out: a program ends with its client"),
    (&["--crlf"], "leave it out: each line is one message, and what stands in it is sent as it is"),
    (
        &["--print-ping-rtts-json", "--timestamp-monotonic"],
        "--timestamps=delta for the time since the message before",
    ),
    (
        &["--just-generate-key", "--just-generate-accept", "--dump-spec", "--no-fixups"],
        "-v to see both heads of the handshake",
    ),
    (&["--websocket-version"], "leave it out: version 13 is the only one (RFC 6455)"),
    (
        &["--websocket-ignore-zeromsg", "--no-exit-on-zeromsg", "--reuser-send-zero-msg-on-disconnect"],
        "leave it out: an empty message is a message, and ends nothing",
    ),
    (
        &[
            "--foreachmsg-wait-read",
            "--compress-gzip",
            "--uncompress-gzip",
            "--compress-zlib",
            "--compress-deflate",
        ],
        "wsio pipe URL sh:COMMAND to filter through a program",
    ),
    (&["--stdout", "--out-file"], "redirect standard output: wsio connect URL > FILE"),
    // wscat
    (&["--slash"], "leave it out: at the prompt a line that begins with / is a command, see /help"),
    (&["--connect"], "wsio connect URL"),
    (&["-l", "--listen"], "wsio listen PORT"),
    (&["--execute"], "--send MSG to send before any input; repeatable"),
    (&["-w", "--wait"], "--linger DURATION to wait longer for replies, inf to stay"),
    (&["--passphrase"], "--pass @FILE to open an encrypted key"),
    (&["--no-check"], "-k to accept any certificate"),
    (&["--ca"], "--cacert FILE to trust other roots"),
    (&["--host"], "-H 'Host: NAME' to send another host name"),
    (&["-o"], "redirect standard output, as in > FILE (curl), or --origin ORIGIN (wscat)"),
    (&["--max-redirects"], "-L to follow at most 5 redirects"),
    (&["--no-color"], "--color never with wsio connect; nothing else has colours"),
    (
        &["-P", "--show-ping-pong"],
        "leave it out: pings are sent and answered by themselves, see --ping-interval",
    ),
    // websocketd
    (&["-p", "--port"], "wsio listen PORT"),
    (&["-a", "--address"], "wsio listen HOST:PORT"),
    (&["--ssl", "--tls", "--https", "--wss"], "--cert FILE --key FILE, or --self-signed"),
    (&["--sslcert", "--tls-certificate"], "--cert FILE to name the certificate chain"),
    (&["--sslkey", "--tls-private-key"], "--key FILE to name the key"),
    (
        &["--staticdir", "--static-dir", "--static-file", "-F"],
        "--serve DIR for a page and what belongs to it",
    ),
    (&["--serve", "--console"], "wsio listen --serve DIR, or --console: only listen answers plain requests"),
    (&["--devconsole"], "--console for a page to talk to the socket from a browser"),
    (&["--dir", "--cgidir"], "wsio listen PORT -- PROGRAM: one program, which finds its path in WSIO_PATH"),
    (&["--mirror"], "--echo to send each client its own messages back"),
    (&["--broadcast"], "--relay to pass each client's messages to all others"),
    (&["--redirport"], "leave it out: wsio listens on one address and redirects nothing"),
    (
        &["--license", "--licence"],
        "wsio --version: the licences are MIT and Apache-2.0, in the source's folder",
    ),
    (&["--uds"], "wsio listen unix:PATH"),
    (&["--reverselookup"], "leave it out: a program finds the address in WSIO_REMOTE_ADDR"),
    (&["--closems"], "leave it out: a program has 1 s for the end of its input, and 2 s for SIGTERM"),
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
    // curl and netcat, where the table of --curl has no answer or another one
    (&["--netrc", "--netrc-file", "--netrc-optional"], "-u @FILE, with NAME:PASSWORD in FILE"),
    (
        &["--digest", "--ntlm", "--ntlm-wb", "--negotiate", "--anyauth", "--aws-sigv4"],
        "-H 'Authorization: VALUE', or -u for HTTP Basic, --bearer for a token",
    ),
    (
        &["--trace", "--trace-ascii", "--trace-time", "--trace-config", "--trace-ids", "-D", "--dump-header"],
        "-v for both heads on standard error, -vv for every frame",
    ),
    (&["-W", "--write-out"], "--stats for numbers at the end, --json for records, --check for one line"),
    (&["-i", "--include", "--show-headers"], "-v to show both heads on standard error"),
    (&["-I", "--head"], "--check to open, ping once and close"),
    (
        &["--fail", "--fail-with-body", "--fail-early", "-f"],
        "leave it out: an answer that is no 101 is exit 22",
    ),
    (&["-N", "--no-buffer"], "leave it out: each message is written as it comes"),
    (&["-X", "--request"], "leave it out: a WebSocket opens with GET; --send MSG sends a message"),
    (&["-c", "--cookie-jar"], "wsio connect URL; cookies are sent with --cookie, and none are stored"),
    (&["-K", "--config"], "put the options on the command line, or --curl @FILE for a copied line of curl"),
    (&["-y", "-Y", "--speed-time", "--speed-limit"], "--idle-timeout DURATION to end when nothing comes"),
    (&["--limit-rate", "--rate"], "leave it out: wsio is as fast as the slower side"),
    (&["--keepalive-time", "--no-keepalive"], "--ping-interval DURATION, or off"),
    (&["--request-target", "--path-as-is"], "the path in the URL, which is sent as it stands"),
    (
        &["--proto", "--proto-default", "--proto-redir"],
        "leave it out: a redirect never leads from wss to ws, and to nothing else",
    ),
    (
        &[
            "--proxy-cert",
            "--proxy-key",
            "--proxy-digest",
            "--proxy-ntlm",
            "--proxy-negotiate",
            "--proxy-header",
        ],
        "--proxy-user NAME:PASSWORD to log in to a proxy",
    ),
    (&["--haproxy-protocol", "--haproxy-clientip"], "leave it out: wsio sends no PROXY line"),
    (&["--capath", "--ca-native"], "--cacert FILE, or SSL_CERT_DIR in the environment"),
    (&["--tls-max"], "--tls-min VERSION to speak no older version; the newest that both have is chosen"),
    (
        &["--ciphers", "--tls13-ciphers", "--curves", "--ech", "--tls-earlydata"],
        "leave it out: the ciphers and curves of rustls are offered",
    ),
    (
        &["--doh-url", "--dns-servers", "--dns-interface", "--dns-ipv4-addr"],
        "--resolve HOST:PORT:ADDR to name the address yourself",
    ),
    (
        &["--abstract-unix-socket", "--unix-socket-abstract"],
        "--unix-socket PATH for a socket that has a path",
    ),
    (&["--local-port"], "--interface ADDRESS to choose the address we call from"),
    (&["--parallel", "-Z", "--next", "-:"], "one wsio connect a URL: run several at a time with the shell"),
    (&["--no-progress-meter", "--no-verbose"], "leave it out: progress is only shown with --progress"),
    (&["-O", "--remote-name", "--output"], "redirect standard output, as in > FILE"),
    (&["--expect100-timeout", "--max-filesize"], "--connect-timeout DURATION, --max-message SIZE"),
    (
        &["-d", "--data", "--data-binary", "--data-raw", "--data-ascii", "--data-urlencode"],
        "--send MSG, or --send @FILE",
    ),
    (
        &["--http2", "--http2-prior-knowledge", "--http3", "--http3-only"],
        "leave it out: the upgrade is a request of HTTP/1.1",
    ),
    (
        &["--socks5", "--socks5-hostname", "--preproxy"],
        "--proxy socks5://HOST:PORT, or socks5h: to let the proxy look names up",
    ),
    (&["--socks4", "--socks4a"], "--proxy socks5h://HOST:PORT: SOCKS4 is not spoken"),
    (&["--proxytunnel"], "leave it out: a proxy is always asked for a tunnel"),
    (&["--location-trusted"], "-L to follow redirects; credentials stay with their host"),
    (&["--max-redirs"], "-L to follow at most 5 redirects"),
    (&["--tlsv1.2", "--tlsv1.3"], "--tls-min 1.3 to speak no older version"),
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
        part.split([' ', ',', ';', ':', '=', ')'])
            .filter(|word| word.starts_with('-') && !matches!(*word, "-" | "--"))
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
            .chain(["--version", "--help", "-vv"].map(str::to_owned))
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
