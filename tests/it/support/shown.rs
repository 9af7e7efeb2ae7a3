//! Whole answers as text, for snapshots that are the same on both databases and in every run.
//!
//! The clock of the tests stands still, so times may be shown as they are.

use std::collections::BTreeMap;

use serde_json::Value;

use super::app::TestApp;

/// An answer with numbered ids, and with cursors that do not name the database's epoch.
pub fn shown(app: &TestApp, answer: &Value) -> String {
    with_numbered_ids(&format!("{answer:#}").replace(&*app.epoch, "epoch"))
}

/// Each id becomes its prefix and a number, in the order in which the ids first appear: `msg_1`.
pub fn with_numbered_ids(text: &str) -> String {
    let mut numbered = String::new();
    let mut seen: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for word in text.split_inclusive(|c: char| !is_part(c)) {
        let id = word.trim_end_matches(|c: char| !is_part(c));
        match id.split_once('_') {
            Some((prefix, _)) if PREFIXES.contains(&prefix) => {
                let ids = seen.entry(prefix).or_default();
                let place = ids.iter().position(|known| *known == id).unwrap_or_else(|| {
                    ids.push(id);
                    ids.len() - 1
                });
                numbered += &format!("{prefix}_{}{}", place + 1, &word[id.len()..]);
            }
            _ => numbered += word,
        }
    }
    numbered
}

const PREFIXES: [&str; 23] = [
    "usr", "grp", "msg", "inb", "cnt", "itm", "thr", "rcp", "ann", "act", "tgt", "sub", "rrr",
    "agr", "aud", "rsm", "rsa", "rsn", "rem", "cfg", "dea", "exp", "cat",
];
