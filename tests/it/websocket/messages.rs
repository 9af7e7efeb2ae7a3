use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{connected, limited, open, server};

#[tokio::test]
async fn connection_init_is_acknowledged() {
    let app = server().await;
    for init in [
        json!({"type": "connection_init"}),
        json!({"type": "connection_init", "payload": null}),
        json!({"type": "connection_init", "payload": {}}),
        json!({
            "type": "connection_init", "payload": {"authorization": null, "else": [1]},
            "more": true,
        }),
    ] {
        let mut socket = open(&app).await;
        socket.send(init).await;
        assert_eq!(socket.receive().await, json!({"type": "connection_ack"}));
    }
}

/// PROTOCOL.md: the server acknowledges before it sends anything else about operations.
#[tokio::test]
async fn an_operation_sent_with_connection_init_is_answered_after_the_acknowledgement() {
    let app = server().await;
    let mut socket = open(&app).await;
    socket.send_together([json!({"type": "connection_init"}), query("1", "{ __typename }")]).await;
    assert_eq!(socket.receive().await["type"], "connection_ack");
    assert_eq!(socket.receive().await["type"], "next");
}

#[tokio::test]
async fn a_socket_without_connection_init_is_closed_with_4408() {
    let app = limited(|limits| limits.init_timeout = Duration::from_millis(50)).await;
    let mut silent = open(&app).await;
    let mut pinging = open(&app).await;
    pinging.send(json!({"type": "ping"})).await;
    assert_eq!(silent.code().await, 4408);
    assert_eq!(pinging.code().await, 4408);
}

#[tokio::test]
async fn a_second_connection_init_is_closed_with_4429() {
    let app = server().await;
    let mut early = open(&app).await;
    early
        .send_together([json!({"type": "connection_init"}), json!({"type": "connection_init"})])
        .await;
    let mut late = connected(&app).await;
    late.send(json!({"type": "connection_init"})).await;
    assert_eq!(early.code().await, 4429);
    assert_eq!(late.code().await, 4429);
}

#[tokio::test]
async fn an_operation_before_connection_init_is_closed_with_4401() {
    let app = server().await;
    let mut socket = open(&app).await;
    socket.send(query("1", "{ __typename }")).await;
    assert_eq!(socket.code().await, 4401);
}

#[tokio::test]
async fn pings_are_answered_at_any_time_with_their_payload() {
    let app = server().await;
    let mut socket = open(&app).await;
    for is_initialised in [false, true] {
        if is_initialised {
            socket = socket.initialised().await;
        }
        for (payload, answer) in [
            (json!({"type": "ping"}), json!({"type": "pong"})),
            (json!({"type": "ping", "payload": null}), json!({"type": "pong"})),
            (
                json!({"type": "ping", "payload": {"a": [1, {"b": null}]}}),
                json!({"type": "pong", "payload": {"a": [1, {"b": null}]}}),
            ),
        ] {
            socket.send(payload).await;
            assert_eq!(socket.receive().await, answer);
        }
    }
}

/// They need not answer anything, and a client may complete what has ended meanwhile.
#[tokio::test]
async fn pongs_and_completions_of_nothing_are_ignored() {
    let app = server().await;
    let mut socket = open(&app).await;
    for is_initialised in [false, true] {
        if is_initialised {
            socket = socket.initialised().await;
        }
        socket.send(json!({"type": "pong"})).await;
        socket.send(json!({"type": "pong", "payload": {"any": "thing"}})).await;
        socket.send(json!({"type": "complete", "id": "unknown"})).await;
        socket.frame(Message::Pong(Default::default())).await;
        socket.assert_quiet().await;
    }
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let app = server().await;
    let mut socket = connected(&app).await;
    socket
        .send(json!({
            "type": "subscribe", "id": "1", "extra": {},
            "payload": {
                "query": "{ __typename }", "extra": 1, "extensions": {"a": 1},
                "operationName": null, "variables": null,
            },
        }))
        .await;
    let answer = socket.receive().await;
    assert_eq!(
        answer,
        json!({"type": "next", "id": "1", "payload": {"data": {"__typename": "Query"}}})
    );
    assert_eq!(socket.receive().await, json!({"type": "complete", "id": "1"}));
}

