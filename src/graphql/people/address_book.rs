//! Whom the viewer may write to, and what they may change about themselves.

use ::entity::id::UserId;
use async_graphql::{Context, Object, SimpleObject};

use super::users::User;
use crate::{
    error::Result,
    gate::reading,
    graphql::{
        SEARCH, actor, app, cost,
        paging::{Paged, connection, page},
    },
    people::{
        address_book,
        users::{self, UpdateViewerInput},
    },
};

#[derive(Default)]
pub struct AddressBookQuery;

#[Object]
impl AddressBookQuery {
    /// The active people to whom the viewer may write, without the viewer, in the order in which
    /// they became known: by the setting `addressBook`, those who share a group with the viewer,
    /// everybody, or nobody. SERVICE and ADMIN may write to everybody.
    async fn people(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Words of the name or external id, or their beginnings, in any order and case; \
                    see `InboxFilter.search`. If omitted, everybody is listed.",
            directive = cost::apply(SEARCH)
        )]
        search: Option<String>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<User>>> {
        let actor = actor(ctx)?.clone();
        let page = page::<UserId>((first, after, last, before))?;
        let people = reading(ctx, search.is_some(), move |app| async move {
            match search {
                Some(text) => address_book::found(&app, &actor, &text, &page.by_number()).await,
                None => address_book::page(&app, &actor, &page).await,
            }
        });
        Ok(Some(connection(people.await?, |user| user.id, User::from)))
    }
}

/// The viewer after the change.
#[derive(SimpleObject)]
pub struct UpdateViewerPayload {
    /// The viewer.
    user: User,
}

#[derive(Default)]
pub struct ViewerMutation;

#[Object]
impl ViewerMutation {
    /// Changes what people may change of what is known about them. `FORBIDDEN` if the server's
    /// `peopleEdit` does not have the field, unless a SERVICE or ADMIN acts for the person.
    /// Idempotent.
    async fn update_viewer(
        &self,
        ctx: &Context<'_>,
        input: UpdateViewerInput,
    ) -> Result<Option<UpdateViewerPayload>> {
        let user = users::update_viewer(app(ctx), actor(ctx)?, input).await?;
        Ok(Some(UpdateViewerPayload { user: user.into() }))
    }
}
