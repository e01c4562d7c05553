//! Refusals and their hints: a line that was tried, and what is said instead.

use crate::{
    cli::{Context, Parsed, parse},
    exit::Exit,
    fault::Fault,
};

fn hint(line: &str) -> String {
    fault(line).hint.unwrap_or_default()
}

fn fault(line: &str) -> Fault {
    let mut context =
        Context { env: &|_| None, stdin: &mut std::io::empty(), stdin_is_terminal: false, ask: None };
    let fault = match parse(line.split(' ').map(Into::into), &mut context) {
        Err(fault) => fault,
        Ok(parsed) => panic!("{line}: {parsed:?}"),
    };
    assert_eq!((fault.exit, fault.phase), (Exit::Usage, "usage"), "{line}");
    fault
}

#[test]
fn first_commands_of_other_tools_get_the_line_that_works() {
    for (line, instead) in [
        ("wsio connect --send ws://h", "wsio connect --send hello ws://h"),
        ("wsio connect --send WSS://h", "wsio connect --send hello WSS://h"),
        ("wsio connect -H wss://h/", "wsio connect -H 'Name: value' wss://h/"),
        ("wsio connect -k --record ws://h", "wsio connect -k --record FILE ws://h"),
        ("wsio connect --secret ws://h", "wsio connect --secret NAME ws://h"),
        ("wsio connect --bin ws://h", "--binary, which is similar"),
        // An option of ours that stands in the wrong place.
        ("wsio listen 0 --match x", "leave it out: --match is for wsio connect and wsio pipe"),
        ("wsio listen 0 --cookie a=b", "leave it out: --cookie is for wsio connect and wsio pipe"),
        ("wsio listen 0 --check", "leave it out: --check is for wsio connect"),
        ("wsio connect ws://h --queue=3", "leave it out: --queue is for wsio listen and wsio pipe"),
        ("wsio pipe - ws://h --no-pretty", "leave it out: --no-pretty is for wsio connect"),
        ("wsio connect --framing ndjson ws://h", "wsio connect --framing jsonl ws://h"),
        (
            "wsio connect --in Stomp ws://h",
            "perl -0ne 'print pack(q(N), length), $_' FRAMES | wsio connect URL",
        ),
        ("wsio connect --framing LSP ws://h", "wsio connect --framing headers ws://h"),
        ("wsio listen 0 --in=json-rpc -- x", "wsio listen 0 --in=headers -- x"),
        ("wsio connect --framing crlf ws://h", r"wsio connect --framing 'sep=\r\n' ws://h"),
        ("wsio connect --in sep:--- ws://h", "wsio connect --in sep=--- ws://h"),
        ("wsio connect --out=sep ws://h", r"wsio connect '--out=sep=\x1e' ws://h"),
        ("wsio connect --framing sep= ws://h", r"wsio connect --framing 'sep=\x1e' ws://h"),
        ("wsio connect --framing sep=rn ws://h", r"wsio connect --framing 'sep=\r\n' ws://h"),
        ("wsio -c ws://h", "wsio connect ws://h"),
        ("wsio connect -c ws://h", "wsio connect ws://h"),
        ("wsio -n -c wss://h", "wsio connect -k wss://h"),
        ("wsio -E ws://h", "wsio connect ws://h"),
        ("wsio -t - ws://h", "wsio connect -t ws://h"),
        ("wsio - tcp:h:1", "wsio pipe - tcp:h:1"),
        ("wsio connect -b - ws://h", "wsio connect -b ws://h"),
        ("wsio connect ws://h tcp:h:1", "wsio pipe ws://h tcp:h:1"),
        ("wsio connect ws://h hello", "wsio connect ws://h --send hello"),
        ("wsio connect --reconnect 3 ws://h", "wsio connect --reconnect=3 ws://h"),
        ("wsio connect ws://h --timestamps delta", "wsio connect ws://h --timestamps=delta"),
        ("wsio -s 8080", "wsio listen 8080"),
        ("wsio ping ws://h", "wsio connect ws://h --ping 5"),
        ("wsio check -k ws://h", "wsio connect -k ws://h --check"),
        ("wsio send ws://h hi", "wsio connect ws://h --send hi"),
        ("wsio send hi ws://h", "wsio connect ws://h --send hi"),
        ("wsio run ws://h a.wsio", "wsio connect ws://h --script a.wsio"),
        ("wsio run", "wsio connect URL --script FILE"),
        ("wsio echo 8080", "wsio listen 8080 --echo"),
        ("wsio relay 8080", "wsio listen 8080 --relay"),
        ("wsio version", "wsio --version"),
        ("wsio man", "wsio --generate man | man -l -, or wsio --help"),
        ("wsio completions bash", "wsio --generate complete-bash, or -zsh, -fish, -elvish, -powershell"),
        ("wsio conect ws://h", "wsio connect, which is similar"),
        ("wsio frobnicate", "wsio --help"),
        ("wsio connect -b a=b ws://h", "wsio connect --cookie a=… ws://h"),
        ("wsio connect -s chat ws://h", "wsio connect --subprotocol chat ws://h"),
        ("wsio connect --binary=true ws://h", "--binary alone: it takes no value"),
        ("wsio connect ws://h --wat", "wsio connect --help"),
        ("wsio connect ws://h --max-mesage 3", "--max-message, which is similar"),
        ("wsio connect ws://h --stat", "--stats, which is similar"),
        ("wsio connect ws://h --framing lnies", "lines, which is similar"),
        ("wsio connect ws://h --framing Headers", "wsio connect ws://h --framing headers"),
        ("wsio connect ws://h --out=JSONL", "wsio connect ws://h --out=jsonl"),
        ("wsio connect ws://h --in hex=", "wsio connect ws://h --in hex"),
        ("wsio connect ws://h --in SEP=;A", "wsio connect ws://h --in 'sep=;A'"),
        ("wsio connect -l 8080", "wsio listen 8080"),
        ("wsio listen -p 8080", "wsio listen 8080"),
        ("wsio --port=8080 ./prog -v", "wsio listen 8080 -- ./prog -v"),
        ("wsio --port 8080 --address 0.0.0.0 ./prog", "wsio listen 0.0.0.0:8080 -- ./prog"),
        ("wsio listen --port=8080 --devconsole ./prog", "wsio listen 8080 --console -- ./prog"),
        ("wsio --port=8080 --devconsole ./prog", "wsio listen 8080 --console -- ./prog"),
        ("wsio --staticdir=web --port=8080", "wsio listen 8080 --serve=web"),
        ("wsio listen 0 cat", "wsio listen 0 -- cat"),
        ("wsio listen 0 cat -n", "wsio listen 0 -- cat -n"),
        ("wsio listen 0 mirror:", "wsio listen 0 --echo"),
        ("wsio listen 0 tcp:h:22", "wsio listen 0 --to tcp:h:22"),
        ("wsio listen 127.0.0.1 8080", "wsio listen 127.0.0.1:8080"),
        ("wsio listen ::1 8080", "wsio listen '[::1]:8080'"),
        ("wsio listen 0 --exec cat", "--to exec:PROGRAM"),
        ("wsio listen 0 --sh-c cat", "--to exec:PROGRAM"),
        ("wsio connect ws://h --exec cat", "wsio pipe URL exec:PROGRAM"),
        ("wsio -t ws-l:127.0.0.1:8080 mirror:", "wsio pipe -t ws-listen:127.0.0.1:8080 echo:"),
        ("wsio -t ws-l:127.0.0.1:8080 broadcast:mirror:", "wsio listen 127.0.0.1:8080 --relay"),
        ("wsio -b ws-l:127.0.0.1:8080 tcp:h:22", "wsio pipe -b ws-listen:127.0.0.1:8080 tcp:h:22"),
        ("wsio -c ws://h -x hi -w 3", "wsio connect ws://h --send hi --linger 3"),
        ("wsio -c ws://h --auth u:p", "wsio connect ws://h --user …"),
        ("wsio --port=1 --ssl --sslcert=c --sslkey=k ./x", "wsio listen 1 --cert=c --key=k -- ./x"),
        ("wsio --port=1 --passenv A --loglevel=debug ./x a", "wsio listen 1 -- ./x a"),
        ("wsio connect localhost 8080", "wsio connect localhost:8080"),
        ("wsio connect localhost:8080 /chat", "wsio connect localhost:8080/chat"),
        ("wsio connect --url ws://h", "wsio connect ws://h"),
        ("wsio -n ws://h", "-k to accept any certificate"),
        ("wsio listen 8080 8081", "wsio listen --help"),
        ("wsio connect -k", "wsio connect -k wss://HOST/PATH, or wsio connect --help"),
        ("wsio listen", "wsio listen 8080, or wsio listen --help"),
        ("wsio connect --no-check", "-k to accept any certificate"),
    ] {
        let said = hint(line);
        assert!(said.starts_with(instead), "{line}: {said}");
        if instead.starts_with("wsio ") && !instead.contains(['[', 'P', 'U']) {
            assert_eq!(said, instead);
        }
    }
}

