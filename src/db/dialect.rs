//! What the two databases spell differently, for statements written as SQL ([`Sql`](super::Sql)).

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{
    ColumnTrait, ColumnType, ConnectionTrait, DbBackend, EntityTrait, IdenStatic, Iterable,
};

/// What the two databases spell differently, for statements written as SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

impl From<DbBackend> for Dialect {
    fn from(backend: DbBackend) -> Self {
        match backend {
            DbBackend::Sqlite => Dialect::Sqlite,
            DbBackend::Postgres => Dialect::Postgres,
            other => unreachable!("Tidings opens no {other:?}"),
        }
    }
}

impl Dialect {
    /// The dialect of a connection or transaction.
    pub fn of(connection: &impl ConnectionTrait) -> Self {
        connection.get_database_backend().into()
    }

    /// As sea-orm calls it.
    pub(super) fn backend(self) -> DbBackend {
        match self {
            Dialect::Sqlite => DbBackend::Sqlite,
            Dialect::Postgres => DbBackend::Postgres,
        }
    }

    /// The end of a SELECT that locks the rows it finds until the transaction ends. SQLite's one
    /// writer needs none.
    pub fn for_update(self) -> &'static str {
        match self {
            Dialect::Postgres => "FOR NO KEY UPDATE",
            Dialect::Sqlite => "",
        }
    }

    /// Whether rows are locked. SQLite's one writer needs no locks.
    pub fn locks_rows(self) -> bool {
        match self {
            Dialect::Postgres => true,
            Dialect::Sqlite => false,
        }
    }

    /// The bytes that the whole database takes.
    pub fn size(self) -> &'static str {
        match self {
            Dialect::Postgres => "pg_database_size(current_database())",
            Dialect::Sqlite => {
                "(SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)"
            }
        }
    }

    /// A condition: there is a table with this name.
    pub fn has_table(self, table: &str) -> String {
        match self {
            Dialect::Postgres => format!("to_regclass('{table}') IS NOT NULL"),
            Dialect::Sqlite => {
                format!("EXISTS (SELECT 1 FROM sqlite_master WHERE name = '{table}')")
            }
        }
    }

    /// A query for about how many rows a table with ids has, which reads none of them.
    pub fn estimated_rows(self, table: &str) -> String {
        match self {
            // -1 before the first ANALYZE.
            Dialect::Postgres => format!(
                "SELECT CAST(reltuples AS bigint) FROM pg_class \
                 WHERE oid = CAST('{table}' AS regclass)"
            ),
            Dialect::Sqlite => format!("SELECT max(id) FROM {table}"),
        }
    }

    /// The larger of two numbers.
    pub fn greatest(self, one: &str, other: &str) -> String {
        match self {
            Dialect::Postgres => {
                format!("greatest({one}, {other})")
            }
            Dialect::Sqlite => {
                format!("max({one}, {other})")
            }
        }
    }

    /// The smaller of two numbers.
    pub fn least(self, one: &str, other: &str) -> String {
        match self {
            Dialect::Postgres => {
                format!("least({one}, {other})")
            }
            Dialect::Sqlite => {
                format!("min({one}, {other})")
            }
        }
    }

    /// The end of a SELECT that locks the rows of `alias` only, skipping those that somebody else
    /// has locked.
    pub fn for_update_of_unlocked(self, alias: &str) -> String {
        match self {
            Dialect::Postgres => {
                format!("FOR NO KEY UPDATE OF {alias} SKIP LOCKED")
            }
            Dialect::Sqlite => String::new(),
        }
    }

    /// One JSON array with a value for each row, as text.
    pub fn json_list(self, value: &str) -> String {
        match self {
            Dialect::Postgres => {
                format!("CAST(json_agg({value}) AS text)")
            }
            Dialect::Sqlite => {
                format!("json_group_array({value})")
            }
        }
    }

    /// As [`Dialect::json_list`], of those rows for which a condition holds. If there are none, it
    /// is NULL or an empty array.
    pub fn json_list_where(self, value: &str, condition: &str) -> String {
        match self {
            Dialect::Postgres => {
                format!("CAST(json_agg({value}) FILTER (WHERE {condition}) AS text)")
            }
            Dialect::Sqlite => {
                format!("json_group_array({value}) FILTER (WHERE {condition})")
            }
        }
    }

    /// One JSON object with a member for each row, as text; NULL if there are none.
    pub fn json_object(self, key: &str, value: &str) -> String {
        match self {
            Dialect::Postgres => {
                format!("CAST(json_object_agg({key}, {value}) AS text)")
            }
            Dialect::Sqlite => {
                format!("nullif(json_group_object({key}, {value}), '{{}}')")
            }
        }
    }

    /// The members of a JSON object, as a table with `key` and `value`; no rows if it is NULL.
    pub fn json_members(self, object: &str) -> String {
        match self {
            Dialect::Postgres => {
                format!("json_each_text(CAST({object} AS json))")
            }
            Dialect::Sqlite => {
                format!("json_each({object})")
            }
        }
    }

    /// The texts in a JSON array, as a table with a `value`; no rows if it is NULL.
    pub fn json_elements(self, array: &str) -> String {
        match self {
            Dialect::Postgres => {
                format!("json_array_elements_text(CAST({array} AS json))")
            }
            Dialect::Sqlite => {
                format!("json_each({array})")
            }
        }
    }

    /// A JSON array with a value for each of `rows`, as a value within other JSON.
    pub fn json_list_of(self, value: &str, rows: &str) -> String {
        match self {
            Dialect::Postgres => {
                format!("(SELECT coalesce(json_agg({value}), '[]') FROM {rows})")
            }
            Dialect::Sqlite => {
                format!("json((SELECT json_group_array({value}) FROM {rows}))")
            }
        }
    }

    /// A subquery or expression that returns JSON, as a value within other JSON: SQLite would
    /// otherwise take it as text.
    pub fn json_value(self, json: &str) -> String {
        match self {
            Dialect::Postgres => json.to_owned(),
            Dialect::Sqlite => {
                format!("json({json})")
            }
        }
    }

    /// A JSON array of some values.
    pub fn json_array(self, values: &str) -> String {
        match self {
            Dialect::Postgres => {
                format!("json_build_array({values})")
            }
            Dialect::Sqlite => {
                format!("json_array({values})")
            }
        }
    }

    /// All columns of an entity as a JSON array in their order, from which its model can be
    /// decoded; bytes become hexadecimal digits. NULL where an outer join found no row.
    pub fn json_row<E: EntityTrait>(self, alias: &str) -> String {
        self.json_row_with::<E>(alias, |_| None)
    }

    /// As [`Dialect::json_row`], with an expression in place of some columns.
    pub fn json_row_with<E: EntityTrait>(
        self,
        alias: &str,
        instead: impl Fn(&str) -> Option<String>,
    ) -> String {
        let column = |column: E::Column| {
            if let Some(instead) = instead(column.as_str()) {
                return instead;
            }
            let name = format!("{alias}.{}", column.as_str());
            match column.def().get_column_type() {
                ColumnType::VarBinary(_) => match self {
                    Dialect::Postgres => format!("encode({name}, 'hex')"),
                    Dialect::Sqlite => format!("hex({name})"),
                },
                ColumnType::Boolean => match self {
                    Dialect::Postgres => name,
                    // Otherwise it would be 0 or 1.
                    Dialect::Sqlite => self.json_value(&format!(
                        "CASE WHEN {name} THEN 'true' WHEN NOT {name} THEN 'false' END"
                    )),
                },
                _ => name,
            }
        };
        let columns: Vec<_> = E::Column::iter().map(column).collect();
        let first = &columns[0];
        format!("CASE WHEN {first} IS NOT NULL THEN {} END", self.json_array(&columns.join(", ")))
    }

    /// The function that returns the position of one text in another; 0 if it is not there. LIKE
    /// backtracks at each position, and took seconds for a long text of a single letter.
    pub fn position(self) -> &'static str {
        match self {
            Dialect::Postgres => "strpos",
            Dialect::Sqlite => "instr",
        }
    }

    /// A text with its ASCII letters in lower case, and no others, whatever the locale.
    pub fn lower_ascii(self, text: &str) -> String {
        match self {
            Dialect::Postgres => {
                format!("lower(({text}) COLLATE \"C\")")
            }
            Dialect::Sqlite => {
                format!("lower({text})")
            }
        }
    }

    /// The hour of a time in UTC, such as 2026-01-05T09.
    pub fn hour(self, column: &str) -> String {
        match self {
            Dialect::Postgres => {
                format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24')")
            }
            Dialect::Sqlite => {
                format!("substr({column}, 1, 13)")
            }
        }
    }

    /// Whether a column is among the results of a query, which runs once and does not depend on the
    /// row.
    ///
    /// PostgreSQL would join the query to the table, and for that it might scan the table from its
    /// beginning, or go through the query row by row; an array is looked up in the index.
    pub fn is_among(self, column: &str, query: &str) -> String {
        match self {
            Dialect::Postgres => {
                format!("{column} = ANY(ARRAY({query}))")
            }
            Dialect::Sqlite => {
                format!("{column} IN ({query})")
            }
        }
    }

    /// Whether a column is in a parameter that holds a JSON array of integers:
    /// [`Sql::is_one_of`](super::Sql::is_one_of) binds one.
    pub fn is_one_of(self, column: &str, parameter: impl fmt::Display) -> String {
        match self {
            Dialect::Postgres => {
                let list = format!(
                    "SELECT CAST(e AS bigint) \
                     FROM json_array_elements_text(CAST({parameter} AS json)) AS e"
                );
                self.is_among(column, &list)
            }
            Dialect::Sqlite => {
                self.is_among(column, &format!("SELECT e.value FROM json_each({parameter}) AS e"))
            }
        }
    }

    /// Whether a column is in a parameter that holds a JSON array of texts:
    /// [`Sql::is_one_of_texts`](super::Sql::is_one_of_texts) binds one.
    pub fn is_one_of_texts(self, column: &str, parameter: impl fmt::Display) -> String {
        let texts = self.json_elements(&parameter.to_string());
        self.is_among(column, &format!("SELECT e.value FROM {texts} AS e"))
    }

    /// A condition to check on rows that are found by something else. Written plainly, a planner
    /// could use it to find the rows, by an index that has a whole inbox.
    pub fn checked(self, condition: &str) -> String {
        format!("CASE WHEN {condition} THEN 1 END = 1")
    }

    /// Joins a table in which rows are looked up by what stands before it. With some statistics
    /// SQLite would begin with the table, and read all of it.
    pub fn then_join(self) -> &'static str {
        match self {
            Dialect::Postgres => "JOIN",
            Dialect::Sqlite => "CROSS JOIN",
        }
    }

    /// The first rows of several selects, each of which an index serves in `order`.
    ///
    /// SQLite merges them as they come. PostgreSQL does so only if each select is sorted and
    /// limited separately; SQLite would then read all of them up to the limit.
    pub fn merge(self, selects: &[String], order: &str, limit: impl fmt::Display) -> String {
        let ends = format!("ORDER BY {order} LIMIT {limit}");
        if let [only] = selects {
            return format!("{only} {ends}");
        }
        let part = |(n, select): (usize, &String)| match self {
            Dialect::Postgres => {
                format!("SELECT * FROM ({select} {ends}) AS part_{n}")
            }
            Dialect::Sqlite => select.clone(),
        };
        let parts: Vec<_> = selects.iter().enumerate().map(part).collect();
        format!("SELECT * FROM ({}) AS parts {ends}", parts.join(" UNION ALL "))
    }

    /// A table made from a parameter that holds a JSON array of arrays of integers:
    /// [`Sql::integer_table`](super::Sql::integer_table) binds one.
    pub fn integer_table(self, parameter: impl fmt::Display, columns: &[&str]) -> String {
        let columns: Vec<_> = columns.iter().map(|name| (*name, JsonType::Integer)).collect();
        self.table(parameter, &columns)
    }

    /// A table made from a parameter that holds a JSON array of arrays.
    pub fn table(self, parameter: impl fmt::Display, columns: &[(&str, JsonType)]) -> String {
        let table = match self {
            Dialect::Postgres => format!("json_array_elements(CAST({parameter} AS json)) AS e"),
            Dialect::Sqlite => format!("json_each({parameter}) AS e"),
        };
        let column = |(index, (name, of)): (usize, &(&str, JsonType))| match (self, of) {
            (Dialect::Postgres, JsonType::Integer) => {
                format!("CAST(e ->> {index} AS bigint) AS {name}")
            }
            (Dialect::Postgres, JsonType::Text) => format!("e ->> {index} AS {name}"),
            (Dialect::Postgres, JsonType::Time) => {
                format!("CAST(e ->> {index} AS timestamptz) AS {name}")
            }
            (Dialect::Postgres, JsonType::Bytes) => {
                format!("decode(e ->> {index}, 'hex') AS {name}")
            }
            (Dialect::Sqlite, JsonType::Bytes) => format!("unhex(e.value ->> {index}) AS {name}"),
            (Dialect::Sqlite, _) => format!("e.value ->> {index} AS {name}"),
        };
        let columns: Vec<_> = columns.iter().enumerate().map(column).collect();
        format!("(SELECT {} FROM {table})", columns.join(", "))
    }

    /// `LEFT JOIN table AS alias` with the rows whose ids a subquery finds for each row to the
    /// left; the subquery may have a LIMIT.
    pub fn left_join_each(self, table: &str, alias: &str, ids: &str) -> String {
        match self {
            Dialect::Postgres => {
                format!(
                    "LEFT JOIN LATERAL ({ids}) AS {alias}_id ON true \
                     LEFT JOIN {table} AS {alias} ON {alias}.id = {alias}_id.id"
                )
            }
            Dialect::Sqlite => {
                format!("LEFT JOIN {table} AS {alias} ON {alias}.id IN ({ids})")
            }
        }
    }
}

/// The type of a column of [`Dialect::table`]; any value may be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonType {
    Integer,
    Text,
    /// A [`time`].
    Time,
    /// [`hex`].
    Bytes,
}

/// Bytes in JSON, as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> serde_json::Value {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

/// A time in JSON, as SQLite's driver would write it: there times are compared as texts.
pub fn time(time: DateTime<Utc>) -> serde_json::Value {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, false).into()
}
