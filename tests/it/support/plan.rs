//! How PostgreSQL would run a statement.

use sea_orm::{ConnectionTrait, DbBackend, Statement, Value as Bound};
use serde_json::Value;

pub fn values(statement: &Statement) -> Vec<Bound> {
    statement.values.clone().map(|values| values.0).unwrap_or_default()
}

/// The generic plan of a statement; a measured one is executed.
pub async fn postgres_plan(
    connection: &impl ConnectionTrait,
    statement: &Statement,
    is_measured: bool,
) -> Value {
    let values = values(statement);
    let types: Vec<_> = values
        .iter()
        .map(|value| match value {
            Bound::BigInt(_) | Bound::BigUnsigned(_) => "bigint",
            Bound::Int(_) => "integer",
            Bound::Bool(_) => "boolean",
            Bound::ChronoDateTimeUtc(_) => "timestamptz",
            Bound::String(_) => "text",
            Bound::Bytes(_) => "bytea",
            other => panic!("{other:?}: {}", statement.sql),
        })
        .collect();
    let types = if types.is_empty() { String::new() } else { format!("({})", types.join(", ")) };
    connection
        .execute_unprepared(&format!("PREPARE explained{types} AS {}", statement.sql))
        .await
        .unwrap();
    let analyze = if is_measured { "ANALYZE, BUFFERS, TIMING OFF, " } else { "" };
    let places: Vec<_> = (1..=values.len()).map(|n| format!("${n}")).collect();
    let places = if places.is_empty() { String::new() } else { format!("({})", places.join(", ")) };
    let execute = format!("EXPLAIN ({analyze}FORMAT JSON) EXECUTE explained{places}");
    let execute = Statement::from_sql_and_values(DbBackend::Postgres, execute, values).to_string();
    let execute = Statement::from_string(DbBackend::Postgres, execute);
    let plan =
        connection.query_one_raw(execute).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    connection.execute_unprepared("DEALLOCATE explained").await.unwrap();
    plan
}
