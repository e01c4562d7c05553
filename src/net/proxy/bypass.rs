//! `no_proxy` and `--noproxy`: whom no proxy stands in front of, as curl reads the list.
//!
//! A list of names and addresses; a name covers itself and every name below it, an address may be a
//! network. `*` alone is everybody. Ports and wildcards within names are not part of curl's rule, so
//! an entry that has one matches nobody. The one liberty taken: an IPv6 address may stand in brackets.

use std::net::IpAddr;

/// A list of hosts that are reached directly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bypass(String);

impl Bypass {
    /// The list as it was written: entries separated by commas or blanks.
    pub fn new(list: &str) -> Self {
        Self(list.to_owned())
    }

    /// True when a host, a name or an address without brackets, is on the list.
    pub(super) fn covers(&self, host: &str) -> bool {
        let mut entries =
            self.0.split([',', ' ', '\t']).filter(|entry| !entry.is_empty()).map(str::to_ascii_lowercase);
        if self.0 == "*" {
            return true;
        }
        let literal = host.split('%').next().unwrap_or(host);
        match literal.parse::<IpAddr>() {
            Ok(address) => entries.any(|entry| covers_address(&entry, address)),
            Err(_) => {
                let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
                entries.any(|entry| covers_name(&entry, &host))
            }
        }
    }
}

fn covers_name(entry: &str, host: &str) -> bool {
    let entry = entry.strip_suffix('.').unwrap_or(entry);
    let entry = entry.strip_prefix('.').unwrap_or(entry);
    match host.strip_suffix(entry) {
        Some("") => true,
        Some(below) => below.ends_with('.'),
        None => false,
    }
}

/// `ADDRESS` or `ADDRESS/BITS`; as in curl, 0 bits are the whole address.
fn covers_address(entry: &str, address: IpAddr) -> bool {
    let (network, bits) = entry.split_once('/').unwrap_or((entry, "0"));
    let network = network.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(network);
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let (network, address, width) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (u128::from(u32::from(network)), u128::from(u32::from(address)), 32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => (u128::from(network), u128::from(address), 128),
        _ => return false,
    };
    match bits {
        0 => network == address,
        1.. if bits <= width => network >> (width - bits) == address >> (width - bits),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What curl 7.88 does, asked one by one.
    #[test]
    fn the_list_is_read_as_curl_reads_it() {
        for (list, host, covered) in [
            ("*", "h.example", true),
            ("*", "127.0.0.1", true),
            ("*,x", "h.example", false),
            ("example.com", "example.com", true),
            ("example.com", "www.example.com", true),
            ("example.com", "nonexample.com", false),
            (".example.com", "example.com", true),
            (".example.com", "www.example.com", true),
            ("example.com.", "example.com", true),
            ("example.com", "example.com.", true),
            ("EXAMPLE.com", "www.Example.COM", true),
            ("*.example.com", "www.example.com", false),
            ("com", "example.com", true),
            ("a,b example.com", "example.com", true),
            ("a b example.com", "example.com", true),
            (" , example.com", "example.com", true),
            (",,example.com", "example.com", true),
            ("", "example.com", false),
            ("x,", "example.com", false),
            ("example.com:443", "example.com", false),
            ("localhost", "localhost", true),
            ("127.0.0.1", "localhost", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1:80", "127.0.0.1", false),
            ("127.0", "127.0.0.1", false),
            (".0.0.1", "127.0.0.1", false),
            ("127.0.0.0/8", "127.9.9.9", true),
            ("127.0.0.0/0", "127.9.9.9", false),
            ("127.0.0.0/33", "127.0.0.0", false),
            ("10.0.0.1,192.168.0.0/16", "192.168.7.7", true),
            ("192.168.0.0/16", "h192.168.7.7", false),
            ("::1", "::1", true),
            ("::1", "::2", false),
            ("::/8", "127.0.0.1", false),
        ] {
            assert_eq!(Bypass::new(list).covers(host), covered, "[{list}] {host}");
        }
    }

    #[test]
    fn ipv6_may_be_written_in_any_form() {
        for (list, host) in [
            ("[::1]", "::1"),
            ("0:0:0:0:0:0:0:1", "::1"),
            ("fe80::/10", "fe80::1%eth0"),
            ("[2001:db8::]/32", "2001:db8::7"),
        ] {
            assert!(Bypass::new(list).covers(host), "[{list}] {host}");
        }
    }
}
