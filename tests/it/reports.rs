//! Read-rate reports (M9, X6): as a list, as a file, over time and live.

use chrono::TimeDelta;
use insta::assert_snapshot;
use serde_json::{Value, json};
use tidings::config::ReadingDetails;

use crate::{
    statements::cost_of,
    support::{
        app::{Kind, TestApp, TestUser, To, both},
        documents::UPDATE_MESSAGE,
    },
};

const REPORT: &str = "query(
    $filter: ReadReportFilter, $order: ReadReportOrder! = NEWEST_FIRST,
    $first: Int, $after: String, $last: Int, $before: String
) {
    readReport(
        filter: $filter, orderBy: $order,
        first: $first, after: $after, last: $last, before: $before
    ) {
        nodes {
            id message { subject } sentTo { name } sentAt
            readStats { recipientCount readCount readRate firstReadAt }
        }
        pageInfo { hasNextPage endCursor }
    } }";

/// Subject, address and rounded percentage of each row.
fn shown(report: &Value) -> Vec<(String, String, i64)> {
    let rows = report["readReport"]["nodes"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let row = |row: &Value| {
        let percent = (row["readStats"]["readRate"].as_f64().unwrap() * 100.0).round() as i64;
        (text(&row["message"]["subject"]), text(&row["sentTo"]["name"]), percent)
    };
    rows.iter().map(row).collect()
}

async fn report(user: &TestUser, variables: Value) -> Vec<(String, String, i64)> {
    shown(&user.query(REPORT, variables).await)
}

/// A message to a separate group, whose first members have read it.
async fn sent_and_read(
    app: &TestApp,
    sender: &TestUser,
    group: &str,
    subject: &str,
    size: usize,
    read: usize,
) -> String {
    let mut members = Vec::with_capacity(size);
    for n in 0..size {
        members.push(app.user(&format!("{group} {n}")).await);
    }
    app.group(group, &members.iter().collect::<Vec<_>>()).await;
    let id = sender.send_to(&[To::Group(group)], subject).await;
    for member in &members[..read] {
        member.change("markRead", &[&member.item(subject).await]).await;
    }
    id
}

async fn get(app: &TestApp, user: &TestUser, query: &str) -> reqwest::Response {
    let request = reqwest::Client::new().get(app.url(&format!("/reports/read-rate.csv{query}")));
    match &user.token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
    .send()
    .await
    .unwrap()
}

both! {
    /// The sample rows from the source model, produced by real sends and readings.
    async fn the_rows_of_the_source_model_are_reproduced(app: TestApp) {
        let alice = app.user("alice").await;
        let john = json!({"externalId": "john", "firstName": "John", "lastName": "D"});
        app.upsert_user(john).await;
        let john = app.user("john").await;
        sent_and_read(&app, &alice, "Project delivery team", "Project delivery due Tuesday", 12, 5)
            .await;
        alice.send(&john, "Meet me Monday").await;
        john.change("markRead", &[&john.item("Meet me Monday").await]).await;
        sent_and_read(&app, &alice, "DBA team", "Sync dev environment with production", 5, 4).await;
        sent_and_read(&app, &alice, "NSS team", "Close audit NCRs", 20, 9).await;
        // Membership is what it was when the message was sent.
        let late = app.user("late").await;
        app.add_members("NSS team", &[&late]).await;
        app.remove_members("DBA team", &[&app.user("DBA team 0").await]).await;

        let rows = report(&alice, json!({"order": "OLDEST_FIRST"})).await;

        let row = |subject: &str, to: &str, percent| (subject.to_owned(), to.to_owned(), percent);
        assert_eq!(
            rows,
            [
                row("Project delivery due Tuesday", "Project delivery team", 42),
                row("Meet me Monday", "John D", 100),
                row("Sync dev environment with production", "DBA team", 80),
                row("Close audit NCRs", "NSS team", 45),
            ]
        );
        let csv = get(&app, &alice, "?orderBy=LOWEST_RATE_FIRST&maxReadRate=0.45").await;
        assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
        assert_eq!(csv.headers()["content-disposition"], "attachment; filename=\"read-rate.csv\"");
        let csv = csv.text().await.unwrap();
        let csv = csv.replace("2026-01-05T09:00:00+00:00", "now");
        let rows: Vec<_> = csv.lines().map(|line| line.split_once(',').unwrap().1).collect();
        let columns: Vec<_> = rows[0].split(',').collect();
        assert_snapshot!(columns.join("\n"), @r"
        subject
        sent_to
        sent_at
        recipient_count
        seen_count
        read_count
        read_rate
        read_percent
        first_read_at
        last_read_at
        ");
        assert_snapshot!(rows[1..].join("\n"), @r"
        Project delivery due Tuesday,Project delivery team,now,12,5,5,0.4166666666666667,41.7,now,now
        Close audit NCRs,NSS team,now,20,9,9,0.45,45.0,now,now
        ");
    }

    /// Two messages with the same subject and time are two rows, and each address counts
    /// separately.
    async fn a_report_has_a_row_for_each_message_and_address(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&bob, &carol]).await;
        for _ in 0..2 {
            alice.send_to(&[To::Group("team"), To::User(&bob)], "same").await;
        }
        bob.query("mutation { markAllRead(input: {}) { affectedCount } }", json!({})).await;
        let row = |to: &str, percent| ("same".to_owned(), to.to_owned(), percent);
        assert_eq!(
            report(&alice, json!({"order": "OLDEST_FIRST"})).await,
            [row("team", 50), row("bob", 100), row("team", 50), row("bob", 100)]
        );
        assert_eq!(report(&bob, json!({})).await, []);
    }

    /// Filters, orders and pages, in both directions.
    async fn a_report_can_be_filtered_sorted_and_turned_over(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&bob, &carol]).await;
        let mut ids = Vec::new();
        for n in 0..7 {
            let to = if n % 2 == 0 { To::Group("team") } else { To::User(&bob) };
            ids.push(alice.send_to(&[to], &n.to_string()).await);
            app.advance(TimeDelta::hours(1));
        }
        for n in ["0", "1", "4"] {
            bob.change("markRead", &[&bob.item(n).await]).await;
        }
        carol.change("markRead", &[&carol.item("4").await]).await;
        let reply = bob.reply(&ids[1], "so be it", "SENDER").await;
        let admin = app.admin().await;
        let subjects = async |who: &TestUser, variables: Value| {
            report(who, variables)
                .await
                .into_iter()
                .map(|(subject, ..)| subject)
                .collect::<Vec<_>>()
                .join(" ")
        };
        for (variables, expected) in [
            (json!({}), "6 5 4 3 2 1 0"),
            (json!({"filter": {"sentTo": {"group": {"externalId": "team"}}}}), "6 4 2 0"),
            (json!({"filter": {"sentTo": {"user": {"externalId": "bob"}}}}), "5 3 1"),
            (json!({"filter": {"sentTo": {"user": {"externalId": "nobody"}}}}), ""),
            (json!({"filter": {"messageId": ids[3]}}), "3"),
            (json!({"filter": {"messageId": reply}}), ""),
            (json!({"filter": {"sender": {"externalId": "bob"}}}), ""),
            (
                json!({"filter": {
                    "sentFrom": "2026-01-05T11:00:00Z", "sentBefore": "2026-01-05T13:00:00Z",
                }}),
                "3 2",
            ),
            (json!({"filter": {"maxReadRate": 0.5}, "order": "OLDEST_FIRST"}), "0 2 3 5 6"),
            (json!({"order": "HIGHEST_RATE_FIRST", "first": 3}), "4 1 0"),
            (json!({"order": "LOWEST_RATE_FIRST", "last": 3}), "0 1 4"),
        ] {
            assert_eq!(subjects(&alice, variables.clone()).await, expected, "{variables}");
        }
        assert_eq!(
            subjects(&admin, json!({"filter": {"sender": {"externalId": "bob"}}})).await,
            "Re: 1"
        );
        assert_eq!(subjects(&admin, json!({"filter": {"isReply": false}})).await, "6 5 4 3 2 1 0");
        for order in ["NEWEST_FIRST", "OLDEST_FIRST", "LOWEST_RATE_FIRST", "HIGHEST_RATE_FIRST"] {
            let whole = report(&alice, json!({"order": order, "first": 100})).await;
            let (mut pages, mut after) = (Vec::new(), Value::Null);
            loop {
                let page =
                    alice.query(REPORT, json!({"order": order, "first": 2, "after": after})).await;
                pages.extend(shown(&page));
                after = page["readReport"]["pageInfo"]["endCursor"].clone();
                if page["readReport"]["pageInfo"]["hasNextPage"] == false {
                    break;
                }
            }
            assert_eq!(pages, whole, "{order}");
            let before_end =
                report(&alice, json!({"order": order, "last": 2, "before": after})).await;
            assert_eq!(before_end, whole[4..6], "{order}");
        }
        let refused = alice.refusal(REPORT, json!({"filter": {"maxReadRate": 42.0}})).await;
        assert_eq!(refused, ("BAD_USER_INPUT".into(), Some("filter.maxReadRate".into())));
    }
}

