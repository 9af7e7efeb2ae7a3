use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// What activities are about (requirement N4), in the order of the file. A key that the file leaves out is as built in; one
/// that it names replaces all that is built in for it. `docs/catalog.md` explains it to operators.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Catalog {
    /// The kinds of things that something can be done to.
    pub target_types: Vec<String>,
    /// What can be done.
    pub actions: IndexMap<String, Action>,
    /// Why somebody is subscribed to a target.
    pub reasons: IndexMap<String, Reason>,
    /// By target type and language: how sentences call a target.
    pub nouns: IndexMap<String, IndexMap<String, Noun>>,
    /// By language: the messages of `locales/` that are no sentences and no nouns.
    pub words: IndexMap<String, IndexMap<String, String>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// What people read where they choose what they want.
    pub label: String,
    /// What people get who have said nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// By language: the title of an inbox item, a Fluent pattern.
    #[serde(default)]
    pub sentences: IndexMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// What people read who ask why they got something.
    pub label: String,
    /// What the reason subscribes to.
    pub actions: Vec<String>,
}

/// How sentences call a target, without its title.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noun {
    /// The reader's own: `your post`.
    pub own: String,
    /// Somebody else's, before its title: `the post`.
    pub titled: String,
    /// Somebody else's that has no title: `a post`.
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
                Action { label: label.into(), enabled: true, sentences: IndexMap::new() },
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
            nouns: IndexMap::new(),
            words: IndexMap::new(),
        }
    }
}
