//! The people of a test, who act as their real clients do.

use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    app::TestApp,
    documents::{CREATE_MESSAGE, REPLY_TO_MESSAGE, SET_EXPIRY},
    socket::{Following, Socket},
    state::{COUNTS, ITEM, InboxState},
};

/// A person with a client.
#[derive(Clone)]
pub struct TestUser {
    pub app: TestApp,
    /// The external id.
    pub name: String,
    pub id: String,
    pub token: Option<String>,
    pub act_as: Option<String>,
}

/// An address of a message.
pub enum To<'a> {
    User(&'a TestUser),
    Group(&'a str),
}

impl To<'_> {
    pub fn input(&self) -> Value {
        match self {
            To::User(user) => json!({"user": {"externalId": user.name}}),
            To::Group(group) => json!({"group": {"externalId": group}}),
        }
    }
}

impl TestUser {
    /// The same client, acting for somebody.
    pub fn acting_as(&self, user: &TestUser) -> Self {
        TestUser { act_as: Some(user.name.clone()), ..self.clone() }
    }

    /// The complete answer to a request.
    pub async fn ask(&self, query: &str, variables: Value) -> Value {
        // One pool per runtime would be right; a connection per request is simpler, and loopback is
        // fast.
        static HTTP: OnceLock<reqwest::Client> = OnceLock::new();
        let http = HTTP
            .get_or_init(|| reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap());
        let mut request = http
            .post(self.app.url("/graphql"))
            .json(&json!({"query": query, "variables": variables}));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(act_as) = &self.act_as {
            request = request.header("act-as", act_as);
        }
        request.send().await.unwrap().json().await.unwrap()
    }

