//! Many reminders, many people, several servers, and crashes in between: each person is reminded
//! once for each date.

use serde_json::json;

use crate::support::{
    app::{Kind, TestApp, TestUser, To, both},
    crowd::{count, crowd},
    reminders::{at, item, remind_with, reminder, travel},
};

const DAYS: [&str; 2] = ["2026-01-06T09:00:00Z", "2026-01-07T09:00:00Z"];

/// How many recipients were not reminded exactly this many times.
async fn others_than(app: &TestApp, times: i32) -> i64 {
    count(app, &format!("SELECT count(*) FROM message_recipient WHERE reminder_count <> {times}"))
        .await
}

both! {
    /// A large message reminds in parts; a crash between them repeats none and skips none.
    async fn a_crash_between_two_parts_reminds_nobody_twice(app: TestApp) {
        let alice = app.user("alice").await;
        crowd(&app, 11_000).await;
        remind_with(&alice, &[To::Group("crowd")], "to all", None, json!({"frequency": "daily"}))
            .await;
        travel(&app, DAYS[0]).await;
        assert_eq!(others_than(&app, 1).await, 0);
        assert_eq!(
            count(&app, "SELECT count(*) FROM inbox WHERE seq <> 2 AND unread = 1").await,
            0
        );

        // As if the server had been killed after the first part.
        app.stop().await;
        let app = app.restart().await;
        let tx = app.db.begin().await.unwrap();
        let half = "SELECT id FROM user_account WHERE external_id = 'u5000'";
        for undo in [
            format!(
                "UPDATE message_recipient SET reminder_count = 0, reminded_at = NULL \
                 WHERE user_id > ({half})"
            ),
            format!(
                "UPDATE inbox_item SET reminded_at = NULL, reminded_seq = NULL \
                 WHERE user_id > ({half})"
            ),
            format!(
                "UPDATE reminder SET reminded_to = ({half}), next_at = (SELECT max(reminded_at) \
                 FROM message_recipient)"
            ),
        ] {
            tx.run(&undo, []).await.unwrap();
        }
        tx.commit().await.unwrap();
        app.run_due().await;

        assert_eq!(others_than(&app, 1).await, 0);
        assert_eq!(
            count(&app, "SELECT count(*) FROM reminder WHERE reminded_to = 0 AND sent_count = 2")
                .await,
            1
        );
        travel(&app, DAYS[1]).await;
        assert_eq!(others_than(&app, 2).await, 0);
        app.stop().await;
    }

    /// If the expiry passes while parts of a date are still to be sent, the final reminder follows.
    async fn a_late_part_does_not_swallow_the_last_reminder(app: TestApp) {
        let alice = app.user("alice").await;
        crowd(&app, 6_000).await;
        remind_with(
            &alice,
            &[To::Group("crowd")],
            "to all",
            Some(DAYS[1]),
            json!({"frequency": "daily"}),
        )
        .await;
        travel(&app, DAYS[0]).await;

        // As if the servers had been down from the first part until after the expiry.
        let tx = app.db.begin().await.unwrap();
        let half = "SELECT id FROM user_account WHERE external_id = 'u5000'";
        for undo in [
            format!(
                "UPDATE message_recipient SET reminder_count = 0, reminded_at = NULL \
                 WHERE user_id > ({half})"
            ),
            format!(
                "UPDATE reminder SET reminded_to = ({half}), next_at = (SELECT max(reminded_at) \
                 FROM message_recipient)"
            ),
        ] {
            tx.run(&undo, []).await.unwrap();
        }
        tx.commit().await.unwrap();
        travel(&app, "2026-01-07T10:00:00Z").await;

        assert_eq!(others_than(&app, 2).await, 0);
        assert_eq!(
            count(&app, "SELECT count(*) FROM inbox_item WHERE respond_by IS NULL").await,
            0
        );
        assert_eq!(
            count(&app, "SELECT count(*) FROM inbox_item WHERE removed_at IS NOT NULL").await,
            0
        );
    }

    /// More messages than one transaction claims, due at the same moment; an inbox with all of them
    /// changes once for each.
    async fn many_small_messages_that_are_due_at_once_are_all_reminded_of(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        let first = remind_with(
            &alice,
            &[To::User(&bob)],
            "one of many",
            None,
            json!({"frequency": "daily"}),
        )
        .await;
        copies(&app, 2_500, &bob).await;
        remind_with(
            &alice,
            &[To::User(&carol)],
            "last",
            Some(DAYS[0]),
            json!({"frequency": "daily"}),
        )
        .await;

        travel(&app, DAYS[0]).await;

        assert_eq!(others_than(&app, 1).await, 0);
        assert_eq!(count(&app, "SELECT count(*) FROM reminder WHERE sent_count <> 1").await, 0);
        assert_eq!(item(&carol).await["isFinalReminder"], true);
        assert_eq!(reminder(&alice, &first).await["nextAt"], "2026-01-07T09:00:00+00:00");
    }

    /// Reading, replying and reminding at the same time: nobody blocks anybody, and what clients
    /// received is correct.
    async fn reading_and_replying_during_a_reminder_harms_nothing(app: TestApp) {
        let alice = app.user("alice").await;
        let mut readers = Vec::new();
        for n in 0..8 {
            readers.push(app.user(&format!("reader{n}")).await);
        }
        app.group("team", &readers.iter().collect::<Vec<_>>()).await;
        let mut sent = Vec::new();
        for n in 0..6 {
            let until = if n % 2 == 0 { "READ" } else { "REPLIED" };
            let reminder = json!({"frequency": "daily", "until": until});
            sent.push(
                remind_with(&alice, &[To::Group("team")], &n.to_string(), None, reminder).await,
            );
        }
        for day in 1..4 {
            app.advance(chrono::TimeDelta::days(1));
            let doings = readers.iter().enumerate().map(|(n, reader)| {
                let (reader, message) = (reader.clone(), sent[n % sent.len()].clone());
                tokio::spawn(async move {
                    if (n + day) % 3 == 0 {
                        reader.reply(&message, "yes", "EVERYONE").await;
                    }
                    if n % 2 == 0 {
                        let items =
                            reader.inbox().await.items.into_keys().take(3).collect::<Vec<_>>();
                        reader
                            .change(
                                "markRead",
                                &items.iter().map(String::as_str).collect::<Vec<_>>(),
                            )
                            .await;
                    }
                })
            });
            let doings: Vec<_> = doings.collect();
            app.run_due().await;
            for doing in doings {
                doing.await.unwrap();
            }
        }
        for reader in &readers {
            app.assert_live_equals_refetch(reader).await;
        }
        let late = "SELECT count(*) FROM message_recipient AS r \
                    JOIN reminder AS q ON q.message_id = r.message_id \
                    WHERE r.reminded_at > \
                    CASE q.until WHEN 'replied' THEN r.replied_at ELSE r.read_at END";
        assert_eq!(count(&app, late).await, 0);
        let wrong = "SELECT count(*) FROM inbox AS b WHERE b.unread <> (SELECT count(*) \
                     FROM inbox_item AS i \
                     WHERE i.user_id = b.user_id AND i.removed_at IS NULL \
                     AND i.archived_at IS NULL \
                     AND i.snoozed_until IS NULL AND i.read_at IS NULL)";
        assert_eq!(count(&app, wrong).await, 0);
    }
}

