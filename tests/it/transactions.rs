//! Transactions by themselves: who waits for one, and how they affect each other.

use std::{pin::pin, time::Duration};

use futures_util::FutureExt;
use sea_orm::ConnectionTrait;
use tidings::{
    config,
    db::{Db, Tx},
    error::Error,
};
use tokio::join;

use crate::support::{app::Kind, database::Database, round_trips::RoundTrips};

/// None if there is no PostgreSQL.
async fn open(kind: Kind, set: impl FnOnce(&mut config::Database)) -> Option<(Database, Db)> {
    let database = Database::create(kind).await?;
    let mut settings = config::Database::default();
    set(&mut settings);
    let (db, _heard) = Db::open_with(&database.url, &settings).await.unwrap();
    Some((database, db))
}

async fn insert(tx: &Tx, group: &str) {
    let insert = "INSERT INTO user_group (external_id, name, created_at) \
                  VALUES ($1, $1, '2026-01-05T09:00:00+00:00')";
    tx.run(insert, [group.into()]).await.unwrap();
}

/// The existing groups.
async fn groups(db: &Db) -> Vec<String> {
    let rows = db
        .read()
        .query_all_raw(db.statement("SELECT external_id FROM user_group ORDER BY id", []))
        .await
        .unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// What one transaction abandons is undone, but not the ones that are committed together with it.
#[tokio::test]
async fn a_dropped_transaction_takes_no_other_with_it() {
    let Some((_database, db)) = open(Kind::Sqlite, |_| {}).await else { return };
    let first = db.begin().await.unwrap();
    insert(&first, "first").await;
    let (mut second, mut third) = (pin!(db.begin()), pin!(db.begin()));
    // They wait for their turn, and so belong to one group.
    assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());

    let drop_second = async {
        let second = second.await.unwrap();
        insert(&second, "second").await;
    };
    let commit_third = async {
        let third = third.await.unwrap();
        insert(&third, "third").await;
        third.commit().await
    };
    let (first, (), third) = join!(first.commit(), drop_second, commit_third);

    assert_eq!((first, third), (Ok(()), Ok(())));
    assert_eq!(groups(&db).await, ["first", "third"]);
    db.close().await;
}

/// P19: SQLite ends a transaction by itself if the disk is full or fails. The whole group is told,
/// and the next group is durable again.
#[tokio::test]
async fn a_group_whose_transaction_was_ended_by_sqlite_is_not_acknowledged() {
    let Some((_database, db)) = open(Kind::Sqlite, |_| {}).await else { return };
    let first = db.begin().await.unwrap();
    insert(&first, "first").await;
    let mut second = pin!(db.begin());
    assert!(second.as_mut().now_or_never().is_none());

    let end = async {
        let second = second.await.unwrap();
        // Does on purpose what a full disk does: the whole transaction is rolled back, and not only
        // the statement.
        let rollback = "INSERT OR ROLLBACK INTO user_group SELECT * FROM user_group";
        assert!(second.run(rollback, []).await.is_err());
    };
    let (first, ()) = join!(first.commit(), end);

    assert!(matches!(first, Err(Error::Unavailable(_))), "{first:?}");
    assert_eq!(groups(&db).await, [""; 0]);
    let next = db.begin().await.unwrap();
    insert(&next, "next").await;
    next.commit().await.unwrap();
    assert_eq!(groups(&db).await, ["next"]);
    db.close().await;
}

