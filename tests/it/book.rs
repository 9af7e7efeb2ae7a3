//! The book in `docs/`, and the other texts beside it: links lead somewhere, every page is in the
//! list of pages, and what is said twice is the same.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

use crate::readme::blocks;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files with this ending in a folder, and in those below it.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path, ending)),
            false => found.extend((path.extension() == Some(ending.as_ref())).then_some(path)),
        }
    }
    found
}

/// Everything that people read: beside the book, what lies at the top, and what packages say of
/// themselves.
fn texts() -> Vec<PathBuf> {
    let is_text = |path: &PathBuf| path.extension() == Some("md".as_ref());
    let top = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()).filter(is_text);
    let packages = ["client", "react", "element"]
        .map(|name| root().join("web/packages").join(name).join("README.md"));
    top.chain(packages).chain(files(&root().join("docs"), "md")).collect()
}

/// A text without its blocks of code.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// A text without its blocks of code and the code within lines, which are no links.
fn without_code(text: &str) -> String {
    prose(text).split('`').step_by(2).collect()
}

/// Where the links of a text lead.
fn links(text: &str) -> Vec<String> {
    let rest = text.split("](").skip(1);
    rest.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// What a heading is called in a link, as forges and mdBook do it.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    let title = heading.trim_start_matches('#').trim().replace('`', "");
    title.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

fn anchors(path: &Path) -> BTreeSet<String> {
    let text = prose(&fs::read_to_string(path).unwrap());
    text.lines().filter(|line| line.starts_with('#')).map(anchor).collect()
}

/// A path without its `..`: some go through folders that are not there.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = plain.pop(),
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_in_it() {
    let mut wrong = Vec::new();
    for text in texts() {
        for link in links(&without_code(&fs::read_to_string(&text).unwrap())) {
            let (path, heading) = link.split_once('#').unwrap_or((link.as_str(), ""));
            if path.contains(':') {
                continue;
            }
            let target = match path {
                "" => text.clone(),
                path => plain(&text.parent().unwrap().join(path)),
            };
            let has_heading = || heading.is_empty() || anchors(&target).contains(heading);
            if !target.exists() || !has_heading() {
                wrong.push(format!("{}: {link}", text.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Code is not taken for a link or a heading, and headings are called as forges call them.
#[test]
fn links_and_headings_are_told_from_code() {
    let text = "[a](b.md#c) `[no](d.md)`\n```sh\n# no\n[no](e.md)\n```\n[f](g.md)";
    assert_eq!(links(&without_code(text)), ["b.md#c", "g.md"]);
    assert_eq!(anchor("## What `it` is, and why: a “test”"), "what-it-is-and-why-a-test");
}

#[test]
fn every_page_is_in_the_list_of_pages_once() {
    let docs = root().join("docs");
    let mut listed: Vec<_> =
        links(&read("docs/SUMMARY.md")).iter().map(|link| plain(&docs.join(link))).collect();
    let mut pages = files(&docs, "md");
    pages.retain(|page| !page.ends_with("SUMMARY.md"));
    listed.retain(|page| page.starts_with(&docs));
    listed.sort();
    pages.sort();
    assert_eq!(listed, pages);
}

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 150, "{lines} lines: move something into docs/");
}

/// Its figures stand in the pages about performance and promises, where they are updated.
#[test]
fn the_figures_of_the_readme_are_those_of_the_book() {
    let book = read("docs/performance.md") + &read("docs/promises.md");
    let readme = read("README.md");
    let table = readme.split("## Numbers").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = rows.flat_map(|row| row.split('|').skip(2).map(str::trim));
    let figures: Vec<_> = cells.filter(|cell| !cell.is_empty()).collect();
    assert!(figures.len() >= 10, "{figures:?}");
    for figure in figures {
        let figure = figure.trim_start_matches("0 of ");
        assert!(book.contains(figure), "{figure} is in neither of the pages");
    }
}

/// A new table has to be sorted in: does it go with the user, or not?
#[test]
fn the_page_on_scale_knows_every_table() {
    let tables = read("docs/tables.md");
    let rows = tables.lines().filter(|line| line.starts_with("| `"));
    let names = rows.flat_map(|row| row.split('|').nth(1).unwrap().split(','));
    let names: Vec<_> = names.map(str::trim).collect();
    assert!(names.len() >= 30, "{names:?}");
    let scale = read("docs/scale.md");
    let missing: Vec<_> = names.into_iter().filter(|name| !scale.contains(*name)).collect();
    assert!(missing.is_empty(), "docs/scale.md does not say where these go: {missing:?}");
}

/// What a page shows of an example is the example.
#[test]
fn the_page_about_front_ends_shows_the_examples() {
    let page = read("docs/front-end.md");
    for file in
        ["examples/react/src/main.tsx", "examples/plain/index.html", "examples/plain/main.js"]
    {
        assert!(page.contains(&read(file)), "docs/front-end.md shows another {file}");
    }
}

/// Ids and cursors of examples come out of answers: those of the reader's database are others.
#[test]
fn no_example_types_an_id() {
    const PREFIXES: [&str; 7] = ["usr", "grp", "msg", "itm", "ann", "act", "thr"];
    let mut wrong = Vec::new();
    for text in texts() {
        let content = fs::read_to_string(&text).unwrap();
        let languages = ["sh", "graphql", "js", "python", "go", "php"];
        for block in languages.iter().flat_map(|language| blocks(&content, language)) {
            let is_id = |word: &str| {
                let parts = word.split_once('_');
                parts.is_some_and(|(prefix, number)| {
                    PREFIXES.contains(&prefix) && number.parse::<u64>().is_ok()
                })
            };
            let words = block.split(|c: char| !c.is_alphanumeric() && c != '_');
            wrong.extend(
                words.filter(|word| is_id(word)).map(|id| format!("{}: {id}", text.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The numbers of four digits that follow a text, wherever it stands.
fn codes_after<'a>(source: &'a str, text: &'a str) -> impl Iterator<Item = u16> + 'a {
    source.split(text).skip(1).filter_map(|rest| rest.get(..4)?.parse().ok())
}

#[test]
fn the_book_lists_the_close_codes_that_the_server_sends() {
    let folder = root().join("src/http");
    let sources: String =
        files(&folder, "rs").iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    // `Close::new(4403, …)`, and the codes that `Close::forbidden` chooses from.
    let sent = codes_after(&sources, "Close::new(").chain(codes_after(&sources, " => ("));
    let sent: BTreeSet<u16> = sent.filter(|code| (1000..5000).contains(code)).collect();

    let page = read("docs/errors.md");
    let table = page.split("## Close codes").nth(1).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(2);
    let first_cells = rows.flat_map(|row| row.split('|').nth(1).unwrap().split(','));
    let listed: BTreeSet<u16> = first_cells.map(|code| code.trim().parse().unwrap()).collect();

    assert_eq!(listed, sent);
}
