//! The state of a client's copy, and the part of a file it wants (RFC 9110 sections 8.8, 13 and 14).

use httpdate::HttpDate;
use hyper::header::{self, HeaderMap, HeaderName};
use std::{
    fs::Metadata,
    ops::Range,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The validators of a file (RFC 9110 section 8.8), which a client's copy is compared with.
#[derive(Debug)]
pub(super) struct Validators {
    /// A strong entity tag: time of the last change, and size.
    pub etag: String,
    /// `None` for a time that HTTP cannot say, or that has not come yet.
    pub modified: Option<HttpDate>,
    pub length: u64,
}

/// The bytes of a file that a client gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ByteSelection {
    /// All, with 200.
    Whole,
    /// These, with 206.
    Bytes(Range<u64>),
    /// None: 416.
    Beyond,
}

impl Validators {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self::new(changed, metadata.len(), SystemTime::now())
    }

    fn new(changed: Option<Duration>, length: u64, now: SystemTime) -> Self {
        let etag = format!("\"{:x}-{length:x}\"", changed.unwrap_or_default().as_nanos());
        let changed = changed.and_then(|changed| UNIX_EPOCH.checked_add(changed));
        Self { etag, modified: changed.filter(|changed| *changed <= now).map(HttpDate::from), length }
    }

    /// True when the client has this state already, so that 304 is enough.
    pub(super) fn is_known(&self, headers: &HeaderMap) -> bool {
        let tags: Vec<&str> = headers
            .get_all(header::IF_NONE_MATCH)
            .into_iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .collect();
        // The date counts only where there is no tag.
        if !tags.is_empty() || headers.contains_key(header::IF_NONE_MATCH) {
            return tags.iter().any(|tag| *tag == "*" || tag.trim_start_matches("W/") == self.etag);
        }
        match (date(headers, header::IF_MODIFIED_SINCE), self.modified) {
            (Some(since), Some(modified)) => modified <= since,
            _ => false,
        }
    }

    /// The part that is asked for; several at once are answered with the whole.
    pub(super) fn part(&self, headers: &HeaderMap) -> ByteSelection {
        let mut ranges = headers.get_all(header::RANGE).into_iter();
        let (Some(range), None) = (ranges.next(), ranges.next()) else { return ByteSelection::Whole };
        if let Some(known) = headers.get(header::IF_RANGE)
            && known != self.etag.as_str()
            && (self.modified.is_none() || date(headers, header::IF_RANGE) != self.modified)
        {
            return ByteSelection::Whole;
        }
        range.to_str().ok().map_or(ByteSelection::Whole, |range| part(range, self.length))
    }
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<HttpDate> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

