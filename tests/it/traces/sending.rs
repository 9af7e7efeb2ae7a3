//! How spans come to a collector, and what happens if it does not take them.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::json;

use tidings::traces::Kind;

use super::{answered, request, traced};
use crate::support::{
    app::{self, Port, SECRET, TestApp, TestUser},
    collector::Collector,
    log::Log,
    process::{Server, tidings, token},
};

/// The default is longer.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(6);
const TAKES_NONE: &str = "the collector does not take spans";

/// A server whose metrics are recorded, and somebody who asks it.
async fn measuring(app: &TestApp, endpoint: &str) -> (TestApp, TestUser) {
    let alice = app.user("alice").await;
    let app = app.restart_with(|config| {
        config.otlp_endpoint = Some(endpoint.to_owned());
        config.metrics_listen = Some(std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into());
        config.shutdown_timeout = SHUTDOWN_TIMEOUT;
    });
    let app = app.await;
    (app.clone(), TestUser { app, ..alice })
}

async fn ask(alice: &TestUser) {
    answered(request(alice, "{ viewer { id } }", json!({}))).await;
}

fn lost(app: &TestApp) -> usize {
    let text = app.metrics.text(app.now());
    let line = text.lines().find_map(|line| line.strip_prefix("tidings_spans_lost_total "));
    line.unwrap().parse().unwrap()
}

/// Said once, until it works again.
#[test]
fn what_a_busy_collector_refuses_is_sent_again() {
    app::run(app::Kind::Sqlite, 1, async |app| {
        let collector = Collector::start().await;
        collector.answer(StatusCode::SERVICE_UNAVAILABLE);
        collector.answer((StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]));
        let log = Log::listen();
        let (app, alice) = measuring(&app, &collector.url).await;
        ask(&alice).await;

        collector.asked(3).await;
        app.stop().await;

        let requests = collector.requests();
        assert!(requests[..3].iter().all(|request| request.body == requests[0].body));
        assert!(requests[2].at - requests[1].at >= Duration::from_secs(1));
        assert!(collector.spans().iter().any(|span| span.name == "query"));
        assert_eq!(lost(&app), 0);
        let said = log.lines_with(&[TAKES_NONE]);
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(said[0].contains("WARN") && said[0].contains("503"), "{said:#?}");
        assert_eq!(log.lines_with(&["the collector takes spans again", "lost=0"]).len(), 1);
    });
}

/// Dates of HTTP have no parts of a second.
#[test]
fn a_collector_may_name_a_date_to_come_back_at() {
    app::run(app::Kind::Sqlite, 1, async |app| {
        let collector = Collector::start().await;
        let date = (app.now() + TimeDelta::seconds(3)).format("%a, %d %b %Y %H:%M:%S GMT");
        let retry = [("retry-after", date.to_string())];
        collector.answer((StatusCode::SERVICE_UNAVAILABLE, retry));
        let (app, alice) = measuring(&app, &collector.url).await;
        ask(&alice).await;

        collector.asked(2).await;
        app.stop().await;

        let requests = collector.requests();
        assert!(requests[1].at - requests[0].at >= Duration::from_secs(2));
        assert_eq!(lost(&app), 0);
    });
}

/// As a collector does that wants them at once, or whose clock is late.
#[test]
fn a_busy_collector_has_a_second_at_least() {
    app::run(app::Kind::Sqlite, 1, async |app| {
        let collector = Collector::start().await;
        for moment in ["0", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            collector.answer((StatusCode::SERVICE_UNAVAILABLE, [("retry-after", moment)]));
        }
        let (app, alice) = measuring(&app, &collector.url).await;
        ask(&alice).await;

        collector.asked(3).await;
        app.stop().await;

        let requests = collector.requests();
        for (one, next) in requests.iter().zip(&requests[1..3]) {
            assert!(next.at - one.at >= Duration::from_secs(1));
        }
        assert_eq!(lost(&app), 0);
    });
}

