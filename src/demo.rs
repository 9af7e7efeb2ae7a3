//! A server to explore: people, groups, and three weeks of conversations, activities and
//! announcements in a temporary database, which is deleted when the server ends.
//!
//! `story` says what happens, as tables of text; `seed` puts it in chronological order, and
//! `office` carries it out through the functions of the domain. To show something new, add it to
//! all three.

mod calendar;
mod office;
mod people;
mod seed;
mod story;

use std::{fmt::Write, net::SocketAddr, sync::Arc};

use chrono::TimeDelta;

use crate::{
    app::{App, DemoUser},
    auth::Role,
    clock::Clock,
    config::{self, AddressBook, Config, Introspection},
    error::{Error, Result},
    process, server,
};

/// Longer than anybody looks at a demo.
const TOKENS_LAST: TimeDelta = TimeDelta::days(30);
/// The people for whom tokens are printed; the first one is in the example.
const TOKENS: [(&str, Role); 5] = [
    ("ada", Role::User),
    ("kwame", Role::User),
    ("priya", Role::User),
    (office::HOST, Role::Service),
    ("margaret", Role::Admin),
];
const EXAMPLE: &str = "{ viewer { firstName inbox { counts { unread unseen } \
                       items(first: 10) { nodes { title preview createdAt readAt } } } } }";

/// Fills a temporary database, explains how to look at it, and serves it until the server is told
/// to end. Listens on loopback only.
pub async fn serve(config: Config) -> Result<()> {
    if !config.listen.ip().is_loopback() {
        return Err(Error::invalid(
            "listen",
            "must be a loopback address with --demo: its tokens are visible to everybody",
        ));
    }
    let directory = tempfile::Builder::new()
        .prefix("tidings-demo-")
        .tempdir()
        .map_err(|error| Error::internal(error))?;
    // A separate secret: with the configured one, the tokens printed here would open the real
    // server.
    let mut config = config.with_default_auth();
    config.database_url =
        format!("sqlite:{}", directory.path().join("tidings.db").display()).into();
    config.migrate = true;
    // Visitors try to write to whom they like.
    config.address_book = AddressBook::Everybody;
    config.introspection = Introspection::Everybody;
    config.catalog = with_categories(config.catalog);
    let listener = process::listen(&config).await?;
    let address = listener.local_addr().map_err(|error| Error::internal(error))?;
    let mut app = server::start(config, Clock::System).await?;
    app.demo = Some(users(&app)?);
    // Before seeding: a signal must not leave the directory behind.
    process::until_signalled(&app)?;
    seed::fill(&app).await?;
    if !app.shutdown.is_cancelled() {
        process::print(&welcome(app.demo.as_deref().unwrap_or_default(), address)?)?;
    }
    server::serve(app, listener).await
}

/// A catalog that also has the categories of the story.
fn with_categories(mut catalog: config::Catalog) -> config::Catalog {
    let (action, category) = story::CATEGORY_OF_ACTION;
    for (key, english, german) in story::CATEGORIES {
        let labels = [("en".to_owned(), english.to_owned()), ("de".to_owned(), german.to_owned())];
        catalog.categories.insert(key.to_owned(), labels.into());
    }
    if let Some(action) = catalog.actions.get_mut(action) {
        action.category = Some(category.to_owned());
    }
    catalog
}

/// The users that a visitor can be.
fn users(app: &App) -> Result<Arc<[DemoUser]>> {
    let expires = app.clock.now() + TOKENS_LAST;
    let user =
        |(name, role)| Ok(DemoUser { name, role, token: app.auth.issue(name, role, expires)? });
    TOKENS.into_iter().map(user).collect()
}

/// Explains where to look, and as which user.
fn welcome(users: &[DemoUser], address: SocketAddr) -> Result<String> {
    let mut text = format!(
        "The inboxes of {} people, until the server ends.\n\n\
         GraphiQL  http://{address}/graphiql\n\
         GraphQL   http://{address}/graphql\n\n\
         Tokens, for the header Authorization: Bearer <token>\n",
        people::PEOPLE.len()
    );
    for DemoUser { name, role, token } in users {
        let role = format!("{role:?}").to_lowercase();
        writeln!(text, "{name:<12} {role:<8} {token}").map_err(|error| Error::internal(error))?;
    }
    if let Some(DemoUser { name, token, .. }) = users.first() {
        let query = serde_json::json!({ "query": EXAMPLE });
        write!(
            text,
            "\nThe inbox of {name}:\n\
             curl -s http://{address}/graphql -H 'content-type: application/json' -H 'authorization: Bearer {token}' \
             -d '{query}'\n"
        )
        .map_err(|error| Error::internal(error))?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn others_cannot_reach_the_demo() {
        let listen = ([0, 0, 0, 0], 0).into();
        let refused = serve(Config { listen, ..Config::default() }).await.unwrap_err();
        assert!(matches!(refused, Error::Invalid { field, .. } if field == "listen"));
    }
}
