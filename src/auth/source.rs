//! Where a JWKS comes from: a URL or a file.

use std::{
    fs::{self, File},
    io::Read,
    path::PathBuf,
    time::Duration,
};

use axum::{
    body::Bytes,
    http::{Request, StatusCode, Uri, header},
};
use chrono::TimeDelta;
use http_body_util::Full;

use crate::{
    error::{Error, Result},
    fetch::{self, Client},
};

/// The largest document, enough for hundreds of keys.
const LARGEST: usize = 256 * 1024;
/// For the whole exchange: requests wait for it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a removed key may still work. A provider is asked this often; reading a file costs
/// nothing.
const URL_INTERVAL: TimeDelta = TimeDelta::minutes(10);
const FILE_INTERVAL: TimeDelta = TimeDelta::seconds(10);

pub enum Source {
    Url(Uri, Box<Client>),
    File(PathBuf),
}

impl Source {
    pub fn of(place: &str) -> Result<Self> {
        let refused = |why: &str| Err(Error::invalid("auth_jwks", why));
        let scheme = place.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            None => return Ok(Source::File(PathBuf::from(place))),
            Some("https" | "http") => {}
            Some(_) => return refused("must be an https URL or the path of a file"),
        }
        // Anyone who can change the answer on its way could sign in as anybody.
        let url = fetch::private_url(place).map_err(|why| Error::invalid("auth_jwks", why))?;
        // A connection kept open would idle for ten minutes until the next reading.
        let client = Client::new(&url, 0).map_err(|why| Error::invalid("auth_jwks", why))?;
        Ok(Source::Url(url, Box::new(client)))
    }

    /// How long the keys count as fresh after a reading.
    pub fn interval(&self) -> TimeDelta {
        match self {
            Source::Url(..) => URL_INTERVAL,
            Source::File(_) => FILE_INTERVAL,
        }
    }

    /// The document; the error is for the log.
    pub async fn read(&self) -> Result<Vec<u8>, String> {
        match self {
            Source::Url(url, client) => fetch(client, url).await,
            Source::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || read_file(path)).await;
                read.unwrap_or_else(|_| Err("the reading ended".into()))
            }
        }
    }

    /// At the start, when nobody could be waiting yet: a missing file is a configuration mistake.
    pub fn read_now(&self) -> Option<Result<Vec<u8>, String>> {
        match self {
            Source::Url(..) => None,
            Source::File(path) => Some(read_file(path.clone())),
        }
    }
}

async fn fetch(client: &Client, url: &Uri) -> Result<Vec<u8>, String> {
    let request = Request::get(url)
        .header(header::ACCEPT, "application/jwk-set+json, application/json")
        .body(Full::<Bytes>::default())
        .map_err(|error| error.to_string())?;
    let answer = client.send(request, LARGEST, TIMEOUT).await?;
    match answer.status() {
        StatusCode::OK => Ok(answer.into_body().into()),
        status => Err(format!("the answer is {status}")),
    }
}

fn read_file(path: PathBuf) -> Result<Vec<u8>, String> {
    let mut document = Vec::new();
    // A pipe would wait for its writer for good, at each reading.
    if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
        return Err(format!("{}: is not a file, which can be read again", path.display()));
    }
    let file = File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    file.take(LARGEST as u64)
        .read_to_end(&mut document)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_tls_from_this_machine_or_from_a_file() {
        for (place, is_good) in [
            ("https://id.example.com/jwks.json", true),
            ("http://127.0.0.1:8081/jwks", true),
            ("http://[::1]:8081/jwks", true),
            ("http://localhost/jwks", true),
            ("keys/jwks.json", true),
            ("http://id.example.com/jwks.json", false),
            ("http://127.0.0.1.example.com/jwks", false),
            ("https://user:password@id.example.com/jwks", false),
            ("HTTP://id.example.com/jwks", false),
            ("ftp://id.example.com/jwks", false),
            ("https://", false),
        ] {
            assert_eq!(Source::of(place).is_ok(), is_good, "{place}");
        }
    }
}
