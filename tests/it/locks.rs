//! PostgreSQL's locks and connections: a locked row delays only those who need it, and connections
//! that were terminated are replaced before anybody notices.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::json;
use tidings::config::{self, Config};

use crate::support::{
    app::{Kind, TestApp, TestUser, To, run, run_with},
    documents::CREATE_MESSAGE,
    locks::{LOCK, SOON, number, outside, until_waiting},
};

/// More than the server's connections.
const MANY: usize = 24;
/// After this long without a statement, a transaction counts as stuck, and others give way.
const STUCK: Duration = Duration::from_millis(400);

/// Whether a send succeeds; if it does not, the reason must be that the server cannot do it now.
async fn is_sent(from: &TestUser, to: &TestUser, subject: &str) -> bool {
    let input = json!({"to": [{"user": {"externalId": to.name}}], "subject": subject, "body": ""});
    let answer = from.ask(CREATE_MESSAGE, json!({"input": input})).await;
    if answer.get("errors").is_some() {
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer:#}");
        return false;
    }
    true
}

/// P20: whatever waits for one row leaves connections to others, and does not wait forever.
#[test]
fn one_locked_inbox_holds_up_nobody_else() {
    run_with(2, async {
        let as_users_have_it = |config: &mut Config| config.database = config::Database::default();
        let Some(app) = TestApp::start_with(Kind::Postgres, as_users_have_it).await else { return };
        let [alice, bob, carol, dave] = app.users(["alice", "bob", "carol", "dave"]).await;
        let outside = outside(&app).await;
        let holder = outside.begin().await.unwrap();
        holder.query_all_raw(app.db.statement(LOCK, [])).await.unwrap();
        let begun = Instant::now();
        let waiting = (0..MANY).map(|n| {
            let (alice, bob) = (alice.clone(), bob.clone());
            tokio::spawn(async move { is_sent(&alice, &bob, &format!("{n}")).await })
        });
        let waiting: Vec<_> = waiting.collect();
        until_waiting(&outside, &app, 4..).await;

        for n in 0..10 {
            let send = async { carol.send(&dave, &n.to_string()).await };
            let sent = tokio::time::timeout(Duration::from_secs(2), send).await;
            sent.expect("another's message waits for the lock");
        }
        for waiting in join_all(waiting).await {
            assert!(!waiting.unwrap(), "it was sent into a locked inbox");
        }
        assert!(begun.elapsed() < SOON, "they have waited for {:?}", begun.elapsed());
        holder.rollback().await.unwrap();
        assert!(is_sent(&alice, &bob, "at last").await);
        assert_eq!(bob.titles("ALL").await, ["at last"]);
        app.assert_live_equals_refetch(&bob).await;
        outside.close().await.unwrap();
        app.stop().await;
    });
}

/// A transaction that is still working is waited for, even by more senders than there are
/// connections: the queue behind it moves.
#[test]
fn a_queue_behind_a_transaction_that_works_is_left_alone() {
    run(Kind::Postgres, 2, async |app: TestApp| {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let outside = outside(&app).await;
        let holder = outside.begin().await.unwrap();
        holder.query_all_raw(app.db.statement(LOCK, [])).await.unwrap();
        let waiting = (0..MANY).map(|n| {
            let (alice, bob) = (alice.clone(), bob.clone());
            tokio::spawn(async move { is_sent(&alice, &bob, &format!("{n}")).await })
        });
        let waiting: Vec<_> = waiting.collect();
        // The longest that it did nothing: a busy machine may hold it up.
        let (longest, last) = (Cell::new(Duration::ZERO), Cell::new(Instant::now()));
        let step = async || {
            number(&holder, &app, "SELECT CAST(1 AS bigint)").await;
            longest.set(longest.get().max(last.replace(Instant::now()).elapsed()));
        };
        // It works meanwhile, too: on a busy machine it takes a while until all of them wait.
        let are_waiting = Cell::new(false);
        let wait = async {
            until_waiting(&outside, &app, 16..).await;
            are_waiting.set(true);
        };
        let work = async {
            while !are_waiting.get() {
                step().await;
            }
        };
        tokio::join!(wait, work);

        // For longer than one that is stuck may do nothing.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(1) {
            step().await;
        }
        let is_one_cancelled = waiting.iter().any(|task| task.is_finished());
        assert!(!is_one_cancelled || longest.get() >= STUCK, "one was cancelled");
        holder.rollback().await.unwrap();
        let sent =
            join_all(waiting).await.into_iter().filter(|sent| *sent.as_ref().unwrap()).count();
        assert_eq!(bob.titles("ALL").await.len(), sent);
        app.assert_live_equals_refetch(&bob).await;
        outside.close().await.unwrap();
    });
}

