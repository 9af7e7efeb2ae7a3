//! The shape of the crate: which of its parts use which, and what its comments refer to.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The parts from the bottom to the top. Each uses those below it, and itself; parts on one line do
/// not know each other.
const PARTS: [&[&str]; 18] = [
    &["error"],
    &["clock", "id", "text"],
    &["fetch", "metrics", "page"],
    &["config"],
    &["traces"],
    &["auth", "catalog", "db", "log"],
    &["budget", "extras", "search", "sweep"],
    &["inbox"],
    &["app"],
    &["idempotency", "people", "process", "gate"],
    &["messages", "notifications"],
    &["erasure"],
    &["jobs", "recount"],
    &["stats"],
    &["graphql"],
    &["http"],
    &["server"],
    &["backup", "demo"],
];
/// The command line, which starts everything.
const TOP: [&str; 3] = ["cli", "lib", "main"];

#[test]
fn a_part_uses_only_those_below_it() {
    let rank = |part: &str| PARTS.iter().position(|line| line.contains(&part));
    let mut wrong = Vec::new();
    for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let part = part_of(&file);
        if TOP.contains(&part.as_str()) {
            continue;
        }
        let Some(own) = rank(&part) else {
            wrong.push(format!("{part} is in no line of this test"));
            continue;
        };
        for used in parts_used(&fs::read_to_string(&file).unwrap()) {
            let is_below = used == part || rank(&used).is_some_and(|other| other < own);
            if !is_below {
                wrong.push(format!("{part} uses {used}: {}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a test would miss if it read less: all forms in which a part is named.
#[test]
fn every_way_to_name_a_part_is_seen() {
    let source = "
        use crate::{
            app::App,
            db::{Db, Tx}, error::{Error, Result},
            text,
        };
        use crate::clock;
        fn f(id: crate::id::Kind) {}
        //! [`crate::inbox`] is only mentioned.
        #[cfg(test)] mod tests { use crate::people::users; }";
    let used: Vec<_> = parts_used(source).into_iter().collect();
    assert_eq!(used, ["app", "clock", "db", "error", "id", "text"]);
}

/// A resolver fails with an error of ours. In one that returns the library's, a `?` would show clients
/// whatever can be displayed: of an error of the database, its text, and no code.
#[test]
fn resolvers_fail_with_our_own_error() {
    let mut wrong = Vec::new();
    for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/graphql")) {
        let source = fs::read_to_string(&file).unwrap();
        for used in source.split("async_graphql::").skip(1) {
            // A list in braces, or one path.
            let is_end = |letter: char| match used.starts_with('{') {
                true => letter == '}',
                false => !letter.is_alphanumeric() && letter != ':' && letter != '_',
            };
            let names = used.split(is_end).next().unwrap_or_default();
            let mut names = names.split(|letter: char| !letter.is_alphanumeric());
            if names.any(|name| name == "Result") {
                wrong.push(file.display().to_string());
            }
        }
    }
    assert!(wrong.is_empty(), "these use async_graphql::Result: {}", wrong.join(", "));
}

/// A reader who meets a code in a comment can look up what it means.
#[test]
fn every_code_in_a_comment_is_in_the_requirements() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let known = fs::read_to_string(root.join("docs/requirements.md")).unwrap();
    let mut unknown = Vec::new();
    for file in ["src", "entity/src", "migration/src", "tests/it"]
        .iter()
        .flat_map(|folder| files(&root.join(folder)))
    {
        let source = fs::read_to_string(&file).unwrap();
        let comments = source.lines().filter(|line| line.trim_start().starts_with("//"));
        for code in comments.flat_map(codes) {
            if !known.contains(&format!("| {code} |")) {
                unknown.push(format!("{code}: {}", file.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

/// The codes of requirements and promises in a line: a letter and one or two digits.
fn codes(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| !letter.is_alphanumeric()).filter(|word| {
        let number = word.strip_prefix(['M', 'N', 'X', 'A', 'O', 'P']).unwrap_or_default();
        matches!(number.len(), 1 | 2) && number.bytes().all(|digit| digit.is_ascii_digit())
    })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.extend((path.extension() == Some("rs".as_ref())).then_some(path)),
        }
    }
    found
}

/// The first folder or file below `src`.
fn part_of(file: &Path) -> String {
    let below = file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    below.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").into()
}

/// The parts that a source names outside of its comments and tests.
fn parts_used(source: &str) -> BTreeSet<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => used.extend(name(rest)),
            Some(list) => {
                let mut depth = 0;
                let mut is_start = true;
                for (at, letter) in list.char_indices() {
                    match letter {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => is_start = true,
                        letter if is_start && letter.is_alphabetic() => {
                            used.extend(name(&list[at..]));
                            is_start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    used
}

/// The module at the beginning of a path; None for a type or a macro.
fn name(path: &str) -> Option<String> {
    let end =
        path.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(path.len());
    let name = &path[..end];
    name.starts_with(char::is_lowercase).then(|| name.to_owned())
}
