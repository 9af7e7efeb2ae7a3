//! Documents that clients refer to instead of sending them: trusted ones from a file, and ones that
//! somebody sent before (automatic persisted queries). Also keeps parsed documents, so that the
//! same text is not parsed for each request.

use std::{collections::HashMap, fs, sync::Arc};

use async_graphql::ServerError;
use moka::sync::Cache;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{code::ErrorCode, errors::refusal, order::Parsed, prepare::Params};
use crate::{
    config::{Config, PersistedDocuments},
    error::{Error, Result},
};

/// Bytes of text kept for automatic persisted queries.
const MOST_KEPT: u64 = 16 * 1024 * 1024;
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
    /// Reads the trusted documents. It is an error if one of them is not valid GraphQL.
    pub fn load(config: &Config) -> Result<Self> {
        let invalid = |message: String| Error::invalid("trusted_documents", message);
        let mut trusted = HashMap::new();
        if let Some(path) = &config.trusted_documents {
            let text = fs::read_to_string(path)
                .map_err(|error| invalid(format!("{}: {error}", path.display())))?;
            let expected = "must be an object that maps ids to texts, or an Apollo manifest";
            let pairs: Vec<_> =
                match serde_json::from_str(&text).map_err(|_| invalid(expected.into()))? {
                    File::Map(documents) => documents.into_iter().collect(),
                    File::Manifest { operations } => {
                        operations.into_iter().map(|known| (known.id, known.body)).collect()
                    }
                };
            for (id, text) in pairs {
                let parsed = async_graphql::parser::parse_query(&text);
                parsed.map_err(|error| {
                    invalid(format!("the document {id} is no GraphQL: {error}"))
                })?;
                trusted.insert(without_prefix(&id).to_owned(), text.into());
            }
        }
        let mode = config.documents();
        if mode == PersistedDocuments::Trusted && trusted.is_empty() {
            return Err(invalid("has the documents that may be sent".into()));
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

fn without_prefix(id: &str) -> &str {
    id.strip_prefix(HASH_PREFIX).unwrap_or(id)
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
