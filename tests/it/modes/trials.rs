//! What each option does, as one line of what can be seen of a run.

use super::{peers::Habit, scene::Mode};
use regex::Regex;

/// What shows that an option acted.
pub enum Shows {
    /// This line is there with the option alone.
    Line(Regex),
    /// This line is there without the option alone.
    NoLine(Regex),
    /// A test of its own, which needs more than one run: its file and its name.
    Elsewhere(&'static str, &'static str),
}

/// How one option is tried, in some modes or in all.
pub struct Trial {
    options: &'static [&'static str],
    modes: &'static [&'static str],
    pub with: String,
    /// What else is given, with the option and without it.
    pub also: String,
    pub habit: Habit,
    /// What a client adds to its request.
    pub lines: &'static [&'static str],
    /// Another input than the mode's.
    pub input: Option<&'static str>,
    pub shows: Shows,
}

impl Trial {
    pub fn is_of(&self, option: &str) -> bool {
        self.options.contains(&option)
    }

    pub fn fits(&self, mode: &Mode) -> bool {
        self.modes.contains(&mode.name) || self.modes.contains(&mode.args[0]) && mode.args[0] != "connect"
    }

    /// The same without what goes with it.
    pub fn alone(&self) -> Self {
        Self { with: self.with.clone(), ..elsewhere(self.options, self.modes, &self.with, "", "") }
    }

    fn also(mut self, also: &str) -> Self {
        self.also = also.to_owned();
        self
    }

    fn with(mut self, habit: Habit) -> Self {
        self.habit = habit;
        self
    }

    fn asks(mut self, lines: &'static [&'static str]) -> Self {
        self.lines = lines;
        self
    }

    fn given(mut self, input: &'static str) -> Self {
        self.input = Some(input);
        self
    }
}

type Modes = &'static [&'static str];

fn line(options: &'static [&'static str], modes: Modes, with: &str, line: &str) -> Trial {
    let shows = Shows::Line(Regex::new(&format!("(?m)^{line}")).unwrap());
    Trial {
        options,
        modes,
        with: with.to_owned(),
        also: String::new(),
        habit: Habit::Echo,
        lines: &[],
        input: None,
        shows,
    }
}

fn none(options: &'static [&'static str], modes: Modes, with: &str, line: &str) -> Trial {
    let shows = Shows::NoLine(Regex::new(&format!("(?m)^{line}")).unwrap());
    Trial { shows, ..self::line(options, modes, with, "") }
}

fn elsewhere(
    options: &'static [&'static str],
    modes: Modes,
    with: &str,
    file: &'static str,
    test: &'static str,
) -> Trial {
    Trial { shows: Shows::Elsewhere(file, test), ..line(options, modes, with, "") }
}

const TALK: Modes = &["connect"];
const PROBE: Modes = &["check", "ping"];
const CHECK: Modes = &["check"];
const PING: Modes = &["ping"];
const SCRIPT: Modes = &["script"];
/// A WebSocket is dialled, and its end is the run's.
const CLIENT: Modes = &["connect", "check", "ping", "script", "pipe - ws", "pipe ws -", "pipe tcp ws"];
/// The same for each client.
const BEHIND: Modes = &["listen to ws", "pipe ws-listen ws", "pipe tcp-listen ws"];
const SERVER: Modes = &["listen", "pipe ws-listen ws", "pipe ws-listen tcp"];
const PIPE: Modes = &["pipe"];
const LISTEN: Modes = &["listen"];
/// Standard input is sent to a WebSocket.
const SENDS: Modes = &["pipe - ws", "pipe ws -"];
/// What the WebSocket says is written to standard output.
const SHOWN: Modes = &["pipe - ws", "pipe ws -"];

