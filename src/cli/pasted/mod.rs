//! `--curl`: the command line for curl that a browser's developer tools copy becomes a connection.
//!
//! The line is translated into our own options, so that their values are read and refused in one
//! place. The handshake's own fields are left to our handshake; what curl would do beside asking for
//! a WebSocket is refused by name.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod shell_split;

use super::expand::{Expander, usage};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
};
use Means::*;

const MESSAGES: &str = "send messages with --send MSG, --send @FILE or standard input";
const OUTPUT: &str = "redirect standard output";

/// Meaning of one of curl's options for us.
#[derive(Clone, Copy)]
enum Means {
    /// Ours, of that name.
    Flag(&'static str),
    /// Ours, with curl's value.
    Value(&'static str),
    /// As `Value`; a leading `@` is part of the value for curl, and would be a file's for us.
    Literal(&'static str),
    Header,
    Referer,
    Cookie,
    Agent,
    Url,
    Method,
    /// Makes no difference here.
    Nothing,
    /// As `Nothing`; it takes a value.
    NothingWithValue,
    /// Cannot be done; what to write instead.
    Refused(&'static str),
}

#[derive(Default)]
struct CurlLine {
    args: Vec<String>,
    headers: Vec<String>,
    url: Option<String>,
}

/// The options of `connect` that the line asks for, as words of our command line.
///
/// # Errors
/// Exit 2 naming what cannot be done.
pub(super) fn read(text: &str, expander: &mut Expander) -> Result<Vec<String>> {
    let text = expander.text("--curl", text)?;
    let text = text.trim();
    let words = shell_split::split(text.strip_prefix("$ ").unwrap_or(text)).map_err(|cause| {
        refused(&cause)
            .hint("give the line from a file, as with --curl @FILE, or from standard input with @-")
    })?;
    let mut own = translate(&words)?;
    // The URL may stand on the command line instead.
    own.insert(0, "--curl=".to_owned());
    Ok(own)
}

/// The fault about a line that cannot be used.
pub(super) fn refused(cause: &str) -> Fault {
    usage(format!("--curl: {cause}"))
}

/// The target, which the command line or the line for curl has to name.
pub(super) fn target(target: Option<String>) -> Result<String> {
    target.ok_or_else(|| Fault::new(Exit::Usage, "usage", "--curl: there is no URL in the line"))
}

/// Short name or blank, long name, meaning.
static OPTIONS: &[(char, &str, Means)] = &[
    ('H', "header", Header),
    ('e', "referer", Referer),
    ('b', "cookie", Cookie),
    ('A', "user-agent", Agent),
    (' ', "url", Url),
    ('X', "request", Method),
    ('u', "user", Literal("user")),
    (' ', "oauth2-bearer", Literal("bearer")),
    ('k', "insecure", Flag("insecure")),
    (' ', "cacert", Value("cacert")),
    ('E', "cert", Value("cert")),
    (' ', "key", Value("key")),
    (' ', "pass", Literal("pass")),
    (' ', "pinnedpubkey", Value("pin")),
    (' ', "crlfile", Value("crl")),
    (' ', "tlsv1.3", Flag("tls-min=1.3")),
    (' ', "tlsv1.2", Flag("tls-min=1.2")),
    (' ', "tlsv1.1", Nothing),
    (' ', "tlsv1.0", Nothing),
    ('1', "tlsv1", Nothing),
    ('x', "proxy", Literal("proxy")),
    ('U', "proxy-user", Literal("proxy-user")),
    (' ', "noproxy", Value("noproxy")),
    (' ', "proxy-cacert", Value("proxy-cacert")),
    (' ', "proxy-insecure", Flag("proxy-insecure")),
    ('p', "proxytunnel", Nothing),
    (' ', "connect-to", Value("connect-to")),
    (' ', "resolve", Value("resolve")),
    (' ', "unix-socket", Value("unix-socket")),
    (' ', "interface", Value("interface")),
    ('4', "ipv4", Flag("ipv4")),
    ('6', "ipv6", Flag("ipv6")),
    ('L', "location", Flag("location")),
    ('m', "max-time", Value("timeout")),
    (' ', "connect-timeout", Value("connect-timeout")),
    ('v', "verbose", Flag("verbose")),
    // An answer that is no 101 is shown as it is, or not at all; progress is never shown.
    (' ', "compressed", Nothing),
    ('s', "silent", Nothing),
    ('S', "show-error", Nothing),
    ('f', "fail", Nothing),
    (' ', "fail-with-body", Nothing),
    ('i', "include", Nothing),
    (' ', "show-headers", Nothing),
    ('N', "no-buffer", Nothing),
    ('#', "progress-bar", Nothing),
    (' ', "no-progress-meter", Nothing),
    ('g', "globoff", Nothing),
    ('G', "get", Nothing),
    (' ', "path-as-is", Nothing),
    ('0', "http1.0", Nothing),
    (' ', "http1.1", Nothing),
    (' ', "http2", Nothing),
    (' ', "http2-prior-knowledge", Nothing),
    (' ', "http3", Nothing),
    (' ', "tcp-nodelay", Nothing),
    (' ', "basic", Nothing),
    (' ', "max-redirs", NothingWithValue),
    // Cookies are sent, and none are stored.
    ('c', "cookie-jar", NothingWithValue),
    ('j', "junk-session-cookies", Nothing),
    (' ', "keepalive-time", NothingWithValue),
    ('d', "data", Refused(MESSAGES)),
    (' ', "data-raw", Refused(MESSAGES)),
    (' ', "data-binary", Refused(MESSAGES)),
    (' ', "data-ascii", Refused(MESSAGES)),
    (' ', "data-urlencode", Refused(MESSAGES)),
    (' ', "json", Refused(MESSAGES)),
    ('F', "form", Refused(MESSAGES)),
    (' ', "form-string", Refused(MESSAGES)),
    ('T', "upload-file", Refused(MESSAGES)),
    ('I', "head", Refused("a WebSocket opens with GET: copy the request of the WebSocket itself")),
    ('o', "output", Refused(OUTPUT)),
    ('O', "remote-name", Refused(OUTPUT)),
    (' ', "location-trusted", Refused("-L follows redirects; credentials stay with their host")),
    (':', "next", Refused("copy one request")),
];

/// Fields that the opening handshake writes by itself, or that belong to one connection of the
/// browser's; of an answer in gzip nothing could be shown.
const OWN: [&str; 14] = [
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-extensions",
    "sec-websocket-accept",
    "connection",
    "upgrade",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "content-length",
    "accept-encoding",
    "http2-settings",
];

/// The arguments of `wsio connect` for a line's words.
///
/// # Errors
/// Exit 2 naming the option that cannot be done.
fn translate(words: &[String]) -> Result<Vec<String>> {
    let mut words = words.iter();
    let program = words.next().map(String::as_str).unwrap_or_default();
    let name = program.rsplit(['/', '\\']).next().unwrap_or_default();
    if !matches!(name, "curl" | "curl.exe") {
        return Err(usage("--curl: the line does not begin with `curl`")
            .hint("copy the request as cURL from the browser's developer tools"));
    }
    let mut line = CurlLine::default();
    let mut only_urls = false;
    while let Some(word) = words.next() {
        if only_urls || word == "-" || !word.starts_with('-') {
            line.url(word)?;
        } else if word == "--" {
            only_urls = true;
        } else if let Some(long) = word.strip_prefix("--") {
            let found = OPTIONS.iter().find(|(_, name, _)| *name == long);
            let means = found.ok_or_else(|| unknown(word))?.2;
            line.take(word, means, &mut || words.next().cloned())?;
        } else {
            let mut letters = word[1..].chars();
            while let Some(letter) = letters.next() {
                let shown = format!("-{letter}");
                let found = OPTIONS.iter().find(|(short, ..)| *short == letter && letter != ' ');
                let means = found.ok_or_else(|| unknown(&shown))?.2;
                // The rest of the word is the letter's value, if it takes one.
                line.take(
                    &shown,
                    means,
                    &mut || match std::mem::replace(&mut letters, "".chars()).as_str() {
                        "" => words.next().cloned(),
                        value => Some(value.to_owned()),
                    },
                )?;
            }
        }
    }
    Ok(line.finish())
}

/// Tells what to write instead of a word of curl's on our own command line.
pub(super) fn hint(word: &str) -> Option<String> {
    let (_, _, means) = OPTIONS.iter().find(|(short, long, _)| match word.strip_prefix("--") {
        Some(name) => name == *long,
        None => *short != ' ' && word.strip_prefix('-').is_some_and(|name| name.chars().eq([*short])),
    })?;
    Some(match means {
        Flag(name) | Value(name) | Literal(name) => format!("--{name}"),
        Header => "-H 'NAME: VALUE'".to_owned(),
        Referer => "-H 'Referer: URL'".to_owned(),
        Cookie => "--cookie 'NAME=VALUE', or --cookie @FILE".to_owned(),
        Agent => "--user-agent NAME".to_owned(),
        Url => "wsio connect URL".to_owned(),
        Method | Nothing | NothingWithValue => {
            "leave it out: it makes no difference to a WebSocket".to_owned()
        }
        Refused(hint) => (*hint).to_owned(),
    })
}

fn unknown(word: &str) -> crate::fault::Fault {
    usage(format!("--curl: `{word}` of curl has no meaning here"))
        .hint(format!("take {word} out of the line"))
}

impl CurlLine {
    fn take(&mut self, word: &str, means: Means, value: &mut dyn FnMut() -> Option<String>) -> Result<()> {
        let mut value = || value().ok_or_else(|| usage(format!("--curl: the value of {word} is missing")));
        match means {
            Flag(name) => self.args.push(format!("--{name}")),
            Value(name) => self.args.push(format!("--{name}={}", value()?)),
            Literal(name) => self.args.push(format!("--{name}={}", literal(&value()?))),
            Header => self.headers.push(value()?),
            Referer => self.headers.push(format!("Referer: {}", value()?.trim_end_matches(";auto"))),
            Cookie => {
                let value = value()?;
                // An empty name only turns curl's cookies on.
                if value.is_empty() {
                    return Ok(());
                }
                let file = !value.contains('=');
                self.args
                    .push(format!("--cookie={}", if file { format!("@{value}") } else { literal(&value) }));
            }
            Agent => match value()?.as_str() {
                "" => self.headers.push("User-Agent:".to_owned()),
                name => self.args.push(format!("--user-agent={}", literal(name))),
            },
            Url => self.url(&value()?)?,
            Method if value()? == "GET" => {}
            Method => {
                return Err(usage(format!("--curl: {word}: a WebSocket opens with GET"))
                    .hint("copy the request of the WebSocket itself"));
            }
            Nothing => {}
            NothingWithValue => drop(value()?),
            Refused(hint) => {
                return Err(usage(format!("--curl: {word} does not fit a WebSocket")).hint(hint));
            }
        }
        Ok(())
    }

    fn url(&mut self, url: &str) -> Result<()> {
        match self.url.replace(url.to_owned()) {
            None => Ok(()),
            Some(_) => Err(usage("--curl: there is more than one URL in the line").hint("copy one request")),
        }
    }

    fn finish(self) -> Vec<String> {
        let Self { mut args, headers, url } = self;
        let host = url.as_deref().map(authority).unwrap_or_default();
        for header in headers {
            let name = name_of(&header);
            let value = header.split_once(':').map_or("", |(_, value)| value.trim());
            let repeats_host = name == "host" && value.eq_ignore_ascii_case(host);
            // `:authority: h` and its kind are HTTP/2's.
            if !name.is_empty() && !repeats_host && !OWN.contains(&name.as_str()) {
                args.push(format!("--header={header}"));
            }
        }
        args.extend(url.into_iter().flat_map(|url| ["--".to_owned(), url]));
        args
    }
}

/// A value that does not name a file.
fn literal(value: &str) -> String {
    if value.starts_with('@') { format!("@{value}") } else { value.to_owned() }
}

/// `HOST[:PORT]` of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

/// The name in `Name: value` or `Name;`, in lower case.
pub(super) fn name_of(header: &str) -> String {
    header.split([':', ';']).next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(line: &str) -> String {
        let words: Vec<String> = line.split('|').map(str::to_owned).collect();
        translate(&words).unwrap_or_else(|fault| panic!("{line}: {fault}")).join("|")
    }

    #[test]
    fn options_become_ours() {
        for (line, ours) in [
            ("curl|wss://h/", "--|wss://h/"),
            ("/usr/bin/curl|--url|h", "--|h"),
            ("curl|-H|A: b|-HC: d|h", "--header=A: b|--header=C: d|--|h"),
            ("curl|-H|@file|h", "--header=@file|--|h"),
            ("curl|-sSLk|h", "--location|--insecure|--|h"),
            ("curl|-b|a=b; c=d|h", "--cookie=a=b; c=d|--|h"),
            ("curl|-b|jar.txt|h", "--cookie=@jar.txt|--|h"),
            ("curl|-b|@a=b|h", "--cookie=@@a=b|--|h"),
            ("curl|-b||-c|jar|--cookie-jar|-|-j|h", "--|h"),
            ("curl|-A|me|-e|https://o/;auto|h", "--user-agent=me|--header=Referer: https://o/|--|h"),
            ("curl|-A||h", "--header=User-Agent:|--|h"),
            ("curl|-u|me:@x|-x|p:1|-Uyou:pw|h", "--user=me:@x|--proxy=p:1|--proxy-user=you:pw|--|h"),
            ("curl|--resolve|-h:1|--connect-to|::b:2|h", "--resolve=-h:1|--connect-to=::b:2|--|h"),
            ("curl|-X|GET|-XGET|--compressed|--http1.1|h", "--|h"),
            (
                "curl|--tlsv1.3|--pinnedpubkey|sha256//x|-m|3|h",
                "--tls-min=1.3|--pin=sha256//x|--timeout=3|--|h",
            ),
            ("curl|--|-h", "--|-h"),
        ] {
            assert_eq!(translated(line), ours, "{line}");
        }
    }

    #[test]
    fn the_browsers_own_handshake_is_left_out() {
        let line = "curl|wss://h:8443/x|-H|Sec-WebSocket-Key: k|-H|Sec-WebSocket-Version: 13|-H|Connection: Upgrade\
                    |-H|Upgrade: websocket|-H|Sec-WebSocket-Extensions: permessage-deflate|-H|Host: H:8443\
                    |-H|Accept-Encoding: gzip|-H|:authority: h|-H|Sec-WebSocket-Protocol: chat|-H|Origin: https://o";
        assert_eq!(
            translated(line),
            "--header=Sec-WebSocket-Protocol: chat|--header=Origin: https://o|--|wss://h:8443/x"
        );
        assert_eq!(translated("curl|wss://h/|-H|Host: other"), "--header=Host: other|--|wss://h/");
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        for (line, cause) in [
            ("wget|h", "begin with `curl`"),
            ("", "begin with `curl`"),
            ("curl|-X|POST|h", "opens with GET"),
            ("curl|-d|x|h", "-d does not fit"),
            ("curl|--data-raw|x|h", "--data-raw does not fit"),
            ("curl|-so|file|h", "-o does not fit"),
            ("curl|--ciphers|x|h", "`--ciphers`"),
            ("curl|-z|h", "`-z`"),
            ("curl|a|b", "more than one URL"),
            ("curl|h|-H", "value of -H is missing"),
        ] {
            let words: Vec<String> = line.split('|').map(str::to_owned).collect();
            let fault = translate(&words).unwrap_err();
            assert!(fault.cause.starts_with("--curl: ") && fault.cause.contains(cause), "{line}: {fault}");
        }
    }

    #[test]
    fn no_name_stands_twice() {
        let mut names: Vec<String> = OPTIONS
            .iter()
            .flat_map(|(short, long, _)| [short.to_string(), long.to_string()])
            .filter(|name| name != " ")
            .collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
