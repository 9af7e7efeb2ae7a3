//! In tests of reminders: sending with one, moving the clock, and what is seen of it.

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::app::{TestApp, TestUser, To};

pub fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

/// Moves the clock to a time, and does what is due then.
pub async fn travel(app: &TestApp, time: &str) {
    app.advance(at(time) - app.now());
    app.run_due().await;
}

pub async fn remind_with(
    sender: &TestUser,
    to: &[To<'_>],
    subject: &str,
    expires_at: Option<&str>,
    reminder: Value,
) -> String {
    let to: Value = to.iter().map(To::input).collect();
    let input = json!({
        "to": to, "subject": subject, "body": "", "expiresAt": expires_at, "reminder": reminder,
    });
    sender.create_message(input).await
}

/// The single item of an inbox.
pub async fn item(user: &TestUser) -> Value {
    let state = user.inbox().await;
    assert_eq!(state.items.len(), 1, "{state:#?}");
    state.items.into_values().next().unwrap()
}

/// How often each person was reminded of anything.
pub async fn reminders(app: &TestApp) -> Vec<(String, i32)> {
    let sql = "SELECT u.external_id, sum(r.reminder_count) FROM message_recipient AS r \
               JOIN user_account AS u ON u.id = r.user_id \
               GROUP BY u.external_id ORDER BY u.external_id";
    let rows = app.db.read().query_all_raw(app.db.statement(sql, [])).await.unwrap();
    rows.iter()
        .map(|row| {
            (row.try_get_by_index(0).unwrap(), row.try_get_by_index::<i64>(1).unwrap() as i32)
        })
        .collect()
}

pub async fn reminder(user: &TestUser, message: &str) -> Value {
    let query = "query($id: ID!) { message(id: $id) { reminder {
        frequency until timeZone nextAt schedule sentCount respondBy deactivatesNonRepliers } } }";
    user.query(query, json!({"id": message})).await["message"]["reminder"].take()
}
