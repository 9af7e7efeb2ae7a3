//! The statements that are written as SQL: every one is run on both databases.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use chrono::TimeDelta;
use entity::id::UserId;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;
use tidings::{
    config::Config,
    db::name_and_text,
    inbox, jobs,
    messages::{self, reminders},
    notifications::pull,
    recount, stats,
};

use crate::support::{
    app::{TestApp, To, both},
    crowd::crowd,
    documents::REPLY_TO_MESSAGE,
    plan::{postgres_plan, values},
    reminders::{remind_with, travel},
};

/// Those that the stories below cannot be sure to reach, and why.
const NOT_REACHED: [&str; 3] = [
    // What was created and not heard of is looked for every five seconds.
    "pull::targets_since",
    // Somebody else has locked an inbox, here once, there again and again.
    "inbox::wait_for_one",
    "inbox::lock_in_order",
];
/// Those that SQLite does without.
const ONLY_POSTGRES: [&str; 8] = [
    "db::advisory_lock",
    "db::notify",
    "inbox::lock",
    "inbox::lock_free",
    "receipts::lock",
    "reminders::waiting",
    "replies::lock_free",
    "replies::lock_messages",
];
/// A text that has a value in it is another one each time.
const MOST_TEXTS: usize = 6;
/// Those that have a text for each kind of change, and how many.
const OF_CHANGES: [&str; 3] = ["inbox::begin_apply", "inbox::apply", "undo::remember"];
const MOST_CHANGES: usize = 13;

both! {
    /// This finds a text that one of the databases does not understand, and a statement that no
    /// story runs.
    async fn every_statement_is_prepared(app: TestApp) {
        app.db.take_statements();
        threads_are_muted_and_changes_taken_back(&app).await;
        messages_are_sent_and_reported(&app).await;
        notifications_come_and_go(&app).await;
        many_are_reminded_and_shut_out(&app).await;
        what_is_wrong_is_mended(&app).await;
        messages_come_later(&app).await;
        somebody_is_erased(&app).await;
        what_is_old_goes(&app).await;
        an_operator_looks_and_purges(&app).await;
        words_are_indexed_and_found(&app).await;

        let mut ran: BTreeMap<String, BTreeMap<String, Statement>> = BTreeMap::new();
        for statement in app.db.take_statements() {
            if let (Some(name), text) = name_and_text(&statement.sql) {
                ran.entry(name.to_owned()).or_default().insert(text.to_owned(), statement);
            }
        }
        let tx = app.db.begin().await.unwrap();
        for (name, texts) in &ran {
            let most = if OF_CHANGES.contains(&&**name) { MOST_CHANGES } else { MOST_TEXTS };
            assert!(texts.len() <= most, "{name} has {} texts: {texts:#?}", texts.len());
            for statement in texts.values() {
                prepare(&*tx, statement).await;
            }
        }
        let mut missing = names(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")));
        assert!(missing.len() > 50, "{missing:?}");
        let unknown: Vec<_> = ran.keys().filter(|name| !missing.contains(*name)).collect();
        assert!(unknown.is_empty(), "not in the source: {unknown:?}");
        missing.retain(|name| !ran.contains_key(name) && !NOT_REACHED.contains(&name.as_str()));
        missing.retain(|name| app.db.is_postgres() || !ONLY_POSTGRES.contains(&name.as_str()));
        assert!(missing.is_empty(), "nobody has run {missing:?}");
    }

    /// SQLite stores them as 0 and 1, and its JSON would have these.
    async fn a_row_read_as_json_may_have_columns_of_type_bool(app: TestApp) {
        let mut sql = app.db.sql("tests::switches");
        let rows = sql.dialect().json_list(&sql.dialect().json_row::<switches::Entity>("s"));
        sql.push(format!(
            "SELECT {rows} FROM (SELECT CAST(1 AS bigint) AS id, true AS first, false AS second, \
             CAST(NULL AS boolean) AS third) AS s"
        ));
        let found: Vec<switches::Model> = sql.json(app.db.read()).await.unwrap();
        assert_eq!(found, [switches::Model { id: 1, first: true, second: false, third: None }]);
    }
}

mod switches {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Deserialize)]
    #[sea_orm(table_name = "switches")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub first: bool,
        pub second: bool,
        pub third: Option<bool>,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The names of statements in the source: texts such as `delivery::next_part`.
