//! Where settings come from, so that an error names what the operator has to change.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use crate::error::Error;

/// Where the value of a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the command line: `--listen`.
    Flag(&'static str),
    /// In the environment: `TIDINGS_LISTEN`.
    Variable(String),
    /// In a file that a variable names: `TIDINGS_AUTH_SECRET_FILE`.
    SecretFile { variable: String, file: PathBuf },
    /// In the file of settings.
    Line { file: PathBuf, line: usize },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Flag(flag) => f.write_str(flag),
            Place::Variable(variable) => f.write_str(variable),
            Place::SecretFile { variable, file } => write!(f, "{variable} ({})", file.display()),
            Place::Line { file, line } => write!(f, "{}:{line}", file.display()),
        }
    }
}

impl Place {
    /// An error about the setting with this name, which stands here.
    pub fn refuse(&self, name: &str, message: impl Into<String>) -> Error {
        let field = match self {
            Place::Line { .. } => format!("{self}: {name}"),
            // These say by themselves which setting it is.
            Place::Flag(_) | Place::Variable(_) | Place::SecretFile { .. } => self.to_string(),
        };
        Error::invalid(field, message)
    }
}

/// The places of all settings that somebody has set, by their names: `limits.depth`.
#[derive(Clone, Debug, Default)]
pub struct Places(BTreeMap<String, Place>);

impl Places {
    /// A later place is stronger than an earlier one.
    pub(super) fn set(&mut self, name: String, place: Place) {
        self.0.insert(name, place);
    }

    pub fn get(&self, name: &str) -> Option<&Place> {
        self.0.get(name)
    }

    /// The place of a setting, or of the first thing that is set within it.
    pub fn within(&self, name: &str) -> Option<&Place> {
        let below = format!("{name}.");
        let mut within = self.0.iter().filter(|(name, _)| name.starts_with(&below));
        self.get(name).or_else(|| within.next().map(|(_, place)| place))
    }

    /// The same error, with the place of the setting that it is about, or of the table around it.
    pub fn locate(&self, error: Error) -> Error {
        match error {
            Error::Invalid { field, message } => {
                let around = |name: &str| name.rfind(['.', '[']).map(|end| name[..end].to_owned());
                let mut names =
                    std::iter::successors(Some(field.clone()), |name| around(name.as_str()));
                match names.find_map(|name| self.get(&name)) {
                    Some(place) => place.refuse(&field, message),
                    None => Error::Invalid { field, message },
                }
            }
            error => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_nearest_place() {
        let mut places = Places::default();
        let line = |line| Place::Line { file: "tidings.toml".into(), line };
        places.set("limits".into(), line(3));
        places.set("limits.depth".into(), line(4));
        places.set("catalog.reasons.watch".into(), line(9));
        places.set("listen".into(), Place::Flag("--listen"));
        let said = |field: &str| match places.locate(Error::invalid(field, "is wrong")) {
            Error::Invalid { field, message } => format!("{field}: {message}"),
            error => format!("{error:?}"),
        };
        assert_eq!(said("limits.depth"), "tidings.toml:4: limits.depth: is wrong");
        assert_eq!(said("limits.cost"), "tidings.toml:3: limits.cost: is wrong");
        assert_eq!(
            said("catalog.reasons.watch.actions[1]"),
            "tidings.toml:9: catalog.reasons.watch.actions[1]: is wrong"
        );
        assert_eq!(said("listen"), "--listen: is wrong");
        assert_eq!(said("user"), "user: is wrong");
    }
}
