//! Old state + updates = fresh state (P5), for random stories of several users, with interrupted
//! connections in between.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use crate::{
    categories::with_categories,
    support::{
        app::{Kind, TestApp, TestUser, To},
        documents::{
            CANCEL_MESSAGE, CREATE_MESSAGE, ERASE_USER, REPLY_TO_MESSAGE, SET_EXPIRY,
            UPDATE_ANNOUNCEMENT, UPDATE_MESSAGE,
        },
        notify::target,
        socket::Following,
        state::InboxState,
    },
};

const USERS: usize = 4;
const GROUPS: usize = 2;
const POSTS: usize = 3;
const STORIES: u32 = 24;
const LONGEST_STORY: usize = 60;
/// What things are of, in turn.
const CATEGORIES: [Option<&str>; 3] = [None, Some("work"), Some("social")];

/// Something that happens. Numbers select among what exists.
#[derive(Clone, Debug)]
enum Event {
    Send {
        from: usize,
        to: Vec<usize>,
        groups: Vec<usize>,
        /// In how many minutes it expires, and until what it reminds every hour.
        reminder: Option<(i64, &'static str)>,
    },
    Reply {
        from: usize,
        nth: usize,
        everyone: bool,
    },
    Change {
        who: usize,
        nth: usize,
        many: usize,
        mutation: &'static str,
    },
    ChangeAll {
        who: usize,
        mutation: &'static str,
        view: &'static str,
        /// Of which of the filters, and of what.
        filter: usize,
        nth: usize,
        up_to_old_cursor: bool,
    },
    Snooze {
        who: usize,
        nth: usize,
        minutes: i64,
    },
    /// Takes back something that somebody did, perhaps long ago, perhaps twice at the same time.
    Undo {
        who: usize,
        nth: usize,
        times: usize,
    },
    /// Marks a thread as read, mutes it, or ends that.
    Thread {
        who: usize,
        nth: usize,
        mutation: &'static str,
    },
    Expire {
        nth: usize,
        minutes: i64,
    },
    /// Writes a message that is to be sent in some minutes.
    Plan {
        from: usize,
        to: usize,
        groups: Vec<usize>,
        minutes: i64,
    },
    /// Moves a planned message, or cancels it.
    Replan {
        nth: usize,
        minutes: Option<i64>,
    },
    /// Somebody new writes to a person and a group, and acts on a post.
    Visit {
        to: usize,
        group: usize,
        post: usize,
    },
    /// One of them is erased, while somebody writes to them.
    Erase {
        nth: usize,
        messages: bool,
        from: usize,
    },
    /// What is older than a day leaves the inboxes, and threads are deleted.
    Age {
        hours: i64,
    },
    Announce {
        minutes: i64,
    },
    /// The host application says something else with a message.
    Say {
        nth: usize,
    },
    /// Changes an announcement: retracts it, or gives it another title or expiry.
    Reannounce {
        nth: usize,
        minutes: Option<i64>,
    },
    /// Some people act on posts, in one call; a title renames the post.
    Act {
        what: Vec<(usize, usize, &'static str)>,
        title: bool,
    },
    Retract {
        nth: usize,
    },
    Follow {
        who: usize,
        post: usize,
        reason: &'static str,
    },
    Unfollow {
        who: usize,
        post: usize,
    },
    Want {
        who: usize,
        action: &'static str,
        enabled: Option<bool>,
    },
    /// Some people look at the same time, while somebody does something and something is retracted.
    LookAtOnce {
        who: usize,
        times: usize,
        retract: usize,
    },
    Join {
        who: usize,
        group: usize,
    },
    Leave {
        who: usize,
        group: usize,
    },
    /// Time passes, and the server does what is due.
    Wait {
        minutes: i64,
    },
    /// The follower's connection breaks; it later reconnects with its cursor.
    Cut {
        who: usize,
    },
    /// All of these at the same time; some take back what they did last.
    AtOnce {
        who: Vec<(usize, usize)>,
        mutation: &'static str,
    },
    /// All of these write at the same time.
    WriteAtOnce {
        what: Vec<Letter>,
    },
}

/// What somebody writes while others write.
#[derive(Clone, Debug)]
struct Letter {
    from: usize,
    /// To whom, unless it is a reply.
    to: usize,
    group: Option<usize>,
    /// The message that it replies to.
    parent: Option<usize>,
}

fn event() -> impl Strategy<Value = Event> {
    let user = || 0..USERS;
    let mutation = || {
        prop::sample::select(vec![
            "markRead",
            "markUnread",
            "markSeen",
            "archive",
            "unarchive",
            "unsnooze",
        ])
    };
    let bulk = prop::sample::select(vec!["markAllRead", "markAllSeen", "archiveAll"]);
    let view =
        prop::sample::select(vec!["ACTIVE", "ACTIVE", "UNREAD", "SNOOZED", "ARCHIVED", "ALL"]);
    let thread = prop::sample::select(vec!["markThreadRead", "muteThread", "unmuteThread"]);
    let action = || prop::sample::select(vec!["comment", "like", "update"]);
    let reason = prop::sample::select(vec!["create_post", "create_product", "like_post"]);
    let reminder = prop::option::of((30..400i64, prop::sample::select(vec!["READ", "REPLIED"])));
    let some = |of: usize, most: usize| prop::collection::vec(0..of, 0..=most);
    let letter = (user(), user(), prop::option::of(0..GROUPS), prop::option::of(0..50usize))
        .prop_map(|(from, to, group, parent)| Letter { from, to, group, parent });
    prop_oneof![
        5 => (user(), some(USERS, 3), some(GROUPS, 2), reminder)
            .prop_map(|(from, to, groups, reminder)| Event::Send { from, to, groups, reminder }),
        3 => (user(), 0..50usize, any::<bool>())
            .prop_map(|(from, nth, everyone)| Event::Reply { from, nth, everyone }),
        6 => (user(), 0..50usize, 1..4usize, mutation())
            .prop_map(|(who, nth, many, mutation)| Event::Change { who, nth, many, mutation }),
        3 => (user(), bulk, view, 0..8usize, 0..50usize, prop::bool::weighted(0.3))
            .prop_map(|(who, mutation, view, filter, nth, up_to_old_cursor)| {
                Event::ChangeAll { who, mutation, view, filter, nth, up_to_old_cursor }
            }),
        3 => (user(), 0..3usize, 1..3usize)
            .prop_map(|(who, nth, times)| Event::Undo { who, nth, times }),
        2 => (user(), 0..50usize, thread)
            .prop_map(|(who, nth, mutation)| Event::Thread { who, nth, mutation }),
        2 => (user(), 0..50usize, 1..90i64)
            .prop_map(|(who, nth, minutes)| Event::Snooze { who, nth, minutes }),
        2 => (0..50usize, -10..60i64).prop_map(|(nth, minutes)| Event::Expire { nth, minutes }),
        2 => (user(), user(), some(GROUPS, 1), 1..90i64)
            .prop_map(|(from, to, groups, minutes)| Event::Plan { from, to, groups, minutes }),
        1 => (0..50usize, prop::option::of(-10..60i64))
            .prop_map(|(nth, minutes)| Event::Replan { nth, minutes }),
        2 => (user(), 0..GROUPS, 0..POSTS)
            .prop_map(|(to, group, post)| Event::Visit { to, group, post }),
        1 => (0..50usize, any::<bool>(), user())
            .prop_map(|(nth, messages, from)| Event::Erase { nth, messages, from }),
        1 => (10..30i64).prop_map(|hours| Event::Age { hours }),
        2 => (-10..60i64).prop_map(|minutes| Event::Announce { minutes }),
        2 => (0..50usize, prop::option::of(-5..60i64))
            .prop_map(|(nth, minutes)| Event::Reannounce { nth, minutes }),
        1 => (0..50usize).prop_map(|nth| Event::Say { nth }),
        8 => (prop::collection::vec((user(), 0..POSTS, action()), 1..5), prop::bool::weighted(0.2))
            .prop_map(|(what, title)| Event::Act { what, title }),
        3 => (0..50usize).prop_map(|nth| Event::Retract { nth }),
        5 => (user(), 0..POSTS, reason)
            .prop_map(|(who, post, reason)| Event::Follow { who, post, reason }),
        1 => (user(), 0..POSTS).prop_map(|(who, post)| Event::Unfollow { who, post }),
        2 => (user(), action(), any::<Option<bool>>())
            .prop_map(|(who, action, enabled)| Event::Want { who, action, enabled }),
        2 => (user(), 1..6usize, 0..50usize)
            .prop_map(|(who, times, retract)| Event::LookAtOnce { who, times, retract }),
        1 => (user(), 0..GROUPS).prop_map(|(who, group)| Event::Join { who, group }),
        1 => (user(), 0..GROUPS).prop_map(|(who, group)| Event::Leave { who, group }),
        2 => (1..120i64).prop_map(|minutes| Event::Wait { minutes }),
        2 => user().prop_map(|who| Event::Cut { who }),
        1 => (prop::collection::vec((user(), 0..50usize), 2..6), mutation())
            .prop_map(|(who, mutation)| Event::AtOnce { who, mutation }),
        2 => prop::collection::vec(letter, 2..8).prop_map(|what| Event::WriteAtOnce { what }),
    ]
}

/// A user, and what their client has received.
struct Reader {
    user: TestUser,
    live: Option<Following>,
    /// What the client knew when its connection broke.
    known: InboxState,
    /// The cursors of what they did, the latest last.
    did: Vec<String>,
}

impl Reader {
    async fn connect(&mut self) {
        if self.live.is_none() {
            let live = self.user.follow_inbox(Some(&self.known.cursor)).await;
            self.live = Some(live.with(self.known.clone()));
        }
    }

    /// Changes what the same filter lists, and nothing else; with an older cursor, only what had
    /// arrived by then. What cannot be listed is refused in the same way.
    async fn change_all(&mut self, mutation: &str, filter: Value, up_to: Option<String>) {
        let list = "query($filter: InboxFilter!) { viewer { inbox {
            items(filter: $filter, first: 100) { nodes { id } pageInfo { hasNextPage } } } } }";
        let listed = self.user.ask(list, json!({"filter": filter})).await;
        let input = json!({"filter": filter, "upTo": up_to});
        if let Some(refused) = listed["errors"].get(0) {
            let change = format!(
                "mutation($input: InboxBulkInput!) {{ {mutation}(input: $input) {{ cursor }} }}"
            );
            let (code, _) = self.user.refusal(&change, json!({"input": input})).await;
            assert_eq!(refused["extensions"]["code"], code, "{filter}");
            return;
        }
        let listed = &listed["data"]["viewer"]["inbox"]["items"];
        assert_eq!(listed["pageInfo"]["hasNextPage"], false, "more than a story has");
        let listed: BTreeSet<String> = listed["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect();
        let before = self.user.inbox().await.items;
        let (count, did) = self.user.did_all(mutation, input).await;
        let after = self.user.inbox().await.items;
        let mark = match mutation {
            "markAllRead" => "readAt",
            "markAllSeen" => "seenAt",
            _ => "archivedAt",
        };
        let changed: BTreeSet<String> = after
            .iter()
            .filter(|(id, item)| before.get(*id).is_some_and(|old| old[mark] != item[mark]))
            .map(|(id, _)| id.clone())
            .collect();
        assert_eq!(count, changed.len() as i64, "{mutation} of {filter} changed {changed:?}");
        assert!(changed.is_subset(&listed), "{mutation} of {filter}: {changed:?} of {listed:?}");
        let is_marked = |id: &String| after.get(id).is_none_or(|item| !item[mark].is_null());
        assert!(up_to.is_some() || listed.iter().all(is_marked), "{mutation} of {filter}");
        self.did.extend(did);
    }

