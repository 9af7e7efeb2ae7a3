//! The parts of an erasure: none does more than a transaction should, and what was on its way is
//! found by a last look.

use std::sync::Arc;

use chrono::TimeDelta;
use entity::{id::UserId, user};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, TransactionTrait};
use serde_json::json;
use tidings::{
    auth::{Actor, Role},
    erasure::{self, Part},
    error::Error,
    id,
    inbox::BATCH,
    people::users::{self, UpdateViewerInput},
};

use super::{assert_nothing_is_wrong, erase_user, fill, found, known};
use crate::support::{
    app::{Kind, TestApp, TestUser, To, both, run},
    crowd::{count, crowd},
    documents::CREATE_MESSAGE,
    locks::{outside, until_waiting},
};

/// Places in the order of the steps.
const INBOX: i32 = 1;
const RECEIVED: i32 = 6;
const SENT: i32 = 7;
const DATA: i32 = 8;

async fn change(app: &TestApp, sql: &str) {
    let tx = app.db.begin().await.unwrap();
    assert!(tx.run(sql, []).await.unwrap() > 0, "{sql} changes nothing");
    tx.commit().await.unwrap();
}

/// Begins an erasure at a step, as if those before it had been done. Returns whose it is.
async fn at_step(app: &TestApp, user: &TestUser, step: i32) -> UserId {
    let begin = format!(
        "INSERT INTO erasure (user_id, messages, step, position, reached) \
         SELECT id, true, {step}, 0, 0 FROM user_account WHERE external_id = '{}'",
        user.name
    );
    change(app, &begin).await;
    id::decode(&user.id).unwrap()
}

/// Does one part of an erasure.
async fn part(app: &TestApp, user: UserId) -> Part {
    erasure::erase_some(app, user).await.unwrap()
}

