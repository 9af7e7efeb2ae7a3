//! What the host application says with messages and announcements, besides their words: links,
//! data and actions.

use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, TestUser, To, both},
    documents::{CREATE_ANNOUNCEMENT, CREATE_MESSAGE, UPDATE_ANNOUNCEMENT, UPDATE_MESSAGE},
    notify::target,
};

fn invoice() -> Value {
    json!({
        "url": "/invoices/7",
        "data": {"invoice": 7, "lines": [{"what": "“Tea”", "price": 2.5}, null]},
        "actions": [
            {"label": "Pay now", "url": "https://pay.example.com/7", "isMain": true},
            {"label": "Ask us", "url": "/help?about=7", "isMain": false},
        ],
    })
}

/// Another input with some fields more.
fn with(mut input: Value, more: &Value) -> Value {
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    input
}

fn message_to(user: &TestUser) -> Value {
    json!({"to": [To::User(user).input()], "subject": "Your invoice is ready", "body": ""})
}

/// What an item says, and what it is about says.
async fn said(user: &TestUser, title: &str) -> [Value; 2] {
    let query = "query($id: ID!) { node(id: $id) { ... on InboxItem {
        url data actions { label url isMain }
        about {
            ... on Message { url data actions { label url isMain } }
            ... on Announcement { url data actions { label url isMain } }
        } } } }";
    let mut item = user.query(query, json!({"id": user.item(title).await})).await["node"].take();
    let about = item.as_object_mut().unwrap().remove("about").unwrap();
    [item, about]
}

