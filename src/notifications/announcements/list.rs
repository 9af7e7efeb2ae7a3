//! The list of announcements by state, and searching it.

use std::collections::HashMap;

use ::entity::{announcement, id::AnnouncementId, message::Reader, user};
use async_graphql::Enum;
use sea_orm::{ColumnTrait, QueryFilter};

use super::Announced;
use crate::{
    app::App,
    auth::Actor,
    db::Sql,
    error::Result,
    page::{Page, Slice},
    search::{Searched, rows},
};

/// How far an announcement has come.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnouncementState {
    /// Still to be published.
    Scheduled,
    /// Published, and in the inboxes.
    Live,
    /// Expired or retracted.
    Ended,
}

impl AnnouncementState {
    /// The condition that a row `alias` is in this state: that of an index, in the order of ids.
    pub fn is_of(self, alias: &str) -> String {
        match self {
            AnnouncementState::Scheduled => {
                format!("{alias}.position IS NULL AND {alias}.withdrawn_at IS NULL")
            }
            AnnouncementState::Live => {
                format!("{alias}.position IS NOT NULL AND {alias}.withdrawn_at IS NULL")
            }
            AnnouncementState::Ended => format!("{alias}.withdrawn_at IS NOT NULL"),
        }
    }
}

/// A page of the announcements that the actor may know about, newest first, in which words are
/// found.
pub async fn found(
    app: &App,
    actor: &Actor,
    state: Option<AnnouncementState>,
    text: &str,
    page: &Page<i64>,
) -> Result<Slice<Announced>> {
    let reader = actor.host_reader();
    // What `visible_to` says, so that no page is short because of what it may not show.
    let mut conditions = match reader {
        Reader::Everything | Reader::System => "true".to_owned(),
        Reader::User(_) => "x.position IS NOT NULL AND x.retracted_at IS NULL".to_owned(),
    };
    if let Some(state) = state {
        conditions = format!("{} AND {conditions}", state.is_of("x"));
    }
    let listed = move |_: &mut Sql| conditions.clone();
    let searched = Searched::Announcement;
    let list = rows::Rows { db: &app.db, searched, page, is_descending: true, listed: &listed };
    let found = rows::ids(&app.db, searched, &list, page, text).await?;
    let visible = announcement::Entity::visible_to(reader)
        .filter(announcement::COLUMN.id.is_in(found.rows.clone()));
    let visible = visible.find_also_related(user::Entity).all(app.db.read()).await?;
    let mut visible: HashMap<AnnouncementId, Announced> =
        visible.into_iter().map(|announced| (announced.0.id, announced)).collect();
    Ok(found.map(|id| visible.remove(&AnnouncementId(id))))
}
