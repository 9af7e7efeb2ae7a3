use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, time::timeout};

use super::{limited, open, server};
use crate::support::{
    app::{Kind, TestApp, TestUser, To, both},
    documents::message_to,
    socket::{Handshake, PATIENCE},
};

/// P8, P11: how long the server may take.
const MOST_TO_STOP: Duration = Duration::from_secs(10);

both! {
    /// P11. The client gets a fresh token and reconnects.
    async fn sockets_end_with_their_tokens(app: TestApp) {
        let bob = app.user("bob").await;
        let mut of_today = bob.clone();
        of_today.token = Some(
            app.auth
                .issue("bob", tidings::auth::Role::User, app.now() + TimeDelta::hours(1))
                .unwrap(),
        );
        let (mut short, mut long) = (of_today.connect().await, bob.connect().await);

        app.advance(TimeDelta::minutes(59));
        short.assert_quiet().await;
        app.advance(TimeDelta::minutes(1));

        assert_eq!(short.code().await, 4403);
        assert_eq!(of_today.introduce().await.code().await, 4403);
        long.assert_quiet().await;
    }

    /// P11. Reconnecting is useless, also for a host that acts for such a person. Nobody else is
    /// disturbed, and other changes of the person have no effect.
    async fn sockets_of_a_deactivated_person_end(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let (host, admin) = (app.service(), app.admin().await);
        let ends = [
            bob.connect().await,
            host.acting_as(&bob).connect().await,
            admin.acting_as(&bob).connect().await,
        ];
        let mut stays = [alice.connect().await, host.connect().await, admin.connect().await];

        app.upsert_user(json!({"externalId": "bob", "firstName": "Robert"})).await;
        let mut still = ends;
        for socket in &mut still {
            socket.assert_quiet().await;
        }
        app.deactivate(&bob.name).await;

        for mut socket in still {
            assert_eq!(socket.code().await, 4401);
        }
        assert_eq!(bob.introduce().await.code().await, 4401);
        assert_eq!(host.acting_as(&bob).introduce().await.code().await, 4401);
        for socket in &mut stays {
            socket.assert_quiet().await;
        }
    }

    /// P11, for a caller who acts for somebody else.
    async fn a_deactivated_admin_does_not_go_on_in_another_name(app: TestApp) {
        let (bob, admin) = (app.user("bob").await, app.admin().await);
        let acting = admin.acting_as(&bob);
        let mut socket = acting.connect().await;

        app.deactivate(&admin.name).await;

        assert_eq!(socket.code().await, 4401);
        assert_eq!(acting.introduce().await.code().await, 4401);
        assert_eq!(acting.refusal("{ viewerRole }", json!({})).await.0, "DEACTIVATED");
    }

    /// P11: for a followed inbox, and for a followed thread.
    async fn people_who_leave_a_group_hear_nothing_of_it_from_then_on(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&alice, &bob, &carol]).await;
        let root = alice.send_to(&[To::Group("team")], "first").await;
        let mut socket = carol.connect().await;
        let thread =
            "subscription($root: ID!) { threadUpdated(rootId: $root) { messages { body } } }";
        socket.subscribe("thread", thread, json!({"root": root})).await;
        socket.receive().await;
        let inbox = "subscription { inboxUpdated { changes { item { title } } } }";
        socket.subscribe("inbox", inbox, Value::Null).await;
        socket.receive().await;
        bob.reply(&root, "before", "EVERYONE").await;
        for _ in 0..2 {
            socket.receive().await;
        }

        app.remove_members("team", &[&carol]).await;
        bob.reply(&root, "after", "EVERYONE").await;
        alice.send_to(&[To::Group("team")], "second").await;
        let direct = alice.send(&carol, "in person").await;
        let heard = socket.receive().await;

        assert_eq!(heard["id"], "inbox", "{heard:#}");
        let changes = &heard["payload"]["data"]["inboxUpdated"]["changes"];
        assert_eq!(changes, &json!([{"item": {"title": "in person"}}]));
        socket.subscribe("direct", thread, json!({"root": direct})).await;
        assert_eq!(socket.receive().await["id"], "direct");
        socket.assert_quiet().await;
    }

    /// P8: clients that do not read, do not answer or have not sent `connection_init` delay
    /// nothing.
    async fn a_stopping_server_waits_for_no_socket(app: TestApp) {
        let bob = app.user("bob").await;
        let mut live = bob.follow_inbox(None).await;
        let mut stalled = bob.connect().await;
        stalled.clog().await;
        // It never answers the close frame.
        let mut rude = Handshake::send(app.address(), "GET /graphql HTTP/1.1", &[]).await;
        let mut new = open(&app).await;

        let began = Instant::now();
        let (live, new, ()) = tokio::join!(live.socket.code(), new.code(), app.stop());

        assert!(began.elapsed() < MOST_TO_STOP, "it took {:?}", began.elapsed());
        assert_eq!((live, new), (1012, 1012));
        // The rest of its unread messages, and perhaps the reason; then the end.
        let mut frame = Vec::new();
        timeout(PATIENCE, rude.stream.read_to_end(&mut frame)).await.unwrap().unwrap();
        assert_eq!(frame[..4], [0x88, frame.len() as u8 - 2, 0x03, 0xf4]);
    }
}