/// A transaction waits for its turn, but neither forever nor behind an unlimited number of others.
async fn waiting_has_an_end(kind: Kind) {
    let set = |settings: &mut config::Database| {
        (settings.writers, settings.queue) = (1, 1);
        settings.acquire_timeout = Duration::from_secs(2);
    };
    let Some((_database, db)) = open(kind, set).await else { return };
    let held = db.begin().await.unwrap();
    let mut second = pin!(db.begin());
    assert!(second.as_mut().now_or_never().is_none());

    let third = db.begin().now_or_never();
    assert!(
        matches!(third, Some(Err(Error::Unavailable(_)))),
        "it does not hear at once that it is one too many"
    );
    let waited = second.await.err();
    assert!(matches!(waited, Some(Error::Unavailable(_))), "{waited:?}");
    held.commit().await.unwrap();
    db.begin().await.unwrap().commit().await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn waiting_for_sqlites_writer_has_an_end() {
    waiting_has_an_end(Kind::Sqlite).await;
}

#[tokio::test]
async fn waiting_for_a_connection_of_postgres_has_an_end() {
    waiting_has_an_end(Kind::Postgres).await;
}

/// Background work begins nothing more once the server is stopping, while requests in progress
/// still do.
#[tokio::test]
async fn in_the_background_nothing_begins_after_the_end() {
    let Some((_database, db)) = open(Kind::Sqlite, |_| {}).await else { return };
    let end = tokio_util::sync::CancellationToken::new();
    let background = db.in_background(end.clone());
    background.begin().await.unwrap().commit().await.unwrap();
    end.cancel();
    assert!(matches!(background.begin().await.err(), Some(Error::Unavailable(_))));
    db.begin().await.unwrap().commit().await.unwrap();
    db.close().await;
}

/// A transaction is a BEGIN, its statements and a COMMIT: nothing is sent before or behind it.
#[tokio::test]
async fn a_transaction_on_postgres_is_its_statements_and_two_more() {
    let Some(database) = Database::create(Kind::Postgres).await else { return };
    let door = RoundTrips::to(&database.url).await;
    let one = config::Database { writers: 1, ..Default::default() };
    let (db, _heard) = Db::open_with(&door.url, &one).await.unwrap();
    let write = async |group: String, is_impatient: bool| {
        let tx = match is_impatient {
            true => db.begin_impatient().await.unwrap(),
            false => db.begin().await.unwrap(),
        };
        insert(&tx, &group).await;
        tx.commit().await.unwrap();
    };
    // The first one prepares its statement.
    write("first".into(), false).await;

    let before = door.count();
    for n in 0..10 {
        write(format!("{n}"), n % 2 == 0).await;
    }
    assert_eq!(door.count() - before, 10 * 3);
    assert_eq!(groups(&db).await.len(), 11);
    db.close().await;
}

/// P10: sqlx would return the connection of a `begin` that is cancelled with the transaction open
/// (sqlx #4385), and what comes next on it would never be committed.
#[tokio::test]
async fn what_is_cancelled_on_postgres_leaves_no_open_transaction() {
    let Some(database) = Database::create(Kind::Postgres).await else { return };
    let door = RoundTrips::to(&database.url).await;
    let one = config::Database { writers: 1, ..Default::default() };
    let (db, _heard) = Db::open_with(&door.url, &one).await.unwrap();
    let mut expected = Vec::new();
    for n in 0..5 {
        // A kept connection has sent its BEGIN by now: the door is another task, which answers
        // when this one waits.
        assert!(db.begin().now_or_never().is_none());
        expected.push(write_one(&db, format!("{n}: after a begin")).await);

        let tx = db.begin().await.unwrap();
        insert(&tx, "dropped").await;
        drop(tx);
        expected.push(write_one(&db, format!("{n}: after a drop")).await);

        let tx = db.begin().await.unwrap();
        let slow = tx.run("SELECT pg_sleep(0.01)", []);
        assert!(slow.now_or_never().is_none());
        drop(tx);
        expected.push(write_one(&db, format!("{n}: after a statement")).await);

        let tx = db.begin().await.unwrap();
        tx.run("INSERT INTO nowhere VALUES (1)", []).await.unwrap_err();
        drop(tx);
        expected.push(write_one(&db, format!("{n}: after a failure")).await);

        let tx = db.begin().await.unwrap();
        assert!(tx.commit().now_or_never().is_none());
        expected.push(write_one(&db, format!("{n}: after a commit")).await);
    }

    assert_eq!(groups(&db).await, expected);
    let open = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    assert_eq!(db.integers(open, []).await.unwrap(), [0]);
    db.close().await;
}

/// Inserts a group in a transaction of its own; returns its name.
async fn write_one(db: &Db, group: String) -> String {
    let tx = db.begin().await.unwrap();
    insert(&tx, &group).await;
    tx.commit().await.unwrap();
    group
}
