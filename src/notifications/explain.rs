//! Why an activity reached somebody or did not (X5): the rules of pull in order, and the one that
//! decided.
//!
//! Subscriptions and settings are considered as they were when the activity was created; later
//! changes do not matter.

use ::entity::{activity, id::ActivityId, inbox as row, subscription, user};
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
    let db = app.db.read();
    let head = row::Entity::find_by_id(user.id).one(db).await?.ok_or(Error::NotFound("inbox"))?;
    let item = inbox::item_with_activity(&app.db, user.id, activity.id).await?;
    let mut rules = Vec::new();
    for outcome in outcomes(app, &activity, &user, &head, item.as_ref()).await? {
        let decides = !outcome.passed;
        rules.push(outcome);
        if decides {
            break;
        }
    }
    Ok(Explanation { rules, item })
}

async fn outcomes(
    app: &App,
    activity: &activity::Model,
    user: &user::Model,
    head: &row::Model,
    item: Option<&Item>,
) -> Result<Vec<Outcome>> {
    let outcome = |rule, passed, detail: String| Outcome { rule, passed, detail };
    let action = &activity.action;
    let followed = subscription::Entity::find()
        .filter(subscription::COLUMN.user_id.eq(user.id))
        .filter(subscription::COLUMN.target_id.eq(activity.target_id))
        .filter(subscription::COLUMN.action.eq(action))
        .order_by_asc(subscription::Column::Id);
    let followed = followed.all(app.db.read()).await?;
    let holding: Vec<_> =
        followed.iter().filter(|row| holds(row.since, row.until, activity.id)).collect();
    let reasons = |rows: &[&subscription::Model]| {
        let mut reasons: Vec<_> = rows.iter().map(|row| row.reason.as_str()).collect();
        reasons.dedup();
        reasons.join(", ")
    };
    let settings = subscriptions::settings(app.db.read(), user.id).await?;
    let setting = settings
        .iter()
        .find(|set| set.action == *action && holds(set.since, set.until, activity.id));
    let default = app.catalog.action(action).is_none_or(|action| action.enabled);
    // What arrived was wanted, whatever the default has become since.
    let wanted = setting.map_or(default || item.is_some(), |setting| setting.enabled);

    Ok(vec![
        match user.deactivated_at {
            None => outcome(Rule::KnownUser, true, format!("{} is known and active", user.external_id)),
            Some(since) => outcome(
                Rule::KnownUser,
                item.is_some(),
                format!("{} is deactivated since {}", user.external_id, since.to_rfc3339()),
            ),
        },
        match followed.is_empty() {
            true => outcome(Rule::Subscribed, false, format!("no subscription to “{action}” on this target")),
            false => outcome(
                Rule::Subscribed,
                true,
                format!("follows “{action}” on this target, or did: {}", reasons(&followed.iter().collect::<Vec<_>>())),
            ),
        },
        match (holding.first(), followed.last()) {
            (Some(row), _) => outcome(
                Rule::SubscriptionOlder,
                true,
                format!("since {}: {}", row.created_at.to_rfc3339(), reasons(&holding)),
            ),
            (None, Some(row)) if row.since >= activity.id => outcome(
                Rule::SubscriptionOlder,
                false,
                format!("the subscription began after the activity, at {}", row.created_at.to_rfc3339()),
            ),
            _ => outcome(Rule::SubscriptionOlder, false, "the subscription had ended before the activity".into()),
        },
        match activity.actor_id == Some(user.id) {
            true => outcome(Rule::NotOwnDoing, false, "it is their own doing".into()),
            false => outcome(Rule::NotOwnDoing, true, "somebody else did it".into()),
        },
        outcome(
            Rule::Wanted,
            wanted,
            match setting {
                Some(setting) => format!(
                    "“{action}” was switched {} by the user, at {}",
                    if wanted { "on" } else { "off" },
                    setting.created_at.to_rfc3339()
                ),
                None if wanted != default => format!("“{action}” was on by default when it came"),
                None => format!("“{action}” is {} by default", if wanted { "on" } else { "off" }),
            },
        ),
        match activity.retracted_at {
            None => outcome(Rule::NotRetracted, true, "it stands".into()),
            Some(at) => outcome(Rule::NotRetracted, false, format!("it was retracted at {}", at.to_rfc3339())),
        },
        match activity.id <= head.activities_pulled {
            true => outcome(Rule::Pulled, true, "the inbox has taken in what was new since".into()),
            false => outcome(Rule::Pulled, false, "it is due: the inbox takes it in when it is next looked at".into()),
        },
        match item {
            Some(item) => outcome(
                Rule::Aggregated,
                true,
                format!("it is one of {} in {}", item.row.activity_count, id::encode(item.row.id)),
            ),
            None => outcome(
                Rule::Aggregated,
                false,
                "it is in no item: when it was taken in, the default was another, or the user was not active".into(),
            ),
        },
    ])
}

/// Whether something that held from one position to another held for an activity.
fn holds(since: ActivityId, until: Option<ActivityId>, activity: ActivityId) -> bool {
    since < activity && until.is_none_or(|until| activity <= until)
}
