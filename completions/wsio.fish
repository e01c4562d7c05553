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
complete-bash\t''
complete-zsh\t''
complete-fish\t''
complete-elvish\t''
complete-powershell\t''
schema\t''"
complete -c wsio -n "__fish_wsio_needs_command" -s h -l help -d 'Show the commonest options (-h), or all (--help)'
complete -c wsio -n "__fish_wsio_needs_command" -s V -l version -d 'Print version'
complete -c wsio -n "__fish_wsio_needs_command" -f -a "connect" -d 'Talk to a WebSocket server'
complete -c wsio -n "__fish_wsio_needs_command" -f -a "listen" -d 'Be a WebSocket server'
complete -c wsio -n "__fish_wsio_needs_command" -f -a "pipe" -d 'Join any two endpoints'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l curl -d 'Take URL and options from a browser\'s "copy as cURL" line; @FILE and @- read it; what else is given wins' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l framing -d 'Cut input into messages and write messages as F, both ways' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l in -d 'Cut input into messages as F' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l out -d 'Write messages to the output as F' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l max-message -d 'Refuse messages of more than SIZE bytes, both ways' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l max-frame -d 'Send no frame with more than SIZE bytes: a larger message goes as fragments, raw input as smaller ones' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l read-ahead -d 'Read on up to SIZE while an output takes nothing, to answer pings; or off [default: 16M, listening 256k]' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l timestamps -d 'Print the time before each message, or with delta the seconds since the one before; no prompt then' -r -f -a "time\t'RFC 3339, UTC, milliseconds'
delta\t'Seconds since the message before'"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l send -d 'Send MSG before any input; @FILE, @- and @env:NAME read it from there; repeatable' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l every -d 'Send MSG every DURATION, as a heartbeat above WebSocket; MSG as for --send; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l reply -d 'Answer a text message that matches REGEX with MSG, $1 for captures, \\= for = in REGEX; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s n -l count -d 'End after N received messages; exit 1 if fewer came' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l linger -d 'After the input, or --send where none comes, stay until the peer was silent for DURATION, or inf' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l close -d 'Close with CODE and REASON at a normal end, or with none as pages do [default: 1000]' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l ok-close -d 'Exit 0 also when the peer closes with one of CODES, as in 1008,4000-4999; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l close-timeout -d 'Wait at most DURATION for the answer to our Close' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l for -d 'End each session normally once it has lasted DURATION: close it, and exit 0 if all else is well' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s m -l timeout -d 'Close after DURATION, be gone by --close-timeout after that, with exit 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l idle-timeout -d 'End after DURATION without a message either way, with exit 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l ping-interval -d 'Ping the peer every DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l ping-timeout -d 'Give the peer up when a ping stays unanswered for DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l connect-timeout -d 'Wait at most DURATION until the connection is open, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s H -l header -d 'Add a header to the request; \'NAME:\' leaves out a default one; @FILE holds one a line; repeatable' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l subprotocol -l protocol -d 'Offer the subprotocol NAME; repeatable, or separated by commas' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s x -l proxy -d 'Go through [http|https|socks5|socks5h://][USER:PASSWORD@]HOST[:PORT]; \'\' for none' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l proxy-user -d 'Log in to the proxy; @FILE, @- and @env:NAME keep it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l noproxy -d 'Go without a proxy to the hosts in LIST, separated by commas, instead of those in no_proxy' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l proxy-cacert -d 'Trust the roots in FILE (PEM) for an https proxy, instead of the system\'s' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l connect-to -d 'Connect to H2:P2 where H1:P1 is asked for; an empty part is any, or the same; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l resolve -d 'Take ADDR[,ADDR] for HOST at PORT instead of asking the name service; * is any host; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l unix-socket -d 'Connect to the Unix socket PATH, whatever the host' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l interface -d 'Connect from the network interface NAME or the address ADDR of this machine' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l cacert -d 'Trust the roots in FILE (PEM) instead of the system\'s' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l tls-min -d 'Speak no older TLS than this [default: 1.2]' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l pin -l pinnedpubkey -d 'Accept only a certificate with one of these keys, separated by ;' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l crl -l crlfile -d 'Refuse certificates that the lists in FILE (PEM) revoke; every issuer needs one' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l sni -d 'Send and verify NAME instead of the URL\'s host, or send none' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l cert -d 'Show the certificate chain in FILE (PEM) to the server' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l key -d 'Take the key of --cert from FILE (PEM) [default: the --cert file]' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l pass -d 'Open an encrypted key with PASSPHRASE; @FILE and @env:NAME keep it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l secret -d 'Hide the value of the header field or query key NAME in what is said and recorded; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l record -d 'Record all messages in FILE as JSON lines, as HAR if it ends in .har, as a script if in .wsio' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l match -d 'Write and count only messages that REGEX matches; exit 1 if none came; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l match-json -d 'Write and count only messages with VALUE at POINTER of their JSON; exit 1 if none came; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l expect-close -d 'Wait for the peer to close with one of CODES, as in 1008,4000-4999; exit 1 if it does not; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l expect-subprotocol -d 'Exit 1 unless the server chose the subprotocol NAME' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l script -d 'Let the script in FILE, or - for standard input, say what is sent and what is expected' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l report -d 'Write how the script went, line by line, for a CI system; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l retry -d 'Try to open it up to N times more after a time-out or a status such as 503 [default: 0]' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l retry-delay -d 'Wait DURATION before each try [default: from 250ms on, doubling]' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l retry-max-time -d 'Begin no try later than DURATION after the first; without --retry as many as fit' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l reconnect -d 'Connect again when an open connection is lost, with at most N tries each time; repeats --send' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s u -l user -d 'Log in with HTTP Basic; @FILE, @- and @env:NAME keep it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l bearer -d 'Log in with a bearer token; @FILE, @- and @env:NAME keep it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l cookie -d 'Send cookies, as \'a=b\' or from @FILE: plain, a Netscape jar, JSON, Set-Cookie lines; repeatable' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s A -l user-agent -d 'Send NAME as User-Agent' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l origin -d 'Send ORIGIN as Origin, as a browser page from there would' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l ping -d 'Ping N times, a second or --ping-interval apart: min, avg, p95, max, loss' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l expect-status -d 'With --check, expect this HTTP status of the upgrade, as in 403 for a refusal that must happen' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l expect-header -d 'With --check, expect a header of the answer to match REGEX; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l fail-if-cert-expires-in -d 'With --check, fail if a certificate of the server\'s chain expires within DURATION, as in 14d' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l max-rtt -d 'Fail if the ping of --check, or 95 % of those of --ping, took longer than DURATION' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l max-loss -d 'With --ping, fail if more than PERCENT of the pings are lost' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l color -d 'Use colours on a terminal; auto heeds NO_COLOR' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'On every terminal'
never\t'Nowhere'"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s 0 -d 'Separate messages with NUL, the same as --framing nul'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l json -d 'Read and write JSON records with type, pings and closes, the same as --framing jsonl'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s t -l text -d 'Send input as text, which has to be UTF-8 (default with lines and nul)'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s b -l binary -d 'Send input as binary (default with raw and whole)'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l recv-only -d 'Never read the input, only receive'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l send-only -d 'Do not write received messages, only send'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s 1 -d 'End after one received message, the same as -n 1'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l no-pong -d 'Answer no pings, to see whether the peer drops who never does'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l compress -d 'Offer compression (permessage-deflate); when listening, accept it'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l proxy-insecure -d 'Accept any certificate of an https proxy; said on every run'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s L -l location -d 'Follow at most 5 redirects; logins, secrets, --cert, -k and --sni never leave scheme, host and port'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s k -l insecure -d 'Accept any certificate; said on every run'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s q -s s -l quiet -l silent -d 'Say nothing but faults on standard error'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s v -l verbose -d 'Say on standard error how the connection came about, with both heads; -vv also every frame'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l progress -d 'Draw on a terminal how far a transfer is, and say at its end what it carried'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l stats -d 'Sum up at the end on standard error: messages, bytes, rates, round trips, phases'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l raw -d 'Let control characters of the peer through to a terminal, which they can make lie'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l allow-empty -d 'Let a script pass that neither sends nor expects anything'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l retry-connrefused -d 'Try again also when the connection is refused, as by a server that is still starting'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l retry-all-errors -d 'Try again whatever the fault was'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l resend -d 'With --reconnect, send again what no pong had confirmed: each message at least once, some twice'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l check -d 'Open, ping, close by --timeout, be gone by --close-timeout after that; one line says what was found'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l no-pretty -d 'Show JSON as it was sent, on one line and without colours'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l no-history -d 'Keep what is typed out of the history file'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s h -l help -d 'Show the commonest options (-h), or all (--help)'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l to -d 'Join each client to a fresh ENDPOINT, such as tcp:HOST:PORT' -r -f -a "(__wsio_endpoint - ws:// wss:// ws+unix: tcp: tls: unix: udp: exec: sh: file: append: echo: null: hub: nats:// nats+tls://)"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l serve -d 'Serve the files in DIR to plain requests, so that a page and its socket come from one address' -r -f -a "(__fish_complete_directories)"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l path -d 'Open a WebSocket only at PATH, answer 404 elsewhere; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l allow-origin -d 'Let in pages of ORIGIN too, * standing for any name in it; null is a page opened from a file; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l allow-host -d 'Answer for the Host NAME too, * standing for any, on a loopback address behind a reverse proxy; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l forward-header -d 'Pass the client\'s header NAME on to the WebSocket behind; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l client-ca -d 'Let in only clients that show a certificate issued by a root in FILE (PEM)' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l announce -d 'Write the URL to FILE when listening' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l mode -d 'Give the file of a Unix socket the permissions MODE, octal as in 0660 [default: as the umask has it]' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l max-connections -d 'Serve at most N clients at a time, answer 503 beyond' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l max-buffer -d 'Hold SIZE in all of unfinished messages and --read-ahead; beyond, close the client that holds most (1013)' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l handshake-timeout -d 'Drop a client that did not finish its handshake after DURATION' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l grace -d 'Let open sessions drain for at most DURATION at a signal' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l queue -d 'Let SIZE bytes wait for each client that does not keep up; payloads are shared, so memory goes by the slowest' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l slow -d 'Do WHAT to clients whose queue is full once they held the others up for 1 s in 30 s' -r -f -a "disconnect\t'Close it (1013); standard input waits for one alone, and for one that takes 64 KiB a second'
drop\t'Let it miss messages, which are counted; nobody waits'
wait\t'Let all wait for it, as long as it answers pings; NATS and UDP go on and miss it'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l last -d 'Let a client that comes later have the last N messages first' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l child-stderr -d 'Send a program\'s standard error to our log, or to the client as messages' -r -f -a "log\t'To our standard error, with the number of the connection'
client\t'Where its standard output goes'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s u -l user -d 'Let in only clients that log in with HTTP Basic; @FILE, @- and @env:NAME keep it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l bearer -d 'Let in only clients that show this bearer token; @FILE, @- and @env:NAME keep it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l framing -d 'Cut input into messages and write messages as F, both ways' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l in -d 'Cut input into messages as F' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l out -d 'Write messages to the output as F' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l max-message -d 'Refuse messages of more than SIZE bytes, both ways' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l max-frame -d 'Send no frame with more than SIZE bytes: a larger message goes as fragments, raw input as smaller ones' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l read-ahead -d 'Read on up to SIZE while an output takes nothing, to answer pings; or off [default: 16M, listening 256k]' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l timestamps -d 'Print the time before each message, or with delta the seconds since the one before; no prompt then' -r -f -a "time\t'RFC 3339, UTC, milliseconds'
delta\t'Seconds since the message before'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l every -d 'Send MSG every DURATION, as a heartbeat above WebSocket; MSG as for --send; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l reply -d 'Answer a text message that matches REGEX with MSG, $1 for captures, \\= for = in REGEX; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l linger -d 'After the input, or --send where none comes, stay until the peer was silent for DURATION, or inf' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l close -d 'Close with CODE and REASON at a normal end, or with none as pages do [default: 1000]' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l ok-close -d 'Exit 0 also when the peer closes with one of CODES, as in 1008,4000-4999; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l close-timeout -d 'Wait at most DURATION for the answer to our Close' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l for -d 'End each session normally once it has lasted DURATION: close it, and exit 0 if all else is well' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s m -l timeout -d 'Close after DURATION, be gone by --close-timeout after that, with exit 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l idle-timeout -d 'End after DURATION without a message either way, with exit 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l ping-interval -d 'Ping the peer every DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l ping-timeout -d 'Give the peer up when a ping stays unanswered for DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s x -l proxy -d 'With --to, go through [http|https|socks5|socks5h://][USER:PASSWORD@]HOST[:PORT]; \'\' for none' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l proxy-user -d 'With --to, log in to the proxy; @FILE, @- and @env:NAME keep it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l noproxy -d 'With --to, go without a proxy to the hosts in LIST, separated by commas, instead of those in no_proxy' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l proxy-cacert -d 'With --to, trust the roots in FILE (PEM) for an https proxy, instead of the system\'s' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l connect-to -d 'With --to, connect to H2:P2 where H1:P1 is asked for; an empty part is any, or the same; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l resolve -d 'With --to, take ADDR[,ADDR] for HOST at PORT instead of asking the name service; * is any host; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l unix-socket -d 'With --to, connect to the Unix socket PATH, whatever the host' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l interface -d 'With --to, connect from the network interface NAME or the address ADDR of this machine' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l tls-min -d 'With --to, speak no older TLS than this [default: 1.2]' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l pin -l pinnedpubkey -d 'With --to, accept only a certificate with one of these keys, separated by ;' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l crl -l crlfile -d 'With --to, refuse certificates that the lists in FILE (PEM) revoke; every issuer needs one' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l secret -d 'Hide the value of the header field or query key NAME in what is said and recorded; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l record -d 'Record all messages in FILE as JSON lines, as HAR if it ends in .har, as a script if in .wsio' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s H -l header -d 'Add a header to the answer; @FILE holds one a line; repeatable' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l subprotocol -l protocol -d 'Speak the subprotocol NAME; repeatable, or separated by commas' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l cert -d 'Serve TLS with the certificate chain in FILE (PEM); SIGHUP reads it anew' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l key -d 'Take the key of --cert from FILE (PEM) [default: the --cert file]' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l cacert -d 'With --to, trust the roots in FILE (PEM) instead of the system\'s' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l sni -d 'With --to, send and verify NAME instead of the host, or send none' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l pass -d 'Open an encrypted key with PASSPHRASE; @FILE and @env:NAME keep it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l connect-timeout -d 'With --to, wait at most DURATION until it is open, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s n -l count -d 'End a client\'s session after N messages from it' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l send -d 'Send MSG to each client first; @FILE, @- and @env:NAME read it from there; repeatable' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l script -d 'Play the script in FILE, or - for standard input, against each client: a mock server' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l report -d 'Write how the script went with each client, for a CI system; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l echo -d 'Send each message back to its sender'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l relay -d 'Send each message to all other clients too, and to standard output'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l allow-empty -d 'Let a script pass that neither sends nor expects anything'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l console -d 'Serve a page to talk to the socket from a browser; with --serve at /.console'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l once -d 'Serve one client, then exit with that session\'s code'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l self-signed -d 'Serve TLS with a certificate made at start; its fingerprint is shown'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l pty -d 'Give a program a terminal, so that it does not hold its output back; with --framing raw, a console'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l hangup -d 'Send a program SIGHUP when the WebSocket ends abnormally, beside the end of its input'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s 0 -d 'Separate messages with NUL, the same as --framing nul'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l json -d 'Read and write JSON records with type, pings and closes, the same as --framing jsonl'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s t -l text -d 'Send input as text, which has to be UTF-8 (default with lines and nul)'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s b -l binary -d 'Send input as binary (default with raw and whole)'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l no-pong -d 'Answer no pings, to see whether the peer drops who never does'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l compress -d 'Offer compression (permessage-deflate); when listening, accept it'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l proxy-insecure -d 'With --to, accept any certificate of an https proxy; said on every run'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s L -l location -d 'With --to, follow at most 5 redirects; logins, secrets, --cert, -k and --sni never leave scheme, host and port'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s 4 -l ipv4 -d 'With --to, use IPv4 addresses only'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s 6 -l ipv6 -d 'With --to, use IPv6 addresses only'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l stats -d 'Sum up at the end on standard error: messages, bytes, rates, round trips, phases'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s k -l insecure -d 'With --to, accept any certificate; said on every run'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s 1 -d 'End a client\'s session after one message, the same as -n 1'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l recv-only -d 'Never read the input; with --to nats:, publish nothing that clients say'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l send-only -d 'Do not write received messages, only send'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s q -s s -l quiet -l silent -d 'Say nothing but faults on standard error'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s v -l verbose -d 'Say on standard error how the connection came about, with both heads; -vv also every frame'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l progress -d 'Draw on a terminal how far a transfer is, and say at its end what it carried'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l raw -d 'Let control characters of the peer through to a terminal, which they can make lie'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s h -l help -d 'Show the commonest options (-h), or all (--help)'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l framing -d 'Cut input into messages and write messages as F, both ways' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l in -d 'Cut input into messages as F' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l out -d 'Write messages to the output as F' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
sep=\t'as lines, with STR in place of the newline; in quotes it may have \\r \\n \\t \\0 \\x1e'
raw\t'each chunk as it arrives, at most 64 KiB or --max-frame, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
headers\t'Content-Length headers stand before each message, as language servers speak (LSP, DAP)'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l max-message -d 'Refuse messages of more than SIZE bytes, both ways' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l max-frame -d 'Send no frame with more than SIZE bytes: a larger message goes as fragments, raw input as smaller ones' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l read-ahead -d 'Read on up to SIZE while an output takes nothing, to answer pings; or off [default: 16M, listening 256k]' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l timestamps -d 'Print the time before each message, or with delta the seconds since the one before; no prompt then' -r -f -a "time\t'RFC 3339, UTC, milliseconds'
delta\t'Seconds since the message before'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l every -d 'Send MSG every DURATION, as a heartbeat above WebSocket; MSG as for --send; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l reply -d 'Answer a text message that matches REGEX with MSG, $1 for captures, \\= for = in REGEX; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l linger -d 'After the input, or --send where none comes, stay until the peer was silent for DURATION, or inf' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l close -d 'Close with CODE and REASON at a normal end, or with none as pages do [default: 1000]' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l ok-close -d 'Exit 0 also when the peer closes with one of CODES, as in 1008,4000-4999; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l close-timeout -d 'Wait at most DURATION for the answer to our Close' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l for -d 'End each session normally once it has lasted DURATION: close it, and exit 0 if all else is well' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s m -l timeout -d 'Close after DURATION, be gone by --close-timeout after that, with exit 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l idle-timeout -d 'End after DURATION without a message either way, with exit 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l ping-interval -d 'Ping the peer every DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l ping-timeout -d 'Give the peer up when a ping stays unanswered for DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l connect-timeout -d 'Wait at most DURATION until the connection is open, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s x -l proxy -d 'Go through [http|https|socks5|socks5h://][USER:PASSWORD@]HOST[:PORT]; \'\' for none' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l proxy-user -d 'Log in to the proxy; @FILE, @- and @env:NAME keep it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l noproxy -d 'Go without a proxy to the hosts in LIST, separated by commas, instead of those in no_proxy' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l proxy-cacert -d 'Trust the roots in FILE (PEM) for an https proxy, instead of the system\'s' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l connect-to -d 'Connect to H2:P2 where H1:P1 is asked for; an empty part is any, or the same; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l resolve -d 'Take ADDR[,ADDR] for HOST at PORT instead of asking the name service; * is any host; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l unix-socket -d 'Connect to the Unix socket PATH, whatever the host' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l interface -d 'Connect from the network interface NAME or the address ADDR of this machine' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l cacert -d 'Trust the roots in FILE (PEM) instead of the system\'s' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l tls-min -d 'Speak no older TLS than this [default: 1.2]' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l pin -l pinnedpubkey -d 'Accept only a certificate with one of these keys, separated by ;' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l crl -l crlfile -d 'Refuse certificates that the lists in FILE (PEM) revoke; every issuer needs one' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l sni -d 'Send and verify NAME instead of the URL\'s host, or send none' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l key -d 'Take the key of --cert from FILE (PEM) [default: the --cert file]' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l pass -d 'Open an encrypted key with PASSPHRASE; @FILE and @env:NAME keep it off the command line' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l secret -d 'Hide the value of the header field or query key NAME in what is said and recorded; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l record -d 'Record all messages in FILE as JSON lines, as HAR if it ends in .har, as a script if in .wsio' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l match -d 'Write and count only messages that REGEX matches; exit 1 if none came; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l match-json -d 'Write and count only messages with VALUE at POINTER of their JSON; exit 1 if none came; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l expect-close -d 'Wait for the peer to close with one of CODES, as in 1008,4000-4999; exit 1 if it does not; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l expect-subprotocol -d 'Exit 1 unless the server chose the subprotocol NAME' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l retry -d 'Try to open it up to N times more after a time-out or a status such as 503 [default: 0]' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l retry-delay -d 'Wait DURATION before each try [default: from 250ms on, doubling]' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l retry-max-time -d 'Begin no try later than DURATION after the first; without --retry as many as fit' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l reconnect -d 'Connect again when an open connection is lost, with at most N tries each time; repeats --send' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l cookie -d 'Send cookies, as \'a=b\' or from @FILE: plain, a Netscape jar, JSON, Set-Cookie lines; repeatable' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s A -l user-agent -d 'Send NAME as User-Agent' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l origin -d 'Send ORIGIN as Origin, as a browser page from there would' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l queue -d 'Let SIZE bytes wait for each client that does not keep up; payloads are shared, so memory goes by the slowest' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l slow -d 'Do WHAT to clients whose queue is full once they held the others up for 1 s in 30 s' -r -f -a "disconnect\t'Close it (1013); standard input waits for one alone, and for one that takes 64 KiB a second'
drop\t'Let it miss messages, which are counted; nobody waits'
wait\t'Let all wait for it, as long as it answers pings; NATS and UDP go on and miss it'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l last -d 'Let a client that comes later have the last N messages first' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l child-stderr -d 'Send a program\'s standard error to our log, or to the client as messages' -r -f -a "log\t'To our standard error, with the number of the connection'
client\t'Where its standard output goes'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l path -d 'Open a WebSocket only at PATH, answer 404 elsewhere; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l allow-origin -d 'Let in pages of ORIGIN too, * standing for any name in it; null is a page opened from a file; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l allow-host -d 'Answer for the Host NAME too, * standing for any, on a loopback address behind a reverse proxy; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l forward-header -d 'Pass the client\'s header NAME on to the WebSocket behind; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l client-ca -d 'Let in only clients that show a certificate issued by a root in FILE (PEM)' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l announce -d 'Write the URL to FILE when listening' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l mode -d 'Give the file of a Unix socket the permissions MODE, octal as in 0660 [default: as the umask has it]' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l max-connections -d 'Serve at most N clients at a time, answer 503 beyond' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l max-buffer -d 'Hold SIZE in all of unfinished messages and --read-ahead; beyond, close the client that holds most (1013)' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l handshake-timeout -d 'Drop a client that did not finish its handshake after DURATION' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l grace -d 'Let open sessions drain for at most DURATION at a signal' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s H -l header -d 'Add a header to the request, or to the answer when only a server side exists; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l subprotocol -l protocol -d 'Offer the subprotocol NAME, or speak it as a server; between two WebSockets it passes through' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l cert -d 'Use the certificate chain in FILE (PEM), for a TLS server (SIGHUP reads it anew) or else the client side' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l send -d 'Send MSG to the far side before any input; @FILE, @- and @env:NAME read it from there; repeatable' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s u -l user -d 'Log in with HTTP Basic, or ask clients to when only a server side exists; @FILE, @env:NAME' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l bearer -d 'Log in with a bearer token, or ask clients to when only a server side exists; @FILE' -r -f -a "(__wsio_value)"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s n -l count -d 'End after N messages from the far side (the WebSocket, else B); exit 1 if fewer came' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s 0 -d 'Separate messages with NUL, the same as --framing nul'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l json -d 'Read and write JSON records with type, pings and closes, the same as --framing jsonl'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s t -l text -d 'Send input as text, which has to be UTF-8 (default with lines and nul)'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s b -l binary -d 'Send input as binary (default with raw and whole)'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l no-pong -d 'Answer no pings, to see whether the peer drops who never does'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l compress -d 'Offer compression (permessage-deflate); when listening, accept it'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l proxy-insecure -d 'Accept any certificate of an https proxy; said on every run'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s L -l location -d 'Follow at most 5 redirects; logins, secrets, --cert, -k and --sni never leave scheme, host and port'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s k -l insecure -d 'Accept any certificate; said on every run'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s q -s s -l quiet -l silent -d 'Say nothing but faults on standard error'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s v -l verbose -d 'Say on standard error how the connection came about, with both heads; -vv also every frame'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l progress -d 'Draw on a terminal how far a transfer is, and say at its end what it carried'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l stats -d 'Sum up at the end on standard error: messages, bytes, rates, round trips, phases'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l raw -d 'Let control characters of the peer through to a terminal, which they can make lie'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l retry-connrefused -d 'Try again also when the connection is refused, as by a server that is still starting'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l retry-all-errors -d 'Try again whatever the fault was'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l resend -d 'With --reconnect, send again what no pong had confirmed: each message at least once, some twice'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l pty -d 'Give a program a terminal, so that it does not hold its output back; with --framing raw, a console'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l hangup -d 'Send a program SIGHUP when the WebSocket ends abnormally, beside the end of its input'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l once -d 'Serve one client, then exit with that session\'s code'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l self-signed -d 'Serve TLS with a certificate made at start; its fingerprint is shown'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l recv-only -d 'Never read standard input, nor publish to nats:, only receive'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l send-only -d 'Do not carry on what the far side says'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s 1 -d 'End after one message from the far side, the same as -n 1'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s h -l help -d 'Show the commonest options (-h), or all (--help)'

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