    async fn agree(&mut self) {
        self.connect().await;
        let fresh = self.user.inbox().await;
        let live = self.live.as_mut().unwrap();
        live.until(&fresh.cursor).await;
        assert_eq!(
            live.state, fresh,
            "{} has heard something else than what there is",
            self.user.name
        );
        for (name, count) in fresh.tally().as_object().unwrap() {
            assert_eq!(&fresh.counts[name], count, "the count of {name} is not what there is");
        }
    }
}

async fn tell(app: &TestApp, prefix: &str, story: Vec<Event>) {
    let mut readers = Vec::new();
    for n in 0..USERS {
        let user = app.user(&format!("{prefix}u{n}")).await;
        let known = user.inbox().await;
        readers.push(Reader { user, live: None, known, did: Vec::new() });
    }
    let groups: Vec<_> = (0..GROUPS).map(|n| format!("{prefix}g{n}")).collect();
    for group in &groups {
        app.group(group, &[&readers[0].user, &readers[1].user, &readers[2].user]).await;
    }
    for reader in &mut readers {
        reader.connect().await;
    }
    let mut made = Made::default();
    let began = app.now();
    for (n, event) in story.into_iter().enumerate() {
        happen(app, &groups, &mut readers, &mut made, n, event).await;
    }
    // Five minutes after an erasure, what was on its way is erased, too.
    app.advance(TimeDelta::minutes(6));
    app.run_due().await;
    for reader in &mut readers {
        reader.agree().await;
    }
    // What is in an inbox follows from the rules, one activity at a time, until it is too old.
    let is_any_old = app.now() - began > TimeDelta::days(1);
    for reader in &readers {
        let host = app.service().acting_as(&reader.user);
        for activity in &made.done {
            let (delivered, rule, detail) = host.explanation(activity).await;
            assert!(
                delivered == (rule == "AGGREGATED") || is_any_old && !delivered,
                "{activity} for {}: {rule}: {detail}",
                reader.user.name
            );
        }
    }
    // Everything counted or noted beside it follows from the contents.
    let report = tidings::recount::check(app.db.read(), app.now()).await.unwrap();
    assert!(report.findings.is_empty(), "{report}");
}

