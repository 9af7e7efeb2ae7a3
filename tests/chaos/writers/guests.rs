//! Guests: people who become known, write, read, follow and plan, and then are erased for good.

use chrono::TimeDelta;
use rand::{Rng, seq::IndexedRandom};
use serde_json::{Value, json};

use super::{SEND, Writer};
use crate::{
    client::{Answer, Settled},
    documents::{CREATE_ACTIVITIES, ERASE_USER, SUBSCRIBE, UPSERT_USERS},
    people::{CORRESPONDENTS, PASSING, TEAM, target, user},
    transcript::{Erased, What, ids, lock},
};

/// A guest, and whether everything that was done in their name was tried once: what is still on its
/// way when they are erased makes them known again, as somebody new.
struct Guest {
    external_id: String,
    token: String,
    is_quiet: bool,
}

impl Writer {
    pub(super) async fn have_guests(mut self) {
        while self.pause().await {
            self.have_guest().await;
        }
    }

    async fn have_guest(&mut self) {
        self.count += 1;
        let number = format!("{}x{}", self.name.trim_start_matches("guests-"), self.count);
        let (name, words) = (format!("quillon{number}q"), format!("farewell{number}q"));
        let external_id = format!("guest-{number}");
        let known = json!([{
            "externalId": external_id, "firstName": name, "email": format!("{name}@example.com"),
        }]);
        let Settled { answer, tries } = self.settle(UPSERT_USERS, json!({"users": known})).await;
        let (Answer::Data(data), 1) = (answer, tries) else { return };
        let Some(id) = ids(&data).pop() else { return };
        let token = self.world.person(&external_id);
        let mut guest = Guest { external_id, token, is_quiet: true };
        lock(&self.made.guests).push(guest.external_id.clone());
        self.live(&mut guest, &words).await;

        let messages: bool = self.rng.random();
        let input = json!({"user": {"id": id}, "messages": messages});
        match self.settle(ERASE_USER, json!({"input": input})).await.answer {
            Answer::Data(_) => {
                let words = (messages && guest.is_quiet).then_some(words);
                self.world.transcript.erase(Erased { id, name, words });
            }
            Answer::Refused(code, why) => {
                let what = format!("erasing {name} was refused: {code}: {why}");
                self.world.transcript.fail(what);
            }
            Answer::Unclear(_) => {}
        }
        lock(&self.made.guests).retain(|there| *there != guest.external_id);
    }

    /// What a guest does, and others do with them, some of it each time.
    async fn live(&mut self, guest: &mut Guest, words: &str) {
        let somebody = CORRESPONDENTS[self.rng.random_range(0..CORRESPONDENTS.len())];
        let post = *PASSING.choose(&mut self.rng).unwrap_or(&PASSING[0]);
        let mut to = vec![json!({"user": user(somebody)})];
        if self.rng.random() {
            to.push(json!({"group": {"externalId": TEAM}}));
        }
        if self.rng.random() {
            let to_them = json!([{"user": user(&guest.external_id)}, {"user": user(somebody)}]);
            let key = self.key("to a guest");
            let input = json!({"to": to_them, "subject": key, "body": key});
            self.write(&key, What::Reply, SEND, input).await;
        }
        if self.rng.random() {
            let follow = json!({"target": target(post), "reason": "like_post"});
            self.as_guest(guest, SUBSCRIBE, follow).await;
        }
        let message = json!({"to": to, "subject": words, "body": words});
        self.as_guest(guest, SEND, json!({"input": message})).await;
        if self.rng.random() {
            let at = self.world.now() + TimeDelta::minutes(self.rng.random_range(1..600));
            let mut plan = message.clone();
            plan["sendAt"] = at.to_rfc3339().into();
            self.as_guest(guest, SEND, json!({"input": plan})).await;
        }
        if self.rng.random() {
            let activity = json!({
                "actor": user(&guest.external_id), "action": "comment", "target": target(post),
                "data": {"preview": words},
            });
            let input = json!({"input": {"activities": [activity]}});
            let tries = self.settle(CREATE_ACTIVITIES, input).await.tries;
            guest.is_quiet &= tries == 1;
        }
        let read = "mutation { markAllRead(input: {}) { affectedCount } }";
        self.as_guest(guest, read, json!({})).await;
    }

    async fn as_guest(&mut self, guest: &mut Guest, mutation: &str, variables: Value) {
        let (world, rng, token) = (self.world.clone(), &mut self.rng, &guest.token);
        let settled = self.client.settle(&world, rng, token, mutation, &variables).await;
        guest.is_quiet &= settled.tries == 1;
        if let Answer::Refused(code, why) = settled.answer {
            let what = format!("{} was refused: {code}: {why}", guest.external_id);
            self.world.transcript.fail(what);
        }
    }
}
