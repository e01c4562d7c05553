//! What people do with tools of this kind, and the test that shows it done.
//!
//! `LINES` are command lines of websocat as they stand in public scripts and questions, in our words; `GOALS`
//! are what users of its neighbours ask for. Below each stand the tests that cover it, or `-` and why nothing
//! does. A name that no test has any more fails here, so that no promise is lost with a renamed or removed
//! test.

mod pipelines;

use std::{fs, path::PathBuf};

const LINES: &str = "
1 an interactive session: type JSON, see the replies
    prompt::a_conversation_reads_as_one_and_ctrl_d_ends_it
    prompt::messages_are_laid_out_for_people
2 a prompt with history and a subprotocol
    prompt::surroundings::lines_come_back_in_the_next_session
    upgrade::options_become_header_fields
3 one request to a browser's DevTools, one large reply, the end
    connect::one_question_one_answer
    field::pipelines::a_large_file_is_one_message_there_and_back
4 a DevTools command without writing JSON: JSON is written, its reply is picked by id
    ask::only_what_matches_is_printed_and_counted
5 one RPC reply of more than 64 KiB
    limits::a_long_line_is_one_message
    node.test.mjs: a large message and fragments
6 a node asked by a shell script
    connect::one_question_one_answer
    ask::only_what_matches_is_printed_and_counted
7 a query with a time cap, where an empty result is fine
    field::pipelines::events_are_counted_until_nothing_more_comes_and_none_is_fine
8 events counted with wc -l
    field::pipelines::events_are_counted_until_nothing_more_comes_and_none_is_fine
9 a subscription that streams until Ctrl-C
    connect::no_input_only_receives_until_the_server_closes
    signals::the_first_signal_closes_politely
10 a scripted chat: sends with sleeps between them, replies captured with tee
    field::pipelines::lines_are_sent_when_they_are_written_and_answers_are_captured
11 a periodic poll whose replies are processed
    chat::a_heartbeat_keeps_a_gateway_content
    field::pipelines::a_loop_of_the_shell_reads_messages_as_they_come
12 a coprocess: read the greeting, compute, send, read
    field::pipelines::a_coprocess_hears_the_greeting_before_it_says_anything
13 an application server driven through two FIFOs
    field::pipelines::short_commands_share_one_session_through_two_fifos
    hardship::a_fifo_that_nobody_opens_can_be_interrupted
14 a smoke test that passes by content and within a time
    ask::nothing_that_matches_is_exit_1_and_shows_what_came
    ask::only_what_matches_is_printed_and_counted
15 a health check of the handshake alone, with exit code and latency
    check::a_check_times_every_stage_and_says_so_in_one_line
    check::each_stage_has_its_own_exit_code
16 a few seconds of a push stream
    field::pipelines::a_few_seconds_of_a_feed_are_kept
17 at least one message arrives
    field::pipelines::the_first_messages_of_an_endless_feed
18 two sends, and the end after three replies
    field::pipelines::the_first_messages_of_an_endless_feed
19 a long job in CI: no standard input, wait until the server closes
    connect::no_input_only_receives_until_the_server_closes
    field::pipelines::flags_alone_ask_where_there_is_no_standard_input
20 a notifier of the desktop: a loop of the shell that survives drops
    field::pipelines::a_loop_of_the_shell_reads_messages_as_they_come
    again::a_feed_goes_on_across_restarts_and_every_gap_is_told
21 metrics shipped for weeks
    again::input_waits_while_the_server_is_away
    again::a_silent_server_is_given_up_and_connected_to_again
22 an endless feed with reconnect into a log shipper
    again::a_feed_goes_on_across_restarts_and_every_gap_is_told
23 a home-made reconnect loop
    again::a_feed_goes_on_across_restarts_and_every_gap_is_told
    again::a_busy_server_is_asked_again_and_a_forbidding_one_is_not
24 a bulk load that ends when everything is acknowledged
    field::pipelines::a_bulk_load_ends_when_everything_is_acknowledged
25 sound in, text out, the final transcript after the end of input
    field::pipelines::sound_goes_in_and_the_last_words_come_out
26 a live stream into a player
    command::a_pipe_runs_a_program_too
27 SSH through a ProxyCommand
    pipe::a_byte_protocol_goes_through_two_bridges_again_and_again
