//! The beginning of a text, for a list.

use pulldown_cmark::{Event, Parser, TagEnd};

use crate::inbox::BEGINNING;

const PREVIEW_CHARACTERS: usize = 140;

/// The words of a Markdown text without its marks.
pub fn preview(body: &str) -> String {
    // Takes more than is shown, but not everything, so that a huge body costs nothing.
    let beginning = body.char_indices().nth(BEGINNING).map_or(body, |(end, _)| &body[..end]);
    let mut text = String::new();
    for event in Parser::new(beginning) {
        match event {
            Event::Text(words) | Event::Code(words) => text.push_str(&words),
            Event::SoftBreak
            | Event::HardBreak
            | Event::End(TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item) => {
                text.push(' ');
            }
            _ => {}
        }
    }
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(PREVIEW_CHARACTERS) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_one_short_line_of_plain_words() {
        assert_eq!(
            preview("# Hello\n\n*world*, see [this](http://x) & `that`\n- a\n- b"),
            "Hello world, see this & that a b"
        );
        assert_eq!(preview("<script>alert(1)</script>"), "");
        let long = preview(&"äö ".repeat(10_000));
        assert!(long.chars().count() <= PREVIEW_CHARACTERS + 1 && long.ends_with('…'));
    }
}
