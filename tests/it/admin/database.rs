//! What is in the database and in the server, and what is purged.

use std::{net::SocketAddr, time::Duration};

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::{Value, json};
use tidings::{app::App, clock::Clock, db::Sql, jobs::purge, server, stats};

use super::{Operator, refusal};
use crate::support::{
    app::{self, Kind, TestApp, both},
    locks::outside,
    process::printed,
};

/// Runs a statement.
async fn run(app: &App, text: &str) {
    let tx = app.db.begin().await.unwrap();
    Sql::new("test", app.db.dialect()).push(text).run(&*tx).await.unwrap();
    tx.commit().await.unwrap();
}

/// The same database some time later, without a server that does what is due.
fn later(app: &TestApp, by: TimeDelta) -> App {
    app.with(|state| state.clock = Clock::manual(app.now() + by))
}

both! {
    async fn what_is_in_the_database_is_counted(app: TestApp) {
        let operator = Operator::of(&app);
        let [ada, bob] = app.users(["ada", "bob"]).await;
        app.group("team", &[&ada]).await;
        ada.send(&bob, "one").await;
        ada.send(&bob, "two").await;

        for way in [Operator::here, Operator::there] {
            let printed = |arguments| printed(way(&operator, arguments).output().unwrap());
            let table = printed(&["stats"]);
            let object: Value = serde_json::from_str(&printed(&["stats", "--json"])).unwrap();

            let counts: Vec<_> = object["counts"].as_array().unwrap().iter().map(|count| {
                assert_eq!(count["isEstimate"], false);
                (count["of"].as_str().unwrap(), count["count"].as_i64().unwrap())
            }).collect();
            // A message has an item for its recipient.
            let expected = [("users", 2), ("groups", 1), ("messages", 2), ("announcements", 0),
                ("activities", 0), ("inbox items", 2)];
            assert_eq!(counts, expected);
            assert!(object["size"].as_i64().unwrap() > 100_000, "{object}");
            assert!(table.starts_with("OF             COUNT\nusers          2\n"), "{table}");
        }
    }

    /// A table that is too large to be counted has an estimate, which is called that.
    async fn large_tables_are_estimated(app: TestApp) {
        app.users(["ada", "bob", "eve"]).await;
        run(&app, "ANALYZE").await;
        let count = async |most| stats::count(&app.db, "users", "user_account", most).await.unwrap();
        let (exact, estimate) = (count(3).await, count(2).await);
        assert_eq!((exact.count, exact.is_estimate), (3, false));
        assert_eq!((estimate.count, estimate.is_estimate), (3, true));
    }

    async fn what_is_due_is_said_with_its_time(app: TestApp) {
        let [ada, bob] = app.users(["ada", "bob"]).await;
        ada.send(&bob, "sleeps").await;
        let message = ada.send(&bob, "expires").await;
        let at = app.now() + TimeDelta::hours(1);
        bob.snooze(&bob.item("sleeps").await, at).await;
        ada.expire(&message, at).await;
        app.run_due().await;

        let due = async |by| stats::look(&later(&app, by)).await.unwrap().due;
        let before = due(TimeDelta::minutes(59)).await;
        let after = due(TimeDelta::minutes(61)).await;

        assert_eq!(before, []);
        let after: Vec<_> = after.iter().map(|due| (due.job, due.since)).collect();
        assert_eq!(after, [("expire", None), ("wake", Some(at))]);
    }

    /// Nothing is older than the installation, so there is nothing to look for before.
    async fn retention_is_due_when_the_installation_is_as_old(app: TestApp) {
        let day = Duration::from_secs(86_400);
        let app = app.restart_with(|config| {
            config.inbox_retention = Some(20 * day);
            config.message_retention = Some(40 * day);
        }).await;
        let start = app.now();
        let due = async |days| stats::look(&later(&app, TimeDelta::days(days))).await.unwrap().due;

        assert_eq!(due(19).await, []);
        let after: Vec<_> = due(41).await.iter().map(|due| (due.job, due.since)).collect();
        let since = |days| Some(start + TimeDelta::days(days));
        assert_eq!(after, [("forget messages", since(40)), ("remove old", since(20))]);
    }

    /// The index does not know since when a segment of ids is full.
    async fn a_job_that_knows_only_that_it_is_due_says_no_time(app: TestApp) {
        app.users(["ada"]).await;
        app.stop().await;
        // It does not serve, and so no job is faster.
        let idle = server::start((*app.config).clone(), app.clock.clone()).await.unwrap();
        run(&idle, "UPDATE search_progress SET segment = -1 WHERE about = 'user'").await;
        let due = stats::look(&idle).await.unwrap().due;
        let due: Vec<_> = due.iter().map(|due| (due.job, due.since)).collect();
        assert_eq!(due, [("index", None)]);
    }

    async fn what_would_be_purged_is_what_is_purged(app: TestApp) {
        let days = |days: u64| Some(Duration::from_secs(days * 86_400));
        let app = app.restart_with(|config| {
            config.inbox_retention = days(20);
            config.message_retention = days(40);
        }).await;
        let [ada, bob] = app.users(["ada", "bob"]).await;
        ada.send(&bob, "gone").await;
        ada.send(&bob, "gone, too").await;
        let expired = ada.send(&bob, "expired").await;
        ada.expire(&expired, app.now()).await;
        bob.change("markRead", &[&bob.item("gone").await]).await;
        let keyed = json!({"to": [{"user": {"externalId": "bob"}}], "subject": "k", "body": "",
            "idempotencyKey": "k"});
        ada.create_message(keyed).await;
        app.run_due().await;
        let later = later(&app, TimeDelta::days(41));

        let counted = purge::count(&later).await.unwrap();
        let purged = purge::purge(&later).await.unwrap();

        let expected = purge::Purged {
            tombstones: 1, idempotency_keys: 1, undos: 1, items: Some(3), threads: Some(4),
        };
        assert_eq!((counted, purged), (expected, expected));
        assert_eq!(bob.titles("ALL").await, Vec::<String>::new());
        // The next pass would begin an hour later.
        ada.send(&bob, "as old").await;
        assert_eq!(purge::count(&later).await.unwrap(), purge::purge(&later).await.unwrap());
        assert_eq!(bob.titles("ALL").await, Vec::<String>::new());
        app.assert_live_equals_refetch(&bob).await;
        let wrong = tidings::recount::check(app.db.read(), app.now()).await.unwrap().findings;
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    /// The server does it, after the answer.
    async fn an_operator_lets_a_server_purge(app: TestApp) {
        let month = Duration::from_secs(30 * 86_400);
        let app = app.restart_with(|config| config.message_retention = Some(month)).await;
        let [ada, bob] = app.users(["ada", "bob"]).await;
        app.advance(TimeDelta::days(31));
        app.run_due().await;
        let operator = Operator::of(&app);
        ada.send(&bob, "old").await;
        // The next look would be in an hour.
        run(&app, "UPDATE message SET created_at = '2001-01-01 00:00:00+00:00'").await;
        let mut live = bob.follow_inbox(None).await;
        let purge = |arguments: &[&str]| {
            let arguments = [&["purge", "--json"], arguments].concat();
            let printed = printed(operator.there(&arguments).output().unwrap());
            serde_json::from_str::<Value>(&printed).unwrap()
        };

        let (counted, purged) = (purge(&["--dry-run"]), purge(&[]));

        assert_eq!((&counted["threads"], &counted["items"]), (&json!(1), &Value::Null));
        assert_eq!(purged, counted);
        assert_eq!(live.next_change().await.kind, "REMOVED");
        assert_eq!(purge(&["--dry-run"])["threads"], 0);
    }

    /// The clock of the first start was years ahead: the first pass would begin years later.
    async fn a_pass_begins_also_where_none_was_due(app: TestApp) {
        let month = Duration::from_secs(30 * 86_400);
        let app = app.restart_with(|config| config.message_retention = Some(month)).await;
        let [ada, bob] = app.users(["ada", "bob"]).await;
        run(&app, "UPDATE installation SET created_at = '2035-01-01 00:00:00+00:00'").await;
        ada.send(&bob, "old").await;
        run(&app, "UPDATE message SET created_at = '2001-01-01 00:00:00+00:00'").await;
        app.run_due().await;
        assert_eq!(bob.titles("ALL").await, ["old"]);

        let purge = "mutation { purge { purgeable { threads } } }";
        let purged = app.service().query(purge, json!({})).await;
        app.run_due().await;

        assert_eq!(purged["purge"]["purgeable"]["threads"], 1);
        assert_eq!(bob.titles("ALL").await, Vec::<String>::new());
    }

    async fn an_operator_purges_what_the_settings_say(app: TestApp) {
        let operator = Operator::of(&app);
        let [ada, bob] = app.users(["ada", "bob"]).await;
        ada.send(&bob, "old").await;
        run(&app, "UPDATE message SET created_at = '2001-01-01 00:00:00+00:00'").await;
        let purge = |arguments: &[&str]| {
            let mut command = operator.here(&[&["purge", "--json"], arguments].concat());
            command.env("TIDINGS_MESSAGE_RETENTION", "30 days").output().unwrap()
        };
        let threads = |output| {
            serde_json::from_str::<Value>(&printed(output)).unwrap()["threads"].take()
        };

        assert_eq!(threads(purge(&["--dry-run"])), 1);
        assert_eq!(bob.titles("ALL").await, ["old"]);
        if app.db.is_postgres() {
            assert_eq!(threads(purge(&[])), 1);
            assert_eq!(bob.titles("ALL").await, Vec::<String>::new());
        } else {
            assert!(refusal(purge(&[])).contains("in use by another Tidings"));
            app.stop().await;
            assert_eq!(threads(purge(&[])), 1);
        }
        assert_eq!(threads(purge(&["--dry-run"])), 0);
    }

    async fn what_a_server_holds_open_is_counted(app: TestApp) {
        let operator = Operator::of(&app);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let app = app.restart_with(|config| config.metrics_listen = Some(any.into())).await;
        let address = app.metrics.address().unwrap().to_string();
        let [ada, bob] = app.users(["ada", "bob"]).await;
        let _idle = ada.connect().await;
        let mut live = bob.follow_inbox(None).await;
        ada.send(&bob, "one").await;
        // By then the inbox is followed.
        live.next_change().await;

        let url = format!("http://{address}/metrics");
        let by_url = operator.here(&["sockets", "--json", "--metrics-url", &url]).output().unwrap();
        let by_setting =
            operator.here(&["sockets"]).env("TIDINGS_METRICS_LISTEN", &address).output().unwrap();
        let nobody = operator.here(&["sockets"]).output().unwrap();
        let wrong =
            operator.here(&["sockets", "--metrics-url", &app.url("/metrics")]).output().unwrap();

        let counts: Value = serde_json::from_str(&printed(by_url)).unwrap();
        let expected = json!({"websockets": 2, "eventStreams": 0, "subscriptions": 1, "followers": 1});
        for (name, count) in expected.as_object().unwrap() {
            assert_eq!(&counts[name], count, "{name}: {counts}");
        }
        assert!(counts["openFiles"].as_u64().unwrap() > 3 && counts["httpConnections"].is_u64());
        let table = printed(by_setting);
        assert!(table.contains("\nwebsockets        2\n"), "{table}");
        assert!(refusal(nobody).starts_with("tidings: metrics_listen: is not set"));
        let wrong = refusal(wrong);
        assert!(wrong.starts_with("tidings: --metrics-url: http://"), "{wrong}");
        assert!(wrong.contains(": the answer is 404 Not Found"), "{wrong}");
    }
}

/// As on the first use of a retention, where years are to be counted.
#[test]
fn what_takes_too_long_to_count_is_purged_all_the_same() {
    app::run(Kind::Postgres, 2, async |app: TestApp| {
        let month = Duration::from_secs(30 * 86_400);
        let app = app.restart_with(|config| {
            config.message_retention = Some(month);
            config.database.lock_timeout = Duration::from_secs(60);
        });
        let app = app.await;
        let [ada, bob] = app.users(["ada", "bob"]).await;
        app.advance(TimeDelta::days(31));
        app.run_due().await;
        ada.send(&bob, "old").await;
        run(&app, "UPDATE message SET created_at = '2001-01-01 00:00:00+00:00'").await;
        let mut live = bob.follow_inbox(None).await;
        let outside = outside(&app).await;
        let holder = outside.begin().await.unwrap();
        holder.execute_unprepared("LOCK TABLE idempotency_key").await.unwrap();

        let host = app.service();
        let purged = host.query("mutation { purge { purgeable { threads } } }", json!({}));

        assert_eq!(purged.await["purge"], json!({"purgeable": null}));
        assert_eq!(live.next_change().await.kind, "REMOVED");
        holder.rollback().await.unwrap();
        outside.close().await.unwrap();
    });
}
