//! Who may do and see what (P12): a line for every root field, and for every field that hides
//! something.
//!
//! The list of these fields comes from the schema, so a new one without a line fails the test.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::{
    parse_schema,
    types::{FieldDefinition, TypeKind, TypeSystemDefinition},
};
use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser, To, both};

/// A field, the place of its value in the answer, what is selected to ask for it, and what each
/// caller gets: a value (`yes`), `null`, or a code.
///
/// Alice wrote `$message` to the group “team”, of which Bob is a member and Eve is not; `$item`
/// is Bob's. Bob follows the post `$target`, which Alice commented on: `$activity`. Everybody asks
/// about themselves: `$me` is the id of the caller (Eve's for the stranger and the host).
struct Line {
    field: &'static str,
    answer: &'static str,
    selection: &'static str,
    stranger: &'static str,
    alice: &'static str,
    bob: &'static str,
    eve: &'static str,
    host: &'static str,
    admin: &'static str,
}

const U: &str = "UNAUTHENTICATED";
const F: &str = "FORBIDDEN";
const N: &str = "NOT_FOUND";
const I: &str = "BAD_USER_INPUT";
const C: &str = "CONFLICT";
const Y: &str = "yes";
const O: &str = "null";

macro_rules! lines {
    ($($s:ident $a:ident $b:ident $e:ident $h:ident $r:ident $field:literal $answer:literal
       $selection:literal;)*) => {
        &[$(Line {
            field: $field,
            answer: $answer,
            selection: $selection,
            stranger: $s,
            alice: $a,
            bob: $b,
            eve: $e,
            host: $h,
            admin: $r,
        }),*]
    };
}

