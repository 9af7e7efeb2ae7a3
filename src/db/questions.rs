//! Hot queries for texts, asked together with others that wait at the same time.
//!
//! A question that finds few others of its name under way is asked at once. Those that come
//! meanwhile wait for a turn, but never long ([`PATIENCE`]). Of those, questions that differ only in
//! their values are asked with one statement, which answers each in a row of its own. So the busier
//! a server is, the less a question costs: it shares the round trip, or the changes of thread, and
//! what the database does before it looks for anything.
//!
//! - Each is asked after it has come, so it finds what its asker has committed before.
//! - If a statement fails, each of its questions is asked alone: nobody's fails another's.
//! - It is for queries that read a bounded amount: whoever is asked with a slow one waits for it.

use std::{
    collections::HashMap,
    iter, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use futures_util::future::join_all;
use sea_orm::{QueryResult, Value};
use tokio::{
    sync::{Semaphore, oneshot},
    time::timeout,
};

use super::{Db, JsonType, Sql, time};
use crate::{
    error::{Error, Result},
    traces::{self, Place, at},
};

/// The most questions in one statement.
const MOST: usize = 32;
/// How long questions wait for a turn: a statement that takes longer, perhaps on a connection that
/// is lost, holds up nobody else.
const PATIENCE: Duration = Duration::from_millis(20);

/// What one question finds: a text for each of its selects, if that returns one.
type Texts = Vec<Option<String>>;

/// The questions that wait, by the names of their statements. There are never more than there are
/// requests.
#[derive(Default)]
pub struct Questions(Mutex<HashMap<&'static str, Arc<Queue>>>);

struct Queue {
    waiting: Mutex<Vec<Waiting>>,
    turns: Semaphore,
}

struct Waiting {
    question: Question,
    asker: oneshot::Sender<Result<Texts>>,
    /// The asker's, in its trace.
    place: Option<Place>,
}

/// A statement that selects some texts.
struct Question {
    /// Its name and its values.
    sql: Sql,
    /// Each returns one row with one text, or none.
    selects: Vec<String>,
}

/// What questions must have in common to be asked together.
#[derive(PartialEq)]
struct Form<'a> {
    selects: &'a [String],
    /// What each value becomes.
    values: Vec<Becomes>,
}

/// What a value becomes in a statement of several questions.
#[derive(Clone, Copy, PartialEq)]
enum Becomes {
    Column(JsonType),
    /// A part of the text: SQLite wants the same limit for every row.
    Limit(i64),
}

impl Db {
    /// Asks for the texts that some selects return, all of one moment, together with others that
    /// are waiting. Each returns at most one. `sql` has their values, and no text.
    pub async fn ask<const N: usize>(
        &self,
        sql: Sql,
        selects: [String; N],
    ) -> Result<[Option<String>; N]> {
        let question = Question { sql, selects: selects.into() };
        each(self.answer_to(question).await?)
    }

    /// The same for selects that may take long.
    pub async fn ask_alone<const N: usize>(
        &self,
        sql: Sql,
        selects: [String; N],
    ) -> Result<[Option<String>; N]> {
        each(Question { sql, selects: selects.into() }.ask(self).await?)
    }

    async fn answer_to(&self, question: Question) -> Result<Texts> {
        let queue = self.questions.queue(question.sql.name());
        if let Ok(_turn) = queue.turns.try_acquire() {
            return question.ask(self).await;
        }
        let (asker, answer) = oneshot::channel();
        let is_first = {
            let mut waiting = queue.lock();
            waiting.push(Waiting { question, asker, place: traces::here() });
            waiting.len() == 1
        };
        if is_first {
            // A task of its own: this asker may go while the others wait.
            tokio::spawn(take_turn(self.clone(), queue));
        }
        answer.await.map_err(|_| Error::Unavailable("the question was not asked".into()))?
    }
}

fn each<const N: usize>(texts: Texts) -> Result<[Option<String>; N]> {
    texts.try_into().map_err(|_| Error::internal("a statement has no answer"))
}

impl Questions {
    fn queue(&self, name: &'static str) -> Arc<Queue> {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queues.entry(name).or_default().clone()
    }
}

impl Default for Queue {
    fn default() -> Self {
        // Statements beyond that would only wait for a processor.
        let turns = thread::available_parallelism().map_or(1, usize::from);
        Queue { waiting: Mutex::default(), turns: Semaphore::new(turns) }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question {
    async fn ask(&self, db: &Db) -> Result<Texts> {
        db.statements.metrics.questions.record(1.0);
        let mut sql = self.sql.clone();
        let selects: Vec<_> = self.selects.iter().map(|select| format!("({select})")).collect();
        sql.push(format!("SELECT {}", selects.join(", ")));
        sql.rows(db.read()).await?.first().map_or_else(|| Ok(Vec::new()), |row| self.texts(row, 0))
    }

    /// The texts in the columns of a row from this one on.
    fn texts(&self, row: &QueryResult, from: usize) -> Result<Texts> {
        (from..from + self.selects.len()).map(|index| Ok(row.try_get_by_index(index)?)).collect()
    }

    /// Whether the two can be asked together.
    fn is_like(&self, other: &Self) -> bool {
        self.form().is_some_and(|form| other.form() == Some(form))
    }

    /// None if it can only be asked alone.
    fn form(&self) -> Option<Form<'_>> {
        let limits: Vec<_> = self.selects.iter().flat_map(|select| limits(select)).collect();
        let becomes = |(index, value): (usize, &Value)| match value {
            Value::BigInt(Some(limit)) if limits.contains(&(index + 1)) => {
                Some(Becomes::Limit(*limit))
            }
            value => in_json(value).map(|(of, _)| Becomes::Column(of)),
        };
        let values: Option<_> = self.sql.bound().iter().enumerate().map(becomes).collect();
        Some(Form { selects: &self.selects, values: values? })
    }
}

impl Form<'_> {
    /// The statement that asks questions of this form together: a row for each, with its place among
    /// them and its texts.
    fn together(&self, questions: &[&Question]) -> Sql {
        let first = &questions[0].sql;
        let mut sql = Sql::new(first.name(), first.dialect());
        let names: Vec<_> = (1..=self.values.len()).map(|number| format!("v{number}")).collect();
        let mut columns = vec![("place", JsonType::Integer)];
        columns.extend(names.iter().zip(&self.values).filter_map(
            |(name, becomes)| match becomes {
                Becomes::Column(of) => Some((name.as_str(), *of)),
                Becomes::Limit(_) => None,
            },
        ));
        let row = |(place, question): (usize, &&Question)| {
            let values = question.sql.bound().iter().zip(&self.values);
            let values = values.filter(|(_, becomes)| matches!(becomes, Becomes::Column(_)));
            let values = values.filter_map(|(value, _)| in_json(value).map(|(_, value)| value));
            iter::once(place.into()).chain(values).collect::<serde_json::Value>()
        };
        let rows: serde_json::Value = questions.iter().enumerate().map(row).collect();
        let rows = sql.bind(rows.to_string());
        let table = sql.dialect().table(rows, &columns);
        let selects: Vec<_> = self.selects.iter().map(|select| self.of_row(select)).collect();
        sql.push(format!("SELECT w.place, ({}) FROM {table} AS w", selects.join("), (")));
        sql
    }

    /// A select with the values of a row `w`.
    fn of_row(&self, select: &str) -> String {
        let mut parts = select.split('$');
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (number, rest) = number(part);
            match number.and_then(|number| self.values.get(number - 1)) {
                Some(Becomes::Limit(limit)) => text += &format!("{limit}{rest}"),
                Some(Becomes::Column(_)) => text += &format!("w.v{part}"),
                None => text += &format!("${part}"),
            }
        }
        text
    }
}

