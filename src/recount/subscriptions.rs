//! The range of activities for which subscriptions hold: not beyond what exists, and not reversed.

use ::entity::id::UserId;

use super::{
    LATEST_ACTIVITY, Place,
    question::{Check, Range, Values, compare, pairs, set},
};
use crate::{
    db::{Dialect, Tx},
    error::Result,
    id::Kind,
    inbox,
};

/// What the range of a row `subscription` must be.
fn range_of(dialect: Dialect, subscription: &str) -> Values {
    let since = dialect.least(&format!("{subscription}.since"), LATEST_ACTIVITY);
    let until = format!("{subscription}.until");
    let right = dialect.greatest(&since, &dialect.least(&until, LATEST_ACTIVITY));
    vec![("since", since), ("until", format!("CASE WHEN {until} IS NOT NULL THEN {right} END"))]
}

pub fn check(range: Range) -> Check {
    let mut sql = range.sql("recount::subscriptions");
    let pairs = pairs("s", range_of(range.dialect, "s"));
    let from = format!("subscription AS s WHERE {}", range.has(&mut sql, "s.user_id"));
    let of_user = |user| Place::Subscriptions(UserId(user));
    let check = compare(sql, of_user, "s.user_id", "s.target_id", pairs, &from);
    Check { part: |id| Kind::Target.encode(id), ..check }
}

pub async fn mend(tx: &Tx, user: UserId) -> Result<()> {
    inbox::lock(tx, &[user]).await?;
    let mut sql = tx.sql("mend::subscriptions");
    let (user, range) = (sql.bind(user), set(&range_of(tx.dialect(), "subscription")));
    sql.push(format!("UPDATE subscription SET {range} WHERE user_id = {user}"));
    sql.run(&**tx).await?;
    Ok(())
}
