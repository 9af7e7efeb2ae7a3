//! What is in force, where it comes from, and whether it can be used. Changes nothing, and shows no
//! secrets.

use crate::{
    catalog::Catalog,
    config::{Config, Places, reference},
    db::{self, Location, Tables},
    error::{Error, Result},
    gate::Gate,
    graphql, http, log, process,
    server::{self, Keys},
};

pub async fn check(config: &Config, places: &Places) -> Result<()> {
    process::print(&in_force(config, places)?)?;
    let mut is_good = true;
    for (what, outcome) in [
        ("settings", settings(config)),
        ("database", database(config).await),
        ("keys", keys(config).await),
        ("catalog", catalog(config)),
        ("documents", documents(config)),
    ] {
        let said = outcome.unwrap_or_else(|error| {
            is_good = false;
            format!("cannot be used: {}", places.locate(error).for_operator())
        });
        process::print(&format!("{what}: {said}\n"))?;
    }
    match is_good {
        true => Ok(()),
        false => Err(Error::Conflict("not everything can be used".into())),
    }
}

/// A line for each setting that somebody has set.
fn in_force(config: &Config, places: &Places) -> Result<String> {
    let values = toml::Table::try_from(config).map_err(|error| Error::internal(error))?;
    let mut text = String::new();
    for setting in reference::settings()? {
        let Some(place) = places.within(&setting.name) else { continue };
        let value = match setting.name.split_once('.') {
            Some((table, name)) => values.get(table).and_then(|table| table.get(name)),
            None => values.get(&setting.name),
        };
        // The file that `tidings config` prints has the heads of its tables.
        if setting.is_table && value == setting.default.as_ref() {
            continue;
        }
        let value = match value {
            // What is in it is too much for a line.
            Some(toml::Value::Table(table)) => {
                table.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
            }
            Some(value) => value.to_string(),
            None => "not set".to_owned(),
        };
        text += &format!("{} = {value}    # {place}\n", setting.name);
    }
    Ok(text + "# Everything else has its default; `tidings config` prints all settings.\n\n")
}

fn settings(config: &Config) -> Result<String> {
    config.check()?;
    log::filter(config)?;
    Ok("agree with each other".into())
}

async fn database(config: &Config) -> Result<String> {
    let location = Location::of(&config.database_url)?;
    if let Location::Sqlite(path) = &location {
        db::check_directory(path)?;
        if !path.exists() {
            return Ok(format!("{location} is not there yet; `tidings serve` creates it"));
        }
    }
    let connection = db::beside(&config.database_url).await?;
    let tables = db::tables(&connection).await;
    let _ = connection.close().await;
    let tables = tables?;
    let is_old = matches!(tables, Tables::Missing | Tables::Older);
    if is_old && !config.migrate {
        return Err(Error::Conflict(format!(
            "{location} does not have the tables of this version: run `tidings migrate`"
        )));
    }
    db::try_to_write(&config.database_url, &tables).await?;
    tables.can_be_brought_up_to_date()?;
    let more = if is_old { "; `tidings serve` brings its tables up to date" } else { "" };
    Ok(format!("{location} can be used{more}"))
}

async fn keys(config: &Config) -> Result<String> {
    let keys = Keys::of(config)?;
    if let Keys::Own(file) = &keys
        && keys.are_to_be_made()
    {
        return Ok(format!("{} is not there yet; `tidings serve` makes it", file.display()));
    }
    let auth = server::existing_auth(config)?;
    let public = auth.public_keys().await?.map(|count| format!("{count} public keys"));
    let secret = match keys {
        Keys::Configured => Some("auth_secret signs".to_owned()),
        Keys::Own(file) => Some(format!("the secret in {} signs", file.display())),
        Keys::Public(_) => None,
    };
    Ok(secret.into_iter().chain(public).collect::<Vec<_>>().join(", "))
}

fn catalog(config: &Config) -> Result<String> {
    Catalog::open(&config.catalog)?;
    let crate::config::Catalog { target_types, actions, reasons, .. } = &config.catalog;
    let [types, actions, reasons] = [target_types.len(), actions.len(), reasons.len()];
    Ok(format!("types of targets: {types}, actions: {actions}, reasons: {reasons}"))
}

fn documents(config: &Config) -> Result<String> {
    Gate::open(config.clone().into(), &graphql::sdl(), http::documents())?;
    Ok(match &config.trusted_documents {
        Some(file) => format!("{} can be used", file.display()),
        None => "none are trusted".into(),
    })
}