/// All of them; of two that fit, the first is taken.
#[rustfmt::skip]
pub fn trials() -> Vec<Trial> {
    use Habit::*;
    vec![
        // What is done.
        line(&["check"], TALK, "--check", "out ok \\| "),
        line(&["ping"], TALK, "--ping 1", "out ok .* 1 of 1 pongs"),
        line(&["script"], TALK, "--script {script}", "got text one").also("-m 300ms").given(""),
        line(&["report"], SCRIPT, "--report tap", "out ok 1"),
        elsewhere(&["allow_empty"], SCRIPT, "--allow-empty", "script/given", "a_script_that_does_nothing_fails_unless_it_may"),
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
        elsewhere(&["resend"], TALK, "--resend", "again", "what_is_in_doubt_is_sent_again_until_all_has_arrived_in_order").also("--reconnect"),
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
        elsewhere(&["proxy_cacert"], &["connect", "check", "ping", "script"], "--proxy-cacert {ca}", "proxy", "an_https_proxy_is_trusted_by_its_own_roots").also("-x https://p"),
        elsewhere(&["proxy_insecure"], &["connect", "check", "ping", "script"], "--proxy-insecure", "proxy", "an_https_proxy_is_trusted_by_its_own_roots").also("-x https://p"),
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
        elsewhere(&["tls_min"], &["connect", "check", "ping", "script"], "--tls-min 1.3", "trust", "an_older_tls_can_be_ruled_out"),
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
        // pipe and listen: messages.
        line(&["framing"], &["listen std"], "--framing nul", "client got text one\\\\ntwo"),
        line(&["nul"], &["listen std"], "-0", "client got text one\\\\ntwo"),
        line(&["framing"], SENDS, "--framing lines", "got text one"),
        line(&["nul"], SENDS, "-0", "got text one"),
        line(&["input"], SENDS, "--in lines", "got text one"),
        line(&["input"], &["listen std"], "--in hex", "client got binary \\\\xab").given("ab\n"),
        line(&["output"], &["listen std", "listen once", "listen relay"], "--out hex", "out 6f6e65"),
        line(&["output"], SHOWN, "--out hex", "out 6f6e65"),
        line(&["framing"], &["pipe tcp ws", "pipe tcp-listen ws"], "--framing lines", "got text one"),
        line(&["nul"], &["pipe tcp ws", "pipe tcp-listen ws"], "-0", "got text one"),
        line(&["input"], &["pipe tcp ws", "pipe tcp-listen ws"], "--in lines", "got text one"),
        line(&["output"], &["pipe tcp ws", "pipe ws-listen tcp", "listen to tcp"], "--out hex", "got bytes 6f6e65"),
        line(&["output"], &["pipe tcp-listen ws"], "--out hex", "client got bytes 6f6e65"),
        line(&["framing"], &["listen to tcp", "pipe ws-listen tcp"], "--framing lines", "client got text one"),
        line(&["nul"], &["listen to tcp", "pipe ws-listen tcp"], "-0", "client got text one"),
        line(&["input"], &["listen to tcp", "pipe ws-listen tcp"], "--in lines", "client got text one"),
        line(&["json"], &["listen std", "listen once", "listen relay", "listen script"], "--json", "out .*\"type\":\"open\"").given(""),
        line(&["json"], &["pipe ws -"], "--json", "out .*\"type\":\"open\"").given(""),
        line(&["json"], &["pipe - ws"], "--json", "out .*\"type\":\"open\"").given("{\"type\":\"ping\",\"base64\":\"\"}\n"),
        line(&["text"], &["pipe - ws", "pipe ws -", "pipe tcp ws", "pipe tcp-listen ws"], "-t", "got text one"),
        line(&["text"], &["listen to tcp", "pipe ws-listen tcp"], "-t", "client got text one"),
        line(&["binary"], &["pipe - ws", "pipe ws -", "pipe tcp ws", "pipe tcp-listen ws"], "-b", "got binary one").also("--in lines"),
        line(&["binary"], &["listen to tcp", "pipe ws-listen tcp"], "-b", "client got binary one").also("--in lines"),
        line(&["binary"], &["listen std"], "-b", "client got binary one"),
        line(&["binary"], &["listen program"], "-b", "client got binary one"),
        line(&["max_message"], &["listen"], "--max-message 2", "client got close 1009").given(""),
        line(&["max_message"], &["pipe ws-listen ws", "pipe ws-listen tcp"], "--max-message 2", "client got close 1009"),
        line(&["max_message"], &["pipe - ws", "pipe ws -", "pipe tcp ws"], "--max-message 2", "exit 113").with(Greets("long")).given(""),
        line(&["timestamps"], &["listen std", "listen once", "listen relay"], "--timestamps", "out [0-9]+.* one"),
        line(&["send"], &["listen std", "listen to tcp"], "--send x", "client got (text|binary) x"),
        line(&["send"], &["pipe - ws", "pipe ws -", "pipe tcp ws", "pipe tcp-listen ws", "pipe ws-listen ws"], "--send x", "got (text|binary) x"),
        line(&["send"], &["pipe ws-listen tcp"], "--send x", "client got (text|binary) x"),
        line(&["send"], &["pipe - tcp"], "--send x", "got bytes x"),
        line(&["send"], &["pipe - exec"], "--send x", "out x"),
        line(&["every"], LISTEN, "--every 10ms=tick", "client got text tick"),
        line(&["every"], &["pipe - ws", "pipe ws -", "pipe tcp ws", "pipe tcp-listen ws", "pipe ws-listen ws"], "--every 10ms=tick", "got text tick"),
        line(&["every"], &["pipe ws-listen tcp"], "--every 10ms=tick", "client got text tick"),
        line(&["reply"], LISTEN, "--reply one=yes", "client got text yes"),
        line(&["reply"], &["pipe - ws", "pipe ws -", "pipe tcp ws"], "--reply one=yes", "got text yes").also("--in lines"),
        none(&["recv_only"], &["listen std"], "--recv-only", "client got text one"),
        none(&["recv_only"], &["pipe - ws", "pipe ws -"], "--recv-only", "got binary one").also("-m 200ms"),
        none(&["recv_only"], &["pipe - tcp"], "--recv-only", "got bytes one").also("-m 200ms"),
        none(&["send_only"], &["listen std", "listen once", "listen relay"], "--send-only", "out one"),
        none(&["send_only"], SHOWN, "--send-only", "out one"),
        none(&["send_only"], &["listen to tcp", "pipe ws-listen tcp"], "--send-only", "got bytes one"),
        none(&["send_only"], &["pipe - exec"], "--send-only", "out one"),
        none(&["send_only"], &["pipe - tcp"], "--send-only", "out one"),
        none(&["send_only"], &["pipe tcp-listen ws"], "--send-only", "client got bytes one"),
        none(&["send_only"], &["pipe tcp ws"], "--send-only", "got bytes one"),
        none(&["patterns"], SHOWN, "--match one", "out two").also("--framing lines"),
        none(&["fields"], SHOWN, "--match-json /a=1", "out one"),
        none(&["patterns"], &["pipe tcp ws"], "--match nothing", "got bytes one"),
        none(&["fields"], &["pipe tcp ws"], "--match-json /a=1", "got bytes one"),
        none(&["patterns"], &["pipe tcp-listen ws", "pipe ws-listen ws"], "--match nothing", "client got .*one"),
        none(&["fields"], &["pipe tcp-listen ws", "pipe ws-listen ws"], "--match-json /a=1", "client got .*one"),
        line(&["expect_close"], &["pipe - ws", "pipe ws -", "pipe tcp ws"], "--expect-close 4001", "exit 0").with(Closes(4001)).given(""),
        none(&["count"], &["pipe - ws", "pipe ws -"], "-n 1", "out two").also("--framing lines"),
        none(&["one"], &["pipe - ws", "pipe ws -"], "-1", "out two").also("--framing lines"),
        line(&["count"], LISTEN, "-n 1", "err .* in 1 messages ").given(""),
        line(&["one"], LISTEN, "-1", "err .* in 1 messages ").given(""),
        line(&["linger"], &["pipe - ws", "pipe ws -"], "--linger 0", "exit (0|55)").also("-m 500ms"),
        line(&["close"], LISTEN, "--close 4000:bye", "client got close 4000 bye").also("-n 1"),
        line(&["ok_close"], &["pipe - ws", "pipe ws -", "pipe tcp ws"], "--ok-close 4001", "exit 0").with(Closes(4001)).given(""),
        line(&["ok_close"], &["listen once"], "--ok-close 4001", "exit 0").with(Closes(4001)),
        line(&["timeout"], LISTEN, "-m 50ms", "err .*time limit"),
        line(&["timeout"], &["pipe - ws", "pipe ws -", "pipe tcp ws"], "-m 50ms", "err .*time limit").with(Stalls),
        line(&["timeout"], &["pipe ws-listen ws", "pipe ws-listen tcp", "pipe tcp-listen ws"], "-m 50ms", "err .*time limit"),
        line(&["idle_timeout"], LISTEN, "--idle-timeout 50ms", "err .* close 1001"),
        line(&["ping_interval"], LISTEN, "--ping-interval 50ms", "client got ping"),
        line(&["ping_interval"], &["pipe - ws", "pipe ws -", "pipe tcp ws"], "--ping-interval 50ms", "got ping").also("--linger inf -m 300ms"),
        line(&["ping_timeout"], &["pipe - ws", "pipe ws -", "pipe tcp ws"], "--ping-timeout 50ms", "exit 56").also("--ping-interval 50ms --linger inf").with(Mute),
        none(&["no_pong"], LISTEN, "--no-pong", "client got pong").with(Pings),
        none(&["no_pong"], &["pipe - ws", "pipe ws -", "pipe tcp ws"], "--no-pong", "got pong").with(Pings),
        none(&["no_pong"], &["pipe ws-listen tcp"], "--no-pong", "client got pong").with(Pings),
        // The opening, seen by the client or by the server behind.
        line(&["headers"], LISTEN, "-H 'X-T: 1'", "client head X-T: 1"),
        line(&["headers"], BEHIND, "-H 'X-T: 1'", "head X-T: 1"),
        line(&["headers"], &["pipe ws-listen tcp"], "-H 'X-T: 1'", "client head X-T: 1"),
        line(&["subprotocols"], LISTEN, "--subprotocol p", "client head Sec-WebSocket-Protocol: p").asks(&["Sec-WebSocket-Protocol: p"]),
        line(&["subprotocols"], &["pipe ws-listen tcp"], "--subprotocol p", "client head Sec-WebSocket-Protocol: p").asks(&["Sec-WebSocket-Protocol: p"]),
        line(&["subprotocols"], &["pipe tcp-listen ws"], "--subprotocol p", "head Sec-WebSocket-Protocol: p"),
        line(&["compress"], SERVER, "--compress", "client head Sec-WebSocket-Extensions: permessage-deflate").asks(&["Sec-WebSocket-Extensions: permessage-deflate"]),
        line(&["compress"], &["pipe tcp-listen ws"], "--compress", "head Sec-WebSocket-Extensions: permessage-deflate"),
        line(&["user"], &["listen", "pipe ws-listen tcp"], "-u a:b", "client head HTTP/1.1 401"),
        line(&["bearer"], &["listen", "pipe ws-listen tcp"], "--bearer t", "client head HTTP/1.1 401"),
        line(&["user"], BEHIND, "-u a:b", "head Authorization: Basic"),
        line(&["bearer"], BEHIND, "--bearer t", "head Authorization: Bearer t"),
        line(&["cookie"], BEHIND, "--cookie a=b", "head Cookie: a=b"),
        line(&["user_agent"], BEHIND, "-A me", "head User-Agent: me"),
        line(&["origin"], BEHIND, "--origin http://o", "head Origin: http://o"),
        line(&["forward_header"], BEHIND, "--forward-header x-f", "head X-F: 1").asks(&["X-F: 1"]),
        line(&["paths"], SERVER, "--path /other", "client head HTTP/1.1 404"),
        line(&["allow_origin"], SERVER, "--allow-origin http://o", "client head HTTP/1.1 101").asks(&["Origin: http://o"]),
        line(&["announce"], &["listen", "pipe ws-listen ws", "pipe ws-listen tcp", "pipe tcp-listen ws"], "--announce {tmp}/file", "file (ws|tcp)://127"),
        line(&["once"], &[], "--once", ""),
        // The way to what stands behind.
        line(&["proxy"], BEHIND, "-x http://127.0.0.1:{port}", "head CONNECT "),
        line(&["proxy_user"], BEHIND, "--proxy-user a:b", "head Proxy-Authorization: Basic").also("-x http://127.0.0.1:{port}"),
        none(&["noproxy"], BEHIND, "--noproxy '*'", "head CONNECT ").also("-x http://127.0.0.1:{port}"),
        line(&["location"], BEHIND, "-L", "head GET /next").with(Redirects),
        none(&["connect_to"], BEHIND, "--connect-to localhost:{port}:127.0.0.1:1", "head GET "),
        none(&["resolve"], BEHIND, "--resolve localhost:{port}:127.0.0.9", "head GET "),
        none(&["unix_socket"], BEHIND, "--unix-socket /nonexistent", "head GET "),
        none(&["ipv6"], BEHIND, "-6", "head GET "),
        none(&["ipv4"], BEHIND, "-4", "err .*\\[::1\\]").also("-v --resolve 'localhost:{port}:[::1],127.0.0.1'"),
        line(&["interface"], BEHIND, "--interface 127.0.0.2", "from 127.0.0.2"),
        none(&["cacert"], BEHIND, "--cacert {ca}", "err .*not trusted").with(Secure),
        none(&["insecure"], BEHIND, "-k", "err .*not trusted").with(Secure),
        // What is said.
        none(&["quiet"], LISTEN, "-q", "err listening"),
        none(&["quiet"], &["pipe ws-listen ws", "pipe ws-listen tcp", "pipe tcp-listen ws"], "-q", "err listening"),
        line(&["verbose"], LISTEN, "-v", "err .*[<>] "),
        line(&["verbose"], &["pipe ws-listen ws", "pipe ws-listen tcp", "pipe tcp-listen ws"], "-v", "err .*\\* "),
        line(&["stats"], LISTEN, "--stats", "err served"),
        line(&["stats"], &["pipe ws-listen ws", "pipe ws-listen tcp", "pipe tcp-listen ws"], "--stats", "err served"),
        line(&["stats"], PIPE, "--stats", "err open for"),
        line(&["record"], LISTEN, "--record {tmp}/file", "file .*\"type\":\"open\""),
        line(&["record"], PIPE, "--record {tmp}/file", "file .*\"type\":\"open\""),
        // Of these the command line is looked at in every mode, and elsewhere what they do.
        line(&["grace"], &[], "--grace 1s", ""),
        line(&["handshake_timeout"], &[], "--handshake-timeout 1s", ""),
        line(&["max_connections"], &[], "--max-connections 7", ""),
        line(&["max_buffer"], &[], "--max-buffer 1G", ""),
        line(&["allow_host"], &[], "--allow-host h", ""),
        line(&["self_signed"], &[], "--self-signed", ""),
        line(&["client_ca"], &[], "--client-ca {ca}", ""),
        line(&["mode"], &[], "--mode 0600", ""),
        line(&["queue"], &[], "--queue 2M", ""),
        line(&["slow"], &[], "--slow drop", ""),
        line(&["last"], &[], "--last 3", ""),
        line(&["child_stderr"], &[], "--child-stderr client", ""),
        line(&["pty"], &[], "--pty", ""),
        line(&["hangup"], &[], "--hangup", ""),
        line(&["serve"], &[], "--serve {tmp}", ""),
        line(&["console"], &[], "--console", ""),
        line(&["echo"], &[], "--echo", ""),
        line(&["relay"], &[], "--relay", ""),
        line(&["to"], &[], "--to null:", ""),
    ]
}
