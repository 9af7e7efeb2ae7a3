//! Finding a page of a list: what all searches have in common, whatever they look through.
//!
//! The index of words knows things, not lists. So there are two ways to a page:
//!
//! - If one of the words is rare, all that has it is looked up, and then which of it is in the
//!   list.
//! - If all words are frequent, the list is walked through, and the index says which of its entries
//!   may have them. A page is full soon: that is what frequent means.
//!
//! In both, the texts of candidates are looked at until the page is full. What the index does not
//! cover, such as the newest messages, is a candidate.
//!
//! A word may be frequent elsewhere and absent in this list. So a search of a page is bounded
//! ([`Effort`]): it stops, and says where. The page is then short, perhaps empty, and the next one
//! goes on from there.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use async_trait::async_trait;

use super::Searched;
use crate::error::Result;

/// How many entries are walked through first, and at most at once.
const WALK: [u64; 2] = [64, 2_048];
/// How many texts are looked at first, and at most at once.
const TEXTS: [usize; 2] = [64, 512];

/// Something in a list, with what it is about.
pub trait Entry: Clone + Send + Sync {
    fn about(&self) -> (Searched, i64);
}

/// A list in an order, from some place on.
#[async_trait]
pub trait List: Sync {
    type Entry: Entry;

    /// The first entries after one, or of all, whatever they are about: at most this many.
    async fn walk(&self, after: Option<&Self::Entry>, most: u64) -> Result<Vec<Self::Entry>>;

    /// All entries that are about some things, in their order.
    async fn among(&self, things: BTreeMap<Searched, Vec<i64>>) -> Result<Vec<Self::Entry>>;
}

/// What is looked for: words (`candidates`), or what somebody has sent (`sender`).
#[async_trait]
pub trait Criterion: Sync {
    /// The ids of everything that may be found, whoever may see it; None if it is too much.
    async fn all(&self) -> Result<Option<BTreeMap<Searched, Vec<i64>>>>;

    /// Which of these ids may be found.
    async fn among(&self, searched: Searched, ids: &[i64]) -> Result<HashSet<i64>>;

    /// Which of these are found.
    async fn found_among(&self, searched: Searched, ids: &[i64]) -> Result<HashSet<i64>>;
}

/// How much a search may still look at.
pub struct Effort {
    entries: usize,
    texts: usize,
}

impl Effort {
    /// For a page. It takes some tens of milliseconds, unless texts are long.
    pub fn of_a_page() -> Self {
        Effort { entries: 10_000, texts: 4_096 }
    }

    /// For those who need all.
    pub fn unlimited() -> Self {
        Effort { entries: usize::MAX, texts: usize::MAX }
    }
}

/// What was found, in the order of the list.
pub struct Found<E> {
    pub entries: Vec<E>,
    /// The last entry that was looked at, if the search stopped early.
    pub stopped_at: Option<E>,
}

/// The first entries of a list that a search finds, until they are enough.
pub async fn find<L: List>(
    criterion: &impl Criterion,
    list: &L,
    enough: usize,
    mut effort: Effort,
) -> Result<Found<L::Entry>> {
    if let Some(things) = criterion.all().await? {
        let entries = list.among(things).await?;
        return first_found(criterion, &entries, enough, &mut effort).await;
    }
    let (mut found, mut after, mut most) = (Vec::new(), None, WALK[0]);
    loop {
        let entries = list.walk(after.as_ref(), most).await?;
        let is_last = (entries.len() as u64) < most;
        let Some(last) = entries.last().cloned() else {
            return Ok(Found { entries: found, stopped_at: None });
        };
        effort.entries = effort.entries.saturating_sub(entries.len());
        let candidates = candidates(criterion, entries).await?;
        let left = enough - found.len();
        let Found { entries, stopped_at } =
            first_found(criterion, &candidates, left, &mut effort).await?;
        found.extend(entries);
        if stopped_at.is_some() || found.len() == enough || is_last {
            return Ok(Found { entries: found, stopped_at });
        }
        if effort.entries == 0 || effort.texts == 0 {
            return Ok(Found { entries: found, stopped_at: Some(last) });
        }
        after = Some(last);
        most = (most * 2).min(WALK[1]);
    }
}

/// Those of some entries that may be found, as far as the index knows.
async fn candidates<E: Entry>(criterion: &impl Criterion, entries: Vec<E>) -> Result<Vec<E>> {
    let mut may = BTreeMap::new();
    for (searched, ids) in about(&entries) {
        may.insert(searched, criterion.among(searched, &ids).await?);
    }
    let may = |entry: &E| {
        let (searched, id) = entry.about();
        may.get(&searched).is_some_and(|ids| ids.contains(&id))
    };
    Ok(entries.into_iter().filter(may).collect())
}

/// The first of some candidates whose texts have what is looked for.
async fn first_found<E: Entry>(
    criterion: &impl Criterion,
    candidates: &[E],
    enough: usize,
    effort: &mut Effort,
) -> Result<Found<E>> {
    let (mut found, mut left, mut count) = (Vec::new(), candidates, TEXTS[0]);
    while !left.is_empty() && found.len() < enough {
        let (now, later) = left.split_at(count.min(left.len()).min(effort.texts.max(1)));
        let mut has_it = BTreeMap::new();
        for (searched, ids) in about(now) {
            has_it.insert(searched, criterion.found_among(searched, &ids).await?);
        }
        let is_found = |entry: &&E| {
            let (searched, id) = entry.about();
            has_it.get(&searched).is_some_and(|ids| ids.contains(&id))
        };
        found.extend(now.iter().filter(is_found).cloned());
        effort.texts = effort.texts.saturating_sub(now.len());
        (left, count) = (later, (count * 2).min(TEXTS[1]));
        if effort.texts == 0 && !left.is_empty() && found.len() < enough {
            return Ok(Found { entries: found, stopped_at: now.last().cloned() });
        }
    }
    found.truncate(enough);
    Ok(Found { entries: found, stopped_at: None })
}

/// What entries are about, each once.
fn about<E: Entry>(entries: &[E]) -> BTreeMap<Searched, Vec<i64>> {
    let mut about: BTreeMap<Searched, BTreeSet<i64>> = BTreeMap::new();
    for entry in entries {
        let (searched, id) = entry.about();
        about.entry(searched).or_default().insert(id);
    }
    about.into_iter().map(|(searched, ids)| (searched, ids.into_iter().collect())).collect()
}
