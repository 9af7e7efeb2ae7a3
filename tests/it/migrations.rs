use std::collections::BTreeSet;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IdenStatic, Iterable};

use crate::support::app::{TestApp, both};

both! {
    /// The migrations can be reverted and run again.
    async fn migrations_go_down_and_up_again(app: TestApp) {
        app.db.unmigrate().await.unwrap();
        assert!(tables(&app).await.iter().all(|table| !table.starts_with("inbox")));
        app.db.migrate().await.unwrap();
        app.db.migrate().await.unwrap();
        assert!(tables(&app).await.contains("inbox_item"));
    }

    /// The migrations create what the entities expect.
    async fn entities_match_the_tables(app: TestApp) {
        use entity::*;
        let mut expected = BTreeSet::new();
        expected.extend(columns_of::<delivery::Entity>());
        expected.extend(columns_of::<erasure::Entity>());
        expected.extend(columns_of::<expiry::Entity>());
        expected.extend(columns_of::<group::Entity>());
        expected.extend(columns_of::<group_member::Entity>());
        expected.extend(columns_of::<idempotency_key::Entity>());
        expected.extend(columns_of::<inbox::Entity>());
        expected.extend(columns_of::<inbox_item::Entity>());
        expected.extend(columns_of::<inbox_undo::Entity>());
        expected.extend(columns_of::<installation::Entity>());
        expected.extend(columns_of::<message::Entity>());
        expected.extend(columns_of::<message_audience::Entity>());
        expected.extend(columns_of::<message_recipient::Entity>());
        expected.extend(columns_of::<reminder::Entity>());
        expected.extend(columns_of::<search_again::Entity>());
        expected.extend(columns_of::<search_lost::Entity>());
        expected.extend(columns_of::<search_progress::Entity>());
        expected.extend(columns_of::<search_text::Entity>());
        expected.extend(columns_of::<search_word::Entity>());
        expected.extend(columns_of::<thread::Entity>());
        expected.extend(columns_of::<thread_mute::Entity>());
        expected.extend(columns_of::<user::Entity>());
        expected.extend(columns_of::<activity::Entity>());
        expected.extend(columns_of::<announcement::Entity>());
        expected.extend(columns_of::<announcement_reading::Entity>());
        expected.extend(columns_of::<inbox_item_activity::Entity>());
        expected.extend(columns_of::<inbox_item_actor::Entity>());
        expected.extend(columns_of::<refresh::Entity>());
        expected.extend(columns_of::<subscription::Entity>());
        expected.extend(columns_of::<subscription_config::Entity>());
        expected.extend(columns_of::<sweep::Entity>());
        expected.extend(columns_of::<target::Entity>());
        assert_eq!(columns(&app).await, expected);
    }
}

/// `table.column`, with a `?` if it is nullable.
fn columns_of<E: EntityTrait + Default>() -> Vec<String> {
    let table = E::default().table_name().to_owned();
    let column = |column: E::Column| {
        let null = if column.def().is_null() { "?" } else { "" };
        format!("{table}.{}{null}", column.as_str())
    };
    E::Column::iter().map(column).collect()
}

async fn tables(app: &TestApp) -> BTreeSet<String> {
    let sql = match app.db.is_postgres() {
        true => {
            "SELECT CAST(table_name AS text) FROM information_schema.tables \
             WHERE table_schema = 'public'"
        }
        false => "SELECT name FROM sqlite_master WHERE type = 'table'",
    };
    texts(app, sql).await
}

async fn columns(app: &TestApp) -> BTreeSet<String> {
    let sql = match app.db.is_postgres() {
        true => {
            "SELECT table_name || '.' || column_name || \
             CASE is_nullable WHEN 'YES' THEN '?' ELSE '' END \
             FROM information_schema.columns \
             WHERE table_schema = 'public' AND table_name <> 'seaql_migrations'"
        }
        false => {
            "SELECT m.name || '.' || c.name || CASE WHEN c.\"notnull\" = 1 \
             OR c.pk > 0 THEN '' ELSE '?' END \
             FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c \
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name <> 'seaql_migrations'"
        }
    };
    texts(app, sql).await
}

async fn texts(app: &TestApp, sql: &str) -> BTreeSet<String> {
    let rows = app.db.read().query_all_raw(app.db.statement(sql, [])).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}
