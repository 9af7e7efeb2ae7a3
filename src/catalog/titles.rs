//! The title of an item of activities, in the reader's language (requirement N11): “Ada, Grace and
//! 8 others commented on your post “X””.
//!
//! The sentences are Fluent patterns: those in `locales/`, overridden by those in the settings.
//! They are parsed and checked once, when the server starts. What people wrote is only ever passed
//! in as a value and never interpreted as a pattern.

mod language;
mod pattern;
mod settings;

pub(super) use settings::language as language_tag;

use std::borrow::Cow;

use crate::{catalog::titles::language::Language, config, error::Result};

/// What one or more people did to one target: everything that a title can mention.
#[derive(Debug, Clone)]
pub struct ActivitySummary<'a> {
    /// A key of the catalog.
    pub action: &'a str,
    /// A key of the catalog.
    pub target_type: &'a str,
    /// None or empty if it has no title.
    pub target_title: Option<&'a str>,
    /// Whether the reader owns the target.
    pub is_own: bool,
    /// The latest people who did it, each once, newest first; two are enough. None stands for the
    /// system, an empty name for somebody who was erased. People without a name are left out here,
    /// but counted.
    pub actors: &'a [Option<String>],
    /// How many people did it, including those above.
    pub actor_count: i64,
}

/// All languages that titles can be written in.
pub struct Titles {
    /// Built in, and therefore always complete.
    english: Language,
    others: Vec<Language>,
}

impl Titles {
    /// On failure, the error has the path of the wrong setting, such as
    /// `catalog.actions.comment.sentences.de`.
    pub fn open(settings: &config::Catalog) -> Result<Self> {
        let mut texts = settings::texts(settings)?;
        let english = Language::open("en", &texts)?;
        for (tag, _) in language::BUILT_IN {
            texts.entry(tag.into()).or_default();
        }
        let others = texts.keys().filter(|tag| *tag != "en").map(|tag| Language::open(tag, &texts));
        Ok(Titles { english, others: others.collect::<Result<_>>()? })
    }

    /// In the reader's language, or else in English. An action without a sentence in either is
    /// described by its label. Never fails: if a pattern fails, the next option is used.
    pub fn render(&self, locale: &str, label: &str, summary: &ActivitySummary) -> String {
        let languages = [self.language(locale), &self.english];
        let sentence = languages.iter().find_map(|language| language.sentence(summary));
        let labelled = || languages.iter().find_map(|language| language.labelled(label, summary));
        sentence.or_else(labelled).map_or_else(|| label.to_owned(), Cow::into_owned)
    }