#[test]
fn the_word_that_was_taken_for_the_target_is_named() {
    for (line, cause) in [
        ("wsio connect -b a=b ws://h", "`ws://h` is one word too many: `a=…` is the target"),
        ("wsio connect --linger 3 x ws://h", "`ws://h` is one word too many: `x` is the target"),
        ("wsio connect --linger=3 -k x ws://h", "`ws://h` is one word too many: `x` is the target"),
        ("wsio listen -k 8080 8081", "`8081` is one word too many: `8080` is the address to listen on"),
        ("wsio pipe - x y", "`y` is one word too many: `-` is the first of the two endpoints"),
    ] {
        assert_eq!(fault(line).cause, cause, "{line}");
    }
}

/// The options of four tools, by their own help.
const OTHERS: &[(&str, &str)] = &[
    (
        "curl",
        "abstract-unix-socket alt-svc anyauth append aws-sigv4 basic cacert capath cert cert-status cert-type ciphers compressed compressed-ssh config connect-timeout connect-to continue-at cookie cookie-jar create-dirs create-file-mode crlf crlfile curves data data-ascii data-binary data-raw data-urlencode delegation digest disable disable-eprt disable-epsv disallow-username-in-url dns-interface dns-ipv4-addr dns-ipv6-addr dns-servers doh-cert-status doh-insecure doh-url dump-header ech egd-file engine etag-compare etag-save expect100-timeout fail fail-early fail-with-body false-start form form-escape form-string ftp-account ftp-create-dirs ftp-method ftp-pasv ftp-port ftp-pret ftp-ssl-ccc get globoff happy-eyeballs-timeout-ms haproxy-clientip haproxy-protocol head header hostpubmd5 hsts http0.9 http1.0 http1.1 http2 http2-prior-knowledge http3 http3-only ignore-content-length include insecure interface ip-tos ipfs-gateway ipv4 ipv6 json junk-session-cookies keepalive-cnt keepalive-time key key-type krb libcurl limit-rate list-only local-port location location-trusted login-options mail-auth mail-from mail-rcpt manual max-filesize max-redirs max-time metalink mptcp negotiate netrc netrc-file netrc-optional next no-alpn no-buffer no-clobber no-keepalive no-npn no-progress-meter no-sessionid noproxy ntlm ntlm-wb oauth2-bearer output output-dir parallel parallel-immediate parallel-max pass path-as-is pinnedpubkey post301 post302 post303 preproxy progress-bar proto proto-default proto-redir proxy proxy-anyauth proxy-basic proxy-cacert proxy-capath proxy-cert proxy-digest proxy-header proxy-http2 proxy-insecure proxy-key proxy-negotiate proxy-ntlm proxy-pass proxy-user proxy1.0 proxytunnel pubkey quote random-file range rate raw referer remote-header-name remote-name remote-name-all remote-time remove-on-error request request-target resolve retry retry-all-errors retry-connrefused retry-delay retry-max-time sasl-authzid sasl-ir service-name show-error show-headers silent skip-existing socks4 socks4a socks5 socks5-basic socks5-gssapi socks5-hostname speed-limit speed-time ssl ssl-allow-beast ssl-no-revoke ssl-reqd sslv2 sslv3 stderr styled-output suppress-connect-headers tcp-fastopen tcp-nodelay telnet-option tftp-blksize time-cond tls-earlydata tls-max tls13-ciphers tlsauthtype tlspassword tlsuser tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 tr-encoding trace trace-ascii trace-config trace-ids trace-time unix-socket upload-file url url-query use-ascii user user-agent variable verbose vlan-priority write-out xattr",
    ),
    (
        "websocat",
        "stdout-announce-listening-ports async-stdio dump-spec set-environment exit-on-eof foreachmsg-wait-read jsonrpc jsonrpc-omit-jsonrpc just-generate-key linemode-strip-newlines null-terminated no-line no-exit-on-zeromsg no-fixups no-async-stdio one-message oneshot print-ping-rtts exec-sighup-on-stdin-close exec-sighup-on-zero-msg exec-exit-on-disconnect reuser-send-zero-msg-on-disconnect server-mode strict timestamp-monotonic insecure udp-broadcast udp-multicast-loop udp-oneshot udp-reuseaddr unidirectional unidirectional-reverse accept-from-fd unlink binary no-close websocket-ignore-zeromsg text base64 base64-text socks5 autoreconnect-delay-millis basic-auth basic-auth-file queue-len buffer-size header server-header exec-args header-to-env just-generate-accept max-messages max-messages-rev conncap origin pkcs12-der pkcs12-passwd client-pkcs12-der client-pkcs12-passwd close-reason close-status-code request-header request-method request-uri restrict-uri static-file socks5-bind-script socks5-destination socks5-user-pass tls-domain udp-multicast udp-ttl protocol server-protocol websocket-version binary-prefix ws-c-uri ping-interval ping-timeout max-sent-pings max-ping-pongs inhibit-pongs text-prefix preamble preamble-reverse lengthprefixed-nbytes lengthprefixed-little-endian compress-gzip uncompress-gzip compress-zlib compress-deflate byte-to-exit-on exit-on-specific-byte",
    ),
    (
        "wscat",
        "listen connect protocol origin execute wait host subprotocol no-check header auth ca cert key passphrase no-color slash proxy max-redirects show-ping-pong location",
    ),
    (
        "websocketd",
        "port address uds sameorigin origin ssl sslcert sslkey redirport passenv binary reverselookup dir staticdir cgidir maxforks closems header header-ws header-http license devconsole loglevel",
    ),
];

