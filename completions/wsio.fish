# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_wsio_global_optspecs
    string join \n generate= h/help V/version
end

function __fish_wsio_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_wsio_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_wsio_using_subcommand
    set -l cmd (__fish_wsio_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c wsio -n "__fish_wsio_needs_command" -l generate -d 'Print a man page, a completion script, or the JSON Schema of the records of --json' -r -f -a "man\t''
man-connect\t''
man-listen\t''
man-pipe\t''
man-script\t''
man-records\t''
man-examples\t''
complete-bash\t''
complete-zsh\t''
complete-fish\t''
complete-elvish\t''
complete-powershell\t''
schema\t''"
complete -c wsio -n "__fish_wsio_needs_command" -s h -l help -d 'Show common options with -h, all with --help'
complete -c wsio -n "__fish_wsio_needs_command" -s V -l version -d 'Print version'
complete -c wsio -n "__fish_wsio_needs_command" -f -a "connect" -d 'Talk to a WebSocket server'
complete -c wsio -n "__fish_wsio_needs_command" -f -a "listen" -d 'Be a WebSocket server'
complete -c wsio -n "__fish_wsio_needs_command" -f -a "pipe" -d 'Join any two endpoints'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l curl -d 'Take URL and options from a browser\'s "Copy as cURL" line; @FILE or @- reads it; options given here win' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l framing -d 'Frame messages as F, on input and output' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record per line, with message types, pings, closes and events'"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l in -d 'Frame messages as F, on input only' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record per line, with message types, pings, closes and events'"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l out -d 'Frame messages as F, on output only' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record per line, with message types, pings, closes and events'"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l max-message -d 'Refuse messages larger than SIZE, sent or received' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l max-frame -d 'Send frames of at most SIZE; longer messages go as fragments, raw input as smaller messages' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l read-ahead -d 'Buffer up to SIZE while an output is stalled, to keep answering pings; or off [default: 16M, listening 256k]' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l timestamps -d 'Print the time before each message; delta prints the seconds since the last; disables the prompt' -r -f -a "time\t'RFC 3339, UTC, milliseconds'
delta\t'Seconds since the message before'"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l send -d 'Send MSG before any input; @FILE, @- or @env:NAME reads it from there; repeatable' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l every -d 'Send MSG every DURATION, as an application heartbeat; MSG as for --send; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l reply -d 'Answer each text message matching REGEX with MSG; $1 is a capture, \\= a = in REGEX; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s n -l count -d 'End after N received messages; exit 1 if fewer arrive' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l linger -d 'After input ends, wait for DURATION of silence; without input, after --send; inf waits for a Close' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l close -d 'Close with CODE and REASON at a normal end; none sends an empty Close, like browsers [default: 1000]' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l ok-close -d 'Exit 0 if the peer closes with one of CODES, such as 1008,4000-4999; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l close-timeout -d 'Wait at most DURATION for the peer to answer our Close' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l for -d 'Close each session normally after DURATION; exit 0 if nothing else failed' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s m -l timeout -d 'Close after DURATION; exit at most --close-timeout later, with code 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l idle-timeout -d 'Close after DURATION without a message either way; exit with code 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l ping-interval -d 'Send a ping every DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l ping-timeout -d 'Treat the connection as lost when a ping is unanswered for DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l connect-timeout -d 'Wait at most DURATION for the connection to open, through DNS, proxy, TLS and upgrade; or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s H -l header -d 'Add a header to the request; \'NAME:\' removes a default one; @FILE holds one per line; repeatable' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l subprotocol -l protocol -d 'Offer subprotocol NAME; repeatable, or separated by commas' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s x -l proxy -d 'Connect through a proxy; [http|https|socks5|socks5h://][USER:PASSWORD@]HOST[:PORT], or \'\' for none' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l proxy-user -d 'Log in to the proxy; @FILE, @- or @env:NAME keeps it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l noproxy -d 'Bypass the proxy for the hosts in LIST; separated by commas, overrides no_proxy' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l proxy-cacert -d 'Trust the CA certificates in FILE (PEM) for an https proxy, instead of the system\'s' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l connect-to -d 'Connect to H2:P2 instead of H1:P1; an empty part matches any, or stays the same; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l resolve -d 'Use ADDR[,ADDR] for HOST:PORT instead of a name lookup; * matches any host; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l unix-socket -d 'Connect through the Unix socket PATH, for any host' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l interface -d 'Connect from network interface NAME or local address ADDR' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l cacert -d 'Trust the CA certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l tls-min -d 'Use at least this version of TLS [default: 1.2]' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l pin -l pinnedpubkey -d 'Accept only a certificate with this public key; a ; separates several' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l crl -l crlfile -d 'Refuse certificates revoked by the CRLs in FILE (PEM); every issuer needs a CRL' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l sni -d 'Send and verify NAME instead of the URL\'s host; none sends no name' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l cert -d 'Log in with the client certificate chain in FILE (PEM)' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l key -d 'Read the key of --cert from FILE (PEM) [default: the --cert file]' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l pass -d 'Decrypt the key with PASSPHRASE; @FILE or @env:NAME keeps it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l secret -d 'Hide the value of header or query parameter NAME in logs and recordings; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l record -d 'Record all messages in FILE; as HAR if it ends in .har, a script if in .wsio, else JSON lines' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l match -d 'Print and count only messages matching REGEX; exit 1 if none arrives; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l match-json -d 'Print and count only messages whose JSON has VALUE at POINTER; exit 1 if none arrives; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l expect-close -d 'Wait for the peer to close with one of CODES, such as 1008,4000-4999; exit 1 if it does not; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l expect-subprotocol -d 'Exit 1 unless the server selects subprotocol NAME' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l script -d 'Run the script in FILE; - is standard input; see wsio-script(5)' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l report -d 'Write test results for a CI system, one for each expectation; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l retry -d 'Retry opening the connection up to N times, after a timeout or a status such as 503 [default: 0]' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l retry-delay -d 'Wait DURATION before each retry [default: 250ms, doubling]' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l retry-max-time -d 'Start no retry later than DURATION after the first attempt; without --retry, retry until then' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l reconnect -d 'Reconnect when an open connection is lost; N limits the tries each time; repeats --send' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s u -l user -d 'Log in with HTTP Basic; @FILE, @- or @env:NAME keeps it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l bearer -d 'Log in with a bearer token; @FILE, @- or @env:NAME keeps it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l cookie -d 'Send cookies, \'a=b\' or @FILE; FILE is plain, a Netscape jar, JSON or Set-Cookie lines; repeatable' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s A -l user-agent -d 'Send NAME as the User-Agent header' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l origin -d 'Send ORIGIN as the Origin header, like a page loaded from there' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l ping -d 'Send N pings, then print round-trip times; one a second, or --ping-interval apart' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l expect-status -d 'With --check, require this HTTP status of the upgrade, such as 403 for a refusal' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l expect-header -d 'With --check, require a response header to match REGEX; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l fail-if-cert-expires-in -d 'With --check, fail if a certificate of the chain expires within DURATION, such as 14d' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l max-rtt -d 'Fail if the ping of --check, or 95 % of those of --ping, takes longer than DURATION' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l max-loss -d 'With --ping, fail if more than PERCENT of the pings are lost' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l color -d 'Colour the output on a terminal; auto respects NO_COLOR' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'On every terminal'
never\t'Nowhere'"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s 0 -d 'Separate messages with NUL, like --framing nul'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l json -d 'Read and write JSON records, like --framing jsonl; they tell types, pings and closes'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s t -l text -d 'Send input as text messages; must be UTF-8 (default for lines, nul, sep, paragraph, headers)'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s b -l binary -d 'Send input as binary messages (default for raw, whole, length, base64, hex)'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l recv-only -d 'Do not read the input; only receive'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l send-only -d 'Do not write received messages; only send'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s 1 -d 'End after one received message, like -n 1'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l no-pong -d 'Do not answer pings; tests whether the peer drops unresponsive clients'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l compress -d 'Offer compression (permessage-deflate); a server accepts it'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l proxy-insecure -d 'Accept any certificate of an https proxy; prints a warning on every run'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s L -l location -d 'Follow up to 5 redirects; logins, secrets, --cert, -k and --sni never leave scheme, host and port'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s k -l insecure -d 'Accept any certificate; prints a warning on every run'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s q -s s -l quiet -l silent -d 'Print only errors'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s v -l verbose -d 'Print connection details and both handshake heads; -vv prints every frame'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l progress -d 'Show a progress bar on a terminal; print a summary of the transfer at its end'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l stats -d 'Print statistics at the end; messages, bytes, rates, round trips, phases'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l raw -d 'Print control characters of the peer unescaped on a terminal; they can change what it shows'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l allow-empty -d 'Accept a script that neither sends nor expects anything'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l retry-connrefused -d 'Also retry when the connection is refused; for a server that is still starting'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l retry-all-errors -d 'Retry after any failure'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l resend -d 'With --reconnect, resend input that no pong confirmed; it arrives at least once, some of it twice'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l check -d 'Open, ping, close, print one line; close by --timeout, exit at most --close-timeout later'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l no-pretty -d 'Show JSON as received, on one line and uncoloured'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l no-history -d 'Do not save typed lines in the history file'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s h -l help -d 'Show common options with -h, all with --help'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l to -d 'Connect each client to ENDPOINT, such as tcp:HOST:PORT; each gets a connection of its own' -r -f -a "(__wsio_endpoint - ws:// wss:// ws+unix: tcp: tls: unix: udp: exec: sh: file: append: echo: null: hub: nats:// nats+tls://)"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l serve -d 'Serve the files in DIR to plain HTTP requests; a page and its socket share one address' -r -f -a "(__fish_complete_directories)"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l path -d 'Accept WebSockets only at PATH; answer 404 elsewhere; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l allow-origin -d 'Also accept pages from ORIGIN; * in it matches any name, null is a page from a file, any is all; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l allow-host -d 'Also accept the Host NAME on a loopback address, for a reverse proxy; * matches any name; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l forward-header -d 'Forward the client\'s header NAME to the WebSocket behind; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l client-ca -d 'Require clients to show a certificate issued by a CA in FILE (PEM)' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l announce -d 'Write the URL to FILE once listening' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l mode -d 'Create a Unix socket with the permissions MODE, octal such as 0660 [default: from the umask]' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l max-connections -d 'Serve at most N clients at a time; WebSockets beyond get 503, byte connections are closed' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l max-buffer -d 'Buffer at most SIZE of unfinished messages and --read-ahead in all; beyond, close the largest client (1013)' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l handshake-timeout -d 'Drop a client whose handshake takes longer than DURATION' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l grace -d 'After a signal, let open sessions finish for at most DURATION' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l queue -d 'Queue up to SIZE for each slow client; queued payloads are shared between clients' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l slow -d 'Set the action for a client whose queue is full, once it delayed the others for 1 s in any 30 s' -r -f -a "disconnect\t'Close it with 1013; standard input waits for a client alone, and for one that takes 64 KiB a second'
drop\t'Skip and count the messages that do not fit; nobody waits'
wait\t'Let all wait for it while it answers pings; NATS and UDP skip it'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l last -d 'Send the last N messages to each new client first' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l child-stderr -d 'Send a program\'s standard error to the log, or to the client as messages' -r -f -a "log\t'The log, with the number of the connection'
client\t'The client, like its standard output'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s u -l user -d 'Require clients to log in with HTTP Basic; @FILE, @- or @env:NAME keeps it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l bearer -d 'Require this bearer token from clients; @FILE, @- or @env:NAME keeps it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l framing -d 'Frame messages as F, on input and output' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record per line, with message types, pings, closes and events'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l in -d 'Frame messages as F, on input only' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record per line, with message types, pings, closes and events'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l out -d 'Frame messages as F, on output only' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record per line, with message types, pings, closes and events'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l max-message -d 'Refuse messages larger than SIZE, sent or received' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l max-frame -d 'Send frames of at most SIZE; longer messages go as fragments, raw input as smaller messages' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l read-ahead -d 'Buffer up to SIZE while an output is stalled, to keep answering pings; or off [default: 16M, listening 256k]' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l timestamps -d 'Print the time before each message; delta prints the seconds since the last; disables the prompt' -r -f -a "time\t'RFC 3339, UTC, milliseconds'
delta\t'Seconds since the message before'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l every -d 'Send MSG every DURATION, as an application heartbeat; MSG as for --send; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l reply -d 'Answer each text message matching REGEX with MSG; $1 is a capture, \\= a = in REGEX; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l linger -d 'After input ends, wait for DURATION of silence; without input, after --send; inf waits for a Close' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l close -d 'Close with CODE and REASON at a normal end; none sends an empty Close, like browsers [default: 1000]' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l ok-close -d 'Exit 0 if the peer closes with one of CODES, such as 1008,4000-4999; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l close-timeout -d 'Wait at most DURATION for the peer to answer our Close' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l for -d 'Close each session normally after DURATION; exit 0 if nothing else failed' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s m -l timeout -d 'Close after DURATION; exit at most --close-timeout later, with code 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l idle-timeout -d 'Close after DURATION without a message either way; exit with code 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l ping-interval -d 'Send a ping every DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l ping-timeout -d 'Treat the connection as lost when a ping is unanswered for DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s x -l proxy -d 'With --to, connect through a proxy; [http|https|socks5|socks5h://][USER:PASSWORD@]HOST[:PORT], or \'\' for none' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l proxy-user -d 'With --to, log in to the proxy; @FILE, @- or @env:NAME keeps it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l noproxy -d 'With --to, bypass the proxy for the hosts in LIST; separated by commas, overrides no_proxy' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l proxy-cacert -d 'With --to, trust the CA certificates in FILE (PEM) for an https proxy, instead of the system\'s' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l connect-to -d 'With --to, connect to H2:P2 instead of H1:P1; an empty part matches any, or stays the same; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l resolve -d 'With --to, use ADDR[,ADDR] for HOST:PORT instead of a name lookup; * matches any host; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l unix-socket -d 'With --to, connect through the Unix socket PATH, for any host' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l interface -d 'With --to, connect from network interface NAME or local address ADDR' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l tls-min -d 'With --to, use at least this version of TLS [default: 1.2]' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l pin -l pinnedpubkey -d 'With --to, accept only a certificate with this public key; a ; separates several' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l crl -l crlfile -d 'With --to, refuse certificates revoked by the CRLs in FILE (PEM); every issuer needs a CRL' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l secret -d 'Hide the value of header or query parameter NAME in logs and recordings; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l record -d 'Record all messages in FILE; as HAR if it ends in .har, a script if in .wsio, else JSON lines' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s H -l header -d 'Add a header to the response; @FILE holds one per line; repeatable' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l subprotocol -l protocol -d 'Accept subprotocol NAME; repeatable, or separated by commas' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l cert -d 'Serve TLS with the certificate chain in FILE (PEM); SIGHUP reloads it' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l key -d 'Read the key of --cert from FILE (PEM) [default: the --cert file]' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l cacert -d 'With --to, trust the CA certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l sni -d 'With --to, send and verify NAME instead of the host; none sends no name' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l pass -d 'Decrypt the key with PASSPHRASE; @FILE or @env:NAME keeps it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l connect-timeout -d 'With --to, wait at most DURATION for the endpoint to open, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s n -l count -d 'End a client\'s session after N messages from it' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l send -d 'Send MSG to each client first; @FILE, @- or @env:NAME reads it from there; repeatable' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l script -d 'Run the script in FILE against each client; - is standard input; see wsio-script(5)' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l report -d 'Write test results for a CI system, one for each client and expectation; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l echo -d 'Echo each message to its sender'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l relay -d 'Send each message to all other clients; standard output gets it too'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l allow-empty -d 'Accept a script that neither sends nor expects anything'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l console -d 'Serve a web page that talks to the socket; with --serve it is at /.console'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l once -d 'Exit after serving one client; the exit code is that of its session'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l self-signed -d 'Serve TLS with a certificate made at startup; prints its fingerprint'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l pty -d 'Run programs on a terminal, to avoid buffering of their output; with --framing raw, on a console'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l hangup -d 'Send SIGHUP to a program when its WebSocket ends abnormally, besides the end of its input'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s 0 -d 'Separate messages with NUL, like --framing nul'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l json -d 'Read and write JSON records, like --framing jsonl; they tell types, pings and closes'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s t -l text -d 'Send input as text messages; must be UTF-8 (default for lines, nul, sep, paragraph, headers)'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s b -l binary -d 'Send input as binary messages (default for raw, whole, length, base64, hex)'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l no-pong -d 'Do not answer pings; tests whether the peer drops unresponsive clients'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l compress -d 'Offer compression (permessage-deflate); a server accepts it'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l proxy-insecure -d 'With --to, accept any certificate of an https proxy; prints a warning on every run'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s L -l location -d 'With --to, follow up to 5 redirects; logins, secrets, --cert, -k and --sni never leave scheme, host and port'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s 4 -l ipv4 -d 'With --to, use IPv4 addresses only'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s 6 -l ipv6 -d 'With --to, use IPv6 addresses only'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l stats -d 'Print statistics at the end; messages, bytes, rates, round trips, phases'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s k -l insecure -d 'With --to, accept any certificate; prints a warning on every run'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s 1 -d 'End a client\'s session after one message, like -n 1'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l recv-only -d 'Do not read the input; with --to nats:, publish no messages of clients'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l send-only -d 'Do not write received messages; only send'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s q -s s -l quiet -l silent -d 'Print only errors'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s v -l verbose -d 'Print connection details and both handshake heads; -vv prints every frame'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l progress -d 'Show a progress bar on a terminal; print a summary of the transfer at its end'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l raw -d 'Print control characters of the peer unescaped on a terminal; they can change what it shows'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s h -l help -d 'Show common options with -h, all with --help'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l framing -d 'Frame messages as F, on input and output' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record per line, with message types, pings, closes and events'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l in -d 'Frame messages as F, on input only' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record per line, with message types, pings, closes and events'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l out -d 'Frame messages as F, on output only' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record per line, with message types, pings, closes and events'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l max-message -d 'Refuse messages larger than SIZE, sent or received' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l max-frame -d 'Send frames of at most SIZE; longer messages go as fragments, raw input as smaller messages' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l read-ahead -d 'Buffer up to SIZE while an output is stalled, to keep answering pings; or off [default: 16M, listening 256k]' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l timestamps -d 'Print the time before each message; delta prints the seconds since the last; disables the prompt' -r -f -a "time\t'RFC 3339, UTC, milliseconds'
delta\t'Seconds since the message before'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l every -d 'Send MSG every DURATION, as an application heartbeat; MSG as for --send; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l reply -d 'Answer each text message matching REGEX with MSG; $1 is a capture, \\= a = in REGEX; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l linger -d 'After input ends, wait for DURATION of silence; without input, after --send; inf waits for a Close' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l close -d 'Close with CODE and REASON at a normal end; none sends an empty Close, like browsers [default: 1000]' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l ok-close -d 'Exit 0 if the peer closes with one of CODES, such as 1008,4000-4999; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l close-timeout -d 'Wait at most DURATION for the peer to answer our Close' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l for -d 'Close each session normally after DURATION; exit 0 if nothing else failed' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s m -l timeout -d 'Close after DURATION; exit at most --close-timeout later, with code 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l idle-timeout -d 'Close after DURATION without a message either way; exit with code 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l ping-interval -d 'Send a ping every DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l ping-timeout -d 'Treat the connection as lost when a ping is unanswered for DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l connect-timeout -d 'Wait at most DURATION for the connection to open, through DNS, proxy, TLS and upgrade; or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s x -l proxy -d 'Connect through a proxy; [http|https|socks5|socks5h://][USER:PASSWORD@]HOST[:PORT], or \'\' for none' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l proxy-user -d 'Log in to the proxy; @FILE, @- or @env:NAME keeps it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l noproxy -d 'Bypass the proxy for the hosts in LIST; separated by commas, overrides no_proxy' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l proxy-cacert -d 'Trust the CA certificates in FILE (PEM) for an https proxy, instead of the system\'s' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l connect-to -d 'Connect to H2:P2 instead of H1:P1; an empty part matches any, or stays the same; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l resolve -d 'Use ADDR[,ADDR] for HOST:PORT instead of a name lookup; * matches any host; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l unix-socket -d 'Connect through the Unix socket PATH, for any host' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l interface -d 'Connect from network interface NAME or local address ADDR' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l cacert -d 'Trust the CA certificates in FILE (PEM) instead of the system\'s' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l tls-min -d 'Use at least this version of TLS [default: 1.2]' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l pin -l pinnedpubkey -d 'Accept only a certificate with this public key; a ; separates several' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l crl -l crlfile -d 'Refuse certificates revoked by the CRLs in FILE (PEM); every issuer needs a CRL' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l sni -d 'Send and verify NAME instead of the URL\'s host; none sends no name' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l key -d 'Read the key of --cert from FILE (PEM) [default: the --cert file]' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l pass -d 'Decrypt the key with PASSPHRASE; @FILE or @env:NAME keeps it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l secret -d 'Hide the value of header or query parameter NAME in logs and recordings; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l record -d 'Record all messages in FILE; as HAR if it ends in .har, a script if in .wsio, else JSON lines' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l match -d 'Print and count only messages matching REGEX; exit 1 if none arrives; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l match-json -d 'Print and count only messages whose JSON has VALUE at POINTER; exit 1 if none arrives; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l expect-close -d 'Wait for the peer to close with one of CODES, such as 1008,4000-4999; exit 1 if it does not; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l expect-subprotocol -d 'Exit 1 unless the server selects subprotocol NAME' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l retry -d 'Retry opening the connection up to N times, after a timeout or a status such as 503 [default: 0]' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l retry-delay -d 'Wait DURATION before each retry [default: 250ms, doubling]' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l retry-max-time -d 'Start no retry later than DURATION after the first attempt; without --retry, retry until then' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l reconnect -d 'Reconnect when an open connection is lost; N limits the tries each time; repeats --send' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l cookie -d 'Send cookies, \'a=b\' or @FILE; FILE is plain, a Netscape jar, JSON or Set-Cookie lines; repeatable' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s A -l user-agent -d 'Send NAME as the User-Agent header' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l origin -d 'Send ORIGIN as the Origin header, like a page loaded from there' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l queue -d 'Queue up to SIZE for each slow client; queued payloads are shared between clients' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l slow -d 'Set the action for a client whose queue is full, once it delayed the others for 1 s in any 30 s' -r -f -a "disconnect\t'Close it with 1013; standard input waits for a client alone, and for one that takes 64 KiB a second'
drop\t'Skip and count the messages that do not fit; nobody waits'
wait\t'Let all wait for it while it answers pings; NATS and UDP skip it'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l last -d 'Send the last N messages to each new client first' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l child-stderr -d 'Send a program\'s standard error to the log, or to the client as messages' -r -f -a "log\t'The log, with the number of the connection'
client\t'The client, like its standard output'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l path -d 'Accept WebSockets only at PATH; answer 404 elsewhere; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l allow-origin -d 'Also accept pages from ORIGIN; * in it matches any name, null is a page from a file, any is all; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l allow-host -d 'Also accept the Host NAME on a loopback address, for a reverse proxy; * matches any name; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l forward-header -d 'Forward the client\'s header NAME to the WebSocket behind; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l client-ca -d 'Require clients to show a certificate issued by a CA in FILE (PEM)' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l announce -d 'Write the URL to FILE once listening' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l mode -d 'Create a Unix socket with the permissions MODE, octal such as 0660 [default: from the umask]' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l max-connections -d 'Serve at most N clients at a time; WebSockets beyond get 503, byte connections are closed' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l max-buffer -d 'Buffer at most SIZE of unfinished messages and --read-ahead in all; beyond, close the largest client (1013)' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l handshake-timeout -d 'Drop a client whose handshake takes longer than DURATION' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l grace -d 'After a signal, let open sessions finish for at most DURATION' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s H -l header -d 'Add a header to the request; to the response if only a server side exists; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l subprotocol -l protocol -d 'Offer subprotocol NAME, or accept it as a server; between two WebSockets it passes through' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l cert -d 'Use the certificate chain in FILE (PEM); for a TLS server (SIGHUP reloads it), or else the client side' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l send -d 'Send MSG to the far side before any input; @FILE, @- or @env:NAME reads it from there; repeatable' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s u -l user -d 'Log in with HTTP Basic; a lone server side requires it; @FILE, @- or @env:NAME reads it' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l bearer -d 'Log in with a bearer token; a lone server side requires it; @FILE, @- or @env:NAME reads it' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s n -l count -d 'End after N messages from the far side (the WebSocket, else B); exit 1 if fewer arrive' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s 0 -d 'Separate messages with NUL, like --framing nul'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l json -d 'Read and write JSON records, like --framing jsonl; they tell types, pings and closes'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s t -l text -d 'Send input as text messages; must be UTF-8 (default for lines, nul, sep, paragraph, headers)'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s b -l binary -d 'Send input as binary messages (default for raw, whole, length, base64, hex)'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l no-pong -d 'Do not answer pings; tests whether the peer drops unresponsive clients'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l compress -d 'Offer compression (permessage-deflate); a server accepts it'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l proxy-insecure -d 'Accept any certificate of an https proxy; prints a warning on every run'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s L -l location -d 'Follow up to 5 redirects; logins, secrets, --cert, -k and --sni never leave scheme, host and port'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s k -l insecure -d 'Accept any certificate; prints a warning on every run'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s q -s s -l quiet -l silent -d 'Print only errors'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s v -l verbose -d 'Print connection details and both handshake heads; -vv prints every frame'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l progress -d 'Show a progress bar on a terminal; print a summary of the transfer at its end'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l stats -d 'Print statistics at the end; messages, bytes, rates, round trips, phases'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l raw -d 'Print control characters of the peer unescaped on a terminal; they can change what it shows'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l retry-connrefused -d 'Also retry when the connection is refused; for a server that is still starting'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l retry-all-errors -d 'Retry after any failure'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l resend -d 'With --reconnect, resend input that no pong confirmed; it arrives at least once, some of it twice'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l pty -d 'Run programs on a terminal, to avoid buffering of their output; with --framing raw, on a console'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l hangup -d 'Send SIGHUP to a program when its WebSocket ends abnormally, besides the end of its input'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l once -d 'Exit after serving one client; the exit code is that of its session'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l self-signed -d 'Serve TLS with a certificate made at startup; prints its fingerprint'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l recv-only -d 'Do not read standard input nor publish to nats:; only receive'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l send-only -d 'Do not forward messages of the far side'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s 1 -d 'End after one message from the far side, like -n 1'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s h -l help -d 'Show common options with -h, all with --help'

# A value, or the file that holds it.
function __wsio_value
    set -l token (string replace -r -- '^--[^=]*=' '' (commandline -ct))
    string match -q -- '@*' $token
    and for path in (__fish_complete_path (string sub -s 2 -- $token))
        echo "@$path"
    end
end

# Endpoints: what follows a scheme completes as what it is.
function __wsio_endpoint
    set -l token (string replace -r -- '^--[^=]*=' '' (commandline -ct))
    if set -l found (string match -r -- '^((?:file|append|unix|unix-listen|ws\+unix|ws-listen:unix|wss-listen:unix):)(.*)$' $token)
        for path in (__fish_complete_path $found[3])
            echo "$found[2]$path"
        end
    else if set -l found (string match -r -- '^((?:exec|sh):)(.*)$' $token)
        for name in (complete -C $found[3])
            echo "$found[2]$name"
        end
    else
        string join \n -- $argv
    end
end

# The command line behind --, completed as one of its own.
function __wsio_program
    set -l words (commandline -opc)
    set -l program $words[(math (contains -i -- -- $words) + 1)..]
    complete -C (string join ' ' -- (string escape -- $program) (commandline -ct))
end

# How many words without a dash stand before this one, behind the subcommand; options' values among them.
function __wsio_is_place
    test (count (string match -rv -- '^-.' (commandline -opc)[3..])) -eq $argv[1] 2>/dev/null
    and not contains -- -- (commandline -opc)
end

complete -c wsio -n "__fish_wsio_using_subcommand connect; and not contains -- -- (commandline -opc)" -f -a "(__wsio_endpoint ws:// wss:// ws+unix: echo:)"
complete -c wsio -n "__fish_wsio_using_subcommand listen; and __wsio_is_place 0" -f -a "(__wsio_endpoint ws:// wss:// unix: fd: systemd)"
complete -c wsio -n "__fish_wsio_using_subcommand listen; and contains -- -- (commandline -opc)" -f -a "(__wsio_program)"
complete -c wsio -n "__fish_wsio_using_subcommand pipe; and __wsio_is_place 0" -f -a "(__wsio_endpoint - ws:// wss:// ws+unix: ws-listen: wss-listen: tcp: tls: tcp-listen: tls-listen: unix: unix-listen: udp: udp-listen: file: nats:// nats+tls://)"
complete -c wsio -n "__fish_wsio_using_subcommand pipe; and not __wsio_is_place 0" -f -a "(__wsio_endpoint - ws:// wss:// ws+unix: tcp: tls: unix: udp: exec: sh: file: append: echo: null: hub: nats:// nats+tls://)"
