//! What it takes to change and show an inbox of 100 000 items among 100 000 inboxes.

use std::{sync::LazyLock, thread};

use chrono::{DateTime, Utc};
use entity::id::MessageId;
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};
use tidings::{
    auth::Role,
    id::encode,
    inbox,
    messages::{planned, retain},
    page::Key,
    search::index::SEGMENT,
};

use super::names_of;
use crate::support::{
    app::{TestApp, TestUser, To, both},
    documents::RETRACT_ANNOUNCEMENT,
    measure::{Copy, Statistics},
};

const PEOPLE: u64 = 100_000;
const ITEMS: u64 = 100_000;
/// Ada's newest items, which she has not seen.
const UNSEEN: u64 = 50;
/// The number of people in the group “team”.
const TEAM: u64 = 100;
/// The number of people whom one message went to: more than are reminded in one part.
const MANY: u64 = 6_000;
/// The id of that message.
const TO_MANY: u64 = ITEMS + 1;
/// The number of messages before much had been sent.
const BEGINNINGS: u64 = 100;
const TARGETS: u64 = 100;
/// The number of Ada's items in a category that few are in.
const RARE: u64 = ITEMS / 2_500;
const FIRST_ARRIVED: &str = "2025-12-01T00:00:00Z";
/// Ada's id. Bob's is the next.
const ADA: u64 = PEOPLE + 1;

/// How much a statement may read: by itself, and for each item or person that it concerns. Pages on
/// PostgreSQL, steps on SQLite. Walking through all inboxes, or through Ada's, takes thousands of
/// pages and hundreds of thousands of steps.
const POSTGRES: (u64, u64) = (180, 50);
const SQLITE: (u64, u64) = (2_500, 400);

/// How many pages are asked for at once: more than are read before others have to wait.
static AT_ONCE: LazyLock<u64> =
    LazyLock::new(|| 6 * thread::available_parallelism().unwrap().get().min(16) as u64);

/// The number of rows that a part of something looks through.
const PART: u64 = inbox::BATCH as u64;

/// A statement that the server ran, and how many items or people its story concerns.
struct Ran {
    story: &'static str,
    concerns: u64,
    statement: Statement,
}

