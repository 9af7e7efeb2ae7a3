use chrono::TimeDelta;
use insta::assert_snapshot;
use serde_json::json;

use crate::support::{
    app::{Kind, TestApp, To, both},
    shown::shown,
};

both! {
    /// A reader who reconnects gets what they missed, then what is new, each once.
    async fn reconnecting_replays_what_was_missed_and_then_goes_live(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;

        let mut live = bob.follow_inbox(None).await;
        alice.send(&bob, "one").await;
        let seen = live.next_change().await;
        drop(live);
        alice.send(&bob, "two").await;

        let mut live = bob.follow_inbox(Some(&seen.cursor)).await;
        alice.send(&bob, "three").await;

        assert_eq!(live.take_titles(2).await, ["two", "three"]);
        app.assert_live_equals_refetch(&bob).await;
    }

    /// A new follower receives what happens from then on, not what was there before.
    async fn without_a_cursor_the_stream_starts_now(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "before").await;

        let mut live = bob.follow_inbox(None).await;
        let first = live.update.clone();
        alice.send(&bob, "after").await;

        assert_eq!(
            (&first["changes"], &first["caughtUp"], &first["counts"]["unread"]),
            (&json!([]), &json!(true), &json!(1))
        );
        assert_eq!(live.take_titles(1).await, ["after"]);
    }

    /// A message arrives, is read, and is gone: a change without an item says which one to forget.
    async fn the_updates_of_a_message_from_its_arrival_to_its_end(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let mut socket = bob.connect().await;
        let follow = "subscription { inboxUpdated {
            cursor caughtUp resync counts { unread unseen }
            changes { type itemId item { title readAt about { ... on Message { id } } } } } }";
        socket.subscribe("1", follow, json!({})).await;
        let mut updates = vec![socket.receive().await];

        let id = alice.send(&bob, "until ten").await;
        updates.push(socket.receive().await);
        bob.change("markRead", &[&bob.item("until ten").await]).await;
        updates.push(socket.receive().await);
        alice.expire(&id, app.now()).await;
        updates.push(socket.receive().await);

        let updates =
            updates.iter_mut().map(|frame| frame["payload"]["data"]["inboxUpdated"].take());
        assert_snapshot!(shown(&app, &updates.collect()), @r#"
        [
          {
            "caughtUp": true,
            "changes": [],
            "counts": {
              "unread": 0,
              "unseen": 0
            },
            "cursor": "epoch:0",
            "resync": null
          },
          {
            "caughtUp": true,
            "changes": [
              {
                "item": {
                  "about": {
                    "id": "msg_1"
                  },
                  "readAt": null,
                  "title": "until ten"
                },
                "itemId": "itm_1",
                "type": "ARRIVED"
              }
            ],
            "counts": {
              "unread": 1,
              "unseen": 1
            },
            "cursor": "epoch:1",
            "resync": null
          },
          {
            "caughtUp": true,
            "changes": [
              {
                "item": {
                  "about": {
                    "id": "msg_1"
                  },
                  "readAt": "2026-01-05T09:00:00+00:00",
                  "title": "until ten"
                },
                "itemId": "itm_1",
                "type": "UPDATED"
              }
            ],
            "counts": {
              "unread": 0,
              "unseen": 0
            },
            "cursor": "epoch:2",
            "resync": null
          },
          {
            "caughtUp": true,
            "changes": [
              {
                "item": null,
                "itemId": "itm_1",
                "type": "REMOVED"
              }
            ],
            "counts": {
              "unread": 0,
              "unseen": 0
            },
            "cursor": "epoch:3",
            "resync": null
          }
        ]
        "#);
    }

    /// A server's restart is a short interruption of the stream.
    async fn a_stream_goes_on_after_a_restart(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let mut live = bob.follow_inbox(None).await;
        alice.send(&bob, "one").await;
        let seen = live.next_change().await.cursor;

        let again = app.restart().await;
        let (alice, bob) = (again.user("alice").await, again.user("bob").await);
        alice.send(&bob, "two").await;

        let mut live = bob.follow_inbox(Some(&seen)).await;
        assert_eq!(live.take_titles(1).await, ["two"]);
        again.assert_live_equals_refetch(&bob).await;
        again.stop().await;
    }

    /// When the server stops, a client is told to reconnect, and with which cursor.
    async fn a_stopping_server_closes_sockets_with_1012(app: TestApp) {
        let mut live = app.user("bob").await.follow_inbox(None).await;

        let (closed, ()) = tokio::join!(live.socket.closed(), app.stop());

        assert_eq!(u16::from(closed.code), 1012);
    }

    /// An unusable cursor is answered with a resync, never with silence.
    async fn a_cursor_that_cannot_be_continued_gets_a_resync(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "one").await;

        for lost in [format!("{}:99", app.epoch), "anotherone:1".to_owned()] {
            let mut live = bob.follow_inbox(Some(&lost)).await;
            assert_eq!(live.update["resync"], "CURSOR_UNKNOWN", "{lost}");
            assert_eq!(live.update["cursor"], bob.cursor().await.as_str());
            alice.send(&bob, "next").await;
            assert_eq!(live.take_titles(1).await, ["next"]);
        }
    }

    /// Beyond the retention, a client cannot know what was removed meanwhile.
    async fn a_cursor_from_before_a_purge_is_expired(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let before = bob.cursor().await;
        let gone = alice.send(&bob, "gone").await;
        alice.expire(&gone, app.now()).await;
        let removed = bob.cursor().await;

        app.advance(TimeDelta::days(29));
        app.run_due().await;
        let in_time = bob.follow_inbox(Some(&before)).await;
        app.advance(TimeDelta::days(2));
        app.run_due().await;

        assert_eq!(in_time.update["changes"][0]["type"], "REMOVED");
        assert_eq!(bob.follow_inbox(Some(&before)).await.update["resync"], "CURSOR_EXPIRED");
        assert_eq!(bob.follow_inbox(Some(&removed)).await.update["resync"], json!(null));
    }

    /// If one update cannot hold everything, several are sent, and the last says that it is the
    /// last.
    async fn long_absences_are_replayed_in_pages(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let start = bob.cursor().await;
        for n in 0..120 {
            alice.send(&bob, &format!("m{n}")).await;
        }
        // All items share one number, so pages end among them.
        bob.query("mutation { markAllRead(input: {}) { affectedCount } }", json!({})).await;

        let mut live = bob.follow_inbox(Some(&start)).await;
        let first = live.update.clone();
        let second = live.next_update().await;

        assert_eq!(
            (first["changes"].as_array().unwrap().len(), &first["caughtUp"]),
            (100, &json!(false))
        );
        assert_eq!(
            (second["changes"].as_array().unwrap().len(), &second["caughtUp"]),
            (20, &json!(true))
        );
        assert_eq!(live.state, bob.inbox().await);
    }

    /// The same history over plain HTTP, for hosts that cannot hold a connection open.
    async fn changes_can_be_polled(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let start = bob.cursor().await;
        for subject in ["one", "two", "three"] {
            alice.send(&bob, subject).await;
        }

        let poll = "query($after: String!) { viewer { inbox { changes(after: $after, first: 2) {
            cursor caughtUp changes { type item { title } } } } } }";
        let mut after = json!(start);
        let mut heard = Vec::new();
        loop {
            let update =
                bob.query(poll, json!({"after": after})).await["viewer"]["inbox"]["changes"].take();
            let changes = update["changes"].as_array().unwrap();
            heard.extend(
                changes.iter().map(|change| change["item"]["title"].as_str().unwrap().to_owned()),
            );
            if update["caughtUp"] == true {
                break;
            }
            after = update["cursor"].clone();
        }

        assert_eq!(heard, ["one", "two", "three"]);
    }

    /// Many people write to one inbox at once; its follower receives each message once.
    async fn concurrent_senders_are_all_heard_once(app: TestApp) {
        let bob = app.user("bob").await;
        let mut live = bob.follow_inbox(None).await;

        let senders = (0..8).map(|n| {
            let (app, bob) = (app.clone(), bob.clone());
            tokio::spawn(async move {
                let sender = app.user(&format!("sender{n}")).await;
                for m in 0..25 {
                    sender.send(&bob, &format!("{n}/{m}")).await;
                }
            })
        });
        for sender in senders.collect::<Vec<_>>() {
            sender.await.unwrap();
        }
        let mut heard = live.take_titles(200).await;

        heard.sort();
        let mut sent: Vec<_> =
            (0..8).flat_map(|n| (0..25).map(move |m| format!("{n}/{m}"))).collect();
        sent.sort();
        assert_eq!(heard, sent);
        assert_eq!(live.state, bob.inbox().await);
    }

    /// A deactivated user's socket is closed at once.
    async fn deactivation_closes_open_sockets(app: TestApp) {
        let bob = app.user("bob").await;
        let mut live = bob.follow_inbox(None).await;

        app.deactivate("bob").await;

        let closed = live.socket.closed().await;
        assert_eq!(u16::from(closed.code), 4401);
        // One close code stands for several errors: the reason begins with that of this one.
        assert_eq!(closed.reason.as_str(), "DEACTIVATED: this user is deactivated");
        assert_eq!(
            bob.ask("{ viewer { id } }", json!({})).await["errors"][0]["extensions"]["code"],
            "DEACTIVATED"
        );
    }

    /// A person who leaves a group receives nothing more of it, including replies in old threads.
    async fn people_who_leave_a_group_hear_no_more_of_it(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&alice, &bob, &carol]).await;
        let first = alice.send_to(&[To::Group("team")], "first").await;
        let mut live = carol.follow_inbox(None).await;

        app.remove_members("team", &[&carol]).await;
        bob.reply(&first, "a reply", "EVERYONE").await;
        alice.send_to(&[To::Group("team")], "second").await;
        alice.send(&carol, "in person").await;

        assert_eq!(live.take_titles(1).await, ["in person"]);
        assert_eq!(carol.titles("ALL").await, ["in person", "first"]);
    }
}

/// Two servers on one PostgreSQL: what is sent through one arrives at the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_sent_through_one_server_arrives_through_another() {
    let Some(one) = TestApp::start(Kind::Postgres).await else { return };
    let two = one.another().await;
    let [alice, bob] = one.users(["alice", "bob"]).await;
    let mut live = two.user("bob").await.follow_inbox(None).await;

    alice.send(&bob, "across").await;

    assert_eq!(live.take_titles(1).await, ["across"]);
    two.assert_live_equals_refetch(&two.user("bob").await).await;
    two.stop().await;
    one.stop().await;
}