// In front, in this order: stranger, alice, bob, eve, host, admin.
#[rustfmt::skip]
const LINES: &[Line] = lines![
    U Y Y O O Y  "Query.node" "/node" "node(id: $message) { id }";
    U Y Y Y Y Y  "Query.node" "/node" "node(id: $group) { id }";
    U Y Y Y Y Y  "Query.node" "/node" "node(id: $bob) { id }";
    U O Y O O O  "Query.node" "/node" "node(id: $item) { id }";
    U O Y O Y Y  "Query.node" "/node" "node(id: $inbox) { id }";
    U O Y O Y Y  "Query.node" "/node" "node(id: $counts) { id }";
    U O Y O Y Y  "Query.node" "/node" "node(id: $thread) { id }";
    U Y O O O Y  "Query.node" "/node" "node(id: $recipient) { id }";
    U Y Y Y Y Y  "Query.node" "/node" "node(id: $announcement) { id }";
    U Y Y O Y Y  "Query.node" "/node" "node(id: $activity) { id }";
    U O Y O Y Y  "Query.node" "/node" "node(id: $target) { id }";
    U O Y O Y Y  "Query.node" "/node" "node(id: $subscription) { id }";
    U Y Y O O Y  "Query.node" "/node" "node(id: $audience) { id }";
    U Y O O O Y  "Query.node" "/node" "node(id: $audienceStats) { id }";
    U Y O O O Y  "Query.node" "/node" "node(id: $messageStats) { id }";
    U Y O O O Y  "Query.node" "/node" "node(id: $reminder) { id }";
    U O O O Y Y  "Query.node" "/node" "node(id: $announcementStats) { id }";
    U O Y O O O  "Query.node" "/node" "node(id: $activityGroup) { id }";
    U O Y O Y Y  "Query.node" "/node" "node(id: $config) { id }";
    U O O O Y Y  "Query.node" "/node" "node(id: $deactivation) { id }";
    U O Y O Y Y  "Query.node" "/node" "node(id: $explanation) { id }";
    U Y Y Y Y Y  "Query.node" "/node" "node(id: $catalog) { id }";
    Y Y Y Y Y Y  "Query.errorCodes" "/errorCodes/0" "errorCodes";
    U Y Y O O Y  "Query.nodes" "/nodes/0" "nodes(ids: [$message]) { id }";
    O Y Y Y O Y  "Query.viewer" "/viewer" "viewer { id }";
    U Y Y Y Y Y  "Query.viewerRole" "/viewerRole" "viewerRole";
    U Y Y Y Y Y  "Query.user" "/user" "user(ref: {id: $bob}) { id }";
    U Y Y Y Y Y  "Query.people" "/people" "people { nodes { id } }";
    U Y Y Y Y Y  "Query.server" "/server" "server { version }";
    U F F F Y Y  "Query.databaseStats" "/databaseStats" "databaseStats { size }";
    U F F F Y Y  "Query.purgeable" "/purgeable" "purgeable { undos }";
    U F F F Y Y  "Query.users" "/users" "users { nodes { id } }";
    U Y Y Y Y Y  "Query.group" "/group" r#"group(ref: {externalId: "team"}) { id }"#;
    U F F F Y Y  "Query.groups" "/groups" "groups { nodes { id } }";
    U Y Y O O Y  "Query.message" "/message" "message(id: $message) { id }";
    U Y Y Y Y Y  "Query.sentMessages" "/sentMessages" "sentMessages { nodes { id } }";
    U Y Y Y Y Y  "Query.plannedMessages" "/plannedMessages" "plannedMessages { nodes { id } }";
    U Y Y Y Y Y  "Query.catalog" "/catalog" "catalog { targetTypes }";
    U Y Y Y Y Y  "Query.announcement" "/announcement" "announcement(id: $announcement) { id }";
    U O O O Y Y  "Query.announcement" "/announcement" "announcement(id: $planned) { id }";
    U Y Y Y Y Y  "Query.announcements" "/announcements" "announcements { nodes { id } }";
    U O Y O Y Y  "Query.target" "/target" r#"target(ref: {type: "post", externalId: "p"}) { id }"#;
    U Y Y N I Y  "Query.explain" "/explain" "explain(activityId: $activity) { delivered }";
    U N Y N Y Y  "Query.explain" "/explain"
                 "explain(activityId: $activity, user: {id: $bob}) { delivered }";
    U O Y O Y Y  "User.subscriptions" "/user/subscriptions"
                 "user(ref: {id: $bob}) { subscriptions { nodes { id } } }";
    U O Y O Y Y  "User.subscriptionConfig" "/user/subscriptionConfig"
                 "user(ref: {id: $bob}) { subscriptionConfig { updatedAt settings { action } } }";
    U O O O Y Y  "Announcement.readStats" "/announcement/readStats"
                 "announcement(id: $announcement) { readStats { readCount } }";
    U Y Y Y Y Y  "Query.reminderSchedule" "/reminderSchedule"
                 r#"reminderSchedule(reminder: {frequency: "daily"})"#;
    U Y O O O Y  "Query.campaigns" "/campaigns/nodes/0" "campaigns { nodes { id } }";
    U Y O O O Y  "Query.readReport" "/readReport/nodes/0" "readReport { nodes { id } }";
    U Y O O O Y  "Query.node" "/node" "node(id: $row) { id }";
    U O Y O Y Y  "User.email" "/user/email" "user(ref: {id: $bob}) { email }";
    U O Y O Y Y  "User.locale" "/user/locale" "user(ref: {id: $bob}) { locale }";
    U O Y O Y Y  "User.timeZone" "/user/timeZone" "user(ref: {id: $bob}) { timeZone }";
    U O Y O Y Y  "User.inbox" "/user/inbox" "user(ref: {id: $bob}) { inbox { id } }";
    U O O O Y Y  "User.deactivation" "/user/deactivation"
                 r#"user(ref: {externalId: "gone"}) { deactivation { reason } }"#;
    U O O O Y Y  "Deactivation.detail" "/user/deactivation/detail"
                 r#"user(ref: {externalId: "gone"}) { deactivation { detail } }"#;
    U O Y O Y Y  "User.groups" "/user/groups" "user(ref: {id: $bob}) { groups { nodes { id } } }";
    U O Y O Y Y  "Group.members" "/group/members"
                 r#"group(ref: {externalId: "team"}) { members { nodes { id } } }"#;
    U Y O O O Y  "Message.recipients" "/message/recipients"
                 "message(id: $message) { recipients { nodes { id } } }";
    U Y O O O Y  "Message.reminder" "/message/reminder"
                 "message(id: $message) { reminder { frequency } }";
    U Y O O O Y  "Message.readStats" "/message/readStats"
                 "message(id: $message) { readStats { readCount } }";
    U Y O O O Y  "Message.repliedCount" "/message/repliedCount"
                 "message(id: $message) { repliedCount }";
    U Y O O O Y  "Message.readTimeline" "/message/readTimeline"
                 "message(id: $message) { readTimeline { readCount } }";
    U Y O O O Y  "MessageAudience.readStats" "/message/sentTo/0/readStats"
                 "message(id: $message) { sentTo { readStats { readCount } } }";
    U Y Y Y Y Y  "Mutation.createMessage" "/createMessage"
                 r#"createMessage(input: {to: [{user: {id: $bob}}], subject: "s", body: ""})
                     { message { id } }"#;
    U Y Y N I C  "Mutation.replyToMessage" "/replyToMessage"
                 r#"replyToMessage(input: {parentId: $message, body: ""}) { message { id } }"#;
    U Y F N N Y  "Mutation.updateMessage" "/updateMessage"
                 "updateMessage(input: {messageId: $message, expiresAt: null}) { message { id } }";
    U C F N N C  "Mutation.cancelMessage" "/cancelMessage"
                 "cancelMessage(input: {messageId: $message}) { messageId }";
    U N Y N I N  "Mutation.markRead" "/markRead"
                 "markRead(input: {itemIds: [$item]}) { items { id } }";
    U N Y N I N  "Mutation.markUnread" "/markUnread"
                 "markUnread(input: {itemIds: [$item]}) { items { id } }";
    U N Y N I N  "Mutation.markSeen" "/markSeen"
                 "markSeen(input: {itemIds: [$item]}) { items { id } }";
    U N Y N I N  "Mutation.archive" "/archive"
                 "archive(input: {itemIds: [$item]}) { items { id } }";
    U N Y N I N  "Mutation.unarchive" "/unarchive"
                 "unarchive(input: {itemIds: [$item]}) { items { id } }";
    U N Y N I N  "Mutation.snooze" "/snooze"
                 r#"snooze(input: {itemIds: [$item], until: "2027-01-01T00:00:00Z"})
                     { items { id } }"#;
    U N Y N I N  "Mutation.unsnooze" "/unsnooze"
                 "unsnooze(input: {itemIds: [$item]}) { items { id } }";
    U Y Y Y I Y  "Mutation.markAllRead" "/markAllRead" "markAllRead(input: {}) { affectedCount }";
    U Y Y Y I Y  "Mutation.markAllSeen" "/markAllSeen" "markAllSeen(input: {}) { affectedCount }";
    U Y Y Y I Y  "Mutation.archiveAll" "/archiveAll" "archiveAll(input: {}) { affectedCount }";
    U Y Y N I N  "Mutation.markThreadRead" "/markThreadRead"
                 "markThreadRead(input: {rootId: $message}) { affectedCount }";
    U Y Y N I N  "Mutation.muteThread" "/muteThread"
                 "muteThread(input: {rootId: $message}) { thread { id } }";
    U Y Y N I N  "Mutation.unmuteThread" "/unmuteThread"
                 "unmuteThread(input: {rootId: $message}) { thread { id } }";
    U I I I I I  "Mutation.undo" "/undo" r#"undo(input: {cursor: "?"}) { affectedCount }"#;
    U Y Y Y I Y  "Mutation.pullInbox" "/pullInbox" "pullInbox { inbox { id } }";
    U Y Y Y I Y  "Mutation.subscribe" "/subscribe"
                 r#"subscribe(input: {
                     target: {type: "post", externalId: "own"}, reason: "create_post"
                 }) { subscription { id } }"#;
    U Y Y Y I Y  "Mutation.cancelSubscription" "/cancelSubscription"
                 r#"cancelSubscription(input: {target: {type: "post", externalId: "own"}})
                     { subscription { id } }"#;
    U Y Y Y I Y  "Mutation.updateSubscriptionConfig" "/updateSubscriptionConfig"
                 r#"updateSubscriptionConfig(input: {settings: [{action: "like", enabled: true}]})
                     { subscriptionConfig { updatedAt } }"#;
    U F F F Y Y  "Mutation.createAnnouncement" "/createAnnouncement"
                 r#"createAnnouncement(input: {title: "t", body: ""}) { announcement { id } }"#;
    U F F F Y Y  "Mutation.updateAnnouncement" "/updateAnnouncement"
                 r#"updateAnnouncement(input: {announcementId: $announcement, body: "new"})
                     { announcement { id } }"#;
    U F F F Y Y  "Mutation.retractAnnouncement" "/retractAnnouncement"
                 "retractAnnouncement(input: {announcementId: $spareAnnouncement})
                     { announcement { id } }";
    U F F F Y Y  "Mutation.createActivities" "/createActivities"
                 r#"createActivities(input: {
                     activities: [{action: "like", target: {type: "post", externalId: "own"}}]
                 }) { activities { id } }"#;
    U F F F Y Y  "Mutation.retractActivity" "/retractActivity"
                 "retractActivity(input: {activityId: $activity}) { activity { id } }";
    U F F F Y Y  "Mutation.upsertUsers" "/upsertUsers"
                 r#"upsertUsers(input: {users: [{externalId: "new"}]}) { users { id } }"#;
    U Y Y Y I Y  "Mutation.updateViewer" "/updateViewer"
                 r#"updateViewer(input: {locale: "en"}) { user { id } }"#;
    U F F F Y Y  "Mutation.purge" "/purge" "purge { purgeable { undos } }";
    U F F F Y Y  "Mutation.deactivateUser" "/deactivateUser"
                 r#"deactivateUser(input: {user: {externalId: "spare"}}) { user { id } }"#;
    U F F F Y Y  "Mutation.reactivateUser" "/reactivateUser"
                 r#"reactivateUser(input: {user: {externalId: "spare"}}) { user { id } }"#;
    U F F F Y Y  "Mutation.eraseUser" "/eraseUser"
                 "eraseUser(input: {user: {id: $leaving}}) { isComplete }";
    U F F F Y Y  "Mutation.upsertGroup" "/upsertGroup"
                 r#"upsertGroup(input: {externalId: "new", name: "n"}) { group { id } }"#;
    U F F F Y N  "Mutation.deleteGroup" "/deleteGroup"
                 r#"deleteGroup(input: {group: {externalId: "spare"}}) { group { id } }"#;
    U F F F Y Y  "Mutation.addGroupMembers" "/addGroupMembers"
                 r#"addGroupMembers(input: {group: {externalId: "other"}, users: [{id: $spare}]})
                     { group { id } }"#;
    U F F F Y Y  "Mutation.removeGroupMembers" "/removeGroupMembers"
                 r#"removeGroupMembers(input: {group: {externalId: "other"}, users: [{id: $spare}]})
                     { group { id } }"#;
    U Y Y Y I Y  "Subscription.inboxUpdated" "/inboxUpdated" "inboxUpdated { cursor }";
    U Y N N N Y  "Subscription.readStatsUpdated" "/readStatsUpdated"
                 "readStatsUpdated(id: $message) { readCount }";
    U N N N Y Y  "Subscription.readStatsUpdated" "/readStatsUpdated"
                 "readStatsUpdated(id: $announcement) { readCount }";
    U Y Y N N Y  "Subscription.threadUpdated" "/threadUpdated"
                 "threadUpdated(rootId: $message) { cursor }";
];

