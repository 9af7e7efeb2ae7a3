//! Calls that wait at the same time are made together, in one transaction and with the statements
//! of a single call.
//!
//! A call that finds nobody is made at once. Those that arrive while others are being made wait for
//! the next turn, which takes all of them, up to [`MOST`] and [`HEAVIEST`]. So the busier a server
//! is, the less a call costs.
//!
//! Nobody pays for another's call. A turn never waits long for a lock. Calls that cannot be made
//! with the others, such as one for a locked inbox, are taken out and made alone, beside the turns
//! that follow; if a turn fails, each of its calls is made alone. The turn is rolled back first, so
//! nothing is made twice. The call of a caller that has gone is skipped, or ended if it is made
//! alone.

use std::{
    any::{Any, TypeId},
    collections::{HashMap, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::oneshot, time::Instant};
use tracing::{Instrument, Span};

use super::{BEGIN, Db, Tx};
use crate::{
    error::{Error, Result},
    traces::{self, Kind, Place, at},
};

/// The most calls in one turn.
const MOST: usize = 256;
/// The most bytes in one turn, unless a single call has more.
const HEAVIEST: usize = 1024 * 1024;
/// The most bytes of calls that wait for a turn.
const HEAVIEST_QUEUE: usize = 32 * 1024 * 1024;

/// A kind of call that can be made together with others of its kind.
pub trait Call: Send + Sync + Sized + 'static {
    /// What all calls of this kind need to be made.
    type Context: Clone + Send + Sync + 'static;
    type Answer: Send + 'static;

    /// About how many bytes it writes.
    fn weight(&self) -> usize;

    /// Makes some calls, and answers them in their order; does not commit.
    fn make_all(
        context: &Self::Context,
        tx: &Tx,
        calls: &[Self],
    ) -> impl Future<Output = Result<Vec<Self::Answer>, Apart>> + Send;

    /// Makes one call in a transaction of its own, and waits for whatever it needs.
    fn make_alone(
        self,
        context: &Self::Context,
    ) -> impl Future<Output = Result<Self::Answer>> + Send;
}

/// Why calls cannot be made together. The transaction is rolled back.
#[derive(Debug)]
pub enum Apart {
    /// These have to be made alone; the others can still be made together.
    These(Vec<usize>),
    /// All of them have to be made alone.
    All(Error),
}

impl Apart {
    /// Fails if there are calls that have to be made alone.
    pub fn if_any(these: impl IntoIterator<Item = usize>) -> Result<(), Self> {
        let these: Vec<_> = these.into_iter().collect();
        if these.is_empty() { Ok(()) } else { Err(Apart::These(these)) }
    }
}

impl From<Error> for Apart {
    fn from(error: Error) -> Self {
        Apart::All(error)
    }
}

/// The calls that wait, by their kind.
pub struct Together {
    queues: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    /// The most calls of a kind that wait for a turn.
    longest: usize,
}

struct Queue<C: Call>(Mutex<State<C>>);

struct State<C: Call> {
    waiting: VecDeque<Waiting<C>>,
    /// Bytes of those.
    weight: usize,
    /// Whether somebody is making calls, and will look for more.
    is_busy: bool,
}

struct Waiting<C: Call> {
    call: C,
    caller: oneshot::Sender<Result<C::Answer>>,
    /// The caller's, for the log.
    span: Span,
    /// The caller's in its trace, and since when it waits.
    place: Option<(Place, Instant)>,
}

impl Db {
    /// Makes a call together with those that are waiting.
    pub async fn together<C: Call>(&self, context: &C::Context, call: C) -> Result<C::Answer> {
        let queue = self.together.queue::<C>();
        let (caller, answer) = oneshot::channel();
        let is_first = {
            let mut state = queue.lock();
            let weight = call.weight();
            let is_full = state.waiting.len() >= self.together.longest
                || (state.weight > 0 && state.weight + weight > HEAVIEST_QUEUE);
            if is_full {
                return Err(Error::Unavailable("too many calls are waiting".into()));
            }
            state.weight += weight;
            state.waiting.push_back(Waiting {
                call,
                caller,
                span: Span::current(),
                place: traces::here().map(|place| (place, Instant::now())),
            });
            !mem::replace(&mut state.is_busy, true)
        };
        if is_first {
            // A task of its own: the caller may go while it makes calls of others.
            tokio::spawn(take_turns(self.clone(), context.clone(), queue));
        }
        answer.await.map_err(|_| Error::Unavailable("the call was not made".into()))?
    }
}

impl Together {
    pub fn new(longest: usize) -> Arc<Self> {
        Arc::new(Together { queues: Mutex::default(), longest })
    }

    fn queue<C: Call>(&self) -> Arc<Queue<C>> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(TypeId::of::<C>()).or_insert_with(|| Arc::new(Queue::<C>::new()));
        queue.clone().downcast().unwrap_or_else(|_| unreachable!("it is stored under its type"))
    }
}

