//! What people write while the demo runs (`--demo-live`). Those whom visitors can be write nothing
//! here; most of it reaches one of them.

use super::{
    Announcement, At, Message,
    To::{Group, User},
    announcement, aside, message, reply,
};

/// Things here happen whenever it is their turn.
pub const NOW: At = At(0, 0, 0);

/// Conversations, in the order in which they begin.
pub const TALKS: &[Message] = &[
    message(
        NOW,
        "mateo",
        &[Group("atlas")],
        "Porto has sold its first ticket",
        "Nine minutes after opening: two adults, one child, *no dinosaurs*. The receipt is in \
         Portuguese and the price has a comma. I have taken a picture of the screen.",
    )
    .replies(&[
        reply(NOW, "yuki", "And the button is the dark one! Thank you, whoever merged that."),
        reply(NOW, "chiara", "Frame it. No, print it on cardboard first, then frame it."),
    ]),
    message(
        NOW,
        "leila",
        &[Group("support")],
        "Somebody wants to bring a horse",
        "The museum in Aarhus asks what to answer. It is a small horse, and it is house-trained. Is \
         that an *assistance animal*?",
    )
    .replies(&[reply(NOW, "marcus", "It is if it assists. Ask what it does.").replies(&[reply(
        NOW,
        "leila",
        "It calms the visitor down. I will say yes, and *by the lift, please, not the stairs*.",
    )])]),
    message(
        NOW,
        "tomasz",
        &[User("ada"), User("priya"), User("jonas")],
        "A second pair of eyes on the hold's clock?",
        "In `Hold::extend` the clock is read twice. Between the two, ten minutes can become ten \
         minutes and one millisecond, and then the seat is free for exactly that long.\n\n\
         ```rust\nif hold.until > clock.now() {\n    hold.until = clock.now() + FIVE_MINUTES;\n}\n```\n\n\
         I think that it is harmless. I also thought so in March.",
    )
    .replies(&[reply(
        NOW,
        "jonas",
        "Read it once, give it a name, pass it down. Then nobody has to think in April either.",
    )]),
    message(
        NOW,
        "hannah",
        &[User("ada")],
        "Your train on Thursday",
        "There is one at 8:05 with a change in Malmö, and one at 9:20 without. I have put the 9:20 \
         on hold until this evening. Shall I take it?",
    ),
    message(
        NOW,
        "daniel",
        &[Group("leads")],
        "Chicago has signed",
        "Three years, four houses, from January on. They asked twice whether the gift vouchers work \
         on Sundays. They do.",
    )
    .replies(&[
        reply(NOW, "grace", "Very good. Then I would like the load test before Christmas."),
        aside(NOW, "ewa", "Congratulations! Please send me the contract before you send me the party."),
    ]),
    message(
        NOW,
        "omar",
        &[Group("engineering")],
        "The nightly build is green again",
        "It was the test that expected today to be in November. I have moved it to a clock of its own.",
    )
    .replies(&[reply(NOW, "nadia", "How many of those are left?").replies(&[reply(
        NOW,
        "omar",
        "None that fail this year.",
    )])]),
    message(
        NOW,
        "lucia",
        &[User("kwame"), User("leila")],
        "The queue is down to four",
        "All of yesterday's are answered, and nobody has waited longer than an hour. I am going to \
         have lunch like a person.",
    )
    .replies(&[reply(NOW, "leila", "Enjoy it. I am keeping an eye on the four.")]),
    message(
        NOW,
        "ines",
        &[User("priya"), User("samir")],
        "Which columns does the export need?",
        "Lisbon's accountant wants a file with *everything*. I would rather give her these:\n\n\
         - the day, in their time zone\n- the kind of ticket\n- how many, and for how much\n- the tax\n\n\
         Is anything missing that she will ask for on the second day?",
    )
    .replies(&[reply(NOW, "samir", "The number of the invoice. She will ask for it on the first day.")]),
    message(
        NOW,
        "chiara",
        &[Group("design"), User("ada")],
        "Two versions of the empty calendar",
        "One says *Nothing today*, the other shows the next open day at once. I like the second, and \
         I drew the first, so I am not neutral. Please vote by reacting in the file.",
    )
    .replies(&[
        reply(NOW, "aroha", "The second. Nobody has ever wanted to book *nothing*."),
        reply(NOW, "amara", "The second, with the words of the first."),
    ]),
    message(
        NOW,
        "sofia",
        &[Group("everybody")],
        "There is cake in the kitchen",
        "Walnut. It is for no particular reason, which is the best one. For those far away: I am \
         sorry, and here is [the recipe](https://example.com/walnut-cake).",
    )
    .replies(&[
        aside(NOW, "seun", "I am far away, and I have flour."),
        aside(NOW, "victor", "This is the most useful message of the week."),
    ]),
    message(
        NOW,
        "rafael",
        &[User("ada"), User("mateo")],
        "São Paulo in the morning",
        "I look at the numbers at six, before the museums open. Tell me if you want anything checked: \
         I am awake anyway, and the coffee is good.",
    )
    .replies(&[reply(NOW, "mateo", "The refunds of last night, please. There should be two.")
        .replies(&[reply(NOW, "rafael", "There were two. Both were for umbrellas.")])]),
    message(
        NOW,
        "emil",
        &[Group("engineering")],
        "A query that became ten times faster",
        "`bookings_by_day` no longer sorts what it throws away. Median before: 412 ms. After: 38 ms. \
         Thanks to whoever wrote the test that made me brave.",
    )
    .replies(&[reply(NOW, "grace", "That was you, in May.")]),
    message(
        NOW,
        "marcus",
        &[User("kwame")],
        "May I have the slide about opening hours?",
        "The one with the clock. I am talking to the museums of the Midwest at four, and it says in \
         one picture what takes me ten minutes.",
    ),
    message(
        NOW,
        "zoe",
        &[User("margaret"), User("daniel")],
        "The fair in Brussels: stand 14 or 31?",
        "14 is next to the entrance and costs twice as much. 31 is next to the coffee. I say 31.",
    )
    .replies(&[reply(NOW, "daniel", "31. People with a cup in their hand have time.")]),
];

/// What people answer to what a visitor writes.
pub const ANSWERS: &[&str] = &[
    "Thanks! I will look at it this afternoon.",
    "Good point. I have made a note.",
    "Yes, gladly. Shall we talk after lunch?",
    "Got it. I will come back to you when it is done.",
    "I like it. One question: who tells the museums?",
    "That works for me.",
];

/// What people say about posts and products.
pub const COMMENTS: &[&str] = &[
    "The museum in Ghent has just asked for exactly this.",
    "I tried it with a group of twelve. It held.",
    "Could the picture be a little larger on a phone?",
    "This saved me a call this morning.",
    "Saved for the next newcomer.",
    "One typo in the second paragraph, otherwise perfect.",
    "How does it look in Portuguese?",
    "Ten out of ten. I would read it again.",
];

/// What is announced, each of them once.
pub const NEWS: &[Announcement] = &[
    announcement(
        NOW,
        "Version 4.19 is being rolled out",
        "One museum after the other, for an hour. Nobody should notice; tell us if you do.",
    )
    .of("operations"),
    announcement(
        NOW,
        "The kitchen gets a new dishwasher tomorrow at ten",
        "Please take your cups out of the old one, above all the one with the otter.",
    ),
    announcement(
        NOW,
        "Half a million tickets this year",
        "Number 500 000 was a child's ticket for a Tuesday. Thank you, all of you.",
    ),
];
