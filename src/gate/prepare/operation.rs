//! The operation that a request refers to, and what must be valid about it before any of it is
//! executed.

use std::collections::HashSet;

use async_graphql::{
    Name, Positioned, ServerError, Value, Variables,
    parser::types::{ExecutableDocument, OperationDefinition, OperationType, Selection},
};

use crate::gate::{code::ErrorCode, errors::refusal};

/// The operation that a request refers to, with its name if it has one.
pub fn find<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<(Option<&'a str>, &'a OperationDefinition), ServerError> {
    let mut operations = document.operations.iter();
    let found = match name {
        Some(name) => operations.find(|(known, _)| known.map(Name::as_str) == Some(name)),
        None => operations.next().filter(|_| operations.next().is_none()),
    };
    let named = |(name, operation): (Option<&'a Name>, &'a Positioned<OperationDefinition>)| {
        (name.map(Name::as_str), &operation.node)
    };
    found.map(named).ok_or_else(|| {
        let message = match name {
            Some(name) => format!("the document has no operation {name:?}"),
            None => {
                "the document has several operations; operationName must say which one to execute"
                    .into()
            }
        };
        refusal(message, ErrorCode::GraphqlValidationFailed)
    })
}

/// Two fields with the same response name are one for the specification (§6.3.2), but two calls for
/// async-graphql.
pub fn check_once(
    operation: &OperationDefinition,
    document: &ExecutableDocument,
) -> Result<(), ServerError> {
    if operation.ty != OperationType::Mutation {
        return Ok(());
    }
    let mut names = HashSet::new();
    // No longer than a document may be with its fragments expanded.
    let mut sets = vec![&operation.selection_set.node];
    while let Some(set) = sets.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let name = field.node.response_key().node.as_str();
                    if !names.insert(name) {
                        let message = format!("{name} occurs twice; give each call its own alias");
                        return Err(refusal(message, ErrorCode::GraphqlValidationFailed));
                    }
                }
                Selection::InlineFragment(fragment) => sets.push(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let fragment = document.fragments.get(&spread.node.fragment_name.node);
                    sets.extend(fragment.map(|fragment| &fragment.node.selection_set.node));
                }
            }
        }
    }
    Ok(())
}

/// async-graphql would notice only when a resolver asks for the variable; an earlier mutation would
/// already have run.
pub fn check_required(
    operation: &OperationDefinition,
    variables: &Variables,
) -> Result<(), ServerError> {
    let is_missing = |name: &Name| matches!(variables.get(name), None | Some(Value::Null));
    let mut definitions = operation.variable_definitions.iter().map(|definition| &definition.node);
    let missing = definitions.find(|definition| {
        !definition.var_type.node.nullable
            && definition.default_value.is_none()
            && is_missing(&definition.name.node)
    });
    match missing {
        Some(missing) => {
            let message = format!("the variable ${} is required", missing.name.node);
            Err(refusal(message, ErrorCode::GraphqlValidationFailed))
        }
        None => Ok(()),
    }
}
