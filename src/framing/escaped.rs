//! Any framing, on a terminal: what a peer sends cannot command it.
//!
//! Line breaks and tabs stay, other control characters become visible, also those that the framing itself
//! writes (a length of 27 is an ESC), but for the NUL that ends a message. This is no framing by name: it
//! goes around the chosen one where the output is a terminal, and only there is a payload altered. What is
//! printable as it is, records above all, is the same on a terminal as in a pipe and not escaped again.

use super::{Encode, Output};
use crate::fault::printable_lines;
use tokio_tungstenite::tungstenite::Message;

/// Makes messages safe for a terminal before they are encoded.
pub struct Escaped(pub Box<dyn Encode>);

impl Encode for Escaped {
    fn encode(&mut self, message: &Message, out: &mut Output) {
        let payload = super::payload(message);
        let text = String::from_utf8_lossy(&payload);
        let mut framed = Output::default();
        self.0.encode(&Message::text(printable_lines(&text)), &mut framed);
        let framed = framed.take().concat();
        let safe = |text: &[u8]| printable_lines(&String::from_utf8_lossy(text));
        let safe: Vec<String> = framed.split(|byte| *byte == 0).map(safe).collect();
        out.push_slice(safe.join("\0").as_bytes());
    }

    fn inner(&self) -> Option<&dyn Encode> {
        Some(&*self.0)
    }

    fn inner_mut(&mut self) -> Option<&mut dyn Encode> {
        Some(&mut *self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fault::is_hidden,
        framing::{LINES, tests::every},
    };

    #[test]
    fn only_line_breaks_and_tabs_pass() {
        let (mut out, mut encoder) = (Output::default(), Escaped(LINES.encoder()));
        encoder.encode(&Message::text("\x1b]0;x\x07\ta\r\nb"), &mut out);
        encoder.encode(&Message::binary(&b"\x9b31m\xff"[..]), &mut out);
        let bytes: Vec<u8> = out.take().concat();
        assert_eq!(String::from_utf8(bytes).unwrap(), "\\u{1b}]0;x\\u{7}\ta\nb\n\u{fffd}31m\u{fffd}\n");
    }

    #[test]
    fn no_framing_gives_a_terminal_anything_to_act_on() {
        let hostile = "[2J\u{9b}31m\u{202e}\u{2066}\u{200b}\r\x07".to_owned();
        // As long as ESC is a number, it would clear the screen.
        let long = format!("[2J{}", "x".repeat(24));
        for framing in every() {
            let encoder = framing.encoder();
            let mut encoder = if encoder.is_printable() { encoder } else { Box::new(Escaped(encoder)) };
            for message in [Message::text(&long), Message::text(&hostile), Message::binary(hostile.clone())] {
                let mut out = Output::default();
                encoder.encode(&message, &mut out);
                let shown = String::from_utf8(out.take().concat()).unwrap();
                let acts = |c: char| !matches!(c, '\n' | '\0') && is_hidden(c);
                assert!(!shown.contains(acts), "{framing:?}: {shown:?}");
            }
        }
    }
}
