//! A mutation that is repeated with the same idempotency key takes effect once (X4, P2).
//!
//! The key is a row with a primary key, written in the transaction of the mutation: of two repetitions at the same time
//! the second waits for the first, and finds its result.

use ::entity::idempotency_key;
use chrono::{DateTime, Utc};
use sea_orm::{EntityTrait, QueryFilter};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    app::App,
    auth::Actor,
    db::Tx,
    error::{Error, Result},
};

const LONGEST_KEY: usize = 255;

/// What to do with a mutation.
pub enum Claim {
    /// It is new: make the thing, then [`Key::keep`] its id.
    New(Key),
    /// It was done before, and this is the id of what it made.
    Done(i64),
}

/// A claimed key, or none.
pub struct Key(Option<(String, String)>);

/// Claims the key of a mutation that makes something. The first statement of its transaction.
pub async fn claim(
    tx: &Tx,
    actor: &Actor,
    mutation: &str,
    input: &impl Serialize,
    key: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Claim> {
    let Some(key) = key else { return Ok(Claim::New(Key(None))) };
    if key.is_empty() || key.len() > LONGEST_KEY {
        return Err(Error::invalid("idempotencyKey", format!("has between 1 and {LONGEST_KEY} bytes")));
    }
    let caller = actor.caller();
    let input = serde_json::to_vec(&(mutation, input)).map_err(Error::internal)?;
    let fingerprint: String = Sha256::digest(input).iter().map(|byte| format!("{byte:02x}")).collect();
    let insert = "INSERT INTO idempotency_key (caller, key, fingerprint, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let values = [caller.as_str().into(), key.into(), fingerprint.as_str().into(), now.into()];
    if tx.run(insert, values).await? == 1 {
        return Ok(Claim::New(Key(Some((caller, key.to_owned())))));
    }
    let before = idempotency_key::Entity::find_by_id((caller, key.to_owned())).one(&**tx).await?;
    match before {
        Some(before) if before.fingerprint != fingerprint => Err(Error::IdempotencyKeyReused),
        Some(idempotency_key::Model { result: Some(id), .. }) => Ok(Claim::Done(id)),
        // It was purged in this very moment.
        _ => Err(Error::Unavailable("the key is being removed".into())),
    }
}

impl Key {
    /// Remembers what the mutation made.
    pub async fn keep(&self, tx: &Tx, id: i64) -> Result<()> {
        if let Some((caller, key)) = &self.0 {
            let update = "UPDATE idempotency_key SET result = $1 WHERE caller = $2 AND key = $3";
            tx.run(update, [id.into(), caller.as_str().into(), key.as_str().into()]).await?;
        }
        Ok(())
    }
}

/// Forgets the keys from before `horizon`.
pub async fn purge(app: &App, horizon: DateTime<Utc>) -> Result<()> {
    let tx = app.db.begin().await?;
    let old = idempotency_key::COLUMN.created_at.lt(horizon);
    idempotency_key::Entity::delete_many().filter(old).exec(&*tx).await?;
    tx.commit().await
}
