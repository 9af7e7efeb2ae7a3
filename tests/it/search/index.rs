//! The index of words: a search finds the same whatever of it has been written.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tidings::config::AddressBook;

use crate::support::{
    app::{TestApp, TestUser, both},
    crowd::{count, crowd},
};

/// The ids of four segments, and some that are left: what has all of it is frequent.
const MESSAGES: i64 = 9_000;

both! {
    /// Before it is indexed, in parts, and afterwards.
    async fn a_search_finds_the_same_before_and_after_indexing(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        fill(&app, &alice, &bob, "true").await;
        let all: Vec<i64> = (1..=MESSAGES).collect();
        let newest = |condition: fn(i64) -> bool| {
            let found = all.iter().rev().filter(|n| condition(**n));
            found.map(|n| format!("about {n}")).collect::<Vec<_>>()
        };
        let expected: [(&str, Vec<String>); 7] = [
            ("every", newest(|_| true)),
            ("fizz", newest(|n| n % 3 == 0)),
            ("FIZZ buzz", newest(|n| n % 15 == 0)),
            ("rare", newest(|n| n == 17 || n == 4_990)),
            ("rare fizz", newest(|_| false)),
            ("nothing", newest(|_| false)),
            ("about 499", newest(|n| n == 499 || n / 10 == 499)),
        ];
        let check = async || {
            for (search, expected) in &expected {
                assert_eq!(pages(&bob, search, "first", 3).await, first(expected, 3), "{search}");
                let mut oldest: Vec<_> = expected.iter().rev().cloned().collect();
                oldest.truncate(3);
                assert_eq!(pages(&bob, search, "last", 3).await, oldest, "{search}");
            }
            let few = &expected[3];
            assert_eq!(pages(&bob, few.0, "first", 1).await, few.1);
            assert_eq!(pages(&alice, "every", "first", 3).await, [""; 0], "not in her inbox");
        };
        check().await;
        app.run_due().await;
        assert_eq!(count(&app, "SELECT count(DISTINCT segment) FROM search_word").await, 4);
        assert_eq!(count(&app, "SELECT count(*) FROM search_again").await, 0);
        check().await;
        // A server has stopped after the first segment, and before it could note that.
        run(&app, "UPDATE search_progress SET segment = 0").await;
        run(&app, "DELETE FROM search_word WHERE segment = 1").await;
        check().await;
        app.run_due().await;
        check().await;
    }

    async fn all_pages_of_a_search_show_everything_once(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        fill(&app, &alice, &bob, "i % 100 = 0").await;
        app.run_due().await;
        let newest: Vec<_> =
            (1..=MESSAGES / 100).rev().map(|n| format!("about {}", n * 100)).collect();
        assert_eq!(pages(&bob, "every", "first", 7).await, first(&newest, 1_000));
        assert_eq!(pages(&bob, "buzz", "first", 50).await, first(&newest, 1_000));
        let fizz: Vec<_> = (1..=MESSAGES / 300).rev().map(|n| format!("about {}", n * 300)).collect();
        assert_eq!(pages(&bob, "fizz", "first", 5).await, fizz);
        let oldest: Vec<_> = fizz.into_iter().rev().collect();
        assert_eq!(pages(&bob, "fizz", "last", 5).await, oldest);
    }

    /// A transaction may commit after the index has passed its ids.
    async fn what_comes_late_is_found(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        fill(&app, &alice, &bob, "true").await;
        run(&app, "DELETE FROM inbox_item WHERE message_id = 17").await;
        run(&app, "DELETE FROM message WHERE id = 17").await;
        app.run_due().await;
        assert_eq!(count(&app, "SELECT count(*) FROM search_again").await, 1);
        assert_eq!(pages(&bob, "rare", "first", 9).await, ["about 4990"]);

        insert(&app, &alice, &bob, 17, 17, "true").await;
        let found = ["about 4990", "about 17"];
        assert_eq!(pages(&bob, "rare", "first", 9).await, found);
        app.advance(TimeDelta::minutes(2));
        app.run_due().await;
        assert_eq!(count(&app, "SELECT count(*) FROM search_again").await, 0);
        assert_eq!(pages(&bob, "rare", "first", 9).await, found);
    }

    /// An id that was never used is given up.
    async fn gaps_are_not_looked_at_forever(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        fill(&app, &alice, &bob, "true").await;
        run(&app, "DELETE FROM message WHERE id = 17").await;
        for (minutes, left) in [(0, 1), (2, 1), (70, 0)] {
            app.advance(TimeDelta::minutes(minutes));
            app.run_due().await;
            let again = count(&app, "SELECT count(*) FROM search_again").await;
            assert_eq!(again, left, "after {minutes} minutes more");
        }
        assert_eq!(pages(&bob, "rare", "first", 9).await, ["about 4990"]);
    }

    async fn changed_titles_are_found_and_old_ones_are_not(app: TestApp) {
        let ada = app.user("ada").await;
        let news = app.announce("Fresh fish").await;
        ada.follow("p1", "like_post").await;
        let titled = |title: &str| json!({"type": "post", "externalId": "p1", "title": title});
        app.act_all(json!([{"action": "comment", "target": titled("Red cars")}])).await;
        ada.counts().await;
        // Their segments are full.
        run(
            &app,
            "INSERT INTO announcement (id, title, body, publish_at, seen_count, read_count, \
             created_at, retracted_at) SELECT 3000, '', '', publish_at, 0, 0, created_at, \
             created_at FROM announcement",
        )
        .await;
        run(
            &app,
            "INSERT INTO target (id, type, external_id, created_at) \
             SELECT 3000, type, 'p2', created_at FROM target",
        )
        .await;
        app.run_due().await;
        let of_titles =
            "SELECT count(*) FROM search_word WHERE about IN ('announcement', 'target')";
        assert_eq!(count(&app, of_titles).await, 4);

        let finds = async |words: [&str; 4]| {
            let mut found = Vec::new();
            for word in words {
                found.push(pages(&ada, word, "first", 9).await.len());
            }
            found
        };
        let words = ["fish", "cars", "meat", "bikes"];
        assert_eq!(finds(words).await, [1, 1, 0, 0]);
        app.update_announcement(json!({"announcementId": news, "title": "Fresh meat"})).await;
        app.act_all(json!([{"action": "comment", "target": titled("Red bikes")}])).await;
        assert_eq!(finds(words).await, [0, 0, 1, 1]);
        app.run_due().await;
        assert_eq!(count(&app, of_titles).await, 6);
        assert_eq!(finds(words).await, [0, 0, 1, 1]);
        // Nothing has the old ones any more.
        app.advance(TimeDelta::hours(1));
        app.run_due().await;
        assert_eq!(count(&app, of_titles).await, 4);
        assert_eq!(finds(words).await, [0, 0, 1, 1]);
    }

    /// Neither are they found, nor is anything left of them.
    async fn the_words_of_deleted_messages_leave_the_index(app: TestApp) {
        let app = app
            .restart_with(|config| {
                config.message_retention = Some(Duration::from_secs(30 * 24 * 60 * 60));
            })
            .await;
        let [alice, bob] = app.users(["alice", "bob"]).await;
        fill(&app, &alice, &bob, "true").await;
        app.run_due().await;
        let of_messages = "SELECT count(*) FROM search_word WHERE about = 'message'";
        assert!(count(&app, of_messages).await > 0);
        app.advance(TimeDelta::days(31));
        app.run_due().await;
        assert_eq!(bob.titles("ALL").await, [""; 0]);
        app.advance(TimeDelta::hours(1));
        app.run_due().await;
        assert_eq!(count(&app, of_messages).await, 0);
        assert_eq!(count(&app, "SELECT count(*) FROM search_lost").await, 0);
        app.stop().await;
    }

    /// One message loses a word, and others of its segment keep it.
    async fn a_word_stays_as_long_as_something_has_it(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        fill(&app, &alice, &bob, "true").await;
        app.run_due().await;
        let places = "SELECT count(*) FROM search_word WHERE about = 'message' AND segment = 0 \
                      AND word = 'buzz' AND ' ' || places || ' ' LIKE '% 15 %'";
        assert_eq!(count(&app, places).await, 1);
        let words = "SELECT count(*) FROM search_word WHERE word = 'rarely'";
        assert_eq!(count(&app, words).await, 2);
        run(&app, "UPDATE message SET body = 'fizz' WHERE id IN (15, 17)").await;
        run(
            &app,
            "INSERT INTO search_lost (about, id, due_at) SELECT 'message', id, created_at \
             FROM message WHERE id IN (15, 17)",
        )
        .await;
        app.run_due().await;
        assert_eq!((count(&app, places).await, count(&app, words).await), (0, 1));
        assert_eq!(pages(&bob, "buzz", "last", 3).await, ["about 5", "about 10", "about 20"]);
        assert_eq!(pages(&bob, "rare", "first", 9).await, ["about 4990"]);
    }

    /// Before they are indexed and afterwards; a list of few among many, too.
    async fn people_groups_and_sent_messages_are_found_by_words(app: TestApp) {
        let app = app.restart_with(|config| config.address_book = AddressBook::Groups).await;
        crowd(&app, 5_200).await;
        let [ada, seven, last] = app.users(["ada", "u7", "u5200"]).await;
        app.upsert_user(json!({
            "externalId": "u100", "firstName": "Örjan", "lastName": "af Klint-Holm",
        }))
        .await;
        app.group("few and good", &[&ada, &seven, &last]).await;
        ada.send(&seven, "Über uns").await;
        ada.send(&last, "about us").await;
        let host = app.service();
        let check = async || {
            for (search, expected) in [
                ("u52", vec!["u52", "u520", "u521", "u522", "u523", "u524", "u525", "u526",
                    "u527", "u528", "u529", "u5200"]),
                ("ÖRJAN", vec!["u100"]),
                ("holm örj", vec!["u100"]),
                ("klint-holm", vec!["u100"]),
                ("lint", vec![]),
                ("ada", vec!["ada"]),
            ] {
                assert_eq!(list(&host, "users", search, 20).await, expected, "{search}");
            }
            // Frequent: the list is walked through.
            assert_eq!(list(&host, "users", "u", 3).await.len(), 5_200);
            assert_eq!(list(&ada, "people", "u", 1).await, ["u7", "u5200"]);
            assert_eq!(list(&ada, "people", "u7", 5).await, ["u7"]);
            assert_eq!(list(&ada, "people", "u8", 5).await, [""; 0]);
            assert_eq!(list(&host, "groups", "GOOD", 5).await, ["few and good"]);
            assert_eq!(list(&host, "groups", "ood", 5).await, [""; 0]);
            let sent = "query($search: String!) { sentMessages(filter: {search: $search}) {
                nodes { subject } } }";
            for (search, expected) in [("ÜBER", vec!["Über uns"]), ("u", vec!["about us", "Über uns"])]
            {
                let found = ada.query(sent, json!({"search": search})).await;
                let found = found["sentMessages"]["nodes"].as_array().unwrap().clone();
                let found: Vec<_> = found.iter().map(|row| row["subject"].clone()).collect();
                assert_eq!(found.len(), if search == "u" { 2 } else { 1 }, "{found:?}");
                assert_eq!(found[0], expected[0]);
            }
        };
        check().await;
        app.run_due().await;
        let of_users = "SELECT count(*) FROM search_word WHERE about = 'user'";
        assert!(count(&app, of_users).await > 4_000);
        check().await;
        // A host that tells everybody's name again changes nothing.
        app.upsert_user(json!({"externalId": "u100", "firstName": "Örjan"})).await;
        assert_eq!(count(&app, "SELECT count(*) FROM search_again").await, 0);
        app.upsert_user(json!({"externalId": "u100", "firstName": "Åsa"})).await;
        assert_eq!(list(&host, "users", "örjan", 5).await, [""; 0]);
        assert_eq!(list(&host, "users", "åsa", 5).await, ["u100"]);
        app.stop().await;
    }
}