#[test]
fn no_option_of_another_tool_is_taken_for_a_slip() {
    let mut astray = Vec::new();
    for (tool, options) in OTHERS {
        for option in options.split(' ') {
            for line in [format!("wsio connect --{option} x ws://h"), format!("wsio listen 0 --{option}")] {
                let mut context = Context {
                    env: &|_| None,
                    stdin: &mut std::io::empty(),
                    stdin_is_terminal: false,
                    ask: None,
                };
                if let Err(fault) = parse(line.split(' ').map(Into::into), &mut context) {
                    let hint = fault.hint.unwrap_or_default();
                    astray
                        .extend(hint.contains("which is similar").then(|| format!("{tool}: {line}: {hint}")));
                }
            }
        }
    }
    assert_eq!(astray, Vec::<String>::new());
}

#[test]
fn well_known_options_have_an_answer() {
    for word in "-i --include -E --fail --trace --netrc --digest --write-out -e -o -N -X --data-raw --base64 \
        --lengthprefixed-nbytes --request-header --preamble --queue-len --stdout-announce-listening-ports \
        --socks5-user-pass --accept-from-fd --autoreconnect-delay-millis --max-sent-pings --set-environment \
        --redirport --license --max-redirects --referer --request --output --dump-header --max-time --compressed"
        .split_whitespace()
    {
        for line in [format!("wsio connect {word}"), format!("wsio listen {word}"), format!("wsio pipe {word}")] {
            let said = hint(&line);
            assert!(!said.contains("--help") && !said.contains("which is similar"), "{line}: {said}");
        }
    }
    for (line, instead) in [
        ("wsio listen 0 --tls", "--cert FILE --key FILE, or --self-signed"),
        ("wsio listen 0 --mirror", "--echo"),
        ("wsio listen 0 --broadcast", "--relay"),
        ("wsio connect ws://h --netrc", "-u @FILE"),
        ("wsio connect ws://h --digest", "-H 'Authorization: VALUE'"),
        ("wsio connect ws://h -o x", "redirect standard output"),
    ] {
        assert!(hint(line).starts_with(instead), "{line}: {}", hint(line));
    }
    for line in ["wsio connect -s ws://h", "wsio connect --silent ws://h", "wsio listen -s 0"] {
        let mut context =
            Context { env: &|_| None, stdin: &mut std::io::empty(), stdin_is_terminal: false, ask: None };
        let Ok(Parsed::Run(plan)) = parse(line.split(' ').map(Into::into), &mut context) else {
            panic!("{line}")
        };
        assert_eq!(plan_verbosity(&plan), crate::observe::Verbosity::Quiet, "{line}");
    }
}

