//! Somebody who reconnects after a long time gets what they missed, however large, and nobody else
//! is affected (P6, P20).

use entity::id::UserId;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tidings::db::Topic;

use crate::support::{
    app::{TestApp, TestUser, To, both},
    socket::Socket,
};

/// The largest body, made of characters that take six bytes each in JSON.
fn large() -> String {
    "\u{1}".repeat(64 * 1024)
}

/// Sends messages to a group, and enlarges their bodies beyond what a request could hold.
async fn send_large(app: &TestApp, sender: &TestUser, group: &str, count: usize) {
    for n in 0..count {
        sender.send_to(&[To::Group(group)], &format!("m{n}")).await;
    }
    let tx = app.db.begin().await.unwrap();
    tx.run("UPDATE message SET body = $1", [large().into()]).await.unwrap();
    tx.commit().await.unwrap();
}

/// What the next updates of a subscription bring, until there is nothing more.
async fn missed(socket: &mut Socket, item: &str) -> Vec<Value> {
    let mut items = Vec::new();
    loop {
        let message = socket.receive().await;
        if message["type"] == "ping" {
            socket.send(json!({"type": "pong"})).await;
            continue;
        }
        assert_eq!(
            (&message["type"], &message["payload"]["errors"]),
            (&json!("next"), &Value::Null),
            "{message}"
        );
        let update = &message["payload"]["data"]["inboxUpdated"];
        items.extend(
            update["changes"].as_array().unwrap().iter().map(|change| change["item"][item].clone()),
        );
        if update["caughtUp"] == true {
            return items;
        }
    }
}

/// A socket that follows an inbox from its beginning.
async fn resumed(app: &TestApp, user: &TestUser) -> Socket {
    let mut socket = user.connect().await;
    socket.subscribe("1", &follow("title"), json!({"after": format!("{}:0", app.epoch)})).await;
    socket
}

fn follow(item: &str) -> String {
    format!(
        "subscription($after: String) {{
            inboxUpdated(after: $after) {{ caughtUp changes {{ item {{ {item} }} }} }} }}"
    )
}