fn names(folder: &Path) -> BTreeSet<String> {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
    };
    let is_name = |text: &&str| {
        text.split_once("::").is_some_and(|(module, name)| is_word(module) && is_word(name))
    };
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.extend(self::names(&path));
            continue;
        }
        let source = fs::read_to_string(&path).unwrap_or_default();
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        for line in source.lines().map(str::trim) {
            if !line.starts_with("//") && !line.starts_with("#[") {
                names.extend(line.split('"').skip(1).step_by(2).filter(is_name).map(String::from));
            }
        }
    }
    names
}

async fn prepare(connection: &impl ConnectionTrait, statement: &Statement) {
    if statement.db_backend == DbBackend::Postgres {
        postgres_plan(connection, statement, false).await;
        return;
    }
    let explain = format!("EXPLAIN {}", statement.sql);
    let explain = Statement::from_sql_and_values(DbBackend::Sqlite, explain, values(statement));
    connection.query_all_raw(explain).await.unwrap();
}

async fn messages_are_sent_and_reported(app: &TestApp) {
    let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
    app.group("team", &[&bob, &carol]).await;
    let to = [To::Group("team").input()];
    let input = json!({"to": to, "subject": "hello", "body": "", "idempotencyKey": "k"});
    let hello = alice.create_message(input).await;
    alice.send(&bob, "only to you").await;
    alice.query("{ people(search: \"b\") { nodes { id } } }", json!({})).await;
    alice.query("{ people { nodes { id } } }", json!({})).await;
    let read_by_all = "{ sentMessages(filter: {isReadByAll: false}) { nodes { repliedCount } } }";
    alice.query(read_by_all, json!({})).await;
    let answer = bob.reply(&hello, "hello yourself", "EVERYONE").await;
    carol.reply(&answer, "me, too", "SENDER").await;
    bob.change("markRead", &[&bob.item("hello").await]).await;
    let mark = "mutation($id: ID!) { markRead(input: {itemIds: [$id]}) { items { title } } }";
    bob.query(mark, json!({"id": bob.item("hello").await})).await;
    // A reply that reaches nobody is made alone.
    app.group("alone", &[&carol]).await;
    let to_carol = json!({"to": [To::Group("alone").input()], "subject": "you", "body": ""});
    let to_carol = app.service().create_message(to_carol).await;
    let reply = json!({"input": {"parentId": to_carol, "body": "me?"}});
    carol.refusal(REPLY_TO_MESSAGE, reply).await;
    // Its text is not read with its item.
    let long = json!({"to": to, "subject": "long", "body": "a word ".repeat(1_000)});
    let long = alice.create_message(long).await;
    bob.snooze(&bob.item("long").await, app.now() + TimeDelta::hours(1)).await;
    carol.query("mutation { markAllRead(input: {}) { affectedCount } }", json!({})).await;
    let in_inbox = "query($id: ID!) { message(id: $id) { viewerInboxItem { id } } }";
    bob.query(in_inbox, json!({"id": long})).await;
    let report = "query($id: ID!) { readReport(first: 1) { nodes { id } }
        message(id: $id) { readTimeline(interval: DAY) { readCount } } }";
    let report = alice.query(report, json!({"id": hello})).await;
    let row = &report["readReport"]["nodes"][0]["id"];
    alice.query("query($id: ID!) { node(id: $id) { id } }", json!({"id": row})).await;
    let by_rate = "{ readReport(first: 1, orderBy: LOWEST_RATE_FIRST) { nodes { id } } }";
    alice.query(by_rate, json!({})).await;

    // A reminder that is called off, one that this version does not understand, and one to few.
    let update = "mutation($id: ID!) {
        updateMessage(input: {messageId: $id, reminder: null}) { message { id } } }";
    let daily = json!({"frequency": "daily"});
    let id = remind_with(&alice, &[To::User(&bob)], "form", None, daily.clone()).await;
    alice.query(update, json!({"id": id})).await;
    remind_with(&alice, &[To::User(&bob)], "moons", None, daily.clone()).await;
    run(app, "UPDATE reminder SET step = '1 moon'").await;
    let id = remind_with(&alice, &[To::User(&carol)], "form", None, daily).await;
    app.advance(TimeDelta::days(1));
    app.run_due().await;
    reminders::remind(app).await.unwrap();
    carol.reply(&id, "done", "SENDER").await;
    alice.expire(&id, app.now() + TimeDelta::hours(1)).await;
    app.advance(TimeDelta::hours(2));
    app.run_due().await;
    // The keys of calls are forgotten, and what has left the inboxes.
    for _ in 0..2 {
        app.advance(TimeDelta::days(60));
        app.run_due().await;
    }
}

