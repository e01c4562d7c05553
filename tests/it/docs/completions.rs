//! The completion scripts: what clap_complete makes of the definition, and what it does not know.
//!
//! What stands after a scheme (`file:`, `exec:`), after `@`, and after `--` completes as what it is. bash
//! cuts words at colons and takes them for words of their own, so its script is made here; those of zsh and
//! fish are clap's with functions of ours in the places that hints of clap mark.

use clap::{Arg, Command, ValueHint};
use clap_complete::{Generator, Shell};
use std::fmt::Write;
use wsio::{cli, endpoint::SCHEMES};

/// The script for a shell, with the name of its file.
pub fn script(shell: Shell) -> (String, String) {
    let text = match shell {
        Shell::Bash => bash(),
        Shell::Zsh => zsh(),
        Shell::Fish => fish(),
        other => generated(other, &mut cli::command()),
    };
    (shell.file_name("wsio"), text)
}

fn generated(shell: Shell, command: &mut Command) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "wsio", &mut script);
    String::from_utf8(script).unwrap()
}

/// What the value of an option is.
#[derive(Clone, Copy, PartialEq)]
enum Value {
    None,
    Plain,
    /// A value, or `@FILE`.
    At,
    File,
    Folder,
    Endpoint,
}

fn value(arg: &Arg) -> Value {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    match arg.get_value_hint() {
        _ if !arg.get_action().takes_values() => Value::None,
        _ if arg.get_id() == "to" => Value::Endpoint,
        ValueHint::FilePath | ValueHint::AnyPath => Value::File,
        ValueHint::DirPath => Value::Folder,
        _ if help.contains("@FILE") || arg.get_id() == "proxy_user" => Value::At,
        _ => Value::Plain,
    }
}

/// `NAME` and `NAME=` of every way an option is written.
fn names(arg: &Arg) -> Vec<String> {
    let long =
        arg.get_long_and_visible_aliases().unwrap_or_default().into_iter().map(|name| format!("--{name}"));
    let short =
        arg.get_short_and_visible_aliases().unwrap_or_default().into_iter().map(|name| format!("-{name}"));
    short.chain(long).collect()
}

/// The schemes that may stand there, as far as they are typed before an address.
fn schemes(second: bool) -> String {
    let may = SCHEMES.iter().filter(|scheme| if second { scheme.b } else { scheme.a });
    let written = may.map(|scheme| match scheme.name {
        "-" => "-".to_owned(),
        name @ ("ws" | "wss" | "nats" | "nats+tls") => format!("{name}://"),
        name => format!("{name}:"),
    });
    written.collect::<Vec<_>>().join(" ")
}

/// Schemes that a path follows.
const PATHS: &str = "file|append|unix|unix-listen|ws+unix|ws-listen:unix|wss-listen:unix";

const BASH: &str = r#"# Completion of wsio for bash.

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
@CASES@        *) return ;;
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
            _wsio_endpoint "$value" '@B@'
        else
            local possible=
            case $option in
@POSSIBLE@            esac
            COMPREPLY=($(compgen -W "$possible" -- "$value"))
            [[ ${COMPREPLY[*]} == *= ]] && compopt -o nospace 2>/dev/null
        fi
    elif [[ $cur == -?* || ($cur == - && $sub != pipe) ]]; then
        _wsio_words "$options"
    else
        case $sub,$place in
            connect,0) _wsio_endpoint "$cur" 'ws:// wss:// ws+unix: echo:' ;;
            listen,0) _wsio_endpoint "$cur" 'ws:// wss:// unix: fd: systemd' ;;
            pipe,0) _wsio_endpoint "$cur" '@A@' ;;
            pipe,1) _wsio_endpoint "$cur" '@B@' ;;
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
"#;

fn bash() -> String {
    let command = cli::command();
    let (mut cases, mut possible) = (String::new(), String::new());
    for sub in command.get_subcommands() {
        let options = || sub.get_arguments().filter(|arg| !arg.is_positional());
        let of = |wanted: &[Value]| {
            let found = options().filter(|arg| !arg.is_require_equals_set() && wanted.contains(&value(arg)));
            found.flat_map(names).collect::<Vec<_>>().join(" ")
        };
        let all = options().flat_map(names).collect::<Vec<_>>().join(" ");
        let taking = of(&[Value::Plain, Value::At, Value::File, Value::Folder, Value::Endpoint]);
        let _ = writeln!(cases, "        {})", sub.get_name());
        for (name, list) in [
            ("options", all),
            ("values", taking),
            ("files", of(&[Value::File])),
            ("folders", of(&[Value::Folder])),
            ("at", of(&[Value::At])),
            ("endpoints", of(&[Value::Endpoint])),
        ] {
            let _ = writeln!(cases, "            {name}='{list}'");
        }
        let _ = writeln!(cases, "            ;;");
        for arg in options().filter(|arg| !arg.get_possible_values().is_empty()) {
            let values: Vec<_> =
                arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
            let line =
                format!("                {}) possible='{}' ;;\n", names(arg).join(" | "), values.join(" "));
            if arg.get_action().takes_values() && !possible.contains(&line) {
                possible.push_str(&line);
            }
        }
    }
    BASH.replace("@CASES@", &cases)
        .replace("@POSSIBLE@", &possible)
        .replace("@A@", &schemes(false))
        .replace("@B@", &schemes(true))
}