/// An announcement reaches the inboxes of all connected people, many in one transaction. A locked
/// inbox is skipped, and takes it in when it can.
#[test]
fn the_connected_hear_of_an_announcement_while_the_inbox_of_one_is_locked() {
    run(Kind::Postgres, 2, async |app: TestApp| {
        let [alice, carol, bob] = app.users(["alice", "carol", "bob"]).await;
        let (mut of_carol, mut of_bob) =
            (carol.follow_inbox(None).await, bob.follow_inbox(None).await);
        let outside = outside(&app).await;
        let holder = outside.begin().await.unwrap();
        holder.query_all_raw(app.db.statement(LOCK, [])).await.unwrap();
        app.announce("Closed on Monday").await;

        assert_eq!(of_carol.take_titles(1).await, ["Closed on Monday"]);
        assert!(is_sent(&alice, &carol, "Lunch?").await);
        holder.rollback().await.unwrap();
        assert_eq!(of_bob.take_titles(1).await, ["Closed on Monday"]);
        app.assert_live_equals_refetch(&carol).await;
        app.assert_live_equals_refetch(&bob).await;
        outside.close().await.unwrap();
    });
}

/// A message to a group waits for the one inbox that is locked, and holds none of the others
/// meanwhile.
#[test]
fn a_message_to_a_group_holds_no_inbox_while_it_waits_for_another() {
    run(Kind::Postgres, 2, async |app: TestApp| {
        // Inboxes are locked in the order of the users: carol's before bob's.
        let [alice, carol, bob, dave] = app.users(["alice", "carol", "bob", "dave"]).await;
        app.group("team", &[&carol, &bob, &dave]).await;
        let outside = outside(&app).await;
        let holder = outside.begin().await.unwrap();
        holder.query_all_raw(app.db.statement(LOCK, [])).await.unwrap();
        let to_all =
            tokio::spawn(async move { alice.send_to(&[To::Group("team")], "To all").await });
        until_waiting(&outside, &app, 1..).await;

        let locked = "SELECT count(*) FROM (SELECT 1 FROM inbox FOR UPDATE SKIP LOCKED) AS free";
        assert_eq!(number(&outside, &app, locked).await, 3, "of alice, carol and dave");
        holder.rollback().await.unwrap();
        to_all.await.unwrap();
        for one in [&carol, &bob, &dave] {
            assert_eq!(one.titles("ALL").await, ["To all"]);
            app.assert_live_equals_refetch(one).await;
        }
        outside.close().await.unwrap();
    });
}

/// Messages to groups that share members all arrive, however they overlap.
#[test]
fn messages_to_overlapping_groups_at_once_all_arrive() {
    run(Kind::Postgres, 2, async |app: TestApp| {
        let names: Vec<_> = (0..12).map(|n| format!("user-{n}")).collect();
        let mut people = Vec::new();
        for name in &names {
            people.push(app.user(name).await);
        }
        let alice = app.user("alice").await;
        let mut groups = Vec::new();
        for first in 0..6 {
            let members: Vec<_> = people[first..first + 6].iter().collect();
            groups.push(format!("group-{first}"));
            app.group(&groups[first], &members).await;
        }
        // At most as many at a time as there are connections: none has to give way to another.
        for round in 0..5 {
            let sends = (0..12).map(|n| {
                let (alice, group) = (alice.clone(), groups[n % groups.len()].clone());
                let subject = format!("{round} {n}");
                tokio::spawn(async move { alice.send_to(&[To::Group(&group)], &subject).await })
            });
            for sent in join_all(sends.collect::<Vec<_>>()).await {
                sent.unwrap();
            }
        }
        for (n, person) in people.iter().enumerate() {
            let of_groups =
                (0..groups.len()).filter(|first| (*first..first + 6).contains(&n)).count();
            assert_eq!(person.titles("ALL").await.len(), of_groups * 10);
            app.assert_live_equals_refetch(person).await;
        }
    });
}

