//! What the host application can say with a message or an announcement, besides its words: where
//! there is more, data for its own clients, and what a reader can do. People cannot: a link or a
//! button from a person would look like one of the application.

use async_graphql::{InputObject, MaybeUndefined};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    text,
};

const MOST_ACTIONS: usize = 3;
const LONGEST_LABEL: usize = 50;

/// A link that an item offers as something to do, such as “Pay now”.
#[derive(InputObject, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[graphql(name = "ItemActionInput")]
pub struct ItemAction {
    /// What it is called: one line of 1 to 50 characters.
    pub label: String,
    /// Where it leads: an http or https URL, or a path of the host application. At most 2 000
    /// characters.
    pub url: String,
    /// Whether it is the main one; at most one is.
    #[graphql(default)]
    pub is_main: bool,
}

/// What is stored of it: texts, of which `data` and `actions` are JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    pub url: Option<String>,
    pub data: Option<String>,
    pub actions: Option<String>,
}

impl Extras {
    /// What a new message or announcement has; refuses what cannot be right, by the names of the
    /// fields. An empty link or list is none.
    pub fn check(
        url: Option<String>,
        data: Option<serde_json::Value>,
        actions: Option<Vec<ItemAction>>,
    ) -> Result<Self> {
        text::check_link("url", url.as_deref())?;
        let data = data.map(|data| text::check_data("data", &data)).transpose()?;
        let actions = actions.unwrap_or_default();
        check_actions(&actions)?;
        let stored =
            |actions| serde_json::to_string(actions).map_err(|error| Error::internal(error));
        Ok(Extras {
            url: url.filter(|url| !url.is_empty()),
            data,
            actions: Some(&actions).filter(|some| !some.is_empty()).map(stored).transpose()?,
        })
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        [&self.url, &self.data, &self.actions].into_iter().flatten().map(String::len).sum()
    }
}

fn check_actions(actions: &[ItemAction]) -> Result<()> {
    if actions.len() > MOST_ACTIONS {
        return Err(Error::invalid("actions", format!("must have at most {MOST_ACTIONS} actions")));
    }
    for (index, action) in actions.iter().enumerate() {
        text::check_line(&format!("actions.{index}.label"), &action.label, LONGEST_LABEL)?;
        let field = format!("actions.{index}.url");
        if action.url.is_empty() {
            return Err(Error::invalid(field, "must not be empty"));
        }
        text::check_link(&field, Some(&action.url))?;
    }
    if actions.iter().filter(|action| action.is_main).count() > 1 {
        return Err(Error::invalid("actions", "must have at most one main action"));
    }
    Ok(())
}

/// The actions in what was stored of them.
pub fn actions(stored: Option<&str>) -> Vec<ItemAction> {
    stored.and_then(|stored| serde_json::from_str(stored).ok()).unwrap_or_default()
}

/// A change of them. None: it stays; None inside: there is none any more.
#[derive(Clone, Debug, Default)]
pub struct Change {
    url: Option<Option<String>>,
    data: Option<Option<String>>,
    actions: Option<Option<String>>,
}

impl Change {
    /// Refuses what cannot be right, by the names of the fields.
    pub fn check(
        url: MaybeUndefined<String>,
        data: MaybeUndefined<serde_json::Value>,
        actions: MaybeUndefined<Vec<ItemAction>>,
    ) -> Result<Self> {
        let given = (!url.is_undefined(), !data.is_undefined(), !actions.is_undefined());
        let new = Extras::check(url.take(), data.take(), actions.take())?;
        Ok(Change {
            url: given.0.then_some(new.url),
            data: given.1.then_some(new.data),
            actions: given.2.then_some(new.actions),
        })
    }

    pub fn is_none(&self) -> bool {
        self.url.is_none() && self.data.is_none() && self.actions.is_none()
    }

    /// What there is after the change.
    pub fn of(self, old: Extras) -> Extras {
        Extras {
            url: self.url.unwrap_or(old.url),
            data: self.data.unwrap_or(old.data),
            actions: self.actions.unwrap_or(old.actions),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn action(label: &str, url: &str, is_main: bool) -> ItemAction {
        ItemAction { label: label.into(), url: url.into(), is_main }
    }

    fn refused(checked: Result<Extras>) -> String {
        match checked {
            Err(Error::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_link_is_a_web_url_or_a_path_of_the_host_application() {
        for url in ["/invoices/7", "https://example.com/a?b#c", "http://localhost:3000", "/"] {
            let extras = Extras::check(Some(url.into()), None, None).unwrap();
            assert_eq!(extras.url.as_deref(), Some(url));
        }
        for url in [
            "javascript:alert(1)",
            "//evil.example",
            "/\\evil.example",
            "invoices/7",
            "mailto:a@b.example",
            "data:text/html,x",
            " https://example.com",
            "/a\nb",
        ] {
            assert_eq!(refused(Extras::check(Some(url.into()), None, None)), "url", "{url}");
            let actions = vec![action("Go", "/", false), action("Go", url, false)];
            let checked = Extras::check(None, None, Some(actions));
            assert_eq!(refused(checked), "actions.1.url", "{url}");
        }
    }

    #[test]
    fn actions_are_few_and_have_one_main_at_most() {
        let (pay, later) = (action("Pay now", "/pay/7", true), action("Later", "/later", false));
        let check = |actions: Vec<_>| Extras::check(None, None, Some(actions));
        let stored = check(vec![pay.clone(), later.clone()]).unwrap();
        assert_eq!(actions(stored.actions.as_deref()), [pay.clone(), later.clone()]);
        assert_eq!(check(Vec::new()).unwrap(), Extras::default());
        for (actions, field) in [
            (vec![later.clone(); 4], "actions"),
            (vec![pay.clone(), pay.clone()], "actions"),
            (vec![action("", "/", false)], "actions.0.label"),
            (vec![action("a\nb", "/", false)], "actions.0.label"),
            (vec![action(&"x".repeat(51), "/", false)], "actions.0.label"),
            (vec![later.clone(), action("Go", "", false)], "actions.1.url"),
        ] {
            assert_eq!(refused(check(actions.clone())), field, "{actions:?}");
        }
    }

    #[test]
    fn data_has_eight_kibibytes_at_most() {
        let largest = json!("x".repeat(8 * 1024 - 2));
        assert!(Extras::check(None, Some(largest), None).is_ok());
        for data in [json!("x".repeat(8 * 1024)), json!({"a": ["\0"]}), json!({"\0": 1})] {
            assert_eq!(refused(Extras::check(None, Some(data), None)), "data");
        }
    }

    #[test]
    fn what_a_change_leaves_out_stays_and_null_removes() {
        let old = Extras::check(
            Some("/old".into()),
            Some(json!({"a": 1})),
            Some(vec![action("Go", "/go", false)]),
        );
        let old = old.unwrap();
        let undefined = MaybeUndefined::Undefined;
        let change = Change::check(MaybeUndefined::Null, MaybeUndefined::Undefined, undefined);
        let new = change.unwrap().of(old.clone());
        assert_eq!(new, Extras { url: None, ..old.clone() });
        let nothing = Change::check(
            MaybeUndefined::Undefined,
            MaybeUndefined::Undefined,
            MaybeUndefined::Undefined,
        );
        assert!(nothing.unwrap().is_none());
        let no_actions = MaybeUndefined::Value(Vec::new());
        let change =
            Change::check(MaybeUndefined::Undefined, MaybeUndefined::Value(json!(2)), no_actions);
        let new = change.unwrap().of(old.clone());
        assert_eq!(new, Extras { data: Some("2".into()), actions: None, ..old });
    }
}
