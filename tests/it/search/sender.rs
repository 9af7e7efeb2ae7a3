//! Lists of what somebody has sent: they are found as words are.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::index::{fill, insert};
use crate::support::{
    app::{TestApp, TestUser, To, both},
    crowd::count,
};

both! {
    async fn a_list_has_what_a_sender_has_sent(app: TestApp) {
        let app = app.restart_with(crate::categories::with_categories).await;
        let [alice, bob, carol, eve] = app.users(["alice", "bob", "carol", "eve"]).await;
        let root = alice.send_to(&[To::User(&bob), To::User(&carol)], "Lunch?").await;
        carol.reply(&root, "Pizza", "EVERYONE").await;
        alice.send(&bob, "Invoice 1").await;
        alice.send(&carol, "Not for Bob").await;
        app.announce("News").await;
        app.service().create_message(json!({
            "to": [To::User(&bob).input()], "subject": "Invoice 2", "body": "", "category": "work",
        })).await;
        bob.change("archive", &[&bob.item("Invoice 1").await]).await;

        let of = |sender: &TestUser, mut filter: Value| {
            filter["sender"] = json!({"externalId": sender.name});
            list(&bob, filter)
        };
        assert_eq!(of(&alice, json!({})).await, ["Lunch?"]);
        assert_eq!(of(&alice, json!({"view": "ALL"})).await, ["Invoice 1", "Lunch?"]);
        assert_eq!(of(&alice, json!({"view": "ARCHIVED"})).await, ["Invoice 1"]);
        assert_eq!(of(&alice, json!({"view": "ALL", "search": "lun"})).await, ["Lunch?"]);
        assert_eq!(of(&carol, json!({})).await, ["Re: Lunch?"]);
        assert_eq!(of(&carol, json!({"search": "invoice"})).await, [""; 0]);
        assert_eq!(of(&carol, json!({"thread": root})).await, ["Re: Lunch?"]);
        assert_eq!(of(&alice, json!({"thread": root})).await, ["Lunch?"]);
        assert_eq!(of(&alice, json!({"kinds": ["MESSAGE", "ANNOUNCEMENT"]})).await, ["Lunch?"]);
        assert_eq!(of(&alice, json!({"kinds": ["ANNOUNCEMENT"]})).await, [""; 0]);
        assert_eq!(of(&alice, json!({"kinds": []})).await, [""; 0]);
        assert_eq!(of(&alice, json!({"categories": ["work"]})).await, [""; 0]);
        let target = json!({"type": "post", "externalId": "p"});
        bob.follow("p", "create_post").await;
        app.act(&alice, "comment", "p").await;
        assert_eq!(of(&alice, json!({"target": target})).await, [""; 0]);
        assert_eq!(list(&bob, json!({"sender": {"id": alice.id}})).await, ["Lunch?"]);

        // Somebody whose messages are not for Bob is like nobody at all: also for whoever asks
        // with an id of something else.
        for sender in [
            json!({"externalId": eve.name}),
            json!({"externalId": "nobody"}),
            json!({"id": "usr_zz"}),
            json!({"id": root}),
        ] {
            assert_eq!(list(&bob, json!({"view": "ALL", "sender": sender})).await, [""; 0]);
        }
        assert_eq!(list(&eve, json!({"sender": {"id": alice.id}})).await, [""; 0]);
    }

    /// A list begins and ends where it is asked to, with and without a search, and so does what is
    /// marked.
    async fn a_list_has_what_moved_to_the_top_in_a_span_of_time(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let mut moments = Vec::new();
        for n in 1..=4 {
            moments.push(app.now().to_rfc3339());
            alice.send(&bob, &format!("Invoice {n}")).await;
            app.announce(&format!("News {n}")).await;
            app.advance(TimeDelta::days(1));
        }
        // The first moment belongs to it, and the last does not.
        let (from, before) = (&moments[1], &moments[3]);
        let span = |mut filter: Value| {
            filter["updatedFrom"] = json!(from);
            filter["updatedBefore"] = json!(before);
            filter
        };
        let all = ["News 3", "Invoice 3", "News 2", "Invoice 2"];
        let invoices = ["Invoice 3", "Invoice 2"];
        for (filter, expected) in [
            (json!({}), &all[..]),
            (json!({"view": "ALL"}), &all),
            (json!({"kinds": ["MESSAGE"]}), &invoices),
            (json!({"search": "invoice"}), &invoices),
            (json!({"sender": {"externalId": alice.name}}), &invoices),
            (json!({"view": "ARCHIVED"}), &[]),
        ] {
            assert_eq!(list(&bob, span(filter.clone())).await, expected, "{filter}");
        }
        assert_eq!(list(&bob, json!({"updatedFrom": &moments[3]})).await, ["News 4", "Invoice 4"]);
        assert_eq!(list(&bob, json!({"updatedBefore": from})).await, ["News 1", "Invoice 1"]);
        assert_eq!(list(&bob, json!({"updatedFrom": before, "updatedBefore": from})).await, [""; 0]);

        let count = "query($filter: InboxFilter) {
            viewer { inbox { items(filter: $filter) { totalCount } } } }";
        let counted = bob.query(count, json!({"filter": span(json!({}))})).await;
        assert_eq!(counted["viewer"]["inbox"]["items"]["totalCount"], Value::Null);
        let archived = bob.did_all("archiveAll", json!({"filter": span(json!({}))})).await.0;
        assert_eq!(archived, 4);
        let searched = span(json!({"view": "ALL", "search": "invoice"}));
        assert_eq!(bob.did_all("markAllRead", json!({"filter": searched})).await.0, 2);
        let left = ["News 4", "Invoice 4", "News 1", "Invoice 1"];
        assert_eq!(list(&bob, json!({"view": "UNREAD"})).await, left);
    }

    /// Bob has few of Alice's many messages, among many of Carol's.
    async fn all_pages_of_a_sender_who_has_sent_much_show_everything_once(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        fill(&app, &alice, &bob, "i % 700 = 0").await;
        insert(&app, &carol, &bob, 9_001, 24_000, "true").await;
        assert!(count(&app, "SELECT count(*) FROM inbox_item").await > 15_000);
        let mut expected: Vec<_> =
            (1..=9_000).filter(|n| n % 700 == 0).map(|n| format!("about {n}")).collect();
        expected.reverse();

        let (shown, sizes) = pages(&bob, &alice, "first", 5).await;
        assert_eq!(shown, expected);
        assert!(sizes.contains(&0), "no page is empty, although Carol's are many: {sizes:?}");
        expected.reverse();
        assert_eq!(pages(&bob, &alice, "last", 5).await.0, expected);
        // With words, too: every third and fifth of all has them.
        let filter = json!({"view": "ALL", "sender": {"externalId": "alice"}, "search": "fizz"});
        let archived = bob.did_all("archiveAll", json!({"filter": filter})).await.0;
        assert_eq!(archived, 4);
        let left = json!({"filter": {"view": "ALL", "sender": {"externalId": "alice"}}});
        assert_eq!(bob.did_all("markAllRead", left).await.0, 12);
        assert_eq!(bob.did_all("archiveAll", json!({})).await.0, 15_000 + 12 - 4);
    }
}

