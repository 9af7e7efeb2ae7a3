//! The examples, run as a reader of the tour would: all at once, each as a separate client that
//! follows Bob's inbox.

use chrono::TimeDelta;

use crate::support::{
    app::{TestApp, TestUser, both},
    node::Program,
};

struct Example {
    directory: &'static str,
    script: &'static str,
    /// Whether it also prints the whole inbox: at its start, after a resync, and at its end.
    shows_inbox: bool,
}

const EXAMPLES: [Example; 3] = [
    Example { directory: "examples/follow-inbox", script: "follow-inbox.mjs", shows_inbox: false },
    Example { directory: "examples/resume", script: "urql.mjs", shows_inbox: true },
    Example { directory: "examples/resume", script: "apollo.mjs", shows_inbox: true },
];

/// The examples whose packages are installed; they stop after some changes.
struct Running(Vec<(&'static Example, Program)>);

impl Running {
    fn start(user: &TestUser, changes: usize) -> Self {
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

    /// What the examples print that show the inbox.
    async fn all_show(&mut self, line: &str) {
        for (example, program) in self.0.iter_mut().filter(|(example, _)| example.shows_inbox) {
            assert_eq!(program.line().await, line, "{}", example.script);
        }
    }

    /// What the other examples print.
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
    /// What happened while the server was away arrives afterwards, once and in order, followed by
    /// what is new.
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

    /// After a backup was restored, the inbox is loaded again and followed from there.
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
    /// Items that arrive, leave, return or lie beyond the page shown: the lists are correct without
    /// being loaded again.
    async fn the_examples_keep_their_lists_up_to_date(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let mut messages = Vec::new();
        for n in 0..12 {
            messages.push(alice.send(&bob, &format!("m{n}")).await);
            app.advance(TimeDelta::seconds(1));
        }
        let mut examples = Running::start(&bob, 5);

        examples
            .all_show("INBOX m11*, m10*, m9*, m8*, m7*, m6*, m5*, m4*, m3*, m2* — unread 12")
            .await;
        examples.all_print("FOLLOWING — unread 12").await;
        bob.change("markRead", &[&bob.item("m0").await]).await;
        examples.all_print("UPDATED m0 — unread 11").await;
        bob.change("archive", &[&bob.item("m10").await]).await;
        examples.all_print("UPDATED m10 — unread 10").await;
        let removed = bob.item("m9").await;
        alice.expire(&messages[9], app.now()).await;
        examples.all_print(&format!("REMOVED {removed} — unread 9")).await;
        bob.snooze(&bob.item("m11").await, app.now() + TimeDelta::hours(1)).await;
        examples.all_print("UPDATED m11 — unread 8").await;
        app.advance(TimeDelta::hours(2));
        app.run_due().await;
        examples.all_print("UPDATED m11 — unread 9").await;
        examples.all_show("INBOX m11*, m8*, m7*, m6*, m5*, m4*, m3*, m2* — unread 9").await;
        examples.end().await;
    }
}
