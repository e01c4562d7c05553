//! `nats://` URLs: a server, who we are to it, and a subject.

use crate::{
    exit::Exit,
    fault::{Fault, Result},
};
use percent_encoding::percent_decode_str;
use std::{borrow::Cow, fmt};
use url::{Host, Url};

/// Port on which NATS servers listen by default.
const PORT: u16 = 4222;
/// Bytes of a subject: a server cuts the connection at a command line of 4096.
const LONGEST_SUBJECT: usize = 1024;

/// A server and a subject on it.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsUrl {
    /// Server to connect to.
    pub server: NatsServer,
    /// Tokens separated by dots, decoded.
    pub subject: String,
}

/// A server and who we are to it; equal ones share a connection.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsServer {
    /// TLS whether the server asks for it or not (`nats+tls:`).
    pub tls: bool,
    /// A name, or an address without brackets.
    pub host: String,
    /// Default 4222.
    pub port: u16,
    /// From `USER:PASSWORD@` or `TOKEN@`; never shown.
    pub login: Option<NatsLogin>,
}

/// Credentials for a server.
#[derive(Clone, PartialEq, Eq)]
pub enum NatsLogin {
    /// A token alone.
    Token(String),
    /// A name and its password.
    User(String, String),
}

impl NatsUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// Exit 3 with the cause; what stands before the `@` is not shown.
    pub fn parse(text: &str) -> Result<Self> {
        let malformed = |cause: &str| malformed(text, cause);
        if !text.contains("://") {
            return Err(malformed("two slashes are missing").hint("write nats://HOST/SUBJECT"));
        }
        if text.contains(|character: char| character.is_control() || character.is_whitespace()) {
            return Err(malformed("it contains a blank or a control character, which no subject does"));
        }
        let url = Url::parse(text).map_err(|error| malformed(&error.to_string()))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(malformed("nothing may follow the subject")
                .hint("write %3F for a literal ? and %23 for a literal #"));
        }
        let host = match url.host_str().map(Host::parse) {
            Some(Ok(Host::Domain(name))) => name,
            Some(Ok(Host::Ipv4(address))) => address.to_string(),
            Some(Ok(Host::Ipv6(address))) => address.to_string(),
            Some(Err(error)) => return Err(malformed(&error.to_string())),
            None => return Err(malformed("the host is missing")),
        };
        let decode = |part: &str| {
            let decoded = percent_decode_str(part).decode_utf8();
            decoded.map(Cow::into_owned).map_err(|_| malformed("what % stands for is not UTF-8"))
        };
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (token, None) => Some(NatsLogin::Token(decode(token)?)),
            (user, Some(password)) => Some(NatsLogin::User(decode(user)?, decode(password)?)),
        };
        let path = url.path().strip_prefix('/').unwrap_or_default();
        if path.is_empty() {
            return Err(malformed("the subject is missing").hint("write nats://HOST/SUBJECT"));
        }
        if let Some((first, rest)) = path.split_once('/') {
            let dotted = format!("{first}.{}", rest.trim_matches('/').replace('/', "."));
            return Err(malformed("a subject is one part of the path, its own parts are separated by dots")
                .hint(format!("write nats://HOST/{}", dotted.trim_end_matches('.'))));
        }
        let subject = decode(path)?;
        check(&subject).map_err(malformed)?;
        let server =
            NatsServer { tls: url.scheme() == "nats+tls", host, port: url.port().unwrap_or(PORT), login };
        Ok(Self { server, subject })
    }

    /// True when the subject has a wildcard: it can be subscribed to, but nothing can be published to it.
    pub fn is_wild(&self) -> bool {
        self.subject.split('.').any(|token| matches!(token, "*" | ">"))
    }
}

/// The rules of a subject, as servers have them.
fn check(subject: &str) -> Result<(), &'static str> {
    let mut tokens = subject.split('.').peekable();
    while let Some(token) = tokens.next() {
        if token.is_empty() {
            return Err("a subject neither begins nor ends with a dot, and has no two of them together");
        }
        if token.contains(|character: char| character.is_control() || character.is_whitespace()) {
            return Err("a subject contains no blank and no control character");
        }
        if token.contains(['*', '>']) && token.len() > 1 {
            return Err("the wildcards * and > stand alone between dots");
        }
        if token == ">" && tokens.peek().is_some() {
            return Err("the wildcard > is the last part of a subject");
        }
    }
    if subject.len() > LONGEST_SUBJECT { Err("the subject is longer than 1024 bytes") } else { Ok(()) }
}

