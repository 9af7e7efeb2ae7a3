//! Documents that are referred to instead of being sent.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tidings::config::PersistedDocuments;

use crate::support::app::{Kind, TestApp, TestUser};

const VIEWER: &str = "{ viewerRole }";

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn persisted(text: &str) -> Value {
    json!({"persistedQuery": {"version": 1, "sha256Hash": hash(text)}})
}

async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap_or_default())
}

/// Posts a request as somebody.
async fn post(user: &TestUser, body: Value) -> Value {
    let request = reqwest::Client::new().post(user.app.url("/graphql")).json(&body);
    answer(user.token.iter().fold(request, |request, token| request.bearer_auth(token))).await.1
}

fn get(app: &TestApp, parameters: &[(&str, &str)]) -> RequestBuilder {
    let mut url = reqwest::Url::parse(&app.url("/graphql")).unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    reqwest::Client::new().get(url)
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
}

/// As Apollo's clients do it: the hash; then, once, the hash and the text; then the hash.
#[tokio::test]
async fn a_document_that_was_sent_once_is_known_by_its_hash() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let alice = app.user("alice").await;
    let by_hash = || post(&alice, json!({"extensions": persisted(VIEWER)}));
    let unknown = by_hash().await;
    assert_eq!(
        (code(&unknown), unknown["errors"][0]["message"].as_str()),
        ("PERSISTED_QUERY_NOT_FOUND", Some("PersistedQueryNotFound"))
    );
    let sent = post(&alice, json!({"query": VIEWER, "extensions": persisted(VIEWER)})).await;
    assert_eq!(sent["data"]["viewerRole"], "USER");
    assert_eq!(by_hash().await["data"]["viewerRole"], "USER");
    let by_id = post(&alice, json!({"documentId": format!("sha256:{}", hash(VIEWER))})).await;
    assert_eq!(by_id["data"]["viewerRole"], "USER");
    let mut socket = alice.connect().await;
    socket
        .send(json!({"id": "1", "type": "subscribe", "payload": {"extensions": persisted(VIEWER)}}))
        .await;
    assert_eq!(socket.receive().await["payload"]["data"]["viewerRole"], "USER");
    app.stop().await;
}

/// Nobody can register another text under a hash.
#[tokio::test]
async fn a_hash_is_that_of_its_text() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let alice = app.user("alice").await;
    let other = "{ viewer { id } }";
    let before = post(&alice, json!({"query": other, "extensions": persisted(VIEWER)})).await;
    assert_eq!(code(&before), "BAD_USER_INPUT");
    post(&alice, json!({"query": VIEWER, "extensions": persisted(VIEWER)})).await;
    let after = post(&alice, json!({"query": other, "extensions": persisted(VIEWER)})).await;
    assert_eq!(code(&after), "BAD_USER_INPUT");
    for nonsense in [json!({"persistedQuery": 1}), json!({"persistedQuery": {"sha256Hash": 1}})] {
        assert_eq!(
            code(&post(&alice, json!({"query": VIEWER, "extensions": nonsense})).await),
            "BAD_USER_INPUT"
        );
    }
    let invalid = "{ nonsense";
    post(&alice, json!({"query": invalid, "extensions": persisted(invalid)})).await;
    let not_kept = post(&alice, json!({"extensions": persisted(invalid)})).await;
    assert_eq!(code(&not_kept), "PERSISTED_QUERY_NOT_FOUND");
    app.stop().await;
}

