//! `listen`, and `pipe` where it listens: what a server does for its clients.

use super::{Modes, Trial, elsewhere, line, none};
use crate::modes::peers::Habit;

const LISTEN: Modes = &["listen"];
/// A WebSocket is served.
const SERVER: Modes = &["listen", "pipe ws-listen ws", "pipe ws-listen tcp"];
/// What clients say is appended to a file.
const APPENDS: Modes = &["listen to append"];
/// A stream is served over TLS.
const OVER_TLS: Modes = &["pipe tls-listen ws"];
/// Anything is served.
const SERVES: Modes = &["listen", "pipe ws-listen ws", "pipe ws-listen tcp", "pipe tcp-listen ws"];

#[rustfmt::skip]
pub fn trials() -> Vec<Trial> {
    use Habit::*;
    vec![
        // What stands behind the clients.
        line(&["echo"], LISTEN, "--echo", "client got text one").given(""),
        line(&["relay"], LISTEN, "--relay", "second got text three").given("").with(Followed),
        line(&["to"], LISTEN, "--to echo:", "client got text one").given(""),
        line(&["script"], LISTEN, "--script {script}", "client got text one").given(""),
        line(&["report"], LISTEN, "--report tap", "out ok 1"),
        line(&["allow_empty"], LISTEN, "--allow-empty", "exit 0").plays("# nothing"),
        line(&["serve"], LISTEN, "--serve {tmp}", "client head HTTP/1.1 200").with(Fetches("/page")),
        line(&["console"], LISTEN, "--console", "client head HTTP/1.1 200").with(Fetches("/")),
        // Who comes in, and for how long.
        line(&["once"], SERVES, "--once", "ended by itself"),
        line(&["allow_host"], SERVER, "--allow-host h", "client head HTTP/1.1 101").asks(&["Host: h"]),
        line(&["self_signed"], LISTEN, "--self-signed", "err listening on wss"),
        line(&["cert"], LISTEN, "--cert {cert} --key {key}", "err listening on wss"),
        none(&["key"], LISTEN, "--key {key}", "exit 58").also("--cert {cert}"),
        none(&["pass"], LISTEN, "--pass open", "exit 58").also("--cert {cert} --key {locked}"),
        line(&["client_ca"], LISTEN, "--client-ca {ca}", "client exit (98|56|52|35)").also("--self-signed"),
        line(&["client_ca"], OVER_TLS, "--client-ca {ca}", "err .* tls: the client showed no certificate"),
        line(&["max_connections"], SERVER, "--max-connections 1", "err #2 .*--max-connections").with(Followed),
        line(&["max_connections"], &["pipe tcp-listen ws"], "--max-connections 1", "err #1 .*others needed the room").with(Followed),
        line(&["max_buffer"], SERVER, "--max-buffer 1k", "client got close").with(Holds),
        line(&["handshake_timeout"], SERVER, "--handshake-timeout 50ms", "client head HTTP/1.1 408").with(Idles),
        line(&["handshake_timeout"], OVER_TLS, "--handshake-timeout 50ms", "err .* tls: no handshake within").with(Idles),
        line(&["grace"], SERVER, "--grace 50ms", "exit 143").with(Stays),
        line(&["grace"], SERVES, "--grace 50ms", "exit [0-9]+").with(Keeps),
        line(&["close_timeout"], SERVER, "--close-timeout 50ms", "exit 143").with(Stays),
        line(&["close_timeout"], SERVES, "--close-timeout 50ms", "exit [0-9]+").with(Keeps),
        line(&["last"], LISTEN, "--last 2", "second got text two").with(Followed),
        elsewhere(&["queue"], LISTEN, "--queue 1k", "fanout", "one_that_never_reads_misses_messages_and_they_are_counted"),
        elsewhere(&["slow"], LISTEN, "--slow wait", "fanout", "all_wait_for_a_slow_one_when_told_to"),
        elsewhere(&["read_ahead"], SERVER, "--read-ahead 1M", "read_ahead", "a_server_reads_ahead_for_each_client"),
        none(&["count"], &["listen to ws"], "-n 1", "client got text two"),
        none(&["one"], &["listen to ws"], "-1", "client got text two"),
        line(&["mode"], &["listen", "pipe"], "--mode 0604", "socket mode 604"),
        // What is said to a client, and when it is given up.
        line(&["max_frame"], APPENDS, "--max-frame 2", "client got (more e|binary on$)").also("--send one"),
        line(&["max_frame"], &["listen once"], "--max-frame 2", "client got more e").given("one"),
        line(&["max_frame"], &["listen relay", "listen to hub"], "--max-frame 2", "second got more r").with(Followed),
        line(&["max_frame"], LISTEN, "--max-frame 2", "client got (more e|binary on$)"),
        line(&["max_frame"], &["pipe ws-listen ws", "pipe ws-listen tcp"], "--max-frame 2", "client got (more e|binary on$)"),
        line(&["ping_interval"], &["listen script"], "--ping-interval 50ms", "client got ping").plays("<? one\n<? two\n< three"),
        line(&["ping_interval"], SERVER, "--ping-interval 50ms", "client got ping").also("--close-timeout 100ms").with(Keeps),
        line(&["ping_timeout"], &["listen script"], "--ping-timeout 50ms", "err .*pong").plays("<? one\n<? two\n< three").with(Mute).also("--ping-interval 50ms"),
        line(&["ping_timeout"], SERVER, "--ping-timeout 50ms", "err .*(peer lost|no pong within)").with(Mute).also("--ping-interval 50ms"),
        line(&["idle_timeout"], &["listen script"], "--idle-timeout 50ms", "err .* close 1001").plays("<? one\n<? two\n< three"),
        line(&["idle_timeout"], SERVER, "--idle-timeout 50ms", "client got close 1001").also("--close-timeout 100ms").with(Keeps),
        line(&["idle_timeout"], &["pipe tcp-listen ws"], "--idle-timeout 50ms", "err .*--idle-timeout"),
        elsewhere(&["lasts"], &["listen to tcp", "listen to unix", "pipe ws-listen tcp", "pipe ws-listen unix"], "--for 50ms", "time_limit", "each_session_of_a_server_lasts_so_long_and_the_server_goes_on"),
        line(&["lasts"], SERVER, "--for 50ms", "client got close 1000").also("--close-timeout 100ms").with(Keeps),
        line(&["lasts"], &["pipe tcp-listen ws"], "--for 50ms", "got close 1000").also("--linger inf"),
        line(&["timeout"], &["listen script"], "-m 50ms", "err .*time limit").plays("<? one\n<? two\n< three"),
        line(&["close"], &["listen script"], "--close 4000:bye", "client got close 4000 bye"),
        line(&["close"], &["pipe ws-listen ws", "pipe ws-listen tcp"], "--close 4000:bye", "client got close 4000 bye").also("-n 1"),
        line(&["close"], &["pipe tcp-listen ws"], "--close 4000:bye", "got close 4000 bye").also("--linger 50ms"),
        line(&["ok_close"], &["listen once"], "--ok-close 4001", "exit 0").with(Closes(4001)),
        line(&["ok_close"], &["listen script"], "--ok-close 4001", "exit 0").with(Closes(4001)).plays("> one"),
        none(&["ok_close"], &["listen to tcp", "pipe ws-listen tcp"], "--ok-close 4001", "got bytes .* and connection reset").with(Leaves(4001)),
        none(&["ok_close"], &["pipe tcp-listen ws"], "--ok-close 4001", "client got bytes .* and connection reset").with(Leaves(4001)),
        none(&["ok_close"], OVER_TLS, "--ok-close 4001", "client got bytes .* and unexpected end of file").with(Leaves(4001)),
        none(&["ok_close"], &["listen program"], "--ok-close 4001", "file hangup").also("--hangup").with(Leaves(4001)),
        none(&["secret"], SERVES, "--secret x-t", "err .*shown1").also("-v -H 'X-T: shown1'"),
        // Messages.
        none(&["send_only"], &["listen to echo"], "--send-only", "client got text one"),
        line(&["framing"], APPENDS, "--framing 'sep=, '", "file one, two"),
        line(&["nul"], APPENDS, "-0", "file one\0two"),
        line(&["output"], APPENDS, "--out hex", "file 6f6e65"),
        line(&["json"], APPENDS, "--json", "file .*\"type\":\"open\""),
        line(&["text"], APPENDS, "-t", "client got text x").also("--send x --framing raw"),
        line(&["binary"], APPENDS, "-b", "client got binary x").also("--send x --framing lines"),
        none(&["send_only"], APPENDS, "--send-only", "file one"),
        line(&["text"], &["listen std", "listen once", "listen relay"], "-t", "client got text one").also("--in raw").given("one"),
        line(&["binary"], &["listen once", "listen relay"], "-b", "client got binary one").given("one"),
        line(&["framing"], &["listen once", "listen relay"], "--framing nul", "client got text one\\\\ntwo").given("one\ntwo\n"),
        line(&["nul"], &["listen program"], "-0", "client got text one\\\\n$").plays("echo one; printf '\\000'").with(Keeps),
        line(&["nul"], &["listen once", "listen relay"], "-0", "client got text one\\\\ntwo").given("one\ntwo\n"),
        line(&["input"], &["listen once", "listen relay"], "--in hex", "client got binary \\\\xab").given("ab\n"),
        line(&["framing"], &["listen program"], "--framing raw", "client got binary one"),
        line(&["input"], &["listen program"], "--in raw", "client got binary one"),
        line(&["output"], &["listen program"], "--out hex", "client got text 6f6e65"),
        line(&["json"], &["listen program"], "--json", "client got ping hey").with(Pings),
        line(&["text"], &["listen program"], "-t", "client got text one").also("--in raw"),
        none(&["recv_only"], &["listen once", "listen relay"], "--recv-only", "client got text one").given("one"),
        line(&["send"], LISTEN, "--send x", "client got (text|binary) x"),
        none(&["send_only"], &["listen to ws", "listen program"], "--send-only", "client got text one"),
        none(&["send_only"], &["listen to hub"], "--send-only", "second got text three").with(Followed),
        line(&["progress"], LISTEN, "--progress", "err .*sent "),
        line(&["linger"], &["listen once"], "--linger 50ms", "client got close 1000").also("-m 500ms").with(Keeps).given("one"),
        line(&["linger"], SERVER, "--linger 50ms", "client got close 1000").also("-m 500ms").with(Keeps),
        line(&["child_stderr"], LISTEN, "--child-stderr client", "client got text warning"),
        line(&["pty"], LISTEN, "--pty", "client got text terminal"),
        line(&["hangup"], LISTEN, "--hangup", "file hangup").with(Breaks),
        elsewhere(&["raw"], LISTEN, "--raw", "terminal", "control_characters_do_not_reach_a_terminal_unless_asked_for"),
        // The way to what stands behind.
        line(&["connect_timeout"], &["listen to ws", "pipe ws-listen ws", "pipe tcp-listen ws"], "--connect-timeout 50ms", "err .*within 50ms").with(Stalls),
        line(&["connect_timeout"], &["listen to tcp", "pipe ws-listen tcp"], "--connect-timeout 50ms", "err .*within 50ms").also("-x http://127.0.0.1:{port}").with(Stalls),
    ]
}
