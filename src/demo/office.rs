//! The people of the demo and what they do, through the functions of the domain, as if they had
//! been there.
//!
//! Everything that happens at the same moment is joined, so that it shares a commit; the writer
//! takes it in the order of the code.

use std::{collections::HashMap, sync::Arc};

use ::entity::message;
use async_graphql::ID;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join_all;
use tokio::try_join;

use super::{
    people::{GROUPS, LEFT, Members, PEOPLE},
    story::{Announcement, Doing, Message, Reply, Setting, Thing, To},
};
use crate::{
    app::App,
    auth::{Actor, Role},
    erasure,
    error::{Error, Result},
    extras::ItemAction,
    id,
    inbox::{self, Change, Columns, Filter, InboxView, Item, ListPage, Texts},
    messages::{
        self, AudienceRef, CreateMessageInput, ReplyToMessageInput,
        reminders::{RemindUntil, ReminderInput},
    },
    notifications::{
        activities::{self, ActivityInput, CreateActivitiesInput, TargetInput},
        announcements::{self, CreateAnnouncementInput},
        pull,
        subscriptions::{self, ActionSettingInput, SubscribeInput, UpdateSubscriptionConfigInput},
        targets::TargetRef,
    },
    page::Page,
    people::{
        groups::{self, GroupRef},
        users::{self, UserInput, UserRef},
    },
};

/// The host application, which registers people and groups, sends what no person sends, and reports
/// activities.
pub const HOST: &str = "booking-app";

/// The people, and what has been sent so far.
pub struct Office {
    people: HashMap<&'static str, Actor>,
    host: Actor,
    /// By the number of the step.
    sent: HashMap<usize, message::Model>,
    /// The ids of announcements, by their titles.
    announced: HashMap<&'static str, ID>,
}

impl Office {
    /// Registers the people and groups.
    pub async fn open(app: &App) -> Result<Self> {
        let actor = |role, subject: &str, user| Actor {
            behind: None,
            role,
            subject: subject.to_owned(),
            user,
            expires: DateTime::<Utc>::MAX_UTC,
        };
        let host = actor(Role::Service, HOST, None);
        let everybody = || PEOPLE.iter().chain([&LEFT]);
        let people = everybody().map(|person| UserInput {
            external_id: person.id.into(),
            first_name: Some(person.first_name.into()),
            last_name: Some(person.last_name.into()),
            email: Some(format!("{}@example.com", person.id)),
            avatar_url: None,
            locale: Some(person.locale.into()),
            time_zone: Some(person.time_zone.into()),
        });
        let users = users::upsert(app, &host, people.collect()).await?;
        let people = everybody().zip(users);
        let people = people
            .map(|(person, user)| (person.id, actor(Role::User, person.id, Some(Arc::new(user)))));
        let office = Office {
            people: people.collect(),
            host,
            sent: HashMap::new(),
            announced: HashMap::new(),
        };

        let host = &office.host;
        let open = GROUPS.iter().map(|group| async move {
            groups::upsert(app, host, group.id.into(), group.name.into()).await?;
            let members: Vec<_> = match group.members {
                Members::Everybody => PEOPLE.iter().map(|person| person.id).collect(),
                Members::These(ids) => ids.to_vec(),
            };
            let members: Vec<_> =
                members.into_iter().map(|id| UserRef::ExternalId(id.into())).collect();
            groups::add_members(app, host, &GroupRef::ExternalId(group.id.into()), &members).await
        });
        try_join_all(open).await?;
        Ok(office)
    }

    /// Gives everybody the picture that is called as they are.
    pub async fn hang_portraits(&self, app: &App, place: &str) -> Result<()> {
        let people = PEOPLE.iter().map(|person| UserInput {
            external_id: person.id.into(),
            first_name: None,
            last_name: None,
            email: None,
            avatar_url: Some(format!("{place}/{}.svg", person.id)),
            locale: None,
            time_zone: None,
        });
        users::upsert(app, &self.host, people.collect()).await?;
        Ok(())
    }

    pub fn person(&self, id: &str) -> Result<&Actor> {
        self.people
            .get(id)
            .ok_or_else(|| Error::internal(format!("the story has nobody called {id}")))
    }

    pub async fn send(&mut self, app: &App, number: usize, message: &Message) -> Result<()> {
        let sent = self.write(app, message).await?;
        self.sent.insert(number, sent);
        Ok(())
    }

