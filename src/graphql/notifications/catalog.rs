use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};

use crate::{
    catalog,
    error::Result,
    graphql::{actor, app},
    id::Kind,
};

/// The number of the catalog.
const THE_ONLY: i64 = 1;

/// What activities can be about and what can be subscribed to. It comes from the server's
/// configuration.
pub struct Catalog(pub Arc<catalog::Catalog>);

impl Catalog {
    /// The only one, if this is its number.
    pub fn find(ctx: &Context<'_>, number: i64) -> Option<Self> {
        (number == THE_ONLY).then(|| Catalog(app(ctx).catalog.clone()))
    }
}

/// What activities can be about and what can be subscribed to. It comes from the server's
/// configuration.
#[Object]
impl Catalog {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        Kind::Catalog.encode(THE_ONLY).into()
    }

    /// The types of targets.
    async fn target_types(&self) -> &[String] {
        self.0.target_types()
    }

    /// What can be done to a target.
    async fn actions(&self) -> Vec<CatalogAction> {
        self.0.actions().iter().map(CatalogAction::from).collect()
    }

    /// How often a message can remind: the names for `ReminderInput.frequency`.
    async fn reminder_frequencies<'a>(&self, ctx: &Context<'a>) -> Vec<&'a str> {
        app(ctx).config.reminder_frequencies.names().collect()
    }

    /// What items can be sorted into.
    async fn categories(&self) -> Vec<CatalogCategory> {
        self.0.categories().iter().cloned().map(CatalogCategory).collect()
    }

    /// Why somebody can be subscribed to a target.
    async fn reasons(&self) -> Vec<CatalogReason> {
        self.0.reasons().iter().map(CatalogReason::from).collect()
    }
}

/// Something that can be done to a target.
#[derive(SimpleObject)]
pub struct CatalogAction {
    /// Its name in inputs, such as `comment`.
    key: String,
    /// The text to show to people who choose what they want to hear of.
    label: String,
    /// Whether people receive it who have not chosen.
    enabled_by_default: bool,
    /// The key of the category that items of it have; null if they have none.
    category: Option<String>,
}

impl From<&catalog::Action> for CatalogAction {
    fn from(action: &catalog::Action) -> Self {
        CatalogAction {
            key: action.key.clone(),
            label: action.label.clone(),
            enabled_by_default: action.enabled,
            category: action.category.clone(),
        }
    }
}

/// What inbox items can be sorted into.
pub struct CatalogCategory(catalog::Category);

/// What inbox items can be sorted into.
#[Object]
impl CatalogCategory {
    /// Its name in inputs, such as `billing`.
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// The text to show to people.
    async fn label(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "A language tag such as `de-AT`. If omitted, the viewer's own. Without a \
                          label in this language it is in English."
        )]
        locale: Option<String>,
    ) -> Result<String> {
        let own = actor(ctx)?.user.as_ref().map(|user| user.locale.clone());
        Ok(self.0.label(&locale.or(own).unwrap_or_default()).to_owned())
    }
}

/// A reason for which somebody is subscribed to a target.
#[derive(SimpleObject)]
pub struct CatalogReason {
    /// Its name in inputs, such as `create_post`.
    key: String,
    /// The text to show to people who ask why they received something.
    label: String,
    /// The keys of the actions that this reason covers.
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
    /// What activities can be about and what can be subscribed to.
    async fn catalog(&self, ctx: &Context<'_>) -> Result<Option<Catalog>> {
        actor(ctx)?;
        Ok(Some(Catalog(app(ctx).catalog.clone())))
    }
}
