//! The row of an inbox: its counts, and its positions; and the numbers of its changes on its items.

use ::entity::id::UserId;

use super::{
    LATEST_ACTIVITY,
    question::{Check, Pair, Range, Values, compare, of_inbox, pairs, set},
};
use crate::{
    db::{Dialect, Tx},
    error::Result,
    inbox,
};

/// The position of the last announcement.
const LATEST_ANNOUNCEMENT: &str = "(SELECT coalesce(max(position), 0) FROM announcement)";

pub fn checks(range: Range) -> [Check; 3] {
    [counts(range), by_category(range), history(range)]
}

/// Where the positions of a row `inbox` must be: not before what its items have, and not beyond
/// what there is.
fn positions(dialect: Dialect, inbox: &str) -> Values {
    let latest = format!(
        "coalesce((SELECT max(i.seq) FROM inbox_item AS i WHERE i.user_id = {inbox}.user_id), 0)"
    );
    let latest = dialect.greatest(&format!("{inbox}.purged_seq"), &latest);
    let announcements =
        dialect.least(&format!("{inbox}.announcements_pulled"), LATEST_ANNOUNCEMENT);
    vec![
        ("seq", dialect.greatest(&format!("{inbox}.seq"), &latest)),
        ("announcements_since", since(dialect, inbox, &announcements)),
        ("announcements_pulled", announcements),
        (
            "activities_pulled",
            dialect.least(&format!("{inbox}.activities_pulled"), LATEST_ACTIVITY),
        ),
    ]
}

/// The position of the announcements when the owner of an inbox became known: before any
/// announcement that the inbox has, and not beyond what it has taken in.
fn since(dialect: Dialect, inbox: &str, pulled: &str) -> String {
    let since = dialect.least(&format!("{inbox}.announcements_since"), pulled);
    let before = format!(
        "(SELECT min(n.position) - 1 FROM inbox_item AS i \
         JOIN announcement AS n ON n.id = i.announcement_id WHERE i.user_id = {inbox}.user_id)"
    );
    dialect.least(&since, &format!("coalesce({before}, {since})"))
}

/// The numbers of the changes that brought a row `item` and sent a reminder of it: not later than
/// the number of the last change that touched it.
fn changes(dialect: Dialect, item: &str) -> Values {
    let right = |column| {
        let number = format!("{item}.{column}");
        let least = dialect.least(&number, &format!("{item}.seq"));
        (column, format!("CASE WHEN {number} IS NOT NULL THEN {least} END"))
    };
    ["arrived_seq", "reminded_seq"].map(right).into()
}

fn counts(range: Range) -> Check {
    let dialect = range.dialect;
    let mut sql = range.sql("recount::counts");
    let counts = inbox::COUNTS
        .iter()
        .map(|(name, _)| (*name, format!("b.{name}"), format!("coalesce(t.{name}, 0)")));
    let pairs: Vec<Pair> = counts.chain(pairs("b", positions(dialect, "b"))).collect();
    let from = format!(
        "inbox AS b LEFT JOIN (SELECT user_id, {} \
         FROM inbox_item WHERE {} GROUP BY user_id) AS t ON t.user_id = b.user_id WHERE {}",
        inbox::tally(dialect),
        range.has(&mut sql, "user_id"),
        range.has(&mut sql, "b.user_id")
    );
    compare(sql, of_inbox, "b.user_id", "NULL", pairs, &from)
}

/// The counts of unread items by category.
fn by_category(range: Range) -> Check {
    let mut sql = range.sql("recount::by_category");
    let (in_range, items_in_range) =
        (range.has(&mut sql, "b.user_id"), range.has(&mut sql, "user_id"));
    let kept = range.dialect.json_members("b.unread_by_category");
    let from = format!(
        "(SELECT u.user_id, sum(u.kept) AS kept, sum(u.counted) AS counted FROM \
         (SELECT b.user_id, k.key AS category, CAST(k.value AS bigint) AS kept, 0 AS counted \
         FROM inbox AS b CROSS JOIN {kept} AS k WHERE {in_range} UNION ALL \
         SELECT user_id, category, 0, count(*) FROM inbox_item \
         WHERE {items_in_range} AND {} GROUP BY user_id, category) AS u \
         GROUP BY u.user_id, u.category) AS d",
        inbox::counts_for_category()
    );
    let pairs = vec![("unread of a category", "d.kept".to_owned(), "d.counted".to_owned())];
    compare(sql, of_inbox, "d.user_id", "NULL", pairs, &from)
}

fn history(range: Range) -> Check {
    let mut sql = range.sql("recount::history");
    let pairs = pairs("i", changes(range.dialect, "i"));
    let from = format!("inbox_item AS i WHERE {}", range.has(&mut sql, "i.user_id"));
    compare(sql, of_inbox, "i.user_id", "i.id", pairs, &from)
}

pub async fn mend_positions(tx: &Tx, users: &[UserId]) -> Result<()> {
    let mut sql = tx.sql("mend::positions");
    let (these, positions) =
        (sql.is_one_of("user_id", users), set(&positions(tx.dialect(), "inbox")));
    sql.push(format!("UPDATE inbox SET {positions} WHERE {these}"));
    sql.run(&**tx).await?;
    Ok(())
}

/// Makes the history and the counts of inboxes follow from their items. Nobody can continue from
/// an older change.
pub async fn mend_counts(tx: &Tx, users: &[UserId]) -> Result<()> {
    let mut sql = tx.sql("mend::history");
    let (these, changes) =
        (sql.is_one_of("user_id", users), set(&changes(tx.dialect(), "inbox_item")));
    sql.push(format!("UPDATE inbox_item SET {changes} WHERE {these}"));
    sql.run(&**tx).await?;
    let mut sql = tx.sql("mend::no_counts");
    let these = sql.is_one_of("user_id", users);
    let none = inbox::COUNTS.iter().map(|(name, _)| format!("{name} = 0"));
    let none = none.collect::<Vec<_>>().join(", ");
    sql.push(format!(
        "UPDATE inbox SET purged_seq = seq, unread_by_category = NULL, {none} WHERE {these}"
    ));
    sql.run(&**tx).await?;
    let mut sql = tx.sql("mend::counts");
    let these = sql.is_one_of("user_id", users);
    sql.push(format!(
        "UPDATE inbox SET {} \
         FROM (SELECT user_id, {} FROM inbox_item WHERE {these} GROUP BY user_id) AS t \
         WHERE inbox.user_id = t.user_id",
        inbox::with_tally(tx.dialect(), '+'),
        inbox::tally(tx.dialect())
    ));
    sql.run(&**tx).await?;
    Ok(())
}
