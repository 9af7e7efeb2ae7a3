//! What a request passes before it is executed, and its answer afterwards.
//!
//! - `documents`: the text that a request names. `prepare`: it is parsed, measured and refused if it asks for too much.
//! - `rates`: how often somebody may ask. `searches`: how many may search at the same time.
//! - `meter`: counts the bytes of an answer while it is made. `answers`: writes it. `errors`: what clients hear of one.

mod answers;
mod documents;
mod errors;
mod meter;
mod prepare;
mod rates;
mod searches;

pub use errors::{Answer, answer, is_lost, is_refused, refusal, retry_after};
pub use meter::Metering;
pub use prepare::{Gate, Params, Prepared};
pub use searches::{Searches, reading};