28 the server half of it: many clients, no leaks
    listen::each_client_gets_a_fresh_target
    limits::descriptors_do_not_leak_over_many_sessions
29 a local TCP port for a client of another protocol
    pipe::tcp_clients_reach_a_web_socket_server
30 pages that talk to a TCP server
    listen::each_client_gets_a_fresh_target
    browser.test.mjs: subprotocol, code and reason between the page and listen
31 a local program joined to a remote WebSocket, with a login
    command::a_pipe_runs_a_program_too
    upgrade::options_become_header_fields
32 a program per connection
    command::lines_go_in_and_out_and_success_is_1000
    command::nothing_is_left_when_the_client_goes
33 a chat hub for testing applications
    fanout::a_relay_sends_each_message_to_all_others_and_to_standard_output
34 lines pushed to every browser
    listen::stdin_goes_to_every_client_and_their_messages_to_stdout
    browser.test.mjs: the tutorial: open, send, message, and a close without a code
35 a feed for web clients: who comes late, who is slow
    fanout::who_comes_late_gets_the_last_messages
    fanout::one_that_never_reads_misses_messages_and_they_are_counted
36 an echo server in a test script: a free port, and a signal that it is ready
    listen::the_url_is_announced_in_a_file
    signals::a_server_drains_at_a_signal
37 one client, one request to it, its replies, the end
    listen::once_lingers_after_its_input_and_closes
38 a WebSocket over a Unix socket
    reach::a_unix_socket_stands_for_any_host
39 client certificate, own CA, another host name
    tls::a_client_certificate_is_asked_for_and_shown
    reach::certificate_and_sni_stay_the_urls
40 Tor: the proxy resolves the name
    proxy::socks_looks_names_up_here_or_there
41 a self-signed server of one's own
    tls::what_is_not_trusted_is_60_and_explained
    tls::a_self_signed_server_shows_its_fingerprint
42 a foreign origin tried, ten lines looked at, a clean end
    field::pipelines::the_first_messages_of_an_endless_feed
    check::a_refusal_that_must_happen_is_success_and_an_open_socket_is_not
43 a relay that shows and preserves all traffic
    pipe::two_web_sockets_keep_type_boundaries_subprotocol_and_close
    json::a_bridge_records_the_side_that_was_dialled
    verbose::every_frame_is_told_also_what_no_message_shows
44 why a handshake failed
    upgrade::a_refusal_is_shown_whole
    upgrade::a_refusal_names_the_next_step
45 the latency of a live connection
    connect::a_run_is_summed_up_where_it_is_asked_for
    check::pings_are_counted_and_lost_ones_fail
46 socket activation behind a web server
    inherited::a_unix_socket_of_systemd_keeps_its_file_and_minds_no_host
47 many idle clients (a load test is out of scope; a few hundred show that nothing gets in the way)
    field::pipelines::hundreds_of_idle_clients_hear_one_line_and_the_end
48 one session used by many short commands, each with its own reply
    field::pipelines::short_commands_share_one_session_through_two_fifos
49 UDP inside a WebSocket, one datagram one message
    datagrams::many_peers_go_through_two_bridges_each_on_its_own
    datagrams::a_web_socket_message_is_a_datagram_and_back
50 a session recorded to a file in the background
    json::a_recording_is_complete_and_sends_the_same_again
    terminal::a_client_in_the_background_is_not_stopped_by_its_terminal
";

const GOALS: &str = "
1 two lines in, two replies out, exit 0
    connect::replies_that_come_late_are_printed
    node.test.mjs: lines and bytes make the round trip through a real server
2 a line before a slow handshake
    connect::an_upgrade_that_takes_two_seconds_is_waited_for
3 one request, one reply, and no wait after it
    connect::one_question_one_answer
4 the reply with one id among events
    ask::only_what_matches_is_printed_and_counted
    ask::nothing_that_matches_is_exit_1_and_shows_what_came
5 subscribe, take five, stop
    field::pipelines::the_first_messages_of_an_endless_feed
6 head on an endless feed
    signals::a_reader_that_leaves_an_endless_feed
    field::pipelines::the_first_messages_of_an_endless_feed
7 newlines inside messages, both ways
    field::pipelines::messages_that_hold_newlines_make_the_round_trip
    connect::framings_and_types_reach_the_wire
