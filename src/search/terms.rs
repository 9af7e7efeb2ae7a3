//! What a search looks for: words, each of which has to be the beginning of a word of
//! the text, in any order.
//!
//! A word is a run of letters and digits, as Unicode has them. In scripts that put no spaces
//! between words, such as Chinese, each letter begins a word. Both sides are folded
//! (`migration::folded`), so case makes no difference, nor how a letter is written.

use crate::{
    error::{Error, Result},
    text,
};

/// The most characters that a search may have.
pub const LONGEST: usize = 200;
/// The index has this many characters of a word.
const LONGEST_WORD: usize = 24;

/// How many words of a search are looked up in the index. The text decides in any case.
const MOST_KEYS: usize = 3;

/// What somebody looks for. All of it has to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms(Vec<String>);

impl Terms {
    /// The words of a search. They may have other signs between their letters, as `e-mail` has.
    pub fn new(field: &str, text: &str) -> Result<Self> {
        text::check_line(field, text, LONGEST)?;
        let folded = migration::folded(text);
        let parts =
            folded.split_whitespace().map(|part| part.trim_matches(|c: char| !is_letter(c)));
        let mut parts: Vec<_> = parts.filter(|part| !part.is_empty()).map(str::to_owned).collect();
        // The longest is likely to be the rarest.
        parts.sort_by_key(|part| std::cmp::Reverse(part.chars().count()));
        parts.dedup();
        if parts.is_empty() {
            return Err(Error::invalid(field, "must have a letter or a digit"));
        }
        Ok(Terms(parts))
    }

    /// A part that every text has that is found.
    pub fn longest(&self) -> &str {
        &self.0[0]
    }

    /// The beginnings of words to look up in the index, the longest first: a text that is found has
    /// words that begin like each of them.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.0.iter().filter_map(|part| longest(words(part))).collect();
        keys.sort_by_key(|key| std::cmp::Reverse(key.chars().count()));
        keys.truncate(MOST_KEYS);
        keys
    }

    /// Whether a folded text has all of it.
    pub fn are_in(&self, text: &str) -> bool {
        self.0.iter().all(|part| is_in(part, text))
    }
}

/// Whether a part of a search begins a word of a folded text.
fn is_in(part: &str, text: &str) -> bool {
    let mut from = 0;
    while let Some(at) = text[from..].find(part).map(|at| from + at) {
        if begins_word(text, at) {
            return true;
        }
        // The next one may overlap with this: `a-a` is in `xa-a-a`.
        from = text.ceil_char_boundary(at + 1);
    }
    false
}

fn longest(words: impl Iterator<Item = String>) -> Option<String> {
    words.max_by_key(|word| word.chars().count())
}

/// The words of a folded text, as the index has them.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !is_letter(c)).flat_map(|run| {
        let mut rest = run;
        std::iter::from_fn(move || {
            let first = rest.chars().next()?;
            let end = match stands_alone(first) {
                true => first.len_utf8(),
                false => rest.find(stands_alone).unwrap_or(rest.len()),
            };
            let (word, after) = rest.split_at(end);
            rest = after;
            Some(word.chars().take(LONGEST_WORD).collect())
        })
    })
}

/// Whether a word begins at this place of a folded text.
fn begins_word(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    let first = text[at..].chars().next();
    before.is_none_or(|before| !is_letter(before) || stands_alone(before))
        || first.is_some_and(stands_alone)
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || stands_alone(c)
}

/// Whether a letter is of a script without spaces between words: Thai, Lao, Burmese, Khmer, kana,
/// Chinese characters.
fn stands_alone(c: char) -> bool {
    matches!(u32::from(c),
        0x0E01..=0x0E7F | 0x0E81..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF
        | 0x3041..=0x30FF | 0x31F0..=0x31FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF
        | 0xF900..=0xFAFF | 0x20000..=0x323AF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(search: &str, text: &str) -> bool {
        Terms::new("search", search).unwrap().are_in(&migration::folded(text))
    }

    #[test]
    fn a_search_finds_the_beginnings_of_words_in_any_order() {
        for (search, text) in [
            ("invo", "Your INVOICE is ready"),
            ("ready invoice", "Your invoice is ready"),
            ("e-mail", "By E-Mail"),
            ("mail", "By e-mail"),
            ("(by)", "By e-mail"),
            ("bar", "foo_bar"),
            ("a-a", "xa-a-a"),
            ("straße", "HAUPT STRASSE"),
            ("京都", "東京都庁"),
            ("ὀδυσσεύς", "ὈΔΥΣΣΕΎΣ"),
            ("100%", "99, 100"),
        ] {
            assert!(finds(search, text), "{search} in {text}");
        }
        for (search, text) in [
            ("voice", "Your invoice is ready"),
            ("invoice late", "Your invoice is ready"),
            ("都京", "東京都庁"),
            ("e mail", "Email"),
        ] {
            assert!(!finds(search, text), "{search} in {text}");
        }
    }

    #[test]
    fn what_is_found_has_words_that_begin_like_each_key() {
        let text =
            migration::folded("Ünïcode, e-mail: 東京都庁 and averyveryverylongwordthatgoeson 42");
        let words: Vec<_> = words(&text).collect();
        for search in ["ünï 42", "e-mail", "京都", "averyveryverylongwordthatgoes", "AND", "mail:"]
        {
            let terms = Terms::new("search", search).unwrap();
            assert!(terms.are_in(&text), "{search}");
            for key in terms.keys() {
                assert!(words.iter().any(|word| word.starts_with(&key)), "{search}: {key}");
            }
        }
    }

    #[test]
    fn a_search_without_letters_is_refused() {
        for text in ["%", "_ -", "…"] {
            assert!(matches!(Terms::new("search", text), Err(Error::Invalid { .. })), "{text}");
        }
    }
}
