//! Descriptions of arguments that mean the same everywhere, so that each is written once: those of
//! lists in pages, and inputs, which their types describe. Other arguments have their descriptions
//! where they are declared (`desc`), and scalars of the library in `graphql::builder`.

use std::borrow::Cow;

use async_graphql::{
    ContextSelectionSet, OutputType, Positioned, ServerResult, Value,
    indexmap::IndexMap,
    parser::types::Field,
    registry::{MetaField, MetaType, MetaTypeName, Registry},
};

/// The arguments of a list in pages, with what each means.
const PAGES: [(&str, &str); 4] = [
    (
        "first",
        "The size of the page, from the beginning or from `after`: between 1 and 100. If neither \
         it nor `last` is given, 20.",
    ),
    ("after", "A cursor of this list: only what comes after it. If omitted, from the beginning."),
    (
        "last",
        "The size of the page, up to the end or to `before`: between 1 and 100. Not together with \
         `first`.",
    ),
    ("before", "A cursor of this list: only what comes before it. If omitted, up to the end."),
];

/// Completes the registry when it is registered, after everything else: only a type that is being
/// registered gets to change it. It is the type of nothing.
pub enum Arguments {}

impl OutputType for Arguments {
    fn type_name() -> Cow<'static, str> {
        <super::Query as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        let described: IndexMap<String, String> = registry
            .types
            .iter()
            .filter_map(|(name, ty)| Some((name.clone(), description(ty)?.to_owned())))
            .collect();
        for ty in registry.types.values_mut() {
            let MetaType::Object { fields, .. } = ty else { continue };
            for field in fields.values_mut() {
                describe(field, &described);
            }
        }
        Self::type_name().into_owned()
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        match *self {}
    }
}

fn describe(field: &mut MetaField, types: &IndexMap<String, String>) {
    let is_paged = MetaTypeName::concrete_typename(&field.ty).ends_with("Connection");
    for (name, argument) in &mut field.args {
        if argument.description.is_none() {
            let of_pages = PAGES.iter().find(|(known, _)| is_paged && *known == name.as_str());
            let of_type = || types.get(MetaTypeName::concrete_typename(&argument.ty)).cloned();
            argument.description = of_pages.map(|(_, text)| (*text).to_owned()).or_else(of_type);
        }
    }
}

/// What the schema says of an input or an enum.
fn description(ty: &MetaType) -> Option<&str> {
    match ty {
        MetaType::InputObject { description, .. } | MetaType::Enum { description, .. } => {
            description.as_deref()
        }
        _ => None,
    }
}
