//! `tidings recount`: it names what is wrong, repairs it, and is not misled by concurrent changes.

use chrono::TimeDelta;
use insta::assert_snapshot;
use serde_json::json;
use tidings::recount::{self, Report};

use crate::support::{
    app::{Kind, TestApp, TestUser, To, both},
    process::tidings,
    shown::with_numbered_ids,
};

const BOB: &str = "(SELECT id FROM user_account WHERE external_id = 'bob')";
const MESSAGE: &str = "(SELECT id FROM message WHERE subject = 'hello')";
/// Bob's item that has two activities by two people.
const ITEM: &str =
    "(SELECT max(id) FROM inbox_item WHERE kind = 'activity' AND activity_count = 2)";
const OTHER_ITEM: &str =
    "(SELECT max(id) FROM inbox_item WHERE kind = 'activity' AND activity_count = 1)";

async fn look(app: &TestApp) -> Report {
    recount::check(app.db.read(), app.now()).await.unwrap()
}

pub async fn assert_right(app: &TestApp, after: &str) {
    let report = look(app).await;
    assert!(report.findings.is_empty(), "{after}\n{report}");
}

async fn run(app: &TestApp, sql: &str) {
    let tx = app.db.begin().await.unwrap();
    assert!(tx.run(sql, []).await.unwrap() > 0, "{sql} changes nothing");
    tx.commit().await.unwrap();
}

async fn read_all(user: &TestUser) {
    user.query("mutation { markAllRead(input: {}) { affectedCount } }", json!({})).await;
}

/// People whose inboxes contain some of everything.
async fn full_inboxes(app: &TestApp) -> [TestUser; 3] {
    let users = app.users(["ada", "bob", "carl"]).await;
    let [ada, bob, carl] = &users;
    app.group("all", &[ada, bob, carl]).await;
    let hello = ada.send_to(&[To::User(bob), To::Group("all")], "hello").await;
    carl.reply(&hello, "hello yourself", "EVERYONE").await;
    let input = json!({
        "to": [To::User(bob).input()], "subject": "reminds", "body": "",
        "expiresAt": (app.now() + TimeDelta::days(30)).to_rfc3339(),
        "reminder": {"frequency": "weekly"},
    });
    ada.create_message(input).await;
    ada.send(bob, "archived").await;
    ada.send(bob, "snoozed").await;
    app.announce("open").await;
    bob.follow("post", "create_post").await;
    bob.follow("product", "create_product").await;
    bob.follow("ended", "create_post").await;
    app.act(carl, "like", "product").await;
    bob.unfollow("ended", None).await;
    app.act(ada, "comment", "post").await;
    app.act(carl, "comment", "post").await;
    bob.change("markRead", &[&bob.item("hello").await, &bob.item("open").await]).await;
    bob.change("archive", &[&bob.item("archived").await]).await;
    bob.snooze(&bob.item("snoozed").await, app.now() + TimeDelta::hours(1)).await;
    carl.change("markSeen", &[&carl.item("hello").await]).await;
    users
}

