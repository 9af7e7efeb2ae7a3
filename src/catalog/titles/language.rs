//! One language: its messages, and the parts that a title is made of.

use std::{borrow::Cow, collections::BTreeMap};

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};
use unic_langid::LanguageIdentifier;

use super::{Doing, settings};
use crate::error::{Error, Result};

/// The texts that are compiled in, by language.
pub const BUILT_IN: [(&str, &str); 2] = [
    ("en", include_str!("../../../locales/en.ftl")),
    ("de", include_str!("../../../locales/de.ftl")),
];

/// How many people a title names before it counts.
const MOST_NAMES: usize = 2;

pub struct Language {
    pub tag: String,
    bundle: FluentBundle<FluentResource>,
}

impl Language {
    /// A language has what is built in and set for each beginning of its tag, the longer over the shorter: `de-AT` has all of
    /// `de`. It must have every word, or its titles would be a mixture.
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
        let missing =
            settings::WORDS.iter().map(|(word, _)| *word).filter(|word| !bundle.has_message(word));
        let missing: Vec<_> = missing.collect();
        if !missing.is_empty() {
            let why = format!("{tag} is not built in, and lacks {}", missing.join(", "));
            return Err(Error::invalid(format!("catalog.words.{tag}"), why));
        }
        Ok(Language { tag: tag.to_owned(), bundle })
    }

    /// None if the language has no sentence for the action.
    pub fn sentence(&self, doing: &Doing) -> Option<Cow<'_, str>> {
        let id = format!("action-{}", doing.action);
        if !self.bundle.has_message(&id) {
            return None;
        }
        let mut args = about(doing, self.actors(doing)?);
        args.set("target", self.target(doing)?);
        args.set("type", doing.target_type);
        args.set("owned", yes(doing.is_own));
        args.set("count", count(doing));
        self.say(&id, None, &args)
    }

    /// What is said of an action without a sentence.
    pub fn labelled(&self, label: &str, doing: &Doing) -> Option<Cow<'_, str>> {
        let mut args = about(doing, self.actors(doing)?);
        args.set("label", label);
        self.say("doing", None, &args)
    }

    fn actors(&self, doing: &Doing) -> Option<Cow<'_, str>> {
        let names = &doing.actors[..doing.actors.len().min(MOST_NAMES)];
        let mut args = FluentArgs::with_capacity(5);
        for ((variable, system), name) in
            [("first", "system"), ("second", "system-after")].iter().zip(names)
        {
            match name {
                Some(name) => args.set(*variable, name.as_str()),
                None => args.set(*variable, self.say(system, None, &FluentArgs::new())?),
            }
        }
        args.set("named", names.len());
        args.set("count", count(doing));
        args.set("others", count(doing) - names.len() as i64);
        self.say("actors", None, &args)
    }

    /// The phrase for the target, and its title.
    fn target(&self, doing: &Doing) -> Option<Cow<'_, str>> {
        let title = title(doing);
        let form = match (doing.is_own, title.is_empty()) {
            (true, _) => "own",
            (false, false) => "titled",
            (false, true) => "untitled",
        };
        let mut args = FluentArgs::with_capacity(4);
        args.set("title", title);
        match self.say(&format!("type-{}", doing.target_type), Some(form), &FluentArgs::new()) {
            Some(noun) if title.is_empty() => Some(noun),
            Some(noun) => {
                args.set("noun", noun);
                self.say("titled", None, &args)
            }
            None => {
                args.set("name", doing.target_type.replace('_', " "));
                args.set("owned", yes(doing.is_own));
                args.set("titled", yes(!title.is_empty()));
                self.say("thing", None, &args)
            }
        }
    }

    /// None if there is no such message, or its pattern fails: half a title is worse than a plainer one.
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

/// The variables that sentences have, and what stands for a missing one.
fn about<'a>(doing: &'a Doing, actors: Cow<'a, str>) -> FluentArgs<'a> {
    let mut args = FluentArgs::with_capacity(7);
    args.set("actors", actors);
    args.set("titled", yes(!title(doing).is_empty()));
    args.set("title", title(doing));
    args
}

fn title<'a>(doing: &Doing<'a>) -> &'a str {
    doing.target_title.map(str::trim).unwrap_or_default()
}

/// Never less than are named, whatever was counted.
fn count(doing: &Doing) -> i64 {
    doing.actor_count.max(doing.actors.len() as i64).max(1)
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}
