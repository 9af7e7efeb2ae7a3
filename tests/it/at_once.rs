//! Concurrency on PostgreSQL: the test holds a lock that the server needs, observes who waits for
//! it, and then releases it.

use std::time::Instant;

use chrono::TimeDelta;
use sea_orm::sqlx::postgres::PgListener;
use serde_json::{Value, json};
use tidings::{
    auth::Role,
    db::{Db, Tx},
    inbox::BATCH,
    jobs, server,
};
use tokio::{task::JoinHandle, time::timeout};

use crate::support::{
    app::{Kind, TestApp, TestUser, To, run},
    crowd::{count, crowd},
    documents::{CREATE_ACTIVITIES, SET_EXPIRY, UPSERT_USERS},
    locks::WAITING,
    reminders::remind_with,
    socket::PATIENCE,
};

/// Runs a test on PostgreSQL only: SQLite has one writer, and nobody waits for a lock.
macro_rules! on_postgres {
    ($($(#[$doc:meta])* async fn $name:ident($app:ident: TestApp) $story:block)*) => { $(
        $(#[$doc])*
        #[test]
        fn $name() {
            async fn story($app: TestApp) $story
            run(Kind::Postgres, 2, story);
        }
    )* };
}

/// A transaction that holds what a statement locks or writes.
async fn holding(app: &TestApp, sql: &str) -> Tx {
    let tx = app.db.begin().await.unwrap();
    tx.run(sql, []).await.unwrap();
    tx
}

/// Waits until this many transactions wait for locks, or until one of these calls has finished
/// without waiting.
async fn until_waiting(app: &TestApp, transactions: i64, calls: &[&JoinHandle<Value>]) {
    let begin = Instant::now();
    while count(app, WAITING).await < transactions && !calls.iter().any(|call| call.is_finished()) {
        assert!(begin.elapsed() < PATIENCE, "nobody waits");
        tokio::task::yield_now().await;
    }
}

/// A request in progress.
fn calling(client: &TestUser, query: &'static str, variables: Value) -> JoinHandle<Value> {
    let client = client.clone();
    tokio::spawn(async move { client.ask(query, variables).await })
}

const PROFILE: &str =
    "query($name: String!) { user(ref: {externalId: $name}) { name locale timeZone } }";

on_postgres! {
    /// A person's first token does not overwrite what the host writes about them at the same
    /// moment.
    async fn a_first_sign_in_leaves_the_profile_that_is_being_written(app: TestApp) {
        let host = app.service();
        // The call writes people in the order of their names, and has to wait for the last one.
        let held = holding(&app, "INSERT INTO user_account (external_id, first_name, last_name, \
                                  locale, time_zone, created_at) \
                                  VALUES ('zoe', '', '', 'en', 'UTC', now())").await;
        let ada = json!({
            "externalId": "ada", "firstName": "Ada", "lastName": "King",
            "email": "ada@example.com", "avatarUrl": "https://example.com/ada.png",
            "locale": "en-GB", "timeZone": "Europe/London",
        });
        let upsert = calling(&host, UPSERT_USERS, json!({"users": [ada, {"externalId": "zoe"}]}));
        until_waiting(&app, 1, &[&upsert]).await;
        let first = calling(&app.client("ada", Role::User), "{ viewer { id } }", json!({}));
        until_waiting(&app, 2, &[&upsert, &first]).await;
        drop(held);

        assert_eq!(upsert.await.unwrap().get("errors"), None);
        assert_eq!(first.await.unwrap().get("errors"), None);
        let profile = host.query(PROFILE, json!({"name": "ada"})).await;
        assert_eq!(profile["user"], json!({
            "name": "Ada King", "locale": "en-GB", "timeZone": "Europe/London",
        }));
        let own = "SELECT count(*) FROM user_account \
                   WHERE email = 'ada@example.com' AND avatar_url IS NOT NULL";
        assert_eq!(count(&app, own).await, 1);
    }

    /// If two calls change different fields of one person, both take effect.
    async fn two_partial_upserts_at_once_lose_nothing(app: TestApp) {
        let (host, _bob) = (app.service(), app.user("bob").await);
        let held = holding(&app, "UPDATE user_account SET locale = locale \
                                  WHERE external_id = 'bob'").await;
        let one = calling(&host, UPSERT_USERS, json!({
            "users": [{"externalId": "bob", "firstName": "Robert"}],
        }));
        let other = calling(&host, UPSERT_USERS, json!({
            "users": [{"externalId": "bob", "lastName": "Hale", "locale": "fr"}],
        }));
        until_waiting(&app, 2, &[&one, &other]).await;
        held.commit().await.unwrap();

        for call in [one, other] {
            assert_eq!(call.await.unwrap().get("errors"), None);
        }
        let profile = host.query(PROFILE, json!({"name": "bob"})).await;
        assert_eq!(profile["user"], json!({
            "name": "Robert Hale", "locale": "fr", "timeZone": "UTC",
        }));
    }

    /// A call that names a target which somebody else creates at the same moment still changes what
    /// inboxes show of it.
    async fn a_target_that_two_make_known_at_once_is_refreshed(app: TestApp) {
        let [ada, bob] = app.users(["ada", "bob"]).await;
        let held = holding(&app, "INSERT INTO target (type, external_id, title, created_at) \
                                  VALUES ('post', 'p', 'Draft', now())").await;
        let target = json!({"type": "post", "externalId": "p", "title": "Final"});
        let input = json!({
            "activities": [{"actor": {"externalId": "ada"}, "action": "comment", "target": target}],
        });
        app.db.take_statements();
        let call = calling(&app.service(), CREATE_ACTIVITIES, json!({"input": input}));
        until_waiting(&app, 1, &[&call]).await;
        held.commit().await.unwrap();

        assert_eq!(call.await.unwrap().get("errors"), None);
        assert_eq!(count(&app, "SELECT count(*) FROM target WHERE title = 'Final'").await, 1);
        let ran = app.db.take_statements();
        let noted = ran.iter().filter(|ran| ran.sql.contains("INSERT INTO \"refresh\""));
        assert_eq!(noted.count(), 1, "the items that show “Draft” are not refreshed");
        drop((ada, bob));
    }

    /// Nobody can be added to a group that is being deleted.
    async fn a_group_that_is_being_deleted_takes_no_members(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        app.group("team", &[&alice]).await;
        let host = app.service();
        let held = holding(&app, "UPDATE group_member SET joined_at = joined_at").await;
        let delete = calling(&host, "mutation {
            deleteGroup(input: {group: {externalId: \"team\"}}) { group { id } } }", json!({}));
        until_waiting(&app, 1, &[&delete]).await;
        let add = "mutation {
            addGroupMembers(input: {
                group: {externalId: \"team\"}, users: [{externalId: \"bob\"}]
            }) { group { id } } }";
        let add = calling(&host, add, json!({}));
        until_waiting(&app, 2, &[&delete, &add]).await;
        held.commit().await.unwrap();

        assert_eq!(delete.await.unwrap().get("errors"), None);
        assert_eq!(add.await.unwrap()["errors"][0]["extensions"]["code"], "NOT_FOUND");
        app.group("team", &[]).await;
        let members = "{ group(ref: {externalId: \"team\"}) { memberCount } }";
        assert_eq!(bob.query(members, json!({})).await["group"]["memberCount"], 0);
    }

    /// While a message is leaving the inboxes, its expiry is fixed: otherwise it would be valid,
    /// but only in some inboxes.
    async fn an_expiry_cannot_be_put_off_while_it_takes_effect(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let id = alice.send(&bob, "until ten").await;
        alice.expire(&id, app.now() + TimeDelta::hours(1)).await;
        let held = holding(&app, "UPDATE inbox SET seq = seq").await;
        app.advance(TimeDelta::hours(1));
        until_waiting(&app, 1, &[]).await;

        let later = (app.now() + TimeDelta::hours(1)).to_rfc3339();
        let update = calling(&alice, SET_EXPIRY, json!({"id": id, "at": later}));
        until_waiting(&app, 2, &[&update]).await;
        drop(held);

        assert_eq!(update.await.unwrap()["errors"][0]["extensions"]["code"], "CONFLICT");
        app.run_due().await;
        assert_eq!(bob.titles("ALL").await, [""; 0]);
    }

    /// A crash in the middle of a large expiry: a message that has begun to leave the inboxes
    /// leaves all of them.
    async fn an_expiry_goes_on_after_a_crash_and_is_settled(app: TestApp) {
        let alice = app.user("alice").await;
        let [_, last] = crowd(&app, 6_000).await;
        let id = alice.send_to(&[To::Group("crowd")], "until ten").await;
        alice.expire(&id, app.now() + TimeDelta::hours(1)).await;
        app.stop().await;
        app.advance(TimeDelta::hours(1));
        // Simulates a server that is killed after the first part, while it waits for the last
        // inbox.
        let doomed = server::start((*app.config).clone(), app.clock.clone()).await.unwrap();
        let held = doomed.db.begin().await.unwrap();
        held.run("UPDATE inbox SET seq = seq WHERE user_id = (SELECT id FROM user_account \
                  WHERE external_id = 'u6000')", []).await.unwrap();
        let work = tokio::spawn({
            let doomed = doomed.clone();
            async move { jobs::run_due(&doomed).await }
        });
        let begin = Instant::now();
        while doomed.db.integers(WAITING, []).await.unwrap() == [0] {
            assert!(begin.elapsed() < PATIENCE, "nobody waits");
            tokio::task::yield_now().await;
        }
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
        let left = "SELECT count(*) FROM inbox_item WHERE removed_at IS NULL";
        assert_eq!(doomed.db.integers(left, []).await.unwrap(), [6_000 - BATCH]);

        // As `updateMessage` does: its sender asks for more time before any server looks at what is
        // due.
        let update = "UPDATE message SET expires_at = expires_at + interval '1 hour' \
                      WHERE expired_at IS NULL";
        let put_off = doomed.db.begin().await.unwrap();
        assert_eq!(put_off.run(update, []).await.unwrap(), 0, "it can still be put off");
        drop((put_off, held));
        doomed.shutdown.cancel();
        doomed.db.close().await;
        let again = app.restart().await;
        again.run_due().await;

        assert_eq!(count(&again, left).await, 0);
        assert_eq!(again.user(&last.name).await.titles("ALL").await, [""; 0]);
        again.stop().await;
    }

    /// The server's background work stops between two parts when the server stops, and continues at
    /// the next start.
    async fn what_is_under_way_ends_between_two_parts_when_the_server_stops(app: TestApp) {
        let alice = app.user("alice").await;
        crowd(&app, 11_000).await;
        let id = alice.send_to(&[To::Group("crowd")], "until ten").await;
        alice.expire(&id, app.now() + TimeDelta::hours(1)).await;
        let held = holding(&app, "UPDATE inbox SET seq = seq \
                                  WHERE user_id = (SELECT id FROM user_account \
                                  WHERE external_id = 'u1')").await;
        app.advance(TimeDelta::hours(1));
        until_waiting(&app, 1, &[]).await;

        app.shutdown.cancel();
        drop(held);
        app.stop().await;

        let (db, _heard) = Db::open(&app.config.database_url).await.unwrap();
        let left = "SELECT count(*) FROM inbox_item WHERE removed_at IS NULL";
        assert_eq!(db.integers(left, []).await.unwrap(), [11_000 - BATCH]);
        db.close().await;
        let again = app.restart().await;
        again.run_due().await;
        assert_eq!(count(&again, left).await, 0);
        again.stop().await;
    }

    /// A large send that waits for somebody delays no reminder.
    async fn a_send_that_cannot_go_on_holds_up_no_reminder(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        remind_with(&alice, &[To::User(&bob)], "form", None, json!({"frequency": "daily"})).await;
        alice.send(&carol, "to all").await;
        let interrupted = app.db.begin().await.unwrap();
        let insert = "INSERT INTO delivery (message_id, delivered_to) SELECT max(id), 0 \
                      FROM message";
        interrupted.run(insert, []).await.unwrap();
        interrupted.commit().await.unwrap();
        let held = holding(&app, "UPDATE delivery SET delivered_to = 0").await;
        let mut live = bob.follow_inbox(None).await;

        app.advance(TimeDelta::days(1));

        assert_eq!(live.next_change().await.kind, "REMINDED");
        drop(held);
    }

    /// What one commit concerns is named to the other servers, so that they need not check
    /// everything.
    async fn a_commit_of_thousands_of_inboxes_names_them_to_other_servers(app: TestApp) {
        let alice = app.user("alice").await;
        crowd(&app, 3_000).await;
        let mut listener = PgListener::connect(&app.config.database_url).await.unwrap();
        listener.listen("tidings").await.unwrap();

        alice.send_to(&[To::Group("crowd")], "to all").await;

        let mut named = std::collections::BTreeSet::new();
        while named.len() < 3_000 {
            let told = timeout(PATIENCE, listener.recv()).await.expect("nothing more is told");
            let told = told.unwrap();
            let (_, topics) = told.payload().split_once(':').unwrap();
            assert_ne!(topics, "*", "everybody has to look again");
            let inboxes = topics.split(',').filter(|topic| topic.starts_with('i'));
            named.extend(inboxes.map(str::to_owned));
        }
    }
}