both! {
    /// Calls that had begun before somebody was erased write after the steps have gone by.
    async fn what_was_on_its_way_goes_with_the_last_look(app: TestApp) {
        let ada = known(&app, "ada").await;
        let [bob, carol] = app.users(["bob", "carol"]).await;
        let message = bob.send(&carol, "to others").await;
        let late = carol.send(&bob, "secret answer").await;
        app.act(&carol, "comment", "post").await;
        assert_eq!(erase_user(&app, &ada, true).await["isComplete"], true);

        let ada_id = "(SELECT id FROM user_account WHERE erased_at IS NOT NULL)";
        let number = |id: &str| id::decode::<entity::id::MessageId>(id).unwrap().0;
        let (message, late) = (number(&message), number(&late));
        for sql in [
            format!(
                "INSERT INTO message_audience (message_id, user_id, name, recipient_count, \
                 seen_count, read_count) VALUES ({message}, {ada_id}, 'Ada Lövelace', 1, 0, 0)"
            ),
            format!(
                "INSERT INTO message_recipient (message_id, user_id, audience_id) \
                 SELECT {message}, user_id, id FROM message_audience WHERE name = 'Ada Lövelace'"
            ),
            format!("UPDATE message SET recipient_count = 2 WHERE id = {message}"),
            format!("UPDATE message SET sender_id = {ada_id} WHERE id = {late}"),
            format!(
                "INSERT INTO message (sender_id, subject, body, depth, path, seq, \
                 recipient_count, seen_count, read_count, created_at, send_at) \
                 SELECT {ada_id}, 'secret plan', '', 0, path, 0, 0, 0, 0, created_at, \
                 created_at FROM message WHERE id = {message}"
            ),
            format!("UPDATE activity SET actor_id = {ada_id}, data = '\"secret\"'"),
        ] {
            change(&app, &sql).await;
        }
        app.run_due().await;
        assert_eq!(found(&app, "secret").await, ["message", "activity"], "it is too early");

        app.advance(TimeDelta::minutes(5));
        app.run_due().await;
        for text in ["Lövelace", "secret"] {
            assert_eq!(found(&app, text).await, [""; 0], "{text}");
        }
        let read = format!("SELECT count(*) FROM message_recipient WHERE user_id = {ada_id}");
        assert_eq!(count(&app, &read).await, 0);
        assert_eq!(count(&app, "SELECT count(*) FROM message WHERE send_at IS NOT NULL").await, 0);
        assert_eq!(count(&app, "SELECT count(*) FROM erasure").await, 0);
        assert_eq!(bob.titles("ALL").await, [""; 0]);
    }

    /// The host gives its ids as it likes.
    async fn an_id_that_looks_erased_is_in_nobodys_way(app: TestApp) {
        let ada = known(&app, "ada").await;
        app.upsert_user(json!({"externalId": format!("erased-{}", ada.id)})).await;
        assert_eq!(erase_user(&app, &ada, false).await["isComplete"], true);

        let add = "mutation($id: ID!) { addGroupMembers(input: {
            group: {externalId: \"team\"}, users: [{id: $id}]}) { group { id } } }";
        app.group("team", &[]).await;
        let refused = app.service().refusal(add, json!({"id": ada.id})).await;
        assert_eq!(refused.0, "CONFLICT");
    }

    /// Their own call is under way when they are erased.
    async fn nobody_becomes_known_again_by_changing_their_language(app: TestApp) {
        let ada = known(&app, "ada").await;
        let row = user::Entity::find().filter(user::COLUMN.external_id.eq("ada"));
        let row = row.one(app.db.read()).await.unwrap().unwrap();
        let actor = Actor {
            role: Role::Service,
            subject: "ada".into(),
            user: Some(Arc::new(row)),
            behind: None,
            expires: app.now(),
        };
        erase_user(&app, &ada, false).await;

        let input = UpdateViewerInput { locale: Some("de".into()), time_zone: None };
        let changed = users::update_viewer(&app, &actor, input).await;
        assert!(matches!(changed, Err(Error::Deactivated { .. })), "{changed:?}");
        let again = "SELECT count(*) FROM user_account WHERE external_id = 'ada'";
        assert_eq!(count(&app, again).await, 0);
    }

    /// Also where little of an inbox is made of much.
    async fn no_part_deletes_more_than_a_batch(app: TestApp) {
        let ada = app.user("ada").await;
        fill(&app, 10).await;
        let id = id::decode::<UserId>(&ada.id).unwrap();
        for sql in [
            "INSERT INTO target (type, external_id, created_at) \
             SELECT 'post', 'p', created_at FROM user_account",
            "INSERT INTO inbox_item (user_id, kind, target_id, action, activity_id, \
             activity_count, actor_count, seq, arrived_seq, created_at, updated_at) \
             SELECT u.id, 'activity', t.id, 'comment', 1, 5000, 1, 0, 0, u.created_at, \
             u.created_at FROM user_account AS u CROSS JOIN target AS t",
            "INSERT INTO inbox_item_activity (item_id, activity_id) \
             SELECT x.id, n.i FROM inbox_item AS x CROSS JOIN (\
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
             SELECT i FROM n) AS n WHERE x.kind = 'activity'",
            "UPDATE inbox SET active = active + 1, unread = unread + 1, unseen = unseen + 1, \
             unread_activities = 1",
        ] {
            change(&app, sql).await;
        }
        at_step(&app, &ada, INBOX).await;
        let links = "SELECT count(*) FROM inbox_item_activity";
        let items = "SELECT count(*) FROM inbox_item";
        for (links_left, items_left) in [(5_000 - BATCH, 11), (0, 10), (0, 0)] {
            part(&app, id).await;
            assert_eq!(count(&app, links).await, links_left);
            assert_eq!(count(&app, items).await, items_left);
        }
        assert_eq!(ada.counts().await["active"], 0);
    }

    /// No part changes more than a batch of rows, and others write to each other meanwhile.
    async fn many_items_hold_up_nobody(app: TestApp) {
        const ITEMS: i64 = 12_000;
        let [ada, bob, carol] = app.users(["ada", "bob", "carol"]).await;
        fill(&app, ITEMS).await;
        let id = at_step(&app, &ada, INBOX).await;
        let erasing = tokio::spawn({
            let app = app.clone();
            async move {
                loop {
                    let part = match erasure::erase_some(&app, id).await {
                        // A message was written meanwhile.
                        Err(Error::Unavailable(_)) => continue,
                        part => part.unwrap(),
                    };
                    if part == Part::EndsAll {
                        return;
                    }
                }
            }
        });
        let mut sent = 0;
        while !erasing.is_finished() {
            let to = json!([To::User(&carol).input()]);
            let input = json!({"input": {"to": to, "subject": "meanwhile", "body": ""}});
            let answer = bob.ask(CREATE_MESSAGE, input).await;
            sent += i64::from(answer["errors"].is_null());
        }
        erasing.await.unwrap();
        for table in ["inbox_item", "message_recipient"] {
            let of_ada = format!("SELECT count(*) FROM {table} WHERE user_id = {}", id.0);
            assert_eq!(count(&app, &of_ada).await, 0, "{table}");
        }
        assert!(sent > 0, "no message was sent meanwhile");
        assert_eq!(count(&app, "SELECT count(*) FROM inbox_item").await, sent);
        let counted = "SELECT count(*) FROM inbox WHERE active <> 0 AND user_id = ";
        assert_eq!(count(&app, &format!("{counted}{}", id.0)).await, 0);
    }

    async fn the_data_of_many_activities_goes_in_parts(app: TestApp) {
        let ada = app.user("ada").await;
        for sql in [
            "INSERT INTO target (type, external_id, created_at) \
             SELECT 'post', 'p', created_at FROM user_account",
            "INSERT INTO activity (actor_id, action, target_id, data, occurred_at, created_at) \
             SELECT u.id, 'comment', t.id, '1', u.created_at, u.created_at FROM (\
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5200) \
             SELECT i FROM n) AS n CROSS JOIN user_account AS u CROSS JOIN target AS t",
        ] {
            change(&app, sql).await;
        }
        let id = at_step(&app, &ada, DATA).await;
        let left = "SELECT count(data) FROM activity";
        for expected in [5_200 - BATCH, 0] {
            part(&app, id).await;
            assert_eq!(count(&app, left).await, expected);
        }
        app.run_due().await;
        assert_eq!(count(&app, "SELECT count(*) FROM erasure WHERE due_at IS NULL").await, 0);
    }

    /// A message to many leaves their inboxes in parts, and the erasure waits for that.
    async fn a_message_to_many_is_taken_back_in_parts(app: TestApp) {
        let ada = app.user("ada").await;
        crowd(&app, 5_200).await;
        ada.send_to(&[To::Group("crowd")], "to all").await;
        let id = at_step(&app, &ada, SENT).await;
        let left = "SELECT count(*) FROM inbox_item WHERE removed_at IS NULL";
        part(&app, id).await;
        // The server itself may have gone on with it meanwhile.
        assert!(count(&app, left).await <= 5_200 - BATCH);
        part(&app, id).await;
        assert_eq!(count(&app, left).await, 0);
        assert_eq!(count(&app, "SELECT count(*) FROM message WHERE subject = ''").await, 1);
        app.run_due().await;
        assert_eq!(count(&app, "SELECT count(*) FROM expiry").await, 0);
        assert_nothing_is_wrong(&app).await;
    }
}