/// Looking at an inbox takes in what is due. While that cannot be written, the inbox is shown as it
/// is.
#[test]
fn an_inbox_that_is_locked_can_be_read() {
    let app = async {
        TestApp::start_with(Kind::Postgres, |config| {
            config.database.lock_timeout = Duration::from_millis(100)
        })
        .await
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let Some(app) = app.await else { return };
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "before").await;
        let outside = outside(&app).await;
        let holder = outside.begin().await.unwrap();
        holder.query_all_raw(app.db.statement(LOCK, [])).await.unwrap();
        app.announce("Closed on Monday").await;

        assert_eq!(bob.titles("ALL").await, ["before"]);
        let pulled = bob.ask("mutation { pullInbox { inbox { cursor } } }", json!({})).await;
        assert_eq!(pulled["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{pulled:#}");
        holder.rollback().await.unwrap();
        assert_eq!(bob.titles("ALL").await, ["Closed on Monday", "before"]);
        outside.close().await.unwrap();
        app.assert_live_equals_refetch(&bob).await;
        app.stop().await;
    });
}

/// P9: connections that were terminated while idle cause no failures.
#[test]
fn connections_that_were_ended_fail_neither_writes_nor_reads() {
    run(Kind::Postgres, 2, async |app: TestApp| {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let outside = outside(&app).await;
        // Opens as many connections as the server may have.
        for _ in 0..4 {
            let mark_all = "mutation { markAllSeen(input: {}) { affectedCount } }";
            let both = |_| async { tokio::join!(bob.ask(mark_all, json!({})), bob.counts()) };
            join_all((0..MANY).map(both)).await;
        }
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND application_name LIKE 'tidings%'";
        assert!(number(&outside, &app, end).await > 20);

        bob.counts().await;
        for n in 0..MANY {
            assert!(is_sent(&alice, &bob, &format!("after {n}")).await, "write {n} failed");
            bob.counts().await;
        }
        assert!(number(&outside, &app, end).await > 2);
        // All at once, reads first.
        join_all((0..MANY).map(|_| bob.counts())).await;
        let sent = join_all((0..MANY).map(|_| is_sent(&alice, &bob, "at once"))).await;
        assert_eq!(sent, [true; MANY]);
        outside.close().await.unwrap();
        app.assert_live_equals_refetch(&bob).await;
    });
}

/// P2: the first attempt may still be under way when its repetition arrives, and the input may have
/// become invalid in between. The repetition waits, and gets the answer of the first.
#[test]
fn a_repetition_that_is_no_longer_valid_waits_for_the_first_attempt() {
    run(Kind::Postgres, 2, async |app: TestApp| {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let outside = outside(&app).await;
        let holder = outside.begin().await.unwrap();
        holder.query_all_raw(app.db.statement(LOCK, [])).await.unwrap();
        let send = {
            let expires_at = app.now() + chrono::TimeDelta::hours(1);
            let alice = alice.clone();
            move || {
                let alice = alice.clone();
                let input = json!({
                    "to": [{"user": {"externalId": "bob"}}], "subject": "Lunch?", "body": "",
                    "expiresAt": expires_at, "idempotencyKey": "k",
                });
                tokio::spawn(async move { alice.create_message(input).await })
            }
        };
        let first = send();
        until_waiting(&outside, &app, 1..).await;

        app.advance(chrono::TimeDelta::hours(2));
        let second = send();
        until_waiting(&outside, &app, 2..).await;
        holder.rollback().await.unwrap();

        assert_eq!(first.await.unwrap(), second.await.unwrap());
        app.run_due().await;
        app.assert_live_equals_refetch(&bob).await;
        outside.close().await.unwrap();
    });
}
