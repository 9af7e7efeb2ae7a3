//! Replies and messages to groups, made together with each other and with messages to people.

use chrono::TimeDelta;
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};
use tidings::config::Config;

use super::{id, sending};
use crate::{
    recount::assert_right,
    support::{
        app::{Kind, TestApp, TestUser, To, both, run, run_with},
        crowd::crowd,
        documents::{CREATE_MESSAGE, REPLY_TO_MESSAGE},
        locks::{LOCK, outside, until_waiting},
        reminders::{remind_with, reminders},
    },
};

type Call = tokio::task::JoinHandle<Value>;

/// A reply in progress.
fn replying(from: &TestUser, parent: &str, body: &str, more: Value) -> Call {
    let mut input = json!({"parentId": parent, "body": body});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let from = from.clone();
    tokio::spawn(async move { from.ask(REPLY_TO_MESSAGE, json!({"input": input})).await })
}

/// A message to groups in progress.
fn sending_to(from: &TestUser, groups: &[&str], subject: &str, more: Value) -> Call {
    let to: Value = groups.iter().map(|group| To::Group(group).input()).collect();
    let mut input = json!({"to": to, "subject": subject, "body": ""});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let from = from.clone();
    tokio::spawn(async move { from.ask(CREATE_MESSAGE, json!({"input": input})).await })
}

fn id_of_reply(answer: &Value) -> String {
    let id = answer["data"]["replyToMessage"]["message"]["id"].as_str();
    id.unwrap_or_else(|| panic!("{answer:#}")).to_owned()
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{answer:#}"))
}

/// The bodies and depths of a thread, in its order.
async fn thread(reader: &TestUser, root: &str) -> Vec<(String, i64)> {
    let query = "query($id: ID!) {
        message(id: $id) { thread(first: 100) { nodes { body depth } } } }";
    let found = reader.query(query, json!({"id": root})).await;
    let nodes = found["message"]["thread"]["nodes"].as_array().unwrap();
    let shown =
        |node: &Value| (node["body"].as_str().unwrap().to_owned(), node["depth"].as_i64().unwrap());
    nodes.iter().map(shown).collect()
}

