//! Calls that wait at the same time are made together, and nobody notices, except by the time.

mod replies;

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use sea_orm::{ConnectionTrait, DbBackend, TransactionTrait};
use serde_json::{Value, json};
use tidings::{config::Config, db::name_and_text};

use crate::{
    recount::assert_right,
    support::{
        app::{Kind, TestApp, TestUser, To, both, run, run_with},
        documents::{CREATE_ACTIVITIES, CREATE_MESSAGE},
        locks::{LOCK, outside, until_waiting},
    },
};

/// How long something may take that happens by chance, but soon.
const LONG: Duration = Duration::from_secs(60);

/// A send in progress.
fn sending(
    from: &TestUser,
    to: &[&TestUser],
    subject: &str,
    more: Value,
) -> tokio::task::JoinHandle<Value> {
    let to: Vec<_> = to.iter().map(|user| json!({"user": {"externalId": user.name}})).collect();
    let mut input = json!({"to": to, "subject": subject, "body": ""});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let from = from.clone();
    tokio::spawn(async move { from.ask(CREATE_MESSAGE, json!({"input": input})).await })
}

fn id(answer: &Value) -> &str {
    answer["data"]["createMessage"]["message"]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer:#}"))
}

both! {
    /// Sends of all sorts at once: each is sent once, with its own answer, and those that are
    /// refused take nothing with them.
    async fn a_hundred_sends_at_once_are_each_sent_once(app: TestApp) {
        let people = app.users(["alice", "bob", "carol", "dave"]).await;
        let [alice, bob, carol, dave] = &people;
        app.group("team", &[bob, carol]).await;
        let mut following = bob.follow_inbox(None).await;
        let soon = app.now() + chrono::TimeDelta::hours(1);

        let mut calls = Vec::new();
        for n in 0..20 {
            let subject = n.to_string();
            calls.push(sending(alice, &[bob], &subject, json!({})));
            calls.push(sending(carol, &[bob, dave], &subject, json!({"expiresAt": soon})));
            calls.push(sending(dave, &[bob, carol], &subject, json!({"idempotencyKey": subject})));
            calls.push(sending(alice, &[dave], "once", json!({"idempotencyKey": "once"})));
            calls.push(sending(carol, &[bob], "Änderung", json!({"body": "#".repeat(20_000)})));
        }
        let refused = sending(alice, &[bob], "", json!({}));
        let to_group = json!({"to": [{"group": {"externalId": "team"}}]});
        let to_group = sending(dave, &[], "to the team", to_group);
        let answers: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();

        assert_eq!(refused.await.unwrap()["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
        id(&to_group.await.unwrap());
        let once: Vec<_> = answers.iter().skip(3).step_by(5).map(id).collect();
        assert!(once.iter().all(|id| *id == once[0]), "{once:?}");
        let mut all: Vec<_> = answers.iter().map(id).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 4 * 20 + 1);
        assert_eq!(bob.counts().await["unread"], 4 * 20 + 1);
        assert_eq!(carol.counts().await["unread"], 20 + 1);
        assert_eq!(dave.counts().await["unread"], 20 + 1);
        assert_eq!(following.take_titles(4 * 20 + 1).await.len(), 4 * 20 + 1);
        for user in &people {
            app.assert_live_equals_refetch(user).await;
        }
        assert_right(&app, "the sends").await;
    }

    /// The busier the server is, the fewer statements a call costs.
    async fn sends_that_wait_share_their_statements(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "alone").await;
        let before = app.db.statement_count();
        alice.send(&bob, "alone").await;
        let alone = app.db.statement_count() - before;

        // Nothing can be sent until the calls have arrived.
        let busy = app.db.begin().await.unwrap();
        if busy.get_database_backend() == DbBackend::Postgres {
            busy.execute_unprepared("LOCK TABLE message IN SHARE MODE").await.unwrap();
        }
        let before = app.db.statement_count();
        let calls: Vec<_> = (0..64).map(|n| sending(&alice, &[&bob], &n.to_string(), json!({}))).collect();
        assert_eq!(bob.counts().await["unread"], 2);
        drop(busy);
        for call in calls {
            id(&call.await.unwrap());
        }
        let together = app.db.statement_count() - before;

        assert!(together < 64 * alone / 3, "{together} statements, and {alone} for each alone");
        assert_eq!(bob.counts().await["unread"], 66);
    }
}

