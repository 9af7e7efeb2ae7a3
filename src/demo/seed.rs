//! Makes the story happen: the same steps each time, each at its own time in the past, on a clock that is moved from
//! one to the next. They go through the functions of the domain, as if the people had been there.
//!
//! What happens at one moment is joined, so that it shares a commit; the writer takes it in the order of the code.

use std::{collections::HashMap, sync::Arc};

use ::entity::message;
use async_graphql::ID;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::try_join;

use super::{
    calendar::Calendar,
    people::{GROUPS, Members, PEOPLE},
    story::{At, FIRST_DAY, Message, Reply, THREADS, To},
};
use crate::{
    app::App,
    auth::{Actor, Role},
    clock::Clock,
    due,
    error::{Error, Result},
    groups::{self, GroupRef},
    id::Kind,
    inbox::{self, Change, Filter, InboxView, Item},
    messages::{self, AudienceRef, CreateMessageInput, ReplyToMessageInput},
    page::Page,
    reminders::{RemindUntil, ReminderInput},
    users::{self, UserInput, UserRef},
};

/// The host application, which makes people and groups known and sends what no person sends.
pub const HOST: &str = "booking-app";

/// Fills an empty database, unless the server is told to end meanwhile. The story ends before this moment, or at it.
pub async fn fill(app: &App) -> Result<()> {
    let now = app.clock.now();
    let calendar = Calendar::new(now);
    let clock = Clock::manual(calendar.at(At(FIRST_DAY, 8, 0)));
    // The same server, three weeks ago.
    let past = App { clock: clock.clone(), ..app.clone() };
    let mut office = Office::open(&past).await?;
    for (time, step) in steps(&calendar, now) {
        if app.shutdown.is_cancelled() {
            break;
        }
        clock.advance(time - clock.now());
        match step {
            Step::Send { number, message } => office.send(&past, number, message).await?,
            Step::Reply { number, to, reply } => office.reply(&past, number, to, reply).await?,
            Step::Skim { reader } => office.skim(&past, reader).await?,
            Step::TidyUp { reader } => office.tidy_up(&past, reader, calendar.tomorrow()).await?,
            Step::Due => due::run_due(&past).await?,
        }
    }
    Ok(())
}

/// Something that happens. The messages and replies of the story are numbered.
enum Step {
    Send {
        number: usize,
        message: &'static Message,
    },
    Reply {
        number: usize,
        to: usize,
        reply: &'static Reply,
    },
    /// A person, by their place among the people, goes through their inbox.
    Skim {
        reader: usize,
    },
    /// They do so for the last time.
    TidyUp {
        reader: usize,
    },
    /// What the server does by itself.
    Due,
}

/// The whole story in the order of time.
fn steps(calendar: &Calendar, now: DateTime<Utc>) -> Vec<(DateTime<Utc>, Step)> {
    let mut steps = Vec::new();
    for message in THREADS.into_iter().flatten() {
        let (number, time) = (steps.len(), calendar.at(message.at));
        steps.push((time, Step::Send { number, message }));
        add_replies(&mut steps, calendar, number, message.replies);
        if let Some(reminds) = &message.reminds {
            let dates = (1..).map(|nth| time + TimeDelta::days(nth * reminds.days)).take_while(|date| *date <= now);
            steps.extend(dates.map(|date| (date, Step::Due)));
        }
        if let Some(left) = message.leaves_after.map(|days| time + TimeDelta::days(days)).filter(|time| *time <= now) {
            steps.push((left, Step::Due));
        }
    }
    for (reader, person) in PEOPLE.iter().enumerate() {
        // In the morning of where they live, everybody at another minute.
        let hour = if person.time_zone.starts_with("America/") { 14 } else { 9 };
        let minute = (reader * 37 % 60) as u8;
        let day = SKIMMED[reader % SKIMMED.len()];
        steps.push((calendar.at(At(day, hour, minute)), Step::Skim { reader }));
        // One in five has not been there today.
        let day = u8::from(reader % 5 == 4);
        let tidy = calendar.at(At(day, hour + (reader % 4) as u8, minute));
        steps.push((tidy.max(last_words(&steps, person.id)), Step::TidyUp { reader }));
    }
    steps.sort_by_key(|(time, _)| *time);
    steps
}