/// The numbers of the values of a text that limit it.
fn limits(text: &str) -> impl Iterator<Item = usize> {
    text.split("LIMIT $").skip(1).filter_map(|part| number(part).0)
}

/// The number that a text begins with, and what is behind it.
fn number(text: &str) -> (Option<usize>, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].parse().ok().filter(|number| *number > 0), &text[end..])
}

/// A value in JSON, and as what a column takes it from there; None if it cannot.
fn in_json(value: &Value) -> Option<(JsonType, serde_json::Value)> {
    match value {
        Value::BigInt(Some(number)) => Some((JsonType::Integer, (*number).into())),
        Value::String(Some(text)) => Some((JsonType::Text, text.as_str().into())),
        Value::ChronoDateTimeUtc(Some(moment)) => Some((JsonType::Time, time(*moment))),
        _ => None,
    }
}

/// Asks what is waiting, when its turn has come.
async fn take_turn(db: Db, queue: Arc<Queue>) {
    let _turn = timeout(PATIENCE, queue.turns.acquire()).await;
    let mut waiting = mem::take(&mut *queue.lock());
    waiting.retain(|waiting| !waiting.asker.is_closed());
    for mut part in parts(waiting) {
        if part.len() > 1 {
            part = ask_together(&db, part).await;
        }
        let alone = part.into_iter().map(|waiting| waiting.ask(&db));
        join_all(alone).await;
    }
}

