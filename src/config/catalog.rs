use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// What activities are about (requirement N4), in the order of the file. A key that the file leaves
/// out keeps its built-in value; a key that it sets replaces the built-in value as a whole.
/// `docs/catalog.md` explains it to operators.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Catalog {
    /// The types of targets.
    pub target_types: Vec<String>,
    /// What can be done to a target.
    pub actions: IndexMap<String, Action>,
    /// Why somebody is subscribed to a target.
    pub reasons: IndexMap<String, Reason>,
    /// What items are sorted into: the label of each category, by language.
    pub categories: IndexMap<String, IndexMap<String, String>>,
    /// By target type and language: the nouns that sentences use for a target.
    pub nouns: IndexMap<String, IndexMap<String, Noun>>,
    /// By language: the messages of `locales/` that are neither sentences nor nouns.
    pub words: IndexMap<String, IndexMap<String, String>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
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
    #[serde(default)]
    pub sentences: IndexMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The text to show to people who ask why they received something.
    pub label: String,
    /// The actions that this reason covers.
    pub actions: Vec<String>,
}

/// How sentences refer to a target, without its title.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noun {
    /// The reader's own: `your post`.
    pub own: String,
    /// Somebody else's, before its title: `the post`.
    pub titled: String,
    /// Somebody else's without a title: `a post`.
    pub untitled: String,
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
