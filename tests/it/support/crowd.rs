//! More people than a test could sign in one by one.

use super::app::{TestApp, TestUser};

/// Creates many people in the group “crowd”; returns the first and the last.
pub async fn crowd(app: &TestApp, size: i64) -> [TestUser; 2] {
    app.group("crowd", &[]).await;
    let tx = app.db.begin().await.unwrap();
    let numbers =
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {size})");
    let now: [sea_orm::Value; 1] = [app.now().into()];
    tx.run(
        &format!(
            "{numbers} INSERT INTO user_account (external_id, first_name, last_name, locale, \
             time_zone, created_at) \
             SELECT 'u' || i, '', '', 'en', 'UTC', $1 FROM n"
        ),
        now.clone(),
    )
    .await
    .unwrap();
    tx.run(
        "INSERT INTO inbox (user_id) SELECT id FROM user_account WHERE external_id LIKE 'u%'",
        [],
    )
    .await
    .unwrap();
    let members = "INSERT INTO group_member (group_id, user_id, joined_at) \
                   SELECT g.id, u.id, $1 FROM user_group AS g CROSS JOIN user_account AS u \
                   WHERE u.external_id LIKE 'u%'";
    tx.run(members, now).await.unwrap();
    tx.commit().await.unwrap();
    app.users(["u1", &format!("u{size}")]).await
}

pub async fn count(app: &TestApp, sql: &str) -> i64 {
    use sea_orm::ConnectionTrait;
    let row = app.db.read().query_one_raw(app.db.statement(sql, [])).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}
