//! Following how far something has been read, as its sender does.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::watch;
use tokio_stream::Stream;

use super::{Hint, Outlet, Start, Step, steps};
use crate::error::Result;

/// Many people read within the same second; one state for all of them is enough.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// How many people something reached, and how many of them have seen and read it.
pub type Reading = (i64, i32, i32);

/// What `read` returns: at once, and then whenever the reading differs from the last one, at most
/// once a second.
pub fn readings<T, F>(
    hints: watch::Receiver<Hint>,
    outlet: Outlet,
    mut read: impl FnMut() -> F,
) -> impl Stream<Item = Result<T>>
where
    F: Future<Output = Result<(T, Reading)>>,
{
    let last: Arc<Mutex<Option<Reading>>> = Arc::default();
    steps(hints, outlet, Start::Now, AT_MOST_EVERY, move |next| {
        let (last, now) = (last.clone(), read());
        async move {
            let (update, reading) = now.await?;
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            let before = last.replace(reading);
            Ok(Step { update, next, is_news: before != Some(reading), size: 0 })
        }
    })
}
