//! A question whose answer is not shown.

use signal_hook::{consts::SIGINT, flag, low_level};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Asks whoever sits at the terminal for a secret.
///
/// Ctrl-C ends the process as it does everywhere, but only once the terminal is as it was: what reads
/// the answer raises the signal before it gives the modes back.
///
/// # Errors
/// There is no terminal, or it cannot be read.
pub fn ask(prompt: &str) -> io::Result<String> {
    let pressed = Arc::new(AtomicBool::new(false));
    let handler = flag::register(SIGINT, Arc::clone(&pressed))?;
    let answer = rpassword::prompt_password(prompt);
    low_level::unregister(handler);
    if pressed.load(Ordering::SeqCst) {
        low_level::emulate_default_handler(SIGINT)?;
    }
    answer
}