/// What they are reading at this moment is counted, and found.
#[test]
fn whoever_is_erased_while_they_read_is_counted_once() {
    run(Kind::Postgres, 2, async |app: TestApp| {
        let [ada, bob] = app.users(["ada", "bob"]).await;
        bob.send(&ada, "hello").await;
        let id = at_step(&app, &ada, RECEIVED).await;
        let outside = outside(&app).await;
        // As markRead does it.
        let reading = outside.begin().await.unwrap();
        let lock = "SELECT * FROM inbox WHERE user_id = $1 FOR UPDATE";
        reading.query_all_raw(app.db.statement(lock, [id.into()])).await.unwrap();
        let erasing = tokio::spawn({
            let app = app.clone();
            async move { erasure::erase_some(&app, id).await.unwrap() }
        });
        until_waiting(&outside, &app, 1..).await;
        for sql in [
            "UPDATE message_recipient SET seen_at = now(), read_at = now() WHERE user_id = $1",
            "UPDATE message SET seen_count = 1, read_count = 1, first_read_at = now(), \
             last_read_at = now() WHERE $1 IS NOT NULL",
            "UPDATE message_audience SET seen_count = 1, read_count = 1, first_read_at = now(), \
             last_read_at = now() WHERE user_id = $1",
        ] {
            reading.execute_raw(app.db.statement(sql, [id.into()])).await.unwrap();
        }
        reading.commit().await.unwrap();
        erasing.await.unwrap();
        let found = "SELECT count(*) FROM message_recipient WHERE read_at IS NOT NULL";
        assert_eq!(count(&app, found).await, 1);
        let read = format!("SELECT count(*) FROM message_recipient WHERE user_id = {}", id.0);
        assert_eq!(count(&app, &read).await, 0);
        outside.close().await.unwrap();
    });
}

/// Their planned message is being sent when they are erased: it is sent, and stays whole.
#[test]
fn what_is_being_sent_is_not_cancelled() {
    run(Kind::Postgres, 2, async |app: TestApp| {
        let [ada, bob] = app.users(["ada", "bob"]).await;
        let later = json!({
            "to": [To::User(&bob).input()], "subject": "later", "body": "",
            "sendAt": (app.now() + TimeDelta::hours(1)).to_rfc3339(),
        });
        ada.create_message(later).await;
        let outside = outside(&app).await;
        // As the job does it.
        let sending = outside.begin().await.unwrap();
        for sql in [
            "INSERT INTO thread (root_id, seq) SELECT id, 1 FROM message",
            "UPDATE message SET send_at = NULL, recipient_count = 1",
            "UPDATE message_audience SET recipient_count = 1",
            "INSERT INTO message_recipient (message_id, user_id, audience_id) \
             SELECT message_id, user_id, id FROM message_audience",
        ] {
            sending.execute_unprepared(sql).await.unwrap();
        }
        let erasing = tokio::spawn({
            let (app, ada) = (app.clone(), ada.clone());
            async move { erase_user(&app, &ada, false).await }
        });
        until_waiting(&outside, &app, 1..).await;
        sending.commit().await.unwrap();
        erasing.await.unwrap();
        app.run_due().await;
        assert_eq!(count(&app, "SELECT count(*) FROM message").await, 1);
        assert_eq!(count(&app, "SELECT count(*) FROM message_audience").await, 1);
        outside.close().await.unwrap();
    });
}
