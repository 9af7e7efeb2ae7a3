//! The end of a campaign (M12): people who were told that it was the last time and have not replied
//! are deactivated.

use ::entity::id::{MessageId, UserId};
use chrono::{DateTime, Utc};

use crate::{
    app::App,
    db::{Topic, Tx},
    error::Result,
    inbox,
    people::deactivation,
};

/// Campaigns `r` that are to deactivate people who do not reply, once the time to respond has
/// ended.
const OPEN: &str =
    "r.deactivates AND r.deactivated_at IS NULL AND r.next_at IS NULL AND r.closed_at IS NULL";

/// When the time to respond to a campaign ends next.
pub async fn next_over(app: &App) -> Result<Option<DateTime<Utc>>> {
    let mut sql = app.db.sql("campaign::next_over");
    sql.push(format!(
        "SELECT r.respond_by FROM reminder AS r WHERE {OPEN} AND r.respond_by IS NOT NULL \
         ORDER BY r.respond_by LIMIT 1"
    ));
    sql.value(app.db.read()).await
}

/// The campaigns whose time to respond has ended, at most `limit` of them.
pub async fn over(app: &App, limit: u64) -> Result<Vec<MessageId>> {
    let mut sql = app.db.sql("campaign::over");
    let now = sql.bind(app.clock.now());
    sql.push(format!(
        "SELECT r.message_id FROM reminder AS r WHERE {OPEN} AND r.respond_by <= {now} \
         ORDER BY r.respond_by LIMIT {limit}"
    ));
    sql.values(app.db.read()).await
}

/// One transaction of a campaign: deactivates the next people who have not replied in time.
///
/// It goes through the recipients once: anyone an admin has reactivated meanwhile stays active.
pub async fn deactivate(app: &App, message: MessageId) -> Result<()> {
    let now = app.clock.now();
    let tx = app.db.begin().await?;
    let mut sql = tx.sql("campaign::lock");
    let (of, by, for_update) = (sql.bind(message), sql.bind(now), sql.dialect().for_update());
    sql.push(format!(
        "SELECT r.deactivated_to FROM reminder AS r \
         WHERE r.message_id = {of} AND {OPEN} AND r.respond_by <= {by} {for_update}"
    ));
    let Some(after) = sql.value(&*tx).await? else {
        // Others have done it, perhaps in the same group of commits: it is done when that is
        // durable.
        return tx.commit().await;
    };
    let silent = silent(&tx, message, after).await?;
    match silent.last() {
        Some(last) => {
            let count = deactivation::shut_out(&tx, &silent, message, now).await?;
            tracing::info!(message = message.0, count, "deactivated those who have not replied");
            let mut sql = tx.sql("campaign::note");
            let (message, last) = (sql.bind(message), sql.bind(*last));
            sql.push(format!(
                "UPDATE reminder SET deactivated_to = {last} WHERE message_id = {message}"
            ));
            sql.run(&*tx).await?;
        }
        None => {
            let mut sql = tx.sql("campaign::end");
            let (message, now) = (sql.bind(message), sql.bind(now));
            sql.push(format!(
                "UPDATE reminder SET deactivated_at = {now} WHERE message_id = {message}"
            ));
            sql.run(&*tx).await?;
            tx.concerns([Topic::Jobs]);
        }
    }
    tx.commit().await?;
    app.recent_users.forget_all();
    Ok(())
}

/// The next recipients who got the last reminder and have not replied, in order, except the sender.
/// A reminder that was the last one before the expiry was put off no longer is: the last one came
/// at the expiry or after it.
async fn silent(tx: &Tx, message: MessageId, after: UserId) -> Result<Vec<UserId>> {
    let mut sql = tx.sql("campaign::silent");
    let (message, after, most) = (sql.bind(message), sql.bind(after), inbox::BATCH);
    sql.push(format!(
        "SELECT DISTINCT r.user_id FROM message_recipient AS r \
         JOIN message AS m ON m.id = r.message_id \
         JOIN inbox_item AS i ON i.message_id = r.message_id AND i.user_id = r.user_id \
         AND i.respond_by IS NOT NULL AND i.reminded_at >= m.expires_at \
         WHERE r.message_id = {message} AND r.user_id > {after} AND i.user_id > {after} \
         AND r.replied_at IS NULL AND r.user_id <> coalesce(m.sender_id, 0) \
         ORDER BY r.user_id LIMIT {most}"
    ));
    sql.values(&**tx).await
}
