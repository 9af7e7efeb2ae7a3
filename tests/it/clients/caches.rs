//! Clients with a normalised cache: Apollo, urql with graphcache, and Relay. What they show after
//! an answer or an update is what a fresh query shows, although nobody tells them what has changed:
//! they find it by its id.

use serde_json::{Value, json};

use crate::{
    categories::with_categories,
    support::{
        app::{TestApp, TestUser, both},
        documents::ERASE_USER,
        node::Program,
    },
};

const LIBRARIES: [&str; 3] = ["apollo", "urql", "relay"];

/// A client of tests/clients/caches.
struct Cache {
    program: Program,
    /// What subscriptions have brought and nobody has looked at.
    heard: Vec<Value>,
}

impl Cache {
    fn start(library: &str, user: &TestUser) -> Option<Self> {
        let program = Program::following("tests/clients", &["caches/client.mjs", library], user)?;
        Some(Cache { program, heard: Vec::new() })
    }

    async fn order(&mut self, what: &str, name: &str, variables: Value) {
        self.program.tell(json!({"what": what, "name": name, "variables": variables})).await;
    }

    async fn event(&mut self) -> Value {
        serde_json::from_str(&self.program.line().await).unwrap()
    }

    /// Its answer to an order, whatever it hears before that.
    async fn answer(&mut self) -> Value {
        loop {
            let event = self.event().await;
            if event[0] != "heard" {
                return event;
            }
            self.heard.push(event[1].clone());
        }
    }

    /// What the server answers, as the client shows it, and the codes of what failed.
    async fn load(&mut self, name: &str, variables: Value) -> (Value, Value) {
        self.order("load", name, variables).await;
        let mut event = self.answer().await;
        assert_eq!(event[0], "shows", "{event:#}");
        (event[1].take(), event[2].take())
    }

    /// What the client shows without asking the server.
    async fn show(&mut self, name: &str, variables: Value) -> Value {
        self.order("show", name, variables).await;
        let mut event = self.answer().await;
        assert_eq!(event[0], "shows", "{event:#}");
        event[1].take()
    }

    async fn run(&mut self, name: &str, mutation: &str, variables: Value) -> Value {
        self.order("run", name, variables).await;
        let mut event = self.answer().await;
        assert_eq!(event[0], "ran", "{event:#}");
        event[1][mutation].take()
    }

    /// Returns when a subscription has brought this.
    async fn until(&mut self, is_it: impl Fn(&Value) -> bool) {
        while !self.heard.drain(..).any(|heard| is_it(&heard)) {
            let mut event = self.event().await;
            assert_eq!(event[0], "heard", "{event:#}");
            self.heard.push(event[1].take());
        }
    }

    /// Once it has heard everything, the client shows what the server has. Gives the inbox.
    async fn agrees(&mut self, user: &TestUser) -> Value {
        let cursor = user.cursor().await;
        self.until(|heard| heard["inboxUpdated"]["cursor"] == *cursor).await;
        let shown = self.show("Inbox", json!({})).await;
        let (fresh, _) = self.load("Inbox", json!({})).await;
        assert_eq!(shown, fresh);
        inbox(shown)
    }
}

fn inbox(mut shown: Value) -> Value {
    shown["viewer"]["inbox"].take()
}

/// The item with this title.
fn item<'a>(inbox: &'a Value, title: &str) -> &'a Value {
    let items = inbox["items"]["nodes"].as_array().unwrap();
    items.iter().find(|item| item["title"] == title).unwrap()
}

/// What is unread in the inbox, in the category work, and in the thread of this item.
fn unread(inbox: &Value, title: &str) -> [i64; 3] {
    let counts = &inbox["counts"];
    let work = &counts["unreadByCategory"][0];
    assert_eq!(work["category"], "work");
    [&counts["unread"], &work["count"], &item(inbox, title)["thread"]["unreadCount"]]
        .map(|count| count.as_i64().unwrap())
}

