//! Whom a person may find and write to (A6), by the setting `address_book`. The host application,
//! also when it acts for somebody, and admins have everybody in it.
//!
//! Somebody who is not in it is not found, as if there were no such person or group. It is about
//! new messages: a reply goes to those who were addressed before, whoever they are. A note to
//! oneself is always possible.

use std::collections::BTreeMap;

use ::entity::{group, group_member, id::UserId, user};
use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};

use crate::{
    app::App,
    auth::Actor,
    config::AddressBook,
    db::{Param, Sql},
    error::Result,
    page::{Page, Slice},
    people::users,
    search::{
        List, Searched,
        rows::{self, Row, within},
    },
};

/// Whom an actor may find and write to.
enum Reach {
    Everybody,
    /// The person's own groups, and the people in them.
    Groups(UserId),
    /// Themself only.
    Nobody(UserId),
}

impl Reach {
    fn of(app: &App, actor: &Actor) -> Self {
        match (actor.user_id(), app.config.address_book) {
            (Some(person), AddressBook::Groups) if !actor.is_host() => Reach::Groups(person),
            (Some(person), AddressBook::Nobody) if !actor.is_host() => Reach::Nobody(person),
            _ => Reach::Everybody,
        }
    }
}

/// The condition for the people of a query that an actor may write to.
pub fn people(app: &App, actor: &Actor) -> Condition {
    let (person, others) = match Reach::of(app, actor) {
        Reach::Everybody => return Condition::all(),
        Reach::Groups(person) => (person, Some(share_a_group(person))),
        Reach::Nobody(person) => (person, None),
    };
    Condition::any().add(user::COLUMN.id.eq(person)).add_option(others)
}

/// The condition for the groups of a query that an actor may write to.
pub fn groups(app: &App, actor: &Actor) -> Condition {
    match Reach::of(app, actor) {
        Reach::Everybody => Condition::all(),
        Reach::Groups(person) => {
            Condition::all().add(group::COLUMN.id.in_subquery(own_groups(person)))
        }
        Reach::Nobody(_) => Condition::all().add(group::COLUMN.id.is_null()),
    }
}

/// The groups that a person belongs to.
fn own_groups(person: UserId) -> SelectStatement {
    let own = group_member::Entity::find().filter(group_member::COLUMN.user_id.eq(person));
    let own = own.filter(group_member::COLUMN.removed_at.is_null());
    own.select_only().column(group_member::Column::GroupId).into_query()
}

/// The condition that somebody among the users of a query belongs to a group of this person. Asked
/// of each of them: a list of all who do may be long.
fn share_a_group(person: UserId) -> Expr {
    const THEIRS: &str = "theirs";
    let theirs = |column: group_member::Column| Expr::col((THEIRS, column));
    let shared = Query::select()
        .expr(Expr::cust("1"))
        .from_as(group_member::Entity, THEIRS)
        .and_where(theirs(group_member::Column::UserId).equals((user::Entity, user::Column::Id)))
        .and_where(theirs(group_member::Column::RemovedAt).is_null())
        .and_where(theirs(group_member::Column::GroupId).in_subquery(own_groups(person)))
        .take();
    Expr::exists(shared)
}

/// A page of the active people whom an actor may write to, without the actor, in the order in which
/// they became known.
pub async fn page(app: &App, actor: &Actor, page: &Page<UserId>) -> Result<Slice<user::Model>> {
    let Some(sql) = select(app.db.sql("address_book::page"), app, actor, &page.by_number(), "*")
    else {
        return Ok(page.slice(Vec::new()));
    };
    Ok(page.slice(sql.all(app.db.read()).await?))
}

