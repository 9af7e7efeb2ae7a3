//! What a search finds: in any case and language, on a database with the locale C.

use serde_json::{Value, json};

mod index;
mod sender;

use crate::support::app::{TestApp, TestUser, To, both};

both! {
    async fn the_database_has_the_poorest_of_locales(app: TestApp) {
        if app.db.is_postgres() {
            let tx = app.db.begin().await.unwrap();
            let locale =
                "SELECT CAST(datctype AS text) FROM pg_database WHERE datname = current_database()";
            let rows = tx.rows(locale, []).await.unwrap();
            assert_eq!(rows[0].try_get_by_index::<String>(0).unwrap(), "C");
        }
    }

    async fn a_search_finds_what_is_the_same_in_any_case(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for (subject, body) in [
            ("Änderung", "des Plans"),
            ("Wegen der Straße", "GRÖSSE: 1 Meter"),
            ("ὈΔΥΣΣΕΎΣ", "Ὀδυσσεύς"),
            ("Привет", "МИР"),
            ("A\u{308}pfel", "in two characters"),
            ("Plain", "ASCII"),
        ] {
            alice
                .create_message(
                    json!({"to": [To::User(&bob).input()], "subject": subject, "body": body}),
                )
                .await;
        }
        for (search, subjects) in [
            ("Änderung", vec!["Änderung"]),
            ("änderung", vec!["Änderung"]),
            ("ÄNDERUNG", vec!["Änderung"]),
            ("Anderung", vec![]),
            ("STRASSE", vec!["Wegen der Straße"]),
            ("straße", vec!["Wegen der Straße"]),
            ("größe", vec!["Wegen der Straße"]),
            ("ὀδυσσεύς", vec!["ὈΔΥΣΣΕΎΣ"]),
            ("ὈΔΥΣΣΕΎς", vec!["ὈΔΥΣΣΕΎΣ"]),
            ("привет", vec!["Привет"]),
            ("мир", vec!["Привет"]),
            ("äpfel", vec!["A\u{308}pfel"]),
            ("pLAIN", vec!["Plain"]),
            ("ascii", vec!["Plain"]),
        ] {
            assert_eq!(in_inbox(&bob, search).await, subjects, "{search}");
            assert_eq!(sent(&alice, search).await, subjects, "{search}");
        }
    }

    async fn an_inbox_is_searched_for_words(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for (subject, body) in [
            ("Your invoice", "It is *ready*: pay by e-mail."),
            ("東京都庁", "Tokyo"),
            ("Other", "The voice of reason"),
        ] {
            let to = [To::User(&bob).input()];
            alice.create_message(json!({"to": to, "subject": subject, "body": body})).await;
        }
        for (search, subjects) in [
            // The beginnings of words, in any order, in any of the texts.
            ("ready INV", vec!["Your invoice"]),
            ("voice", vec!["Other"]),
            ("reason the", vec!["Other"]),
            ("reason invoice", vec![]),
            ("mail", vec!["Your invoice"]),
            ("e-mail", vec!["Your invoice"]),
            ("(e-mail)", vec!["Your invoice"]),
            ("e-pay", vec![]),
            // Without spaces between words.
            ("京都", vec!["東京都庁"]),
            ("都京", vec![]),
        ] {
            assert_eq!(in_inbox(&bob, search).await, subjects, "{search}");
        }
        let search = "query($search: String!) {
            viewer { inbox { items(filter: {search: $search}) { nodes { id } } } } }";
        for bad in [" ", "%", "two\nlines", &"x".repeat(201)] {
            let refusal = bob.refusal(search, json!({"search": bad})).await;
            assert_eq!(refusal, ("BAD_USER_INPUT".into(), Some("search".into())), "{bad}");
        }
    }

    async fn announcements_and_targets_people_and_groups_are_found_in_any_case(app: TestApp) {
        let ada = app.user("ada").await;
        let host = app.service();
        app.announce("Über uns").await;
        ada.follow("p1", "like_post").await;
        let post = json!({"type": "post", "externalId": "p1", "title": "Ärger"});
        app.act_all(json!([{"action": "comment", "target": post}])).await;
        assert_eq!(in_inbox(&ada, "ÜBER").await, ["Über uns"]);
        assert_eq!(in_inbox(&ada, "ärger").await.len(), 1);

        let name = "mutation($name: String!) {
            upsertUsers(input: {users: [{externalId: \"ada\", firstName: $name}]}) { users { id } }
            upsertGroup(input: {externalId: \"g\", name: $name}) { group { id } } }";
        let found = async |search: &str| {
            let query = "query($search: String!) {
                users(search: $search) { nodes { externalId } }
                groups(search: $search) { nodes { externalId } } }";
            let found = host.query(query, json!({"search": search})).await;
            [&found["users"]["nodes"], &found["groups"]["nodes"]]
                .map(|nodes| nodes.as_array().unwrap().len())
        };
        host.query(name, json!({"name": "Örjan"})).await;
        assert_eq!(found("öRJAN").await, [1, 1]);
        // By the new name and not by the old one.
        host.query(name, json!({"name": "Åsa"})).await;
        assert_eq!((found("örjan").await, found("åSA").await), ([0, 0], [1, 1]));
        host.query(name, json!({"name": "Olaf"})).await;
        assert_eq!((found("åsa").await, found("OLAF").await), ([0, 0], [1, 1]));
    }

    async fn what_was_written_before_there_was_a_search_text_is_found(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for n in 0..250 {
            alice.send(&bob, &format!("Änderung {n}")).await;
        }
        let tx = app.db.begin().await.unwrap();
        for undo in [
            "DROP TABLE search_text",
            "ALTER TABLE user_account RENAME TO \"user\"",
            "ALTER TABLE user_group RENAME TO \"group\"",
            "DELETE FROM seaql_migrations \
             WHERE version IN ('m20261126_000005_search', 'm20261126_000020_table_names')",
        ] {
            tx.run(undo, []).await.unwrap();
        }
        tx.commit().await.unwrap();
        app.db.migrate().await.unwrap();
        for search in ["änderung 0", "ÄNDERUNG 249"] {
            assert_eq!(in_inbox(&bob, search).await.len(), 1, "{search}");
        }
    }
}

async fn in_inbox(user: &TestUser, search: &str) -> Vec<String> {
    let query = "query($search: String!) {
        viewer { inbox { items(filter: {view: ALL, search: $search}) { nodes { title } } } } }";
    titles(&user.query(query, json!({"search": search})).await["viewer"]["inbox"]["items"], "title")
}

async fn sent(user: &TestUser, search: &str) -> Vec<String> {
    let query =
        "query($search: String!) { sentMessages(filter: {search: $search}) { nodes { subject } } }";
    titles(&user.query(query, json!({"search": search})).await["sentMessages"], "subject")
}

fn titles(page: &Value, field: &str) -> Vec<String> {
    page["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node[field].as_str().unwrap().to_owned())
        .collect()
}
