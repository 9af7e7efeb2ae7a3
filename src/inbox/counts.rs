//! The counts of inboxes. They change by what the items that change count for before and afterwards.

use std::sync::LazyLock;

use ::entity::{
    id::{ItemId, UserId},
    inbox,
};

use super::{InboxView, NEW_SEQ, categories, kind::ItemKind};
use crate::{
    db::{Dialect, Tx},
    error::Result,
};

/// Which items count as unread, of those that have not been removed.
pub const UNREAD: &str = "archived_at IS NULL AND snoozed_until IS NULL AND read_at IS NULL";

/// The counts of an inbox, and which items count in each. Those by category are in `categories`.
pub static COUNTS: LazyLock<Vec<(&str, String)>> = LazyLock::new(|| {
    let active = "archived_at IS NULL AND snoozed_until IS NULL";
    let unseen = "archived_at IS NULL AND snoozed_until IS NULL AND seen_at IS NULL";
    let of_kind = |kind: &'static ItemKind| {
        let counter = kind.counter.as_ref()?;
        Some((counter.column, format!("{UNREAD} AND kind = '{}'", kind.name())))
    };
    let mut counts = vec![("unread", UNREAD.to_owned())];
    counts.extend(ItemKind::all().filter_map(of_kind));
    counts.extend([
        ("active", active.to_owned()),
        ("unseen", unseen.to_owned()),
        ("snoozed", "snoozed_until IS NOT NULL".to_owned()),
        ("archived", "archived_at IS NOT NULL".to_owned()),
    ]);
    counts
});

/// How many items a view of an inbox shows.
pub fn count_of_view(head: &inbox::Model, view: InboxView) -> i32 {
    match view {
        InboxView::Active => head.active,
        InboxView::Unread => head.unread,
        InboxView::Snoozed => head.snoozed,
        InboxView::Archived => head.archived,
        // An item is in one state.
        InboxView::All => head.active + head.snoozed + head.archived,
    }
}

/// How many of some items are in each of the counts.
pub fn tally(dialect: Dialect) -> String {
    let counts = each_count(|name, which| {
        format!("CAST(count(*) FILTER (WHERE removed_at IS NULL AND {which}) AS integer) AS {name}")
    });
    format!("{counts}, {} AS categories", categories::tally(dialect))
}

/// Sets the counts of an inbox to what they are with a tally `t` added or subtracted.
pub fn with_tally(dialect: Dialect, sign: char) -> String {
    let counts = each_count(|name, _| format!("{name} = inbox.{name} {sign} t.{name}"));
    format!("{counts}, {}", categories::with_list(dialect, sign, "t.categories"))
}

/// Sets the counts of an inbox to what they are after a change of some items, and what of them makes
/// the difference, a tally `t`. `afterwards` says when a condition on an item holds after the change.
/// Counts that stay the same are in neither; so both can be empty.
pub fn difference(dialect: Dialect, afterwards: impl Fn(&str) -> String) -> (String, String) {
    let (mut sets, mut tally) = (String::new(), String::new());
    for (name, which) in COUNTS.iter() {
        let before = format!("removed_at IS NULL AND {which}");
        let after = afterwards(&before);
        if after != before {
            sets += &format!(", {name} = inbox.{name} + t.{name}");
            tally += &format!(
                ", CAST(count(*) FILTER (WHERE {after}) - count(*) FILTER (WHERE {before}) \
                 AS integer) AS {name}"
            );
        }
    }
    let before = categories::counted();
    let after = afterwards(&before);
    if after != before {
        let of = |which| dialect.json_list_where("category", which);
        tally += &format!(", {} AS gone, {} AS come", of(&before), of(&after));
        sets +=
            &format!(", {}", categories::with_lists(dialect, &[('-', "t.gone"), ('+', "t.come")]));
    }
    (sets, tally)
}

/// Sets the counts of an inbox to what they are with new items: how many of each kind, as an
/// expression. It is known what a new item counts for: one that is active, unread and unseen.
pub fn with_new(new: &[(&ItemKind, &str)]) -> String {
    let all = new.iter().map(|(_, count)| *count).collect::<Vec<_>>().join(" + ");
    let of_kind = |(kind, count): &(&ItemKind, &str)| {
        let counter = kind.counter.as_ref()?;
        Some((counter.column, (*count).to_owned()))
    };
    let counts = ["active", "unread", "unseen"].into_iter().map(|name| (name, all.clone()));
    let sets = counts
        .chain(new.iter().filter_map(of_kind))
        .map(|(name, more)| format!("{name} = CAST(inbox.{name} + {more} AS integer)"));
    sets.collect::<Vec<_>>().join(", ")
}

fn each_count(text: impl Fn(&str, &str) -> String) -> String {
    COUNTS.iter().map(|(name, which)| text(name, which)).collect::<Vec<_>>().join(", ")
}

/// Subtracts some items from the counts, before they change, and counts one more change of these
/// inboxes, which the caller has locked. The caller stamps the new number on the items, and adds
/// them again with [`count_changed`].
pub async fn begin_change(tx: &Tx, owners: &[UserId], items: &[ItemId]) -> Result<()> {
    let mut sql = tx.sql("inbox::begin_change");
    let these = sql.is_one_of("user_id", owners);
    sql.push(format!("UPDATE inbox SET seq = seq + 1 WHERE {these}"));
    sql.run(&**tx).await?;
    if items.is_empty() {
        return Ok(());
    }
    let mut sql = tx.sql("inbox::subtract");
    let these = sql.is_one_of("id", items);
    sql.push(format!(
        "UPDATE inbox SET {} \
         FROM (SELECT user_id, {} FROM inbox_item WHERE {these} GROUP BY user_id) AS t \
         WHERE inbox.user_id = t.user_id",
        with_tally(tx.dialect(), '-'),
        tally(tx.dialect()),
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// Adds to the counts those of some items that the last change of these inboxes touched.
pub async fn count_changed(tx: &Tx, owners: &[UserId], items: &[ItemId]) -> Result<()> {
    let mut sql = tx.sql("inbox::count_changed");
    let (these, own) = (sql.is_one_of("id", items), sql.is_one_of("user_id", owners));
    // Skips inboxes that this change leaves alone: what their own last change touched was added
    // when it happened.
    let changed = sql.dialect().checked(&format!("seq = {NEW_SEQ} AND {own}"));
    sql.push(format!(
        "UPDATE inbox SET {} FROM (SELECT user_id, {} FROM inbox_item \
         WHERE {these} AND {changed} GROUP BY user_id) AS t \
         WHERE inbox.user_id = t.user_id",
        with_tally(tx.dialect(), '+'),
        tally(tx.dialect()),
    ));
    sql.run(&**tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A column of an item that is not NULL says that something has happened to the item.
    #[test]
    fn a_new_item_counts_where_nothing_has_happened_to_it() {
        let sets = with_new(&ItemKind::all().map(|kind| (kind, "1")).collect::<Vec<_>>());
        for (name, which) in COUNTS.iter() {
            let is_counted = sets.contains(&format!("{name} = CAST(inbox.{name} + "));
            assert_eq!(is_counted, !which.contains("IS NOT NULL"), "{name}");
        }
    }
}
