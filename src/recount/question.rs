//! What all checks are made of: each is one statement whose rows are the errors.

use ::entity::id::{AnnouncementId, MessageId, UserId};
use chrono::{DateTime, Utc};

use super::Place;
use crate::{
    db::{Dialect, Sql},
    id::Kind,
};

/// The rows that a check is about: those with ids in `(after, up_to]`.
#[derive(Clone, Copy)]
pub struct Range {
    pub dialect: Dialect,
    pub after: i64,
    pub up_to: i64,
    /// What expires after this time has certainly not expired yet.
    pub stays_until: DateTime<Utc>,
}

impl Range {
    pub fn sql(self, name: &'static str) -> Sql {
        Sql::new(name, self.dialect)
    }

    /// The condition that a column is within the range.
    pub fn has(self, sql: &mut Sql, column: &str) -> String {
        let (after, up_to) = (sql.bind(self.after), sql.bind(self.up_to));
        format!("{column} > {after} AND {column} <= {up_to}")
    }
}

/// A question about some rows.
pub struct Check {
    /// Its columns: the number of the place, that of a part or NULL, and for each name the stored
    /// and the correct value.
    pub sql: Sql,
    pub place: fn(i64) -> Place,
    pub part: fn(i64) -> String,
    pub names: Vec<&'static str>,
    /// What is wrong with each row, if it is not about numbers.
    pub sentence: Option<&'static str>,
}

pub fn of_inbox(user: i64) -> Place {
    Place::Inbox(UserId(user))
}

pub fn of_message(message: i64) -> Place {
    Place::Message(MessageId(message))
}

pub fn of_announcement(announcement: i64) -> Place {
    Place::Announcement(AnnouncementId(announcement))
}

/// What columns of a row must be: their names, and expressions for their values. A check compares
/// them, and mending sets them.
pub type Values = Vec<(&'static str, String)>;

/// Sets the columns of a row to what they must be.
pub fn set(values: &Values) -> String {
    let sets: Vec<_> = values.iter().map(|(column, value)| format!("{column} = {value}")).collect();
    sets.join(", ")
}

/// Sets the columns of a row to what they must be, from a select, and others to what it has for
/// them.
pub fn set_from(values: &Values, others: &[(&'static str, String)], from: &str) -> String {
    let all: Vec<_> = values.iter().chain(others).collect();
    let columns: Vec<_> = all.iter().map(|(column, _)| *column).collect();
    let selected: Vec<_> = all.iter().map(|(_, value)| value.as_str()).collect();
    format!("({}) = (SELECT {} FROM {from})", columns.join(", "), selected.join(", "))
}

/// Selects what columns must be, under their names.
pub fn select(values: &Values) -> String {
    let selected: Vec<_> =
        values.iter().map(|(column, value)| format!("{value} AS {column}")).collect();
    selected.join(", ")
}

/// A stored number: its name, the expression for it, and the expression for what it should be.
pub type Pair = (&'static str, String, String);

/// The columns of rows `alias`, and what they must be.
pub fn pairs(alias: &str, values: Values) -> Vec<Pair> {
    values.into_iter().map(|(column, value)| (column, format!("{alias}.{column}"), value)).collect()
}

/// Finds numbers that are not what they should be. `owner` and `part` are expressions over the rows
/// `from`.
pub fn compare(
    mut sql: Sql,
    place: fn(i64) -> Place,
    owner: &str,
    part: &str,
    pairs: Vec<Pair>,
    from: &str,
) -> Check {
    let column = |(index, (_, kept, right)): (usize, &Pair)| {
        format!("CAST({kept} AS bigint) AS kept{index}, CAST({right} AS bigint) AS right{index}")
    };
    let columns: Vec<_> = pairs.iter().enumerate().map(column).collect();
    let differ: Vec<_> = (0..pairs.len())
        .map(|index| format!("kept{index} IS DISTINCT FROM right{index}"))
        .collect();
    sql.push(format!(
        "SELECT * FROM \
         (SELECT {owner} AS owner, CAST({part} AS bigint) AS part, {} FROM {from}) AS c \
         WHERE {} ORDER BY owner, part",
        columns.join(", "),
        differ.join(" OR ")
    ));
    Check {
        sql,
        place,
        part: |part| Kind::InboxItem.encode(part),
        names: pairs.into_iter().map(|(name, ..)| name).collect(),
        sentence: None,
    }
}

/// Finds rows that should not exist, each with what is wrong with it.
pub fn none(
    mut sql: Sql,
    place: fn(i64) -> Place,
    owner: &str,
    (part, name): (&str, fn(i64) -> String),
    sentence: &'static str,
    from: &str,
) -> Check {
    sql.push(format!(
        "SELECT DISTINCT {owner} AS owner, {part} AS part FROM {from} ORDER BY owner, part"
    ));
    Check { sql, place, part: name, names: Vec::new(), sentence: Some(sentence) }
}
