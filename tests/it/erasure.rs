//! Erasing a person (A12): nothing of them is left, and nothing of others breaks.

mod parts;

use serde_json::{Value, json};
use tidings::auth::Role;

use crate::support::{
    app::{TestApp, TestUser, To, both},
    crowd::{count, crowd},
    documents::{ERASE_USER, UPSERT_USERS},
    notify::target,
};

async fn erase(app: &TestApp, user: Value, messages: bool) -> Value {
    let input = json!({"user": user, "messages": messages});
    app.service().query(ERASE_USER, json!({"input": input})).await["eraseUser"].take()
}

async fn erase_user(app: &TestApp, user: &TestUser, messages: bool) -> Value {
    erase(app, json!({"id": user.id}), messages).await
}

/// A person with everything that a host can say about one.
async fn known(app: &TestApp, name: &str) -> TestUser {
    let user = app.user(name).await;
    app.upsert_user(json!({
        "externalId": name, "firstName": "Ada", "lastName": "Lövelace",
        "email": "ada@example.com", "avatarUrl": "https://example.com/ada.png",
        "locale": "de", "timeZone": "Europe/London",
    }))
    .await;
    user
}

/// What a sender and everybody else can count of a message.
async fn reading(sender: &TestUser, message: &str) -> Value {
    let query = "query($id: ID!) { message(id: $id) {
        readStats { recipientCount seenCount readCount firstReadAt lastReadAt }
        readTimeline(interval: HOUR) { at readCount }
        sentTo { readStats { recipientCount readCount } } } }";
    sender.query(query, json!({"id": message})).await["message"].take()
}

async fn assert_nothing_is_wrong(app: &TestApp) {
    let report = tidings::recount::check(app.db.read(), app.now()).await.unwrap();
    assert!(report.findings.is_empty(), "{report}");
}

/// The texts of all tables that have something like this.
async fn found(app: &TestApp, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (table, columns) in [
        (
            "user_account",
            "external_id || first_name || last_name || coalesce(email, '') \
          || coalesce(avatar_url, '') || locale || time_zone || coalesce(deactivation_reason, '')",
        ),
        (
            "message",
            "subject || body || coalesce(url, '') || coalesce(data, '') || coalesce(actions, '')",
        ),
        ("message_audience", "name"),
        ("search_text", "text"),
        ("idempotency_key", "caller || key"),
        ("activity", "coalesce(data, '')"),
    ] {
        let sql = format!("SELECT count(*) FROM {table} WHERE {columns} LIKE '%{text}%'");
        if count(app, &sql).await > 0 {
            found.push(table.to_owned());
        }
    }
    found
}

