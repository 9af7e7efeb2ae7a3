//! The catalog (requirement N4): what things there are, what can be done to them, and which doings each reason subscribes
//! to. It is opened from the settings when the server starts, and refuses what could not work later.

pub mod titles;

use std::collections::BTreeSet;

use titles::{Facts, Titles};

use crate::{
    config,
    error::{Error, Result},
    text,
};

const LONGEST_KEY: usize = 64;
const LONGEST_LABEL: usize = 100;

/// A catalog has tens of entries: going through them is as fast as hashing, and keeps their order.
pub struct Catalog {
    target_types: Vec<String>,
    actions: Vec<Action>,
    reasons: Vec<Reason>,
    titles: Titles,
}

/// Something that can be done to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    pub key: String,
    pub label: String,
    /// Whether people get it who have said nothing.
    pub enabled: bool,
}

/// Why somebody is subscribed to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub key: String,
    pub label: String,
    /// The keys of one or more actions of the catalog, each once.
    pub actions: Vec<String>,
}

impl Catalog {
    /// Fails with the path of the setting that cannot be right, as `catalog.reasons.create_post.actions`.
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
            titles: Titles::open(settings)?,
        })
    }

    /// In the order of the settings, as are actions and reasons.
    pub fn target_types(&self) -> &[String] {
        &self.target_types
    }

    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    pub fn action(&self, key: &str) -> Option<&Action> {
        self.actions.iter().find(|action| action.key == key)
    }

    pub fn reason(&self, key: &str) -> Option<&Reason> {
        self.reasons.iter().find(|reason| reason.key == key)
    }

    pub fn has_target_type(&self, key: &str) -> bool {
        self.target_types.iter().any(|ty| ty == key)
    }

    /// The keys of what people only get who ask for it.
    pub fn actions_off_by_default(&self) -> Vec<&str> {
        self.actions
            .iter()
            .filter(|action| !action.enabled)
            .map(|action| action.key.as_str())
            .collect()
    }

    /// What an item of activities says to a reader with this locale. An action that the catalog no longer has is called by
    /// its key: items outlive settings.
    pub fn title(&self, locale: &str, facts: &Facts) -> String {
        match self.action(facts.action) {
            Some(action) => self.titles.render(locale, &action.label, facts),
            None => self.titles.render(locale, &facts.action.replace('_', " "), facts),
        }
    }
}

fn check_entry(field: &str, key: &str, label: &str) -> Result<()> {
    check_key(field, key)?;
    text::check_line(&format!("{field}.label"), label, LONGEST_LABEL)
}

/// Keys stand in tables, in the API, and in the ids of Fluent's messages.
fn check_key(field: &str, key: &str) -> Result<()> {
    let is_plain =
        key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !is_plain
        || !key.starts_with(|first: char| first.is_ascii_lowercase())
        || key.len() > LONGEST_KEY
    {
        let why = format!(
            "{key:?} is no key: a letter from a to z, then a to z, 0 to 9 and _, {LONGEST_KEY} at most"
        );
        return Err(Error::invalid(field, why));
    }
    Ok(())
}

fn check_actions(settings: &config::Catalog, field: &str, actions: &[String]) -> Result<()> {
    if actions.is_empty() {
        return Err(Error::invalid(
            field,
            "names no action, so nobody would get anything for this reason",
        ));
    }
    let mut seen = BTreeSet::new();
    for action in actions {
        if !settings.actions.contains_key(action) {
            // The reason may be none that the operator has written.
            let why = "is not in catalog.actions; where the settings name no reasons, the built-in ones hold";
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

    /// The settings of a file with this text.
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
        ] {
            match Catalog::open(&settings(toml)) {
                Err(Error::Invalid { field: refused, .. }) => assert_eq!(refused, field, "{toml}"),
                _ => panic!("{toml} was taken"),
            }
        }
    }
}