/// The machine's certificates are trusted, or those that `SSL_CERT_FILE` names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_go_over_tls_to_a_collector_that_is_trusted() {
    let (collector, certificate) = Collector::over_tls().await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("trusted.pem"), certificate).unwrap();
    let serve = |trusted: Option<&str>| {
        let mut command = tidings(directory.path());
        command.env("TIDINGS_OTLP_ENDPOINT", &collector.url).env("TIDINGS_AUTH_SECRET", SECRET);
        Server::start(command.envs(trusted.map(|file| ("SSL_CERT_FILE", file))))
    };
    let ask = async |server: Server| {
        server.query(&token("alice"), "{ viewer { id } }").await;
        server.signal("TERM");
        let (status, said) = server.last_words();
        assert!(status.success(), "{said}");
        said
    };

    let said = ask(serve(None)).await;
    assert!(said.contains(TAKES_NONE) && said.contains("UnknownIssuer"), "{said}");
    assert!(collector.requests().is_empty());

    let said = ask(serve(Some("trusted.pem"))).await;
    assert!(!said.contains(TAKES_NONE), "{said}");
    assert!(collector.spans().iter().any(|span| span.name == "query"));
}

#[test]
fn what_a_collector_cannot_read_is_lost() {
    app::run(app::Kind::Sqlite, 1, async |app| {
        let collector = Collector::start().await;
        collector.answer(StatusCode::BAD_REQUEST);
        let log = Log::listen();
        let (app, alice) = measuring(&app, &collector.url).await;
        ask(&alice).await;
        collector.asked(1).await;
        ask(&alice).await;
        app.stop().await;

        let refused = collector.requests()[0].spans().len();
        assert_eq!(lost(&app), refused);
        assert_eq!(log.lines_with(&["the collector takes spans again"]).len(), 1);
    });
}

#[test]
fn spans_that_a_collector_rejects_are_counted() {
    app::run(app::Kind::Sqlite, 1, async |app| {
        let collector = Collector::start().await;
        collector.reject(2);
        let log = Log::listen();
        let (app, alice) = measuring(&app, &collector.url).await;
        ask(&alice).await;
        app.stop().await;

        assert_eq!(lost(&app), 2);
        let said = log.lines_with(&[TAKES_NONE, "2 spans are not taken: full"]);
        assert_eq!(said.len(), 1, "{:#?}", log.lines_with(&[]));
    });
}

/// Requests are answered as before, and the server stops in time.
#[test]
fn a_collector_that_is_down_costs_only_its_spans() {
    app::run(app::Kind::Sqlite, 1, async |app| {
        let nobody = Port::any();
        let log = Log::listen();
        let (app, alice) = measuring(&app, &format!("http://{}", nobody.address())).await;
        ask(&alice).await;
        ask(&alice).await;
        app.stop().await;

        assert!(lost(&app) > 2, "{}", lost(&app));
        let said = log.lines_with(&[TAKES_NONE]);
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(said[0].to_lowercase().contains("connection refused"), "{said:#?}");
    });
}

#[test]
fn a_collector_that_does_not_answer_holds_up_nobody() {
    app::run(app::Kind::Sqlite, 1, async |app| {
        let collector = Collector::stuck().await;
        let log = Log::listen();
        let (app, alice) = measuring(&app, &collector.url).await;
        ask(&alice).await;
        collector.asked(1).await;

        // What a busy server records in a moment.
        for _ in 0..10_000 {
            drop(app.traces.begin(None, "busy", Kind::Internal));
        }
        let full = lost(&app);
        ask(&alice).await;
        let since = Instant::now();
        app.stop().await;
        assert!(since.elapsed() < SHUTDOWN_TIMEOUT / 2, "{:?}", since.elapsed());

        assert!((1..5_000).contains(&full), "{full} of 10 000 had no place");
        assert!(lost(&app) > full, "a request was recorded, and there was no place for it");

        let late = log.lines_with(&["the collector did not take the last spans in time"]);
        assert_eq!(late.len(), 1, "{:#?}", log.lines_with(&["WARN"]));
    });
}

/// A server that stops sends what is still waiting.
#[test]
fn the_last_spans_are_sent_when_the_server_stops() {
    app::run(app::Kind::Sqlite, 2, async |app| {
        let alice = app.user("alice").await;
        let collector = Collector::start().await;
        let app = traced(&app, &collector).await;
        let alice = TestUser { app: app.clone(), ..alice };
        for _ in 0..300 {
            ask(&alice).await;
        }
        app.stop().await;

        let queries = collector.spans().iter().filter(|span| span.name == "query").count();
        assert_eq!(queries, 300);
    });
}