both! {
    async fn why_somebody_was_deactivated_is_erased(app: TestApp) {
        app.user("ada").await;
        let deactivate = r#"mutation { deactivateUser(input: {
            user: {externalId: "ada"}, reason: "wanted to leave"}) { user { id } } }"#;
        app.service().query(deactivate, json!({})).await;
        assert_eq!(found(&app, "to leave").await, ["user_account"]);
        erase(&app, json!({"externalId": "ada"}), false).await;
        assert!(found(&app, "to leave").await.is_empty());
    }

    async fn an_erased_person_is_gone_and_what_they_wrote_stays(app: TestApp) {
        let ada = known(&app, "ada").await;
        let [bob, carol] = app.users(["bob", "carol"]).await;
        app.group("team", &[&ada, &bob]).await;
        let hers = ada.send(&bob, "from me").await;
        let to_her = bob.send_to(&[To::User(&ada), To::Group("team")], "to her").await;
        let announcement = app.announce("news").await;
        for title in ["to her", "news"] {
            ada.change("markRead", &[&ada.item(title).await]).await;
        }
        bob.follow("post", "create_post").await;
        ada.follow("post", "create_post").await;
        for actor in [&carol, &ada] {
            app.act(actor, "comment", "post").await;
        }
        let activity = app.act(&app.user("dave").await, "comment", "post").await;
        bob.item("dave, Ada Lövelace and 1 other commented on a post").await;
        ada.mute("muteThread", &to_her).await;
        let remembered = "SELECT count(*) FROM inbox_undo";
        assert!(count(&app, remembered).await > 0);
        let before = reading(&bob, &to_her).await;
        let mut live = bob.follow_inbox(None).await;
        let mut hers_live = ada.follow_inbox(None).await;

        let erased = erase(&app, json!({"externalId": "ada"}), false).await;

        assert_eq!(erased["isComplete"], true);
        for table in ["inbox_undo", "thread_mute"] {
            assert_eq!(count(&app, &format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
        }
        let gone = erased["user"]["externalId"].as_str().unwrap().to_owned();
        assert_eq!(erased["user"]["name"], "Somebody who left");
        assert_eq!(erased["user"]["id"], json!(ada.id));
        assert_eq!(u16::from(hers_live.socket.closed().await.code), 4401);
        // Bob's client has heard of it.
        let fresh = bob.inbox().await;
        live.until(&fresh.cursor).await;
        bob.item("dave, somebody who left and 1 other commented on a post").await;
        for item in fresh.items.values().filter(|item| item["title"] == "from me") {
            assert_eq!(item["about"]["sender"]["name"], "Somebody who left");
        }
        app.assert_live_equals_refetch(&bob).await;
        // What was counted stays, and nobody knows whose it was.
        assert_eq!(reading(&bob, &to_her).await, before);
        let stats = "query($id: ID!) { announcement(id: $id) {
            readStats { recipientCount readCount } } }";
        let stats = app.service().query(stats, json!({"id": announcement})).await;
        assert_eq!(stats["announcement"]["readStats"]["readCount"], 1);
        let who = "query($id: ID!) { message(id: $id) {
            sentTo { name } recipients { nodes { id user { name } readAt } } } }";
        let who = bob.query(who, json!({"id": to_her})).await["message"].take();
        let names: Vec<_> = who["sentTo"].as_array().unwrap().iter().map(|to| &to["name"]).collect();
        assert!(names.contains(&&json!("Somebody who left")), "{names:?}");
        for recipient in who["recipients"]["nodes"].as_array().unwrap() {
            assert_eq!((&recipient["user"], recipient["readAt"].is_null()), (&json!(null), false));
        }
        let text = "query($id: ID!) { message(id: $id) { subject sender { name } } }";
        assert_eq!(
            bob.query(text, json!({"id": hers})).await["message"],
            json!({"subject": "from me", "sender": {"name": "Somebody who left"}})
        );
        for text in ["Ada", "ada@", "ada.png", "velace", "London"] {
            assert_eq!(found(&app, text).await, [""; 0], "{text}");
        }
        let id = "(SELECT id FROM user_account WHERE erased_at IS NOT NULL)";
        for table in ["inbox_item", "subscription", "subscription_config", "group_member",
            "message_recipient", "announcement_reading"]
        {
            let sql = format!("SELECT count(*) FROM {table} WHERE user_id = {id}");
            assert_eq!(count(&app, &sql).await, 0, "{table}");
        }
        assert_eq!(count(&app, "SELECT count(*) FROM erasure WHERE due_at IS NULL").await, 0);
        assert_nothing_is_wrong(&app).await;

        // The rules of explain hold for both of them.
        assert!(bob.explanation(&activity).await.0);
        let explain = "query($activity: ID!, $user: ID!) {
            explain(activityId: $activity, user: {id: $user}) { delivered decidedBy { rule } } }";
        let asked = json!({"activity": activity, "user": ada.id});
        let explained = app.service().query(explain, asked).await["explain"].take();
        assert_eq!(
            explained,
            json!({"delivered": false, "decidedBy": {"rule": "KNOWN_USER"}})
        );

        // Nobody comes back as them, and nothing is sent to them.
        let refused = |mutation: &str| format!("mutation($id: ID!) {{
            {mutation}(input: {{user: {{id: $id}}}}) {{ user {{ id }} }} }}");
        let back = app.service().refusal(&refused("reactivateUser"), json!({"id": ada.id})).await;
        assert_eq!(back.0, "CONFLICT");
        let named = json!({"users": [{"externalId": gone, "firstName": "Eve"}]});
        assert_eq!(app.service().refusal(UPSERT_USERS, named).await.0, "CONFLICT");
        let inbox = "query($id: ID!) { user(ref: {id: $id}) { inbox { id } email } }";
        assert_eq!(
            app.service().query(inbox, json!({"id": ada.id})).await["user"],
            json!({"inbox": null, "email": null})
        );
        // Somebody with the same id of the host begins anew.
        let new = app.client("ada", Role::User);
        let viewer = new.query("{ viewer { id } }", json!({})).await["viewer"]["id"].take();
        assert_ne!(viewer, json!(ada.id));
        assert_eq!(new.inbox().await.items.len(), 0);
        assert_eq!(erase_user(&app, &ada, false).await["isComplete"], true);
    }

    async fn what_they_wrote_goes_if_that_is_wanted(app: TestApp) {
        let ada = known(&app, "ada").await;
        let bob = app.user("bob").await;
        let root = bob.send(&ada, "question").await;
        let answer = ada.reply(&root, "a secret answer", "EVERYONE").await;
        let reminding = json!({
            "to": [To::User(&bob).input()], "subject": "secret form", "body": "",
            "reminder": {"frequency": "daily"},
        });
        ada.create_message(reminding).await;
        ada.create_message(json!({
            "to": [To::User(&bob).input()], "subject": "secret plan", "body": "",
            "sendAt": "2026-01-06T09:00:00Z", "idempotencyKey": "secret",
        }))
        .await;
        bob.reply(&answer, "thank you", "EVERYONE").await;
        bob.follow("post", "create_post").await;
        app.act_all(json!([{
            "actor": {"externalId": "ada"}, "action": "comment", "target": target("post"),
            "data": {"preview": "a secret comment"},
        }]))
        .await;
        bob.change("markRead", &[&bob.item("secret form").await]).await;
        let mut live = bob.follow_inbox(None).await;

        assert_eq!(erase_user(&app, &ada, false).await["isComplete"], true);
        // The same person again, now with what they wrote.
        let erased = erase_user(&app, &ada, true).await;
        app.run_due().await;

        assert_eq!(erased["user"]["name"], "Somebody who left");
        assert_eq!(found(&app, "secret").await, [""; 0]);
        let fresh = bob.inbox().await;
        live.until(&fresh.cursor).await;
        assert_eq!(bob.titles("ALL").await, ["Somebody who left commented on a post"]);
        app.assert_live_equals_refetch(&bob).await;
        // The thread of the others holds together.
        let thread = "query($id: ID!) { message(id: $id) { thread { nodes {
            body sender { name } } } } }";
        assert_eq!(
            bob.query(thread, json!({"id": root})).await["message"]["thread"]["nodes"],
            json!([
                {"body": "", "sender": {"name": "Somebody who left"}},
                {"body": "thank you", "sender": {"name": "bob"}},
            ])
        );
        app.advance(chrono::TimeDelta::days(3));
        app.run_due().await;
        assert_eq!(bob.titles("ALL").await, ["Somebody who left commented on a post"]);
        assert_nothing_is_wrong(&app).await;
    }

    /// The call does some of it, the server stops, and another one goes on.
    async fn a_person_with_many_items_is_erased_in_steps(app: TestApp) {
        let [ada, bob] = app.users(["ada", "bob"]).await;
        let [first, _] = crowd(&app, 5_200).await;
        ada.send_to(&[To::Group("crowd")], "to all").await;
        fill(&app, 12_000).await;
        assert_eq!(ada.counts().await["unread"], 12_000);
        let mut live = first.follow_inbox(None).await;

        erase_user(&app, &ada, false).await;
        let other = app.restart().await;
        let (one, two) = (other.clone(), other.clone());
        tokio::join!(one.run_due(), two.run_due());

        assert_eq!(count(&other, "SELECT count(*) FROM erasure WHERE due_at IS NULL").await, 0);
        let own = "SELECT count(*) FROM inbox_item AS i JOIN user_account AS u ON u.id = i.user_id \
                   WHERE u.erased_at IS NOT NULL";
        assert_eq!(count(&other, own).await, 0);
        let read = "SELECT count(*) FROM message_recipient AS r \
                    JOIN user_account AS u ON u.id = r.user_id WHERE u.erased_at IS NOT NULL";
        assert_eq!(count(&other, read).await, 0);
        let told = "SELECT count(*) FROM inbox WHERE seq = 2";
        assert_eq!(count(&other, told).await, 5_200);
        drop(live.socket.closed().await);
        let again = TestUser { app: other.clone(), ..first };
        other.assert_live_equals_refetch(&again).await;
        let state = again.inbox().await;
        let item = state.items.values().next().unwrap();
        assert_eq!(item["about"]["sender"]["name"], "Somebody who left");
        let bob = TestUser { app: other.clone(), ..bob };
        assert_eq!(erase_user(&other, &bob, true).await["user"]["name"], "Somebody who left");
        other.run_due().await;
        assert_nothing_is_wrong(&other).await;
        other.stop().await;
    }
}

