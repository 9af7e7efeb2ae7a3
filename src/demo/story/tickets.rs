//! The tickets that museums can sell, which have pages in the company's own application. Anyone who
//! adds a ticket hears of comments and likes; anyone who likes one hears of comments.

use super::{At, Setting, Thing, comment, like, setting, thing};

pub const PRODUCTS: &[Thing] = &[
    thing("product", "annual-pass", At(10, 9, 30), "priya", "Annual pass").doings(&[
        like(At(10, 10, 20), "sofia"),
        comment(At(9, 9, 45), "emil", "A pass has no time slot, so `Slot` or `Pass` it is. Done."),
        like(At(7, 13, 5), "ewa"),
        like(At(0, 12, 45), "hannah"),
        like(At(0, 14, 30), "aroha"),
        like(At(0, 15, 40), "grace"),
    ]),
    thing("product", "time-slot", At(9, 10, 15), "ada", "Ticket with a time slot").doings(&[
        like(At(9, 10, 50), "mateo"),
        like(At(9, 11, 30), "chiara"),
        like(At(8, 10, 10), "jonas"),
        like(At(6, 13, 20), "freya"),
        comment(
            At(5, 9, 20),
            "kwame",
            "Half of our calls were about being late. They have stopped.",
        ),
        // After Ada has switched likes off: only the comments arrive.
        like(At(1, 14, 10), "daniel"),
        like(At(0, 13, 25), "lucia"),
        comment(
            At(0, 13, 45),
            "mateo",
            "Porto asks whether a slot can be eight minutes. I said: ask Ada.",
        ),
    ]),
    thing("product", "gift-voucher", At(7, 9, 15), "kwame", "Gift voucher").doings(&[
        like(At(7, 9, 50), "zoe"),
        comment(At(6, 10, 40), "aroha", "\"A gift that opens doors\" is taken, I am afraid."),
        like(At(5, 14, 15), "lucia"),
        comment(At(1, 12, 15), "jonas", "The space at the end of a code is no trap any more."),
        like(At(0, 13, 0), "ewa"),
        like(At(0, 14, 55), "mei"),
        like(At(0, 15, 50), "yuki"),
    ]),
    thing("product", "school-class", At(6, 8, 25), "jonas", "School class, two hours").doings(&[
        comment(
            At(6, 14, 40),
            "marcus",
            "41 pupils and one teacher: it works. I have tried it with a real one.",
        ),
        like(At(5, 8, 45), "leila"),
        like(At(0, 13, 35), "kwame"),
        like(At(0, 14, 45), "victor"),
        comment(At(0, 15, 35), "daniel", "Old Harbour wants three classes at once, on one boat."),
    ]),
];

/// What people want to hear of, where they have said so.
pub const SETTINGS: &[Setting] = &[
    setting(At(2, 9, 25), "ada", "like", false),
    setting(At(5, 13, 10), "margaret", "update", false),
];
