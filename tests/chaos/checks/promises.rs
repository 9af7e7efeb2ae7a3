//! What was acknowledged, compared with the rows: it is there once, as it was answered. What was
//! never acknowledged is there at most once, as somebody wrote it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DatabaseConnection;

use crate::{
    Result,
    people::{READERS, STABLE},
    serve::RETENTION,
    transcript::{Erased, Outcome, What, Write},
    world::World,
};

/// Where a key ends that begins a body.
const LONGEST_KEY: usize = 60;
/// How far a server's clock may be from that of the world.
const MOST_SKEW: TimeDelta = TimeDelta::minutes(2);
/// Somebody who is there to be erased, or was.
const GUEST: &str = "(u.erased_at IS NOT NULL OR u.external_id LIKE 'guest-%')";
const STILL_PLANNED: &str = "SELECT id FROM message WHERE send_at IS NOT NULL";

pub async fn check(world: &World) -> Result<Vec<String>> {
    let connection = world.connect().await?;
    messages(world, &connection).await?;
    announcements(world, &connection).await?;
    activities(world, &connection).await?;
    erased(world, &connection).await?;
    facts(world, &connection).await?;
    let done = ["messages", "announcements", "activities", "erasures", "changes"];
    Ok(done.map(|what| format!("acknowledged {what} are there, once")).into())
}

/// The rows that a write with a key made, by the key.
type Rows = BTreeMap<String, Vec<i64>>;

/// Compares writes with rows: all that was acknowledged is there, and nothing that nobody wrote.
/// `count` is the number of rows that one write makes. What is older than `kept_since` may be gone.
fn compare(
    world: &World,
    name: &str,
    writes: &[Write],
    rows: &Rows,
    kept_since: Option<DateTime<Utc>>,
    count: impl Fn(&Write) -> usize,
) {
    let mut known: HashMap<&str, &Write> = HashMap::new();
    for write in writes {
        known.insert(&write.key, write);
        let rows = rows.get(&write.key).map(Vec::as_slice).unwrap_or_default();
        let (is_there, is_whole) = (!rows.is_empty(), rows.len() == count(write));
        let is_old = kept_since.is_some_and(|since| write.begun < since + MOST_SKEW);
        match &write.outcome {
            Outcome::Acknowledged(_) if is_old && !is_there => {
                world.transcript.count("messages that were deleted as too old", 1);
            }
            Outcome::Acknowledged(ids) => {
                let ids: BTreeSet<_> = ids.iter().map(|id| number(id)).collect();
                if ids != rows.iter().copied().collect() || !is_whole {
                    world.transcript.fail(format!(
                        "{name} “{}” was acknowledged as {ids:?}, and there is {rows:?}",
                        write.key
                    ));
                }
            }
            Outcome::Cancelled if is_there => {
                world
                    .transcript
                    .fail(format!("{name} “{}” was cancelled, and there is {rows:?}", write.key));
            }
            Outcome::Refused if is_there => {
                world
                    .transcript
                    .fail(format!("{name} “{}” was refused, and there is {rows:?}", write.key));
            }
            Outcome::Open if is_there && !is_whole => {
                let key = &write.key;
                world.transcript.fail(format!("{name} “{key}” is half there: {rows:?}"));
            }
            Outcome::Cancelled | Outcome::Refused | Outcome::Open => {}
        }
    }
    for (key, rows) in rows {
        if !known.contains_key(key.as_str()) {
            world
                .transcript
                .fail(format!("{name} “{key}” was never written, and there is {rows:?}"));
        }
    }
}

async fn messages(world: &World, connection: &DatabaseConnection) -> Result<()> {
    let select = format!(
        "SELECT m.id, substr(m.body, 1, {LONGEST_KEY}) FROM message AS m \
         LEFT JOIN user_account AS u ON u.id = m.sender_id \
         WHERE m.subject NOT LIKE 'large %' AND m.subject NOT LIKE 'Re: large %' \
         AND (u.id IS NULL OR NOT {GUEST})"
    );
    let rows = by_key(world, connection, &select).await?;
    let writes: Vec<_> = world.transcript.writes();
    let writes: Vec<_> = writes
        .into_iter()
        .filter(|write| {
            matches!(write.what, What::Message { .. } | What::Planned { .. } | What::Reply)
        })
        .collect();
    let horizon = world.rows(connection, "SELECT horizon FROM sweep WHERE name = 'message'", []);
    let horizon = horizon.await?.first().map(|row| row.try_get_by_index(0)).transpose()?;
    compare(world, "message", &writes, &rows, horizon, |_| 1);

    // Those who got it are those to whom it was sent.
    let select = "SELECT DISTINCT r.message_id, u.external_id FROM message_recipient AS r \
                  JOIN user_account AS u ON u.id = r.user_id";
    let mut reached: HashMap<i64, BTreeSet<String>> = HashMap::new();
    for row in world.rows(connection, select, []).await? {
        reached.entry(row.try_get_by_index(0)?).or_default().insert(row.try_get_by_index(1)?);
    }
    let still_planned = world.rows(connection, STILL_PLANNED, []).await?;
    let still_planned: BTreeSet<i64> =
        still_planned.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?;
    for write in &writes {
        let (What::Message { to } | What::Planned { to }, Some([id])) =
            (&write.what, rows.get(&write.key).map(Vec::as_slice))
        else {
            continue;
        };
        let to: &[String] = if still_planned.contains(id) { &[] } else { to };
        let (to, got) = (to.iter().cloned().collect(), reached.remove(id).unwrap_or_default());
        if got != to {
            world
                .transcript
                .fail(format!("message “{}” was sent to {to:?} and reached {got:?}", write.key));
        }
    }
    Ok(())
}