both! {
    /// “Your invoice is ready → /invoices/7” to one person is one call.
    async fn a_message_of_the_host_has_a_link_data_and_actions(app: TestApp) {
        let bob = app.user("bob").await;
        let mut live = bob.follow_inbox(None).await;

        app.service().create_message(with(message_to(&bob), &invoice())).await;

        assert_eq!(live.take_titles(1).await, ["Your invoice is ready"]);
        assert_eq!(said(&bob, "Your invoice is ready").await, [invoice(), invoice()]);
        app.assert_live_equals_refetch(&bob).await;
    }

    /// They are in every inbox that has the message, at once where somebody is connected, and in
    /// the thread.
    async fn what_was_said_can_change_and_be_removed(app: TestApp) {
        let [bob, eve] = app.users(["bob", "eve"]).await;
        app.group("team", &[&bob, &eve]).await;
        let to_team = json!({"to": [To::Group("team").input()], "subject": "Hi", "body": ""});
        let id = app.service().create_message(with(to_team, &invoice())).await;
        let mut live = bob.follow_inbox(None).await;
        let before = eve.inbox().await;
        let update = async |change: Value| {
            let input = with(json!({"messageId": id}), &change);
            app.service().query(UPDATE_MESSAGE, json!({"input": input})).await;
        };

        update(json!({"url": "/invoices/8", "data": null})).await;
        let changed = with(invoice(), &json!({"url": "/invoices/8", "data": null}));
        assert_eq!(live.next_change().await.kind, "UPDATED");
        assert_eq!(said(&bob, "Hi").await, [changed.clone(), changed]);
        update(json!({"url": null, "data": [1], "actions": null})).await;

        let none = json!({"url": null, "data": [1], "actions": []});
        for user in [&bob, &eve] {
            assert_eq!(said(user, "Hi").await, [none.clone(), none.clone()]);
            app.assert_live_equals_refetch(user).await;
        }
        let mut later = eve.follow_inbox(Some(&before.cursor)).await.with(before);
        assert_eq!(later.next_change().await.kind, "UPDATED");
        // What is left out stays.
        update(json!({"expiresAt": (app.now() + chrono::TimeDelta::days(1)).to_rfc3339()})).await;
        assert_eq!(said(&bob, "Hi").await[0], none);
    }

    /// A link of a person would look like one of the application.
    async fn people_cannot_say_these_things(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let own = alice.send(&bob, "own").await;
        let forbidden = ("FORBIDDEN".to_owned(), None);
        for (field, value) in invoice().as_object().unwrap() {
            let extra = json!({field: value});
            let input = json!({"input": with(message_to(&bob), &extra)});
            assert_eq!(alice.refusal(CREATE_MESSAGE, input).await, forbidden, "{field}");
            let input = json!({"input": with(json!({"messageId": own}), &extra)});
            assert_eq!(alice.refusal(UPDATE_MESSAGE, input).await, forbidden, "{field}");
        }
        let input = json!({"input": with(message_to(&bob), &json!({"category": "billing"}))});
        assert_eq!(alice.refusal(CREATE_MESSAGE, input).await, forbidden);
        assert_eq!(bob.titles("ALL").await, ["own"]);

        // An admin can, and the host application in the name of a person.
        let hers = app.service().acting_as(&alice);
        let input = json!({"messageId": own, "url": "/her/page"});
        hers.query(UPDATE_MESSAGE, json!({"input": input})).await;
        assert_eq!(said(&bob, "own").await[0]["url"], "/her/page");
        app.admin().await.create_message(with(message_to(&bob), &invoice())).await;
        assert_eq!(said(&bob, "Your invoice is ready").await[0], invoice());
    }

    /// What cannot be right is refused with the name of the field, and nothing changes.
    async fn what_cannot_be_right_is_refused_with_its_field(app: TestApp) {
        let bob = app.user("bob").await;
        let host = app.service();
        let message = host.create_message(with(message_to(&bob), &invoice())).await;
        let news = with(json!({"title": "News", "body": ""}), &invoice());
        let announcement = app.announce_with(news).await;
        let long = "x".repeat(9_000);
        for (wrong, field) in [
            (json!({"url": "javascript:alert(1)"}), "url"),
            (json!({"url": "//other.example"}), "url"),
            (json!({"data": {"long": long}}), "data"),
            (json!({"data": "a\u{0}b"}), "data"),
            (json!({"actions": vec![json!({"label": "a", "url": "/"}); 4]}), "actions"),
            (json!({"actions": [{"label": "", "url": "/"}]}), "actions.0.label"),
            (
                json!({"actions": [{"label": "a", "url": "/"}, {"label": "b", "url": "b"}]}),
                "actions.1.url",
            ),
            (
                json!({"actions": vec![json!({"label": "a", "url": "/", "isMain": true}); 2]}),
                "actions",
            ),
        ] {
            for (document, input) in [
                (CREATE_MESSAGE, message_to(&bob)),
                (UPDATE_MESSAGE, json!({"messageId": message})),
                (CREATE_ANNOUNCEMENT, json!({"title": "more", "body": ""})),
                (UPDATE_ANNOUNCEMENT, json!({"announcementId": announcement})),
            ] {
                let refusal = host.refusal(document, json!({"input": with(input, &wrong)})).await;
                assert_eq!(refusal, ("BAD_USER_INPUT".into(), Some(field.into())), "{document}");
            }
        }
        assert_eq!(bob.titles("ALL").await, ["News", "Your invoice is ready"]);
        assert_eq!(said(&bob, "Your invoice is ready").await, [invoice(), invoice()]);
        assert_eq!(said(&bob, "News").await, [invoice(), invoice()]);
    }

    async fn an_announcement_has_them_too_and_they_can_change(app: TestApp) {
        let [bob, eve] = app.users(["bob", "eve"]).await;
        let mut live = bob.follow_inbox(None).await;
        let input = with(json!({"title": "Release 5", "body": "It is *fast*."}), &invoice());
        let id = app.announce_with(input).await;
        live.take_titles(1).await;
        assert_eq!(said(&bob, "Release 5").await, [invoice(), invoice()]);

        let new = json!({"url": null, "data": 5, "actions": [
            {"label": "Read on", "url": "/releases/5", "isMain": false}]});
        app.update_announcement(with(json!({"announcementId": id}), &new)).await;

        assert_eq!(live.next_change().await.kind, "UPDATED");
        for user in [&bob, &eve] {
            assert_eq!(said(user, "Release 5").await, [new.clone(), new.clone()]);
            app.assert_live_equals_refetch(user).await;
        }
    }

    /// Items of activities show the link of their target and the data of the latest.
    async fn items_of_activities_show_the_link_of_their_target_and_the_latest_data(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        bob.follow("7", "create_post").await;
        for (n, data) in [(1, json!({"comment": 1})), (2, json!({"comment": 2}))] {
            let target = with(target("7"), &json!({"url": format!("/posts/7#{n}")}));
            let activity = json!({
                "actor": {"externalId": alice.name}, "action": "comment",
                "target": target, "data": data,
            });
            app.act_all(json!([activity])).await;
        }
        let page = "{ viewer { inbox { items { nodes { url data actions { label } } } } } }";
        let found = bob.query(page, json!({})).await;
        assert_eq!(
            found["viewer"]["inbox"]["items"]["nodes"],
            json!([{"url": "/posts/7#2", "data": {"comment": 2}, "actions": []}])
        );
        app.assert_live_equals_refetch(&bob).await;
    }

    /// Only who asks for it pays for the data of items.
    async fn the_data_of_items_is_read_only_where_it_is_asked_for(app: TestApp) {
        let bob = app.user("bob").await;
        let data = json!({"data": "secret ".repeat(1_000)});
        app.service().create_message(with(message_to(&bob), &data)).await;
        let read = async |fields: &str| {
            bob.query("{ viewer { id } }", json!({})).await;
            app.db.take_statements();
            let page = format!("{{ viewer {{ inbox {{ items {{ nodes {{ {fields} }} }} }} }} }}");
            bob.query(&page, json!({})).await;
            let mut bytes = 0;
            for ran in app.db.take_statements() {
                let rows = sea_orm::ConnectionTrait::query_all_raw(app.db.read(), ran).await;
                for row in rows.unwrap() {
                    // The row of the inbox, and the list.
                    let texts = [0, 1].map(|column| row.try_get_by_index::<String>(column));
                    bytes += texts.into_iter().flatten().map(|text| text.len()).sum::<usize>();
                }
            }
            bytes
        };
        assert!(read("title url").await < 3_000);
        assert!(read("title data").await > 7_000);
        assert!(read("about { ... on Message { data } }").await > 7_000);
    }

    async fn a_repetition_says_the_same_once(app: TestApp) {
        let bob = app.user("bob").await;
        let input = with(message_to(&bob), &with(invoice(), &json!({"idempotencyKey": "i7"})));
        let first = app.service().create_message(input.clone()).await;
        assert_eq!(app.service().create_message(input.clone()).await, first);
        let other = json!({"input": with(input, &json!({"url": "/invoices/8"}))});
        let (code, _) = app.service().refusal(CREATE_MESSAGE, other).await;
        assert_eq!(code, "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(bob.counts().await["unread"], 1);
    }
}
