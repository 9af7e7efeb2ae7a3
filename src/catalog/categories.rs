//! Categories: what the host application sorts items into. Messages and announcements name one, and
//! activities have that of their action.

use std::{collections::BTreeSet, iter};

use super::{LONGEST_LABEL, check_key, titles::language_tag};
use crate::{
    config,
    error::{Error, Result},
    text,
};

/// The most categories of a catalog: an inbox keeps a count for each.
const MOST: usize = 100;
/// The language of labels for readers of any other.
const FALLBACK: &str = "en";

/// What items can be sorted into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    pub key: String,
    /// By language, as canonical tags; one of them is [`FALLBACK`].
    labels: Vec<(String, String)>,
}

impl Category {
    /// The label for a reader with this locale: in the language with the longest matching beginning
    /// of the tag, or else in English.
    pub fn label(&self, locale: &str) -> &str {
        let shorter = |tag: &&str| tag.rfind('-').map(|end| &locale[..end]);
        let mut tags = iter::successors(Some(locale), shorter).chain([FALLBACK]);
        let label = |tag: &str| {
            let found = self.labels.iter().find(|(known, _)| known.eq_ignore_ascii_case(tag));
            found.map(|(_, label)| label.as_str())
        };
        tags.find_map(label).unwrap_or(&self.key)
    }
}

/// The categories of the settings, in their order. Each needs a label in English, and in every
/// other language that any of them has: a list in two languages helps nobody.
pub fn open(settings: &config::Catalog) -> Result<Vec<Category>> {
    const FIELD: &str = "catalog.categories";
    if settings.categories.len() > MOST {
        return Err(Error::invalid(FIELD, format!("must have at most {MOST} categories")));
    }
    let mut languages = BTreeSet::from([FALLBACK.to_owned()]);
    let mut categories = Vec::new();
    for (key, given) in &settings.categories {
        let field = format!("{FIELD}.{key}");
        check_key(&field, key)?;
        let mut labels = Vec::new();
        for (tag, label) in given {
            let field = format!("{field}.{tag}");
            text::check_line(&field, label, LONGEST_LABEL)?;
            let tag = language_tag(&field, tag)?;
            languages.insert(tag.clone());
            labels.push((tag, label.clone()));
        }
        categories.push(Category { key: key.clone(), labels });
    }
    for Category { key, labels } in &categories {
        let has = |language: &&String| labels.iter().any(|(tag, _)| tag == *language);
        if let Some(missing) = languages.iter().find(|language| !has(language)) {
            return Err(Error::invalid(
                format!("{FIELD}.{key}"),
                format!("needs a label in {missing}, since every language needs all labels"),
            ));
        }
    }
    for (key, action) in &settings.actions {
        if let Some(category) = &action.category
            && !settings.categories.contains_key(category)
        {
            return Err(Error::invalid(
                format!("catalog.actions.{key}.category"),
                format!("{category:?} is not in {FIELD}"),
            ));
        }
    }
    Ok(categories)
}
