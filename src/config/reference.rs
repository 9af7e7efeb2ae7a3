//! What there is to set, from the settings themselves: names from their serde, texts and examples
//! from their comments and attributes, defaults from their `Default`.

mod print;

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde::{
    Deserialize, Deserializer,
    de::{Visitor, value},
    forward_to_deserialize_any,
};
use serde_json::Value;

pub use self::print::{markdown, toml};
use super::{Catalog, Config, Database, Limits, secret::SECRET_FORMAT};
use crate::error::{Error, Result};

/// The tables whose settings have names that we know; a variable can set those of the first two.
const TABLES: [&str; 3] = ["database", "limits", CATALOG];
const CATALOG: &str = "catalog";

/// A setting. A table of settings is none; one with names of the operator's own is.
pub struct Setting {
    /// As in the file, after the name of its table: `limits.depth`.
    pub name: String,
    pub text: String,
    /// Above the group that it begins.
    pub heading: Option<Heading>,
    pub default: Option<toml::Value>,
    pub example: Option<toml::Value>,
    /// What it, or an item of it, may be. Empty: there are no names for that.
    pub choices: Vec<Choice>,
    pub is_list: bool,
    pub is_secret: bool,
    /// Whether it is a table with names of the operator's own.
    pub is_table: bool,
}

pub struct Heading {
    pub title: String,
    /// Empty: the title says it all.
    pub text: String,
}

pub struct Choice {
    pub value: String,
    /// Empty: the value says it all.
    pub text: String,
}

impl Setting {
    /// The variable that sets it. None: only the file can.
    pub fn variable(&self) -> Option<String> {
        let is_in_file_only = self.is_table || self.is_in_catalog();
        let name = self.name.replace('.', "_").to_uppercase();
        (!is_in_file_only).then(|| format!("TIDINGS_{name}"))
    }

    /// The table of settings that it is in.
    pub fn table(&self) -> Option<&str> {
        self.name.split_once('.').map(|(table, _)| table)
    }

    /// Whether it is in a table that replaces the default of the whole table.
    pub fn is_in_catalog(&self) -> bool {
        self.table() == Some(CATALOG)
    }
}

/// All settings, in the order of the structs; tables come last, because a table of TOML ends what
/// stands before it.
pub fn settings() -> Result<&'static [Setting]> {
    static SETTINGS: LazyLock<Result<Vec<Setting>>> = LazyLock::new(read);
    SETTINGS.as_deref().map_err(Error::clone)
}

pub fn setting(name: &str) -> Result<Option<&'static Setting>> {
    Ok(settings()?.iter().find(|setting| setting.name == name))
}

pub fn with_variable(variable: &str) -> Result<Option<&'static Setting>> {
    Ok(settings()?.iter().find(|setting| setting.variable().as_deref() == Some(variable)))
}

/// The names of all settings and tables.
pub fn names() -> Result<impl Iterator<Item = String>> {
    let settings = settings()?.iter().map(|setting| setting.name.clone());
    Ok(settings.chain(TABLES.map(str::to_owned)))
}

/// Whether a name is that of a setting or a table, or may be that of something within a setting.
pub fn is_name(name: &str) -> Result<bool> {
    let is_within = |outer: &str| {
        name.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    Ok(TABLES.contains(&name) || settings()?.iter().any(|setting| is_within(&setting.name)))
}

fn read() -> Result<Vec<Setting>> {
    let schema = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema = schema.into_generator().into_root_schema_for::<Config>().to_value();
    let config = Config::default();
    let mut defaults = toml::Table::try_from(&config).map_err(|error| Error::internal(error))?;
    // A default is no secret.
    defaults.insert("database_url".into(), (*config.database_url).into());
    let properties = &schema["properties"];
    let (mut settings, mut tables) = (Vec::new(), Vec::new());
    for name in names_in::<Config>().iter().filter(|name| !TABLES.contains(name)) {
        let setting = described((*name).to_owned(), &properties[name], defaults.get(*name));
        if setting.is_table { &mut tables } else { &mut settings }.push(setting);
    }
    for table in &mut tables {
        table.heading = Some(Heading { title: format!("[{}]", table.name), text: String::new() });
    }
    settings.extend(tables);
    for (table, names) in TABLES.into_iter().zip([
        names_in::<Database>(),
        names_in::<Limits>(),
        names_in::<Catalog>(),
    ]) {
        let (schema, defaults) = (&properties[table], defaults.get(table));
        let mut heading = Some(Heading { title: format!("[{table}]"), text: text_of(schema) });
        settings.extend(names.iter().map(|name| {
            let default = defaults.and_then(|defaults| defaults.get(name));
            let setting =
                described(format!("{table}.{name}"), &schema["properties"][name], default);
            Setting { heading: heading.take(), ..setting }
        }));
    }
    Ok(settings)
}

fn described(name: String, schema: &Value, default: Option<&toml::Value>) -> Setting {
    let is_list = is_type(schema, "array");
    let item = if is_list { &schema["items"] } else { schema };
    let title = schema["heading"].as_str();
    let is_empty = |value: &toml::Value| value.as_table().is_some_and(toml::Table::is_empty);
    let example = schema["examples"].get(0);
    Setting {
        name,
        text: text_of(schema),
        heading: title.map(|title| Heading { title: title.to_owned(), text: String::new() }),
        default: default.filter(|value| !is_empty(value)).cloned(),
        example: example.and_then(|example| toml::Value::try_from(example).ok()),
        choices: choices(item),
        is_list,
        is_secret: item["format"] == SECRET_FORMAT,
        is_table: is_type(schema, "object"),
    }
}

/// The comment, in which a line does not end a sentence.
fn text_of(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ")
}

/// Also if it may be missing.
fn is_type(schema: &Value, name: &str) -> bool {
    schema["type"] == name
        || schema["type"].as_array().is_some_and(|types| types.iter().any(|kind| kind == name))
}

/// The variants of an enum. Those with a comment are schemas of their own.
fn choices(schema: &Value) -> Vec<Choice> {
    let mut choices = Vec::new();
    let variants = ["anyOf", "oneOf"].iter().filter_map(|key| schema[*key].as_array()).flatten();
    for variant in variants {
        match variant["const"].as_str() {
            Some(value) => {
                choices.push(Choice { value: value.to_owned(), text: text_of(variant) });
            }
            None => choices.extend(self::choices(variant)),
        }
    }
    let plain = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    choices.extend(plain.map(|value| Choice { value: value.to_owned(), text: String::new() }));
    choices
}

/// The names of a struct's settings, in its order: a schema has them in alphabetical order.
fn names_in<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // It fails as soon as the names are known.
    let _ = T::deserialize(Names(&mut names));
    names
}

struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, value::Error> {
        *self.0 = fields;
        Err(serde::de::Error::custom("only the names are wanted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, value::Error> {
        Err(serde::de::Error::custom("is no struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
