//! A mutation repeated with the same idempotency key takes effect once (X4, P2).
//!
//! The key is a row with a primary key, written in the mutation's transaction: of two simultaneous
//! repetitions, the second waits for the first and finds its result. Calls that are made together
//! claim their keys together ([`claim_all`]).

use std::collections::HashSet;

use ::entity::idempotency_key;
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult, QueryOrder};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    app::App,
    auth::Actor,
    db::{JsonType, Tx},
    error::{Error, Result},
    text,
};

const LONGEST_KEY: usize = 255;
const PURGED_AT_ONCE: usize = 5_000;

/// What to do with a mutation.
pub enum Begun<T> {
    /// It is new, and its input is valid: create the thing, then [`Key::keep`] its id.
    New(Tx, Key, T),
    /// It was done before, and this is the id of what it created.
    Done(i64),
}

/// A claimed key, or none.
pub struct Key(Option<Call>);

/// A call that carries a key.
pub struct Call {
    caller: String,
    key: String,
    fingerprint: String,
}

impl Call {
    /// None for a call without a key. `input` is everything that two identical calls have in
    /// common.
    pub fn new(
        actor: &Actor,
        mutation: &str,
        input: &impl Serialize,
        key: Option<&str>,
    ) -> Result<Option<Self>> {
        let Some(key) = key else { return Ok(None) };
        text::check_id("idempotencyKey", key, LONGEST_KEY)?;
        let input =
            serde_json::to_vec(&(mutation, input)).map_err(|error| Error::internal(error))?;
        let fingerprint = Sha256::digest(input).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Some(Call { caller: actor.caller(), key: key.to_owned(), fingerprint }))
    }

    /// The id of what an earlier call created.
    async fn done(&self, db: &impl ConnectionTrait) -> Result<Option<i64>> {
        let before = idempotency_key::Entity::find_by_id((self.caller.clone(), self.key.clone()))
            .one(db)
            .await?;
        match before {
            Some(before) if before.fingerprint != self.fingerprint => {
                Err(Error::IdempotencyKeyReused)
            }
            before => Ok(before.and_then(|before| before.result)),
        }
    }
}

/// Begins the transaction of a mutation that creates something, and claims its key. `checked` is
/// what the checks of its input came to.
///
/// A repetition gets the answer of the first call even if its input is no longer valid: so what the
/// checks refused claims the key as well, which waits for a first call that is still under way.
pub async fn begin<T>(
    app: &App,
    call: Option<Call>,
    checked: Result<T>,
    now: DateTime<Utc>,
) -> Result<Begun<T>> {
    let Some(call) = call else {
        let checked = checked?;
        return Ok(Begun::New(app.db.begin().await?, Key(None), checked));
    };
    let tx = app.db.begin().await?;
    match claim(&tx, &call, now).await? {
        None => Ok(Begun::New(tx, Key(Some(call)), checked?)),
        Some(id) => {
            // The call that created it may be waiting to become durable together with this one.
            tx.commit().await?;
            Ok(Begun::Done(id))
        }
    }
}

/// The id of what an earlier call created, or nothing: then the key is this call's.
async fn claim(tx: &Tx, call: &Call, now: DateTime<Utc>) -> Result<Option<i64>> {
    if claim_all(tx, &[Some(call)], now).await?.is_empty() {
        return Ok(None);
    }
    // If there is no row, it was purged at this very moment.
    let done = call.done(&**tx).await?;
    done.map(Some).ok_or_else(|| Error::Unavailable("the key is being removed".into()))
}

