use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, To, both},
    crowd::{count, crowd},
    documents::CREATE_MESSAGE,
};

fn to(name: &str) -> Value {
    json!({"user": {"externalId": name}})
}

both! {
    /// M4: people and groups in any mixture; M5: one recipient row per person and address, one
    /// inbox item.
    async fn a_person_reached_twice_has_two_recipient_rows_and_one_item(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&alice, &bob, &carol]).await;
        app.group("board", &[&bob]).await;

        let id =
            alice.send_to(&[To::Group("team"), To::Group("board"), To::User(&bob)], "hello").await;

        let read = "query($id: ID!) { message(id: $id) {
            sentTo { name readStats { recipientCount } }
            readStats { recipientCount }
            recipients(first: 100) { nodes {
                user { externalId } via { ... on Group { name } ... on User { name } }
            } }
        } }";
        let message = alice.query(read, json!({"id": id})).await["message"].take();
        let mut rows: Vec<_> = message["recipients"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                format!(
                    "{} via {}",
                    row["user"]["externalId"].as_str().unwrap(),
                    row["via"]["name"].as_str().unwrap()
                )
            })
            .collect();
        rows.sort();
        // The sender does not receive what they send to their own group.
        assert_eq!(rows, ["bob via board", "bob via bob", "bob via team", "carol via team"]);
        assert_eq!(message["readStats"]["recipientCount"], 2);
        assert_eq!(bob.titles("ALL").await, ["hello"]);
        assert_eq!(alice.titles("ALL").await, Vec::<String>::new());
    }

    /// A note to oneself is a message like any other.
    async fn a_person_can_write_to_themself(app: TestApp) {
        let alice = app.user("alice").await;
        alice.send(&alice, "remember").await;
        assert_eq!(alice.titles("UNREAD").await, ["remember"]);
    }

    /// The host application sends as the system.
    async fn a_service_sends_as_the_system_or_for_somebody(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let host = app.service();

        host.send(&bob, "from the system").await;
        host.acting_as(&alice).send(&bob, "from alice").await;

        let senders: Vec<_> = bob
            .inbox()
            .await
            .items
            .values()
            .map(|item| item["about"]["sender"]["name"].clone())
            .collect();
        assert_eq!(senders, [json!(null), json!("alice")]);
    }

    /// An error for invalid input names the field, and nothing is lost.
    async fn what_cannot_be_sent_names_the_field(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        app.group("empty", &[&alice]).await;
        let ok = json!({"to": [to("bob")], "subject": "s", "body": "b"});
        let with = |field: &str, value: Value| {
            let mut input = ok.clone();
            input[field] = value;
            json!({"input": input})
        };
        for (variables, field) in [
            (with("to", json!([])), "to"),
            (with("to", json!(vec![to("bob"); 101])), "to"),
            (with("to", json!([to("bob"), to("nobody")])), "to.1"),
            (with("to", json!([{"group": {"externalId": "nothing"}}])), "to.0"),
            (with("to", json!([{"group": {"externalId": "empty"}}])), "to"),
            (with("to", json!([{"user": {"id": "grp_1"}}])), "to.0"),
            (with("subject", json!(" ")), "subject"),
            (with("subject", json!("two\nlines")), "subject"),
            (with("subject", json!("x".repeat(201))), "subject"),
            (with("body", json!("x".repeat(65_537))), "body"),
            (with("body", json!("nul\u{0}")), "body"),
            (with("expiresAt", json!("2026-01-05T09:00:00Z")), "expiresAt"),
            (with("idempotencyKey", json!("")), "idempotencyKey"),
        ] {
            let refusal = alice.refusal(CREATE_MESSAGE, variables).await;
            assert_eq!(refusal, ("BAD_USER_INPUT".into(), Some(field.into())));
        }
        assert_eq!(bob.titles("ALL").await, Vec::<String>::new());
    }

    /// M6: an expiry in the past removes a message from all inboxes at once, and from the counts.
    async fn a_past_expiry_takes_a_message_out_at_once(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&bob, &carol]).await;
        let id = alice.send_to(&[To::Group("team")], "oops").await;
        let mut live = bob.follow_inbox(None).await;

        alice.expire(&id, app.now() - TimeDelta::hours(1)).await;

        assert_eq!(live.next_change().await.kind, "REMOVED");
        assert_eq!(bob.counts().await["unread"], 0);
        assert_eq!(carol.titles("ALL").await, Vec::<String>::new());
        // It was sent all the same: its recipients can still look at it.
        let read = bob
            .query(
                "query($id: ID!) { message(id: $id) { subject viewerInboxItem { id } } }",
                json!({"id": id}),
            )
            .await;
        assert_eq!(read["message"], json!({"subject": "oops", "viewerInboxItem": null}));
    }

    /// A future expiry takes effect by itself when its time comes.
    async fn a_future_expiry_takes_effect_in_time(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let input = json!({"to": [to("bob")], "subject": "today only", "body": "",
            "expiresAt": (app.now() + TimeDelta::hours(8)).to_rfc3339()});
        alice.create_message(input).await;
        let mut live = bob.follow_inbox(None).await;

        app.advance(TimeDelta::hours(7));
        app.run_due().await;
        let before = bob.titles("ALL").await;
        // From here on nobody calls run_due: the server's own loop does the work.
        app.advance(TimeDelta::hours(1));

        assert_eq!(before, ["today only"]);
        assert_eq!(live.next_change().await.kind, "REMOVED");
        app.assert_live_equals_refetch(&bob).await;
    }

    /// An expiry can be postponed until it has happened; then it is fixed.
    async fn an_expiry_that_has_happened_is_settled(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let id = alice.send(&bob, "hello").await;
        alice.expire(&id, app.now() + TimeDelta::hours(1)).await;
        alice.expire(&id, app.now() + TimeDelta::hours(3)).await;
        app.advance(TimeDelta::hours(2));
        app.run_due().await;
        assert_eq!(bob.titles("ALL").await, ["hello"]);

        let never = "mutation($id: ID!) {
            updateMessage(input: {messageId: $id, expiresAt: null}) { message { expiresAt } } }";
        assert_eq!(
            alice.query(never, json!({"id": id})).await["updateMessage"]["message"]["expiresAt"],
            json!(null)
        );
        alice.expire(&id, app.now()).await;

        assert_eq!(alice.refusal(never, json!({"id": id})).await.0, "CONFLICT");
    }

    /// Nothing that was sent disappears with people or groups (M3).
    async fn deactivated_people_and_deleted_groups_leave_their_messages(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        app.group("team", &[&alice, &bob]).await;
        let id = alice.send_to(&[To::Group("team")], "hello").await;
        let host = app.service();
        host.query(
            "mutation { deleteGroup(input: {group: {externalId: \"team\"}}) { group { id } } }",
            json!({}),
        )
        .await;
        app.deactivate("alice").await;

        let read = "query($id: ID!) { message(id: $id) {
            sender { name deactivatedAt } sentTo { name audience { __typename } } } }";
        let message = bob.query(read, json!({"id": id})).await["message"].take();
        assert_eq!(message["sentTo"], json!([{"name": "team", "audience": null}]));
        assert_eq!(
            message["sender"],
            json!({"name": "alice", "deactivatedAt": "2026-01-05T09:00:00+00:00"})
        );
        let again = json!({
            "input": {"to": [{"group": {"externalId": "team"}}], "subject": "s", "body": ""},
        });
        assert_eq!(
            bob.refusal(CREATE_MESSAGE, again).await,
            ("BAD_USER_INPUT".into(), Some("to.0".into()))
        );
    }

    /// Deactivated people receive nothing new, whether addressed directly or through a group.
    async fn nothing_new_reaches_the_deactivated(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&bob, &carol]).await;
        app.deactivate("bob").await;

        alice.send_to(&[To::Group("team")], "hello").await;
        let in_person = json!({"input": {"to": [to("bob")], "subject": "s", "body": ""}});
        assert_eq!(
            alice.refusal(CREATE_MESSAGE, in_person).await,
            ("BAD_USER_INPUT".into(), Some("to".into()))
        );

        app.reactivate("bob").await;
        assert_eq!(bob.titles("ALL").await, Vec::<String>::new());
        assert_eq!(carol.titles("ALL").await, ["hello"]);
    }

    /// The viewer's sent messages, newest first, with a search.
    async fn sent_messages_are_listed_newest_first(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for subject in ["Alpha", "Beta", "100% Gamma"] {
            alice.send(&bob, subject).await;
        }
        let list = async |filter: Value| {
            let query = "query($filter: SentFilter) {
                sentMessages(filter: $filter) { nodes { subject } } }";
            let sent =
                alice.query(query, json!({"filter": filter})).await["sentMessages"]["nodes"].take();
            sent.as_array()
                .unwrap()
                .iter()
                .map(|node| node["subject"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };

        assert_eq!(list(json!(null)).await, ["100% Gamma", "Beta", "Alpha"]);
        assert_eq!(list(json!({"search": "ALPH"})).await, ["Alpha"]);
        assert_eq!(list(json!({"search": "100%"})).await, ["100% Gamma"]);
        assert_eq!(list(json!({"search": "1_0"})).await, Vec::<String>::new());
        // A search finds the beginnings of words.
        assert_eq!(list(json!({"search": "pha"})).await, Vec::<String>::new());
        assert_eq!(list(json!({"isReply": true})).await, Vec::<String>::new());
    }

    /// A send to more people than one transaction can handle reaches everybody, and continues after
    /// a crash.
    async fn a_very_large_send_reaches_everybody_in_batches(app: TestApp) {
        let alice = app.user("alice").await;
        let [first, last] = crowd(&app, 11_000).await;

        let id = alice.send_to(&[To::Group("crowd")], "to all").await;

        let stats = "query($id: ID!) { message(id: $id) { readStats { recipientCount } } }";
        assert_eq!(
            alice.query(stats, json!({"id": id})).await["message"]["readStats"]["recipientCount"],
            11_000
        );
        assert_eq!(count(&app, "SELECT count(*) FROM inbox_item").await, 11_000);
        assert_eq!(count(&app, "SELECT count(*) FROM delivery").await, 0);
        assert_eq!(
            (first.titles("UNREAD").await, last.counts().await["unread"].clone()),
            (vec!["to all".into()], json!(1))
        );

        // As if the server had been killed after the first batch.
        let tx = app.db.begin().await.unwrap();
        let half = "SELECT id FROM user_account WHERE external_id = 'u5000'";
        tx.run(&format!("DELETE FROM inbox_item WHERE user_id > ({half})"), []).await.unwrap();
        tx.run(
            &format!("UPDATE inbox SET seq = 0, unread = 0, unseen = 0 WHERE user_id > ({half})"),
            [],
        )
        .await
        .unwrap();
        tx.run(
            &format!(
                "INSERT INTO delivery (message_id, delivered_to) SELECT id, ({half}) FROM message"
            ),
            [],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let again = app.restart().await;
        again.run_due().await;

        assert_eq!(count(&again, "SELECT count(*) FROM inbox_item").await, 11_000);
        assert_eq!(
            count(&again, "SELECT count(*) FROM inbox WHERE unread = 1 AND seq = 1").await,
            11_000
        );
        assert_eq!(count(&again, "SELECT count(*) FROM delivery").await, 0);

        // It leaves in the same way as it arrived.
        let alice = again.user("alice").await;
        alice.expire(&id, again.now()).await;
        assert_eq!(count(&again, "SELECT count(*) FROM inbox WHERE unread <> 0").await, 0);
        again.stop().await;
    }
}
