//! Documents that clients refer to instead of sending them: trusted ones from a file, those of the
//! server's own web pages, and ones that somebody sent before (automatic persisted queries). Also
//! keeps parsed documents, so that the same text is not parsed for each request.

use std::{collections::HashMap, sync::Arc};

use async_graphql::ServerError;
use moka::sync::Cache;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{code::ErrorCode, errors::refusal, order::Parsed, prepare::Params};
use crate::{
    config::{Config, PersistedDocuments},
    error::{Error, Result},
    text,
};

/// Bytes of text kept for automatic persisted queries.
const MOST_KEPT: u64 = 16 * 1024 * 1024;
/// The largest file of trusted documents, in bytes. A large client has some hundred thousand.
const LARGEST_MANIFEST: u64 = 32 * 1024 * 1024;
/// Bytes of parsed documents.
const MOST_PARSED: u64 = 32 * 1024 * 1024;
/// The size of a parsed document as a multiple of its text's; roughly.
const PARSED_SIZE: usize = 120;
/// The additional size of a cache entry, so that many small ones cannot exceed the limit by much.
const ENTRY_SIZE: usize = 1024;
/// The exact message that Apollo's and urql's clients look for.
const NOT_FOUND: &str = "PersistedQueryNotFound";
const NOT_SUPPORTED: &str = "PersistedQueryNotSupported";
/// The prefix of ids that are hashes, from the GraphQL over HTTP specification.
const HASH_PREFIX: &str = "sha256:";

pub struct Documents {
    mode: PersistedDocuments,
    trusted: HashMap<String, Arc<str>>,
    /// By their SHA-256.
    kept: Cache<String, Arc<str>>,
    parsed: Cache<Arc<str>, Arc<Parsed>>,
}

/// A text to execute.
pub struct Found {
    pub text: Arc<str>,
    /// Its hash, if it is to be kept.
    keep: Option<String>,
}

/// The formats written by codegen's client preset and by Apollo's manifest tool.
#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Manifest { operations: Vec<ManifestOperation> },
    Map(HashMap<String, String>),
}

#[derive(Deserialize)]
struct ManifestOperation {
    id: String,
    body: String,
}

impl Documents {
    /// Reads the trusted documents. It is an error if one of them is not valid GraphQL. Those of
    /// the server's own web pages, which its build makes, are trusted by themselves.
    pub fn load(config: &Config, of_pages: Option<&str>) -> Result<Self> {
        let invalid = |message: String| Error::invalid("trusted_documents", message);
        let expected = "must be an object that maps ids to texts, or an Apollo manifest";
        let read = |text: &str| read(text).map_err(|_| invalid(expected.into()));
        let mut trusted = of_pages.map_or_else(|| Ok(HashMap::new()), read)?;
        if let Some(path) = &config.trusted_documents {
            let text = text::read_file(path, LARGEST_MANIFEST)
                .map_err(|error| invalid(format!("{}: {error}", path.display())))?;
            for (id, text) in read(&text)? {
                let parsed = async_graphql::parser::parse_query(&*text);
                parsed.map_err(|error| {
                    invalid(format!("the document {id} is no GraphQL: {error}"))
                })?;
                trusted.insert(id, text);
            }
        }
        let mode = config.documents();
        if mode == PersistedDocuments::Trusted && trusted.is_empty() {
            let why = "must name a file of documents, because people may send no others";
            return Err(invalid(why.into()));
        }
        let weight = |hash: &String, text: &Arc<str>| (ENTRY_SIZE + hash.len() + text.len()) as u32;
        let kept = Cache::builder().max_capacity(MOST_KEPT).weigher(weight).build();
        let weight =
            |text: &Arc<str>, _: &Arc<Parsed>| (ENTRY_SIZE + text.len() * PARSED_SIZE) as u32;
        let parsed = Cache::builder().max_capacity(MOST_PARSED).weigher(weight).build();
        Ok(Documents { mode, trusted, kept, parsed })
    }

