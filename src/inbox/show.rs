//! What an item shows wherever it is listed or announced: a title, a preview, a link, and what else
//! the host application says with it.

use ::entity::{inbox_item, user};
use pulldown_cmark::{Event, Options, Parser, TagEnd};

use super::{
    activities::{Activities, ActivityActor},
    item::{BEGINNING, Item},
    kind::Subject,
};
use crate::catalog::{Catalog, titles::ActivitySummary};

const PREVIEW_CHARACTERS: usize = 140;

impl Item {
    /// One line. For activities a sentence in the language of the inbox's owner; empty if what it
    /// is about was erased.
    pub fn title(&self, catalog: &Catalog) -> String {
        match &self.subject {
            Some(Subject::Message { message, .. }) => message.subject.clone(),
            Some(Subject::Announcement { announcement, .. }) => announcement.title.clone(),
            Some(Subject::Activities(activities)) => sentence(catalog, &self.row, activities),
            None => String::new(),
        }
    }

    /// The beginning of the text, on one line, without markup; for activities the `preview` in the
    /// data of the latest. It needs [`Texts::Beginning`](super::Texts::Beginning).
    pub fn preview(&self) -> Option<String> {
        match self.subject.as_ref()? {
            Subject::Message { message, .. } => Some(preview(&message.body)),
            Subject::Announcement { announcement, .. } => Some(preview(&announcement.body)),
            Subject::Activities(activities) => {
                let data = activities.latest.as_ref()?.data.as_deref()?;
                let data: serde_json::Value = serde_json::from_str(data).ok()?;
                Some(preview(data.get("preview")?.as_str()?))
            }
        }
    }

    /// Where to find it in the host application; None if nobody has said.
    pub fn url(&self) -> Option<&str> {
        match self.subject.as_ref()? {
            Subject::Message { message, .. } => message.url.as_deref(),
            Subject::Announcement { announcement, .. } => announcement.url.as_deref(),
            Subject::Activities(activities) => activities.target.url.as_deref(),
        }
    }

    /// The host application's data with it, as JSON; for activities that of the latest. Like
    /// [`Item::actions`] it needs [`Texts::Beginning`](super::Texts::Beginning).
    pub fn data(&self) -> Option<&str> {
        match self.subject.as_ref()? {
            Subject::Message { message, .. } => message.data.as_deref(),
            Subject::Announcement { announcement, .. } => announcement.data.as_deref(),
            Subject::Activities(activities) => activities.latest.as_ref()?.data.as_deref(),
        }
    }

    /// What its reader can do, as it is stored.
    pub fn actions(&self) -> Option<&str> {
        match self.subject.as_ref()? {
            Subject::Message { message, .. } => message.actions.as_deref(),
            Subject::Announcement { announcement, .. } => announcement.actions.as_deref(),
            Subject::Activities(_) => None,
        }
    }
}

/// The sentence that is the title of activities, addressed to the owner of the item.
fn sentence(catalog: &Catalog, row: &inbox_item::Model, activities: &Activities) -> String {
    // Somebody who was erased has no name: the language has a word for them.
    let name = |actor: &ActivityActor| {
        let name = |user: &user::Model| match user.erased_at {
            Some(_) => String::new(),
            None => user.name(),
        };
        actor.0.as_ref().map(name)
    };
    let actors: Vec<_> = activities.actors.iter().map(name).collect();
    catalog.title(
        &activities.locale,
        &ActivitySummary {
            action: row.action.as_deref().unwrap_or_default(),
            target_type: &activities.target.r#type,
            target_title: activities.target.title.as_deref(),
            is_own: activities.target.owner_id == Some(row.user_id),
            actors: &actors,
            actor_count: row.actor_count.into(),
        },
    )
}

/// The words of Markdown without its markup.
fn preview(body: &str) -> String {
    // Longer than what will be shown, but bounded, so that a huge body costs nothing.
    let beginning = body.char_indices().nth(BEGINNING).map_or(body, |(end, _)| &body[..end]);
    let mut text = String::new();
    // What the web pages show as tables and as deleted.
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    for event in Parser::new_ext(beginning, options) {
        match event {
            Event::Text(words) | Event::Code(words) => text.push_str(&words),
            Event::SoftBreak
            | Event::HardBreak
            | Event::End(
                TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item | TagEnd::TableCell,
            ) => {
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
        assert_eq!(preview("| day | room |\n|---|--:|\n| ~~Mon~~ Tue | 4 |"), "day room Mon Tue 4");
        assert_eq!(preview("<script>alert(1)</script>"), "");
        let long = preview(&"äö ".repeat(10_000));
        assert!(long.chars().count() <= PREVIEW_CHARACTERS + 1 && long.ends_with('…'));
    }
}
