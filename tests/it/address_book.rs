//! Whom people find and may write to, what they change about themselves, and what `server` says.

use serde_json::{Value, json};
use tidings::config::{AddressBook, Config, OwnField};

use crate::support::{
    app::{TestApp, TestUser, To, both},
    documents::CREATE_MESSAGE,
};

const UPDATE: &str = "mutation($input: UpdateViewerInput!) {
    updateViewer(input: $input) { user { locale timeZone } } }";

/// With another address book; None: the one that a server has by default.
async fn with(app: &TestApp, book: Option<AddressBook>) -> TestApp {
    let book = book.unwrap_or(Config::default().address_book);
    app.restart_with(|config| config.address_book = book).await
}

async fn people(user: &TestUser, arguments: &str) -> Vec<String> {
    let query = format!("{{ people{arguments} {{ nodes {{ externalId }} }} }}");
    let nodes = user.query(&query, json!({})).await["people"]["nodes"].take();
    let name = |node: &Value| node["externalId"].as_str().unwrap().to_owned();
    nodes.as_array().unwrap().iter().map(name).collect()
}

fn message(to: &To<'_>) -> Value {
    json!({"input": {"to": [to.input()], "subject": "hello", "body": ""}})
}

async fn may_write(user: &TestUser, to: To<'_>) -> bool {
    user.ask(CREATE_MESSAGE, message(&to)).await.get("errors").is_none()
}

