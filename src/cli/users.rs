//! The people that the server knows.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    api::{Api, At, Call, Named},
    show::{Columns, Form, List, Listing, harmless},
};
use crate::{
    config::Given,
    error::{Error, Result},
    server::Access,
};

/// What is shown of people in lists.
pub const COLUMNS: Columns = &[
    ("ID", "/id"),
    ("EXTERNAL ID", "/externalId"),
    ("NAME", "/name"),
    ("E-MAIL", "/email"),
    ("SINCE", "/createdAt"),
    ("DEACTIVATED", "/deactivatedAt"),
    ("REASON", "/deactivation/reason"),
    ("DETAIL", "/deactivation/detail"),
    ("ERASED", "/erasedAt"),
];

const ALL: List = List {
    document: "query Users($search: String, $first: Int, $after: String) {
        users(search: $search, first: $first, after: $after) {
            nodes {
                id externalId name email createdAt deactivatedAt deactivation { reason detail } erasedAt
            }
            pageInfo { hasNextPage endCursor }
        } }",
    connection: "/users",
    of: "user",
    columns: COLUMNS,
};

/// A document about `$user` that selects what is shown of one person.
macro_rules! document {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "{ id externalId name email locale timeZone createdAt deactivatedAt ",
            "deactivation { reason detail } erasedAt }",
            $after
        )
    };
}

const SHOW: &str = document!("query User($user: UserRef!) { user(ref: $user) ", " }");
const DEACTIVATE: &str = document!(
    "mutation DeactivateUser($user: UserRef!, $reason: String) {
        done: deactivateUser(input: {user: $user, reason: $reason}) { user ",
    " } }"
);
const REACTIVATE: &str = document!(
    "mutation ReactivateUser($user: UserRef!) { done: reactivateUser(input: {user: $user}) { user ",
    " } }"
);
const ERASE: &str = document!(
    "mutation EraseUser($user: UserRef!, $messages: Boolean!) {
        done: eraseUser(input: {user: $user, messages: $messages}) { isComplete user ",
    " } }"
);

const SHOWN: Columns = &[
    ("id", "/id"),
    ("external id", "/externalId"),
    ("name", "/name"),
    ("e-mail", "/email"),
    ("locale", "/locale"),
    ("time zone", "/timeZone"),
    ("since", "/createdAt"),
    ("deactivated", "/deactivatedAt"),
    ("reason", "/deactivation/reason"),
    ("detail", "/deactivation/detail"),
    ("erased", "/erasedAt"),
    ("complete", "/isComplete"),
];

#[derive(Subcommand)]
pub enum Users {
    /// Lists everybody, in the order in which they became known.
    List {
        /// Words of the name or external id, or their beginnings, in any order and case.
        #[arg(long, value_name = "WORDS")]
        search: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Shows what is known about a person.
    Show(Person),
    /// Deactivates a person: their tokens stop working and nothing new is sent to them.
    Deactivate {
        #[command(flatten)]
        person: Person,
        /// Why, for operators, the host application and admins to read. Replaces the reason given
        /// before, if the person is already deactivated.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Reactivates a person who was deactivated.
    Reactivate(Person),
    /// Erases a person for good: who they were, their inbox, and what they have planned, read and
    /// follow.
    Erase {
        #[command(flatten)]
        person: Person,
        /// Erases what they have written, too.
        #[arg(long)]
        messages: bool,
        /// Without it, nobody is erased.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args)]
pub struct Person {
    #[command(flatten)]
    user: Named,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    form: Form,
}

pub async fn run(command: Users, given: &mut Given) -> Result<()> {
    match command {
        Users::List { search, listing } => {
            let variables = json!({"search": search});
            ALL.print(given, listing, variables, &[("search", "--search")]).await
        }
        Users::Show(person) => {
            let (user, form) = person.find(given).await?;
            form.print(&user, SHOWN)
        }
        Users::Deactivate { person, reason } => {
            person.change(given, DEACTIVATE, json!({"reason": reason})).await
        }
        Users::Reactivate(person) => person.change(given, REACTIVATE, json!({})).await,
        Users::Erase { person, messages, yes: true } => {
            person.change(given, ERASE, json!({"messages": messages})).await
        }
        Users::Erase { person, yes: false, .. } => {
            let (user, _) = person.find(given).await?;
            let [name, id] =
                ["name", "id"].map(|field| harmless(user[field].as_str().unwrap_or_default()));
            let why = format!("is needed to erase {name} ({id}), which nobody can undo");
            Err(Error::invalid("--yes", why))
        }
    }
}

impl Person {
    async fn find(self, given: &mut Given) -> Result<(Value, Form)> {
        let api = self.at.open(given, Access::Read).await?;
        let call = call(&self.user, SHOW, json!({}));
        let found = api.ask(&call).await;
        api.close().await;
        match found?["user"].take() {
            Value::Null => Err(call.not_found("user")),
            user => Ok((user, self.form)),
        }
    }

    /// Changes the person, and shows what is known about them afterwards.
    async fn change(
        self,
        given: &mut Given,
        document: &'static str,
        variables: Value,
    ) -> Result<()> {
        let api: Api = self.at.open(given, Access::Write).await?;
        let changed = api.ask(&call(&self.user, document, variables)).await;
        api.close().await;
        let mut done = changed?["done"].take();
        let mut user = done["user"].take();
        if let Some(is_complete) = done.get_mut("isComplete") {
            user["isComplete"] = is_complete.take();
        }
        self.form.print(&user, SHOWN)
    }
}

/// An operation about this person.
fn call(user: &Named, document: &'static str, mut variables: Value) -> Call {
    variables["user"] = user.input();
    Call { document, variables, arguments: user.arguments() }
}
