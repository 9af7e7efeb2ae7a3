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

/// A field, a document that queries it, the place of the value in the answer, and what each caller
/// gets: a value (`yes`), `null`, or a code.
///
/// Alice wrote `$message` to the group “team”, of which Bob is a member and Eve is not; `$item` is
/// Bob's. Bob follows the post `$target`, which Alice commented on: `$activity`. Everybody asks
/// about themselves: `$me` is the id of the caller (Eve's for the stranger and the host).
struct Line {
    field: &'static str,
    query: &'static str,
    answer: &'static str,
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
    ($($field:literal $query:literal $answer:literal: $s:ident $a:ident $b:ident $e:ident $h:ident $r:ident;)*) => {
        &[$(Line { field: $field, query: $query, answer: $answer, stranger: $s, alice: $a, bob: $b, eve: $e, host: $h, admin: $r }),*]
    };
}

#[rustfmt::skip]
const LINES: &[Line] = lines![
    //                                                                                           stranger alice bob eve host admin
    "Query.node" "query($message: ID!) { node(id: $message) { id } }" "/node":                          U Y Y O O Y;
    "Query.node" "query($group: ID!) { node(id: $group) { id } }" "/node":                              U Y Y Y Y Y;
    "Query.node" "query($bob: ID!) { node(id: $bob) { id } }" "/node":                                  U Y Y Y Y Y;
    "Query.node" "query($item: ID!) { node(id: $item) { id } }" "/node":                                U O Y O O O;
    "Query.node" "query($inbox: ID!) { node(id: $inbox) { id } }" "/node":                              U O Y O Y Y;
    "Query.node" "query($counts: ID!) { node(id: $counts) { id } }" "/node":                            U O Y O Y Y;
    "Query.node" "query($recipient: ID!) { node(id: $recipient) { id } }" "/node":                      U Y O O O Y;
    "Query.node" "query($announcement: ID!) { node(id: $announcement) { id } }" "/node":                U Y Y Y Y Y;
    "Query.node" "query($activity: ID!) { node(id: $activity) { id } }" "/node":                        U Y Y O Y Y;
    "Query.node" "query($target: ID!) { node(id: $target) { id } }" "/node":                            U O Y O Y Y;
    "Query.node" "query($subscription: ID!) { node(id: $subscription) { id } }" "/node":                U O Y O Y Y;
    "Query.nodes" "query($message: ID!) { nodes(ids: [$message]) { id } }" "/nodes/0":                  U Y Y O O Y;
    "Query.viewer" "{ viewer { id } }" "/viewer":                                                       O Y Y Y O Y;
    "Query.viewerRole" "{ viewerRole }" "/viewerRole":                                                  U Y Y Y Y Y;
    "Query.user" "query($bob: ID!) { user(ref: {id: $bob}) { id } }" "/user":                           U Y Y Y Y Y;
    "Query.users" "{ users { nodes { id } } }" "/users":                                                U F F F Y Y;
    "Query.group" "{ group(ref: {externalId: \"team\"}) { id } }" "/group":                             U Y Y Y Y Y;
    "Query.groups" "{ groups { nodes { id } } }" "/groups":                                             U F F F Y Y;
    "Query.message" "query($message: ID!) { message(id: $message) { id } }" "/message":                 U Y Y O O Y;
    "Query.sentMessages" "{ sentMessages { nodes { id } } }" "/sentMessages":                           U Y Y Y Y Y;
    "Query.catalog" "{ catalog { targetTypes } }" "/catalog":                                           U Y Y Y Y Y;
    "Query.announcement" "query($announcement: ID!) { announcement(id: $announcement) { id } }" "/announcement": U Y Y Y Y Y;
    "Query.announcement" "query($planned: ID!) { announcement(id: $planned) { id } }" "/announcement":  U O O O Y Y;
    "Query.announcements" "{ announcements { nodes { id } } }" "/announcements":                        U Y Y Y Y Y;
    "Query.target" "{ target(ref: {type: \"post\", externalId: \"p\"}) { id } }" "/target":             U O Y O Y Y;
    "Query.explain" "query($activity: ID!) { explain(activityId: $activity) { delivered } }" "/explain": U Y Y N I Y;
    "Query.explain" "query($activity: ID!, $bob: ID!) { explain(activityId: $activity, user: {id: $bob}) { delivered } }" "/explain": U N Y N Y Y;
    "User.subscriptions" "query($bob: ID!) { user(ref: {id: $bob}) { subscriptions { nodes { id } } } }" "/user/subscriptions": U O Y O Y Y;
    "User.subscriptionConfig" "query($bob: ID!) { user(ref: {id: $bob}) { subscriptionConfig { updatedAt settings { action } } } }" "/user/subscriptionConfig": U O Y O Y Y;
    "Announcement.readStats" "query($announcement: ID!) { announcement(id: $announcement) { readStats { readCount } } }" "/announcement/readStats": U O O O Y Y;
    "Query.reminderSchedule" "{ reminderSchedule(reminder: {frequency: \"daily\"}) }" "/reminderSchedule":  U Y Y Y Y Y;
    "Query.readReport" "{ readReport { nodes { id } } }" "/readReport/nodes/0":                         U Y O O O Y;
    "Query.node" "query($row: ID!) { node(id: $row) { id } }" "/node":                                  U Y O O O Y;
    "User.email" "query($bob: ID!) { user(ref: {id: $bob}) { email } }" "/user/email":                  U O Y O Y Y;
    "User.locale" "query($bob: ID!) { user(ref: {id: $bob}) { locale } }" "/user/locale":               U O Y O Y Y;
    "User.timeZone" "query($bob: ID!) { user(ref: {id: $bob}) { timeZone } }" "/user/timeZone":         U O Y O Y Y;
    "User.inbox" "query($bob: ID!) { user(ref: {id: $bob}) { inbox { id } } }" "/user/inbox":           U O Y O Y Y;
    "User.deactivation" "{ user(ref: {externalId: \"gone\"}) { deactivation { reason } } }" "/user/deactivation": U O O O Y Y;
    "User.groups" "query($bob: ID!) { user(ref: {id: $bob}) { groups { nodes { id } } } }" "/user/groups": U O Y O Y Y;
    "Group.members" "{ group(ref: {externalId: \"team\"}) { members { nodes { id } } } }" "/group/members": U O Y O Y Y;
    "Message.recipients" "query($message: ID!) { message(id: $message) { recipients { nodes { id } } } }" "/message/recipients": U Y O O O Y;
    "Message.reminder" "query($message: ID!) { message(id: $message) { reminder { frequency } } }" "/message/reminder": U Y O O O Y;
    "Message.readStats" "query($message: ID!) { message(id: $message) { readStats { readCount } } }" "/message/readStats": U Y O O O Y;
    "Message.readTimeline" "query($message: ID!) { message(id: $message) { readTimeline { readCount } } }" "/message/readTimeline": U Y O O O Y;
    "MessageAudience.readStats" "query($message: ID!) { message(id: $message) { sentTo { readStats { readCount } } } }" "/message/sentTo/0/readStats": U Y O O O Y;
    "Mutation.createMessage" "mutation($bob: ID!) { createMessage(input: {to: [{user: {id: $bob}}], subject: \"s\", body: \"\"}) { message { id } } }" "/createMessage": U Y Y Y Y Y;
    "Mutation.replyToMessage" "mutation($message: ID!) { replyToMessage(input: {parentId: $message, body: \"\"}) { message { id } } }" "/replyToMessage": U Y Y N I C;
    "Mutation.updateMessage" "mutation($message: ID!) { updateMessage(input: {messageId: $message, expiresAt: null}) { message { id } } }" "/updateMessage": U Y F N N Y;
    "Mutation.markRead" "mutation($item: ID!) { markRead(input: {itemIds: [$item]}) { items { id } } }" "/markRead":       U N Y N I N;
    "Mutation.markUnread" "mutation($item: ID!) { markUnread(input: {itemIds: [$item]}) { items { id } } }" "/markUnread": U N Y N I N;
    "Mutation.markSeen" "mutation($item: ID!) { markSeen(input: {itemIds: [$item]}) { items { id } } }" "/markSeen":       U N Y N I N;
    "Mutation.archive" "mutation($item: ID!) { archive(input: {itemIds: [$item]}) { items { id } } }" "/archive":          U N Y N I N;
    "Mutation.unarchive" "mutation($item: ID!) { unarchive(input: {itemIds: [$item]}) { items { id } } }" "/unarchive":    U N Y N I N;
    "Mutation.snooze" "mutation($item: ID!) { snooze(input: {itemIds: [$item], until: \"2027-01-01T00:00:00Z\"}) { items { id } } }" "/snooze": U N Y N I N;
    "Mutation.unsnooze" "mutation($item: ID!) { unsnooze(input: {itemIds: [$item]}) { items { id } } }" "/unsnooze":       U N Y N I N;
    "Mutation.markAllRead" "mutation { markAllRead(input: {}) { affectedCount } }" "/markAllRead":      U Y Y Y I Y;
    "Mutation.markAllSeen" "mutation { markAllSeen(input: {}) { affectedCount } }" "/markAllSeen":      U Y Y Y I Y;
    "Mutation.archiveAll" "mutation { archiveAll(input: {}) { affectedCount } }" "/archiveAll":         U Y Y Y I Y;
    "Mutation.pullInbox" "mutation { pullInbox { inbox { id } } }" "/pullInbox":                          U Y Y Y I Y;
    "Mutation.subscribe" "mutation { subscribe(input: {target: {type: \"post\", externalId: \"own\"}, reason: \"create_post\"}) { subscription { id } } }" "/subscribe": U Y Y Y I Y;
    "Mutation.cancelSubscription" "mutation { cancelSubscription(input: {target: {type: \"post\", externalId: \"own\"}}) { subscription { id } } }" "/cancelSubscription": U Y Y Y I Y;
    "Mutation.updateSubscriptionConfig" "mutation { updateSubscriptionConfig(input: {settings: [{action: \"like\", enabled: true}]}) { subscriptionConfig { updatedAt } } }" "/updateSubscriptionConfig": U Y Y Y I Y;
    "Mutation.createAnnouncement" "mutation { createAnnouncement(input: {title: \"t\", body: \"\"}) { announcement { id } } }" "/createAnnouncement": U F F F Y Y;
    "Mutation.updateAnnouncement" "mutation($announcement: ID!) { updateAnnouncement(input: {announcementId: $announcement, body: \"new\"}) { announcement { id } } }" "/updateAnnouncement": U F F F Y Y;
    "Mutation.retractAnnouncement" "mutation($spareAnnouncement: ID!) { retractAnnouncement(input: {announcementId: $spareAnnouncement}) { announcement { id } } }" "/retractAnnouncement": U F F F Y Y;
    "Mutation.createActivities" "mutation { createActivities(input: {activities: [{action: \"like\", target: {type: \"post\", externalId: \"own\"}}]}) { activities { id } } }" "/createActivities": U F F F Y Y;
    "Mutation.retractActivity" "mutation($activity: ID!) { retractActivity(input: {activityId: $activity}) { activity { id } } }" "/retractActivity": U F F F Y Y;
    "Mutation.upsertUsers" "mutation { upsertUsers(input: {users: [{externalId: \"new\"}]}) { users { id } } }" "/upsertUsers": U F F F Y Y;
    "Mutation.deactivateUser" "mutation { deactivateUser(input: {user: {externalId: \"spare\"}}) { user { id } } }" "/deactivateUser": U F F F Y Y;
    "Mutation.reactivateUser" "mutation { reactivateUser(input: {user: {externalId: \"spare\"}}) { user { id } } }" "/reactivateUser": U F F F Y Y;
    "Mutation.upsertGroup" "mutation { upsertGroup(input: {externalId: \"new\", name: \"n\"}) { group { id } } }" "/upsertGroup": U F F F Y Y;
    "Mutation.deleteGroup" "mutation { deleteGroup(input: {group: {externalId: \"spare\"}}) { group { id } } }" "/deleteGroup": U F F F Y N;
    "Mutation.addGroupMembers" "mutation($spare: ID!) { addGroupMembers(input: {group: {externalId: \"other\"}, users: [{id: $spare}]}) { group { id } } }" "/addGroupMembers": U F F F Y Y;
    "Mutation.removeGroupMembers" "mutation($spare: ID!) { removeGroupMembers(input: {group: {externalId: \"other\"}, users: [{id: $spare}]}) { group { id } } }" "/removeGroupMembers": U F F F Y Y;
    "Subscription.inboxUpdated" "subscription { inboxUpdated { cursor } }" "/inboxUpdated":             U Y Y Y I Y;
    "Subscription.readStatsUpdated" "subscription($message: ID!) { readStatsUpdated(messageId: $message) { readCount } }" "/readStatsUpdated": U Y N N N Y;
    "Subscription.threadUpdated" "subscription($message: ID!) { threadUpdated(rootId: $message) { cursor } }" "/threadUpdated": U Y Y N N Y;
];

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
    let answer = if line.query.starts_with("subscription") {
        let mut socket = user.connect().await;
        socket.subscribe("1", line.query, variables.clone()).await;
        let message = socket.receive().await;
        match message["type"].as_str().unwrap() {
            "error" => json!({"errors": message["payload"]}),
            _ => message["payload"].clone(),
        }
    } else {
        user.ask(line.query, variables.clone()).await
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
        let bob_is = "mutation { upsertUsers(input: {users: [{externalId: \"bob\", email: \"bob@example.com\"}]}) { users { id } } }";
        app.service().query(bob_is, json!({})).await;
        app.user("gone").await;
        app.service().query("mutation { deactivateUser(input: {user: {externalId: \"gone\"}}) { user { id } } }", json!({})).await;
        app.group("team", &[&bob]).await;
        app.group("other", &[&spare]).await;
        app.group("spare", &[]).await;
        let message = json!({"to": [To::Group("team").input()], "subject": "hello", "body": "", "reminder": {"frequency": "daily"}});
        let message = alice.create_message(message).await;
        let ids = alice.query("query($id: ID!) { message(id: $id) { recipients { nodes { id } } } group(ref: {externalId: \"team\"}) { id } }", json!({"id": message})).await;
        let report = alice.query("{ readReport { nodes { id } } }", json!({})).await;
        let inbox = bob.query("{ viewer { inbox { id counts { id } } } }", json!({})).await["viewer"]["inbox"].take();
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
        let variables = json!({
            "subscription": subscription, "activity": activity, "target": target, "planned": planned,
            "announcement": announcement, "spareAnnouncement": spare_announcement,
            "message": message, "item": bob.item("hello").await, "bob": bob.id, "spare": spare.id,
            "group": ids["group"]["id"], "recipient": ids["message"]["recipients"]["nodes"][0]["id"],
            "row": report["readReport"]["nodes"][0]["id"], "inbox": inbox["id"], "counts": inbox["counts"]["id"],
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
                    wrong.push(format!("{} for {who}: {got} instead of {expected}", line.query));
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
                "mutation($id: ID!) { retractActivity(input: {activityId: $id}) { activity { id } } }",
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
                "mutation($id: ID!) { replyToMessage(input: {parentId: $id, body: \"\"}) { message { id } } }",
                &message,
                "msg_zz",
            ),
            (
                "mutation($id: ID!) { updateMessage(input: {messageId: $id, expiresAt: null}) { message { id } } }",
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
            node(id: $private) { id } nodes(ids: [$private]) { id } sentMessages { nodes { body } } }";
        let seen = carol.query(everywhere, json!({"root": root, "private": private})).await;
        assert!(!seen.to_string().contains("private"), "{seen:#}");
    }
}
