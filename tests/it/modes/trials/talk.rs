//! `connect` by what is done there, and what is tried alike wherever a WebSocket is dialled.

use super::{Modes, Trial, elsewhere, line, none};
use crate::modes::peers::Habit;

const TALK: Modes = &["connect"];
const PROBE: Modes = &["check", "ping"];
const CHECK: Modes = &["check"];
const PING: Modes = &["ping"];
const SCRIPT: Modes = &["script"];
/// A WebSocket is dialled, and its end is the run's.
const CLIENT: Modes = &["connect", "check", "ping", "script", "pipe - ws", "pipe ws -", "pipe tcp ws"];

#[rustfmt::skip]
pub fn trials() -> Vec<Trial> {
    use Habit::*;
    vec![
        // What is done.
        line(&["check"], TALK, "--check", "out ok \\| "),
        line(&["ping"], TALK, "--ping 1", "out ok .* 1 of 1 pongs"),
        line(&["script"], TALK, "--script {script}", "got text one").also("-m 300ms").given(""),
        line(&["report"], SCRIPT, "--report tap", "out ok 1"),
        line(&["allow_empty"], SCRIPT, "--allow-empty", "exit 0").plays("# nothing"),
        line(&["curl"], CLIENT, "--curl \"curl 'http://h/' -H 'X-T: 1'\"", "head X-T: 1"),
        line(&["expect_status"], CHECK, "--expect-status 404", "exit 0").with(Refuses(404, 9)),
        line(&["expect_header"], CHECK, "--expect-header 'server: x'", "exit 1"),
        line(&["fail_if_cert_expires_in"], CHECK, "--fail-if-cert-expires-in 14d", "exit 1"),
        line(&["max_rtt"], PROBE, "--max-rtt 1ns", "exit 1"),
        line(&["max_loss"], PING, "--max-loss 100", "exit 0").also("--ping-timeout 50ms").with(Mute),
        // Messages.
        line(&["framing"], TALK, "--framing nul", "got text one\\\\ntwo"),
        line(&["nul"], TALK, "-0", "got text one\\\\ntwo"),
        line(&["input"], TALK, "--in hex", "got binary \\\\xab").given("ab\n"),
        line(&["output"], TALK, "--out hex", "out 6f6e65"),
        line(&["json"], TALK, "--json", "out .*\"type\":\"open\"").given("{\"type\":\"ping\",\"base64\":\"\"}\n"),
        line(&["json"], PROBE, "--json", "out .*\"type\":\"check\""),
        line(&["json"], SCRIPT, "--json", "out .*\"type\":\"open\""),
        line(&["text"], TALK, "-t", "got text one").also("--in whole"),
        line(&["binary"], TALK, "-b", "got binary one"),
        line(&["max_message"], TALK, "--max-message 2", "exit 65"),
        line(&["max_message"], SCRIPT, "--max-message 2", "exit 65"),
        line(&["max_message"], PROBE, "--max-message 2", "exit 113").with(Greets("long")),
        elsewhere(&["read_ahead"], TALK, "--read-ahead 1M", "read_ahead", "off_and_what_is_beyond_the_bound_is_not_read"),
        line(&["max_frame"], &["connect", "script"], "--max-frame 2", "got more e"),
        line(&["max_frame"], &["listen std"], "--max-frame 2", "client got more e"),
        line(&["max_frame"], &["pipe - ws"], "--max-frame 2", "got binary on$"),
        line(&["timestamps"], TALK, "--timestamps", "out [0-9]+.* one"),
        line(&["send"], TALK, "--send x", "got text x"),
        line(&["every"], TALK, "--every 10ms=tick", "got text tick"),
        line(&["reply"], TALK, "--reply one=yes", "got text yes"),
        none(&["recv_only"], TALK, "--recv-only", "got text one").also("-m 200ms"),
        none(&["send_only"], TALK, "--send-only", "out one"),
        // Expectations and ends.
        none(&["patterns"], TALK, "--match one", "out two"),
        none(&["fields"], TALK, "--match-json /a=1", "out one"),
        line(&["expect_close"], TALK, "--expect-close 4001", "exit 0").with(Closes(4001)).given(""),
        line(&["expect_subprotocol"], CLIENT, "--expect-subprotocol p", "exit 1").also("--subprotocol p"),
        none(&["count"], TALK, "-n 1", "out two"),
        none(&["one"], TALK, "-1", "out two"),
        line(&["linger"], TALK, "--linger 0", "exit (0|55)").also("-m 500ms"),
        line(&["close"], CLIENT, "--close 4000:bye", "got close 4000 bye"),
        line(&["ok_close"], TALK, "--ok-close 4001", "exit 0").with(Closes(4001)).given(""),
        line(&["ok_close"], SCRIPT, "--ok-close 4001", "exit 0").with(Leaves(4001)),
        line(&["close_timeout"], CLIENT, "--close-timeout 50ms", "exit 114").with(Keeps),
        line(&["timeout"], TALK, "-m 100ms", "exit 28").also("--linger inf"),
        line(&["lasts"], TALK, "--for 100ms", "exit 0").also("--linger inf -m 2s"),
        line(&["timeout"], &["check", "ping", "script"], "-m 100ms", "exit (28|1)").with(Stalls),
        line(&["idle_timeout"], TALK, "--idle-timeout 100ms", "exit 28").also("--linger inf"),
        line(&["idle_timeout"], SCRIPT, "--idle-timeout 100ms", "exit (28|1)").with(Mute),
        line(&["ping_interval"], TALK, "--ping-interval 50ms", "got ping").also("--linger inf -m 300ms"),
        line(&["ping_interval"], SCRIPT, "--ping-interval 50ms", "got ping").also("-m 300ms").with(Mute),
        elsewhere(&["ping_interval"], PING, "--ping-interval 50ms", "check", "pings_stand_as_far_apart_as_they_are_told"),
        line(&["ping_timeout"], TALK, "--ping-timeout 50ms", "exit 56").also("--ping-interval 50ms --linger inf").with(Mute),
        line(&["ping_timeout"], SCRIPT, "--ping-timeout 50ms", "exit (56|1)").also("--ping-interval 50ms").with(Mute),
        line(&["ping_timeout"], CHECK, "--ping-timeout 50ms", "exit 28").with(Mute),
        line(&["ping_timeout"], PING, "--ping-timeout 50ms", "err pong 1: no pong within 50ms").with(Mute),
        none(&["no_pong"], &["connect", "script"], "--no-pong", "got pong").with(Pings),
        line(&["connect_timeout"], CLIENT, "--connect-timeout 100ms", "exit 28").with(Stalls),
        // Trying again.
        line(&["retry"], CLIENT, "--retry 1", "err .*trying again").with(Refuses(503, 1)),
        line(&["retry_delay"], CLIENT, "--retry-delay 10ms", "err .*again in 10 ms").also("--retry 1").with(Refuses(503, 1)),
        line(&["retry_max_time"], CLIENT, "--retry-max-time 1s", "err .*trying again").with(Refuses(503, 1)),
        line(&["retry_connrefused"], CLIENT, "--retry-connrefused", "err .*tried 2 times").also("--retry 1").with(Absent),
        line(&["retry_all_errors"], CLIENT, "--retry-all-errors", "err .*trying again").also("--retry 1").with(Refuses(404, 1)),
        line(&["reconnect"], TALK, "--reconnect", "err .*connected again").with(Drops),
        line(&["resend"], TALK, "--resend", "(?s)got text one.*got text one").also("--reconnect").with(Drops),
        // The opening.
        line(&["headers"], CLIENT, "-H 'X-T: 1'", "head X-T: 1"),
        line(&["subprotocols"], CLIENT, "--subprotocol p", "head Sec-WebSocket-Protocol: p"),
        line(&["compress"], CLIENT, "--compress", "head Sec-WebSocket-Extensions: permessage-deflate"),
        line(&["user"], CLIENT, "-u a:b", "head Authorization: Basic"),
        line(&["bearer"], CLIENT, "--bearer t", "head Authorization: Bearer t"),
        line(&["cookie"], CLIENT, "--cookie a=b", "head Cookie: a=b"),
        line(&["user_agent"], CLIENT, "-A me", "head User-Agent: me"),
        line(&["origin"], CLIENT, "--origin http://o", "head Origin: http://o"),
        // The way.
        line(&["proxy"], CLIENT, "-x http://127.0.0.1:{port}", "head CONNECT "),
        line(&["proxy_user"], CLIENT, "--proxy-user a:b", "head Proxy-Authorization: Basic").also("-x http://127.0.0.1:{port}"),
        none(&["noproxy"], CLIENT, "--noproxy '*'", "head CONNECT ").also("-x http://127.0.0.1:{port}"),
        none(&["proxy_cacert"], CLIENT, "--proxy-cacert {ca}", "err .*not trusted").also("-x https://{secure}"),
        none(&["proxy_insecure"], CLIENT, "--proxy-insecure", "err .*not trusted").also("-x https://{secure}"),
        line(&["location"], CLIENT, "-L", "head GET /next").with(Redirects),
        line(&["connect_to"], CLIENT, "--connect-to localhost:{port}:127.0.0.1:1", "exit 7"),
        line(&["resolve"], CLIENT, "--resolve localhost:{port}:127.0.0.9", "exit 7"),
        line(&["unix_socket"], CLIENT, "--unix-socket /nonexistent", "exit 7"),
        none(&["ipv4"], CLIENT, "-4", "err .*\\[::1\\]").also("-v --resolve 'localhost:{port}:[::1],127.0.0.1'"),
        line(&["ipv6"], CLIENT, "-6", "exit [67]"),
        line(&["interface"], CLIENT, "--interface 127.0.0.2", "from 127.0.0.2"),
        // TLS.
        none(&["cacert"], CLIENT, "--cacert {ca}", "exit 60").with(Secure),
        none(&["insecure"], CLIENT, "-k", "exit 60").with(Secure),
        line(&["sni"], CLIENT, "--sni other.example", "exit 60").also("--cacert {ca}").with(Secure),
        none(&["tls_min"], CLIENT, "--tls-min 1.3", "exit 0").also("--cacert {ca}").with(Old),
        line(&["pin"], CLIENT, "--pin sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "exit 60").also("--cacert {ca}").with(Secure),
        line(&["crl"], CLIENT, "--crl {crl}", "exit (60|82)").also("--cacert {ca}").with(Secure),
        none(&["cert"], CLIENT, "--cert {cert} --key {key}", "exit (98|52|56)").also("--cacert {ca}").with(Strict),
        none(&["key"], CLIENT, "--key {key}", "exit 58").also("--cacert {ca} --cert {cert}").with(Strict),
        none(&["pass"], CLIENT, "--pass open", "exit 58").also("--cacert {ca} --cert {cert} --key {locked}").with(Strict),
        // What is said.
        none(&["quiet"], CLIENT, "-q", "err .*chose no subprotocol").also("--subprotocol p"),
        line(&["verbose"], CLIENT, "-v", "err \\* "),
        none(&["secret"], CLIENT, "--secret x-t", "err .*shown1").also("-v -H 'X-T: shown1'"),
        line(&["progress"], &["connect", "script"], "--progress", "err .*sent "),
        line(&["stats"], &["connect", "script"], "--stats", "err open for"),
        line(&["record"], &["connect", "script"], "--record {tmp}/file", "file .*\"type\":\"open\""),
        elsewhere(&["raw"], TALK, "--raw", "terminal", "control_characters_do_not_reach_a_terminal_unless_asked_for"),
        elsewhere(&["no_pretty"], TALK, "--no-pretty", "prompt", "messages_are_laid_out_for_people"),
        elsewhere(&["color"], TALK, "--color always", "prompt", "messages_are_laid_out_for_people"),
        elsewhere(&["no_history"], TALK, "--no-history", "prompt/surroundings", "without_history_nothing_is_written"),
    ]
}
