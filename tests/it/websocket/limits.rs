use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use super::{connected, limited, open, server};
use crate::support::socket::{Handshake, PATIENCE};

/// The client learns the reason, even if it has not finished writing.
#[tokio::test]
async fn a_message_that_is_too_large_is_closed_with_1009() {
    let app = limited(|limits| limits.socket_message = 1_000).await;
    let ping =
        |size: usize| json!({"type": "ping", "payload": {"x": "x".repeat(size)}}).to_string();
    let mut socket = connected(&app).await;
    socket.frame(Message::text(ping(900))).await;
    assert_eq!(socket.receive().await["type"], "pong");

    for size in [1_000, 100_000, 3_000_000] {
        let mut socket = connected(&app).await;
        socket.frame(Message::text(ping(size))).await;
        assert_eq!(socket.code().await, 1009, "{size}");
    }
    let mut in_parts = connected(&app).await;
    for part in 0..3 {
        let kind = if part == 0 { Data::Text } else { Data::Continue };
        let frame = Frame::message("x".repeat(400), OpCode::Data(kind), false);
        in_parts.frame(Message::Frame(frame)).await;
    }
    assert_eq!(in_parts.code().await, 1009);
}

/// Only what exceeds the limit is refused; the socket and its other operations continue.
#[tokio::test]
async fn a_socket_has_so_many_operations_at_the_same_time() {
    let app = limited(|limits| limits.operations_per_socket = 2).await;
    let mut socket = app.user("bob").await.connect().await;
    let follow = "subscription { inboxUpdated { cursor } }";
    for id in ["1", "2"] {
        socket.subscribe(id, follow, Value::Null).await;
        assert_eq!(socket.receive().await["id"], id);
    }

    socket.subscribe("3", follow, Value::Null).await;
    let refused = socket.receive().await;
    socket.send(json!({"type": "complete", "id": "1"})).await;
    socket.subscribe("3", follow, Value::Null).await;
    let accepted = socket.receive().await;

    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("3")));
    assert_eq!(refused["payload"][0]["extensions"]["code"], "LIMIT_EXCEEDED");
    assert_eq!((&accepted["type"], &accepted["id"]), (&json!("next"), &json!("3")));
}

/// 1013, so that the client reconnects: it may be blocked by its own sockets that are only half
/// closed.
#[tokio::test]
async fn a_person_has_so_many_sockets_at_the_same_time() {
    let app = limited(|limits| limits.sockets_per_user = 2).await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    let (first, _second) = (bob.connect().await, bob.connect().await);
    let by_the_host = app.service().acting_as(&bob);

    assert_eq!(bob.introduce().await.code().await, 1013);
    assert_eq!(by_the_host.introduce().await.code().await, 1013);
    alice.connect().await;
    first.close().await;
    bob.connect().await;
}

#[tokio::test]
async fn strangers_have_so_many_sockets_together() {
    let app = limited(|limits| limits.sockets_without_token = 1).await;
    let first = connected(&app).await;
    let mut second = open(&app).await;
    second.send(json!({"type": "connection_init"})).await;

    assert_eq!(second.code().await, 1013);
    app.user("bob").await.connect().await;
    first.close().await;
    connected(&app).await;
}

/// They are refused before the upgrade, and told when to retry. A socket that sends its
/// `connection_init` makes room.
#[tokio::test]
async fn sockets_before_their_init_are_limited_in_number() {
    for (of_address, of_all, status) in [(2, 10, 429), (10, 2, 503)] {
        let app = limited(|limits| {
            limits.sockets_before_init_per_address = of_address;
            limits.sockets_before_init = of_all;
        })
        .await;
        let (first, second) = (open(&app).await, open(&app).await);

        let refused = Handshake::send(app.address(), "GET /graphql HTTP/1.1", &[]).await;
        assert_eq!(refused.status(), status);
        assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);

        let _first = first.initialised().await;
        let third = open(&app).await;
        second.close().await;
        open(&app).await.initialised().await;
        third.close().await;
        app.user("bob").await.connect().await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_two_pings_unanswered_is_closed_with_4408() {
    let app = limited(|limits| limits.ping_interval = Duration::from_millis(50)).await;
    let mut socket = connected(&app).await;
    for _ in 0..2 {
        assert_eq!(socket.receive().await, json!({"type": "ping"}));
    }
    assert_eq!(socket.code().await, 4408);
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let app = limited(|limits| limits.ping_interval = Duration::from_millis(50)).await;
    let mut socket = connected(&app).await;
    for _ in 0..6 {
        assert_eq!(socket.receive().await, json!({"type": "ping"}));
        socket.send(json!({"type": "pong"})).await;
    }
}

/// P6: what waits for a client that does not read is limited, in time and memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_closed() {
    let app = limited(|limits| limits.write_timeout = Duration::from_millis(300)).await;
    let mut socket = connected(&app).await;
    socket.clog().await;
    assert_eq!(socket.code().await, 1013);
}

/// P6: nobody else is affected.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_do_not_read_do_not_delay_others() {
    let app = server().await;
    let [alice, bob] = app.users(["alice", "bob"]).await;
    let mut stalled = Vec::new();
    for _ in 0..3 {
        let mut socket = bob.connect().await;
        socket.subscribe("1", "subscription { inboxUpdated { cursor } }", Value::Null).await;
        socket.clog().await;
        stalled.push(socket);
    }
    let mut live = bob.follow_inbox(None).await;
    alice.send(&bob, "hello").await;
    assert_eq!(timeout(PATIENCE / 10, live.take_titles(1)).await.unwrap(), ["hello"]);
}
