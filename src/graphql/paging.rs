//! Relay's connections over [`crate::page`].

use std::borrow::Cow;

use async_graphql::{
    Object, ObjectType, OutputType, SelectionField, TypeName,
    connection::{ConnectionNameType, DefaultConnectionName, Edge, EmptyFields, PageInfo},
};

use crate::{
    error::Result,
    inbox::Columns,
    page::{Key, Page, Slice},
};

/// A list in pages. Cursors are opaque.
///
/// The library's own connection ends with its last edge. A page of a search may end behind it.
pub struct Paged<T: OutputType, F: ObjectType = EmptyFields> {
    info: PageInfo,
    edges: Vec<Edge<String, T, EmptyFields>>,
    fields: F,
}

impl<T: OutputType, F: ObjectType> TypeName for Paged<T, F> {
    fn type_name() -> Cow<'static, str> {
        DefaultConnectionName::type_name::<T>().into()
    }
}

#[Object(name_type)]
impl<T: OutputType, F: ObjectType> Paged<T, F> {
    /// Information to aid in pagination.
    async fn page_info(&self) -> &PageInfo {
        &self.info
    }

    /// A list of edges.
    async fn edges(&self) -> &[Edge<String, T, EmptyFields>] {
        &self.edges
    }

    /// A list of nodes.
    async fn nodes(&self) -> Vec<&T> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    #[graphql(flatten)]
    async fn fields(&self) -> &F {
        &self.fields
    }
}

/// The arguments that every connection has.
pub type Arguments = (Option<i32>, Option<String>, Option<i32>, Option<String>);

pub fn page<K: Key>((first, after, last, before): Arguments) -> Result<Page<K>> {
    Page::new(first, after, last, before)
}

/// A page of rows as a connection; `key` is what the list is sorted by.
pub fn connection<R, K: Key, T: OutputType>(
    slice: Slice<R>,
    key: impl Fn(&R) -> K,
    show: impl Fn(R) -> T,
) -> Paged<T> {
    with_fields(slice, key, show, EmptyFields)
}

/// A page of rows as a connection that has more fields.
pub fn with_fields<R, K: Key, T: OutputType, F: ObjectType>(
    slice: Slice<R>,
    key: impl Fn(&R) -> K,
    show: impl Fn(R) -> T,
    fields: F,
) -> Paged<T, F> {
    let Slice { rows, has_previous, has_next, start, end } = slice;
    let edges = rows.into_iter().map(|row| Edge::new(key(&row).encode(), show(row)));
    let edges: Vec<Edge<String, T, EmptyFields>> = edges.collect();
    let info = PageInfo {
        has_previous_page: has_previous,
        has_next_page: has_next,
        start_cursor: start.or_else(|| edges.first().map(|edge| edge.cursor.clone())),
        end_cursor: end.or_else(|| edges.last().map(|edge| edge.cursor.clone())),
    };
    Paged { info, edges, fields }
}

const FIELDS_OF_PAGES: [&str; 11] = [
    "__typename",
    "cursor",
    "edges",
    "endCursor",
    "hasNextPage",
    "hasPreviousPage",
    "node",
    "nodes",
    "pageInfo",
    "startCursor",
    "totalCount",
];

/// Which columns a list needs; the `listed` fields of its rows need no others than
/// [`Columns::Listed`].
pub fn columns(list: SelectionField<'_>, listed: &[&str]) -> Columns {
    let is_listed = |field: SelectionField<'_>| {
        let name = field.name();
        (FIELDS_OF_PAGES.contains(&name) || listed.contains(&name))
            && columns(field, listed) == Columns::Listed
    };
    if list.selection_set().all(is_listed) { Columns::Listed } else { Columns::All }
}
