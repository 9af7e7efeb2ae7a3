use ::entity::id::{ActivityId, UserId};
use async_graphql::{Context, ID, Object, SimpleObject};

use crate::{
    error::{Result, known},
    graphql::{actor, app, inbox::items::InboxItem},
    id,
    notifications::explain::{self, Outcome, Rule},
    people::users::UserRef,
};

/// Why an activity reached somebody, or did not.
pub struct Explanation(pub explain::Explanation);

impl Explanation {
    /// Why this activity reached a person, or did not, if the caller may ask.
    pub async fn find(
        ctx: &Context<'_>,
        activity: ActivityId,
        user: UserId,
    ) -> Result<Option<Self>> {
        let (activity, user) = (id::encode(activity), UserRef::Id(id::encode(user).into()));
        let explained = explain::explain(app(ctx), actor(ctx)?, &activity, Some(&user)).await;
        Ok(known(explained)?.map(Explanation))
    }
}

/// Why an activity reached somebody, or did not.
#[Object]
impl Explanation {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        id::of_explanation(self.0.activity, self.0.user).into()
    }

    /// Whether it is in their inbox.
    async fn delivered(&self) -> bool {
        self.0.item.is_some()
    }

    /// The item that it is part of; null if it was not delivered.
    async fn item(&self) -> Option<InboxItem> {
        self.0.item.clone().map(InboxItem)
    }

    /// The rules in the order in which they are applied, up to the one that decided.
    async fn rules(&self) -> Vec<ExplainedRule> {
        self.0.rules.iter().map(ExplainedRule::from).collect()
    }

    /// The deciding rule: the one that held the activity back, or the one that added it to the
    /// item.
    async fn decided_by(&self) -> Option<ExplainedRule> {
        self.0.rules.last().map(ExplainedRule::from)
    }
}

/// A rule and its outcome.
#[derive(SimpleObject)]
pub struct ExplainedRule {
    /// The rule.
    rule: Rule,
    /// Whether the activity passed it.
    passed: bool,
    /// What was found, in English.
    detail: String,
}

impl From<&Outcome> for ExplainedRule {
    fn from(outcome: &Outcome) -> Self {
        ExplainedRule { rule: outcome.rule, passed: outcome.passed, detail: outcome.detail.clone() }
    }
}

#[derive(Default)]
pub struct ExplainQuery;

#[Object]
impl ExplainQuery {
    /// Why an activity reached a user, or did not, according to the rules at the time when it was
    /// created. If `user` is omitted, the viewer. People may ask only about themselves and about
    /// activities that they may see.
    async fn explain(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The activity's id.")] activity_id: ID,
        #[graphql(desc = "Whose inbox it is about. If omitted, the viewer's.")] user: Option<
            UserRef,
        >,
    ) -> Result<Option<Explanation>> {
        let explained =
            explain::explain(app(ctx), actor(ctx)?, &activity_id, user.as_ref()).await?;
        Ok(Some(Explanation(explained)))
    }
}