/// Those that can be asked together, up to [`MOST`].
fn parts(waiting: Vec<Waiting>) -> Vec<Vec<Waiting>> {
    let mut parts: Vec<Vec<Waiting>> = Vec::new();
    for one in waiting {
        let takes_it =
            |part: &&mut Vec<Waiting>| part.len() < MOST && part[0].question.is_like(&one.question);
        match parts.iter_mut().find(takes_it) {
            Some(part) => part.push(one),
            None => parts.push(vec![one]),
        }
    }
    parts
}

impl Waiting {
    async fn ask(self, db: &Db) {
        let Waiting { question, asker, place } = self;
        let _ = asker.send(at(place, question.ask(db)).await);
    }
}

/// Asks questions of one form; returns them if the statement has failed.
async fn ask_together(db: &Db, waiting: Vec<Waiting>) -> Vec<Waiting> {
    let questions: Vec<_> = waiting.iter().map(|waiting| &waiting.question).collect();
    let place = waiting.iter().find_map(|waiting| waiting.place.clone());
    match at(place, answers(db, &questions)).await {
        Ok(answers) => {
            for (Waiting { asker, .. }, answer) in waiting.into_iter().zip(answers) {
                let _ = asker.send(Ok(answer));
            }
            Vec::new()
        }
        Err(error) => {
            tracing::debug!(?error, questions = questions.len(), "questions are asked one by one");
            waiting
        }
    }
}