/// What exists and can be changed later.
#[derive(Default)]
struct Made {
    sent: Vec<(usize, String)>,
    announced: Vec<String>,
    done: Vec<String>,
    planned: Vec<(usize, String)>,
    visitors: Vec<TestUser>,
}

async fn happen(
    app: &TestApp,
    groups: &[String],
    readers: &mut [Reader],
    made: &mut Made,
    n: usize,
    event: Event,
) {
    let sent = &mut made.sent;
    // The groups and posts belong to this story.
    let post = |post: usize| format!("{}-{post}", groups[0]);
    let act = |what: Vec<(usize, usize, &'static str)>,
               title: Option<String>,
               readers: &[Reader]| {
        let activity = |(who, nth, action): (usize, usize, &'static str)| {
            let mut target = target(&post(nth));
            target["owner"] = json!({"externalId": readers[nth].user.name});
            if let Some(title) = &title {
                target["title"] = title.as_str().into();
            }
            json!({
                "actor": {"externalId": readers[who].user.name}, "action": action, "target": target,
            })
        };
        what.into_iter().map(activity).collect::<serde_json::Value>()
    };
    // What is impossible at this point of the story (an empty address, no item yet) is requested
    // all the same, and refused.
    match event {
        Event::Send { from, to, groups: to_groups, reminder } => {
            let people = to.iter().map(|to| To::User(&readers[*to].user));
            let to: Vec<_> =
                people.chain(to_groups.iter().map(|group| To::Group(&groups[*group]))).collect();
            let to: serde_json::Value = to.iter().map(To::input).collect();
            let mut input = json!({"to": to, "subject": format!("message {n}"), "body": "…"});
            if let Some((minutes, until)) = reminder {
                input["expiresAt"] = json!((app.now() + TimeDelta::minutes(minutes)).to_rfc3339());
                input["reminder"] = json!({"frequency": "hourly", "until": until});
            }
            let answer = match CATEGORIES[n % 3] {
                None => readers[from].user.ask(CREATE_MESSAGE, json!({"input": input})).await,
                Some(category) => {
                    input["category"] = category.into();
                    let host = app.service().acting_as(&readers[from].user);
                    host.ask(CREATE_MESSAGE, json!({"input": input})).await
                }
            };
            if let Some(id) = answer["data"]["createMessage"]["message"]["id"].as_str() {
                sent.push((from, id.to_owned()));
            }
        }
        Event::Reply { from, nth, everyone } => {
            if let Some((_, parent)) = pick(sent, nth) {
                let scope = if everyone { "EVERYONE" } else { "SENDER" };
                let input =
                    json!({"parentId": parent, "body": format!("reply {n}"), "scope": scope});
                let answer =
                    readers[from].user.ask(REPLY_TO_MESSAGE, json!({"input": input})).await;
                if let Some(id) = answer["data"]["replyToMessage"]["message"]["id"].as_str() {
                    sent.push((from, id.to_owned()));
                }
            }
        }
        Event::Change { who, nth, many, mutation } => {
            let items: Vec<_> = readers[who].user.inbox().await.items.into_keys().collect();
            let items: Vec<_> =
                (nth..nth + many).filter_map(|nth| pick(&items, nth)).map(String::as_str).collect();
            if !items.is_empty() {
                let did = readers[who].user.did(mutation, &items).await;
                readers[who].did.extend(did);
            }
        }
        Event::ChangeAll { who, mutation, view, filter, nth, up_to_old_cursor } => {
            let up_to = up_to_old_cursor.then(|| readers[who].known.cursor.clone());
            let mut of = json!({"view": view});
            match filter {
                0 => of["categories"] = json!(["work", "social"]),
                1 => of["categories"] = Value::from(vec![["work", "social"][nth % 2]]),
                2 => {
                    let kind = ["MESSAGE", "ANNOUNCEMENT", "ACTIVITY"][nth % 3];
                    of["kinds"] = json!([kind]);
                }
                3 => of["target"] = target(&post(nth % POSTS)),
                4 => {
                    let words = ["message", "reply 1", "commented", "later"];
                    of["search"] = words[nth % words.len()].into();
                }
                5 => of["thread"] = json!(pick(sent, nth).map(|(_, id)| id)),
                6 => {
                    let sender = &readers[nth % readers.len()].user.name;
                    of["sender"] = json!({"externalId": sender});
                }
                _ => {}
            }
            readers[who].change_all(mutation, of, up_to).await;
        }
        Event::Undo { who, nth, times } => {
            let latest: Vec<_> = readers[who].did.iter().rev().cloned().collect();
            let undo = |cursor: String| {
                let user = readers[who].user.clone();
                tokio::spawn(async move { user.undo(&cursor).await.0 })
            };
            let calls: Vec<_> = pick(&latest, nth)
                .into_iter()
                .flat_map(|cursor| vec![cursor.clone(); times])
                .map(undo)
                .collect();
            let mut counts = Vec::new();
            for call in calls {
                counts.push(call.await.unwrap());
            }
            // Of two at the same time, one finds nothing left to take back.
            assert!(counts.iter().filter(|count| **count > 0).count() <= 1, "{counts:?}");
        }
        Event::Thread { who, nth, mutation } => {
            if let Some((_, message)) = pick(sent, nth) {
                let query = format!(
                    "mutation($id: ID!) {{
                        {mutation}(input: {{rootId: $id}}) {{ thread {{ id }} }} }}"
                );
                readers[who].user.ask(&query, json!({"id": message})).await;
            }
        }
        Event::Snooze { who, nth, minutes } => {
            let items: Vec<_> = readers[who].user.inbox().await.items.into_keys().collect();
            if let Some(item) = pick(&items, nth) {
                readers[who].user.snooze(item, app.now() + TimeDelta::minutes(minutes)).await;
            }
        }
        Event::Expire { nth, minutes } => {
            if let Some((sender, id)) = pick(sent, nth) {
                let at = (app.now() + TimeDelta::minutes(minutes)).to_rfc3339();
                readers[*sender].user.ask(SET_EXPIRY, json!({"id": id, "at": at})).await;
            }
        }
        Event::Plan { from, to, groups: to_groups, minutes } => {
            let to = [To::User(&readers[to].user)].into_iter();
            let to = to.chain(to_groups.iter().map(|group| To::Group(&groups[*group])));
            let to: serde_json::Value = to.map(|to| to.input()).collect();
            let at = (app.now() + TimeDelta::minutes(minutes)).to_rfc3339();
            let subject = format!("later {n}");
            let input = json!({"to": to, "subject": subject, "body": "", "sendAt": at});
            made.planned.push((from, readers[from].user.create_message(input).await));
        }
        Event::Replan { nth, minutes } => {
            if let Some((sender, id)) = pick(&made.planned, nth) {
                let sender = &readers[*sender].user;
                let (change, input) = match minutes {
                    Some(minutes) => {
                        let at = (app.now() + TimeDelta::minutes(minutes)).to_rfc3339();
                        (UPDATE_MESSAGE, json!({"messageId": id, "sendAt": at}))
                    }
                    None => (CANCEL_MESSAGE, json!({"messageId": id})),
                };
                sender.ask(change, json!({"input": input})).await;
            }
        }
        Event::Visit { to, group, post: nth } => {
            let visitor = app.user(&format!("{}visitor{n}", groups[0])).await;
            let to = [To::User(&readers[to].user), To::Group(&groups[group])];
            visitor.send_to(&to, &format!("visit {n}")).await;
            app.announce_with(json!({"title": format!("for visitor {n}"), "body": ""})).await;
            visitor.query("mutation { markAllRead(input: {}) { affectedCount } }", json!({})).await;
            made.done.push(app.act(&visitor, "comment", &post(nth)).await);
            made.visitors.push(visitor);
        }
        Event::Erase { nth, messages, from } => {
            if let Some(visitor) = pick(&made.visitors, nth) {
                let input = json!({"user": {"id": visitor.id}, "messages": messages});
                let host = app.service();
                let erasing = tokio::spawn(async move {
                    drop(host.query(ERASE_USER, json!({"input": input})).await);
                });
                let to = json!([{"user": {"id": visitor.id}}, To::Group(&groups[0]).input()]);
                let input = json!({"to": to, "subject": format!("message {n}"), "body": ""});
                let answer = readers[from].user.ask(CREATE_MESSAGE, json!({"input": input})).await;
                if let Some(id) = answer["data"]["createMessage"]["message"]["id"].as_str() {
                    sent.push((from, id.to_owned()));
                }
                erasing.await.unwrap();
                app.run_due().await;
            }
        }
        Event::Age { hours } => {
            app.advance(TimeDelta::hours(hours));
            app.run_due().await;
        }
        Event::Announce { minutes } => {
            let mut input = match minutes {
                ..0 => json!({"title": format!("announcement {n}"), "body": ""}),
                minutes => {
                    let at = (app.now() + TimeDelta::minutes(minutes)).to_rfc3339();
                    json!({"title": format!("planned {n}"), "body": "", "publishAt": at})
                }
            };
            input["category"] = json!(CATEGORIES[n % 3]);
            made.announced.push(app.announce_with(input).await);
        }
        Event::Say { nth } => {
            if let Some((sender, id)) = pick(sent, nth) {
                let input = json!({"messageId": id, "url": format!("/{n}"), "data": n});
                let host = app.service().acting_as(&readers[*sender].user);
                drop(host.ask(UPDATE_MESSAGE, json!({"input": input})).await);
            }
        }
        Event::Reannounce { nth, minutes } => {
            if let Some(id) = pick(&made.announced, nth) {
                let expiry =
                    minutes.map(|minutes| (app.now() + TimeDelta::minutes(minutes)).to_rfc3339());
                match (expiry, nth % 3) {
                    (Some(at), _) => {
                        let input = json!({"announcementId": id, "expiresAt": at});
                        drop(app.service().ask(UPDATE_ANNOUNCEMENT, json!({"input": input})).await);
                    }
                    (None, 0) => app.retract_announcement(id).await,
                    (None, _) => {
                        let input = json!({"announcementId": id, "title": format!("changed {n}")});
                        drop(app.service().ask(UPDATE_ANNOUNCEMENT, json!({"input": input})).await);
                    }
                }
            }
        }
        Event::Act { what, title } => {
            let activities = act(what, title.then(|| format!("title {n}")), readers);
            made.done.extend(app.act_all(activities).await);
        }
        Event::Retract { nth } => {
            if let Some(id) = pick(&made.done, nth) {
                app.retract_activity(id).await;
            }
        }
        Event::Follow { who, post: nth, reason } => {
            drop(readers[who].user.follow(&post(nth), reason).await)
        }
        Event::Unfollow { who, post: nth } => {
            drop(readers[who].user.unfollow(&post(nth), None).await)
        }
        Event::Want { who, action, enabled } => drop(readers[who].user.want(action, enabled).await),
        Event::LookAtOnce { who, times, retract } => {
            let mut calls = Vec::new();
            for _ in 0..times {
                let user = readers[who].user.clone();
                calls.push(tokio::spawn(async move { drop(user.counts().await) }));
            }
            let activities = act(
                (0..USERS).map(|from| (from, from % POSTS, "comment")).collect(),
                None,
                readers,
            );
            let host = app.clone();
            let retracted = pick(&made.done, retract).cloned();
            calls.push(tokio::spawn(async move {
                if let Some(id) = retracted {
                    host.retract_activity(&id).await;
                }
            }));
            made.done.extend(app.act_all(activities).await);
            for call in calls {
                call.await.unwrap();
            }
        }
        Event::Join { who, group } => app.add_members(&groups[group], &[&readers[who].user]).await,
        Event::Leave { who, group } => {
            app.remove_members(&groups[group], &[&readers[who].user]).await
        }
        Event::Wait { minutes } => {
            app.advance(TimeDelta::minutes(minutes));
            app.run_due().await;
        }
        Event::Cut { who } => {
            let reader = &mut readers[who];
            match reader.live.take() {
                Some(live) => reader.known = live.state,
                None => reader.connect().await,
            }
        }
        Event::WriteAtOnce { what } => {
            let mut calls = Vec::new();
            for Letter { from, to, group, parent } in what {
                let writer = readers[from].user.clone();
                let (document, field, input) = match parent.and_then(|nth| pick(sent, nth)) {
                    Some((_, parent)) => {
                        let input = json!({"parentId": parent, "body": format!("reply {n}")});
                        (REPLY_TO_MESSAGE, "replyToMessage", input)
                    }
                    None => {
                        let to = match group {
                            Some(group) => To::Group(&groups[group]),
                            None => To::User(&readers[to].user),
                        };
                        let subject = format!("message {n}");
                        let input = json!({"to": [to.input()], "subject": subject, "body": "…"});
                        (CREATE_MESSAGE, "createMessage", input)
                    }
                };
                calls.push(tokio::spawn(async move {
                    let answer = writer.ask(document, json!({"input": input})).await;
                    let id = answer["data"][field]["message"]["id"].as_str();
                    id.map(|id| (from, id.to_owned()))
                }));
            }
            for call in calls {
                sent.extend(call.await.unwrap());
            }
        }
        Event::AtOnce { who, mutation } => {
            let mut calls = Vec::new();
            for (who, nth) in who {
                let (user, did) = (readers[who].user.clone(), readers[who].did.last().cloned());
                calls.push(tokio::spawn(async move {
                    let items: Vec<_> = user.inbox().await.items.into_keys().collect();
                    match (pick(&items, nth), did) {
                        (_, Some(did)) if nth % 3 == 0 => drop(user.undo(&did).await),
                        (Some(item), _) => {
                            return user.did(mutation, &[item]).await.map(|did| (who, did));
                        }
                        _ => {}
                    }
                    None
                }));
            }
            for call in calls {
                if let Some((who, did)) = call.await.unwrap() {
                    readers[who].did.push(did);
                }
            }
        }
    }
}

