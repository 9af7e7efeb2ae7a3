//! Administration from the command line: over the API of a running server, and directly on the
//! database.

mod database;
mod errors;
mod shell;

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::{
    readme::blocks,
    support::{
        app::{TestApp, TestUser, both},
        documents::UPSERT_USERS,
        process::{printed, tidings},
    },
};

/// The binary, with a file that has the token of a service.
struct Operator {
    app: TestApp,
    directory: tempfile::TempDir,
}

impl Operator {
    fn of(app: &TestApp) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let token = app.service().token.unwrap();
        std::fs::write(directory.path().join("token"), token + "\n").unwrap();
        Operator { app: app.clone(), directory }
    }

    /// Directly on the database.
    fn here(&self, arguments: &[&str]) -> Command {
        let mut command = tidings(self.directory.path());
        command.args(arguments).env("TIDINGS_DATABASE_URL", &*self.app.config.database_url);
        command
    }

    /// Over the API.
    fn there(&self, arguments: &[&str]) -> Command {
        let mut command = tidings(self.directory.path());
        command.args(arguments).args(["--url", &self.app.url(""), "--token-file", "token"]);
        command
    }

    /// What both ways print, which is the same.
    fn read(&self, arguments: &[&str]) -> String {
        let [here, there] = [self.here(arguments), self.there(arguments)]
            .map(|mut command| printed(command.output().unwrap()));
        assert_eq!(here, there, "{arguments:?}");
        here
    }

    /// The lines of JSON that both ways print.
    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.read(&[arguments, &["--json"]].concat());
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// What a command that exits with 1 says.
fn refusal(output: Output) -> String {
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty(), "{:?}", String::from_utf8_lossy(&output.stdout));
    said
}

/// The values of a field, in the order of the lines.
fn values<'a>(lines: &'a [Value], field: &str) -> Vec<&'a str> {
    lines.iter().map(|line| line[field].as_str().unwrap()).collect()
}

async fn is_welcome(user: &TestUser) -> bool {
    user.ask("{ viewer { id } }", json!({})).await["data"]["viewer"]["id"].is_string()
}