fn plan_verbosity(plan: &crate::plan::Plan) -> crate::observe::Verbosity {
    match plan {
        crate::plan::Plan::Connect(plan) => plan.common.verbosity,
        crate::plan::Plan::Listen(plan) => plan.common.verbosity,
        crate::plan::Plan::Pipe(plan) => plan.common.verbosity,
    }
}

#[test]
fn a_bad_value_gets_the_line_with_a_good_one() {
    for (line, instead) in [
        ("wsio connect ws://h -m", "wsio connect ws://h -m 10s"),
        ("wsio connect ws://h --timeout -1", "wsio connect ws://h --timeout 10s"),
        ("wsio connect --timeout=x ws://h", "wsio connect --timeout=10s ws://h"),
        ("wsio connect -mx ws://h", "wsio connect -m 10s ws://h"),
        ("wsio connect ws://h --send", "wsio connect ws://h --send hello"),
        ("wsio connect ws://h --framing", "wsio connect ws://h --framing lines"),
        ("wsio connect ws://h -H", "wsio connect ws://h -H 'Name: value'"),
        ("wsio listen 0 --to", "wsio listen 0 --to tcp:localhost:22"),
        ("wsio connect ws://h --max-message 3q", "wsio connect ws://h --max-message 16M"),
    ] {
        assert_eq!(hint(line), instead, "{line}");
    }
}

