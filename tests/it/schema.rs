//! The API as a text, and what must be true of all of it.

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");

#[test]
fn the_schema_file_is_what_the_server_prints() {
    let file = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(file == tidings::graphql::sdl(), "schema.graphql is stale: run `make schema`");
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
                    check(
                        format!("{name}.{}", field.node.name.node),
                        field.node.description.is_some(),
                    );
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
