//! What a request passes through before it is executed, and its answer afterwards.
//!
//! - `documents`: the text that a request refers to. `prepare`: parses and measures it, and refuses
//!   it if it asks for too much.
//! - `rates`: how often somebody may send requests. `searches`: how many may search at the same
//!   time.
//! - `meter`: counts the bytes of an answer while it is created. `completion`: makes it conform to
//!   the specification, and `order` puts its keys in order. `errors`: what clients see of an error,
//!   and `code` its code.
//!
//! How many bytes of answers one person may have is not decided here: `limits.answers_per_user`
//! sets it, and `http::Http::answers`, a `crate::budget::Budget`, keeps to it.

mod code;
mod completion;
mod documents;
mod errors;
mod meter;
mod order;
mod prepare;
mod rates;
mod searches;

pub use code::ErrorCode;
pub use errors::{Answer, answer, is_lost, is_refused, refusal, retry_after};
pub use meter::Metering;
pub use prepare::{Gate, Params, Prepared};
pub use searches::{Searches, reading};
