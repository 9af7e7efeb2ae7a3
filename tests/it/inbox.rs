use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tidings::{
    db::Tx,
    inbox::{Change, apply, items_and_owners, lock},
};

use crate::support::{
    app::{Kind, TestApp, TestUser, To, both},
    documents::UPDATE_MESSAGE,
    locks::WAITING,
};

both! {
    /// Reading, unreading, seeing: each changes the item and the counts as it should.
    async fn reading_and_seeing_change_the_counts(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for subject in ["one", "two", "three"] {
            alice.send(&bob, subject).await;
        }
        let (one, two) = (bob.item("one").await, bob.item("two").await);
        let unread_unseen = async || {
            let counts = bob.counts().await;
            (counts["unread"].as_i64().unwrap(), counts["unseen"].as_i64().unwrap())
        };
        assert_eq!(unread_unseen().await, (3, 3));
        bob.change("markSeen", &[&one, &two]).await;
        assert_eq!(unread_unseen().await, (3, 1));
        bob.change("markRead", &[&one]).await;
        assert_eq!(unread_unseen().await, (2, 1));
        // Doing it twice changes nothing more.
        bob.change("markRead", &[&one, &one]).await;
        assert_eq!(unread_unseen().await, (2, 1));
        bob.change("markUnread", &[&one]).await;
        assert_eq!(unread_unseen().await, (3, 1));
        assert_eq!(bob.titles("UNREAD").await, ["three", "two", "one"]);
    }

    /// A list reads only the columns that lists usually show, if nothing else is selected. So every
    /// field of an item, of a message and of its sender is selected alone, and among all others.
    async fn a_field_is_the_same_whatever_is_selected_beside_it(app: TestApp) {
        let (alice, root) = (app.user("alice").await, app.admin().await);
        app.upsert_user(json!({
            "externalId": "alice", "firstName": "Alice", "lastName": "Liddell", "locale": "de",
            "email": "alice@example.com", "avatarUrl": "https://example.com/alice.png", "timeZone": "Europe/Berlin",
        }))
        .await;
        let message = alice.send(&root, "first").await;
        let answer = root.reply(&message, "second", "SENDER").await;
        alice.reply(&answer, "third", "SENDER").await;
        let extras = json!({
            "messageId": message, "url": "/first", "data": [1],
            "expiresAt": (app.now() + TimeDelta::days(9)).to_rfc3339(),
        });
        let hers = app.service().acting_as(&alice);
        hers.query(UPDATE_MESSAGE, json!({"input": extras})).await;
        let first = root.item("first").await;
        root.change("markRead", &[&first]).await;
        app.deactivate("alice").await;

        for (name, [before, after]) in [
            ("InboxItem", ["", ""]),
            ("Message", ["about { ... on Message {", "} }"]),
            ("User", ["about { ... on Message { sender {", "} } }"]),
        ] {
            let fields = root.leaf_fields(name).await;
            let nodes = async |selected: &str| {
                let query = format!(
                    "{{ viewer {{ inbox {{ items(first: 10) {{ nodes {{ \
                     {before} {selected} {after} }} }} }} }} }}"
                );
                let mut nodes = root.query(&query, json!({})).await["viewer"]["inbox"].take();
                let nodes: Vec<Value> = serde_json::from_value(nodes["items"]["nodes"].take()).unwrap();
                let inner = |node: Value| match name {
                    "Message" => node["about"].clone(),
                    "User" => node["about"]["sender"].clone(),
                    _ => node,
                };
                nodes.into_iter().map(inner).collect::<Vec<_>>()
            };
            // More than lists show.
            let more = match name {
                "InboxItem" => "thread { id }",
                "Message" => "depth",
                _ => "locale",
            };
            let all = nodes(&format!("{} {more}", fields.join(" "))).await;
            assert_eq!(all.len(), 2);
            for field in fields {
                let of = |node: &Value| node[&field].clone();
                let alone: Vec<_> = nodes(&field).await.iter().map(of).collect();
                let among: Vec<_> = all.iter().map(of).collect();
                assert_eq!(alone, among, "{name}.{field}");
            }
        }
    }

    /// What an item is about is read only if somebody asks for it, and a field is the same either
    /// way. So every field of an item is selected alone, and among all others.
    async fn a_marked_item_shows_the_same_whatever_is_selected_beside_it(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "one").await;
        let item = bob.item("one").await;
        let mark = async |selected: &str| {
            let mutation = format!(
                "mutation($id: ID!) {{ markRead(input: {{itemIds: [$id]}}) {{ items {{ {selected} }} }} }}"
            );
            let mut answer = bob.query(&mutation, json!({"id": item})).await;
            answer["markRead"]["items"][0].take()
        };
        let fields = bob.leaf_fields("InboxItem").await;
        let all = mark(&fields.join(" ")).await;
        assert_eq!(all["title"], "one");
        for field in &fields {
            assert_eq!(mark(field).await[field], all[field], "{field}");
        }

        let reads = async |selected: &str| {
            app.db.take_statements();
            mark(selected).await;
            let ran = app.db.take_statements();
            ran.iter().any(|statement| statement.sql.contains("user_account AS s"))
        };
        assert!(!reads("id readAt seenAt ... on InboxItem { updatedAt }").await);
        assert!(reads("id readAt about { ... on Message { subject } }").await);
    }

    /// What a query says of an inbox is of one moment: while somebody marks its items, as many are
    /// unread in the list as in the counts.
    async fn counts_and_items_are_of_one_moment(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for subject in ["one", "two", "three"] {
            alice.send(&bob, subject).await;
        }
        let items = [bob.item("one").await, bob.item("two").await, bob.item("three").await];
        const LOOK: &str = "{ viewer { inbox {
            counts { unread } items(first: 10) { nodes { readAt } } } } }";
        let marking = tokio::spawn({
            let bob = bob.clone();
            async move {
                for round in 0..60 {
                    let change = if round % 2 == 0 { "markRead" } else { "markUnread" };
                    bob.change(change, &items.each_ref().map(String::as_str)).await;
                }
            }
        });
        while !marking.is_finished() {
            let inbox = bob.query(LOOK, json!({})).await["viewer"]["inbox"].clone();
            let nodes = inbox["items"]["nodes"].as_array().unwrap();
            let unread = nodes.iter().filter(|item| item["readAt"].is_null()).count();
            assert_eq!(inbox["counts"]["unread"], unread, "{inbox}");
        }
        marking.await.unwrap();
    }

    /// Each of several lists in a query is its own, and a wrong cursor is named.
    async fn a_query_may_ask_for_several_lists(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for subject in ["one", "two"] {
            alice.send(&bob, subject).await;
        }
        bob.change("archive", &[&bob.item("one").await]).await;
        const LISTS: &str = "query($view: InboxView = ARCHIVED) { viewer { inbox {
            items(first: 1) { nodes { title } }
            old: items(filter: {view: $view}) { nodes { title } }
            found: items(filter: {view: ALL, search: \"tw\"}) { nodes { title } } } } }";
        let inbox = bob.query(LISTS, json!({})).await["viewer"]["inbox"].clone();
        let title = |list: &str| inbox[list]["nodes"][0]["title"].clone();
        assert_eq!([title("items"), title("old"), title("found")], ["two", "one", "two"]);
        let wrong = "{ viewer { inbox { items(after: \"x\") { nodes { title } } } } }";
        let refused = bob.refusal(wrong, json!({})).await;
        assert_eq!(refused, ("BAD_USER_INPUT".into(), Some("after".into())));
    }

    /// An item is in one state: active, archived or snoozed.
    async fn items_move_between_the_places(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "a").await;
        alice.send(&bob, "b").await;
        let item = bob.item("a").await;
        let places = async || {
            (bob.titles("ACTIVE").await, bob.titles("ARCHIVED").await, bob.titles("SNOOZED").await)
        };
        let (a, b) = (|| vec!["a".to_owned()], || vec!["b".to_owned()]);

        bob.change("archive", &[&item]).await;
        assert_eq!(places().await, (b(), a(), vec![]));
        bob.snooze(&item, app.now() + TimeDelta::hours(1)).await;
        assert_eq!(places().await, (b(), vec![], a()));
        bob.change("archive", &[&item]).await;
        assert_eq!(places().await, (b(), a(), vec![]));
        bob.change("unarchive", &[&item]).await;
        assert_eq!(bob.titles("ACTIVE").await, ["b", "a"]);
        bob.snooze(&item, app.now() + TimeDelta::hours(1)).await;
        bob.change("unsnooze", &[&item]).await;
        assert_eq!(bob.titles("ACTIVE").await, ["b", "a"]);
        assert_eq!(bob.counts().await["unread"], 2);
    }

    /// On SQLite, times are texts, and this one would compare as past.
    async fn nothing_is_snoozed_beyond_the_year_9999(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "later").await;
        let snooze = "mutation($id: ID!) {
            snooze(input: {itemIds: [$id], until: \"+10000-01-01T00:00:00Z\"}) { items { id } } }";
        let refused = bob.refusal(snooze, json!({"id": bob.item("later").await})).await;
        assert_eq!(refused, ("BAD_USER_INPUT".into(), Some("until".into())));
    }

    /// A snoozed item returns by itself: at the top and unseen.
    async fn a_snoozed_item_comes_back_in_time(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "later").await;
        let item = bob.item("later").await;
        bob.change("markSeen", &[&item]).await;
        bob.snooze(&item, app.now() + TimeDelta::hours(2)).await;
        app.advance(TimeDelta::hours(1));
        alice.send(&bob, "meanwhile").await;
        let mut live = bob.follow_inbox(None).await;
        assert_eq!(bob.titles("ACTIVE").await, ["meanwhile"]);

        app.advance(TimeDelta::hours(1));

        assert_eq!(live.take_titles(1).await, ["later"]);
        assert_eq!(bob.titles("ACTIVE").await, ["later", "meanwhile"]);
        assert_eq!(
            (&bob.counts().await["unseen"], &bob.counts().await["snoozed"]),
            (&json!(2), &json!(0))
        );
        app.assert_live_equals_refetch(&bob).await;
    }

    /// What arrived after the cursor is left alone: nobody marks what they have not been shown.
    async fn marking_all_stops_at_the_cursor(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "shown").await;
        let cursor = bob.cursor().await;
        alice.send(&bob, "new").await;

        let mark = "mutation($upTo: String) {
            markAllRead(input: {upTo: $upTo}) { affectedCount inbox { counts { unread } } } }";
        let marked = bob.query(mark, json!({"upTo": cursor})).await["markAllRead"].take();

        assert_eq!(marked, json!({"affectedCount": 1, "inbox": {"counts": {"unread": 1}}}));
        assert_eq!(bob.titles("UNREAD").await, ["new"]);
        for foreign in ["elsewhere:1", "nonsense"] {
            assert_eq!(
                bob.refusal(mark, json!({"upTo": foreign})).await,
                ("BAD_USER_INPUT".into(), Some("upTo".into()))
            );
        }
    }

    /// The bulk mutations change active items, not archived or snoozed ones.
    async fn bulk_changes_concern_what_is_there(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for subject in ["kept", "a", "b"] {
            alice.send(&bob, subject).await;
        }
        bob.change("archive", &[&bob.item("kept").await]).await;
        let all = async |mutation: &str| {
            bob.query(
                &format!("mutation {{ {mutation}(input: {{}}) {{ affectedCount }} }}"),
                json!({}),
            )
            .await[mutation]["affectedCount"]
                .take()
        };
        assert_eq!(all("markAllSeen").await, 2);
        assert_eq!(all("markAllRead").await, 2);
        assert_eq!(all("markAllRead").await, 0);
        assert_eq!(all("archiveAll").await, 2);
        let counts = bob.counts().await;
        assert_eq!((&counts["unread"], &counts["archived"]), (&json!(0), &json!(3)));
        bob.change("unarchive", &[&bob.item("kept").await]).await;
        assert_eq!(bob.counts().await["unread"], 1);
        let none_of_them =
            "mutation { markAllRead(input: {filter: {kinds: []}}) { affectedCount } }";
        assert_eq!(bob.query(none_of_them, json!({})).await["markAllRead"]["affectedCount"], 0);
        app.assert_live_equals_refetch(&bob).await;
    }

    /// Errors for invalid input to the inbox name the field.
    async fn what_cannot_be_changed_names_the_field(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "one").await;
        let item = bob.item("one").await;
        let mark = "mutation($ids: [ID!]!) { markRead(input: {itemIds: $ids}) { items { id } } }";
        let bad = |field: &str| ("BAD_USER_INPUT".to_owned(), Some(field.to_owned()));

        assert_eq!(bob.refusal(mark, json!({"ids": []})).await, bad("itemIds"));
        assert_eq!(
            bob.refusal(mark, json!({"ids": vec![item.clone(); 501]})).await,
            bad("itemIds")
        );
        assert_eq!(alice.refusal(mark, json!({"ids": [item]})).await.0, "NOT_FOUND");
        assert_eq!(bob.refusal(mark, json!({"ids": [item, "itm_zzz"]})).await.0, "NOT_FOUND");
        let snooze = "mutation($id: ID!, $until: DateTime!) {
            snooze(input: {itemIds: [$id], until: $until}) { items { id } } }";
        let past = json!({"id": item, "until": app.now().to_rfc3339()});
        assert_eq!(bob.refusal(snooze, past).await, bad("until"));
        let host = app.service().refusal(mark, json!({"ids": [item]})).await;
        assert_eq!(host, bad("act-as"));
        // A list with one wrong id changes nothing.
        assert_eq!(bob.counts().await["unread"], 1);
    }

    /// Filters by kind and by search text.
    async fn an_inbox_can_be_filtered(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let input = |subject: &str, body: &str| {
            json!({
                "to": [{"user": {"externalId": "bob"}}], "subject": subject, "body": body,
            })
        };
        alice.create_message(input("Budget", "numbers")).await;
        alice.create_message(input("Lunch", "with a BUDGET of 10%")).await;
        alice.create_message(input("Other", "nothing")).await;
        let list = async |filter: Value| {
            let query = "query($filter: InboxFilter) {
                viewer { inbox { items(filter: $filter) { nodes { title } } } } }";
            let found = bob.query(query, json!({"filter": filter})).await;
            found["viewer"]["inbox"]["items"]["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|node| node["title"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };

        assert_eq!(list(json!({"search": "budget"})).await, ["Lunch", "Budget"]);
        assert_eq!(list(json!({"search": "10%"})).await, ["Lunch"]);
        assert_eq!(list(json!({"search": "'; --drop"})).await, Vec::<String>::new());
        assert_eq!(list(json!({"kinds": ["MESSAGE"]})).await.len(), 3);
        assert_eq!(list(json!({"kinds": []})).await.len(), 0);
    }

    /// A service manages somebody's inbox by acting for them.
    async fn a_service_acts_for_a_person(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send_to(&[To::User(&bob)], "hello").await;
        let host = app.service().acting_as(&bob);

        host.change("markRead", &[&bob.item("hello").await]).await;

        assert_eq!(bob.counts().await["unread"], 0);
        let nobody = TestUser { act_as: Some("nobody".into()), ..app.service() };
        assert_eq!(nobody.refusal("{ viewer { id } }", json!({})).await.0, "BAD_USER_INPUT");
        assert_eq!(
            alice.acting_as(&bob).refusal("{ viewer { id } }", json!({})).await.0,
            "FORBIDDEN"
        );
    }
}

