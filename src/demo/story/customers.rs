//! Threads with and about the museums: support, sales and marketing.

use super::{
    At, Message,
    To::{Group, User},
    message, reply,
};

pub const THREADS: &[Message] = &[
    message(
        At(14, 8, 25),
        "kwame",
        &[Group("support")],
        "How we say no to a refund",
        "We have to say it forty times a week, so let us say it well. Please no *unfortunately* at \
         the start. Instead:\n\n\
         1. what we **can** do (move the visit, give the ticket to a friend)\n\
         2. why not money, in one sentence\n\
         3. whom they can ask at the museum\n\n\
         Your best examples, please. I collect them.",
    )
    .replies(&[
        reply(
            At(14, 9, 5),
            "leila",
            "\"Your ticket can move to any free day until the end of the year, and it takes one \
             click\" works wonders.",
        ),
        reply(
            At(14, 14, 20),
            "lucia",
            "I ask first whether they are all right. Half of the time somebody is ill.",
        )
        .replies(&[reply(At(14, 15, 0), "kwame", "That goes to the top of the list.")]),
    ]),
    message(
        At(13, 10, 0),
        "leila",
        &[User("jonas"), User("kwame")],
        "A visitor has two invoices for one visit",
        "Booking `B-20417`: two invoices, one payment. The museum's accountant is not amused. Is \
         it us, or is it their import?",
    )
    .replies(&[reply(
        At(13, 10, 35),
        "jonas",
        "Us. The visitor changed the address after paying, and we made a *new* invoice instead of \
         a correction. It has happened 17 times this year.",
    )
    .replies(&[reply(
        At(13, 10, 50),
        "leila",
        "Can you send me the 17? I would rather write to them before they write to us.",
    )
    .replies(&[reply(At(13, 11, 25), "jonas", "In your folder. The fix goes out tomorrow.")])])]),
    message(
        At(11, 14, 15),
        "marcus",
        &[Group("support")],
        "Saved replies that nobody has loved for a while",
        "I read all 83. Twelve mention things that no longer exist, and one apologises for a fax. \
         I would delete these twelve and rewrite nine. Objections?",
    )
    .replies(&[reply(
        At(10, 8, 50),
        "leila",
        "Delete! But keep the fax one somewhere, for the anniversary.",
    )]),
    message(
        At(10, 14, 0),
        "daniel",
        &[Group("market"), User("kwame"), User("mateo")],
        "Pilot museums for Atlas",
        "Three have said yes:\n\n\
         - **City Gallery, Porto**: small, friendly, 60 visits a day\n\
         - **Design Museum, Ghent**: large groups, two languages\n\
         - **Old Harbour, Aarhus**: ticket desk and online mixed\n\n\
         They get a direct line to us for four weeks. Who wants to be whose person?",
    )
    .replies(&[
        reply(
            At(9, 8, 30),
            "victor",
            "Ghent is mine anyway. I speak neither language, but they like me.",
        ),
        reply(
            At(9, 10, 40),
            "mateo",
            "And I take Porto. Thank you, Daniel, this is the best mix we could have.",
        ),
    ]),
    message(
        At(9, 14, 10),
        "lucia",
        &[Group("support"), User("rafael")],
        "The app closes itself on old phones",
        "Eleven visitors this week, all with phones of 2018 or older, all when they open a ticket \
         *without* a network, in front of the door. Rafael, is there anything that we can tell \
         them?",
    )
    .replies(&[reply(
        At(9, 14, 40),
        "rafael",
        "Tell them to add the ticket to the wallet, that works offline. I can reproduce it: the \
         picture of the museum is too large for the memory. A fix comes with 4.18.",
    )
    .replies(&[reply(
        At(9, 15, 5),
        "lucia",
        "Thank you! The wallet trick just saved a family of five.",
    )])]),
    message(
        At(8, 10, 40),
        "zoe",
        &[Group("market")],
        "Newsletter: draft for your red pens",
        "Subject: *Your museum, a little closer*\n\n\
         - the story of the bus line (with Mei's map)\n\
         - five museums for a rainy day\n\
         - what is new: moving a visit by yourself\n\n\
         It goes out in three days, to 48 000 readers.",
    )
    .replies(&[
        reply(
            At(8, 11, 15),
            "aroha",
            "The bus line first! And \"a little closer\" makes me think of a dentist.",
        ),
        reply(At(8, 12, 0), "freya", "With Aroha on both. Rainy day museums could be a series.")
            .replies(&[reply(
                At(8, 13, 20),
                "zoe",
                "New subject: *The 14 goes to the museum*. Better?",
            )
            .replies(&[reply(At(8, 13, 32), "aroha", "Much. I would open that one.")])]),
    ]),
    message(
        At(6, 10, 30),
        "victor",
        &[User("daniel"), User("sofia")],
        "Ghent asks for a discount",
        "They have seen the price of Aarhus. 10 % for two years would keep them happy, and they \
         would sign for three. What do you think?",
    )
    .replies(&[
        reply(
            At(6, 11, 0),
            "sofia",
            "Three years with 10 % in the first two is fine. Please no *most favoured* clause.",
        ),
        reply(
            At(6, 13, 55),
            "daniel",
            "Do it. And ask them for a quote for the website in return.",
        ),
    ]),
    message(
        At(5, 9, 45),
        "kwame",
        &[Group("support"), User("noah"), User("aroha")],
        "Help pages for the new checkout: who writes what",
        "| page | who | until |\n\
         | --- | --- | --- |\n\
         | Paying, and what can go wrong | Leila | tomorrow |\n\
         | Groups and schools | Marcus | in two days |\n\
         | Vouchers and passes | Lucía | in two days |\n\
         | For museums: switching over | me | in three days |\n\n\
         Noah knows all the ways in which it breaks. Aroha makes it sound like us.",
    )
    .replies(&[
        reply(
            At(5, 10, 15),
            "noah",
            "I put 22 screenshots of broken things into the folder. Some of them are art.",
        ),
        reply(
            At(4, 9, 30),
            "leila",
            "\"Paying\" is written. It became shorter with every draft, which I take for a good \
             sign.",
        )
        .replies(&[reply(At(4, 10, 20), "aroha", "It is. I changed four words.")]),
        reply(
            At(3, 14, 40),
            "marcus",
            "Groups and schools is there, too. Question: is a teacher a visitor, with a ticket?",
        )
        .replies(&[reply(
            At(2, 8, 40),
            "kwame",
            "One teacher for every ten pupils is free, the others pay. I added it.",
        )]),
    ]),
    message(
        At(4, 11, 10),
        "freya",
        &[Group("market"), Group("design")],
        "The stand at the museum fair: pictures wanted",
        "We have four walls and one idea. The idea: **doors**. Every museum sends a picture of its \
         door, and people guess which is whose.\n\n\
         Do you have doors? I have nine, and I need thirty.",
    )
    .replies(&[
        reply(
            At(4, 11, 45),
            "chiara",
            "I have a very good one from Ravenna. Portrait or landscape?",
        )
        .replies(&[reply(At(4, 12, 5), "freya", "Portrait, they are doors!")]),
        reply(
            At(3, 8, 15),
            "yuki",
            "Three from Kyoto are on the way. One of them is a curtain, I hope that counts.",
        ),
    ]),
    message(
        At(2, 9, 10),
        "leila",
        &[User("ada"), Group("support")],
        "School bookings with more than 40 pupils fail",
        "Since yesterday, in the old checkout: \"Something went wrong\" at 41 and more. Two \
         schools have called, and one of them comes **the day after tomorrow**.",
    )
    .replies(&[reply(
        At(2, 9, 35),
        "ada",
        "Our mistake: a limit from the new checkout leaked into the old one. Back to 200 in ten \
         minutes. Could you tell the schools to try again at ten?",
    )
    .replies(&[reply(
        At(2, 10, 20),
        "leila",
        "Both are booked. The teacher says hello and wants to know who Ada is.",
    )])]),
    message(
        At(1, 13, 40),
        "daniel",
        &[Group("market"), User("mateo"), User("kwame")],
        "Call with City Gallery, Porto",
        "Notes, while they are fresh:\n\n\
         - They love that the phone number is gone\n\
         - The director wants a *daily* mail with tomorrow's visits, on paper if possible\n\
         - They ask for a button \"I am here\" for people who come late\n\n\
         I promised an answer on the second one this week.",
    )
    .replies(&[
        reply(
            At(1, 14, 5),
            "mateo",
            "The daily mail exists, somebody only has to switch it on. I do it with them tomorrow.",
        ),
        reply(At(0, 9, 5), "zoe", "\"I am here\" would be a lovely story for the next newsletter."),
    ]),
    message(
        At(0, 11, 15),
        "kwame",
        &[Group("support")],
        "A long queue today: who has an hour?",
        "The slow payments of this morning have become 70 mails. They are easy, there is a saved \
         reply, and I take the first twenty.",
    )
    .replies(&[
        reply(At(0, 11, 28), "leila", "I take twenty."),
        reply(At(0, 13, 40), "marcus", "Good morning! The rest is mine, and I have coffee."),
    ]),
    message(
        At(0, 14, 20),
        "freya",
        &[User("aroha"), User("chiara"), User("zoe")],
        "Doors: we have 34!",
        "The last one came from a lighthouse. Could you choose the order of the walls with me? \
         Half an hour, and I bring biscuits. The printer wants the files by tomorrow noon.",
    )
    .replies(&[reply(
        At(0, 14, 45),
        "chiara",
        "With biscuits, always. At four, after the cake?",
    )]),
];
