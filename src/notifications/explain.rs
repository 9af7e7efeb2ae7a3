//! Why an activity reached somebody or did not (X5): the rules of pull in order, and the one that
//! decided.
//!
//! Subscriptions and settings are considered as they were when the activity was created; later
//! changes do not matter.

use ::entity::{
    activity,
    id::{ActivityId, UserId},
    inbox as row, subscription, subscription_config, user,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::{
    app::App,
    auth::Actor,
    error::{Error, Result},
    id,
    inbox::{self, Item},
    notifications::{activities, subscriptions},
    people::users::{self, UserRef},
};

/// A rule that decides whether an activity reaches an inbox, in the order in which the rules are
/// applied.
#[derive(async_graphql::Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(name = "ExplanationRule")]
pub enum Rule {
    /// The user is known to Tidings and active.
    KnownUser,
    /// The user follows the target for a reason that covers the action.
    Subscribed,
    /// The user followed the target before the activity and had not stopped.
    SubscriptionOlder,
    /// The user did not do it themself.
    NotOwnDoing,
    /// The user wants to hear of the action.
    Wanted,
    /// The activity was not retracted.
    NotRetracted,
    /// The user's inbox has taken in what was new since then.
    Pulled,
    /// The activity was added to an inbox item.
    Aggregated,
}

/// A rule and its outcome.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub rule: Rule,
    pub passed: bool,
    pub detail: String,
}

/// Why an activity is, or is not, in an inbox.
#[derive(Clone, Debug)]
pub struct Explanation {
    pub activity: ActivityId,
    pub user: UserId,
    /// The rules up to the one that decided.
    pub rules: Vec<Outcome>,
    pub item: Option<Item>,
}

/// Explains an activity for a person, or for the actor if nobody is named.
pub async fn explain(
    app: &App,
    actor: &Actor,
    activity: &str,
    user: Option<&UserRef>,
) -> Result<Explanation> {
    let activity = activities::find(app, actor, id::decode(activity)?).await?;
    let user = match user {
        None => actor.person()?.clone(),
        Some(user) => users::find(app.db.read(), user).await?,
    };
    if !actor.may_see_private(user.id) {
        return Err(Error::NotFound("user"));
    }
    let case = Case::load(app, &activity, &user).await?;
    let rules = [
        Case::known_user,
        Case::subscribed,
        Case::subscription_older,
        Case::not_own_doing,
        Case::wanted,
        Case::not_retracted,
        Case::pulled,
        Case::aggregated,
    ];
    let mut outcomes = Vec::new();
    for rule in rules {
        let outcome = rule(&case);
        let decides = !outcome.passed;
        outcomes.push(outcome);
        if decides {
            break;
        }
    }
    Ok(Explanation { activity: activity.id, user: user.id, rules: outcomes, item: case.item })
}

/// An activity and a person, with all that the rules ask about.
struct Case<'a> {
    activity: &'a activity::Model,
    user: &'a user::Model,
    head: row::Model,
    item: Option<Item>,
    /// All subscriptions of the person to the action on the target, also those that have ended.
    followed: Vec<subscription::Model>,
    /// The person's setting that was in force.
    setting: Option<subscription_config::Model>,
    /// Whether people hear of the action if they have not set anything.
    is_on_by_default: bool,
}

impl<'a> Case<'a> {
    async fn load(app: &App, activity: &'a activity::Model, user: &'a user::Model) -> Result<Self> {
        let db = app.db.read();
        let head = row::Entity::find_by_id(user.id).one(db).await?;
        let head = head.ok_or(Error::NotFound("inbox"))?;
        let item = inbox::item_with_activity(&app.db, user.id, activity.id).await?;
        let followed = subscription::Entity::find()
            .filter(subscription::COLUMN.user_id.eq(user.id))
            .filter(subscription::COLUMN.target_id.eq(activity.target_id))
            .filter(subscription::COLUMN.action.eq(&activity.action))
            .order_by_asc(subscription::Column::Id)
            .all(db)
            .await?;
        let settings = subscriptions::settings(db, &[user.id]).await?;
        let was_in_force = |set: &subscription_config::Model| {
            set.action == activity.action && holds(set.since, set.until, activity.id)
        };
        let setting = settings.into_iter().find(was_in_force);
        let action = app.catalog.action(&activity.action);
        let is_on_by_default = action.is_none_or(|action| action.enabled);
        Ok(Case { activity, user, head, item, followed, setting, is_on_by_default })
    }

