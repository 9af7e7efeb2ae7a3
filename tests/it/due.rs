//! The server's background work, one kind beside the other.

use chrono::TimeDelta;
use serde_json::json;
use tidings::jobs;

use crate::support::{
    app::{TestApp, To, both},
    reminders::{remind_with, reminders},
};

both! {
    /// A failing job delays no other one, and is logged.
    async fn a_job_that_fails_holds_up_no_other(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let item = alice.send(&bob, "later").await;
        let later = bob.item("later").await;
        bob.snooze(&later, app.now() + TimeDelta::hours(1)).await;
        remind_with(&alice, &[To::User(&bob)], "form", None, json!({"frequency": "daily"})).await;
        app.announce_with(json!({
            "title": "plan", "body": "",
            "publishAt": (app.now() + TimeDelta::hours(1)).to_rfc3339(),
        }))
        .await;
        alice.expire(&item, app.now() + TimeDelta::hours(30)).await;
        let tx = app.db.begin().await.unwrap();
        tx.run("ALTER TABLE refresh RENAME TO refresh_away", []).await.unwrap();
        tx.commit().await.unwrap();

        app.advance(TimeDelta::days(1));
        assert!(jobs::run_due(&app).await.is_err());

        assert_eq!(reminders(&app).await, [("bob".into(), 1)]);
        let titles = async |view: &str| {
            let mut titles = bob.titles(view).await;
            titles.sort();
            titles
        };
        assert_eq!(titles("ACTIVE").await, ["form", "later", "plan"]);
        app.advance(TimeDelta::hours(6));
        assert!(jobs::run_due(&app).await.is_err());
        assert_eq!(titles("ALL").await, ["form", "plan"]);
    }
}
