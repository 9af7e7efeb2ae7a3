//! `--demo-live`: while the demo runs, its people go on. They write to each other and to visitors,
//! comment, read, and answer what a visitor writes.
//!
//! Everything is an ordinary call of the domain, at a pace at which one can watch. What happens is
//! decided by a seed and by what is in the inboxes. Those whom visitors can be do nothing by
//! themselves: nobody else reads or marks what a visitor looks at.

use std::collections::{HashSet, VecDeque};

use ::entity::{
    id::{ItemId, MessageId, UserId},
    inbox_item, message,
};
use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{
    TOKENS,
    office::{self, Office, newest},
    people::PEOPLE,
    story::{ANSWERS, COMMENTS, Doing, NEWS, NOW, Reply, TALKS, THINGS},
};
use crate::{
    app::App,
    error::Result,
    id,
    inbox::{self, Change, InboxView},
    messages::ReplyScope,
    notifications::pull,
};

/// The time between two events, in milliseconds: enough to read what has just come.
const PAUSE: std::ops::Range<i64> = 1_500..5_000;
/// Of a hundred events, how many are of each kind. The rest are announcements, each of them once.
const READING: u32 = 38;
const TALKING: u32 = 30;
const ACTING: u32 = 30;
/// How many items somebody reads at once.
const READ_AT_ONCE: usize = 3;
/// How many things are about to be said before nobody begins another conversation.
const MOST_OPEN: usize = 4;

/// The people of the office from now on.
pub struct Life {
    office: Office,
    random: StdRng,
    /// What is to be said next, in this order.
    open: VecDeque<Saying>,
    /// How many conversations have begun, and how many announcements were made.
    talks: usize,
    news: usize,
    since: DateTime<Utc>,
    /// Threads of visitors that somebody has answered.
    answered: HashSet<MessageId>,
}

struct Saying {
    to: message::Model,
    reply: Reply,
}

impl Life {
    pub fn new(app: &App, office: Office, seed: u64) -> Self {
        Life {
            office,
            random: StdRng::seed_from_u64(seed),
            open: VecDeque::new(),
            talks: 0,
            news: 0,
            since: app.clock.now(),
            answered: HashSet::new(),
        }
    }

    /// Goes on until the server is told to stop.
    pub async fn run(mut self, app: &App) {
        loop {
            let next = app.clock.now() + TimeDelta::milliseconds(self.random.random_range(PAUSE));
            let pause = async {
                while app.clock.now() < next {
                    app.clock.sleep_until(Some(next)).await;
                }
            };
            if app.shutdown.run_until_cancelled(pause).await.is_none() {
                return;
            }
            // A visitor may have deactivated somebody, or the server may be stopping.
            if let Err(error) = self.step(app).await {
                tracing::warn!(?error, "somebody in the demo could not do what they wanted");
            }
        }
    }

    /// Lets one thing happen.
    async fn step(&mut self, app: &App) -> Result<()> {
        match self.random.random_range(0..100) {
            roll if roll < READING => self.read(app).await,
            roll if roll < READING + TALKING => self.talk(app).await,
            roll if roll < READING + TALKING + ACTING => self.act(app).await,
            _ if self.news < NEWS.len() => self.announce(app).await,
            _ => self.act(app).await,
        }
    }

    /// Somebody reads: what a visitor has written to them, or else some of what is new. One of
    /// those who read a visitor's message will answer it.
    async fn read(&mut self, app: &App) -> Result<()> {
        if let Some((reader, item, message)) = self.unread_of_visitors(app).await? {
            let (actor, item) = (self.office.person(reader)?, id::encode(item));
            inbox::change_items(&app.db, actor, &[item], Change::Read, app.clock.now()).await?;
            if self.answered.insert(message.root()) {
                let body = self.choose(ANSWERS);
                let reply = Reply {
                    at: NOW,
                    from: reader,
                    scope: ReplyScope::Everyone,
                    body,
                    replies: &[],
                };
                self.open.push_front(Saying { to: message, reply });
            }
            return Ok(());
        }
        let reader = self.somebody();
        let actor = self.office.person(reader)?;
        pull::up_to_date_head(app, actor.person()?.id).await?;
        let items = newest(app, actor, InboxView::Unread, READ_AT_ONCE as i32).await?;
        office::change(app, actor, &items, Change::Read).await
    }

