//! Any text as a pasted line for curl.

use super::{shell_split, translate};

/// A line: it is split and translated or refused in words; words that are quoted are those words again.
pub fn curl(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(words) = shell_split::split(text)
        && let Ok(own) = translate(&words)
    {
        let end = own.iter().position(|word| word == "--").unwrap_or(own.len());
        assert!(own[..end].iter().all(|word| word.starts_with("--")), "{own:?} of {words:?}");
        assert!(own.len() - end <= 2, "{own:?} of {words:?}");
    }
    let words: Vec<String> = text.split('\0').map(str::to_owned).collect();
    let quoted: Vec<String> = words.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect();
    let line = quoted.join(" ");
    // A line of Windows' cmd is told by its carets, and quotes otherwise.
    if !line.contains('^') {
        assert_eq!(shell_split::split(&line), Ok(words), "{line:?}");
    }
}