both! {
    /// A report reads only the columns that reports usually show, if nothing else is selected. So
    /// every field is selected alone, and among all others.
    async fn a_field_is_the_same_whatever_is_selected_beside_it(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&bob, &carol]).await;
        let message = alice.send_to(&[To::Group("team"), To::User(&bob)], "first").await;
        let extras = json!({
            "messageId": message, "url": "/first", "data": [1],
            "expiresAt": (app.now() + TimeDelta::days(9)).to_rfc3339(),
        });
        let hers = app.service().acting_as(&alice);
        hers.query(UPDATE_MESSAGE, json!({"input": extras})).await;
        let answer = bob.reply(&message, "second", "SENDER").await;
        alice.reply(&answer, "third", "SENDER").await;
        bob.change("markRead", &[&bob.item("first").await]).await;

        for (name, [before, after]) in [
            ("ReadReportRow", ["", ""]),
            ("ReadStats", ["readStats {", "}"]),
            ("MessageAudience", ["sentTo {", "}"]),
            ("ReadStats", ["sentTo { readStats {", "} }"]),
            ("User", ["sentTo { audience { ... on User {", "} } }"]),
            ("Group", ["sentTo { audience { ... on Group {", "} } }"]),
            ("Message", ["message {", "}"]),
            ("ReadStats", ["message { readStats {", "} }"]),
            ("MessageAudience", ["message { sentTo {", "} }"]),
            ("User", ["message { sender {", "} }"]),
        ] {
            let rows = async |selected: &str| {
                let query = format!("{{ readReport(first: 10) {{ nodes {{ {selected} }} }} }}");
                let mut rows = alice.query(&query, json!({})).await["readReport"]["nodes"].take();
                for row in rows.as_array_mut().unwrap() {
                    row.as_object_mut().unwrap().remove("more");
                }
                rows
            };
            for field in alice.leaf_fields(name).await {
                let selected = format!("{before} {field} {after}");
                let alone = rows(&selected).await;
                assert_eq!(alone.as_array().unwrap().len(), 3);
                for more in ["sentTo { audience { __typename } }", "message { depth sender { id } }"] {
                    let among = rows(&format!("{selected} more: {more}")).await;
                    assert_eq!(alone, among, "{selected}");
                }
            }
        }
    }
}