    /// Somebody who has not yet read a message that a visitor has sent since the demo began, with
    /// the item and the message.
    async fn unread_of_visitors(
        &self,
        app: &App,
    ) -> Result<Option<(&'static str, ItemId, message::Model)>> {
        let (visitors, others): (Vec<_>, Vec<_>) =
            PEOPLE.iter().map(|person| person.id).partition(|id| is_visitor(id));
        let user = |id: &&'static str| self.user(id);
        let visitors = visitors.iter().map(user).collect::<Result<Vec<_>>>()?;
        let theirs = message::Entity::find()
            .filter(message::Column::SenderId.is_in(visitors))
            .filter(message::Column::CreatedAt.gte(self.since))
            .order_by_desc(message::Column::Id)
            .limit(20)
            .all(app.db.read())
            .await?;
        let readers = others.iter().map(user).collect::<Result<Vec<_>>>()?;
        let unread = inbox_item::Entity::find()
            .filter(inbox_item::Column::MessageId.is_in(theirs.iter().map(|message| message.id)))
            .filter(inbox_item::Column::UserId.is_in(readers.iter().copied()))
            .filter(inbox_item::Column::ReadAt.is_null())
            .filter(inbox_item::Column::RemovedAt.is_null())
            .order_by_desc(inbox_item::Column::Id)
            .one(app.db.read())
            .await?;
        Ok(unread.and_then(|item| {
            let reader = readers.iter().position(|reader| *reader == item.user_id)?;
            let message = theirs.into_iter().find(|message| Some(message.id) == item.message_id)?;
            Some((others[reader], item.id, message))
        }))
    }

    /// A conversation goes on, or another one begins.
    async fn talk(&mut self, app: &App) -> Result<()> {
        let goes_on = self.open.len() >= MOST_OPEN || self.random.random_bool(0.7);
        let next = if goes_on { self.open.pop_front() } else { None };
        let (sent, replies) = match next {
            Some(Saying { to, reply }) => {
                (self.office.answer(app, &to, &reply).await?, reply.replies)
            }
            None => {
                let talk = &TALKS[self.talks % TALKS.len()];
                self.talks += 1;
                (self.office.write(app, talk).await?, talk.replies)
            }
        };
        let replies = replies.iter().map(|reply| Saying { to: sent.clone(), reply: *reply });
        self.open.extend(replies);
        Ok(())
    }

    /// Somebody comments on a post or product, or likes it.
    async fn act(&mut self, app: &App) -> Result<()> {
        let things: Vec<_> = THINGS.into_iter().flatten().collect();
        let thing = self.choose(&things);
        let by = self.somebody();
        let (action, preview) = match self.random.random_bool(0.6) {
            true => ("comment", Some(self.choose(COMMENTS))),
            false => ("like", None),
        };
        self.office.act(app, thing, &Doing { at: NOW, by, action, preview }).await
    }

    async fn announce(&mut self, app: &App) -> Result<()> {
        let news = &NEWS[self.news];
        self.news += 1;
        self.office.announce(app, news, app.clock.now()).await
    }

    /// The id of somebody whom no visitor can be.
    fn somebody(&mut self) -> &'static str {
        let others: Vec<_> =
            PEOPLE.iter().map(|person| person.id).filter(|id| !is_visitor(id)).collect();
        self.choose(&others)
    }

    fn user(&self, id: &str) -> Result<UserId> {
        Ok(self.office.person(id)?.person()?.id)
    }

    fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.random.random_range(0..from.len())]
    }
}