async fn announcements(world: &World, connection: &DatabaseConnection) -> Result<()> {
    let rows = by_key(world, connection, "SELECT id, title FROM announcement").await?;
    let writes = world.transcript.writes();
    let writes: Vec<_> =
        writes.into_iter().filter(|write| write.what == What::Announcement).collect();
    compare(world, "announcement", &writes, &rows, None, |_| 1);
    Ok(())
}

async fn activities(world: &World, connection: &DatabaseConnection) -> Result<()> {
    let mut rows = Rows::new();
    let select = format!(
        "SELECT a.id, a.data FROM activity AS a JOIN user_account AS u ON u.id = a.actor_id \
         WHERE NOT {GUEST}"
    );
    for row in world.rows(connection, &select, []).await? {
        let data: serde_json::Value = serde_json::from_str(&row.try_get_by_index::<String>(1)?)?;
        rows.entry(data["preview"].as_str().unwrap_or_default().to_owned())
            .or_default()
            .push(row.try_get_by_index(0)?);
    }
    let writes = world.transcript.writes();
    let writes: Vec<_> =
        writes.into_iter().filter(|write| matches!(write.what, What::Activities { .. })).collect();
    let count =
        |write: &Write| if let What::Activities { count, .. } = write.what { count } else { 1 };
    compare(world, "activities", &writes, &rows, None, count);

    // Anyone who followed the target from the beginning has all of them, except those that were
    // retracted.
    let names = READERS.map(|name| format!("'{name}'")).join(", ");
    let select = format!(
        "SELECT v.id, count(i.id) FROM activity AS v CROSS JOIN user_account AS u \
         LEFT JOIN inbox_item AS i ON i.user_id = u.id AND i.removed_at IS NULL \
         AND i.id IN (SELECT item_id FROM inbox_item_activity AS a WHERE a.activity_id = v.id) \
         WHERE u.external_id IN ({names}) AND v.retracted_at IS NULL AND v.created_at > $1 \
         GROUP BY v.id"
    );
    let mut followers: HashMap<i64, i64> = HashMap::new();
    let kept_since = world.now() - RETENTION;
    for row in world.rows(connection, &select, [kept_since.into()]).await? {
        followers.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    }
    for write in writes {
        let What::Activities { target, .. } = &write.what else { continue };
        for id in
            rows.get(&write.key).into_iter().flatten().filter(|_| STABLE.contains(&target.as_str()))
        {
            if let Some(count) = followers.get(id).filter(|count| **count != READERS.len() as i64) {
                let (key, all) = (&write.key, READERS.len());
                world.transcript.fail(format!(
                    "activity {id} of “{key}” came to {count} of {all} who follow {target}"
                ));
            }
        }
    }
    Ok(())
}

/// Nothing is left of somebody whose erasure was acknowledged: not who they were, nothing that was
/// only theirs, and none of their words if these were to go.
async fn erased(world: &World, connection: &DatabaseConnection) -> Result<()> {
    for Erased { id, name, words } in world.transcript.erased() {
        let id = number(&id);
        let mut left = Vec::new();
        let theirs = [
            ("who they are", "user_account WHERE id = $1 AND erased_at IS NULL"),
            ("items", "inbox_item WHERE user_id = $1"),
            ("plans", "message WHERE sender_id = $1 AND send_at IS NOT NULL"),
            ("subscriptions", "subscription WHERE user_id = $1"),
            ("settings", "subscription_config WHERE user_id = $1"),
            ("groups", "group_member WHERE user_id = $1"),
            ("readings", "message_recipient WHERE user_id = $1"),
            ("readings of announcements", "announcement_reading WHERE user_id = $1"),
            ("muted threads", "thread_mute WHERE user_id = $1"),
        ];
        for (what, rows) in theirs {
            let sql = format!("SELECT 1 FROM {rows} LIMIT 1");
            if !world.rows(connection, &sql, [id.into()]).await?.is_empty() {
                left.push(what);
            }
        }
        let mut places = vec![
            ("their name", "user_account", "first_name || coalesce(email, '')", &name),
            ("an address with their name", "message_audience", "name", &name),
            ("a search for their name", "search_text", "text", &name),
        ];
        if let Some(words) = &words {
            places.push(("a text", "message", "subject || body || coalesce(data, '')", words));
            places.push(("a search for a text", "search_text", "text", words));
            places.push(("data", "activity", "coalesce(data, '')", words));
        }
        for (what, table, text, of) in places {
            let sql = format!("SELECT 1 FROM {table} WHERE lower({text}) LIKE $1 LIMIT 1");
            if !world.rows(connection, &sql, [format!("%{of}%").into()]).await?.is_empty() {
                left.push(what);
            }
        }
        if !left.is_empty() {
            world.transcript.fail(format!("{name}, {id}, was erased, and left {left:?}"));
        }
    }
    Ok(())
}

