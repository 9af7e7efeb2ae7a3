use std::collections::HashMap;

use serde_json::{Value, json};

use super::{connected, messages::query, server};
use crate::support::app::TestApp;

const FOLLOW: &str = "subscription($after: String) {
    inboxUpdated(after: $after) { cursor changes { item { title } } } }";

fn complete(id: &str) -> Value {
    json!({"type": "complete", "id": id})
}

fn follow_from_the_beginning(app: &TestApp, id: &str) -> Value {
    let variables = json!({"after": format!("{}:0", app.epoch)});
    json!({"type": "subscribe", "id": id, "payload": {"query": FOLLOW, "variables": variables}})
}

#[tokio::test]
async fn a_query_is_answered_once_and_complete() {
    let app = server().await;
    let mut socket = connected(&app).await;
    socket.send(query("my id", "{ __typename }")).await;
    let answer = socket.receive().await;
    assert_eq!(
        answer,
        json!({"id": "my id", "type": "next", "payload": {"data": {"__typename": "Query"}}})
    );
    assert_eq!(socket.receive().await, complete("my id"));
    socket.assert_quiet().await;
}

#[tokio::test]
async fn variables_and_the_name_of_the_operation_are_honoured() {
    let app = server().await;
    let mut socket = app.user("bob").await.connect().await;
    let document = "query One { one: __typename }
        query Two($ref: UserRef!) { two: user(ref: $ref) { externalId } }";
    let variables = json!({"ref": {"externalId": "bob"}});
    for (name, data) in
        [("One", json!({"one": "Query"})), ("Two", json!({"two": {"externalId": "bob"}}))]
    {
        let payload = json!({"query": document, "operationName": name, "variables": variables});
        socket.send(json!({"type": "subscribe", "id": name, "payload": payload})).await;
        assert_eq!(socket.receive().await["payload"]["data"], data);
        assert_eq!(socket.receive().await, complete(name));
    }
}

/// The error is the last message about the operation, and its id is free again.
#[tokio::test]
async fn what_cannot_be_executed_is_an_error_and_not_completed() {
    let app = server().await;
    let mut socket = connected(&app).await;
    let deep = format!("{{ viewer {} }}", "{ inbox { user ".repeat(20) + &"} }".repeat(20));
    for document in [
        "{",
        "",
        "{ nothing }",
        "subscription { nothing }",
        "query A { __typename } query B { __typename }",
        deep.as_str(),
    ] {
        socket.send(query("1", document)).await;
        let answer = socket.receive().await;
        assert_eq!(
            (&answer["type"], &answer["id"]),
            (&json!("error"), &json!("1")),
            "{document}: {answer}"
        );
        assert!(answer["payload"][0]["message"].is_string(), "{answer}");
        socket.assert_quiet().await;
    }
}

/// It was executed; its result is that a field is null.
#[tokio::test]
async fn an_error_of_the_execution_is_a_result() {
    let app = server().await;
    let mut socket = connected(&app).await;
    socket.send(query("1", "{ viewerRole }")).await;
    let answer = socket.receive().await;
    assert_eq!(
        (&answer["type"], &answer["payload"]["data"]),
        (&json!("next"), &json!({"viewerRole": null})),
        "{answer}"
    );
    assert_eq!(answer["payload"]["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert_eq!(socket.receive().await, complete("1"));
}

#[tokio::test]
async fn a_subscription_of_which_no_stream_comes_is_an_error() {
    let app = server().await;
    let mut stranger = connected(&app).await;
    stranger.send(query("1", "subscription { inboxUpdated { cursor } }")).await;
    let mut bob = app.user("bob").await.connect().await;
    bob.send(query("1", "subscription { inboxUpdated(after: \"nonsense\") { cursor } }")).await;
    for (mut socket, code) in [(stranger, "UNAUTHENTICATED"), (bob, "BAD_USER_INPUT")] {
        let answer = socket.receive().await;
        assert_eq!(answer["type"], "error");
        assert_eq!(answer["payload"][0]["extensions"]["code"], code);
        socket.assert_quiet().await;
    }
}

/// Trap 6: the library silently replaces the first one.
#[tokio::test]
async fn an_id_that_is_in_use_is_closed_with_4409() {
    let app = server().await;
    let bob = app.user("bob").await;
    let follow = query("same", "subscription { inboxUpdated { cursor } }");
    let mut one_by_one = bob.connect().await;
    one_by_one.send(follow.clone()).await;
    one_by_one.receive().await;
    one_by_one.send(query("same", "{ __typename }")).await;
    let mut together = bob.connect().await;
    together.send_together([query("same", "{ __typename }"), follow]).await;
    for mut socket in [one_by_one, together] {
        let close = socket.closed().await;
        assert_eq!(
            (u16::from(close.code), close.reason.as_str()),
            (4409, "Subscriber for same already exists")
        );
    }
    let mut long = bob.connect().await;
    let id = "ä".repeat(20_000);
    long.send_together([query(&id, "{ __typename }"), query(&id, "{ __typename }")]).await;
    assert_eq!(long.code().await, 4409);
}

#[tokio::test]
async fn an_id_can_be_used_again_when_its_operation_has_ended() {
    let app = server().await;
    let mut socket = app.user("bob").await.connect().await;
    for _ in 0..3 {
        socket.send(query("1", "{ __typename }")).await;
        assert_eq!(socket.receive().await["type"], "next");
        assert_eq!(socket.receive().await, complete("1"));
        socket
            .send_together([
                query("1", "{"),
                query("1", "subscription { inboxUpdated { cursor } }"),
            ])
            .await;
        assert_eq!(socket.receive().await["type"], "error");
        assert_eq!(socket.receive().await["type"], "next");
        socket.send(complete("1")).await;
    }
}

/// Also for results it has already produced, and if the id is in use again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_comes_of_an_operation_that_the_client_has_completed() {
    let app = server().await;
    let mut socket = connected(&app).await;
    let ids: Vec<_> = (0..20).map(|id| id.to_string()).collect();
    let begin = |id| query(id, "{ first: __typename }");
    let begin_anew = |id| {
        [
            complete(id),
            json!({"type": "ping", "payload": {"id": id}}),
            query(id, "{ second: __typename }"),
        ]
    };
    for _ in 0..50 {
        // When it completes the first ones, their results are somewhere on their way.
        let messages =
            ids.iter().map(|id| begin(id)).chain(ids.iter().flat_map(|id| begin_anew(id)));
        socket.send_together(messages).await;
        let mut completed = Vec::new();
        let mut ended = 0;
        while ended < ids.len() {
            let message = socket.receive().await;
            match message["type"].as_str().unwrap() {
                "pong" => completed.push(message["payload"]["id"].clone()),
                _ if !completed.contains(&message["id"]) => {}
                "complete" => ended += 1,
                _ => assert_eq!(
                    message["payload"]["data"],
                    json!({"second": "Query"}),
                    "of the operation before"
                ),
            }
        }
    }
}

#[tokio::test]
async fn a_completed_subscription_is_silent_while_the_others_go_on() {
    let app = server().await;
    let [alice, bob] = app.users(["alice", "bob"]).await;
    let mut socket = bob.connect().await;
    for id in ["1", "2"] {
        socket.send(query(id, FOLLOW)).await;
        assert_eq!(socket.receive().await["id"], id);
    }
    socket.send(complete("1")).await;
    socket.assert_quiet().await;
    for n in 0..3 {
        alice.send(&bob, &format!("m{n}")).await;
        let update = socket.receive().await;
        assert_eq!(update["id"], "2");
        assert_eq!(
            update["payload"]["data"]["inboxUpdated"]["changes"][0]["item"]["title"],
            format!("m{n}")
        );
    }
    socket.assert_quiet().await;
}

fn send_to_bob(id: &str, subject: &str) -> Value {
    let input = json!({"to": [{"user": {"externalId": "bob"}}], "subject": subject, "body": ""});
    let document = "mutation($input: CreateMessageInput!) {
        createMessage(input: $input) { message { subject } } }";
    json!({
        "type": "subscribe", "id": id,
        "payload": {"query": document, "variables": {"input": input}},
    })
}