both! {
    /// Replies in several threads, to roots and to replies, among messages to groups and to people,
    /// and among calls that are refused: each is sent once, at its own place in its thread.
    async fn replies_and_messages_to_groups_at_once_are_each_sent_once(app: TestApp) {
        let people = app.users(["alice", "bob", "carol", "dave", "eve"]).await;
        let [alice, bob, carol, dave, eve] = &people;
        app.group("team", &[bob, carol]).await;
        app.group("all", &[alice, bob, carol, dave]).await;
        app.group("nobody", &[]).await;
        let plan = alice.send_to(&[To::Group("team"), To::User(dave)], "Plan").await;
        let answer = bob.reply(&plan, "first", "EVERYONE").await;
        let lunch = carol.send_to(&[To::Group("all")], "Lunch").await;
        let before = [alice, bob, carol, dave].map(|user| user.counts());
        let before = join_all(before).await;
        let mut following = bob.follow_inbox(None).await;

        let (mut replies, mut sends, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
        let (mut refused, mut codes) = (Vec::new(), Vec::new());
        for n in 0..8 {
            let keyed = json!({"idempotencyKey": n.to_string(), "scope": "SENDER"});
            replies.push(replying(bob, &plan, &format!("bob {n}"), json!({})));
            replies.push(replying(carol, &answer, &format!("carol {n}"), json!({})));
            replies.push(replying(dave, &lunch, &format!("dave {n}"), keyed));
            repeated.push(replying(alice, &lunch, "once", json!({"idempotencyKey": "once"})));
            sends.push(sending_to(dave, &["team", "all"], &n.to_string(), json!({})));
            sends.push(sending(alice, &[bob], &n.to_string(), json!({})));
            // Not theirs to see; reaches nobody; is too long.
            refused.push(replying(eve, &plan, "me too", json!({})));
            refused.push(sending_to(eve, &["nobody"], "", json!({"subject": "hello?"})));
            refused.push(replying(dave, &plan, &"#".repeat(65 * 1024), json!({})));
            codes.extend(["NOT_FOUND", "BAD_USER_INPUT", "BAD_USER_INPUT"]);
        }
        let mut all: Vec<_> = Vec::new();
        for reply in replies {
            all.push(id_of_reply(&reply.await.unwrap()));
        }
        for send in sends {
            all.push(id(&send.await.unwrap()).to_owned());
        }
        let mut once = Vec::new();
        for call in repeated {
            once.push(id_of_reply(&call.await.unwrap()));
        }
        for (refused, expected) in refused.into_iter().zip(codes) {
            assert_eq!(code(&refused.await.unwrap()), expected);
        }

        assert!(once.iter().all(|id| *id == once[0]), "{once:?}");
        all.push(once.remove(0));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!((count, all.len()), (5 * 8 + 1, 5 * 8 + 1));
        // Of eight rounds, three each, or two for Dave; and all but Alice have her reply.
        let news = [24, 25, 25, 17];
        for ((user, before), news) in people.iter().zip(before).zip(news) {
            let unread = before["unread"].as_i64().unwrap() + news;
            assert_eq!(user.counts().await["unread"], unread, "{}", user.name);
        }
        assert_eq!(eve.counts().await["unread"], 0);
        // Carol's are below bob's first, and bob's others follow: each once.
        let plan = thread(dave, &plan).await;
        let mut bodies: Vec<_> = plan.iter().map(|(body, _)| body.clone()).collect();
        assert_eq!(plan[0], ("first".to_owned(), 1));
        assert!(plan[1..9].iter().all(|(body, depth)| body.starts_with("carol") && *depth == 2));
        assert!(plan[9..].iter().all(|(body, depth)| body.starts_with("bob") && *depth == 1));
        bodies.sort_unstable();
        bodies.dedup();
        assert_eq!(bodies.len(), 17);
        following.until(&bob.cursor().await).await;
        for user in &people {
            app.assert_live_equals_refetch(user).await;
        }
        assert_right(&app, "the replies").await;
    }

    /// The busier the server is, the fewer statements a reply, or a message to a group, costs.
    async fn replies_and_messages_to_groups_share_their_statements(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&bob, &carol]).await;
        let root = alice.send_to(&[To::Group("team")], "root").await;
        let shared = async |call: &dyn Fn(i32) -> Call| {
            call(0).await.unwrap();
            let before = app.db.statement_count();
            call(1).await.unwrap();
            let alone = app.db.statement_count() - before;
            let calls: Vec<_> = (2..66).map(call).collect();
            let before = app.db.statement_count();
            for call in calls {
                assert_eq!(call.await.unwrap().get("errors"), None);
            }
            let together = app.db.statement_count() - before;
            assert!(together < 64 * alone * 2 / 3, "{together}, and {alone} for each alone");
        };
        shared(&|n| replying(&bob, &root, &n.to_string(), json!({}))).await;
        shared(&|n| sending_to(&alice, &["team"], &n.to_string(), json!({}))).await;

        assert_eq!(carol.counts().await["unread"], 1 + 66 + 66);
        assert_right(&app, "the calls").await;
    }

    /// A message that nobody would get takes none of the others with it, and its key stays free.
    async fn a_message_to_an_empty_group_fails_alone(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("empty", &[&alice]).await;
        app.group("team", &[&bob, &carol]).await;
        let root = json!({"to": [To::Group("team").input()], "subject": "news", "body": ""});
        let root = app.service().create_message(root).await;
        app.remove_members("team", &[&carol]).await;
        let keyed = json!({"idempotencyKey": "k"});
        let refused = sending_to(&alice, &["empty"], "to nobody", keyed.clone());
        // Bob is the only one who is left in the group, and the system reads nothing.
        let unheard = replying(&bob, &root, "is anybody there?", json!({}));
        let sent: Vec<_> =
            (0..20).map(|n| sending(&alice, &[&bob], &n.to_string(), json!({}))).collect();

        assert_eq!(code(&refused.await.unwrap()), "BAD_USER_INPUT");
        assert_eq!(code(&unheard.await.unwrap()), "CONFLICT");
        for send in sent {
            id(&send.await.unwrap());
        }
        app.add_members("empty", &[&bob]).await;
        id(&sending_to(&alice, &["empty"], "to nobody", keyed).await.unwrap());
        assert_eq!(bob.counts().await["unread"], 1 + 20 + 1);
        assert_eq!(thread(&bob, &root).await, []);
        assert_right(&app, "the calls").await;
    }

    /// More members than a turn takes: such messages are sent alone, beside the others.
    async fn a_message_to_many_is_sent_beside_those_to_few(app: TestApp) {
        let [first, last] = crowd(&app, 1_200).await;
        let alice = app.user("alice").await;
        app.group("two", &[&first, &last]).await;
        let groups = [["crowd", "two"], ["two", "crowd"]];
        let large: Vec<_> =
            groups.iter().map(|to| sending_to(&alice, to, "to many", json!({}))).collect();
        let small: Vec<_> =
            (0..8).map(|n| sending_to(&alice, &["two"], &n.to_string(), json!({}))).collect();
        for call in large.into_iter().chain(small) {
            id(&call.await.unwrap());
        }
        // A reply to many of them.
        let root = alice.send_to(&[To::Group("crowd")], "to many").await;
        first.reply(&root, "yes", "EVERYONE").await;

        assert_eq!(first.counts().await["unread"], 2 + 8 + 1);
        assert_eq!(last.counts().await["unread"], 2 + 8 + 2);
        assert_right(&app, "the messages").await;
    }
}