/// What can be wrong, and what recount reports. The later ones permanently remove something from
/// the inboxes.
fn errors() -> Vec<(String, &'static str)> {
    let inbox = |column: &'static str, value: &str| {
        (format!("UPDATE inbox SET {column} = {value} WHERE user_id = {BOB}"), column)
    };
    let mut errors: Vec<_> = tidings::inbox::COUNTS
        .iter()
        .map(|(name, _)| inbox(name, &format!("{name} + 3")))
        .collect();
    errors.extend([
        inbox("seq", "1"),
        (format!("UPDATE inbox SET purged_seq = seq + 5 WHERE user_id = {BOB}"), "seq is "),
        inbox("announcements_pulled", "announcements_pulled + 7"),
        inbox("announcements_since", "announcements_since + 9"),
        inbox("activities_pulled", "activities_pulled + 7"),
    ]);
    let of = |text: &str| {
        text.replace("BOB", BOB)
            .replace("MESSAGE", MESSAGE)
            .replace("OTHER", OTHER_ITEM)
            .replace("ITEM", ITEM)
    };
    let others = [
        (
            "UPDATE inbox_item SET arrived_seq = seq + 1 WHERE user_id = BOB AND kind = 'message'",
            "arrived_seq is",
        ),
        (
            "UPDATE inbox_item SET reminded_seq = seq + 1 WHERE user_id = BOB AND kind = 'message'",
            "reminded_seq is",
        ),
        (
            "UPDATE inbox_item SET activity_count = 3 WHERE id = ITEM",
            "activity_count is 3, and should be 2",
        ),
        (
            "UPDATE inbox_item SET actor_count = 1 WHERE id = ITEM",
            "actor_count is 1, and should be 2",
        ),
        (
            "UPDATE inbox_item SET activity_id = NULL WHERE id = ITEM",
            "the latest activity is nothing",
        ),
        (
            "UPDATE inbox_item_actor SET activity_count = 9 WHERE item_id = ITEM",
            "activity_count of a person is 9",
        ),
        (
            "UPDATE inbox_item_actor SET latest_activity_id = 99 WHERE item_id = ITEM",
            "latest activity of a person is 99",
        ),
        (
            "DELETE FROM inbox_item_actor WHERE item_id = ITEM AND actor_id <> BOB",
            "the number of its people is 0",
        ),
        (
            "INSERT INTO inbox_item_activity (item_id, activity_id) SELECT OTHER, activity_id \
             FROM inbox_item WHERE id = ITEM",
            "is in it twice",
        ),
        // These are repaired from the items, so they come before those that recreate items.
        (
            "UPDATE message_recipient SET read_at = NULL, seen_at = NULL \
             WHERE message_id = MESSAGE AND user_id = BOB",
            "is not noted",
        ),
        (
            "UPDATE message_recipient SET seen_at = NULL \
             WHERE message_id = MESSAGE AND user_id <> BOB",
            "is not noted",
        ),
        ("DELETE FROM announcement_reading", "is not noted"),
        ("UPDATE announcement_reading SET read_at = NULL", "is not noted"),
        ("DELETE FROM inbox_item WHERE user_id = BOB AND message_id = MESSAGE", "does not have it"),
        (
            "UPDATE inbox_item SET removed_at = created_at \
             WHERE user_id = BOB AND message_id = MESSAGE",
            "does not have it",
        ),
        ("DELETE FROM inbox_item WHERE user_id = BOB AND kind = 'announcement'", "is missing"),
        (
            "UPDATE message SET recipient_count = 5 WHERE id = MESSAGE",
            "recipient_count is 5, and should be 2",
        ),
        ("UPDATE message SET seen_count = 5 WHERE id = MESSAGE", "seen_count is 5"),
        ("UPDATE message SET read_count = 5 WHERE id = MESSAGE", "read_count is 5"),
        (
            "UPDATE message SET replied_count = 0 WHERE id = MESSAGE",
            "replied_count is 0, and should be 1",
        ),
        (
            "UPDATE message_audience SET recipient_count = 5 WHERE message_id = MESSAGE",
            "recipient_count is 5",
        ),
        (
            "UPDATE message_audience SET seen_count = 5 WHERE message_id = MESSAGE",
            "seen_count is 5",
        ),
        (
            "UPDATE message_audience SET read_count = 5 WHERE message_id = MESSAGE",
            "read_count is 5",
        ),
        ("UPDATE announcement SET seen_count = 5", "seen_count is 5"),
        ("UPDATE announcement SET read_count = 5", "read_count is 5"),
        ("UPDATE thread SET seq = 0", "the thread of"),
        ("DELETE FROM thread", "does not exist"),
        ("UPDATE subscription SET since = 99 WHERE until IS NULL", "since is 99"),
        (
            "UPDATE subscription SET since = 1, until = 0 WHERE until IS NOT NULL",
            "until is 0, and should be 1",
        ),
        (
            "DELETE FROM inbox_item_activity WHERE item_id = OTHER",
            "has no activities and is still there",
        ),
        (
            "UPDATE activity SET retracted_at = created_at, settled_at = created_at \
             WHERE id = (SELECT activity_id FROM inbox_item WHERE id = ITEM)",
            "has left the inboxes and is still there",
        ),
        (
            "UPDATE announcement SET withdrawn_at = created_at, settled_at = created_at",
            "has left the inboxes and is still there",
        ),
        (
            "UPDATE message SET expired_at = created_at WHERE id = MESSAGE",
            "has left the inboxes and is still there",
        ),
        (
            "UPDATE message SET expired_at = created_at WHERE subject = 'reminds'",
            "goes on after the message has expired",
        ),
    ];
    errors.extend(others.into_iter().map(|(sql, says)| (of(sql), says)));
    errors
}