#[tokio::test]
async fn a_mutation_takes_effect_once_and_is_completed() {
    let app = server().await;
    let [alice, bob] = app.users(["alice", "bob"]).await;
    let mut socket = alice.connect().await;
    socket.send(send_to_bob("1", "hello")).await;
    assert_eq!(
        socket.receive().await["payload"]["data"]["createMessage"]["message"]["subject"],
        "hello"
    );
    assert_eq!(socket.receive().await, complete("1"));
    assert_eq!(bob.titles("ALL").await, ["hello"]);
}

/// P10: interrupted in the middle, it could leave an open transaction behind.
#[tokio::test]
async fn a_mutation_runs_to_its_end_when_its_client_completes_it_or_goes_away() {
    let app = server().await;
    let [alice, bob] = app.users(["alice", "bob"]).await;
    let mut live = bob.follow_inbox(None).await;
    for round in 0..10 {
        let mut socket = alice.connect().await;
        socket
            .send_together([send_to_bob("1", &format!("completed {round}")), complete("1")])
            .await;
        socket.assert_quiet().await;
        socket.send(send_to_bob("2", &format!("cut {round}"))).await;
        // Received, but not answered: it is in progress.
        socket.send(json!({"type": "ping"})).await;
        socket.receive().await;
        drop(socket);
    }
    let mut heard = live.take_titles(20).await;
    heard.sort();
    let sent = ["completed", "cut"]
        .into_iter()
        .flat_map(|how| (0..10).map(move |round| format!("{how} {round}")));
    assert_eq!(heard, sent.collect::<Vec<_>>());
}

/// Two replays and a query share a socket: none has to wait for another to end.
#[tokio::test]
async fn the_operations_of_a_socket_take_turns() {
    let app = server().await;
    let bob = app.user("bob").await;
    let senders = (0..8).map(|n| {
        let (app, bob) = (app.clone(), bob.clone());
        tokio::spawn(async move {
            let sender = app.user(&format!("sender{n}")).await;
            for m in 0..125 {
                sender.send(&bob, &format!("{n}/{m}")).await;
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    let mut socket = bob.connect().await;
    let replays = ["1", "2"].map(|id| follow_from_the_beginning(&app, id));
    socket.send_together(replays.into_iter().chain([query("3", "{ __typename }")])).await;

    let mut heard: HashMap<String, usize> = HashMap::new();
    let mut answered_after = None;
    while heard.get("1") != Some(&10) || heard.get("2") != Some(&10) {
        let message = socket.receive().await;
        let id = message["id"].as_str().unwrap().to_owned();
        if message["type"] == "complete" {
            answered_after = Some(heard.values().sum::<usize>());
            continue;
        }
        *heard.entry(id).or_default() += 1;
        let count = |id: &str| heard.get(id).copied().unwrap_or(0);
        assert!(count("1").abs_diff(count("2")) <= 2, "{heard:?}");
    }
    assert!(
        answered_after.unwrap() <= 8,
        "the query was answered after {answered_after:?} messages"
    );
}
