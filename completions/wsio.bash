# Completion of wsio for bash.

_wsio() {
    # bash cuts words at colons, equals signs and @: here they are whole again.
    local rest=${COMP_LINE:0:COMP_POINT} word i
    local -a words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i > 0)) && [[ $rest != [[:space:]]* ]]; then
            ((i == COMP_CWORD)) && word=$rest
            words[${#words[@]} - 1]+=$word
        else
            rest=${rest#"${rest%%[![:space:]]*}"}
            ((i == COMP_CWORD)) && word=$rest
            words+=("$word")
        fi
        rest=${rest#"$word"}
    done
    local count=${#words[@]}
    local cur=${words[count - 1]} prev=${words[count - 2]} sub=${words[1]}
    COMPREPLY=()
    if ((count <= 2)); then
        _wsio_words 'connect listen pipe -h --help -V --version'
        return
    fi

    local options values files='' folders='' at='' endpoints=''
    case $sub in
        connect)
            options='--curl --framing --in --out -0 --json -t --text -b --binary --max-message --max-frame --read-ahead --timestamps --send --every --reply --recv-only --send-only -n --count -1 --linger --close --ok-close --close-timeout --for -m --timeout --idle-timeout --ping-interval --ping-timeout --no-pong --connect-timeout -H --header --subprotocol --protocol --compress -x --proxy --proxy-user --noproxy --proxy-cacert --proxy-insecure -L --location --connect-to --resolve --unix-socket -4 --ipv4 -6 --ipv6 --interface --cacert -k --insecure --tls-min --pin --pinnedpubkey --crl --crlfile --sni --cert --key --pass -q -s --quiet --silent -v --verbose --secret --progress --stats --record --raw --match --match-json --expect-close --expect-subprotocol --script --allow-empty --report --retry --retry-delay --retry-max-time --retry-connrefused --retry-all-errors --reconnect --resend -u --user --bearer --cookie -A --user-agent --origin --check --ping --expect-status --expect-header --fail-if-cert-expires-in --max-rtt --max-loss --no-pretty --no-history --color -h --help'
            values='--curl --framing --in --out --max-message --max-frame --read-ahead --send --every --reply -n --count --linger --close --ok-close --close-timeout --for -m --timeout --idle-timeout --ping-interval --ping-timeout --connect-timeout -H --header --subprotocol --protocol -x --proxy --proxy-user --noproxy --proxy-cacert --connect-to --resolve --unix-socket --interface --cacert --tls-min --pin --pinnedpubkey --crl --crlfile --sni --cert --key --pass --secret --record --match --match-json --expect-close --expect-subprotocol --script --report --retry --retry-delay --retry-max-time -u --user --bearer --cookie -A --user-agent --origin --ping --expect-status --expect-header --fail-if-cert-expires-in --max-rtt --max-loss --color'
            files='--proxy-cacert --unix-socket --cacert --crl --crlfile --cert --key --record --script'
            folders=''
            at='--curl --send -H --header --proxy-user --pass -u --user --bearer --cookie'
            endpoints=''
            ;;
        listen)
            options='--echo --relay --to --allow-empty --serve --console --once --path --allow-origin --allow-host --forward-header --self-signed --client-ca --announce --mode --max-connections --max-buffer --handshake-timeout --grace --queue --slow --last --child-stderr --pty --hangup -u --user --bearer --framing --in --out -0 --json -t --text -b --binary --max-message --max-frame --read-ahead --timestamps --every --reply --linger --close --ok-close --close-timeout --for -m --timeout --idle-timeout --ping-interval --ping-timeout --no-pong --compress -x --proxy --proxy-user --noproxy --proxy-cacert --proxy-insecure -L --location --connect-to --resolve --unix-socket -4 --ipv4 -6 --ipv6 --interface --tls-min --pin --pinnedpubkey --crl --crlfile --secret --stats --record -H --header --subprotocol --protocol --cert --key --cacert -k --insecure --sni --pass --connect-timeout -n --count -1 --send --script --report --recv-only --send-only -q -s --quiet --silent -v --verbose --progress --raw -h --help'
            values='--to --serve --path --allow-origin --allow-host --forward-header --client-ca --announce --mode --max-connections --max-buffer --handshake-timeout --grace --queue --slow --last --child-stderr -u --user --bearer --framing --in --out --max-message --max-frame --read-ahead --every --reply --linger --close --ok-close --close-timeout --for -m --timeout --idle-timeout --ping-interval --ping-timeout -x --proxy --proxy-user --noproxy --proxy-cacert --connect-to --resolve --unix-socket --interface --tls-min --pin --pinnedpubkey --crl --crlfile --secret --record -H --header --subprotocol --protocol --cert --key --cacert --sni --pass --connect-timeout -n --count --send --script --report'
            files='--client-ca --announce --proxy-cacert --unix-socket --crl --crlfile --record --cert --key --cacert --script'
            folders='--serve'
            at='-u --user --bearer --proxy-user -H --header --pass --send'
            endpoints='--to'
            ;;
        pipe)
            options='--framing --in --out -0 --json -t --text -b --binary --max-message --max-frame --read-ahead --timestamps --every --reply --linger --close --ok-close --close-timeout --for -m --timeout --idle-timeout --ping-interval --ping-timeout --no-pong --connect-timeout --compress -x --proxy --proxy-user --noproxy --proxy-cacert --proxy-insecure -L --location --connect-to --resolve --unix-socket -4 --ipv4 -6 --ipv6 --interface --cacert -k --insecure --tls-min --pin --pinnedpubkey --crl --crlfile --sni --key --pass -q -s --quiet --silent -v --verbose --secret --progress --stats --record --raw --match --match-json --expect-close --expect-subprotocol --retry --retry-delay --retry-max-time --retry-connrefused --retry-all-errors --reconnect --resend --cookie -A --user-agent --origin --queue --slow --last --child-stderr --pty --hangup --once --path --allow-origin --allow-host --forward-header --self-signed --client-ca --announce --mode --max-connections --max-buffer --handshake-timeout --grace -H --header --subprotocol --protocol --cert --send -u --user --bearer --recv-only --send-only -n --count -1 -h --help'
            values='--framing --in --out --max-message --max-frame --read-ahead --every --reply --linger --close --ok-close --close-timeout --for -m --timeout --idle-timeout --ping-interval --ping-timeout --connect-timeout -x --proxy --proxy-user --noproxy --proxy-cacert --connect-to --resolve --unix-socket --interface --cacert --tls-min --pin --pinnedpubkey --crl --crlfile --sni --key --pass --secret --record --match --match-json --expect-close --expect-subprotocol --retry --retry-delay --retry-max-time --cookie -A --user-agent --origin --queue --slow --last --child-stderr --path --allow-origin --allow-host --forward-header --client-ca --announce --mode --max-connections --max-buffer --handshake-timeout --grace -H --header --subprotocol --protocol --cert --send -u --user --bearer -n --count'
            files='--proxy-cacert --unix-socket --cacert --crl --crlfile --key --record --client-ca --announce --cert'
            folders=''
            at='--proxy-user --pass --cookie --send -u --user --bearer'
            endpoints=''
            ;;
        *) return ;;
    esac

    # Where among the endpoints it stands, and whether a program begins before it.
    local place=0 dashes=0
    for ((i = 2; i < count - 1; i++)); do
        word=${words[i]}
        if [[ $word == -- ]]; then
            dashes=$i
            break
        elif [[ " $values " == *" $word "* ]]; then
            ((i++))
        elif [[ $word != -?* ]]; then
            ((place++))
        fi
    done
    if ((dashes > 0)); then
        if ((count - 2 == dashes)); then _wsio_programs "$cur"; else _wsio_paths "$cur"; fi
        return
    fi

    local option=$prev value=$cur
    if [[ $cur == --*=* ]]; then
        option=${cur%%=*} value=${cur#*=}
    elif [[ " $values " != *" $prev "* ]]; then
        option=''
    fi
    if [[ -n $option ]]; then
        if [[ " $files " == *" $option "* ]]; then
            _wsio_paths "$value"
        elif [[ " $folders " == *" $option "* ]]; then
            _wsio_paths "$value" -d
        elif [[ " $at " == *" $option "* ]]; then
            [[ $value == @* ]] && _wsio_paths "${value#@}" -f @
        elif [[ " $endpoints " == *" $option "* ]]; then
            _wsio_endpoint "$value" '- ws:// wss:// ws+unix: tcp: tls: unix: udp: exec: sh: file: append: echo: null: hub: nats:// nats+tls://'
        else
            local possible=
            case $option in
                --framing) possible='lines nul sep= raw whole length headers base64 hex paragraph jsonl' ;;
                --in) possible='lines nul sep= raw whole length headers base64 hex paragraph jsonl' ;;
                --out) possible='lines nul sep= raw whole length headers base64 hex paragraph jsonl' ;;
                --timestamps) possible='time delta' ;;
                --color) possible='auto always never' ;;
                --slow) possible='disconnect drop wait' ;;
                --child-stderr) possible='log client' ;;
            esac
            COMPREPLY=($(compgen -W "$possible" -- "$value"))
            [[ ${COMPREPLY[*]} == *= ]] && compopt -o nospace 2>/dev/null
        fi
    elif [[ $cur == -?* || ($cur == - && $sub != pipe) ]]; then
        _wsio_words "$options"
    else
        case $sub,$place in
            connect,0) _wsio_endpoint "$cur" 'ws:// wss:// ws+unix: echo:' ;;
            listen,0) _wsio_endpoint "$cur" 'ws:// wss:// unix: fd: systemd' ;;
            pipe,0) _wsio_endpoint "$cur" '- ws:// wss:// ws+unix: ws-listen: wss-listen: tcp: tls: tcp-listen: tls-listen: unix: unix-listen: udp: udp-listen: file: nats:// nats+tls://' ;;
            pipe,1) _wsio_endpoint "$cur" '- ws:// wss:// ws+unix: tcp: tls: unix: udp: exec: sh: file: append: echo: null: hub: nats:// nats+tls://' ;;
        esac
    fi
}

