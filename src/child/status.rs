//! An exit status in words.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

/// `exit 7` or `signal KILL`; `None` for success.
pub fn words(status: ExitStatus) -> Option<String> {
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("exit {code}")),
        (None, Some(number)) => Some(format!("signal {}", name(number))),
        (None, None) => Some("an unknown end".to_owned()),
    }
}

fn name(number: i32) -> String {
    use rustix::process::Signal;
    let known = [
        (Signal::HUP, "HUP"),
        (Signal::INT, "INT"),
        (Signal::QUIT, "QUIT"),
        (Signal::ILL, "ILL"),
        (Signal::TRAP, "TRAP"),
        (Signal::ABORT, "ABRT"),
        (Signal::BUS, "BUS"),
        (Signal::FPE, "FPE"),
        (Signal::KILL, "KILL"),
        (Signal::USR1, "USR1"),
        (Signal::SEGV, "SEGV"),
        (Signal::USR2, "USR2"),
        (Signal::PIPE, "PIPE"),
        (Signal::ALARM, "ALRM"),
        (Signal::TERM, "TERM"),
        (Signal::XCPU, "XCPU"),
        (Signal::XFSZ, "XFSZ"),
        (Signal::SYS, "SYS"),
    ];
    let found = known.iter().find(|(signal, _)| signal.as_raw() == number);
    found.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_words() {
        let of = |raw| words(ExitStatus::from_raw(raw));
        assert_eq!(of(0), None);
        assert_eq!(of(7 << 8).as_deref(), Some("exit 7"));
        assert_eq!(of(9).as_deref(), Some("signal KILL"));
        assert_eq!(of(11 | 0x80).as_deref(), Some("signal SEGV"));
    }
}
