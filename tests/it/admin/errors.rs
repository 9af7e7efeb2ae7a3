//! What commands say that fail.

use tidings::auth::Role;

use super::{Operator, refusal};
use crate::support::{
    app::{Kind, TestApp, both},
    process::tidings,
};

both! {
    /// With the code of the API, and the name that the operator used.
    async fn an_error_names_the_argument_that_it_is_about(app: TestApp) {
        let operator = Operator::of(&app);
        let bob = app.user("bob").await;
        let activity = app.act(&bob, "comment", "p").await;
        let long = "w".repeat(1000);
        let deactivate = ["users", "deactivate", "bob", "--reason", &long];
        for (arguments, said) in [
            (&["users", "show", "eve"][..], "EXTERNAL_ID: there is no such user (NOT_FOUND)"),
            (&["users", "show", "--id", "usr_zz"], "--id: there is no such user (NOT_FOUND)"),
            (&["groups", "show", "none"], "EXTERNAL_ID: there is no such group (NOT_FOUND)"),
            (&["groups", "members", "--id", "x"], "--id: there is no such group (NOT_FOUND)"),
            (&["explain", "act_zz", "--user", "bob"], "ACTIVITY: there is no such activity (NOT_FOUND)"),
            (&["explain", &activity, "--user", "eve"], "--user: there is no such user (NOT_FOUND)"),
            (&["explain", &activity], "--user: a service must name the person for whom it acts (BAD_USER_INPUT)"),
            (&["users", "list", "--search", &long], "--search: must be one line of 1 to 200 characters (BAD_USER_INPUT)"),
        ] {
            for mut command in [operator.here(arguments), operator.there(arguments)] {
                let refused = refusal(command.output().unwrap());
                assert!(refused.starts_with(&format!("tidings: {said}")), "{arguments:?}: {refused}");
            }
        }
        // Not on the database: that of SQLite has its server.
        let refused = refusal(operator.there(&deactivate).output().unwrap());
        assert_eq!(refused, "tidings: --reason: must be one line of 1 to 500 characters (BAD_USER_INPUT)\n");
        let person = app.client("bob", Role::User).token.unwrap();
        std::fs::write(operator.directory.path().join("token"), person).unwrap();
        let refused = refusal(operator.there(&["users", "list"]).output().unwrap());
        assert_eq!(refused, "tidings: your role does not allow this (FORBIDDEN)\n");
    }
}

#[test]
fn a_server_that_cannot_be_asked_is_named() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("empty"), "\n").unwrap();
    let list = |arguments: &[&str], token: Option<&str>| {
        let mut command = tidings(directory.path());
        command.args(["users", "list"]).args(arguments);
        refusal(command.envs(token.map(|token| ("TIDINGS_TOKEN", token))).output().unwrap())
    };
    // Nobody listens there any more.
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for (arguments, token, said) in [
        (
            &["--url", &nobody][..],
            None,
            "--url: needs a token: --token-file, or the variable TIDINGS_TOKEN",
        ),
        (&["--url", &nobody], Some(" "), "TIDINGS_TOKEN: is empty"),
        (&["--url", &nobody], Some("a\nb"), "TIDINGS_TOKEN: is no token"),
        (&["--url", &nobody, "--token-file", "none"], None, "--token-file none: No such file"),
        (&["--url", &nobody, "--token-file", "empty"], None, "--token-file empty: is empty"),
        (&["--url", &nobody], Some("t"), &format!("{nobody}: client error (Connect)")),
        (
            &["--url", "http://inbox.example.com"],
            Some("t"),
            "--url: http://inbox.example.com: must be an https URL; http is for loopback only",
        ),
        (
            &["--url", "inbox.example.com"],
            Some("t"),
            "--url: inbox.example.com: must begin with https:// or http://",
        ),
        // Without a URL, it is the database of the settings, which nobody has created.
        (&[], None, "tidings.db does not exist"),
    ] {
        let refused = list(arguments, token);
        assert!(refused.starts_with(&format!("tidings: {said}")), "{arguments:?}: {refused}");
    }
    assert!(!directory.path().join("tidings.db").exists());
}

/// The token of somebody else is refused by the server, and told by where it comes from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_the_server_refuses_is_named_by_its_place() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let list = |path: &str| {
        let mut command = tidings(directory.path());
        command
            .args(["users", "list", "--url", &app.url(path)])
            .env("TIDINGS_TOKEN", "no.good.token");
        refusal(command.output().unwrap())
    };
    let refused = list("");
    assert!(refused.starts_with("tidings: TIDINGS_TOKEN: "), "{refused}");
    assert!(refused.ends_with("(UNAUTHENTICATED)\n"), "{refused}");
    let elsewhere = list("/elsewhere");
    assert!(
        elsewhere.contains("/elsewhere: the answer is 404 Not Found and not of Tidings"),
        "{elsewhere}"
    );
    app.stop().await;
}