/// The external ids of a list that a search finds, page by page.
async fn list(user: &TestUser, list: &str, search: &str, count: i64) -> Vec<String> {
    // Pages of hundreds, where the first ones would be many.
    let count = if search == "u" && list == "users" { 100 } else { count };
    let query = format!(
        "query($search: String!, $after: String) {{
            {list}(search: $search, first: {count}, after: $after) {{
              nodes {{ externalId }} pageInfo {{ endCursor hasNextPage }} }} }}"
    );
    let (mut found, mut after) = (Vec::new(), Value::Null);
    loop {
        let variables = json!({"search": search, "after": after});
        let page = user.query(&query, variables).await[list].take();
        let nodes = page["nodes"].as_array().unwrap();
        found.extend(nodes.iter().map(|node| node["externalId"].as_str().unwrap().to_owned()));
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            return found;
        }
    }
}

fn first(titles: &[String], most: usize) -> Vec<String> {
    titles.iter().take(most).cloned().collect()
}

/// The titles that a search finds, page by page: all if the pages are many, or the first of them.
async fn pages(user: &TestUser, search: &str, size: &str, count: i64) -> Vec<String> {
    let (other, end, more) = match size {
        "first" => ("after", "endCursor", "hasNextPage"),
        _ => ("before", "startCursor", "hasPreviousPage"),
    };
    let query = format!(
        "query($search: String!, $cursor: String) {{ viewer {{ inbox {{
            items(filter: {{view: ALL, search: $search}}, {size}: {count}, {other}: $cursor) {{
              nodes {{ title }} pageInfo {{ startCursor endCursor hasNextPage hasPreviousPage }} }}
         }} }} }}"
    );
    let (mut titles, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let variables = json!({"search": search, "cursor": cursor});
        let page = user.query(&query, variables).await["viewer"]["inbox"]["items"].take();
        let mut nodes = page["nodes"].as_array().unwrap().clone();
        if size == "last" {
            nodes.reverse();
        }
        titles.extend(nodes.iter().map(|node| node["title"].as_str().unwrap().to_owned()));
        cursor = page["pageInfo"][end].clone();
        // Of what is frequent, the first three.
        let are_enough = count == 3 && titles.len() >= 3;
        if page["pageInfo"][more] == false || are_enough {
            titles.truncate(if are_enough { 3 } else { titles.len() });
            return titles;
        }
    }
}