/// Claims the keys of some calls, as far as they have any. Returns the places of those whose key
/// belongs to an earlier call, or to one before them.
pub async fn claim_all(tx: &Tx, calls: &[Option<&Call>], now: DateTime<Utc>) -> Result<Vec<usize>> {
    #[derive(FromQueryResult, PartialEq, Eq, Hash)]
    struct Claimed {
        caller: String,
        key: String,
    }
    let keyed = calls.iter().enumerate().filter_map(|(place, call)| Some((place, (*call)?)));
    let keyed: Vec<_> = keyed.collect();
    if keyed.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = tx.sql("idempotency::claim");
    let columns = ["caller", "key", "fingerprint"].map(|column| (column, JsonType::Text));
    let rows = keyed.iter().map(|(_, call)| {
        [call.caller.as_str(), call.key.as_str(), call.fingerprint.as_str()].map(Into::into)
    });
    let (keys, now) = (sql.table(columns, rows), sql.bind(now));
    // SQLite would take ON CONFLICT for a join without the WHERE.
    sql.push(format!(
        "INSERT INTO idempotency_key (caller, key, fingerprint, created_at) \
         SELECT k.caller, k.key, k.fingerprint, {now} FROM {keys} AS k WHERE true \
         ON CONFLICT DO NOTHING RETURNING caller, key"
    ));
    let claimed: Vec<Claimed> = sql.all(&**tx).await?;
    let mut claimed: HashSet<_> = claimed.into_iter().collect();
    let mut is_claimed = |call: &Call| {
        claimed.remove(&Claimed { caller: call.caller.clone(), key: call.key.clone() })
    };
    Ok(keyed.into_iter().filter(|(_, call)| !is_claimed(call)).map(|(place, _)| place).collect())
}

/// Remembers the ids of what calls created, as far as they have keys.
pub async fn keep_all<'a>(
    tx: &Tx,
    created: impl IntoIterator<Item = (Option<&'a Call>, i64)>,
) -> Result<()> {
    let row = |(call, id): (Option<&Call>, i64)| {
        let call = call?;
        Some([call.caller.as_str().into(), call.key.as_str().into(), id.into()])
    };
    let rows: Vec<_> = created.into_iter().filter_map(row).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let mut sql = tx.sql("idempotency::keep");
    let columns =
        [("caller", JsonType::Text), ("key", JsonType::Text), ("result", JsonType::Integer)];
    let results = sql.table(columns, rows);
    sql.push(format!(
        "UPDATE idempotency_key SET result = r.result FROM {results} AS r \
         WHERE idempotency_key.caller = r.caller AND idempotency_key.key = r.key"
    ));
    sql.run(&**tx).await.map(drop)
}

impl Key {
    /// Remembers the id of what the mutation created.
    pub async fn keep(&self, tx: &Tx, id: i64) -> Result<()> {
        keep_all(tx, [(self.0.as_ref(), id)]).await
    }
}

/// How many keys [`purge`] would delete.
pub async fn count_old(app: &App, horizon: DateTime<Utc>) -> Result<u64> {
    let mut sql = app.db.sql("idempotency::count_old");
    let horizon = sql.bind(horizon);
    sql.push(format!("SELECT count(*) FROM idempotency_key WHERE created_at < {horizon}"));
    sql.count(app.db.read()).await
}

/// Deletes the keys from before `horizon`.
pub async fn purge(app: &App, horizon: DateTime<Utc>) -> Result<u64> {
    let mut purged = 0;
    loop {
        let oldest =
            idempotency_key::Entity::find().order_by_asc(idempotency_key::Column::CreatedAt);
        match oldest.one(app.db.read()).await? {
            Some(key) if key.created_at < horizon => {}
            _ => return Ok(purged),
        }
        // In index order, so that the databases read the old rows and nothing else.
        let tx = app.db.begin().await?;
        let mut sql = tx.sql("idempotency::purge");
        let horizon = sql.bind(horizon);
        sql.push(format!(
            "DELETE FROM idempotency_key WHERE (caller, key) IN \
             (SELECT caller, key FROM idempotency_key WHERE created_at < {horizon} \
             ORDER BY created_at LIMIT {PURGED_AT_ONCE})"
        ));
        purged += sql.run(&*tx).await?;
        tx.commit().await?;
    }
}