async fn threads_are_muted_and_changes_taken_back(app: &TestApp) {
    let [alice, bob] = app.users(["alice", "bob"]).await;
    let lunch = alice.send(&bob, "lunch").await;
    let cursor = bob.did("archive", &[&bob.item("lunch").await]).await.unwrap();
    bob.undo(&cursor).await;
    for mutation in ["muteThread", "unmuteThread", "muteThread"] {
        let mute = format!(
            "mutation($id: ID!) {{ {mutation}(input: {{rootId: $id}}) {{ thread {{ id }} }} }}"
        );
        bob.query(&mute, json!({"id": lunch})).await;
    }
    let when = bob.reply(&lunch, "when?", "SENDER").await;
    alice.reply(&when, "now", "SENDER").await;
    bob.did_all("markAllRead", json!({"filter": {"view": "ALL", "search": "lunch"}})).await;
    bob.did_all("archiveAll", json!({"filter": {"thread": lunch}})).await;
}

async fn notifications_come_and_go(app: &TestApp) {
    let [ada, bob, eve] = app.users(["ada", "bob", "eve"]).await;
    for user in [&ada, &bob] {
        user.follow("post", "create_post").await;
    }
    app.act(&eve, "comment", "post").await;
    let news = app.announce("news").await;
    ada.counts().await;
    app.act(&bob, "comment", "post").await;
    let people = app.db.integers("SELECT user_id FROM inbox", []).await.unwrap();
    let people: Vec<_> = people.into_iter().map(UserId).collect();
    pull::heads_of(app, &people).await.unwrap();

    // Those who are connected take in at once.
    let mut live = ada.follow_inbox(None).await;
    app.announce("more").await;
    live.take_titles(1).await;
    let mistake = app.act(&eve, "comment", "post").await;
    live.take_titles(1).await;
    app.retract_activity(&mistake).await;

    let carol = app.user("carol").await;
    app.act(&carol, "comment", "post").await;
    app.act(&bob, "comment", "post").await;
    let last = app.act(&eve, "comment", "post").await;
    let why =
        "query($id: ID!) { explain(activityId: $id) { rules { passed } } viewer { inbox { items {
        nodes { about { ... on ActivityGroup { reasons latestActors(limit: 5) { id } } } } } } } }";
    ada.query(why, json!({"id": last})).await;
    ada.query("mutation { markAllRead(input: {}) { affectedCount } }", json!({})).await;

    let asked = "query($id: ID!) { announcement(id: $id) { readStats { recipientCount } } }";
    app.service().query(asked, json!({"id": news})).await;
    app.update_announcement(json!({"announcementId": news, "title": "old"})).await;
    app.retract_announcement(&news).await;
    let hour = |hours: i64| (app.now() + TimeDelta::hours(hours)).to_rfc3339();
    app.announce_with(
        json!({"title": "soon", "body": "", "publishAt": hour(1), "expiresAt": hour(2)}),
    )
    .await;
    for _ in 0..2 {
        app.advance(TimeDelta::hours(1));
        app.run_due().await;
    }

    ada.want("comment", Some(false)).await;
    ada.want("comment", None).await;
    ada.unfollow("post", Some("create_post")).await;
}

/// More people than one transaction takes.
async fn many_are_reminded_and_shut_out(app: &TestApp) {
    let admin = app.admin().await;
    crowd(app, 6_000).await;
    let day = |days: i64| (app.now() + TimeDelta::days(days)).to_rfc3339();
    let (last, over) = (day(2), day(4));
    let campaign = json!({"frequency": "daily", "until": "REPLIED", "deactivateNonRepliers": true});
    remind_with(&admin, &[To::Group("crowd")], "all of you", Some(last.as_str()), campaign).await;
    for time in [day(1), last, over] {
        travel(app, &time).await;
    }
}

