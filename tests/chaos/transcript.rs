//! What everybody was promised and noticed, for the checks at the end: writes with their keys and
//! answers, facts that follow from acknowledged changes, what should not have happened, and numbers
//! for the report.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard},
};

use chrono::{DateTime, Utc};
use serde_json::Value;

/// How many failures are shown; the others are counted.
const MOST_SHOWN: usize = 40;

/// A write with an idempotency key.
#[derive(Clone, Debug)]
pub struct Write {
    pub key: String,
    pub what: What,
    /// When it was tried for the first time.
    pub begun: DateTime<Utc>,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// To exactly these people.
    Message {
        to: Vec<String>,
    },
    /// To exactly these people, once its time has come.
    Planned {
        to: Vec<String>,
    },
    /// To whom only the server can know.
    Reply,
    Announcement,
    /// This many at once, each on this target, by this person.
    Activities {
        count: usize,
        actor: String,
        target: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Open,
    /// With the ids of what was made.
    Acknowledged(Vec<String>),
    Refused,
    /// It was planned, and then it was cancelled.
    Cancelled,
}

/// What is to be true at the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fact {
    pub kind: &'static str,
    pub who: String,
    pub what: String,
}

/// Somebody whose erasure was acknowledged.
#[derive(Clone, Debug)]
pub struct Erased {
    pub id: String,
    /// A part of their name, in small letters, which nobody else has.
    pub name: String,
    /// What is in all that they wrote, if that had to go, too.
    pub words: Option<String>,
}

#[derive(Default)]
pub struct Transcript {
    writes: Mutex<Vec<Write>>,
    /// None: it cannot be known, because tries of different changes may have overtaken each other.
    facts: Mutex<HashMap<Fact, Option<bool>>>,
    erased: Mutex<Vec<Erased>>,
    failures: Mutex<(Vec<String>, usize)>,
    numbers: Mutex<BTreeMap<String, u64>>,
}

impl Transcript {
    /// Before it is sent: what comes of it is not known if we do not hear of it.
    pub fn begin(&self, key: &str, what: What, begun: DateTime<Utc>) -> usize {
        self.count("writes tried", 1);
        let mut writes = lock(&self.writes);
        writes.push(Write { key: key.to_owned(), what, begun, outcome: Outcome::Open });
        writes.len() - 1
    }

    pub fn end(&self, write: usize, outcome: Outcome) {
        self.count(
            if outcome == Outcome::Refused { "writes refused" } else { "writes acknowledged" },
            1,
        );
        lock(&self.writes)[write].outcome = outcome;
    }

    /// That a planned message was cancelled has been acknowledged.
    pub fn cancelled(&self, id: &str) {
        let mut writes = lock(&self.writes);
        let made = |write: &&mut Write| write.outcome == Outcome::Acknowledged(vec![id.to_owned()]);
        if let Some(write) = writes.iter_mut().find(made) {
            write.outcome = Outcome::Cancelled;
        }
    }

    pub fn writes(&self) -> Vec<Write> {
        lock(&self.writes).clone()
    }

    /// An acknowledged change. One that was tried more than once may still be running a second
    /// time.
    pub fn change(&self, kind: &'static str, who: &str, what: &str, value: bool, tries: u32) {
        let fact = Fact { kind, who: who.to_owned(), what: what.to_owned() };
        let mut facts = lock(&self.facts);
        let known = facts.entry(fact).or_insert(Some(value));
        *known = known.filter(|_| tries == 1).map(|_| value);
    }

    pub fn erase(&self, erased: Erased) {
        self.count("people erased", 1);
        lock(&self.erased).push(erased);
    }

    pub fn erased(&self) -> Vec<Erased> {
        lock(&self.erased).clone()
    }

    /// What stays true once it is.
    pub fn note(&self, kind: &'static str, who: &str, what: &str) {
        lock(&self.facts)
            .insert(Fact { kind, who: who.to_owned(), what: what.to_owned() }, Some(true));
    }

    /// Nothing of this kind is known of anything any more.
    pub fn forget(&self, kind: &str, who: &str) {
        for (fact, value) in lock(&self.facts).iter_mut() {
            if fact.kind == kind && fact.who == who {
                *value = None;
            }
        }
    }

    /// The facts of a kind that are known.
    pub fn facts(&self, kind: &str) -> Vec<(Fact, bool)> {
        let facts = lock(&self.facts);
        facts
            .iter()
            .filter(|(fact, _)| fact.kind == kind)
            .filter_map(|(fact, is)| Some((fact.clone(), (*is)?)))
            .collect()
    }

    /// Something that must not happen.
    pub fn fail(&self, what: impl Into<String>) {
        let what = what.into();
        let mut failures = lock(&self.failures);
        failures.1 += 1;
        if failures.0.len() < MOST_SHOWN && !failures.0.contains(&what) {
            println!("  !! {what}");
            failures.0.push(what);
        }
    }

    pub fn failures(&self) -> (Vec<String>, usize) {
        lock(&self.failures).clone()
    }

    /// A request without an answer. Some codes are never right.
    pub fn unclear(&self, why: &str) {
        let code = why.split(':').next().unwrap_or_default();
        self.count(&format!("answers: {code}"), 1);
        if !matches!(code, "UNAVAILABLE" | "LIMIT_EXCEEDED" | "CUT") {
            // Without the name under which the server's log has it.
            let why = why.split(" under ").next().unwrap_or_default();
            self.fail(format!("an answer that nobody should get: {why}"));
        }
    }

    pub fn count(&self, name: &str, by: u64) {
        *lock(&self.numbers).entry(name.to_owned()).or_default() += by;
    }

    pub fn highest(&self, name: &str, value: u64) {
        let mut numbers = lock(&self.numbers);
        let number = numbers.entry(name.to_owned()).or_default();
        *number = value.max(*number);
    }

    pub fn numbers(&self) -> BTreeMap<String, u64> {
        lock(&self.numbers).clone()
    }
}

/// A poisoned lock is that of a task that has panicked, which fails the run by itself.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The ids in an answer: `{"x": {"y": {"id": …}}}`, or a list of them.
pub fn ids(data: &Value) -> Vec<String> {
    match data {
        Value::Object(fields) => match fields.get("id") {
            Some(Value::String(id)) => vec![id.clone()],
            _ => fields.values().flat_map(ids).collect(),
        },
        Value::Array(values) => values.iter().flat_map(ids).collect(),
        _ => Vec::new(),
    }
}
