//! What the host application says with messages and announcements, besides their words.

use async_graphql::SimpleObject;

use crate::{
    error::{Error, Result},
    extras,
};

/// A link that an item offers as something to do, such as “Pay now”.
#[derive(SimpleObject)]
pub struct ItemAction {
    /// What it is called.
    label: String,
    /// Where it leads: a web URL or a path of the host application.
    url: String,
    /// Whether it is the main one; at most one is.
    is_main: bool,
}

/// The actions in what is stored of them.
pub fn actions(stored: Option<&str>) -> Vec<ItemAction> {
    let action = |extras::ItemAction { label, url, is_main }| ItemAction { label, url, is_main };
    extras::actions(stored).into_iter().map(action).collect()
}

/// The data in what is stored of it.
pub fn data(stored: Option<&str>) -> Result<Option<serde_json::Value>> {
    stored.map(serde_json::from_str).transpose().map_err(|error| Error::internal(error))
}