both! {
    /// Activities that are reported one by one, at once: each is there once, with its own answer,
    /// and the last details of a target hold.
    async fn activities_reported_at_once_are_each_created_once(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.follow("p1", "like_post").await;
        let report = |target: &str, key: Option<&str>| {
            let activity = json!({
                "actor": {"externalId": "bob"}, "action": "comment",
                "target": {"type": "post", "externalId": target, "title": "A post"},
            });
            let input = json!({"activities": [activity, activity], "idempotencyKey": key});
            let host = app.service();
            tokio::spawn(async move { host.ask(CREATE_ACTIVITIES, json!({"input": input})).await })
        };
        let before = app.db.statement_count();
        let mut calls = Vec::new();
        for n in 0..20 {
            calls.push(report("p1", None));
            calls.push(report("p1", Some(&n.to_string())));
            calls.push(report(&format!("q{n}"), Some("once"))); // Another input each time.
        }
        let mut made = Vec::new();
        let mut refused = 0;
        for call in calls {
            let answer = call.await.unwrap();
            match answer["data"]["createActivities"]["activities"].as_array() {
                Some(activities) => made.extend(activities.iter().map(|one| one["id"].to_string())),
                None => {
                    let code = &answer["errors"][0]["extensions"]["code"];
                    assert_eq!(code, "IDEMPOTENCY_KEY_REUSED", "{answer:#}");
                    refused += 1;
                }
            }
        }
        let statements = app.db.statement_count() - before;

        assert_eq!(refused, 19);
        let count = made.len();
        made.sort_unstable();
        made.dedup();
        assert_eq!((count, made.len()), (2 * 41, 2 * 41));
        assert!(statements < 41 * 10, "{statements} statements for 60 calls");
        assert_eq!(alice.counts().await["unread"], 1);
        app.assert_live_equals_refetch(&alice).await;
        app.assert_live_equals_refetch(&bob).await;
        assert_right(&app, "the activities").await;
    }
}

/// A change of items in progress; answers with the code of its error.
fn marking(
    reader: &TestUser,
    mutation: &str,
    items: &[&String],
    more: Value,
) -> tokio::task::JoinHandle<Option<String>> {
    let mut input = json!({"itemIds": items});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let kind = if mutation == "snooze" { "SnoozeInput" } else { "InboxItemsInput" };
    let query =
        format!("mutation($input: {kind}!) {{ {mutation}(input: $input) {{ items {{ id }} }} }}");
    let reader = reader.clone();
    tokio::spawn(async move {
        let answer = reader.ask(&query, json!({"input": input})).await;
        answer["errors"][0]["extensions"]["code"].as_str().map(str::to_owned)
    })
}

