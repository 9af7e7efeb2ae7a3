//! Relay's connections over [`crate::page`].

use async_graphql::{
    OutputType,
    connection::{Connection, Edge},
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
    let mut connection = Connection::new(slice.has_previous, slice.has_next);
    connection
        .edges
        .extend(slice.rows.into_iter().map(|row| Edge::new(key(&row).encode(), show(row))));
    connection
}
