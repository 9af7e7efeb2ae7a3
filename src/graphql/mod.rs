//! The API: newtypes over rows, so that every public field is written on purpose, with the queries,
//! mutations and subscriptions of each noun beside its type.
//!
//! A resolver finds the actor, calls one domain function and shows the result. A simple read goes
//! directly to the entities, through a scope that knows the reader.
//!
//! Resolvers return [`crate::error::Result`] and not that of the library: its `?` takes whatever
//! can be displayed, and clients would see the text of an error of the database.
//!
//! Types that stand in lists, with fields that are mostly at hand, are `serial`: a task for each
//! field of each row cost more than the field. Loads of different rows are still one statement.

mod describe;
mod errors;
mod extras;
pub mod inbox;
mod loaders;
pub mod messages;
mod node;
pub mod notifications;
mod paging;
pub mod people;
mod purge;
mod server;
mod stats;

use async_graphql::{
    Context, MergedObject, MergedSubscription, SDLExportOptions, Schema, TypeDirective,
    dataloader::DataLoader,
};
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use inbox::{marking, thread, updates};
use messages::{campaigns, message, planned, recipients, reminders, reports, threads};
use notifications::{activities, announcements, catalog, explain, subscriptions, targets};
use paging::Paged;
use people::{address_book, groups, users};

use crate::{
    app::App,
    auth::{Actor, NEEDS_TOKEN, Role},
    error::{Error, Result},
    gate::{Metering, Searches},
    inbox::live::Outlet,
    traces::Carry,
};

pub type TidingsSchema = Schema<Query, Mutation, Subscription>;

/// Everything that can be read.
#[derive(MergedObject, Default)]
pub struct Query(
    node::NodeQuery,
    users::UserQuery,
    address_book::AddressBookQuery,
    groups::GroupQuery,
    message::MessageQuery,
    planned::PlannedQuery,
    campaigns::CampaignQuery,
    catalog::CatalogQuery,
    announcements::AnnouncementQuery,
    targets::TargetQuery,
    explain::ExplainQuery,
    reminders::ReminderQuery,
    reports::ReportQuery,
    errors::ErrorQuery,
    server::ServerQuery,
    stats::StatsQuery,
    purge::PurgeQuery,
);

/// Everything that can be changed. Each mutation takes one input and returns one payload. A
/// mutation that fails returns null and does not affect the others in the request.
#[derive(MergedObject, Default)]
pub struct Mutation(
    users::UserMutation,
    address_book::ViewerMutation,
    groups::GroupMutation,
    message::MessageMutation,
    planned::PlannedMutation,
    marking::InboxMutation,
    thread::InboxThreadMutation,
    announcements::AnnouncementMutation,
    activities::ActivityMutation,
    subscriptions::SubscriptionMutation,
    purge::PurgeMutation,
);

/// Everything that can be followed live.
#[derive(MergedSubscription, Default)]
pub struct Subscription(
    updates::InboxSubscription,
    threads::ThreadSubscription,
    reports::ReportSubscription,
);

/// Only callers with one of these roles may use the field.
#[TypeDirective(location = "FieldDefinition")]
pub fn auth(requires: Vec<Role>) {}

/// How long this list is assumed to be when the cost of a query is calculated; 10 if not given.
#[TypeDirective(name = "listSize", location = "FieldDefinition")]
pub fn list_size(assumed_size: u32) {}

/// What this costs by itself, counted in objects, in addition to what it returns: a long text costs
/// more than a number, and a search more than a page.
#[TypeDirective(
    location = "FieldDefinition",
    location = "ArgumentDefinition",
    location = "InputFieldDefinition"
)]
pub fn cost(weight: u32) {}

/// A body costs as much as an object with all its other fields.
pub const TEXT: u32 = 1;
/// A search may go through many rows until it has found a page of matches.
pub const SEARCH: u32 = 200;

/// The roles of `@auth` for fields that belong to the host application.
pub fn hosts() -> Vec<Role> {
    vec![Role::Service, Role::Admin]
}