fn pick<T>(among: &[T], nth: usize) -> Option<&T> {
    among.get(nth.checked_rem(among.len())?)
}

/// Runs random stories on one server; a failing one is reduced to what matters and printed.
fn stories(kind: Kind) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let hourly = |config: &mut tidings::config::Config| {
        with_categories(config);
        let day = std::time::Duration::from_secs(24 * 60 * 60);
        (config.inbox_retention, config.message_retention) = (Some(day), Some(day));
        config.reminder_frequencies = serde_json::from_value(json!({"hourly": "1 hour"})).unwrap();
    };
    let Some(app) = runtime.block_on(TestApp::start_with(kind, hourly)) else { return };
    let told = std::cell::Cell::new(0);
    let config = ProptestConfig {
        cases: STORIES,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Default::default()
    };
    let outcome =
        TestRunner::new(config).run(&prop::collection::vec(event(), 1..LONGEST_STORY), |story| {
            told.set(told.get() + 1);
            runtime.block_on(tell(&app, &format!("story{}-", told.get()), story));
            Ok(())
        });
    runtime.block_on(app.stop());
    outcome.unwrap();
}

#[test]
fn old_state_and_updates_are_the_fresh_state_on_sqlite() {
    stories(Kind::Sqlite);
}

#[test]
fn old_state_and_updates_are_the_fresh_state_on_postgres() {
    stories(Kind::Postgres);
}
