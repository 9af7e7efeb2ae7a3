//! Threads in an inbox: what an item tells of its thread, and threads that wake nobody.

use serde_json::{Value, json};

use crate::{
    recount::assert_right,
    support::{
        app::{TestApp, TestUser, To, both},
        crowd::{count, crowd},
        reminders::{remind_with, reminders, travel},
    },
};

const THREAD: &str = "id messageCount unreadCount isMuted root { subject }";

impl TestUser {
    /// Mutes a thread, or ends that; returns the thread.
    pub async fn mute(&self, mutation: &str, message: &str) -> Value {
        let query = format!(
            "mutation($id: ID!) {{
                {mutation}(input: {{rootId: $id}}) {{ thread {{ {THREAD} }} }} }}"
        );
        self.query(&query, json!({"id": message})).await[mutation]["thread"].take()
    }

    /// What the items of the inbox tell of their threads, by title, the newest first.
    async fn threads(&self) -> Vec<(String, Value)> {
        let query = format!(
            "{{ viewer {{ inbox {{ items(filter: {{view: ALL}}) {{
                nodes {{ title thread {{ {THREAD} }} }} }} }} }} }}"
        );
        let found = self.query(&query, json!({})).await;
        let items = found["viewer"]["inbox"]["items"]["nodes"].as_array().unwrap().clone();
        items
            .into_iter()
            .map(|mut item| (item["title"].as_str().unwrap().to_owned(), item["thread"].take()))
            .collect()
    }
}

/// What an item tells of a thread, without the id.
fn numbers(thread: &Value) -> (i64, i64, bool) {
    (
        thread["messageCount"].as_i64().unwrap(),
        thread["unreadCount"].as_i64().unwrap(),
        thread["isMuted"].as_bool().unwrap(),
    )
}

