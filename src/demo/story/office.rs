//! Things that concern everybody, or the company as a whole.

use super::{
    At, Message,
    To::{Group, User},
    aside, message, notice, reply,
};

pub const THREADS: &[Message] = &[
    message(
        At(14, 8, 15),
        "margaret",
        &[Group("everybody")],
        "The quarter in five lines",
        "1. 212 museums, eleven more than in spring\n\
         2. Two left us, both because they closed\n\
         3. Support answers in 3 hours instead of 9. **Bravo.**\n\
         4. We spent less than planned and earned a little more\n\
         5. Next: Atlas, and then a proper rest\n\n\
         Questions are welcome, to me or to all.",
    )
    .replies(&[aside(
        At(14, 8, 55),
        "kwame",
        "Thank you for line 3. I read it aloud to the team, and Leila wants it framed.",
    )]),
    message(
        At(13, 9, 20),
        "ines",
        &[Group("everybody")],
        "Desks: book one before you come",
        "From next week, desks on the second floor can be booked, because on busy days people have \
         been sitting in the kitchen. It takes ten seconds, and **quiet desks** are by the \
         garden.\n\n\
         The kitchen stays first come, first served.",
    ),
    message(
        At(12, 8, 45),
        "hannah",
        &[Group("everybody")],
        "Please welcome Emil",
        "Emil Johansson starts today as an intern in Engineering, for six months. He comes from \
         Uppsala, has built a weather station out of a toaster, and sits next to Jonas.\n\n\
         Say hello when you see him!",
    )
    .replies(&[
        reply(
            At(12, 9, 30),
            "emil",
            "Hello everybody, and thank you for the warm welcome! The toaster survived, by the \
             way.",
        ),
        reply(At(12, 9, 50), "grace", "Very glad that you are here, Emil. Ask everything, twice."),
    ]),
    message(
        At(11, 8, 25),
        "ines",
        &[Group("everybody")],
        "The coffee machine rests until it is repaired",
        "It leaks. The technician comes in two days; until then there is filter coffee on the \
         first floor, and the café next door gives us a discount.",
    )
    .leaves_after(3),
    message(
        At(10, 8, 20),
        "ewa",
        &[Group("everybody")],
        "Expenses: please hand them in by the end of the month",
        "Everything from this quarter, with a receipt. A photo is fine, a photo of a crumpled taxi \
         receipt on a dark table is not.\n\n\
         Travel to the museum fair goes on the cost centre **410**.",
    )
    .replies(&[aside(
        At(10, 14, 5),
        "marcus",
        "I lost the receipt of the hotel in Porto. Will the booking confirmation do?",
    )]),
    message(
        At(8, 13, 10),
        "hannah",
        &[Group("leads")],
        "Reviews: shorter this time",
        "We ask three questions instead of eleven:\n\n\
         - What should this person keep doing?\n\
         - What should they try?\n\
         - What do they need from us?\n\n\
         Half a page each. The form opens next week.",
    )
    .replies(&[reply(
        At(8, 13, 40),
        "grace",
        "Three is the right number. Can people see who wrote what?",
    )
    .replies(&[reply(
        At(8, 14, 0),
        "hannah",
        "Yes, with names. Who cannot say it with a name should talk to me.",
    )])]),
    message(
        At(7, 12, 30),
        "sofia",
        &[User("daniel"), User("victor"), User("ewa")],
        "Maritime Museum: two clauses before we sign",
        "The contract is nearly there. Two clauses need a decision:\n\n\
         - **7.2**: they want 60 days to pay, we offer 30\n\
         - **9.1**: liability without a limit. We cannot sign that\n\n\
         For 9.1 I propose the yearly fee as the limit, as in Aarhus.",
    )
    .replies(&[reply(
        At(7, 13, 35),
        "daniel",
        "45 days would make them happy, and 9.1 as you say. I call them today.",
    )
    .replies(&[reply(
        At(6, 15, 0),
        "daniel",
        "They take both. Could you send me the clean version?",
    )
    .replies(&[reply(
        At(5, 8, 30),
        "sofia",
        "Attached to the contract in the archive. Congratulations!",
    )])])]),
    message(
        At(6, 8, 50),
        "omar",
        &[Group("everybody")],
        "Security keys replace codes by text message",
        "By the end of the month you sign in with a key or with your phone's own passkey. Codes by \
         text message go, because they can be stolen with a phone call.\n\n\
         1. Get two keys from Inês, one for home\n\
         2. Add them under *Account*, *Security*\n\
         3. Done. It takes four minutes",
    )
    .replies(&[
        reply(At(6, 9, 25), "zoe", "What if I lose both?").replies(&[reply(
            At(6, 9, 40),
            "omar",
            "Then Inês or I look at your face and give you a new one. No e-mail will ever do that, \
             whoever it says it is from.",
        )]),
        aside(At(6, 14, 50), "lucia", "Can mine be sent to Mexico City?").replies(&[aside(
            At(5, 9, 0),
            "omar",
            "It is on its way, together with Marcus's.",
        )]),
    ]),
    message(
        At(5, 8, 20),
        "ines",
        &[Group("everybody")],
        "Two days together: mountains or sea?",
        "It is time to choose where we meet in spring. Both have beds for all and a room with a \
         projector:\n\n\
         - **Zakopane**, mountains, a sauna, nine hours by train for most\n\
         - **Sesimbra**, sea, cheaper, flights for most\n\n\
         Answer to me with one word, and to all only if you must.",
    )
    .replies(&[
        aside(At(5, 8, 32), "ada", "Mountains."),
        reply(At(5, 9, 15), "jonas", "Sea. And I must tell all, because nobody else will."),
        reply(
            At(3, 8, 40),
            "ines",
            "17 for the mountains, 13 for the sea, one for *a museum, of course*. Zakopane it is!",
        )
        .replies(&[reply(At(3, 9, 0), "tomasz", "Bring boots. I mean it.")]),
    ]),
    notice(
        At(4, 8, 0),
        &[Group("everybody")],
        "Planned maintenance of the booking system",
        "On the last Sunday of the month, from 2:00 to 4:00 UTC, the administration pages are \
         read-only. Visitors can book as usual.",
    )
    .says("operations", "https://status.example.com", "Open the status page")
    .leaves_after(30),
    message(
        At(3, 12, 15),
        "margaret",
        &[Group("leads")],
        "Numbers for the board, by tomorrow evening please",
        "I need from each of you **one** number that went well and **one** that did not, with a \
         sentence. No slides, I make them.",
    )
    .replies(&[
        reply(
            At(3, 13, 0),
            "ewa",
            "Well: costs 4 % under plan. Not well: invoices are paid after 38 days, and it was 33.",
        ),
        reply(
            At(2, 9, 40),
            "kwame",
            "Well: 3 hours to the first answer. Not well: 1 in 6 needs a second one.",
        )
        .replies(&[aside(
            At(2, 10, 10),
            "margaret",
            "The second is the more interesting of the two. Talk tomorrow?",
        )]),
    ]),
    message(
        At(2, 8, 10),
        "margaret",
        &[User("emil"), User("zoe")],
        "Do you still use your seat at the fair's portal?",
        "The museum fair charges us for every account. **Answer with a word** if you use yours. \
         Whoever has not answered a day after this leaves the inboxes is shut out, and can come \
         back by asking me.",
    )
    .leaves_after(9)
    .wants_a_reply(),
    message(
        At(2, 8, 30),
        "hannah",
        &[Group("everybody")],
        "Language courses: the next round",
        "Portuguese, German, Polish and, new, sign language. Ninety minutes a week, in working \
         hours, paid by us. Write to me by the end of next week. Complete beginners are the \
         majority everywhere.",
    )
    .reminds("daily", 1)
    .replies(&[aside(At(2, 8, 52), "amara", "Sign language, yes please!")]),
    notice(
        At(1, 8, 5),
        &[User("ada"), User("marcus"), User("zoe"), User("victor")],
        "Your expense report was approved",
        "The amount comes with your next salary. You find the report under *Finance*, *My \
         expenses*.",
    )
    .says("finance", "/expenses/2210", "See the report"),
    message(
        At(1, 11, 0),
        "ines",
        &[Group("everybody")],
        "Fire drill tomorrow at 15:00",
        "It is a drill, and it is loud. Who is at home: enjoy the silence. Who is in the office: \
         the meeting point is the chestnut tree, and Jonas counts.",
    )
    .leaves_after(7),
    notice(
        At(0, 9, 5),
        &[User("ada"), User("ewa"), User("margaret")],
        "The invoice of the Maritime Museum waits for your yes",
        "**4 200.00 €** for the first year, as in the contract. Two of you are enough.",
    )
    .says("finance", "/invoices/2026-118", "Approve")
    .also_says(
        "Download",
        "/invoices/2026-118.pdf",
        r#"{"invoice": "2026-118", "amount": {"cents": 420000, "currency": "EUR"}}"#,
    ),
    message(
        At(0, 8, 10),
        "ines",
        &[Group("everybody")],
        "Fire drill: three minutes and forty seconds",
        "Thank you, all of you! Only the cake was left behind.",
    )
    .sent_tomorrow(),
    message(
        At(0, 8, 25),
        "margaret",
        &[Group("everybody")],
        "The Maritime Museum has signed",
        "It is official since yesterday evening: the Maritime Museum is with us, with **three \
         houses and a ship**. Daniel, Victor and Sofia have worked on it for eight months.\n\n\
         There is cake at four. For all who are far away: send Inês your address.",
    )
    .replies(&[
        reply(
            At(0, 9, 30),
            "victor",
            "Thank you! The ship has 14 time slots a day and one very narrow staircase.",
        ),
        reply(
            At(0, 13, 35),
            "daniel",
            "Proud of this one. Next time I would like it to take seven months.",
        ),
    ]),
];