    fn known_user(&self) -> Outcome {
        let name = &self.user.external_id;
        match self.user.deactivated_at {
            None => outcome(Rule::KnownUser, true, format!("{name} is known and active")),
            Some(since) => outcome(
                Rule::KnownUser,
                self.item.is_some(),
                format!("{name} has been deactivated since {}", since.to_rfc3339()),
            ),
        }
    }

    fn subscribed(&self) -> Outcome {
        let action = &self.activity.action;
        let detail = match self.followed.is_empty() {
            true => format!("no subscription to “{action}” on this target"),
            false => {
                let reasons = reasons(self.followed.iter());
                format!("follows “{action}” on this target, or did: {reasons}")
            }
        };
        outcome(Rule::Subscribed, !self.followed.is_empty(), detail)
    }

    fn subscription_older(&self) -> Outcome {
        let activity = self.activity.id;
        let holding = || self.followed.iter().filter(|row| holds(row.since, row.until, activity));
        let detail = match (holding().next(), self.followed.last()) {
            (Some(first), _) => {
                format!("since {}: {}", first.created_at.to_rfc3339(), reasons(holding()))
            }
            (None, Some(last)) if last.since >= activity => {
                let began = last.created_at.to_rfc3339();
                format!("the subscription began after the activity, at {began}")
            }
            _ => "the subscription had ended before the activity".into(),
        };
        outcome(Rule::SubscriptionOlder, holding().next().is_some(), detail)
    }

    fn not_own_doing(&self) -> Outcome {
        match self.activity.actor_id == Some(self.user.id) {
            true => outcome(Rule::NotOwnDoing, false, "it is their own doing"),
            false => outcome(Rule::NotOwnDoing, true, "somebody else did it"),
        }
    }

    fn wanted(&self) -> Outcome {
        let (action, default) = (&self.activity.action, self.is_on_by_default);
        // What arrived was wanted, whatever the default has become since.
        let or_arrived = default || self.item.is_some();
        let wanted = self.setting.as_ref().map_or(or_arrived, |setting| setting.enabled);
        let on_or_off = if wanted { "on" } else { "off" };
        let detail = match &self.setting {
            Some(setting) => format!(
                "“{action}” was switched {on_or_off} by the user, at {}",
                setting.created_at.to_rfc3339()
            ),
            None if wanted != default => format!("“{action}” was on by default when it came"),
            None => format!("“{action}” is {on_or_off} by default"),
        };
        outcome(Rule::Wanted, wanted, detail)
    }

    fn not_retracted(&self) -> Outcome {
        match self.activity.retracted_at {
            None => outcome(Rule::NotRetracted, true, "it was not retracted"),
            Some(at) => {
                let detail = format!("it was retracted at {}", at.to_rfc3339());
                outcome(Rule::NotRetracted, false, detail)
            }
        }
    }

    fn pulled(&self) -> Outcome {
        let is_pulled = self.activity.id <= self.head.activities_pulled;
        let detail = match is_pulled {
            true => "the inbox has taken in what was new since",
            false => "it is due: the inbox takes it in when it is next looked at",
        };
        outcome(Rule::Pulled, is_pulled, detail)
    }

    fn aggregated(&self) -> Outcome {
        let detail = match &self.item {
            Some(Item { row, .. }) => {
                format!("it is one of {} in {}", row.activity_count, id::encode(row.id))
            }
            None => "it is in no item: when it was taken in, the default was another, \
                     or the user was not active; or it is older than inboxes keep things"
                .into(),
        };
        outcome(Rule::Aggregated, self.item.is_some(), detail)
    }
}

fn outcome(rule: Rule, passed: bool, detail: impl Into<String>) -> Outcome {
    Outcome { rule, passed, detail: detail.into() }
}

/// The reasons of some subscriptions.
fn reasons<'a>(rows: impl Iterator<Item = &'a subscription::Model>) -> String {
    let mut reasons: Vec<_> = rows.map(|row| row.reason.as_str()).collect();
    reasons.dedup();
    reasons.join(", ")
}

/// Whether something that held from one position to another held for an activity.
fn holds(since: ActivityId, until: Option<ActivityId>, activity: ActivityId) -> bool {
    since < activity && until.is_none_or(|until| activity <= until)
}