fn part(range: &str, length: u64) -> ByteSelection {
    let Some((unit, range)) = range.split_once('=') else { return ByteSelection::Whole };
    let Some((first, last)) = range.trim().split_once('-').filter(|_| unit.eq_ignore_ascii_case("bytes"))
    else {
        return ByteSelection::Whole;
    };
    let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large to be read is beyond any file.
        true if !text.is_empty() => Some(text.parse().unwrap_or(u64::MAX)),
        _ => None,
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.is_empty() => first..length,
        (None, Some(count)) if first.is_empty() => length.saturating_sub(count)..length,
        _ => return ByteSelection::Whole,
    };
    if range.is_empty() { ByteSelection::Beyond } else { ByteSelection::Bytes(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Duration = Duration::from_secs(784_111_777);

    fn validators() -> Validators {
        Validators::new(Some(NOON), 1000, SystemTime::now())
    }

    fn fields(fields: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_copy_is_known_by_its_tag_or_else_by_its_date() {
        let validators = validators();
        assert_eq!(validators.modified.unwrap().to_string(), "Sun, 06 Nov 1994 08:49:37 GMT");
        let (tag, weak, list) = (
            validators.etag.as_str(),
            format!("W/{}", validators.etag),
            format!("\"x\", {}", validators.etag),
        );
        let same = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (headers, known) in [
            (fields(&[]), false),
            (fields(&[(header::IF_NONE_MATCH, tag)]), true),
            (fields(&[(header::IF_NONE_MATCH, &weak)]), true),
            (fields(&[(header::IF_NONE_MATCH, &list)]), true),
            (fields(&[(header::IF_NONE_MATCH, "\"x\""), (header::IF_NONE_MATCH, tag)]), true),
            (fields(&[(header::IF_NONE_MATCH, "*")]), true),
            (fields(&[(header::IF_NONE_MATCH, "\"x\"")]), false),
            (fields(&[(header::IF_NONE_MATCH, "")]), false),
            (fields(&[(header::IF_MODIFIED_SINCE, same)]), true),
            (fields(&[(header::IF_MODIFIED_SINCE, "Sunday, 06-Nov-94 08:49:38 GMT")]), true),
            (fields(&[(header::IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT")]), false),
            (fields(&[(header::IF_MODIFIED_SINCE, "yesterday")]), false),
            (fields(&[(header::IF_NONE_MATCH, "\"x\""), (header::IF_MODIFIED_SINCE, same)]), false),
        ] {
            assert_eq!(validators.is_known(&headers), known, "{headers:?}");
        }
    }

    #[test]
    fn a_change_makes_another_tag() {
        let now = SystemTime::now();
        let tag = |changed, length| Validators::new(changed, length, now).etag;
        let other = NOON + Duration::from_nanos(1);
        assert_ne!(tag(Some(NOON), 1), tag(Some(other), 1));
        assert_ne!(tag(Some(NOON), 1), tag(Some(NOON), 2));
    }

    #[test]
    fn times_that_http_cannot_say_are_not_said() {
        let now = UNIX_EPOCH + NOON;
        for changed in [None, Some(NOON + Duration::from_secs(1)), Some(Duration::MAX)] {
            let validators = Validators::new(changed, 1, now);
            assert!(validators.modified.is_none(), "{validators:?}");
            assert!(
                !validators
                    .is_known(&fields(&[(header::IF_MODIFIED_SINCE, "Sun, 06 Nov 2094 08:49:37 GMT")]))
            );
        }
    }

    #[test]
    fn one_range_is_cut_out() {
        for (range, expected) in [
            ("bytes=0-0", ByteSelection::Bytes(0..1)),
            ("bytes=0-", ByteSelection::Bytes(0..1000)),
            ("BYTES=10-19", ByteSelection::Bytes(10..20)),
            ("bytes=990-5000", ByteSelection::Bytes(990..1000)),
            ("bytes=-1", ByteSelection::Bytes(999..1000)),
            ("bytes=-5000", ByteSelection::Bytes(0..1000)),
            ("bytes=0-18446744073709551616", ByteSelection::Bytes(0..1000)),
            ("bytes=999-", ByteSelection::Bytes(999..1000)),
            ("bytes=1000-", ByteSelection::Beyond),
            ("bytes=1000-1001", ByteSelection::Beyond),
            ("bytes=99999999999999999999-", ByteSelection::Beyond),
            ("bytes=-0", ByteSelection::Beyond),
            ("bytes=2-1", ByteSelection::Whole),
            ("bytes=0-1,3-4", ByteSelection::Whole),
            ("bytes=-", ByteSelection::Whole),
            ("bytes=a-b", ByteSelection::Whole),
            ("bytes=+1-2", ByteSelection::Whole),
            ("bytes=1", ByteSelection::Whole),
            ("lines=0-1", ByteSelection::Whole),
            ("", ByteSelection::Whole),
        ] {
            assert_eq!(validators().part(&fields(&[(header::RANGE, range)])), expected, "{range}");
        }
        assert_eq!(part("bytes=0-", 0), ByteSelection::Beyond, "nothing of an empty file");
        let twice = fields(&[(header::RANGE, "bytes=0-1"), (header::RANGE, "bytes=3-4")]);
        assert_eq!(validators().part(&twice), ByteSelection::Whole);
    }

    #[test]
    fn a_range_of_another_state_is_not_cut_out() {
        let validators = validators();
        let weak = format!("W/{}", validators.etag);
        for (known, expected) in [
            (validators.etag.as_str(), ByteSelection::Bytes(0..2)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", ByteSelection::Bytes(0..2)),
            (&weak, ByteSelection::Whole),
            ("\"x\"", ByteSelection::Whole),
            ("Sun, 06 Nov 1994 08:49:38 GMT", ByteSelection::Whole),
            ("", ByteSelection::Whole),
        ] {
            let headers = fields(&[(header::RANGE, "bytes=0-1"), (header::IF_RANGE, known)]);
            assert_eq!(validators.part(&headers), expected, "{known}");
        }
        let undated = Validators::new(None, 1000, SystemTime::now());
        let headers = fields(&[(header::RANGE, "bytes=0-1"), (header::IF_RANGE, "never")]);
        assert_eq!(undated.part(&headers), ByteSelection::Whole);
    }
}
