//! What is announced to everybody.

use super::{Announcement, At, announcement};

pub const ANNOUNCEMENTS: &[Announcement] = &[
    announcement(
        At(12, 8, 5),
        "How the booking system is doing, at one address",
        "There is a page that says what works and what does not, for us and for the museums. It is \
         kept by a machine in another building, so it also works when we do not.",
    )
    .url("https://status.example.com")
    .of("operations"),
    announcement(
        At(9, 12, 10),
        "The booking system rests on Sunday from 6:00 to 6:15",
        "Visitors see a friendly page and can leave their address. Museums can go on scanning \
         tickets.",
    )
    .of("operations")
    .leaves_after(5),
    announcement(
        At(7, 8, 35),
        "Prices stay as they are until spring",
        "Also for new museums. If anybody tells you otherwise, it was not me.",
    )
    .of("finance")
    .by("margaret"),
    announcement(
        At(5, 10, 0),
        "The doors of the depot are open today",
        "Meant for the museum in Ghent, not for all of us.",
    )
    .taken_back(At(5, 10, 12)),
    announcement(
        At(1, 14, 40),
        "Visitors can move a booking by themselves",
        "Since 4.18, up to two hours before. Please tell the museums, and take *call us to move \
         your visit* out of what you send.",
    )
    .url("/releases/4.18"),
    announcement(
        At(0, 15, 25),
        "The rehearsal went well, and we open tomorrow",
        "41 tickets in an hour, none of them lost. Thanks to everybody who played a visitor, above \
         all to those who played a difficult one.",
    )
    .by("margaret"),
    announcement(
        At(1, 16, 0),
        "The new checkout is open",
        "From today on in Porto, Ghent and Aarhus. If something looks odd, the team of Atlas wants \
         to hear of it at once.",
    )
    .by("margaret")
    .url("/checkout")
    .tomorrow(),
];