both! {
    /// Every change of inboxes finds what it concerns, and nothing else.
    async fn a_change_reads_what_it_concerns_however_much_there_is(app: TestApp) {
        let copies = crowd(&app).await;
        let app = app.restart().await;
        let mut ran = Vec::new();
        let [ada, bob] = app.users(["ada", "bob"]).await;
        let mut note = |story: &'static str, concerns: u64| {
            let statements = app.db.take_statements_of_requests();
            ran.extend(statements.into_iter().map(|statement| Ran { story, concerns, statement }));
        };
        note("signing in", 2);

        let first = bob.send(&ada, "first").await;
        note("a message to one", 1);
        let second = ada.send(&bob, "second").await;
        note("a message to another", 1);
        let yes = ada.reply(&first, "yes", "EVERYONE").await;
        note("a reply", 1);
        let to_team = ada.send_to(&[To::Group("team"), To::User(&bob)], "to the team").await;
        note("a message to a group", TEAM + 1);
        bob.reply(&to_team, "all right", "EVERYONE").await;
        note("a reply to a group", TEAM + 1);

        let item = ada.titles_and_ids(5).await.remove(0);
        note("a page", 20);
        for change in ["markSeen", "markRead", "markUnread", "archive", "unarchive"] {
            ada.change(change, &[&item]).await;
            note(change, 1);
        }
        ada.snooze(&item, app.now() + chrono::TimeDelta::hours(1)).await;
        note("snooze", 1);
        ada.change("unsnooze", &[&item]).await;
        note("unsnooze", 1);
        let archived = ada.did("archive", &[&item]).await.unwrap();
        note("archive", 1);
        ada.undo(&archived).await;
        note("undo", 1);
        for mutation in ["markThreadRead", "muteThread"] {
            let change = format!(
                "mutation($id: ID!) {{ {mutation}(input: {{rootId: $id}}) {{
                    thread {{ messageCount }} }} }}"
            );
            ada.query(&change, json!({"id": first})).await;
            note(mutation, 2);
        }
        bob.reply(&yes, "fine", "EVERYONE").await;
        note("a reply to a muted thread", 2);
        ada.did_all("archiveAll", json!({"filter": {"view": "ALL", "thread": first}})).await;
        note("a thread is archived", 2);
        ada.mark_all("markAllSeen", json!({})).await;
        note("markAllSeen", UNSEEN + 1);
        ada.mark_all("markAllRead", json!({"filter": {"kinds": ["ANNOUNCEMENT"]}})).await;
        note("markAllRead", ITEMS / 1_000);
        ada.mark_all("markAllRead", json!({"filter": {"categories": ["rare"]}})).await;
        note("markAllRead of a category", RARE);

        // Their time has come. The clock stands still, so that nobody does by themselves what this
        // test does.
        ada.snooze(&item, app.now() + chrono::TimeDelta::hours(1)).await;
        let expiring = json!({
            "to": [To::Group("team").input()], "subject": "short", "body": "",
            "expiresAt": (app.now() + chrono::TimeDelta::hours(1)).to_rfc3339(),
            "reminder": {"frequency": "daily"},
        });
        let reminding = ada.create_message(expiring).await;
        note("a message that reminds", TEAM);
        at(&app, "UPDATE inbox_item SET snoozed_until = $1 WHERE snoozed_until < $2").await;
        at(&app, "UPDATE reminder SET next_at = $1 WHERE next_at < $2").await;
        note("", u64::MAX);
        app.run_due().await;
        note("what is due: a snooze and a reminder", TEAM + 1);
        let now_due = "UPDATE reminder SET next_at = $1 WHERE message_id = {} AND $1 < $2";
        at(&app, &now_due.replace("{}", &TO_MANY.to_string())).await;
        note("", u64::MAX);
        app.run_due().await;
        note("a reminder to many", PART);
        at(&app, &format!(
            "INSERT INTO thread_mute (root_id, user_id, muted_at) \
             SELECT {TO_MANY}, id, $1 FROM user_account WHERE id <= {MANY} AND $1 < $2"
        ))
        .await;
        note("", u64::MAX);
        ada.reply(&encode(MessageId(TO_MANY as i64)), "to those who do not listen", "EVERYONE").await;
        app.run_due().await;
        note("a reply to many who have muted its thread", PART);
        ada.expire(&reminding, app.now()).await;
        note("an expiry", TEAM);
        at(&app, "UPDATE inbox_item SET removed_at = $3 WHERE removed_at IS NOT NULL AND $1 < $2")
            .await;
        note("", u64::MAX);
        app.run_due().await;
        note("a purge", TEAM);

        let host = app.service();
        let announce = "mutation {
            createAnnouncement(input: {title: \"new\", body: \"\"}) { announcement { id } } }";
        let made = host.query(announce, json!({})).await;
        let announced =
            made["createAnnouncement"]["announcement"]["id"].as_str().unwrap().to_owned();
        note("an announcement", 1);
        ada.counts().await;
        bob.counts().await;
        note("a pull of an announcement", 2);
        let rename = "mutation($id: ID!) {
            updateAnnouncement(input: {announcementId: $id, title: \"newer\"}) {
                announcement { id } } }";
        host.query(rename, json!({"id": announced})).await;
        note("a refresh of an announcement", 2);
        host.query(RETRACT_ANNOUNCEMENT, json!({"id": announced})).await;
        note("a retraction of an announcement", 2);

        ada.follow("p1", "like_post").await;
        bob.follow("p1", "like_post").await;
        note("following", 1);
        let carol = app.user("u100").await;
        app.act(&carol, "comment", "p1").await;
        note("an activity", 1);
        ada.counts().await;
        bob.counts().await;
        note("a pull of an activity", 2);
        let retracted = app.act(&carol, "comment", "p1").await;
        ada.counts().await;
        bob.counts().await;
        note("an item that grows", 2);
        app.retract_activity(&retracted).await;
        note("a retraction of an activity", 2);

        // Everything that Bob has is erased, and all tables are looked through for it, some
        // thousand rows at a time.
        let later = json!({
            "to": [To::User(&ada).input()], "subject": "later", "body": "",
            "sendAt": (app.now() + chrono::TimeDelta::hours(2)).to_rfc3339(),
        });
        bob.create_message(later).await;
        app.act(&bob, "comment", "p1").await;
        ada.counts().await;
        note("before somebody is erased", 100);
        for messages in [false, true] {
            let erase = format!(
                "mutation($id: ID!) {{
                    eraseUser(input: {{user: {{id: $id}}, messages: {messages}}}) {{
                      isComplete }} }}"
            );
            host.query(&erase, json!({"id": bob.id})).await;
            app.run_due().await;
        }
        app.advance(chrono::TimeDelta::minutes(6));
        app.run_due().await;
        note("somebody is erased", PART);
        let _ = second;

        app.stop().await;
        assert_costs_little(copies, &ran).await;
    }

    /// A page costs the same in every view, for every kind, in both directions, at the beginning
    /// and deep inside, and among others that are asked for with the same statement.
    async fn a_page_costs_the_same_in_every_view(app: TestApp) {
        let copies = crowd(&app).await;
        let app = app.restart().await;
        let mut ran = Vec::new();
        let ada = app.user("ada").await;
        // The other people's items come first.
        let first: DateTime<Utc> = FIRST_ARRIVED.parse().unwrap();
        let middle =
            (first + chrono::TimeDelta::seconds((ITEMS / 2) as i64), (PEOPLE + ITEMS / 2) as i64)
                .encode();
        app.db.take_statements();
        for view in ["ACTIVE", "UNREAD", "SNOOZED", "ARCHIVED", "ALL"] {
            for mut filter in [
                json!({}),
                json!({"kinds": ["MESSAGE"]}),
                json!({"kinds": ["ANNOUNCEMENT"]}),
                json!({"kinds": ["MESSAGE", "ACTIVITY"]}),
                json!({"categories": ["rare"]}),
                json!({"categories": ["frequent"], "kinds": ["MESSAGE"]}),
                json!({"categories": ["rare", "frequent"]}),
            ] {
                filter["view"] = view.into();
                for (size, key) in [("first", "after"), ("last", "before")] {
                    for cursor in [None, Some(&middle)] {
                        let page = format!(
                            "query($filter: InboxFilter!, $key: String) {{ viewer {{ inbox {{
                               items(filter: $filter, {size}: 20, {key}: $key) {{
                                 nodes {{ id title }} }} }} }} }}"
                        );
                        let found = ada
                            .query(&page, json!({"filter": filter, "key": cursor}))
                            .await;
                        assert_ne!(
                            found["viewer"]["inbox"]["items"]["nodes"],
                            json!([]),
                            "{filter}"
                        );
                        let statements = app.db.take_statements();
                        ran.extend(statements.into_iter().map(|statement| Ran {
                            story: view,
                            concerns: 20,
                            statement,
                        }));
                    }
                }
                let page = "query($filter: InboxFilter!) { viewer { inbox {
                    items(filter: $filter, first: 20) { nodes { id title } } } } }";
                let at_once = (0..*AT_ONCE).map(|_| ada.query(page, json!({"filter": filter})));
                join_all(at_once).await;
                let statements = app.db.take_statements().into_iter();
                let together = statements.filter(|statement| statement.sql.contains("w.place"));
                ran.extend(together.map(|statement| Ran {
                    story: "many pages at once",
                    concerns: 20 * *AT_ONCE,
                    statement,
                }));
            }
        }
        app.stop().await;
        assert!(ran.iter().any(|ran| ran.story == "many pages at once"), "none is asked together");
        assert_costs_little(copies, &ran).await;
    }
}

