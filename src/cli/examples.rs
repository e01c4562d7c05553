//! The examples that help and man pages end with.
//!
//! One table, so that a test can parse every line of it: an example that stopped working cannot stay.

/// A command line worth copying.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// `connect`, `listen` or `pipe`.
    pub subcommand: &'static str,
    /// Purpose, imperative, without a full stop.
    pub purpose: &'static str,
    /// The line for a shell.
    pub line: &'static str,
    /// Shown by `wsio --help` too.
    pub top: bool,
}

/// Every example, in the order they are shown.
pub static EXAMPLES: &[Example] = &[
    example(
        "connect",
        "Send two lines, print the replies",
        "printf 'a\\nb\\n' | wsio connect wss://example.com/chat",
        true,
    ),
    example(
        "connect",
        "Ask one question, use the one reply",
        "wsio connect wss://example.com/rpc --send '{\"id\":1}' -1 | jq .",
        false,
    ),
    example(
        "connect",
        "Log in with a token from the environment",
        "wsio connect --bearer @env:TOKEN wss://example.com/feed",
        false,
    ),
    example(
        "connect",
        "Follow a feed until the server closes",
        "wsio connect wss://example.com/feed < /dev/null",
        false,
    ),
    example(
        "connect",
        "Fail unless the server answers pong",
        "wsio connect wss://example.com/ws --send ping --match '^pong$' -1 --timeout 5",
        false,
    ),
    example(
        "connect",
        "Play a script, exit 1 at the first line that fails",
        "wsio connect wss://example.com/ws --script smoke.wsio",
        false,
    ),
    example("connect", "Try it without a server", "echo hello | wsio connect echo:", true),
    example(
        "listen",
        "Show a log to every browser that connects",
        "tail -f app.log | wsio listen 8080",
        true,
    ),
    example(
        "listen",
        "Answer each message with itself, on a free port",
        "wsio listen --echo --announce url.txt 0",
        false,
    ),
    example(
        "listen",
        "Put a TCP service behind a secure WebSocket",
        "wsio listen --self-signed --to tcp:localhost:5900 0.0.0.0:8443",
        false,
    ),
    example(
        "listen",
        "Run a program for each client, on a terminal so that it does not buffer",
        "wsio listen --pty 8080 -- ./report.py",
        false,
    ),
    example(
        "listen",
        "Give an editor in the browser its language server",
        "wsio listen --framing headers 8080 -- clangd",
        false,
    ),
    example(
        "listen",
        "Print what one client sends, then exit",
        "wsio listen --once ws://127.0.0.1:8080/hook",
        false,
    ),
    example(
        "listen",
        "Play a server for the tests of a client",
        "wsio listen --script server.wsio --announce url.txt 0",
        false,
    ),
    example(
        "listen",
        "Serve a page and the socket it talks to",
        "wsio listen --serve web 8080 -- ./backend",
        false,
    ),
    example(
        "listen",
        "Talk to a program from a page in the browser",
        "wsio listen --console 8080 -- ./backend",
        false,
    ),
    example(
        "listen",
        "Share one room between many servers",
        "wsio listen 8080 --to nats://127.0.0.1/room",
        false,
    ),
    example(
        "pipe",
        "Reach an SSH server through a WebSocket",
        "ssh -o ProxyCommand='wsio pipe wss://example.com/ssh' host",
        true,
    ),
    example("pipe", "Be the other end of it", "wsio pipe ws-listen:8080 tcp:localhost:22", false),
    example(
        "pipe",
        "Offer a WebSocket as a local TCP port",
        "wsio pipe tcp-listen:5900 wss://example.com/vnc",
        false,
    ),
    example(
        "pipe",
        "Carry WireGuard inside a WebSocket, one datagram a message",
        "wsio pipe udp-listen:51820 wss://example.com/wg",
        false,
    ),
    example(
        "pipe",
        "Send a file as binary messages",
        "wsio pipe file:disk.img wss://example.com/upload",
        false,
    ),
    example(
        "pipe",
        "Publish lines to a NATS subject",
        "tail -f app.log | wsio pipe --framing lines - nats://127.0.0.1/logs.app",
        false,
    ),
];

/// The examples of one subcommand, or the top's.
pub(super) fn of(subcommand: &str, top: bool) -> impl Iterator<Item = &'static Example> {
    EXAMPLES.iter().filter(move |example| if top { example.top } else { example.subcommand == subcommand })
}

const fn example(subcommand: &'static str, purpose: &'static str, line: &'static str, top: bool) -> Example {
    Example { subcommand, purpose, line, top }
}
