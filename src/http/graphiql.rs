//! GraphiQL, at `/graphiql`: from the binary, or from a CDN if it was not built.

use async_graphql::http::GraphiQLSource;
use axum::{
    Router,
    http::{HeaderMap, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use rand::{Rng, distr::Alphanumeric};

use super::assets::{self, Asset, secured};
use crate::config::{Config, PersistedDocuments};

pub const PAGE: &str = "graphiql.html";
/// Everything that the page loads comes from this server: no inline scripts run, and nothing is
/// evaluated. Monaco and React set styles at run time, and GraphiQL's icons and fonts are in its
/// stylesheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; \
                      connect-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; font-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const NONCE_CHARACTERS: usize = 24;
const NOT_CACHED: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-cache")];
/// Above the page from the CDN.
const FROM_CDN: &str = "GraphiQL is not built into this server, so it is loaded from unpkg.com. To \
                        have it offline, with ready-made tabs, install Node.js and start the \
                        server with <code>make demo</code>; or run <code>make web</code> and \
                        rebuild the server.";
/// Above the page where its texts are refused.
const ONLY_TRUSTED: &str = "This server executes only documents that it knows \
                            (<code>persisted_documents = \"trusted\"</code>), and GraphiQL sends \
                            texts of its own. They are refused for people; with the token of an \
                            admin or of the host application they are executed.";
/// What the notices are put in front of.
const ROOTS: [&str; 2] = ["<div id=\"root\">", "<div id=\"graphiql\">"];

pub fn routes<S: Clone + Send + Sync + 'static>(
    config: &Config,
    files: &'static [Asset],
) -> Router<S> {
    let only_trusted = config.documents() == PersistedDocuments::Trusted;
    let page = assets::find(files, PAGE);
    let answer = move |headers: HeaderMap| async move {
        match page {
            Some(page) if only_trusted => {
                let page = with_notice(page.text().unwrap_or_default(), ONLY_TRUSTED);
                (secured(POLICY), NOT_CACHED, Html(page)).into_response()
            }
            Some(page) => page.answer(&headers, POLICY),
            None => from_cdn(only_trusted),
        }
    };
    Router::new().route("/graphiql", get(answer))
}

/// The page for servers that were built without Node.js. Its scripts come from a CDN, and one of
/// them is inline: only those may run.
fn from_cdn(only_trusted: bool) -> Response {
    let nonce: String =
        rand::rng().sample_iter(Alphanumeric).take(NONCE_CHARACTERS).map(char::from).collect();
    let page = GraphiQLSource::build()
        .endpoint("/graphql")
        .subscription_endpoint("/graphql")
        .title("Tidings")
        .finish();
    let page = page.replace("<script", &format!("<script nonce=\"{nonce}\""));
    let page = match only_trusted {
        true => with_notice(&page, &format!("{FROM_CDN}<br>{ONLY_TRUSTED}")),
        false => with_notice(&page, FROM_CDN),
    };
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; connect-src 'self'; \
         style-src 'unsafe-inline' https://unpkg.com; \
         img-src data:; font-src data: https://unpkg.com; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    (secured(&policy), NOT_CACHED, Html(page)).into_response()
}

/// A page with a few lines above GraphiQL, which gets the rest of the window.
fn with_notice(page: &str, notice: &str) -> String {
    let notice = format!(
        "<style>
      #notice {{ margin: 0; padding: 0.5rem 1rem; font: 1rem/1.5 sans-serif }}
      #notice {{ background: #fff3cd; color: #333 }}
      body {{ display: flex; flex-direction: column; height: 100vh }}
      #root, #graphiql {{ flex: 1; min-height: 0 }}
    </style>
    <p id=\"notice\">{notice}</p>
    "
    );
    ROOTS
        .into_iter()
        .fold(page.to_owned(), |page, root| page.replace(root, &format!("{notice}{root}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(answer: Response) -> String {
        let page = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(page.to_vec()).unwrap()
    }

    /// The page from the CDN runs only its own scripts, and says how to avoid the CDN.
    #[tokio::test]
    async fn the_page_from_the_cdn_allows_its_own_scripts_only() {
        let answer = from_cdn(false);
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        let page = text(answer).await;

        let nonce = policy.split_once("script-src 'nonce-").unwrap().1.split_once('\'').unwrap().0;
        assert_eq!(nonce.len(), NONCE_CHARACTERS);
        assert!(
            !policy.contains("script-src 'unsafe") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(
            page.matches("<script").count(),
            page.matches(&format!("<script nonce=\"{nonce}\"")).count()
        );
        assert_eq!(page.matches("<script").count(), 4);
        assert!(page.contains("make demo") && page.contains("make web"));
        assert!(!page.contains("only documents that it knows"));
    }

    /// Otherwise a newcomer would only see that everything is refused.
    #[tokio::test]
    async fn graphiql_says_when_its_texts_are_refused() {
        let built = "<body><div id=\"root\"></div></body>";
        for page in [text(from_cdn(true)).await, with_notice(built, ONLY_TRUSTED)] {
            let (before, _) = ROOTS
                .iter()
                .find_map(|root| page.split_once(root))
                .expect("the page has GraphiQL in it");
            assert!(before.contains("only documents that it knows"), "{page}");
        }
    }
}
