//! Portraits of the people: SVG, drawn from a few words about how somebody looks. Colours and
//! expressions follow from their ids, so a portrait is the same at every start.

use Hair::{Bald, Bob, Bun, Cropped, Curls, Long, Parted, Scarf, Short, Tail};

/// What frames a face.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hair {
    Short,
    Parted,
    Cropped,
    Curls,
    Bun,
    Bob,
    Long,
    Tail,
    Scarf,
    Bald,
}

/// How somebody looks.
struct Look {
    id: &'static str,
    skin: &'static str,
    hair: Hair,
    colour: &'static str,
    beard: bool,
    glasses: bool,
}

const PALE: &str = "#f6d7c3";
const FAIR: &str = "#f0c6a6";
const TAN: &str = "#dba77e";
const BROWN: &str = "#b27b52";
const DARK: &str = "#8a5a3b";
const DEEP: &str = "#68412b";

const BLACK: &str = "#26211f";
const BRUNETTE: &str = "#4a3228";
const CHESTNUT: &str = "#7a4a2e";
const BLOND: &str = "#d9ac5f";
const RED: &str = "#b4552d";
const GREY: &str = "#a9a6a3";

/// Soft colours behind a head, each with that of a garment that goes with it.
const COLOURS: [(&str, &str); 8] = [
    ("#dbe4ff", "#3b5bdb"),
    ("#d3f0e2", "#1f7a5c"),
    ("#ffe8cc", "#c2611f"),
    ("#fbdde6", "#a63a63"),
    ("#e8defa", "#6741b8"),
    ("#d4eef6", "#1c7293"),
    ("#fdf0bf", "#8f6b12"),
    ("#e4e7ec", "#475467"),
];

const LOOKS: [Look; 31] = [
    look("ada", PALE, Bob, BLOND).glasses(),
    look("margaret", PALE, Bun, GREY),
    look("grace", DARK, Curls, BLACK),
    look("mateo", TAN, Parted, BRUNETTE).beard(),
    look("chiara", FAIR, Long, BRUNETTE),
    look("kwame", DEEP, Cropped, BLACK).beard(),
    look("ines", TAN, Tail, CHESTNUT),
    look("daniel", FAIR, Short, BLACK).glasses(),
    look("priya", BROWN, Long, BLACK),
    look("tomasz", PALE, Short, CHESTNUT),
    look("jonas", FAIR, Parted, BLOND),
    look("amara", DEEP, Bun, BLACK),
    look("noah", PALE, Short, RED).beard(),
    look("rafael", TAN, Curls, BRUNETTE),
    look("omar", TAN, Cropped, BLACK).beard(),
    look("samir", BROWN, Parted, BLACK).glasses(),
    look("emil", PALE, Bald, GREY).beard(),
    look("nadia", FAIR, Bob, CHESTNUT),
    look("mei", FAIR, Long, BLACK).glasses(),
    look("seun", DARK, Short, BLACK),
    look("yuki", PALE, Bob, BLACK),
    look("aroha", BROWN, Tail, BRUNETTE),
    look("leila", TAN, Scarf, "#2f6f73"),
    look("marcus", DARK, Bald, BLACK).glasses(),
    look("lucia", TAN, Curls, CHESTNUT),
    look("freya", PALE, Tail, BLOND),
    look("zoe", FAIR, Bun, RED),
    look("ewa", PALE, Long, BLOND).glasses(),
    look("sofia", FAIR, Curls, BLACK),
    look("hannah", PALE, Bob, RED),
    look("victor", FAIR, Short, GREY).glasses(),
];

const fn look(id: &'static str, skin: &'static str, hair: Hair, colour: &'static str) -> Look {
    Look { id, skin, hair, colour, beard: false, glasses: false }
}

impl Look {
    const fn beard(self) -> Self {
        Look { beard: true, ..self }
    }

    const fn glasses(self) -> Self {
        Look { glasses: true, ..self }
    }
}

/// Everybody's portrait, with their id.
pub fn all() -> impl Iterator<Item = (&'static str, String)> {
    LOOKS.iter().map(|look| (look.id, draw(look)))
}

