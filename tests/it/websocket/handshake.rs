use super::{configured, open, server};
use crate::support::socket::{Handshake, Socket};

const GET: &str = "GET /graphql HTTP/1.1";

#[tokio::test]
async fn the_server_speaks_graphql_transport_ws() {
    let app = server().await;
    for offered in
        ["graphql-transport-ws", "graphql-ws, graphql-transport-ws", "x,graphql-transport-ws"]
    {
        let handshake =
            Handshake::send(app.address(), GET, &[("sec-websocket-protocol", offered)]).await;
        assert_eq!(handshake.status(), 101);
        assert!(
            handshake.head.contains("sec-websocket-protocol: graphql-transport-ws\r\n"),
            "{}",
            handshake.head
        );
        handshake.socket().await.initialised().await;
    }
}

/// A browser that was promised another protocol gives up by itself at the handshake.
#[tokio::test]
async fn a_client_of_another_subprotocol_is_closed_with_4406() {
    let app = server().await;
    for offered in ["graphql-ws", "", "soap, wamp", "graphql-transport-wss"] {
        let handshake =
            Handshake::send(app.address(), GET, &[("sec-websocket-protocol", offered)]).await;
        assert!(!handshake.head.contains("sec-websocket-protocol"), "{offered}");
        assert_eq!(handshake.socket().await.code().await, 4406, "{offered}");
    }
}

/// It would cost hundreds of KiB for each socket.
#[tokio::test]
async fn compression_is_never_agreed_on() {
    let app = server().await;
    let offer = [("sec-websocket-extensions", "permessage-deflate; client_max_window_bits")];
    let handshake = Handshake::send(app.address(), GET, &offer).await;
    assert_eq!(handshake.status(), 101);
    assert!(!handshake.head.contains("sec-websocket-extensions"));
}

#[tokio::test]
async fn what_is_no_websocket_handshake_is_refused_with_a_status() {
    let app = server().await;
    for (request, headers, status) in [
        (GET, ("connection", "keep-alive"), 400),
        (GET, ("upgrade", "h2c"), 400),
        (GET, ("sec-websocket-version", "8"), 400),
        (GET, ("sec-websocket-key", ""), 400),
        // If it were left out, a service would act as itself.
        (GET, ("act-as", "bjørn"), 400),
        ("GET /graphql HTTP/1.0", ("x", "y"), 400),
        ("HEAD /graphql HTTP/1.1", ("x", "y"), 405),
        ("PUT /graphql HTTP/1.1", ("x", "y"), 405),
    ] {
        let handshake = Handshake::send(app.address(), request, &[headers]).await;
        assert_eq!(handshake.status(), status, "{request} {headers:?}");
    }
}

/// A page on another host could use whatever its visitor's network can reach.
#[tokio::test]
async fn pages_of_other_origins_cannot_connect() {
    let app =
        configured(|config| config.cors_origins = vec!["https://app.example.com".into()]).await;
    let own = format!("http://{}", app.address());
    for (origin, status) in [
        (own.as_str(), 101),
        ("https://app.example.com", 101),
        ("https://App.Example.com:443", 101),
        ("http://app.example.com", 403),
        ("https://evil.example", 403),
        ("http://127.0.0.1:1", 403),
        ("null", 403),
    ] {
        let handshake = Handshake::send(app.address(), GET, &[("origin", origin)]).await;
        assert_eq!(handshake.status(), status, "{origin}");
    }
    open(&app).await.initialised().await;
}

/// Clients other than browsers can set headers; what they send in `connection_init` takes
/// precedence.
#[tokio::test]
async fn a_token_may_stand_in_a_header_of_the_handshake() {
    let app = server().await;
    let (bob, host) = (app.user("bob").await, app.service());
    let bearer = |token: &Option<String>| format!("Bearer {}", token.as_ref().unwrap());
    let viewer = "{ viewer { externalId } viewerRole }";
    for (token, act_as, role) in [(&bob.token, "", "USER"), (&host.token, "bob", "SERVICE")] {
        let headers = [("authorization", &*bearer(token)), ("act-as", act_as)];
        let mut socket = Socket::open_with(app.address(), &headers).await.initialised().await;
        socket.subscribe("1", viewer, serde_json::Value::Null).await;
        let answer = socket.receive().await;
        assert_eq!(
            answer["payload"]["data"],
            serde_json::json!({"viewer": {"externalId": "bob"}, "viewerRole": role})
        );
    }
}
