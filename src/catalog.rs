//! The catalog (requirement N4): which types of targets there are, what can be done to them, which
//! actions each reason covers, and which categories items are sorted into. It is built from the
//! settings when the server starts, and refuses settings that could not work later.

mod categories;
pub mod titles;

use std::collections::BTreeSet;

use titles::{ActivitySummary, Titles};

use crate::{
    config,
    error::{Error, Result},
    text,
};

pub use categories::Category;

const LONGEST_KEY: usize = 64;
const LONGEST_LABEL: usize = 100;

/// A catalog has tens of entries: scanning them is as fast as hashing, and keeps their order.
pub struct Catalog {
    target_types: Vec<String>,
    actions: Vec<Action>,
    reasons: Vec<Reason>,
    categories: Vec<Category>,
    titles: Titles,
}

/// Something that can be done to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    pub key: String,
    pub label: String,
    /// Whether people receive it who have not chosen.
    pub enabled: bool,
    /// The key of the category that its items have.
    pub category: Option<String>,
}

/// A reason for which somebody is subscribed to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub key: String,
    pub label: String,
    /// The keys of one or more actions of the catalog, each once.
    pub actions: Vec<String>,
}

impl Catalog {
    /// On failure, the error has the path of the wrong setting, such as
    /// `catalog.reasons.create_post.actions`.
    pub fn open(settings: &config::Catalog) -> Result<Self> {
        let mut seen = BTreeSet::new();
        for ty in &settings.target_types {
            check_key("catalog.target_types", ty)?;
            if !seen.insert(ty) {
                return Err(Error::invalid("catalog.target_types", format!("has {ty} twice")));
            }
        }
        for (key, action) in &settings.actions {
            check_entry(&format!("catalog.actions.{key}"), key, &action.label)?;
        }
        for (key, reason) in &settings.reasons {
            let field = format!("catalog.reasons.{key}");
            check_entry(&field, key, &reason.label)?;
            check_actions(settings, &format!("{field}.actions"), &reason.actions)?;
        }
        let actions = settings.actions.iter().map(|(key, action)| Action {
            key: key.clone(),
            label: action.label.clone(),
            enabled: action.enabled,
            category: action.category.clone(),
        });
        let reasons = settings.reasons.iter().map(|(key, reason)| Reason {
            key: key.clone(),
            label: reason.label.clone(),
            actions: reason.actions.clone(),
        });
        Ok(Catalog {
            target_types: settings.target_types.clone(),
            actions: actions.collect(),
            reasons: reasons.collect(),
            categories: categories::open(settings)?,
            titles: Titles::open(settings)?,
        })
    }

    /// In the order of the settings, like actions, reasons and categories.
    pub fn target_types(&self) -> &[String] {
        &self.target_types
    }

    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// Refuses a key that is not that of a category in the catalog.
    pub fn check_category(&self, field: &str, key: Option<&str>) -> Result<()> {
        match key {
            Some(key) if !self.categories.iter().any(|category| category.key == key) => {
                let keys: Vec<_> =
                    self.categories.iter().map(|category| category.key.as_str()).collect();
                let why = match keys.is_empty() {
                    true => "cannot be given: the catalog has no categories".into(),
                    false => format!("must be one of the catalog's: {}", keys.join(", ")),
                };
                Err(Error::invalid(field, why))
            }
            _ => Ok(()),
        }
    }

    pub fn action(&self, key: &str) -> Option<&Action> {
        self.actions.iter().find(|action| action.key == key)
    }

    /// The category of the items of an action.
    pub fn category_of(&self, action: &str) -> Option<&str> {
        self.action(action)?.category.as_deref()
    }

    pub fn reason(&self, key: &str) -> Option<&Reason> {
        self.reasons.iter().find(|reason| reason.key == key)
    }

    pub fn has_target_type(&self, key: &str) -> bool {
        self.target_types.iter().any(|ty| ty == key)
    }

    /// The keys of the actions that people hear of only if they ask for them.
    pub fn actions_off_by_default(&self) -> Vec<&str> {
        self.actions
            .iter()
            .filter(|action| !action.enabled)
            .map(|action| action.key.as_str())
            .collect()
    }

    /// The title of an item of activities for a reader with this locale. An action that is no
    /// longer in the catalog is called by its key, because items outlive settings.
    pub fn title(&self, locale: &str, summary: &ActivitySummary) -> String {
        match self.action(summary.action) {
            Some(action) => self.titles.render(locale, &action.label, summary),
            None => self.titles.render(locale, &summary.action.replace('_', " "), summary),
        }
    }
}

fn check_entry(field: &str, key: &str, label: &str) -> Result<()> {
    check_key(field, key)?;
    text::check_line(&format!("{field}.label"), label, LONGEST_LABEL)
}

/// Keys are used in tables, in the API, and in the ids of Fluent messages.
fn check_key(field: &str, key: &str) -> Result<()> {
    let is_plain =
        key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !is_plain
        || !key.starts_with(|first: char| first.is_ascii_lowercase())
        || key.len() > LONGEST_KEY
    {
        let why = format!(
            "{key:?} is not a key: a letter from a to z, then a to z, 0 to 9 and _, \
             at most {LONGEST_KEY} characters"
        );
        return Err(Error::invalid(field, why));
    }
    Ok(())
}