/// How many working days ago people went through their inboxes, in turn. Who writes looks then, too.
const SKIMMED: [u8; 4] = [10, 4, 8, 6];

/// When somebody answers for the last time: they look then, and would undo what they tidied up before.
fn last_words(steps: &[(DateTime<Utc>, Step)], person: &str) -> DateTime<Utc> {
    let by_them = |step: &Step| matches!(step, Step::Reply { reply, .. } if reply.from == person);
    steps.iter().filter(|(_, step)| by_them(step)).map(|(time, _)| *time).max().unwrap_or_default()
}

fn add_replies(steps: &mut Vec<(DateTime<Utc>, Step)>, calendar: &Calendar, to: usize, replies: &'static [Reply]) {
    for reply in replies {
        let number = steps.len();
        steps.push((calendar.at(reply.at), Step::Reply { number, to, reply }));
        add_replies(steps, calendar, number, reply.replies);
    }
}

/// Who is there, and what was sent so far.
struct Office {
    people: HashMap<&'static str, Actor>,
    host: Actor,
    /// By the number of the step.
    sent: HashMap<usize, message::Model>,
}

impl Office {
    /// Makes the people and groups known.
    async fn open(app: &App) -> Result<Self> {
        let actor = |role, subject: &str, user| Actor {
            behind: None,
            role,
            subject: subject.to_owned(),
            user,
            expires: DateTime::<Utc>::MAX_UTC,
        };
        let host = actor(Role::Service, HOST, None);
        let people = PEOPLE.iter().map(|person| UserInput {
            external_id: person.id.into(),
            first_name: Some(person.first_name.into()),
            last_name: Some(person.last_name.into()),
            email: Some(format!("{}@example.com", person.id)),
            avatar_url: None,
            locale: Some(person.locale.into()),
            time_zone: Some(person.time_zone.into()),
        });
        let users = users::upsert(app, &host, people.collect()).await?;
        let people = PEOPLE.iter().zip(users);
        let people = people.map(|(person, user)| (person.id, actor(Role::User, person.id, Some(Arc::new(user)))));
        let office = Office { people: people.collect(), host, sent: HashMap::new() };

        for group in GROUPS {
            groups::upsert(app, &office.host, group.id.into(), group.name.into()).await?;
            let members: Vec<_> = match group.members {
                Members::Everybody => PEOPLE.iter().map(|person| person.id).collect(),
                Members::These(ids) => ids.to_vec(),
            };
            let members: Vec<_> = members.into_iter().map(|id| UserRef::ExternalId(id.into())).collect();
            groups::add_members(app, &office.host, &GroupRef::ExternalId(group.id.into()), &members).await?;
        }
        Ok(office)
    }

    fn person(&self, id: &str) -> Result<&Actor> {
        self.people.get(id).ok_or_else(|| Error::Internal(format!("the story has nobody called {id}")))
    }

    async fn send(&mut self, app: &App, number: usize, message: &Message) -> Result<()> {
        let sender = message.from.map_or(Ok(&self.host), |id| self.person(id))?;
        let to = message.to.iter().map(|to| match *to {
            To::User(id) => AudienceRef::User(UserRef::ExternalId(id.into())),
            To::Group(id) => AudienceRef::Group(GroupRef::ExternalId(id.into())),
        });
        let input = CreateMessageInput {
            to: to.collect(),
            subject: message.subject.into(),
            body: message.body.into(),
            expires_at: message.leaves_after.map(|days| app.clock.now() + TimeDelta::days(days)),
            reminder: message.reminds.as_ref().map(|reminds| ReminderInput {
                frequency: reminds.frequency.into(),
                until: if reminds.is_campaign { RemindUntil::Replied } else { RemindUntil::Read },
                time_zone: None,
                deactivate_non_repliers: reminds.is_campaign,
            }),
            idempotency_key: None,
        };
        // Only admins may threaten.
        let role =
            if message.reminds.as_ref().is_some_and(|reminds| reminds.is_campaign) { Role::Admin } else { sender.role };
        let (message, _) = messages::send(app, &Actor { role, ..sender.clone() }, input).await?;
        self.sent.insert(number, message);
        Ok(())
    }

