//! `--generate`: the man pages, the completion scripts and the schema of the records, for those whose
//! installation brought the program alone, as `cargo install` does.
//!
//! The checked-in files are part of the program, and no generator is: what is printed is what a package
//! installs, and a test keeps each file equal to the definition that it is made from.

use crate::framing::record;

/// What can be printed, by its name.
pub const GENERATED: &[(&str, &str)] = &[
    ("man", include_str!("../../man/wsio.1")),
    ("man-connect", include_str!("../../man/wsio-connect.1")),
    ("man-listen", include_str!("../../man/wsio-listen.1")),
    ("man-pipe", include_str!("../../man/wsio-pipe.1")),
    ("man-script", include_str!("../../man/wsio-script.5")),
    ("man-records", include_str!("../../man/wsio-records.5")),
    ("man-examples", include_str!("../../man/wsio-examples.7")),
    ("complete-bash", include_str!("../../completions/wsio.bash")),
    ("complete-zsh", include_str!("../../completions/_wsio")),
    ("complete-fish", include_str!("../../completions/wsio.fish")),
    ("complete-elvish", include_str!("../../completions/wsio.elv")),
    ("complete-powershell", include_str!("../../completions/_wsio.ps1")),
    ("schema", record::SCHEMA),
];

/// The names, in their order.
pub(super) fn names() -> Vec<&'static str> {
    GENERATED.iter().map(|(name, _)| *name).collect()
}

/// The text of that name.
pub(super) fn text(name: &str) -> Option<&'static str> {
    GENERATED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