fn check_actions(settings: &config::Catalog, field: &str, actions: &[String]) -> Result<()> {
    if actions.is_empty() {
        return Err(Error::invalid(
            field,
            "names no action, so nobody would receive anything for this reason",
        ));
    }
    let mut seen = BTreeSet::new();
    for action in actions {
        if !settings.actions.contains_key(action) {
            // The reason may be a built-in one that the operator did not write.
            let why = "is not in catalog.actions; if the settings name no reasons, \
                       the built-in ones apply";
            return Err(Error::invalid(field, format!("{action:?} {why}")));
        }
        if !seen.insert(action) {
            return Err(Error::invalid(field, format!("has {action} twice")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings from a file with this text.
    fn settings(toml: &str) -> config::Catalog {
        let file = ::config::File::from_str(toml, ::config::FileFormat::Toml);
        ::config::Config::builder().add_source(file).build().unwrap().try_deserialize().unwrap()
    }

    fn keys<T>(entries: &[T], key: impl Fn(&T) -> &String) -> Vec<&str> {
        entries.iter().map(|entry| key(entry).as_str()).collect()
    }

    #[test]
    fn without_settings_the_catalog_is_that_of_the_requirement() {
        let catalog = Catalog::open(&config::Catalog::default()).unwrap();
        assert_eq!(catalog.target_types(), ["product", "post"]);
        assert_eq!(keys(catalog.actions(), |action| &action.key), ["comment", "like", "update"]);
        let reasons: Vec<_> = catalog
            .reasons()
            .iter()
            .map(|reason| (&*reason.key, reason.actions.join(" ")))
            .collect();
        let expected = [
            ("create_product", "comment like"),
            ("create_post", "comment"),
            ("like_product", "comment"),
            ("like_post", "update comment"),
        ];
        assert_eq!(reasons, expected.map(|(key, actions)| (key, actions.to_owned())));
        assert!(catalog.actions_off_by_default().is_empty());
    }

    #[test]
    fn what_the_settings_name_replaces_what_is_built_in_and_keeps_their_order() {
        let catalog = Catalog::open(&settings(
            r#"
            [actions.zap]
            label = "Zaps"
            [actions.comment]
            label = "Replies"
            enabled = false
            [actions.boost]
            label = "Boosts"
            enabled = false
            [reasons.watch]
            label = "You watch it"
            actions = ["zap", "boost"]
            "#,
        ));
        let catalog = catalog.unwrap();
        assert_eq!(keys(catalog.actions(), |action| &action.key), ["zap", "comment", "boost"]);
        assert_eq!(keys(catalog.reasons(), |reason| &reason.key), ["watch"]);
        assert_eq!(catalog.actions_off_by_default(), ["comment", "boost"]);
        assert!(catalog.has_target_type("post") && !catalog.has_target_type("photo"));
        assert!(catalog.reason("create_post").is_none() && catalog.action("like").is_none());
    }

    #[test]
    fn a_category_is_labelled_in_the_language_of_the_reader_or_else_in_english() {
        let catalog = Catalog::open(&settings(
            "categories.billing = {en = 'Billing', de = 'Geld', de-at = 'Göd'}\n\
             categories.social = {de-AT = 'Leit', de = 'Leute', en = 'People'}",
        ));
        let catalog = catalog.unwrap();
        assert_eq!(keys(catalog.categories(), |category| &category.key), ["billing", "social"]);
        for (locale, labels) in [
            ("en", ["Billing", "People"]),
            ("de-CH-1996", ["Geld", "Leute"]),
            ("DE-at", ["Göd", "Leit"]),
            ("fr", ["Billing", "People"]),
            ("", ["Billing", "People"]),
        ] {
            let shown: Vec<_> = catalog.categories().iter().map(|one| one.label(locale)).collect();
            assert_eq!(shown, labels, "{locale}");
        }
        assert!(catalog.check_category("category", Some("billing")).is_ok());
        assert!(catalog.check_category("category", Some("bills")).is_err());
    }

    #[test]
    fn what_could_not_work_is_refused_with_the_path_of_the_setting() {
        let long = format!("target_types = [\"{}\"]", "x".repeat(65));
        for (toml, field) in [
            ("target_types = ['post', 'photo', 'post']", "catalog.target_types"),
            ("target_types = ['Post']", "catalog.target_types"),
            (&long, "catalog.target_types"),
            ("actions.2nd = {label = 'Second'}", "catalog.actions.2nd"),
            ("actions.a-b = {label = 'Dash'}", "catalog.actions.a-b"),
            ("actions.comment = {label = ' '}", "catalog.actions.comment.label"),
            ("actions.comment = {label = \"a\\nb\"}", "catalog.actions.comment.label"),
            ("actions.share = {label = 'Shares'}", "catalog.reasons.create_product.actions"),
            ("reasons.watch = {label = 'Watched', actions = []}", "catalog.reasons.watch.actions"),
            (
                "reasons.watch = {label = 'Watched', actions = ['zap']}",
                "catalog.reasons.watch.actions",
            ),
            (
                "reasons.watch = {label = 'Watched', actions = ['like', 'like']}",
                "catalog.reasons.watch.actions",
            ),
            ("reasons.watch = {label = '', actions = ['like']}", "catalog.reasons.watch.label"),
            ("categories.Billing.en = 'Billing'", "catalog.categories.Billing"),
            ("categories.billing.en = ''", "catalog.categories.billing.en"),
            ("categories.billing.x = 'Billing'", "catalog.categories.billing.x"),
            ("categories.billing = {}", "catalog.categories.billing"),
            ("categories.billing.de = 'Geld'", "catalog.categories.billing"),
            (
                "categories = {billing = {en = 'Money', de = 'Geld'}, social = {en = 'Social'}}",
                "catalog.categories.social",
            ),
            (
                "actions.like = {label = 'Likes', category = 'social'}\n\
                 reasons.watch = {label = 'Watched', actions = ['like']}",
                "catalog.actions.like.category",
            ),
        ] {
            match Catalog::open(&settings(toml)) {
                Err(Error::Invalid { field: refused, .. }) => assert_eq!(refused, field, "{toml}"),
                _ => panic!("{toml} was taken"),
            }
        }
    }
}
