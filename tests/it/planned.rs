//! Messages to come (A5): written now, sent at a time.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tidings::config::AddressBook;

use crate::{
    categories::with_categories,
    support::{
        app::{TestApp, TestUser, To, both},
        crowd::{count, crowd},
        documents::CREATE_MESSAGE,
        reminders::{at, reminder, reminders, travel},
    },
};

const UPDATE: &str = "mutation($input: UpdateMessageInput!) {
    updateMessage(input: $input) { message { subject sendAt } } }";
const CANCEL: &str = "mutation($id: ID!) { cancelMessage(input: {messageId: $id}) { messageId } }";
/// An hour after the tests' clock starts.
const TEN: &str = "2026-01-05T10:00:00+00:00";

async fn plan(sender: &TestUser, to: &[To<'_>], subject: &str, send_at: &str) -> String {
    let to: Value = to.iter().map(To::input).collect();
    let input = json!({"to": to, "subject": subject, "body": "", "sendAt": send_at});
    sender.create_message(input).await
}

async fn planned(sender: &TestUser) -> Vec<String> {
    let query = "{ plannedMessages { nodes { subject sendAt sentTo { name } } } }";
    let found = sender.query(query, json!({})).await["plannedMessages"]["nodes"].take();
    let text = |message: &Value| {
        format!(
            "{} at {} to {}",
            message["subject"].as_str().unwrap(),
            message["sendAt"].as_str().unwrap(),
            message["sentTo"][0]["name"].as_str().unwrap()
        )
    };
    found.as_array().unwrap().iter().map(text).collect()
}

async fn sent(sender: &TestUser) -> Value {
    let query = "{ sentMessages { nodes {
        subject createdAt sendAt readStats { recipientCount } sentTo { name } } } }";
    sender.query(query, json!({})).await["sentMessages"]["nodes"].take()
}

