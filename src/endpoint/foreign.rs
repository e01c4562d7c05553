//! Endpoints as websocat writes them, with what to write instead.
//!
//! Only text that is no endpoint of ours and no URL comes here, so that a host may have such a name.

/// What to write instead of this scheme of another tool.
pub(super) fn hint(name: &str) -> Option<&'static str> {
    let named = |(names, _): &&(&[&str], _)| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    WORDS.iter().find(named).map(|(_, hint)| *hint)
}

static WORDS: &[(&[&str], &str)] = &[
    (&["ws-l", "l-ws"], "write ws-listen:ADDR, or wsio listen ADDR"),
    (&["wss-l", "l-wss"], "write wss-listen:ADDR, or wsio listen wss://ADDR"),
    (&["tcp-l", "l-tcp"], "write tcp-listen:ADDR"),
    (&["udp-l", "l-udp"], "write udp-listen:ADDR"),
    (&["unix-l", "l-unix"], "write unix-listen:PATH"),
    (&["l-ws-unix"], "write wsio listen unix:PATH, or wsio listen systemd for an inherited socket"),
    (&["ws-connect", "ws-c", "wss-connect", "wss-c", "tcp-connect", "tcp-c"], "write ws://, wss:// or tcp:"),
    (&["mirror"], "write echo: to send back what comes"),
    (&["broadcast"], "write hub:NAME, or wsio listen ADDR --relay"),
    (&["cmd", "sh-c", "shell"], "write sh:COMMAND, or exec:PROGRAM to go without a shell"),
    (&["readfile", "writefile"], "write file:PATH"),
    (&["appendfile"], "write append:PATH"),
    (&["stdio", "threadedstdio", "asyncstdio", "inetd"], "write - for standard input and output"),
    (&["autoreconnect"], "write the URL alone, and --reconnect"),
    (&["literal"], "write --send MSG"),
    (&["clogged"], "write null:"),
];
