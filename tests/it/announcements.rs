use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, both},
    documents::{CREATE_ANNOUNCEMENT, UPDATE_ANNOUNCEMENT},
};

async fn read_stats(app: &TestApp, id: &str) -> Value {
    let query = "query($id: ID!) {
        announcement(id: $id) { readStats { recipientCount seenCount readCount readRate } } }";
    app.service().query(query, json!({"id": id})).await["announcement"]["readStats"].take()
}

both! {
    /// N6, N7: one row reaches everybody who is known, whether they are connected or come later,
    /// and nobody who becomes known afterwards.
    async fn an_announcement_reaches_everybody_once_and_nobody_who_comes_after_it(app: TestApp) {
        let [here, away] = app.users(["here", "away"]).await;
        let mut live = here.follow_inbox(None).await;

        app.announce("We move to Thursday").await;
        let new = app.user("new").await;

        assert_eq!(live.take_titles(1).await, ["We move to Thursday"]);
        assert_eq!(away.titles("ALL").await, ["We move to Thursday"]);
        assert_eq!(away.titles("ALL").await, ["We move to Thursday"]);
        assert_eq!(new.titles("ALL").await, [""; 0]);
        assert_eq!(
            away.counts().await["unreadByKind"],
            json!([
                {"kind": "MESSAGE", "count": 0},
                {"kind": "ANNOUNCEMENT", "count": 1},
                {"kind": "ACTIVITY", "count": 0},
            ])
        );
        for user in [&here, &away, &new] {
            app.assert_live_equals_refetch(user).await;
        }
    }

    /// Its place in the inbox is given by its time, whenever it is taken in.
    async fn what_was_missed_stands_where_it_would_have_come(app: TestApp) {
        let [alice, away] = app.users(["alice", "away"]).await;
        app.announce("first").await;
        app.advance(TimeDelta::minutes(1));
        alice.send(&away, "second").await;
        app.advance(TimeDelta::minutes(1));
        app.announce("third").await;
        assert_eq!(away.titles("ALL").await, ["third", "second", "first"]);
    }

    async fn a_planned_announcement_is_published_when_its_time_comes(app: TestApp) {
        let bob = app.user("bob").await;
        let mut live = bob.follow_inbox(None).await;
        let at = app.now() + TimeDelta::hours(1);
        let id = app
            .announce_with(json!({"title": "Lights out", "body": "", "publishAt": at.to_rfc3339()}))
            .await;
        let early = app.user("early").await;
        assert_eq!(bob.titles("ALL").await, [""; 0]);
        assert_eq!(
            bob.query("query($id: ID!) { announcement(id: $id) { id } }", json!({"id": id})).await
                ["announcement"],
            Value::Null
        );

        app.advance(TimeDelta::hours(1));
        app.run_due().await;

        assert_eq!(live.take_titles(1).await, ["Lights out"]);
        // It was published after this person became known.
        assert_eq!(early.titles("ALL").await, ["Lights out"]);
        let late = app.user("late").await;
        assert_eq!(late.titles("ALL").await, [""; 0]);
    }

    async fn a_retracted_announcement_leaves_the_inboxes_and_comes_into_no_other(app: TestApp) {
        let [here, reader, away] = app.users(["here", "reader", "away"]).await;
        let mut live = here.follow_inbox(None).await;
        let id = app.announce("Wrong").await;
        live.take_titles(1).await;
        reader.change("markRead", &[&reader.item("Wrong").await]).await;

        app.retract_announcement(&id).await;

        assert_eq!(live.next_change().await.kind, "REMOVED");
        for user in [&here, &reader, &away] {
            assert_eq!(user.titles("ALL").await, [""; 0]);
            assert_eq!(user.counts().await["unread"], 0);
            app.assert_live_equals_refetch(user).await;
        }
        app.retract_announcement(&id).await;
    }

    async fn an_announcement_expires(app: TestApp) {
        let [here, away] = app.users(["here", "away"]).await;
        let mut live = here.follow_inbox(None).await;
        let at = app.now() + TimeDelta::hours(1);
        let id = app
            .announce_with(
                json!({"title": "Cake", "body": "at four", "expiresAt": at.to_rfc3339()}),
            )
            .await;
        live.take_titles(1).await;

        app.advance(TimeDelta::hours(1));
        app.run_due().await;

        assert_eq!(live.next_change().await.kind, "REMOVED");
        assert_eq!((here.titles("ALL").await.len(), away.titles("ALL").await.len()), (0, 0));
        let longer = "mutation($id: ID!) {
            updateAnnouncement(input: {announcementId: $id, expiresAt: null}) {
            announcement { id } } }";
        assert_eq!(app.service().refusal(longer, json!({"id": id})).await.0, "CONFLICT");
    }

    /// Nobody sees an announcement that expired before any server could publish it.
    async fn what_expired_while_no_server_was_there_is_never_published(app: TestApp) {
        let bob = app.user("bob").await;
        let at = |hours| (app.now() + TimeDelta::hours(hours)).to_rfc3339();
        let (publish, expire, late) = (at(1), at(2), at(9));
        let id = app
            .announce_with(
                json!({"title": "Cake", "body": "", "publishAt": publish, "expiresAt": expire}),
            )
            .await;
        app.stop().await;
        app.advance(TimeDelta::hours(3));

        let app = app.restart().await;
        app.run_due().await;

        let bob = app.user(&bob.name).await;
        assert_eq!(bob.titles("ALL").await, [""; 0]);
        let see = "query($id: ID!) { announcement(id: $id) { title } }";
        assert_eq!(bob.query(see, json!({"id": id})).await["announcement"], Value::Null);
        let host = app.service();
        assert_eq!(host.query(see, json!({"id": id})).await["announcement"]["title"], "Cake");
        assert_eq!(read_stats(&app, &id).await["recipientCount"], 0);
        for change in [
            json!({"publishAt": late}),
            json!({"expiresAt": late}),
            json!({"publishAt": late, "expiresAt": null}),
        ] {
            let mut input = change;
            input["announcementId"] = json!(id);
            assert_eq!(
                host.refusal(UPDATE_ANNOUNCEMENT, json!({"input": input})).await.0,
                "CONFLICT",
                "{input}"
            );
        }
        app.stop().await;
    }

    /// A change shows in every inbox that has the announcement, and moves nothing.
    async fn a_changed_announcement_is_changed_everywhere(app: TestApp) {
        let [here, reader] = app.users(["here", "reader"]).await;
        let mut live = here.follow_inbox(None).await;
        let id = app.announce("Thursday").await;
        live.take_titles(1).await;
        reader.change("markRead", &[&reader.item("Thursday").await]).await;
        app.advance(TimeDelta::minutes(5));

        app.update_announcement(json!({"announcementId": id, "title": "Friday", "url": "/plan"}))
            .await;

        let change = live.next_change().await;
        assert_eq!((change.kind.as_str(), change.title.as_deref()), ("UPDATED", Some("Friday")));
        assert_eq!(
            (reader.titles("ALL").await, reader.counts().await["unread"].clone()),
            (vec!["Friday".into()], json!(0))
        );
        app.assert_live_equals_refetch(&reader).await;
        app.update_announcement(json!({"announcementId": id, "expiresAt": app.now().to_rfc3339()}))
            .await;
        assert_eq!(reader.titles("ALL").await, [""; 0]);
    }

    /// Recipients are the people who could see it: known when it was published, and active then or
    /// now.
    async fn the_read_rate_of_an_announcement_is_exact(app: TestApp) {
        let [one, two, three, four] = app.users(["one", "two", "three", "four"]).await;
        app.deactivate(&four.name).await;
        let id = app.announce("Read this").await;
        app.user("later").await;
        one.change("markSeen", &[&one.item("Read this").await]).await;
        let item = two.item("Read this").await;
        for change in ["markRead", "markUnread", "markRead"] {
            two.change(change, &[&item]).await;
        }
        assert_eq!(
            read_stats(&app, &id).await,
            json!({"recipientCount": 3, "seenCount": 2, "readCount": 1, "readRate": 1.0 / 3.0})
        );
        app.advance(TimeDelta::seconds(2));
        app.deactivate(&three.name).await;
        assert_eq!(read_stats(&app, &id).await["recipientCount"], 3);
        app.reactivate(&four.name).await;
        assert_eq!(read_stats(&app, &id).await["recipientCount"], 4);
        assert_eq!(four.titles("ALL").await, ["Read this"]);
    }

    /// X4: a repetition creates nothing new.
    async fn a_repeated_announcement_is_made_once(app: TestApp) {
        let bob = app.user("bob").await;
        let input = json!({"title": "Once", "body": "", "idempotencyKey": "k"});
        let first = app.announce_with(input.clone()).await;
        assert_eq!(app.announce_with(input).await, first);
        assert_eq!(bob.titles("ALL").await, ["Once"]);
        let other = "mutation {
            createAnnouncement(input: {title: \"Other\", body: \"\", idempotencyKey: \"k\"}) {
            announcement { id } } }";
        assert_eq!(app.service().refusal(other, json!({})).await.0, "IDEMPOTENCY_KEY_REUSED");
    }

    async fn an_announcement_that_cannot_be_is_refused_by_its_field(app: TestApp) {
        let past = (app.now() - TimeDelta::hours(1)).to_rfc3339();
        for (input, field) in [
            (json!({"title": " ", "body": ""}), "title"),
            (json!({"title": "two\nlines", "body": ""}), "title"),
            (json!({"title": "t", "body": "x".repeat(70_000)}), "body"),
            (json!({"title": "t", "body": "", "url": "javascript:alert(1)"}), "url"),
            (json!({"title": "t", "body": "", "url": "//evil.example"}), "url"),
            (json!({"title": "t", "body": "", "expiresAt": past}), "expiresAt"),
        ] {
            let refused = app.service().refusal(CREATE_ANNOUNCEMENT, json!({"input": input})).await;
            assert_eq!(refused, ("BAD_USER_INPUT".into(), Some(field.into())), "{input}");
        }
    }

    /// Two readers who look at the same time, again and again, get everything once.
    async fn pulls_at_the_same_time_take_everything_in_once(app: TestApp) {
        let bob = app.user("bob").await;
        for n in 0..20 {
            app.announce(&n.to_string()).await;
        }
        let looks = (0..8).map(|_| {
            let bob = bob.clone();
            tokio::spawn(async move { bob.titles("ALL").await.len() })
        });
        for look in looks.collect::<Vec<_>>() {
            assert_eq!(look.await.unwrap(), 20);
        }
        assert_eq!(bob.counts().await["unread"], 20);
    }
}