both! {
    /// What is due next, and what is too old, is found without looking at everything.
    async fn what_is_too_old_or_planned_is_found_in_parts(app: TestApp) {
        let mut copies = crowd(&app).await;
        if app.db.is_postgres() {
            // Without statistics it sorts the whole table for the next 200 ids.
            let has_some = |copy: &Copy| {
                matches!(copy.statistics, Statistics::Fresh | Statistics::Early)
            };
            copies.retain(has_some);
        }
        let app = app
            .restart_with(|config| {
                let day = std::time::Duration::from_secs(24 * 60 * 60);
                (config.inbox_retention, config.message_retention) = (Some(day), Some(day));
            })
            .await;
        let mut ran = Vec::new();
        let [ada, bob] = app.users(["ada", "bob"]).await;
        let later = json!({
            "to": [To::User(&bob).input()], "subject": "later", "body": "",
            "sendAt": (app.now() + chrono::TimeDelta::hours(1)).to_rfc3339(),
        });
        app.db.take_statements();
        ada.create_message(later).await;
        app.advance(chrono::TimeDelta::hours(1));
        planned::send_due(&app, planned::due(&app, 9).await.unwrap()[0]).await.unwrap();
        let statements = app.db.take_statements_of_requests();
        ran.extend(statements.into_iter().map(|statement| Ran {
            story: "a planned message",
            concerns: 2,
            statement,
        }));
        app.advance(chrono::TimeDelta::days(2));
        app.db.take_statements();
        for _ in 0..2 {
            retain::forget_old(&app, chrono::TimeDelta::days(1)).await.unwrap();
            inbox::remove_old(&app.db, chrono::TimeDelta::days(1), app.now()).await.unwrap();
        }
        let statements = app.db.take_statements();
        ran.extend(statements.into_iter().map(|statement| Ran {
            story: "what is too old",
            concerns: PART,
            statement,
        }));
        app.stop().await;
        assert_costs_little(copies, &ran).await;
    }

    /// What somebody has sent is found without looking at what others have sent, however little it
    /// is.
    async fn a_report_reads_what_it_shows_however_much_others_have_sent(app: TestApp) {
        let copies = crowd(&app).await;
        let app = app.restart().await;
        let [ada, bob] = app.users(["ada", "bob"]).await;
        let admin = app.client("root", Role::Admin);
        admin.query("{ viewer { id } }", json!({})).await;
        bob.send(&ada, "one").await;
        let mut ran = Vec::new();
        app.db.take_statements();
        for order in ["NEWEST_FIRST", "OLDEST_FIRST", "LOWEST_RATE_FIRST"] {
            let page = |size: &str, filter: &str| {
                format!(
                    "{{ readReport({size}: 20, orderBy: {order}, filter: {{{filter}}}) {{ \
                     nodes {{ id }} }} }}"
                )
            };
            bob.query(&page("first", ""), json!({})).await;
            bob.query(&page("last", ""), json!({})).await;
            let of_bob = "sender: {externalId: \"bob\"}";
            admin.query(&page("first", of_bob), json!({})).await;
        }
        let sent = "{ sentMessages { nodes { subject } } }";
        bob.query(sent, json!({})).await;
        let by_reading = "{ sentMessages(filter: {isReadByAll: true}) { nodes { repliedCount } } }";
        bob.query(by_reading, json!({})).await;
        for state in ["ACTIVE", "DEACTIVATED"] {
            let people = format!("{{ users(state: {state}) {{ nodes {{ id }} }} }}");
            admin.query(&people, json!({})).await;
        }
        let statements = app.db.take_statements_of_requests();
        ran.extend(statements.into_iter().map(|statement| Ran {
            story: "a report",
            concerns: 20,
            statement,
        }));
        app.stop().await;
        assert_costs_little(copies, &ran).await;
    }

    /// Whatever somebody looks for: something rare, frequent, or not there.
    async fn a_search_reads_what_it_finds_and_not_the_inbox(app: TestApp) {
        drop(crowd(&app).await);
        let app = app.restart().await;
        let tx = app.db.begin().await.unwrap();
        tx.run("UPDATE search_progress SET segment = 0", []).await.unwrap();
        // Somebody who has sent much, of which Ada has one.
        tx.run(
            "UPDATE message SET sender_id = CASE WHEN body LIKE '%elsewhere' THEN 7 ELSE 8 END \
             WHERE sender_id = 7 OR body LIKE '%elsewhere'",
            [],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        app.run_due().await;
        app.stop().await;
        let mut copies = Vec::new();
        for statistics in [Statistics::Fresh, Statistics::None, Statistics::Empty] {
            copies.push(Copy::of(&app, statistics).await);
        }
        let app = app.restart().await;
        let ada = app.user("ada").await;
        app.db.take_statements();
        let mut ran = Vec::new();
        for (search, count) in [
            (r#"search: "77779""#, 1),
            (r#"search: "body""#, 20),
            (r#"search: "about body""#, 20),
            (r#"search: "nothing""#, 0),
            (r#"search: "news""#, 20),
            (r#"search: "b""#, 20),
            (r#"sender: {externalId: "u5"}"#, 20),
            (r#"sender: {externalId: "u5"}, search: "54004""#, 1),
            (r#"sender: {externalId: "u7"}, search: "77779""#, 0),
            (r#"sender: {externalId: "u5000"}"#, 0),
        ] {
            for view in ["ACTIVE", "ALL"] {
                let query = format!(
                    "{{ viewer {{ inbox {{ items(filter: {{view: {view}, {search}}}, first: 20) {{
                        nodes {{ title }} }} }} }} }}"
                );
                let found = ada.query(&query, json!({})).await;
                let found = found["viewer"]["inbox"]["items"]["nodes"].as_array().unwrap().len();
                assert_eq!(found, count, "{search} in {view}");
                let statements = app.db.take_statements();
                ran.extend(statements.into_iter().map(|statement| Ran {
                    story: search,
                    // The rest of a segment is not in the index yet: it is looked up.
                    concerns: if statement.sql.contains("inbox::found") { 20 } else { 300 },
                    statement,
                }));
            }
        }
        // Ten thousand others have it, and one of Ada's items, far from both ends: whoever looks for
        // it gets short pages, each of which costs the same.
        let forwards = ("first", "after", "endCursor", "hasNextPage");
        let backwards = ("last", "before", "startCursor", "hasPreviousPage");
        let (words, sender) = (r#"search: "elsewhere""#, r#"sender: {externalId: "u7"}"#);
        for (search, (size, key, end, more)) in
            [(words, forwards), (words, backwards), (sender, forwards), (sender, backwards)]
        {
            let query = format!(
                "query($key: String) {{ viewer {{ inbox {{ items(
                    filter: {{view: ALL, {search}}}, {size}: 20, {key}: $key
                ) {{ nodes {{ title }} pageInfo {{ {end} {more} }} }} }} }} }}"
            );
            let (mut pages, mut cursor, mut found) = (0, Value::Null, Vec::new());
            loop {
                let page = ada.query(&query, json!({"key": cursor})).await["viewer"]["inbox"]
                    ["items"]
                    .take();
                let statements = app.db.take_statements();
                assert!(statements.len() < 80, "{} statements", statements.len());
                ran.extend(statements.into_iter().map(|statement| Ran {
                    story: "elsewhere",
                    concerns: 2_500,
                    statement,
                }));
                found.extend(page["nodes"].as_array().unwrap().clone());
                pages += 1;
                cursor = page["pageInfo"][end].clone();
                if page["pageInfo"][more] == false {
                    break;
                }
                assert!(cursor.is_string(), "{page}");
            }
            assert_eq!(found, [json!({"title": "about 50002"})]);
            assert!((5..=12).contains(&pages), "{pages} pages");
        }
        // Lists of people and of what somebody has sent.
        let host = app.service();
        let fifth = app.user("u5").await;
        app.db.take_statements();
        for (search, count) in [("u77779", 1), ("u", 20), ("u7777", 11), ("nobody", 0)] {
            let query = format!("{{ users(search: \"{search}\") {{ nodes {{ id }} }} }}");
            let found = host.query(&query, json!({})).await;
            assert_eq!(found["users"]["nodes"].as_array().unwrap().len(), count, "{search}");
        }
        for (search, count) in [("54004", 1), ("body", 20), ("nothing", 0)] {
            let query = format!(
                "{{ sentMessages(filter: {{search: \"{search}\"}}) {{ nodes {{ id }} }} }}"
            );
            let found = fifth.query(&query, json!({})).await;
            assert_eq!(found["sentMessages"]["nodes"].as_array().unwrap().len(), count, "{search}");
        }
        let statements = app.db.take_statements();
        ran.extend(statements.into_iter().map(|statement| Ran {
            story: "a list",
            concerns: 2_500,
            statement,
        }));
        app.stop().await;
        assert_costs_little(copies, &ran).await;
    }
}

