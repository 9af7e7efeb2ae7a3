//! Lists of people: all, those in a state, those whose names are searched for.

use std::collections::HashMap;

use ::entity::user;
use async_graphql::Enum;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::{
    app::App,
    db::Sql,
    error::Result,
    page::{Page, Slice},
    search::{self, rows},
};

/// Whether somebody may use their inbox.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    /// Those who may.
    Active,
    /// Those who were deactivated, without those who were erased.
    Deactivated,
}

impl UserState {
    /// The condition that a row `alias` is in this state: that of an index, in the order of ids.
    pub fn is_of(self, alias: &str) -> String {
        match self {
            UserState::Active => format!("{alias}.deactivated_at IS NULL"),
            UserState::Deactivated => {
                format!("{alias}.deactivated_at IS NOT NULL AND {alias}.erased_at IS NULL")
            }
        }
    }
}

/// A page of everybody, or of those in a state, in whose name or external id words are found.
pub async fn found(
    app: &App,
    state: Option<UserState>,
    text: &str,
    page: &Page<i64>,
) -> Result<Slice<user::Model>> {
    let listed = move |_: &mut Sql| state.map_or("true".to_owned(), |state| state.is_of("x"));
    let searched = search::Searched::User;
    let list = rows::Rows { db: &app.db, searched, page, is_descending: false, listed: &listed };
    with_rows(app, rows::ids(&app.db, searched, &list, page, text).await?).await
}

/// The people with the ids on a page.
pub async fn with_rows(app: &App, ids: Slice<i64>) -> Result<Slice<user::Model>> {
    let people = user::Entity::find().filter(user::COLUMN.id.is_in(ids.rows.clone()));
    let people = people.all(app.db.read()).await?;
    let mut people: HashMap<_, _> = people.into_iter().map(|user| (user.id.0, user)).collect();
    Ok(ids.map(|id| people.remove(&id)))
}
