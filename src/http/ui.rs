//! The web pages: the inbox, what somebody has sent, and administration.
//!
//! All three are one application, which is embedded in the binary. It sees in its address what to
//! show, and learns from `web/config.json` how people sign in. Its links and the redirect that
//! leads to it are relative, so that a proxy may put the server below a path. A server that was
//! built without the pages says on its first page how to get them.

use std::sync::Arc;

use axum::{
    Json, Router,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use serde::Serialize;

use super::{
    assets::{self, Asset, secured},
    demo, graphiql,
};
use crate::{
    app::Demo,
    config::{Config, PersistedDocuments, SignIn},
};

const APPLICATION: &str = "index.html";
const PATHS: [&str; 3] = ["/inbox", "/sent", "/admin"];
const FAVICON: &str = "favicon.svg";
const NOT_BUILT: &str = include_str!("not_built.html");
const POLICY_OF_NOT_BUILT: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; \
                                   base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `files` is [`assets::ASSETS`], except in tests.
pub fn routes<S: Clone + Send + Sync + 'static>(
    config: &Config,
    demo: Option<Arc<Demo>>,
    files: &'static [Asset],
) -> Router<S> {
    let application = assets::find(files, APPLICATION);
    let first = match (application, assets::find(files, graphiql::PAGE)) {
        (Some(_), _) => Some("inbox"),
        (None, Some(_)) => Some("graphiql"),
        (None, None) => None,
    };
    let sign_in = match demo {
        Some(_) => SignIn::Demo,
        None => config.sign_in(),
    };
    let persisted = config.documents() == PersistedDocuments::Trusted;
    let about = About {
        version: env!("CARGO_PKG_VERSION"),
        sign_in,
        persisted,
        announcement_pictures: config.web_announcement_pictures,
    };
    let policy: Arc<str> = policy(config).into();

    let mut router = assets::routes(files)
        .merge(graphiql::routes(config, files))
        .route("/", get(async move || first.map_or_else(not_built, lead_to)))
        .route("/web/config.json", get(async move || about.answer()));
    for path in PATHS {
        let policy = policy.clone();
        let answer = async move |headers: HeaderMap| match application {
            Some(page) => page.answer(&headers, &policy),
            None => not_built(),
        };
        router = router.route(path, get(answer));
    }
    if assets::find(files, FAVICON).is_none() {
        router = router.route("/favicon.svg", get(favicon));
    }
    match demo {
        Some(demo) => router.merge(demo::routes(demo)),
        None => router,
    }
}

/// What the application needs to know before anybody has signed in.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct About {
    version: &'static str,
    sign_in: SignIn,
    /// Whether people may send only the ids of documents.
    persisted: bool,
    announcement_pictures: bool,
}

impl About {
    fn answer(&self) -> Response {
        (secured("default-src 'none'"), [(header::CACHE_CONTROL, "no-store")], Json(self))
            .into_response()
    }
}

/// Scripts and styles are this server's own, and nothing becomes HTML that DOMPurify has not
/// cleaned. The pages connect to this server, and to where their tokens come from.
fn policy(config: &Config) -> String {
    let pictures = config.web_image_sources.join(" ");
    let sign_in = config.sign_in_origin().unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
         img-src 'self' data: {pictures}; connect-src 'self' {sign_in}; manifest-src 'self'; \
         worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types dompurify"
    )
}

fn lead_to(page: &str) -> Response {
    ([(header::CACHE_CONTROL, "no-cache")], Redirect::temporary(page)).into_response()
}

fn not_built() -> Response {
    let cache = [(header::CACHE_CONTROL, "no-cache")];
    (StatusCode::NOT_FOUND, secured(POLICY_OF_NOT_BUILT), cache, Html(NOT_BUILT)).into_response()
}