both! {
    async fn whatever_is_wrong_is_named_and_mended(app: TestApp) {
        let [_, bob, _] = full_inboxes(&app).await;
        assert_right(&app, "before anything is wrong").await;
        let report = look(&app).await;
        assert_eq!((report.people, report.announcements), (3, 1));
        let mut before = bob.inbox().await;

        for (sql, says) in errors() {
            run(&app, &sql).await;
            let report = look(&app).await;
            assert!(
                report.findings.iter().any(|finding| finding.to_string().contains(says)),
                "{sql}\n{report}"
            );

            recount::mend(&app.db, &report.findings, app.now()).await.unwrap();
            assert_right(&app, &sql).await;
            let after = bob.inbox().await;
            if sql.contains("inbox SET") {
                assert_eq!((&before.items, &before.counts), (&after.items, &after.counts), "{sql}");
            }
            before = after;
        }

        let mut live = bob.follow_inbox(Some(&before.cursor)).await.with(before);
        read_all(&bob).await;
        assert_right(&app, "afterwards").await;
        let fresh = bob.inbox().await;
        live.until(&fresh.cursor).await;
        assert_eq!(live.state, fresh);
    }

    /// What an operator reads.
    async fn a_report_says_what_each_thing_is_and_should_be(app: TestApp) {
        full_inboxes(&app).await;
        let damage = [
            format!("UPDATE inbox SET unread = 77, archived = 0 WHERE user_id = {BOB}"),
            format!("UPDATE message SET read_count = 5 WHERE id = {MESSAGE}"),
            "UPDATE announcement SET seen_count = 5".to_owned(),
        ];
        for sql in &damage {
            run(&app, sql).await;
        }

        let report = look(&app).await;

        assert_snapshot!(with_numbered_ids(&report.to_string()), @r"
        the inbox of usr_1: unread is 77, and should be 4
        the inbox of usr_1: archived is 0, and should be 1
        msg_1: read_count is 5, and should be 1
        ann_1: seen_count is 5, and should be 1
        3 people with 11 items, 5 messages to 7 recipients, 1 announcements: 4 things are wrong
        ");
    }

    /// What comes into a muted thread is read, but not by its owner.
    async fn mending_does_not_tell_that_somebody_read_what_they_muted(app: TestApp) {
        let [ada, bob] = app.users(["ada", "bob"]).await;
        let root = ada.send(&bob, "hello").await;
        bob.mute("muteThread", &root).await;
        let reply = ada.reply(&root, "hello again", "EVERYONE").await;
        run(&app, "UPDATE message SET recipient_count = 5 WHERE root_id IS NOT NULL").await;

        recount::mend(&app.db, &look(&app).await.findings, app.now()).await.unwrap();

        assert_right(&app, "a message that was mended").await;
        let read = "query($id: ID!) { message(id: $id) { readStats { seenCount readCount } } }";
        let told = ada.query(read, json!({"id": reply})).await["message"]["readStats"].take();
        assert_eq!(told, json!({"seenCount": 0, "readCount": 0}));
    }

    /// Clients cannot know what was wrong: they are told to load the inbox again, and get the
    /// correct counts with it.
    async fn followers_of_an_inbox_that_is_mended_load_it_anew(app: TestApp) {
        let [ada, bob, _] = full_inboxes(&app).await;
        let [mut live, mut untouched] =
            [bob.follow_inbox(None).await, ada.follow_inbox(None).await];
        run(&app, &format!("UPDATE inbox SET unread = 77 WHERE user_id = {BOB}")).await;

        recount::mend(&app.db, &look(&app).await.findings, app.now()).await.unwrap();

        let update = live.next_update().await;
        assert_eq!(update["resync"], "CURSOR_EXPIRED");
        let fresh = bob.inbox().await;
        assert_eq!((&update["counts"], &update["cursor"]), (&fresh.counts, &json!(fresh.cursor)));
        assert_ne!(fresh.counts["unread"], 77);
        ada.send(&bob, "later").await;
        assert_eq!(live.next_change().await.title.as_deref(), Some("later"));
        bob.send(&ada, "for ada").await;
        assert_eq!(untouched.next_change().await.title.as_deref(), Some("for ada"));
        assert_right(&app, "and what comes then is counted").await;
    }

    /// It runs while everything changes, and reports no false problems.
    async fn what_happens_meanwhile_is_no_finding(app: TestApp) {
        let users = full_inboxes(&app).await;
        let [ada, bob, carl] = users.clone();
        let mut writers = tokio::task::JoinSet::new();
        for (n, user) in users.into_iter().enumerate() {
            let (app, all) = (app.clone(), [ada.clone(), bob.clone(), carl.clone()]);
            writers.spawn(async move {
                for round in 0..15 {
                    let message = user.send_to(&[To::Group("all")], &format!("{n}: {round}")).await;
                    let activity = app.act(&user, "comment", "post").await;
                    all[round % 3].reply(&message, "…", "EVERYONE").await;
                    read_all(&all[(round + n) % 3]).await;
                    match round % 5 {
                        0 => user.expire(&message, app.now()).await,
                        1 => app.retract_activity(&activity).await,
                        2 => {
                            app.retract_announcement(&app.announce(&format!("{n}: {round}")).await)
                                .await
                        }
                        3 => {
                            let other = &all[(n + 1) % 3];
                            other
                                .change("archive", &[&other.item(&format!("{n}: {round}")).await])
                                .await;
                        }
                        _ => drop(user.follow("post", "like_post").await),
                    }
                }
            });
        }
        let mut looks = 0;
        while writers.try_join_next().map(Result::unwrap).is_none() || !writers.is_empty() {
            assert_right(&app, "while they write").await;
            looks += 1;
        }
        assert!(looks > 3, "{looks}");
        assert_right(&app, "at the end").await;
    }
}

/// The command runs beside servers on PostgreSQL, which tell their clients what it has repaired.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_mends_a_postgres_beside_its_servers() {
    let Some(app) = TestApp::start(Kind::Postgres).await else { return };
    let [_, bob, _] = full_inboxes(&app).await;
    let mut live = bob.follow_inbox(None).await;
    assert_eq!(recount_by_command(&app, false), (0, "everything is right"));
    run(&app, &format!("UPDATE inbox SET unread = 77 WHERE user_id = {BOB}")).await;

    assert_eq!(recount_by_command(&app, false), (1, "1 thing is wrong"));
    assert_eq!(recount_by_command(&app, true), (0, "everything is right"));

    assert_eq!(live.next_update().await["resync"], "CURSOR_EXPIRED");
    assert_eq!(live.state.counts, bob.counts().await);
    assert_eq!(recount_by_command(&app, false), (0, "everything is right"));
    app.stop().await;
}

