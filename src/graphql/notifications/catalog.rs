use std::sync::Arc;

use async_graphql::{Context, Object, Result, SimpleObject};

use crate::{
    catalog,
    graphql::{actor, app},
};

/// What activities are about, and what can be subscribed to. It is the server's configuration.
pub struct Catalog(Arc<catalog::Catalog>);

/// What activities are about, and what can be subscribed to. It is the server's configuration.
#[Object]
impl Catalog {
    /// The kinds of things that something can be done to.
    async fn target_types(&self) -> &[String] {
        self.0.target_types()
    }

    /// What can be done to them.
    async fn actions(&self) -> Vec<CatalogAction> {
        self.0.actions().iter().map(CatalogAction::from).collect()
    }

    /// How often a message can remind: names for `ReminderInput.frequency`.
    async fn reminder_frequencies<'a>(&self, ctx: &Context<'a>) -> Vec<&'a str> {
        app(ctx).config.reminder_frequencies.names().collect()
    }

    /// Why somebody can be subscribed to a target.
    async fn reasons(&self) -> Vec<CatalogReason> {
        self.0.reasons().iter().map(CatalogReason::from).collect()
    }
}

/// Something that can be done to a target.
#[derive(SimpleObject)]
pub struct CatalogAction {
    /// Its name in inputs, as `comment`.
    key: String,
    /// What people read where they choose what they want.
    label: String,
    /// Whether people get it who have said nothing.
    enabled_by_default: bool,
}

impl From<&catalog::Action> for CatalogAction {
    fn from(action: &catalog::Action) -> Self {
        CatalogAction {
            key: action.key.clone(),
            label: action.label.clone(),
            enabled_by_default: action.enabled,
        }
    }
}

/// Why somebody is subscribed to a target.
#[derive(SimpleObject)]
pub struct CatalogReason {
    /// Its name in inputs, as `create_post`.
    key: String,
    /// What people read who ask why they got something.
    label: String,
    /// The keys of the actions that it subscribes to.
    actions: Vec<String>,
}

impl From<&catalog::Reason> for CatalogReason {
    fn from(reason: &catalog::Reason) -> Self {
        CatalogReason {
            key: reason.key.clone(),
            label: reason.label.clone(),
            actions: reason.actions.clone(),
        }
    }
}

#[derive(Default)]
pub struct CatalogQuery;

#[Object]
impl CatalogQuery {
    /// What activities are about, and what can be subscribed to.
    async fn catalog(&self, ctx: &Context<'_>) -> Result<Catalog> {
        actor(ctx)?;
        Ok(Catalog(app(ctx).catalog.clone()))
    }
}