    /// The fields of a type that are a value and need no arguments.
    pub async fn leaf_fields(&self, name: &str) -> Vec<String> {
        const TYPE: &str = "query($name: String!) { __type(name: $name) { fields {
            name args { name } type { kind ofType { kind } } } } }";
        let ty = self.query(TYPE, json!({"name": name})).await;
        let is_leaf = |field: &&Value| {
            let kind = match &field["type"]["ofType"]["kind"] {
                Value::Null => &field["type"]["kind"],
                inner => inner,
            };
            matches!(kind.as_str(), Some("SCALAR" | "ENUM"))
                && field["args"].as_array().unwrap().is_empty()
        };
        let fields = ty["__type"]["fields"].as_array().unwrap().iter().filter(is_leaf);
        fields.map(|field| field["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The data of an answer that has no errors.
    pub async fn query(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.ask(query, variables).await;
        assert!(answer.get("errors").is_none(), "{query}\n{answer:#}");
        answer["data"].take()
    }

    /// The code of an answer's only error, and the field that it names.
    pub async fn refusal(&self, query: &str, variables: Value) -> (String, Option<String>) {
        let answer = self.ask(query, variables).await;
        let errors = answer["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("nothing was refused: {answer:#}"));
        let text = |name: &str| errors[0]["extensions"][name].as_str().map(str::to_owned);
        (text("code").unwrap_or_else(|| panic!("no code: {answer:#}")), text("field"))
    }

    /// Sends a message and returns its id.
    pub async fn send(&self, to: &TestUser, subject: &str) -> String {
        self.send_to(&[To::User(to)], subject).await
    }

    pub async fn send_to(&self, to: &[To<'_>], subject: &str) -> String {
        self.create_message(json!({
            "to": to.iter().map(To::input).collect::<Value>(), "subject": subject, "body": "",
        }))
        .await
    }

    pub async fn create_message(&self, input: Value) -> String {
        let sent = self.query(CREATE_MESSAGE, json!({"input": input})).await;
        sent["createMessage"]["message"]["id"].as_str().unwrap().to_owned()
    }

    pub async fn reply(&self, parent: &str, body: &str, scope: &str) -> String {
        let sent = self
            .query(
                REPLY_TO_MESSAGE,
                json!({"input": {"parentId": parent, "body": body, "scope": scope}}),
            )
            .await;
        sent["replyToMessage"]["message"]["id"].as_str().unwrap().to_owned()
    }

    /// Runs `markRead`, `archive` and similar mutations.
    pub async fn change(&self, mutation: &str, items: &[&str]) -> Value {
        let change = format!(
            "mutation($ids: [ID!]!) {{ {mutation}(input: {{itemIds: $ids}}) {{
                items {{ id }} inbox {{ counts {{ unread }} }} }} }}"
        );
        self.query(&change, json!({"ids": items})).await[mutation].take()
    }

    pub async fn snooze(&self, item: &str, until: DateTime<Utc>) {
        let snooze = "mutation($id: ID!, $until: DateTime!) {
            snooze(input: {itemIds: [$id], until: $until}) { items { snoozedUntil } } }";
        self.query(snooze, json!({"id": item, "until": until.to_rfc3339()})).await;
    }

    pub async fn expire(&self, message: &str, at: DateTime<Utc>) {
        self.query(SET_EXPIRY, json!({"id": message, "at": at.to_rfc3339()})).await;
    }

    /// Everything in the inbox.
    pub async fn inbox(&self) -> InboxState {
        let mut items = Vec::new();
        let mut after = Value::Null;
        loop {
            let page = format!(
                "query($after: String) {{ viewer {{ inbox {{ cursor counts {{ {COUNTS} }}
                 items(filter: {{view: ALL}}, first: 100, after: $after) {{
                   nodes {{ {ITEM} }} pageInfo {{ hasNextPage endCursor }} }} }} }} }}"
            );
            let inbox = self.query(&page, json!({"after": after})).await["viewer"]["inbox"].take();
            items.extend(inbox["items"]["nodes"].as_array().unwrap().iter().cloned());
            after = inbox["items"]["pageInfo"]["endCursor"].clone();
            if inbox["items"]["pageInfo"]["hasNextPage"] == false {
                return InboxState::new(
                    inbox["cursor"].as_str().unwrap(),
                    inbox["counts"].clone(),
                    items,
                );
            }
        }
    }

    /// The titles in one view, newest first.
    pub async fn titles(&self, view: &str) -> Vec<String> {
        let query = "query($view: InboxView!) {
            viewer { inbox { items(filter: {view: $view}, first: 100) { nodes { title } } } } }";
        let items =
            self.query(query, json!({"view": view})).await["viewer"]["inbox"]["items"]["nodes"]
                .take();
        items
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["title"].as_str().unwrap().to_owned())
            .collect()
    }

    pub async fn counts(&self) -> Value {
        self.query(&format!("{{ viewer {{ inbox {{ counts {{ {COUNTS} }} }} }} }}"), json!({}))
            .await["viewer"]["inbox"]["counts"]
            .take()
    }

    /// The id of the newest item with this title.
    pub async fn item(&self, title: &str) -> String {
        let state = self.inbox().await;
        let item = state.items.values().find(|item| item["title"] == title);
        item.unwrap_or_else(|| panic!("{} has no “{title}”", self.name))["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub async fn cursor(&self) -> String {
        self.inbox().await.cursor
    }

    pub async fn connect(&self) -> Socket {
        let mut socket = self.introduce().await;
        assert_eq!(socket.receive().await["type"], "connection_ack");
        socket
    }

    /// A socket that the server has not accepted yet.
    pub async fn introduce(&self) -> Socket {
        let mut socket = Socket::open(self.app.address()).await;
        let mut parameters = json!({});
        if let Some(token) = &self.token {
            parameters["Authorization"] = format!("Bearer {token}").into();
        }
        if let Some(act_as) = &self.act_as {
            parameters["act-as"] = act_as.as_str().into();
        }
        socket.send(json!({"type": "connection_init", "payload": parameters})).await;
        socket
    }

    /// Follows the inbox over a real websocket; without a cursor, from now on.
    pub async fn follow_inbox(&self, after: Option<&str>) -> Following {
        Following::inbox(self.connect().await, after).await
    }
}

/// People by their external ids, as an input.
pub fn refs(users: &[&TestUser]) -> Value {
    users.iter().map(|user| json!({"externalId": user.name})).collect()
}
