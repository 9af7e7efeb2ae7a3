//! The history of inboxes, read for many at once (`live`). Each statement reads a bounded amount,
//! so that one person's long absence does not slow others down:
//!
//! - The more inboxes are asked for, the fewer items each gets: 100, 20 or 4. An update that is not
//!   complete says so (`caughtUp`), and the next one continues.
//! - The statement reads the beginnings of texts and their sizes; `item` reads the long ones with a
//!   second statement, each once however many items show it.
//! - It reads only as much of the texts as the subscription selects: none, the beginning, or all.
//!   This is part of the question, and followers that ask the same question share the answer.

use ::entity::{
    id::{ItemId, Seq, UserId},
    inbox,
};

use super::{
    item::{self, Columns, Item, Texts},
    kind::{self, Pieces},
};
use crate::{db::Db, error::Result};

/// The most changes in one update.
pub const MOST_CHANGES: u64 = 100;
/// Bytes of texts in one update, unless the first text alone has more.
pub const LARGEST_UPDATE: usize = 256 * 1024;
/// Bytes of texts in all updates that are read together, unless the first texts of each add up to
/// more.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;
/// The weight of an item in addition to its text.
const ITEM_WEIGHT: usize = 1024;

/// How far somebody has followed an inbox: all changes up to `seq` and, of those with that number,
/// the items up to `item`. A bulk change stamps one number on many items, so a page may end among
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    pub seq: Seq,
    pub item: ItemId,
}

impl Position {
    /// The position after everything with this number.
    pub fn end(seq: Seq) -> Self {
        Position { seq, item: ItemId(i64::MAX) }
    }
}

/// Asks what changed in an inbox after a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    pub user: UserId,
    pub after: Position,
    pub texts: Texts,
}

/// What changed in an inbox after a position, and the inbox row at the same moment.
#[derive(Clone, Debug)]
pub struct Changes {
    pub head: inbox::Model,
    /// In the order of the history.
    pub items: Vec<Item>,
    /// Whether there are more changes.
    pub has_more: bool,
}

/// Reads the changes of many inboxes in one statement, so all at the same moment. A second
/// statement reads long texts. The answers are in the order of the questions; None where the inbox
/// does not exist.
pub async fn changes(db: &Db, questions: &[Question]) -> Result<Vec<Option<Changes>>> {
    // A few thousand rows at most. Only a few different limits, because each makes another
    // statement to prepare.
    let most = match questions.len() {
        ..=20 => MOST_CHANGES as usize,
        21..=100 => 20,
        _ => 4,
    };
    let largest = (LARGEST_ANSWER / questions.len().max(1)).min(LARGEST_UPDATE);
    let mut answers = Vec::with_capacity(questions.len());
    let mut shown = Vec::new();
    for found in read(db, questions, most + 1).await? {
        let Some((head, mut pieces)) = found else {
            answers.push(None);
            continue;
        };
        pieces.sort_by_key(|piece| (piece.row.seq, piece.row.id));
        let count = how_many_fit(pieces.iter().map(Pieces::size), most, largest);
        answers.push(Some((head, count, pieces.len() > count)));
        pieces.truncate(count);
        shown.extend(pieces);
    }
    let mut items = item::assemble(db, shown).await?.into_iter();
    let mut changes = |(head, count, has_more)| Changes {
        head,
        items: items.by_ref().take(count).collect(),
        has_more,
    };
    Ok(answers.into_iter().map(|answer| answer.map(&mut changes)).collect())
}

/// How many things with texts of these sizes fit in an update: at most `most`, of at most `largest`
/// bytes, but always the first.
pub fn how_many_fit(sizes: impl Iterator<Item = usize>, most: usize, largest: usize) -> usize {
    let mut weight = 0;
    let fits = |size: &usize| {
        let is_first = weight == 0;
        weight += ITEM_WEIGHT + size;
        is_first || weight <= largest
    };
    sizes.take(most).take_while(fits).count()
}

/// The rows of inboxes, and at most this many items for each.
async fn read(
    db: &Db,
    questions: &[Question],
    most: usize,
) -> Result<Vec<Option<(inbox::Model, Vec<Pieces>)>>> {
    let mut sql = db.sql("inbox::changes");
    let dialect = sql.dialect();
    let rows = questions.iter().enumerate().map(|(n, question)| {
        let Question { user, after, texts } = question;
        [n as i64, user.0, after.seq.0, after.item.0, *texts as i64]
    });
    let asked = sql.integer_table(["n", "user_id", "seq", "item", "texts"], rows);
    let newer = format!(
        "SELECT x.id FROM inbox_item AS x \
         WHERE x.user_id = w.user_id AND (x.seq, x.id) > (w.seq, w.item) \
         ORDER BY x.seq, x.id LIMIT {most}"
    );
    sql.push(format!(
        "SELECT {} FROM {asked} AS w JOIN inbox AS b ON b.user_id = w.user_id {} {}",
        dialect.json_list(&dialect.json_array(&format!(
            "w.n, {}, {}",
            dialect.json_row::<inbox::Entity>("b"),
            kind::pieces(dialect, "w.texts", Columns::All)
        ))),
        dialect.left_join_each("inbox_item", "i", &newer),
        *kind::ABOUT,
    ));
    let found: Vec<(usize, inbox::Model, Option<Pieces>)> = sql.json(db.read()).await?;
    let mut answers: Vec<_> = questions.iter().map(|_| None).collect();
    for (n, head, piece) in found {
        let (_, pieces) = answers[n].get_or_insert((head, Vec::new()));
        pieces.extend(piece);
    }
    Ok(answers)
}
