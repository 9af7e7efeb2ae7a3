//! Makes the story happen: the same steps every time, each at its own time in the past, on a clock
//! that is moved from one to the next. `office` knows how each step is done.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    calendar::Calendar,
    office::Office,
    people::PEOPLE,
    story::{
        ANNOUNCEMENTS, Announcement, At, Doing, FIRST_DAY, LEAVES, Message, Reply, SETTINGS,
        Setting, THINGS, THREADS, Thing,
    },
};
use crate::{app::App, clock::Clock, error::Result, jobs};

/// Fills an empty database, unless the server is told to end meanwhile. The story ends now or
/// earlier. Returns the people in it.
pub async fn fill(app: &App) -> Result<Office> {
    let now = app.clock.now();
    let calendar = Calendar::new(now);
    let clock = Clock::manual(calendar.at(At(FIRST_DAY, 8, 0)));
    // The same server, three weeks ago.
    let past = app.with(|state| state.clock = clock.clone());
    let mut office = Office::open(&past).await?;
    for (time, step) in steps(&calendar, now) {
        if app.shutdown.is_cancelled() {
            break;
        }
        clock.advance(time - clock.now());
        match step {
            Step::Send { number, message } => office.send(&past, number, message).await?,
            Step::Reply { number, to, reply } => office.reply(&past, number, to, reply).await?,
            Step::Mute { number, who } => office.mute(&past, number, who).await?,
            Step::Erase { who } => office.erase(&past, who).await?,
            Step::Skim { reader } => office.skim(&past, reader).await?,
            Step::TidyUp { reader } => office.tidy_up(&past, reader, calendar.tomorrow()).await?,
            Step::Make { thing } => office.make(&past, thing).await?,
            Step::Act { thing, doing } => office.act(&past, thing, doing).await?,
            Step::Want { setting } => office.want(&past, setting).await?,
            Step::Announce { announcement } => {
                office.announce(&past, announcement, calendar.tomorrow()).await?
            }
            Step::TakeBack { announcement } => office.take_back(&past, announcement).await?,
            Step::Due => jobs::run_due(&past).await?,
        }
    }
    Ok(office)
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
    /// Somebody mutes the thread of a message.
    Mute {
        number: usize,
        who: &'static str,
    },
    Erase {
        who: &'static str,
    },
    /// A person, given by their index among the people, goes through their inbox.
    Skim {
        reader: usize,
    },
    /// A person goes through their inbox for the last time.
    TidyUp {
        reader: usize,
    },
    /// Somebody creates a thing that others can act on.
    Make {
        thing: &'static Thing,
    },
    Act {
        thing: &'static Thing,
        doing: &'static Doing,
    },
    Want {
        setting: &'static Setting,
    },
    Announce {
        announcement: &'static Announcement,
    },
    TakeBack {
        announcement: &'static Announcement,
    },
    /// What the server does by itself.
    Due,
}

/// The whole story in chronological order.
fn steps(calendar: &Calendar, now: DateTime<Utc>) -> Vec<(DateTime<Utc>, Step)> {
    let mut steps = Vec::new();
    for message in THREADS.into_iter().flatten() {
        let (number, time) = (steps.len(), calendar.at(message.at));
        steps.push((time, Step::Send { number, message }));
        add_replies(&mut steps, calendar, number, message.replies);
        if let Some(reminds) = &message.reminds {
            let dates = (1..)
                .map(|nth| time + TimeDelta::days(nth * reminds.days))
                .take_while(|date| *date <= now);
            steps.extend(dates.map(|date| (date, Step::Due)));
        }
        steps.extend(leaving(time, message.leaves_after, now));
        let mute = |(at, who)| (calendar.at(at), Step::Mute { number, who });
        steps.extend(message.muted.map(mute));
    }
    let (left, who) = LEAVES;
    steps.push((calendar.at(left), Step::Erase { who }));
    for thing in THINGS.into_iter().flatten() {
        steps.push((calendar.at(thing.made), Step::Make { thing }));
        steps.extend(
            thing.doings.iter().map(|doing| (calendar.at(doing.at), Step::Act { thing, doing })),
        );
    }
    steps.extend(SETTINGS.iter().map(|setting| (calendar.at(setting.at), Step::Want { setting })));
    for announcement in ANNOUNCEMENTS {
        let time = calendar.at(announcement.at);
        steps.push((time, Step::Announce { announcement }));
        steps.extend(
            announcement.taken_back.map(|at| (calendar.at(at), Step::TakeBack { announcement })),
        );
        steps.extend(leaving(time, announcement.leaves_after, now));
    }
    for (reader, person) in PEOPLE.iter().enumerate() {
        // In the morning of their time zone, each person at a different minute.
        let hour = if person.time_zone.starts_with("America/") { 14 } else { 9 };
        let minute = (reader * 37 % 60) as u8;
        let day = SKIMMED[reader % SKIMMED.len()];
        steps.push((calendar.at(At(day, hour, minute)), Step::Skim { reader }));
        // One in five has not been online today.
        let day = u8::from(reader % 5 == 4);
        let tidy = calendar.at(At(day, hour + (reader % 4) as u8, minute));
        steps.push((tidy.max(last_words(&steps, person.id)), Step::TidyUp { reader }));
    }
    steps.sort_by_key(|(time, _)| *time);
    steps
}

