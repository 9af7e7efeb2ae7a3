//! The people at the demo's company, which sells booking software to museums, and their groups.

/// Somebody with an inbox. Their e-mail address is derived from the id.
pub struct Person {
    pub id: &'static str,
    pub first_name: &'static str,
    pub last_name: &'static str,
    pub locale: &'static str,
    pub time_zone: &'static str,
}

pub struct Group {
    pub id: &'static str,
    pub name: &'static str,
    /// Ids of people.
    pub members: Members,
}

pub enum Members {
    Everybody,
    These(&'static [&'static str]),
}

use Members::{Everybody, These};

/// The order is also a pattern: by it people differ in how they keep their inboxes (`seed`).
pub const PEOPLE: &[Person] = &[
    person("ada", "Ada", "Lindqvist", "sv", "Europe/Stockholm"),
    person("margaret", "Margaret", "Doyle", "en-IE", "Europe/Dublin"),
    person("grace", "Grace", "Okonkwo", "en-GB", "Europe/London"),
    person("mateo", "Mateo", "Fernández", "es", "Europe/Madrid"),
    person("chiara", "Chiara", "Romano", "it", "Europe/Rome"),
    person("kwame", "Kwame", "Mensah", "en-GH", "Africa/Accra"),
    person("ines", "Inês", "Carvalho", "pt-PT", "Europe/Lisbon"),
    person("daniel", "Daniel", "Kim", "en-US", "America/New_York"),
    person("priya", "Priya", "Raman", "en-IN", "Asia/Kolkata"),
    person("tomasz", "Tomasz", "Wiśniewski", "pl", "Europe/Warsaw"),
    person("jonas", "Jonas", "Becker", "de", "Europe/Berlin"),
    person("amara", "Amara", "Diallo", "fr", "Europe/Paris"),
    person("noah", "Noah", "van Dijk", "nl", "Europe/Amsterdam"),
    person("rafael", "Rafael", "Souza", "pt-BR", "America/Sao_Paulo"),
    person("omar", "Omar", "Farouk", "ar-EG", "Africa/Cairo"),
    person("samir", "Samir", "Patel", "en-GB", "Europe/London"),
    person("emil", "Emil", "Johansson", "sv", "Europe/Stockholm"),
    person("nadia", "Nadia", "Petrova", "bg", "Europe/Sofia"),
    person("mei", "Mei", "Chen", "zh-Hans", "Asia/Singapore"),
    person("seun", "Seun", "Adeyemi", "en-NG", "Africa/Lagos"),
    person("yuki", "Yuki", "Tanaka", "ja", "Asia/Tokyo"),
    person("aroha", "Aroha", "Ngata", "en-NZ", "Europe/London"),
    person("leila", "Leila", "Haddad", "ar-LB", "Asia/Beirut"),
    person("marcus", "Marcus", "Bell", "en-US", "America/Chicago"),
    person("lucia", "Lucía", "Morales", "es-MX", "America/Mexico_City"),
    person("freya", "Freya", "Nielsen", "da", "Europe/Copenhagen"),
    person("zoe", "Zoë", "Laurent", "fr-BE", "Europe/Brussels"),
    person("ewa", "Ewa", "Kowalczyk", "pl", "Europe/Warsaw"),
    person("sofia", "Sofia", "Papadopoulou", "el", "Europe/Athens"),
    person("hannah", "Hannah", "Weiss", "de", "Europe/Berlin"),
    person("victor", "Victor", "Ionescu", "ro", "Europe/Bucharest"),
];

/// They have left, and belong to no group.
pub const LEFT: Person = person("oskar", "Oskar", "Lund", "sv", "Europe/Stockholm");

pub const GROUPS: &[Group] = &[
    group("everybody", "Everybody", Everybody),
    group(
        "engineering",
        "Engineering",
        These(&[
            "grace", "ada", "priya", "tomasz", "jonas", "amara", "noah", "rafael", "omar", "samir",
            "emil", "nadia",
        ]),
    ),
    group(
        "atlas",
        "Project Atlas",
        These(&[
            "mateo", "ada", "chiara", "amara", "jonas", "noah", "rafael", "freya", "kwame", "mei",
            "yuki",
        ]),
    ),
    group("design", "Design", These(&["chiara", "yuki", "aroha", "amara"])),
    group("support", "Customer Support", These(&["kwame", "leila", "marcus", "lucia"])),
    group("market", "Sales and Marketing", These(&["daniel", "victor", "freya", "zoe", "aroha"])),
    group(
        "leads",
        "Team Leads",
        These(&["margaret", "grace", "mateo", "chiara", "kwame", "daniel", "hannah", "ewa"]),
    ),
];

const fn person(
    id: &'static str,
    first_name: &'static str,
    last_name: &'static str,
    locale: &'static str,
    time_zone: &'static str,
) -> Person {
    Person { id, first_name, last_name, locale, time_zone }
}

const fn group(id: &'static str, name: &'static str, members: Members) -> Group {
    Group { id, name, members }
}
