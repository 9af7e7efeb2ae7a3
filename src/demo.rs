//! A server to explore: people, groups, and three weeks of conversations, activities and
//! announcements in a temporary database, which is deleted when the server ends.
//!
//! `story` says what happens, as tables of text; `seed` puts it in chronological order, and
//! `office` carries it out through the functions of the domain. To show something new, add it to
//! all three. `live` goes on from there while the server runs, and `portraits` draws the people.

mod calendar;
mod live;
mod office;
mod people;
mod portraits;
mod seed;
mod story;

use std::{fmt::Write, net::SocketAddr};

use chrono::TimeDelta;

use self::live::Life;
use crate::{
    app::{App, Demo, DemoUser},
    auth::Role,
    clock::Clock,
    config::{self, AddressBook, Config, Introspection},
    error::{Error, Result},
    process, server,
};

/// The path of the pictures, relative to the server's.
const PORTRAITS: &str = "demo/pictures";
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
/// to end. If it `is_live`, its people go on meanwhile. Listens on loopback only.
pub async fn serve(config: Config, is_live: bool) -> Result<()> {
    if !config.listen.is_loopback() {
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
    config.metrics_listen = config.metrics_listen.or_else(|| Some(([127, 0, 0, 1], 0).into()));
    config.catalog = with_categories(config.catalog);
    let listener = process::listen(&config).await?;
    let address = listener.local_addr().map_err(|error| Error::internal(error))?;
    // Portraits are at the address that is printed, and somebody may open another of this machine.
    // A policy cannot name one of IPv6.
    config.web_image_sources.extend(address.is_ipv4().then(|| format!("http://{address}")));
    let app = server::start(config, Clock::System).await?;
    let demo = Demo { users: visitors(&app)?, portraits: portraits::all().collect() };
    let app = app.with(|state| state.demo = Some(demo.into()));
    // Before seeding: a signal must not leave the directory behind.
    process::until_signalled(&app)?;
    let office = seed::fill(&app).await?;
    if !app.shutdown.is_cancelled() {
        office.hang_portraits(&app, &format!("http://{address}/{PORTRAITS}")).await?;
        let users = app.demo.as_deref().map_or(&[][..], |demo| &demo.users);
        process::print(&welcome(users, address, app.metrics.address())?)?;
    }
    if is_live {
        let background = app.in_background();
        let life = Life::new(&background, office, rand::random());
        let (served, ()) = tokio::join!(server::serve(app, listener), life.run(&background));
        return served;
    }
    server::serve(app, listener).await
}

/// Makes the story happen in an empty database, up to now.
pub async fn fill(app: &App) -> Result<()> {
    seed::fill(app).await.map(drop)
}

/// A catalog that also has the categories of the story.
pub fn with_categories(mut catalog: config::Catalog) -> config::Catalog {
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
fn visitors(app: &App) -> Result<Vec<DemoUser>> {
    let expires = app.clock.now() + TOKENS_LAST;
    let user = |(name, role)| {
        let person = people::PEOPLE.iter().find(|person| person.id == name);
        let display_name =
            |person: &people::Person| format!("{} {}", person.first_name, person.last_name);
        Ok(DemoUser {
            name,
            role,
            token: app.auth.issue(name, role, expires)?,
            display_name: person.map_or_else(|| name.to_owned(), display_name),
            avatar_url: person.map(|person| format!("{PORTRAITS}/{}.svg", person.id)),
        })
    };
    TOKENS.into_iter().map(user).collect()
}

/// Explains where to look, and as which user.
fn welcome(users: &[DemoUser], address: SocketAddr, metrics: Option<SocketAddr>) -> Result<String> {
    let mut text = format!(
        "http://{address}/inbox\n\n\
         The inboxes of {} people, until the server ends. Choose who you are; in a second window, be\n\
         somebody else, and write to the first.\n\n\
         GraphiQL  http://{address}/graphiql\n\
         GraphQL   http://{address}/graphql\n",
        people::PEOPLE.len()
    );
    if let Some(metrics) = metrics {
        writeln!(text, "Metrics   http://{metrics}/metrics")
            .map_err(|error| Error::internal(error))?;
    }
    text.push_str("\nTokens, for the header Authorization: Bearer <token>\n");
    for DemoUser { name, role, token, .. } in users {
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
        let refused = serve(Config { listen, ..Config::default() }, false).await.unwrap_err();
        assert!(matches!(refused, Error::Invalid { field, .. } if field == "listen"));
    }
}