/// The reason is also delivered to clients that are not reading at that moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_waits_for_its_client_ends_with_its_token() {
    let app = limited(|limits| limits.write_timeout = PATIENCE * 10).await;
    let mut socket = app.user("bob").await.connect().await;
    socket.clog().await;
    app.advance(TimeDelta::days(366));
    assert_eq!(socket.code().await, 4403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_waits_for_its_client_ends_with_its_user() {
    let app = limited(|limits| limits.write_timeout = PATIENCE * 10).await;
    let bob = app.user("bob").await;
    let mut socket = bob.connect().await;
    socket.clog().await;
    app.deactivate(&bob.name).await;
    assert_eq!(socket.code().await, 4401);
}

/// P11: a server that has not yet learnt of it admits the person for a moment at most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deactivation_by_another_server_ends_sockets() {
    let Some(one) = TestApp::start(Kind::Postgres).await else { return };
    let two = one.another().await;
    let mut bob = one.user("bob").await;
    bob.app = two.clone();
    let mut socket = bob.connect().await;

    one.deactivate(&bob.name).await;
    // It is not known here whether the second server has learnt of it.
    let mut late = bob.introduce().await;

    assert_eq!(socket.code().await, 4401);
    assert_eq!(late.code().await, 4401);
    two.stop().await;
    one.stop().await;
}

/// A token that was never valid reveals nothing about the reason.
#[tokio::test]
async fn callers_who_are_not_welcome_are_closed_with_4401() {
    let app = server().await;
    let bob = app.user("bob").await;
    let mut forged = bob.clone();
    forged.token = Some("nonsense".into());
    let nobody = app.stranger();
    let unknown = app.service().acting_as(&TestUser { name: "unknown".into(), ..nobody });
    for somebody in [forged, bob.acting_as(&bob), unknown] {
        assert_eq!(somebody.introduce().await.code().await, 4401);
    }
}

/// P8: what was begun is finished before the database is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mutation_under_way_survives_the_end_of_the_server() {
    let app = server().await;
    let [alice, bob] = app.users(["alice", "bob"]).await;
    let mut socket = alice.connect().await;
    let send = |n: usize| {
        let document = message_to("bob", &format!("m{n}"));
        json!({"type": "subscribe", "id": n.to_string(), "payload": {"query": document}})
    };
    socket.send_together((0..20).map(send).chain([json!({"type": "ping"})])).await;
    while socket.receive().await["type"] != "pong" {}

    let again = app.restart().await;

    assert_eq!(TestUser { app: again.clone(), ..bob }.titles("ALL").await.len(), 20);
    again.stop().await;
}