/// Changes without a key.
async fn facts(world: &World, connection: &DatabaseConnection) -> Result<()> {
    let holds = async |kind: &'static str, what: &str, sql: &str| -> Result<()> {
        for (fact, value) in world.transcript.facts(kind) {
            let who = if fact.who.contains('_') {
                number(&fact.who).into()
            } else {
                fact.who.as_str().into()
            };
            let what_of = if fact.what.contains('_') {
                number(&fact.what).into()
            } else {
                fact.what.as_str().into()
            };
            let values: Vec<sea_orm::Value> =
                [who, what_of].into_iter().take(sql.matches('$').count()).collect();
            let is_there = !world.rows(connection, sql, values).await?.is_empty();
            if is_there != value {
                world.transcript.fail(format!(
                    "{} {} {}: {what} is {is_there}",
                    fact.who, fact.kind, fact.what
                ));
            }
        }
        Ok(())
    };
    // An item that was purged, or is about activities, has nothing to compare with.
    let noted = |column: &str| {
        format!(
            "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM inbox_item AS i \
             JOIN user_account AS u ON u.id = i.user_id \
             WHERE u.external_id = $1 AND i.id = $2 AND ( \
             EXISTS (SELECT 1 FROM message AS m WHERE m.id = i.message_id) \
             AND NOT EXISTS (SELECT 1 FROM message_recipient AS r \
             WHERE r.message_id = i.message_id AND r.user_id = i.user_id \
             AND r.{column} IS NOT NULL) \
             OR i.announcement_id IS NOT NULL AND NOT EXISTS (SELECT 1 \
             FROM announcement_reading AS r \
             WHERE r.announcement_id = i.announcement_id AND r.user_id = i.user_id \
             AND r.{column} IS NOT NULL)))"
        )
    };
    holds("read", "what the sender sees of it", &noted("read_at")).await?;
    holds("seen", "what the sender sees of it", &noted("seen_at")).await?;
    holds(
        "expired",
        "that it has left the inboxes",
        "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM message WHERE id = $1 AND expired_at IS NULL)",
    )
    .await?;
    let retracted = "SELECT 1 FROM activity WHERE id = $1 AND retracted_at IS NOT NULL";
    holds("retracted activity", "that it is retracted", retracted).await?;
    let retracted = "SELECT 1 FROM announcement WHERE id = $1 AND retracted_at IS NOT NULL";
    holds("retracted announcement", "that it is retracted", retracted).await?;
    let follows = "SELECT 1 FROM subscription AS s JOIN user_account AS u ON u.id = s.user_id \
                   JOIN target AS t ON t.id = s.target_id \
                   WHERE u.external_id = $1 AND t.external_id = $2 AND s.until IS NULL";
    holds("follows", "that it is followed", follows).await?;
    let wants = "SELECT 1 FROM subscription_config AS c JOIN user_account AS u ON u.id = c.user_id \
                 WHERE u.external_id = $1 AND c.action = $2 AND c.until IS NULL AND c.enabled";
    holds("wants", "that it is wanted", wants).await?;
    archived(world, connection).await
}

/// Of items that nothing else has moved since.
async fn archived(world: &World, connection: &DatabaseConnection) -> Result<()> {
    for (fact, value) in world.transcript.facts("archived") {
        let select = "SELECT CASE WHEN archived_at IS NULL THEN 0 ELSE 1 END FROM inbox_item \
                      WHERE id = $1 AND removed_at IS NULL AND snoozed_until IS NULL \
                      AND reminded_at IS NULL";
        let rows = world.rows(connection, select, [number(&fact.what).into()]).await?;
        let Some(row) = rows.first() else { continue };
        let is: i32 = row.try_get_by_index(0)?;
        if (is == 1) != value {
            world.transcript.fail(format!(
                "{} of {}: that it is archived is {}, not {value}",
                fact.what,
                fact.who,
                is == 1
            ));
        }
    }
    Ok(())
}

async fn by_key(world: &World, connection: &DatabaseConnection, select: &str) -> Result<Rows> {
    let mut rows = Rows::new();
    for row in world.rows(connection, select, []).await? {
        let text: String = row.try_get_by_index(1)?;
        let key = text.lines().next().unwrap_or_default().to_owned();
        rows.entry(key).or_default().push(row.try_get_by_index(0)?);
    }
    Ok(rows)
}

/// The number of a row, of an id as `msg_1z`: in base 36.
fn number(id: &str) -> i64 {
    id.split_once('_').and_then(|(_, number)| i64::from_str_radix(number, 36).ok()).unwrap_or(-1)
}