both! {
    async fn people_and_groups_are_shown_as_tables_and_as_json(app: TestApp) {
        let operator = Operator::of(&app);
        let [ada, bob] = app.users(["ada", "bob"]).await;
        // A name can change the direction of what follows it.
        let ada_is = json!({"externalId": "ada", "firstName": "Ada\u{202e}", "email": "a@b.example"});
        app.upsert_user(ada_is).await;
        app.group("team", &[&ada]).await;
        app.group("empty", &[]).await;
        let since = "2026-01-05T09:00:00+00:00";

        let head = "ID     EXTERNAL ID  NAME         E-MAIL       SINCE                      \
                    DEACTIVATED  REASON  DETAIL  ERASED\n";
        let ada_line = format!("{}  ada          Ada\\u{{202e}}  a@b.example  {since}\n", ada.id);
        let bob_line = format!("{}  bob          bob                       {since}\n", bob.id);
        assert_eq!(operator.read(&["users", "list"]), format!("{head}{ada_line}{bob_line}"));
        assert_eq!(operator.read(&["groups", "members", "team"]), format!("{head}{ada_line}"));
        let [found] = &operator.json(&["users", "list", "--search", "AD"])[..] else {
            panic!("not one")
        };
        assert_eq!((&found["externalId"], &found["name"]), (&json!("ada"), &json!("Ada\u{202e}")));
        let shown = operator.read(&["users", "show", "--id", &bob.id]);
        assert!(shown.starts_with(&format!("id           {}\nexternal id  bob\n", bob.id)), "{shown}");
        assert_eq!(operator.json(&["users", "show", "bob"])[0]["createdAt"], since);
        let groups = operator.json(&["groups", "list"]);
        assert_eq!(values(&groups, "externalId"), ["team", "empty"]);
        assert_eq!(operator.json(&["groups", "show", "team"])[0]["memberCount"], 1);
        assert!(operator.json(&["groups", "members", "empty"]).is_empty());
    }

    /// A page of the API has at most 100.
    async fn lists_are_followed_to_their_end_or_their_limit(app: TestApp) {
        let operator = Operator::of(&app);
        let names: Vec<String> = (0..250).map(|n| format!("person-{n:03}")).collect();
        for some in names.chunks(100) {
            let users: Value = some.iter().map(|name| json!({"externalId": name})).collect();
            app.service().query(UPSERT_USERS, json!({"users": users})).await;
        }

        let all = operator.json(&["users", "list"]);
        let limited = operator.read(&["users", "list", "--limit", "201"]);

        assert_eq!(values(&all, "externalId"), names);
        let lines: Vec<_> = limited.lines().collect();
        assert_eq!((lines.len(), lines[0].starts_with("ID ")), (202, true));
        assert!(lines[201].contains(" person-200 "), "{}", lines[201]);
    }

    async fn people_are_changed_over_the_api(app: TestApp) {
        let operator = Operator::of(&app);
        let [ada, bob] = app.users(["ada", "bob"]).await;
        let mut socket = bob.connect().await;
        let change = |arguments: &[&str]| {
            let text = printed(operator.there(arguments).arg("--json").output().unwrap());
            serde_json::from_str::<Value>(&text).unwrap()
        };

        let deactivated = change(&["users", "deactivate", "bob", "--reason", "left\u{202e}"]);
        assert_eq!(socket.code().await, 4401);
        assert_eq!(deactivated["deactivation"], json!({"reason": "HOST", "detail": "left\u{202e}"}));
        let list = operator.read(&["users", "list"]);
        assert!(list.lines().last().unwrap().ends_with("  HOST    left\\u{202e}"), "{list}");
        let shown = operator.read(&["users", "show", "bob"]);
        assert!(shown.ends_with("reason       HOST\ndetail       left\\u{202e}\n"), "{shown}");
        assert!(!is_welcome(&bob).await);
        assert_eq!(change(&["users", "reactivate", "--id", &bob.id])["deactivatedAt"], Value::Null);
        assert!(is_welcome(&bob).await);

        let kept = refusal(operator.there(&["users", "erase", "ada"]).output().unwrap());
        let needed = format!("tidings: --yes: is needed to erase ada ({}), ", ada.id);
        assert!(kept.starts_with(&needed), "{kept}");
        assert_eq!(operator.json(&["users", "show", "ada"])[0]["erasedAt"], Value::Null);
        let erased = change(&["users", "erase", "ada", "--messages", "--yes"]);
        assert_eq!((&erased["name"], &erased["isComplete"]), (&json!("Somebody who left"), &json!(true)));
        let gone = refusal(operator.there(&["users", "show", "ada"]).output().unwrap());
        assert_eq!(gone, "tidings: EXTERNAL_ID: there is no such user (NOT_FOUND)\n");
    }

    /// On PostgreSQL it is one server more, whose changes the others hear of. SQLite has one writer.
    async fn people_are_changed_on_the_database_if_its_server_hears_of_it(app: TestApp) {
        let operator = Operator::of(&app);
        let bob = app.user("bob").await;
        let mut socket = bob.connect().await;
        let deactivate = || operator.here(&["users", "deactivate", "bob"]).output().unwrap();

        if app.db.is_postgres() {
            printed(deactivate());
            assert_eq!(socket.code().await, 4401);
            // For a second, a server may still know somebody whom another has deactivated.
            assert!(operator.json(&["users", "show", "bob"])[0]["deactivatedAt"].is_string());
            return;
        }
        let refused = refusal(deactivate());
        assert!(refused.starts_with("tidings: cannot change anything here: "), "{refused}");
        assert!(refused.contains("in use by another Tidings. Let its server do it (--url)"), "{refused}");
        assert!(is_welcome(&bob).await);
        app.stop().await;
        printed(deactivate());
        let bob = TestUser { app: app.another().await, ..bob };
        assert!(!is_welcome(&bob).await);
        bob.app.stop().await;
    }

    async fn why_an_activity_came_is_explained(app: TestApp) {
        let operator = Operator::of(&app);
        let [ada, bob] = app.users(["ada", "bob"]).await;
        ada.follow("p", "create_post").await;
        let activity = app.act(&bob, "comment", "p").await;
        let (delivered, rule, detail) = ada.explanation(&activity).await;

        let explained = operator.json(&["explain", &activity, "--user", "ada"]).remove(0);
        let table = operator.read(&["explain", &activity, "--user", "bob"]);

        let by = &explained["decidedBy"];
        assert_eq!(explained["delivered"], delivered);
        assert_eq!((by["rule"].as_str(), by["detail"].as_str()), (Some(&*rule), Some(&*detail)));
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines[..2], ["delivered  no", ""], "{table}");
        let (rule, detail) = { let (_, rule, detail) = bob.explanation(&activity).await; (rule, detail) };
        let last = lines.last().unwrap();
        assert!(last.starts_with(&rule) && last.ends_with(&format!("  no      {detail}")), "{table}");
    }

    /// `docs/administration.md`, as it is written.
    async fn the_examples_of_the_book_work(app: TestApp) {
        let operator = Operator::of(&app);
        app.user("ada").await;
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/administration.md"));
        let examples = blocks(page, "sh");
        assert!(examples.len() >= 5, "{examples:?}");
        let binary = operator.here(&[]).get_program().to_owned();
        let mut bash = Command::new("bash");
        bash.args(["-c", &format!("set -e; tidings() {{ \"$0\" \"$@\"; }}\n{}", examples.concat())]);
        bash.arg(binary).current_dir(operator.directory.path());
        bash.env("TIDINGS_DATABASE_URL", &*app.config.database_url);

        let said = printed(bash.output().unwrap());

        assert!(said.contains("\"externalId\":\"ada\""), "{said}");
        assert!(said.contains("idempotency keys     0\n"), "{said}");
        assert!(operator.directory.path().join("man1/tidings-users-list.1").exists());
    }
}
