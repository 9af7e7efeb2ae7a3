//! Categories: items have them, lists and bulk changes take them, and their unread are counted.

use serde_json::{Value, json};
use tidings::{config::Config, recount};

use crate::{
    recount::assert_right,
    support::{
        app::{TestApp, TestUser, To, both},
        crowd::crowd,
        documents::{CREATE_ANNOUNCEMENT, CREATE_MESSAGE, UPDATE_MESSAGE},
    },
};

/// A catalog with categories; comments are of one of them.
pub fn with_categories(config: &mut Config) {
    // In an order that is not that of the alphabet.
    for (key, en, de) in [("work", "Work", "Arbeit"), ("social", "People", "Leute")] {
        let labels = [("en".to_owned(), en.to_owned()), ("de".to_owned(), de.to_owned())];
        config.catalog.categories.insert(key.into(), labels.into());
    }
    config.catalog.actions["comment"].category = Some("social".into());
}

/// A message of the host application.
async fn tell(app: &TestApp, to: &[To<'_>], subject: &str, category: Option<&str>) -> String {
    let to: Value = to.iter().map(To::input).collect();
    let input = json!({"to": to, "subject": subject, "body": "", "category": category});
    app.service().create_message(input).await
}

async fn announce(app: &TestApp, title: &str, category: &str) -> String {
    app.announce_with(json!({"title": title, "body": "", "category": category})).await
}

/// The unread of the categories work and social.
async fn unread(user: &TestUser) -> [i64; 2] {
    let counts = user.counts().await;
    let count = |n: usize, category: &str| {
        let counted = &counts["unreadByCategory"][n];
        assert_eq!(counted["category"], category);
        counted["count"].as_i64().unwrap()
    };
    [count(0, "work"), count(1, "social")]
}

/// The titles in a list, newest first.
async fn titles(user: &TestUser, filter: Value) -> Vec<String> {
    let query = "query($filter: InboxFilter!) {
        viewer { inbox { items(filter: $filter, first: 50) { nodes { title category } } } } }";
    let found = user.query(query, json!({"filter": filter})).await;
    let items = found["viewer"]["inbox"]["items"]["nodes"].as_array().unwrap().clone();
    items.iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
}