/// Gives Ada items of as many messages from the system.
async fn fill(app: &TestApp, size: i64) {
    let tx = app.db.begin().await.unwrap();
    let now: [sea_orm::Value; 1] = [app.now().into()];
    let numbers = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {size}) "
    );
    let path = if app.db.is_postgres() { "''" } else { "x''" };
    for (sql, values) in [
        (
            format!(
                "{numbers}INSERT INTO message (subject, body, depth, path, seq, recipient_count, \
                 seen_count, read_count, created_at) \
                 SELECT 'm', '', 0, {path}, 0, 1, 0, 0, $1 FROM n"
            ),
            Some(now.clone()),
        ),
        (
            "INSERT INTO message_audience (message_id, user_id, name, recipient_count, \
             seen_count, read_count) SELECT m.id, u.id, 'ada', 1, 0, 0 FROM message AS m \
             CROSS JOIN user_account AS u WHERE m.subject = 'm' AND u.external_id = 'ada'"
                .to_owned(),
            None,
        ),
        (
            "INSERT INTO message_recipient (message_id, user_id, audience_id) \
             SELECT a.message_id, a.user_id, a.id FROM message_audience AS a WHERE a.name = 'ada'"
                .to_owned(),
            None,
        ),
        (
            "INSERT INTO inbox_item (user_id, kind, message_id, seq, arrived_seq, created_at, \
             updated_at) SELECT user_id, 'message', message_id, message_id, message_id, $1, $1 \
             FROM message_audience WHERE name = 'ada'"
                .to_owned(),
            Some(now),
        ),
        (
            format!(
                "UPDATE inbox SET seq = (SELECT max(id) FROM message), active = {size}, \
                 unread = {size}, unseen = {size} \
                 WHERE user_id = (SELECT id FROM user_account WHERE external_id = 'ada')"
            ),
            None,
        ),
    ] {
        match values {
            Some(values) => tx.run(&sql, values).await.unwrap(),
            None => tx.run(&sql, []).await.unwrap(),
        };
    }
    tx.commit().await.unwrap();
}
