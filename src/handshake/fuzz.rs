//! Any bytes as the head of a request, and as a file of cookies.

use super::{
    cookies::Cookies,
    request_head::{HeadProgress, HeadReader, MAX_FIELDS, MAX_HEAD, Malformed},
    url::WsUrl,
};
use crate::net::is_token;

/// A request: any cut of it ends the same, and what is let through is read in one way only. The first byte: bytes that
/// come at once.
pub fn request(data: &[u8]) {
    let [at_once, bytes @ ..] = data else { return };
    let whole = read(bytes, usize::MAX);
    assert_eq!(read(bytes, usize::from(*at_once) + 1), whole);
    match whole {
        Ok(Some(length)) => is_plain(&bytes[..length]),
        Ok(None) => assert!(bytes.len() <= MAX_HEAD),
        Err((_, why)) => {
            assert!(matches!(why.status, 400 | 431) && !why.cause.is_empty());
            assert!(!why.cause.contains(char::is_control), "{:?}", why.cause);
        }
    }
}

/// Length of the head, if it ends; or where it is refused, and why.
fn read(bytes: &[u8], at_once: usize) -> Result<Option<usize>, (usize, Malformed)> {
    let (mut reader, mut taken) = (HeadReader::default(), 0);
    for chunk in bytes.chunks(at_once) {
        match reader.feed(chunk) {
            HeadProgress::More => taken += chunk.len(),
            HeadProgress::Ended(at) => return Ok(Some(taken + at)),
            HeadProgress::Refused(why) => return Err((0, why)),
        }
    }
    Ok(None)
}

/// A head that was let through, read slowly.
fn is_plain(head: &[u8]) {
    let lines = head.strip_suffix(b"\r\n\r\n").expect("it ends with an empty line");
    let text: String = lines.iter().copied().map(char::from).collect();
    let mut lines = text.trim_start_matches("\r\n").split("\r\n");
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    assert_eq!(words.len(), 3, "{text:?}");
    assert!(is_token(words[0].as_bytes()) && words[2].starts_with("HTTP/1."), "{text:?}");
    let mut names = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').expect("a field has a colon");
        assert!(is_token(name.as_bytes()), "{line:?}");
        assert!(!value.contains(|c: char| c.is_ascii_control() && c != '\t'), "{line:?}");
        names.push(name.to_ascii_lowercase());
    }
    assert!(names.len() <= MAX_FIELDS);
    let count = |name: &str| names.iter().filter(|other| *other == name).count();
    for once in ["host", "content-length", "origin", "authorization", "sec-websocket-key"] {
        assert!(count(once) <= 1, "{once} in {text:?}");
    }
    assert!(count("content-length") == 0 || count("transfer-encoding") == 0, "{text:?}");
}

/// A file of cookies: those sent to a URL are for it, and what is no text of a field is not hidden in them.
pub fn cookies(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(all) = Cookies::of_file(text) else { return };
    let urls = ["ws://a.example/x/y?z", "wss://example/", "ws://127.0.0.1:9/"];
    for cookies in &all {
        assert!(!cookies.is_empty());
        // Texts that cannot be sent are refused where the option is read; no others may come in between.
        let is_clean = cookies.texts().iter().all(|text| !text.contains(char::is_control));
        for url in urls.map(|url| WsUrl::parse(url).expect("a URL")) {
            let value = cookies.value_for(&url);
            assert!(!is_clean || !value.contains(char::is_control), "{value:?}");
        }
        for value in cookies.values() {
            assert!(cookies.texts().iter().any(|text| text.contains(value)), "{value:?} is told by nobody");
        }
    }
}
