//! People who write: correspondents, the host application, senders of numbered messages, readers
//! who mark items, people who follow and stop, and guests, who are erased. Each does one thing at a
//! time, and repeats it until it is acknowledged or refused.

mod guests;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::TimeDelta;
use rand::{
    Rng,
    rngs::StdRng,
    seq::{IndexedRandom, IteratorRandom},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    client::{Answer, Client, Settled, text},
    documents::{
        CANCEL_MESSAGE, CREATE_ACTIVITIES, CREATE_ANNOUNCEMENT, REPLY_TO_MESSAGE, RETRACT_ACTIVITY,
        RETRACT_ANNOUNCEMENT, SET_EXPIRY, SUBSCRIBE, UPDATE_MESSAGE, UPDATE_SETTINGS,
    },
    people::{
        CHANGING, CORRESPONDENTS, CROWD, FICKLE, PASSING, READERS, SENDERS, STABLE, TEAM,
        everybody, target, user, users,
    },
    transcript::{Outcome, What, ids, lock},
    world::{Stage, World},
};

/// Between two writes of one writer.
const PAUSE: std::ops::Range<u64> = 10..160;
const SEND: &str =
    "mutation($input: CreateMessageInput!) { createMessage(input: $input) { message { id } } }";

/// Ids of what was made, for those who change it later.
#[derive(Default)]
struct Made {
    /// With who sent it.
    messages: Mutex<Vec<(String, String)>>,
    /// Messages to come, with who wrote them.
    planned: Mutex<Vec<(String, String)>>,
    announcements: Mutex<Vec<String>>,
    /// Guests that are there, or were erased a moment ago.
    guests: Mutex<Vec<String>>,
    activities: Mutex<Vec<String>>,
}

struct Writer {
    world: Arc<World>,
    made: Arc<Made>,
    name: String,
    token: String,
    client: Client,
    rng: StdRng,
    count: u64,
}

/// They end by themselves when it is calm.
pub fn start(world: &Arc<World>) -> Vec<JoinHandle<()>> {
    let made = Arc::new(Made::default());
    let writer = |name: &str, role: &str, token: String| Writer {
        world: world.clone(),
        made: made.clone(),
        name: name.to_owned(),
        token,
        client: Client::new(),
        rng: world.rng(&format!("{role} {name}")),
        count: 0,
    };
    let mut tasks = Vec::new();
    for name in CORRESPONDENTS {
        tasks.push(tokio::spawn(writer(name, "writes", world.person(name)).correspond()));
    }
    for name in &CORRESPONDENTS[..4] {
        tasks.push(tokio::spawn(writer(name, "marks", world.person(name)).mark()));
    }
    for (lane, name) in SENDERS.into_iter().enumerate() {
        tasks.push(tokio::spawn(writer(name, "sends", world.person(name)).send_numbered(lane)));
    }
    for name in FICKLE {
        tasks.push(tokio::spawn(writer(name, "follows", world.person(name)).follow()));
    }
    for name in ["guests-0", "guests-1"] {
        tasks.push(tokio::spawn(writer(name, "has", world.host()).have_guests()));
    }
    for name in ["host-0", "host-1"] {
        tasks.push(tokio::spawn(writer(name, "acts", world.host()).act()));
    }
    tasks
}

impl Writer {
    async fn pause(&mut self) -> bool {
        let pause = Duration::from_millis(self.rng.random_range(PAUSE));
        self.world.pause(pause, Stage::Calm).await;
        self.world.stage() < Stage::Calm
    }