/// If two servers change the items of several people at once, the second leaves alone what the
/// first has changed, and the counts stay correct.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_wake_items_at_once_wake_each_once() {
    let Some(one) = TestApp::start(Kind::Postgres).await else { return };
    let two = one.another().await;
    let [alice, bob, carol] = one.users(["alice", "bob", "carol"]).await;
    // Later than the servers' own clock, so that they do not interfere.
    let due = one.now() + TimeDelta::hours(1);
    for reader in [&bob, &carol] {
        alice.send(reader, "later").await;
        reader.snooze(&reader.item("later").await, due).await;
    }
    let first = one.db.begin().await.unwrap();
    wake(&first, "user_id = (SELECT id FROM user_account WHERE external_id = 'bob')", due).await;
    let second = tokio::spawn({
        let two = two.clone();
        async move {
            let tx = two.db.begin().await.unwrap();
            wake(&tx, "true", due).await;
            tx.commit().await.unwrap();
        }
    });
    while one
        .db
        .read()
        .query_one_raw(one.db.statement(WAITING, []))
        .await
        .unwrap()
        .unwrap()
        .try_get_by_index::<i64>(0)
        .unwrap()
        == 0
    {
        tokio::task::yield_now().await;
    }
    first.commit().await.unwrap();
    second.await.unwrap();

    for reader in [&bob, &carol] {
        let counts = reader.counts().await;
        assert_eq!(
            (&counts["unread"], &counts["unseen"], &counts["snoozed"]),
            (&json!(1), &json!(1), &json!(0))
        );
        one.assert_live_equals_refetch(reader).await;
    }
    two.stop().await;
    one.stop().await;
}

/// Finds items, locks their inboxes, and wakes them.
async fn wake(tx: &Tx, which: &str, due: DateTime<Utc>) {
    let mut sql = tx.sql("tests::wake");
    sql.push(format!("SELECT id, user_id FROM inbox_item WHERE {which}"));
    let (items, owners) = items_and_owners(&sql, &**tx).await.unwrap();
    assert!(!items.is_empty());
    lock(tx, &owners).await.unwrap();
    apply(tx, &items, Change::Wake, due).await.unwrap();
}
