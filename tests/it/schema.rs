//! The API as a text, and what must be true of all of it.

use std::collections::BTreeSet;

use crate::support::node::Program;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");

#[test]
fn the_schema_file_is_what_the_server_prints() {
    let file = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(file == tidings::graphql::sdl(), "schema.graphql is stale: run `make schema`");
}

/// What breaks clients has to be named in the changelog (P18).
#[tokio::test]
async fn a_change_that_breaks_clients_must_be_named_in_the_changelog() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let file = directory.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let before = file("before", "type Query { inbox: Int sent: Int }");
    let after = file("after", "type Query { inbox: Int drafts: Int }");
    for (changelog, is_named) in [
        ("## [Unreleased]\n- `Query.sent` is gone.\n## [1.0.0]\n- First.", true),
        ("## [Unreleased]\n- Drafts.\n## [1.0.0]\n- `Query.sent` is new.", false),
    ] {
        let changelog = file("changelog", changelog);
        let arguments = ["schema-changes.mjs", &before, &after, &changelog];
        let Some(program) = Program::start("web", &arguments, &[]) else { return };
        let (said, is_success) = program.end().await;
        assert_eq!(said, ["2 changes of the schema, of which 1 break clients"]);
        assert_eq!(is_success, is_named);
    }
}

/// Everything has a description, for people who explore the API.
#[test]
fn everything_is_described() {
    let schema = tidings::graphql::sdl();
    let document = async_graphql::parser::parse_schema(&schema).unwrap();
    use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
    let mut bare = Vec::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(ty) = definition else { continue };
        let (ty, name) = (ty.node.clone(), ty.node.name.node.to_string());
        let mut check = |part: String, described: bool| {
            if !described {
                bare.push(part);
            }
        };
        check(name.clone(), ty.description.is_some());
        match ty.kind {
            TypeKind::Object(object) => {
                for field in object.fields {
                    let path = format!("{name}.{}", field.node.name.node);
                    for argument in field.node.arguments {
                        let of = argument.node.description.as_ref();
                        let of = of.map_or("", |text| text.node.as_str());
                        // A number has bounds.
                        let is_number = argument.node.ty.node.to_string().starts_with("Int");
                        let has_bounds = !is_number || of.contains("between ");
                        let path = format!("{path}({})", argument.node.name.node);
                        check(path, !of.is_empty() && has_bounds);
                    }
                    check(path, field.node.description.is_some());
                }
            }
            TypeKind::Enum(values) => {
                for value in values.values {
                    check(
                        format!("{name}.{}", value.node.value.node),
                        value.node.description.is_some(),
                    );
                }
            }
            TypeKind::InputObject(input) => {
                for field in input.fields {
                    check(
                        format!("{name}.{}", field.node.name.node),
                        field.node.description.is_some(),
                    );
                }
            }
            _ => {}
        }
    }
    assert!(bare.is_empty(), "without a description: {bare:?}");
}

/// Clients find the codes of errors in the schema, and people in the book.
#[test]
fn the_schema_and_the_book_list_the_same_codes() {
    let document = async_graphql::parser::parse_schema(tidings::graphql::sdl()).unwrap();
    use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
    let mut codes = BTreeSet::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(ty) = definition else { continue };
        if let (TypeKind::Enum(values), "ErrorCode") = (ty.node.kind, ty.node.name.node.as_str()) {
            codes.extend(values.values.into_iter().map(|value| value.node.value.node.to_string()));
        }
    }
    let page = include_str!("../../docs/errors.md");
    let table = page.split("## Codes").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let first_cells = rows.flat_map(|row| row.split('|').nth(1).unwrap().split(','));
    let listed = first_cells.map(|code| code.trim().trim_matches('`').to_owned());
    assert_eq!(codes, listed.collect::<BTreeSet<_>>());
    let known = tidings::gate::ErrorCode::all().map(|code| code.name().to_owned());
    assert_eq!(codes, known.collect());
}

#[test]
fn times_say_what_they_look_like() {
    let schema = tidings::graphql::sdl();
    let time = schema.split("scalar DateTime").next().unwrap().rsplit("\"\"\"").nth(1).unwrap();
    assert!(time.contains("RFC 3339"), "{time}");
    assert!(schema.contains("scalar DateTime @specifiedBy(url: \"https://"));
}
