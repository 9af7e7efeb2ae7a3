//! Programs of this machine that tests run: found, or said to be missing.

use std::{
    env,
    io::{Write, stderr},
    path::PathBuf,
};

/// Where a program is. None if it is not installed, with one notice of what is not tested. In CI it
/// panics: a skipped test counts as failed there.
pub fn find(name: &str, what_is_not_tested: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Debian has nginx in a directory that only root has in PATH.
    let places = env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = places.map(|place| place.join(name)).find(|program| program.exists());
    if found.is_none() {
        assert!(
            env::var_os("CI").is_none_or(|ci| ci.is_empty()),
            "{what_is_not_tested} is not tested: {name} was not found"
        );
        // Not eprintln!, which is hidden for tests that pass.
        let skipped =
            format!("\n*** {what_is_not_tested} is SKIPPED: {name} was not found ***\n\n");
        stderr().write_all(skipped.as_bytes()).unwrap();
    }
    found
}