/// When something leaves the inboxes, if it has left by now.
fn leaving(
    time: DateTime<Utc>,
    after: Option<i64>,
    now: DateTime<Utc>,
) -> Option<(DateTime<Utc>, Step)> {
    let left = after.map(|days| time + TimeDelta::days(days)).filter(|left| *left <= now);
    left.map(|left| (left, Step::Due))
}

/// How many working days ago people went through their inboxes, in turn. They also look
/// when they write.
const SKIMMED: [u8; 4] = [10, 4, 8, 6];

/// When a person answers for the last time: they look then, which would undo an earlier tidying up.
fn last_words(steps: &[(DateTime<Utc>, Step)], person: &str) -> DateTime<Utc> {
    let by_them = |step: &Step| matches!(step, Step::Reply { reply, .. } if reply.from == person);
    steps.iter().filter(|(_, step)| by_them(step)).map(|(time, _)| *time).max().unwrap_or_default()
}

fn add_replies(
    steps: &mut Vec<(DateTime<Utc>, Step)>,
    calendar: &Calendar,
    to: usize,
    replies: &'static [Reply],
) {
    for reply in replies {
        let number = steps.len();
        steps.push((calendar.at(reply.at), Step::Reply { number, to, reply }));
        add_replies(steps, calendar, number, reply.replies);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use ::entity::{announcement, inbox_item, message, thread_mute, user};
    use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

    use super::*;
    use crate::{
        auth::{Actor, Role},
        config::{self, AddressBook, Config},
        demo::office::newest,
        inbox::{InboxView, Item},
        notifications::{
            explain::{Rule, explain},
            pull,
        },
        people::users::{self, UserRef},
        server,
    };

    /// In the morning, when the newest day has to be squeezed the most.
    const NOW: &str = "2026-03-02T10:00:00Z";

    async fn demo() -> (App, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let database_url =
            format!("sqlite:{}", directory.path().join("tidings.db").display()).into();
        let clock = Clock::manual(NOW.parse().unwrap());
        let catalog = crate::demo::with_categories(config::Catalog::default());
        let address_book = AddressBook::Everybody;
        let config = Config { database_url, catalog, address_book, ..Config::default() };
        let app = server::start(config, clock).await.unwrap();
        fill(&app).await.unwrap();
        (app, directory)
    }

    async fn actor(app: &App, id: &str) -> Actor {
        let user = users::find(app.db.read(), &UserRef::ExternalId(id.into())).await.unwrap();
        let user = Some(Arc::new(user));
        Actor { behind: None, role: Role::User, subject: id.into(), expires: app.clock.now(), user }
    }

    /// All items of somebody who has just looked at their inbox.
    async fn items(app: &App, actor: &Actor) -> Vec<Item> {
        pull::up_to_date_head(app, actor.person().unwrap().id).await.unwrap();
        newest(app, actor, InboxView::All, 100).await.unwrap()
    }

    #[tokio::test]
    async fn everybody_finds_a_handful_of_unread_items_and_nothing_from_the_future() {
        let (app, _directory) = demo().await;
        for person in PEOPLE {
            let actor = actor(&app, person.id).await;
            let counts = pull::up_to_date_head(&app, actor.person().unwrap().id).await.unwrap();
            assert!(
                (1..=15).contains(&counts.unread),
                "{} has {} unread",
                person.id,
                counts.unread
            );
            let items = items(&app, &actor).await;
            assert!(
                items.iter().all(|item| item.row.updated_at <= app.clock.now()),
                "{}",
                person.id
            );
        }
        app.db.close().await;
    }

    /// The people for whom the demo prints tokens: many people in one item, and an item that was
    /// read and then followed by another.
    #[tokio::test]
    async fn whoever_looks_around_finds_items_of_many_people_and_new_ones_after_they_have_read() {
        let (app, _directory) = demo().await;
        for id in ["ada", "kwame", "priya"] {
            let items = items(&app, &actor(&app, id).await).await;
            let unread = |item: &&Item| item.row.read_at.is_none();
            assert!(items.iter().filter(unread).any(|item| item.row.actor_count >= 3), "{id}");
            let about = |item: &Item| item.row.target_id.zip(item.row.action.clone());
            let read: BTreeSet<_> =
                items.iter().filter(|item| !unread(item)).filter_map(about).collect();
            assert!(
                items.iter().filter(unread).filter_map(about).any(|about| read.contains(&about)),
                "{id}"
            );
            let announced =
                items.iter().filter(|item| item.row.kind == inbox_item::Kind::Announcement).count();
            assert!((2..=4).contains(&announced), "{id} has {announced} announcements");
        }
        app.db.close().await;
    }

    #[tokio::test]
    async fn announcements_are_published_planned_expired_and_taken_back() {
        let (app, _directory) = demo().await;
        let announcements = announcement::Entity::find().all(app.db.read()).await.unwrap();
        let count = |is: &dyn Fn(&announcement::Model) -> bool| {
            announcements.iter().filter(|row| is(row)).count()
        };
        assert!(count(&|row| row.position.is_some() && row.withdrawn_at.is_none()) >= 2);
        assert_eq!(count(&|row| row.position.is_none() && row.publish_at > app.clock.now()), 1);
        assert_eq!(count(&|row| row.expires_at.is_some() && row.settled_at.is_some()), 1);
        assert_eq!(count(&|row| row.retracted_at.is_some()), 1);
        app.db.close().await;
    }

    /// Ada finds what only the host application can send, a thread that she has muted, what she has
    /// planned, and what somebody wrote who left.
    #[tokio::test]
    async fn ada_finds_an_invoice_a_muted_thread_a_plan_and_somebody_who_left() {
        let (app, _directory) = demo().await;
        let ada = actor(&app, "ada").await;
        let items = items(&app, &ada).await;
        let mut messages = items.iter().filter_map(Item::message);
        let invoice = messages.find(|message| message.subject.contains("invoice")).unwrap();
        let invoice = message::Entity::find_by_id(invoice.id).one(app.db.read()).await.unwrap();
        let invoice = invoice.unwrap();
        assert_eq!(invoice.category.as_deref(), Some("finance"));
        assert!(invoice.data.is_some() && invoice.actions.unwrap().contains("Download"));
        let muted = thread_mute::Entity::find().all(app.db.read()).await.unwrap();
        let muted = muted.iter().find(|mute| mute.user_id == ada.person().unwrap().id).unwrap();
        let of_thread = |item: &&Item| item.message().is_some_and(|m| m.root() == muted.root_id);
        let archived = items.iter().filter(of_thread).filter(|i| i.row.archived_at.is_some());
        assert_eq!((items.iter().filter(of_thread).count(), archived.count()), (5, 2));
        let left = user::Entity::find().filter(user::Column::ErasedAt.is_not_null());
        let left = left.one(app.db.read()).await.unwrap().unwrap();
        let theirs = message::Entity::find().filter(message::Column::SenderId.eq(left.id));
        let theirs = theirs.all(app.db.read()).await.unwrap();
        // The oldest that she has: not among her newest items.
        let in_inbox = inbox_item::Entity::find()
            .filter(inbox_item::Column::UserId.eq(ada.person().unwrap().id))
            .filter(inbox_item::Column::MessageId.is_in(theirs.iter().map(|message| message.id)));
        assert_eq!(in_inbox.all(app.db.read()).await.unwrap().len(), 2);
        let hers = message::Column::SenderId.eq(ada.person().unwrap().id);
        let planned = message::Entity::find().filter(message::Column::SendAt.is_not_null());
        assert!(planned.filter(hers).one(app.db.read()).await.unwrap().is_some());
        app.db.close().await;
    }

    /// The item that GraphiQL's tab explains: Ada had switched likes off.
    #[tokio::test]
    async fn a_like_that_was_not_wanted_can_be_explained() {
        let (app, _directory) = demo().await;
        let tab = include_str!("../../web/graphiql/tabs.ts");
        let id = tab.split_once("activityId: '").unwrap().1.split_once('\'').unwrap().0;
        let ada = actor(&app, "ada").await;
        let explanation = explain(&app, &ada, id, None).await.unwrap();
        let decided = explanation.rules.last().unwrap();
        assert_eq!((decided.rule, decided.passed), (Rule::Wanted, false), "{}", decided.detail);
        app.db.close().await;
    }
}