async fn messages_come_later(app: &TestApp) {
    let [vera, walt] = app.users(["vera", "walt"]).await;
    let at = |hours: i64| (app.now() + TimeDelta::hours(hours)).to_rfc3339();
    let planned = |hours| {
        json!({
            "to": [To::User(&walt).input()], "subject": "later", "body": "", "sendAt": at(hours),
            "expiresAt": at(99), "reminder": {"frequency": "daily"},
        })
    };
    let id = vera.create_message(planned(1)).await;
    let change = json!({"messageId": id, "to": [To::User(&walt).input()], "sendAt": at(2)});
    let update = "mutation($input: UpdateMessageInput!) {
        updateMessage(input: $input) { message { id } } }";
    vera.query(update, json!({"input": change})).await;
    let cancel = "mutation($id: ID!) { cancelMessage(input: {messageId: $id}) { messageId } }";
    let other = vera.create_message(planned(3)).await;
    vera.query(cancel, json!({"id": other})).await;
    app.advance(TimeDelta::hours(2));
    app.run_due().await;
}

async fn somebody_is_erased(app: &TestApp) {
    let [ada, bob, uma] = app.users(["ada", "bob", "uma"]).await;
    let message = uma.send(&bob, "mine").await;
    ada.send(&uma, "yours").await;
    app.announce("to all").await;
    uma.query("mutation { markAllRead(input: {}) { affectedCount } }", json!({})).await;
    app.act(&uma, "comment", "post").await;
    bob.counts().await;
    uma.reply(&message, "mine, too", "EVERYONE").await;
    uma.create_message(json!({
        "to": [To::User(&bob).input()], "subject": "never", "body": "",
        "sendAt": (app.now() + TimeDelta::hours(1)).to_rfc3339(),
    }))
    .await;
    let erase = "mutation($id: ID!, $messages: Boolean!) {
        eraseUser(input: {user: {id: $id}, messages: $messages}) { isComplete } }";
    for messages in [false, true] {
        app.service().query(erase, json!({"id": uma.id, "messages": messages})).await;
        app.run_due().await;
    }
    // An item of more activities than one transaction deletes.
    let vic = app.user("vic").await;
    app.act(&bob, "comment", "post").await;
    run(
        app,
        "INSERT INTO inbox_item (user_id, kind, target_id, action, activity_id, activity_count, \
         actor_count, seq, arrived_seq, created_at, updated_at) SELECT u.id, 'activity', t.id, \
         'comment', 1, 6000, 1, 0, 0, u.created_at, u.created_at FROM user_account AS u \
         CROSS JOIN target AS t WHERE u.external_id = 'vic'",
    )
    .await;
    app.service().query(erase, json!({"id": vic.id, "messages": false})).await;
    // The last look.
    app.advance(TimeDelta::minutes(5));
    app.run_due().await;
}

async fn what_is_old_goes(app: &TestApp) {
    // A thread of more messages than one transaction deletes.
    run(
        app,
        "INSERT INTO message (root_id, parent_id, subject, body, depth, path, seq, \
         recipient_count, seen_count, read_count, created_at) SELECT m.id, m.id, '', '', 1, \
         m.path, n.i, 0, 0, 0, m.created_at FROM (WITH RECURSIVE n(i) AS \
         (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5100) SELECT i FROM n) AS n \
         CROSS JOIN message AS m WHERE m.id = (SELECT max(x.id) FROM message AS x \
         WHERE x.root_id IS NULL)",
    )
    .await;
    app.advance(TimeDelta::days(100));
    let day = TimeDelta::days(1);
    // The threads first, while their items are there.
    for _ in 0..5 {
        messages::retain::forget_old(app, day).await.unwrap();
    }
    for _ in 0..20 {
        messages::retain::forget_old(app, day).await.unwrap();
        inbox::remove_old(&app.db, day, app.now()).await.unwrap();
    }
}

async fn an_operator_looks_and_purges(app: &TestApp) {
    let long = Some(std::time::Duration::from_secs(50 * 86_400));
    let config = Config { inbox_retention: long, message_retention: long, ..(*app.config).clone() };
    let app = app.with(|state| state.config = config.into());
    stats::look(&app).await.unwrap();
    jobs::purge::count(&app).await.unwrap();
    jobs::purge::purge(&app).await.unwrap();
}