both! {
    on one thread:
    /// The counts are on the addresses: no recipient rows are read.
    async fn a_report_costs_the_same_for_two_rows_and_for_twenty(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&bob, &carol]).await;
        for n in 0..20 {
            alice.send_to(&[To::Group("team")], &n.to_string()).await;
        }
        let cost = async |first: i32| {
            app.db.take_statements_of_requests();
            report(&alice, json!({"first": first})).await;
            cost_of(&app)
        };
        cost(1).await;
        let (two, twenty) = (cost(2).await, cost(20).await);
        assert_eq!(two, twenty);
        assert!(twenty <= 3, "a report costs {twenty} statements");
    }
}

both! {
    /// The timeline of the readings, each person once.
    async fn the_timeline_shows_when_people_read(app: TestApp) {
        let [alice, bob, carol, dave] = app.users(["alice", "bob", "carol", "dave"]).await;
        app.group("team", &[&bob, &carol, &dave]).await;
        let id = alice.send_to(&[To::Group("team"), To::User(&bob)], "hello").await;
        for (reader, hours) in [(&bob, 1), (&carol, 30), (&dave, 8 * 24)] {
            app.advance(TimeDelta::hours(hours));
            reader.change("markRead", &[&reader.item("hello").await]).await;
        }
        let line = async |arguments: &str| {
            let query = format!(
                "query($id: ID!) {{ message(id: $id) {{
                    readTimeline({arguments}) {{ at readCount }} }} }}"
            );
            let points =
                alice.query(&query, json!({"id": id})).await["message"]["readTimeline"].take();
            points
                .as_array()
                .unwrap()
                .iter()
                .map(|point| {
                    format!("{} {}", &point["at"].as_str().unwrap()[5..13], point["readCount"])
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(line("interval: HOUR").await, ["01-05T10 1", "01-06T16 2", "01-14T16 3"]);
        assert_eq!(line("interval: DAY").await, ["01-05T00 1", "01-06T00 2", "01-14T00 3"]);
        assert_eq!(line("interval: WEEK").await, ["01-05T00 2", "01-12T00 3"]);
        // The newest, which count all earlier ones.
        assert_eq!(line("interval: HOUR, last: 1").await, ["01-14T16 3"]);
        assert_eq!(line("interval: DAY, last: 2").await, ["01-06T00 2", "01-14T00 3"]);
        assert_eq!(line("interval: WEEK, last: 1").await, ["01-12T00 3"]);
        // It costs what is asked for: six full ones are too much for one request.
        let six = |arguments: &str| {
            let each = (0..6).map(|n| format!("a{n}: readTimeline{arguments} {{ at readCount }} "));
            format!("query($id: ID!) {{ message(id: $id) {{ {} }} }}", each.collect::<String>())
        };
        assert_eq!(alice.refusal(&six(""), json!({"id": id})).await.0, "QUERY_TOO_COMPLEX");
        alice.query(&six("(last: 10)"), json!({"id": id})).await;
        let wrong = "query($id: ID!) { message(id: $id) { readTimeline(last: 501) { at } } }";
        let refused = alice.refusal(wrong, json!({"id": id})).await;
        assert_eq!(refused, ("BAD_USER_INPUT".into(), Some("last".into())));
    }

    /// X6: a sender watches the rate rise, starting and ending with the latest state.
    async fn a_sender_watches_the_rate_climb(app: TestApp) {
        let alice = app.user("alice").await;
        let mut readers = Vec::new();
        for n in 0..6 {
            readers.push(app.user(&format!("r{n}")).await);
        }
        app.group("team", &readers.iter().collect::<Vec<_>>()).await;
        let id = alice.send_to(&[To::Group("team")], "hello").await;
        let mut socket = alice.connect().await;
        let follow = "subscription($id: ID!) {
            readStatsUpdated(id: $id) { readCount readRate } }";
        socket.subscribe("1", follow, json!({"id": id})).await;
        let mut heard = vec![
            socket.receive().await["payload"]["data"]["readStatsUpdated"]["readCount"].clone(),
        ];
        for reader in &readers {
            reader.change("markRead", &[&reader.item("hello").await]).await;
        }
        while heard.last() != Some(&json!(6)) {
            heard.push(
                socket.receive().await["payload"]["data"]["readStatsUpdated"]["readCount"].clone(),
            );
        }
        let counts: Vec<_> = heard.iter().map(|count| count.as_i64().unwrap()).collect();
        assert_eq!(counts[0], 0);
        assert!(counts.is_sorted_by(|one, next| one < next) && counts.len() < 6, "{counts:?}");
    }

    /// The host application watches the rate of an announcement, and a cache knows whose it is.
    async fn the_rate_of_an_announcement_climbs_live(app: TestApp) {
        let [bob, carol] = app.users(["bob", "carol"]).await;
        let host = app.service();
        let id = app.announce("for all").await;
        let stats = "query($id: ID!) { announcement(id: $id) { readStats { id } } }";
        let stats = host.query(stats, json!({"id": id})).await["announcement"]["readStats"].take();
        let mut socket = host.connect().await;
        let follow = "subscription($id: ID!) {
            readStatsUpdated(id: $id) { id readCount recipientCount } }";
        socket.subscribe("1", follow, json!({"id": id})).await;
        let mut next = async || {
            socket.receive().await["payload"]["data"]["readStatsUpdated"].take()
        };

        let state = |read| json!({"id": stats["id"], "readCount": read, "recipientCount": 2});
        assert_eq!(next().await, state(0));
        for (reader, read) in [(&bob, 1), (&carol, 2)] {
            reader.change("markRead", &[&reader.item("for all").await]).await;
            // Having it in the inbox, or having seen it, may be told before.
            let mut told = next().await;
            while told == state(read - 1) {
                told = next().await;
            }
            assert_eq!(told, state(read));
        }
    }

    /// The file may have any size, is for the same people, and has clear errors.
    async fn the_file_has_all_pages_and_the_same_rules(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let first = alice.send(&bob, "=HYPERLINK(\"http://evil\")").await;
        let tx = app.db.begin().await.unwrap();
        let numbers =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1300)";
        for copy in [
            "INSERT INTO message (id, sender_id, subject, body, depth, path, seq, recipient_count, \
             seen_count, read_count, created_at) \
             SELECT id + i, sender_id, 'no. ' || i, body, depth, path, seq, 1, 0, 0, created_at \
             FROM message CROSS JOIN n",
            "INSERT INTO message_audience (id, message_id, user_id, name, recipient_count, \
             seen_count, read_count) \
             SELECT id + i, message_id + i, user_id, name, 1, 0, 0 FROM message_audience \
             CROSS JOIN n",
        ] {
            tx.run(&format!("{numbers} {copy}"), []).await.unwrap();
        }
        tx.commit().await.unwrap();

        let file = get(&app, &alice, "?orderBy=OLDEST_FIRST").await.text().await.unwrap();
        assert_eq!(file.lines().count(), 1 + 1301);
        assert!(
            file.lines()
                .nth(1)
                .unwrap()
                .starts_with(&format!("{first},\"'=HYPERLINK(\"\"http://evil\"\")\",bob,")),
            "{file:.200}"
        );
        assert!(file.lines().last().unwrap().contains(",no. 1300,"));
        assert_eq!(get(&app, &bob, "").await.text().await.unwrap().lines().count(), 1);
        assert_eq!(get(&app, &alice, "?sender=bob").await.text().await.unwrap().lines().count(), 1);

        for (user, query, status, code) in [
            (&app.stranger(), "", 401, "UNAUTHENTICATED"),
            (&alice, "?maxReadRate=2", 400, "BAD_USER_INPUT"),
            (&alice, "?maxReadRate=half", 400, "BAD_USER_INPUT"),
            (&alice, "?orderBy=RANDOM", 400, "BAD_USER_INPUT"),
            (&alice, "?colour=red", 400, "BAD_USER_INPUT"),
        ] {
            let refused = get(&app, user, query).await;
            assert_eq!(refused.status().as_u16(), status, "{query}");
            assert_eq!(
                refused.json::<Value>().await.unwrap()["errors"][0]["extensions"]["code"],
                code,
                "{query}"
            );
        }
    }
}