/// From back to front, each thing over what is behind it. The picture is square, and its corners
/// may be cut off.
fn draw(look: &Look) -> String {
    let Look { skin, colour, .. } = look;
    let seed = seed(look.id);
    let (background, garment) = COLOURS[seed % COLOURS.len()];
    let behind = behind(look.hair, colour);
    let clothes = clothes(seed / 8, garment, skin);
    let face = face(seed / 64, look);
    let hair = in_front(look.hair, colour);
    let glasses = if look.glasses { GLASSES } else { "" };
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96"><rect width="96" height="96" fill="{background}"/>{behind}{clothes}<ellipse cx="30.5" cy="46" rx="4" ry="5" fill="{skin}"/><ellipse cx="65.5" cy="46" rx="4" ry="5" fill="{skin}"/><path d="M31 40c0-12 7-19 17-19s17 7 17 19c0 16-8 25-17 25s-17-9-17-25z" fill="{skin}"/>{face}{hair}{glasses}</svg>"##
    )
}

/// Hair that falls behind the head.
fn behind(hair: Hair, colour: &str) -> String {
    let path = match hair {
        Bob => "M26 45c0-18 9-29 22-29s22 11 22 29v13c0 5-3 8-8 8H34c-5 0-8-3-8-8z",
        Long => "M26 45c0-18 9-29 22-29s22 11 22 29c0 16 2 28 6 39H20c4-11 6-23 6-39z",
        Tail => "M60 26c13-4 20 6 17 20-2 9-1 13 3 17-10 3-17-3-17-15 0-7 1-11-3-22z",
        Scarf => "M25 46c0-20 9-31 23-31s23 11 23 31c0 18 6 28 10 34H15c4-6 10-16 10-34z",
        Bun => return format!(r#"<circle cx="48" cy="14" r="9.5" fill="{colour}"/>"#),
        Curls => {
            // Two arcs of locks around the upper half of the head.
            let locks = [(0.0, 9), (0.35, 8)].into_iter().flat_map(|(start, count)| {
                (0..count).map(move |n| 195.0 - start * 20.0 - 210.0 * (f64::from(n) + start) / 8.0)
            });
            let lock = |angle: f64| {
                let (sin, cos) = angle.to_radians().sin_cos();
                let (x, y) = (48.0 + 19.0 * cos, 38.0 - 18.0 * sin);
                format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="8.5" fill="{colour}"/>"#)
            };
            return locks.map(lock).collect();
        }
        Short | Parted | Cropped | Bald => return String::new(),
    };
    format!(r#"<path d="{path}" fill="{colour}"/>"#)
}

/// Hair over the forehead, or what covers it.
fn in_front(hair: Hair, colour: &str) -> String {
    let path = match hair {
        Short => {
            "M30 43c-4-17 5-27 18-27 14 0 22 9 18 27-1-5-2-8-4-11-3-4-6-4-9-3-6 2-13 1-17-1-3 3-5 8-6 15z"
        }
        Parted => {
            "M30 43c-4-15 3-26 15-27 14-1 25 8 21 27-1-6-3-10-7-13-8 0-15-2-20-6-1 7-7 10-9 19z"
        }
        Cropped => {
            "M30.500 41c-1-14 6-22 17.500-22s18.500 8 17.500 22c-2-8-5-11-8-12-6-1.500-13-1.500-19 0-3 1-6 4-8 12z"
        }
        Curls => "M31 40c-2-12 5-21 17-21s19 9 17 21c-2-5-4-8-7-10-6 2-14 2-20 0-3 2-5 5-7 10z",
        Bun => {
            "M30.500 43c-2-15 6-24 17.500-24s19.500 9 17.500 24c-2-9-8-14-17.500-15-9.500 1-15.500 6-17.500 15z"
        }
        Bob | Long => {
            "M30 46c-3-17 5-28 18-28s21 11 18 28c-1-6-3-11-7-15-7 3-16 3-22 0-4 4-6 9-7 15z"
        }
        Tail => {
            "M30.500 43c-2-15 6-24 17.500-24s19.500 9 17.500 24c-3-10-9-15-19-16-8 3-14 8-16 16z"
        }
        Scarf => {
            "M48 15c14 0 22 10 22 26 0 14-8 27-22 27S26 55 26 41c0-16 8-26 22-26zm0 10c-10 0-15 7-15 17 0 12 6 21 15 21s15-9 15-21c0-10-5-17-15-17z"
        }
        Bald => return String::new(),
    };
    format!(r#"<path d="{path}" fill="{colour}" fill-rule="evenodd"/>"#)
}

/// Neck, shoulders and a collar.
fn clothes(seed: usize, garment: &str, skin: &str) -> String {
    let shoulders = "M10 96c1-19 12-25 29-27h18c17 2 28 8 29 27z";
    let neck = format!(
        r#"<path d="M40 56h16v12c0 5-3.500 8-8 8s-8-3-8-8z" fill="{skin}"/><path d="M40 60c4 6 12 6 16 0v4c-4 6-12 6-16 0z" fill="{SHADE}"/>"#
    );
    let collar = match seed % 3 {
        // A shirt.
        0 => {
            r##"<path d="M38 68l10 13-11 5-6-15zM58 68L48 81l11 5 6-15z" fill="#fff" fill-opacity=".9"/>"##
        }
        // A round neck.
        1 => {
            r##"<path d="M37 69c1 8 5 12 11 12s10-4 11-12" fill="none" stroke="#fff" stroke-opacity=".35" stroke-width="3"/>"##
        }
        // A jacket.
        _ => {
            r##"<path d="M38 69l10 21 10-21 3 .5L54 96H42l-7-26.500z" fill="#fff" fill-opacity=".85"/>"##
        }
    };
    format!(r#"<path d="{shoulders}" fill="{garment}"/>{neck}{collar}"#)
}

/// What the light does not reach.
const SHADE: &str = r##"#000" fill-opacity=".13"##;

const GLASSES: &str = r##"<g fill="#fff" fill-opacity=".25" stroke="#32353b" stroke-width="1.600"><rect x="35" y="39.500" width="11" height="9" rx="4"/><rect x="50" y="39.500" width="11" height="9" rx="4"/><path d="M46 43c1.300-1 2.700-1 4 0M35 42.500l-4-1M61 42.500l4-1" fill="none"/></g>"##;

fn face(seed: usize, look: &Look) -> String {
    let brow = match look.hair {
        Scarf | Bald => BRUNETTE,
        _ => look.colour,
    };
    let raised = 37.0 + (seed % 3) as f64 * 0.6;
    let beard = match look.beard {
        true => format!(
            r#"<path d="M31 42c1 4 2 8 4 10 4-3 22-3 26 0 2-2 3-6 4-10 1 16-6 26-17 26S30 58 31 42z" fill="{}"/>"#,
            look.colour
        ),
        false => String::new(),
    };
    let mouth = match seed / 3 % 3 {
        0 => {
            r##"<path d="M42 54c3 4 9 4 12 0" fill="none" stroke="#8c3f3a" stroke-width="1.800" stroke-linecap="round"/>"##
        }
        1 => {
            r##"<path d="M41.500 53.500h13c0 4-3 6.500-6.500 6.500s-6.500-2.500-6.500-6.500z" fill="#fff" stroke="#8c3f3a" stroke-width="1.200" stroke-linejoin="round"/>"##
        }
        _ => {
            r##"<path d="M43 55.500c3 2 7 2 10-.5" fill="none" stroke="#8c3f3a" stroke-width="1.800" stroke-linecap="round"/>"##
        }
    };
    format!(
        r##"{beard}<g fill="#e4572e" fill-opacity=".13"><circle cx="37" cy="51" r="3.500"/><circle cx="59" cy="51" r="3.500"/></g><g fill="#2b2523"><circle cx="40.500" cy="44" r="1.900"/><circle cx="55.500" cy="44" r="1.900"/></g><g fill="none" stroke-width="1.700" stroke-linecap="round"><path d="M37 {raised}c2-1.500 5-1.500 7 0M52 {raised}c2-1.500 5-1.500 7 0" stroke="{brow}"/><path d="M48.500 44l-1.500 5.500h2.500" stroke="#000" stroke-opacity=".25" stroke-linejoin="round"/></g>{mouth}"##
    )
}

/// A number that an id always has (FNV-1a).
fn seed(id: &str) -> usize {
    let hash = id
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash >> 4) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::demo::people::PEOPLE;

    #[test]
    fn everybody_has_a_portrait_of_their_own() {
        let portraits: Vec<_> = all().collect();
        let ids: Vec<_> = portraits.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, PEOPLE.iter().map(|person| person.id).collect::<Vec<_>>());
        let different: HashSet<_> = portraits.iter().map(|(_, svg)| svg).collect();
        assert_eq!(different.len(), PEOPLE.len());
        for (id, svg) in &portraits {
            assert!(
                svg.starts_with("<svg") && svg.ends_with("</svg>") && svg.len() < 4_000,
                "{id}"
            );
            // They are shown on pages with a strict policy.
            for foreign in ["style", "href", "script", "url("] {
                assert!(!svg.contains(foreign), "{id} has {foreign}");
            }
        }
    }
}