8 text and binary to disk and back
    json::a_recording_is_complete_and_sends_the_same_again
9 a file of 5 MB as one binary message
    field::pipelines::a_large_file_is_one_message_there_and_back
10 no standard input
    field::pipelines::flags_alone_ask_where_there_is_no_standard_input
11 a log for three browsers, one of them stalled
    listen::stdin_goes_to_every_client_and_their_messages_to_stdout
    fanout::one_that_never_reads_misses_messages_and_they_are_counted
12 a pipe between two hosts, exact to the byte, ended both ways
    field::pipelines::two_hosts_exchange_bytes_to_the_end_of_both
13 a TCP or Unix service behind a WebSocket
    pipe::a_byte_protocol_goes_through_two_bridges_again_and_again
    pipe::a_byte_end_still_gets_what_comes_after_its_input_ended
    pipe::unix_sockets_on_both_sides
14 a program per connection that knows the request, and one that fails
    command::the_environment_tells_of_the_client_and_of_nothing_else
    command::a_bad_end_is_told_after_all_output
15 connected across restarts of the server
    again::a_feed_goes_on_across_restarts_and_every_gap_is_told
    again::what_may_not_have_arrived_is_counted
16 a refusal with its body
    upgrade::a_refusal_is_shown_whole
17 TLS spoken to a plain port, and plain to a TLS port
    tls::plain_and_tls_that_meet_name_the_other_url
18 certificates that are expired, misnamed, self-signed or of an unknown CA
    tls::what_is_not_trusted_is_60_and_explained
19 one node behind a balancer, under the right name
    reach::a_detour_leaves_host_as_it_is
    reach::certificate_and_sni_stay_the_urls
20 client certificates in PEM, with a passphrase
    tls::a_client_certificate_is_asked_for_and_shown
    tls::files_that_cannot_be_used_are_58_and_77
    trust::an_encrypted_key_is_opened_by_its_passphrase
21 the proxy of the environment, and its 407
    proxy::the_environment_names_proxies_as_for_curl
    proxy::a_refusal_is_97_and_names_the_next_step
    proxy::a_login_is_sent_and_never_shown
    proxy.test.mjs: tinyproxy refuses in its own words
22 SOCKS5 that resolves names
    proxy::socks_looks_names_up_here_or_there
    proxy.test.mjs: microsocks: names looked up here and there, with a login and without
23 two address families, one of them dead
    reach::a_name_whose_ipv6_is_a_black_hole_connects_by_ipv4
24 a connection that dies when it is idle
    field::pipelines::pings_keep_a_balancer_from_cutting_an_idle_line
    session::a_line_that_is_cut_after_long_silence_names_the_likely_cause
25 round trips measured
    check::pings_are_counted_and_lost_ones_fail
26 a key log for Wireshark
    trust::the_secrets_of_tls_are_for_their_owner_alone
27 frames between an application and its server
    pipe::two_web_sockets_keep_type_boundaries_subprotocol_and_close
    json::a_bridge_records_the_side_that_was_dialled
    verbose::every_frame_is_told_also_what_no_message_shows
28 a bug played again from a recording (recorded as a script; a HAR is written, not read)
    script::recording::a_recorded_session_passes_again_and_fails_elsewhere
    json::a_har_holds_the_messages_and_no_secrets
29 a hostile server: escape sequences, and a frame without end
    prompt::the_peer_cannot_command_the_terminal
    terminal::control_characters_do_not_reach_a_terminal_unless_asked_for
    limits::a_header_that_claims_a_terabyte_is_refused
    connect::received_bytes_are_printed_unchanged
30 secrets in a log that goes into a ticket
    upgrade::secrets_are_not_repeated_in_errors
    proxy::a_login_is_sent_and_never_shown
    check::a_check_times_every_stage_and_says_so_in_one_line
    json::a_har_holds_the_messages_and_no_secrets
    verbose::no_secret_gets_to_standard_error
31 a client that leaves pings unanswered, to see that the server drops it
    verbose::without_pongs_a_ping_stays_unanswered
32 Ctrl-C in the middle of a line
    prompt::the_line_being_typed_survives_what_arrives
    prompt::ctrl_c_clears_the_line_and_twice_closes
