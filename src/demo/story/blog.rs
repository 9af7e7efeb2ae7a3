//! The company's internal blog: posts, and what people say about them. The author of a post hears
//! of comments; people who like one hear of comments and updates.

use super::{At, Thing, comment, like, thing, update};

pub const POSTS: &[Thing] = &[
    thing(
        "post",
        "closed-door",
        At(9, 8, 30),
        "kwame",
        "What visitors ask when the door is closed",
    )
    .doings(&[
        comment(
            At(9, 9, 10),
            "leila",
            "Number one is *Where is the toilet*, and it is not even a joke.",
        ),
        like(At(9, 9, 25), "zoe"),
        comment(
            At(9, 14, 30),
            "lucia",
            "Could we put the answers on the door itself? A sticker with a code?",
        ),
        like(At(8, 9, 0), "ada"),
        like(At(8, 9, 40), "freya"),
        comment(
            At(8, 14, 50),
            "marcus",
            "I counted again for Chicago: same five questions, other order.",
        ),
        update(
            At(4, 9, 10),
            "kwame",
            "With the numbers of all museums, and a picture of the sticker.",
        ),
        comment(
            At(1, 13, 30),
            "margaret",
            "Read it twice. The sticker is the cheapest idea of the year.",
        ),
        comment(
            At(0, 12, 40),
            "daniel",
            "Three museums have asked me for the sticker since lunch.",
        ),
        comment(At(0, 14, 35), "victor", "Ghent wants it in two languages, of course."),
        comment(At(0, 15, 10), "freya", "The sticker is drawn. It has a very small door on it."),
        comment(
            At(0, 15, 55),
            "leila",
            "And it *works*: two people with a code before the door this afternoon.",
        ),
    ]),
    thing("post", "ten-minutes", At(8, 13, 30), "ada", "Ten minutes, and why").doings(&[
        comment(At(8, 14, 5), "jonas", "For the record: I was for eight, and I was wrong."),
        comment(At(8, 14, 20), "oskar", "I was for twelve. One gets wiser, and leaves."),
        comment(At(8, 14, 40), "priya", "The table alone is worth the read."),
        like(At(7, 8, 45), "mateo"),
        comment(At(6, 9, 50), "emil", "Now I see why the clock is passed in. Thank you!"),
        like(At(6, 10, 5), "kwame"),
        comment(At(3, 10, 0), "mei", "If you ever want the data behind it by country, I have it."),
        comment(
            At(0, 12, 30),
            "margaret",
            "I understood every word. Please write the next one, too.",
        ),
        comment(At(0, 12, 55), "chiara", "My small bar that gets shorter sends its regards."),
        comment(
            At(0, 13, 5),
            "noah",
            "After today: 39 of 41 within four minutes. You were generous.",
        ),
        comment(At(0, 13, 40), "samir", "We should print it and hang it up beside the alarm."),
        comment(
            At(0, 14, 10),
            "omar",
            "Does a hold survive a password change? Asking for a visitor.",
        ),
        comment(
            At(0, 14, 50),
            "amara",
            "The screen reader says *two minutes left* now. It sounds friendly.",
        ),
        comment(
            At(0, 15, 30),
            "tomasz",
            "Holds are 3 % of all writes at peak. You can have more of them.",
        ),
        comment(At(0, 16, 5), "grace", "Could this be the first post that we show outside?"),
    ]),
    thing("post", "lisbon-midnight", At(7, 10, 40), "jonas", "Midnight in Lisbon").doings(&[
        comment(At(7, 11, 15), "noah", "A test that fails once a day is a very slow cuckoo clock."),
        comment(At(7, 11, 45), "emil", "I learnt more from these nine than from a whole term."),
        like(At(6, 8, 40), "ines"),
        like(At(6, 9, 15), "priya"),
        update(At(2, 9, 30), "jonas", "All nine are fixed. The tenth was in the documentation."),
        comment(
            At(0, 11, 50),
            "ines",
            "From Lisbon: it is midnight here, too. Only later than you think.",
        ),
        comment(
            At(0, 13, 55),
            "nadia",
            "The night run is green for the fifth time. I miss the cuckoo.",
        ),
        comment(
            At(0, 15, 0),
            "rafael",
            "In São Paulo it failed at nine in the evening, always during dinner.",
        ),
    ]),
    thing("post", "one-queue", At(5, 8, 50), "priya", "One queue for all mail: what became of it")
        .doings(&[
            comment(
                At(5, 9, 30),
                "tomasz",
                "The night of the provider's outage I slept through. Best review ever.",
            ),
            comment(
                At(5, 10, 45),
                "omar",
                "And four fewer places that know the password of the mail server.",
            ),
            like(At(5, 11, 20), "grace"),
            comment(
                At(4, 13, 35),
                "rafael",
                "Tickets by mail arrive before the app has asked whether to send them.",
            ),
            like(At(3, 9, 45), "mei"),
            comment(At(0, 12, 20), "nadia", "I tried to get the same mail twice. I have given up."),
            comment(
                At(0, 13, 15),
                "emil",
                "Is the key per mail the reason why *send again* is safe?",
            ),
            comment(
                At(0, 14, 25),
                "ewa",
                "The invoice of the provider is 40 % smaller. Please go on.",
            ),
            comment(At(0, 15, 20), "jonas", "Could the tickets' events go through it as well?"),
            comment(
                At(0, 15, 45),
                "samir",
                "64 lines at the last count, and I counted the blank ones.",
            ),
            update(
                At(0, 16, 10),
                "priya",
                "A part about what we would do differently: begin a year earlier.",
            ),
        ]),
    thing("post", "first-week", At(4, 8, 30), "hannah", "How a first week should feel").doings(&[
        comment(At(4, 9, 40), "emil", "It did. Except that I was afraid of the coffee machine."),
        comment(At(4, 10, 30), "grace", "The list hangs beside my desk now."),
        comment(
            At(0, 10, 20),
            "marcus",
            "Could we do this for people who start in another time zone?",
        ),
        comment(At(0, 14, 15), "kwame", "Taken over for support, with your name on it."),
    ]),
];