    async fn reply(&mut self, app: &App, number: usize, to: usize, reply: &Reply) -> Result<()> {
        let sender = self.person(reply.from)?;
        let early = || Error::Internal(format!("in the story {} answers before there is a message", reply.from));
        let parent = self.sent.get(&to).ok_or_else(early)?;
        let input = ReplyToMessageInput {
            parent_id: ID(Kind::Message.encode(parent.id)),
            body: reply.body.into(),
            scope: reply.scope,
            idempotency_key: None,
        };
        // Nobody answers what they have not read.
        let ((), (message, _)) = try_join!(biased; look(app, sender), messages::reply(app, sender, input))?;
        self.sent.insert(number, message);
        Ok(())
    }

    /// Somebody puts some away, also what they have not read, which shows in its read rate, and reads the rest.
    async fn skim(&self, app: &App, reader: usize) -> Result<()> {
        let actor = self.person(PEOPLE[reader].id)?;
        let items = newest(app, actor, InboxView::Active, 20).await?;
        let is_dull = |item: &&Item| item.row.message_id.is_some_and(|id| id as usize % 3 == reader % 3);
        let dull = items.iter().filter(is_dull);
        try_join!(biased; change(app, actor, dull, Change::Archive), look(app, actor))?;
        Ok(())
    }

    /// Somebody reads what is new, marks some of it for a second look, and puts one thing off.
    async fn tidy_up(&self, app: &App, reader: usize, tomorrow: DateTime<Utc>) -> Result<()> {
        let actor = self.person(PEOPLE[reader].id)?;
        look(app, actor).await?;
        let items = newest(app, actor, InboxView::Active, 10).await?;
        // A fixed pattern that is another one for everybody.
        let later = 5 + reader % 4;
        let again = items.iter().take(later).skip(reader % 3).step_by(3);
        let put_off = items.get(later).filter(|_| reader.is_multiple_of(2));
        try_join!(
            biased;
            change(app, actor, again, Change::Unread),
            change(app, actor, put_off, Change::Snooze(tomorrow)),
        )?;
        Ok(())
    }
}

async fn newest(app: &App, actor: &Actor, view: InboxView, count: i32) -> Result<Vec<Item>> {
    let page = Page::new(Some(count), None, None, None)?;
    let filter = Filter { view, ..Filter::default() };
    Ok(inbox::page(&app.db, actor.person()?.id, &filter, &page).await?.rows)
}

/// Reads what is new.
async fn look(app: &App, actor: &Actor) -> Result<()> {
    inbox::change_all(app, actor, None, None, Change::Read).await?;
    Ok(())
}

/// Changes some items, or none.
async fn change(app: &App, actor: &Actor, items: impl IntoIterator<Item = &Item>, change: Change) -> Result<()> {
    let ids: Vec<_> = items.into_iter().map(|item| Kind::InboxItem.encode(item.row.id)).collect();
    if !ids.is_empty() {
        inbox::change_items(app, actor, &ids, change).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, server};

    /// Also in the morning, when the newest day has to be squeezed most.
    #[tokio::test]
    async fn everybody_finds_a_handful_of_unread_items_and_nothing_from_the_future() {
        let directory = tempfile::tempdir().unwrap();
        let database_url = format!("sqlite:{}", directory.path().join("tidings.db").display()).into();
        let now = "2026-03-02T10:00:00Z".parse().unwrap();
        let app = server::start(Config { database_url, ..Config::default() }, Clock::manual(now)).await.unwrap();

        fill(&app).await.unwrap();

        for person in PEOPLE {
            let user = users::find(app.db.read(), &UserRef::ExternalId(person.id.into())).await.unwrap();
            let counts = inbox::head(&app.db, user.id).await.unwrap();
            assert!((1..=15).contains(&counts.unread), "{} has {} unread", person.id, counts.unread);
            let actor = Actor {
                behind: None,
                role: Role::User,
                subject: person.id.into(),
                expires: now,
                user: Some(Arc::new(user)),
            };
            let items = newest(&app, &actor, InboxView::All, 1).await.unwrap();
            assert!(items.iter().all(|item| item.row.updated_at <= now), "{}", person.id);
        }
        app.db.close().await;
    }
}