/// People who have replied are not reminded, even if they all reply at once.
fn nobody_is_reminded_after_a_reply(kind: Kind) {
    run_with(2, async {
        let hourly = |config: &mut Config| {
            config.reminder_frequencies =
                serde_json::from_value(json!({"hourly": "1 hour"})).unwrap();
        };
        let Some(app) = TestApp::start_with(kind, hourly).await else { return };
        let people = app.users(["alice", "bob", "carol", "dave"]).await;
        let [alice, bob, carol, dave] = &people;
        app.group("team", &[bob, carol, dave]).await;
        let until = json!({"frequency": "hourly", "until": "REPLIED"});
        let form = remind_with(alice, &[To::Group("team")], "form", None, until.clone()).await;
        let other = remind_with(alice, &[To::User(bob)], "other", None, until).await;
        let answer = carol.reply(&form, "which form?", "EVERYONE").await;

        // A reply to a reply counts for the message that began the thread, too.
        let calls = [
            replying(bob, &other, "done", json!({})),
            replying(bob, &answer, "this one", json!({})),
            replying(carol, &form, "done", json!({"scope": "SENDER"})),
        ];
        for call in calls {
            id_of_reply(&call.await.unwrap());
        }
        app.advance(TimeDelta::hours(1));
        app.run_due().await;

        let reminded = reminders(&app).await;
        let expected = [("alice", 0), ("bob", 0), ("carol", 0), ("dave", 1)];
        assert_eq!(reminded, expected.map(|(name, times)| (name.to_owned(), times)));
        assert_right(&app, "the reminders").await;
        app.stop().await;
    });
}

#[test]
fn nobody_is_reminded_after_a_reply_on_sqlite() {
    nobody_is_reminded_after_a_reply(Kind::Sqlite);
}

#[test]
fn nobody_is_reminded_after_a_reply_on_postgres() {
    nobody_is_reminded_after_a_reply(Kind::Postgres);
}

/// A reply in a thread that somebody has locked waits, and so does one whose reminder is being sent.
/// Those made with them do not.
#[test]
fn a_reply_in_a_locked_thread_holds_up_none_of_those_made_with_it() {
    run(Kind::Postgres, 2, async |app: TestApp| {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&alice, &carol]).await;
        let locked = alice.send_to(&[To::Group("team"), To::User(&bob)], "locked").await;
        carol.reply(&locked, "0", "EVERYONE").await;
        let until = json!({"frequency": "daily", "until": "REPLIED"});
        let form = remind_with(&alice, &[To::User(&bob)], "form", None, until).await;
        let free = alice.send(&carol, "free").await;
        let outside = outside(&app).await;
        let holder = outside.begin().await.unwrap();
        for lock in ["SELECT * FROM thread FOR UPDATE", "SELECT * FROM reminder FOR UPDATE"] {
            holder.query_all_raw(app.db.statement(lock, [])).await.unwrap();
        }

        let held = [
            replying(&bob, &locked, "1", json!({"idempotencyKey": "k"})),
            replying(&carol, &locked, "2", json!({})),
            replying(&bob, &form, "done", json!({})),
        ];
        let mut calls = Vec::new();
        for n in 0..20 {
            calls.push(replying(&carol, &free, &n.to_string(), json!({})));
            calls.push(sending_to(&alice, &["team"], &n.to_string(), json!({})));
        }
        for call in calls {
            assert_eq!(call.await.unwrap().get("errors"), None);
        }
        until_waiting(&outside, &app, 3..).await;
        assert!(held.iter().all(|call| !call.is_finished()));
        holder.rollback().await.unwrap();

        for call in held {
            id_of_reply(&call.await.unwrap());
        }
        let mut thread = thread(&carol, &locked).await;
        thread.sort_unstable();
        assert_eq!(thread, ["0", "1", "2"].map(|body| (body.to_owned(), 1)));
        app.assert_live_equals_refetch(&alice).await;
        assert_right(&app, "the replies").await;
        outside.close().await.unwrap();
    });
}

/// A message to a group waits for the locked inbox of one of its members; those made with it do not.
#[test]
fn a_message_to_a_group_with_a_locked_inbox_holds_up_none_of_those_made_with_it() {
    run(Kind::Postgres, 2, async |app: TestApp| {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("both", &[&bob, &carol]).await;
        app.group("one", &[&carol]).await;
        let outside = outside(&app).await;
        let holder = outside.begin().await.unwrap();
        holder.query_all_raw(app.db.statement(LOCK, [])).await.unwrap();

        let held = sending_to(&alice, &["one", "both"], "to both", json!({}));
        let free: Vec<_> =
            (0..20).map(|n| sending_to(&alice, &["one"], &n.to_string(), json!({}))).collect();
        for call in free {
            id(&call.await.unwrap());
        }
        until_waiting(&outside, &app, 1..).await;
        assert!(!held.is_finished());
        holder.rollback().await.unwrap();

        id(&held.await.unwrap());
        assert_eq!(bob.counts().await["unread"], 1);
        assert_eq!(carol.counts().await["unread"], 21);
        assert_right(&app, "the sends").await;
        outside.close().await.unwrap();
    });
}
