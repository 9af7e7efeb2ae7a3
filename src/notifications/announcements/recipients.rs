//! How many people an announcement reaches.

use std::collections::{BTreeMap, HashMap};

use ::entity::{announcement, id::AnnouncementId};
use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;

use crate::{db::Db, error::Result};

/// How many people could or can see each announcement: those who were known when it was published,
/// and were active then or are now.
///
/// They are not counted when an announcement is created, since that writes one row for any number
/// of people. Counting for all announcements asked for takes one pass over the inboxes, and one
/// over those of deactivated people; the database does both counts.
pub async fn recipient_counts(
    db: &Db,
    announcements: &[announcement::Model],
) -> Result<HashMap<AnnouncementId, i64>> {
    #[derive(FromQueryResult)]
    struct Known {
        announcements_since: i64,
        people: i64,
    }
    /// People who had been deactivated by a time.
    #[derive(FromQueryResult)]
    struct Gone {
        publish_at: DateTime<Utc>,
        announcements_since: i64,
        people: i64,
    }
    let mut sql = db.sql("announcements::known");
    sql.push("SELECT announcements_since, CAST(count(*) AS bigint) AS people FROM inbox ")
        .push("GROUP BY announcements_since");
    let known = sql.all::<Known>(db.read()).await?.into_iter();
    let known: BTreeMap<_, _> =
        known.map(|known| (known.announcements_since, known.people)).collect();
    // Each deactivated person is read once, between the publications of two of these announcements.
    let ids: Vec<_> = announcements.iter().map(|row| row.id).collect();
    let mut sql = db.sql("announcements::gone");
    let (these, beginning) = (sql.is_one_of("id", &ids), sql.bind(DateTime::UNIX_EPOCH));
    sql.push(format!(
        "SELECT p.publish_at, b.announcements_since, CAST(count(*) AS bigint) AS people \
         FROM (SELECT publish_at, lag(publish_at, 1, {beginning}) OVER (ORDER BY publish_at) \
         AS previous FROM (SELECT DISTINCT publish_at FROM announcement WHERE {these}) AS d) AS p \
         JOIN user_account AS u \
         ON u.deactivated_at > p.previous AND u.deactivated_at <= p.publish_at \
         JOIN inbox AS b ON b.user_id = u.id GROUP BY p.publish_at, b.announcements_since"
    ));
    let gone: Vec<Gone> = sql.all(db.read()).await?;
    let count = |row: &announcement::Model| {
        let position = row.position.unwrap_or(0);
        let known: i64 = known.range(..position).map(|(_, people)| people).sum();
        let gone = gone.iter().filter(|gone| {
            gone.announcements_since < position && gone.publish_at <= row.publish_at
        });
        (row.id, known - gone.map(|gone| gone.people).sum::<i64>())
    };
    Ok(announcements.iter().map(count).collect())
}
