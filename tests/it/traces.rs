//! Traces: what is recorded of requests, operations and jobs, and how it comes to a collector.

mod sending;

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use chrono::TimeDelta;
use futures_util::future::join_all;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use reqwest::{Client, RequestBuilder};
use serde_json::json;

use crate::support::{
    app::{TestApp, TestUser, both},
    collector::{Collector, Seen},
    documents::CREATE_MESSAGE,
    log::Log,
    socket::Socket,
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";
const SEND: &str = "mutation Send($subject: String!) {
    createMessage(input: {to: [{user: {externalId: \"bob\"}}], subject: $subject, body: \"\"}) {
        message { sentTo { name } } } }";

/// A parent that its client records, or does not.
fn parent(is_sampled: bool) -> String {
    format!("00-{TRACE}-{SPAN}-0{}", u8::from(is_sampled))
}

fn request(user: &TestUser, query: &str, variables: serde_json::Value) -> RequestBuilder {
    let body = json!({"query": query, "variables": variables});
    let request = Client::new().post(user.app.url("/graphql")).json(&body);
    request.bearer_auth(user.token.as_ref().unwrap())
}

/// The headers of the answer, once all of it is there.
async fn answered(request: RequestBuilder) -> HeaderMap {
    let answer = request.send().await.unwrap();
    let headers = answer.headers().clone();
    let text = answer.text().await.unwrap();
    assert!(!text.contains("errors"), "{text}");
    headers
}

/// The same server, which sends its spans there.
async fn traced(app: &TestApp, collector: &Collector) -> TestApp {
    app.restart_with(|config| config.otlp_endpoint = Some(collector.url.clone())).await
}

/// The only span with this name in a trace.
fn named<'a>(spans: &'a [Seen], trace: &str, name: &str) -> &'a Seen {
    let mut found = spans.iter().filter(|span| span.trace == trace && span.name == name);
    let span = found.next().unwrap_or_else(|| panic!("no {name} of {trace} in {spans:#?}"));
    assert!(found.next().is_none(), "two of {name} of {trace} in {spans:#?}");
    span
}

/// Whether a span is a part of another one, which may have parts between.
fn is_within(spans: &[Seen], span: &Seen, outer: &Seen) -> bool {
    let of_trace: BTreeMap<_, _> = spans
        .iter()
        .filter(|other| other.trace == outer.trace)
        .map(|span| (&span.id, span))
        .collect();
    let parents = std::iter::successors(Some(span), |span| of_trace.get(&span.parent).copied());
    span.trace == outer.trace && parents.into_iter().any(|span| span.id == outer.id)
}

fn is_statement(span: &Seen) -> bool {
    span.attributes.contains_key("db.query.summary")
}

both! {
    async fn a_mutation_is_a_part_of_its_clients_trace_with_all_that_it_does(app: TestApp) {
        let [alice, _] = app.users(["alice", "bob"]).await;
        let collector = Collector::start().await;
        let app = traced(&app, &collector).await;
        let send = request(&alice, SEND, json!({"subject": "private"}));

        let headers = answered(send.header("traceparent", parent(true))).await;
        app.stop().await;

        let spans = collector.spans();
        let http = named(&spans, TRACE, "POST /graphql");
        assert_eq!((http.parent.as_str(), http.kind), (SPAN, SpanKind::Server));
        assert_eq!(headers["traceresponse"], format!("00-{TRACE}-{}-03", http.id));
        for (key, value) in [
            ("http.request.method", "POST"),
            ("http.route", "/graphql"),
            ("http.response.status_code", "200"),
            ("url.scheme", "http"),
        ] {
            assert_eq!(http.attributes[key], value);
        }
        let operation = named(&spans, TRACE, "mutation");
        assert_eq!((&operation.parent, operation.kind), (&http.id, SpanKind::Server));
        assert_eq!(operation.attributes["graphql.operation.type"], "mutation");
        assert_eq!(operation.attributes["graphql.operation.name"], "Send");
        assert_eq!(operation.attributes["tidings.role"], "user");
        let statements: Vec<_> =
            spans.iter().filter(|span| span.trace == TRACE && span.kind == SpanKind::Client).collect();
        let system = if app.db.is_postgres() { "postgresql" } else { "sqlite" };
        for span in &statements {
            assert!(is_within(&spans, span, operation), "{span:#?} in {spans:#?}");
            assert_eq!(span.attributes["db.system.name"], system);
            assert!(span.start <= span.end && !span.has_failed, "{span:#?}");
        }
        for name in ["BEGIN", "COMMIT", "SELECT"] {
            assert!(statements.iter().any(|span| span.name == name), "{name}: {statements:#?}");
        }
        assert!(statements.iter().any(|span| span.name.starts_with("draft::")), "{statements:#?}");
        let all = format!("{spans:?}");
        for private in ["private", "alice", "bob", alice.token.as_deref().unwrap(), "tidings.person"] {
            assert!(!all.contains(private), "{private}: {all}");
        }
    }

    /// And the process says what it is.
    async fn a_trace_can_begin_here(app: TestApp) {
        let alice = app.user("alice").await;
        let collector = Collector::start().await;
        let app = app.restart_with(|config| {
            config.otlp_endpoint = Some(format!("{}/", collector.url));
            config.otlp_headers = vec!["x-tenant=seven".into()];
            config.log_people = true;
        }).await;

        // What cannot be read is no parent.
        let headers = answered(
            request(&alice, "{ viewer { id } }", json!({})).header("traceparent", "00-1-2-3"),
        ).await;
        Client::new().get(app.url("/readyz")).send().await.unwrap();
        let nowhere = Client::new().get(app.url("/private/place")).send().await.unwrap();
        app.stop().await;

        let spans = collector.spans();
        let response = headers["traceresponse"].to_str().unwrap().to_owned();
        let trace = response.split('-').nth(1).unwrap();
        assert_eq!(named(&spans, trace, "POST /graphql").parent, "");
        assert!(named(&spans, trace, "query").attributes.contains_key("tidings.person"));
        assert_eq!(nowhere.status(), 404);
        assert!(!format!("{spans:?}").contains("private"), "{spans:#?}");
        assert!(!spans.iter().any(|span| span.name.contains("readyz")), "{spans:#?}");
        let request = &collector.requests()[0];
        assert_eq!(request.headers["x-tenant"], "seven");
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
        let resource = request.resource();
        assert_eq!(resource["service.name"], "tidings");
        assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(resource["service.instance.id"].len(), 32);
    }

    /// Its client decides; among the others, the ratio does.
    async fn a_trace_that_nobody_wants_is_not_sent(app: TestApp) {
        let [alice, _] = app.users(["alice", "bob"]).await;
        let collector = Collector::start().await;
        let app = app.restart_with(|config| {
            config.otlp_endpoint = Some(collector.url.clone());
            config.otlp_sample_ratio = 0.0;
        }).await;
        let send = || request(&alice, SEND, json!({"subject": "one"}));

        let without = answered(send()).await;
        let unsampled = answered(send().header("traceparent", parent(false))).await;
        app.run_due().await;
        let sampled = parent(true).replace(TRACE, &TRACE.replace('0', "1"));
        answered(send().header("traceparent", sampled)).await;
        app.stop().await;

        let flags = |headers: &HeaderMap| {
            headers["traceresponse"].to_str().unwrap().rsplit_once('-').unwrap().1.to_owned()
        };
        assert_eq!((flags(&without), flags(&unsampled)), ("02".into(), "02".into()));
        let spans = collector.spans();
        assert!(!spans.is_empty());
        for span in spans {
            assert_eq!(span.trace, TRACE.replace('0', "1"), "{span:#?}");
        }
    }

    /// The socket lives for hours, and each of its operations is a trace of its own.
    async fn operations_of_a_websocket_are_traces_that_are_linked_with_the_handshake(app: TestApp) {
        let alice = app.user("alice").await;
        let collector = Collector::start().await;
        let app = traced(&app, &collector).await;
        let of_handshake = TRACE.replace('0', "2");
        let header = parent(true).replace(TRACE, &of_handshake);
        let socket = Socket::open_with(app.address(), &[("traceparent", &header)]).await;
        let mut socket = socket.introduced(alice.token.as_ref().unwrap()).await;

        socket.send(json!({"id": "1", "type": "subscribe", "payload": {
            "query": "subscription Follow { inboxUpdated { cursor } }",
            "extensions": {"traceparent": parent(true)},
        }})).await;
        assert_eq!(socket.receive().await["type"], "next");
        socket.subscribe("2", "query Mine { viewer { id } }", json!({})).await;
        assert_eq!(socket.receive().await["type"], "next");
        assert_eq!(socket.receive().await["type"], "complete");
        socket.subscribe("3", "{ nothing", json!({})).await;
        assert_eq!(socket.receive().await["type"], "error");
        socket.close().await;
        app.stop().await;

        let spans = collector.spans();
        let handshake = named(&spans, &of_handshake, "GET /graphql");
        assert_eq!(handshake.attributes["http.response.status_code"], "101");
        let link = vec![(of_handshake.clone(), handshake.id.clone())];
        let subscription = named(&spans, TRACE, "subscription");
        assert_eq!((subscription.parent.as_str(), &subscription.links), (SPAN, &link));
        assert_eq!(subscription.attributes["graphql.operation.name"], "Follow");
        let is_its = |span: &Seen| is_statement(span) && is_within(&spans, span, subscription);
        assert!(spans.iter().any(is_its), "{spans:#?}");
        let query = spans.iter().find(|span| span.name == "query").unwrap();
        assert_eq!((query.parent.as_str(), &query.links), ("", &link));
        assert!(![TRACE, &of_handshake].contains(&query.trace.as_str()));
        let refused = spans.iter().find(|span| span.name == "GraphQL Operation").unwrap();
        assert_eq!(refused.attributes["error.type"], "GRAPHQL_PARSE_FAILED");
        assert!(!refused.has_failed && refused.links == link, "{refused:#?}");
    }

    async fn an_event_stream_is_a_part_of_its_request(app: TestApp) {
        let alice = app.user("alice").await;
        let collector = Collector::start().await;
        let app = traced(&app, &collector).await;
        let query = "query Mine { viewer { inbox { counts { unread } } } }";
        let events = request(&alice, query, json!({})).header("accept", "text/event-stream");

        answered(events.header("traceparent", parent(true))).await;
        app.stop().await;

        let spans = collector.spans();
        let operation = named(&spans, TRACE, "query");
        assert_eq!(operation.parent, named(&spans, TRACE, "POST /graphql").id);
        let is_its = |span: &&Seen| is_statement(span) && is_within(&spans, span, operation);
        let statement = spans.iter().find(is_its).unwrap_or_else(|| panic!("{spans:#?}"));
        assert_eq!(statement.attributes["db.query.summary"], statement.name);
        assert_eq!(statement.attributes["db.operation.name"], "SELECT");
    }

    async fn what_the_server_does_by_itself_are_traces_of_their_own(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "later").await;
        let item = bob.item("later").await;
        bob.snooze(&item, app.now() + TimeDelta::hours(1)).await;
        let collector = Collector::start().await;
        let app = traced(&app, &collector).await;

        let mut live = bob.follow_inbox(None).await;
        let announce = "mutation { createAnnouncement(input: {title: \"news\", body: \"\"}) {
            announcement { id } } }";
        app.service().query(announce, json!({})).await;
        live.next_change().await;
        app.advance(TimeDelta::hours(1));
        live.next_change().await;
        live.socket.close().await;
        app.stop().await;

        let spans = collector.spans();
        for name in ["pull", "job wake"] {
            let mut of_name = spans.iter().filter(|span| span.name == name);
            let does = |outer: &Seen, name: &str| {
                spans.iter().any(|span| span.name == name && is_within(&spans, span, outer))
            };
            let is_whole = |span: &Seen| span.parent.is_empty() && does(span, "COMMIT");
            assert!(of_name.any(is_whole), "{name}: {spans:#?}");
        }
        let wake = spans.iter().find(|span| span.name == "job wake").unwrap();
        assert_eq!(wake.attributes["tidings.job.name"], "wake");
    }

    /// Each caller sees in its trace that it waited, and for what.
    async fn calls_that_are_made_together_are_linked(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let collector = Collector::start().await;
        let app = traced(&app, &collector).await;

        let input = json!({"to": [{"user": {"externalId": bob.name}}], "subject": "s", "body": ""});
        let send = || answered(request(&alice, CREATE_MESSAGE, json!({"input": input})));
        let traces: Vec<String> = join_all((0..40).map(|_| send()))
            .await
            .iter()
            .map(|headers| headers["traceresponse"].to_str().unwrap()[3..35].to_owned())
            .collect();
        app.stop().await;

        let spans = collector.spans();
        let is_shared = |span: &&Seen| {
            span.name == "together" && span.parent.is_empty() && !traces.contains(&span.trace)
        };
        let turns: Vec<_> = spans.iter().filter(is_shared).collect();
        assert!(!turns.is_empty(), "none of forty waited for another");
        for turn in turns {
            assert_eq!(turn.attributes["tidings.calls"], turn.links.len().to_string());
            for (trace, caller) in &turn.links {
                assert!(traces.contains(trace), "{turn:#?}");
                let mut of_caller = spans.iter().filter(|span| span.parent == *caller);
                let back = vec![(turn.trace.clone(), turn.id.clone())];
                assert!(of_caller.any(|span| span.name == "together" && span.links == back));
            }
            let ends = |span: &Seen| span.name == "COMMIT" && is_within(&spans, span, turn);
            assert!(spans.iter().any(ends), "{turn:#?}");
        }
    }

}

