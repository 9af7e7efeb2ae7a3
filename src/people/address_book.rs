//! Whom a person may find and write to (A6), by the setting `address_book`. The host application,
//! also when it acts for somebody, and admins have everybody in it.
//!
//! Somebody who is not in it is not found, as if there were no such person or group. It is about
//! new messages: a reply goes to those who were addressed before, whoever they are. A note to
//! oneself is always possible.

use ::entity::{group, group_member, id::UserId, user};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};

use crate::{
    app::App,
    auth::Actor,
    config::AddressBook,
    error::Result,
    page::{Page, Slice},
    search::{self, Searched},
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
pub async fn page(
    app: &App,
    actor: &Actor,
    term: Option<String>,
    page: &Page<UserId>,
) -> Result<Slice<user::Model>> {
    let mut sql = app.db.sql("address_book::page");
    let me = sql.bind(actor.user_id().unwrap_or(UserId(0)));
    let mut wanted = format!("a.deactivated_at IS NULL AND a.id <> {me}");
    for (key, comparison) in [(page.after, ">"), (page.before, "<")] {
        if let Some(id) = key {
            wanted += &format!(" AND a.id {comparison} {}", sql.bind(id));
        }
    }
    if let Some(term) = term {
        let term = sql.bind(term);
        wanted += &format!(" AND {}", search::contains(sql.dialect(), Searched::User, "a", term));
    }
    let direction = if page.backwards { "DESC" } else { "ASC" };
    let limit = sql.bind(page.limit as i64 + 1);
    match Reach::of(app, actor) {
        Reach::Nobody(_) => return Ok(page.slice(Vec::new())),
        Reach::Everybody => sql.push(format!(
            "SELECT a.* FROM user_account AS a WHERE {wanted} \
             ORDER BY a.id {direction} LIMIT {limit}"
        )),
        // The first of each group: a large group is not read as a whole.
        Reach::Groups(_) => {
            let of_group = format!(
                "SELECT a.id FROM group_member AS t JOIN user_account AS a ON a.id = t.user_id \
                 WHERE t.group_id = mine.group_id AND t.removed_at IS NULL AND {wanted} \
                 ORDER BY t.user_id {direction} LIMIT {limit}"
            );
            let people = sql.dialect().left_join_each("user_account", "u", &of_group);
            sql.push(format!(
                "SELECT DISTINCT u.* FROM group_member AS mine {people} \
                 WHERE mine.user_id = {me} AND mine.removed_at IS NULL AND u.id IS NOT NULL \
                 ORDER BY u.id {direction} LIMIT {limit}"
            ))
        }
    };
    Ok(page.slice(sql.all(app.db.read()).await?))
}
