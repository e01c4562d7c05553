//! Close codes: their names, and which of them may go on the wire.
//!
//! RFC 6455 section 7.4 and the IANA registry that continues it.

use std::ops::RangeInclusive;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// The longest close reason, bytes (RFC 6455 section 5.5: a control frame carries 125, the code takes two).
pub const MAX_REASON: usize = 123;

/// The code for one that is too slow now (1013 of the IANA registry).
pub const TRY_AGAIN_LATER: u16 = 1013;

/// The body of a Close frame; none without a code.
pub fn frame(code: Option<u16>, reason: &str) -> Option<CloseFrame> {
    code.map(|code| CloseFrame { code: code.into(), reason: reason.into() })
}

/// The code's name as this field says it.
pub fn name(code: u16) -> &'static str {
    match code {
        1000 => "normal",
        1001 => "going away",
        1002 => "protocol error",
        1003 => "unsupported data",
        1005 => "no status",
        1006 => "abnormal",
        1007 => "invalid payload data",
        1008 => "policy violation",
        1009 => "message too big",
        1010 => "mandatory extension",
        1011 => "internal error",
        1012 => "service restart",
        1013 => "try again later",
        1014 => "bad gateway",
        1015 => "TLS handshake",
        3000..=3999 => "registered",
        4000..=4999 => "private",
        _ => "reserved",
    }
}

/// The usual remedy for a Close with this code, imperative; `None` where only the server knows.
pub fn remedy(code: u16) -> Option<&'static str> {
    Some(match code {
        1002 => "see with -vv what was sent: the peer found it against the protocol",
        1003 => "send the other type of message: -b for binary, -t for text",
        1007 => "check that what is sent is what the peer expects: it could not read a payload",
        1008 => {
            "log in with --bearer, --user or --cookie, or check what was sent: it is against the peer's policy"
        }
        1009 => "send smaller messages",
        1010 => "offer the extension that the server needs",
        1011 => "look at the server's log: it failed by its own account",
        1012 => "connect again, or let --reconnect do it: the server restarts",
        1013 => "try again later, or let --reconnect do it: the server is overloaded",
        1014 => "look at what stands behind the server: it does not answer",
        _ => return None,
    })
}

/// A close code as people write it, from 1000 to 4999.
///
/// # Errors
/// What was expected.
pub fn parse(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(code @ 1000..=4999) if text.len() == 4 => Ok(code),
        _ => Err("expected a close code from 1000 to 4999".to_owned()),
    }
}

/// Close codes and ranges, separated by commas: `1008,4000-4999`.
///
/// # Errors
/// What was expected, or that a range is empty.
pub fn ranges(text: &str) -> Result<Vec<RangeInclusive<u16>>, String> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (parse(first.trim())?, parse(last.trim())?);
        if first > last { Err(format!("{first}-{last} is an empty range")) } else { Ok(first..=last) }
    };
    text.split(',').map(|part| range(part.trim())).collect()
}

/// As [`ranges`], of codes that an end with a Close can have; 1005 is a Close without a code.
///
/// # Errors
/// What was expected, or that a code stands for a Close that never came.
pub fn arriving(text: &str) -> Result<Vec<RangeInclusive<u16>>, String> {
    let ranges = ranges(text)?;
    match ranges.iter().find(|range| range.start() == range.end() && matches!(range.start(), 1006 | 1015)) {
        None => Ok(ranges),
        Some(range) => Err(format!("{} stands for a connection that ended without a Close", range.start())),
    }
}

/// Codes and ranges as they are written: the counterpart of [`ranges`].
pub fn list(ranges: &[RangeInclusive<u16>]) -> String {
    let one = |range: &RangeInclusive<u16>| match range.start() == range.end() {
        true => range.start().to_string(),
        false => format!("{}-{}", range.start(), range.end()),
    };
    ranges.iter().map(one).collect::<Vec<_>>().join(",")
}

/// Code, name and reason in one line: `1011 internal error: disk full`; no code is `1005 no status`.
pub fn describe(code: Option<u16>, reason: &str) -> String {
    // 1005 is what APIs report for a Close without a code (RFC 6455 section 7.1.5).
    let code = code.unwrap_or(1005);
    if reason.is_empty() {
        format!("{code} {}", name(code))
    } else {
        format!("{code} {}: {reason}", name(code))
    }
}

/// True when the code may be sent in a Close frame.
///
/// 1014 is registered, but tungstenite 0.30 takes it for a bad code and answers it with 1002, so it
/// would not arrive as what it is.
pub fn sendable(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1013 | 3000..=4999)
}

/// True when the code may stand in a Close frame that arrives (RFC 6455 section 7.4, IANA's registry).
pub fn may_arrive(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// The longest prefix of a reason that fits in a Close frame and is whole characters.
pub fn fit_reason(reason: &str) -> &str {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

    #[test]
    fn describes_with_and_without_reason() {
        assert_eq!(describe(None, ""), "1005 no status");
        assert_eq!(describe(Some(1006), ""), "1006 abnormal");
        assert_eq!(describe(Some(1011), "disk full"), "1011 internal error: disk full");
        assert_eq!(describe(Some(4001), ""), "4001 private");
    }

    #[test]
    fn every_registered_code_has_a_name_of_its_own() {
        let named: Vec<u16> = (0..=u16::MAX).filter(|code| name(*code) != "reserved").collect();
        let registered = [1000..=1003, 1005..=1015, 3000..=4999].into_iter().flatten();
        assert!(named.iter().copied().eq(registered), "{named:?}");
        let mut names: Vec<_> = (1000..=1015).map(name).chain([name(3000), name(4000)]).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 18, "{names:?}");
    }

    #[test]
    fn a_code_that_finds_fault_has_a_remedy() {
        // A normal end, one that goes away, and codes that stand for no Close have none.
        let without: Vec<_> = (1000..=1015).filter(|code| remedy(*code).is_none()).collect();
        assert_eq!(without, [1000, 1001, 1004, 1005, 1006, 1015]);
        assert!((3000..=4999).all(|code| remedy(code).is_none()), "only the server knows");
        let words = [
            (1003, "-b"),
            (1007, "payload"),
            (1008, "--bearer"),
            (1012, "--reconnect"),
            (1013, "--reconnect"),
        ];
        for (code, word) in words {
            assert!(remedy(code).is_some_and(|remedy| remedy.contains(word)), "{code}");
        }
    }

    #[test]
    fn lists_read_as_they_are_written() {
        for (text, written) in
            [("1008", "1008"), ("1008, 4000 - 4999", "1008,4000-4999"), ("1000-1000", "1000")]
        {
            assert_eq!(list(&ranges(text).unwrap()), written, "{text}");
        }
        for text in ["", "x", "999", "5000", "1000,", "4001-4000", "01000", "+1000"] {
            assert!(ranges(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sendable_is_what_the_engine_lets_out() {
        for code in 0..=u16::MAX {
            assert_eq!(sendable(code), code < 5000 && CloseCode::from(code).is_allowed(), "{code}");
        }
    }

    #[test]
    fn reasons_are_cut_between_characters() {
        assert_eq!(fit_reason("short"), "short");
        let long = "é".repeat(100);
        assert_eq!(fit_reason(&long).len(), 122);
        assert_eq!(fit_reason(&"x".repeat(500)).len(), 123);
    }
}
