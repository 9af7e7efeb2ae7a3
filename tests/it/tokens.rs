//! Whose tokens are accepted: forgeries, public keys and their rotation, and what tokens must
//! contain.

use axum::http::StatusCode;
use chrono::TimeDelta;
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use rsa::pkcs8::EncodePublicKey;
use serde_json::{Value, json};
use tidings::{
    auth::{Auth, Role},
    config::{Config, DefaultRole},
};

use crate::support::{
    app::{Kind, SECRET, TestApp},
    provider::{Key, OTHER_RSA, Provider, RSA, RSA_KEY, jwks},
    socket::Socket,
};

const ISSUER: &str = "https://id.example.com/";
/// Longer than the pause between two readings of the keys.
const A_WHILE: TimeDelta = TimeDelta::seconds(6);
const FORGED: &str = "401 UNAUTHENTICATED: the token is not valid";
const EXPIRED: &str = "401 UNAUTHENTICATED: the token has expired";
const UNAVAILABLE: &str = "503 UNAVAILABLE: the server cannot do this now; try again";

async fn start(set: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::start_with(Kind::Sqlite, set).await.unwrap()
}

/// A server that uses the keys of a provider.
async fn start_with_keys(provider: &Provider, set: impl FnOnce(&mut Config)) -> TestApp {
    start(|config| {
        config.auth_jwks = Some(provider.url.clone());
        set(config);
    })
    .await
}

/// The claims of a valid token, for an hour.
fn claims(app: &TestApp) -> Value {
    let expires = app.now() + TimeDelta::hours(1);
    json!({
        "sub": "alice", "role": "user", "aud": "tidings", "iss": ISSUER, "exp": expires.timestamp(),
    })
}

fn with(mut claims: Value, name: &str, value: impl Into<Value>) -> Value {
    claims[name] = value.into();
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name).unwrap();
    claims
}

/// The identity that a token gives its bearer over HTTP; or the status, code and message of the
/// refusal.
async fn who(app: &TestApp, token: &str) -> String {
    let request = reqwest::Client::new().post(app.url("/graphql")).bearer_auth(token);
    let answer = request
        .json(&json!({"query": "{ viewer { externalId } viewerRole }"}))
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let answer: Value = answer.json().await.unwrap();
    match &answer["errors"][0] {
        Value::Null => {
            let name = answer["data"]["viewer"]["externalId"].as_str().unwrap_or("nobody");
            format!("{name}, {}", answer["data"]["viewerRole"].as_str().unwrap())
        }
        error => format!(
            "{status} {}: {}",
            error["extensions"]["code"].as_str().unwrap(),
            error["message"].as_str().unwrap()
        ),
    }
}

/// The code with which a websocket with this token is closed.
async fn closed(app: &TestApp, token: &str) -> u16 {
    let mut socket = Socket::open(app.address()).await;
    let parameters = json!({"authorization": format!("Bearer {token}")});
    socket.send(json!({"type": "connection_init", "payload": parameters})).await;
    socket.closed().await.code.into()
}