_wsio_words() {
    COMPREPLY=($(compgen -W "$1" -- "$cur"))
}

# Paths that begin so, files or folders, behind a prefix; of a value that bash has cut, it replaces the last
# piece alone.
_wsio_paths() {
    local path IFS=$'\n'
    [[ -z $3 ]] && compopt -o filenames 2>/dev/null
    for path in $(compgen "${2:--f}" -- "$1"); do
        # bash marks no folder that it does not see as a file's name.
        if [[ -n $3 && -d $path ]]; then
            path+=/
            compopt -o nospace 2>/dev/null
        fi
        COMPREPLY+=("$(_wsio_last "$3$path")")
    done
}

_wsio_programs() {
    COMPREPLY=($(compgen -c -- "$1"))
}

# What stands behind the last character of a word at which bash cuts words; an @ belongs to what follows it.
_wsio_last() {
    local text=$1 last=${1##*[:=]}
    local cut=${text:${#text} - ${#last} - 1:1}
    [[ $text != "$last" && $COMP_WORDBREAKS == *"$cut"* ]] && text=$last
    [[ $text == *@* && $COMP_WORDBREAKS == *@* ]] && text=@${text##*@}
    printf '%s' "$text"
}

_wsio_endpoint() {
    local scheme=${1%%:*} rest=${1#*:} candidate
    case $1 in
        ws-listen:unix:* | wss-listen:unix:*) _wsio_paths "${rest#*:}" ;;
        file:* | append:* | unix:* | unix-listen:* | ws+unix:*) _wsio_paths "$rest" ;;
        exec:* | sh:*) _wsio_programs "$rest" ;;
        *:*)
            # The rest of a scheme such as ws://
            for candidate in $2; do
                [[ $candidate == "$1"* ]] && COMPREPLY+=("$(_wsio_last "$candidate")")
            done
            compopt -o nospace 2>/dev/null
            ;;
        *)
            COMPREPLY=($(compgen -W "$2" -- "$1"))
            [[ ${COMPREPLY[*]} == *[:/] ]] && compopt -o nospace 2>/dev/null
            ;;
    esac
}

complete -o bashdefault -F _wsio wsio
