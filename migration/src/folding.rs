//! How texts are folded to be searched. What is in the database was folded by this: whoever changes
//! it writes a migration that folds everything anew.

use unicode_normalization::UnicodeNormalization;

/// A text in which case makes no difference, nor how a letter is written: `Änderung` and
/// `ÄNDERUNG`, `Straße` and `STRASSE`, `ΟΔΟΣ` and `οδος`, an umlaut of one character or of two, full
/// width and ligatures. At most 11 times as long (NFKC).
///
/// Lower, upper and lower again is Unicode's folding of case, but for a few letters that nobody
/// misses: what is the same in either case becomes the same.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let upper = text.nfkd().flat_map(char::to_lowercase).flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn every_letter_folds_to_the_same_in_either_case_and_to_itself_afterwards() {
        for letter in '\0'..=char::MAX {
            let (lower, upper): (String, String) =
                (letter.to_lowercase().collect(), letter.to_uppercase().collect());
            let folded_letter = folded(&letter.to_string());
            // The dotted İ has a lower case of two characters, and the dotless ı the upper case of i.
            assert_eq!(folded(&lower), folded_letter, "{letter} {:x}", u32::from(letter));
            assert_eq!(folded(&upper), folded_letter, "{letter} {:x}", u32::from(letter));
            assert_eq!(folded(&folded_letter), folded_letter, "{letter} {:x}", u32::from(letter));
        }
    }

    #[test]
    fn what_people_take_for_the_same_folds_to_the_same() {
        for (one, other) in [
            ("Änderung", "ÄNDERUNG"),
            ("Änderung", "A\u{308}nderung"),
            ("Straße", "STRASSE"),
            ("STRAẞE", "strasse"),
            ("ὈΔΥΣΣΕΎΣ", "ὀδυσσεύς"),
            ("Ｆｕｌｌ ﬁt", "full fit"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        assert_ne!(folded("Änderung"), folded("Anderung"));
    }
}
