//! Threads among engineers: incidents, proposals, releases and a first week.

use super::{
    At, Message,
    To::{Group, User},
    aside, message, reply,
};

pub const THREADS: &[Message] = &[
    message(
        At(13, 9, 0),
        "oskar",
        &[User("ada"), User("jonas"), User("kwame"), User("priya")],
        "Where everything is, before I go",
        "My last two weeks. Whatever is only in my head is in the wiki now, under *Oskar's \
         attic*:\n\n\
         - how a voucher is born, and how it dies\n\
         - the three museums that still send us faxes\n\
         - the password of the coffee machine\n\n\
         Ask me as long as I am here.",
    )
    .replies(&[
        reply(
            At(13, 9, 30),
            "jonas",
            "The third one alone is worth your salary. We will miss you.",
        ),
        reply(At(12, 10, 0), "ada", "Read all of it. Why do vouchers die twice?").replies(&[
            reply(At(12, 10, 40), "oskar", "Once for the visitor, and once for the tax."),
        ]),
    ]),
    message(
        At(14, 9, 50),
        "grace",
        &[Group("engineering")],
        "Incident review: slow bookings on the holiday",
        "The review is written: 34 minutes, no booking lost, about 200 people waited more than ten \
         seconds.\n\n\
         **Cause:** a report that an administrator can start, without a limit, on the main \
         database.\n\n\
         **What we change:**\n\n\
         - reports run on the replica (Tomasz)\n\
         - every statement has a time limit (Priya)\n\
         - the alarm rings at two seconds, not at ten (Tomasz)\n\n\
         Nobody did anything wrong. Please read it all the same.",
    )
    .replies(&[
        reply(
            At(14, 10, 40),
            "tomasz",
            "Reports are on the replica since this morning. The alarm follows today.",
        ),
        reply(
            At(14, 11, 15),
            "priya",
            "Time limit: 5 s for the API, 60 s for jobs. Speak up if you know of something longer.",
        )
        .replies(&[reply(
            At(14, 12, 5),
            "noah",
            "The nightly export takes four minutes. It would be a pity to learn that at night.",
        )
        .replies(&[reply(At(14, 12, 20), "priya", "Thank you! It gets its own limit.")])]),
    ]),
    message(
        At(13, 8, 30),
        "tomasz",
        &[Group("engineering")],
        "Database upgrade tonight",
        "Tonight from 21:00 UTC the database moves to the new version. What you will notice: **30 \
         seconds** in which writes wait.\n\n\
         ```\n\
         21:00  replica is upgraded and catches up\n\
         21:20  switch over\n\
         21:25  smoke tests, then the old primary follows\n\
         ```\n\n\
         The way back is the old primary, until midnight.",
    )
    .replies(&[
        aside(
            At(13, 9, 10),
            "omar",
            "I am awake tonight anyway. Call me if you want a second pair of eyes.",
        ),
        reply(
            At(12, 8, 15),
            "tomasz",
            "Done. Writes waited for 11 seconds, and the plan of the calendar query got *better*. \
             Good night.",
        )
        .replies(&[reply(At(12, 8, 50), "grace", "Beautifully boring. Sleep well!")]),
    ]),
    message(
        At(12, 14, 0),
        "omar",
        &[Group("engineering")],
        "Three advisories, one of them ours to hurry",
        "- the image library: **please update today**, we use the function in question\n\
         - the template engine: we do not use that feature; with the next release\n\
         - the test runner: development only, whenever you like\n\n\
         The first one is a one-line change in two services.",
    )
    .replies(&[reply(At(12, 14, 35), "jonas", "Ticket service is updated and out.")]),
    message(
        At(11, 13, 30),
        "grace",
        &[Group("engineering"), User("mei"), User("seun")],
        "Who shows something at the demo hour?",
        "Demo hour is in two weeks, and the list is empty. Ten minutes each, unfinished things \
         welcome. Slides are allowed, but only if they are worse than the demo.",
    )
    .replies(&[
        reply(
            At(11, 13, 52),
            "amara",
            "I can show the screen reader tests. With sound, so bring headphones.",
        ),
        aside(At(11, 14, 20), "emil", "Could I show my first ticket? It is very small."),
        reply(At(10, 8, 40), "mei", "The map of where visitors come from. It is mostly pretty.")
            .replies(&[reply(
                At(10, 9, 15),
                "seun",
                "She is too modest: it found a bus line that our museums did not know about.",
            )]),
    ]),
    message(
        At(9, 8, 50),
        "jonas",
        &[Group("engineering")],
        "Flaky test of the week: midnight in Lisbon",
        "`a_ticket_is_valid_all_day` fails when the runner starts between 23:00 and midnight UTC. \
         It makes *today* twice, once in UTC and once in Lisbon.\n\n\
         The fix is to pass the clock in, as we do everywhere else. I found **nine** more of its \
         kind. Who takes some of them?",
    )
    .replies(&[reply(
        At(9, 9, 20),
        "emil",
        "Me! All nine, if nobody minds. It is a good way to see the code.",
    )
    .replies(&[reply(
        At(9, 9, 33),
        "jonas",
        "Nobody minds. Ping me after the first one, and we look at it together.",
    )
    .replies(&[reply(
        At(7, 10, 15),
        "emil",
        "Seven down, two to go. One was a real bug: vouchers ended an hour early.",
    )])])]),
    message(
        At(8, 8, 55),
        "emil",
        &[User("ada")],
        "Two questions about my first ticket",
        "Hi Ada,\n\n\
         1. Is `Visit::slot` allowed to be empty? The type says yes and the tests say no.\n\
         2. Whom do I ask for access to staging?\n\n\
         Thanks!",
    )
    .replies(&[reply(
        At(8, 9, 25),
        "ada",
        "1. It is empty for annual passes, and only for them. The tests forgot them: a nice second \
         ticket for you.\n\
         2. Omar. Bring your security key.",
    )
    .replies(&[reply(
        At(8, 9, 40),
        "emil",
        "Then I make the type say it: `Slot` or `Pass`. Is that too much for a first ticket?",
    )
    .replies(&[reply(
        At(8, 10, 55),
        "ada",
        "It is exactly right for a first ticket. Take your time with it.",
    )])])]),
    message(
        At(7, 9, 0),
        "priya",
        &[Group("engineering")],
        "Proposal: one queue for all outgoing mail",
        "Today four services send mail, each with its own idea of *try again*. The proposal is two \
         pages; in short:\n\n\
         - a table `outbox` in the service's own database, written in the same transaction\n\
         - one worker that sends, with a key per mail, so that twice is impossible\n\
         - no new infrastructure\n\n\
         I would like an answer by the end of the week.",
    )
    .replies(&[
        reply(
            At(7, 9, 45),
            "tomasz",
            "For it. What happens when the mail provider is down for an hour?",
        )
        .replies(&[reply(
            At(7, 10, 10),
            "priya",
            "It fills up and then drains, oldest first. 40 mails a second, so an hour's worth is \
             gone in twelve minutes.",
        )
        .replies(&[reply(
            At(7, 10, 30),
            "tomasz",
            "And ticket mails behind ten thousand newsletters? I would want two lanes.",
        )
        .replies(&[reply(
            At(7, 11, 20),
            "priya",
            "Fair. A `priority` column and an index on it; page two now says so.",
        )])])]),
        reply(
            At(7, 9, 58),
            "ada",
            "For it. No visitor would get a ticket twice any more. Atlas would like to be the \
             first user.",
        )
        .replies(&[reply(
            At(7, 11, 45),
            "grace",
            "Then let us do it. Priya, take whom you need.",
        )]),
    ]),
    message(
        At(4, 9, 15),
        "tomasz",
        &[Group("engineering")],
        "On call: who swaps with me next week?",
        "My sister gets married, and I would rather not have the pager at the table. I take any \
         other week, also the one of the holidays.",
    )
    .replies(&[
        aside(
            At(4, 9, 35),
            "samir",
            "I will take it, if I get rid of the holidays for that. Congratulations to her!",
        ),
        reply(At(4, 10, 0), "tomasz", "Samir has it. Thank you all, that took twenty minutes."),
    ]),
    message(
        At(3, 9, 5),
        "seun",
        &[Group("engineering"), User("mei")],
        "Names of events: please stop inventing them",
        "We have `checkout_started`, `start_checkout`, `CheckoutBegin` and, my favourite, \
         `checkout_go`. The dashboard counts one of them.\n\n\
         From now on: **object, then what happened to it**, in the past: `checkout_started`, \
         `ticket_paid`. A check in the pipeline will say so from tomorrow.",
    )
    .replies(&[reply(
        At(3, 9, 22),
        "samir",
        "`checkout_go` was me, three years ago, on a train. I repent.",
    )]),
    message(
        At(1, 14, 30),
        "samir",
        &[Group("engineering"), User("kwame")],
        "Release 4.18 is out",
        "- visitors can move a booking by themselves, up to two hours before\n\
         - the calendar loads the next month ahead\n\
         - 31 fixes, nine of them Emil's\n\n\
         The first app build with it is in review at the stores. Thanks, Nadia, for the late round \
         of tests.",
    )
    .replies(&[
        reply(
            At(1, 14, 55),
            "nadia",
            "With pleasure. The old tablet at the Aarhus desk works again, too.",
        ),
        reply(
            At(1, 15, 25),
            "kwame",
            "Moving a booking is our most frequent question by far. My team owes you cake.",
        ),
    ]),
    message(
        At(0, 8, 40),
        "tomasz",
        &[Group("engineering"), Group("support")],
        "Card payments are slow at the provider",
        "For twenty minutes, one card payment in ten has taken longer than 20 seconds. It is on \
         the provider's side, and [their status page](https://status.example.com) says so too.\n\n\
         Nothing is lost: who waits gets the ticket. I write here every half hour.",
    )
    .muted_by(At(0, 9, 20), "ada")
    .replies(&[
        reply(
            At(0, 9, 10),
            "tomasz",
            "Unchanged. They have found the cause and are moving traffic.",
        )
        .replies(&[reply(
            At(0, 9, 18),
            "leila",
            "Six calls so far, all friendly. We say: please do not click twice. Is that right?",
        )
        .replies(&[reply(
            At(0, 9, 24),
            "tomasz",
            "Right. And if they do, they are charged once all the same.",
        )])]),
        reply(
            At(0, 9, 45),
            "tomasz",
            "Back to normal for half an hour. I keep an eye on it, and then write the review.",
        ),
    ]),
    message(
        At(0, 13, 20),
        "grace",
        &[User("ada"), User("jonas"), User("priya")],
        "Thank you, and a favour",
        "The three of you made a hard thing look easy this month. Now the favour: could one of you \
         spend an hour with Daniel's pilot museums next week and tell them *how* it works? They \
         trust you more than they trust slides.",
    )
    .replies(&[aside(
        At(0, 13, 50),
        "jonas",
        "I would like to. Ghent first? I have always wanted to see their depot.",
    )]),
];