/// Runs everything again on each copy, and reports what read too much.
async fn assert_costs_little(copies: Vec<Copy>, ran: &[Ran]) {
    let mut dear = String::new();
    for copy in copies {
        for Ran { story, concerns, statement } in ran {
            let (cost, plan) = copy.run(statement).await;
            let (base, each) =
                if statement.db_backend == DbBackend::Postgres { POSTGRES } else { SQLITE };
            // What looks through a part of a table reads as much as a scan would, so its plan decides.
            let is_scan = *concerns == PART && scans(statement, &plan);
            if is_scan || cost > base.saturating_add(each.saturating_mul(*concerns)) {
                dear += &format!(
                    "\n{story}, statistics {:?}: {cost}\n{statement}\n{plan}",
                    copy.statistics
                );
            }
        }
    }
    assert!(dear.is_empty(), "{dear}");
}

/// Whether a large table is scanned.
fn scans(statement: &Statement, plan: &str) -> bool {
    const LARGE: [&str; 6] =
        ["message", "message_recipient", "message_audience", "inbox_item", "inbox", "user_account"];
    /// Indexes that contain only what is wanted: to walk through one is not a scan.
    const OF_WHAT_IS_WANTED: [&str; 4] =
        ["message_planned", "message_expires", "inbox_item_removed", "inbox_item_snoozed"];
    let names = names_of(&statement.sql, &LARGE);
    let scanned = |line: &str| {
        let line = line.trim_start();
        if OF_WHAT_IS_WANTED.iter().any(|index| line.ends_with(index)) {
            return None;
        }
        match statement.db_backend {
            DbBackend::Postgres => {
                let table = line.strip_prefix("Seq Scan ")?.split(' ').next()?;
                LARGE.contains(&table).then_some(())
            }
            _ => {
                let table = line.strip_prefix("SCAN ")?.split(' ').next()?;
                names.iter().any(|name| name == table).then_some(())
            }
        }
    };
    plan.lines().any(|line| scanned(line).is_some())
}