/// The answers to questions of one form.
async fn answers(db: &Db, questions: &[&Question]) -> Result<Vec<Texts>> {
    let form = questions[0].form().ok_or_else(|| Error::internal("a question without a form"))?;
    db.statements.metrics.questions.record(questions.len() as f64);
    let mut answers = vec![Texts::new(); questions.len()];
    for row in form.together(questions).rows(db.read()).await? {
        let place: i64 = row.try_get_by_index(0)?;
        answers[place as usize] = questions[0].texts(&row, 1)?;
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "tests::question";

    struct Database {
        db: Db,
        _directory: tempfile::TempDir,
    }

    async fn database() -> Database {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/test.db", directory.path().display());
        let (db, _) = Db::open(&url).await.unwrap();
        Database { db, _directory: directory }
    }

    /// Asks `select` for each value, all while others have the turns. Returns the answers, and how
    /// many statements asked for them.
    async fn at_once(
        db: &Db,
        questions: impl IntoIterator<Item = (&str, Value)>,
    ) -> (Vec<Result<Option<String>>>, u64) {
        let queue = db.questions.queue(NAME);
        let turns = queue.turns.available_permits();
        let others = queue.turns.acquire_many(turns as u32).await.unwrap();
        let before = db.statement_count();
        let ask = async |(select, value): (&str, Value)| {
            let mut sql = db.sql(NAME);
            sql.bind(value);
            let [text] = db.ask(sql, [select.to_owned()]).await?;
            Ok(text)
        };
        let ask = join_all(questions.into_iter().map(ask));
        let (answers, ()) = tokio::join!(ask, async { drop(others) });
        (answers, db.statement_count() - before)
    }

    #[tokio::test]
    async fn questions_that_wait_are_asked_with_one_statement_and_each_gets_its_answer() {
        let database = database().await;
        let each = |number: i64| ("SELECT 'no. ' || $1 WHERE $1 <> 3", number.into());
        let (answers, statements) = at_once(&database.db, (0..30).map(each)).await;
        for (number, answer) in answers.into_iter().enumerate() {
            let expected = (number != 3).then(|| format!("no. {number}"));
            assert_eq!(answer.unwrap(), expected);
        }
        assert_eq!(statements, 1);
    }

    #[tokio::test]
    async fn those_of_different_forms_are_asked_apart() {
        let database = database().await;
        let list = "SELECT group_concat(value) FROM \
                    (SELECT value FROM json_each('[1,2,3]') LIMIT $1)";
        let (other, text) = ("SELECT upper($1)", "SELECT $1 || ''");
        let questions = [
            (list, 1i64.into()),
            (list, 2i64.into()),
            (list, 1i64.into()),
            (other, "a".into()),
            (text, "a".into()),
            (text, 7i64.into()),
        ];
        let (answers, statements) = at_once(&database.db, questions).await;
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().unwrap()).collect();
        assert_eq!(answers, ["1", "1,2", "1", "A", "a", "7"]);
        assert_eq!(statements, 5);
    }

    #[tokio::test]
    async fn a_question_that_fails_fails_no_other() {
        let database = database().await;
        let each = |list: &str| ("SELECT json_extract($1, '$[0]')", list.into());
        let questions = ["[\"a\"]", "no list", "[\"b\"]"].map(each);
        let (answers, statements) = at_once(&database.db, questions).await;
        let answers: Vec<_> = answers.into_iter().map(Result::ok).collect();
        assert_eq!(answers, [Some(Some("a".into())), None, Some(Some("b".into()))]);
        assert_eq!(statements, 1 + 3);
    }

    #[tokio::test]
    async fn a_statement_has_not_more_than_it_can_take() {
        let database = database().await;
        let each = |number: i64| ("SELECT '' || $1", number.into());
        let (answers, statements) = at_once(&database.db, (0..MOST as i64 + 1).map(each)).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(statements, 2);
    }

    /// An asker that has gone is asked for no more, and holds up nobody.
    #[tokio::test]
    async fn the_turn_comes_although_its_first_asker_has_gone() {
        let database = database().await;
        let db = &database.db;
        let queue = db.questions.queue(NAME);
        let turns = queue.turns.available_permits();
        let others = queue.turns.acquire_many(turns as u32).await.unwrap();
        let ask = || async { db.ask(db.sql(NAME), ["SELECT 'here'".to_owned()]).await };
        let gone = ask();
        tokio::pin!(gone);
        assert!(futures_util::poll!(&mut gone).is_pending());
        let stays = ask();
        tokio::pin!(stays);
        assert!(futures_util::poll!(&mut stays).is_pending());
        gone.set(ask());
        drop(others);
        assert_eq!(stays.await.unwrap(), [Some("here".to_owned())]);
    }

    #[tokio::test]
    async fn a_statement_that_takes_long_holds_up_nobody() {
        let database = database().await;
        let queue = database.db.questions.queue(NAME);
        let turns = queue.turns.available_permits();
        let _under_way = queue.turns.acquire_many(turns as u32).await.unwrap();
        let ask = |_| database.db.ask(database.db.sql(NAME), ["SELECT 'here'".to_owned()]);
        for answer in join_all((0..3).map(ask)).await {
            assert_eq!(answer.unwrap(), [Some("here".to_owned())]);
        }
    }

    #[test]
    fn a_row_has_the_values_of_a_question_and_the_text_its_limits() {
        let values = [JsonType::Integer; 10].map(Becomes::Column);
        let mut values = Vec::from(values);
        values[1] = Becomes::Limit(20);
        let form = Form { selects: &[], values };
        assert_eq!(limits("a LIMIT $2 b LIMIT $12").collect::<Vec<_>>(), [2, 12]);
        assert_eq!(
            form.of_row("$1, $10, x ->> '$[0]', '$', '$11' LIMIT $2"),
            "w.v1, w.v10, x ->> '$[0]', '$', '$11' LIMIT 20"
        );
    }
}
