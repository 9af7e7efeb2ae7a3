//! How the databases find what is due for an inbox: through indexes, without looking at anything
//! that does not match. The plans are those of the exact statements that the server runs, on
//! connections configured like its own.
//!
//! `crowded` measures what it takes to change and show an inbox of 100 000 items among 100 000
//! inboxes.

mod crowded;

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::Value;
use tidings::db::name_and_text;

use crate::support::{
    app::{Kind, TestApp, To, both},
    crowd::{count, crowd},
    plan::{postgres_plan, values},
};

/// How many things the reader follows, and how many of them have activities.
const FOLLOWED: u64 = 1_000;
const DUE: u64 = 10;
/// How many activities other things have.
const ACTIVITIES: u64 = 100_000;
/// How many things others follow, and how many items they have.
const OTHERS: u64 = 20_000;
/// How many other people there are.
const PEOPLE: u64 = 2_000;
/// Indexes that contain only what their statements need: walking through one is not a scan, and
/// reads no more.
const OF_WHAT_IS_WANTED: [&str; 1] = ["activity_retracted"];
/// The tables that grow with the number of people and of what they do.
const LARGE: [&str; 3] = ["activity", "subscription", "inbox_item"];

both! {
    /// N6: looking at an inbox costs what matches, not what happens.
    async fn a_look_reads_only_what_matches(app: TestApp) {
        let ada = app.user("ada").await;
        ada.counts().await;
        much_happens(&app, PEOPLE).await;

        app.db.take_statements();
        ada.counts().await;
        let nothing_due = app.db.take_statements();
        something_is_done(&app).await;
        app.db.take_statements();
        ada.counts().await;
        let due = app.db.take_statements();
        assert_eq!(ada.counts().await["unread"], DUE);
        assert!(
            nothing_due.len() < due.len()
                && due.iter().any(|ran| ran.sql.contains("INSERT INTO inbox_item"))
        );
        for statement in nothing_due.into_iter().chain(due) {
            assert_reads_little(&app, &statement).await;
        }
    }

    /// N6, N8: the same cost applies to connected people, to changing what one follows, and to
    /// retractions.
    async fn whoever_is_connected_or_changes_something_reads_only_what_matches(app: TestApp) {
        app.users(["ada", "bob"]).await;
        much_happens(&app, PEOPLE).await;
        something_is_done(&app).await;
        // A server that was there meanwhile would look at all of it as new.
        let app = app.restart().await;
        let [ada, bob] = app.users(["ada", "bob"]).await;
        app.db.take_statements();
        let mut live = ada.follow_inbox(None).await;
        let id = app.act(&bob, "comment", "p1").await;
        live.take_titles(1).await;
        ada.follow("p2", "create_post").await;
        ada.unfollow("p2", None).await;
        app.retract_activity(&id).await;
        ada.titles("ALL").await;

        for statement in app.db.take_statements() {
            assert_reads_little(&app, &statement).await;
        }
    }

    /// After seeing a full inbox, PostgreSQL expects every inbox to be full, and would rather read
    /// whole tables than look up a single row.
    async fn hot_reads_look_up_what_they_show_also_beside_full_inboxes(app: TestApp) {
        let [ada, bob] = app.users(["ada", "bob"]).await;
        much_happens(&app, 2).await;
        something_is_done(&app).await;
        app.db.take_statements();
        let mut live = ada.follow_inbox(None).await;
        app.act(&bob, "comment", "p1").await;
        live.take_titles(1).await;
        ada.titles("ACTIVE").await;

        let statements = app.db.take_statements();
        // The statements that show items: a page, and what changed.
        let hot: Vec<_> =
            statements.iter().filter(|ran| ran.sql.contains("LEFT JOIN message AS m")).collect();
        assert!(hot.len() >= 2);
        for statement in hot {
            assert_reads_little(&app, statement).await;
        }
    }
}

