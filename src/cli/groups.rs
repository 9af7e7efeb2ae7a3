//! The groups that messages can be sent to.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    api::{At, Call, Named},
    show::{Columns, Form, List, Listing},
    users,
};
use crate::{config::Given, error::Result, server::Access};

const ALL: List = List {
    document: "query Groups($search: String, $first: Int, $after: String) {
        groups(search: $search, first: $first, after: $after) {
            nodes { id externalId name memberCount createdAt }
            pageInfo { hasNextPage endCursor }
        } }",
    connection: "/groups",
    of: "group",
    columns: &[
        ("ID", "/id"),
        ("EXTERNAL ID", "/externalId"),
        ("NAME", "/name"),
        ("MEMBERS", "/memberCount"),
        ("SINCE", "/createdAt"),
    ],
};

const MEMBERS: List = List {
    document: "query GroupMembers($group: GroupRef!, $first: Int, $after: String) {
        group(ref: $group) { members(first: $first, after: $after) {
            nodes {
                id externalId name email createdAt deactivatedAt deactivation { reason detail } erasedAt
            }
            pageInfo { hasNextPage endCursor }
        } } }",
    connection: "/group/members",
    of: "group",
    columns: users::COLUMNS,
};

const SHOW: &str = "query Group($group: GroupRef!) {
    group(ref: $group) { id externalId name memberCount createdAt } }";

const SHOWN: Columns = &[
    ("id", "/id"),
    ("external id", "/externalId"),
    ("name", "/name"),
    ("members", "/memberCount"),
    ("since", "/createdAt"),
];

#[derive(Subcommand)]
pub enum Groups {
    /// Lists all groups, in the order in which they were created.
    List {
        /// Words of the name or external id, or their beginnings, in any order and case.
        #[arg(long, value_name = "WORDS")]
        search: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Shows what is known about a group.
    Show {
        #[command(flatten)]
        group: Named,
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        form: Form,
    },
    /// Lists the members of a group.
    Members {
        #[command(flatten)]
        group: Named,
        #[command(flatten)]
        listing: Listing,
    },
}

pub async fn run(command: Groups, given: &mut Given) -> Result<()> {
    match command {
        Groups::List { search, listing } => {
            let variables = json!({"search": search});
            ALL.print(given, listing, variables, &[("search", "--search")]).await
        }
        Groups::Show { group, at, form } => {
            let api = at.open(given, Access::Read).await?;
            let variables = json!({"group": group.input()});
            let call = Call { document: SHOW, variables, arguments: group.arguments() };
            let found = api.ask(&call).await;
            api.close().await;
            match found?["group"].take() {
                Value::Null => Err(call.not_found("group")),
                group => form.print(&group, SHOWN),
            }
        }
        Groups::Members { group, listing } => {
            let variables = json!({"group": group.input()});
            MEMBERS.print(given, listing, variables, group.arguments()).await
        }
    }
}
