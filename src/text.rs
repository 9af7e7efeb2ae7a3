//! What a text may be: checked where it comes in, the same for both databases (PostgreSQL cannot keep a NUL).

use crate::error::{Error, Result};

/// One line of 1 to `longest` characters, without control characters: they could forge lines of a log or a terminal.
pub fn check_line(field: &str, text: &str, longest: usize) -> Result<()> {
    if text.trim().is_empty() || text.chars().count() > longest || text.contains(char::is_control) {
        return Err(Error::invalid(field, format!("is one line of 1 to {longest} characters")));
    }
    Ok(())
}

/// The same, or nothing at all.
pub fn check_optional_line(field: &str, text: Option<&str>, longest: usize) -> Result<()> {
    match text {
        None | Some("") => Ok(()),
        Some(text) => check_line(field, text, longest),
    }
}

/// What somebody looks for, in lower case.
pub fn search(field: &str, text: &str) -> Result<String> {
    const LONGEST: usize = 200;
    check_line(field, text, LONGEST)?;
    Ok(text.to_lowercase())
}
