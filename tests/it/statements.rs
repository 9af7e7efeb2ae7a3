//! How many statements an answer costs: a fixed number, however much there is to show.

use serde_json::json;

use crate::app::{TestApp, To, both};

/// Everything that a page of an inbox can show of a message.
const PAGE: &str = "query($first: Int!) { viewer { inbox { cursor counts { unread unreadByKind { count } }
    items(first: $first) { edges { cursor node { id title preview subject { ... on Message {
        sender { name } sentTo { name audience { __typename ... on Group { name memberCount } } readStats { readCount } }
        readStats { readRate } viewerCanReply viewerInboxItem { id } parent { id } root { id sender { name } }
    } } } } } } } }";

both! {
    on one thread:
    async fn a_page_of_twenty_costs_as_many_statements_as_a_page_of_two(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        for n in 0..20 {
            app.group(&format!("g{n}"), &[&bob, &carol]).await;
            let to_group = format!("g{n}");
            let sender = if n % 2 == 0 { &alice } else { &carol };
            let id = sender.send_to(&[To::Group(&to_group), To::User(&bob)], &n.to_string()).await;
            if n % 3 == 0 {
                sender.reply(&id, "and", "EVERYONE").await;
            }
        }
        let cost = async |first: i32| {
            let before = app.db.statement_count();
            bob.query(PAGE, json!({"first": first})).await;
            app.db.statement_count() - before
        };
        // The user is looked up once a second.
        cost(1).await;
        let (two, twenty) = (cost(2).await, cost(20).await);
        assert_eq!(two, twenty);
        assert!(twenty <= 8, "a page costs {twenty} statements");
    }

    async fn a_plain_page_costs_two_statements(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for n in 0..30 {
            alice.send(&bob, &n.to_string()).await;
        }
        let plain = "{ viewer { inbox { counts { unread } items { nodes { title subject { ... on Message { sender { name } } } } } } } }";
        bob.query(plain, json!({})).await;
        let before = app.db.statement_count();
        bob.query(plain, json!({})).await;
        assert_eq!(app.db.statement_count() - before, 2);
    }

    async fn a_group_send_costs_the_same_for_two_and_for_two_hundred(app: TestApp) {
        let alice = app.user("alice").await;
        let mut members = Vec::new();
        for n in 0..200 {
            members.push(app.user(&format!("m{n}")).await);
        }
        app.group("large", &members.iter().collect::<Vec<_>>()).await;
        app.group("small", &[&members[0], &members[1]]).await;
        let cost = async |group: &str| {
            let before = app.db.statement_count();
            alice.send_to(&[To::Group(group)], "hello").await;
            app.db.statement_count() - before
        };
        cost("small").await;
        let (small, large) = (cost("small").await, cost("large").await);
        assert_eq!(small, large);
        assert!(large <= 12, "a send costs {large} statements");
    }
}