33 wait until the server is up
    check::a_check_waits_for_a_server_that_is_starting
    again::a_server_that_is_still_starting_is_waited_for
34 a foreign origin has to be refused
    check::a_refusal_that_must_happen_is_success_and_an_open_socket_is_not
35 a login, a call and a check of its answer
    script::a_login_a_call_and_the_matching_reply_pass
    script::a_server_that_answers_something_else_fails_readably
36 the server has to close with 4001
    ask::the_peer_has_to_close_as_expected
37 the subprotocol has to be chosen
    ask::the_subprotocol_is_expected_before_anything_is_said
38 a fixture: a free port, one client, the end
    listen::once_serves_one_client_and_ends_with_its_code
    listen::the_url_is_announced_in_a_file
39 a mock that answers by rules (it closes at any line; it cannot cut the line without a Close)
    script::serving::a_script_plays_the_server_of_another
    script.test.mjs: a played server stands in for the real one
40 a certificate that expires soon has to fail
    check::a_certificate_that_expires_soon_fails
41 the 99th percentile of echoes over a hundred connections
    - Load tests are out of scope: `--max-rtt` bounds the pings of one connection.
42 a report for the page of a pipeline
    script::reports::a_failure_marks_its_line_in_every_form
43 one binary with man pages and completions (a build for Windows is out of scope)
    docs::man_pages_are_fresh
    docs::completions_are_fresh
    docs::the_version_names_the_libraries_that_are_built_in
";

/// What stands below a number.
struct Entry<'a> {
    number: usize,
    cover: Vec<&'a str>,
}

fn entries(table: &str) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for line in table.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("    ") {
            Some(cover) => entries.last_mut().expect("a number stands first").cover.push(cover),
            None => {
                let (number, words) = line.split_once(' ').expect("words behind the number");
                assert!(!words.trim().is_empty(), "{line}");
                entries.push(Entry { number: number.parse().expect(line), cover: Vec::new() });
            }
        }
    }
    entries
}

/// Whether it would stand in `tests/interop`, which a package does not have.
fn was_left_out(name: &str) -> bool {
    let interop = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    name.contains(".test.mjs: ") && !interop.is_dir()
}

/// Whether there is such a test: `module::function` of this folder, or `file.test.mjs: title`.
fn exists(name: &str) -> bool {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests");
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
    if let Some((file, title)) = name.split_once(": ").filter(|(file, _)| file.ends_with(".test.mjs")) {
        return read(tests.join("interop").join(file)).contains(&format!("\ntest('{title}', "));
    }
    let Some((module, function)) = name.rsplit_once("::") else { return false };
    let source = read(tests.join("it").join(module.replace("::", "/")).with_extension("rs"));
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if line == "#[test]" {
            let function_line = lines.find(|line| !line.starts_with("#[")).unwrap_or_default();
            if function_line.strip_prefix("fn ").and_then(|rest| rest.split_once('(')).map(|(name, _)| name)
                == Some(function)
            {
                return true;
            }
        }
    }
    false
}

#[test]
fn everything_is_covered_by_a_test_that_exists_or_says_why_not() {
    for (table, count) in [(LINES, 50), (GOALS, 43)] {
        let entries = entries(table);
        let numbers: Vec<usize> = entries.iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, (1..=count).collect::<Vec<_>>(), "each number stands once, in order");
        for Entry { number, cover } in entries {
            match cover[..] {
                [] => panic!("{number} has neither a test nor a reason"),
                [reason] if reason.starts_with("- ") => assert!(reason.ends_with('.'), "{reason}"),
                _ => {
                    for name in cover {
                        assert!(exists(name) || was_left_out(name), "{number}: there is no test `{name}`");
                    }
                }
            }
        }
    }
}

#[test]
fn a_name_that_no_test_has_is_noticed() {
    assert!(exists("connect::one_question_one_answer"));
    let title = "node.test.mjs: a large message and fragments";
    assert!(exists(title) || was_left_out(title));
    // A helper, another file's test, a missing file, a title that only begins so.
    for name in [
        "connect::echo",
        "pipe::one_question_one_answer",
        "nowhere::at_all",
        "one_question_one_answer",
        "node.test.mjs: a large message",
    ] {
        assert!(!exists(name), "{name}");
    }
}