/// Without room beside them, the new versions of rows would go elsewhere, and each index would get
/// another entry for each of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inboxes_that_get_a_message_stay_in_their_pages_on_postgres() {
    const PAGES: &str = "SELECT pg_relation_size('inbox') / 8192";
    let Some(app) = TestApp::start(Kind::Postgres).await else { return };
    let [first, last] = crowd(&app, 1_000).await;
    let before = count(&app, PAGES).await;
    assert!(before > 10, "{before} pages of inboxes");

    first.send_to(&[To::Group("crowd")], "Hello, everybody").await;

    assert_eq!(last.titles("ACTIVE").await, ["Hello, everybody"]);
    assert_eq!(count(&app, PAGES).await, before);
    app.stop().await;
}

/// Ada follows a lot, others follow a lot, `owners` of them have many items, and many activities
/// are on things that Ada does not follow.
async fn much_happens(app: &TestApp, owners: u64) {
    let n = |last: u64| {
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last})")
    };
    let tx = app.db.begin().await.unwrap();
    for sql in [
        format!(
            "{} INSERT INTO target (type, external_id, created_at) \
             SELECT 'post', 'p' || i, $1 FROM n",
            n(FOLLOWED)
        ),
        format!(
            "{} INSERT INTO target (type, external_id, created_at) \
             SELECT 'post', 'o' || i, $1 FROM n",
            n(FOLLOWED)
        ),
        format!(
            "{} INSERT INTO user_account (external_id, first_name, last_name, locale, time_zone, \
             created_at) \
             SELECT 'u' || i, 'First', 'Last', 'en', 'UTC', $1 FROM n",
            n(PEOPLE)
        ),
        "INSERT INTO inbox (user_id) SELECT id FROM user_account \
         WHERE external_id LIKE 'u%' AND $1 IS NOT NULL"
            .into(),
        "INSERT INTO subscription (user_id, target_id, action, reason, since, created_at) \
         SELECT u.id, t.id, 'comment', 'like_post', 0, $1 FROM user_account AS u, target AS t \
         WHERE u.external_id = 'ada' AND t.external_id LIKE 'p%'"
            .into(),
        format!(
            "INSERT INTO subscription (user_id, target_id, action, reason, since, created_at) \
             SELECT u.id, t.id, 'comment', 'like_post', 0, $1 FROM user_account AS u, target AS t \
             WHERE u.external_id LIKE 'u%' AND t.external_id LIKE 'o%' ORDER BY t.id, u.id \
             LIMIT {OTHERS}"
        ),
        "INSERT INTO subscription_config (user_id, action, enabled, since, created_at) \
         SELECT id, 'like', false, 0, $1 FROM user_account WHERE external_id LIKE 'u%'"
            .into(),
        format!(
            "INSERT INTO inbox_item (user_id, kind, target_id, action, seq, arrived_seq, \
             created_at, updated_at) \
             SELECT u.id, 'activity', s.target_id, s.action, s.id, s.id, $1, $1 \
             FROM subscription AS s \
             JOIN user_account AS u ON u.external_id = 'u' || (1 + s.id % {owners}) \
             ORDER BY s.id DESC LIMIT {OTHERS}"
        ),
        format!(
            "{} INSERT INTO activity (actor_id, action, target_id, occurred_at, created_at) \
             SELECT u.id, 'comment', t.id, $1, $1 FROM n \
             JOIN target AS t ON t.external_id = 'o' || (1 + i % {FOLLOWED}) \
             JOIN user_account AS u ON u.external_id = 'u' || (1 + i % {PEOPLE})",
            n(ACTIVITIES)
        ),
    ] {
        tx.run(&sql, [app.now().into()]).await.unwrap();
    }
    tx.commit().await.unwrap();
    learn(app).await;
}

/// Acts on some of what Ada follows.
async fn something_is_done(app: &TestApp) {
    let tx = app.db.begin().await.unwrap();
    let act = format!(
        "INSERT INTO activity (action, target_id, occurred_at, created_at) \
             SELECT 'comment', id, $1, $1 FROM target \
             WHERE external_id LIKE 'p%' ORDER BY id DESC LIMIT {DUE}"
    );
    tx.run(&act, [app.now().into()]).await.unwrap();
    tx.commit().await.unwrap();
    learn(app).await;
}

