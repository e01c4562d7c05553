//! Search for a program, as `execvp` does it.
//!
//! A server would learn only from its first client that the program is missing; the person who
//! starts it wants to know at once.

use std::{
    ffi::{OsStr, OsString},
    io::{self, ErrorKind},
    path::Path,
};

/// The folders that are searched without `PATH`, as in the C library.
const DEFAULT: &str = "/bin:/usr/bin";

/// Looks for a program in `path`, the value of `PATH`, unless its name has a slash.
///
/// # Errors
/// Not found, or found and not to be executed.
pub fn find(program: &OsStr, path: Option<OsString>) -> io::Result<()> {
    if program.is_empty() {
        return Err(ErrorKind::NotFound.into());
    }
    if program.as_encoded_bytes().contains(&b'/') {
        return executable(Path::new(program));
    }
    let mut worst = ErrorKind::NotFound;
    for folder in std::env::split_paths(&path.unwrap_or_else(|| DEFAULT.into())) {
        // An empty part of PATH is the working directory, and so is an empty prefix.
        match executable(&folder.join(program)) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => worst = ErrorKind::PermissionDenied,
            Err(_) => {}
        }
    }
    Err(worst.into())
}

fn executable(file: &Path) -> io::Result<()> {
    if std::fs::metadata(file)?.is_dir() {
        return Err(ErrorKind::PermissionDenied.into());
    }
    Ok(rustix::fs::access(file, rustix::fs::Access::EXEC_OK)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn programs_are_found_as_the_system_finds_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, mode: u32| {
            let file = folder.path().join(name);
            std::fs::write(&file, "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            file
        };
        let (good, plain) = (file("good", 0o755), file("plain", 0o644));
        let path = |folder: &Path| Some(std::env::join_paths([Path::new("/nonexistent"), folder]).unwrap());
        let kind = |program: &OsStr, path| find(program, path).err().map(|error| error.kind());
        assert_eq!(kind("good".as_ref(), path(folder.path())), None);
        assert_eq!(kind("plain".as_ref(), path(folder.path())), Some(ErrorKind::PermissionDenied));
        assert_eq!(kind("good".as_ref(), path(Path::new("/nonexistent"))), Some(ErrorKind::NotFound));
        assert_eq!(kind("sh".as_ref(), None), None);
        assert_eq!(kind(good.as_ref(), Some("".into())), None);
        assert_eq!(kind(plain.as_ref(), None), Some(ErrorKind::PermissionDenied));
        assert_eq!(kind(folder.path().as_ref(), None), Some(ErrorKind::PermissionDenied));
        assert_eq!(kind("".as_ref(), path(folder.path())), Some(ErrorKind::NotFound));
        assert_eq!(kind("./Cargo.toml".as_ref(), None), Some(ErrorKind::PermissionDenied));
    }
}