/// Makes something past, without waking anybody.
async fn at(app: &TestApp, change: &str) {
    let now = app.now();
    let (long_ago, soon) = (now - chrono::TimeDelta::days(100), now + chrono::TimeDelta::days(2));
    let past = now - chrono::TimeDelta::minutes(1);
    let mut values = vec![past.into(), soon.into()];
    if change.contains("$3") {
        values.push(long_ago.into());
    }
    let tx = app.db.begin().await.unwrap();
    tx.run(change, values).await.unwrap();
    tx.commit().await.unwrap();
}

impl TestUser {
    /// The ids of the newest active items.
    async fn titles_and_ids(&self, first: u32) -> Vec<String> {
        let query =
            "query($first: Int!) { viewer { inbox { items(first: $first) { nodes { id } } } } }";
        let items =
            self.query(query, json!({"first": first})).await["viewer"]["inbox"]["items"]["nodes"]
                .take();
        items
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn mark_all(&self, mutation: &str, input: Value) {
        let mark = format!(
            "mutation($input: InboxBulkInput!) {{ {mutation}(input: $input) {{ affectedCount }} }}"
        );
        let marked =
            self.query(&mark, json!({"input": input})).await[mutation]["affectedCount"].take();
        assert!(marked.as_u64().unwrap() > 10, "{mutation}: {marked}");
    }
}

/// Fills a database whose statistics say that it is empty; returns copies with more and fewer
/// statistics. The server has stopped.
async fn crowd(app: &TestApp) -> Vec<Copy> {
    let (now, later) = (app.now(), app.now() + chrono::TimeDelta::days(300));
    let tx = app.db.begin().await.unwrap();
    tx.execute_unprepared("ANALYZE").await.unwrap();
    run_all(&*tx, beginnings(), now, later).await;
    tx.commit().await.unwrap();
    app.stop().await;
    // SQLite has no statistics unless somebody runs ANALYZE by hand, so there is no earlier state.
    let is_postgres = app.db.is_postgres();
    let mut copies = Vec::new();
    if is_postgres {
        let early = Copy::of(app, Statistics::Early).await;
        run_all(&early.connection, what_followed(true), now, later).await;
        copies.push(early);
    }

    let app = app.restart().await;
    let tx = app.db.begin().await.unwrap();
    run_all(&*tx, what_followed(is_postgres), now, later).await;
    tx.commit().await.unwrap();
    app.stop().await;
    let statistics = [Statistics::Fresh, Statistics::None, Statistics::Empty];
    for statistics in &statistics[..if is_postgres { 3 } else { 2 }] {
        copies.push(Copy::of(&app, *statistics).await);
    }
    copies
}

async fn run_all(
    db: &impl ConnectionTrait,
    statements: Vec<String>,
    now: DateTime<Utc>,
    later: DateTime<Utc>,
) {
    for sql in statements {
        let mut values = vec![now.into()];
        if sql.contains("$2") {
            values.push(later.into());
        }
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values))
            .await
            .unwrap();
    }
}