    /// The text that a request refers to. `is_free`: the caller may send any text.
    pub fn find(&self, params: &Params, is_free: bool) -> Result<Found, ServerError> {
        let id = params.document_id()?;
        let known = id.and_then(|id| self.known(id));
        if let Some(text) = known {
            if params.query.as_ref().is_some_and(|sent| **sent != *text) {
                return Err(refusal(
                    "the query is not the document with this id",
                    ErrorCode::BadUserInput,
                ));
            }
            return Ok(Found { text, keep: None });
        }
        match (&params.query, id) {
            (Some(_), _) if self.mode == PersistedDocuments::Trusted && !is_free => Err(refusal(
                "only trusted documents may be executed; send the id of one",
                ErrorCode::Forbidden,
            )),
            (Some(text), None) => Ok(Found { text: text.as_str().into(), keep: None }),
            (Some(text), Some(id)) => {
                let hash = hash(text);
                if hash != without_prefix(id) {
                    return Err(refusal(
                        "the hash does not match the query",
                        ErrorCode::BadUserInput,
                    ));
                }
                let keep = (self.mode == PersistedDocuments::Apq).then_some(hash);
                Ok(Found { text: text.as_str().into(), keep })
            }
            (None, None) => Err(refusal(
                "the request has neither a query nor the id of one",
                ErrorCode::BadUserInput,
            )),
            (None, Some(_)) if self.mode == PersistedDocuments::Off => {
                Err(refusal(NOT_SUPPORTED, ErrorCode::BadUserInput))
            }
            (None, Some(_)) => Err(refusal(NOT_FOUND, ErrorCode::PersistedQueryNotFound)),
        }
    }

    fn known(&self, id: &str) -> Option<Arc<str>> {
        let id = without_prefix(id);
        match self.mode {
            PersistedDocuments::Off => None,
            PersistedDocuments::Trusted => self.trusted.get(id).cloned(),
            PersistedDocuments::Apq => self.trusted.get(id).cloned().or_else(|| self.kept.get(id)),
        }
    }

    /// The parsed document of a text, if it was parsed before.
    pub fn parsed(&self, text: &str) -> Option<Arc<Parsed>> {
        self.parsed.get(text)
    }

    /// Keeps a text that turned out to be a document within the limits.
    pub fn keep(&self, found: Found, document: &Arc<Parsed>) {
        if let Some(hash) = found.keep {
            self.kept.insert(hash, found.text.clone());
        }
        if !self.parsed.contains_key(&found.text) {
            self.parsed.insert(found.text, document.clone());
        }
    }
}

/// The texts of a file, by their ids.
fn read(file: &str) -> Result<HashMap<String, Arc<str>>, serde_json::Error> {
    let documents: Vec<_> = match serde_json::from_str(file)? {
        File::Map(documents) => documents.into_iter().collect(),
        File::Manifest { operations } => {
            operations.into_iter().map(|known| (known.id, known.body)).collect()
        }
    };
    let known = |(id, text): (String, String)| (without_prefix(&id).to_owned(), text.into());
    Ok(documents.into_iter().map(known).collect())
}

fn without_prefix(id: &str) -> &str {
    id.strip_prefix(HASH_PREFIX).unwrap_or(id)
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_PAGES: &str = "{ viewer { inbox { counts { unread } } } }";
    const OF_OPERATOR: &str = "{ viewerRole }";

    fn by_id(id: &str) -> Params {
        serde_json::from_value(serde_json::json!({ "documentId": id })).unwrap()
    }

    fn by_text(text: &str) -> Params {
        serde_json::from_value(serde_json::json!({ "query": text })).unwrap()
    }

    /// The pages work with `trusted`, with and without a file of the operator's, and nothing else
    /// becomes possible by that.
    #[test]
    fn the_documents_of_the_pages_are_trusted_beside_the_operators() {
        let id = hash(OF_PAGES);
        let of_pages = serde_json::json!({ &id: OF_PAGES }).to_string();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), serde_json::json!({ "role": OF_OPERATOR }).to_string())
            .unwrap();
        let persisted_documents = Some(PersistedDocuments::Trusted);
        for trusted_documents in [None, Some(file.path().to_owned())] {
            let config = Config { trusted_documents, persisted_documents, ..Config::default() };
            let documents = Documents::load(&config, Some(&of_pages)).unwrap();
            let find = |params| documents.find(&params, false).map(|found| found.text);
            assert_eq!(find(by_id(&id)).unwrap().as_ref(), OF_PAGES);
            assert_eq!(find(by_id(&format!("sha256:{id}"))).unwrap().as_ref(), OF_PAGES);
            assert_eq!(find(by_id("role")).is_ok(), config.trusted_documents.is_some());
            assert!(find(by_text("{ catalog { id } }")).is_err());
        }
        let config = Config { persisted_documents, ..Config::default() };
        assert!(Documents::load(&config, None).is_err());
    }
}
