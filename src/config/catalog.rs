use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What activities are about (requirement N4), in the order of the file. A key that the file leaves
/// out keeps its built-in value; a key that it sets replaces the built-in value as a whole.
/// `docs/catalog.md` explains it to operators.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Catalog {
    /// The types of targets: the things that activities are about.
    pub target_types: Vec<String>,
    /// What can be done to a target. `label` is what people read where they choose what they want
    /// to hear of, and `enabled` is what holds for people who have not chosen. `category` is what
    /// its items are sorted into, and `sentences.en`, by language, the title of an item.
    pub actions: IndexMap<String, Action>,
    /// Why somebody is subscribed to a target, and which actions that covers. `label` is what
    /// people read who ask why they received something.
    pub reasons: IndexMap<String, Reason>,
    /// What items are sorted into: the label of each category, in English and in each other
    /// language that any of them has. An action's items have its category; messages and
    /// announcements name one.
    #[schemars(example = BTreeMap::from([("news", BTreeMap::from([("en", "News"), ("de", "Neues")]))]))]
    pub categories: IndexMap<String, IndexMap<String, String>>,
    /// The nouns that sentences use for a target, by its type and the language.
    #[schemars(example = BTreeMap::from([("post", BTreeMap::from([("en", Noun::example())]))]))]
    pub nouns: IndexMap<String, IndexMap<String, Noun>>,
    /// The other messages of `locales/`, by language; a new language needs all of them.
    #[schemars(example = BTreeMap::from([("en", BTreeMap::from([("system", "The system")]))]))]
    pub words: IndexMap<String, IndexMap<String, String>>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The text to show to people who choose what they want to hear of.
    pub label: String,
    /// Whether people receive it who have not chosen.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The category of its items.
    #[serde(default)]
    pub category: Option<String>,
    /// By language: the title of an inbox item, a Fluent pattern.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub sentences: IndexMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The text to show to people who ask why they received something.
    pub label: String,
    /// The actions that this reason covers.
    pub actions: Vec<String>,
}

/// How sentences refer to a target, without its title.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Noun {
    /// The reader's own: `your post`.
    pub own: String,
    /// Somebody else's, before its title: `the post`.
    pub titled: String,
    /// Somebody else's without a title: `a post`.
    pub untitled: String,
}

impl Noun {
    /// For the reference of the settings.
    fn example() -> Self {
        let [own, titled, untitled] = ["your post", "the post", "a post"].map(str::to_owned);
        Noun { own, titled, untitled }
    }
}

fn yes() -> bool {
    true
}

impl Default for Catalog {
    fn default() -> Self {
        let action = |(key, label): (&str, &str)| {
            (
                key.to_owned(),
                Action {
                    label: label.into(),
                    enabled: true,
                    category: None,
                    sentences: IndexMap::new(),
                },
            )
        };
        let reason = |(key, label, actions): (&str, &str, &[&str])| {
            let actions = actions.iter().map(|&action| action.into()).collect();
            (key.to_owned(), Reason { label: label.into(), actions })
        };
        let reasons: [(&str, &str, &[&str]); 4] = [
            ("create_product", "You added it", &["comment", "like"]),
            ("create_post", "You wrote it", &["comment"]),
            ("like_product", "You liked it", &["comment"]),
            ("like_post", "You liked it", &["update", "comment"]),
        ];
        Catalog {
            target_types: vec!["product".into(), "post".into()],
            actions: [("comment", "Comments"), ("like", "Likes"), ("update", "Updates")]
                .map(action)
                .into(),
            reasons: reasons.map(reason).into(),
            categories: IndexMap::new(),
            nouns: IndexMap::new(),
            words: IndexMap::new(),
        }
    }
}