/// PostgreSQL learns about the tables what it would learn by itself in time.
async fn learn(app: &TestApp) {
    if app.db.is_postgres() {
        let tx = app.db.begin().await.unwrap();
        tx.execute_unprepared("ANALYZE").await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// A statement finds the rows of the large tables through an index, and not many of them.
async fn assert_reads_little(app: &TestApp, statement: &Statement) {
    let sql = &statement.sql;
    let names = names_of(sql, &LARGE);
    if names.is_empty() {
        return;
    }
    // Its changes are rolled back.
    let tx = app.db.begin().await.unwrap();
    match statement.db_backend {
        DbBackend::Sqlite => {
            let plan =
                tx.rows(&format!("EXPLAIN QUERY PLAN {sql}"), values(statement)).await.unwrap();
            let steps: Vec<String> =
                plan.iter().map(|row| row.try_get_by_index(3).unwrap()).collect();
            let is_scan = |step: &&String| {
                let scanned = step.strip_prefix("SCAN ").and_then(|step| step.split(' ').next());
                scanned.is_some_and(|scanned| names.contains(&scanned.to_owned()))
            };
            let is_narrow =
                |step: &&String| OF_WHAT_IS_WANTED.iter().any(|index| step.ends_with(index));
            assert!(
                !steps.iter().filter(|step| !is_narrow(step)).any(|step| is_scan(&step)),
                "{sql}\n{steps:#?}"
            );
        }
        _ => {
            // A frequent read returns one JSON text, on a connection for reads. Of the others, only
            // statements that change nothing can be run again, for inboxes that must take in
            // everything anew.
            let is_hot_read = sql.contains("json_agg");
            let is_measured = name_and_text(sql).1.starts_with("SELECT");
            let plan = if is_hot_read {
                postgres_plan(&app.db.read().begin().await.unwrap(), statement, is_measured).await
            } else {
                let again = "UPDATE inbox SET announcements_pulled = 0, activities_pulled = 0";
                tx.execute_unprepared(again).await.unwrap();
                postgres_plan(&*tx, statement, is_measured).await
            };
            let mut read = BTreeMap::new();
            visit(&plan, &mut read);
            for (table, (kinds, rows)) in &read {
                let most = if table == "subscription" { FOLLOWED + DUE } else { 5 * DUE };
                assert!(!kinds.contains(&"Seq Scan".to_owned()), "{sql}\n{plan:#}");
                assert!(!is_measured || *rows <= most, "{rows} rows of {table}: {sql}\n{plan:#}");
            }
        }
    }
}

/// The names by which a statement refers to some tables.
fn names_of(sql: &str, tables: &[&str]) -> Vec<String> {
    let words: Vec<_> = sql.split([' ', ',', '(', ')']).filter(|word| !word.is_empty()).collect();
    let mut names = Vec::new();
    for (n, word) in words.iter().enumerate() {
        if tables.contains(&word.trim_matches('"')) {
            let is_renamed = words.get(n + 1).is_some_and(|next| *next == "AS");
            names.push(words[if is_renamed { n + 2 } else { n }].trim_matches('"').to_owned());
        }
    }
    names
}

/// How each large table is read, and how many of its rows.
fn visit(plan: &Value, read: &mut BTreeMap<String, (Vec<String>, u64)>) {
    match plan {
        Value::Array(plans) => plans.iter().for_each(|plan| visit(plan, read)),
        Value::Object(node) => {
            let table = node.get("Relation Name").and_then(Value::as_str).unwrap_or_default();
            if LARGE.contains(&table) {
                let number = |name: &str| node.get(name).and_then(Value::as_f64).unwrap_or(0.0);
                let rows = number("Actual Rows")
                    + number("Rows Removed by Filter")
                    + number("Rows Removed by Index Recheck");
                let (kinds, all) = read.entry(table.to_owned()).or_default();
                kinds.push(node["Node Type"].as_str().unwrap_or_default().to_owned());
                *all += (rows * number("Actual Loops")) as u64;
            }
            node.values().for_each(|value| visit(value, read));
        }
        _ => {}
    }
}