/// SQLite allows others to read beside its server, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_looks_at_a_sqlite_beside_its_server_and_mends_it_without() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    full_inboxes(&app).await;
    run(&app, &format!("UPDATE inbox SET unread = 77 WHERE user_id = {BOB}")).await;

    assert_eq!(recount_by_command(&app, false), (1, "1 thing is wrong"));
    let refused = command(&app, true).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("in use by another Tidings; stop it first"),
        "{said}"
    );

    app.stop().await;
    assert_eq!(recount_by_command(&app, true), (0, "everything is right"));
    assert_eq!(recount_by_command(&app, false), (0, "everything is right"));
}

fn command(app: &TestApp, fix: bool) -> std::process::Command {
    let mut command = tidings(&std::env::temp_dir());
    command.args(["recount", "--database-url", &app.config.database_url]);
    command.args(fix.then_some("--fix"));
    command
}

/// The exit code, and the end of the output.
fn recount_by_command(app: &TestApp, fix: bool) -> (i32, &'static str) {
    let output = command(app, fix).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let ends = ["everything is right", "1 thing is wrong"];
    let end = ends.into_iter().find(|end| printed.trim_end().ends_with(end));
    (
        output.status.code().unwrap(),
        end.unwrap_or_else(|| panic!("{printed}\n{}", String::from_utf8_lossy(&output.stderr))),
    )
}
