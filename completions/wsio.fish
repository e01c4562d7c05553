# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_wsio_global_optspecs
    string join \n h/help V/version
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

complete -c wsio -n "__fish_wsio_needs_command" -s h -l help -d 'Show the commonest options (-h), or all (--help)'
complete -c wsio -n "__fish_wsio_needs_command" -s V -l version -d 'Print version'
complete -c wsio -n "__fish_wsio_needs_command" -f -a "connect" -d 'Talk to a WebSocket server'
complete -c wsio -n "__fish_wsio_needs_command" -f -a "listen" -d 'Be a WebSocket server'
complete -c wsio -n "__fish_wsio_needs_command" -f -a "pipe" -d 'Join any two endpoints'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l framing -d 'Cut input into messages and write messages as F, both ways' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
raw\t'each chunk as it arrives, at most 64 KiB, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l in -d 'Cut input into messages as F' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
raw\t'each chunk as it arrives, at most 64 KiB, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l out -d 'Write messages to the output as F' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
raw\t'each chunk as it arrives, at most 64 KiB, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l max-message -d 'Refuse messages of more than SIZE bytes, both ways' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l send -d 'Send MSG before any input; @FILE, @- and @env:NAME read it from there; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s n -l count -d 'End after N received messages; exit 1 if fewer came' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l linger -d 'After the input ended, stay until the peer was silent for DURATION, or inf' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l close -d 'Close with CODE and REASON at a normal end, or with none as pages do [default: 1000]' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l ok-close -d 'Exit 0 also when the peer closes with one of CODES, as in 1008,4000-4999; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l close-timeout -d 'Wait at most DURATION for the answer to our Close' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s m -l timeout -d 'End the whole run after DURATION, with exit 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l idle-timeout -d 'End after DURATION without a message either way, with exit 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l ping-interval -d 'Ping the peer every DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l ping-timeout -d 'Give the peer up when a ping stays unanswered for DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l connect-timeout -d 'Wait at most DURATION until the connection is open, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s H -l header -d 'Add a header to the request; \'NAME:\' leaves out a default one; @FILE holds one a line; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l subprotocol -l protocol -d 'Offer the subprotocol NAME; repeatable, or separated by commas' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s u -l user -d 'Log in with HTTP Basic; @FILE, @- and @env:NAME keep it off the command line' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l bearer -d 'Log in with a bearer token; @FILE, @- and @env:NAME keep it off the command line' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l cookie -d 'Send cookies, as \'a=b\' or from @FILE, plain or a Netscape jar; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s A -l user-agent -d 'Send NAME as User-Agent' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l origin -d 'Send ORIGIN as Origin, as a browser page from there would' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l cacert -d 'Trust the roots in FILE (PEM) instead of the system\'s' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l sni -d 'Send and verify NAME instead of the URL\'s host, or send none' -r
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l cert -d 'Show the certificate chain in FILE (PEM) to the server' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l key -d 'Take the key of --cert from FILE (PEM) [default: the --cert file]' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l record -d 'Record all messages, both ways, in FILE as JSON lines, or as HAR if it ends in .har' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s 0 -d 'Separate messages with NUL, the same as --framing nul'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l json -d 'Read and write JSON records with type, pings and closes, the same as --framing jsonl'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s t -l text -d 'Send input as text, which has to be UTF-8 (default with lines and nul)'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s b -l binary -d 'Send input as binary (default with raw and whole)'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l recv-only -d 'Never read the input, only receive'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -l send-only -d 'Do not write received messages, only send'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s 1 -d 'End after one received message, the same as -n 1'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s k -l insecure -d 'Accept any certificate; said on every run'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s q -l quiet -d 'Say nothing but faults on standard error'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s v -l verbose -d 'Say on standard error how the connection came about'
complete -c wsio -n "__fish_wsio_using_subcommand connect" -s h -l help -d 'Show the commonest options (-h), or all (--help)'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l to -d 'Join each client to a fresh ENDPOINT, such as tcp:HOST:PORT' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l path -d 'Serve only PATH, answer 404 elsewhere; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l allow-origin -d 'Let in pages of ORIGIN too, which are otherwise refused; null is a page opened from a file; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l allow-host -d 'Answer for the Host NAME too on a loopback address, as behind a reverse proxy; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l client-ca -d 'Let in only clients that show a certificate issued by a root in FILE (PEM)' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l announce -d 'Write the URL to FILE when listening' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l max-connections -d 'Serve at most N clients at a time, answer 503 beyond' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l handshake-timeout -d 'Drop a client that did not finish its handshake after DURATION' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l grace -d 'Let open sessions drain for at most DURATION at a signal' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l queue -d 'Let SIZE bytes wait for each client that does not keep up' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l slow -d 'Do WHAT to a client whose queue is full: disconnect after 30 s, drop its messages, or wait for it' -r -f -a "disconnect\t'It holds the others up for at most 30 s, then it is closed with 1013'
drop\t'It misses messages, which are counted'
wait\t'All wait for it'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l last -d 'Let a client that comes later have the last N messages first' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l child-stderr -d 'Send a program\'s standard error to our log, or to the client as messages' -r -f -a "log\t'To our standard error, with the number of the connection'
client\t'Where its standard output goes'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s u -l user -d 'Let in only clients that log in with HTTP Basic; @FILE, @- and @env:NAME keep it off the command line' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l bearer -d 'Let in only clients that show this bearer token; @FILE, @- and @env:NAME keep it off the command line' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l framing -d 'Cut input into messages and write messages as F, both ways' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
raw\t'each chunk as it arrives, at most 64 KiB, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l in -d 'Cut input into messages as F' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
raw\t'each chunk as it arrives, at most 64 KiB, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l out -d 'Write messages to the output as F' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
raw\t'each chunk as it arrives, at most 64 KiB, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l max-message -d 'Refuse messages of more than SIZE bytes, both ways' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l linger -d 'After the input ended, stay until the peer was silent for DURATION, or inf' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l close -d 'Close with CODE and REASON at a normal end, or with none as pages do [default: 1000]' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l ok-close -d 'Exit 0 also when the peer closes with one of CODES, as in 1008,4000-4999; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l close-timeout -d 'Wait at most DURATION for the answer to our Close' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s m -l timeout -d 'End the whole run after DURATION, with exit 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l idle-timeout -d 'End after DURATION without a message either way, with exit 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l ping-interval -d 'Ping the peer every DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l ping-timeout -d 'Give the peer up when a ping stays unanswered for DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l record -d 'Record all messages, both ways, in FILE as JSON lines, or as HAR if it ends in .har' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s H -l header -d 'Add a header to the answer; @FILE holds one a line; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l subprotocol -l protocol -d 'Speak the subprotocol NAME; repeatable, or separated by commas' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l cert -d 'Serve TLS with the certificate chain in FILE (PEM)' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l key -d 'Take the key of --cert from FILE (PEM) [default: the --cert file]' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l cacert -d 'With --to, trust the roots in FILE (PEM) instead of the system\'s' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l sni -d 'With --to, send and verify NAME instead of the host, or send none' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l connect-timeout -d 'With --to, wait at most DURATION until it is open, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s n -l count -d 'End a client\'s session after N messages from it' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l send -d 'Send MSG to each client first; @FILE, @- and @env:NAME read it from there; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l echo -d 'Send each message back to its sender'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l relay -d 'Send each message to all other clients too, and to standard output'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l once -d 'Serve one client, then exit with that session\'s code'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l self-signed -d 'Serve TLS with a certificate made at start; its fingerprint is shown'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s 0 -d 'Separate messages with NUL, the same as --framing nul'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l json -d 'Read and write JSON records with type, pings and closes, the same as --framing jsonl'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s t -l text -d 'Send input as text, which has to be UTF-8 (default with lines and nul)'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s b -l binary -d 'Send input as binary (default with raw and whole)'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s k -l insecure -d 'With --to, accept any certificate; said on every run'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s 1 -d 'End a client\'s session after one message, the same as -n 1'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l recv-only -d 'Never read the input, only receive'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -l send-only -d 'Do not write received messages, only send'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s q -l quiet -d 'Say nothing but faults on standard error'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s v -l verbose -d 'Say on standard error how the connection came about'
complete -c wsio -n "__fish_wsio_using_subcommand listen" -s h -l help -d 'Show the commonest options (-h), or all (--help)'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l framing -d 'Cut input into messages and write messages as F, both ways' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
raw\t'each chunk as it arrives, at most 64 KiB, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l in -d 'Cut input into messages as F' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
raw\t'each chunk as it arrives, at most 64 KiB, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l out -d 'Write messages to the output as F' -r -f -a "lines\t'one line, without its newline, is one message'
nul\t'as lines, with NUL in place of the newline'
raw\t'each chunk as it arrives, at most 64 KiB, is one message'
whole\t'all input until its end is one message'
length\t'a length of 4 bytes, big-endian, stands before each message'
base64\t'one line in base64 is one message'
hex\t'one line in hexadecimal is one message'
paragraph\t'lines up to a blank line are one message'
jsonl\t'one JSON record a line is one message, with its type and what happens beside it'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l max-message -d 'Refuse messages of more than SIZE bytes, both ways' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l linger -d 'After the input ended, stay until the peer was silent for DURATION, or inf' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l close -d 'Close with CODE and REASON at a normal end, or with none as pages do [default: 1000]' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l ok-close -d 'Exit 0 also when the peer closes with one of CODES, as in 1008,4000-4999; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l close-timeout -d 'Wait at most DURATION for the answer to our Close' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s m -l timeout -d 'End the whole run after DURATION, with exit 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l idle-timeout -d 'End after DURATION without a message either way, with exit 28' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l ping-interval -d 'Ping the peer every DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l ping-timeout -d 'Give the peer up when a ping stays unanswered for DURATION, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l connect-timeout -d 'Wait at most DURATION until the connection is open, or off' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l cookie -d 'Send cookies, as \'a=b\' or from @FILE, plain or a Netscape jar; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s A -l user-agent -d 'Send NAME as User-Agent' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l origin -d 'Send ORIGIN as Origin, as a browser page from there would' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l cacert -d 'Trust the roots in FILE (PEM) instead of the system\'s' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l sni -d 'Send and verify NAME instead of the URL\'s host, or send none' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l key -d 'Take the key of --cert from FILE (PEM) [default: the --cert file]' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l queue -d 'Let SIZE bytes wait for each client that does not keep up' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l slow -d 'Do WHAT to a client whose queue is full: disconnect after 30 s, drop its messages, or wait for it' -r -f -a "disconnect\t'It holds the others up for at most 30 s, then it is closed with 1013'
drop\t'It misses messages, which are counted'
wait\t'All wait for it'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l last -d 'Let a client that comes later have the last N messages first' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l child-stderr -d 'Send a program\'s standard error to our log, or to the client as messages' -r -f -a "log\t'To our standard error, with the number of the connection'
client\t'Where its standard output goes'"
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l path -d 'Serve only PATH, answer 404 elsewhere; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l allow-origin -d 'Let in pages of ORIGIN too, which are otherwise refused; null is a page opened from a file; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l allow-host -d 'Answer for the Host NAME too on a loopback address, as behind a reverse proxy; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l client-ca -d 'Let in only clients that show a certificate issued by a root in FILE (PEM)' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l announce -d 'Write the URL to FILE when listening' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l max-connections -d 'Serve at most N clients at a time, answer 503 beyond' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l handshake-timeout -d 'Drop a client that did not finish its handshake after DURATION' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l grace -d 'Let open sessions drain for at most DURATION at a signal' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l record -d 'Record all messages, both ways, in FILE as JSON lines, or as HAR if it ends in .har' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s H -l header -d 'Add a header to the request, or to the answer when only a server side exists; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l subprotocol -l protocol -d 'Offer the subprotocol NAME, or speak it as a server; between two WebSockets it passes through' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l cert -d 'Use the certificate chain in FILE (PEM), for wss-listen: or else for the client side' -r -F
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l send -d 'Send MSG to B before any input; @FILE, @- and @env:NAME read it from there; repeatable' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s u -l user -d 'Log in with HTTP Basic, or ask clients to when only a server side exists; @FILE, @env:NAME' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l bearer -d 'Log in with a bearer token, or ask clients to when only a server side exists; @FILE' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s n -l count -d 'End after N messages from B; exit 1 if fewer came' -r
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s 0 -d 'Separate messages with NUL, the same as --framing nul'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l json -d 'Read and write JSON records with type, pings and closes, the same as --framing jsonl'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s t -l text -d 'Send input as text, which has to be UTF-8 (default with lines and nul)'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s b -l binary -d 'Send input as binary (default with raw and whole)'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s k -l insecure -d 'Accept any certificate; said on every run'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l once -d 'Serve one client, then exit with that session\'s code'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l self-signed -d 'Serve TLS with a certificate made at start; its fingerprint is shown'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s q -l quiet -d 'Say nothing but faults on standard error'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s v -l verbose -d 'Say on standard error how the connection came about'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l recv-only -d 'Never read A, only carry B to A'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -l send-only -d 'Do not write to A, only carry A to B'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s 1 -d 'End after one message from B, the same as -n 1'
complete -c wsio -n "__fish_wsio_using_subcommand pipe" -s h -l help -d 'Show the commonest options (-h), or all (--help)'