both! {
    /// Messages to one and to many, announcements and activities.
    async fn unread_items_are_counted_by_category_however_they_come_in(app: TestApp) {
        let app = app.restart_with(with_categories).await;
        let [alice, bob] = app.users(["alice", "bob"]).await;
        app.group("team", &[&alice, &bob]).await;
        bob.follow("7", "like_post").await;
        assert_eq!(unread(&bob).await, [0, 0]);
        let mut live = bob.follow_inbox(None).await;

        tell(&app, &[To::User(&bob)], "to one", Some("work")).await;
        assert_eq!(live.next_update().await["counts"]["unreadByCategory"][0]["count"], 1);
        tell(&app, &[To::Group("team")], "to many", Some("work")).await;
        tell(&app, &[To::User(&bob)], "to one, without", None).await;
        announce(&app, "news", "social").await;
        app.act(&alice, "comment", "7").await;
        app.act(&alice, "update", "7").await;
        // This one joins the item that is there.
        app.act(&alice, "comment", "7").await;

        assert_eq!(unread(&bob).await, [2, 2]);
        assert_eq!(unread(&alice).await, [1, 1]);
        assert_eq!(bob.counts().await["unread"], 6);
        for user in [&alice, &bob] {
            app.assert_live_equals_refetch(user).await;
        }
        assert_right(&app, "what came in").await;
        app.stop().await;
    }

    /// Each change of an item changes the count of its category, and of no other.
    async fn every_change_keeps_the_counts_of_categories(app: TestApp) {
        let app = app.restart_with(with_categories).await;
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let first = tell(&app, &[To::User(&bob)], "first", Some("work")).await;
        tell(&app, &[To::User(&bob)], "second", Some("work")).await;
        tell(&app, &[To::User(&bob)], "plain", None).await;
        let news = announce(&app, "news", "social").await;
        bob.follow("7", "create_post").await;
        let comment = app.act(&alice, "comment", "7").await;
        let [one, plain] = [bob.item("first").await, bob.item("plain").await];
        for (mutation, item, counts) in [
            ("markSeen", &one, [2, 2]),
            ("markRead", &one, [1, 2]),
            ("markRead", &one, [1, 2]),
            ("markUnread", &one, [2, 2]),
            ("archive", &one, [1, 2]),
            ("unarchive", &one, [2, 2]),
            ("markRead", &plain, [2, 2]),
        ] {
            bob.change(mutation, &[item]).await;
            assert_eq!(unread(&bob).await, counts, "{mutation}");
        }
        bob.snooze(&one, app.now() + chrono::TimeDelta::hours(1)).await;
        assert_eq!(unread(&bob).await, [1, 2]);
        app.advance(chrono::TimeDelta::hours(1));
        app.run_due().await;
        assert_eq!(unread(&bob).await, [2, 2]);

        app.retract_activity(&comment).await;
        assert_eq!(unread(&bob).await, [2, 1]);
        app.retract_announcement(&news).await;
        assert_eq!(unread(&bob).await, [2, 0]);
        app.service().expire(&first, app.now()).await;
        assert_eq!(unread(&bob).await, [1, 0]);
        app.assert_live_equals_refetch(&bob).await;
        assert_right(&app, "the changes").await;
        app.stop().await;
    }

    async fn lists_and_bulk_changes_can_be_of_some_categories(app: TestApp) {
        let app = app.restart_with(with_categories).await;
        let [alice, bob] = app.users(["alice", "bob"]).await;
        bob.follow("7", "create_post").await;
        tell(&app, &[To::User(&bob)], "invoice", Some("work")).await;
        app.advance(chrono::TimeDelta::minutes(1));
        tell(&app, &[To::User(&bob)], "plain", None).await;
        app.advance(chrono::TimeDelta::minutes(1));
        announce(&app, "party", "social").await;
        app.advance(chrono::TimeDelta::minutes(1));
        app.act(&alice, "comment", "7").await;
        let comment = "alice commented on a post";
        for (filter, expected) in [
            (json!({"categories": ["work"]}), vec!["invoice"]),
            (json!({"categories": ["social"]}), vec![comment, "party"]),
            (
                json!({"categories": ["social", "work", "social"]}),
                vec![comment, "party", "invoice"],
            ),
            (json!({"categories": ["social"], "kinds": ["ANNOUNCEMENT"]}), vec!["party"]),
            (json!({"categories": ["social"], "kinds": []}), vec![]),
            (json!({"categories": ["social"], "search": "PARTY"}), vec!["party"]),
            (json!({"categories": ["social"], "view": "ARCHIVED"}), vec![]),
            (json!({"categories": ["nothing"]}), vec![]),
            (json!({"categories": []}), vec![]),
        ] {
            assert_eq!(titles(&bob, filter.clone()).await, expected, "{filter}");
        }

        let all = async |mutation: &str, filter: Value| {
            let document = format!(
                "mutation($filter: BulkFilter) {{
                    {mutation}(input: {{filter: $filter}}) {{ affectedCount }} }}"
            );
            let changed = bob.query(&document, json!({"filter": filter})).await;
            changed[mutation]["affectedCount"].as_i64().unwrap()
        };
        let of_messages = json!({"categories": ["social"], "kinds": ["MESSAGE"]});
        assert_eq!(all("markAllRead", of_messages).await, 0);
        assert_eq!(all("markAllRead", json!({"categories": ["social"]})).await, 2);
        assert_eq!(unread(&bob).await, [1, 0]);
        assert_eq!(titles(&bob, json!({"view": "UNREAD"})).await, ["plain", "invoice"]);
        assert_eq!(all("archiveAll", json!({"categories": ["work", "work"]})).await, 1);
        assert_eq!(unread(&bob).await, [0, 0]);
        let archived = json!({"view": "ARCHIVED", "categories": ["work"]});
        assert_eq!(titles(&bob, archived).await, ["invoice"]);
        app.assert_live_equals_refetch(&bob).await;
        assert_right(&app, "the bulk changes").await;
        app.stop().await;
    }

    /// Sends that are made together count what each brings.
    async fn sends_at_once_are_counted_by_their_categories(app: TestApp) {
        let app = app.restart_with(with_categories).await;
        let [bob, carol] = app.users(["bob", "carol"]).await;
        let mut calls = tokio::task::JoinSet::new();
        for n in 0..30 {
            let (app, bob, carol) = (app.clone(), bob.clone(), carol.clone());
            calls.spawn(async move {
                let both = [To::User(&bob), To::User(&carol)];
                let to = if n % 2 == 0 { &both[..] } else { &both[..1] };
                let category = [None, Some("work"), Some("social")][n % 3];
                tell(&app, to, &n.to_string(), category).await;
            });
        }
        calls.join_all().await;
        assert_eq!((unread(&bob).await, unread(&carol).await), ([10, 10], [5, 5]));
        for user in [&bob, &carol] {
            app.assert_live_equals_refetch(user).await;
        }
        assert_right(&app, "the sends").await;
        app.stop().await;
    }

    /// A send to thousands goes in parts, and so does a change of what it says.
    async fn what_is_said_to_thousands_reaches_all_of_them(app: TestApp) {
        let app = app.restart_with(with_categories).await;
        crowd(&app, 5_050).await;
        let [first, last] = app.users(["u1", "u5050"]).await;
        let id = tell(&app, &[To::Group("crowd")], "to all", Some("work")).await;
        assert_eq!((unread(&first).await, unread(&last).await), ([1, 0], [1, 0]));
        let mut live = last.follow_inbox(None).await;

        let input = json!({"messageId": id, "url": "/all"});
        app.service().query(UPDATE_MESSAGE, json!({"input": input})).await;
        app.run_due().await;

        assert_eq!(live.next_update().await["changes"][0]["item"]["url"], "/all");
        for user in [&first, &last] {
            app.assert_live_equals_refetch(user).await;
        }
        assert_right(&app, "a send to thousands").await;
        app.stop().await;
    }

    /// Items keep their category, and count for it, when the catalog no longer has it.
    async fn what_leaves_the_catalog_stays_with_the_items_that_have_it(app: TestApp) {
        let with = app.restart_with(with_categories).await;
        let [bob, eve] = with.users(["bob", "eve"]).await;
        bob.follow("7", "create_post").await;
        tell(&with, &[To::User(&bob)], "invoice", Some("work")).await;
        with.act(&eve, "comment", "7").await;
        assert_eq!(unread(&bob).await, [1, 1]);

        let app = with.restart_with(|config| {
            config.catalog.categories.shift_remove("work");
            config.catalog.actions["comment"].category = None;
        });
        let app = app.await;
        let bob = app.user("bob").await;
        let counts = json!([{"category": "social", "count": 1}, {"category": "work", "count": 1}]);
        assert_eq!(bob.counts().await["unreadByCategory"], counts);
        // The item keeps its category although the action has none any more.
        app.act(&eve, "comment", "7").await;
        assert_eq!(bob.counts().await["unreadByCategory"], counts);
        assert_eq!(titles(&bob, json!({"categories": ["work"]})).await, ["invoice"]);
        bob.change("markRead", &[&bob.item("invoice").await]).await;
        let left = json!([{"category": "social", "count": 1}]);
        assert_eq!(bob.counts().await["unreadByCategory"], left);
        assert_right(&app, "another catalog").await;
        app.stop().await;
    }

    async fn only_categories_of_the_catalog_can_be_given(app: TestApp) {
        let bob = app.user("bob").await;
        let message = json!({"to": [To::User(&bob).input()], "subject": "x", "body": "",
            "category": "work"});
        let news = json!({"title": "x", "body": "", "category": "work"});
        let refused = ("BAD_USER_INPUT".to_owned(), Some("category".to_owned()));
        for (document, input) in [(CREATE_MESSAGE, &message), (CREATE_ANNOUNCEMENT, &news)] {
            let refusal = app.service().refusal(document, json!({"input": input})).await;
            assert_eq!(refusal, refused, "without categories");
        }
        let app = app.restart_with(with_categories).await;
        for (document, mut input) in [(CREATE_MESSAGE, message), (CREATE_ANNOUNCEMENT, news)] {
            app.service().query(document, json!({"input": input})).await;
            input["category"] = "Work".into();
            let refusal = app.service().refusal(document, json!({"input": input})).await;
            assert_eq!(refusal, refused);
        }
        let bob = app.user("bob").await;
        let many: Vec<_> = (0..11).map(|n| format!("c{n}")).collect();
        let list = "query($filter: InboxFilter!) {
            viewer { inbox { items(filter: $filter) { nodes { id } } } } }";
        let filter = json!({"filter": {"categories": many}});
        let refusal = bob.refusal(list, filter.clone()).await;
        assert_eq!(refusal, ("BAD_USER_INPUT".into(), Some("categories".into())));
        let all = "mutation($filter: BulkFilter) {
            markAllRead(input: {filter: $filter}) { affectedCount } }";
        let refusal = bob.refusal(all, filter).await;
        assert_eq!(refusal, ("BAD_USER_INPUT".into(), Some("filter.categories".into())));
        app.stop().await;
    }

    /// Recount finds a wrong count of a category, and mends it.
    async fn a_wrong_count_of_a_category_is_named_and_mended(app: TestApp) {
        let app = app.restart_with(with_categories).await;
        let bob = app.user("bob").await;
        tell(&app, &[To::User(&bob)], "one", Some("work")).await;
        tell(&app, &[To::User(&bob)], "two", Some("social")).await;
        let right = bob.counts().await;
        for wrong in ["NULL", "'{\"work\": 2}'", "'{\"work\": 1, \"social\": 1, \"old\": 3}'"] {
            let tx = app.db.begin().await.unwrap();
            let change = format!("UPDATE inbox SET unread_by_category = {wrong}");
            assert_eq!(tx.run(&change, []).await.unwrap(), 1);
            tx.commit().await.unwrap();

            let report = recount::check(app.db.read(), app.now()).await.unwrap();
            assert!(report.to_string().contains("unread of a category is"), "{report}");
            recount::mend(&app.db, &report.findings, app.now()).await.unwrap();

            assert_right(&app, wrong).await;
            assert_eq!(bob.counts().await, right);
        }
        // What is missing comes back with its category.
        let tx = app.db.begin().await.unwrap();
        tx.run("DELETE FROM inbox_item", []).await.unwrap();
        tx.commit().await.unwrap();
        let report = recount::check(app.db.read(), app.now()).await.unwrap();
        recount::mend(&app.db, &report.findings, app.now()).await.unwrap();
        assert_right(&app, "a lost item").await;
        assert_eq!(bob.counts().await, right);
        app.stop().await;
    }

    /// The labels are in the language of whoever asks, or in the one that they ask for.
    async fn the_catalog_names_its_categories_in_each_language(app: TestApp) {
        let app = app.restart_with(with_categories).await;
        app.upsert_user(json!({"externalId": "uwe", "locale": "de-AT"})).await;
        let uwe = app.user("uwe").await;
        let query = "{ catalog {
            categories { key label english: label(locale: \"en-GB\") french: label(locale: \"fr\") }
            actions { key category } } }";
        let catalog = uwe.query(query, json!({})).await["catalog"].take();
        assert_eq!(
            catalog["categories"],
            json!([
                {"key": "work", "label": "Arbeit", "english": "Work", "french": "Work"},
                {"key": "social", "label": "Leute", "english": "People", "french": "People"},
            ])
        );
        assert_eq!(catalog["actions"][0], json!({"key": "comment", "category": "social"}));
        assert_eq!(catalog["actions"][1], json!({"key": "like", "category": null}));
        let catalog = app.service().query(query, json!({})).await["catalog"].take();
        assert_eq!(catalog["categories"][0]["label"], "Work");
        app.stop().await;
    }
}