/// The schema, ready to execute.
#[derive(Clone)]
pub struct Schemas {
    /// Counts the bytes of what it answers.
    pub metered: TidingsSchema,
    /// Executes requests whose answers are small, without counting them.
    pub plain: TidingsSchema,
}

impl Schemas {
    pub fn new(app: App) -> Self {
        let searches = Searches::new(&app.config.limits);
        let with_data = || {
            let loaders = loaders::Loaders(app.clone());
            // A batch is loaded within the spans of the request that has begun it.
            let loader = DataLoader::new(loaders, |load: BoxFuture<'static, ()>| {
                tokio::spawn(load.carried())
            });
            builder().data(loader).data(searches.clone()).data(app.clone())
        };
        Schemas { metered: with_data().extension(Metering).finish(), plain: with_data().finish() }
    }

    /// As [`sdl`], without building one more schema.
    pub fn sdl(&self) -> String {
        text(&self.plain)
    }
}

/// The schema as text. `schema.graphql` at the root of the project is a copy of it.
pub fn sdl() -> String {
    text(&builder().finish())
}

fn text(schema: &TidingsSchema) -> String {
    let options = SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .include_specified_by();
    schema.sdl_with_options(options)
}

fn builder() -> async_graphql::SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .register_output_type::<node::Node>()
        .override_output_type_description::<Paged<users::User>>("People, in pages.")
        .override_output_type_description::<Paged<groups::Group>>("Groups, in pages.")
        .override_output_type_description::<Paged<message::Message>>("Messages, in pages.")
        .override_output_type_description::<Paged<recipients::MessageRecipient>>(
            "Recipients, in pages.",
        )
        .override_output_type_description::<inbox::InboxItems>("Inbox items, in pages.")
        .override_output_type_description::<Paged<announcements::Announcement>>(
            "Announcements, in pages.",
        )
        .override_output_type_description::<Paged<activities::Activity>>("Activities, in pages.")
        .override_output_type_description::<Paged<subscriptions::TargetSubscription>>(
            "Subscriptions to targets, in pages.",
        )
        .override_output_type_description::<Paged<reports::ReadReportRow>>(
            "Rows of a report, in pages.",
        )
        .override_output_type_description::<DateTime<Utc>>(
            "A moment, as RFC 3339 writes it: `2026-01-05T09:00:00.123456+00:00`. Answers are in \
             UTC, with as many decimals of a second as are needed, at most 6. Inputs may have any \
             offset; what is finer than a microsecond is cut off.",
        )
        .override_output_type_description::<serde_json::Value>(
            "Any JSON value: an object, a list, a text, a number, a boolean or null.",
        )
        // The last one: it describes the arguments of all others.
        .register_output_type::<describe::Arguments>()
}

/// The cursor of the last update that the client saw, as known to the transport (`Last-Event-ID`).
/// It takes precedence over `after`.
pub struct LastCursor(pub String);

pub fn last_cursor(ctx: &Context<'_>, after: Option<String>) -> Option<String> {
    ctx.data_opt::<LastCursor>().map(|LastCursor(cursor)| cursor.clone()).or(after)
}

/// The outlet through which a subscription's updates reach the client.
pub fn outlet(ctx: &Context<'_>) -> Result<Outlet> {
    ctx.data_opt::<Outlet>()
        .cloned()
        .ok_or_else(|| Error::internal("a subscription without an outlet"))
}

pub fn app<'a>(ctx: &Context<'a>) -> &'a App {
    ctx.data_unchecked::<App>()
}

/// The caller. The HTTP layer sets it if the request has a token.
pub fn actor<'a>(ctx: &Context<'a>) -> Result<&'a Actor> {
    ctx.data_opt::<Actor>().ok_or(NEEDS_TOKEN)
}

pub fn loader<'a>(ctx: &Context<'a>) -> &'a DataLoader<loaders::Loaders> {
    ctx.data_unchecked::<DataLoader<loaders::Loaders>>()
}
