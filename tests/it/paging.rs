use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser, both};

/// A page of the inbox: the titles and the page info.
async fn page(user: &TestUser, arguments: &str) -> (Vec<String>, Value) {
    let query = format!(
        "{{ viewer {{ inbox {{ items({arguments}) {{
            edges {{ cursor node {{ title }} }}
            nodes {{ title }}
            pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
        }} }} }} }}"
    );
    let items = user.query(&query, json!({})).await["viewer"]["inbox"]["items"].take();
    let titles = items["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["title"].as_str().unwrap().to_owned());
    (titles.collect(), items["pageInfo"].clone())
}

both! {
    /// Forwards and backwards, every item appears once, even if many arrived in the same
    /// microsecond.
    async fn pages_show_every_item_once_in_both_directions(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for n in 0..7 {
            alice.send(&bob, &n.to_string()).await;
        }
        let newest_first = ["6", "5", "4", "3", "2", "1", "0"].map(str::to_owned);

        let mut forwards = Vec::new();
        let mut arguments = "first: 3".to_owned();
        loop {
            let (titles, info) = page(&bob, &arguments).await;
            forwards.extend(titles);
            arguments = format!("first: 3, after: {}", info["endCursor"]);
            if info["hasNextPage"] == false {
                break;
            }
        }
        let mut backwards = Vec::new();
        let mut arguments = "last: 3".to_owned();
        loop {
            let (titles, info) = page(&bob, &arguments).await;
            backwards.splice(0..0, titles);
            arguments = format!("last: 3, before: {}", info["startCursor"]);
            if info["hasPreviousPage"] == false {
                break;
            }
        }

        assert_eq!(forwards, newest_first);
        assert_eq!(backwards, newest_first);
        let (between, _) = page(
            &bob,
            &format!("first: 2, after: {}", page(&bob, "first: 2").await.1["endCursor"]),
        )
        .await;
        assert_eq!(between, ["4", "3"]);
    }

    /// What arrives meanwhile neither repeats nor hides what is on the next page.
    async fn pages_are_stable_while_new_items_come(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for n in 0..4 {
            alice.send(&bob, &n.to_string()).await;
        }
        let (first, info) = page(&bob, "first: 2").await;
        alice.send(&bob, "new").await;
        let (second, _) = page(&bob, &format!("first: 2, after: {}", info["endCursor"])).await;
        assert_eq!([first, second].concat(), ["3", "2", "1", "0"]);
    }

    /// Invalid arguments are refused by name.
    async fn impossible_pages_are_refused(app: TestApp) {
        let bob = app.user("bob").await;
        for (arguments, field) in [
            ("first: 0", "first"),
            ("first: 101", "first"),
            ("last: 1000", "last"),
            ("first: 1, last: 1", "last"),
            ("after: \"nonsense\"", "after"),
            ("before: \"1.\"", "before"),
        ] {
            let query =
                format!("{{ viewer {{ inbox {{ items({arguments}) {{ nodes {{ id }} }} }} }} }}");
            assert_eq!(
                bob.refusal(&query, json!({})).await,
                ("BAD_USER_INPUT".into(), Some(field.into())),
                "{arguments}"
            );
        }
    }
}