/// The definition with hints of clap where a function of ours goes.
fn marked() -> Command {
    let mut command = cli::command();
    for name in ["connect", "listen", "pipe"] {
        command = command.mut_subcommand(name, |sub| {
            sub.mut_args(|arg| {
                let hint = match value(&arg) {
                    Value::At => ValueHint::Username,
                    Value::Endpoint => ValueHint::Hostname,
                    _ => arg.get_value_hint(),
                };
                if arg.get_action().takes_values() { arg.value_hint(hint) } else { arg }
            })
        });
    }
    command
}

fn zsh() -> String {
    // A colon in the name of a value would end it.
    let mut command = marked();
    for name in ["connect", "listen", "pipe"] {
        command = command.mut_subcommand(name, |sub| {
            sub.mut_args(|arg| {
                let names = arg.get_value_names().unwrap_or_default().iter();
                // clap keeps names of its own making for ever.
                let names: Vec<&'static str> = names.map(|name| &*name.replace(':', "\\:").leak()).collect();
                let is_odd = names.iter().any(|name| name.contains(':')) && !arg.is_positional();
                if is_odd { arg.value_names(names) } else { arg }
            })
        });
    }
    let script = generated(Shell::Zsh, &mut command);
    let mut lines: Vec<String> = script
        .lines()
        .map(|line| {
            let line = line.replace(":_users'", ":_wsio_value'").replace(":_hosts'", ":_wsio_second'");
            match line.trim_start_matches('\'').split(" -- ").next() {
                Some("::target") => with_action(&line, "_wsio_target"),
                Some(":address") => with_action(&line, "_wsio_address"),
                Some("*::program") => with_action(&line, "_wsio_program"),
                Some(":a") => with_action(&line, "_wsio_first"),
                Some("::b") => with_action(&line, "_wsio_second"),
                _ => line,
            }
        })
        .collect();
    let call = lines.iter().rposition(|line| line.starts_with("if [ \"$funcstack")).unwrap();
    lines.insert(
        call,
        format!(
            r#"# A value, or the file that holds it.
_wsio_value() {{
    if compset -P '@'; then _files; else _message 'a value, or @FILE'; fi
}}

# Endpoints: what follows a scheme completes as what it is.
_wsio_endpoint() {{
    if compset -P '({PATHS}):'; then _files
    elif compset -P '(exec|sh):'; then _command_names -e
    else compadd -S '' -- "$@"
    fi
}}
# What stands behind -- is a command line of its own.
_wsio_program() {{
    local at=$words[(i)--]
    if (( at < CURRENT )); then shift $at words; (( CURRENT -= at )); fi
    if (( CURRENT == 1 )); then _command_names -e; else _normal; fi
}}
_wsio_first() {{ _wsio_endpoint {} }}
_wsio_second() {{ _wsio_endpoint {} }}
_wsio_target() {{ _wsio_endpoint ws:// wss:// ws+unix: echo: }}
_wsio_address() {{ _wsio_endpoint ws:// wss:// unix: fd: systemd }}
"#,
            schemes(false),
            schemes(true)
        ),
    );
    lines.join("\n") + "\n"
}

/// The line of `_arguments` with another action.
fn with_action(line: &str, action: &str) -> String {
    let (before, _) = line.rsplit_once(":_").unwrap();
    format!("{before}:{action}' \\")
}

fn fish() -> String {
    let mut script = generated(Shell::Fish, &mut marked())
        .replace("(__fish_complete_users)", "(__wsio_value)")
        .replace("(__fish_print_hostnames)", &format!("(__wsio_endpoint {})", schemes(true)));
    let _ = write!(
        script,
        r#"
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
    if set -l found (string match -r -- '^((?:{paths}):)(.*)$' $token)
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
complete -c wsio -n "__fish_wsio_using_subcommand pipe; and __wsio_is_place 0" -f -a "(__wsio_endpoint {})"
complete -c wsio -n "__fish_wsio_using_subcommand pipe; and not __wsio_is_place 0" -f -a "(__wsio_endpoint {})"
"#,
        schemes(false),
        schemes(true),
        paths = PATHS.replace('+', r"\+"),
    );
    script
}
