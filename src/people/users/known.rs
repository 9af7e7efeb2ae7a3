//! What is known about people: the host application says it, and people change some of it
//! themselves.

use std::collections::HashSet;

use ::entity::user;
use async_graphql::InputObject;

use super::{LONGEST_EXTERNAL_ID, MOST, write::write};
use crate::{
    app::App,
    auth::Actor,
    config::OwnField,
    db::Topic,
    error::{Error, Result},
    people::deactivation,
    text,
};

const LONGEST_NAME: usize = 100;
const LONGEST_TEXT: usize = 2_000;

/// What the host application knows about a person.
#[derive(InputObject, Clone, Debug)]
pub struct UserInput {
    /// The host application's id, 1 to 255 bytes; the subject of this person's tokens.
    pub external_id: String,
    /// If omitted, unchanged, or empty for a new user. At most 100 characters.
    pub first_name: Option<String>,
    /// If omitted, unchanged, or empty for a new user. At most 100 characters.
    pub last_name: Option<String>,
    /// If omitted, unchanged.
    pub email: Option<String>,
    /// An http or https URL of a picture. If omitted, unchanged.
    pub avatar_url: Option<String>,
    /// A BCP 47 language tag. If omitted, unchanged, or `en` for a new user.
    pub locale: Option<String>,
    /// A name from the IANA time zone database. If omitted, unchanged, or `UTC` for a new user.
    pub time_zone: Option<String>,
}

/// What people change of what is known about them.
#[derive(InputObject, Clone, Debug)]
pub struct UpdateViewerInput {
    /// A BCP 47 language tag. If omitted, unchanged.
    pub locale: Option<String>,
    /// A name from the IANA time zone database. If omitted, unchanged.
    pub time_zone: Option<String>,
}

impl UserInput {
    /// Says nothing but who it is.
    pub(super) fn of(external_id: &str) -> Self {
        UserInput {
            external_id: external_id.to_owned(),
            first_name: None,
            last_name: None,
            email: None,
            avatar_url: None,
            locale: None,
            time_zone: None,
        }
    }
}

/// Changes what the operator lets people change of what is known about them (`people_edit`).
#[tracing::instrument(level = "debug", name = "users::update_viewer", skip_all, fields(actor = actor.in_log()))]
pub async fn update_viewer(
    app: &App,
    actor: &Actor,
    input: UpdateViewerInput,
) -> Result<user::Model> {
    let viewer = actor.person()?;
    let UpdateViewerInput { locale, time_zone } = input;
    for (field, is_given) in
        [(OwnField::Locale, locale.is_some()), (OwnField::TimeZone, time_zone.is_some())]
    {
        if is_given && !app.config.people_edit.contains(&field) {
            actor.require_host()?;
        }
    }
    let change = UserInput { locale, time_zone, ..UserInput::of(&viewer.external_id) };
    check(&change, "")?;
    let tx = app.db.begin().await?;
    let users = write(&tx, app, vec![change]).await?;
    // A person who is being erased does not become known again by this.
    let user = users.into_iter().find(|user| user.id == viewer.id);
    let user = user.ok_or(deactivation::DEACTIVATED)?;
    tx.concerns([Topic::User(user.id)]);
    tx.commit().await?;
    app.recent_users.forget_all();
    Ok(user)
}

/// Creates people, or changes what is known about them; all or none. Returns them in input order.
#[tracing::instrument(level = "debug", name = "users::upsert", skip_all, fields(actor = actor.in_log()))]
pub async fn upsert(app: &App, actor: &Actor, users: Vec<UserInput>) -> Result<Vec<user::Model>> {
    actor.require_host()?;
    if users.is_empty() || users.len() > MOST {
        return Err(Error::invalid("users", format!("must have between 1 and {MOST} users")));
    }
    let mut seen = HashSet::new();
    for (index, user) in users.iter().enumerate() {
        check(user, &format!("users.{index}."))?;
        if !seen.insert(&user.external_id) {
            return Err(Error::invalid(
                format!("users.{index}.externalId"),
                "occurs twice in this call",
            ));
        }
    }
    let tx = app.db.begin().await?;
    let users = write(&tx, app, users).await?;
    tx.concerns(users.iter().map(|user| Topic::User(user.id)));
    tx.commit().await?;
    app.recent_users.forget_all();
    Ok(users)
}

/// `path` is in front of the name of a field, for the error.
fn check(user: &UserInput, path: &str) -> Result<()> {
    let field = |name: &str| format!("{path}{name}");
    text::check_id(&field("externalId"), &user.external_id, LONGEST_EXTERNAL_ID)?;
    for (name, value, longest) in [
        ("firstName", &user.first_name, LONGEST_NAME),
        ("lastName", &user.last_name, LONGEST_NAME),
        ("email", &user.email, LONGEST_TEXT),
        ("avatarUrl", &user.avatar_url, LONGEST_TEXT),
    ] {
        text::check_optional_line(&field(name), value.as_deref(), longest)?;
    }
    let refuse = |name: &str, message: &str| Err(Error::invalid(field(name), message));
    if user.email.as_ref().is_some_and(|email| !email.contains('@')) {
        return refuse("email", "must be an e-mail address");
    }
    if user.avatar_url.as_deref().is_some_and(|url| !text::is_web_url(url)) {
        return refuse("avatarUrl", "must be an http or https URL");
    }
    let is_tag = |tag: &String| {
        (2..=35).contains(&tag.len())
            && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !tag.starts_with('-')
    };
    if user.locale.as_ref().is_some_and(|locale| !is_tag(locale)) {
        return refuse("locale", "must be a BCP 47 language tag, such as en or pt-BR");
    }
    if user.time_zone.as_ref().is_some_and(|zone| zone.parse::<chrono_tz::Tz>().is_err()) {
        return refuse(
            "timeZone",
            "must be a name from the IANA time zone database, such as Europe/Paris",
        );
    }
    Ok(())
}
