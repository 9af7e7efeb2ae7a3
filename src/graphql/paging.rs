//! Relay's connections over [`crate::page`].

use async_graphql::{
    ObjectType, OutputType,
    connection::{Connection, Edge, EmptyFields},
};

use crate::{
    error::Result,
    page::{Key, Page, Slice},
};

/// A list in pages. Cursors are opaque.
pub type Paged<T> = Connection<String, T>;

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
) -> Connection<String, T, F> {
    let (previous, next) = (slice.has_previous, slice.has_next);
    let mut connection = Connection::with_additional_fields(previous, next, fields);
    connection
        .edges
        .extend(slice.rows.into_iter().map(|row| Edge::new(key(&row).encode(), show(row))));
    connection
}