/// A table of numbers.
fn numbers(first: u64, last: u64) -> String {
    format!(
        "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
    )
}

/// Many people, with Ada and Bob at the end, and the first messages to the first of them.
fn beginnings() -> Vec<String> {
    let (announcements, targets) = (ITEMS / 1_000, TARGETS);
    let mut statements = vec![
        format!(
            "{} INSERT INTO user_account (external_id, first_name, last_name, locale, time_zone, \
             created_at) \
             SELECT CASE i WHEN {ADA} THEN 'ada' WHEN {} THEN 'bob' ELSE 'u' || i END, '', '', \
             'en', 'UTC', $1 FROM n",
            numbers(1, ADA + 1),
            ADA + 1
        ),
        // As if they had been indexed, so that what is due is not this.
        format!(
            "UPDATE search_progress SET segment = {} WHERE about = 'user' AND $1 IS NOT NULL",
            PEOPLE as i64 / SEGMENT
        ),
        format!(
            "INSERT INTO inbox (user_id, announcements_since, announcements_pulled, \
             activities_pulled) \
             SELECT id, 0, {announcements}, {targets} FROM user_account \
             WHERE $1 IS NOT NULL ORDER BY id"
        ),
        "INSERT INTO user_group (external_id, name, created_at) VALUES ('team', 'team', $1)".into(),
        format!(
            "INSERT INTO group_member (group_id, user_id, joined_at) \
             SELECT g.id, u.id, $1 FROM user_group AS g, user_account AS u \
             WHERE u.id > {} AND u.id <= {PEOPLE}",
            PEOPLE - TEAM
        ),
    ];
    statements.extend(messages(1, BEGINNINGS));
    statements
}

