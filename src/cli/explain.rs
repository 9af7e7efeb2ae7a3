//! Why an activity reached somebody, or did not.

use clap::Args;
use serde_json::{Value, json};

use super::{
    api::{Arguments, At, Call},
    show::{Columns, Form},
};
use crate::{config::Given, error::Result, process, server::Access};

const EXPLAIN: &str = "query Explain($activity: ID!, $user: UserRef) {
    explain(activityId: $activity, user: $user) {
        id delivered item { id } decidedBy { rule passed detail } rules { rule passed detail } } }";

/// The caller of the database is nobody, and a service's token acts for nobody.
const ARGUMENTS: Arguments = &[("user", "--user"), ("act-as", "--user"), ("activity", "ACTIVITY")];

const SHOWN: Columns = &[("delivered", "/delivered"), ("item", "/item/id")];
const RULES: Columns = &[("RULE", "/rule"), ("PASSED", "/passed"), ("FOUND", "/detail")];

#[derive(Args)]
pub struct Explain {
    /// The activity's id, which begins with act_.
    activity: String,
    /// The host application's id of the person whose inbox it is about. Without it, the person of
    /// the token.
    #[arg(long, value_name = "EXTERNAL_ID")]
    user: Option<String>,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    form: Form,
}

pub async fn run(command: Explain, given: &mut Given) -> Result<()> {
    let Explain { activity, user, at, form } = command;
    let api = at.open(given, Access::Read).await?;
    let user = user.map(|user| json!({"externalId": user}));
    let variables = json!({"activity": activity, "user": user});
    let explained = api.ask(&Call { document: EXPLAIN, variables, arguments: ARGUMENTS }).await;
    api.close().await;
    let explanation = explained?["explain"].take();
    form.print(&explanation, SHOWN)?;
    match (&explanation["rules"], form.is_json()) {
        (Value::Array(rules), false) => {
            process::print("\n")?;
            form.print_table(rules, RULES)
        }
        _ => Ok(()),
    }
}