/// The titles of a list, newest first.
async fn list(user: &TestUser, filter: Value) -> Vec<String> {
    let query = "query($filter: InboxFilter) {
        viewer { inbox { items(filter: $filter) { nodes { title } } } } }";
    let found = user.query(query, json!({"filter": filter})).await;
    super::titles(&found["viewer"]["inbox"]["items"], "title")
}

/// The titles that all pages show, from the one end to the other, and the sizes of the pages.
async fn pages(
    user: &TestUser,
    sender: &TestUser,
    size: &str,
    count: i64,
) -> (Vec<String>, Vec<usize>) {
    let (other, end, more) = match size {
        "first" => ("after", "endCursor", "hasNextPage"),
        _ => ("before", "startCursor", "hasPreviousPage"),
    };
    let query = format!(
        "query($sender: UserRef!, $cursor: String) {{ viewer {{ inbox {{
            items(filter: {{view: ALL, sender: $sender}}, {size}: {count}, {other}: $cursor) {{
              nodes {{ title }} pageInfo {{ startCursor endCursor hasNextPage hasPreviousPage }} }}
         }} }} }}"
    );
    let (mut shown, mut sizes, mut cursor) = (Vec::new(), Vec::new(), Value::Null);
    loop {
        let variables = json!({"sender": {"externalId": sender.name}, "cursor": cursor});
        let page = user.query(&query, variables).await["viewer"]["inbox"]["items"].take();
        let mut titles = super::titles(&page, "title");
        if size == "last" {
            titles.reverse();
        }
        sizes.push(titles.len());
        shown.extend(titles);
        cursor = page["pageInfo"][end].clone();
        if page["pageInfo"][more] == false {
            return (shown, sizes);
        }
    }
}
