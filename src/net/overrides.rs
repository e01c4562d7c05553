//! `--connect-to` and `--resolve`: going somewhere else than the name says, while Host, SNI and the
//! certificate stay the name's.
//!
//! Both are read as curl reads them. `--connect-to` exchanges host and port before anything else;
//! `--resolve` answers for the name service, also for the name of a proxy.

use super::addr::port;
use std::net::IpAddr;

/// One `--connect-to H1:P1:H2:P2`; `None` is what was left empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectTo {
    from: (Option<String>, Option<u16>),
    to: (Option<String>, Option<u16>),
}

impl ConnectTo {
    /// Reads `H1:P1:H2:P2`; an empty H1 or P1 is any, an empty H2 or P2 keeps it. The error is the
    /// cause in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: String| format!("{why} (H1:P1:H2:P2, IPv6 in brackets)");
        let (from_host, rest) = host(text).map_err(wrong)?;
        let Some((from_port, rest)) = rest.split_once(':') else {
            return Err(wrong(format!("`{text}` names no place to go to")));
        };
        let (to_host, to_port) = host(rest).map_err(wrong)?;
        let some = |host: &str| (!host.is_empty()).then(|| host.to_owned());
        let some_port = |text: &str| match text {
            "" => Ok(None),
            text => port(text).map(Some).map_err(wrong),
        };
        Ok(Self { from: (some(from_host), some_port(from_port)?), to: (some(to_host), some_port(to_port)?) })
    }

    /// The host and port to go to, by the first of these that fits.
    pub(super) fn apply(all: &[Self], host: &str, port: u16) -> (String, u16) {
        let fits = |connect_to: &&Self| {
            let (from_host, from_port) = &connect_to.from;
            from_host.as_ref().is_none_or(|from| from.eq_ignore_ascii_case(host))
                && from_port.is_none_or(|from| from == port)
        };
        match all.iter().find(fits) {
            Some(Self { to, .. }) => (to.0.clone().unwrap_or_else(|| host.to_owned()), to.1.unwrap_or(port)),
            None => (host.to_owned(), port),
        }
    }
}

/// One `--resolve`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolve {
    /// `HOST:PORT:ADDR[,ADDR]`, with or without curl's leading `+`.
    Add(Known),
    /// `-HOST:PORT`: forget it again.
    Remove(String, u16),
}

/// The addresses of a name at a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// `*` is any name.
    host: String,
    port: u16,
    addresses: Vec<IpAddr>,
}

impl Resolve {
    /// Reads `HOST:PORT:ADDR[,ADDR]` or `-HOST:PORT`; the error is the cause in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: String| format!("{why} (HOST:PORT:ADDR[,ADDR], or -HOST:PORT)");
        let removes = text.strip_prefix('-');
        let (name, rest) = host(removes.or(text.strip_prefix('+')).unwrap_or(text)).map_err(wrong)?;
        if name.is_empty() {
            return Err(wrong(format!("`{text}` names no host")));
        }
        if removes.is_some() {
            return Ok(Self::Remove(name.to_owned(), port(rest).map_err(wrong)?));
        }
        let Some((at, addresses)) = rest.split_once(':') else {
            return Err(wrong(format!("`{text}` names no address")));
        };
        let address = |text: &str| {
            let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
            bare.parse::<IpAddr>().map_err(|_| wrong(format!("`{text}` is not an address")))
        };
        Ok(Self::Add(Known {
            host: name.to_owned(),
            port: port(at).map_err(wrong)?,
            addresses: addresses.split(',').map(address).collect::<Result<_, _>>()?,
        }))
    }

    /// The addresses that these give a name: the last one that names it, or else the last `*`.
    pub(super) fn look_up<'a>(all: &'a [Self], host: &str, port: u16) -> Option<&'a [IpAddr]> {
        Self::named(all, host, port).or_else(|| Self::named(all, "*", port))
    }

    fn named<'a>(all: &'a [Self], wanted: &str, wanted_port: u16) -> Option<&'a [IpAddr]> {
        let found = all.iter().rev().find(|entry| {
            let (Self::Add(Known { host, port, .. }) | Self::Remove(host, port)) = entry;
            *port == wanted_port && host.eq_ignore_ascii_case(wanted)
        });
        match found {
            Some(Self::Add(known)) => Some(&known.addresses),
            Some(Self::Remove(..)) | None => None,
        }
    }
}

