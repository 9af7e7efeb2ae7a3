//! Keyset pages of a list, in both directions: `first`/`after` and `last`/`before` of Relay's
//! connections.
//!
//! A cursor is the sort key of a row, so a page costs the same wherever it is, and rows that come
//! or go meanwhile cause no other rows to be repeated or skipped.

use chrono::{DateTime, Utc};
use sea_orm::{
    Order, QueryFilter, QueryOrder, QuerySelect, Value,
    sea_query::{Expr, ExprTrait},
};

use crate::{
    error::{Error, Result},
    id::Id,
};

const DEFAULT: u64 = 20;
/// The most rows of a page.
pub const MOST: i32 = 100;

/// What the sort key of a list consists of, and how a cursor shows it.
pub trait Key: Sized {
    fn encode(&self) -> String;
    fn decode(cursor: &str) -> Option<Self>;
    fn values(&self) -> Vec<Value>;
}

/// The part of a list that was requested.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<K> {
    pub after: Option<K>,
    pub before: Option<K>,
    pub limit: u64,
    /// The last rows before `before`, instead of the first ones after `after`.
    pub backwards: bool,
}

/// One page of rows in the order of the list.
#[derive(Clone, Debug)]
pub struct Slice<T> {
    pub rows: Vec<T>,
    pub has_previous: bool,
    pub has_next: bool,
    /// The cursors of its ends, where they are not those of its first and last row: a search has
    /// stopped behind them.
    pub start: Option<String>,
    pub end: Option<String>,
}

impl<T> Slice<T> {
    /// A page of a list that has nothing.
    pub fn empty() -> Self {
        Slice { rows: Vec::new(), has_previous: false, has_next: false, start: None, end: None }
    }

    /// The same page with its rows converted, leaving out rows for which `show` returns None.
    pub fn map<U>(self, show: impl FnMut(T) -> Option<U>) -> Slice<U> {
        let Slice { rows, has_previous, has_next, start, end } = self;
        let rows = rows.into_iter().filter_map(show).collect();
        Slice { rows, has_previous, has_next, start, end }
    }
}

impl<K: Key> Page<K> {
    /// From the arguments of a connection. Rejects sizes outside 1 to 100, both directions at once,
    /// and cursors that do not belong to this list.
    pub fn new(
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Self> {
        let size = |field: &str, size: i32| match size {
            1..=MOST => Ok(size as u64),
            _ => Err(Error::invalid(field, format!("must be between 1 and {MOST}"))),
        };
        let (limit, backwards) = match (first, last) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid("last", "first and last exclude each other"));
            }
            (Some(first), None) => (size("first", first)?, false),
            (None, Some(last)) => (size("last", last)?, true),
            (None, None) => (DEFAULT, false),
        };
        let key = |field: &str, cursor: Option<String>| match cursor {
            None => Ok(None),
            Some(text) => K::decode(&text)
                .map(Some)
                .ok_or_else(|| Error::invalid(field, "is not a cursor of this list")),
        };
        Ok(Page { after: key("after", after)?, before: key("before", before)?, limit, backwards })
    }

    /// Restricts a query to this page and sorts it by `columns`; pass the rows that it finds to
    /// [`Page::slice`].
    pub fn seek<S, const N: usize>(&self, mut select: S, columns: [Expr; N], order: Order) -> S
    where
        S: QueryFilter + QueryOrder + QuerySelect,
    {
        let descending = matches!(order, Order::Desc);
        for (key, beyond) in [(&self.after, !descending), (&self.before, descending)] {
            if let Some(key) = key {
                let row = Expr::tuple(columns.clone());
                let key = Expr::tuple(key.values().into_iter().map(Expr::value));
                select = select.filter(if beyond { row.gt(key) } else { row.lt(key) });
            }
        }
        for column in columns {
            select = select.order_by(
                column,
                if descending != self.backwards { Order::Desc } else { Order::Asc },
            );
        }
        select.limit(self.limit + 1)
    }

    /// The page, from at most one row more than its limit, in the order of the query.
    pub fn slice<T>(&self, mut rows: Vec<T>) -> Slice<T> {
        let more = rows.len() as u64 > self.limit;
        rows.truncate(self.limit as usize);
        let (has_previous, has_next) = match self.backwards {
            true => {
                rows.reverse();
                (more, self.before.is_some())
            }
            false => (self.after.is_some(), more),
        };
        Slice { rows, has_previous, has_next, start: None, end: None }
    }

    /// A page of this kind whose search stopped at a key before it was full: there may be more
    /// behind that.
    pub fn stopped<T>(&self, mut slice: Slice<T>, at: Option<K>) -> Slice<T> {
        if let Some(key) = at {
            let (more, end) = match self.backwards {
                true => (&mut slice.has_previous, &mut slice.start),
                false => (&mut slice.has_next, &mut slice.end),
            };
            (*more, *end) = (true, Some(key.encode()));
        }
        slice
    }
}