/// If readers' names are hidden from senders, counts and rates remain; admins see everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senders_are_told_how_many_and_not_who_where_the_settings_say_so() {
    let counts_only =
        |config: &mut tidings::config::Config| config.reading_details = ReadingDetails::Counts;
    let app = TestApp::start_with(Kind::Sqlite, counts_only).await.unwrap();
    let [alice, bob] = app.users(["alice", "bob"]).await;
    let admin = app.admin().await;
    let id = alice.send(&bob, "hello").await;
    bob.change("markRead", &[&bob.item("hello").await]).await;
    let all = "query($id: ID!) {
        message(id: $id) {
            recipients { nodes { id } }
            readTimeline { readCount }
            readStats { readCount firstReadAt }
            sentTo { readStats { readRate lastReadAt } }
        }
        readReport { nodes { readStats { readCount lastReadAt } } } }";

    let told = alice.query(all, json!({"id": id})).await;
    let seen = admin.query(all, json!({"id": id})).await;

    assert_eq!(
        told,
        json!({
            "message": {
                "recipients": null,
                "readTimeline": null,
                "readStats": {"readCount": 1, "firstReadAt": null},
                "sentTo": [{"readStats": {"readRate": 1.0, "lastReadAt": null}}],
            },
            "readReport": {"nodes": [{"readStats": {"readCount": 1, "lastReadAt": null}}]},
        })
    );
    let recipient = &seen["message"]["recipients"]["nodes"][0]["id"];
    assert_eq!(seen["message"]["readStats"]["firstReadAt"], "2026-01-05T09:00:00+00:00");
    let node = "query($id: ID!) { node(id: $id) { id } }";
    assert_eq!(alice.query(node, json!({"id": recipient})).await["node"], json!(null));
    assert_eq!(admin.query(node, json!({"id": recipient})).await["node"]["id"], *recipient);
    assert!(get(&app, &alice, "").await.text().await.unwrap().ends_with(",1,1,1,1,100.0,,\r\n"));
    app.stop().await;
}
