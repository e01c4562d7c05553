//! Any bytes as the facts and messages of a connection: its HAR entry is JSON that holds them.

use super::*;

/// An entry. Parts are between NULs: the URL, the peer, a cause, then messages.
pub fn har(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == 0);
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (url, peer, cause) = (text(), text(), text());
    let head = vec![(url.clone(), peer.clone())];
    let facts =
        Facts { url: Some(url), peer, request: head.clone(), response: head.clone(), ..Facts::default() };
    let mut entry = HarEntry::new(Some(1), facts);
    let messages: Vec<Message> = parts
        .map(|bytes| match std::str::from_utf8(bytes) {
            Ok(text) => Message::text(text),
            Err(_) => Message::binary(bytes.to_vec()),
        })
        .collect();
    messages.iter().for_each(|message| entry.push(Dir::In, message));
    let json = entry.finish(&Tally { cause: Some(cause), ..Tally::default() });
    let text = std::str::from_utf8(&json).expect("JSON is text");
    assert!(!text.contains(char::is_control), "{text:?}");
    let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(value["request"]["headers"][0]["value"], head[0].1);
    let said = value["_webSocketMessages"].as_array().expect("a list");
    assert_eq!(said.len(), messages.len());
    for (said, message) in said.iter().zip(&messages) {
        let data = said["data"].as_str().expect("a text");
        match message {
            Message::Text(text) => assert_eq!(data, text.as_str()),
            other => assert_eq!(BASE64_STANDARD.decode(data).as_deref(), Ok(&other.clone().into_data()[..])),
        }
    }
}
