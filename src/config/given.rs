//! Reading the settings. For each, the first of these that sets it wins: command line, `TIDINGS_*`
//! variables, the file, default.
//!
//! Names that are no settings are refused wherever they stand, because a misspelt setting would
//! otherwise keep its default without anybody noticing.

use std::{
    env,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use config::{ConfigError, Map, Value, ValueKind};

use super::{
    Config,
    file::Tables,
    place::{Place, Places},
    reference::{self, Setting},
};
use crate::{
    error::{Error, Result},
    text::{self, LARGEST_FILE},
};

/// Read from the working directory if it exists.
const FILE: &str = "tidings.toml";
const PREFIX: &str = "TIDINGS_";
/// Names another file than [`FILE`], which must exist.
const FILE_VARIABLE: &str = "TIDINGS_CONFIG";
const FILE_FLAG: &str = "--config";
/// Added to the variable of a secret, it names a file with its value.
const IN_FILE: &str = "_FILE";
/// What our documents call the server and a token of it, for clients in a shell.
const OF_CLIENTS: [&str; 2] = ["TIDINGS_URL", "TIDINGS_TOKEN"];
/// Variables that our tests and benchmarks read.
const OF_TESTS: [&str; 6] = [
    "TIDINGS_TEST_",
    "TIDINGS_BENCH_",
    "TIDINGS_CHAOS_",
    "TIDINGS_WRITE_",
    "TIDINGS_SEED",
    "TIDINGS_BINARY",
];
/// How similar a name must be to be suggested, from 0 to 1.
const SIMILAR: f64 = 0.8;

/// What the operator has set, and where.
#[derive(Default)]
pub struct Given {
    file: Option<PathBuf>,
    flags: Vec<(&'static str, &'static str, String)>,
    values: Map<String, Value>,
    places: Places,
}

impl Given {
    /// With the file that `--config` names.
    pub fn new(file: Option<PathBuf>) -> Self {
        Given { file, ..Given::default() }
    }

    /// Adds a value of the command line.
    pub fn flag(&mut self, flag: &'static str, name: &'static str, value: Option<String>) {
        self.flags.extend(value.map(|value| (flag, name, value)));
    }

    /// Where the settings of [`Given::config`] stand.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Reads the file, the environment and the command line.
    pub fn config(&mut self) -> Result<Config> {
        self.read_file()?;
        // In a fixed order, so that the first of several errors is always the same.
        let mut variables: Vec<_> = env::vars_os().collect();
        variables.sort();
        for (name, value) in variables {
            self.read_variable(name, value)?;
        }
        for (flag, name, value) in std::mem::take(&mut self.flags) {
            if let Some(setting) = reference::setting(name)? {
                self.set(setting, kind(setting, value, ','), Place::Flag(flag));
            }
        }
        let values = Value::new(None, std::mem::take(&mut self.values));
        values.try_deserialize().map_err(refused)
    }

    fn read_file(&mut self) -> Result<()> {
        let by_variable = || {
            let file = env::var_os(FILE_VARIABLE).filter(|file| !file.is_empty());
            file.map(|file| (FILE_VARIABLE, PathBuf::from(file)))
        };
        let named = self.file.take().map(|file| (FILE_FLAG, file)).or_else(by_variable);
        let file = named.as_ref().map_or(Path::new(FILE), |(_, file)| file.as_path());
        let text = match (text::read_file(file, LARGEST_FILE), &named) {
            (Ok(text), _) => text,
            (Err(error), None) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            (Err(error), named) => {
                let by = named.as_ref().map_or("the settings", |(by, _)| *by);
                return Err(Error::invalid(by, format!("{}: {error}", file.display())));
            }
        };
        let Tables { values, lines } = Tables::parse(file, &text)?;
        for (name, line) in lines {
            let place = Place::Line { file: file.to_owned(), line };
            if !reference::is_name(&name)? {
                return Err(place.refuse(&name, unknown(&name, reference::names()?)));
            }
            self.places.set(name, place);
        }
        self.values = values;
        Ok(())
    }

    fn read_variable(&mut self, name: OsString, value: OsString) -> Result<()> {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            return Ok(());
        };
        let place = Place::Variable(name.to_owned());
        let value = value.into_string().map_err(|_| place.refuse(name, "is not UTF-8"))?;
        if let Some(setting) = reference::with_variable(name)? {
            self.set(setting, kind(setting, value, ','), place);
            return Ok(());
        }
        let of_file = name.strip_suffix(IN_FILE).map(reference::with_variable).transpose()?;
        if let Some(setting) = of_file.flatten().filter(|setting| setting.is_secret) {
            let secret = text::read_file(Path::new(&value), LARGEST_FILE)
                .map_err(|error| place.refuse(name, format!("{value}: {error}")))?;
            // Editors end each file with it.
            let secret = secret.strip_suffix('\n').unwrap_or(&secret);
            let secret = secret.strip_suffix('\r').unwrap_or(secret).to_owned();
            // Variables are read in order, and `X_FILE` comes after `X`.
            if let Some(Place::Variable(other)) = self.places.get(&setting.name) {
                let why = format!("sets the same as {other}; unset one of them");
                return Err(place.refuse(name, why));
            }
            let place = Place::SecretFile { variable: name.to_owned(), file: value.into() };
            self.set(setting, kind(setting, secret, '\n'), place);
            return Ok(());
        }
        if name == FILE_VARIABLE || is_of_others(name) {
            return Ok(());
        }
        let settings = reference::settings()?;
        Err(place.refuse(name, unknown(name, settings.iter().filter_map(Setting::variable))))
    }

    /// Sets a value, and forgets what was set before.
    fn set(&mut self, setting: &Setting, value: ValueKind, place: Place) {
        let value = Value::new(None, value);
        match setting.name.split_once('.') {
            None => drop(self.values.insert(setting.name.clone(), value)),
            Some((table, key)) => {
                let table = self.values.entry(table.to_owned());
                let table = table.or_insert_with(|| Value::new(None, Map::<String, Value>::new()));
                // What is no table in the file is refused later.
                if let ValueKind::Table(table) = &mut table.kind {
                    table.insert(key.to_owned(), value);
                }
            }
        }
        self.places.set(setting.name.clone(), place);
    }
}

