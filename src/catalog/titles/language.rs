//! One language: its messages, and the parts that a title is made of.

use std::{borrow::Cow, collections::BTreeMap};

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};
use unic_langid::LanguageIdentifier;

use super::{ActivitySummary, settings};
use crate::error::{Error, Result};

/// The texts that are compiled in, by language.
pub const BUILT_IN: [(&str, &str); 2] = [
    ("en", include_str!("../../../locales/en.ftl")),
    ("de", include_str!("../../../locales/de.ftl")),
];

/// How many people a title names before it counts the rest.
const MOST_NAMES: usize = 2;

pub struct Language {
    pub tag: String,
    bundle: FluentBundle<FluentResource>,
}

impl Language {
    /// A language combines what is built in and configured for each prefix of its tag, longer ones
    /// overriding shorter ones: `de-AT` includes all of `de`. It must have every message that is not
    /// optional, or titles would mix languages.
    pub fn open(tag: &str, settings: &BTreeMap<String, String>) -> Result<Self> {
        let language: LanguageIdentifier = tag.parse().map_err(|error| Error::internal(error))?;
        let mut bundle = FluentBundle::new_concurrent(vec![language]);
        // Titles are searched and compared as plain text.
        bundle.set_use_isolating(false);
        let ends = tag.match_indices('-').map(|(end, _)| end).chain([tag.len()]);
        for beginning in ends.map(|end| &tag[..end]) {
            let built_in =
                BUILT_IN.iter().filter(|(tag, _)| *tag == beginning).map(|(_, text)| *text);
            for text in built_in.chain(settings.get(beginning).map(String::as_str)) {
                let resource = FluentResource::try_new(text.to_owned())
                    .map_err(|(_, errors)| Error::internal(format!("{errors:?}")))?;
                bundle.add_resource_overriding(resource);
            }
        }
        let needed = settings::WORDS.iter().map(|(word, _)| *word);
        let needed = needed.filter(|word| !settings::OPTIONAL.contains(word));
        let missing: Vec<_> = needed.filter(|word| !bundle.has_message(word)).collect();
        if !missing.is_empty() {
            let why = format!("{tag} is not built in, and lacks {}", missing.join(", "));
            return Err(Error::invalid(format!("catalog.words.{tag}"), why));
        }
        Ok(Language { tag: tag.to_owned(), bundle })
    }

    /// None if the language has no sentence for the action.
    pub fn sentence(&self, summary: &ActivitySummary) -> Option<Cow<'_, str>> {
        let id = format!("action-{}", summary.action);
        if !self.bundle.has_message(&id) {
            return None;
        }
        let mut args = about(summary, self.actors(summary)?);
        args.set("target", self.target(summary)?);
        args.set("type", summary.target_type);
        args.set("owned", yes(summary.is_own));
        args.set("count", count(summary));
        self.say(&id, None, &args)
    }

    /// The title for an action without a sentence.
    pub fn labelled(&self, label: &str, summary: &ActivitySummary) -> Option<Cow<'_, str>> {
        let mut args = about(summary, self.actors(summary)?);
        args.set("label", label);
        self.say("doing", None, &args)
    }

    fn actors(&self, summary: &ActivitySummary) -> Option<Cow<'_, str>> {
        let names = &summary.actors[..summary.actors.len().min(MOST_NAMES)];
        let mut args = FluentArgs::with_capacity(5);
        for ((variable, after), name) in [("first", ""), ("second", "-after")].iter().zip(names) {
            let nameless = match name.as_deref() {
                None => "system",
                Some("") => "gone",
                Some(name) => {
                    args.set(*variable, name);
                    continue;
                }
            };
            let word = self.say(&format!("{nameless}{after}"), None, &FluentArgs::new())?;
            args.set(*variable, word);
        }
        args.set("named", names.len());
        args.set("count", count(summary));
        args.set("others", count(summary) - names.len() as i64);
        self.say("actors", None, &args)
    }

    /// The phrase for the target, and its title.
    fn target(&self, summary: &ActivitySummary) -> Option<Cow<'_, str>> {
        let title = title(summary);
        let form = match (summary.is_own, title.is_empty()) {
            (true, _) => "own",
            (false, false) => "titled",
            (false, true) => "untitled",
        };
        let mut args = FluentArgs::with_capacity(4);
        args.set("title", title);
        match self.say(&format!("type-{}", summary.target_type), Some(form), &FluentArgs::new()) {
            Some(noun) if title.is_empty() => Some(noun),
            Some(noun) => {
                args.set("noun", noun);
                self.say("titled", None, &args)
            }
            None => {
                args.set("name", summary.target_type.replace('_', " "));
                args.set("owned", yes(summary.is_own));
                args.set("titled", yes(!title.is_empty()));
                self.say("thing", None, &args)
            }
        }
    }

    /// None if the message does not exist or its pattern fails: half a title is worse than a
    /// plainer one.
    fn say(&self, id: &str, attribute: Option<&str>, args: &FluentArgs) -> Option<Cow<'_, str>> {
        let message = self.bundle.get_message(id)?;
        let pattern = match attribute {
            Some(attribute) => message.get_attribute(attribute)?.value(),
            None => message.value()?,
        };
        let mut errors = Vec::new();
        let said = self.bundle.format_pattern(pattern, Some(args), &mut errors);
        errors.is_empty().then_some(said)
    }
}

/// The variables of sentences, and what replaces a missing one.
fn about<'a>(summary: &'a ActivitySummary, actors: Cow<'a, str>) -> FluentArgs<'a> {
    let mut args = FluentArgs::with_capacity(7);
    args.set("actors", actors);
    args.set("titled", yes(!title(summary).is_empty()));
    args.set("title", title(summary));
    args
}

fn title<'a>(summary: &ActivitySummary<'a>) -> &'a str {
    summary.target_title.map(str::trim).unwrap_or_default()
}

/// Never less than the number of named people, whatever was counted.
fn count(summary: &ActivitySummary) -> i64 {
    summary.actor_count.max(summary.actors.len() as i64).max(1)
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}