/// A host without its brackets, and what stands after its colon.
fn host(text: &str) -> Result<(&str, &str), String> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(literal) => {
            let (host, rest) =
                literal.split_once(']').ok_or_else(|| format!("`{text}` lacks the closing bracket"))?;
            (host, rest.strip_prefix(':').or(rest.is_empty().then_some("")).ok_or(()))
        }
        None => text.split_once(':').map_or((text, Ok("")), |(host, rest)| (host, Ok(rest))),
    };
    match rest {
        Ok(rest) => Ok((host, rest)),
        Err(()) => Err(format!("`{text}` has something after its bracket")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_to_exchanges_what_it_names() {
        for (connect_to, host, port, expected) in [
            ("a:1:b:2", "a", 1, "b 2"),
            ("a:1:b:2", "A", 1, "b 2"),
            ("a:1:b:2", "a", 3, "a 3"),
            ("a:1:b:2", "c", 1, "c 1"),
            ("::b:2", "a", 1, "b 2"),
            ("a::b:", "a", 7, "b 7"),
            ("a::b", "a", 7, "b 7"),
            (":1::2", "a", 1, "a 2"),
            ("[::1]:1:[::2]:2", "::1", 1, "::2 2"),
            ("a:1:[fe80::1%eth0]:2", "a", 1, "fe80::1%eth0 2"),
        ] {
            let (host, port) = ConnectTo::apply(&[ConnectTo::parse(connect_to).unwrap()], host, port);
            assert_eq!(format!("{host} {port}"), expected, "{connect_to}");
        }
        let all = ["x:1:y:2", "a:1:b:2", "a:1:c:3"].map(|text| ConnectTo::parse(text).unwrap());
        assert_eq!(ConnectTo::apply(&all, "a", 1), ("b".to_owned(), 2), "the first one wins");
    }

    #[test]
    fn resolve_answers_for_the_name_service() {
        let all: Vec<Resolve> = [
            "a:1:127.0.0.1",
            "a:1:127.0.0.2,::1,[::2]",
            "*:1:127.0.0.9",
            "+plus:2:127.0.0.3",
            "gone:3:127.0.0.4",
            "-gone:3",
        ]
        .into_iter()
        .map(|text| Resolve::parse(text).unwrap())
        .collect();
        let found = |host: &str, port| {
            Resolve::look_up(&all, host, port)
                .map(|all| all.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(found("A", 1).as_deref(), Some("127.0.0.2 ::1 ::2"), "the last one wins");
        assert_eq!(found("other", 1).as_deref(), Some("127.0.0.9"));
        assert_eq!(found("plus", 2).as_deref(), Some("127.0.0.3"));
        assert_eq!((found("a", 2), found("gone", 3)), (None, None));
    }

    #[test]
    fn bad_ones_say_why() {
        for (text, cause) in [
            ("a", "no place"),
            ("a:1", "no place"),
            ("a:x:b:2", "not a port"),
            ("a:1:b:99999", "above 65535"),
            ("[::1:1:b:2", "closing bracket"),
            ("[::1]x:1:b:2", "after its bracket"),
        ] {
            let error = ConnectTo::parse(text).unwrap_err();
            assert!(error.contains(cause) && error.contains("H1:P1"), "{text}: {error}");
        }
        for (text, cause) in [
            ("a", "no address"),
            ("a:1", "no address"),
            ("a:1:", "not an address"),
            ("a:1:b", "not an address"),
            ("a:1:127.0.0.1,", "not an address"),
            (":1:127.0.0.1", "no host"),
            ("a:x:127.0.0.1", "not a port"),
            ("-a", "not a port"),
        ] {
            let error = Resolve::parse(text).unwrap_err();
            assert!(error.contains(cause), "{text}: {error}");
        }
    }
}