    pub async fn write(&self, app: &App, message: &Message) -> Result<message::Model> {
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
            send_at: message.is_for_tomorrow.then(|| app.clock.now() + TimeDelta::days(1)),
            reminder: message.reminds.as_ref().map(|reminds| ReminderInput {
                frequency: reminds.frequency.into(),
                until: if reminds.is_campaign { RemindUntil::Replied } else { RemindUntil::Read },
                time_zone: None,
                deactivate_non_repliers: reminds.is_campaign,
            }),
            url: message.extra.map(|extra| extra.url.into()),
            data: message
                .extra
                .and_then(|extra| extra.data)
                .map(serde_json::from_str)
                .transpose()
                .map_err(|error| Error::internal(error))?,
            actions: message.extra.map(|extra| {
                let action = |(label, url): (&str, &str), is_main| ItemAction {
                    label: label.into(),
                    url: url.into(),
                    is_main,
                };
                let main = action((extra.action, extra.url), true);
                [main].into_iter().chain(extra.other.map(|other| action(other, false))).collect()
            }),
            category: message.extra.map(|extra| extra.category.into()),
            idempotency_key: None,
        };
        // Only admins may threaten to deactivate people.
        let role = if message.reminds.as_ref().is_some_and(|reminds| reminds.is_campaign) {
            Role::Admin
        } else {
            sender.role
        };
        let (message, _) = messages::send(app, &Actor { role, ..sender.clone() }, input).await?;
        Ok(message)
    }

    pub async fn reply(
        &mut self,
        app: &App,
        number: usize,
        to: usize,
        reply: &Reply,
    ) -> Result<()> {
        let early = || {
            Error::internal(format!(
                "in the story {} answers before there is a message",
                reply.from
            ))
        };
        let parent = self.sent.get(&to).ok_or_else(early)?;
        let sent = self.answer(app, parent, reply).await?;
        self.sent.insert(number, sent);
        Ok(())
    }

    pub async fn answer(
        &self,
        app: &App,
        parent: &message::Model,
        reply: &Reply,
    ) -> Result<message::Model> {
        let sender = self.person(reply.from)?;
        let input = ReplyToMessageInput {
            parent_id: ID(id::encode(parent.id)),
            body: reply.body.into(),
            scope: reply.scope,
            idempotency_key: None,
        };
        // Nobody answers what they have not read.
        let ((), (message, _)) =
            try_join!(biased; look(app, sender), messages::reply(app, sender, input))?;
        Ok(message)
    }

    /// Somebody wants to hear no more of a thread.
    pub async fn mute(&self, app: &App, number: usize, who: &str) -> Result<()> {
        let unsent = || Error::internal(format!("{who} mutes before there is a message"));
        let message = self.sent.get(&number).ok_or_else(unsent)?;
        let owner = self.person(who)?.person()?.id;
        inbox::mute(&app.db, owner, message.root(), app.clock.now()).await
    }

    /// Somebody leaves, and is erased.
    pub async fn erase(&self, app: &App, who: &str) -> Result<()> {
        let who = UserRef::ExternalId(who.into());
        erasure::erase(app, &self.host, &who, false).await?;
        Ok(())
    }

    /// Somebody archives some items, even ones they have not read, which shows in their read rate,
    /// and reads the rest.
    pub async fn skim(&self, app: &App, reader: usize) -> Result<()> {
        let actor = self.person(PEOPLE[reader].id)?;
        pull::up_to_date_head(app, actor.person()?.id).await?;
        let items = newest(app, actor, InboxView::Active, 20).await?;
        let is_dull =
            |item: &&Item| item.row.message_id.is_some_and(|id| id.0 as usize % 3 == reader % 3);
        let dull = items.iter().filter(is_dull);
        try_join!(biased; change(app, actor, dull, Change::Archive), look(app, actor))?;
        Ok(())
    }

    /// Somebody reads what is new, marks some of it for a second look, and snoozes one item. Some
    /// mute an old thread.
    pub async fn tidy_up(&self, app: &App, reader: usize, tomorrow: DateTime<Utc>) -> Result<()> {
        let actor = self.person(PEOPLE[reader].id)?;
        look(app, actor).await?;
        let items = newest(app, actor, InboxView::Active, 10).await?;
        if let Some(message) =
            items.iter().rev().find_map(Item::message).filter(|_| reader % 5 == 2)
        {
            inbox::mute(&app.db, actor.person()?.id, message.root(), app.clock.now()).await?;
        }
        // A fixed pattern that differs from person to person.
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

    /// Somebody creates something, and follows it as its owner.
    pub async fn make(&self, app: &App, thing: &Thing) -> Result<()> {
        self.follow(app, thing, thing.owner, "create").await
    }

    /// Somebody acts on a thing. The host application reports it; anyone who likes the thing
    /// follows it from then on.
    pub async fn act(&self, app: &App, thing: &Thing, doing: &Doing) -> Result<()> {
        let activity = ActivityInput {
            actor: Some(UserRef::ExternalId(doing.by.into())),
            action: doing.action.into(),
            target: TargetInput {
                kind: thing.kind.into(),
                external_id: thing.id.into(),
                owner: Some(UserRef::ExternalId(thing.owner.into())),
                title: Some(thing.title.into()),
                url: Some(format!("/{}s/{}", thing.kind, thing.id)),
            },
            data: doing.preview.map(|preview| serde_json::json!({ "preview": preview })),
            occurred_at: None,
        };
        let input = CreateActivitiesInput { activities: vec![activity], idempotency_key: None };
        let follow = async {
            match doing.action {
                "like" => self.follow(app, thing, doing.by, "like").await,
                _ => Ok(()),
            }
        };
        try_join!(biased; activities::create(app, &self.host, input), follow)?;
        Ok(())
    }

    async fn follow(&self, app: &App, thing: &Thing, who: &str, why: &str) -> Result<()> {
        let (kind, external_id) = (Some(thing.kind.into()), Some(thing.id.into()));
        let target = TargetRef { id: None, kind, external_id };
        let input = SubscribeInput { target, reason: format!("{why}_{}", thing.kind) };
        subscriptions::subscribe(app, self.person(who)?, input).await?;
        Ok(())
    }

    /// Somebody says what they want to hear of.
    pub async fn want(&self, app: &App, setting: &Setting) -> Result<()> {
        let wanted =
            ActionSettingInput { action: setting.action.into(), enabled: Some(setting.wanted) };
        let input = UpdateSubscriptionConfigInput { settings: vec![wanted] };
        subscriptions::configure(app, self.person(setting.by)?, input).await?;
        Ok(())
    }

    pub async fn announce(
        &mut self,
        app: &App,
        announcement: &Announcement,
        tomorrow: DateTime<Utc>,
    ) -> Result<()> {
        let actor = match announcement.by {
            Some(id) => Actor { role: Role::Admin, ..self.person(id)?.clone() },
            None => self.host.clone(),
        };
        let input = CreateAnnouncementInput {
            title: announcement.title.into(),
            body: announcement.body.into(),
            url: announcement.url.map(Into::into),
            data: None,
            actions: None,
            category: announcement.category.map(Into::into),
            publish_at: announcement.is_for_tomorrow.then_some(tomorrow),
            expires_at: announcement
                .leaves_after
                .map(|days| app.clock.now() + TimeDelta::days(days)),
            idempotency_key: None,
        };
        let (row, _) = announcements::create(app, &actor, input).await?;
        self.announced.insert(announcement.title, ID(id::encode(row.id)));
        Ok(())
    }

    pub async fn take_back(&self, app: &App, announcement: &Announcement) -> Result<()> {
        let early = || {
            Error::internal(format!("{} is taken back before it is announced", announcement.title))
        };
        let id = self.announced.get(announcement.title).ok_or_else(early)?;
        announcements::retract(app, &self.host, id).await?;
        Ok(())
    }
}

pub async fn newest(app: &App, actor: &Actor, view: InboxView, count: i32) -> Result<Vec<Item>> {
    let page = Page::new(Some(count), None, None, None)?;
    let filter = Filter { view, ..Filter::default() };
    let list = ListPage { filter, page, texts: Texts::None, columns: Columns::All };
    Ok(list.read(&app.db, actor.person()?.id).await?.rows)
}

/// Reads what is new. As in production, an inbox takes in what was announced and done when it is
/// looked at.
async fn look(app: &App, actor: &Actor) -> Result<()> {
    pull::up_to_date_head(app, actor.person()?.id).await?;
    let all = Filter::default();
    inbox::change_all(&app.db, actor, &all, None, Change::Read, app.clock.now()).await?;
    Ok(())
}

/// Changes some items, if there are any.
pub async fn change(
    app: &App,
    actor: &Actor,
    items: impl IntoIterator<Item = &Item>,
    change: Change,
) -> Result<()> {
    let ids: Vec<_> = items.into_iter().map(|item| id::encode(item.row.id)).collect();
    if !ids.is_empty() {
        inbox::change_items(&app.db, actor, &ids, change, app.clock.now()).await?;
    }
    Ok(())
}