both! {
    /// People who read, archive and snooze at once: each change is made once, for its owner only,
    /// and everybody counts as a reader once.
    async fn marks_made_at_once_are_each_made_once(app: TestApp) {
        let names: [String; 12] = std::array::from_fn(|n| format!("reader{n}"));
        let readers = app.users(names.each_ref().map(String::as_str)).await;
        let alice = app.user("alice").await;
        app.group("team", &readers.each_ref()).await;
        let sent = alice.send_to(&[To::Group("team"), To::User(&readers[0])], "to all").await;
        alice.send_to(&[To::Group("team")], "more").await;
        app.announce("news").await;
        let until = json!(app.now() + chrono::TimeDelta::hours(1));
        let (mut calls, mut back) = (Vec::new(), Vec::new());
        for reader in &readers {
            let [all, more, news] = [
                reader.item("to all").await,
                reader.item("more").await,
                reader.item("news").await,
            ];
            let others = readers[0].item("to all").await;
            calls.push(marking(reader, "markRead", &[&all, &news], json!({})));
            calls.push(marking(reader, "markRead", &[&all], json!({})));
            calls.push(marking(reader, "archive", &[&more], json!({})));
            calls.push(marking(reader, "snooze", &[&news], json!({"until": until})));
            calls.push(marking(reader, "markSeen", &[&more, &others], json!({})));
            back.push((reader, all, more, news));
        }
        let mut refused = Vec::new();
        for call in calls {
            refused.extend(call.await.unwrap());
        }

        // Only the first reader has named nothing but their own items.
        assert_eq!(refused, vec!["NOT_FOUND"; 11]);
        let read = "query($id: ID!) { message(id: $id) { readStats { seenCount readCount } } }";
        let read = alice.query(read, json!({"id": sent})).await;
        let stats = &read["message"]["readStats"];
        assert_eq!(*stats, json!({"seenCount": 12, "readCount": 12}));
        for reader in &readers {
            let counts = reader.counts().await;
            assert_eq!((&counts["unread"], &counts["archived"]), (&json!(0), &json!(1)));
            assert_eq!(counts["snoozed"], 1);
            app.assert_live_equals_refetch(reader).await;
        }
        assert_right(&app, "the marks").await;

        let mut calls = Vec::new();
        for (reader, all, more, news) in &back {
            calls.push(marking(reader, "markUnread", &[all, all], json!({})));
            calls.push(marking(reader, "unarchive", &[more], json!({})));
            calls.push(marking(reader, "unsnooze", &[news], json!({})));
        }
        for call in calls {
            assert_eq!(call.await.unwrap(), None);
        }
        for reader in &readers {
            let counts = reader.counts().await;
            assert_eq!((&counts["unread"], &counts["archived"]), (&json!(2), &json!(0)));
            assert_eq!(counts["snoozed"], 0);
            app.assert_live_equals_refetch(reader).await;
        }
        assert_right(&app, "what was taken back").await;
    }
}

both! {
    /// Queries that wait are rows of one statement, which both databases understand: if they did
    /// not, each would be asked alone, and nobody would notice.
    async fn queries_that_wait_are_asked_with_one_statement(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "hello").await;
        let page = "{ viewer { inbox { items(first: 1) { nodes { id title } } } } }";
        let shown = bob.query(page, json!({})).await;
        let item = [shown["viewer"]["inbox"]["items"]["nodes"][0]["id"].as_str().unwrap()];
        // More than are asked before others have to wait.
        let at_once = 4 * thread::available_parallelism().unwrap().get().min(24);
        let report = "{ readReport(first: 5) { nodes { id sentTo { name } } } }";
        app.db.take_statements();

        let mut missing =
            BTreeSet::from(["pull::look", "users::named", "inbox::rows", "reports::page"]);
        let since = Instant::now();
        while !missing.is_empty() {
            assert!(since.elapsed() < LONG, "never asked together: {missing:?}");
            join_all((0..at_once).map(|_| bob.query(page, json!({})))).await;
            join_all((0..at_once).map(|_| alice.send(&bob, "again"))).await;
            join_all((0..at_once).map(|_| bob.change("markUnread", &item))).await;
            join_all((0..at_once).map(|_| alice.query(report, json!({})))).await;
            for statement in app.db.take_statements() {
                if statement.sql.contains("SELECT w.place, ") {
                    missing.remove(name_and_text(&statement.sql).0.unwrap());
                    app.db.read().query_all_raw(statement).await.unwrap();
                }
            }
        }
    }
}

/// A queue that is full refuses at once, with what a client may do, and loses nothing.
#[test]
fn calls_beyond_the_queue_are_refused_at_once() {
    run_with(2, async {
        let four = |config: &mut Config| config.database.queue = 4;
        let Some(app) = TestApp::start_with(Kind::Sqlite, four).await else { return };
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let holder = app.db.begin().await.unwrap();
        let mut calls: FuturesUnordered<_> =
            (0..12).map(|n| sending(&alice, &[&bob], &n.to_string(), json!({}))).collect();

        for _ in 0..8 {
            let answer = calls.next().await.unwrap().unwrap();
            assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer:#}");
        }
        drop(holder);
        while let Some(answer) = calls.next().await {
            id(&answer.unwrap());
        }
        assert_eq!(bob.counts().await["unread"], 4);
        app.stop().await;
    });
}