/// Selects columns of the people `x` on a page, and one more; None if there can be none.
fn select(mut sql: Sql, app: &App, actor: &Actor, page: &Page<i64>, columns: &str) -> Option<Sql> {
    let me = sql.bind(actor.user_id().unwrap_or(UserId(0)));
    let wanted = format!("{}{}", active_except(me), within(&mut sql, page, false));
    let direction = if page.backwards { "DESC" } else { "ASC" };
    let limit = sql.bind(page.limit as i64 + 1);
    match Reach::of(app, actor) {
        Reach::Nobody(_) => return None,
        Reach::Everybody => sql.push(format!(
            "SELECT x.{columns} FROM user_account AS x WHERE {wanted} \
             ORDER BY x.id {direction} LIMIT {limit}"
        )),
        // The first of each group: a large group is not read as a whole.
        Reach::Groups(_) => {
            let of_group = format!(
                "SELECT x.id FROM group_member AS t JOIN user_account AS x ON x.id = t.user_id \
                 WHERE t.group_id = mine.group_id AND t.removed_at IS NULL AND {wanted} \
                 ORDER BY t.user_id {direction} LIMIT {limit}"
            );
            let people = sql.dialect().left_join_each("user_account", "u", &of_group);
            sql.push(format!(
                "SELECT DISTINCT u.{columns} FROM group_member AS mine {people} \
                 WHERE mine.user_id = {me} AND mine.removed_at IS NULL AND u.id IS NOT NULL \
                 ORDER BY u.id {direction} LIMIT {limit}"
            ))
        }
    };
    Some(sql)
}

fn active_except(me: Param) -> String {
    format!("x.deactivated_at IS NULL AND x.id <> {me}")
}

/// A page of the same people, of those in whose name or external id words are found.
pub async fn found(
    app: &App,
    actor: &Actor,
    text: &str,
    page: &Page<i64>,
) -> Result<Slice<user::Model>> {
    let people = People { app, actor, page };
    let found = rows::ids(&app.db, Searched::User, &people, page, text).await?;
    users::with_rows(app, found).await
}

/// The people whom an actor may write to, on a page and behind it.
struct People<'a> {
    app: &'a App,
    actor: &'a Actor,
    page: &'a Page<i64>,
}

impl People<'_> {
    async fn rows(&self, sql: Sql) -> Result<Vec<Row>> {
        let ids: Vec<i64> = sql.values(self.app.db.read()).await?;
        Ok(ids.into_iter().map(|id| Row { searched: Searched::User, id }).collect())
    }
}

#[async_trait]
impl List for People<'_> {
    type Entry = Row;

    async fn walk(&self, after: Option<&Row>, most: u64) -> Result<Vec<Row>> {
        let part = rows::after(self.page, after, most - 1);
        match select(self.app.db.sql("address_book::walk"), self.app, self.actor, &part, "id") {
            Some(sql) => self.rows(sql).await,
            None => Ok(Vec::new()),
        }
    }

    async fn among(&self, things: BTreeMap<Searched, Vec<i64>>) -> Result<Vec<Row>> {
        let ids = things.get(&Searched::User).map(Vec::as_slice).unwrap_or_default();
        let mut sql = self.app.db.sql("address_book::among");
        let (me, these) =
            (sql.bind(self.actor.user_id().unwrap_or(UserId(0))), sql.is_one_of("x.id", ids));
        let mut wanted = format!("{}{}", active_except(me), within(&mut sql, self.page, false));
        match Reach::of(self.app, self.actor) {
            Reach::Nobody(_) => return Ok(Vec::new()),
            Reach::Everybody => {}
            Reach::Groups(_) => {
                wanted += &format!(
                    " AND EXISTS (SELECT 1 FROM group_member AS t WHERE t.user_id = x.id \
                     AND t.removed_at IS NULL AND t.group_id IN (SELECT mine.group_id \
                     FROM group_member AS mine WHERE mine.user_id = {me} \
                     AND mine.removed_at IS NULL))"
                );
            }
        }
        let direction = if self.page.backwards { "DESC" } else { "ASC" };
        let wanted = sql.dialect().checked(&wanted);
        sql.push(format!(
            "SELECT x.id FROM user_account AS x WHERE {these} AND {wanted} \
             ORDER BY x.id {direction}"
        ));
        self.rows(sql).await
    }
}