/// Every attack known from elsewhere. All get the same answer, over HTTP and on a websocket.
#[tokio::test]
async fn forged_tokens_are_refused_with_one_answer() {
    let (ec, ed) = (Key::ec(), Key::ed());
    let other_alg = with(RSA.public("says RS512"), "alg", "RS512");
    let for_encryption = with(RSA.public("for encryption"), "use", "enc");
    let secret = Jwk::from_encoding_key(
        &EncodingKey::from_secret(b"published by mistake, of 32 bytes"),
        Algorithm::HS256,
    );
    let published = with(serde_json::to_value(secret.unwrap()).unwrap(), "kid", "secret");
    let keys =
        [RSA.public("rsa"), ec.public("ec"), ed.public("ed"), other_alg, for_encryption, published];
    let provider = Provider::start(&keys).await;
    let app = start_with_keys(&provider, |config| config.auth_issuer = Some(ISSUER.into())).await;
    let good = claims(&app);
    for (key, id) in [(&*RSA, "rsa"), (&ec, "ec"), (&ed, "ed")] {
        assert_eq!(who(&app, &key.sign(Some(id), &good)).await, "alice, USER", "{id}");
    }

    let header = |algorithm, id: &str| Header { kid: Some(id.into()), ..Header::new(algorithm) };
    let rsa = |claims: Value| RSA.sign(Some("rsa"), &claims);
    let hs256 = |secret: &[u8]| {
        let header = Header { kid: Some("rsa".into()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &good, &EncodingKey::from_secret(secret)).unwrap()
    };
    let public = RSA_KEY.to_public_key();
    let signed = rsa(good.clone());
    let [head, payload, signature] = signed.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let admin = rsa(with(good.clone(), "role", "admin"));
    let admin = admin.split('.').nth(1).unwrap();
    let embedded = Header {
        jwk: Some(Jwk::from_encoding_key(&OTHER_RSA.signing, Algorithm::RS256).unwrap()),
        jku: Some("http://127.0.0.1/jwks".into()),
        ..header(Algorithm::RS256, "rsa")
    };
    let crit = |names: &[&str]| {
        let crit = Some(names.iter().map(|name| name.to_string()).collect());
        RSA.sign_with(Header { crit, ..header(Algorithm::RS256, "rsa") }, &good)
    };
    let later = app.now().timestamp() + 1;
    for (forgery, token) in [
        ("alg none", format!("eyJhbGciOiJub25lIn0.{payload}.")),
        ("alg none with a signature", format!("eyJhbGciOiJub25lIn0.{payload}.{signature}")),
        ("no signature", format!("{head}.{payload}.")),
        ("two parts", format!("{head}.{payload}")),
        ("four parts", format!("{signed}.{signature}")),
        ("another payload", format!("{head}.{admin}.{signature}")),
        ("not a token", "nonsense".into()),
        ("too long", rsa(with(good.clone(), "filling", "x".repeat(20_000)))),
        (
            "HS256 with the public key",
            hs256(public.to_public_key_pem(Default::default()).unwrap().as_bytes()),
        ),
        ("HS256 with the public key in DER", hs256(public.to_public_key_der().unwrap().as_bytes())),
        ("HS256 with a secret of the JWKS", hs256(b"published by mistake, of 32 bytes")),
        ("HS256 with another secret", hs256(b"another secret of more than 32 bytes")),
        ("HS512 with our secret", {
            let key = EncodingKey::from_secret(SECRET.as_bytes());
            jsonwebtoken::encode(&Header::new(Algorithm::HS512), &good, &key).unwrap()
        }),
        ("an algorithm that is not allowed", RSA.sign_with(header(Algorithm::PS256, "rsa"), &good)),
        ("an algorithm for another type of key", ec.sign(Some("rsa"), &good)),
        ("another key", OTHER_RSA.sign(Some("rsa"), &good)),
        ("another key without an id", OTHER_RSA.sign(None, &good)),
        ("an unknown key", OTHER_RSA.sign(Some("other"), &good)),
        ("the id of another key", RSA.sign(Some("ec"), &good)),
        ("a key of its own", OTHER_RSA.sign_with(embedded, &good)),
        ("a key for another algorithm", RSA.sign(Some("says RS512"), &good)),
        ("a key for encryption", RSA.sign(Some("for encryption"), &good)),
        ("crit with something unknown", crit(&["b64"])),
        ("crit with nothing", crit(&[])),
        ("no aud", rsa(without(good.clone(), "aud"))),
        ("no exp", rsa(without(good.clone(), "exp"))),
        ("no sub", rsa(without(good.clone(), "sub"))),
        ("no iss", rsa(without(good.clone(), "iss"))),
        ("no role", rsa(without(good.clone(), "role"))),
        ("another issuer", rsa(with(good.clone(), "iss", "https://id.example.com"))),
        ("another audience", rsa(with(good.clone(), "aud", "mail"))),
        ("other audiences", rsa(with(good.clone(), "aud", json!(["mail", "tidings2"])))),
        ("no audiences", rsa(with(good.clone(), "aud", json!([])))),
        ("an unknown role", rsa(with(good.clone(), "role", "root"))),
        ("an empty sub", rsa(with(good.clone(), "sub", ""))),
        ("a sub that breaks a line", rsa(with(good.clone(), "sub", "alice\nbob"))),
        ("a sub of many names", rsa(with(good.clone(), "sub", json!(["alice"])))),
        ("a long sub", rsa(with(good.clone(), "sub", "a".repeat(256)))),
        ("exp as a text", rsa(with(good.clone(), "exp", "9999999999"))),
        ("exp beyond all numbers", rsa(with(good.clone(), "exp", 1e300))),
        ("exp before all times", rsa(with(good.clone(), "exp", -1))),
        ("not yet valid", rsa(with(good.clone(), "nbf", later))),
        ("nbf as a text", rsa(with(good.clone(), "nbf", "0"))),
        ("expired and forged", OTHER_RSA.sign(Some("rsa"), &with(good.clone(), "exp", 1))),
        ("our secret without the issuer", {
            let key = EncodingKey::from_secret(SECRET.as_bytes());
            jsonwebtoken::encode(
                &Header::new(Algorithm::HS256),
                &without(good.clone(), "iss"),
                &key,
            )
            .unwrap()
        }),
    ] {
        assert_eq!(who(&app, &token).await, FORGED, "{forgery}");
        assert_eq!(closed(&app, &token).await, 4401, "{forgery}");
    }
    app.stop().await;
}

/// Clients get a fresh token and reconnect.
#[tokio::test]
async fn an_expired_token_is_told_from_a_forged_one() {
    let provider = Provider::start(&[RSA.public("rsa")]).await;
    let app = start_with_keys(&provider, |_| {}).await;
    let past = with(claims(&app), "exp", app.now().timestamp());
    for token in
        [RSA.sign(Some("rsa"), &past), app.auth.issue("alice", Role::User, app.now()).unwrap()]
    {
        assert_eq!(who(&app, &token).await, EXPIRED);
        assert_eq!(closed(&app, &token).await, 4403);
    }
    let token = RSA.sign(Some("rsa"), &claims(&app));
    assert_eq!(who(&app, &token).await, "alice, USER");
    app.advance(TimeDelta::hours(1));
    assert_eq!(who(&app, &token).await, EXPIRED, "it was remembered as a good one");
    app.stop().await;
}

/// Extreme times, fractions, one audience of many, and keys without ids.
#[tokio::test]
async fn tokens_in_every_form_that_the_standard_allows_are_good() {
    let (first, second) = (Key::ec(), Key::ec());
    let nameless = |key: &Key| without(key.public(""), "kid");
    let provider = Provider::start(&[nameless(&first), nameless(&second)]).await;
    let app = start_with_keys(&provider, |_| {}).await;
    let good = claims(&app);
    let now = app.now().timestamp();
    for claims in [
        good.clone(),
        with(good.clone(), "exp", u64::MAX),
        with(good.clone(), "exp", i64::MAX),
        with(good.clone(), "exp", now as f64 + 1.5),
        with(good.clone(), "nbf", now),
        with(good.clone(), "aud", json!(["mail", "tidings"])),
        with(good.clone(), "sub", "a".repeat(255)),
    ] {
        for key in [&first, &second] {
            let who = who(&app, &key.sign(None, &claims)).await;
            assert_eq!(who, format!("{}, USER", claims["sub"].as_str().unwrap()), "{claims}");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn keys_overlap_while_one_replaces_the_other() {
    let (old, new) = (Key::ec(), Key::ed());
    let provider = Provider::start(&[old.public("old")]).await;
    let app = start_with_keys(&provider, |_| {}).await;
    let claims = claims(&app);
    let [by_old, by_new] =
        [(&old, "old"), (&new, "new")].map(|(key, id)| key.sign(Some(id), &claims));
    assert_eq!(who(&app, &by_old).await, "alice, USER");
    assert_eq!(who(&app, &by_new).await, FORGED);

    // The provider may sign with its new key at once.
    provider.publish(&[old.public("old"), new.public("new")]);
    app.advance(A_WHILE);
    assert_eq!(who(&app, &by_new).await, "alice, USER");
    assert_eq!(who(&app, &by_old).await, "alice, USER");
    assert_eq!(provider.requests(), 2);

    // A key removed there is removed here, without anybody asking for it.
    provider.publish(&[new.public("new")]);
    app.advance(TimeDelta::minutes(10));
    provider.asked(3).await;
    // Waits for that reading to finish.
    assert_eq!(who(&app, &new.sign(Some("none"), &claims)).await, FORGED);
    assert_eq!(who(&app, &by_old).await, FORGED);
    assert_eq!(who(&app, &by_new).await, "alice, USER");
    assert_eq!(provider.requests(), 3);
    app.stop().await;
}

#[tokio::test]
async fn any_number_of_unknown_ids_costs_the_provider_one_request() {
    let (key, stranger) = (Key::ec(), Key::ec());
    let provider = Provider::start(&[key.public("known")]).await;
    let app = start_with_keys(&provider, |_| {}).await;
    let claims = claims(&app);
    assert_eq!(who(&app, &key.sign(Some("known"), &claims)).await, "alice, USER");
    app.advance(A_WHILE);

    let forged: Vec<_> = (0..50).map(|id| stranger.sign(Some(&id.to_string()), &claims)).collect();
    let answers = join_all(forged.iter().map(|token| who(&app, token))).await;

    assert!(answers.iter().all(|answer| answer == FORGED), "{answers:?}");
    assert_eq!(provider.requests(), 2);
    app.stop().await;
}

/// It is neither valid nor invalid: its owner retries.
#[tokio::test]
async fn a_provider_that_is_down_at_the_start_is_asked_until_it_answers() {
    let key = Key::ec();
    let provider = Provider::start(&[key.public("key")]).await;
    provider.answer(StatusCode::SERVICE_UNAVAILABLE, "down".into());
    let app = start_with_keys(&provider, |_| {}).await;
    let token = key.sign(Some("key"), &claims(&app));
    assert_eq!(who(&app, &token).await, UNAVAILABLE);
    assert_eq!(closed(&app, &token).await, 1013);
    assert_eq!(app.user("by-secret").await.name, "by-secret", "the secret needs no provider");

    provider.publish(&[key.public("key")]);
    app.advance(A_WHILE);
    // The server itself requests it, before anybody connects.
    provider.asked(2).await;
    assert_eq!(who(&app, &token).await, "alice, USER");
    app.stop().await;
}

#[tokio::test]
async fn the_last_keys_hold_while_the_provider_answers_nonsense() {
    let (key, new) = (Key::ec(), Key::ec());
    let provider = Provider::start(&[key.public("key")]).await;
    let app = start_with_keys(&provider, |_| {}).await;
    let claims = claims(&app);
    let [known, unknown] =
        [(&key, "key"), (&new, "new")].map(|(key, id)| key.sign(Some(id), &claims));
    assert_eq!(who(&app, &known).await, "alice, USER");
    let stranger = jwks(&[new.public("new")]).to_string();
    for (status, body) in [
        (StatusCode::INTERNAL_SERVER_ERROR, stranger.clone()),
        (StatusCode::FOUND, stranger.clone()),
        (StatusCode::OK, "<html>".into()),
        (StatusCode::OK, "{}".into()),
        (StatusCode::OK, stranger + &" ".repeat(300 * 1024)),
    ] {
        provider.answer(status, body.clone());
        app.advance(A_WHILE);
        assert_eq!(who(&app, &unknown).await, UNAVAILABLE, "{status} {body:.40}");
        assert_eq!(who(&app, &known).await, "alice, USER", "{status} {body:.40}");
    }

    provider.publish(&[]);
    app.advance(A_WHILE);
    assert_eq!(who(&app, &unknown).await, FORGED);
    assert_eq!(who(&app, &known).await, FORGED, "an empty JWKS takes all keys back");
    app.stop().await;
}

#[tokio::test]
async fn a_key_that_cannot_be_used_leaves_the_others_alone() {
    let (one, other) = (Key::ec(), Key::ec());
    let short = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1024).unwrap();
    let provider = Provider::start(&[
        json!("not a key"),
        json!({"kty": "quantum", "kid": "unknown type"}),
        json!({"kty": "EC", "crv": "P-256", "kid": "no point", "x": "AAAA", "y": "AAAA"}),
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "short", "x": "AAAA"}),
        json!({"kty": "RSA", "kid": "not base64", "n": "*", "e": "AQAB"}),
        Key::rsa(&short).public("weak"),
        one.public("twice"),
        other.public("twice"),
    ])
    .await;
    let app = start_with_keys(&provider, |_| {}).await;
    let claims = claims(&app);
    for key in [&one, &other] {
        assert_eq!(who(&app, &key.sign(Some("twice"), &claims)).await, "alice, USER");
    }
    assert_eq!(who(&app, &Key::ed().sign(Some("short"), &claims)).await, FORGED);
    assert_eq!(who(&app, &Key::rsa(&short).sign(Some("weak"), &claims)).await, FORGED);
    app.stop().await;
}

#[tokio::test]
async fn keys_of_a_file_are_read_again_when_it_changes() {
    let (old, new) = (Key::ec(), Key::ec());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("jwks.json");
    let write = |keys: &[Value]| std::fs::write(&file, jwks(keys).to_string()).unwrap();
    write(&[old.public("old")]);
    let app = start(|config| {
        config.auth_secret = None;
        config.auth_jwks = Some(file.to_str().unwrap().into());
    })
    .await;
    let claims = claims(&app);
    assert_eq!(who(&app, &old.sign(Some("old"), &claims)).await, "alice, USER");

    write(&[new.public("new")]);
    app.advance(A_WHILE);

    assert_eq!(who(&app, &new.sign(Some("new"), &claims)).await, "alice, USER");
    assert_eq!(who(&app, &old.sign(Some("old"), &claims)).await, FORGED);
    app.stop().await;
}

/// As Keycloak writes them: several roles in an object, and a readable name beside `sub`.
#[tokio::test]
async fn claims_are_where_the_settings_say() {
    let provider = Provider::start(&[RSA.public("rsa")]).await;
    let app = start_with_keys(&provider, |config| {
        config.auth_user_claim = "preferred_username".into();
        config.auth_role_claim = "/realm_access/roles".into();
        config.auth_role_values = vec!["inbox-admin=admin".into(), "inbox-host=service".into()];
        config.auth_default_role = Some(DefaultRole::User);
    })
    .await;
    let token = |roles: &[&str]| {
        let claims = json!({
            "sub": "7e1c", "preferred_username": "alice", "realm_access": {"roles": roles},
            "aud": ["account", "tidings"], "exp": app.now().timestamp() + 60,
        });
        RSA.sign(Some("rsa"), &claims)
    };
    assert_eq!(who(&app, &token(&["offline_access", "admin"])).await, "alice, USER");
    assert_eq!(who(&app, &token(&["offline_access", "inbox-admin"])).await, "alice, ADMIN");
    assert_eq!(who(&app, &token(&["inbox-host"])).await, "nobody, SERVICE");
    assert_eq!(
        who(&app, &app.auth.issue("root", Role::Admin, app.now() + A_WHILE).unwrap()).await,
        "root, ADMIN"
    );
    app.stop().await;
}

#[tokio::test]
async fn the_leeway_holds_at_both_ends_of_a_token() {
    let app = start(|config| config.auth_leeway = std::time::Duration::from_secs(5)).await;
    let now = app.now().timestamp();
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = |name: &str, time: i64| {
        let claims = with(claims(&app), name, time);
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
    };
    assert_eq!(who(&app, &token("exp", now - 4)).await, "alice, USER");
    assert_eq!(who(&app, &token("exp", now - 5)).await, EXPIRED);
    assert_eq!(who(&app, &token("nbf", now + 5)).await, "alice, USER");
    assert_eq!(who(&app, &token("nbf", now + 6)).await, FORGED);
    app.stop().await;
}

/// Whether it was good before does not matter.
#[tokio::test]
async fn a_token_that_was_good_expires() {
    let app = start(|_| {}).await;
    let expires = app.now() + TimeDelta::minutes(5);
    let token = Auth::new(SECRET).unwrap().issue("alice", Role::User, expires).unwrap();
    for _ in 0..2 {
        assert_eq!(who(&app, &token).await, "alice, USER");
    }
    app.advance(TimeDelta::minutes(5));
    assert_eq!(who(&app, &token).await, EXPIRED);
    app.stop().await;
}

#[tokio::test]
async fn secrets_overlap_while_one_replaces_the_other() {
    const NEW: &str = "the secret of the next year, of 32 bytes";
    let app = start(|config| {
        config.auth_secret = Some(NEW.into());
        config.auth_secrets_accepted = vec![SECRET.into()];
    })
    .await;
    let by = |secret: &str| {
        Auth::new(secret).unwrap().issue("alice", Role::User, app.now() + A_WHILE).unwrap()
    };
    assert_eq!(who(&app, &by(NEW)).await, "alice, USER");
    assert_eq!(who(&app, &by(SECRET)).await, "alice, USER");
    assert_eq!(who(&app, &by("a secret that is not among the two of them")).await, FORGED);
    assert_eq!(
        Auth::new(NEW)
            .unwrap()
            .verify(&app.auth.issue("alice", Role::User, app.now() + A_WHILE).unwrap(), app.now())
            .await
            .unwrap()
            .sub,
        "alice"
    );
    app.stop().await;
}