impl<C: Call> Queue<C> {
    fn new() -> Self {
        Queue(Mutex::new(State { waiting: VecDeque::new(), weight: 0, is_busy: false }))
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether calls are waiting. If not, the next one has to start the turns anew.
    fn goes_on(&self) -> bool {
        let mut state = self.lock();
        state.is_busy = !state.waiting.is_empty();
        state.is_busy
    }

    /// The calls of the next turn.
    fn next(&self) -> Vec<Waiting<C>> {
        let mut state = self.lock();
        let (mut turn, mut weight) = (Vec::new(), 0);
        while let Some(next) = state.waiting.pop_front() {
            let of_next = next.call.weight();
            if next.caller.is_closed() {
                state.weight -= of_next;
                continue;
            }
            if !turn.is_empty() && weight + of_next > HEAVIEST {
                state.waiting.push_front(next);
                break;
            }
            state.weight -= of_next;
            weight += of_next;
            turn.push(next);
            if turn.len() == MOST {
                break;
            }
        }
        turn
    }
}

/// Lets the next caller start the turns anew, should this end in a panic.
struct Turns<C: Call>(Arc<Queue<C>>);

impl<C: Call> Drop for Turns<C> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.lock();
            state.waiting.clear();
            state.weight = 0;
            state.is_busy = false;
        }
    }
}

async fn take_turns<C: Call>(db: Db, context: C::Context, queue: Arc<Queue<C>>) {
    let turns = Turns(queue);
    while turns.0.goes_on() {
        let mut since = Instant::now();
        // What arrives until the transaction has begun belongs to this turn, too.
        let tx = db.begin_impatient().await;
        let mut turn = turns.0.next();
        match tx {
            _ if turn.is_empty() => {}
            Ok(tx) => {
                db.statements.metrics.together.record(turn.len() as f64);
                let mut tx = Some(tx);
                while let Some(again) = take_turn(&db, &context, tx.take(), turn, since).await {
                    (turn, since) = (again, Instant::now());
                }
            }
            Err(error) => {
                for Waiting { caller, .. } in turn {
                    let _ = caller.send(Err(error.clone()));
                }
            }
        }
    }
}

/// Makes calls together. Returns those that have to be tried again, without some of the others.
async fn take_turn<C: Call>(
    db: &Db,
    context: &C::Context,
    tx: Option<Tx>,
    turn: Vec<Waiting<C>>,
    since: Instant,
) -> Option<Vec<Waiting<C>>> {
    let span = match &*turn {
        [alone] => alone.span.clone(),
        several => tracing::info_span!("together", calls = several.len()),
    };
    let trace = trace(&turn, since);
    if tx.is_some() {
        // It had begun before it was known whose calls are made in it.
        drop(super::span(trace.place(), BEGIN, db.dialect).begun(trace.since.elapsed()));
    }
    let (calls, callers): (Vec<_>, Vec<_>) = turn
        .into_iter()
        .map(|Waiting { call, caller, span, place }| (call, (caller, span, place)))
        .unzip();
    let outcome = async {
        let tx = match tx {
            Some(tx) => tx,
            None => db.begin_impatient().await?,
        };
        Ok::<_, Apart>((C::make_all(context, &tx, &calls).await?, tx))
    };
    let apart = match at(trace.place(), outcome).instrument(span).await {
        Ok((answers, tx)) => {
            let committed = at(trace.place(), tx.commit()).await;
            // Before the callers go on: their spans end after what they waited for.
            drop(trace);
            for ((caller, ..), answer) in callers.into_iter().zip(answers) {
                let _ = caller.send(committed.clone().map(|()| answer));
            }
            return None;
        }
        Err(apart) => apart,
    };
    let is_alone = |index: &usize| match &apart {
        Apart::These(these) => these.contains(index),
        Apart::All(_) => true,
    };
    if let Apart::All(error) = &apart {
        tracing::debug!(?error, calls = calls.len(), "calls are made one by one");
    }
    drop(trace);
    let mut again = Vec::new();
    for (index, (call, (caller, span, place))) in calls.into_iter().zip(callers).enumerate() {
        if is_alone(&index) {
            let context = context.clone();
            let mut caller = caller;
            let alone = async move {
                tokio::select! {
                    answer = call.make_alone(&context) => drop(caller.send(answer)),
                    // As if the caller had made it: dropped, it rolls back, and waits no longer.
                    () = caller.closed() => {}
                }
            };
            tokio::spawn(at(place.map(|(place, _)| place), alone).instrument(span));
        } else {
            again.push(Waiting { call, caller, span, place });
        }
    }
    (!again.is_empty()).then_some(again)
}

/// The spans of a turn.
struct OfTurn {
    turn: traces::Span,
    since: Instant,
    /// In the trace of each caller, if there are several: that it was waiting for the turn.
    _waits: Vec<traces::Span>,
}

impl OfTurn {
    fn place(&self) -> Option<Place> {
        self.turn.place()
    }
}

/// A call alone is a part of its caller's trace. Calls together are a trace of their own, which is
/// linked with those of all callers that are recorded.
fn trace<C: Call>(turn: &[Waiting<C>], since: Instant) -> OfTurn {
    let callers: Vec<_> = turn.iter().filter_map(|waiting| waiting.place.as_ref()).collect();
    let Some((first, at)) = callers.first() else {
        return OfTurn { turn: traces::Span::default(), since, _waits: Vec::new() };
    };
    let (mut span, since) = match turn.len() {
        // It may have come while the transaction was beginning.
        1 => (first.child(NAME, Kind::Internal), since.max(*at)),
        _ => (first.another(NAME, Kind::Internal), since),
    };
    span.set("tidings.calls", turn.len() as i64);
    let mut waits = Vec::new();
    if let (Some(place), 2..) = (span.place(), turn.len()) {
        for (caller, at) in callers {
            span.link(caller.ids());
            let mut wait = caller.child(NAME, Kind::Internal).begun(at.elapsed());
            wait.link(place.ids());
            waits.push(wait);
        }
    }
    OfTurn { turn: span.begun(since.elapsed()), since, _waits: waits }
}

/// What the spans of a turn are called.
const NAME: &str = "together";
