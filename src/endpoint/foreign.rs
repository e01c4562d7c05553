//! Endpoints as websocat and socat write them, with what to write instead in that place.
//!
//! Only text that is no endpoint of ours comes here. A name of ordinary letters before a port may be a
//! host's (`mirror:8080`); [`is_no_host`] tells the names that are not.

use super::Role;

/// Hint at what to write in that place instead of this scheme of another tool.
pub(super) fn hint(name: &str, role: Role) -> Option<&'static str> {
    let found = WORDS.iter().find(|word| word.names.iter().any(|known| known.eq_ignore_ascii_case(name)))?;
    Some(match role {
        Role::A => found.a,
        Role::B => found.b,
    })
}

/// True for another tool's word that is no host even where a port follows, as in `ws-l:8080`.
pub(super) fn is_no_host(name: &str) -> bool {
    (name.contains('-') && name.len() < 12) && hint(name, Role::A).is_some()
        || ["tcp4", "tcp6", "udp4", "udp6", "openssl-listen"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
}

/// Every name of another tool's.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    WORDS.iter().flat_map(|word| word.names.iter().copied())
}

struct Word {
    names: &'static [&'static str],
    /// Hint for the first endpoint.
    a: &'static str,
    /// Hint for the second, or after `--to`.
    b: &'static str,
}

const fn word(names: &'static [&'static str], both: &'static str) -> Word {
    Word { names, a: both, b: both }
}

const FIRST: &str = "a listening endpoint stands first: wsio pipe ws-listen:ADDR tcp:HOST:PORT";

static WORDS: &[Word] = &[
    Word { names: &["ws-l", "l-ws", "ws-server"], a: "write ws-listen:ADDR, or wsio listen ADDR", b: FIRST },
    Word { names: &["wss-l", "l-wss"], a: "write wss-listen:ADDR, or wsio listen wss://ADDR", b: FIRST },
    Word {
        names: &["tcp-l", "l-tcp", "tcp4-listen", "tcp6-listen", "tcp4-l", "tcp6-l"],
        a: "write tcp-listen:ADDR",
        b: FIRST,
    },
    Word {
        names: &[
            "tls-l",
            "l-tls",
            "tls-accept",
            "tls-a",
            "tls-server",
            "ssl-l",
            "ssl-listen",
            "ssl-accept",
            "ssl-a",
            "ssl-server",
            "openssl-l",
            "openssl-listen",
        ],
        a: "write tls-listen:ADDR",
        b: FIRST,
    },
    Word {
        names: &["udp-l", "l-udp", "udp4-listen", "udp6-listen", "udp-recv"],
        a: "write udp-listen:ADDR",
        b: FIRST,
    },
    Word { names: &["unix-l", "l-unix"], a: "write unix-listen:PATH", b: FIRST },
    Word { names: &["l-ws-unix"], a: "write ws-listen:unix:PATH, or wsio listen unix:PATH", b: FIRST },
    word(&["ws-connect", "ws-c", "wss-connect", "wss-c"], "write ws://HOST/PATH or wss://HOST/PATH"),
    word(&["tcp-connect", "tcp-c", "tcp4", "tcp6"], "write tcp:HOST:PORT"),
    word(
        &["ssh", "telnet", "rfb", "vnc", "redis", "mqtt"],
        "write tcp:HOST:PORT for the bytes of such a server",
    ),
    word(&["udp-connect", "udp-c", "udp-sendto", "udp4", "udp6"], "write udp:HOST:PORT"),
    word(&["unix-connect", "unix-c"], "write unix:PATH"),
    word(
        &["ssl", "openssl", "ssl-connect", "openssl-connect", "tls-connect", "tls-c", "ssl-c"],
        "write tls:HOST:PORT",
    ),
    Word {
        names: &["mirror"],
        a: "wsio pipe … echo:, with echo: as the second endpoint, sends back what comes",
        b: "write echo: to send back what comes",
    },
    Word {
        names: &["broadcast", "reuse-raw", "reuse"],
        a: "wsio listen ADDR --relay passes each client's messages to all others",
        b: "write hub:NAME, or wsio listen ADDR --relay",
    },
    Word {
        names: &["cmd", "sh-c", "shell", "system"],
        a: "a command stands second: wsio pipe URL sh:COMMAND, or exec:PROGRAM to go without a shell",
        b: "write sh:COMMAND, or exec:PROGRAM to go without a shell",
    },
    // A file that is to be read must never lead to one that is written.
    Word {
        names: &["readfile"],
        a: "write file:PATH to read it",
        b: "write exec:'cat PATH' to send the file there",
    },
    Word {
        names: &["writefile", "create", "creat"],
        a: "a file that is written stands second: wsio pipe URL append:PATH",
        b: "write append:PATH to add to the file, or file:PATH to empty it first",
    },
    Word {
        names: &["appendfile"],
        a: "a file that is written stands second: wsio pipe URL append:PATH",
        b: "write append:PATH",
    },
    Word {
        names: &["open", "gopen"],
        a: "write file:PATH to read it",
        b: "write append:PATH to add to the file",
    },
    word(
        &["stdio", "stdin", "stdout", "threadedstdio", "asyncstdio", "inetd", "fd"],
        "write - for standard input and output",
    ),
    word(&["autoreconnect"], "write the URL alone, and --reconnect"),
    word(&["literal", "assert", "literalreply"], "write --send MSG"),
    Word {
        names: &["clogged", "random", "zero"],
        a: "write null: as the second endpoint, or file:/dev/zero",
        b: "write null: to swallow what comes",
    },
    word(
        &["seqpacket", "abstract", "l-abstract", "abstract-l", "abstract-c"],
        "write unix:PATH or unix-listen:PATH",
    ),
    word(&["pty"], "write exec:PROGRAM, with --pty for a terminal"),
];