    /// A name for the next write, which stands in what is written, too.
    fn key(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind} {} {}", self.name, self.count)
    }

    /// Mostly a few words; sometimes as much as is allowed, in characters that take six bytes in
    /// JSON.
    fn body(&mut self, key: &str) -> String {
        let size = match self.rng.random_range(0..100) {
            0..3 => 64 * 1024,
            3..10 => 4_000,
            _ => 40,
        };
        let letters = ["x", "\u{1}", "ä", "\n"];
        let mut body = format!("{key}\n");
        while body.len() + 64 < size {
            let letter = if self.rng.random_ratio(1, 3) {
                letters[self.rng.random_range(0..letters.len())]
            } else {
                "word "
            };
            body.push_str(letter);
        }
        body
    }

    async fn settle(&mut self, query: &str, variables: Value) -> Settled {
        let token = self.token.clone();
        self.client.settle(&self.world, &mut self.rng, &token, query, &variables).await
    }

    /// A write with a key. Gives the ids of what was made.
    async fn write(
        &mut self,
        key: &str,
        what: What,
        mutation: &str,
        mut input: Value,
    ) -> Option<Vec<String>> {
        input["idempotencyKey"] = key.into();
        let variables = json!({"input": input});
        let write = self.world.begin(key, what);
        match self.settle(mutation, variables.clone()).await.answer {
            Answer::Data(data) => {
                let made = ids(&data);
                self.world.transcript.end(write, Outcome::Acknowledged(made.clone()));
                if self.rng.random_ratio(1, 20) {
                    self.repeat(key, mutation, variables, &made).await;
                }
                Some(made)
            }
            // An earlier try may have made what has become too old since then.
            Answer::Refused(code, _) if code == "NOT_FOUND" && self.world.forgets() => None,
            Answer::Refused(code, why) => {
                self.world.transcript.end(write, Outcome::Refused);
                if code == "IDEMPOTENCY_KEY_REUSED" {
                    self.world.transcript.fail(format!("{key} was refused: {why}"));
                }
                self.world.transcript.count(&format!("refused: {code}"), 1);
                None
            }
            Answer::Unclear(_) => None,
        }
    }

    /// Also after it was acknowledged, the answer is the same (P2).
    async fn repeat(&mut self, key: &str, mutation: &str, variables: Value, made: &[String]) {
        match self.settle(mutation, variables).await.answer {
            Answer::Data(data) if ids(&data) == made => {
                self.world.transcript.count("repetitions", 1)
            }
            Answer::Unclear(_) => {}
            Answer::Refused(code, _) if code == "NOT_FOUND" && self.world.forgets() => {}
            other => self
                .world
                .transcript
                .fail(format!("{key} made {made:?}, and repeated it is {other:?}")),
        }
    }

    /// A change that can be repeated by itself. Gives how often it was tried.
    async fn change(&mut self, mutation: &str, variables: Value) -> Option<u32> {
        self.world.transcript.count("changes tried", 1);
        let settled = self.settle(mutation, variables).await;
        let (what, tries) = match settled.answer {
            Answer::Data(_) => ("changes acknowledged".to_owned(), Some(settled.tries)),
            Answer::Refused(code, _) => (format!("changes refused: {code}"), None),
            Answer::Unclear(_) => return None,
        };
        self.world.transcript.count(&what, 1);
        tries
    }

    async fn correspond(mut self) {
        while self.pause().await {
            match self.rng.random_range(0..14) {
                0..7 => self.send().await,
                7..9 => self.reply().await,
                9..11 => self.change_expiry().await,
                11..13 => self.plan().await,
                _ => self.replan().await,
            }
        }
    }

    async fn send(&mut self) {
        let key = self.key("message");
        let others: Vec<_> = everybody()
            .into_iter()
            .filter(|name| *name != self.name && !SENDERS.contains(name))
            .collect();
        let count = self.rng.random_range(1..4);
        let mut to: Vec<&str> = others.into_iter().choose_multiple(&mut self.rng, count);
        let mut addresses: Vec<_> = to.iter().map(|name| json!({"user": user(name)})).collect();
        if self.rng.random_ratio(1, 3) {
            addresses.push(json!({"group": {"externalId": TEAM}}));
            to.extend(CORRESPONDENTS.iter().filter(|name| **name != self.name));
        }
        let mut is_certain = true;
        if self.rng.random_ratio(1, 8) {
            addresses.push(json!({"group": {"externalId": CHANGING}}));
            is_certain = false;
        }
        // Perhaps while they are erased.
        let guest = lock(&self.made.guests).choose(&mut self.rng).cloned();
        if let Some(guest) = guest.filter(|_| self.rng.random_ratio(1, 4)) {
            addresses.push(json!({"user": user(&guest)}));
            is_certain = false;
        }
        to.sort_unstable();
        to.dedup();
        let body = self.body(&key);
        let mut input = json!({"to": addresses, "subject": key, "body": body});
        let now = self.world.now();
        if self.rng.random_ratio(1, 4) {
            input["expiresAt"] =
                (now + TimeDelta::minutes(self.rng.random_range(5..1_500))).to_rfc3339().into();
        }
        if self.rng.random_ratio(1, 4) {
            let until = if self.rng.random() { "READ" } else { "REPLIED" };
            input["reminder"] = json!({"frequency": "hourly", "until": until});
        }
        let to = to.into_iter().map(str::to_owned).collect();
        let what = if is_certain { What::Message { to } } else { What::Reply };
        if let Some(made) = self.write(&key, what, SEND, input).await {
            lock(&self.made.messages).push((self.name.clone(), made[0].clone()));
        }
    }

    /// Writes a message that is to be sent in some hours.
    async fn plan(&mut self) {
        let key = self.key("plan");
        let to = READERS[self.rng.random_range(0..READERS.len())];
        let mut addresses = vec![json!({"user": user(to)})];
        let mut to = vec![to.to_owned()];
        if self.rng.random_ratio(1, 3) {
            addresses.push(json!({"group": {"externalId": TEAM}}));
            let team = CORRESPONDENTS.iter().filter(|name| **name != self.name);
            to.extend(team.map(|name| (*name).to_owned()));
        }
        let at = self.world.now() + TimeDelta::minutes(self.rng.random_range(1..600));
        let mut input = json!({
            "to": addresses, "subject": key, "body": self.body(&key), "sendAt": at.to_rfc3339(),
        });
        if self.rng.random_ratio(1, 3) {
            input["expiresAt"] = (at + TimeDelta::days(2)).to_rfc3339().into();
            input["reminder"] = json!({"frequency": "hourly"});
        }
        if let Some(made) = self.write(&key, What::Planned { to }, SEND, input).await {
            lock(&self.made.planned).push((self.name.clone(), made[0].clone()));
        }
    }

    /// Moves a message that is to come, or cancels it. It may have been sent.
    async fn replan(&mut self) {
        let name = self.name.clone();
        let own = lock(&self.made.planned)
            .iter()
            .filter(|(sender, _)| *sender == name)
            .choose(&mut self.rng)
            .cloned();
        let Some((_, id)) = own else { return };
        let mut input = json!({"messageId": id});
        if self.rng.random() {
            let at = self.world.now() + TimeDelta::minutes(self.rng.random_range(-10..600));
            input["sendAt"] = at.to_rfc3339().into();
            self.change(UPDATE_MESSAGE, json!({"input": input})).await;
            return;
        }
        self.world.transcript.count("changes tried", 1);
        let Settled { answer, tries } = self.settle(CANCEL_MESSAGE, json!({"input": input})).await;
        let is_cancelled = match answer {
            Answer::Data(_) => true,
            // An earlier try has done it.
            Answer::Refused(code, _) if code == "NOT_FOUND" && tries > 1 => true,
            // It has been sent, and may have been deleted since then as too old.
            Answer::Refused(code, _) if code == "CONFLICT" => false,
            Answer::Refused(code, _) if code == "NOT_FOUND" && self.world.forgets() => false,
            Answer::Refused(code, why) => {
                let what = format!("cancelling {id} was refused: {code}: {why}");
                return self.world.transcript.fail(what);
            }
            Answer::Unclear(_) => return,
        };
        lock(&self.made.planned).retain(|(_, planned)| *planned != id);
        if is_cancelled {
            self.world.transcript.count("messages cancelled", 1);
            self.world.transcript.cancelled(&id);
        }
    }

    async fn reply(&mut self) {
        let Some((_, parent)) = lock(&self.made.messages).choose(&mut self.rng).cloned() else {
            return;
        };
        let key = self.key("reply");
        let scope = if self.rng.random() { "EVERYONE" } else { "SENDER" };
        let input = json!({"parentId": parent, "body": self.body(&key), "scope": scope});
        if let Some(made) = self.write(&key, What::Reply, REPLY_TO_MESSAGE, input).await {
            lock(&self.made.messages).push((self.name.clone(), made[0].clone()));
        }
    }

    async fn change_expiry(&mut self) {
        let name = self.name.clone();
        let own = lock(&self.made.messages)
            .iter()
            .filter(|(sender, _)| *sender == name)
            .choose(&mut self.rng)
            .cloned();
        let Some((_, message)) = own else { return };
        let minutes = self.rng.random_range(-30..400);
        let at = (self.world.now() + TimeDelta::minutes(minutes)).to_rfc3339();
        let done = self.change(SET_EXPIRY, json!({"id": message, "at": at})).await;
        // Another minute for the clock that is late.
        if done.is_some() && minutes < -1 {
            self.world.transcript.note("expired", &message, "");
        }
    }

    /// Numbered messages, each sent when the last one is acknowledged, so that they arrive in this
    /// order.
    async fn send_numbered(mut self, lane: usize) {
        let (to, addresses) = match lane {
            0 => (
                &READERS[..2],
                READERS[..2].iter().map(|name| json!({"user": user(name)})).collect::<Value>(),
            ),
            _ => (&READERS[1..], json!([{"group": {"externalId": CROWD}}])),
        };
        let mut number = 0;
        while self.pause().await {
            number += 1;
            let key = format!("lane {lane} {number}");
            let what = What::Message { to: to.iter().map(|name| (*name).to_owned()).collect() };
            let input = json!({"to": addresses, "subject": key, "body": self.body(&key)});
            let is_made = self.write(&key, what, SEND, input).await.is_some();
            if !is_made && !self.world.forgets() {
                self.world.transcript.fail(format!("{key} was not acknowledged"));
            }
        }
    }

    async fn mark(mut self) {
        const INBOX: &str = "{ viewer { inbox { cursor items(first: 30, filter: {view: ALL}) {
            nodes { id kind archivedAt } } } } }";
        while self.pause().await {
            let Answer::Data(data) = self.settle(INBOX, json!({})).await.answer else { continue };
            let inbox = &data["viewer"]["inbox"];
            let items: Vec<_> = inbox["items"]["nodes"].as_array().cloned().unwrap_or_default();
            let some = self.rng.random_range(1..4);
            let some = items.into_iter().choose_multiple(&mut self.rng, some);
            let is_archived = some.iter().any(|item| !item["archivedAt"].is_null());
            let some: Vec<_> = some.iter().map(|item| text(&item["id"])).collect();
            if some.is_empty() {
                continue;
            }
            match self.rng.random_range(0..24) {
                20..24 if !is_archived => self.archive_and_undo(&some).await,
                0 => self.mark_all("markAllRead", &inbox["cursor"]).await,
                1 => self.mark_all("markAllSeen", &inbox["cursor"]).await,
                2 => self.mark_all("archiveAll", &inbox["cursor"]).await,
                3..6 => self.snooze(&some).await,
                _ => {
                    let marks = [
                        "markRead",
                        "markRead",
                        "markUnread",
                        "markSeen",
                        "archive",
                        "unarchive",
                        "unsnooze",
                    ];
                    let mark = marks[self.rng.random_range(0..marks.len())];
                    self.mark_some(mark, &some).await;
                }
            }
        }
    }

    async fn mark_some(&mut self, mutation: &str, items: &[String]) {
        let mark = format!(
            "mutation($ids: [ID!]!) {{ {mutation}(input: {{itemIds: $ids}}) {{ items {{ id }} }} }}"
        );
        let Some(tries) = self.change(&mark, json!({"ids": items})).await else { return };
        for item in items {
            match mutation {
                "markRead" => self.world.transcript.note("read", &self.name, item),
                "markSeen" => self.world.transcript.note("seen", &self.name, item),
                "archive" => {
                    self.world.transcript.change("archived", &self.name, item, true, tries)
                }
                "unarchive" => {
                    self.world.transcript.change("archived", &self.name, item, false, tries)
                }
                _ => {}
            }
        }
    }

    /// Puts items away that were not, and takes that back.
    async fn archive_and_undo(&mut self, items: &[String]) {
        const ARCHIVE: &str = "mutation($ids: [ID!]!) {
            archive(input: {itemIds: $ids}) { cursor } }";
        const UNDO: &str = "mutation($cursor: String!) {
            undo(input: {cursor: $cursor}) { affectedCount } }";
        let (name, transcript) = (self.name.clone(), self.world.transcript.clone());
        let note = |is_archived, tries| {
            for item in items {
                transcript.change("archived", &name, item, is_archived, tries);
            }
        };
        let Settled { answer, tries } = self.settle(ARCHIVE, json!({"ids": items})).await;
        let Answer::Data(data) = answer else { return note(true, 2) };
        note(true, tries);
        let cursor = &data["archive"]["cursor"];
        if cursor.is_null() {
            return;
        }
        let Settled { answer, tries } = self.settle(UNDO, json!({"cursor": cursor})).await;
        let Answer::Data(data) = answer else { return note(false, 2) };
        let undone = data["undo"]["affectedCount"].as_u64().unwrap_or_default();
        transcript.count("items of which a change was taken back", undone);
        // A reminder or an activity may have touched some of them, and they stay; or an earlier try
        // has done it.
        note(false, if undone == items.len() as u64 { 1 } else { tries + 1 });
    }

    async fn mark_all(&mut self, mutation: &str, up_to: &Value) {
        let all = format!(
            "mutation($upTo: String) {{ {mutation}(input: {{upTo: $upTo}}) {{ affectedCount }} }}"
        );
        // Whether it is done or not: something may have been put away.
        self.world.transcript.forget("archived", &self.name);
        self.change(&all, json!({"upTo": up_to})).await;
    }

    async fn snooze(&mut self, items: &[String]) {
        let until =
            (self.world.now() + TimeDelta::minutes(self.rng.random_range(2..300))).to_rfc3339();
        let snooze = "mutation($ids: [ID!]!, $until: DateTime!) {
            snooze(input: {itemIds: $ids, until: $until}) { items { id } } }";
        for item in items {
            // It takes what was put away out again.
            self.world.transcript.change("archived", &self.name, item, false, 2);
        }
        self.change(snooze, json!({"ids": items, "until": until})).await;
    }

    async fn follow(mut self) {
        while self.pause().await {
            let post = PASSING[self.rng.random_range(0..PASSING.len())];
            match self.rng.random_range(0..6) {
                0..3 => {
                    let reason = ["create_post", "like_post"][self.rng.random_range(0..2)];
                    let tries = self
                        .change(SUBSCRIBE, json!({"target": target(post), "reason": reason}))
                        .await;
                    if let Some(tries) = tries {
                        self.world.transcript.change("follows", &self.name, post, true, tries);
                    }
                }
                3..5 => {
                    let cancel = "mutation($target: TargetRef!) {
                        cancelSubscription(input: {target: $target}) { subscription { id } } }";
                    if let Some(tries) = self.change(cancel, json!({"target": target(post)})).await
                    {
                        self.world.transcript.change("follows", &self.name, post, false, tries);
                    }
                }
                _ => {
                    let action = ["comment", "update"][self.rng.random_range(0..2)];
                    let is_wanted: bool = self.rng.random();
                    let settings = json!([{"action": action, "enabled": is_wanted}]);
                    if let Some(tries) =
                        self.change(UPDATE_SETTINGS, json!({"settings": settings})).await
                    {
                        self.world.transcript.change("wants", &self.name, action, is_wanted, tries);
                    }
                }
            }
        }
    }

    /// The host application.
    async fn act(mut self) {
        while self.pause().await {
            match self.rng.random_range(0..20) {
                0..11 => self.create_activities().await,
                11..13 => self.announce().await,
                13..16 => self.retract_activity().await,
                16 => self.change_announcement().await,
                _ => self.change_group().await,
            }
        }
    }

    async fn create_activities(&mut self) {
        let key = self.key("activities");
        let post = *STABLE.iter().chain(&PASSING).choose(&mut self.rng).unwrap_or(&STABLE[0]);
        let actor = CORRESPONDENTS[self.rng.random_range(0..CORRESPONDENTS.len())];
        let count = self.rng.random_range(1..6);
        let mut about = target(post);
        if self.rng.random_ratio(1, 10) {
            about["title"] = key.as_str().into();
        }
        let activity = json!({
            "actor": user(actor), "action": "comment", "target": about, "data": {"preview": key},
        });
        let what = What::Activities { count, actor: actor.into(), target: post.into() };
        let input = json!({"activities": vec![activity; count]});
        if let Some(made) = self.write(&key, what, CREATE_ACTIVITIES, input).await {
            lock(&self.made.activities).extend(made);
        }
    }

    async fn retract_activity(&mut self) {
        let Some(id) = lock(&self.made.activities).choose(&mut self.rng).cloned() else { return };
        if self.change(RETRACT_ACTIVITY, json!({"id": id})).await.is_some() {
            self.world.transcript.note("retracted activity", &id, "");
        }
    }

    async fn announce(&mut self) {
        let key = self.key("announcement");
        let mut input = json!({"title": key, "body": self.body(&key)});
        let now = self.world.now();
        if self.rng.random_ratio(1, 3) {
            input["publishAt"] =
                (now + TimeDelta::minutes(self.rng.random_range(1..200))).to_rfc3339().into();
        }
        if self.rng.random_ratio(1, 3) {
            input["expiresAt"] =
                (now + TimeDelta::minutes(self.rng.random_range(201..900))).to_rfc3339().into();
        }
        if let Some(made) = self.write(&key, What::Announcement, CREATE_ANNOUNCEMENT, input).await {
            lock(&self.made.announcements).extend(made);
        }
    }

    async fn change_announcement(&mut self) {
        let Some(id) = lock(&self.made.announcements).choose(&mut self.rng).cloned() else {
            return;
        };
        if self.rng.random() {
            if self.change(RETRACT_ANNOUNCEMENT, json!({"id": id})).await.is_some() {
                self.world.transcript.note("retracted announcement", &id, "");
            }
            return;
        }
        let key = self.key("body of");
        let update = "mutation($id: ID!, $body: String!) {
            updateAnnouncement(input: {announcementId: $id, body: $body}) {
                announcement { id } } }";
        let body = self.body(&key);
        self.change(update, json!({"id": id, "body": body})).await;
    }

    async fn change_group(&mut self) {
        let name = CORRESPONDENTS[self.rng.random_range(0..CORRESPONDENTS.len())];
        let joins: bool = self.rng.random();
        let mutation = if joins { "addGroupMembers" } else { "removeGroupMembers" };
        let change = format!(
            "mutation($group: GroupRef!, $users: [UserRef!]!) {{
               {mutation}(input: {{group: $group, users: $users}}) {{ group {{ id }} }} }}"
        );
        let variables = json!({"group": {"externalId": CHANGING}, "users": users([name])});
        self.change(&change, variables).await;
    }
}