/// The value that a text stands for.
fn kind(setting: &Setting, text: String, between_items: char) -> ValueKind {
    match setting.is_list {
        true => {
            let items = text.split(between_items).map(str::trim).filter(|item| !item.is_empty());
            items.collect::<Vec<_>>().into()
        }
        false => text.into(),
    }
}

/// Variables that begin as ours do and are none: those of clients and tests, and what Kubernetes
/// sets for services whose names begin with `tidings`.
fn is_of_others(name: &str) -> bool {
    OF_CLIENTS.contains(&name)
        || OF_TESTS.iter().any(|prefix| name.starts_with(prefix))
        || name.ends_with("_SERVICE_HOST")
        || ["_SERVICE_PORT", "_PORT"]
            .iter()
            .any(|part| name.ends_with(part) || name.contains(&format!("{part}_")))
}

fn unknown(name: &str, names: impl IntoIterator<Item = String>) -> String {
    // All variables begin in the same way, which would make them similar.
    let bare = |name: &str| name.trim_start_matches(PREFIX).to_owned();
    let likeness = |known: &str| strsim::jaro(&bare(name), &bare(known));
    let similar = names.into_iter().map(|known| (likeness(&known), known));
    match similar.filter(|(likeness, _)| *likeness > SIMILAR).max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((_, nearest)) => format!("there is no such setting; did you mean {nearest}?"),
        None => "there is no such setting; `tidings config` prints all".into(),
    }
}

/// An error of the library, in our words, with the name of the setting.
fn refused(error: ConfigError) -> Error {
    let (name, message) = match error {
        ConfigError::Type { key, unexpected, expected, .. } => {
            // In words that are not those of Rust's types.
            let expected = match expected.starts_with("an unsigned") {
                true => "a whole number that is not negative",
                false => expected,
            };
            (key, format!("must be {expected}, not {unexpected}"))
        }
        ConfigError::At { key, error, .. } => (key, error.to_string()),
        ConfigError::NotFound(key) => (Some(key), "is missing".into()),
        error => (None, error.to_string()),
    };
    let name = name.unwrap_or_else(|| "the settings".into());
    let setting = name.split('[').next().map(reference::setting);
    match setting.and_then(Result::ok).flatten() {
        // Without its value.
        Some(setting) if setting.is_secret => Error::invalid(name, "must be a text"),
        Some(setting) if !setting.choices.is_empty() => {
            let choices: Vec<_> =
                setting.choices.iter().map(|choice| choice.value.as_str()).collect();
            Error::invalid(name, format!("must be one of these: {}", choices.join(", ")))
        }
        _ => Error::invalid(name, message),
    }
}