both! {
    /// Whom it reaches is decided when it is sent, and nobody knows of it before.
    async fn a_planned_message_reaches_those_who_belong_to_the_group_then(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&alice, &bob]).await;
        let mut live = carol.follow_inbox(None).await;
        let id = plan(&alice, &[To::Group("team")], "lunch", TEN).await;
        assert_eq!(planned(&alice).await, [format!("lunch at {TEN} to team")]);
        assert_eq!(sent(&alice).await, json!([]));
        let message = "query($id: ID!) { message(id: $id) { viewerCanReply } }";
        assert_eq!(bob.query(message, json!({"id": id})).await["message"], Value::Null);
        assert_eq!(
            alice.query(message, json!({"id": id})).await["message"]["viewerCanReply"],
            false
        );
        let reply = "mutation($id: ID!) {
            replyToMessage(input: {parentId: $id, body: \"\"}) { message { id } } }";
        assert_eq!(alice.refusal(reply, json!({"id": id})).await.0, "CONFLICT");

        app.add_members("team", &[&carol]).await;
        app.remove_members("team", &[&bob]).await;
        travel(&app, "2026-01-05T09:59:59Z").await;
        assert_eq!(carol.titles("ALL").await, [""; 0]);
        travel(&app, TEN).await;

        assert_eq!(live.take_titles(1).await, ["lunch"]);
        assert_eq!(bob.titles("ALL").await, [""; 0]);
        assert_eq!(planned(&alice).await, [""; 0]);
        assert_eq!(
            sent(&alice).await,
            json!([{
                "subject": "lunch", "createdAt": TEN, "sendAt": null,
                "readStats": {"recipientCount": 1}, "sentTo": [{"name": "team"}],
            }])
        );
        app.assert_live_equals_refetch(&carol).await;
        assert_nothing_is_wrong(&app).await;
    }

    async fn a_planned_message_is_changed_until_it_is_sent(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        let id = plan(&alice, &[To::User(&bob)], "frist", TEN).await;
        let other = plan(&alice, &[To::User(&bob)], "second", TEN).await;
        let eleven = "2026-01-05T11:00:00+00:00";
        let change = json!({
            "messageId": id, "subject": "first", "body": "new", "sendAt": eleven,
            "to": [{"user": {"externalId": "carol"}}],
        });
        alice.query(UPDATE, json!({"input": change})).await;
        assert_eq!(
            planned(&alice).await,
            [format!("second at {TEN} to bob"), format!("first at {eleven} to carol")]
        );
        for (change, field) in [
            (json!({"messageId": id, "subject": ""}), "subject"),
            (json!({"messageId": id, "to": []}), "to"),
            (json!({"messageId": id, "expiresAt": eleven}), "expiresAt"),
        ] {
            let refused = alice.refusal(UPDATE, json!({"input": change})).await;
            assert_eq!(refused, ("BAD_USER_INPUT".into(), Some(field.into())));
        }
        let not_hers = json!({"input": {"messageId": id, "subject": "x"}});
        assert_eq!(carol.refusal(UPDATE, not_hers.clone()).await.0, "NOT_FOUND");

        travel(&app, TEN).await;
        assert_eq!(bob.titles("ALL").await, ["second"]);
        let late = json!({"input": {"messageId": other, "subject": "x"}});
        assert_eq!(alice.refusal(UPDATE, late).await.0, "CONFLICT");
        // A time in the past sends it with the change.
        let now = json!({"input": {"messageId": id, "sendAt": TEN}});
        alice.query(UPDATE, now).await;
        assert_eq!(carol.titles("ALL").await, ["first"]);
        assert_eq!(planned(&alice).await, [""; 0]);
        travel(&app, eleven).await;
        assert_eq!((carol.inbox().await.items.len(), bob.inbox().await.items.len()), (1, 1));
        assert_nothing_is_wrong(&app).await;
    }

    /// What the host application says with it stays with it, and can change until it is sent.
    async fn a_planned_message_keeps_what_the_host_says(app: TestApp) {
        let app = app.restart_with(with_categories).await;
        let bob = app.user("bob").await;
        let host = app.service();
        let id = host
            .create_message(json!({
                "to": [To::User(&bob).input()], "subject": "invoice", "body": "", "sendAt": TEN,
                "url": "/invoices/7", "data": {"invoice": 7}, "category": "work",
                "actions": [{"label": "Pay", "url": "/pay/7", "isMain": true}],
            }))
            .await;
        let says = "query($id: ID!) { message(id: $id) {
            url data category actions { label } } }";
        let said = host.query(says, json!({"id": id})).await["message"].take();
        let expected = |invoice: i32| {
            json!({
                "url": format!("/invoices/{invoice}"), "data": {"invoice": 7}, "category": "work",
                "actions": [{"label": "Pay"}],
            })
        };
        assert_eq!(said, expected(7));
        let change = json!({"input": {"messageId": id, "url": "/invoices/8"}});
        host.query(UPDATE, change).await;
        assert_eq!(host.query(says, json!({"id": id})).await["message"], expected(8));

        let mut live = bob.follow_inbox(None).await;
        travel(&app, TEN).await;
        assert_eq!(live.take_titles(1).await, ["invoice"]);
        assert_eq!(bob.query(says, json!({"id": id})).await["message"], expected(8));
        let counts = bob.counts().await;
        assert_eq!(counts["active"], 1);
        assert_eq!(counts["unreadByCategory"][0], json!({"category": "work", "count": 1}));
        app.assert_live_equals_refetch(&bob).await;
        assert_nothing_is_wrong(&app).await;
        app.stop().await;
    }

    /// Whom its sender may write to is decided when it is planned, and when its addresses change.
    async fn a_message_is_planned_for_people_of_the_address_book(app: TestApp) {
        let app = app.restart_with(|config| config.address_book = AddressBook::Groups).await;
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&alice, &bob]).await;
        let to_carol = json!([To::User(&carol).input()]);
        let input = json!({"to": to_carol, "subject": "hello", "body": "", "sendAt": TEN});
        let refused = alice.refusal(CREATE_MESSAGE, json!({"input": input})).await;
        assert_eq!(refused, ("BAD_USER_INPUT".into(), Some("to.0".into())));
        let id = plan(&alice, &[To::User(&bob)], "hello", TEN).await;
        let change = json!({"input": {"messageId": id, "to": to_carol}});
        let refused = alice.refusal(UPDATE, change).await;
        assert_eq!(refused, ("BAD_USER_INPUT".into(), Some("to.0".into())));
        app.remove_members("team", &[&bob]).await;
        travel(&app, TEN).await;
        assert_eq!(bob.titles("ALL").await, ["hello"]);
        assert_eq!(carol.titles("ALL").await, [""; 0]);
        app.stop().await;
    }

    async fn a_cancelled_message_leaves_nothing(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let reminding = json!({
            "to": [{"user": {"externalId": "bob"}}], "subject": "Öffnung", "body": "",
            "sendAt": TEN, "reminder": {"frequency": "daily"},
        });
        let id = alice.create_message(reminding).await;
        assert_eq!(bob.refusal(CANCEL, json!({"id": id})).await.0, "NOT_FOUND");
        let cancelled = alice.query(CANCEL, json!({"id": id})).await;
        assert_eq!(cancelled["cancelMessage"]["messageId"], json!(id));

        assert_eq!(planned(&alice).await, [""; 0]);
        assert_eq!(alice.refusal(CANCEL, json!({"id": id})).await.0, "NOT_FOUND");
        travel(&app, TEN).await;
        assert_eq!(bob.titles("ALL").await, [""; 0]);
        for table in ["message", "message_audience", "reminder", "thread", "search_text"] {
            let rows = count(&app, &format!("SELECT count(*) FROM {table}")).await;
            assert_eq!(rows, 0, "{table}");
        }
        let sent = alice.send(&bob, "hello").await;
        assert_eq!(alice.refusal(CANCEL, json!({"id": sent})).await.0, "CONFLICT");
    }

    /// Several servers find it due at the same time, while its sender sends it, too.
    async fn a_planned_message_is_sent_exactly_once(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let mut live = bob.follow_inbox(None).await;
        let ids: Vec<_> = {
            let mut ids = Vec::new();
            for n in 0..8 {
                ids.push(plan(&alice, &[To::User(&bob)], &format!("message {n}"), TEN).await);
            }
            ids
        };
        let other = match app.db.is_postgres() {
            true => Some(app.another().await),
            false => None,
        };
        app.advance(TimeDelta::hours(1));
        let now = json!({"input": {"messageId": ids[3], "sendAt": TEN}});
        let second = other.as_ref().unwrap_or(&app);
        let (_, _, _, changed) = tokio::join!(
            app.run_due(),
            second.run_due(),
            app.run_due(),
            alice.ask(UPDATE, now),
        );
        // The change came first, or too late.
        let code = &changed["errors"][0]["extensions"]["code"];
        assert!(code.is_null() || code == "CONFLICT", "{changed}");

        let mut titles = live.take_titles(8).await;
        titles.sort();
        assert_eq!(titles, (0..8).map(|n| format!("message {n}")).collect::<Vec<_>>());
        app.run_due().await;
        assert_eq!(bob.inbox().await.items.len(), 8);
        app.assert_live_equals_refetch(&bob).await;
        assert_nothing_is_wrong(&app).await;
        if let Some(other) = other {
            other.stop().await;
        }
    }

    /// The first part comes with the settling, the rest by the job that delivers.
    async fn a_planned_message_to_many_reaches_all_of_them(app: TestApp) {
        let alice = app.user("alice").await;
        crowd(&app, 5_200).await;
        plan(&alice, &[To::Group("crowd")], "all", TEN).await;
        travel(&app, TEN).await;
        assert_eq!(count(&app, "SELECT count(*) FROM inbox_item").await, 5_200);
        assert_eq!(count(&app, "SELECT count(*) FROM delivery").await, 0);
        assert_nothing_is_wrong(&app).await;
    }

    /// Also where the server comes back a day late.
    async fn reminders_count_from_the_moment_when_the_message_is_sent(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let id = alice
            .create_message(json!({
                "to": [{"user": {"externalId": "bob"}}], "subject": "form", "body": "",
                "sendAt": TEN, "expiresAt": "2026-01-09T10:00:00Z",
                "reminder": {"frequency": "daily"},
            }))
            .await;
        let shown = reminder(&alice, &id).await;
        assert_eq!(shown["nextAt"], "2026-01-06T10:00:00+00:00");
        assert_eq!(shown["schedule"].as_array().unwrap().len(), 4);

        // Later, and for longer.
        let change = json!({
            "messageId": id, "sendAt": "2026-01-05T12:00:00Z", "expiresAt": "2026-01-08T12:00:00Z",
        });
        alice.query(UPDATE, json!({"input": change})).await;
        assert_eq!(reminder(&alice, &id).await["nextAt"], "2026-01-06T12:00:00+00:00");
        // No server was there for a day: it is sent now, and counts from now.
        travel(&app, "2026-01-06T13:00:00Z").await;
        assert_eq!(bob.titles("ALL").await, ["form"]);
        assert_eq!(reminders(&app).await, [("bob".into(), 0)]);
        assert_eq!(reminder(&alice, &id).await["nextAt"], "2026-01-07T13:00:00+00:00");
        travel(&app, "2026-01-07T13:00:00Z").await;
        assert_eq!(reminders(&app).await, [("bob".into(), 1)]);
        assert_nothing_is_wrong(&app).await;
    }

    async fn a_repeated_call_plans_once(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let input = json!({
            "to": [To::User(&bob).input()], "subject": "once", "body": "", "sendAt": TEN,
            "idempotencyKey": "k",
        });
        let id = alice.create_message(input.clone()).await;
        assert_eq!(alice.create_message(input.clone()).await, id);
        travel(&app, TEN).await;
        assert_eq!(alice.create_message(input).await, id);
        assert_eq!(bob.titles("ALL").await, ["once"]);
    }

    async fn what_cannot_be_planned_is_refused(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let to = json!([To::User(&bob).input()]);
        for (more, field) in [
            (json!({"sendAt": TEN, "expiresAt": TEN}), "expiresAt"),
            (json!({"sendAt": "+12026-01-05T10:00:00Z"}), "sendAt"),
        ] {
            let mut input = json!({"to": to, "subject": "s", "body": ""});
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let answer = alice.ask(CREATE_MESSAGE, json!({"input": input})).await;
            let error = &answer["errors"][0]["extensions"];
            assert!(error["field"] == field || error["code"] == "BAD_USER_INPUT", "{answer}");
        }
        assert_eq!(planned(&alice).await, [""; 0]);
        // In the past: now.
        plan(&alice, &[To::User(&bob)], "now", "2026-01-05T08:00:00Z").await;
        assert_eq!(bob.titles("ALL").await, ["now"]);
    }

    /// Nobody is told any more that it reaches nobody.
    async fn addresses_that_are_gone_by_then_are_left_out(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&carol]).await;
        plan(&alice, &[To::User(&bob), To::Group("team"), To::User(&carol)], "some", TEN).await;
        plan(&alice, &[To::User(&bob)], "nobody", TEN).await;
        app.deactivate("bob").await;
        let delete = "mutation {
            deleteGroup(input: {group: {externalId: \"team\"}}) { group { id } } }";
        app.service().query(delete, json!({})).await;
        travel(&app, TEN).await;

        assert_eq!(carol.titles("ALL").await, ["some"]);
        let sent = sent(&alice).await;
        assert_eq!(sent[0]["readStats"]["recipientCount"], 0);
        assert_eq!(sent[0]["sentTo"], json!([]));
        assert_eq!(sent[1]["sentTo"], json!([{"name": "carol"}]));
        assert_nothing_is_wrong(&app).await;
    }

    /// What somebody who was let go had planned is not sent; if that was a mistake, it is.
    async fn what_a_deactivated_person_has_planned_waits(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let ending = "2026-01-05T10:30:00Z";
        plan(&alice, &[To::User(&bob)], "for long", TEN).await;
        alice
            .create_message(json!({
                "to": [To::User(&bob).input()], "subject": "for now", "body": "", "sendAt": TEN,
                "expiresAt": ending, "reminder": {"frequency": "daily"},
            }))
            .await;
        app.deactivate("alice").await;
        travel(&app, "2026-01-05T10:01:00Z").await;
        assert_eq!(bob.titles("ALL").await, [""; 0]);

        travel(&app, ending).await;
        app.reactivate("alice").await;
        app.run_due().await;
        // The other has expired before anybody could get it.
        assert_eq!(bob.titles("ALL").await, ["for long"]);
        assert_eq!(planned(&alice).await, [""; 0]);
        assert_eq!(reminders(&app).await, [("bob".into(), 0)]);
        travel(&app, "2026-01-06T10:30:00Z").await;
        assert_eq!(bob.titles("ALL").await, ["for long"]);
        assert_nothing_is_wrong(&app).await;
    }

    /// Nothing of it is in what has been sent.
    async fn a_report_begins_when_the_message_is_sent(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        plan(&alice, &[To::User(&bob)], "later", TEN).await;
        let report = "{ readReport { nodes { message { subject } } } }";
        let rows = async || alice.query(report, json!({})).await["readReport"]["nodes"].take();
        assert_eq!(rows().await, json!([]));
        travel(&app, TEN).await;
        assert_eq!(rows().await.as_array().unwrap().len(), 1);
        assert_eq!(app.now(), at(TEN));
    }
}

async fn assert_nothing_is_wrong(app: &TestApp) {
    let report = tidings::recount::check(app.db.read(), app.now()).await.unwrap();
    assert!(report.findings.is_empty(), "{report}");
}