impl<P: Part> Page<P> {
    /// The same page of a list by numbers.
    pub fn by_number(&self) -> Page<i64> {
        let Page { after, before, limit, backwards } = self;
        let number = |key: &Option<P>| key.map(Part::number);
        Page { after: number(after), before: number(before), limit: *limit, backwards: *backwards }
    }
}

/// A part of a sort key: a cursor shows it as a number in base 16.
pub trait Part: Copy + Into<Value> {
    fn of(number: i64) -> Option<Self>;
    fn number(self) -> i64;
}

impl<I: Id> Part for I {
    fn of(number: i64) -> Option<Self> {
        Some(Id::of(number))
    }

    fn number(self) -> i64 {
        Id::number(self)
    }
}

impl Part for i64 {
    fn of(number: i64) -> Option<Self> {
        Some(number)
    }

    fn number(self) -> i64 {
        self
    }
}

/// With an id after it, which orders the rows of the same microsecond.
impl Part for DateTime<Utc> {
    fn of(micros: i64) -> Option<Self> {
        DateTime::from_timestamp_micros(micros)
    }

    fn number(self) -> i64 {
        self.timestamp_micros()
    }
}

impl<P: Part> Key for P {
    fn encode(&self) -> String {
        format!("{:x}", self.number())
    }

    fn decode(cursor: &str) -> Option<Self> {
        i64::from_str_radix(cursor, 16).ok().and_then(P::of)
    }

    fn values(&self) -> Vec<Value> {
        vec![(*self).into()]
    }
}

impl<A: Part, B: Part> Key for (A, B) {
    fn encode(&self) -> String {
        format!("{}.{}", self.0.encode(), self.1.encode())
    }

    fn decode(cursor: &str) -> Option<Self> {
        let (first, second) = cursor.split_once('.')?;
        Some((A::decode(first)?, B::decode(second)?))
    }

    fn values(&self) -> Vec<Value> {
        vec![self.0.into(), self.1.into()]
    }
}

/// A path in a thread.
impl Key for Vec<u8> {
    fn encode(&self) -> String {
        self.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn decode(cursor: &str) -> Option<Self> {
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        cursor.as_bytes().chunks(2).map(byte).collect()
    }

    fn values(&self) -> Vec<Value> {
        vec![self.clone().into()]
    }
}

#[cfg(test)]
mod tests {
    use ::entity::id::{ItemId, UserId};

    use super::*;

    fn page(first: Option<i32>, last: Option<i32>, after: Option<&str>) -> Result<Page<UserId>> {
        Page::new(first, after.map(Into::into), last, None)
    }

    #[test]
    fn sizes_and_cursors_that_cannot_be_are_refused() {
        for (page, field) in [
            (page(Some(0), None, None), "first"),
            (page(Some(101), None, None), "first"),
            (page(None, Some(-1), None), "last"),
            (page(Some(1), Some(1), None), "last"),
            (page(None, None, Some("not a cursor")), "after"),
        ] {
            assert!(matches!(page, Err(Error::Invalid { field: found, .. }) if found == field));
        }
    }

    #[test]
    fn cursors_come_back_as_what_they_were() {
        let time = DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap();
        let key = (time, ItemId(7));
        assert_eq!(<(DateTime<Utc>, ItemId)>::decode(&key.encode()), Some(key));
        assert_eq!(Vec::<u8>::decode(&vec![1u8, 255, 0].encode()), Some(vec![1, 255, 0]));
        let last = UserId(i64::MAX);
        assert_eq!(UserId::decode(&last.encode()), Some(last));
    }
}
