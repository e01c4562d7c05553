//! Entries for fuzzing: each takes any bytes, hands them to a parser of the crate, and panics where a property of it
//! does not hold.
//!
//! Each part of the house has a file of them beside the parsers, which are private to it; here is only the table. It
//! is built under `--cfg fuzzing` (tests/fuzz) and for unit tests, which run every input of the corpora again.

/// One of them.
type Target = fn(&[u8]);

/// The targets by name, as in tests/fuzz.
pub const TARGETS: &[(&str, Target)] = &[
    ("answer", crate::net::fuzz::answer),
    ("cookies", crate::handshake::fuzz::cookies),
    ("curl", crate::cli::fuzz_curl),
    ("endpoints", crate::endpoint::fuzz::endpoints),
    ("frames", crate::ws::fuzz::frames),
    ("framings", crate::framing::fuzz::framings),
    ("har", crate::link::fuzz_har),
    ("inflate", crate::ws::fuzz::inflate),
    ("records", crate::framing::fuzz::records),
    ("request", crate::handshake::fuzz::request),
    ("script", crate::script::fuzz::script),
    ("transcript", crate::script::fuzz::transcript),
];

/// Runs one target; true when there is one of that name.
pub fn run(name: &str, data: &[u8]) -> bool {
    let found = TARGETS.iter().find(|(target, _)| *target == name);
    found.inspect(|(_, target)| target(data)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    #[test]
    fn every_input_of_the_corpora_passes() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
        if !fuzz.is_dir() {
            // A workspace of its own does not come along in the package.
            return;
        }
        for (name, target) in TARGETS {
            assert!(fuzz.join(format!("fuzz_targets/{name}.rs")).is_file(), "{name} is run by nobody");
            let inputs: Vec<_> = fs::read_dir(fuzz.join("corpus").join(name)).unwrap().collect();
            assert!(!inputs.is_empty(), "{name} has no corpus");
            for input in inputs {
                let path = input.unwrap().path();
                let input = fs::read(&path).unwrap();
                let passed = std::panic::catch_unwind(|| target(&input));
                assert!(passed.is_ok(), "{name}: {}", path.display());
            }
        }
    }
}
