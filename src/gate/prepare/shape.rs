//! How many objects each field of the schema can return, derived from the schema itself.

use std::collections::HashMap;

use async_graphql::{
    Positioned,
    parser::{
        parse_schema,
        types::{
            BaseType, ConstDirective, FieldDefinition, InputValueDefinition, Type, TypeKind,
            TypeSystemDefinition,
        },
    },
};

use crate::error::{Error, Result};

/// The assumed length of a list if nothing says how long it is.
pub const USUAL_LIST: u64 = 10;

/// The introspection fields, which are not in any SDL, with the sizes of our schema.
const INTROSPECTION: &str = "
    type __Schema {
        types: [__Type] @listSize(assumedSize: 150) queryType: __Type mutationType: __Type
        subscriptionType: __Type directives: [__Directive]
    }
    type __Type {
        fields: [__Field] interfaces: [__Type] @listSize(assumedSize: 1) possibleTypes: [__Type]
        enumValues: [__EnumValue] @listSize(assumedSize: 5)
        inputFields: [__InputValue] @listSize(assumedSize: 5)
        ofType: __Type
    }
    type __Field { args: [__InputValue] @listSize(assumedSize: 2) type: __Type }
    type __InputValue { type: __Type }
    type __Directive { args: [__InputValue] @listSize(assumedSize: 2) }
    type Query { __schema: __Schema __type: __Type }
";

/// The fields of all types.
pub struct Shape {
    types: HashMap<String, HashMap<String, FieldShape>>,
    inputs: HashMap<String, Inputs>,
}

/// Arguments, or the fields of an input object, by name.
pub type Inputs = HashMap<String, InputShape>;

pub struct InputShape {
    pub ty: String,
    /// What it costs if it is given, in objects.
    pub weight: u64,
}

pub struct FieldShape {
    /// The type that the field returns, without and with its list and non-null markers.
    pub ty: String,
    pub full: String,
    pub times: Times,
    /// What it costs by itself, in objects, if it is more than usual because it is a long text.
    pub weight: Option<u64>,
    pub arguments: Inputs,
}

/// How many objects a field returns.
pub enum Times {
    One,
    /// A list of unknown length.
    List(u64),
    /// A page: as many as `first` or `last` say.
    Page,
    /// As many as the argument with this name says, or by default this many.
    Limit(&'static str, u64),
    /// As many as the list in this argument has.
    Argument(String),
}

impl Shape {
    pub fn of(sdl: &str) -> Result<Self> {
        let mut types: HashMap<String, HashMap<String, FieldShape>> = HashMap::new();
        let mut inputs = HashMap::new();
        for text in [sdl, INTROSPECTION] {
            for definition in
                parse_schema(text).map_err(|error| Error::internal(error))?.definitions
            {
                let TypeSystemDefinition::Type(definition) = definition else { continue };
                let fields = match definition.node.kind {
                    TypeKind::Object(object) => object.fields,
                    TypeKind::Interface(interface) => interface.fields,
                    TypeKind::InputObject(input) => {
                        let name = definition.node.name.node.to_string();
                        inputs.insert(
                            name,
                            input.fields.iter().map(|field| InputShape::of(&field.node)).collect(),
                        );
                        continue;
                    }
                    _ => continue,
                };
                let parent = definition.node.name.node.to_string();
                let shapes = fields.iter().map(|field| {
                    (field.node.name.node.to_string(), FieldShape::of(&parent, &field.node))
                });
                let shapes: Vec<_> = shapes.collect();
                types.entry(parent).or_default().extend(shapes);
            }
        }
        Ok(Shape { types, inputs })
    }

    pub fn field(&self, ty: &str, name: &str) -> Option<&FieldShape> {
        self.types.get(ty)?.get(name)
    }

    /// The fields of an input object.
    pub fn input(&self, ty: &str) -> Option<&Inputs> {
        self.inputs.get(ty)
    }
}

impl FieldShape {
    fn of(parent: &str, field: &FieldDefinition) -> Self {
        let ty = named(&field.ty.node).to_owned();
        let has_argument =
            |name: &str| field.arguments.iter().any(|argument| argument.node.name.node == name);
        let list_argument =
            || field.arguments.iter().find(|argument| is_list(&argument.node.ty.node));
        let times = if !is_list(&field.ty.node) {
            // `Inbox.changes` also has `first`, but returns one update that contains a list.
            if has_argument("first") && ty.ends_with("Connection") {
                Times::Page
            } else {
                Times::One
            }
        } else if parent.ends_with("Connection") {
            // The field that returns the connection has already counted the page.
            Times::One
        } else if let Some(argument) = list_argument() {
            Times::Argument(argument.node.name.node.to_string())
        } else {
            let usual = number(&field.directives, "listSize", "assumedSize").unwrap_or(USUAL_LIST);
            match ["limit", "last"].into_iter().find(|name| has_argument(name)) {
                Some(name) => Times::Limit(name, usual),
                None => Times::List(usual),
            }
        };
        let arguments =
            field.arguments.iter().map(|argument| InputShape::of(&argument.node)).collect();
        let weight = number(&field.directives, "cost", "weight");
        FieldShape { ty, full: field.ty.node.to_string(), times, weight, arguments }
    }
}

impl InputShape {
    fn of(definition: &InputValueDefinition) -> (String, Self) {
        let weight = number(&definition.directives, "cost", "weight").unwrap_or(0);
        (
            definition.name.node.to_string(),
            InputShape { ty: named(&definition.ty.node).to_owned(), weight },
        )
    }
}

/// A number in a directive of the schema: `@listSize(assumedSize: 100)`.
fn number(directives: &[Positioned<ConstDirective>], name: &str, argument: &str) -> Option<u64> {
    let directive = directives.iter().find(|directive| directive.node.name.node == name)?;
    match &directive.node.get_argument(argument)?.node {
        async_graphql::Value::Number(number) => number.as_u64(),
        _ => None,
    }
}

fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

fn is_list(ty: &Type) -> bool {
    matches!(ty.base, BaseType::List(_))
}
