//! The settings as a file to change and as a page to read.

use super::{Choice, Heading, Setting, settings};
use crate::error::{Error, Result};

/// In characters, as everywhere in the project.
const WIDTH: usize = 100;
/// Before a setting that has a default, and before one that has none.
const DEFAULT: &str = "# ";
const EXAMPLE: &str = "## ";

const TOML_HEAD: &str = "\
# Every setting of Tidings, with its default, as `tidings config` prints it.
#
# Copy this file to `tidings.toml` in the working directory of the server, or name it with --config
# or TIDINGS_CONFIG. Take the `# ` away from what you want to change. A line that begins with `##`
# is an example: such a setting has no default, or an empty one.
#
# The command line is stronger than the environment, which is stronger than the file. A setting is
# `TIDINGS_<NAME>` in the environment, one of [database] or [limits] is `TIDINGS_DATABASE_<NAME>` or
# `TIDINGS_LIMITS_<NAME>`; a list has commas between its values. The value of a secret may be in a
# file that `TIDINGS_<NAME>_FILE` names. Unknown names are errors. Times are written as \"10s\",
# \"500ms\" or \"5m\". `tidings check` says what is in force, and from where.
";

const MARKDOWN_HEAD: &str = "\
# Settings: reference

This page is printed by `tidings config --reference`, from the comments of the settings.
[Settings](settings.md) says how they are set.
";

/// A file of all settings, in which nothing is set.
pub fn toml() -> Result<String> {
    let mut file = TOML_HEAD.to_owned();
    for setting in settings()? {
        if let Some(Heading { title, text }) = &setting.heading {
            file += &format!("\n\n# --- {title}\n");
            comment(&mut file, text);
            // An empty table changes nothing, unless it replaces one that is built in.
            let table = setting.table().or(setting.is_table.then_some(setting.name.as_str()));
            if let Some(table) = table.filter(|_| !setting.is_in_catalog()) {
                file += &format!("[{table}]\n");
            }
        }
        file.push('\n');
        comment(&mut file, &setting.text);
        for Choice { value, text } in &setting.choices {
            if !text.is_empty() {
                comment(&mut file, &format!("- \"{value}\": {text}"));
            }
        }
        let plain = setting.choices.iter().filter(|choice| choice.text.is_empty());
        let plain: Vec<_> = plain.map(|choice| format!("\"{}\"", choice.value)).collect();
        if !plain.is_empty() {
            comment(&mut file, &format!("Possible: {}.", plain.join(", ")));
        }
        for (mark, value) in [(DEFAULT, &setting.default), (EXAMPLE, &setting.example)] {
            let lines = value.as_ref().map(|value| lines(setting, value)).transpose()?;
            for line in lines.unwrap_or_default().lines().filter(|line| !line.is_empty()) {
                file += &format!("{mark}{line}\n");
            }
        }
    }
    Ok(file)
}

/// A page about all settings.
pub fn markdown() -> Result<String> {
    let mut page = MARKDOWN_HEAD.to_owned();
    for setting in settings()? {
        if let Some(Heading { title, text }) = &setting.heading {
            page += &format!("\n## {title}\n");
            if !text.is_empty() {
                page += &format!("\n{text}\n");
            }
        }
        page += &format!("\n### `{}`\n\n{}\n\n", setting.name, setting.text);
        for Choice { value, text } in &setting.choices {
            let colon = if text.is_empty() { "" } else { ": " };
            page += &format!("- `{value}`{colon}{text}\n");
        }
        if !setting.choices.is_empty() {
            page.push('\n');
        }
        page += &match setting.variable() {
            Some(name) if setting.is_secret => {
                format!("Variable: `{name}`, or `{name}_FILE` with the path of a file. ")
            }
            Some(name) => format!("Variable: `{name}`. "),
            None => "In the file only. ".to_owned(),
        };
        page += &match (&setting.default, &setting.example) {
            (Some(default), _) if setting.is_table => {
                format!("By default:\n\n{}", block(setting, default)?)
            }
            (Some(default), _) => format!("Default: `{default}`.\n"),
            (None, Some(example)) if setting.is_table => {
                format!("Not set by default; an example:\n\n{}", block(setting, example)?)
            }
            (None, Some(example)) => format!("Not set by default; an example: `{example}`.\n"),
            (None, None) => "Not set by default.\n".to_owned(),
        };
    }
    Ok(page)
}

/// How a value is written: below the head of its table, or with its own head in the catalog, whose
/// tables are uncommented one by one.
fn lines(setting: &Setting, value: &toml::Value) -> Result<String> {
    let mut names: Vec<_> = setting.name.split('.').collect();
    if !setting.is_in_catalog() {
        names.drain(..names.len() - usize::from(!setting.is_table));
    }
    let nested = names.into_iter().rev().fold(value.clone(), |value, name| {
        toml::Value::Table([(name.to_owned(), value)].into_iter().collect())
    });
    toml::to_string(&nested).map_err(|error| Error::internal(error))
}

/// A table as a block of Markdown.
fn block(setting: &Setting, value: &toml::Value) -> Result<String> {
    let lines = lines(setting, value)?;
    Ok(match setting.is_in_catalog() {
        true => format!("```toml\n{lines}```\n"),
        false => format!("```toml\n[{}]\n{lines}```\n", setting.name),
    })
}

/// Adds a text as a comment, in lines that are not too long.
fn comment(file: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            *file += &line;
            file.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line += word;
    }
    if line != "#" {
        *file += &line;
        file.push('\n');
    }
}
