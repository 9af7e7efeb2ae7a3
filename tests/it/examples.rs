//! The examples, run as a reader of the README would: all at once, each a client of its own that follows Bob's inbox.

use crate::{
    app::{TestApp, both},
    node::Program,
};

struct Example {
    directory: &'static str,
    script: &'static str,
    /// Whether it shows the whole inbox, too: at its start, after a resync, and at its end.
    shows_inbox: bool,
}

const EXAMPLES: [Example; 3] = [
    Example { directory: "examples/follow-inbox", script: "follow-inbox.mjs", shows_inbox: false },
    Example { directory: "examples/resume", script: "urql.mjs", shows_inbox: true },
    Example { directory: "examples/resume", script: "apollo.mjs", shows_inbox: true },
];

/// The examples whose packages are here, which end after some changes.
struct Running(Vec<(&'static Example, Program)>);

impl Running {
    fn start(user: &crate::app::TestUser, changes: usize) -> Self {
        let start = |example: &'static Example| {
            let arguments = [example.script, "--count", &changes.to_string()];
            Some((example, Program::following(example.directory, &arguments, user)?))
        };
        Running(EXAMPLES.iter().filter_map(start).collect())
    }

    async fn all_print(&mut self, line: &str) {
        for (example, program) in &mut self.0 {
            assert_eq!(program.line().await, line, "{}", example.script);
        }
    }

    /// What those print that show the inbox.
    async fn all_show(&mut self, line: &str) {
        for (example, program) in self.0.iter_mut().filter(|(example, _)| example.shows_inbox) {
            assert_eq!(program.line().await, line, "{}", example.script);
        }
    }

    /// What the others print.
    async fn others_print(&mut self, line: &str) {
        for (example, program) in self.0.iter_mut().filter(|(example, _)| !example.shows_inbox) {
            assert_eq!(program.line().await, line, "{}", example.script);
        }
    }

    async fn end(self) {
        for (example, program) in self.0 {
            assert_eq!(program.end().await, (vec![], true), "{}", example.script);
        }
    }
}

both! {
    /// What happens while the server is away comes afterwards, once and in order; and then what is new.
    async fn the_examples_miss_nothing_over_a_restart(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "zero").await;
        let mut examples = Running::start(&bob, 4);

        examples.all_show("INBOX zero* — unread 1").await;
        examples.all_print("FOLLOWING — unread 1").await;
        alice.send(&bob, "one").await;
        examples.all_print("ARRIVED one — unread 2").await;
        app.stop().await;
        let meanwhile = app.another().await;
        meanwhile.user("alice").await.send(&meanwhile.user("bob").await, "two").await;
        meanwhile.stop().await;
        let again = app.restart().await;
        let (alice, bob) = (again.user("alice").await, again.user("bob").await);
        examples.all_print("ARRIVED two — unread 3").await;
        alice.send(&bob, "three").await;
        examples.all_print("ARRIVED three — unread 4").await;
        bob.change("archive", &[&bob.item("one").await]).await;
        examples.all_print("UPDATED one — unread 3").await;
        examples.all_show("INBOX three*, two*, zero* — unread 3").await;
        examples.end().await;
        again.stop().await;
    }

    /// After the restore of a backup the inbox is loaded anew, and then followed from there.
    async fn the_examples_load_the_inbox_anew_when_it_cannot_be_continued(app: TestApp) {
        let bob = app.user("bob").await;
        let mut examples = Running::start(&bob, 1);

        examples.all_show("INBOX  — unread 0").await;
        examples.all_print("FOLLOWING — unread 0").await;
        app.stop().await;
        let meanwhile = app.another().await;
        meanwhile.user("alice").await.send(&meanwhile.user("bob").await, "one").await;
        tidings::server::renew_epoch(&meanwhile.db).await.unwrap();
        meanwhile.stop().await;
        let again = app.restart().await;
        examples.all_print("RESYNC CURSOR_UNKNOWN — unread 1").await;
        examples.others_print("UNREAD one").await;
        examples.all_show("INBOX one* — unread 1").await;
        again.user("alice").await.send(&again.user("bob").await, "two").await;
        examples.all_print("ARRIVED two — unread 2").await;
        examples.all_show("INBOX two*, one* — unread 2").await;
        examples.end().await;
        again.stop().await;
    }
}
