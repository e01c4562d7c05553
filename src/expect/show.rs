//! Messages and differences for a person: one line each, short, nothing that moves a cursor.

use crate::fault::printable;
use base64::{Engine, prelude::BASE64_STANDARD};
use tokio_tungstenite::tungstenite::Message;

/// Characters of a payload that are shown.
const SHOWN: usize = 160;
/// Characters shown around a difference, and of these before it.
const AROUND: usize = 64;
const BEFORE: usize = 32;

/// The text in one line, cut where it gets long.
pub fn short(text: &str) -> String {
    cut(&printable(text), SHOWN)
}

/// The same, where two have to fit.
pub fn half(text: &str) -> String {
    cut(&printable(text), SHOWN / 2)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}… ({} bytes)", &text[..at], text.len()),
    }
}

/// A message: text as it is, everything else with its kind.
pub fn message(message: &Message) -> String {
    match message {
        Message::Text(text) if text.is_empty() => "an empty text".to_owned(),
        Message::Text(text) => short(text),
        Message::Binary(bytes) => {
            let head = BASE64_STANDARD.encode(&bytes[..bytes.len().min(SHOWN / 2)]);
            let more = if bytes.len() > SHOWN / 2 { "…" } else { "" };
            format!("binary, {} bytes, base64 {head}{more}", bytes.len())
        }
        Message::Ping(payload) => with_payload("a ping", payload),
        Message::Pong(payload) => with_payload("a pong", payload),
        Message::Close(_) | Message::Frame(_) => "a close".to_owned(),
    }
}

fn with_payload(kind: &str, payload: &[u8]) -> String {
    match String::from_utf8_lossy(payload) {
        text if text.is_empty() => kind.to_owned(),
        text => format!("{kind} `{}`", short(&text)),
    }
}

/// Two texts, one below the other, and a mark below the first difference.
pub fn texts(wanted: &str, got: &str) -> [String; 3] {
    let (wanted, got) = (printable(wanted), printable(got));
    let same = wanted.chars().zip(got.chars()).take_while(|(wanted, got)| wanted == got).count();
    let from = if same > AROUND - 8 { same - BEFORE } else { 0 };
    let window = |text: &str| {
        let start = if from > 0 { "…" } else { "" };
        let shown: String = text.chars().skip(from).take(AROUND).collect();
        let end = if text.chars().count() > from + AROUND { "…" } else { "" };
        format!("{start}{shown}{end}")
    };
    let mark = same - from + usize::from(from > 0);
    [
        format!("wanted {}", window(&wanted)),
        format!("got    {}", window(&got)),
        format!("{}^", " ".repeat("wanted ".len() + mark)),
    ]
}

/// A line and a mark below one of its characters; `column` counts from 1.
pub fn marked(line: &str, column: usize) -> [String; 2] {
    let before: String = line.chars().take(column - 1).collect();
    let before = printable(&before).chars().count();
    let line = printable(line);
    let from = if before > AROUND { before - BEFORE } else { 0 };
    let (start, shift) = if from > 0 { ("…", 1) } else { ("", 0) };
    let shown: String = line.chars().skip(from).take(2 * AROUND).collect();
    let end = if line.chars().count() > from + 2 * AROUND { "…" } else { "" };
    [format!("{start}{shown}{end}"), format!("{}^", " ".repeat(before - from + shift))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_short_safe_line() {
        assert_eq!(message(&Message::text("a\n\u{1b}[31m")), "a\\n\\u{1b}[31m");
        assert_eq!(message(&Message::binary(&b"\0\xff"[..])), "binary, 2 bytes, base64 AP8=");
        assert_eq!(message(&Message::Ping("x".into())), "a ping `x`");
        let long = message(&Message::text("é".repeat(1000)));
        assert_eq!(long, format!("{}… (2000 bytes)", "é".repeat(160)));
        assert!(message(&Message::binary(vec![0; 1000])).len() < 160);
    }

    #[test]
    fn a_place_in_a_line_is_marked() {
        assert_eq!(marked("> ${x}", 3), ["> ${x}", "  ^"]);
        assert_eq!(marked("\tx", 2), ["\\tx", "  ^"]);
        assert_eq!(marked("", 1), ["", "^"]);
        let line = "x".repeat(500) + "y" + &"x".repeat(500);
        let [shown, mark] = marked(&line, 501);
        assert_eq!(shown.chars().nth(mark.chars().count() - 1), Some('y'), "{shown}\n{mark}");
    }

    #[test]
    fn the_first_difference_is_marked() {
        assert_eq!(
            texts("hello world", "hello wurld"),
            ["wanted hello world", "got    hello wurld", "              ^"]
        );
        assert_eq!(texts("ab", "abc")[2], "         ^");
        // What stands before it in escaped form moves the mark.
        assert_eq!(texts("\nx", "\ny"), ["wanted \\nx", "got    \\ny", "         ^"]);
        let (wanted, got) = ("x".repeat(500) + "a" + &"y".repeat(500), "x".repeat(500) + "b");
        let lines = texts(&wanted, &got);
        let at = lines[2].chars().count() - 1;
        assert_eq!(lines[0].chars().nth(at), Some('a'), "{lines:#?}");
        assert_eq!(lines[1].chars().nth(at), Some('b'), "{lines:#?}");
        assert!(lines.iter().all(|line| line.chars().count() < 80), "{lines:#?}");
    }

    #[test]
    fn a_window_moves_only_where_the_text_does_not_fit() {
        let marked_char = |line: &str, mark: &str| line.chars().nth(mark.chars().count() - 1);
        for (same, is_moved) in [(AROUND - 9, false), (AROUND - 8, false), (AROUND - 7, true), (200, true)] {
            let text = |other: &str| "x".repeat(same) + other;
            let [wanted, got, mark] = texts(&text("a"), &text("b"));
            assert_eq!(wanted.contains('…'), is_moved, "{same}: {wanted}");
            assert_eq!(
                (marked_char(&wanted, &mark), marked_char(&got, &mark)),
                (Some('a'), Some('b')),
                "{same}"
            );
        }
        for (before, is_moved) in [(AROUND - 1, false), (AROUND, false), (AROUND + 1, true), (200, true)] {
            let [line, mark] = marked(&("x".repeat(before) + "a"), before + 1);
            assert_eq!(line.contains('…'), is_moved, "{before}: {line}");
            assert_eq!(marked_char(&line, &mark), Some('a'), "{before}");
        }
        for (length, is_cut) in [(AROUND - 1, false), (AROUND, false), (AROUND + 1, true), (9 * AROUND, true)]
        {
            let [wanted, ..] = texts(&("a".to_owned() + &"x".repeat(length - 1)), "b");
            assert_eq!(wanted.ends_with('…'), is_cut, "{length}: {wanted}");
            let whole = "x".repeat(length + AROUND);
            let [line, _] = marked(&whole, 1);
            assert_eq!(line, if is_cut { format!("{}…", &whole[..2 * AROUND]) } else { whole });
        }
    }
}
