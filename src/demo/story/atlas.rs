//! The project: a new checkout, from the plan to the dress rehearsal.

use super::{
    At, Message,
    To::{Group, User},
    aside, message, reply,
};

pub const THREADS: &[Message] = &[
    message(
        At(14, 8, 40),
        "mateo",
        &[Group("atlas")],
        "Atlas: where we are, and the four weeks ahead",
        "Hello everybody,\n\n\
         the new checkout has everything it needs to sell **one** ticket. What is left is the rest \
         of the world:\n\n\
         1. Time slots with holds (Ada, Jonas)\n\
         2. Group and school bookings (Jonas, Kwame's team for the rules)\n\
         3. The card form on small screens (Amara, Chiara)\n\
         4. Texts and translations (Freya, Aroha)\n\
         5. A dress rehearsal with three pilot museums\n\n\
         If something on this list surprises you, tell me now rather than in week three.",
    )
    .replies(&[
        reply(
            At(14, 9, 15),
            "chiara",
            "No surprises. I would move the card form before group bookings: it is the screen that \
             everybody sees.",
        )
        .replies(&[reply(At(14, 9, 31), "mateo", "Agreed, swapped. Thanks!")]),
        reply(
            At(14, 10, 2),
            "ada",
            "One question: do the pilot museums keep their old checkout as a way back during the \
             rehearsal? It changes how we do the holds.",
        )
        .replies(&[reply(
            At(14, 11, 20),
            "mateo",
            "Yes. A switch per museum, and support can flip it without us.",
        )
        .replies(&[reply(
            At(14, 11, 41),
            "ada",
            "Perfect. Then a hold belongs to the visit and not to the checkout, and both can share \
             it. I will write that down.",
        )])]),
    ]),
    message(
        At(12, 10, 15),
        "chiara",
        &[Group("design"), User("mateo")],
        "Checkout screens, second round",
        "The second round is in the usual folder. What changed:\n\n\
         - the summary stays visible while you pay\n\
         - errors stand *next to* the field, never on top of the page\n\
         - one colour less\n\n\
         Please comment in the file, and answer here only if you would stop it.",
    )
    .replies(&[
        reply(
            At(12, 11, 5),
            "aroha",
            "Would not stop it. I left eleven comments about words, sorry in advance.",
        ),
        aside(
            At(12, 11, 50),
            "mateo",
            "I love the summary. Could you show it at the leads' meeting? Two minutes.",
        ),
        reply(
            At(11, 8, 10),
            "yuki",
            "Late from Tokyo: the contrast of the disabled button is 2.9 : 1. I put a darker one \
             beside it.",
        ),
    ]),
    message(
        At(11, 9, 40),
        "ada",
        &[User("jonas"), User("priya")],
        "How long do we hold a time slot?",
        "We said *ten minutes* once and never wrote down why. The old checkout has fifteen, and a \
         third of all holds is never paid.\n\n\
         Options:\n\n\
         | minutes | paid in time | seats blocked at peak |\n\
         | --- | --- | --- |\n\
         | 5 | 88 % | 3 % |\n\
         | 10 | 97 % | 7 % |\n\
         | 15 | 98 % | 12 % |\n\n\
         I am for ten. Anybody against?",
    )
    .replies(&[reply(
        At(11, 10, 5),
        "jonas",
        "Ten. Who needs longer than that for a card number has left for coffee.",
    )
    .replies(&[reply(
        At(11, 10, 22),
        "priya",
        "Bank transfers with an app on another phone take longer. Could a payment that has *begun* \
         extend it once?",
    )
    .replies(&[reply(
        At(11, 10, 48),
        "ada",
        "Yes: ten minutes, and five more when the bank says *pending*. One line in the state \
         table.",
    )
    .replies(&[reply(
        At(11, 11, 10),
        "jonas",
        "Sold. I will do it with the hold's own clock, so that we can test it.",
    )])])])]),
    message(
        At(10, 9, 0),
        "noah",
        &[Group("atlas")],
        "Test plan: please pick a browser",
        "The plan has 64 cases, and I do not want to do them all in the same browser. Please take \
         one:\n\n\
         - [x] Firefox, Linux: me\n\
         - [ ] Safari, iPhone\n\
         - [ ] Chrome, an old Android\n\
         - [ ] Edge, with a screen reader\n\n\
         About an hour each.",
    )
    .replies(&[
        reply(
            At(10, 9, 12),
            "amara",
            "Edge with a screen reader for me, I have wanted to for weeks.",
        ),
        reply(
            At(10, 13, 40),
            "rafael",
            "The old Android. I own the oldest one in the company, so it is only fair.",
        ),
        reply(At(9, 9, 5), "jonas", "Safari then. Do I get a phone for it?").replies(&[aside(
            At(9, 9, 30),
            "noah",
            "In the drawer under the printer. The code is on the back, please nobody tell Omar.",
        )]),
    ]),
    message(
        At(8, 8, 35),
        "mei",
        &[Group("atlas")],
        "Where people leave the old checkout",
        "Last month, all museums:\n\n\
         | step | arrive | leave here |\n\
         | --- | --- | --- |\n\
         | Choose a day | 100 % | 21 % |\n\
         | Choose a time | 79 % | 9 % |\n\
         | Your details | 70 % | **24 %** |\n\
         | Pay | 46 % | 6 % |\n\n\
         *Your details* is where we lose them. Half of those who leave have stopped at the phone \
         number.",
    )
    .replies(&[
        reply(
            At(8, 9, 10),
            "mateo",
            "That is a gift. Does anybody know what we use the phone number for?",
        )
        .replies(&[reply(
            At(8, 9, 55),
            "kwame",
            "Twice a year, when a museum floods. An e-mail would do.",
        )]),
        reply(
            At(8, 11, 30),
            "chiara",
            "Then it goes. One field less, and the page fits on a phone without scrolling.",
        )
        .replies(&[reply(
            At(7, 8, 20),
            "mei",
            "I will count again two weeks after the launch. My guess: 24 % becomes 15 %.",
        )]),
    ]),
    message(
        At(6, 9, 20),
        "mateo",
        &[Group("atlas"), Group("leads")],
        "Go or no-go: who decides what",
        "So that nobody has to guess on the day:\n\n\
         - **Blocking issues**: Noah says how many, Ada says whether they are\n\
         - **Support is ready**: Kwame\n\
         - **Museums know**: Daniel and Freya\n\
         - **Go**: Grace and I, together\n\n\
         If one of the first three is a no, it is a no.",
    )
    .replies(&[
        reply(
            At(6, 10, 5),
            "kwame",
            "Fine with me. I need the help pages three days before, not on the evening before.",
        ),
        aside(At(6, 11, 15), "grace", "Good. If we disagree on the day, we wait a day. No drama."),
    ]),
    message(
        At(5, 9, 30),
        "freya",
        &[Group("atlas"), User("aroha")],
        "Launch text, please read with fresh eyes",
        "> Book a visit in the time it takes to find your coat.\n\n\
         Too clever? The rest is short:\n\n\
         > A new checkout for your visitors: fewer questions, every card, and a summary that never \
         hides. It replaces the old one step by step, and you choose when.",
    )
    .replies(&[
        reply(
            At(5, 9, 52),
            "aroha",
            "I would keep the coat. It is the only sentence I remember an hour later.",
        ),
        reply(
            At(5, 10, 30),
            "jonas",
            "\"Every card\" is not true: no gift cards before spring. \"All common cards\"?",
        )
        .replies(&[reply(
            At(5, 10, 41),
            "freya",
            "Taken. And thank you, that would have been a very long day for Kwame.",
        )]),
    ]),
    message(
        At(3, 10, 10),
        "amara",
        &[User("ada"), User("chiara")],
        "The card form on very small screens",
        "On a 320 px screen the security code falls to the next line and looks like a field of its \
         own. Two ways out:\n\n\
         1. one field under the other below 360 px\n\
         2. a shorter label\n\n\
         I have both in a branch: `card-form-narrow`. Screenshots are in the pull request.",
    )
    .replies(&[reply(
        At(3, 10, 40),
        "chiara",
        "The first. Labels must not get shorter because a phone did.",
    )
    .replies(&[reply(
        At(3, 11, 2),
        "amara",
        "Done, it is in review. Ada, could you have a look? It is twelve lines.",
    )
    .replies(&[reply(
        At(3, 11, 35),
        "ada",
        "Reviewed and merged. Very nice with the container query.",
    )])])]),
    message(
        At(2, 15, 10),
        "noah",
        &[Group("atlas")],
        "Blocking issues: three, and two of them small",
        "State of this afternoon:\n\n\
         | issue | what | who |\n\
         | --- | --- | --- |\n\
         | 812 | a hold survives the payment that failed | Jonas |\n\
         | 815 | the summary shows the old price after a voucher | Amara |\n\
         | 819 | the ticket mail goes out twice when the bank is slow | Ada |\n\n\
         812 and 815 have a fix in review. 819 is the one I worry about.",
    )
    .replies(&[reply(
        At(2, 16, 20),
        "ada",
        "819: found it. The mail hangs on the *request* and not on the payment. With Priya's queue \
         it cannot happen twice; I would rather wait for that than patch the old path.",
    )
    .replies(&[reply(
        At(1, 9, 5),
        "noah",
        "Works for me, as long as it is in before the rehearsal.",
    )])]),
    message(
        At(1, 9, 30),
        "mateo",
        &[Group("atlas"), User("leila"), User("priya")],
        "Dress rehearsal: the plan for tomorrow morning",
        "Three museums, one hour, real cards with small amounts.\n\n\
         - **First** Noah flips the switch for Porto\n\
         - **Then** everybody buys a ticket, and then tries to break it\n\
         - **After half an hour** Ghent and Aarhus\n\
         - **At the end** Leila calls us as an angry visitor. Please be nice to her\n\n\
         Notes go into one document, and we talk right afterwards.",
    )
    .replies(&[
        reply(
            At(1, 9, 48),
            "leila",
            "I have been practising on my brother. You have no idea what is coming.",
        ),
        reply(
            At(1, 10, 30),
            "priya",
            "The queue is on staging since ten minutes. Jonas and I try 819 on it after lunch.",
        )
        .replies(&[reply(
            At(1, 14, 15),
            "jonas",
            "Tried for an hour, slow bank and all: one mail, every time. 819 is closed.",
        )]),
    ]),
    message(
        At(0, 10, 5),
        "ada",
        &[Group("atlas"), User("leila"), User("priya"), User("grace")],
        "Rehearsal: what we saw",
        "41 tickets, 39 of them paid at the first try. The other two were *declined on purpose* by \
         Noah.\n\n\
         What we have to do before the launch:\n\n\
         1. The confirmation says *museum* where it should say the museum's name (Amara)\n\
         2. Ghent's voucher has a space at its end, and we refuse it (Jonas)\n\
         3. A hold that runs out should say so **before** the card number is typed (me)\n\n\
         No double mails. I am quite happy.",
    )
    .replies(&[
        reply(
            At(0, 10, 22),
            "jonas",
            "2 is fixed: we trim. I checked the last year, and 140 people had that space.",
        ),
        reply(
            At(0, 10, 50),
            "chiara",
            "For 3 I have a small bar that gets shorter. Sending it over in half an hour.",
        )
        .replies(&[reply(
            At(0, 11, 40),
            "ada",
            "Lovely, and calm enough that nobody gets nervous. I will build it today.",
        )]),
        reply(
            At(0, 12, 15),
            "mateo",
            "Thank you all. This was the calmest rehearsal I have been to. Ghent wants to go \
             first!",
        ),
        aside(
            At(0, 14, 5),
            "grace",
            "Well run. Would you tell the story of 819 at the next demo hour?",
        ),
    ]),
    message(
        At(0, 14, 10),
        "ada",
        &[Group("atlas")],
        "The first hour: who looks at what",
        "Good morning, it is **launch day**.\n\n\
         - payments: Jonas\n\
         - mails: Noah\n\
         - the queue at the door: Rafael, from Porto\n\
         - everything that surprises us: me\n\n\
         We write here, and we call only if it burns.",
    )
    .sent_tomorrow(),
];