/// Messages from Alice, of which Bob has those for whose number `i` a condition holds.
pub(super) async fn fill(app: &TestApp, alice: &TestUser, bob: &TestUser, condition: &str) {
    insert(app, alice, bob, 1, MESSAGES, condition).await;
}

pub(super) async fn insert(
    app: &TestApp,
    alice: &TestUser,
    bob: &TestUser,
    first: i64,
    last: i64,
    condition: &str,
) {
    let n = format!(
        "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
    );
    let arrived = match app.db.is_postgres() {
        true => "$1 + i * INTERVAL '1 second'",
        false => "strftime('%Y-%m-%dT%H:%M:%S+00:00', $1, '+' || i || ' seconds')",
    };
    let (from, to) = (&alice.name, &bob.name);
    let tx = app.db.begin().await.unwrap();
    for sql in [
        format!(
            "{n} INSERT INTO message (id, sender_id, subject, body, depth, path, seq, \
             recipient_count, seen_count, read_count, created_at) \
             SELECT i, u.id, 'about ' || i, 'every' \
             || CASE WHEN i % 3 = 0 THEN ' fizz' ELSE '' END \
             || CASE WHEN i % 5 = 0 THEN ' buzz' ELSE '' END \
             || CASE WHEN i IN (17, 4990) THEN ', rarely' ELSE '' END, \
             0, '', 0, 1, 0, 0, $1 FROM n JOIN user_account AS u ON u.external_id = '{from}'"
        ),
        format!(
            "{n} INSERT INTO inbox_item (user_id, kind, message_id, seq, arrived_seq, created_at, \
             updated_at) SELECT u.id, 'message', i, 1, 1, $1, {arrived} FROM n \
             JOIN user_account AS u ON u.external_id = '{to}' WHERE {condition}"
        ),
    ] {
        tx.run(&sql, [app.now().into()]).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn run(app: &TestApp, sql: &str) {
    let tx = app.db.begin().await.unwrap();
    assert!(tx.run(sql, []).await.unwrap() > 0, "{sql} changes nothing");
    tx.commit().await.unwrap();
}