async fn what_is_wrong_is_mended(app: &TestApp) {
    for wrong in [
        "UPDATE inbox SET unread = unread + 3 WHERE user_id = (SELECT min(user_id) FROM inbox)",
        "UPDATE message SET read_count = read_count + 1 WHERE id = 1",
        "UPDATE announcement SET seen_count = seen_count + 1",
        "UPDATE thread SET seq = 0",
        // Not in the past: the server would end it before it is found.
        "UPDATE reminder SET next_at = '2900-01-01 00:00:00+00:00' WHERE message_id IN \
         (SELECT id FROM message WHERE expired_at IS NOT NULL)",
        "UPDATE subscription SET since = 1000000",
    ] {
        run(app, wrong).await;
    }
    let found = recount::check(app.db.read(), app.now()).await.unwrap();
    recount::mend(&app.db, &found.findings, app.now()).await.unwrap();
    let left = recount::check(app.db.read(), app.now()).await.unwrap();
    assert!(left.findings.is_empty(), "{left}");
    // After a failure, the server looks whether writing works.
    app.db.begin().await.unwrap().rows("SELECT nonsense", []).await.unwrap_err();
    app.db.check().await.unwrap();
}

/// With gaps between the ids, which are looked at again.
async fn words_are_indexed_and_found(app: &TestApp) {
    let [alice, bob] = app.users(["alice", "bob"]).await;
    let lists = "{ users(search: \"u\") { nodes { id } } groups(search: \"team\") { nodes { id } }
            people(search: \"u\") { nodes { id } }
            sentMessages(filter: {search: \"hello\"}) { nodes { id } } }";
    let lists = async || app.admin().await.query(lists, json!({})).await;
    lists().await;
    // The second loses a word that the first or the third has in the same segment.
    for _ in 0..3 {
        alice.send(&bob, "hello").await;
    }
    let search = "{ viewer { inbox { items(filter: {view: ALL, search: \"hello\"}) { nodes { id } }
            more: items { nodes { id } }
            sent: items(filter: {sender: {externalId: \"alice\"}}) { nodes { id } } } } }";
    for gap in [5_000, 20_000] {
        alice.send(&bob, "hello").await;
        run(
            app,
            &format!(
                "INSERT INTO message (id, subject, body, depth, path, seq, recipient_count, \
                 seen_count, read_count, created_at) SELECT id + {gap}, subject, body, 0, path, 0, \
                 0, 0, 0, created_at FROM message ORDER BY id DESC LIMIT 1"
            ),
        )
        .await;
        app.run_due().await;
        // The first time by the index, then there are too many gaps.
        bob.query(search, json!({})).await;
        app.advance(TimeDelta::minutes(2));
    }
    app.run_due().await;
    for change in [
        "UPDATE message SET subject = 'bye' WHERE id = (SELECT x.id FROM message AS x \
         WHERE x.subject = 'hello' ORDER BY x.id LIMIT 1 OFFSET 1)",
        "INSERT INTO search_lost (about, id, due_at) SELECT 'message', id, created_at \
         FROM message WHERE subject = 'bye' UNION ALL \
         SELECT 'user', id, created_at FROM user_account WHERE external_id = 'alice'",
        "UPDATE user_account SET external_id = 'alicia' WHERE external_id = 'alice'",
        // Too much that is not covered: lists are walked through.
        "INSERT INTO search_again (about, id, since, due_at) SELECT a.about, n.i, \
         '2090-01-01T00:00:00+00:00', '2090-01-01T00:00:00+00:00' FROM (WITH RECURSIVE n(i) AS \
         (SELECT 1000000 UNION ALL SELECT i + 1 FROM n WHERE i < 1009000) SELECT i FROM n) AS n \
         CROSS JOIN (SELECT 'user' AS about UNION ALL SELECT 'group' UNION ALL \
         SELECT 'message') AS a",
    ] {
        run(app, change).await;
    }
    lists().await;
    app.run_due().await;
    app.advance(TimeDelta::hours(2));
    app.run_due().await;
}

async fn run(app: &TestApp, sql: &str) {
    let tx = app.db.begin().await.unwrap();
    assert!(tx.run(sql, []).await.unwrap() > 0, "{sql} changes nothing");
    tx.commit().await.unwrap();
}
