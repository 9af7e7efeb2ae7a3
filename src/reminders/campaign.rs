//! The end of a campaign (M12): who was told that it was the last time, and has not replied, is deactivated.

use sea_orm::ConnectionTrait;

use crate::{
    app::App,
    db::{Topic, Tx},
    error::Result,
    inbox, users,
};

/// Campaigns `r` whose time to respond is over, and that are not done.
const OVER: &str =
    "r.deactivates AND r.deactivated_at IS NULL AND r.next_at IS NULL AND r.respond_by <= $1 AND r.closed_at IS NULL";

/// Deactivates who has not replied to a campaign in time.
pub async fn run_due(app: &App) -> Result<()> {
    let over = format!("SELECT r.message_id FROM reminder AS r WHERE {OVER} ORDER BY r.respond_by");
    let over = app.db.read().query_all_raw(app.db.statement(over, [app.clock.now().into()])).await?;
    for row in over {
        let message = row.try_get_by_index(0)?;
        while deactivate(app, message).await? {}
    }
    Ok(())
}

/// One transaction of a campaign; false when it is done.
///
/// It goes through the recipients once: whom an admin has reactivated meanwhile stays active.
async fn deactivate(app: &App, message: i64) -> Result<bool> {
    let now = app.clock.now();
    let tx = app.db.begin().await?;
    let lock = format!(
        "SELECT r.deactivated_to FROM reminder AS r WHERE r.message_id = $2 AND {OVER} {}",
        tx.dialect().for_update()
    );
    let Some(state) = tx.rows(&lock, [now.into(), message.into()]).await?.pop() else {
        // Others have done it, perhaps in the same group of commits: it is done when that is durable.
        tx.commit().await?;
        return Ok(false);
    };
    let silent = silent(&tx, message, state.try_get_by_index(0)?).await?;
    match silent.last() {
        Some(last) => {
            let count = users::shut_out(&tx, &silent, message, now).await?;
            tracing::info!(message, count, "deactivated who has not replied");
            let note = "UPDATE reminder SET deactivated_to = $2 WHERE message_id = $1";
            tx.run(note, [message.into(), (*last).into()]).await?;
        }
        None => {
            let note = "UPDATE reminder SET deactivated_at = $2 WHERE message_id = $1";
            tx.run(note, [message.into(), now.into()]).await?;
            tx.concerns([Topic::Schedule]);
        }
    }
    tx.commit().await?;
    app.known.forget();
    Ok(!silent.is_empty())
}

/// The next recipients who had the last reminder and have not replied, in their order. Not who sent it.
async fn silent(tx: &Tx, message: i64, after: i64) -> Result<Vec<i64>> {
    let silent = format!(
        "SELECT DISTINCT r.user_id FROM message_recipient AS r JOIN message AS m ON m.id = r.message_id \
         JOIN inbox_item AS i ON i.message_id = r.message_id AND i.user_id = r.user_id AND i.respond_by IS NOT NULL \
         WHERE r.message_id = $1 AND r.user_id > $2 AND i.user_id > $2 AND r.replied_at IS NULL AND r.user_id <> coalesce(m.sender_id, 0) \
         ORDER BY r.user_id LIMIT {}",
        inbox::BATCH
    );
    let silent = tx.rows(&silent, [message.into(), after.into()]).await?;
    Ok(silent.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
}