fn is_visitor(id: &str) -> bool {
    TOKENS.iter().any(|(visitor, _)| *visitor == id)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sea_orm::PaginatorTrait;
    use tempfile::TempDir;
    use tokio::time::timeout;

    use super::*;
    use crate::{
        auth::Actor,
        clock::Clock,
        config::{self, AddressBook, Config},
        demo::{seed, with_categories},
        messages::{self, AudienceRef, CreateMessageInput},
        people::users::UserRef,
        recount, server,
    };

    const SEED: u64 = 7;
    /// Enough for every conversation to begin.
    const EVENTS: usize = 250;
    /// For what takes no time unless it never happens.
    const PATIENCE: Duration = Duration::from_secs(60);

    async fn demo() -> (App, Life, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tidings.db");
        let config = Config {
            database_url: format!("sqlite:{}", file.display()).into(),
            catalog: with_categories(config::Catalog::default()),
            address_book: AddressBook::Everybody,
            ..Config::default()
        };
        let clock = Clock::manual("2026-03-02T16:00:00Z".parse().unwrap());
        let app = server::start(config, clock).await.unwrap();
        let office = seed::fill(&app).await.unwrap();
        let life = Life::new(&app, office, SEED);
        (app, life, directory)
    }

    async fn messages(app: &App) -> u64 {
        message::Entity::find().count(app.db.read()).await.unwrap()
    }

    async fn read_by(app: &App, user: UserId) -> u64 {
        let items = inbox_item::Entity::find().filter(inbox_item::Column::UserId.eq(user));
        items.filter(inbox_item::Column::ReadAt.is_not_null()).count(app.db.read()).await.unwrap()
    }

    /// A visitor sees a lot arrive, finds a message of theirs read and answered, and nobody
    /// touches what is theirs.
    #[tokio::test]
    async fn people_write_read_and_answer_and_leave_visitors_alone() {
        let (app, mut life, _directory) = demo().await;
        let ada = life.office.person("ada").unwrap().clone();
        let user = ada.person().unwrap().id;
        let (read, unread) = (read_by(&app, user).await, unread(&app, &ada).await);
        let input = CreateMessageInput {
            to: vec![AudienceRef::User(UserRef::ExternalId("tomasz".into()))],
            subject: "Coffee?".into(),
            body: "At three.".into(),
            expires_at: None,
            send_at: None,
            reminder: None,
            url: None,
            data: None,
            actions: None,
            category: None,
            idempotency_key: None,
        };
        let (sent, _) = messages::send(&app, &ada, input).await.unwrap();

        for _ in 0..EVENTS {
            app.clock.advance(TimeDelta::seconds(3));
            life.step(&app).await.unwrap();
        }

        assert!(life.talks >= TALKS.len() && life.news >= 1);
        let answers = message::Entity::find().filter(message::Column::ParentId.eq(sent.id));
        let answers = answers.all(app.db.read()).await.unwrap();
        assert_eq!(answers.len(), 1, "{answers:?}");
        let sent = message::Entity::find_by_id(sent.id).one(app.db.read()).await.unwrap().unwrap();
        assert_eq!(sent.read_count, 1);
        assert!(self::unread(&app, &ada).await >= unread + 10);
        assert_eq!(read_by(&app, user).await, read);
        let visitors = PEOPLE.iter().filter(|person| is_visitor(person.id));
        let visitors: Vec<_> = visitors.map(|person| life.user(person.id).unwrap()).collect();
        let by_visitors = message::Entity::find()
            .filter(message::Column::SenderId.is_in(visitors))
            .filter(message::Column::CreatedAt.gte(life.since));
        assert_eq!(by_visitors.count(app.db.read()).await.unwrap(), 1);
        let report = recount::check(app.db.read(), app.clock.now()).await.unwrap();
        assert!(report.findings.is_empty(), "{report}");
        app.db.close().await;
    }

    async fn unread(app: &App, actor: &Actor) -> i64 {
        pull::up_to_date_head(app, actor.person().unwrap().id).await.unwrap().unread.into()
    }

    /// Nothing happens while the clock stands still, and nothing after the server was told to stop.
    #[tokio::test]
    async fn life_goes_on_by_the_clock_and_ends_with_the_server() {
        let (app, life, _directory) = demo().await;
        let before = messages(&app).await;
        let going_on = tokio::spawn({
            let app = app.clone();
            async move { life.run(&app).await }
        });

        let somebody_writes = async {
            while messages(&app).await == before {
                app.clock.advance(TimeDelta::seconds(5));
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, somebody_writes).await.expect("nobody writes anything");
        app.shutdown.cancel();
        timeout(PATIENCE, going_on).await.expect("they go on for ever").unwrap();
        app.db.close().await;
    }
}