both! {
    async fn by_default_people_write_to_those_with_whom_they_share_a_group(app: TestApp) {
        app.users(["alice", "bob", "carol", "dave"]).await;
        let app = with(&app, None).await;
        let [alice, bob, carol, dave] = app.users(["alice", "bob", "carol", "dave"]).await;
        app.group("team", &[&alice, &bob, &dave]).await;
        app.group("other", &[&bob, &carol]).await;
        app.deactivate("dave").await;

        assert_eq!(people(&alice, "").await, ["bob"]);
        assert_eq!(people(&bob, "").await, ["alice", "carol"]);
        assert_eq!(people(&bob, "(search: \"CAR\")").await, ["carol"]);
        assert_eq!(people(&alice, "(search: \"car\")").await, [""; 0]);
        assert!(may_write(&alice, To::User(&bob)).await);
        assert!(may_write(&alice, To::Group("team")).await);
        assert!(may_write(&alice, To::User(&alice)).await, "a note to oneself");
        // The others are not there.
        let unknown = app.client("nobody", tidings::auth::Role::User);
        for (hidden, invented) in [
            (To::User(&carol), To::User(&unknown)),
            (To::Group("other"), To::Group("nothing")),
        ] {
            let refused = alice.ask(CREATE_MESSAGE, message(&hidden)).await;
            assert_eq!(refused, alice.ask(CREATE_MESSAGE, message(&invented)).await);
            assert_eq!(refused["errors"][0]["extensions"]["field"], "to.0");
        }

        app.remove_members("team", &[&bob]).await;
        assert_eq!(people(&alice, "").await, [""; 0]);
        assert!(!may_write(&alice, To::User(&bob)).await);
        app.stop().await;
    }

    async fn the_host_application_and_admins_write_to_everybody(app: TestApp) {
        let app = with(&app, Some(AddressBook::Nobody)).await;
        let [alice, bob] = app.users(["alice", "bob"]).await;
        app.group("team", &[&bob]).await;
        let (host, admin) = (app.service(), app.admin().await);
        for caller in [&host, &host.acting_as(&alice), &admin] {
            assert!(may_write(caller, To::User(&bob)).await);
            assert!(may_write(caller, To::Group("team")).await);
        }
        assert_eq!(people(&host, "").await, ["alice", "bob", "root"]);
        assert_eq!(people(&host.acting_as(&alice), "").await, ["bob", "root"]);
        assert_eq!(people(&admin, "").await, ["alice", "bob"]);
        app.stop().await;
    }

    async fn replies_reach_those_who_could_not_be_written_to(app: TestApp) {
        let app = with(&app, Some(AddressBook::Nobody)).await;
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&alice, &bob, &carol]).await;
        assert_eq!(people(&alice, "").await, [""; 0]);
        assert!(!may_write(&alice, To::User(&bob)).await);
        assert!(!may_write(&alice, To::Group("team")).await);

        let hello = app.service().acting_as(&bob).send_to(&[To::Group("team")], "hello").await;
        alice.reply(&hello, "hello yourself", "EVERYONE").await;
        assert_eq!(bob.titles("ALL").await, ["Re: hello"]);
        assert_eq!(carol.titles("ALL").await, ["Re: hello", "hello"]);
        app.stop().await;
    }

    async fn pages_of_people_show_everybody_once(app: TestApp) {
        for n in 0..7 {
            app.user(&format!("u{n}")).await;
        }
        let [alice, late] = app.users(["alice", "late"]).await;
        let mut users = Vec::new();
        for n in 0..7 {
            users.push(app.user(&format!("u{n}")).await);
        }
        // Every one of them is in some of three groups, as Alice is.
        for (group, every) in [("all", 1), ("even", 2), ("third", 3)] {
            let mut members: Vec<_> = users.iter().step_by(every).collect();
            members.push(&alice);
            app.group(group, &members).await;
        }
        let all = ["u0", "u1", "u2", "u3", "u4", "u5", "u6"];
        for book in [AddressBook::Groups, AddressBook::Everybody] {
            let app = with(&app, Some(book)).await;
            let alice = app.user("alice").await;
            let everybody = match book {
                AddressBook::Everybody => [&all[..], &[&late.name]].concat(),
                _ => all.to_vec(),
            };
            for (arguments, other, is_forwards) in
                [("first: 2", "after", true), ("last: 2", "before", false)]
            {
                let (mut seen, mut cursor) = (Vec::new(), Value::Null);
                loop {
                    let query = format!(
                        "query($c: String) {{ people({arguments}, {other}: $c) {{
                         nodes {{ externalId }}
                         pageInfo {{ startCursor endCursor hasNextPage hasPreviousPage }} }} }}"
                    );
                    let page = alice.query(&query, json!({"c": cursor})).await["people"].take();
                    let mut nodes = page["nodes"].as_array().unwrap().clone();
                    if !is_forwards {
                        nodes.reverse();
                    }
                    seen.extend(nodes.into_iter().map(|node| node["externalId"].clone()));
                    let info = &page["pageInfo"];
                    let (end, more) = match is_forwards {
                        true => ("endCursor", "hasNextPage"),
                        false => ("startCursor", "hasPreviousPage"),
                    };
                    cursor = info[end].clone();
                    if info[more] == false {
                        break;
                    }
                }
                if !is_forwards {
                    seen.reverse();
                }
                assert_eq!(seen, everybody, "{book:?} {arguments}");
            }
            app.stop().await;
        }
    }

    async fn people_change_their_language_and_time_zone(app: TestApp) {
        let alice = app.user("alice").await;
        app.upsert_user(json!({"externalId": "alice", "firstName": "Alice"})).await;
        let changed = alice.query(UPDATE, json!({"input": {"locale": "de"}})).await;
        assert_eq!(changed["updateViewer"]["user"], json!({"locale": "de", "timeZone": "UTC"}));
        let changed = alice.query(UPDATE, json!({"input": {"timeZone": "Europe/Berlin"}})).await;
        let both = json!({"locale": "de", "timeZone": "Europe/Berlin"});
        assert_eq!(changed["updateViewer"]["user"], both);
        let viewer = alice.query("{ viewer { name locale } }", json!({})).await;
        assert_eq!(viewer["viewer"], json!({"name": "Alice", "locale": "de"}));
        for (field, value) in [("locale", "!"), ("timeZone", "Mars/Phobos")] {
            let refusal = alice.refusal(UPDATE, json!({"input": {field: value}})).await;
            assert_eq!(refusal, ("BAD_USER_INPUT".into(), Some(field.into())));
        }
    }

    async fn the_operator_says_what_people_may_change(app: TestApp) {
        app.user("alice").await;
        let app = app.restart_with(|config| config.people_edit = vec![OwnField::TimeZone]).await;
        let alice = app.user("alice").await;
        let locale = json!({"input": {"locale": "fr", "timeZone": "Europe/Paris"}});
        assert_eq!(alice.refusal(UPDATE, locale.clone()).await.0, "FORBIDDEN");
        let zone = alice.query(UPDATE, json!({"input": {"timeZone": "Asia/Tokyo"}})).await;
        assert_eq!(zone["updateViewer"]["user"], json!({"locale": "en", "timeZone": "Asia/Tokyo"}));
        let changed = app.service().acting_as(&alice).query(UPDATE, locale).await;
        let french = json!({"locale": "fr", "timeZone": "Europe/Paris"});
        assert_eq!(changed["updateViewer"]["user"], french);
        app.stop().await;
    }

    async fn a_client_learns_what_the_server_allows(app: TestApp) {
        let alice = app.user("alice").await;
        let query = "{ server { version addressBook peopleEdit peopleSubscribe readingDetails
            persistedDocuments retentionDays idempotencyDays
            limits { page addresses subject body search depth cost request operationsPerMinute
                executionMilliseconds } } }";
        let expected = json!({
            "version": env!("CARGO_PKG_VERSION"), "addressBook": "EVERYBODY",
            "peopleEdit": ["LOCALE", "TIME_ZONE"], "peopleSubscribe": true,
            "readingDetails": "NAMES", "persistedDocuments": "APQ", "retentionDays": 30,
            "idempotencyDays": 7,
            "limits": {
                "page": 100, "addresses": 100, "subject": 200, "body": 65_536, "search": 200,
                "depth": 15, "cost": 3_000, "request": 262_144, "operationsPerMinute": null,
                "executionMilliseconds": 10_000,
            },
        });
        assert_eq!(alice.query(query, json!({})).await["server"], expected);
    }
}
