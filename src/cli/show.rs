//! What commands print: tables for people, and JSON for programs.
//!
//! Names are what people have chosen. No control character of them reaches the terminal, neither in
//! a table nor in JSON.

use clap::{Args, value_parser};
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::api::{Api, Arguments, At, Call};
use crate::{config::Given, error::Result, page, process, server::Access};

/// Between two columns.
const GAP: &str = "  ";

/// The form of what is printed.
#[derive(Args)]
pub struct Form {
    /// Prints JSON instead of a table: an object on a line for each row.
    #[arg(long)]
    json: bool,
}

/// The heads of columns, and where their values are in a row: a JSON pointer.
pub type Columns = &'static [(&'static str, &'static str)];

/// A list of the API.
pub struct List {
    /// With the variables `$first` and `$after`.
    pub document: &'static str,
    /// The connection in the answer: a JSON pointer.
    pub connection: &'static str,
    /// The thing that does not exist if the answer has no connection.
    pub of: &'static str,
    pub columns: Columns,
}

/// How a list is printed.
#[derive(Args)]
pub struct Listing {
    /// At most this many rows.
    #[arg(long, value_parser = value_parser!(u64).range(1..))]
    limit: Option<u64>,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    form: Form,
}

impl List {
    /// Prints all rows, page by page, up to the limit.
    pub async fn print(
        &self,
        given: &mut Given,
        listing: Listing,
        variables: Value,
        arguments: Arguments,
    ) -> Result<()> {
        let Listing { limit, at, form } = listing;
        let api = at.open(given, Access::Read).await?;
        let call = Call { document: self.document, variables, arguments };
        let printed = self.follow(&api, call, limit.unwrap_or(u64::MAX), &form).await;
        api.close().await;
        printed
    }

    async fn follow(&self, api: &Api, mut call: Call, mut left: u64, form: &Form) -> Result<()> {
        let mut table = Table::new(self.columns.iter().map(|(title, _)| *title));
        loop {
            call.variables["first"] = left.min(page::MOST as u64).into();
            let answer = api.ask(&call).await?;
            let connection = answer.pointer(self.connection).filter(|value| !value.is_null());
            let connection = connection.ok_or_else(|| call.not_found(self.of))?;
            let rows = connection["nodes"].as_array().map_or(&[][..], Vec::as_slice);
            match form.json {
                true => process::print(&rows.iter().map(line).collect::<String>())?,
                false => {
                    let cells = rows.iter().map(|row| cells(row, self.columns));
                    process::print(&table.rows(cells.collect()))?;
                }
            }
            left = left.saturating_sub(rows.len() as u64);
            let page = &connection["pageInfo"];
            if left == 0 || page["hasNextPage"] != true {
                return Ok(());
            }
            call.variables["after"] = page["endCursor"].clone();
        }
    }
}

impl Form {
    /// Prints one object, a line for each of its columns.
    pub fn print(&self, object: &Value, columns: Columns) -> Result<()> {
        match self.json {
            true => process::print(&line(object)),
            false => {
                let titles = columns.iter().map(|(title, _)| (*title).to_owned());
                let rows = titles.zip(cells(object, columns)).filter(|(_, cell)| !cell.is_empty());
                process::print(&aligned(
                    &rows.map(|(title, cell)| [title, cell]).collect::<Vec<_>>(),
                ))
            }
        }
    }

    /// Prints objects, a row for each, below the titles of the columns.
    pub fn print_table(&self, objects: &[Value], columns: Columns) -> Result<()> {
        let mut table = Table::new(columns.iter().map(|(title, _)| *title));
        let rows = objects.iter().map(|object| cells(object, columns)).collect();
        process::print(&table.rows(rows))
    }

    pub fn is_json(&self) -> bool {
        self.json
    }
}

/// Rows below the titles of their columns. They may come in parts: the columns only get wider.
struct Table {
    titles: Vec<String>,
    widths: Vec<usize>,
    has_begun: bool,
}

impl Table {
    fn new<'a>(titles: impl Iterator<Item = &'a str>) -> Self {
        let titles: Vec<_> = titles.map(str::to_owned).collect();
        Table {
            widths: titles.iter().map(|title| title.width()).collect(),
            titles,
            has_begun: false,
        }
    }

    /// The text of the next rows.
    fn rows(&mut self, mut rows: Vec<Vec<String>>) -> String {
        if !self.has_begun {
            rows.insert(0, self.titles.clone());
            self.has_begun = true;
        }
        for row in &mut rows {
            for (cell, width) in row.iter_mut().zip(&mut self.widths) {
                *cell = harmless(cell);
                *width = cell.width().max(*width);
            }
        }
        rows.iter().map(|row| padded(row, &self.widths)).collect()
    }
}

/// Rows without titles.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| harmless(&row[column]).width()).max();
    let widths: Vec<_> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    rows.iter().map(|row| padded(&row.clone().map(|cell| harmless(&cell)), &widths)).collect()
}

/// A line, without spaces at its end.
fn padded(row: &[String], widths: &[usize]) -> String {
    let cells = row
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width()))));
    format!("{}\n", cells.collect::<Vec<_>>().join(GAP).trim_end())
}

fn cells(row: &Value, columns: Columns) -> Vec<String> {
    columns.iter().map(|(_, pointer)| row.pointer(pointer).map_or_else(String::new, cell)).collect()
}

/// A value in one cell; nothing is empty.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(", "),
        value => value.to_string(),
    }
}

/// An object as a line of JSON. What is dangerous is only in its texts, where the same escapes mean
/// the same.
fn line(object: &Value) -> String {
    let escaped = object.to_string().chars().fold(String::new(), |mut text, c| {
        match is_dangerous(c) {
            true => text += &format!("\\u{:04x}", u32::from(c)),
            false => text.push(c),
        }
        text
    });
    escaped + "\n"
}

/// A text in which nothing controls the terminal: such characters are shown by their numbers.
pub fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match is_dangerous(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    shown
}

/// Whether a character controls the terminal, ends the line, or changes the direction of what
/// follows: a name could then forge the cells beside it. All of them have four digits at most.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_controls_neither_the_terminal_nor_the_cells_beside_it() {
        let name = "\u{1b}[2J\u{9b}31mEve\u{202e}\r\n";
        let mut table = Table::new(["NAME", "E-MAIL"].into_iter());
        let text = table.rows(vec![vec![name.into(), "eve@example.com".into()]]);
        assert_eq!(text.lines().count(), 2);
        assert_eq!(
            text.lines().nth(1),
            Some("\\u{1b}[2J\\u{9b}31mEve\\u{202e}\\u{d}\\u{a}  eve@example.com")
        );
        let line = line(&json!({"name": name}));
        assert!(!line.trim_end().contains(is_dangerous), "{line:?}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["name"], name);
    }

    #[test]
    fn columns_are_aligned_by_what_a_terminal_shows_and_only_get_wider() {
        let mut table = Table::new(["A", "B"].into_iter());
        let row = |a: &str, b: &str| vec![vec![a.to_owned(), b.to_owned()]];
        assert_eq!(table.rows(row("東京", "1")), "A     B\n東京  1\n");
        assert_eq!(table.rows(row("x", "2")), "x     2\n");
        assert_eq!(table.rows(row("longer", "")), "longer\n");
        assert_eq!(table.rows(row("y", "3")), "y       3\n");
    }
}