impl fmt::Display for NatsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.server)?;
        for character in self.subject.chars() {
            match character {
                '%' | '/' | '?' | '#' | '\\' => write!(f, "%{:02X}", u32::from(character))?,
                _ => write!(f, "{character}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for NatsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "nats+tls" } else { "nats" };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}:{}", self.host, self.port)
    }
}

/// The cause with the URL, without what stands before the `@`.
fn malformed(text: &str, cause: &str) -> Fault {
    let shown = match (text.split_once(':'), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}:…@{rest}"),
        _ => text.to_owned(),
    };
    Fault::new(Exit::Malformed, "url", format!("`{shown}`: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> NatsUrl {
        NatsUrl::parse(text).unwrap_or_else(|fault| panic!("{fault}"))
    }

    #[test]
    fn urls_as_people_write_them() {
        for (text, shown, subject) in [
            ("nats://h/room", "nats://h:4222/room", "room"),
            ("nats://h:1/a.b.c", "nats://h:1/a.b.c", "a.b.c"),
            ("nats://H/Room", "nats://h:4222/Room", "Room"),
            ("nats://[::1]/x", "nats://[::1]:4222/x", "x"),
            ("nats://10.0.0.1:80/x", "nats://10.0.0.1:80/x", "x"),
            ("nats+tls://h/x", "nats+tls://h:4222/x", "x"),
            ("nats://h/logs.>", "nats://h:4222/logs.>", "logs.>"),
            ("nats://h/*.b.%2A", "nats://h:4222/*.b.*", "*.b.*"),
            ("nats://h/a%2Fb%3F%25", "nats://h:4222/a%2Fb%3F%25", "a/b?%"),
            ("nats://h/$SYS.x", "nats://h:4222/$SYS.x", "$SYS.x"),
            ("nats://h/grüße", "nats://h:4222/grüße", "grüße"),
            ("nats://bücher.example/x", "nats://xn--bcher-kva.example:4222/x", "x"),
        ] {
            let url = parse(text);
            assert_eq!((url.to_string().as_str(), url.subject.as_str()), (shown, subject), "{text}");
            assert!(parse(shown) == url, "{shown} is the same again");
        }
    }

    #[test]
    fn credentials_are_read_and_never_shown() {
        let url = parse("nats://me:p%40s%3As@h/x");
        assert!(url.server.login == Some(NatsLogin::User("me".into(), "p@s:s".into())));
        assert!(parse("nats://s3cr%3At@h/x").server.login == Some(NatsLogin::Token("s3cr:t".into())));
        for text in ["nats://me:secret@h/x", "nats://secret@h/x"] {
            assert_eq!(parse(text).to_string(), "nats://h:4222/x");
        }
        assert!(parse("nats://a@h/x").server != parse("nats://b@h/x").server);
    }

    #[test]
    fn wildcards_are_known() {
        for (text, wild) in [("nats://h/a", false), ("nats://h/a.*", true), ("nats://h/>", true)] {
            assert_eq!(parse(text).is_wild(), wild, "{text}");
        }
    }

    #[test]
    fn bad_urls_say_why_and_never_show_a_secret() {
        for (text, cause) in [
            ("nats:h/x", "slashes"),
            ("nats:me:secret@h/x", "slashes"),
            ("nats://", "host"),
            ("nats:///x", "host"),
            ("nats://h", "subject is missing"),
            ("nats://h/", "subject is missing"),
            ("nats://h/a/b", "dots"),
            ("nats://h/a b", "blank"),
            ("nats://h/a%20b", "blank"),
            ("nats://h/a%0D%0Ab", "control"),
            ("nats://h/.a", "dot"),
            ("nats://h/a.", "dot"),
            ("nats://h/a..b", "dot"),
            ("nats://h/a*", "alone"),
            ("nats://h/a.>.b", "last"),
            ("nats://h/a?b", "follow"),
            ("nats://h/a#b", "follow"),
            ("nats://h/%FF", "UTF-8"),
            ("nats://me:secret@h:x/a", "port"),
            ("nats://secret@h/a..b", "dot"),
            ("nats://me:secret@/a", "host"),
        ] {
            let fault = NatsUrl::parse(text).err().unwrap_or_else(|| panic!("{text} parsed"));
            assert_eq!(fault.exit, Exit::Malformed);
            assert!(fault.cause.contains(cause), "{text}: {fault}");
            assert!(!fault.to_string().contains("secret"), "{fault}");
        }
        let fault = NatsUrl::parse("nats://h/a/b/").err().unwrap();
        assert_eq!(fault.hint.as_deref(), Some("write nats://HOST/a.b"));
        assert!(NatsUrl::parse(&format!("nats://h/{}", "a".repeat(1025))).is_err());
    }
}