/// Each is closed at once, with a reason, and nothing of it is executed.
#[tokio::test]
async fn what_the_protocol_does_not_know_is_closed_with_4400() {
    let app = server().await;
    let payload = json!({"query": "{ __typename }"});
    let texts =
        ["", "nonsense", "{", "null", "1", "\"ping\"", "[]", "[\"ping\"]", "{\"type\":\"ping\"}{}"];
    let messages = [
        json!({}),
        json!({"type": null}),
        json!({"type": 1}),
        json!({"type": "Ping"}),
        json!({"type": "start", "id": "1", "payload": payload}),
        json!({"type": "connection_ack"}),
        json!({"type": "next", "id": "1", "payload": {}}),
        json!({"type": "error", "id": "1", "payload": []}),
        json!({"type": "connection_init", "payload": []}),
        json!({"type": "connection_init", "payload": "token"}),
        json!({"type": "connection_init", "payload": {"Authorization": 1}}),
        json!({"type": "ping", "payload": "text"}),
        json!({"type": "ping", "payload": []}),
        json!({"type": "pong", "payload": 1}),
        json!({"type": "complete"}),
        json!({"type": "complete", "id": ""}),
        json!({"type": "complete", "id": 1}),
        json!({"type": "subscribe", "payload": payload}),
        json!({"type": "subscribe", "id": null, "payload": payload}),
        json!({"type": "subscribe", "id": "", "payload": payload}),
        json!({"type": "subscribe", "id": 1, "payload": payload}),
        json!({"type": "subscribe", "id": "1"}),
        json!({"type": "subscribe", "id": "1", "payload": null}),
        json!({"type": "subscribe", "id": "1", "payload": "{ __typename }"}),
        json!({"type": "subscribe", "id": "1", "payload": ["{ __typename }"]}),
        json!({"type": "subscribe", "id": "1", "payload": {}}),
        json!({"type": "subscribe", "id": "1", "payload": {"query": null}}),
        json!({"type": "subscribe", "id": "1", "payload": {"query": {}}}),
        json!({
            "type": "subscribe", "id": "1",
            "payload": {"query": "{ __typename }", "operationName": 1},
        }),
        json!({
            "type": "subscribe", "id": "1",
            "payload": {"query": "{ __typename }", "variables": "x"},
        }),
        json!({
            "type": "subscribe", "id": "1",
            "payload": {"query": "{ __typename }", "variables": [1]},
        }),
        json!({
            "type": "subscribe", "id": "1",
            "payload": {"query": "{ __typename }", "extensions": "x"},
        }),
    ];
    for text in texts.map(str::to_owned).into_iter().chain(messages.iter().map(Value::to_string)) {
        // Messages that start a connection come first, the others are sent on an existing one.
        let mut socket =
            if text.contains("connection_init") { open(&app).await } else { connected(&app).await };
        socket.frame(Message::text(text.as_str())).await;
        let close = socket.closed().await;
        assert_eq!(u16::from(close.code), 4400, "{text}");
        assert!(close.reason.starts_with("Invalid message: "), "{text}: {}", close.reason);
    }
}

#[tokio::test]
async fn a_binary_message_is_closed_with_4400() {
    let app = server().await;
    let mut socket = connected(&app).await;
    socket.frame(Message::binary(json!({"type": "ping"}).to_string())).await;
    assert_eq!(socket.code().await, 4400);
}

/// RFC 6455, section 7.4.1.
#[tokio::test]
async fn what_is_no_websocket_frame_is_closed_with_the_code_of_the_rfc() {
    let app = server().await;
    let unmasked = [0x81, 0x02, b'{', b'}'];
    let reserved_bit = [0xc1, 0x80, 0, 0, 0, 0];
    let unknown_kind = [0x83, 0x80, 0, 0, 0, 0];
    let not_utf8 = [0x81, 0x81, 0, 0, 0, 0, 0xff];
    for (bytes, code) in
        [(&unmasked[..], 1002), (&reserved_bit, 1002), (&unknown_kind, 1002), (&not_utf8, 1007)]
    {
        let mut socket = connected(&app).await;
        socket.bytes(bytes).await;
        assert_eq!(socket.code().await, code, "{bytes:x?}");
    }
}

pub fn query(id: &str, query: &str) -> Value {
    json!({"type": "subscribe", "id": id, "payload": {"query": query}})
}