both! {
    on one thread:
    /// Also where nobody records spans: the client's own trace leads to the lines.
    async fn lines_of_the_log_say_of_which_trace_they_are(app: TestApp) {
        let alice = app.user("alice").await;
        let log = Log::listen();
        let query = || request(&alice, "{ viewer { id } }", json!({}));

        let with = answered(query().header("traceparent", parent(true))).await;
        let without = answered(query()).await;
        let mut socket =
            Socket::open(app.address()).await.introduced(alice.token.as_ref().unwrap()).await;
        socket.send(json!({"id": "1", "type": "subscribe", "payload": {
            "query": "query Mine { viewer { id } }",
            "extensions": {"traceparent": parent(true).replace(TRACE, &"3".repeat(32))},
        }})).await;
        assert_eq!(socket.receive().await["type"], "next");
        assert_eq!(socket.receive().await["type"], "complete");
        socket.close().await;

        let flags = with["traceresponse"].to_str().unwrap().rsplit_once('-').unwrap().1;
        assert_eq!(flags, "02", "nothing is recorded");
        assert!(!without.contains_key("traceresponse"));
        let lines = log.lines_with(&["access: request"]);
        assert_eq!(lines.len(), 2, "{lines:#?}");
        assert!(lines[0].contains(&format!("trace_id={TRACE}")), "{lines:#?}");
        assert!(!lines[1].contains("trace_id"), "{lines:#?}");
        let of_socket = format!("operation{{trace_id={}}}", "3".repeat(32));
        assert_eq!(log.lines_with(&["access: operation", &of_socket]).len(), 1);
        assert_eq!(log.lines_with(&["access: socket", "trace_id"]), [""; 0]);
    }
}