    /// The language with the longest matching prefix of the tag (RFC 4647, section 3.4): de-AT
    /// falls back to de.
    fn language(&self, locale: &str) -> &Language {
        let mut tag = locale;
        loop {
            let has_tag = |language: &&Language| language.tag.eq_ignore_ascii_case(tag);
            if let Some(language) = self.others.iter().chain([&self.english]).find(has_tag) {
                return language;
            }
            match tag.rfind('-') {
                Some(end) => tag = &tag[..end],
                None => return &self.english,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn titles(toml: &str) -> Result<Titles> {
        let file = ::config::File::from_str(toml, ::config::FileFormat::Toml);
        let settings = ::config::Config::builder()
            .add_source(file)
            .build()
            .unwrap()
            .try_deserialize()
            .unwrap();
        Titles::open(&settings)
    }

    fn built_in() -> Titles {
        titles("").unwrap()
    }

    /// `names` are separated by commas; “-” is the system, “?” somebody who was erased. `target` is
    /// whether the reader owns it, its type and its title.
    fn said(
        titles: &Titles,
        locale: &str,
        action: &str,
        names: &str,
        count: i64,
        target: (bool, &str, &str),
    ) -> String {
        let names = names.split(',').filter(|name| !name.is_empty());
        let name = |name: &str| (name != "-").then(|| name.replace('?', ""));
        let actors: Vec<_> = names.map(name).collect();
        let (is_own, target_type, title) = target;
        let target_title = Some(title).filter(|title| !title.is_empty());
        let summary = ActivitySummary {
            action,
            target_type,
            target_title,
            is_own,
            actors: &actors,
            actor_count: count,
        };
        titles.render(locale, "Shares", &summary)
    }

    const OWN: (bool, &str, &str) = (true, "post", "X");

    #[test]
    fn english_names_two_people_and_counts_the_others() {
        let titles = built_in();
        for (names, count, expected) in [
            ("Ada", 1, "Ada commented on your post “X”"),
            ("Ada,Grace", 2, "Ada and Grace commented on your post “X”"),
            ("Ada,Grace,Jean", 3, "Ada, Grace and 1 other commented on your post “X”"),
            ("Ada,Grace,Jean", 10, "Ada, Grace and 8 others commented on your post “X”"),
            ("Ada,Grace", 1_000_002, "Ada, Grace and 1000000 others commented on your post “X”"),
            ("Ada", 2, "Ada and 1 other commented on your post “X”"),
            ("Ada", 5, "Ada and 4 others commented on your post “X”"),
            ("", 1, "Somebody commented on your post “X”"),
            ("", 5, "5 people commented on your post “X”"),
            ("", 0, "Somebody commented on your post “X”"),
            ("Ada,Grace", -1, "Ada and Grace commented on your post “X”"),
            ("-", 1, "The system commented on your post “X”"),
            ("Ada,-", 2, "Ada and the system commented on your post “X”"),
            ("?", 1, "Somebody who left commented on your post “X”"),
            ("?,Ada", 4, "Somebody who left, Ada and 2 others commented on your post “X”"),
            ("Ada,?", 2, "Ada and somebody who left commented on your post “X”"),
        ] {
            assert_eq!(said(&titles, "en", "comment", names, count, OWN), expected);
        }
    }

    #[test]
    fn english_says_whose_the_target_is() {
        let titles = built_in();
        for (action, target, expected) in [
            ("like", (false, "product", "Lamp"), "Ada liked the product “Lamp”"),
            ("like", (true, "product", "Lamp"), "Ada liked your product “Lamp”"),
            ("update", (false, "product", ""), "Ada updated a product"),
            ("comment", (true, "post", ""), "Ada commented on your post"),
            ("comment", (false, "post", " "), "Ada commented on a post"),
            ("comment", (false, "blog_post", "X"), "Ada commented on the blog post “X”"),
            ("comment", (true, "blog_post", ""), "Ada commented on your blog post"),
            ("share", (true, "post", "X"), "Ada: Shares – “X”"),
            ("share", (true, "post", ""), "Ada: Shares"),
        ] {
            assert_eq!(said(&titles, "en-GB", action, "Ada", 1, target), expected);
        }
    }

    #[test]
    fn german_verbs_agree_with_the_number_and_nouns_have_their_gender() {
        let titles = built_in();
        for (action, names, count, target, expected) in [
            ("comment", "Ada", 1, OWN, "Ada hat deinen Beitrag „X“ kommentiert"),
            ("comment", "Ada,Grace", 2, OWN, "Ada und Grace haben deinen Beitrag „X“ kommentiert"),
            (
                "comment",
                "Ada,Grace",
                3,
                OWN,
                "Ada, Grace und eine weitere Person haben deinen Beitrag „X“ kommentiert",
            ),
            (
                "comment",
                "Ada,Grace",
                10,
                OWN,
                "Ada, Grace und 8 weitere Personen haben deinen Beitrag „X“ kommentiert",
            ),
            ("comment", "", 1, OWN, "Jemand hat deinen Beitrag „X“ kommentiert"),
            ("comment", "", 4, OWN, "4 Personen haben deinen Beitrag „X“ kommentiert"),
            ("comment", "Ada", 1, (false, "post", "X"), "Ada hat den Beitrag „X“ kommentiert"),
            ("comment", "Ada", 1, (false, "post", ""), "Ada hat einen Beitrag kommentiert"),
            (
                "update",
                "-",
                1,
                (false, "product", "X"),
                "Das System hat das Produkt „X“ aktualisiert",
            ),
            (
                "update",
                "Ada,-",
                2,
                (true, "product", ""),
                "Ada und das System haben dein Produkt aktualisiert",
            ),
            (
                "like",
                "Ada",
                1,
                (false, "product", ""),
                "Ada hat ein Produkt mit „Gefällt mir“ markiert",
            ),
            ("comment", "Ada", 1, (true, "photo", "X"), "Ada hat „X“ kommentiert"),
            ("comment", "Ada", 1, (true, "photo", ""), "Ada hat etwas von dir kommentiert"),
            ("comment", "Ada", 1, (false, "photo", ""), "Ada hat etwas kommentiert"),
            ("share", "Ada,Grace", 2, OWN, "Ada und Grace: Shares – „X“"),
        ] {
            assert_eq!(said(&titles, "de", action, names, count, target), expected);
        }
    }

    #[test]
    fn a_locale_is_written_as_its_longest_known_beginning_and_else_in_english() {
        let titles = titles(
            "actions.like = {label = 'L', sentences = {de-at = '{ $actors } mag { $target }'}}",
        )
        .unwrap();
        for (locale, expected) in [
            ("de", "Ada hat deinen Beitrag „X“ mit „Gefällt mir“ markiert"),
            ("de-CH-1996", "Ada hat deinen Beitrag „X“ mit „Gefällt mir“ markiert"),
            ("de-AT", "Ada mag deinen Beitrag „X“"),
            ("DE-at-u-co-phonebk", "Ada mag deinen Beitrag „X“"),
            ("fr-CA", "Ada liked your post “X”"),
            ("", "Ada liked your post “X”"),
            ("-", "Ada liked your post “X”"),
            ("日本-é", "Ada liked your post “X”"),
        ] {
            assert_eq!(said(&titles, locale, "like", "Ada", 1, OWN), expected, "{locale}");
        }
    }

    #[test]
    fn an_action_without_a_sentence_of_the_language_is_said_wholly_in_english() {
        let titles = titles(
            "actions.share = {label = 'S', sentences = {en = '{ $actors } shared { $target }'}}",
        )
        .unwrap();
        assert_eq!(
            said(&titles, "de", "share", "Ada,-", 2, OWN),
            "Ada and the system shared your post “X”"
        );
    }

    #[test]
    fn names_and_titles_are_never_taken_for_patterns() {
        let titles = built_in();
        let wild = r#"{ $actors } {$x} {"a"} \u0041 *[other]"#;
        for locale in ["en", "de", "fr"] {
            let title =
                said(&titles, locale, "comment", "{ $count },{actors}", 2, (true, "post", wild));
            assert!(
                title.contains("{ $count }") && title.contains("{actors}") && title.contains(wild),
                "{title}"
            );
        }
    }

    #[test]
    fn a_new_language_needs_all_words_and_then_has_titles_of_its_own() {
        let sentence =
            "actions.comment = {label = 'C', sentences = {tlh = '{ $actors } ja’ { $target }'}}\n";
        let Err(Error::Invalid { field, message }) = titles(sentence) else {
            panic!("half a language was taken")
        };
        assert_eq!(field, "catalog.words.tlh");
        assert!(message.contains("actors, system"), "{message}");
        let words = "[words.tlh]
            actors = '''{ $others ->
                [one] { $first } latlh je
               *[other] { $first }
            }'''
            system = 'De’wI’'
            system-after = 'De’wI’'
            titled = '{ $noun } «{ $title }»'
            thing = '«{ $title }»'
            doing = '{ $label }'";
        let titles = titles(&format!("{sentence}{words}")).unwrap();
        assert_eq!(said(&titles, "tlh", "comment", "-", 5, OWN), "De’wI’ ja’ «X»");
    }

    #[test]
    fn the_example_of_the_documents_reads_as_they_say() {
        let document = include_str!("../../docs/catalog.md");
        let toml =
            document.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let titles = titles(&toml.replace("[catalog]\n", "").replace("[catalog.", "[")).unwrap();
        for (locale, names, count, target, expected) in [
            (
                "en",
                "Ada,Grace",
                2,
                (true, "photo", "Sunset"),
                "Ada and Grace tagged your photo “Sunset”",
            ),
            ("en", "Ada", 1, (false, "photo", "Sunset"), "Ada tagged the photo “Sunset”"),
            ("en", "Ada", 1, (false, "photo", ""), "Ada tagged a photo"),
            (
                "de",
                "Ada,Grace",
                2,
                (true, "photo", "Sunset"),
                "Ada und Grace haben dein Foto „Sunset“ verschlagwortet",
            ),
        ] {
            assert_eq!(said(&titles, locale, "tag", names, count, target), expected);
            assert!(document.replace('\n', " ").contains(expected), "{expected}");
        }
    }

    #[test]
    fn a_pattern_that_could_not_work_is_refused_with_its_path() {
        let sentence = |pattern: &str| {
            format!("actions.comment = {{label = 'C', sentences = {{en = {pattern}}}}}")
        };
        let path = "catalog.actions.comment.sentences.en";
        for (toml, refused) in [
            (sentence("'{ $actors'"), path),
            (sentence("''"), path),
            (sentence("'{ $name }'"), path),
            (sentence("'{ actors }'"), path),
            (sentence("'{ -brand }'"), path),
            (sentence("'{ NUMBER($count) }'"), path),
            (sentence(r#""a\nb""#), path),
            (sentence(r#""a\nsystem = b""#), path),
            (sentence(r#""a\n.own = b""#), path),
            (sentence(r#"'{ "\u000A" }'"#), path),
            (
                "actions.like = {label = 'L', sentences = {x = 'a'}}".into(),
                "catalog.actions.like.sentences.x",
            ),
            (
                "nouns.photo.en = {own = 'a', titled = 'b', untitled = 'c'}".into(),
                "catalog.nouns.photo",
            ),
            (
                "nouns.post.en = {own = 'a', titled = '{ $title }', untitled = 'c'}".into(),
                "catalog.nouns.post.en.titled",
            ),
            ("words.en.systems = 'a'".into(), "catalog.words.en.systems"),
        ] {
            match titles(&toml) {
                Err(Error::Invalid { field, .. }) => assert_eq!(field, refused, "{toml}"),
                Err(error) => panic!("{toml}: {error:?}"),
                Ok(_) => panic!("{toml} was taken"),
            }
        }
    }
}
