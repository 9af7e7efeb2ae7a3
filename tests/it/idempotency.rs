use serde_json::{Value, json};

use crate::support::app::{TestApp, both};

const SEND: &str = "mutation($input: CreateMessageInput!) {
    createMessage(input: $input) { message { id subject } } }";

fn input(subject: &str, key: &str) -> Value {
    json!({"input": {
        "to": [{"user": {"externalId": "bob"}}], "subject": subject, "body": "",
        "idempotencyKey": key,
    }})
}

both! {
    /// P2: fifty concurrent repetitions send one message, and all return it.
    async fn fifty_repetitions_at_once_send_one_message(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;

        let calls = (0..50).map(|_| {
            let alice = alice.clone();
            tokio::spawn(async move {
                alice.query(SEND, input("once", "k")).await["createMessage"]["message"]["id"].take()
            })
        });
        let mut ids = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            ids.push(call.await.unwrap());
        }

        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(bob.titles("ALL").await, ["once"]);
    }

    /// A key belongs to one input and one caller.
    async fn a_key_belongs_to_its_caller_and_input(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        alice.query(SEND, input("one", "k")).await;

        let refused = alice.refusal(SEND, input("another", "k")).await;
        carol.query(SEND, input("from carol", "k")).await;
        app.service().query(SEND, input("from the system", "k")).await;

        assert_eq!(refused, ("IDEMPOTENCY_KEY_REUSED".into(), Some("idempotencyKey".into())));
        assert_eq!(bob.titles("ALL").await, ["from the system", "from carol", "one"]);
    }

    /// A repetition is recognised after a restart, and until the keys are purged.
    async fn a_key_outlives_a_restart_and_is_forgotten_in_time(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let first = alice.query(SEND, input("hello", "k")).await;

        let again = app.restart().await;
        let alice = again.user("alice").await;
        assert_eq!(alice.query(SEND, input("hello", "k")).await, first);
        again.advance(chrono::TimeDelta::days(8));
        again.run_due().await;
        assert_ne!(alice.query(SEND, input("hello", "k")).await, first);

        assert_eq!(again.user(&bob.name).await.titles("ALL").await, ["hello", "hello"]);
        again.stop().await;
    }

    /// A call that failed does not use up its key.
    async fn a_failed_call_leaves_its_key_unused(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        app.group("empty", &[]).await;
        let to_nobody = json!({"input": {
            "to": [{"group": {"externalId": "empty"}}], "subject": "s", "body": "",
            "idempotencyKey": "k",
        }});
        assert_eq!(alice.refusal(SEND, to_nobody).await.0, "BAD_USER_INPUT");

        alice.query(SEND, input("hello", "k")).await;

        assert_eq!(bob.titles("ALL").await, ["hello"]);
    }

    /// Replies have keys, too.
    async fn a_repeated_reply_is_one_reply(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let root = alice.send(&bob, "root").await;
        let reply = "mutation($id: ID!) {
            replyToMessage(input: {parentId: $id, body: \"x\", idempotencyKey: \"k\"}) {
                message { id } } }";

        let first = bob.query(reply, json!({"id": root})).await;

        assert_eq!(bob.query(reply, json!({"id": root})).await, first);
        assert_eq!(alice.titles("ALL").await, ["Re: root"]);
    }
}
