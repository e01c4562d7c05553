//! Values from the environment, which are shown by their names.

use crate::expect::{json, show};
use tokio_tungstenite::tungstenite::Message;

/// Names and values, the longest first.
#[derive(Debug)]
pub(crate) struct Secrets(pub Vec<(String, String)>);

impl Secrets {
    /// The text with every value from the environment replaced by its name.
    pub(crate) fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for (name, value) in &self.0 {
            for form in [value.clone(), json::escaped(value), crate::fault::printable(value)] {
                masked = masked.replace(&form, &format!("${{{name}}}"));
            }
        }
        masked
    }

    /// A message in one short line, with the names of values from the environment.
    pub(crate) fn show(&self, message: &Message) -> String {
        match message {
            Message::Text(text) => show::message(&Message::text(self.mask(text))),
            other => show::message(other),
        }
    }
}
