//! Reminders with a controlled clock: whom they reach, when, and how often.

use chrono::TimeDelta;
use serde_json::json;

use crate::support::{
    app::{TestApp, To, both},
    documents::{CREATE_MESSAGE, SET_EXPIRY},
    reminders::{at, item, remind_with, reminder, reminders, travel},
};

both! {
    /// M11, with the dates from the source model.
    async fn weekly_until_the_expiry_reminds_on_the_21st_the_28th_and_for_the_last_time_on_the_5th(
        app: TestApp,
    ) {
        app.advance(at("2015-09-14T09:00:00Z") - app.now());
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let id = remind_with(
            &alice,
            &[To::User(&bob)],
            "NCRs",
            Some("2015-10-05T09:00:00Z"),
            json!({"frequency": "weekly"}),
        )
        .await;
        let dates =
            ["2015-09-21T09:00:00+00:00", "2015-09-28T09:00:00+00:00", "2015-10-05T09:00:00+00:00"];
        assert_eq!(reminder(&alice, &id).await["schedule"], json!(dates));

        let mut seen = Vec::new();
        for day in 0..22 {
            app.advance(at("2015-09-14T09:00:00Z") + TimeDelta::days(day) - app.now());
            app.run_due().await;
            let item = item(&bob).await;
            let now = json!(app.now().to_rfc3339());
            if item["remindedAt"] == now {
                seen.push((now, item["isFinalReminder"].clone(), item["respondBy"].clone()));
            }
        }
        let first = |date: &str| (json!(date), json!(false), json!(null));
        assert_eq!(
            seen,
            [
                first(dates[0]),
                first(dates[1]),
                (json!(dates[2]), json!(true), json!("2015-10-06T09:00:00+00:00"))
            ]
        );

        travel(&app, "2015-10-06T08:59:59Z").await;
        assert_eq!(bob.titles("UNREAD").await, ["NCRs"]);
        travel(&app, "2015-10-06T09:00:00Z").await;
        assert_eq!(bob.titles("ALL").await, Vec::<String>::new());
        travel(&app, "2015-10-12T09:00:00Z").await;
        assert_eq!(reminders(&app).await, [("bob".into(), 3)]);
        assert_eq!(reminder(&alice, &id).await["nextAt"], json!(null));
        app.assert_live_equals_refetch(&bob).await;
    }

    /// The final one is at the expiry, wherever that falls.
    async fn an_expiry_between_two_dates_is_the_last_date(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        remind_with(
            &alice,
            &[To::User(&bob)],
            "soon",
            Some("2026-01-15T12:00:00Z"),
            json!({"frequency": "weekly"}),
        )
        .await;

        travel(&app, "2026-01-12T09:00:00Z").await;
        let first = item(&bob).await;
        travel(&app, "2026-01-15T11:59:59Z").await;
        let before = item(&bob).await;
        travel(&app, "2026-01-15T12:00:00Z").await;
        let last = item(&bob).await;

        assert_eq!(
            (&first["remindedAt"], &first["isFinalReminder"]),
            (&json!("2026-01-12T09:00:00+00:00"), &json!(false))
        );
        assert_eq!(before, first);
        assert_eq!(
            (&last["remindedAt"], &last["isFinalReminder"]),
            (&json!("2026-01-15T12:00:00+00:00"), &json!(true))
        );
    }

    /// Nine in the morning in the sender's time zone, in summer and winter.
    async fn daily_at_nine_stays_at_nine_across_the_changes_of_the_clock(app: TestApp) {
        for (zone, sent, days) in [
            (
                "Europe/Paris",
                "2026-03-27T08:00:00Z",
                ["2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"],
            ),
            (
                "Europe/Paris",
                "2026-10-23T07:00:00Z",
                ["2026-10-24T07:00:00Z", "2026-10-25T08:00:00Z", "2026-10-26T08:00:00Z"],
            ),
            (
                "America/New_York",
                "2026-03-06T14:00:00Z",
                ["2026-03-07T14:00:00Z", "2026-03-08T13:00:00Z", "2026-03-09T13:00:00Z"],
            ),
            (
                "America/New_York",
                "2026-10-30T13:00:00Z",
                ["2026-10-31T13:00:00Z", "2026-11-01T14:00:00Z", "2026-11-02T14:00:00Z"],
            ),
        ] {
            let name = format!("{zone} {sent}");
            app.advance(at(sent) - app.now());
            let (alice, bob) = (app.user(&format!("alice {name}")).await, app.user(&name).await);
            app.upsert_user(json!({"externalId": alice.name, "timeZone": zone})).await;
            remind_with(&alice, &[To::User(&bob)], "stand-up", None, json!({"frequency": "daily"}))
                .await;
            for day in days {
                app.advance(at(day) - app.now() - TimeDelta::seconds(1));
                app.run_due().await;
                let early = item(&bob).await["remindedAt"].clone();
                travel(&app, day).await;
                let reminded = item(&bob).await["remindedAt"].clone();
                assert_ne!(early, reminded, "{name}: {day}");
                assert_eq!(reminded, json!(at(day).to_rfc3339()), "{name}");
            }
            bob.query("mutation { markAllRead(input: {}) { affectedCount } }", json!({})).await;
        }
    }

    /// The item returns from wherever it was moved, and the client is told that this is a reminder.
    async fn a_reminded_item_is_at_the_top_again_unread_and_unseen(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        remind_with(&alice, &[To::User(&bob)], "form", None, json!({"frequency": "daily"})).await;
        let form = bob.item("form").await;
        alice.send(&bob, "newer").await;
        let mut live = bob.follow_inbox(None).await;
        for (n, put) in ["archive", "markSeen", "snooze"].into_iter().enumerate() {
            match put {
                "snooze" => bob.snooze(&form, app.now() + TimeDelta::days(9)).await,
                put => drop(bob.change(put, &[&form]).await),
            }
            assert_eq!(live.next_change().await.kind, "UPDATED");

            app.advance(TimeDelta::days(1));
            app.run_due().await;

            let change = live.next_change().await;
            assert_eq!(
                (change.kind.as_str(), change.title.as_deref()),
                ("REMINDED", Some("form")),
                "{put}"
            );
            assert_eq!(bob.titles("UNREAD").await, ["form", "newer"]);
            let item = &bob.inbox().await.items[&form];
            assert_eq!(
                (&item["seenAt"], &item["archivedAt"], &item["snoozedUntil"]),
                (&json!(null), &json!(null), &json!(null))
            );
            assert_eq!(item["remindedAt"], json!(app.now().to_rfc3339()));
            assert_eq!(reminders(&app).await, [("bob".into(), n as i32 + 1)]);
        }
        assert_eq!(bob.counts().await["unseen"], 2);
        app.assert_live_equals_refetch(&bob).await;
    }

    /// People who have read it are left alone, even if they marked it as unread again.
    async fn reading_ends_the_reminders_of_a_person(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&bob, &carol]).await;
        let id = remind_with(
            &alice,
            &[To::Group("team"), To::User(&bob)],
            "read me",
            None,
            json!({"frequency": "daily"}),
        )
        .await;
        travel(&app, "2026-01-06T09:00:00Z").await;
        let bobs = bob.item("read me").await;
        bob.change("markRead", &[&bobs]).await;
        bob.change("markUnread", &[&bobs]).await;
        travel(&app, "2026-01-07T09:00:00Z").await;
        // By two addresses: each of Bob's rows says that he was reminded once.
        assert_eq!(reminders(&app).await, [("bob".into(), 2), ("carol".into(), 2)]);
        assert_eq!(item(&carol).await["remindedAt"], "2026-01-07T09:00:00+00:00");

        carol.change("markRead", &[&carol.item("read me").await]).await;
        travel(&app, "2026-01-08T09:00:00Z").await;

        let state = reminder(&alice, &id).await;
        assert_eq!(
            (&state["nextAt"], &state["schedule"], &state["sentCount"]),
            (&json!(null), &json!([]), &json!(2))
        );
        let rows = "query($id: ID!) { message(id: $id) {
            recipients { nodes { user { name } remindedAt reminderCount } } } }";
        let rows =
            alice.query(rows, json!({"id": id})).await["message"]["recipients"]["nodes"].take();
        assert_eq!(
            rows[2],
            json!({
                "user": {"name": "carol"}, "remindedAt": "2026-01-07T09:00:00+00:00",
                "reminderCount": 2,
            })
        );
    }

    /// A week without a server results in one reminder, not seven.
    async fn a_server_that_was_down_for_a_week_reminds_once(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        remind_with(&alice, &[To::User(&bob)], "daily", None, json!({"frequency": "daily"})).await;
        remind_with(
            &alice,
            &[To::User(&carol)],
            "over",
            Some("2026-01-08T09:00:00Z"),
            json!({"frequency": "daily"}),
        )
        .await;
        app.stop().await;
        app.advance(TimeDelta::hours(7 * 24 + 3));

        let again = app.restart().await;
        again.run_due().await;

        assert_eq!(reminders(&again).await, [("bob".into(), 1), ("carol".into(), 1)]);
        let carol = again.user("carol").await;
        // The time to respond starts with the reminder, not with the missed date.
        let last = item(&carol).await;
        assert_eq!(
            (&last["isFinalReminder"], &last["respondBy"]),
            (&json!(true), &json!("2026-01-13T12:00:00+00:00"))
        );
        travel(&again, "2026-01-13T09:00:00Z").await;
        assert_eq!(reminders(&again).await[0], ("bob".into(), 2));
        again.stop().await;
    }

    /// An expiry in the past ends everything at once; a later one moves the last date.
    async fn a_change_of_the_expiry_moves_or_ends_the_reminders(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let id = remind_with(
            &alice,
            &[To::User(&bob)],
            "moved",
            Some("2026-01-06T12:00:00Z"),
            json!({"frequency": "daily"}),
        )
        .await;
        travel(&app, "2026-01-06T12:00:00Z").await;
        assert_eq!(item(&bob).await["isFinalReminder"], true);

        alice.expire(&id, at("2026-01-08T12:00:00Z")).await;
        travel(&app, "2026-01-07T12:00:00Z").await;
        let item_then = item(&bob).await;
        assert_eq!(
            (&item_then["remindedAt"], &item_then["isFinalReminder"]),
            (&json!("2026-01-07T12:00:00+00:00"), &json!(false))
        );
        assert_eq!(
            reminder(&alice, &id).await["schedule"],
            json!(["2026-01-08T09:00:00+00:00", "2026-01-08T12:00:00+00:00"])
        );

        alice.expire(&id, app.now() - TimeDelta::hours(1)).await;
        assert_eq!(bob.titles("ALL").await, Vec::<String>::new());
        travel(&app, "2026-01-20T12:00:00Z").await;
        assert_eq!(reminder(&alice, &id).await["nextAt"], json!(null));
        app.assert_live_equals_refetch(&bob).await;
    }

    /// A message can start to remind later, and stop.
    async fn a_reminder_can_be_set_and_taken_back_later(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let id = alice.send(&bob, "later").await;
        app.advance(TimeDelta::hours(5));
        let update = "mutation($id: ID!, $reminder: ReminderInput) {
            updateMessage(input: {messageId: $id, reminder: $reminder}) {
                message { reminder { nextAt timeZone until } } } }";
        let set = alice
            .query(
                update,
                json!({"id": id, "reminder": {"frequency": "daily", "timeZone": "Asia/Tokyo"}}),
            )
            .await;
        let reminder = &set["updateMessage"]["message"]["reminder"];
        assert_eq!(
            *reminder,
            json!({
                "nextAt": "2026-01-06T14:00:00+00:00", "timeZone": "Asia/Tokyo", "until": "READ",
            })
        );
        travel(&app, "2026-01-06T14:00:00Z").await;

        let gone = alice.query(update, json!({"id": id, "reminder": null})).await;
        travel(&app, "2026-01-09T14:00:00Z").await;

        assert_eq!(gone["updateMessage"]["message"]["reminder"], json!(null));
        assert_eq!(reminders(&app).await, [("bob".into(), 1)]);
        assert_eq!(item(&bob).await["remindedAt"], "2026-01-06T14:00:00+00:00");
    }

    /// An error for invalid input names the field.
    async fn what_cannot_remind_is_refused(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let admin = app.admin().await;
        let campaign =
            json!({"frequency": "daily", "until": "REPLIED", "deactivateNonRepliers": true});
        for (who, expires_at, reminder, refusal) in [
            (
                &alice,
                None,
                json!({"frequency": "hourly"}),
                ("BAD_USER_INPUT", Some("reminder.frequency")),
            ),
            (
                &alice,
                None,
                json!({"frequency": "daily", "timeZone": "Mars"}),
                ("BAD_USER_INPUT", Some("reminder.timeZone")),
            ),
            (&alice, Some("2026-02-01T00:00:00Z"), campaign.clone(), ("FORBIDDEN", None)),
            (
                &admin,
                None,
                campaign.clone(),
                ("BAD_USER_INPUT", Some("reminder.deactivateNonRepliers")),
            ),
            (
                &admin,
                Some("2026-02-01T00:00:00Z"),
                json!({"frequency": "daily", "deactivateNonRepliers": true}),
                ("BAD_USER_INPUT", Some("reminder.deactivateNonRepliers")),
            ),
        ] {
            let input = json!({
                "to": [To::User(&bob).input()], "subject": "s", "body": "", "expiresAt": expires_at,
                "reminder": reminder,
            });
            let (code, field) = who.refusal(CREATE_MESSAGE, json!({"input": input})).await;
            assert_eq!((code.as_str(), field.as_deref()), refusal);
        }
        assert_eq!(bob.titles("ALL").await, Vec::<String>::new());
    }

    /// A newer server knows units that this one does not: reminders that use them are left to it.
    async fn a_reminder_that_this_version_does_not_understand_is_left_alone(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let id = remind_with(
            &alice,
            &[To::User(&bob)],
            "hello",
            Some("2026-02-05T09:00:00Z"),
            json!({"frequency": "daily"}),
        )
        .await;
        let set = async |step: &str, zone: &str| {
            let tx = app.db.begin().await.unwrap();
            tx.run("UPDATE reminder SET step = $1, zone = $2", [step.into(), zone.into()])
                .await
                .unwrap();
            tx.commit().await.unwrap();
        };
        for (step, zone) in [("1 fortnight", "UTC"), ("2 decades", "UTC"), ("1 day", "Mars/Phobos")]
        {
            set(step, zone).await;
            app.advance(TimeDelta::days(2));
            app.run_due().await;

            assert_eq!(reminders(&app).await, [("bob".into(), 0)], "{step} {zone}");
            let state = reminder(&alice, &id).await;
            assert_eq!(
                (&state["nextAt"], &state["schedule"]),
                (&json!("2026-01-06T09:00:00+00:00"), &json!(["2026-01-06T09:00:00+00:00"]))
            );
            assert_eq!(
                alice.refusal(SET_EXPIRY, json!({"id": id, "at": "2026-03-05T09:00:00Z"})).await.0,
                "CONFLICT"
            );
        }
        // As the newer server sees it.
        set("2 days", "UTC").await;
        app.run_due().await;
        assert_eq!(reminders(&app).await, [("bob".into(), 1)]);

        // Whatever its unit is, it can be withdrawn.
        set("1 fortnight", "UTC").await;
        alice.expire(&id, app.now()).await;
        assert_eq!(bob.titles("ALL").await, Vec::<String>::new());
    }

    /// A form that composes a message shows the dates before it is sent.
    async fn the_dates_can_be_asked_for_beforehand(app: TestApp) {
        let alice = app.user("alice").await;
        let ask = "query($expiry: DateTime) {
            reminderSchedule(reminder: {frequency: \"weekly\"}, expiresAt: $expiry) }";
        let bounded = alice.query(ask, json!({"expiry": "2026-01-14T09:00:00Z"})).await;
        assert_eq!(
            bounded["reminderSchedule"],
            json!(["2026-01-12T09:00:00+00:00", "2026-01-14T09:00:00+00:00"])
        );
        let open = alice.query(ask, json!({"expiry": null})).await;
        assert_eq!(open["reminderSchedule"].as_array().unwrap().len(), 10);
    }

    /// A different reminder is a different input for the same key; the same reminder is the same
    /// input.
    async fn the_reminder_is_part_of_what_a_key_stands_for(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let input = |frequency: &str| {
            json!({"to": [To::User(&bob).input()], "subject": "s", "body": "",
            "idempotencyKey": "k", "reminder": {"frequency": frequency}})
        };
        let first = alice.create_message(input("daily")).await;
        assert_eq!(alice.create_message(input("daily")).await, first);
        assert_eq!(
            alice.refusal(CREATE_MESSAGE, json!({"input": input("weekly")})).await.0,
            "IDEMPOTENCY_KEY_REUSED"
        );
    }

    /// Deactivated people are not reminded, but are again after they were reactivated.
    async fn the_deactivated_are_not_reminded(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        remind_with(&alice, &[To::User(&bob)], "hello", None, json!({"frequency": "daily"})).await;
        app.deactivate("bob").await;
        travel(&app, "2026-01-06T09:00:00Z").await;
        let away = reminders(&app).await;
        app.reactivate("bob").await;
        travel(&app, "2026-01-07T09:00:00Z").await;

        assert_eq!(
            (away, reminders(&app).await),
            (vec![("bob".into(), 0)], vec![("bob".into(), 1)])
        );
    }
}
