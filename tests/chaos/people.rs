//! Who there is, and how they become known: people with tokens, groups, things to follow.

use serde_json::{Value, json};
use tidings::auth::Role;

use crate::{Result, client::Client, documents::UPSERT_USERS, world::World};

/// They write to each other and to everybody else, and mark what they get.
pub const CORRESPONDENTS: [&str; 6] = ["ada", "ben", "cleo", "dan", "eva", "finn"];
/// They write numbered messages, one after the other.
pub const SENDERS: [&str; 2] = ["sam", "sue"];
/// They read and never mark: what comes to them comes in order. They follow [`STABLE`] for good.
pub const READERS: [&str; 4] = ["rob", "ria", "ron", "rut"];
/// They follow things and stop.
pub const FICKLE: [&str; 2] = ["fay", "fox"];
/// They ask for too much.
pub const GREEDY: &str = "max";
/// They use a server as usual; one for each server, of which there can be as many.
pub const BYSTANDERS: [&str; 4] = ["bob", "bea", "bud", "bel"];
/// Writes to themself after a fault, to see that it is over.
pub const PROBE: &str = "pia";

/// Correspondents, for good.
pub const TEAM: &str = "team";
/// The last three readers, for good.
pub const CROWD: &str = "crowd";
/// Whoever happens to be in it.
pub const CHANGING: &str = "changing";

pub const STABLE: [&str; 2] = ["stable-0", "stable-1"];
pub const PASSING: [&str; 3] = ["passing-0", "passing-1", "passing-2"];

pub fn everybody() -> Vec<&'static str> {
    let mut all: Vec<_> = [&CORRESPONDENTS[..], &SENDERS, &READERS, &FICKLE, &BYSTANDERS].concat();
    all.extend([GREEDY, PROBE]);
    all
}

impl World {
    pub fn person(&self, name: &str) -> String {
        self.token(name, Role::User)
    }

    /// The host application.
    pub fn host(&self) -> String {
        self.token("host", Role::Service)
    }
}

pub fn user(name: &str) -> Value {
    json!({"externalId": name})
}

pub fn users<'a>(names: impl IntoIterator<Item = &'a str>) -> Value {
    names.into_iter().map(user).collect()
}

pub fn target(name: &str) -> Value {
    json!({"type": "post", "externalId": name})
}

/// Makes everybody known.
pub async fn gather(world: &World) -> Result<()> {
    let (client, mut rng, host) = (Client::new(), world.rng("people"), world.host());
    let known: Value = everybody()
        .into_iter()
        .map(|name| json!({"externalId": name, "firstName": name}))
        .collect();
    client.read(world, &mut rng, &host, UPSERT_USERS, &json!({"users": known})).await?;
    for (group, members) in
        [(TEAM, &CORRESPONDENTS[..]), (CROWD, &READERS[1..]), (CHANGING, &CORRESPONDENTS[..2])]
    {
        let make = "mutation($id: String!, $users: [UserRef!]!) {
            upsertGroup(input: {externalId: $id, name: $id}) { group { id } }
            addGroupMembers(input: {group: {externalId: $id}, users: $users}) { group { id } } }";
        let members = users(members.iter().copied());
        client.read(world, &mut rng, &host, make, &json!({"id": group, "users": members})).await?;
    }
    for reader in READERS {
        for post in STABLE {
            let follow = "mutation($target: TargetRef!) {
                subscribe(input: {target: $target, reason: \"like_post\"}) {
                    subscription { id } } }";
            client
                .read(
                    world,
                    &mut rng,
                    &world.person(reader),
                    follow,
                    &json!({"target": target(post)}),
                )
                .await?;
        }
    }
    Ok(())
}