async fn keeps_an_inbox(app: &TestApp, library: &str) {
    let (alice, bob) = (format!("alice-{library}"), format!("bob-{library}"));
    let [alice, bob] = app.users([&alice, &bob]).await;
    let lunch = alice.send(&bob, "lunch").await;
    alice.reply(&lunch, "at one", "EVERYONE").await;
    let action = json!({"label": "Pay", "url": "/invoices/7/pay", "isMain": true});
    let invoice = json!({
        "to": [{"user": {"externalId": bob.name}}], "subject": "invoice", "body": "",
        "category": "work", "url": "/invoices/7", "data": {"cents": [4200]}, "actions": [action],
    });
    app.service().create_message(invoice).await;
    let Some(mut client) = Cache::start(library, &bob) else { return };
    client.order("follow", "Follow", json!({})).await;
    client.until(|heard| heard["inboxUpdated"]["changes"] == json!([])).await;
    let (loaded, errors) = client.load("Inbox", json!({})).await;
    assert_eq!(errors, json!([]));
    let before = inbox(loaded);
    assert_eq!(before["items"]["totalCount"], 3);
    assert_eq!(unread(&before, "lunch"), [3, 1, 2]);
    let shown = item(&before, "invoice");
    assert_eq!(shown["url"], "/invoices/7");
    assert_eq!(shown["data"], json!({"cents": [4200]}));
    assert_eq!(shown["actions"], json!([action]));
    assert_eq!(shown["about"]["sender"], Value::Null);
    assert_eq!(shown["thread"]["messageCount"], 1);

    // Two items, found by the ids of their thread and their own.
    let read = json!({"rootId": lunch});
    let read = client.run("MarkThreadRead", "markThreadRead", read).await;
    assert_eq!(read["affectedCount"], 2);
    assert_eq!(unread(&inbox(client.show("Inbox", json!({})).await), "lunch"), [1, 1, 0]);
    assert_eq!(unread(&client.agrees(&bob).await, "lunch"), [1, 1, 0]);

    let undone = client.run("Undo", "undo", json!({"cursor": read["cursor"]})).await;
    assert_eq!(undone["affectedCount"], 2);
    let after = client.agrees(&bob).await;
    assert_eq!(unread(&after, "lunch"), [3, 1, 2]);

    let bulk = json!({"filter": {"categories": ["work"]}});
    let read = client.run("ReadAll", "markAllRead", bulk).await;
    assert_eq!(read["affectedCount"], 1);
    assert_eq!(unread(&client.agrees(&bob).await, "lunch"), [2, 0, 2]);

    client.run("MuteThread", "muteThread", json!({"rootId": lunch})).await;
    let muted = inbox(client.show("Inbox", json!({})).await);
    for title in ["lunch", "Re: lunch"] {
        assert_eq!(item(&muted, title)["thread"]["isMuted"], true, "{title}");
    }
    client.agrees(&bob).await;

    // A page that failed is null, and nothing beside it.
    let (failed, errors) = client.load("Inbox", json!({"after": "nonsense"})).await;
    let failed = inbox(failed);
    assert_eq!(errors, json!(["BAD_USER_INPUT"]));
    assert_eq!((&failed["items"], &failed["counts"]), (&Value::Null, &muted["counts"]));

    let erase = json!({"user": {"id": alice.id}});
    app.service().query(ERASE_USER, json!({"input": erase})).await;
    let left = client.agrees(&bob).await;
    for title in ["lunch", "Re: lunch"] {
        let sender = json!({"id": alice.id, "name": "Somebody who left"});
        assert_eq!(item(&left, title)["about"]["sender"], sender, "{title}");
    }
}

async fn keeps_a_read_rate(app: &TestApp, library: &str) {
    let [alice, bob] = app.users(["alice", "bob"]).await;
    let id = app.announce(&format!("news of {library}")).await;
    let Some(mut client) = Cache::start(library, &app.admin().await) else { return };
    let (loaded, _) = client.load("ReadStats", json!({"id": id})).await;
    assert_eq!(loaded["announcement"]["readStats"]["readCount"], 0);
    client.order("follow", "FollowReadStats", json!({"id": id})).await;
    client.until(|heard| heard["readStatsUpdated"]["readCount"] == 0).await;

    for reader in [&alice, &bob] {
        let item = reader.item(&format!("news of {library}")).await;
        reader.change("markRead", &[&item]).await;
    }

    client.until(|heard| heard["readStatsUpdated"]["readCount"] == 2).await;
    let shown = client.show("ReadStats", json!({"id": id})).await;
    let (fresh, _) = client.load("ReadStats", json!({"id": id})).await;
    assert_eq!(shown, fresh);
    assert_eq!(shown["announcement"]["readStats"]["readCount"], 2);
}

both! {
    async fn caches_show_an_inbox_as_it_is(app: TestApp) {
        let app = app.restart_with(with_categories).await;
        for library in LIBRARIES {
            keeps_an_inbox(&app, library).await;
        }
        app.stop().await;
    }

    /// The read rate of an announcement has an id of its own, by which its updates find it.
    async fn caches_show_the_read_rate_of_an_announcement_as_it_grows(app: TestApp) {
        for library in LIBRARIES {
            keeps_a_read_rate(&app, library).await;
        }
    }
}