/// Copies the only message and its reminder, as if it had been sent this often to its only
/// recipient.
async fn copies(app: &TestApp, size: i64, recipient: &TestUser) {
    let numbers =
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {size})");
    let tx = app.db.begin().await.unwrap();
    let run = async |sql: &str| tx.run(&format!("{numbers} {sql}"), []).await.unwrap();
    run("INSERT INTO message (id, sender_id, subject, body, depth, path, seq, recipient_count, \
         seen_count, read_count, created_at) \
         SELECT id + i, sender_id, subject, body, depth, path, seq, 1, 0, 0, created_at \
         FROM message CROSS JOIN n")
    .await;
    run(
        "INSERT INTO message_audience (id, message_id, user_id, name, recipient_count, seen_count, \
         read_count) \
         SELECT id + i, message_id + i, user_id, name, 1, 0, 0 FROM message_audience CROSS JOIN n",
    )
    .await;
    run("INSERT INTO message_recipient (message_id, user_id, audience_id) \
         SELECT message_id + i, user_id, audience_id + i FROM message_recipient CROSS JOIN n")
    .await;
    run("INSERT INTO reminder (message_id, frequency, step, until, zone, since, next_at) \
         SELECT message_id + i, frequency, step, until, zone, since, next_at FROM reminder \
         CROSS JOIN n")
    .await;
    run("INSERT INTO inbox_item (id, user_id, kind, message_id, seq, arrived_seq, created_at, \
         updated_at) \
         SELECT id + i, user_id, kind, message_id + i, seq + i, seq + i, created_at, updated_at \
         FROM inbox_item CROSS JOIN n")
    .await;
    let size = size.to_string();
    let head =
        "UPDATE inbox SET seq = seq + N, unread = unread + N, unseen = unseen + N WHERE seq > 0"
            .replace('N', &size);
    tx.run(&head, []).await.unwrap();
    if app.db.is_postgres() {
        for table in ["message", "message_audience", "inbox_item"] {
            let next = format!(
                "SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) \
                 FROM {table}))"
            );
            tx.rows(&next, []).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
    assert_eq!(
        recipient.counts().await["unread"].to_string(),
        (size.parse::<i64>().unwrap() + 1).to_string()
    );
}

/// Two servers on one PostgreSQL with the same clock: one reminder each, for small messages and a
/// large one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_with_the_same_clock_remind_once() {
    let Some(one) = TestApp::start(Kind::Postgres).await else { return };
    let two = one.another().await;
    let [alice, bob] = one.users(["alice", "bob"]).await;
    remind_with(&alice, &[To::User(&bob)], "small", None, json!({"frequency": "daily"})).await;
    copies(&one, 1_500, &bob).await;
    crowd(&one, 11_000).await;
    remind_with(&alice, &[To::Group("crowd")], "large", None, json!({"frequency": "daily"})).await;

    for (times, day) in DAYS.into_iter().enumerate() {
        one.advance(at(day) - one.now());
        // In addition to the two loops, which the clock has woken.
        tokio::join!(one.run_due(), two.run_due());
        assert_eq!(others_than(&one, times as i32 + 1).await, 0, "{day}");
    }

    let alone = "SELECT count(*) FROM reminder WHERE sent_count <> 2";
    assert_eq!(count(&two, alone).await, 0);
    two.assert_live_equals_refetch(&two.user("u7").await).await;
    two.stop().await;
    one.stop().await;
}
