//! Any framing, on a terminal: what a peer sends cannot command it.
//!
//! Line breaks and tabs stay, other control characters become visible. This is no framing by name: it
//! goes around the chosen one where the output is a terminal, and only there is a payload altered.

use super::{Encode, Output};
use crate::fault::printable_lines;
use tokio_tungstenite::tungstenite::Message;

/// Makes messages safe for a terminal before they are encoded.
pub struct Escaped(pub Box<dyn Encode>);

impl Encode for Escaped {
    fn encode(&mut self, message: &Message, out: &mut Output) {
        let payload = super::payload(message);
        let text = String::from_utf8_lossy(&payload);
        self.0.encode(&Message::text(printable_lines(&text)), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_line_breaks_and_tabs_pass() {
        let (mut out, mut encoder) =
            (Output::default(), Escaped((super::super::by_name("lines").unwrap().encoder)()));
        encoder.encode(&Message::text("\x1b]0;x\x07\ta\r\nb"), &mut out);
        encoder.encode(&Message::binary(&b"\x9b31m\xff"[..]), &mut out);
        let bytes: Vec<u8> = out.take().concat();
        assert_eq!(String::from_utf8(bytes).unwrap(), "\\u{1b}]0;x\\u{7}\ta\nb\n\u{fffd}31m\u{fffd}\n");
    }
}