/// GET is for everything but mutations.
#[tokio::test]
async fn a_query_can_be_fetched() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let alice = app.user("alice").await;
    let query = "query($id: ID!) { node(id: $id) { id } }";
    let mutation = "mutation { archiveAll(input: {}) { affectedCount } }";
    for text in [query, mutation] {
        post(
            &alice,
            json!({"query": text, "variables": {"id": alice.id}, "extensions": persisted(text)}),
        )
        .await;
    }
    let token = alice.token.as_ref().unwrap();
    let variables = json!({"id": alice.id}).to_string();
    for parameters in [("documentId", hash(query)), ("extensions", persisted(query).to_string())] {
        let request = get(&app, &[(parameters.0, &parameters.1), ("variables", &variables)]);
        let (status, answer) = answer(request.bearer_auth(token)).await;
        assert_eq!((status, &answer["data"]["node"]["id"]), (StatusCode::OK, &json!(alice.id)));
    }
    // Java's client offers an upgrade to HTTP/2 with each request.
    let offered = get(&app, &[("documentId", &hash(query)), ("variables", &variables)])
        .header("upgrade", "h2c");
    assert_eq!(answer(offered.bearer_auth(token)).await.0, StatusCode::OK);
    let (status, _) =
        answer(get(&app, &[("documentId", &hash(mutation))]).bearer_auth(token)).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    // The limits are those of POST.
    let aliases: String = (0..101).map(|n| format!("a{n}:viewerRole ")).collect();
    let too_much =
        answer(get(&app, &[("query", &format!("{{{aliases}}}"))]).bearer_auth(token)).await;
    assert_eq!(code(&too_much.1), "QUERY_TOO_COMPLEX");
    let new = "{ viewer { externalId } }";
    for (parameters, wanted) in [
        (vec![("query", new.to_owned())], StatusCode::OK),
        (vec![("query", mutation.to_owned())], StatusCode::METHOD_NOT_ALLOWED),
        (vec![("query", new.to_owned()), ("documentId", hash(query))], StatusCode::OK),
        (vec![("query", new.to_owned()), ("documentId", hash(new))], StatusCode::OK),
        (vec![("documentId", hash(new))], StatusCode::OK),
    ] {
        let parameters: Vec<_> =
            parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (status, answer) = answer(get(&app, &parameters).bearer_auth(token)).await;
        assert_eq!(status, wanted, "{parameters:?}");
        let is_wrong_hash = code(&answer) == "BAD_USER_INPUT" && status == StatusCode::OK;
        assert_eq!(
            is_wrong_hash,
            parameters.last() == Some(&("documentId", &*hash(query))),
            "{answer}"
        );
    }
    app.stop().await;
}

/// People can send only what the application was built with; the host application and admins can
/// send anything.
#[tokio::test]
async fn with_trusted_documents_people_send_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let manifest = json!({
        "format": "apollo-persisted-query-manifest", "version": 1,
        "operations": [{"id": "role", "name": "Role", "type": "query", "body": VIEWER}],
    });
    for (name, file) in [("preset.json", json!({"role": VIEWER})), ("manifest.json", manifest)] {
        let path = directory.path().join(name);
        std::fs::write(&path, file.to_string()).unwrap();
        let app = TestApp::start_with(Kind::Sqlite, |config| config.trusted_documents = Some(path))
            .await
            .unwrap();
        let alice = app.client("alice", tidings::auth::Role::User);
        assert_eq!(post(&alice, json!({"documentId": "role"})).await["data"]["viewerRole"], "USER");
        assert_eq!(
            code(&post(&alice, json!({"documentId": "other"})).await),
            "PERSISTED_QUERY_NOT_FOUND"
        );
        for body in
            [json!({"query": VIEWER}), json!({"query": VIEWER, "extensions": persisted(VIEWER)})]
        {
            assert_eq!(code(&post(&alice, body.clone()).await), "FORBIDDEN");
            assert_eq!(code(&post(&app.stranger(), body).await), "FORBIDDEN");
        }
        let mut socket = alice.connect().await;
        socket.subscribe("1", VIEWER, json!({})).await;
        assert_eq!(socket.receive().await["payload"][0]["extensions"]["code"], "FORBIDDEN");
        assert_eq!(app.service().query(VIEWER, json!({})).await["viewerRole"], "SERVICE");
        let (status, _) = answer(get(&app, &[("documentId", "role")])).await;
        assert_eq!(status, StatusCode::OK);
        app.stop().await;
    }
}

#[tokio::test]
async fn persisted_documents_can_be_switched_off() {
    let off = Some(PersistedDocuments::Off);
    let app =
        TestApp::start_with(Kind::Sqlite, |config| config.persisted_documents = off).await.unwrap();
    let alice = app.user("alice").await;
    let unsupported = post(&alice, json!({"extensions": persisted(VIEWER)})).await;
    assert_eq!(unsupported["errors"][0]["message"], "PersistedQueryNotSupported");
    let sent = post(&alice, json!({"query": VIEWER, "extensions": persisted(VIEWER)})).await;
    assert_eq!(sent["data"]["viewerRole"], "USER");
    app.stop().await;
}