both! {
    /// All items of a thread tell the same: how many of its messages are in this inbox, and how
    /// many of them are unread.
    async fn an_item_tells_its_thread(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        let root = alice.send_to(&[To::User(&bob), To::User(&carol)], "Lunch?").await;
        let pizza = carol.reply(&root, "Pizza", "EVERYONE").await;
        carol.reply(&root, "only for alice", "SENDER").await;
        alice.reply(&pizza, "all right", "EVERYONE").await;
        alice.send(&bob, "alone").await;
        app.announce("news").await;
        bob.change("markRead", &[&bob.item("Lunch?").await]).await;
        bob.change("archive", &[&bob.item("Lunch?").await]).await;

        let threads = bob.threads().await;
        let titles: Vec<_> = threads.iter().map(|(title, _)| title.as_str()).collect();
        assert_eq!(titles, ["news", "alone", "Re: Lunch?", "Re: Lunch?", "Lunch?"]);
        assert_eq!(threads[0].1, Value::Null);
        assert_eq!(numbers(&threads[1].1), (1, 1, false));
        for (_, thread) in &threads[2..] {
            assert_eq!(numbers(thread), (3, 2, false));
            assert_eq!(thread["root"]["subject"], "Lunch?");
            assert_eq!(thread["id"], threads[2].1["id"]);
        }
        // Alice has the replies only, also the private one, and Carol has none of her own.
        let of = async |user: &TestUser| numbers(&user.threads().await[1].1);
        assert_eq!((of(&alice).await, of(&carol).await), ((2, 2, false), (2, 2, false)));
        let node = "query($id: ID!) { node(id: $id) { ... on InboxThread { messageCount } } }";
        let id = json!({"id": threads[2].1["id"]});
        assert_eq!(bob.query(node, id.clone()).await["node"]["messageCount"], 3);
        assert_eq!(carol.query(node, id).await["node"], Value::Null);
    }

    /// Nobody waits until 5 000 messages have been looked up, for each item of a page.
    async fn of_a_long_thread_the_newest_are_counted(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let root = alice.send(&bob, "long").await;
        let tx = app.db.begin().await.unwrap();
        for sql in [
            "INSERT INTO message (root_id, parent_id, sender_id, subject, body, depth, path, seq, \
             recipient_count, seen_count, read_count, created_at) SELECT m.id, m.id, m.sender_id, \
             'reply', '', 1, m.path, n.i, 1, 0, 0, m.created_at FROM (WITH RECURSIVE n(i) AS \
             (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i FROM n) AS n \
             CROSS JOIN message AS m",
            "INSERT INTO inbox_item (user_id, kind, message_id, seq, arrived_seq, created_at, \
             updated_at, read_at) SELECT u.id, 'message', m.id, 1, 1, m.created_at, m.created_at, \
             CASE WHEN m.seq > 4990 THEN m.created_at END FROM message AS m \
             JOIN user_account AS u ON u.external_id = 'bob' WHERE m.subject = 'reply'",
            "INSERT INTO thread (root_id, seq) SELECT id, 5000 FROM message WHERE root_id IS NULL",
        ] {
            tx.run(sql, []).await.unwrap();
        }
        tx.commit().await.unwrap();
        let threads = bob.threads().await;
        assert_eq!(numbers(&threads[0].1), (1_000, 990, false));
        assert_eq!(threads.len(), 20);
        // All of it changes, however long it is.
        let read = "mutation($id: ID!) { markThreadRead(input: {rootId: $id}) {
            thread { messageCount unreadCount } } }";
        let read = bob.query(read, json!({"id": root})).await["markThreadRead"]["thread"].take();
        assert_eq!(read, json!({"messageCount": 1_000, "unreadCount": 0}));
        let left = "SELECT count(*) FROM inbox_item WHERE read_at IS NULL";
        assert_eq!(count(&app, left).await, 0);
    }

    /// A thread is read wherever its messages are, and can be unread again.
    async fn a_thread_is_marked_as_read_at_once(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let root = alice.send(&bob, "Lunch?").await;
        let again = bob.reply(&root, "When?", "SENDER").await;
        alice.reply(&again, "Now", "SENDER").await;
        alice.send(&bob, "other").await;
        bob.change("archive", &[&bob.item("Lunch?").await]).await;
        let was = bob.inbox().await;
        let read = format!(
            "mutation($id: ID!) {{ markThreadRead(input: {{rootId: $id}}) {{
                affectedCount cursor thread {{ {THREAD} }} inbox {{ counts {{ unread }} }} }} }}"
        );

        let marked = bob.query(&read, json!({"id": again})).await["markThreadRead"].take();

        assert_eq!(marked["affectedCount"], 2);
        assert_eq!(numbers(&marked["thread"]), (2, 0, false));
        assert_eq!(marked["inbox"]["counts"]["unread"], 1);
        app.assert_live_equals_refetch(&bob).await;
        assert_eq!(bob.undo(marked["cursor"].as_str().unwrap()).await.0, 2);
        assert_eq!(bob.inbox().await.items, was.items);
        assert_right(&app, "a thread was read").await;
    }

    /// A client that follows an inbox learns what becomes of a thread, also when an item leaves.
    async fn a_thread_changes_with_its_items(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let root = alice.send(&bob, "Lunch?").await;
        let own = bob.reply(&root, "When?", "SENDER").await;
        let reply = alice.reply(&own, "Now", "SENDER").await;
        let cursor = bob.cursor().await;
        alice.expire(&reply, app.now()).await;
        let changes = format!(
            "query($after: String!) {{ viewer {{ inbox {{ changes(after: $after) {{
                changes {{ type item {{ id }} thread {{ {THREAD} }} }} }} }} }} }}"
        );
        let found = bob.query(&changes, json!({"after": cursor})).await;
        let change = &found["viewer"]["inbox"]["changes"]["changes"][0];
        assert_eq!((&change["type"], &change["item"]), (&json!("REMOVED"), &Value::Null));
        assert_eq!(numbers(&change["thread"]), (1, 1, false));
        app.assert_live_equals_refetch(&bob).await;
    }

    /// What comes into a muted thread is there for whoever looks for it, and is no news.
    async fn what_comes_into_a_muted_thread_wakes_nobody(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&bob, &carol]).await;
        let root = alice.send_to(&[To::Group("team")], "Lunch?").await;
        assert_eq!(numbers(&bob.mute("muteThread", &root).await), (1, 1, true));
        bob.mute("muteThread", &root).await;
        let mut bobs = bob.follow_inbox(None).await;
        let mut carols = carol.follow_inbox(None).await;

        let reply = alice.reply(&root, "Pizza", "EVERYONE").await;

        let (quiet, heard) = (bobs.next_change().await, carols.next_change().await);
        assert_eq!((&*quiet.kind, &*heard.kind), ("UPDATED", "ARRIVED"));
        assert_eq!(bob.titles("ACTIVE").await, ["Lunch?"]);
        assert_eq!(bob.titles("ALL").await, ["Re: Lunch?", "Lunch?"]);
        let state = bob.inbox().await;
        let item = state.items.values().find(|item| item["title"] == "Re: Lunch?").unwrap();
        assert!(item["readAt"].is_string() && item["seenAt"].is_string(), "{item:#}");
        assert_eq!((&state.counts["unread"], &state.counts["unseen"]), (&json!(1), &json!(1)));
        assert_eq!(carol.counts().await["unread"], 2);
        assert_eq!(numbers(&bob.threads().await[0].1), (2, 1, true));
        // Nobody has read it, before he says so.
        let read = "query($id: ID!) { message(id: $id) { readStats { readCount } } }";
        let readers = async || {
            let answer = alice.query(read, json!({"id": reply})).await;
            answer["message"]["readStats"]["readCount"].as_i64().unwrap()
        };
        assert_eq!(readers().await, 0);
        assert_right(&app, "a reply to a muted thread").await;
        bob.change("markRead", &[item["id"].as_str().unwrap()]).await;
        assert_eq!(readers().await, 1);

        // From now on he hears of it again.
        assert_eq!(numbers(&bob.mute("unmuteThread", &reply).await), (2, 1, false));
        alice.reply(&root, "Pasta", "EVERYONE").await;
        assert_eq!(bob.counts().await["unread"], 2);
        for user in [&alice, &bob, &carol] {
            app.assert_live_equals_refetch(user).await;
        }
        assert_right(&app, "a thread that was muted").await;
    }

    /// Muting is heard by the other devices of its owner, and a thread may be muted by anyone who
    /// takes part, who may have nothing of it in their inbox.
    async fn whoever_takes_part_can_mute_a_thread(app: TestApp) {
        let [alice, bob, eve] = app.users(["alice", "bob", "eve"]).await;
        let root = alice.send(&bob, "Lunch?").await;
        let mut live = bob.follow_inbox(None).await;
        bob.mute("muteThread", &root).await;
        assert_eq!(live.next_change().await.kind, "UPDATED");
        app.assert_live_equals_refetch(&bob).await;

        assert_eq!(numbers(&alice.mute("muteThread", &root).await), (0, 0, true));
        bob.reply(&root, "When?", "SENDER").await;
        assert_eq!(alice.counts().await["unread"], 0);
        assert_eq!(alice.titles("ALL").await, ["Re: Lunch?"]);
        let mute = "mutation($id: ID!) { muteThread(input: {rootId: $id}) { thread { id } } }";
        assert_eq!(eve.refusal(mute, json!({"id": root})).await.0, "NOT_FOUND");
        assert_eq!(app.admin().await.refusal(mute, json!({"id": root})).await.0, "NOT_FOUND");
    }

    /// Reminders wake nobody there, either. A campaign does: who does not reply is deactivated.
    async fn a_muted_thread_does_not_remind(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        let admin = app.admin().await;
        app.group("team", &[&bob, &carol]).await;
        let form =
            remind_with(&alice, &[To::Group("team")], "form", None, json!({"frequency": "daily"}))
                .await;
        bob.mute("muteThread", &form).await;
        travel(&app, "2026-01-06T09:00:00Z").await;
        assert_eq!(reminders(&app).await, [("bob".into(), 0), ("carol".into(), 1)]);

        bob.mute("unmuteThread", &form).await;
        let campaign =
            json!({"frequency": "daily", "until": "REPLIED", "deactivateNonRepliers": true});
        let end = Some("2026-01-08T09:00:00Z");
        let still = remind_with(&admin, &[To::Group("team")], "still there?", end, campaign).await;
        bob.mute("muteThread", &still).await;
        travel(&app, "2026-01-07T09:00:00Z").await;
        assert_eq!(reminders(&app).await, [("bob".into(), 2), ("carol".into(), 3)]);
        app.assert_live_equals_refetch(&bob).await;
        assert_right(&app, "reminders of muted threads").await;
    }

    /// Nobody else pays for it: a new message asks nothing, and a reply asks once.
    async fn a_muted_thread_costs_others_one_look_for_each_reply(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        let root = alice.send_to(&[To::User(&bob), To::User(&carol)], "Lunch?").await;
        let cost = async |replies: bool| {
            app.db.take_statements();
            match replies {
                true => alice.reply(&root, "Pizza", "EVERYONE").await,
                false => alice.send_to(&[To::User(&bob), To::User(&carol)], "new").await,
            };
            let ran = app.db.take_statements();
            let named = |name: &str| ran.iter().filter(|ran| ran.sql.contains(name)).count();
            (named("inbox::muted"), named("inbox::apply"))
        };
        assert_eq!((cost(false).await, cost(true).await), ((0, 0), (1, 0)));
        bob.mute("muteThread", &root).await;
        assert_eq!((cost(false).await, cost(true).await), ((0, 0), (1, 1)));
    }

    /// A large send asks for each of its parts.
    async fn a_reply_to_thousands_is_quiet_for_those_who_have_muted_it(app: TestApp) {
        let [first, last] = crowd(&app, 6_000).await;
        let alice = app.user("alice").await;
        let root = alice.send_to(&[To::Group("crowd")], "hello").await;
        for user in [&first, &last] {
            user.mute("muteThread", &root).await;
        }
        first.reply(&root, "hello all", "EVERYONE").await;
        last.reply(&root, "hello again", "EVERYONE").await;

        let quiet = "SELECT count(*) FROM inbox_item WHERE archived_at IS NOT NULL";
        assert_eq!(count(&app, quiet).await, 2);
        for user in [&first, &last] {
            assert_eq!(user.counts().await["unread"], 1);
        }
        assert_right(&app, "a large reply").await;
    }
}
