//! The patterns from the settings, as Fluent texts by language.

use std::collections::BTreeMap;

use unic_langid::LanguageIdentifier;

use super::pattern;
use crate::{
    config,
    error::{Error, Result},
};

/// The variables of a sentence.
const SENTENCE: [&str; 7] = ["actors", "count", "target", "type", "owned", "titled", "title"];

/// The messages that each language needs, and their variables.
pub const WORDS: [(&str, &[&str]); 8] = [
    ("actors", &["named", "count", "others", "first", "second"]),
    ("system", &[]),
    ("system-after", &[]),
    ("gone", &[]),
    ("gone-after", &[]),
    ("titled", &["noun", "title"]),
    ("thing", &["name", "owned", "titled", "title"]),
    ("doing", &["actors", "label", "titled", "title"]),
];

/// Those that a language may lack: a title that needs one is in English then.
pub const OPTIONAL: [&str; 2] = ["gone", "gone-after"];

/// The checked settings for each language; the keys are tags in canonical form.
pub fn texts(settings: &config::Catalog) -> Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::<String, String>::new();
    for (action, entry) in &settings.actions {
        for (tag, sentence) in &entry.sentences {
            let field = format!("catalog.actions.{action}.sentences.{tag}");
            let sentence = pattern::check(&field, sentence, &SENTENCE)?;
            *texts.entry(language(&field, tag)?).or_default() +=
                &format!("action-{action} = {sentence}\n");
        }
    }
    for (ty, nouns) in &settings.nouns {
        if !settings.target_types.contains(ty) {
            return Err(Error::invalid(
                format!("catalog.nouns.{ty}"),
                "is not in catalog.target_types",
            ));
        }
        for (tag, noun) in nouns {
            let field = format!("catalog.nouns.{ty}.{tag}");
            let text = texts.entry(language(&field, tag)?).or_default();
            *text += &format!("type-{ty} =\n");
            for (form, phrase) in
                [("own", &noun.own), ("titled", &noun.titled), ("untitled", &noun.untitled)]
            {
                let phrase = pattern::check(&format!("{field}.{form}"), phrase, &[])?;
                *text += &format!("  .{form} = {phrase}\n");
            }
        }
    }
    for (tag, words) in &settings.words {
        for (word, phrase) in words {
            let field = format!("catalog.words.{tag}.{word}");
            let Some((_, variables)) = WORDS.iter().find(|(known, _)| known == word) else {
                let known = WORDS.map(|(word, _)| word).join(", ");
                return Err(Error::invalid(field, format!("must be one of {known}")));
            };
            let phrase = pattern::check(&field, phrase, variables)?;
            *texts.entry(language(&field, tag)?).or_default() += &format!("{word} = {phrase}\n");
        }
    }
    Ok(texts)
}

/// A tag in canonical form: de-at becomes de-AT.
pub fn language(field: &str, tag: &str) -> Result<String> {
    match tag.parse::<LanguageIdentifier>() {
        Ok(language) => Ok(language.to_string()),
        Err(_) => {
            Err(Error::invalid(field, format!("{tag:?} is not a language tag such as en or pt-BR")))
        }
    }
}