/// Large batches wait for the writer like anything else: what counts is how much they have, not how
/// much they might have.
#[test]
fn a_dozen_large_batches_of_activities_find_a_place_in_the_queue() {
    run_with(2, async {
        let twelve = |config: &mut Config| config.database.queue = 12;
        let Some(app) = TestApp::start_with(Kind::Sqlite, twelve).await else { return };
        let activity = json!({
            "action": "comment", "target": {"type": "post", "externalId": "p1"},
            "data": {"preview": "Well done!"},
        });
        let input = json!({"input": {"activities": vec![activity; 500]}});
        let holder = app.db.begin().await.unwrap();
        let mut calls: FuturesUnordered<_> = (0..13)
            .map(|_| {
                let (host, input) = (app.service(), input.clone());
                tokio::spawn(async move { host.ask(CREATE_ACTIVITIES, input).await })
            })
            .collect();

        // The thirteenth. So the others are waiting.
        let refused = calls.next().await.unwrap().unwrap();
        assert_eq!(refused["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{refused:#}");
        drop(holder);
        while let Some(answer) = calls.next().await {
            let answer = answer.unwrap();
            let created = answer["data"]["createActivities"]["activities"].as_array();
            assert_eq!(created.map(Vec::len), Some(500), "{:?}", answer["errors"]);
        }
        app.stop().await;
    });
}

/// A send to a locked inbox waits for it; those made with it do not.
#[test]
fn a_send_to_a_locked_inbox_holds_up_none_of_those_made_with_it() {
    run(Kind::Postgres, 2, async |app: TestApp| {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        let outside = outside(&app).await;
        let holder = outside.begin().await.unwrap();
        holder.query_all_raw(app.db.statement(LOCK, [])).await.unwrap();

        let mut held = vec![sending(&alice, &[&carol, &bob], "both", json!({}))];
        let free: Vec<_> =
            (0..40).map(|n| sending(&alice, &[&carol], &n.to_string(), json!({}))).collect();
        held.push(sending(&alice, &[&bob], "to bob", json!({"idempotencyKey": "k"})));
        for call in free {
            id(&call.await.unwrap());
        }
        until_waiting(&outside, &app, 2..).await;
        assert!(held.iter().all(|call| !call.is_finished()));
        holder.rollback().await.unwrap();

        for call in held {
            id(&call.await.unwrap());
        }
        assert_eq!(bob.counts().await["unread"], 2);
        assert_eq!(carol.counts().await["unread"], 41);
        assert_right(&app, "the sends").await;
        outside.close().await.unwrap();
    });
}

/// What makes a whole turn wait is found by its calls one by one.
#[test]
fn a_sender_whose_row_is_locked_holds_up_nobody_else() {
    run(Kind::Postgres, 2, async |app: TestApp| {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        let outside = outside(&app).await;
        let holder = outside.begin().await.unwrap();
        let lock = "SELECT * FROM user_account WHERE external_id = 'alice' FOR UPDATE";
        holder.query_all_raw(app.db.statement(lock, [])).await.unwrap();

        let held = sending(&alice, &[&bob], "held", json!({}));
        let free: Vec<_> =
            (0..40).map(|n| sending(&carol, &[&bob], &n.to_string(), json!({}))).collect();
        for call in free {
            id(&call.await.unwrap());
        }
        until_waiting(&outside, &app, 1..).await;
        assert!(!held.is_finished());
        holder.rollback().await.unwrap();

        id(&held.await.unwrap());
        assert_eq!(bob.counts().await["unread"], 41);
        assert_right(&app, "the sends").await;
        outside.close().await.unwrap();
    });
}