/// Messages to one person each, the first to the first person.
fn messages(first: u64, last: u64) -> [String; 4] {
    let n = numbers(first, last);
    [
        format!(
            "{n} INSERT INTO message (sender_id, subject, body, depth, path, seq, recipient_count, \
             seen_count, read_count, created_at) \
             SELECT 1 + i % 1000, 'about ' || i, 'body' || CASE WHEN i % 10 = 1 OR i = 50002 \
             THEN ' elsewhere' ELSE '' END, 0, '', 0, 1, 0, 0, $1 FROM n"
        ),
        format!(
            "{n} INSERT INTO message_audience (message_id, user_id, name, recipient_count, \
             seen_count, read_count) \
             SELECT i, i, 'somebody', 1, 0, 0 FROM n WHERE $1 IS NOT NULL"
        ),
        format!(
            "{n} INSERT INTO message_recipient (message_id, user_id, audience_id) \
             SELECT i, i, i FROM n WHERE $1 IS NOT NULL"
        ),
        format!(
            "{n} INSERT INTO inbox_item (user_id, kind, message_id, seq, arrived_seq, created_at, \
             updated_at) \
             SELECT i, 'message', i, 1, 1, $1, $1 FROM n"
        ),
    ]
}

/// Messages to everybody else, all of which Ada also received.
fn what_followed(is_postgres: bool) -> Vec<String> {
    let (announcements, targets) = (ITEMS / 1_000, TARGETS);
    // One per second.
    let arrived = match is_postgres {
        true => format!("TIMESTAMPTZ '{FIRST_ARRIVED}' + i * INTERVAL '1 second'"),
        false => format!(
            "strftime('%Y-%m-%dT%H:%M:%S+00:00', '{FIRST_ARRIVED}', '+' || i || ' seconds')"
        ),
    };
    let is_old = format!("i <= {}", ITEMS - UNSEEN);
    let mut statements: Vec<String> = messages(BEGINNINGS + 1, ITEMS).into();
    statements.extend([
        format!(
            "INSERT INTO message_recipient (message_id, user_id, audience_id) \
             SELECT message_id, {ADA}, id FROM message_audience WHERE $1 IS NOT NULL"
        ),
        "INSERT INTO user_group (external_id, name, created_at) VALUES ('many', 'many', $1)".into(),
        format!(
            "INSERT INTO message (sender_id, subject, body, depth, path, seq, recipient_count, \
             seen_count, read_count, created_at) \
             VALUES ({ADA}, 'to many', '', 0, '', 0, {MANY}, 0, 0, $1)"
        ),
        format!(
            "INSERT INTO group_member (group_id, user_id, joined_at) \
             SELECT g.id, u.id, $1 FROM user_group AS g, user_account AS u \
             WHERE g.external_id = 'many' AND u.id <= {MANY}"
        ),
        format!(
            "INSERT INTO message_audience (message_id, group_id, name, recipient_count, \
             seen_count, read_count) SELECT {TO_MANY}, id, 'many', {MANY}, 0, 0 FROM user_group \
             WHERE external_id = 'many' AND $1 IS NOT NULL"
        ),
        format!(
            "INSERT INTO message_recipient (message_id, user_id, audience_id) \
             SELECT {TO_MANY}, u.id, a.id FROM user_account AS u, message_audience AS a \
             WHERE u.id <= {MANY} AND a.message_id = {TO_MANY} AND $1 IS NOT NULL"
        ),
        format!(
            "INSERT INTO inbox_item (user_id, kind, message_id, seq, arrived_seq, created_at, \
             updated_at) SELECT id, 'message', {TO_MANY}, 2, 2, $1, $1 FROM user_account \
             WHERE id <= {MANY}"
        ),
        format!(
            "INSERT INTO reminder (message_id, frequency, step, until, zone, since, next_at, \
             reminded_to, sent_count, deactivates, deactivated_to) \
             VALUES ({TO_MANY}, 'daily', '1 day', 'read', 'UTC', $1, $2, 0, 0, false, 0)"
        ),
        format!(
            "{} INSERT INTO announcement (title, body, publish_at, position, seen_count, \
             read_count, created_at) \
             SELECT 'news', 'body', $1, i, 0, 0, $1 FROM n",
            numbers(1, announcements)
        ),
        format!(
            "{} INSERT INTO target (type, external_id, created_at) \
             SELECT 'post', 't' || i, $1 FROM n",
            numbers(1, targets)
        ),
        format!(
            "{} INSERT INTO activity (action, target_id, occurred_at, created_at) \
             SELECT 'comment', i, $1, $1 FROM n",
            numbers(1, targets)
        ),
        // A tenth are activities, a thousandth announcements; a third are read, a seventh archived,
        // a seventh snoozed; half of them have a category.
        format!(
            "{} INSERT INTO inbox_item (user_id, kind, message_id, announcement_id, target_id, \
             action, activity_id, activity_count, actor_count, seq, arrived_seq, \
             seen_at, read_at, archived_at, snoozed_until, created_at, updated_at, category) \
             SELECT {ADA}, CASE WHEN i % 1000 = 0 THEN 'announcement' \
             WHEN i % 10 = 1 THEN 'activity' ELSE 'message' END, \
             CASE WHEN i % 1000 <> 0 AND i % 10 <> 1 THEN i END, \
             CASE WHEN i % 1000 = 0 THEN i / 1000 END, \
             CASE WHEN i % 10 = 1 THEN 1 + i % {targets} END, \
             CASE WHEN i % 10 = 1 THEN 'comment' END, \
             CASE WHEN i % 10 = 1 THEN 1 + i % {targets} END, 1, 1, i, i, \
             CASE WHEN {is_old} THEN $1 END, \
             CASE WHEN i % 3 = 0 AND {is_old} THEN $1 END, \
             CASE WHEN i % 7 = 0 AND {is_old} THEN $1 END, \
             CASE WHEN i % 7 = 1 AND {is_old} THEN $2 END, $1, {arrived}, \
             CASE WHEN i % 2500 = 3 THEN 'rare' WHEN i % 2 = 0 THEN 'frequent' END FROM n",
            numbers(1, ITEMS)
        ),
        // As if it had been indexed, so that what is due is not this.
        format!(
            "UPDATE search_progress SET segment = {} WHERE about = 'message' AND $1 IS NOT NULL",
            ITEMS as i64 / SEGMENT
        ),
        format!(
            "UPDATE inbox SET seq = {ITEMS}, unread = t.unread, unseen = {UNSEEN}, \
             snoozed = t.snoozed, archived = t.archived, \
             unread_by_category = '{{\"frequent\": 33000, \"rare\": 19}}', \
             active = {ITEMS} - t.snoozed - t.archived \
             FROM (SELECT CAST(count(*) FILTER (WHERE archived_at IS NULL \
             AND snoozed_until IS NULL AND read_at IS NULL) AS integer) AS unread, \
             CAST(count(snoozed_until) AS integer) AS snoozed, \
             CAST(count(archived_at) AS integer) AS archived \
             FROM inbox_item WHERE user_id = {ADA}) AS t WHERE user_id = {ADA} AND $1 IS NOT NULL"
        ),
    ]);
    statements
}