async fn favicon() -> Response {
    let about =
        [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "public, max-age=86400")];
    (secured("default-src 'none'"), about, include_str!("favicon.svg")).into_response()
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, extract::Request};
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;
    use crate::{app::DemoUser, auth::Role};

    static GRAPHIQL: Asset = page(graphiql::PAGE, b"<div id=\"root\"></div>");
    static BOTH: [Asset; 4] = [
        page(graphiql::PAGE, b"<div id=\"root\"></div>"),
        Asset { compressed: Some(b"small"), ..page(APPLICATION, b"<title>Tidings</title>") },
        page("assets/inbox-1.js", b"1"),
        page("persisted-documents.json", b"{}"),
    ];

    const fn page(path: &'static str, content: &'static [u8]) -> Asset {
        Asset { path, tag: "1", content, compressed: None }
    }

    async fn get(router: Router, path: &str, headers: &[(&'static str, &str)]) -> Response {
        let request = headers
            .iter()
            .fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn text(answer: Response) -> String {
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    fn header(answer: &Response, name: header::HeaderName) -> &str {
        answer.headers()[name].to_str().unwrap()
    }

    /// What a policy says of one kind of thing.
    async fn rule(config: Config, path: &str, name: &str) -> String {
        let answer = get(routes(&config, None, &BOTH), path, &[]).await;
        let policy = header(&answer, header::CONTENT_SECURITY_POLICY).to_owned();
        let mut rules = policy.split(';').map(str::trim);
        let rule = rules.find_map(|rule| rule.strip_prefix(name)?.strip_prefix(' '));
        rule.unwrap_or_else(|| panic!("{name} is not in {policy}")).trim().to_owned()
    }

    #[tokio::test]
    async fn every_page_is_the_application_under_the_strict_policy() {
        for path in PATHS {
            let answer = get(routes(&Config::default(), None, &BOTH), path, &[]).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            assert_eq!(header(&answer, header::CONTENT_TYPE), "text/html; charset=utf-8");
            assert_eq!(header(&answer, header::CACHE_CONTROL), "no-cache");
            assert_eq!(header(&answer, header::X_CONTENT_TYPE_OPTIONS), "nosniff");
            assert_eq!(header(&answer, header::REFERRER_POLICY), "no-referrer");
            assert_eq!(text(answer).await, "<title>Tidings</title>");
            for (name, wanted) in [
                ("default-src", "'none'"),
                ("script-src", "'self'"),
                ("style-src", "'self'"),
                ("img-src", "'self' data: https:"),
                ("connect-src", "'self'"),
                ("base-uri", "'none'"),
                ("form-action", "'none'"),
                ("frame-ancestors", "'none'"),
                ("require-trusted-types-for", "'script'"),
                ("trusted-types", "dompurify"),
            ] {
                assert_eq!(rule(Config::default(), path, name).await, wanted, "{path} {name}");
            }
        }
        assert_eq!(
            rule(Config::default(), "/graphiql", "style-src").await,
            "'self' 'unsafe-inline'"
        );
    }

    #[tokio::test]
    async fn the_policy_follows_the_settings() {
        let config = || Config {
            web_token_url: Some("https://app.example.com:8443/token".into()),
            web_image_sources: vec!["https://pictures.example.com".into()],
            ..Config::default()
        };
        let connect = rule(config(), "/inbox", "connect-src").await;
        assert_eq!(connect, "'self' https://app.example.com:8443");
        let pictures = rule(config(), "/inbox", "img-src").await;
        assert_eq!(pictures, "'self' data: https://pictures.example.com");
    }

    #[tokio::test]
    async fn pages_are_compressed_and_revalidated() {
        let router = || routes(&Config::default(), None, &BOTH);
        let small = get(router(), "/inbox", &[("accept-encoding", "br, gzip")]).await;
        assert_eq!(header(&small, header::CONTENT_ENCODING), "gzip");
        assert_eq!(header(&small, header::VARY), "accept-encoding");
        let tag = header(&small, header::ETAG).to_owned();
        assert_eq!(text(small).await, "small");
        let again = get(router(), "/inbox", &[("if-none-match", &tag)]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let script = get(router(), "/assets/inbox-1.js", &[]).await;
        assert_eq!(header(&script, header::CACHE_CONTROL), "public, max-age=31536000, immutable");
        // Only the server reads them.
        let documents = get(router(), "/persisted-documents.json", &[]).await;
        assert_eq!(documents.status(), StatusCode::NOT_FOUND);
    }

    /// Relative: behind a proxy the server may be below a path.
    #[tokio::test]
    async fn the_first_page_is_the_best_that_there_is() {
        let only_graphiql: &'static [Asset] = std::slice::from_ref(&GRAPHIQL);
        for (files, wanted) in [(&BOTH[..], "inbox"), (only_graphiql, "graphiql")] {
            let answer = get(routes(&Config::default(), None, files), "/", &[]).await;
            assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
            assert_eq!(header(&answer, header::LOCATION), wanted);
        }
    }

    #[tokio::test]
    async fn without_pages_the_first_one_says_how_to_get_them() {
        for path in ["/", "/inbox", "/sent", "/admin"] {
            let answer = get(routes(&Config::default(), None, &[]), path, &[]).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND);
            let policy = header(&answer, header::CONTENT_SECURITY_POLICY).to_owned();
            let page = text(answer).await;
            for wanted in ["Node.js", "make web", "href=\"graphiql\""] {
                assert!(page.contains(wanted), "{wanted} is not in {page}");
            }
            // It needs nothing of any other server.
            assert!(!policy.contains("http"), "{policy}");
            for loaded in ["<script", "src=", "@import", "url("] {
                assert!(!page.contains(loaded), "{loaded}");
            }
        }
    }

    #[tokio::test]
    async fn pages_learn_how_people_sign_in() {
        let oidc = || Config {
            auth_issuer: Some("https://id.example.com/realms/acme".into()),
            web_client_id: Some("inbox".into()),
            web_scope: "openid profile".into(),
            ..Config::default()
        };
        let auth0 = || Config {
            web_audience: Some("https://inbox.example.com".into()),
            web_resource: Some("urn:inbox".into()),
            ..oidc()
        };
        let url = || Config { web_token_url: Some("/inbox-token".into()), ..Config::default() };
        let ada = DemoUser {
            name: "ada",
            role: Role::User,
            token: "t".into(),
            display_name: "Ada Lindqvist".into(),
            avatar_url: None,
        };
        let demo = || Some(Arc::new(Demo { users: vec![ada], portraits: Default::default() }));
        for (config, demo, wanted) in [
            (Config::default(), None, json!({"kind": "none"})),
            (url(), None, json!({"kind": "url", "url": "/inbox-token"})),
            (
                oidc(),
                None,
                json!({"kind": "oidc", "issuer": "https://id.example.com/realms/acme",
                       "clientId": "inbox", "scope": "openid profile"}),
            ),
            (
                auth0(),
                None,
                json!({"kind": "oidc", "issuer": "https://id.example.com/realms/acme",
                       "clientId": "inbox", "scope": "openid profile",
                       "audience": "https://inbox.example.com", "resource": "urn:inbox"}),
            ),
            (url(), demo(), json!({"kind": "demo"})),
        ] {
            let answer = get(routes(&config, demo, &[]), "/web/config.json", &[]).await;
            assert_eq!(header(&answer, header::CACHE_CONTROL), "no-store");
            let about: Value = serde_json::from_str(&text(answer).await).unwrap();
            assert_eq!(about["signIn"], wanted);
            assert_eq!(about["persisted"], false);
            assert_eq!(about["announcementPictures"], false);
            assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
        }
    }

    #[tokio::test]
    async fn the_icon_is_a_drawing() {
        let icon = get(routes(&Config::default(), None, &BOTH), "/favicon.svg", &[]).await;
        assert_eq!(header(&icon, header::CONTENT_TYPE), "image/svg+xml");
        assert!(text(icon).await.starts_with("<svg"));
    }
}