both! {
    /// Together they exceed what a database can put into one text.
    async fn followers_who_missed_large_messages_catch_up_together(app: TestApp) {
        const MISSED: usize = 75;
        let alice = app.user("alice").await;
        let mut readers = Vec::new();
        for n in 0..40 {
            readers.push(app.user(&format!("reader{n}")).await);
        }
        app.group("team", &readers.iter().collect::<Vec<_>>()).await;
        send_large(&app, &alice, "team", MISSED).await;
        let mut sockets = join_all(readers.iter().map(TestUser::connect)).await;
        let after = json!({"after": format!("{}:0", app.epoch)});

        let (title, body) = (follow("title"), follow("about { ... on Message { body } }"));
        for (n, socket) in sockets.iter_mut().enumerate() {
            socket.subscribe("1", if n == 20 { &body } else { &title }, after.clone()).await;
        }
        let heard = join_all(sockets.iter_mut().enumerate().map(async |(n, socket)| match n {
            20 => missed(socket, "about").await,
            _ => missed(socket, "title").await,
        }))
        .await;

        let (titles, large) =
            ((0..MISSED).map(|n| json!(format!("m{n}"))).collect::<Vec<_>>(), json!(large()));
        for (n, items) in heard.iter().enumerate() {
            match n {
                20 => assert!(
                    items.len() == MISSED && items.iter().all(|about| about["body"] == large)
                ),
                _ => assert_eq!(*items, titles, "reader {n}"),
            }
        }
    }

    /// Somebody follows their inbox from many places at once, and does not read the large updates.
    async fn a_client_that_does_not_read_large_updates_delays_nobody(app: TestApp) {
        let [alice, bob, mallory] = app.users(["alice", "bob", "mallory"]).await;
        app.group("team", &[&mallory]).await;
        send_large(&app, &alice, "team", 30).await;
        let mut live = bob.follow_inbox(None).await;
        let mut stalled = Vec::new();
        for _ in 0..3 {
            let token = mallory.token.as_ref().unwrap();
            let mut socket = Socket::open_narrow(app.address()).await.introduced(token).await;
            for n in 0..20 {
                let follow = follow("about { ... on Message { body } }");
                socket
                    .subscribe(
                        &n.to_string(),
                        &follow,
                        json!({"after": format!("{}:{n}", app.epoch)}),
                    )
                    .await;
            }
            stalled.push(socket);
        }

        for n in 0..5 {
            alice.send(&bob, &n.to_string()).await;
            assert_eq!(live.take_titles(1).await, [n.to_string()]);
        }
        app.assert_live_equals_refetch(&bob).await;
        // As does their owner, on a socket that they do read.
        assert_eq!(missed(&mut resumed(&app, &mallory).await, "title").await.len(), 30);
    }

    /// It is read together with the others, and only its owner is told: with a close code after
    /// which clients reconnect.
    async fn an_inbox_that_cannot_be_read_ends_no_other_stream(app: TestApp) {
        let alice = app.user("alice").await;
        let mut readers = Vec::new();
        for n in 0..20 {
            readers.push(app.user(&format!("reader{n}")).await);
        }
        app.group("team", &readers.iter().collect::<Vec<_>>()).await;
        alice.send_to(&[To::Group("team")], "hello").await;
        let mut live = join_all(readers.iter().map(|reader| reader.follow_inbox(None))).await;

        let tx = app.db.begin().await.unwrap();
        let inboxes =
            app.db.integers("SELECT user_id FROM inbox_item ORDER BY user_id", []).await.unwrap();
        for change in [
            "UPDATE inbox SET seq = seq + 1",
            "UPDATE inbox_item SET seq = seq + 1",
            "UPDATE inbox_item SET kind = 'nonsense' WHERE user_id = (SELECT max(user_id) \
             FROM inbox_item)",
        ] {
            tx.run(change, []).await.unwrap();
        }
        tx.concerns(inboxes.into_iter().map(|user| Topic::Inbox(UserId(user))));
        tx.commit().await.unwrap();

        let mut unlucky = live.pop().unwrap();
        for live in &mut live {
            assert_eq!(live.next_change().await.kind, "UPDATED");
            live.socket.assert_quiet().await;
        }
        assert_eq!(unlucky.socket.code().await, 1013);
    }

    /// Many long replies arrive in several updates, each of moderate size.
    async fn a_thread_of_large_replies_comes_in_parts(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let root = alice.send(&bob, "root").await;
        for n in 0..10 {
            bob.reply(&root, &format!("{n} {}", "x".repeat(60_000)), "EVERYONE").await;
        }
        let mut socket = alice.connect().await;
        let follow = "subscription($root: ID!, $after: String) {
            threadUpdated(rootId: $root, after: $after) { caughtUp messages { body } } }";
        socket
            .subscribe("1", follow, json!({"root": root, "after": format!("{}:0", app.epoch)}))
            .await;

        let mut heard = Vec::new();
        loop {
            let update = socket.receive().await["payload"]["data"]["threadUpdated"].take();
            let bodies: Vec<_> = update["messages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|m| m["body"].as_str().unwrap().to_owned())
                .collect();
            assert!((1..=4).contains(&bodies.len()), "{}", bodies.len());
            heard.extend(bodies.iter().map(|body| body.split(' ').next().unwrap().to_owned()));
            if update["caughtUp"] == true {
                break;
            }
        }
        assert_eq!(heard, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    }

    /// Only what is requested is read, but that is complete, on every transport.
    async fn long_bodies_are_whole_wherever_they_are_shown(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let body = "äöü ✓ ".repeat(1_000);
        let message = alice
            .create_message(json!({"to": [To::User(&bob).input()], "subject": "s", "body": body}))
            .await;
        let announce = "mutation($body: String!) {
            createAnnouncement(input: {title: \"t\", body: $body}) { announcement { id } } }";
        app.service().query(announce, json!({"body": body})).await;
        let start = format!("{}:0", app.epoch);
        let fragments =
            "fragment text on InboxItemAbout { ...message ... on Announcement { words: body } }
            fragment message on Message { words: body }";
        let both = json!([{"about": {"words": body}}, {"about": {"words": body}}]);

        let page = "{ viewer { inbox { mine: items { nodes { about { ...text } } } } } } "
            .to_owned()
            + fragments;
        assert_eq!(bob.query(&page, json!({})).await["viewer"]["inbox"]["mine"]["nodes"], both);

        let poll = "query($after: String!) { viewer { inbox { changes(after: $after) {
            changes { item { about { ...text } } } } } } } "
            .to_owned()
            + fragments;
        let changes = bob.query(&poll, json!({"after": start})).await["viewer"]["inbox"]["changes"]
            ["changes"]
            .take();
        assert_eq!(changes, json!([{"item": both[0]}, {"item": both[1]}]));

        let mut socket = bob.connect().await;
        let follow = "subscription($after: String) { inboxUpdated(after: $after) {
            changes { item { about { ...text } } } } } "
            .to_owned()
            + fragments;
        socket.subscribe("1", &follow, json!({"after": start})).await;
        assert_eq!(socket.receive().await["payload"]["data"]["inboxUpdated"]["changes"], changes);

        let around = "query($id: ID!) { message(id: $id) {
            viewerInboxItem { preview about { ... on Message { body } } } } }";
        let item =
            bob.query(around, json!({"id": message})).await["message"]["viewerInboxItem"].take();
        assert_eq!(item["about"]["body"], body.as_str());
        let preview = "{ viewer { inbox { items { nodes { preview } } } } }";
        let previews =
            bob.query(preview, json!({})).await["viewer"]["inbox"]["items"]["nodes"].take();
        assert_eq!(previews, json!([{"preview": item["preview"]}, {"preview": item["preview"]}]));
    }
}
