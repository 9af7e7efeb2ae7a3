//! Campaigns (M12): people who do not reply are reminded, and finally deactivated.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, TestUser, To, both},
    crowd::{count, crowd},
    reminders::{at, item, remind_with, reminder, reminders, travel},
};

const END: &str = "2026-01-08T09:00:00Z";
const OVER: &str = "2026-01-09T09:00:00Z";

fn campaign() -> Value {
    json!({"frequency": "daily", "until": "REPLIED", "deactivateNonRepliers": true})
}

async fn deactivation(asker: &TestUser, name: &str) -> Value {
    let query = "query($name: String!) {
        user(ref: {externalId: $name}) { deactivation { at reason message { subject } } } }";
    asker.query(query, json!({"name": name})).await["user"]["deactivation"].take()
}

both! {
    /// Only admins may start a campaign or move its end; its sender may cancel it.
    async fn only_admins_move_the_end_of_a_campaign(app: TestApp) {
        let [bob, carol] = app.users(["bob", "carol"]).await;
        let id = bob.send(&carol, "still there?").await;
        let update = "mutation($input: UpdateMessageInput!) {
            updateMessage(input: $input) { message { expiresAt } } }";
        let input = json!({"messageId": id, "expiresAt": at(END), "reminder": campaign()});
        app.admin().await.query(update, json!({"input": input})).await;

        let sooner = json!({"input": {"messageId": id, "expiresAt": "2026-01-06T09:00:00Z"}});
        assert_eq!(bob.refusal(update, sooner.clone()).await.0, "FORBIDDEN");
        app.admin().await.query(update, sooner).await;
        bob.query(update, json!({"input": {"messageId": id, "expiresAt": "2026-01-05T08:00:00Z"}}))
            .await;
        assert_eq!(carol.titles("ALL").await, [""; 0]);
    }

    /// Reading is not enough; replying is. 24 hours after the final reminder, everyone who has not
    /// replied is deactivated.
    async fn people_who_do_not_reply_to_a_campaign_are_deactivated(app: TestApp) {
        let [bob, carol, dave] = app.users(["bob", "carol", "dave"]).await;
        let admin = app.admin().await;
        app.group("sleepy", &[&bob, &carol, &dave]).await;
        let id = remind_with(
            &admin,
            &[To::Group("sleepy"), To::User(&admin)],
            "still there?",
            Some(END),
            campaign(),
        )
        .await;
        for (user, change) in [(&bob, "markRead"), (&carol, "markRead")] {
            user.change(change, &[&user.item("still there?").await]).await;
        }
        travel(&app, "2026-01-06T09:00:00Z").await;
        // Read, then marked as unread: they have not replied.
        assert_eq!(item(&bob).await["readAt"], json!(null));
        bob.reply(&id, "here", "SENDER").await;
        travel(&app, END).await;
        let counts: Vec<_> =
            reminders(&app).await.into_iter().filter(|(name, _)| name != "root").collect();
        assert_eq!(counts, [("bob".into(), 1), ("carol".into(), 2), ("dave".into(), 2)]);
        // During the last hour.
        travel(&app, "2026-01-09T08:00:00Z").await;
        carol.reply(&id, "me, too", "SENDER").await;
        let mut live = dave.follow_inbox(None).await;

        travel(&app, OVER).await;

        let closed = live.socket.closed().await;
        assert_eq!(u16::from(closed.code), 4401);
        assert!(closed.reason.starts_with("DEACTIVATED_NO_REPLY: "), "{}", closed.reason);
        let answer = dave.ask("{ viewer { id } }", json!({})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "DEACTIVATED_NO_REPLY");
        assert!(
            answer["errors"][0]["message"].as_str().unwrap().contains("did not reply"),
            "{answer}"
        );
        let why = json!({
            "at": "2026-01-09T09:00:00+00:00", "reason": "NO_REPLY",
            "message": {"subject": "still there?"},
        });
        assert_eq!(deactivation(&admin, "dave").await, why);
        for user in [&bob, &carol, &admin] {
            assert_eq!(deactivation(&admin, &user.name).await, json!(null));
            assert_eq!(
                user.titles("ALL").await.iter().filter(|title| *title == "still there?").count(),
                0
            );
        }
        // An admin reactivates him, permanently.
        let reactivate = "mutation {
            reactivateUser(input: {user: {externalId: \"dave\"}}) { user { id } } }";
        admin.query(reactivate, json!({})).await;
        travel(&app, "2026-01-20T09:00:00Z").await;
        let viewer = dave.query("{ viewer { deactivation { reason } } }", json!({})).await;
        assert_eq!(viewer["viewer"]["deactivation"], json!(null));
    }

    /// A reply to anybody in the thread counts as well, and the sender sees who has replied.
    async fn a_reply_anywhere_in_the_thread_counts(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        let until_replied = json!({"frequency": "daily", "until": "REPLIED"});
        let id = remind_with(
            &alice,
            &[To::User(&bob), To::User(&carol)],
            "a question",
            None,
            until_replied,
        )
        .await;
        let answer = bob.reply(&id, "an answer", "EVERYONE").await;
        carol.reply(&answer, "as Bob says", "EVERYONE").await;

        travel(&app, "2026-01-06T09:00:00Z").await;

        assert!(reminders(&app).await.iter().all(|(_, count)| *count == 0));
        assert_eq!(reminder(&alice, &id).await["nextAt"], json!(null));
        let rows = "query($id: ID!, $filter: RecipientFilter) {
            message(id: $id) { recipients(filter: $filter) { nodes { repliedAt } } } }";
        let list = async |replied: bool| {
            let rows =
                alice.query(rows, json!({"id": id, "filter": {"hasReplied": replied}})).await;
            rows["message"]["recipients"]["nodes"].as_array().unwrap().len()
        };
        assert_eq!((list(true).await, list(false).await), (2, 0));
    }

    /// The list has every message that reminds until people have replied, also when that has ended,
    /// and nothing that is still to be sent.
    async fn campaigns_are_listed_newest_first_and_stay_when_they_have_ended(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let admin = app.admin().await;
        let to = [To::User(&bob)];
        let until_replied = json!({"frequency": "daily", "until": "REPLIED"});
        remind_with(&alice, &to, "a question", None, until_replied.clone()).await;
        remind_with(&alice, &to, "only to be read", None, json!({"frequency": "daily"})).await;
        let over = remind_with(&admin, &to, "still there?", Some(END), campaign()).await;
        remind_with(&admin, &to, "and now?", Some(END), campaign()).await;
        let planned = json!({
            "to": [to[0].input()], "subject": "later", "body": "", "reminder": until_replied,
            "sendAt": OVER,
        });
        alice.create_message(planned).await;
        admin.expire(&over, app.now() - TimeDelta::hours(1)).await;
        let listed = async |reader: &TestUser, arguments: &str| {
            let query = format!("{{ campaigns{arguments} {{ nodes {{ subject }} }} }}");
            let found = reader.query(&query, json!({})).await["campaigns"]["nodes"].take();
            let subject = |node: &Value| node["subject"].as_str().unwrap().to_owned();
            found.as_array().unwrap().iter().map(subject).collect::<Vec<_>>()
        };

        assert_eq!(listed(&admin, "").await, ["and now?", "still there?", "a question"]);
        assert_eq!(listed(&alice, "").await, ["a question"]);
        assert_eq!(listed(&bob, "").await, [""; 0]);
        assert_eq!(listed(&admin, "(last: 1)").await, ["a question"]);
        // Once it is withdrawn, a campaign deactivates nobody.
        let strict = "(filter: {deactivatesNonRepliers: true})";
        assert_eq!(listed(&admin, strict).await, ["and now?"]);
    }

    /// Withdrawing the message cancels everything.
    async fn a_withdrawn_campaign_deactivates_nobody(app: TestApp) {
        let bob = app.user("bob").await;
        let admin = app.admin().await;
        let id = remind_with(&admin, &[To::User(&bob)], "oops", Some(END), campaign()).await;
        travel(&app, END).await;
        assert_eq!(item(&bob).await["respondBy"], json!(at(OVER).to_rfc3339()));
        let never = "mutation($id: ID!) {
            updateMessage(input: {messageId: $id, expiresAt: null}) { message { id } } }";
        assert_eq!(
            admin.refusal(never, json!({"id": id})).await,
            ("BAD_USER_INPUT".into(), Some("expiresAt".into()))
        );

        admin.expire(&id, app.now() - TimeDelta::hours(1)).await;
        travel(&app, "2026-01-20T09:00:00Z").await;

        assert_eq!(deactivation(&admin, "bob").await, json!(null));
        assert_eq!(bob.titles("ALL").await, Vec::<String>::new());
        assert_eq!(reminder(&admin, &id).await["deactivatesNonRepliers"], false);
    }

    /// Somebody who was away at the final date has not been told that it was final, whatever
    /// earlier reminders they received.
    async fn only_who_got_the_last_reminder_is_deactivated(app: TestApp) {
        let [bob, carol] = app.users(["bob", "carol"]).await;
        let admin = app.admin().await;
        let id = remind_with(
            &admin,
            &[To::User(&bob), To::User(&carol)],
            "still there?",
            Some("2026-01-06T09:00:00Z"),
            campaign(),
        )
        .await;
        travel(&app, "2026-01-06T09:00:00Z").await;
        assert_eq!(item(&bob).await["isFinalReminder"], true);
        let set_active = async |change: &str| {
            let set = format!(
                "mutation {{
                    {change}(input: {{user: {{externalId: \"bob\"}}}}) {{ user {{ id }} }} }}"
            );
            admin.query(&set, json!({})).await;
        };
        admin.expire(&id, at(END)).await;
        set_active("deactivateUser").await;
        travel(&app, END).await;
        set_active("reactivateUser").await;

        travel(&app, OVER).await;

        assert_eq!(deactivation(&admin, "carol").await["reason"], "NO_REPLY");
        assert_eq!(deactivation(&admin, "bob").await, json!(null));

        // An admin adds what they know; it stays a campaign that deactivated her.
        let explain = r#"mutation { deactivateUser(input: {
            user: {externalId: "carol"}, reason: "on leave"}) { user {
                deactivation { reason detail message { subject } } } } }"#;
        let carol = admin.query(explain, json!({})).await["deactivateUser"]["user"].take();
        let both = json!({
            "reason": "NO_REPLY", "detail": "on leave", "message": {"subject": "still there?"},
        });
        assert_eq!(carol["deactivation"], both);
    }

    /// More people than one transaction handles; a crash in the middle, and an admin who
    /// reactivates somebody meanwhile.
    async fn a_large_campaign_goes_on_after_a_crash_and_looks_at_everybody_once(app: TestApp) {
        let admin = app.admin().await;
        crowd(&app, 11_000).await;
        remind_with(
            &admin,
            &[To::Group("crowd")],
            "all of you",
            Some("2026-01-06T09:00:00Z"),
            campaign(),
        )
        .await;
        travel(&app, "2026-01-06T09:00:00Z").await;
        assert_eq!(
            count(&app, "SELECT count(*) FROM inbox_item WHERE respond_by IS NOT NULL").await,
            11_000
        );
        // Simulates a server that was killed after the first part, in which it had deactivated u1;
        // an admin then wants u1 back.
        let tx = app.db.begin().await.unwrap();
        let halfway = "UPDATE reminder SET deactivated_to = \
                       (SELECT id FROM user_account WHERE external_id = 'u5000')";
        tx.run(halfway, []).await.unwrap();
        tx.commit().await.unwrap();

        travel(&app, "2026-01-07T09:00:00Z").await;

        assert_eq!(
            count(&app, "SELECT count(*) FROM user_account WHERE deactivated_by IS NOT NULL").await,
            6_000
        );
        assert_eq!(count(&app, "SELECT count(*) FROM inbox WHERE unread <> 0").await, 0);
        let root = "SELECT count(*) FROM user_account \
                    WHERE external_id = 'root' AND deactivated_at IS NULL";
        assert_eq!(count(&app, root).await, 1);
    }
}