#[test]
fn heartbeats_and_times_say_how_they_are_written() {
    for (line, instead) in [
        ("wsio connect ws://h --every 0=x", "--every '30s=x'"),
        ("wsio connect ws://h --every 5m", "--every 5m=ping"),
        ("wsio connect ws://h --every hi", "--every '30s=hi'"),
        ("wsio connect ws://h --timestamps --json", "leave --timestamps out"),
    ] {
        assert!(hint(line).starts_with(instead), "{line}: {}", hint(line));
    }
}

#[test]
fn what_has_no_use_is_refused_with_the_reason() {
    for (line, reason) in [
        ("wsio connect ws://h --record -", "would mix records with the messages"),
        ("wsio connect ws://h --script x --reconnect", "--reconnect is not for a script"),
        ("wsio connect ws://h --resend", "--resend needs --reconnect"),
        ("wsio connect ws://h --reconnect --resend --ping-interval off", "--resend needs pings"),
        ("wsio connect ws://h --reconnect --resend --recv-only", "--recv-only reads none"),
        ("wsio connect ws://h --reconnect --resend --framing raw", "--resend is for messages"),
        ("wsio connect ws://h --resend --check", "--resend is for a session"),
        ("wsio connect ws://h --script x --resend", "--resend is not for a script"),
        ("wsio pipe tcp:h:1 ws://h --reconnect --resend", "--resend is for messages"),
        ("wsio pipe tcp:h:1 ws://h --reconnect --resend --in whole", "an input that is no file"),
        ("wsio pipe tcp:h:1 tcp:h:2 --resend", "--resend needs a ws: or wss: endpoint"),
        ("wsio pipe ws-listen:0 ws://h --resend", "--resend needs a ws: or wss: endpoint"),
        ("wsio pipe ws-listen:0 ws://h --framing raw", "--framing is for bytes"),
        ("wsio pipe ws://h wss://h --json", "--json is for bytes"),
        ("wsio listen 0 --to ws://h --in raw", "--in is for bytes"),
    ] {
        let fault = fault(line);
        assert!(fault.cause.contains(reason), "{line}: {fault}");
    }
}

#[test]
fn what_is_secret_is_not_said_again() {
    for line in [
        "wsio wss://me:s3cret@h",
        "wsio --bearer s3cret wss://h",
        "wsio -us3cret:s3cret wss://h",
        "wsio -H Authorization:s3cret --bearer=s3cret wss://h?token=s3cret",
    ] {
        let fault = fault(line);
        let hint = fault.hint.clone().unwrap_or_default();
        assert!(
            hint.starts_with("wsio connect ") && !fault.to_string().contains("s3cret"),
            "{fault}: {hint}"
        );
        assert!(!hint.contains("s3cret"), "{hint}");
    }
}

#[test]
fn help_is_a_word_too() {
    let mut context =
        Context { env: &|_| None, stdin: &mut std::io::empty(), stdin_is_terminal: false, ask: None };
    for (line, part) in [("wsio help connect", "wsio connect"), ("wsio help", "wsio <COMMAND>")] {
        let parsed = parse(line.split(' ').map(Into::into), &mut context);
        assert!(matches!(&parsed, Ok(Parsed::Print(text)) if text.contains(part)), "{parsed:?}");
    }
}
