//! `tidings.example.toml` and `docs/settings-reference.md`, which are made from the settings: every
//! setting is in them, with its default.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tidings::{
    catalog::Catalog,
    config::{Config, reference},
};

const EXAMPLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tidings.example.toml"));
const REFERENCE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings-reference.md"));
/// Before a setting that has a default, and before one that has none.
const DEFAULT: &str = "# ";
const EXAMPLE_ONLY: &str = "## ";

/// A text without a mark before its settings and tables; what else begins with it is a comment.
fn uncommented(text: &str, mark: &str) -> String {
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || "._".contains(c));
    let is_setting = |line: &str| {
        (line.starts_with('[') && line.ends_with(']'))
            || line.split_once(" = ").is_some_and(|(name, _)| is_name(name))
    };
    let bare =
        |line: &str| line.strip_prefix(mark).filter(|rest| is_setting(rest)).map(str::to_owned);
    text.lines().map(|line| bare(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

/// The settings of a file, as a server loads them.
fn load(text: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tidings.toml");
    std::fs::write(&file, text).unwrap();
    Config::load_from(&file).unwrap()
}

fn assert_are_the_defaults(config: &Config) {
    let default = Config::default();
    let shown = |config: &Config| serde_json::to_value(config).unwrap();
    assert_eq!(shown(config), shown(&default));
    // What JSON does not show: a secret, and the order of tables.
    assert_eq!(*config.database_url, *default.database_url);
    let order = |config: &Config| {
        let keys = config.catalog.actions.keys().chain(config.catalog.reasons.keys());
        keys.cloned().collect::<Vec<_>>()
    };
    assert_eq!(order(config), order(&default));
}

#[test]
fn the_files_about_the_settings_are_those_that_the_command_prints() {
    assert!(EXAMPLE == reference::toml().unwrap(), "`make settings` writes the file anew");
    assert!(REFERENCE == reference::markdown().unwrap(), "`make settings` writes the page anew");
}

/// The comments are all that an operator has.
#[test]
fn every_setting_says_what_it_is_and_shows_a_value() {
    for setting in reference::settings().unwrap() {
        assert!(setting.text.len() > 10, "{} says nothing", setting.name);
        let has_value = setting.default.is_some() || setting.example.is_some();
        assert!(has_value, "{} has neither a default nor an example", setting.name);
        let line = format!("### `{}`", setting.name);
        assert!(REFERENCE.contains(&line), "{} is not in the reference", setting.name);
    }
}

#[test]
fn the_example_of_the_settings_changes_nothing() {
    assert_are_the_defaults(&load(EXAMPLE));
}

#[test]
fn the_values_in_the_example_of_the_settings_are_the_defaults() {
    assert_are_the_defaults(&load(&uncommented(EXAMPLE, DEFAULT)));
}

/// Also the examples of what has no default are settings that a server can have.
#[test]
fn the_examples_in_the_example_of_the_settings_can_be_used() {
    let config = load(&uncommented(&uncommented(EXAMPLE, DEFAULT), EXAMPLE_ONLY));
    Catalog::open(&config.catalog).unwrap();
}

/// The names in a table, which is a JSON pointer, with the values that are wanted.
fn names(settings: &Value, table: &str, is_wanted: fn(&Value) -> bool) -> BTreeSet<String> {
    let settings = settings.pointer(table).unwrap().as_object().unwrap();
    let wanted = settings.iter().filter(|(_, value)| is_wanted(value));
    wanted.map(|(name, _)| name.clone()).collect()
}

#[test]
fn no_setting_is_missing_in_the_example_of_the_settings() {
    let read = |text: &str| -> Value {
        let file = config::File::from_str(text, config::FileFormat::Toml);
        let settings = config::Config::builder().add_source(file).build().unwrap();
        settings.try_deserialize().unwrap()
    };
    let with_defaults = read(&uncommented(EXAMPLE, DEFAULT));
    let all = read(&uncommented(&uncommented(EXAMPLE, DEFAULT), EXAMPLE_ONLY));
    let expected = serde_json::to_value(Config::default()).unwrap();
    for table in ["", "/database", "/limits", "/catalog"] {
        assert_eq!(names(&all, table, |_| true), names(&expected, table, |_| true), "{table}");
        let has_default = |value: &Value| !value.is_null() && *value != json!({});
        let (given, wanted) =
            (names(&with_defaults, table, |_| true), names(&expected, table, has_default));
        assert_eq!(given, wanted, "{table}");
    }
}
