use reqwest::StatusCode;

use crate::support::app::{TestApp, both};

async fn status(url: String) -> StatusCode {
    reqwest::get(url).await.unwrap().status()
}

both! {
    /// An operator's probes.
    async fn a_running_server_is_healthy_and_ready(app: TestApp) {
        assert_eq!(status(app.url("/healthz")).await, StatusCode::OK);
        assert_eq!(status(app.url("/readyz")).await, StatusCode::OK);
        assert_eq!(status(app.url("/graphiql")).await, StatusCode::OK);
    }

    /// P10 (trap 3): requests that are cut off in the middle leave nothing open, and every
    /// acknowledged message is there.
    async fn cut_off_requests_leave_no_open_transaction(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for round in 0..150u64 {
            let send = alice.send(&bob, "cut off");
            tokio::pin!(send);
            // Cut at a different point each time: poll it for a while, then drop it.
            for _ in 0..round % 12 {
                let poll = futures_util::future::poll_fn(|cx| {
                    std::task::Poll::Ready(send.as_mut().poll(cx).is_ready())
                });
                if poll.await {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let mut acknowledged = Vec::new();
        for n in 0..50 {
            let subject = format!("acknowledged {n}");
            alice.send(&bob, &subject).await;
            acknowledged.push(subject);
        }

        let there = bob.inbox().await;
        let there: Vec<_> =
            there.items.values().map(|item| item["title"].as_str().unwrap()).collect();
        assert!(
            acknowledged.iter().all(|subject| there.contains(&subject.as_str())),
            "an acknowledged message is missing"
        );
        if app.db.is_postgres() {
            use sea_orm::ConnectionTrait;
            let open = "SELECT count(*) FROM pg_stat_activity \
                        WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
            let row =
                app.db.read().query_one_raw(app.db.statement(open, [])).await.unwrap().unwrap();
            assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), 0);
        }
        app.assert_live_equals_refetch(&bob).await;
    }
}
