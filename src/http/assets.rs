//! The files of the web pages, embedded in the binary by `build.rs`.

use axum::{
    Router,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

/// Vite puts a hash of the content into the names of the files below this path.
const HASHED: &str = "assets/";
/// The documents that the pages send: an object that maps their hashes to their texts.
const DOCUMENTS: &str = "persisted-documents.json";
/// For files that are not pages. A worker has the policy of its own file, and Monaco's are among
/// these; they load nothing.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'";

/// Everything in `web/dist`; empty if nothing has been built.
pub static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// One file of `web/dist`.
pub struct Asset {
    /// Relative to `web/dist`.
    pub path: &'static str,
    /// Identifies the content.
    pub tag: &'static str,
    pub content: &'static [u8],
    /// The content compressed with gzip, if that is worth it.
    pub compressed: Option<&'static [u8]>,
}

/// Everything except the pages themselves, which have their own routes, and what only the server
/// reads.
pub fn routes<S: Clone + Send + Sync + 'static>(files: &'static [Asset]) -> Router<S> {
    let others =
        files.iter().filter(|asset| !asset.path.ends_with(".html") && asset.path != DOCUMENTS);
    others.fold(Router::new(), |router, asset| {
        let answer = move |headers: HeaderMap| async move { asset.answer(&headers, POLICY) };
        router.route(&format!("/{}", asset.path), get(answer))
    })
}

/// None if it has not been built.
pub fn find(files: &'static [Asset], path: &str) -> Option<&'static Asset> {
    files.iter().find(|asset| asset.path == path)
}

/// What the pages send, for servers that execute only documents that they know. None if the pages
/// have not been built.
pub fn documents() -> Option<&'static str> {
    find(ASSETS, DOCUMENTS).and_then(Asset::text)
}

impl Asset {
    pub fn text(&self) -> Option<&'static str> {
        str::from_utf8(self.content).ok()
    }

    pub fn answer(&self, request: &HeaderMap, policy: &str) -> Response {
        // Weak, because it is the same for both encodings.
        let tag = format!("W/\"{}\"", self.tag);
        let cache = match self.path.starts_with(HASHED) {
            true => "public, max-age=31536000, immutable",
            false => "no-cache",
        };
        let about = [
            (header::CONTENT_TYPE, self.content_type()),
            (header::CACHE_CONTROL, cache),
            (header::ETAG, tag.as_str()),
            (header::VARY, "accept-encoding"),
        ];
        let about = (secured(policy), about);
        if has(request, header::IF_NONE_MATCH, &tag) {
            return (StatusCode::NOT_MODIFIED, about).into_response();
        }
        match self.compressed.filter(|_| has(request, header::ACCEPT_ENCODING, "gzip")) {
            Some(compressed) => {
                (about, [(header::CONTENT_ENCODING, "gzip")], compressed).into_response()
            }
            None => (about, self.content).into_response(),
        }
    }

    fn content_type(&self) -> &'static str {
        match self.path.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("json") => "application/json",
            Some("webmanifest") => "application/manifest+json",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("ttf") => "font/ttf",
            Some("woff2") => "font/woff2",
            Some("md") => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }
}

/// Headers that protect a page and its scripts, in addition to the policy itself.
pub fn secured(policy: &str) -> [(HeaderName, HeaderValue); 4] {
    [
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_str(policy).unwrap_or(HeaderValue::from_static("sandbox")),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ]
}

/// Whether a list in a header contains a value and does not rule it out with `q=0`.
fn has(request: &HeaderMap, name: HeaderName, wanted: &str) -> bool {
    let lists = request.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|value| {
        let (value, weight) = value.split_once(';').unwrap_or((value, ""));
        value.trim() == wanted && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}