impl Line {
    /// The selection as a document, with the variables that it uses.
    fn document(&self) -> String {
        let operation = match self.field.split_once('.').unwrap().0 {
            "Mutation" => "mutation",
            "Subscription" => "subscription",
            _ => "query",
        };
        let variables: BTreeSet<_> = self
            .selection
            .split('$')
            .skip(1)
            .map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap())
            .collect();
        let mut declared = String::new();
        for variable in variables {
            declared += &format!("${variable}: ID! ");
        }
        if !declared.is_empty() {
            declared = format!("({declared})");
        }
        format!("{operation}{declared} {{ {} }}", self.selection)
    }
}

/// All fields of the schema, by `Type.field`.
fn fields() -> BTreeMap<String, FieldDefinition> {
    let mut fields = BTreeMap::new();
    for definition in parse_schema(tidings::graphql::sdl()).unwrap().definitions {
        let TypeSystemDefinition::Type(ty) = definition else { continue };
        let TypeKind::Object(object) = ty.node.kind else { continue };
        let ty = ty.node.name.node;
        fields.extend(
            object
                .fields
                .into_iter()
                .map(|field| (format!("{ty}.{}", field.node.name.node), field.node)),
        );
    }
    fields
}

/// Whether a field has `@auth`.
fn is_for_hosts(field: &FieldDefinition) -> bool {
    field.directives.iter().any(|directive| directive.node.name.node == "auth")
}

