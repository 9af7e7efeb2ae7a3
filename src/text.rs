//! The rules for texts: checked where they come in, the same for both databases (PostgreSQL cannot
//! store a NUL).

use std::{
    fs::{self, File},
    io::{self, Read},
    net::IpAddr,
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::error::{Error, Result};

/// A line for people: 1 to `longest` characters.
pub fn check_line(field: &str, text: &str, longest: usize) -> Result<()> {
    if is_line(text) && text.chars().count() <= longest {
        return Ok(());
    }
    Err(Error::invalid(field, format!("must be one line of 1 to {longest} characters")))
}

/// A line for machines, such as an id or a key: 1 to `longest` bytes.
pub fn check_id(field: &str, text: &str, longest: usize) -> Result<()> {
    if is_line(text) && text.len() <= longest {
        return Ok(());
    }
    Err(Error::invalid(field, format!("must be one line of 1 to {longest} bytes")))
}

/// Not blank, and without control characters and Unicode's separators of lines and paragraphs, which
/// could forge lines of a log or a terminal.
fn is_line(text: &str) -> bool {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    !text.trim().is_empty() && !text.contains(breaks)
}

/// A line for people, or None.
pub fn check_optional_line(field: &str, text: Option<&str>, longest: usize) -> Result<()> {
    match text {
        None | Some("") => Ok(()),
        Some(text) => check_line(field, text, longest),
    }
}

/// The maximum size of a body in bytes.
pub const LONGEST_BODY: usize = 64 * 1024;
const LONGEST_URL: usize = 2_000;
/// The maximum size of data in bytes.
const LONGEST_DATA: usize = 8 * 1024;

/// Markdown with any number of lines.
pub fn check_body(body: &str) -> Result<()> {
    // PostgreSQL cannot store a NUL in a text.
    if body.len() > LONGEST_BODY || body.contains('\0') {
        return Err(Error::invalid(
            "body",
            format!("must have at most {LONGEST_BODY} bytes and no NUL"),
        ));
    }
    Ok(())
}

/// Data of the host application; returns it as it is stored.
pub fn check_data(field: &str, data: &Value) -> Result<String> {
    let text = data.to_string();
    if text.len() > LONGEST_DATA || has_nul(data) {
        return Err(Error::invalid(
            field,
            format!("must have at most {LONGEST_DATA} bytes and no NUL"),
        ));
    }
    Ok(text)
}

/// Whether any text contains a NUL: not everything that reads the data can handle one.
fn has_nul(data: &Value) -> bool {
    match data {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value))
        }
        _ => false,
    }
}

/// The largest file of settings or with a secret, in bytes. A catalog is some ten thousand.
pub const LARGEST_FILE: u64 = 1024 * 1024;

/// How long another program may take to write what an operator has named, such as one that decrypts
/// it into a pipe.
const PATIENCE: Duration = Duration::from_secs(30);

/// The text of a file that an operator has named, of at most this many bytes. A wrong one, such as a
/// database or a device, is not read into memory as a whole, and a pipe may keep nobody waiting for
/// good.
pub fn read_file(file: &Path, largest: u64) -> io::Result<String> {
    let bytes = match fs::metadata(file)?.is_file() {
        true => read(file, largest)?,
        false => read_in_time(file, largest, PATIENCE)?,
    };
    if bytes.len() as u64 > largest {
        let why = format!("must have at most {largest} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "is not UTF-8"))
}

/// Up to one byte more than that.
fn read(file: &Path, largest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(largest + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_in_time(file: &Path, largest: u64, patience: Duration) -> io::Result<Vec<u8>> {
    let (done, bytes) = mpsc::channel();
    let file = file.to_owned();
    // Opening a pipe waits for its writer, and cannot be given up: the process ends without it.
    thread::spawn(move || done.send(read(&file, largest)));
    bytes.recv_timeout(patience).unwrap_or_else(|_| {
        let why = format!("was not written to its end within {} s", patience.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, why))
    })
}

/// The location of a page of the host application, or None: a web URL, or a path on the
/// application's own host. Nothing else is allowed: a client makes a link of it.
pub fn check_link(field: &str, url: Option<&str>) -> Result<()> {
    check_optional_line(field, url, LONGEST_URL)?;
    let is_path = |url: &str| url.starts_with('/') && !url.starts_with("//") && !url.contains('\\');
    match url {
        Some(url) if !url.is_empty() && !is_web_url(url) && !is_path(url) => Err(Error::invalid(
            field,
            "must be an http or https URL, or a path that begins with one slash",
        )),
        _ => Ok(()),
    }
}

/// Whether the host of a URL is this machine, whatever a name server says.
pub fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

pub fn is_web_url(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_line_has_no_breaks_of_any_kind() {
        assert!(check_line("subject", "one line", 20).is_ok());
        for text in ["", " ", "two\nlines", "two\rlines", "two\u{2028}lines", "two\u{2029}lines"] {
            assert!(check_line("subject", text, 20).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_pipe_that_nobody_writes_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());

        let given_up = read_in_time(&pipe, 1, Duration::from_millis(10)).unwrap_err();

        assert_eq!(given_up.kind(), io::ErrorKind::TimedOut);
    }
}
