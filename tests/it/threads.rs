use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, TestUser, To, both},
    documents::CREATE_MESSAGE,
    socket::Socket,
};

async fn bodies(user: &TestUser, message: &str, list: &str) -> Vec<String> {
    let query = format!(
        "query($id: ID!) {{ message(id: $id) {{ {list}(first: 100) {{ nodes {{ body }} }} }} }}"
    );
    let nodes = user.query(&query, json!({"id": message})).await["message"][list]["nodes"].take();
    nodes.as_array().unwrap().iter().map(|node| node["body"].as_str().unwrap().to_owned()).collect()
}

both! {
    /// M7: any recipient can reply, to any depth, and the thread can be read as a tree.
    async fn a_thread_reads_as_a_tree(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&alice, &bob, &carol]).await;
        let root = alice.send_to(&[To::Group("team")], "Lunch?").await;
        let one = bob.reply(&root, "1", "EVERYONE").await;
        let two = carol.reply(&root, "2", "EVERYONE").await;
        let one_one = carol.reply(&one, "1.1", "EVERYONE").await;
        alice.reply(&two, "2.1", "EVERYONE").await;
        bob.reply(&one_one, "1.1.1", "EVERYONE").await;
        alice.reply(&one, "1.2", "EVERYONE").await;

        for reader in [&alice, &bob, &carol] {
            assert_eq!(
                bodies(reader, &root, "thread").await,
                ["1", "1.1", "1.1.1", "1.2", "2", "2.1"]
            );
        }
        assert_eq!(bodies(&alice, &root, "replies").await, ["1", "2"]);
        assert_eq!(bodies(&alice, &one, "replies").await, ["1.1", "1.2"]);
        let up = "query($id: ID!) {
            message(id: $id) { depth subject parent { body } root { subject id } } }";
        let message = alice.query(up, json!({"id": one_one})).await["message"].take();
        let wanted = json!({
            "depth": 2, "subject": "Re: Lunch?", "parent": {"body": "1"},
            "root": {"subject": "Lunch?", "id": root},
        });
        assert_eq!(message, wanted);
    }

    /// A reply goes to everybody, or only to the message's sender.
    async fn the_scope_of_a_reply_decides_whom_it_reaches(app: TestApp) {
        let [alice, bob, carol, dave] = app.users(["alice", "bob", "carol", "dave"]).await;
        app.group("team", &[&bob, &carol]).await;
        let root = alice.send_to(&[To::Group("team"), To::User(&dave)], "root").await;

        let everyone = bob.reply(&root, "to all", "EVERYONE").await;
        bob.reply(&root, "to alice", "SENDER").await;
        alice.reply(&everyone, "back to all", "EVERYONE").await;

        let expected = [
            (&alice, vec!["to all", "to alice", "back to all"]),
            (&bob, vec!["to all", "to alice", "back to all"]),
            (&carol, vec!["to all", "back to all"]),
            (&dave, vec!["to all", "back to all"]),
        ];
        for (reader, seen) in expected {
            let mut thread = bodies(reader, &root, "thread").await;
            thread.sort();
            let mut seen = seen;
            seen.sort();
            assert_eq!(thread, seen, "{}", reader.name);
        }
        assert_eq!(carol.counts().await["unread"], 3);
        assert_eq!(bob.counts().await["unread"], 2);
    }

    /// Somebody who may not see a message cannot reply to it, or learn that it exists.
    async fn only_who_takes_part_can_reply(app: TestApp) {
        let [alice, bob, eve] = app.users(["alice", "bob", "eve"]).await;
        let root = alice.send(&bob, "secret").await;
        let reply = "mutation($id: ID!) {
            replyToMessage(input: {parentId: $id, body: \"x\"}) { message { id } } }";

        assert_eq!(eve.refusal(reply, json!({"id": root})).await.0, "NOT_FOUND");
        assert_eq!(app.admin().await.refusal(reply, json!({"id": root})).await.0, "CONFLICT");
        let to_nobody = "mutation($id: ID!) {
            replyToMessage(input: {parentId: $id, body: \"x\", scope: SENDER}) {
                message { id } } }";
        assert_eq!(alice.refusal(to_nobody, json!({"id": root})).await.0, "CONFLICT");
        // Nor has a reply an input that could be wrong if nobody else is left in a group.
        app.group("alone", &[&bob]).await;
        let to_alone = json!({"to": [To::Group("alone").input()], "subject": "you", "body": ""});
        let to_bob = app.service().create_message(to_alone.clone()).await;
        assert_eq!(bob.refusal(reply, json!({"id": to_bob})).await, ("CONFLICT".into(), None));
        assert_eq!(
            bob.refusal(CREATE_MESSAGE, json!({"input": to_alone})).await,
            ("BAD_USER_INPUT".into(), Some("to".into()))
        );
        let can = "query($id: ID!) { message(id: $id) { viewerCanReply } }";
        assert_eq!(
            app.admin().await.query(can, json!({"id": root})).await["message"]["viewerCanReply"],
            false
        );
        assert_eq!(bob.query(can, json!({"id": root})).await["message"]["viewerCanReply"], true);
    }

    /// A thread is followed as an inbox is: replay and live are one stream.
    async fn a_thread_can_be_followed_and_resumed(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&bob, &carol]).await;
        let root = alice.send_to(&[To::Group("team")], "root").await;
        let follow = "subscription($root: ID!, $after: String) {
            threadUpdated(rootId: $root, after: $after) {
                cursor caughtUp resync messages { body } } }";
        let next = async |socket: &mut Socket| {
            socket.receive().await["payload"]["data"]["threadUpdated"].take()
        };

        let mut socket = carol.connect().await;
        socket.subscribe("1", follow, json!({"root": root})).await;
        let start = next(&mut socket).await;
        bob.reply(&root, "one", "EVERYONE").await;
        let one = next(&mut socket).await;
        drop(socket);
        bob.reply(&root, "two", "EVERYONE").await;
        bob.reply(&root, "not for carol", "SENDER").await;

        let mut socket = carol.connect().await;
        socket.subscribe("1", follow, json!({"root": root, "after": one["cursor"]})).await;
        let missed = next(&mut socket).await;
        bob.reply(&root, "three", "EVERYONE").await;
        let live = next(&mut socket).await;

        assert_eq!(start["messages"], json!([]));
        assert_eq!(one["messages"], json!([{"body": "one"}]));
        assert_eq!(
            (&missed["messages"], &missed["caughtUp"]),
            (&json!([{"body": "two"}]), &json!(true))
        );
        assert_eq!(live["messages"], json!([{"body": "three"}]));

        let mut socket = carol.connect().await;
        socket.subscribe("1", follow, json!({"root": root, "after": "elsewhere:1"})).await;
        assert_eq!(next(&mut socket).await["resync"], "CURSOR_UNKNOWN");
        let mut socket = app.user("eve").await.connect().await;
        socket.subscribe("1", follow, json!({"root": root})).await;
        let refused = socket.receive().await;
        assert_eq!(
            (&refused["type"], &refused["payload"][0]["extensions"]["code"]),
            (&json!("error"), &json!("NOT_FOUND"))
        );
    }

    /// A hundred levels work as well as one.
    async fn a_deep_thread_keeps_its_order(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let mut parent = alice.send(&bob, "root").await;
        let root = parent.clone();
        for level in 1..=60 {
            let who = if level % 2 == 1 { &bob } else { &alice };
            parent = who.reply(&parent, &level.to_string(), "EVERYONE").await;
        }
        let thread = bodies(&alice, &root, "thread").await;
        assert_eq!(thread, (1..=60).map(|level| level.to_string()).collect::<Vec<_>>());

        let query = "query($id: ID!, $after: String) { message(id: $id) {
            thread(first: 25, after: $after) {
                nodes { body } pageInfo { endCursor hasNextPage } } } }";
        let mut paged = Vec::new();
        let mut after = Value::Null;
        loop {
            let page =
                alice.query(query, json!({"id": root, "after": after})).await["message"]["thread"]
                    .take();
            paged.extend(
                page["nodes"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|node| node["body"].as_str().unwrap().to_owned()),
            );
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        assert_eq!(paged, thread);
    }
}