/// The fields that need a line.
fn guarded() -> BTreeSet<String> {
    let needs_line = |name: &str, field: &FieldDefinition| {
        let is_root =
            ["Query.", "Mutation.", "Subscription."].iter().any(|root| name.starts_with(root));
        let hides =
            field.description.as_ref().is_some_and(|text| text.node.contains("null for others"));
        is_root || hides || is_for_hosts(field)
    };
    fields()
        .into_iter()
        .filter(|(name, field)| needs_line(name, field))
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn every_root_field_and_every_field_that_hides_something_has_a_line() {
    let lines: BTreeSet<_> = LINES.iter().map(|line| line.field.to_owned()).collect();
    assert_eq!(guarded(), lines);
}

/// `@auth` agrees with the table.
#[test]
fn the_auth_directive_is_on_what_only_hosts_may_use() {
    let fields = fields();
    for line in LINES {
        let field = &fields[line.field];
        assert_eq!(is_for_hosts(field), line.alice == F && line.eve == F, "{}", line.field);
    }
}

async fn outcome(user: &TestUser, line: &Line, variables: &Value) -> String {
    let document = line.document();
    let answer = if document.starts_with("subscription") {
        let mut socket = user.connect().await;
        socket.subscribe("1", &document, variables.clone()).await;
        let message = socket.receive().await;
        match message["type"].as_str().unwrap() {
            "error" => json!({"errors": message["payload"]}),
            _ => message["payload"].clone(),
        }
    } else {
        user.ask(&document, variables.clone()).await
    };
    match answer["errors"][0]["extensions"]["code"].as_str() {
        Some(code) => code.to_owned(),
        None if answer.get("errors").is_some() => panic!("{answer:#}"),
        None if answer["data"].pointer(line.answer).is_none_or(Value::is_null) => O.to_owned(),
        None => Y.to_owned(),
    }
}

both! {
    async fn everybody_gets_what_the_table_says(app: TestApp) {
        let [alice, bob, eve, spare] = app.users(["alice", "bob", "eve", "spare"]).await;
        app.upsert_user(json!({"externalId": "bob", "email": "bob@example.com"})).await;
        app.user("gone").await;
        let deactivate = r#"mutation { deactivateUser(input: {
            user: {externalId: "gone"}, reason: "left the company"}) { user { id } } }"#;
        app.service().query(deactivate, json!({})).await;
        let leaving = app.user("leaving").await;
        app.group("team", &[&bob]).await;
        app.group("other", &[&spare]).await;
        app.group("spare", &[]).await;
        let message = json!({
            "to": [To::Group("team").input()], "subject": "hello", "body": "",
            "reminder": {"frequency": "daily", "until": "REPLIED"},
        });
        let message = alice.create_message(message).await;
        let ids = "query($id: ID!) {
            message(id: $id) {
                recipients { nodes { id } } readStats { id } reminder { id }
                sentTo { id readStats { id } } }
            catalog { id }
            group(ref: {externalId: \"team\"}) { id } }";
        let ids = alice.query(ids, json!({"id": message})).await;
        let report = alice.query("{ readReport { nodes { id } } }", json!({})).await;
        let inbox = "{ viewer { inbox { id counts { id } items { nodes { thread { id } } } } } }";
        let inbox = bob.query(inbox, json!({})).await;
        let inbox = &inbox["viewer"]["inbox"];
        let subscription = bob.follow("p", "create_post").await["id"].take();
        let activity = app.act(&alice, "comment", "p").await;
        let target = bob
            .query("{ target(ref: {type: \"post\", externalId: \"p\"}) { id } }", json!({}))
            .await["target"]["id"]
            .take();
        let planned = (app.now() + chrono::TimeDelta::days(1)).to_rfc3339();
        let planned =
            app.announce_with(json!({"title": "planned", "body": "", "publishAt": planned})).await;
        let (announcement, spare_announcement) =
            (app.announce("for all").await, app.announce("spare").await);
        let of_bob = "query($activity: ID!) { explain(activityId: $activity) { id }
            viewer { subscriptionConfig { id } inbox { items(filter: {kinds: [ACTIVITY]}) {
                nodes { about { ... on ActivityGroup { id } } } } } } }";
        let of_bob = bob.query(of_bob, json!({"activity": activity})).await;
        let of_host = "query($id: ID!) { announcement(id: $id) { readStats { id } }
            user(ref: {externalId: \"gone\"}) { deactivation { id } } }";
        let of_host = app.service().query(of_host, json!({"id": announcement})).await;
        let variables = json!({
            "subscription": subscription, "activity": activity, "target": target,
            "planned": planned,
            "announcement": announcement, "spareAnnouncement": spare_announcement,
            "message": message, "item": bob.item("hello").await, "bob": bob.id, "spare": spare.id,
            "leaving": leaving.id,
            "group": ids["group"]["id"],
            "recipient": ids["message"]["recipients"]["nodes"][0]["id"],
            "row": report["readReport"]["nodes"][0]["id"],
            "inbox": inbox["id"], "counts": inbox["counts"]["id"],
            "audience": ids["message"]["sentTo"][0]["id"],
            "audienceStats": ids["message"]["sentTo"][0]["readStats"]["id"],
            "messageStats": ids["message"]["readStats"]["id"],
            "reminder": ids["message"]["reminder"]["id"],
            "announcementStats": of_host["announcement"]["readStats"]["id"],
            "activityGroup": of_bob["viewer"]["inbox"]["items"]["nodes"][0]["about"]["id"],
            "config": of_bob["viewer"]["subscriptionConfig"]["id"],
            "deactivation": of_host["user"]["deactivation"]["id"],
            "explanation": of_bob["explain"]["id"], "catalog": ids["catalog"]["id"],
            "thread": inbox["items"]["nodes"][0]["thread"]["id"],
        });
        let (stranger, host, admin) = (app.stranger(), app.service(), app.admin().await);
        let mut wrong = Vec::new();
        for line in LINES {
            for (who, user, expected) in [
                ("stranger", &stranger, line.stranger),
                ("alice", &alice, line.alice),
                ("bob", &bob, line.bob),
                ("eve", &eve, line.eve),
                ("host", &host, line.host),
                ("admin", &admin, line.admin),
            ] {
                let got = outcome(user, line, &variables).await;
                if got != expected {
                    wrong
                        .push(format!("{} for {who}: {got} instead of {expected}", line.selection));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// “Not yours” and “does not exist” give the same answer.
    async fn what_is_not_yours_looks_like_what_is_not_there(app: TestApp) {
        let [alice, bob, eve] = app.users(["alice", "bob", "eve"]).await;
        let message = alice.send(&bob, "secret").await;
        let item = bob.item("secret").await;
        let activity = {
            bob.follow("p", "create_post").await;
            app.act(&alice, "comment", "p").await
        };
        for (query, real, invented) in [
            ("query($id: ID!) { node(id: $id) { id } }", &activity, "act_zz"),
            ("query($id: ID!) { explain(activityId: $id) { delivered } }", &activity, "act_zz"),
            (
                "mutation($id: ID!) {
                    retractActivity(input: {activityId: $id}) { activity { id } } }",
                &activity,
                "act_zz",
            ),
            (
                "query($id: ID!) { message(id: $id) { id } node(id: $id) { id } }",
                &message,
                "msg_zz",
            ),
            ("query($id: ID!) { node(id: $id) { id } }", &item, "itm_zz"),
            (
                "mutation($id: ID!) { markRead(input: {itemIds: [$id]}) { items { id } } }",
                &item,
                "itm_zz",
            ),
            (
                "mutation($id: ID!) {
                    replyToMessage(input: {parentId: $id, body: \"\"}) { message { id } } }",
                &message,
                "msg_zz",
            ),
            (
                "mutation($id: ID!) {
                    updateMessage(input: {messageId: $id, expiresAt: null}) { message { id } } }",
                &message,
                "msg_zz",
            ),
        ] {
            let (yours, theirs) = (
                eve.ask(query, json!({"id": real})).await,
                eve.ask(query, json!({"id": invented})).await,
            );
            assert_eq!(yours, theirs, "{query}");
        }
    }

    /// A thread never shows anybody a reply that was not sent to them.
    async fn private_replies_are_seen_nowhere(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        let root = alice.send_to(&[To::User(&bob), To::User(&carol)], "root").await;
        let private = bob.reply(&root, "private", "SENDER").await;
        let everywhere = "query($root: ID!, $private: ID!) {
            message(id: $root) { replies { nodes { body } } thread { nodes { body } } }
            node(id: $private) { id }
            nodes(ids: [$private]) { id }
            sentMessages { nodes { body } } }";
        let seen = carol.query(everywhere, json!({"root": root, "private": private})).await;
        assert!(!seen.to_string().contains("private"), "{seen:#}");
    }
}
