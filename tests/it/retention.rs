//! What is too old leaves the inboxes, and threads are deleted (A13).

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use tidings::{config::Config, inbox::BATCH, messages};

use crate::support::{
    app::{TestApp, To, both},
    crowd::{count, crowd},
    reminders::remind_with,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn with_inbox_retention(app: &TestApp) -> TestApp {
    app.restart_with(|config| {
        config.inbox_retention = Some(30 * DAY);
        config.retention_days = 7;
    })
    .await
}

async fn with_message_retention(app: &TestApp) -> TestApp {
    app.restart_with(|config| config.message_retention = Some(30 * DAY)).await
}

async fn pass(app: &TestApp, days: i64) {
    app.advance(TimeDelta::days(days));
    app.run_due().await;
}

async fn assert_nothing_is_wrong(app: &TestApp) {
    let report = tidings::recount::check(app.db.read(), app.now()).await.unwrap();
    assert!(report.findings.is_empty(), "{report}");
}

both! {
    async fn what_is_too_old_leaves_the_inboxes(app: TestApp) {
        let app = with_inbox_retention(&app).await;
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for subject in ["unread", "read", "archived", "snoozed"] {
            alice.send(&bob, subject).await;
        }
        bob.change("markRead", &[&bob.item("read").await]).await;
        bob.change("archive", &[&bob.item("archived").await]).await;
        bob.snooze(&bob.item("snoozed").await, app.now() + TimeDelta::days(45)).await;
        app.announce("news").await;
        for post in ["post", "other"] {
            bob.follow(post, "create_post").await;
            app.act(&alice, "comment", post).await;
        }
        let old = bob.cursor().await;
        let known = bob.inbox().await;
        let mut live = bob.follow_inbox(None).await.with(known);
        pass(&app, 29).await;
        assert_eq!(bob.inbox().await.items.len(), 7);
        // This one moves to the top again.
        app.act(&alice, "comment", "post").await;
        alice.send(&bob, "new").await;
        live.take_titles(2).await;

        pass(&app, 2).await;

        let mut titles = bob.titles("ALL").await;
        titles.sort();
        assert_eq!(titles, ["alice commented on a post", "new", "snoozed"]);
        let fresh = bob.inbox().await;
        live.until(&fresh.cursor).await;
        assert_eq!(live.state.items, fresh.items);
        assert_eq!(live.state.counts, fresh.counts);
        assert_eq!((&fresh.counts["unread"], &fresh.counts["archived"]), (&json!(2), &json!(0)));
        app.assert_live_equals_refetch(&bob).await;
        assert_nothing_is_wrong(&app).await;

        // The tombstones go, with what the items were made of; whoever was away loads anew.
        pass(&app, 10).await;
        let left = "SELECT count(*) FROM inbox_item WHERE removed_at IS NOT NULL";
        assert_eq!(count(&app, left).await, 0);
        assert_eq!(count(&app, "SELECT count(*) FROM inbox_item_activity").await, 2);
        assert_eq!(count(&app, "SELECT count(*) FROM inbox_item_actor").await, 1);
        let away = bob.follow_inbox(Some(&old)).await;
        assert_eq!(away.update["resync"], "CURSOR_EXPIRED");
        // What was snoozed comes back, and stays as long as all others.
        pass(&app, 5).await;
        assert!(bob.titles("ACTIVE").await.contains(&"snoozed".to_owned()));
        pass(&app, 31).await;
        assert_eq!(bob.titles("ALL").await, [""; 0]);
        assert_eq!(bob.counts().await["unread"], 0);
        assert_nothing_is_wrong(&app).await;
        app.stop().await;
    }

    /// Somebody who was away for long is not given what would have left by now.
    async fn what_is_too_old_does_not_come_in(app: TestApp) {
        let app = with_inbox_retention(&app).await;
        let [alice, away] = app.users(["alice", "away"]).await;
        away.follow("post", "create_post").await;
        app.announce("old").await;
        app.act(&alice, "comment", "post").await;
        pass(&app, 40).await;
        app.announce("new").await;
        app.act(&alice, "comment", "post").await;

        let mut titles = away.titles("ALL").await;
        titles.sort();
        assert_eq!(titles, ["alice commented on a post", "new"]);
        assert_nothing_is_wrong(&app).await;
        app.stop().await;
    }

    /// In several parts, by several servers at the same time.
    async fn the_items_of_many_leave_in_parts(app: TestApp) {
        let app = with_inbox_retention(&app).await;
        let alice = app.user("alice").await;
        let [first, last] = crowd(&app, 5_200).await;
        for subject in ["one", "two"] {
            alice.send_to(&[To::Group("crowd")], subject).await;
        }
        let mut live = first.follow_inbox(None).await;
        app.advance(TimeDelta::days(31));
        let (one, two) = (app.clone(), app.clone());
        tokio::join!(one.run_due(), two.run_due());

        let left = "SELECT count(*) FROM inbox_item WHERE removed_at IS NULL";
        assert_eq!(count(&app, left).await, 0);
        let counted = "SELECT count(*) FROM inbox WHERE unread <> 0 OR unseen <> 0";
        assert_eq!(count(&app, counted).await, 0);
        assert_eq!(live.next_change().await.kind, "REMOVED");
        app.assert_live_equals_refetch(&last).await;
        assert_nothing_is_wrong(&app).await;
        app.stop().await;
    }

    async fn a_thread_is_deleted_when_its_last_message_is_old(app: TestApp) {
        let app = with_message_retention(&app).await;
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let young = alice.send(&bob, "answered").await;
        let old = alice.send(&bob, "forgotten Ö").await;
        bob.reply(&old, "soon", "EVERYONE").await;
        bob.change("markRead", &[&bob.item("forgotten Ö").await]).await;
        for thread in [&old, &young] {
            bob.mute("muteThread", thread).await;
        }
        remind_with(
            &alice,
            &[To::User(&bob)],
            "reminds",
            Some("2026-02-20T09:00:00Z"),
            json!({"frequency": "weekly"}),
        )
        .await;
        alice
            .create_message(json!({
                "to": [To::User(&bob).input()], "subject": "planned", "body": "",
                "sendAt": "2027-01-01T00:00:00Z",
            }))
            .await;
        bob.mute("unmuteThread", &young).await;
        assert_eq!(count(&app, "SELECT count(*) FROM thread_mute").await, 1);
        pass(&app, 20).await;
        bob.reply(&young, "late", "EVERYONE").await;
        let known = bob.inbox().await;
        let mut live = bob.follow_inbox(None).await.with(known);

        pass(&app, 11).await;

        let mut titles = bob.titles("ALL").await;
        titles.sort();
        assert_eq!(titles, ["answered", "reminds"]);
        assert_eq!(alice.titles("ALL").await, ["Re: answered"]);
        let fresh = bob.inbox().await;
        live.until(&fresh.cursor).await;
        assert_eq!((live.state.items, live.state.counts), (fresh.items, fresh.counts));
        for user in [&alice, &bob] {
            app.assert_live_equals_refetch(user).await;
        }
        let message = "query($id: ID!) { message(id: $id) { id } }";
        assert_eq!(alice.query(message, json!({"id": old})).await["message"], json!(null));
        let lists = alice
            .query(
                "{ sentMessages { nodes { subject } } readReport { nodes { message { subject } } }
                 plannedMessages { nodes { subject } } }",
                json!({}),
            )
            .await;
        assert_eq!(lists["sentMessages"]["nodes"].as_array().unwrap().len(), 2, "{lists}");
        assert_eq!(lists["readReport"]["nodes"].as_array().unwrap().len(), 2, "{lists}");
        assert_eq!(lists["plannedMessages"]["nodes"][0]["subject"], "planned");
        for table in ["search_text", "search_again", "thread_mute", "inbox_undo"] {
            assert_eq!(count(&app, &format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
        }
        assert_eq!(count(&app, "SELECT count(*) FROM thread").await, 1);
        assert_nothing_is_wrong(&app).await;
        // Its last reminder, and the day after it.
        pass(&app, 60).await;
        assert_eq!(bob.titles("ALL").await, ["reminds"]);
        // The first removes it from the inboxes, the second deletes it.
        for _ in 0..2 {
            pass(&app, 2).await;
        }
        assert_eq!(bob.titles("ALL").await, [""; 0]);
        assert_eq!(count(&app, "SELECT count(*) FROM message").await, 1);
        assert_eq!(count(&app, "SELECT count(*) FROM message_recipient").await, 0);
        assert_nothing_is_wrong(&app).await;
        app.stop().await;
    }

    /// Its items and recipients go in parts; a server that stops in between loses nothing.
    async fn a_thread_of_many_is_deleted_in_parts(app: TestApp) {
        let app = with_message_retention(&app).await;
        let alice = app.user("alice").await;
        let [first, last] = crowd(&app, 5_200).await;
        alice.send_to(&[To::Group("crowd")], "large").await;
        for n in 0..3 {
            alice.send(&last, &format!("small {n}")).await;
        }
        app.advance(TimeDelta::days(31));
        let (one, two) = (app.clone(), app.clone());
        tokio::join!(one.run_due(), two.run_due());

        for table in ["message", "message_audience", "message_recipient", "thread", "expiry"] {
            let rows = count(&app, &format!("SELECT count(*) FROM {table}")).await;
            assert_eq!(rows, 0, "{table}");
        }
        for user in [&first, &last] {
            assert_eq!(user.titles("ALL").await, [""; 0]);
            app.assert_live_equals_refetch(user).await;
        }
        assert_nothing_is_wrong(&app).await;
        app.stop().await;
    }

    /// A pass that came to something young goes on as long as there is something old beside it.
    async fn what_is_old_leaves_although_something_young_stands_before_it(app: TestApp) {
        let app = with_inbox_retention(&app).await;
        let alice = app.user("alice").await;
        crowd(&app, 5_200).await;
        alice.send_to(&[To::Group("crowd")], "old").await;
        app.advance(TimeDelta::days(31));
        // The last item of the first part has lost the activity that began it.
        let tx = app.db.begin().await.unwrap();
        let young = "UPDATE inbox_item SET created_at = $1, updated_at = $1 WHERE id = \
                     (SELECT x.id FROM inbox_item AS x ORDER BY x.id LIMIT 1 OFFSET 4999)";
        tx.run(young, [app.now().into()]).await.unwrap();
        tx.commit().await.unwrap();
        app.run_due().await;
        let left = "SELECT count(*) FROM inbox_item WHERE removed_at IS NULL";
        assert_eq!(count(&app, left).await, 1);
        app.stop().await;
    }

    /// Whichever of its messages reminds.
    async fn a_thread_stays_while_a_reply_reminds(app: TestApp) {
        let app = with_message_retention(&app).await;
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let root = alice.send(&bob, "question").await;
        let reply = bob.reply(&root, "an answer", "EVERYONE").await;
        let remind = "mutation($id: ID!) { updateMessage(input: {messageId: $id,
            reminder: {frequency: \"weekly\"}}) { message { id } } }";
        bob.query(remind, json!({"id": reply})).await;
        pass(&app, 40).await;
        assert_eq!(count(&app, "SELECT count(*) FROM message").await, 2);

        // People who have read it are not reminded.
        alice.change("markRead", &[&alice.item("Re: question").await]).await;
        pass(&app, 8).await;
        pass(&app, 1).await;
        assert_eq!(count(&app, "SELECT count(*) FROM message").await, 0);
        assert_nothing_is_wrong(&app).await;
        app.stop().await;
    }

    /// Its newest messages go first, some in each transaction.
    async fn a_thread_of_many_messages_is_deleted_in_parts(app: TestApp) {
        let app = with_message_retention(&app).await;
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "root").await;
        let tx = app.db.begin().await.unwrap();
        let replies = "INSERT INTO message (root_id, parent_id, subject, body, depth, path, seq, \
                       recipient_count, seen_count, read_count, created_at) SELECT m.id, m.id, \
                       '', '', 1, m.path, n.i, 0, 0, 0, m.created_at FROM (WITH RECURSIVE n(i) AS \
                       (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 7000) SELECT i FROM n) \
                       AS n CROSS JOIN message AS m WHERE m.subject = 'root'";
        tx.run(replies, []).await.unwrap();
        tx.commit().await.unwrap();
        app.advance(TimeDelta::days(31));
        for left in [7_001 - BATCH, 7_001 - 2 * BATCH, 0] {
            messages::retain::forget_old(&app, TimeDelta::days(30)).await.unwrap();
            assert_eq!(count(&app, "SELECT count(*) FROM message").await, left);
        }
        assert_eq!(bob.titles("ALL").await, [""; 0]);
        assert_nothing_is_wrong(&app).await;
        app.stop().await;
    }

    /// Nothing is too old by default.
    async fn without_a_setting_everything_stays(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "old").await;
        pass(&app, 4_000).await;
        let alice = app.user("alice").await;
        assert_eq!(alice.query("{ sentMessages { nodes { subject } } }", json!({})).await
            ["sentMessages"]["nodes"][0]["subject"], "old");
        assert_eq!(app.user("bob").await.titles("ALL").await, ["old"]);
    }
}

#[test]
fn a_retention_of_less_than_a_day_is_refused() {
    let config = |time| Config { message_retention: Some(time), ..Config::default() };
    assert!(config(Duration::from_secs(365)).check_retention().is_err());
    assert!(config(DAY * 40_000).check_retention().is_err());
    assert!(config(DAY).check_retention().is_ok());
}
